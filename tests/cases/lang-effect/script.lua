-- Each step may use effects up to its class; what only looks may only read.
local function write() fs.write { path = "written", content = "x" } return true end
local function asked(r, what) return r.params.what == what and write() end
return pipeline "effect" {
  version = "1.0.0",
  params = { what = text {} },
  step "reads" { effect = "read", run = function (r) asked(r, "ceiling") end },
  step "locks" { effect = "irreversible", run = function (r)
    if r.params.what == "locks" then proc.run { argv = { "touch", "written" }, effect = "locks-out" } end
  end },
  step "when" { when = function (r) asked(r, "when") return true end, run = function () end },
  step "verify" { run = function () end, verify = function (r) asked(r, "verify") return true end },
  each "over" { over = function (r) asked(r, "over") return {} end, step "none" { run = function () end } },
  wait "ready" { ready = function (r) asked(r, "ready") return true end },
  parallel "p" { when = function (r) asked(r, "parallel") return true end, step "p1" { run = function () end } },
  gate "ask" { ask = function (r) asked(r, "ask") return "Is it?" end, when = function (r) return r.params.what == "ask" end },
}
