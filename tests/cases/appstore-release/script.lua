-- A version from its build to all users; `from` begins in the middle.
local V = "1.5"

local function state(v)
  return v and ("%s: %s (%s)"):format(v.version, v.state, v.phase) or "nothing"
end

local function live()
  local v = appstore.live {}
  return ("%s to %s %%%s"):format(v.version, v.percent, v.since and ", we know since when" or "")
end

local function day(r)
  clock.sleep "25h"
  local p = appstore.phased { version = V }
  log.info(("phased: %s, day %s, %s %%, paused for %s"):format(p.state, p.day, p.percent,
    p.paused_days))
end

return pipeline "ship" {
  version = "1.0.0",
  params = { part = choice { "submit", "release", "phases" } },
  step "look" {
    run = function ()
      log.info("live: " .. live())
      log.info("next: " .. appstore.next_build_number { version = V }.next
        .. " and " .. appstore.next_build_number {}.next)
      local b = appstore.builds { version = V }[1]
      log.info(("build %s of %s: %s"):format(b.build, b.version, b.internal.state))
      return { build = b.id }
    end,
  },
  step "prepare" {
    when = function (r) return r.params.part == "submit" end,
    run = function (r)
      appstore.set_export_compliance { build = r.out.look.build,
        uses_non_exempt_encryption = false }
      log.info("now " .. appstore.build { id = r.out.look.build }.internal.state)
      log.info(state(appstore.create_version { version = V }))
      log.info("again: " .. state(appstore.version { version = "1.5.0" }))
      log.info(state(appstore.attach_build { version = "01.5.0", build = r.out.look.build }))
      log.info(appstore.start_phased { version = V }.state)
      log.info(state(appstore.submit { version = V }))
      log.info("newest: " .. state(appstore.versions { first = 1 }[1]))
    end,
  },
  wait "approved" {
    when = function (r) return r.params.part == "submit" end,
    every = "1h", timeout = "3d", assume = {},
    ready = function ()
      local v = appstore.version { version = V }
      return v.state == "PENDING_DEVELOPER_RELEASE" and v, v.state
    end,
  },
  step "release" {
    effect = "irreversible",
    when = function (r) return r.params.part == "release" end,
    run = function (r)
      log.info(r.dry_run and "(dry-run)" or state(appstore.version { version = V }))
      appstore.release { version = V }
    end,
  },
  wait "in-store" {
    when = function (r) return r.params.part == "release" end,
    every = "5m", timeout = "2h",
    ready = function ()
      local v = appstore.live {}
      return v.version == "1.5" and { version = v.version }, v.version
    end,
  },
  step "after" {
    when = function (r) return r.params.part == "release" end,
    run = function () log.info("live: " .. live()) end,
  },
  step "phases" {
    effect = "irreversible",
    when = function (r) return r.params.part == "phases" end,
    run = function (r)
      if not r.dry_run then
        day(r)
        day(r)
      end
      log.info(appstore.pause_phased { version = V }.state)
      log.info(r.dry_run and "(dry-run)" or day(r) or "a day later")
      log.info(appstore.resume_phased { version = V }.state)
      log.info(appstore.complete_phased { version = V }.state)
      log.info("live: " .. live())
    end,
  },
}
