-- Parameters are the same on a resume, also whole numbers beyond what JSON holds.
return pipeline "resume" {
  version = "1.0.0",
  params = { big = integer {}, words = text {}, on = flag {}, none = text { optional = true } },
  gate "g" { ask = "Go on?" },
  step "a" { run = function (r)
    log.info(math.type(r.params.big) .. " " .. r.params.big .. " " .. r.params.words .. " " .. tostring(r.params.on)
      .. " " .. tostring(r.params.none))
  end },
}
