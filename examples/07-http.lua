-- Teaches: a request that pipe knows nothing about.
--
-- A bare http.post could do anything: a dry-run cannot tell what it would change,
-- and after a crash nobody knows whether it arrived. So its author says both at
-- the call: `predict` gives the result that a dry-run goes on with, `probe` looks
-- whether it happened. A probe that is not sure returns nothing: the run ends with
-- exit code 6, and a person says what happened (`pipe decide`). A new run may take
-- seconds to be listed, so its absence proves nothing.
-- A secret is never text: it goes into a list of parts.
--
--   pipe run examples/07-http.lua --sim --dry-run
--   pipe run examples/07-http.lua --sim
--   pipe sim ledger

local runs = "https://api.github.com/repos/impulse/impulse/actions/workflows/db-deploy.yml/runs"

local function count()
  return http.get {
    url = runs,
    headers = { Authorization = { "Bearer ", secret.get "github" } },
  }.json.total_count
end

return pipeline "http" {
  version = "1.0.0",
  summary = "Starts a workflow by hand",
  uses = { "github" },   -- the credential must be there before the run begins

  step "before" {
    effect = "read",
    run = function () return { runs = count() } end,
  },

  step "start" {
    title = "Start the workflow",
    effect = "irreversible",
    run = function (r)
      http.post {
        url = "https://api.github.com/repos/impulse/impulse/actions/workflows/db-deploy.yml/dispatches",
        headers = { Authorization = { "Bearer ", secret.get "github" } },
        json = { ref = "main" },
        effect = "irreversible",
        predict = function ()
          return { sign = "+", before = r.out.before.runs .. " runs", after = "one more",
            result = { status = 204 } }
        end,
        probe = function ()
          if count() > r.out.before.runs then return { happened = true, result = { status = 204 } } end
        end,
      }
    end,
  },
}
