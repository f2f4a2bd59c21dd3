-- Workflow runs: what became of them, and running them again, cancelling, approving.
--
-- A run that is run again keeps its id and counts its attempts; for a moment reads may still
-- show the conclusion of the attempt before.

local host = ...

local api = host.require "github_api"
local checks = host.require "github_checks"
local some = api.some

local M = {}

local LAG = 20000

local function refuse(code, ...)
  host.raise(code, string.format(...), { refused = true })
end

M.SHAPE = { id = "integer", head_sha = "text", path = "text", event = "text", status = "text?",
  conclusion = "text?", run_attempt = "integer?", html_url = "text", created_at = "text" }

function M.shape(raw)
  local status, conclusion = some(raw.status), some(raw.conclusion)
  return {
    id = raw.id, name = some(raw.name), title = some(raw.display_title),
    workflow = raw.path:match("([^/@]+)@?[^/]*$"), event = raw.event, status = status,
    conclusion = conclusion, phase = checks.phase(status, conclusion), sha = raw.head_sha,
    branch = some(raw.head_branch), attempt = some(raw.run_attempt) or 1,
    actor = some(raw.actor) and raw.actor.login, url = raw.html_url, created_at = raw.created_at,
    started_at = some(raw.run_started_at), updated_at = some(raw.updated_at),
  }
end

--- Runs, newest first. o = { workflow, sha, branch, event, created, first, errors }
function M.list(o)
  local path = o.workflow and api.path("/actions/workflows/%s/runs", o.workflow)
    or api.path "/actions/runs"
  local out = host.json.array {}
  for i, raw in ipairs(api.pages({ path = path, conditional = o.created == nil,
    query = { head_sha = o.sha, branch = o.branch, event = o.event, created = o.created },
    errors = o.errors, where = "the runs of " .. (o.workflow or "the workflows") },
    "workflow_runs", o.first)) do
    out[i] = M.shape(raw)
  end
  return out
end

--- One run as GitHub shows it now.
function M.read(id)
  return M.shape(api.ask { path = api.path("/actions/runs/%s", id), conditional = true,
    where = "workflow run " .. id, shape = M.SHAPE })
end

local function job_of(raw)
  local status, conclusion = some(raw.status), some(raw.conclusion)
  return { id = raw.id, name = raw.name, status = status, conclusion = conclusion,
    phase = checks.phase(status, conclusion), attempt = some(raw.run_attempt),
    url = some(raw.html_url), started_at = some(raw.started_at),
    completed_at = some(raw.completed_at) }
end

local function list_jobs(o)
  local out = host.json.array {}
  for i, raw in ipairs(api.pages({ path = api.path("/actions/runs/%s/jobs", o.id),
    query = { filter = "latest" }, conditional = true, where = "workflow run " .. o.id },
      "jobs")) do
    out[i] = job_of(raw)
  end
  return out
end

-- A run that a dry-run predicted is not there to be read: it has not begun.
local function not_yet(id)
  return { id = id, status = "queued", phase = "moving", attempt = 1, predicted = true,
    failed = host.json.array {} }
end

local function read_run(o)
  if api.is_later(o.id) then
    return not_yet(o.id)
  end
  local run = M.read(o.id)
  if o.attempt and run.attempt < o.attempt then
    run.status, run.conclusion, run.phase, run.stale = "queued", nil, "moving", true
  end
  run.failed = host.json.array {}
  if run.phase == "bad" or run.phase == "unknown" then
    for _, job in ipairs(list_jobs(o)) do
      if job.conclusion and not checks.GOOD[job.conclusion] then
        run.failed[#run.failed + 1] = { name = job.name, conclusion = job.conclusion, id = job.id,
          url = job.url }
      end
    end
  end
  return run
end

-- An attempt of a run as it ended; it does not change any more once there is a newer one.
local function read_attempt(o)
  return M.shape(api.ask { path = api.path("/actions/runs/%s/attempts/%s", o.id, o.attempt),
    where = ("attempt %d of workflow run %d"):format(o.attempt, o.id), shape = M.SHAPE })
end

-- Logs ---------------------------------------------------------------------------------------

