return step "a" { run = function () end }
