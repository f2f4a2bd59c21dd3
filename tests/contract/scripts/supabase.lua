local contract = require "lib.contract"
local works = contract.of("supabase", supabase)

return pipeline "supabase" {
  version = "1.0.0",
  step "reads" {
    run = function ()
      local history = works("migrations", { environment = "staging" })
      contract.holds("staging has migrations", #history > 0)
      local health = works("health", { environment = "production", services = { "db", "rest" } })
      contract.same("the services", #health, 2)
    end,
  },
}
