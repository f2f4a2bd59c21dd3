return pipeline "trouble" {
  version = "1.0.0",
  params = { lane = text {}, verb = choice { "lane", "check", "beta" } },
  step "go" {
    run = function (r)
      local o = r.params.verb ~= "beta" and { lane = r.params.lane } or {}
      local result, err = try(fastlane[r.params.verb], o)
      if err then
        log.info(err.code .. ": " .. err.message)
      else
        log.info("done, report: " .. tostring(result.report) .. ", " .. #result.steps .. " steps, "
          .. tostring(result.version) .. " " .. tostring(result.build))
      end
    end,
  },
}
