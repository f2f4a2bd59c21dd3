local parts = require "lib.parts"
return pipeline "library" { version = "1.0.0", parts.one, step "a" { run = function () end } }
