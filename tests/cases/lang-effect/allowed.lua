return pipeline "allowed" {
  version = "1.0.0",
  step "locks" { effect = "locks-out", run = function ()
    proc.run { argv = { "true" }, effect = "locks-out" }
    proc.run { argv = { "true" }, effect = "irreversible" }
    proc.run { argv = { "true" } }
    proc.run { argv = { "true" }, effect = "read" }
  end },
  step "pure" { run = function () proc.run { argv = { "true" }, effect = "pure" } end },
}
