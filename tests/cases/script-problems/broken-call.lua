return pipeline "call" {
  version = "1.0.0",
  step "a" { run = function () end }
  step "b" { run = function () end },
}
