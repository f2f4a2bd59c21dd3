return pipeline "unused" { version = "1.0.0", step "a" { run = function () return gti.push {} or os.time() or io.open "x" end } }
