-- Gates side by side and in members: each is asked for itself.
return pipeline "several" {
  version = "1.0.0",
  parallel "p" {
    gate "left" { ask = "Left?" },
    step "work" { run = function () return "worked" end },
    each "region" { over = { "eu", "us" }, at_once = 2, gate "ok" { ask = function (r) return r.name .. "?" end },
      step "go" { run = function (r) log.info(r.name .. " " .. r.out.ok.answer) end } },
  },
  step "after" { run = function (r) log.info(r.out.work) end },
}
