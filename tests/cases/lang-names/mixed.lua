return pipeline "mixed" {
  version = "1.0.0",
  step "a" { run = function () proc.read { argv = { "true" }, as = 7 } end },
}
