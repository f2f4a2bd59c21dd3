-- verify fails twice; with retry the third look holds.
return pipeline "retry" {
  version = "1.0.0",
  step "a" {
    retry = { times = 3, first = "1m", max = "2m" },
    run = function ()
      proc.read { argv = { "sh", "-c", "echo x >>tries" } }
      return "made"
    end,
    verify = function ()
      proc.read { argv = { "sh", "-c", "echo y >>looks" } }
      return #fs.read { path = "looks" } > 6
    end,
  },
  step "b" { run = function (r) log.info(r.out.a) end },
}
