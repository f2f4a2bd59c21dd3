local function refused(verb, o)
  o.environment = o.environment or "production"
  local _, err = try(doppler[verb], o)
  log.info(err.code .. ": " .. err.message:gsub(("%x"):rep(8) .. "%-[%x%-]+", "SLUG"))
end

return pipeline "refused" {
  version = "1.0.0",
  step "refused" {
    effect = "write",
    run = function ()
      refused("create_webhook", { name = "plain", url = "http://hooks.impulseai.app/" })
      refused("create_webhook", { name = "release", url = "https://elsewhere.impulseai.app/" })
      refused("create_webhook", { name = "none", url = "https://hooks.impulseai.app/",
        configs = { "nowhere" } })
      refused("create_webhook", { name = "bad", url = "https://hooks.impulseai.app/", payload = "{" })
      refused("disable_webhook", { webhook = "none" })
    end,
  },
}
