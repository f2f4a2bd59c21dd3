return pipeline "rules" { version = "1.0.0", params = { verb = text },
  step "go" { run = function (r)
    local out = q[r.params.verb] {}
    log.info(json.encode(out == nil and "nothing" or out))
  end } }
