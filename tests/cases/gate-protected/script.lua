return pipeline "p" { version = "1.0.0", params = { env = choice { "staging", "production" } }, step "a" { run = function (r) return r.env.branch end } }
