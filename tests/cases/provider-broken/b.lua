return pipeline "x" { version = "1.0.0", step "s" { run = function () return broken_syntax.go {} end } }
