-- One thing of each kind; `what` says which.
local function head(name)
  return github.read_ref { ref = "heads/" .. (name or "main") }.sha
end

local function run_of(file)
  return github.runs { workflow = file, first = 1 }[1]
end

local things = {
  review = function ()
    return github.review_deployment { id = run_of("guarded.yml").id, environment = "production",
      approve = true }
  end,
  merge = function ()
    return github.merge { number = 12, sha = head "feature/plan-export" }.merged
  end,
  verdict = function ()
    local v = github.verdict { sha = head(), branch = "main", names = { "ci-gate" } }
    return { v.state, v.complete, v.checks[1].conclusion }
  end,
  pulls = function () return #github.pulls {} end,
  log = function ()
    return github.job_log { id = github.jobs { id = run_of("ci.yml").id }[1].id }
  end,
  deployment = function ()
    return github.create_deployment { sha = head(), environment = "staging" }
  end,
  attempts = function ()
    local run = run_of "deploy-production.yml"
    github.rerun { id = run.id }
    local first = github.run_attempt { id = run.id, attempt = 1 }
    local _, err = try(github.run_attempt, { id = run.id, attempt = 3 })
    return { first.attempt, first.conclusion, github.run { id = run.id }.status, err.code }
  end,
  stuck = function ()
    local run = run_of "stuck.yml"
    github.cancel { id = run.id }
    local still = github.run { id = run.id }.status
    github.force_cancel { id = run.id }
    local _, err = try(github.force_cancel, { id = run.id })
    return { still, github.run { id = run.id }.conclusion, err.code }
  end,
}

return pipeline "settles" {
  version = "1.0.0",
  params = { what = text },
  step "look" {
    effect = "irreversible",
    run = function (r) log.info(json.encode(things[r.params.what]())) end,
  },
}
