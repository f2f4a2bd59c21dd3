return pipeline "more" {
  version = "1.0.0",
  gate "approvers" { ask = "?", approvers = 2, timeout = "1s" },
  gate "empty" { ask = "", confirm = "" },
  manual "m" { aks = "x" },
  wait "w" { every = "1ms", assume = nil },
  parallel "p" {},
  parallel "q" { titel = "x", 5, step "half" },
  each "e" { key = 1, at_once = 0, step "s" { run = function () end } },
  each "f" { over = {}, at_once = 2000 },
  step "bad id" { run = function () end },
  step "12" { run = function () end },
}
