-- Reads and writes while Doppler is not well.
return pipeline "outage" {
  version = "1.0.0",
  step "try" {
    effect = "write",
    run = function ()
      local e = "production"
      local began = clock.now().ms
      local function ends(words, f)
        local _, err = try(f)
        log.info(string.format("%s after %ds -> %s", words, (clock.now().ms - began) // 1000,
          not err and "done" or err.code .. ": " .. err.message))
        began = clock.now().ms
      end
      ends("names", function () return doppler.names { environment = e } end)
      ends("set", function () return doppler.set { environment = e, name = "MIN_APP_VERSION_IOS",
        value = "1.3.0", plain = true } end)
      ends("get", function () return doppler.get { environment = e, name = "API_CLIENT_KEY" } end)
    end,
  },
}
