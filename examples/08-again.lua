-- Teaches: going back.
--
-- again("candidate", "why") sends the run back to that step. It is attempted a second
-- time, and so is every step after it, up to the one that asked: what rested on the
-- first attempt counts no more. Both attempts stay in the journal.
--
-- In this world a commit lands on main as soon as staging runs the first one:
--
--   pipe run examples/08-again.lua --sim=tests/worlds/main-moves.yaml
--   pipe log

local function head()
  return git.ls_remote { remote = "origin" }["refs/heads/main"]
end

return pipeline "again" {
  version = "1.0.0",
  summary = "Takes a candidate until nobody overtakes it",

  step "candidate" {
    title = "What is on main now",
    effect = "read",
    run = function () return { commit = head() } end,
  },

  wait "staging" {
    title = "Staging runs it",
    every = "5s",
    timeout = "20m",
    ready = function (r)
      local runs = http.get "https://api-stg.impulseai.app/health".json.commit
      return runs == r.out.candidate.commit, "staging runs " .. string.sub(runs, 1, 7)
    end,
  },

  step "still-true" {
    title = "Nobody overtook it",
    effect = "read",
    run = function (r)
      local now = head()
      if now ~= r.out.candidate.commit then
        again("candidate", "main moved to " .. string.sub(now, 1, 7))
      end
      log.info(string.sub(now, 1, 7) .. " stayed, at attempt " .. r.attempt)
    end,
  },
}
