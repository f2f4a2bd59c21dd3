-- Another try that would write something else under the same name is refused, not retried.
return pipeline "retried" {
  version = "1.0.0",
  step "a" { retry = 3, run = function ()
    local now = clock.now().ms
    proc.run { argv = { "sh", "-c", "echo " .. now .. " >>written" } }
    fail "afterwards"
  end },
}
