-- With an account token of Railway's, and providers.railway.auth: account.
local contract = require "lib.contract"
local works, refused = contract.of("railway", railway)

return pipeline "account" {
  version = "1.0.0",
  step "reads" {
    run = function ()
      contract.holds("it has a name", works("me", { environment = "production" }).name)
      works("scope", { environment = "staging" })
      contract.holds("there are projects", #works("projects", { environment = "staging" }) > 0)
      works("deployments", { environment = "production", first = 1 })
      refused("scope", { environment = "nowhere" }, "railway.scope")
    end,
  },
}
