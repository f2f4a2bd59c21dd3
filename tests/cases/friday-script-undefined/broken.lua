return pipeline "broken" { version = "1.0.0",
  step "one" { run = function () return 1 end },
  step "two" { run = function () git_push {} end, title = titel },
}
