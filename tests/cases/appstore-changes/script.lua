-- Changes to a version and a build, read back in between: in the dry-run as in the run.
local function told(what, v)
  log.info(("%s: %s"):format(what, v and ("%s %s %s%s%s"):format(v.version, v.state,
    v.release_type, v.earliest_release and " not before " .. v.earliest_release or "",
    v.phased and ", phased " .. v.phased.state or "") or "nothing"))
end

local function number(version)
  told(version, appstore.version { version = version })
end

return pipeline "changes" {
  version = "1.0.0",
  step "version" {
    run = function ()
      told("created", appstore.create_version { version = "1.4.3" })
      appstore.start_phased { version = "1.4.3" }
      number "1.4.3"
      appstore.update_version { version = "1.4.3", new_version = "1.5", copyright = "2026 Impulse",
        release_type = "SCHEDULED", earliest_release = "2026-12-01T10:00:00+01:00" }
      number "1.4.3"
      number "1.5.0"
      appstore.cancel_phased { version = "1.5" }
      number "1.5.0"
      told("again", appstore.update_version { version = "1.5",
        earliest_release = "2026-12-01T09:00:00Z" })
      appstore.start_phased { version = "1.5" }
      appstore.update_version { version = "1.5", release_type = "MANUAL" }
      number "1.5.0"
      log.info("all: " .. #appstore.versions {})
    end,
  },
  step "build" {
    effect = "irreversible",
    run = function ()
      for _, train in ipairs(appstore.trains {}) do
        log.info("train: " .. train.version .. " " .. train.platform)
      end
      log.info("one train: " .. #appstore.trains { version = "01.4.1" })
      local b = appstore.builds { build = "204" }[1]
      for _ = 1, 2 do
        local now = appstore.expire_build { build = b.id }
        log.info(("expired: %s, changed %s"):format(tostring(now.expired), tostring(now.changed)))
      end
      log.info("to testers: " .. appstore.build { id = b.id }.internal.state)
    end,
  },
}
