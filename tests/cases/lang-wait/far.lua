-- Looks far apart end the process; who comes behind the time looks once all the same.
return pipeline "far" {
  version = "1.0.0",
  wait "w" { every = "1h", timeout = "200ms", ready = function () return fs.exists { path = "there" }, "not there" end },
}
