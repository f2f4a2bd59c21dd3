-- What the vendors' own clients say that they did, as `pipe` finds it.
local show = require "lib.show"

return pipeline "clients-after" {
  version = "1.0.0",
  step "look" {
    run = function ()
      local tag = github.read_ref { ref = "tags/client-1" }
      local state = vercel.request_state { project = "console" }
      local version = appstore.version { version = "1.5.0" }
      local build = appstore.builds { version = "1.5.0" }[1]
      show {
        tag = tag and "client-1", merge = github.pull { number = 12 }.merge_sha,
        promote = state.type == "promote" and state.deployment or null,
        minimum = doppler.get { environment = "production", name = "MIN_APP_VERSION_IOS",
          plain = true }.raw,
        compliance = build.uses_non_exempt_encryption == false and build.id or null,
        version = version and version.version, build = version and version.build.id,
        phased = version and version.phased.state, release_type = version and version.release_type,
        submission = appstore.submission { version = "1.5.0" }.id,
      }
    end,
  },
}
