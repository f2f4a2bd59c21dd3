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
  step "around" {
    run = function ()
      local o = { environment = "production" }
      contract.holds("there are projects", #works("projects") >= 2)
      local keys = works("api_keys", { environment = "production", reveal = true })
      contract.holds("there is a key", #keys > 0 and keys[1].fingerprint)
      contract.holds("there is a branch", #works("branches", o) > 0)
      contract.same("it is deployed", works("branch_actions", o)[1].state, "good")
      contract.same("the pooler", works("pooler", o)[1].mode, "transaction")
      contract.holds("migrations are listed", #works("api_migrations", o) > 0)
      contract.same("one row", works("query", { environment = "production",
        sql = "select 1" }).count, 1)
      refused("query", { environment = "production", sql = "delete from public.users" },
        "supabase.query")
    end,
  },
  step "writes" {
    effect = "write",
    run = function ()
      local function is_there()
        return #works("secrets", { environment = "staging" })
      end
      contract.same("no secrets", is_there(), 0)
      works("set_secrets", { environment = "staging", plain = true,
        values = { MAIL_KEY = "of-the-test", MODE = "test" } })
      contract.same("the secrets", is_there(), 2)
      contract.holds("nothing is sent twice", not works("set_secrets", { environment = "staging",
        plain = true, values = { MODE = "test" } }).changed)
      works("delete_secrets", { environment = "staging", names = { "MAIL_KEY", "MODE" } })
      contract.same("they are gone", is_there(), 0)
      works("run_sql", { environment = "staging", sql = "update public.settings set value = $1",
        params = { 1 } })
    end,
  },
  step "not-there" {
    run = function ()
      refused("migrations", { environment = "nowhere" }, "supabase.not-found")
      refused("health", { environment = "nowhere" }, "supabase.not-found")
      refused("project", { environment = "nowhere" }, "supabase.not-found")
      refused("backups", { environment = "nowhere" }, "supabase.not-found")
      for _, verb in ipairs { "api_keys", "branches", "branch_actions", "pooler", "secrets" } do
        refused(verb, { environment = "nowhere" }, "supabase.not-found")
      end
    end,
  },
}
