return pipeline "other" { version = "1.0.0", step "a" { run = function () end } }
