return pipeline "token" {
  version = "1.0.0",
  params = { what = choice { "read", "write", "old" } },
  step "look" {
    run = function () return appstore.app {}.name .. ", " .. #appstore.builds {} .. " builds" end,
  },
  step "then" {
    run = function (r)
      log.info(r.out.look)
      if r.params.what == "old" then
        clock.sleep "2h"
        log.info("two hours later: " .. #appstore.groups {})
      elseif r.params.what == "write" then
        appstore.add_to_group { build = appstore.builds {}[1].id, group = "Nobody yet" }
        log.info(appstore.create_version { version = "2.0" }.state)
      end
    end,
  },
}
