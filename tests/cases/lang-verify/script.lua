return pipeline "verify" {
  version = "1.0.0",
  step "a" {
    run = function ()
      proc.run { argv = { "sh", "-c", "echo ran >>ran" } }
      return { made = 7 }
    end,
    verify = function () return fs.exists { path = "count" } end,
  },
  step "b" { run = function (r) log.info(json.encode(r.out.a)) end },
}
