-- What `pipe` sees before the vendors' own clients do anything (clients.mjs compares).
local show = require "lib.show"

local function each(list, f)
  local out = json.array {}
  for i, one in ipairs(list) do
    out[i] = f(one)
  end
  return out
end

return pipeline "clients-before" {
  version = "1.0.0",
  step "look" {
    run = function ()
      local compared = github.compare { base = "production", head = "main" }
      local main = github.read_ref { ref = "heads/main" }.sha
      local project = vercel.project { project = "console" }
      local me = doppler.me { environment = "production" }
      local app = appstore.app {}
      local database = supabase.project { environment = "production" }
      show {
        main = main, production = github.read_ref { ref = "heads/production" }.sha,
        pulls = each(github.pulls { state = "all" }, function (p)
          return { p.number, p.head.sha, p.state }
        end),
        compare = { compared.status, compared.ahead,
          each(compared.commits, function (c) return c.sha end) },
        checks = each(github.checks { sha = main }, function (c)
          return { c.name, c.conclusion or null }
        end),
        project = { project.id, project.name, project.live.deployment },
        deployments = each(vercel.deployments { project = "console", target = "production",
          first = 3 }, function (d) return { d.id, d.state } end),
        me = { me.name, me.workplace }, names = doppler.names { environment = "production" },
        minimum = doppler.get { environment = "production", name = "MIN_APP_VERSION_IOS",
          plain = true }.raw,
        database = { database.name, database.status },
        health = each(supabase.health { environment = "production", services = { "db", "rest" } },
          function (s) return { s.name, s.status } end),
        migrations = each(supabase.migrations { environment = "production" },
          function (m) return m.version end),
        app = { app.id, app.name },
        builds = each(appstore.builds { first = 3 }, function (b) return { b.id, b.state } end),
        versions = each(appstore.versions { first = 5 },
          function (v) return { v.version, v.state } end),
      }
    end,
  },
}
