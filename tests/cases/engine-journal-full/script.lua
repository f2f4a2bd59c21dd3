return pipeline "full" {
  version = "1.0.0",
  step "a" { run = function ()
    for i = 1, 8 do proc.run { argv = { "sh", "-c", "echo " .. i .. " >>written" } } end
  end },
}
