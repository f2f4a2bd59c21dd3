return pipeline "needs" {
  version = "1.0.0",
  step "a" { when = function () return false end, run = function () end },
  step "b" { needs = "a", retry = 3, run = function () end },
}
