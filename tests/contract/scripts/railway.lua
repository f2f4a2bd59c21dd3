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
}
