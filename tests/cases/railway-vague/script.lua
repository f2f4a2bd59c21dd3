-- Writes that Railway answers with words after which nobody knows, and looks that it does not answer.
local P = "production"

local calls = {
  deploy = function ()
    return railway.deploy { environment = P, commit = railway.active { environment = P }[1].commit }.phase
  end,
  stop = function ()
    return railway.stop { environment = P, deployment = railway.active { environment = P }[1].id }.done
  end,
  set = function ()
    return #railway.set_variables { environment = P, plain = true, values = { KEY_OF_TEST = "x" } }.names
  end,
  ["set-sealed"] = function ()
    return #railway.set_variables { environment = P, plain = true, values = { SEALED = "x" } }.names
  end,
  delete = function () return railway.delete_variable { environment = P, name = "NEW_KEY" }.name end,
  variables = function () return json.encode(railway.variables { environment = P }.SEALED or "none") end,
  plan = function ()
    local all = railway.deployments { environment = P }
    local v = railway.rollback_plan { environment = P, deployment = all[#all].id }.variables
    return type(v) == "table" and json.encode(v.unknown) or v
  end,
  deployments = function () return #railway.deployments { environment = P } end,
}

return pipeline "vague" {
  version = "1.0.0",
  params = { what = text },
  step "call" {
    effect = "locks-out",
    run = function (r) log.info(tostring(calls[r.params.what]())) end,
  },
}
