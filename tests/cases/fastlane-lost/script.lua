return pipeline "lost" {
  version = "1.0.0",
  params = { verb = choice { "beta", "bump", "promote", "other" } },
  step "go" {
    run = function (r)
      local verb, result = r.params.verb, nil
      if verb == "beta" then
        result = fastlane.beta { timeout = "3h" }
      elseif verb == "bump" then
        result = fastlane.bump { type = "patch" }
      else
        result = fastlane.lane { lane = verb }
      end
      log.info(("%s %s"):format(result.version, result.build or result.tag))
    end,
  },
}
