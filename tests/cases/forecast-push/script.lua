-- The promotion: what the push to production starts, and in which order.
return pipeline "push" {
  version = "1.0.0",
  step "forecast" {
    run = function ()
      local f = forecast.push { branch = "production", commit = "origin/main" }
      for _, w in ipairs(f.workflows) do
        log.info(("%s %s %s:%d"):format(tostring(w.starts), w.name, w.file, w.line))
      end
      for _, d in ipairs(f.deployments) do
        log.info(("%s deploys %s of %s, waits %s: %s"):format(d.provider, d.environment, d.branch, tostring(d.wait_for_ci), d.why))
      end
      for _, c in ipairs(f.collisions) do
        log.info(c.kind .. ": " .. c.text)
      end
      for i = 2, #f.notes do
        log.info("note: " .. f.notes[i])
      end
      log.info(f.changed_files .. " files")
    end,
  },
  step "push" {
    run = function (r)
      local head = git.resolve { at = "origin/main" }
      git.push { branch = "production", commit = head }
      local f = forecast.push { branch = "production", commit = head }
      log.info("then: " .. f.workflows[1].why .. ", " .. #f.deployments .. " deployments")
    end,
  },
}
