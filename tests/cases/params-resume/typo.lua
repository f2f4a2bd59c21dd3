return pipeline "typo" {
  version = "1.0.0",
  params = { name = text {} },
  step "a" { run = function (r) return r.params.nmae end },
}
