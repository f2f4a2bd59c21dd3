return pipeline "readonly" { version = "1.0.0", step "a" { run = function () fs.write { path = "written", content = "x" } end } }
