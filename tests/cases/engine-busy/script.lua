return pipeline "busy" { version = "1.0.0", step "a" { run = function () proc.read { argv = { "sh", "-c", "touch begun; cat held" } } end } }
