-- A write, and how far Doppler's own sync has carried it.
return pipeline "sync" {
  version = "1.0.0",
  step "set" {
    effect = "write",
    run = function ()
      doppler.set { environment = "production", name = "MIN_APP_VERSION_IOS", value = "1.4.2", plain = true }
      local now = doppler.sync { environment = "production" }
      log.info("at once: " .. now.last_synced_at .. " " .. now.type .. " " .. now.kind)
      clock.sleep { duration = "10s" }
      now = doppler.sync { environment = "production" }
      log.info("later: " .. now.last_synced_at .. " enabled " .. tostring(now.enabled))
      log.info("staging: " .. doppler.sync { environment = "staging" }.last_synced_at)
      log.info("to nowhere: " .. tostring(doppler.sync { environment = "staging", to = "vercel" }))
    end,
  },
}
