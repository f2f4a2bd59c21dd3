-- A forecast of a commit that only this dry-run has, and of one that is behind.
return pipeline "commit" {
  version = "1.0.0",
  step "commit" {
    run = function ()
      local c = git.commit { files = { "README.md" }, message = "notes", author = "A B <a@b.example>" }
      local f = forecast.push { branch = "main", commit = c.sha }
      log.info(tostring(f.workflows[1].starts) .. " " .. f.workflows[1].why)
      for _, d in ipairs(f.deployments) do
        log.info(d.provider .. " " .. d.environment)
      end
      for i = 2, #f.notes do
        log.info("note: " .. f.notes[i]:gsub("^[0-9a-f]+ does", "it does"))
      end
      local t = forecast.tag { tag = "v8", commit = c.sha }
      log.info("tag: " .. t.workflows[4].name .. " " .. tostring(t.workflows[4].starts))
    end,
  },
  step "back" {
    run = function ()
      local f = forecast.push { branch = "main", commit = "origin/production" }
      for i = 2, #f.notes do
        log.info("note: " .. f.notes[i])
      end
      f = forecast.tag { tag = "v1.4.2", commit = "origin/production" }
      log.info("note: " .. f.notes[2])
    end,
  },
}
