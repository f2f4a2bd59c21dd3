return {
  one = step "one" { title = 5, run = function () end },
}
