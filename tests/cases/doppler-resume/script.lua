-- Reads a secret, replaces it, and is stopped before it is done.
return pipeline "resume" {
  version = "1.0.0",
  params = { kill = flag },
  step "replace" {
    effect = "write",
    run = function (r)
      local o = { environment = "production", name = "API_CLIENT_KEY" }
      local old = doppler.get(o)
      local made = doppler.add { environment = o.environment, name = o.name, generate = {} }
      local new = doppler.member { environment = o.environment, name = o.name,
        fingerprint = made.fingerprint }
      doppler.set { environment = o.environment, name = "PREVIOUS_KEY", value = old.raw, expect = false }
      doppler.promote { environment = o.environment, name = o.name, value = new }
      if r.params.kill then
        proc.run { argv = { "sh", "-c", "[ -e killed ] || { touch killed; kill -9 $PPID; }" },
          effect = "read" }
      else
        http.get { url = "https://api.impulseai.app/health", as = "look" }
      end
      return { new = made.fingerprint, secret = new }
    end,
  },
  step "after" {
    run = function (r)
      local now = doppler.get { environment = "production", name = "API_CLIENT_KEY" }
      log.info("the new one: " .. tostring(now.fingerprint == r.out.replace.new))
    end,
  },
}
