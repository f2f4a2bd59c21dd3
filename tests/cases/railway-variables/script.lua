-- A key that is rotated, and a rollback that would bring the old one back.
local P = "production"

local function until_good(id)
  return function ()
    local s = railway.state { environment = P, deployment = id }
    return s.phase == "good", s.words
  end
end

local function brief(v)
  if type(v) ~= "table" then return v end
  return ("changed %s added %s removed %s unknown %s"):format(json.encode(v.changed), json.encode(v.added),
    json.encode(v.removed), json.encode(v.unknown))
end

local function verified(title, o)
  o.environment = P
  local v = railway.verify(o)
  log.info(("%s: same %s, differing %s, unknown %s, by %s"):format(title, tostring(v.same), json.encode(v.differing),
    json.encode(v.unknown), v.source))
  return v
end

return pipeline "variables" {
  version = "1.0.0",
  step "before" {
    effect = "read",
    run = function ()
      local shown = railway.variables { environment = P }
      for name, v in pairs(shown) do
        log.info(("%s %s %s %s"):format(name, v.fingerprint or "-", tostring(v.value), tostring(v.sealed)))
      end
      local key = railway.variables { environment = P, names = { "API_CLIENT_KEY", "NOPE" } }
      log.info(("%s, %s"):format(tostring(key.API_CLIENT_KEY.value), tostring(key.NOPE)))
      local written, rendered = shown.URL.fingerprint,
        railway.variables { environment = P, unrendered = false }.URL.fingerprint
      log.info("rendered is another: " .. tostring(written ~= rendered))
      for name, v in pairs(railway.variables { environment = P, shared = true }) do
        log.info(("shared: %s %s"):format(name, v.fingerprint))
      end
      verified("before", {})
      return { key = shown.API_CLIENT_KEY.fingerprint }
    end,
  },
  step "rotate" {
    effect = "irreversible",
    run = function (r)
      local set = railway.set_variables { environment = P, plain = true, expect = { API_CLIENT_KEY = r.out.before.key },
        values = { API_CLIENT_KEY = { railway.variables { environment = P,
          names = { "API_CLIENT_KEY" } }.API_CLIENT_KEY.value, ",new-key" }, EXTRA = "${{shared.REGION}}" } }
      local quiet = railway.set_variables { environment = P, plain = true, values = { LATER = "x" }, skip_deploys = true }
      log.info(tostring(quiet.deployment))
      return { id = set.deployment.id, key = set.fingerprints.API_CLIENT_KEY }
    end,
  },
  wait "live" {
    every = "10s", timeout = "10m", ready = function (r) return until_good(r.out.rotate.id)() end,
  },
  step "after" {
    effect = "read",
    run = function (r)
      verified("after", {})
      verified("only the key", { names = { "API_CLIENT_KEY" } })
      verified("as expected", { names = {}, expect = { API_CLIENT_KEY = r.out.rotate.key, NOPE = false } })
      verified("not as expected", { names = {}, expect = { API_CLIENT_KEY = r.out.before.key } })
    end,
  },
  step "back" {
    effect = "irreversible",
    run = function (r)
      local all = railway.deployments { environment = P }
      local old = all[#all]
      for _, d in ipairs(all) do
        if d.can_rollback then old = d break end
      end
      local plan = railway.rollback_plan { environment = P, deployment = old.id }
      log.info("plan: " .. brief(plan.variables))
      local _, refused = try(railway.rollback, { environment = P, deployment = old.id,
        expect_variables = { "LATER" } })
      log.info(refused.code .. ": " .. refused.message)
      local d = railway.rollback { environment = P, deployment = old.id }
      log.info("result: " .. brief(d.variables))
      log.info("not as before: " .. (type(d.variables_changed) == "table"
        and json.encode(d.variables_changed) or d.variables_changed))
      return { id = d.id, before = plan.before, result = d }
    end,
  },
  wait "back-live" {
    every = "10s", timeout = "10m", ready = function (r) return until_good(r.out.back.id)() end,
  },
  step "compare" {
    effect = "read",
    run = function (r)
      verified("without before", {})
      local all = verified("with the plan's before", { before = r.out.back.before })
      log.info("not as before: " .. json.encode(all.changed))
      for _, name in ipairs(all.changed) do
        local f = all.fingerprints[name]
        log.info(("%s: was the new one %s, is the old one %s"):format(name,
          tostring(f.before == r.out.rotate.key), tostring(f["then"] == r.out.before.key)))
      end
      verified("with the result", { before = r.out.back.result, names = { "API_CLIENT_KEY" } })
      local _, refused = try(railway.verify, { environment = P, before = { API_CLIENT_KEY = "x" } })
      log.info(refused.code .. ": " .. refused.message)
      local v = verified("after the rollback", { expect = { API_CLIENT_KEY = r.out.rotate.key } })
      log.info("the old key is back: " .. tostring(v.fingerprints.API_CLIENT_KEY["then"] == r.out.before.key))
    end,
  },
}
