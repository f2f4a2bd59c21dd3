-- One write of Railway's, named by `what`; what it gives is logged without ids.
local P = "production"

local function previous()
  for _, d in ipairs(railway.deployments { environment = P }) do
    if d.can_rollback then return d end
  end
  fail "nothing to go back to"
end

-- Staging builds what was pushed to main two minutes ago.
local function moving()
  return railway.deployments { environment = "staging", first = 1 }[1].id
end

local writes = {
  rollback = function ()
    local d = railway.rollback { environment = P, deployment = previous().id,
      expect_variables = { "NEW_KEY" } }
    return d.reason, d.phase, d.commit, json.encode(d.variables.removed or d.variables)
  end,
  ["rollback-commit"] = function ()
    local d = railway.rollback { environment = P, deployment = previous().commit:sub(1, 9) }
    return d.reason, d.phase, d.commit
  end,
  redeploy = function ()
    local d = railway.redeploy { environment = P,
      deployment = railway.active { environment = P }[1].id, use_previous_image = true }
    return d.reason, d.phase, d.commit
  end,
  deploy = function ()
    local d = railway.deploy { environment = P, commit = previous().commit }
    return d.reason, d.phase, d.commit
  end,
  cancel = function ()
    return railway.cancel { environment = "staging", deployment = moving() }.done
  end,
  stop = function ()
    return railway.stop { environment = P, deployment = railway.active { environment = P }[1].id }.done
  end,
  restart = function ()
    return railway.restart { environment = P,
      deployment = railway.active { environment = P }[1].id }.done
  end,
  set = function ()
    local key = railway.variables { environment = P, names = { "API_CLIENT_KEY" } }.API_CLIENT_KEY
    local d = railway.set_variables { environment = P, plain = true, expect = { API_CLIENT_KEY = key.value },
      values = { API_CLIENT_KEY = "old-key-of-prod,new-key-of-prod", NEW_NAME = key.value } }
    return json.encode(d.changed), d.deployment and d.deployment.reason
  end,
  ["set-quiet"] = function ()
    local d = railway.set_variables { environment = P, plain = true, values = { NEW_NAME = "" }, skip_deploys = true }
    return json.encode(d.changed), d.deployment, d.deploys
  end,
  delete = function ()
    local d = railway.delete_variable { environment = P, name = "NEW_KEY" }
    return d.name, d.deployment and d.deployment.reason
  end,
}

return pipeline "writes" {
  version = "1.0.0",
  params = { what = text },
  step "write" {
    effect = "locks-out",
    run = function (r)
      local out = { writes[r.params.what]() }
      for i = 1, 4 do out[i] = tostring(out[i]) end
      log.info(table.concat(out, " "))
    end,
  },
}
