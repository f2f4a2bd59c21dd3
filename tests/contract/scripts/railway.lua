local contract = require "lib.contract"
local works, refused = contract.of("railway", railway)

local NOBODY = "00000000-0000-4000-8000-000000000000"

-- The environment that nothing else in this test deploys to.
local function own(options)
  options.environment = "production"
  return options
end

local function ended(deployment)
  return contract.eventually("deployment " .. deployment.id, function ()
    local state = works("state", own { deployment = deployment.id })
    return state.phase ~= "moving" and state
  end)
end

return pipeline "railway" {
  version = "1.0.0",
  step "reads" {
    run = function ()
      local scope = works("scope", { environment = "production" })
      contract.same("the scope", scope.environment.name, "production")
      local listed = works("deployments", { environment = "production", first = 2 })
      contract.same("the number of deployments", #listed, 2)
      local one = works("deployment", { environment = "production", id = listed[1].id })
      contract.same("the deployment", one.id, listed[1].id)
      refused("deployment", { environment = "production", id = NOBODY }, "railway.not-found")
      local found = works("deployment_of", { environment = "production", commit = one.commit })
      contract.same("the deployment of the commit", found.commit, one.commit)
      works("deployment_of", { environment = "production",
        commit = "0000000000000000000000000000000000000000" })
      contract.holds("it waits for CI",
        works("triggers", { environment = "production" })[1].wait_for_ci)
      contract.same("what serves", #works("active", { environment = "production" }), 1)
      refused("scope", { environment = "nowhere" }, "railway.scope")
      refused("me", { environment = "production" }, "railway.scope")
      refused("projects", { environment = "production" }, "railway.scope")
    end,
  },
  step "logs" {
    run = function ()
      local from = clock.now().ms - 3600000
      local lines = works("logs", { environment = "production", from = from, limit = 5 }).lines
      contract.same("the lines", #lines, 3)
      works("logs", { environment = "production", from = from, deployment = lines[1].deployment })
      local count = works("count", { environment = "production", from = from,
        filter = "@keyPrefix:ab12", attribute = "keyPrefix" })
      contract.same("the lines of the key", count.count, 2)
      local built = works("build_logs", own { deployment = railway.active(own {})[1].id, limit = 5 })
      contract.holds("the build's lines", #built.lines > 0)
      refused("build_logs", own { deployment = NOBODY }, "railway.not-found")
      refused("logs", { environment = "production", from = from, filter = '"open' },
        "railway.filter")
    end,
  },
  step "variables" {
    effect = "irreversible",
    run = function ()
      local now = works("variables", own { names = { "NODE_ENV" } })
      contract.holds("the variable is there", now.NODE_ENV.fingerprint)
      works("variables", own { shared = true })
      works("variables_as_deployed", own {})
      works("verify", own {})
      local set = works("set_variables", own { plain = true, expect = { CONTRACT = false },
        values = { CONTRACT = "one", OTHER = "two" } })
      contract.holds("a deployment follows", set.deployment)
      ended(set.deployment)
      works("set_variables", own { plain = true, values = { CONTRACT = "three" },
        skip_deploys = true })
      contract.holds("it differs from what runs", not works("verify", own {}).same)
      refused("set_variables", own { plain = true, values = { CONTRACT = "four" },
        expect = { CONTRACT = false } }, "railway.conflict")
      local gone = works("delete_variable", own { name = "OTHER" })
      ended(gone.deployment)
      refused("delete_variable", own { name = "OTHER" }, "railway.not-found")
    end,
  },
  step "deployments" {
    effect = "locks-out",
    run = function ()
      local active = railway.active(own {})[1]
      refused("deploy", own { commit = "0000000000000000000000000000000000000000" },
        "railway.commit-not-found")
      local made = works("deploy", own { commit = active.commit })
      contract.holds("it is given up", works("cancel", own { deployment = made.id }).done)
      refused("cancel", own { deployment = active.id }, "railway.not-possible")
      local again = works("redeploy", own { deployment = active.id })
      contract.same("the deployment", ended(again).phase, "good")
      works("restart", own { deployment = again.id })
      contract.same("after the restart", ended(again).phase, "good")
      refused("restart", own { deployment = made.id }, "railway.not-possible")
    end,
  },
  step "rollback" {
    effect = "locks-out",
    run = function ()
      local back
      for _, row in ipairs(railway.deployments(own { first = 20 })) do
        back = row.can_rollback and row.status == "REMOVED" and row or back
      end
      contract.holds("the plan is possible",
        works("rollback_plan", own { deployment = back.id }).possible)
      refused("rollback", own { deployment = back.id, expect_variables = json.array {} },
        "railway.variables")
      local new = works("rollback", own { deployment = back.id })
      contract.same("the rollback", ended(new).phase, "good")
      local after = works("verify", own { before = new })
      contract.same("what is not as before", #after.changed, #new.variables_changed)
      contract.holds("it is stopped", works("stop", own { deployment = new.id }).done)
    end,
  },
}
