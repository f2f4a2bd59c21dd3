-- Every kind of filter, for pushes to branches and of tags.
local function told(title, f)
  log.info("== " .. title)
  for _, w in ipairs(f.workflows) do
    local name = w.file:match("[^/]+$")
    log.info(("%-20s %-7s %d %s"):format(name, tostring(w.starts), w.line, w.why))
    for _, m in ipairs(w.mentions) do
      log.info(("    %s at %s:%d via %s, in %s"):format(m.text, m.file, m.line, m.via or "-", m.environment or "-"))
    end
    for _, c in ipairs(w.calls) do
      log.info(("    calls %s: %s"):format(c.file, c.problem or "read"))
    end
    for _, j in ipairs(w.jobs) do
      if j.condition then
        log.info(("    job %s if %s"):format(j.id, j.condition))
      end
    end
  end
end

return pipeline "filters" {
  version = "1.0.0",
  step "look" {
    run = function ()
      git.fetch {}
      local docs, code = git.resolve { at = "origin/docs" }, git.resolve { at = "origin/code" }
      told("docs to main", forecast.push { branch = "main", commit = docs })
      local before = git.resolve { at = "origin/main" }
      for _, w in ipairs(forecast.push { branch = "main", commit = code, before = before }.workflows) do
        if w.file:find("paths") then
          log.info("code: " .. w.file:match("[^/]+$") .. " " .. tostring(w.starts) .. " " .. w.why)
        end
      end
      for _, name in ipairs { "release/1-alpha", "release/1" } do
        for _, w in ipairs(forecast.push { branch = name, commit = docs }.workflows) do
          if w.file:find("[ejp]%-") and not w.file:find("[fh]%-") then
            log.info(name .. ": " .. w.file:match("[^/]+$") .. " " .. tostring(w.starts) .. " " .. w.why)
          end
        end
      end
      local quiet = forecast.push { branch = "main", commit = "origin/quiet" }
      log.info("quiet: " .. tostring(quiet.workflows[1].starts) .. " " .. quiet.workflows[1].why)
      local same = forecast.push { branch = "main", commit = before }
      log.info("same: " .. tostring(same.workflows[1].starts) .. " " .. same.workflows[1].why)
      told("a tag", forecast.tag { tag = "v9.0", commit = docs })
      local bad = select(2, try(forecast.push, { branch = "main", commit = "nonsense" }))
      log.info(bad.code)
    end,
  },
}
