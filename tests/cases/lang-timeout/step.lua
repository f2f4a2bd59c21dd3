-- A step is cut short in the middle of a primitive, also within pcall; a retry has time anew.
return pipeline "step" {
  version = "1.0.0",
  step "s" {
    timeout = "10s", retry = { times = 1, first = "5s" },
    run = function ()
      log.info "begins"
      while true do pcall(clock.sleep, { duration = "1m" }) end
    end,
  },
}
