return pipeline "check" {
  version = "1.0.0",
  params = { x = text { check = function () while true do end end } },
  step "a" { run = function () end },
}
