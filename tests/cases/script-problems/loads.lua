local now = clock.now()
return pipeline "loads" { version = "1.0.0", step "a" { run = function () end } }
