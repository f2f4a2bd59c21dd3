-- Teaches: waiting, and asking a person.
--
-- A wait looks again and again until its `ready` returns something other than nil
-- or false. A gate asks; where nobody is there to answer, the run ends with exit
-- code 5, costs nothing, and goes on with `pipe resume` after `pipe approve`.
-- In the simulated world (--sim) an hour passes in no time.
--
--   pipe run examples/04-wait-and-gate.lua --sim --no-input
--   pipe approve
--   pipe resume

return pipeline "wait-and-gate" {
  version = "1.0.0",
  summary = "Waits for staging, then asks",

  step "want" {
    title = "The commit that staging should run",
    effect = "read",
    run = function ()
      return { commit = git.ls_remote { remote = "origin" }["refs/heads/main"] }
    end,
  },

  wait "staging" {
    title = "Staging runs it",
    every = "10s",
    timeout = "20m",
    ready = function (r)
      local health = http.get "https://api-stg.impulseai.app/health"
      if health.json.commit == r.out.want.commit then return { version = health.json.version } end
      return false, "staging runs " .. string.sub(health.json.commit, 1, 7)
    end,
    assume = { version = "(known later)" },   -- what a dry-run goes on with
  },

  gate "tested" {
    title = "A person tested it",
    ask = function (r) return "Does staging work, version " .. r.out.staging.version .. "?" end,
  },

  step "thanks" {
    effect = "read",
    run = function (r)
      log.info("tested: " .. (r.out.tested.comment or "without a comment"))
    end,
  },
}
