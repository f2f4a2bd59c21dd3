-- Each way of being in the middle of something when a signal comes.
local function busy(r, run)
  return run { argv = { "sh", "-c", "touch begun; while [ ! -e release ]; do sleep 0.01; done; echo done >>written" } }
end
return pipeline "signals" {
  version = "1.0.0",
  params = { how = text },
  step "write" { when = function (r) return r.params.how == "write" end, run = function (r) busy(r, proc.run) log.info "behind" end },
  step "read" { when = function (r) return r.params.how == "read" end, run = function (r) return busy(r, proc.read).exit end },
  step "loop" { when = function (r) return r.params.how == "loop" end, run = function (r)
    proc.run { argv = { "touch", "begun" } }
    for _ = 1, 2000 do fs.exists { path = "release" } clock.sleep "1ms" end
  end },
  step "pcall" { when = function (r) return r.params.how == "pcall" end, run = function (r)
    for _ = 1, 3 do pcall(busy, r, proc.read) end
    proc.run { argv = { "sh", "-c", "echo behind >>written" } }
  end },
  wait "wait" { when = function (r) return r.params.how == "wait" end, every = "100ms",
    ready = function () proc.read { argv = { "touch", "begun" } } return fs.exists { path = "release" }, "not yet" end },
  parallel "parallel" { when = function (r) return r.params.how == "parallel" end,
    step "one" { run = function (r) busy(r, proc.run) end }, step "two" { run = function (r) busy(r, proc.read) end } },
  step "after" { run = function () proc.run { argv = { "sh", "-c", "echo after >>written" } } end },
}
