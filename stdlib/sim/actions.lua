-- GitHub Actions: workflow runs that answer to pushes and pull requests, their
-- jobs (each is a check run of the commit), and the effects that a job has.
--
-- A run or job that belongs to the past of the world (`live` false) goes well,
-- whatever the world file says about the ones to come.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"

local M = {}

local GOOD = { success = true, skipped = true, neutral = true }
M.GOOD = GOOD

-- Later than any clock, and still exact in JSON.
local FAR = 9007199254740991

-- A workflow without `jobs` has one, described by the workflow itself.
local function jobs_of(workflow)
  if workflow.jobs then
    return workflow.jobs
  end
  return { [workflow.job or "run"] = {
    duration = workflow.duration, conclusion = workflow.conclusion, effect = workflow.effect,
    never = workflow.never,
    message = workflow.message,
  } }
end

local function applies(check, sha, w)
  local commits = core.many(check.commits)
  if #commits == 0 then
    return true
  end
  for _, name in ipairs(commits) do
    if repo.resolve(w, name) == sha then
      return true
    end
  end
  return false
end

-- What the world file says about a job of this run.
local function behaviour(w, run, name)
  local workflow = w.s.spec.workflows[run.file]
  local job = jobs_of(workflow)[name] or {}
  if not run.live then
    return { paths = job.paths, needs = job.needs, gate = job.gate, events = job.events,
      branches = job.branches,
      effect = job.effect, duration = job.duration }
  end
  local check = w.s.spec.checks[name]
  if check and applies(check, run.sha, w) then
    return core.merge(job, check)
  end
  return job
end

local function path_matches(paths, changed)
  if not paths or not changed then
    return true
  end
  for _, path in ipairs(changed) do
    for _, prefix in ipairs(paths) do
      if core.starts(path, prefix) then
        return true
      end
    end
  end
  return false
end

local function wanted(run, job)
  if job.events and not core.has(core.many(job.events), run.event) then
    return false
  end
  if job.branches and not core.has(core.many(job.branches), run.branch) then
    return false
  end
  return path_matches(job.paths, run.changed)
end

local function finish_run(w, run)
  local worst, ran = "success", false
  for _, job in ipairs(run.jobs) do
    if job.conclusion ~= "skipped" then
      ran = true
    end
    if not GOOD[job.conclusion] then
      worst = job.conclusion == "cancelled" and worst ~= "failure" and "cancelled" or "failure"
    end
  end
  run.status, run.conclusion, run.updated = "completed", ran and worst or "skipped", w.s.now
  w.run_ended(w, run)
end

local function end_job(w, run, job, conclusion)
  job.status, job.conclusion, job.completed = "completed", conclusion, w.s.now
  job.started = job.started or w.s.now
  run.updated = w.s.now
end

local function need_state(run, needs)
  local over, good = true, true
  for _, name in ipairs(core.many(needs)) do
    for _, job in ipairs(run.jobs) do
      if job.name == name then
        over = over and job.status == "completed"
        good = good and (job.status ~= "completed" or GOOD[job.conclusion])
      end
    end
  end
  return over, good
end

-- A job of an environment with reviewers waits for one of them.
local function waits_for_people(w, run, job, known)
  if not run.live or not known.reviewers or job.approved then
    return false
  end
  job.status, run.status, run.updated = "waiting", "waiting", w.s.now
  return true
end

local function start_job(w, run, job, known)
  if waits_for_people(w, run, job, known) then
    return
  end
  job.status, job.started = "in_progress", w.s.now
  run.status, run.updated = "in_progress", w.s.now
  if not known.never then
    core.later(w, w.s.now + core.ms(known.duration, 5000), "job", { run = run.id, job = job.id,
      attempt = run.attempt })
  end
end

-- Starts what can start, ends what need not run, until nothing changes.
local function settle(w, run)
  local moved = true
  while moved do
    moved = false
    for _, job in ipairs(run.jobs) do
      local known = behaviour(w, run, job.name)
      local over, good = need_state(run, known.needs)
      if job.status == "queued" and over then
        moved = true
        if not wanted(run, known) or (not good and not known.gate) then
          end_job(w, run, job, "skipped")
        else
          start_job(w, run, job, known)
        end
      end
    end
  end
  for _, job in ipairs(run.jobs) do
    if job.status ~= "completed" then
      return
    end
  end
  finish_run(w, run)
end

function M.run(w, id)
  for _, run in ipairs(w.s.runs) do
    if run.id == id then
      return run
    end
  end
end

local function on_start(w, data)
  local run = M.run(w, data.run)
  if run.status ~= "completed" and run.attempt == data.attempt then
    settle(w, run)
  end
end

local function effect_of(w, run, job, known)
  local effect = known.effect
  if effect and effect.migrate then
    local ok, message = w.migrate(w, effect.migrate, run.sha)
    job.message = message
    return ok
  end
  return true
end

