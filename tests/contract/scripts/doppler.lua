local contract = require "lib.contract"
local works, refused = contract.of("doppler", doppler)

local STAGING = "staging"

return pipeline "doppler" {
  version = "1.0.0",
  step "reads" {
    run = function ()
      local me = works("me", { environment = STAGING })
      contract.same("whose token it is", me.type, "service_account_api_token")
      local config = works("config", { environment = STAGING })
      contract.same("the config", config.config, "stg")
      contract.same("the names", #works("names", { environment = STAGING }), 5)
      local key = works("get", { environment = STAGING, name = "API_CLIENT_KEY" })
      contract.same("the key's visibility", key.visibility, "masked")
      local url = works("get", { environment = STAGING, name = "DATABASE_URL" })
      contract.holds("the address is a reference", url.is_reference)
      works("get", { environment = STAGING, name = "NOT_THERE" })
      local keys = works("values", { environment = STAGING, name = "API_CLIENT_KEY" })
      contract.same("the keys", keys.count, 1)
      works("member", { environment = STAGING, name = "API_CLIENT_KEY",
        fingerprint = keys.fingerprints[1] })
    end,
  },
  step "around" {
    run = function ()
      contract.holds("there is an integration",
        #works("integrations", { environment = STAGING }) > 0)
      local sync = works("sync", { environment = STAGING })
      contract.holds("it is synced", sync.enabled)
      local hook = works("create_webhook", { environment = STAGING, name = "contract",
        url = "https://hooks.impulseai.app/doppler", secret = secret.get { name = "doppler" } })
      contract.same("the webhooks", #works("webhooks", { environment = STAGING }), 1)
      contract.holds("it is off", works("disable_webhook", { environment = STAGING,
        webhook = hook.slug }).changed)
      contract.holds("it is on", works("enable_webhook", { environment = STAGING,
        webhook = "contract" }).changed)
      refused("create_webhook", { environment = STAGING, name = "contract",
        url = "https://elsewhere.impulseai.app/" }, "doppler.exists")
      local all = works("download", { environment = STAGING, plain = true,
        names = { "MIN_APP_VERSION_IOS" } })
      contract.same("a value of all", all.MIN_APP_VERSION_IOS, "1.2.0")
      refused("config", { environment = "nowhere" }, "doppler.not-found")
      refused("get", { environment = "nowhere", name = "API_CLIENT_KEY" }, "doppler.not-found")
      refused("names", { environment = "nowhere" }, "doppler.not-found")
    end,
  },
  step "versions" {
    run = function ()
      local name = "MIN_APP_VERSION_IOS"
      local set = works("set", { environment = STAGING, name = name, value = "1.3.0", plain = true,
        expect = "1.2.0" })
      contract.holds("it is changed", set.changed)
      local first = doppler.log { environment = STAGING, first = 1 }[1]
      refused("set", { environment = STAGING, name = name, value = "1.4.0", plain = true,
        expect = "1.2.0" }, "doppler.conflict")
      refused("set", { environment = STAGING, name = name, value = "${NOWHERE}", plain = true,
        reference = true }, "doppler.reference")
      works("set_many", { environment = STAGING, plain = true,
        values = { [name] = "1.4.0", LATEST_APP_VERSION_IOS = "1.5.0", NEW_ONE = "" } })
      works("delete", { environment = STAGING, name = "NEW_ONE", plain = true })
      works("delete", { environment = STAGING, name = "NEW_ONE", plain = true })
      local now = works("get", { environment = STAGING, name = name, plain = true })
      contract.same("the version", now.raw, "1.4.0")
      return { first = first.id }
    end,
  },
  step "rotation" {
    run = function ()
      local name = "API_CLIENT_KEY"
      local old = doppler.values { environment = STAGING, name = name }.fingerprints[1]
      local new = works("add", { environment = STAGING, name = name,
        generate = { bytes = 32, format = "hex" } })
      contract.same("the keys", new.count, 2)
      works("remove", { environment = STAGING, name = name, fingerprint = old })
      refused("remove", { environment = STAGING, name = name, fingerprint = new.fingerprint },
        "doppler.last-value")
      works("add", { environment = STAGING, name = name,
        generate = { bytes = 32, format = "base64url" } })
      local one = works("promote", { environment = STAGING, name = name,
        fingerprint = new.fingerprint })
      contract.same("the keys", one.count, 1)
    end,
  },
  step "history" {
    run = function (r)
      local log = works("log", { environment = STAGING, first = 3 })
      contract.same("the entries", #log, 3)
      local entry = works("log_entry", { environment = STAGING, id = log[1].id })
      contract.same("what was changed", entry.changes[1].name, "API_CLIENT_KEY")
      refused("log_entry", { environment = STAGING, id = "none" }, "doppler.not-found")
      refused("rollback", { environment = STAGING, id = r.out.versions.first },
        "doppler.newer-change")
      local undone = works("rollback", { environment = STAGING, id = log[1].id })
      contract.holds("it is undone", undone.changed)
    end,
  },
}
