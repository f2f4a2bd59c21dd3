local contract = require "lib.contract"
local works, refused = contract.of("railway", railway)

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
      refused("deployment", { environment = "production",
        id = "00000000-0000-4000-8000-000000000000" }, "railway.not-found")
      local found = works("deployment_of", { environment = "production", commit = one.commit })
      contract.same("the deployment of the commit", found.commit, one.commit)
      works("deployment_of", { environment = "production",
        commit = "0000000000000000000000000000000000000000" })
      works("triggers", { environment = "production" })
      works("active", { environment = "production" })
    end,
  },

  step "variables-and-logs" {
    run = function ()
      local all = works("variables", { environment = "production" })
      contract.holds("NODE_ENV is there", all.NODE_ENV and all.NODE_ENV.fingerprint)
      works("variables", { environment = "production", shared = true, unrendered = false })
      works("variables_as_deployed", { environment = "production" })
      contract.same("what runs has what the service has",
        works("verify", { environment = "production" }).same, true)
      local now = clock.now().ms
      works("logs", { environment = "production", from = now - 3600000, to = now })
      local serving = railway.active { environment = "production" }[1]
      works("count", { environment = "production", deployment = serving.id, from = now - 3600000,
        filter = "@level:error OR \"no such word\"" })
      refused("count", { environment = "production", from = now - 400 * 86400000, filter = "a" },
        "railway.logs-retention")
    end,
  },
  step "changes" {
    effect = "locks-out",
    run = function ()
      local P = "production"
      local serving = works("active", { environment = P })[1]
      local old
      for _, d in ipairs(railway.deployments { environment = P }) do
        old = old or d.can_rollback and d or nil
      end
      works("rollback_plan", { environment = P, deployment = old.id })
      refused("rollback", { environment = P, deployment = serving.id }, "railway.not-rollbackable")
      local back = works("rollback", { environment = P, deployment = old.id })
      contract.same("the commit of the new deployment", back.commit, old.commit)
      works("state", { environment = P, deployment = back.id })
      works("cancel", { environment = P, deployment = back.id })
      works("redeploy", { environment = P, deployment = serving.id, use_previous_image = true })
      works("redeploy", { environment = P, deployment = serving.id })
      works("deploy", { environment = P, commit = serving.commit })
      refused("deploy", { environment = P, commit = ("0"):rep(40) }, "railway.commit-not-found")
      works("set_variables", { environment = P, plain = true, values = { CONTRACT = "tested" } })
      works("set_variables", { environment = P, plain = true, values = { CONTRACT = "again" }, shared = true,
        skip_deploys = true })
      works("delete_variable", { environment = P, name = "CONTRACT" })
      works("restart", { environment = P, deployment = serving.id })
      works("stop", { environment = P, deployment = serving.id })
      refused("me", { environment = P }, "railway.scope")
    end,
  },
}
