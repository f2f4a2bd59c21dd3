return pipeline "torn" {
  version = "1.0.0",
  step "a" { run = function () proc.run { argv = { "sh", "-c", "echo a >>written" } } return 1 end },
  gate "g" { ask = "Go on?" },
  step "b" { run = function (r) return r.out.a end },
}
