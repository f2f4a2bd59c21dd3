-- What tag v1.5.0 would start, told before it is made; then it is made, and it is so.
local function told(f)
  for _, w in ipairs(f.workflows) do
    log.info(("%s:%d %s %s"):format(w.file, w.line, tostring(w.starts), w.why))
    for _, m in ipairs(w.mentions) do
      log.info(("  %s:%d %s: %s%s"):format(m.file, m.line, m.kind, m.text, m.production and " (production)" or ""))
    end
  end
  for _, c in ipairs(f.collisions) do
    log.info("collision: " .. c.text)
    assert(c.migrates and #c.migrations == 1 and c.migrations[1].environment == "production")
  end
end

return pipeline "tag" {
  version = "1.0.0",
  step "forecast" {
    run = function ()
      local head = git.resolve { at = "main" }
      told(forecast.tag { tag = "v1.5.0", commit = head })
      log.info "an old one:"
      told(forecast.tag { tag = "v1.4.2", commit = "v1.4.2" })
      local four = forecast.tag { tag = { "v2", "v3", "v4", "v5" }, commit = head }
      log.info("four at once: " .. four.workflows[3].why .. ", " .. #four.collisions .. " collisions")
      local dry = github.create_tag { name = "v1.5.0", sha = head }
      log.info("made: " .. tostring(dry.created))
      told(forecast.tag { tag = "v1.5.0", commit = head })
      log.info("on github: " .. tostring(github.read_ref { ref = "tags/v1.5.0" }.sha == head))
    end,
  },
  wait "runs" {
    every = "5s", timeout = "1m", assume = {},
    ready = function (r)
      local list = github.runs { event = "push", branch = "v1.5.0" }
      return #list == 2 and { list[1].workflow, list[2].workflow } or nil, #list .. " runs"
    end,
  },
  step "end" {
    run = function (r)
      for _, name in ipairs(r.out.runs or {}) do
        log.info("started: " .. name)
      end
    end,
  },
}
