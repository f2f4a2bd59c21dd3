local function say(name, f, o)
  local lane, err = try(f, o)
  if err then
    log.info(("%s -> %s%s: %s"):format(name, err.code, err.unknown and " (unknown)" or "",
      err.message))
  else
    local steps = {}
    for i, step in ipairs(lane.steps) do
      steps[i] = ("%s %.1f%s"):format(step.name, step.seconds, step.failed and " failed" or "")
    end
    log.info(("%s -> %s; %s; %s %s"):format(name, table.concat(steps, ", "),
      tostring(lane.report), tostring(lane.version), tostring(lane.build)))
  end
end

return pipeline "live" {
  version = "1.0.0",
  params = { what = choice { "all", "no-bundle", "no-directory" } },
  step "go" {
    run = function (r)
      if r.params.what == "no-directory" then
        say("elsewhere", fastlane.check, { lane = "test", directory = "nowhere" })
        say("outside", fastlane.check, { lane = "test", directory = "../app" })
        return
      end
      say("test", fastlane.check, { lane = "test", env = { TEAM = "A",
        MATCH_PASSWORD = secret.get "match" }, options = { clean = true, scheme = "A:B", n = 3 } })
      if r.params.what == "all" then
        say("quiet", fastlane.lane, { lane = "quiet" })
        say("numbers", fastlane.lane, { lane = "numbers" })
        say("fails", fastlane.lane, { lane = "fails", env = { FAILURE = "<failure message=\"no &quot;profile&quot;\"/>" } })
        say("secret option", fastlane.lane, { lane = "quiet", options = { pass = { "x" } } })
        say("odd option", fastlane.lane, { lane = "quiet", options = { ["a b"] = "x" } })
      end
    end,
  },
  step "hangs" {
    when = function (r) return r.params.what == "all" end,
    effect = "read",
    run = function () say("hangs", fastlane.check, { lane = "doctor", env = { HANGS = "1" },
      timeout = "300ms" }) end,
  },
}
