-- What the handbook does by hand: check, bump, beta, wait, promote, wait.
return pipeline "ios" {
  version = "1.0.0",
  step "check" {
    effect = "read",
    run = function ()
      local lane = fastlane.check { lane = "preflight" }
      log.info(("%s: %d s, %d steps, the last is %s"):format(lane.lane, lane.seconds, #lane.steps,
        lane.steps[#lane.steps].name))
    end,
  },
  step "bump" {
    run = function ()
      local b = fastlane.bump { type = "patch" }
      log.info(("%s to %s, %s"):format(b.before, b.version, b.tag))
    end,
  },
  step "beta" {
    run = function ()
      local lane = fastlane.beta {}
      log.info(("%s (%s)"):format(lane.version, lane.build))
      return { version = lane.version }
    end,
  },
  wait "processed" {
    every = "1m", timeout = "2h", assume = {},
    ready = function (r)
      local b = appstore.builds { version = r.out.beta.version }[1]
      return b and b.phase == "good" and { build = b.build }, b and b.state or "not there yet"
    end,
  },
  step "promote" {
    run = function () log.info(fastlane.lane { lane = "promote" }.lane) end,
  },
  wait "approved" {
    every = "1h", timeout = "3d", assume = {},
    ready = function (r)
      local v = appstore.version { version = r.out.beta.version }
      return v and v.phase ~= "moving" and { state = v.state }, v and v.state
    end,
  },
  step "then" {
    run = function (r)
      log.info(r.out.approved.state or "assumed")
      log.info("tests: " .. fastlane.check { lane = "test", bundle = false,
        options = { devices = "iPhone 17", clean = true } }.lane)
    end,
  },
}
