return pipeline "when" {
  version = "1.0.0",
  step "a" { when = function () return false end, run = function () fail "reached" end },
  step "b" { when = function (r) return r.out.a == nil end, run = function () return 1 end },
  parallel "p" { when = function () return nil end, step "p1" { run = function () fail "reached" end } },
  each "e" { when = function () return false end, over = function () fail "reached" end, step "e1" { run = function () end } },
  gate "g" { when = function () return false end, ask = "never asked" },
  wait "w" { when = function () return false end, ready = function () fail "reached" end },
  step "c" { run = function (r) log.info(json.encode { r.out.a == nil, r.out.b, r.out.p == nil, r.out.p1 == nil, r.out.e == nil, r.out.g == nil }) end },
}
