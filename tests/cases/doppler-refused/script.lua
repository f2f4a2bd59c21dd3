-- What no call may do, and what each says. In a dry-run the same.
return pipeline "refused" {
  version = "1.0.0",
  step "try" {
    effect = "write",
    run = function ()
      local e = "production"
      local extra = secret.get { name = "extra" }
      local function refused(words, f)
        local ok, err = try(f)
        log.info(words .. " -> " .. (ok and "done, changed=" .. tostring(ok.changed)
          or err.code .. ": " .. err.message))
      end
      local function set(o)
        o.environment = e
        return function () return doppler.set(o) end
      end
      refused("text", set { name = "API_CLIENT_KEY", value = "in-clear-0123456789" })
      refused("expect as text", set { name = "API_CLIENT_KEY", value = extra, expect = "in-clear-0123456789" })
      refused("no value", set { name = "API_CLIENT_KEY" })
      refused("null", set { name = "API_CLIENT_KEY", value = null })
      refused("a name", set { name = "api-key", value = extra })
      refused("a digit first", set { name = "1KEY", value = extra })
      refused("wrong expect", set { name = "API_CLIENT_KEY", value = extra, expect = extra, })
      refused("wrong expect", set { name = "MIN_APP_VERSION_IOS", value = "2.0.0", expect = "9.9.9", plain = true })
      refused("wrong fingerprint", set { name = "API_CLIENT_KEY", value = extra, expect_fingerprint = "0123456789abcdef" })
      refused("expected to be there", set { name = "NOT_THERE", value = extra, expect = extra })
      refused("expected not to be there", set { name = "API_CLIENT_KEY", value = extra, expect = false })
      refused("a reference overwritten", set { name = "DATABASE_URL", value = extra })
      refused("a reference made", set { name = "NEW_ONE", value = secret.get { name = "ref" } })
      refused("restricted", set { name = "HIDDEN", value = extra })
      refused("restricted, by a number", set { name = "HIDDEN", value = extra, expect = true })
      local function list(verb, o)
        o.environment = e
        return function () return doppler[verb](o) end
      end
      refused("null in many", list("set_many", { values = { A = null } }))
      refused("text in many", list("set_many", { values = { A = "x" } }))
      refused("nothing in many", list("set_many", { values = {} }))
      refused("expect without value", list("set_many", { values = { A = extra }, expect = { B = false } }))
      refused("a name in many", list("set_many", { values = { ["a b"] = extra } }))
      refused("add to nothing", list("add", { name = "NOT_THERE", value = extra }))
      refused("add a comma", list("add", { name = "API_CLIENT_KEY", value = secret.get { name = "comma" } }))
      refused("add nothing", list("add", { name = "API_CLIENT_KEY" }))
      refused("add both", list("add", { name = "API_CLIENT_KEY", value = extra, generate = {} }))
      refused("a short key", list("add", { name = "API_CLIENT_KEY", generate = { bytes = 4 } }))
      refused("a strange format", list("add", { name = "API_CLIENT_KEY", generate = { format = "rot13" } }))
      refused("add to a reference", list("add", { name = "DATABASE_URL", value = extra }))
      refused("add to restricted", list("add", { name = "HIDDEN", value = extra }))
      refused("remove the last", list("remove", { name = "MIN_APP_VERSION_IOS", value = "1.2.0", plain = true }))
      refused("remove which", list("remove", { name = "API_CLIENT_KEY" }))
      refused("remove what is not there", list("remove", { name = "API_CLIENT_KEY", value = extra }))
      refused("promote what is not there", list("promote", { name = "API_CLIENT_KEY", value = extra }))
      refused("delete what is not there", list("delete", { name = "NOT_THERE" }))
      refused("delete what is expected away", list("delete", { name = "API_CLIENT_KEY", expect = false }))
      refused("delete something else", list("delete", { name = "API_CLIENT_KEY", expect = extra }))
      refused("undo nothing", list("rollback", { id = "nosuchentry" }))
      refused("values of restricted", list("values", { name = "HIDDEN" }))
      local hidden = doppler.get { environment = e, name = "HIDDEN" }
      local empty = doppler.get { environment = e, name = "EMPTY" }
      log.info(json.encode { hidden = { readable = hidden.readable, raw = hidden.raw ~= nil },
        empty = { readable = empty.readable, empty = empty.empty, length = empty.length },
        nothing = doppler.get { environment = e, name = "NOT_THERE" } == nil })
    end,
  },
}
