local contract = require "lib.contract"
local works, refused = contract.of("supabase", supabase)

return pipeline "supabase" {
  version = "1.0.0",
  step "reads" {
    run = function ()
      local history = works("migrations", { environment = "staging" })
      contract.holds("staging has migrations", #history > 0)
      local health = works("health", { environment = "production", services = { "db", "rest" } })
      contract.same("the services", #health, 2)
      local project = works("project", { environment = "production" })
      contract.holds("it is healthy", project.healthy)
      local backups = works("backups", { environment = "production" })
      contract.holds("it has a backup", backups.newest)
    end,
  },
  step "not-there" {
    run = function ()
      refused("migrations", { environment = "nowhere" }, "supabase.not-found")
      refused("health", { environment = "nowhere" }, "supabase.not-found")
      refused("project", { environment = "nowhere" }, "supabase.not-found")
      refused("backups", { environment = "nowhere" }, "supabase.not-found")
    end,
  },
}
