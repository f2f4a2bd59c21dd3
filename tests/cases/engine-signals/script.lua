-- Each way of being in the middle of something when a signal comes.
local function busy(run, name)
  return run { argv = { "sh", "-c", "touch begun; while [ ! -e " .. name .. " ]; do :; done; echo done >>written" } }
end
return pipeline "signals" {
  version = "1.0.0",
  params = { how = text },
  step "write" { when = function (r) return r.params.how == "write" end, run = function (r) busy(proc.run, "release") log.info "behind" end },
  step "read" { when = function (r) return r.params.how == "read" end, run = function (r) return busy(proc.read, "later").exit end },
  step "loop" { when = function (r) return r.params.how == "loop" end, run = function (r)
    proc.run { argv = { "touch", "begun" } }
    repeat clock.sleep "1ms" until fs.exists { path = "release" }
  end },
  step "endless" { when = function (r) return r.params.how == "endless" end, run = function ()
    proc.run { argv = { "touch", "begun" } }
    while not fs.exists { path = "release" } do for i = 1, 1e5 do local _ = i end end
    proc.run { argv = { "sh", "-c", "echo behind >>written" } }
  end },
  step "pcall" { when = function (r) return r.params.how == "pcall" end, run = function (r)
    for _ = 1, 3 do pcall(busy, proc.read, "later") end
    proc.run { argv = { "sh", "-c", "echo behind >>written" } }
  end },
  wait "wait" { when = function (r) return r.params.how == "wait" end, every = "100ms",
    ready = function () proc.read { argv = { "touch", "begun" } } return fs.exists { path = "release" }, "not yet" end },
  parallel "parallel" { when = function (r) return r.params.how == "parallel" end,
    step "one" { run = function (r) busy(proc.run, "release") end }, step "two" { run = function (r) busy(proc.read, "later") end } },
  step "after" { run = function () proc.run { argv = { "sh", "-c", "echo after >>written" } } end },
}
