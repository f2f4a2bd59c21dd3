return pipeline "header" {
  versoin = "1.0.0",
  requires = "pipe >= 99",
  summary = 5,
  params = "none",
  uses = { 1 },
  lock = {},
  step "a" { run = function () end },
  nil,
  step "b" { run = function () end },
  false,
}
