-- What is asked again, what is waited for, and what ends it.
return pipeline "limits" {
  version = "1.0.0",
  params = { what = choice { "read", "write", "pages", "hour" } },
  step "go" {
    run = function (r)
      local before = clock.now {}.ms
      if r.params.what == "write" then
        log.info(appstore.create_version { version = "2.0" }.version)
      elseif r.params.what == "pages" then
        local list = appstore.builds { first = 500 }
        log.info(("%d builds, %s to %s"):format(#list, list[1].build, list[#list].build))
        log.info("next " .. appstore.next_build_number {}.next)
      elseif r.params.what == "hour" then
        for i = 1, 14 do
          appstore.groups { as = "look " .. i }
        end
      else
        log.info(appstore.live {}.version)
      end
      log.info(("took %d s"):format((clock.now { as = "end" }.ms - before) // 1000))
    end,
  },
}
