-- The same name twice for one primitive in a step is a mistake; names keep keys stable.
return pipeline "names" {
  version = "1.0.0",
  step "good" { run = function ()
    proc.read { argv = { "true" }, as = "one" }
    proc.read { argv = { "true" }, as = "two" }
    proc.run { argv = { "true" }, as = "one" }
  end },
  step "twice" { run = function ()
    proc.read { argv = { "true" }, as = "one" }
    proc.read { argv = { "false" }, as = "one" }
  end },
}
