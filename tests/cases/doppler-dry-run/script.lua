-- A rotation of keys from end to end, with plain versions beside it.
local function key(o)
  o.environment, o.name = "production", "API_CLIENT_KEY"
  return o
end

return pipeline "rotate" {
  version = "1.0.0",
  step "add" {
    effect = "write",
    run = function ()
      local old = doppler.values(key {})
      local new = doppler.add(key { generate = { bytes = 24, format = "base64url" } })
      local again = doppler.add(key { value = doppler.member(key { fingerprint = new.fingerprint }) })
      log.info(string.format("before %d, now %d, again %s", old.count, doppler.values(key {}).count,
        again.changed))
      return { old = old.fingerprints[1], new = new.fingerprint }
    end,
  },
  step "versions" {
    effect = "write",
    run = function ()
      doppler.set_many { environment = "production", plain = true, expect = { NEW_ONE = false },
        values = { MIN_APP_VERSION_IOS = "1.4.2", NEW_ONE = "yes" } }
      local now = doppler.get { environment = "production", name = "MIN_APP_VERSION_IOS", plain = true }
      doppler.delete { environment = "production", name = "NEW_ONE" }
      local gone = doppler.get { environment = "production", name = "NEW_ONE" }
      log.info("now " .. now.raw .. ", gone " .. tostring(gone == nil) .. ", names "
        .. #doppler.names { environment = "production" })
      doppler.set { environment = "production", name = "DATABASE_URL", reference = true,
        value = secret.get { name = "url" } }
    end,
  },
  step "finish" {
    effect = "write",
    run = function (r)
      doppler.remove(key { fingerprint = r.out.add.old })
      local list = doppler.values(key {})
      log.info("left " .. list.count .. ", the new one " .. tostring(list.fingerprints[1] == r.out.add.new))
      doppler.promote(key { fingerprint = r.out.add.new })
    end,
  },
}
