return pipeline "linked" { version = "1.0.0", step "a" { run = function () end } }
