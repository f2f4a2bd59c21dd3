return pipeline "needs" {
  version = "1.0.0",
  step "a" { needs = "c", run = function () end },
  step "b" { needs = { "x", "bb" }, run = function () end },
  parallel "p" {
    step "p1" { run = function () end },
    step "p2" { needs = "p1", run = function () end },
    each "inner" { over = { 1 }, step "deep" { needs = "p1", run = function () end } },
  },
  each "e" { over = { 1 }, step "e1" { run = function () end }, step "e2" { needs = "e1", run = function () end } },
  step "c" { needs = { "e1", "p1", "p" }, run = function () end },
  step "b" { run = function () end },
}
