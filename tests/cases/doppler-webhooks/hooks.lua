local e = "production"

local function say(what, hook)
  log.info(("%s: changed=%s enabled=%s"):format(what, tostring(hook.changed), tostring(hook.enabled)))
end

return pipeline "hooks" {
  version = "1.0.0",
  step "hooks" {
    effect = "write",
    run = function ()
      local o = { environment = e, name = "release", url = "https://hooks.impulseai.app/doppler?k=1",
        secret = secret.get { name = "hook" } }
      local made = doppler.create_webhook(o)
      say("made", made)
      say("again", doppler.create_webhook(o))
      say("off", doppler.disable_webhook { environment = e, webhook = "release" })
      for _, hook in ipairs(doppler.webhooks { environment = e }) do
        log.info(("%s at %s: %s"):format(hook.name, hook.host, tostring(hook.enabled)))
      end
      say("on", doppler.enable_webhook { environment = e, webhook = "release" })
      say("on again", doppler.enable_webhook { environment = e, webhook = made.slug })
    end,
  },
}
