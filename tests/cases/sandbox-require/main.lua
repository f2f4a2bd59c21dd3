local a, b = require "lib.team", require "lib.team"
return pipeline "main" { version = "1.0.0", step "a" { run = function () log.info(a.name .. tostring(rawequal(a, b))) end } }
