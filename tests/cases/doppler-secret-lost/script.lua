-- Needs a value behind the point where it was killed, and the value is gone by then.
return pipeline "lost" {
  version = "1.0.0",
  step "replace" {
    effect = "write",
    run = function ()
      local o = { environment = "production", name = "API_CLIENT_KEY" }
      local old = doppler.get(o)
      doppler.set { environment = o.environment, name = o.name, value = secret.get { name = "next" },
        expect = old.raw }
      proc.run { argv = { "sh", "-c", "[ -e killed ] || { touch killed; kill -9 $PPID; }" },
        effect = "read" }
      log.info("the fingerprint of then: " .. old.fingerprint)
      doppler.set { environment = o.environment, name = "PREVIOUS_KEY", value = old.raw, expect = false }
    end,
  },
}