local function on_job(w, data)
  local run = M.run(w, data.run)
  if run.attempt ~= data.attempt then
    return
  end
  for _, job in ipairs(run.jobs) do
    if job.id == data.job and job.status == "in_progress" then
      local known = behaviour(w, run, job.name)
      local _, good = need_state(run, known.needs)
      local conclusion = known.conclusion or (good and "success" or "failure")
      job.message = known.message
      if conclusion == "success" and not effect_of(w, run, job, known) then
        conclusion = "failure"
      end
      end_job(w, run, job, conclusion)
    end
  end
  settle(w, run)
end

M.timers = { run = on_start, job = on_job }

-- Jobs in an order in which each comes after what it needs; else by name.
local function ordered(jobs)
  local out, placed = {}, {}
  local function place(name)
    if jobs[name] and not placed[name] then
      placed[name] = true
      for _, need in ipairs(core.many(jobs[name].needs)) do
        place(need)
      end
      out[#out + 1] = name
    end
  end
  for name in core.sorted(jobs) do
    place(name)
  end
  return out
end

local function make_jobs(w, run)
  run.jobs = core.list {}
  for _, name in ipairs(ordered(jobs_of(w.s.spec.workflows[run.file]))) do
    if not behaviour(w, run, name).missing then
      table.insert(run.jobs, { id = core.id(w, "check"), name = name, status = "queued" })
    end
  end
end

-- What `run-name` of a workflow makes of the inputs.
local function title_of(w, o, workflow)
  if o.event == "workflow_dispatch" then
    return workflow.run_name and (workflow.run_name:gsub("%${{%s*inputs%.([%w_-]+)%s*}}",
      function (name) return tostring((o.inputs or {})[name] or "") end)) or workflow.name or o.file
  end
  return (w.s.commits[o.sha] and w.s.commits[o.sha].message or ""):match("^[^\n]*")
end

local function schedule(w, run, workflow)
  core.later(w, run.visible + core.ms(workflow.queue, 1000), "run",
    { run = run.id, attempt = run.attempt })
end

--- Starts a run. o = { file, event, branch, sha, changed, actor, live, pull, inputs }
function M.start(w, o)
  local workflow = w.s.spec.workflows[o.file]
  w.s.counters["run of " .. o.file] = (w.s.counters["run of " .. o.file] or 0) + 1
  local run = {
    id = core.id(w, "run"), file = o.file, number = w.s.counters["run of " .. o.file], attempt = 1,
    event = o.event,
    branch = o.branch, sha = o.sha, changed = o.changed and core.list(o.changed), actor = o.actor,
    live = o.live, pull = o.pull, title = title_of(w, o, workflow), inputs = o.inputs,
    status = "queued", created = w.s.now, updated = w.s.now, suite = core.id(w, "suite"),
    visible = w.s.now + core.ms(workflow.appear, 2000),
  }
  make_jobs(w, run)
  table.insert(w.s.runs, run)
  if not (o.live and workflow.missing) then
    schedule(w, run, workflow)
  else
    run.visible = FAR
  end
  return run
end

--- Runs a finished run again. Only the jobs that did not go well, when `failed`.
function M.rerun(w, run, failed)
  run.attempts = run.attempts or core.list {}
  table.insert(run.attempts, { attempt = run.attempt, status = run.status,
    conclusion = run.conclusion, updated = run.updated })
  run.restarted = w.s.now
  run.stale_till = w.s.now + core.ms((w.s.spec.github or {}).rerun_lag, 0)
  run.attempt, run.status, run.conclusion, run.updated, run.live = run.attempt + 1, "queued", nil,
    w.s.now, true
  for _, job in ipairs(run.jobs) do
    if not failed or not GOOD[job.conclusion] then
      job.id, job.status, job.conclusion, job.started, job.completed = core.id(w, "check"),
        "queued", nil, nil, nil
      job.approved, job.message = nil, nil
    end
  end
  schedule(w, run, w.s.spec.workflows[run.file])
end

--- What a job wrote: `log` of the world file.
function M.log_of(w, run, job)
  return behaviour(w, run, job.name).log
end

--- Ends a run before its time.
function M.cancel(w, run)
  for _, job in ipairs(run.jobs) do
    if job.status ~= "completed" then
      end_job(w, run, job, "cancelled")
    end
  end
  finish_run(w, run)
end

--- The environments that a run waits for: list of { name, reviewers, jobs, since }.
function M.pending(w, run)
  local out, by = {}, {}
  for _, job in ipairs(run.jobs) do
    local known = behaviour(w, run, job.name)
    if job.status == "waiting" and known.environment then
      local place = by[known.environment]
      if not place then
        place = { name = known.environment, reviewers = core.many(known.reviewers), jobs = {} }
        by[known.environment], out[#out + 1] = place, place
      end
      table.insert(place.jobs, job)
    end
  end
  return out
end

--- A reviewer's answer for the jobs of an environment: { state, by, comment }.
function M.decide(w, run, place, review)
  run.reviews = run.reviews or core.list {}
  table.insert(run.reviews, 1, { state = review.state, by = review.by,
    comment = review.comment or "", environment = place.name })
  for _, job in ipairs(place.jobs) do
    if review.state == "approved" then
      job.status, job.approved = "queued", true
    else
      end_job(w, run, job, "failure")
    end
  end
  settle(w, run)
end

local function any(patterns, name)
  for _, pattern in ipairs(core.many(patterns)) do
    if core.glob(pattern, name) then
      return true
    end
  end
  return false
end

local function listens(workflow, push)
  local on = core.some((workflow.triggers or {}).push)
  if not on then
    return false
  elseif on == true then
    return true
  end
  local branch, tag = push.ref:match("^refs/heads/(.+)$"), push.ref:match("^refs/tags/(.+)$")
  return (branch and any(on.branches, branch)) or (tag and any(on.tags, tag)) or false
end

local SKIP = { "[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]" }

-- The words in a commit's message that keep pushes of it from starting anything.
local function skips(w, sha)
  local message = w.s.commits[sha] and w.s.commits[sha].message or ""
  for _, words in ipairs(SKIP) do
    if message:find(words, 1, true) then
      return true
    end
  end
  return message:find("\n\nskip%-checks:%s*true%s*$") ~= nil
end

--- Starts what listens on a push; returns the runs. `push.silent`: nothing does.
function M.pushed(w, push)
  local started = {}
  if push.silent or (push.to and push.live and skips(w, push.to)) then
    return started
  end
  local name = push.ref:match("^refs/%a+/(.+)$")
  for file, workflow in core.sorted(w.s.spec.workflows) do
    if push.to and listens(workflow, push) then
      started[#started + 1] = M.start(w, { file = file, event = "push", branch = name,
        sha = push.to, live = push.live,
        changed = repo.changed(w, push.from, push.to), actor = push.actor })
    end
  end
  return started
end

--- Starts what listens on a pull request whose head moved.
function M.pull_moved(w, pull, live)
  local head, base = repo.head(w, pull.head), repo.head(w, pull.base)
  local fork = repo.merge_base(w, head, base)
  for file, workflow in core.sorted(w.s.spec.workflows) do
    local on = core.some((workflow.triggers or {}).pull_request)
    if on and (on == true or any(on.branches, pull.base)) then
      M.start(w, { file = file, event = "pull_request", branch = pull.head, sha = head, live = live,
        pull = pull.number,
        changed = repo.changed(w, fork, head) })
    end
  end
end

-- Checks -------------------------------------------------------------------

--- Check runs of a commit that can be seen now: { run, job } newest first.
function M.checks(w, sha)
  local out = {}
  for i = #w.s.runs, 1, -1 do
    local run = w.s.runs[i]
    if run.sha == sha and run.visible <= w.s.now then
      for _, job in ipairs(run.jobs) do
        out[#out + 1] = { run = run, job = job }
      end
    end
  end
  return out
end

--- Check runs of a commit that other apps made, by now: `github.check_runs` of the world file,
-- each { commit, name, app, app_id, status, conclusion, at }.
function M.foreign(w, sha)
  local out = {}
  for i, check in ipairs(core.many((w.s.spec.github or {}).check_runs)) do
    local at = core.when(check.at, w.s.clock)
    if repo.resolve(w, check.commit) == sha and at <= w.s.now then
      out[#out + 1] = { id = w.s.bases.check - i, sha = sha, name = check.name, at = at,
        app = check.app or "another-app", app_id = check.app_id or 4711,
        status = check.status or "completed", conclusion = core.some(check.conclusion)
          or ((check.status or "completed") == "completed" and "success" or nil) }
    end
  end
  return out
end

-- The newest run of a name, of the app that is wanted, or of any.
local function newest(w, sha, context, app)
  local best
  for _, check in ipairs(M.checks(w, sha)) do
    if check.job.name == context and (not app or app == 15368) and not best then
      best = { at = check.job.started or check.run.created, status = check.job.status,
        conclusion = check.job.conclusion }
    end
  end
  for _, check in ipairs(M.foreign(w, sha)) do
    if check.name == context and (not app or app == check.app_id)
      and (not best or check.at > best.at) then
      best = check
    end
  end
  return best
end

--- "success", "failure", "pending" or "expected" (not there) for a required check.
function M.verdict(w, sha, context, app)
  local check = newest(w, sha, context, app)
  if check then
    if check.status ~= "completed" then
      return "pending"
    end
    return GOOD[check.conclusion] and "success" or "failure"
  end
  for i = #w.s.statuses, 1, -1 do
    local status = w.s.statuses[i]
    if not app and status.sha == sha and status.context == context then
      return status.state == "error" and "failure" or status.state
    end
  end
  return "expected"
end

return M
