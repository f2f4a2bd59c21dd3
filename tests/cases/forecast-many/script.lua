return pipeline "many" {
  version = "1.0.0",
  step "look" {
    run = function ()
      local f = forecast.push { branch = "main", commit = "origin/many", before = git.resolve { at = "origin/main" } }
      log.info(f.changed_files .. " files")
      for _, w in ipairs(f.workflows) do
        if w.file:find("path") then
          log.info(("%s %s %s"):format(w.file:match("[^/]+$"), tostring(w.starts), w.why))
        end
      end
    end,
  },
}
