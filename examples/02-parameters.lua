-- Teaches: parameters.
--
-- Whoever starts a run gives its parameters as key=value. They are checked before
-- anything happens, all at once. A parameter called `env` picks an environment of
-- pipe.yaml: its part of the file is r.env.
--
--   pipe run examples/02-parameters.lua env=staging version=1.9.0
--   pipe run examples/02-parameters.lua env=moon version=one copies=0

return pipeline "parameters" {
  version = "1.0.0",
  summary = "Shows what it was told",

  params = {
    env = choice { "staging", "production", help = "where to" },
    version = version_text { range = ">=1.0", help = "what to release" },
    copies = integer { default = 1, min = 1, max = 9 },
    loud = flag,
    note = text { optional = true, max = 60 },
  },

  step "show" {
    title = "Show the parameters",
    effect = "read",
    run = function (r)
      local p = r.params
      local line = string.format("%d x %s to %s (%s)", p.copies, p.version, p.env, r.env.url)
      log.info(p.loud and string.upper(line) or line)
      if p.note then log.info("note: " .. p.note) end
      return { next = version.bump(p.version, "minor") }
    end,
  },
}
