-- One write of App Store Connect, chosen by its name.
local v = "1.4.3"

local writes = {
  compliance = function (b) return appstore.set_export_compliance { build = b,
    uses_non_exempt_encryption = false } end,
  group = function (b) return appstore.add_to_group { build = b, group = "Beta testers" } end,
  beta = function (b) return appstore.submit_beta_review { build = b } end,
  create = function () return appstore.create_version { version = v } end,
  attach = function (b) return appstore.attach_build { version = v, build = b } end,
  submit = function () return appstore.submit { version = v } end,
  withdraw = function () return appstore.withdraw { version = v } end,
  release = function () return appstore.release { version = v } end,
  start = function () return appstore.start_phased { version = v } end,
  pause = function () return appstore.pause_phased { version = v } end,
  resume = function () return appstore.resume_phased { version = v } end,
  expire = function (b) return appstore.expire_build { build = b } end,
  update = function () return appstore.update_version { version = v, new_version = "1.4.4",
    release_type = "AFTER_APPROVAL" } end,
  cancel = function () return appstore.cancel_phased { version = v } end,
  complete = function () return appstore.complete_phased { version = v } end,
}

return pipeline "one" {
  version = "1.0.0",
  params = { verb = text },
  step "look" {
    run = function () return appstore.builds { version = v, build = "213" }[1].id end,
  },
  step "write" {
    effect = "irreversible",
    run = function (r)
      local result = writes[r.params.verb](r.out.look)
      log.info("result: " .. (result.state or result.group) .. " " .. (result.words or ""))
    end,
  },
}
