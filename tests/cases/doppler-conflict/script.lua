-- Somebody else changes things between the reading and the writing.
return pipeline "conflict" {
  version = "1.0.0",
  params = { verb = text },
  step "write" {
    effect = "write",
    run = function (r)
      local o = { environment = "production", name = "API_CLIENT_KEY" }
      local function with(more)
        local out = { environment = o.environment, name = o.name }
        for key, value in pairs(more) do
          out[key] = value
        end
        return out
      end
      local extra = secret.get { name = "extra" }
      local old = doppler.get(o)
      local writes = {
        set = function () return doppler.set(with { value = extra, expect = old.raw }) end,
        set_unguarded = function () return doppler.set(with { value = extra }) end,
        add = function () return doppler.add(with { value = extra }) end,
        remove = function () return doppler.remove(with { value = old.raw, last = true }) end,
        delete = function () return doppler.delete(with { expect_fingerprint = old.fingerprint }) end,
        set_new = function () return doppler.set { environment = "production", name = "NEW_ONE",
          value = extra, expect = false } end,
        set_many = function () return doppler.set_many { environment = "production", plain = true,
          values = { API_CLIENT_KEY = extra, MIN_APP_VERSION_IOS = "1.9.0" } } end,
      }
      local ok, err = try(writes[r.params.verb])
      log.info(ok and "changed=" .. tostring(ok.changed) or err.code .. ": " .. err.message)
    end,
  },
}
