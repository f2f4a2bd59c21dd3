-- Every kind of step, and what the last one sees of those before it.
return pipeline "kinds" {
  version = "1.0.0",
  summary = "every kind",
  step "a" { title = "A step", run = function () return { x = 1 } end },
  gate "g" { ask = "Go on?" },
  manual "m" {
    ask = function (r) return "Tell " .. r.out.a.x end,
    verify = function () return true end,
  },
  wait "w" {
    every = "1s", timeout = "10s",
    ready = function (r)
      local ready = r.out.a.x == 1 and clock.now().ms > 0
      return ready and { seen = true }, "looking"
    end,
  },
  parallel "p" {
    step "p1" { run = function () clock.sleep "2s"; log.info "p1"; return 1 end },
    step "p2" { run = function () clock.sleep "1s"; log.info "p2"; return 2 end },
  },
  each "e" {
    over = function () return { { id = "x", n = 1 }, { id = "y", n = 2 } } end,
    key = "id", at_once = 2,
    step "e1" { run = function (r) return r.member.n * 10 end },
    step "e2" { run = function (r) return r.name .. r.out.e1 end },
  },
  step "none" { run = function () end },
  step "last" {
    needs = { "a", "p", "e" },
    run = function (r)
      log.info(json.encode { r.out.a, r.out.g.answer, r.out.m.how, r.out.w, r.out.p, r.out.e })
      log.info(type(r.out.none))
    end,
  },
}
