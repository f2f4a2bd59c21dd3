local e = "production"

local function say(what, text)
  log.info(what .. ": " .. tostring(text))
end

return pipeline "download" {
  version = "1.0.0",
  step "download" {
    effect = "write",
    run = function ()
      local all = doppler.download { environment = e }
      local one = doppler.get { environment = e, name = "DATABASE_URL" }
      say("the reference is resolved", tostring(all.DATABASE_URL):match("#(%x+)")
        == tostring(one.computed):match("#(%x+)"))
      say("it is a secret", type(all.API_CLIENT_KEY))
      local function version()
        return doppler.download { environment = e, plain = true,
          names = { "MIN_APP_VERSION_IOS", "NOT_THERE", "NEW_ONE" } }
      end
      say("version", version().MIN_APP_VERSION_IOS)
      say("the same again", version().MIN_APP_VERSION_IOS)
      doppler.set_many { environment = e, plain = true,
        values = { MIN_APP_VERSION_IOS = "9.9.9", NEW_ONE = "1" } }
      say("written", version().MIN_APP_VERSION_IOS .. " " .. version().NEW_ONE)
      doppler.delete { environment = e, name = "NEW_ONE", plain = true }
      say("deleted", version().NEW_ONE)
      local _, err = try(doppler.download, { environment = e, names = { "bad name" } })
      say("refused", err.code)
    end,
  },
}
