return pipeline "broken" { version = "1.0.0",
  step "one" { run = function () while true do end end },
}
