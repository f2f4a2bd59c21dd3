-- One read and one write, and how they end.
return pipeline "tokens" {
  version = "1.0.0",
  step "try" {
    effect = "write",
    run = function ()
      local e = "production"
      local function ends(words, f)
        local _, err = try(f)
        log.info(words .. " -> " .. (not err and "done" or err.code .. ": " .. err.message))
      end
      ends("me", function () return doppler.me { environment = e } end)
      ends("names", function () return doppler.names { environment = e } end)
      ends("get", function () return doppler.get { environment = e, name = "API_CLIENT_KEY" } end)
      ends("sync", function () return doppler.sync { environment = e } end)
      ends("webhooks", function () return doppler.webhooks { environment = e } end)
      ends("set", function () return doppler.set { environment = e, name = "MIN_APP_VERSION_IOS",
        value = "1.3.0", plain = true } end)
    end,
  },
}
