-- Everything that is refused before anything is sent, and what Railway refuses.
local P = "production"

local function oldest()
  local all = railway.deployments { environment = P }
  return all[#all]
end

local function active()
  return railway.active { environment = P }[1]
end

local function fp(name)
  return railway.variables { environment = P }[name].fingerprint
end

local calls = {
  ["gone"] = function () railway.rollback { environment = P, deployment = oldest().id } end,
  ["active"] = function () railway.rollback { environment = P, deployment = active().id } end,
  ["active commit"] = function ()
    railway.rollback { environment = P, deployment = active().commit }
  end,
  ["no such commit"] = function () railway.rollback { environment = P, deployment = "0123456" } end,
  ["no such deployment"] = function ()
    railway.redeploy { environment = P, deployment = "00000000-0000-4000-8000-000000000000" }
  end,
  ["neither"] = function () railway.rollback { environment = P, deployment = "latest" } end,
  ["of another environment"] = function ()
    railway.cancel { environment = P,
      deployment = railway.active { environment = "staging" }[1].id }
  end,
  ["still moving"] = function ()
    railway.redeploy { environment = "staging",
      deployment = railway.deployments { environment = "staging", first = 1 }[1].id }
  end,
  ["not moving"] = function () railway.cancel { environment = P, deployment = active().id } end,
  ["gone already"] = function () railway.stop { environment = P, deployment = oldest().id } end,
  ["never started again"] = function ()
    railway.restart { environment = P, deployment = oldest().id }
  end,
  ["short commit"] = function () railway.deploy { environment = P, commit = "0123456" } end,
  ["unknown commit"] = function ()
    railway.deploy { environment = P, commit = ("0"):rep(40) }
  end,
  ["text that may be a secret"] = function ()
    railway.set_variables { environment = P, values = { A = "perhaps-a-key" } }
  end,
  ["no values"] = function () railway.set_variables { environment = P, plain = true, values = {} } end,
  ["bad name"] = function ()
    railway.set_variables { environment = P, plain = true, values = { ["a-b"] = "x" } }
  end,
  ["railway's name"] = function ()
    railway.set_variables { environment = P, plain = true, values = { RAILWAY_X = "x" } }
  end,
  ["a number"] = function () railway.set_variables { environment = P, plain = true, values = { A = 1 } } end,
  ["null"] = function ()
    railway.set_variables { environment = P, plain = true, values = { A = json.decode "null" } }
  end,
  ["changed"] = function ()
    railway.set_variables { environment = P, plain = true, values = { API_CLIENT_KEY = "another-key" },
      expect = { API_CLIENT_KEY = fp "NODE_ENV" } }
  end,
  ["there already"] = function ()
    railway.set_variables { environment = P, plain = true, values = { NODE_ENV = "x" }, expect = { NODE_ENV = false } }
  end,
  ["a plain text expected"] = function ()
    railway.set_variables { environment = P, plain = true, values = { NODE_ENV = "x" },
      expect = { NODE_ENV = "production" } }
  end,
  ["null expected"] = function ()
    railway.set_variables { environment = P, plain = true, values = { NODE_ENV = "x" },
      expect = { NODE_ENV = json.decode "null" } }
  end,
  ["null expected of a deletion"] = function ()
    railway.delete_variable { environment = P, name = "NODE_ENV",
      expect = { NODE_ENV = json.decode "null" } }
  end,
  ["null expected of what runs"] = function ()
    railway.verify { environment = P, expect = { NODE_ENV = json.decode "null" } }
  end,
  ["sealed expected"] = function ()
    railway.set_variables { environment = P, plain = true, values = { SEALED = "x" },
      expect = { SEALED = fp "NODE_ENV" } }
  end,
  ["not there"] = function () railway.delete_variable { environment = P, name = "NOPE" } end,
  ["not an account"] = function () railway.me { environment = P } end,
  ["window"] = function ()
    railway.logs { environment = P, from = "2026-11-20T13:00:00Z", to = "2026-11-20T13:00:00Z" }
  end,
  ["filter"] = function ()
    railway.count { environment = P, from = "2026-11-20T13:00:00Z", filter = "(a OR \"b" }
  end,
  ["retention"] = function ()
    railway.count { environment = P, from = "2026-01-01T00:00:00Z", filter = "a" }
  end,
}

return pipeline "refused" {
  version = "1.0.0",
  params = { what = text },
  step "call" { effect = "locks-out", run = function (r) calls[r.params.what]() end },
}
