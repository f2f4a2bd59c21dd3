-- A write that is answered with a server error may have been made, whatever the provider calls it.
return pipeline "light" {
  version = "1.0.0",
  params = { path = text },
  step "light" { effect = "write", run = function (r) beacon.light { path = r.params.path } end },
}
