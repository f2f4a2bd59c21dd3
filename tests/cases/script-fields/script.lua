-- Each kind of step with fields missing, misspelt and of the wrong type: all told at once.
return pipeline "fields" {
  version = "1.0.0",
  step "no-run" {},
  step "misspelt" { rn = function () end, run = function () end },
  step "types" { run = "x", title = 7, when = true, verify = 1, undo = {}, needs = 3, retry = "often", timeout = "soon", effect = "strong" },
  step "durations" { run = function () end, timeout = "0s" },
  step "retries" { run = function () end, retry = { times = 0 } },
  step "retries2" { run = function () end, retry = { tims = 3 } },
  gate "no-ask" {},
}
