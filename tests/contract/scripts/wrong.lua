-- With tokens that nobody accepts.
local contract = require "lib.contract"

local function nobody(provider, rows, verb, options, code)
  local _, refused = contract.of(provider, rows)
  return step(provider) {
    run = function ()
      local err = refused(verb, options, code)
      contract.holds("it says whose credential", err.message:find(provider, 1, true))
    end,
  }
end

return pipeline "wrong" {
  version = "1.0.0",
  nobody("github", github, "pull", { number = 12 }, "github.unauthorized"),
  nobody("railway", railway, "scope", { environment = "production" }, "railway.graphql"),
  nobody("supabase", supabase, "health", { environment = "production" }, "supabase.unauthorized"),
  nobody("doppler", doppler, "names", { environment = "staging" }, "doppler.unauthorized"),
  nobody("vercel", vercel, "project", { project = "console" }, "vercel.unauthorized"),
  nobody("appstore", appstore, "app", {}, "appstore.unauthorized"),
  step "slack" {
    run = function ()
      local works = contract.of("slack", slack)
      local told = works("notify", { text = "to nobody" })
      contract.same("what is sent", told.sent, false)
      contract.same("why not", told.code, "slack.not-found")
    end,
  },
}
