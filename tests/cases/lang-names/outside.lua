return pipeline "outside" {
  version = "1.0.0",
  step "a" { run = function () log.info("one", "two") end },
}
