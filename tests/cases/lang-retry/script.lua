-- retry: how often, how long between, and what is never tried again.
return pipeline "retry" {
  version = "1.0.0",
  params = { how = text {} },
  step "a" {
    retry = { times = 4, first = "10s", max = "30s" },
    when = function () return true end,
    run = function (r)
      local how, began = r.params.how, clock.now()
      log.info("try at " .. clock.text(began.ms))
      if how == "script" then error "a mistake" end
      if how == "refuse" then refuse "not today" end
      if how == "option" then clock.now { zone = "x" } end
      if how == "ceiling" then proc.run { argv = { "true" }, effect = "irreversible" } end
      if how == "unknown" then error { code = "x.lost", message = "lost", unknown = true } end
      if how == "never" then fail "never" end
      if how == "long" and began.ms < clock.parse "2026-11-20T14:01:00Z" then fail "too early" end
      return how
    end,
  },
  step "end" { run = function () end },
}
