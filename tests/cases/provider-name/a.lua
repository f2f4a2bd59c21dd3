return pipeline "x" { version = "1.0.0", step "s" { run = function () return railway.scope { environment = "staging" } end } }
