-- One write of Doppler, chosen by its name.
local prd = "production"
local key = "API_CLIENT_KEY"

local writes = {
  set = function () return doppler.set { environment = prd, name = "MIN_APP_VERSION_IOS",
    value = "1.3.0", plain = true, expect = "1.2.0" } end,
  set_new = function () return doppler.set { environment = prd, name = "NEW_ONE",
    value = secret.get { name = "extra" }, expect = false } end,
  set_many = function () return doppler.set_many { environment = prd, plain = true,
    values = { MIN_APP_VERSION_IOS = "1.3.0", LATEST_APP_VERSION_IOS = "1.4.2" } } end,
  add = function () return doppler.add { environment = prd, name = key,
    value = secret.get { name = "extra" } } end,
  add_generated = function () return doppler.add { environment = prd, name = key,
    generate = { bytes = 32 } } end,
  remove = function (r) return doppler.remove { environment = prd, name = key,
    fingerprint = r.out.look.fingerprints[2] } end,
  promote = function (r) return doppler.promote { environment = prd, name = key,
    fingerprint = r.out.look.fingerprints[2] } end,
  delete = function () return doppler.delete { environment = prd, name = "DATABASE_URL" } end,
  rollback = function (r) return doppler.rollback { environment = prd, id = r.out.look.newest } end,
}

return pipeline "one" {
  version = "1.0.0",
  params = { verb = text },
  step "look" {
    run = function ()
      clock.sleep "10s"
      local list = doppler.values { environment = prd, name = key }
      local log = doppler.log { environment = prd }
      return { fingerprints = list.fingerprints, newest = log[1] and log[1].id }
    end,
  },
  step "write" {
    effect = "write",
    run = function (r)
      local result = writes[r.params.verb](r)
      log.info("changed=" .. tostring(result.changed) .. " names=" .. (result.name
        or table.concat(result.names or {}, ",")) .. " count=" .. tostring(result.count))
    end,
  },
}
