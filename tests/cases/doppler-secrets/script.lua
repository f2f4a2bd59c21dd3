-- Everything that reads, and what it shows of a secret.
local e = "production"

return pipeline "secrets" {
  version = "1.0.0",
  step "read" {
    run = function ()
      for _, name in ipairs { "MULTI", "COPIED", "FROM_STAGING", "NOWHERE", "MIN_APP_VERSION_IOS" } do
        local s = doppler.get { environment = e, name = name }
        log.info(string.format("%s length=%d reference=%s same=%s note=%q %s", name, s.length,
          s.is_reference, tostring(s.raw) == tostring(s.computed), s.note, s.fingerprint))
        log.info(tostring(s.raw))
      end
      local list = doppler.values { environment = e, name = "API_CLIENT_KEY" }
      local copied = doppler.values { environment = e, name = "COPIED" }
      return { list = list, copied = copied.is_reference,
        plain = doppler.get { environment = e, name = "MIN_APP_VERSION_IOS", plain = true } }
    end,
  },
  step "write" {
    effect = "write",
    run = function (r)
      doppler.set { environment = e, name = "MULTI", value = secret.get { name = "dollar" } }
      local added = doppler.add { environment = e, name = "API_CLIENT_KEY",
        value = secret.get { name = "blank" } }
      local removed = doppler.remove { environment = e, name = "API_CLIENT_KEY",
        fingerprint = r.out.read.list.fingerprints[1] }
      log.info(string.format("added %d, left %d", added.count, removed.count))
      local log_now = doppler.log { environment = e, first = 3 }
      for _, entry in ipairs(log_now) do
        log.info(entry.text .. " " .. json.encode(doppler.log_entry { environment = e, id = entry.id }.changes))
      end
      local ok, err = try(doppler.rollback, { environment = e, id = log_now[2].id })
      log.info(ok and "undone" or err.code .. ": " .. err.message)
      local undone = doppler.rollback { environment = e, id = log_now[2].id, force = true }
      log.info("undone: " .. table.concat(undone.names, ","))
      local again = doppler.rollback { environment = e, id = log_now[2].id }
      log.info("undone again: " .. tostring(again.changed))
      doppler.set { environment = e, name = "MIN_APP_VERSION_IOS", value = "$5.0", plain = true }
      return doppler.get { environment = e, name = "API_CLIENT_KEY" }
    end,
  },
}
