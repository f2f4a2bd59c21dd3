-- GitHub Actions as its API shows it: workflows, runs, jobs, and what can be done to them.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"
local actions = sim.require "actions"
local shape = sim.require "github_shape"
local more = sim.require "github_shape_more"
local common = sim.require "github_common"

local M = {}

local LOGS = "productionresultssa0.blob.core.windows.net"

local function file_of(w, id)
  if w.s.spec.workflows[id] then
    return id
  end
  for file in core.sorted(w.s.spec.workflows) do
    if tostring(shape.workflow_id(file)) == id then
      return file
    end
  end
end

function M.list_workflows(w, req)
  local out = {}
  for file in core.sorted(w.s.spec.workflows) do
    out[#out + 1] = more.workflow(w, file)
  end
  return common.listed(req, out, "workflows")
end

function M.get_workflow(w, _, id)
  local file = file_of(w, id)
  return file and core.answer(200, more.workflow(w, file)) or common.not_found()
end

-- Runs -----------------------------------------------------------------------

local function run_fits(w, run, query)
  local status = query.status
  return (not query.head_sha or query.head_sha == run.sha)
    and (not query.branch or query.branch == run.branch)
    and (not query.actor or query.actor == shape.login(w, run.actor))
    and (not query.event or query.event == run.event) and (not status or status == run.status
      or status == run.conclusion)
end

local function created_fits(run, created)
  local from, to = (created or ""):match("^(.+)%.%.(.+)$")
  local relation, time = (created or ""):match("^([<>]=?)(.+)$")
  local second = run.created // 1000
  if from then
    return second >= sim.time(from) // 1000 and second <= sim.time(to) // 1000
  elseif not relation then
    return true
  end
  local ms = sim.time(time)
  if relation:sub(1, 1) == ">" then
    return second > ms // 1000 or (relation == ">=" and second == ms // 1000)
  end
  return second < ms // 1000 or (relation == "<=" and second == ms // 1000)
end

function M.list_runs(w, req, id)
  local file = id and file_of(w, id)
  if id and not file then
    return common.not_found()
  end
  local out = {}
  for i = #w.s.runs, 1, -1 do
    local run = w.s.runs[i]
    if run.visible <= w.s.now and (not file or file == run.file) and run_fits(w, run, req.query)
      and created_fits(run, req.query.created) then
      out[#out + 1] = shape.run(w, run)
    end
  end
  return common.listed(req, out, "workflow_runs")
end

-- A run whose id was told is there at once; lists lag.
local function run_by(w, id)
  local run = actions.run(w, math.tointeger(tonumber(id)))
  return run and (run.told or run.visible <= w.s.now) and run or nil
end

function M.get_run(w, _, id)
  local run = run_by(w, id)
  return run and core.answer(200, shape.run(w, run)) or common.not_found()
end

function M.get_attempt(w, _, id, number)
  local run, n = run_by(w, id), math.tointeger(tonumber(number))
  if not run or not n or n < 1 or n > run.attempt then
    return common.not_found()
  end
  local out = shape.run(w, run)
  for _, old in ipairs(run.attempts or {}) do
    if old.attempt == n then
      out.status, out.conclusion, out.updated_at = old.status, old.conclusion or sim.null,
        core.iso(old.updated)
    end
  end
  out.run_attempt = n
  return core.answer(200, out)
end

function M.list_jobs(w, req, id)
  local run = run_by(w, id)
  if not run then
    return common.not_found()
  end
  local out = {}
  for i, job in ipairs(run.jobs) do
    out[i] = shape.job(w, run, job)
  end
  return common.listed(req, out, "jobs")
end

local function job_by(w, id)
  for _, run in ipairs(w.s.runs) do
    for _, job in ipairs(run.jobs) do
      if tostring(job.id) == id and run.visible <= w.s.now then
        return job, run
      end
    end
  end
end

function M.get_job(w, _, id)
  local job, run = job_by(w, id)
  return job and core.answer(200, shape.job(w, run, job)) or common.not_found()
end

-- The log lies elsewhere, behind an address that is its own proof.
function M.job_log(w, _, id)
  local job = job_by(w, id)
  if not job then
    return common.not_found()
  elseif job.status ~= "completed" then
    return common.not_found()
  end
  local proof = core.hex(w, "log", id):sub(1, 16)
  return core.answer(302, nil, { location = ("https://%s/logs/%s.txt?sig=%s"):format(LOGS, id,
    proof) })
end

--- The store of logs: refuses who comes with a token of another house.
function M.log_store(w, req)
  local id = req.path:match("^/logs/(%d+)%.txt$")
  local job, run = job_by(w, id or "")
  if req.headers.authorization then
    return { status = 403, headers = { ["content-type"] = "application/xml" },
      body = "<Error><Code>AuthenticationFailed</Code></Error>" }
  elseif not job or req.query.sig ~= core.hex(w, "log", id):sub(1, 16) then
    return { status = 404, headers = { ["content-type"] = "application/xml" },
      body = "<Error><Code>BlobNotFound</Code></Error>" }
  end
  local at = core.iso(job.completed or w.s.now)
  local lines = { at .. " ##[group]" .. job.name }
  for line in (actions.log_of(w, run, job) or job.message or ""):gmatch("[^\n]+") do
    lines[#lines + 1] = at .. " " .. line
  end
  lines[#lines + 1] = at .. " Job ended: " .. (job.conclusion or "")
  return { status = 200, headers = { ["content-type"] = "text/plain" },
    body = table.concat(lines, "\n") .. "\n" }
end

-- What is done to runs ---------------------------------------------------------

function M.rerun(failed)
  return function (w, _, id)
    local run = run_by(w, id)
    if not run then
      return common.not_found()
    elseif run.status ~= "completed" then
      return common.problem(403, "This workflow is already running")
    elseif failed and actions.GOOD[run.conclusion] then
      return common.problem(403, "This workflow run has no failed jobs to rerun")
    end
    actions.rerun(w, run, failed)
    core.record(w, "github", failed and "github.rerun_failed" or "github.rerun", "run " .. run.id,
      { workflow = run.file, attempt = run.attempt })
    return core.answer(201, {})
  end
end

-- `stuck` of a workflow: what it runs goes on until it is cancelled by force.
function M.cancel(force)
  return function (w, _, id)
    local run = run_by(w, id)
    if not run then
      return common.not_found()
    elseif run.status == "completed" then
      return common.problem(409, "Cannot cancel a workflow run that is completed.")
    end
    core.record(w, "github", force and "github.force_cancel" or "github.cancel", "run " .. run.id,
      { workflow = run.file })
    if force or not w.s.spec.workflows[run.file].stuck then
      actions.cancel(w, run)
    end
    return core.answer(202, {})
  end
end

--- What reviewers said, newest first.
function M.approvals(w, _, id)
  local run = run_by(w, id)
  if not run then
    return common.not_found()
  end
  local out = core.list {}
  for i, review in ipairs(run.reviews or {}) do
    out[i] = more.review(w, review)
  end
  return core.answer(200, out)
end

function M.pending_deployments(w, req, id)
  local run = run_by(w, id)
  if not run then
    return common.not_found()
  end
  local out = core.list {}
  for i, place in ipairs(actions.pending(w, run)) do
    out[i] = more.pending(w, place, core.has(place.reviewers, req.who.login))
  end
  return core.answer(200, out)
end

local function places_of(w, run, body)
  local out, wanted = {}, 0
  for _, id in ipairs(core.many(body.environment_ids)) do
    wanted = wanted + 1
    for _, place in ipairs(actions.pending(w, run)) do
      if more.environment_id(place.name) == id then
        out[#out + 1] = place
      end
    end
  end
  return out, wanted
end

function M.review_deployments(w, req, id)
  local run, body = run_by(w, id), core.body(req) or {}
  if not run then
    return common.not_found()
  elseif body.state ~= "approved" and body.state ~= "rejected" then
    return common.invalid("Invalid request.\n\nstate must be one of approved, rejected.")
  elseif type(body.comment) ~= "string" then
    return common.invalid("Invalid request.\n\n\"comment\" wasn't supplied.")
  end
  local places, wanted = places_of(w, run, body)
  if wanted == 0 or #places ~= wanted then
    return common.invalid("There are no pending deployment requests to approve or reject")
  end
  for _, place in ipairs(places) do
    if not core.has(place.reviewers, req.who.login) then
      return common.invalid("User is not a required reviewer of " .. place.name)
    end
  end
  local out = core.list {}
  for i, place in ipairs(places) do
    core.record(w, "github", "github.review_deployment", ("run %d %s"):format(run.id, place.name),
      { state = body.state })
    actions.decide(w, run, place, { state = body.state, by = req.who.login,
      comment = body.comment })
    out[i] = more.deployment(w, { id = core.id(w, "deployment"), sha = run.sha, ref = run.branch,
      environment = place.name, creator = req.who.login, created = w.s.now })
  end
  return core.answer(200, out)
end

-- Dispatch -----------------------------------------------------------------------

local function input_problem(name, known, value)
  if not known then
    return "Unexpected inputs provided: [\"" .. name .. "\"]"
  elseif type(value) == "table" then
    return "Invalid value for input '" .. name .. "'"
  elseif known.type == "choice" and not core.has(core.many(known.options), value) then
    return ("Provided value '%s' for input '%s' not in the list of allowed values"):format(
      tostring(value), name)
  end
end

-- The inputs of a dispatch with their defaults, or what is wrong with them.
local function inputs_of(trigger, given)
  local known = type(trigger) == "table" and core.some(trigger.inputs) or nil
  local out, count = {}, 0
  for name, value in core.sorted(given) do
    count = count + 1
    local problem = known and input_problem(name, known[name], value)
    if problem then
      return nil, problem
    end
    out[name] = value
  end
  if count > 25 then
    return nil, "you may only define up to 25 `inputs` for a `workflow_dispatch` event"
  end
  for name, input in core.sorted(known or {}) do
    if out[name] == nil then
      out[name] = core.some(input.default)
      if out[name] == nil and input.required then
        return nil, "Required input '" .. name .. "' not provided"
      end
    end
  end
  return out
end

function M.dispatch(w, req, id)
  local file, body = file_of(w, id), core.body(req) or {}
  if not file then
    return common.not_found()
  end
  local sha, trigger = repo.resolve(w, body.ref),
    core.some((w.s.spec.workflows[file].triggers or {}).workflow_dispatch)
  if type(body.ref) ~= "string" then
    return common.invalid("Invalid request.\n\n\"ref\" wasn't supplied.")
  elseif not sha or w.s.commits[body.ref] then
    return common.invalid("No ref found for: " .. tostring(body.ref))
  elseif not trigger then
    return common.invalid("Workflow does not have 'workflow_dispatch' trigger")
  end
  local inputs, problem = inputs_of(trigger, core.some(body.inputs) or {})
  if not inputs then
    return common.invalid(problem)
  end
  local run = actions.start(w, { file = file, event = "workflow_dispatch", branch = body.ref,
    sha = sha, live = true, actor = req.who.login, inputs = inputs })
  core.record(w, "github", "github.dispatch", file .. " " .. body.ref,
    { run = run.id, inputs = inputs })
  if body.return_run_details == true and (w.s.spec.github or {}).run_details ~= false then
    run.told = true
    return core.answer(200, { workflow_run_id = run.id,
      run_url = shape.base(w) .. "/actions/runs/" .. run.id,
      html_url = shape.html(w) .. "/actions/runs/" .. run.id })
  end
  return core.answer(204)
end

M.log_host = LOGS

return M