local function job_log(o)
  local where = "the log of job " .. o.id
  -- GitHub leads to another host, whose address is its own proof; the host leaves our token behind.
  local text = api.ask { path = api.path("/actions/jobs/%s/logs", o.id), where = where, raw = true,
    redirects = 3, timeout = "60s", errors = {
      [404] = { "github.no-log", "it has no log (yet), or the credential may not read it" },
      [410] = { "github.no-log", "its log is no longer kept" } } }
  local lines = host.json.array {}
  for line in text:gmatch("[^\r\n]+") do
    lines[#lines + 1] = line
  end
  local from = math.max(1, #lines - o.lines + 1)
  return { text = table.concat(lines, "\n", from), lines = #lines - from + 1, total = #lines }
end

-- Running again ------------------------------------------------------------------------------

local function run_target(o)
  return "run " .. o.id
end

local function check_over(run)
  if run.status ~= "completed" then
    refuse("github.running", "workflow run %s is %s: only one that is over can be run again",
      run.id,
      tostring(run.status))
  end
end

local function check_attempt(o, run)
  if o.attempt and run.attempt ~= o.attempt then
    refuse("github.attempt", "workflow run %s is at attempt %d, not %d: somebody ran it again",
      run.id,
      run.attempt, o.attempt)
  end
end

local function rerun_errors()
  return { [403] = { "github.running", "it runs, has nothing to run again, is too old, or the "
    .. "credential may not", refused = true } }
end

local function rerun(kind)
  return function (o)
    local run = M.read(o.id)
    check_attempt(o, run)
    check_over(run)
    api.ask { method = "POST", path = api.path("/actions/runs/%s/" .. kind, o.id),
      where = "running workflow run " .. o.id .. " again", errors = rerun_errors(),
      optional_body = true }
    return { id = o.id, attempt = run.attempt + 1, url = run.url }
  end
end

local function predict_rerun(failed)
  return function (o)
    local run = M.read(o.id)
    check_attempt(o, run)
    check_over(run)
    if failed and run.phase == "good" then
      refuse("github.nothing-failed", "workflow run %s has no failed jobs", o.id)
    end
    return { sign = "~", result = { id = o.id, attempt = run.attempt + 1, url = run.url },
      before = { attempt = run.attempt, conclusion = run.conclusion },
      after = { attempt = run.attempt + 1, status = "queued" } }
  end
end

-- An attempt that began after the request did is the one that was asked for.
local function probe_rerun(o, intent)
  local since = api.vendor_time(intent.began)
  local run = api.patiently(LAG, function ()
    local now = M.read(o.id)
    local began = now.started_at and host.time(now.started_at)
    return now.attempt > (o.attempt or 1) and began and began >= since and now or nil
  end)
  if run then
    return { happened = true, result = { id = o.id, attempt = run.attempt, url = run.url } }
  end
  return { happened = false }
end

-- Cancelling ---------------------------------------------------------------------------------

local OVER = { [409] = { "github.over", "it is over already", refused = true } }

local function cancel(kind)
  return function (o)
    api.ask { method = "POST", path = api.path("/actions/runs/%s/" .. kind, o.id), errors = OVER,
      where = "cancelling workflow run " .. o.id, optional_body = true }
    return { id = o.id }
  end
end

local function predict_cancel(o)
  local run = M.read(o.id)
  if run.status == "completed" then
    refuse("github.over", "cancelling workflow run %s: it is over already (%s)", o.id,
      tostring(run.conclusion))
  end
  return { sign = "!", result = { id = o.id }, before = run.status, after = "cancelled" }
end

local function probe_cancel(o)
  local run = api.patiently(LAG, function ()
    local now = M.read(o.id)
    return now.status == "completed" and now or nil
  end)
  if run and run.conclusion == "cancelled" then
    return { happened = true, result = { id = o.id } }
  end
  return { happened = false }
end

-- Approvals ----------------------------------------------------------------------------------

local function pending(o)
  local out = host.json.array {}
  for i, raw in ipairs(api.ask { path = api.path("/actions/runs/%s/pending_deployments", o.id),
    where = "what workflow run " .. o.id .. " waits for" }) do
    local reviewers = host.json.array {}
    for j, one in ipairs(some(raw.reviewers) or {}) do
      reviewers[j] = some(one.reviewer) and (some(one.reviewer.login) or some(one.reviewer.name))
    end
    out[i] = { environment = raw.environment.name, id = raw.environment.id, reviewers = reviewers,
      mine = raw.current_user_can_approve == true, wait_timer = some(raw.wait_timer) }
  end
  return out
end

local function waiting_for(o)
  for _, place in ipairs(pending(o)) do
    if place.environment == o.environment then
      return place
    end
  end
end

local function check_review(o)
  local place = waiting_for(o)
  if not place then
    refuse("github.not-waiting", "workflow run %s does not wait for an approval of environment "
      .. "\"%s\"",
      o.id, o.environment)
  elseif not place.mine then
    refuse("github.no-reviewer", "workflow run %s, environment \"%s\": the credential's account "
      .. "is none of the reviewers (%s)",
      o.id, o.environment, table.concat(place.reviewers, ", "))
  end
  return place
end

-- What reviewers said of the environment: list of { login, state }, of all attempts of the run.
local function reviews_of(o)
  local out = host.json.array {}
  for _, raw in ipairs(api.pages { path = api.path("/actions/runs/%s/approvals", o.id),
    where = "the reviews of workflow run " .. o.id }) do
    for _, environment in ipairs(some(raw.environments) or {}) do
      if environment.name == o.environment then
        out[#out + 1] = { login = some(raw.user) and raw.user.login, state = raw.state,
          comment = some(raw.comment) }
      end
    end
  end
  return out
end

-- No longer waiting may be anybody's doing, or the run's end. It is ours where our account alone
-- has said this, and only in the run's first attempt: reviews do not tell their attempt.
local function is_our_review(o, reviews)
  local login = api.account().login
  for _, review in ipairs(reviews) do
    if not login or review.login ~= login or (review.comment or "") ~= o.comment
      or review.state ~= (o.approve and "approved" or "rejected") then
      return false
    end
  end
  return #reviews > 0 and M.read(o.id).attempt == 1
end

local function probe_review(o)
  local done = api.patiently(LAG, function ()
    return not waiting_for(o) or nil
  end)
  if not done then
    return { happened = false }
  end
  local ours = api.patiently(LAG, function ()
    return is_our_review(o, reviews_of(o)) or nil
  end)
  return ours and { happened = true, result = { id = o.id, environment = o.environment,
    approved = o.approve } } or nil
end

local function act_review(o)
  local place = check_review(o)
  api.ask { method = "POST", path = api.path("/actions/runs/%s/pending_deployments", o.id),
    where = ("reviewing environment \"%s\" of workflow run %s"):format(o.environment, o.id),
    json = { environment_ids = { place.id }, state = o.approve and "approved" or "rejected",
      comment = o.comment } }
  return { id = o.id, environment = o.environment, approved = o.approve }
end

local function review_target(o)
  return ("run %s %s"):format(o.id, o.environment)
end

-- Rows ---------------------------------------------------------------------------------------

local RUN = "{id, name, title, workflow, event, status, conclusion, phase, sha, branch, attempt, "
  .. "actor, url, created_at, started_at, updated_at}"
local ID = { "integer", required = true, help = "the run's id" }
local READ = "GET /repos/{owner}/{repo}/actions/runs/{id}"
local ATTEMPT = { "integer", help = "the attempt that was looked at; another one is refused" }

local RUNS = {
  effect = "read", summary = "Runs of a workflow, newest first", result = "list of " .. RUN,
  request = { "GET /repos/{owner}/{repo}/actions/runs",
    "GET /repos/{owner}/{repo}/actions/workflows/{file}/runs" }, permission = "actions: read",
  states = checks.STATES,
  options = {
    workflow = { "text", help = "file name, such as deploy-production.yml; without it, of all" },
    sha = { "text", help = "only of this commit" },
    branch = { "text", help = "only of this branch" },
    event = { "text", help = "only of this event, such as push" },
    created = { "text", help = "only of this time, as \">=2026-11-20T15:00:00Z\"" },
    first = { "integer", default = 30, help = "at most so many" },
  },
  act = M.list,
}

local RUN_ROW = {
  effect = "read", summary = "One workflow run",
  result = RUN .. " and failed = list of {name, conclusion, id, url} (its jobs); with `attempt`, "
    .. "one "
    .. "that is not shown yet is \"moving\" (stale = true)",
  request = { READ, READ .. "/jobs" }, permission = "actions: read", states = checks.STATES,
  options = {
    id = { "integer|text", required = true, help = "its id" },
    attempt = { "integer", help = "the attempt that is waited for, as github.rerun gave it" },
  },
  act = read_run,
}

M.verbs = {
  runs = RUNS, run = RUN_ROW, workflow_runs = RUNS, workflow_run = RUN_ROW,
  run_attempt = {
    effect = "read", summary = "One attempt of a workflow run, also one that was run again since",
    result = RUN, request = READ .. "/attempts/{n}", permission = "actions: read",
    states = checks.STATES,
    options = { id = ID, attempt = { "integer", required = true, help = "its number, from 1" } },
    act = read_attempt,
  },
  jobs = {
    effect = "read", summary = "Jobs of a workflow run, of its newest attempt",
    result = "list of {id, name, status, conclusion, phase, attempt, url, started_at, "
      .. "completed_at}",
    request = READ .. "/jobs?filter=latest", permission = "actions: read", states = checks.STATES,
    options = { id = ID }, act = list_jobs,
  },
  job_log = {
    effect = "read", summary = "The end of what a job wrote",
    result = "{text, lines, total}",
    request = "GET /repos/{owner}/{repo}/actions/jobs/{id}/logs, and where its 302 leads "
      .. "(without the credential)",
    permission = "actions: read", errors = { ["github.no-log"] = "not there yet, or no longer "
      .. "kept" },
    options = {
      id = { "integer", required = true, help = "the job's id" },
      lines = { "integer", default = 200, help = "so many lines from its end" },
    },
    act = job_log,
  },
  rerun = {
    effect = "write", summary = "Run a workflow run that is over once more",
    result = "{id, attempt, url}; wait with github.run { id, attempt }",
    request = "POST /repos/{owner}/{repo}/actions/runs/{id}/rerun", permission = "actions: write",
    errors = { ["github.running"] = "it is not over", ["github.attempt"] = "somebody ran it "
      .. "again" },
    options = { id = ID, attempt = ATTEMPT },
    act = rerun "rerun", target = run_target, predict = predict_rerun(false), probe = probe_rerun,
    looks = "reads the run for up to 20 s: an attempt that began after the request is the one",
  },
  rerun_failed = {
    effect = "write", summary = "Run the failed jobs of a workflow run once more",
    result = "{id, attempt, url}; wait with github.run { id, attempt }",
    request = "POST /repos/{owner}/{repo}/actions/runs/{id}/rerun-failed-jobs",
    permission = "actions: write",
    errors = { ["github.running"] = "it is not over", ["github.attempt"] = "somebody ran it again",
      ["github.nothing-failed"] = "no job failed (found in a dry-run)" },
    options = { id = ID, attempt = ATTEMPT },
    act = rerun "rerun-failed-jobs", target = run_target, predict = predict_rerun(true),
    probe = probe_rerun,
    looks = "reads the run for up to 20 s: an attempt that began after the request is the one",
  },
  cancel = {
    effect = "write", summary = "Cancel a workflow run that is under way",
    result = "{id}; it ends soon after", permission = "actions: write",
    request = "POST /repos/{owner}/{repo}/actions/runs/{id}/cancel",
    errors = { ["github.over"] = "409: it is over" }, options = { id = ID },
    act = cancel "cancel", target = run_target, predict = predict_cancel, probe = probe_cancel,
    looks = "reads the run for up to 20 s: cancelled is done; to ask once more does no harm",
  },
  force_cancel = {
    effect = "write", summary = "Cancel a workflow run that github.cancel does not end: also "
      .. "steps that always() keeps going",
    result = "{id}; it ends soon after", permission = "actions: write",
    request = "POST /repos/{owner}/{repo}/actions/runs/{id}/force-cancel",
    errors = { ["github.over"] = "409: it is over" }, options = { id = ID },
    act = cancel "force-cancel", target = run_target, predict = predict_cancel,
    probe = probe_cancel,
    looks = "reads the run for up to 20 s: cancelled is done; to ask once more does no harm",
  },
  pending_deployments = {
    effect = "read", summary = "The environments whose reviewers a workflow run waits for",
    result = "list of {environment, id, reviewers, mine (the credential may approve), wait_timer}",
    request = READ .. "/pending_deployments", permission = "actions: read",
    options = { id = ID }, act = pending,
  },
  review_deployment = {
    effect = "write", summary = "Approve or reject an environment that a workflow run "
      .. "waits for",
    result = "{id, environment, approved}", permission = "deployments: write, and to be a reviewer",
    request = { "POST /repos/{owner}/{repo}/actions/runs/{id}/pending_deployments",
      READ .. "/pending_deployments", READ .. "/approvals" },
    errors = { ["github.not-waiting"] = "it does not wait for that environment",
      ["github.no-reviewer"] = "the account is none of its reviewers" },
    options = {
      id = ID, environment = { "text", required = true, help = "its name" },
      approve = { "flag", required = true, help = "true approves, false rejects" },
      comment = { "text", default = "", help = "why" },
    },
    act = act_review, target = review_target,
    predict = function (o)
      check_review(o)
      return { sign = "!", result = { id = o.id, environment = o.environment,
        approved = o.approve },
        before = "waiting", after = o.approve and "approved" or "rejected" }
    end,
    probe = probe_review,
    looks = "reads for up to 20 s whether the run still waits for the environment: then it is not "
      .. "done. Else it is done if the run's reviews have ours and nobody else's; else nobody can "
      .. "tell: somebody else may have answered, or the run was cancelled",
  },
}

return M
