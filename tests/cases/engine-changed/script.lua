-- A script that asks for something else when it is taken up again is stopped.
local counter = { n = 0 }
local function when_begun() counter.n = counter.n + 1 return tostring(counter.n) end
return pipeline "changed" {
  version = "1.0.0",
  step "before" { run = function () when_begun() end },
  step "a" { run = function ()
    -- State of the process, not of the run: it is gone after a crash.
    pcall(proc.run, { argv = { "echo", when_begun() } })
    proc.read { argv = { "sh", "-c", "[ ! -e first ] || { rm first; kill -9 $PPID; }" } }
    log.info "not reached: the run is stopped even if the script catches the error"
  end },
}
