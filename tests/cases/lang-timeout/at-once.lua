-- The time is up in one of several: the others end.
return pipeline "at-once" {
  version = "1.0.0",
  parallel "p" {
    wait "slow" { every = "1s", timeout = "5s", ready = function () return false, "nothing" end },
    step "quick" { run = function () clock.sleep "8s" return 1 end },
  },
  step "after" { run = function () end },
}
