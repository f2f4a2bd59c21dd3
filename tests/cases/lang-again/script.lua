-- A step sends the run back: attempts are numbered, and what rested on the earlier
-- ones is void.
return pipeline "again" {
  version = "1.0.0",
  step "before" { run = function (r)
    proc.run { argv = { "sh", "-c", "echo before >>ran" } }
    return r.attempt
  end },
  step "make" { run = function (r)
    proc.run { argv = { "sh", "-c", "echo make >>ran" } }
    return { n = r.attempt }
  end },
  each "part" { over = { "x", "y" }, step "build" { run = function (r) return r.name .. r.attempt end } },
  step "check" { run = function (r)
    if r.out.make.n < 3 then
      pcall(again, "make", "attempt " .. r.out.make.n .. " is not good")
      log.info "never said"
    end
    return "ok"
  end },
  step "last" { run = function (r)
    log.info(json.encode { r.out.make.n, r.out.before, r.attempt, r.out.part })
  end },
}
