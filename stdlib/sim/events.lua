-- Events of the world file: what others do while the client works.
--
--   events:
--     - when: { after: "90s" }                                   # after the start
--             { at: "2026-11-20T15:30:00+01:00" }
--             { request: { host, method, path, operation }, nth: 2 }   # before that request is
-- answered
--             { deployment: { environment, status, commit } }    # a deployment gets that status
--             { workflow: { file, conclusion, branch } }         # a workflow run ends
--             { push: "production" }                             # a ref moved
--       delay: "5s"
--       do: { push: { branch, message, author, files, id, parent } } # or a list:
--           { ref: { name, to } }             # to: a commit; null deletes
--           { check: { name, commit, conclusion } }
--           { deployment: { environment, status, commit } }      # the newest (of that commit) gets
-- a status
--           { redeploy: { environment, commit, reason } }        # anew, of that commit or of the newest
--           { variables: { environment, values, reason, skip } } # the service's; null deletes
--           { log: { environment, message, severity, attributes } }
--           { token: { system, environment, token } }            # what is accepted from now on
--           { credential: { name, value } }
--           { migration: { environment, version, name, remove } }
--           { pull: { number, state, draft, push } }             # push: as above, onto its head
--           { run: { file, event, branch, actor, inputs } }      # somebody starts a workflow
--           { review: { file, environment, by, state } }         # of the newest run of the workflow
--           { cancel: { file } }                                 # the same
--           { serves: { environment, commit } }                  # /health lies
--           { vercel: { project, promote: COMMIT } }               # or rollback
--           { doppler: { project, config, by, secrets: { NAME: value or null } } }
--           { set: { path: "railway.environments.production.wait_for_ci", value } }

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"
local actions = sim.require "actions"
local railway = sim.require "railway"
local logs = sim.require "railway_logs"
local faults = sim.require "faults"
local doppler = sim.require "doppler_state"
local systems = sim.require "systems"

local M = {}

local DO = {}
for name, f in pairs(systems.events) do
  DO[name] = f
end

local function commit_named(w, name)
  return repo.resolve(w, name)
    or error(("world: an event names the unknown commit %q"):format(tostring(name)), 0)
end

DO.push = function (w, o)
  repo.push_commit(w, o)
end

DO.ref = function (w, o)
  local name = core.starts(o.name, "refs/") and o.name or "refs/heads/" .. o.name
  repo.move(w, name, core.some(o.to) and commit_named(w, o.to))
end

DO.check = function (w, o)
  local sha = commit_named(w, o.commit)
  for _, check in ipairs(actions.checks(w, sha)) do
    if check.job.name == o.name then
      check.job.status, check.job.conclusion = o.status or "completed", core.some(o.conclusion)
      check.job.completed = check.job.status == "completed" and w.s.now or nil
      return
    end
  end
end

DO.deployment = function (w, o)
  for i = #w.s.deployments, 1, -1 do
    local d = w.s.deployments[i]
    if d.environment == o.environment and (not o.commit or commit_named(w, o.commit) == d.commit)
      and (not o.serving or w.s.serving[o.environment] == d.id) then
      d.step = #d.script + 1
      if o.stopped ~= nil then
        d.stopped = o.stopped
      end
      railway.set_status(w, d, o.status or d.status)
      return
    end
  end
end

DO.redeploy = function (w, o)
  for i = #w.s.deployments, 1, -1 do
    local d = w.s.deployments[i]
    if d.environment == o.environment and (not o.commit or commit_named(w, o.commit) == d.commit) then
      railway.deploy(w, { environment = d.environment, commit = d.commit, branch = d.branch,
        reason = o.reason or "redeploy", live = true, from = d.id })
      return
    end
  end
end

DO.variables = function (w, o)
  railway.set_variables(w, o.environment, o.values, o.reason, o.skip)
end

DO.log = function (w, o)
  logs.write(w, o.environment, o)
end

DO.token = function (w, o)
  if o.environment then
    w.s.spec.railway.environments[o.environment].token = o.token
  else
    w.s.spec.tokens[o.system] = o.token
  end
end

DO.credential = function (w, o)
  w.s.spec.credentials[o.name] = core.some(o.value)
end

DO.migration = function (w, o)
  local rows = w.s.migrations[o.environment]
  for i = #rows, 1, -1 do
    if rows[i].version == o.version then
      table.remove(rows, i)
    end
  end
  if not o.remove then
    table.insert(rows, { version = o.version, name = o.name })
  end
end

DO.run = function (w, o)
  actions.start(w, { file = o.file, event = o.event or "workflow_dispatch",
    branch = o.branch or w.s.spec.repository.default_branch,
    sha = commit_named(w, o.branch or w.s.spec.repository.default_branch), live = true,
    actor = o.actor, inputs = o.inputs })
end

local function newest_run(w, file)
  for i = #w.s.runs, 1, -1 do
    if w.s.runs[i].file == file and w.s.runs[i].status ~= "completed" then
      return w.s.runs[i]
    end
  end
  error(("world: an event names workflow %q, of which nothing runs"):format(tostring(file)), 0)
end

DO.review = function (w, o)
  local run = newest_run(w, o.file)
  for _, place in ipairs(actions.pending(w, run)) do
    if place.name == o.environment then
      actions.decide(w, run, place, { state = o.state or "approved", by = o.by,
        comment = o.comment })
    end
  end
end

DO.cancel = function (w, o)
  actions.cancel(w, newest_run(w, o.file))
end

DO.pull = function (w, o)
  for _, pull in ipairs(w.s.pulls) do
    if pull.number == o.number then
      pull.state, pull.updated = o.state or pull.state, w.s.now
      if o.draft ~= nil then
        pull.draft = o.draft
      end
      if o.push then
        local push = core.copy(o.push)
        push.branch = pull.head
        repo.push_commit(w, push)
      end
    end
  end
end

DO.serves = function (w, o)
  w.s.serves[o.environment] = core.some(o.commit) and commit_named(w, o.commit)
end

DO.doppler = function (w, o)
  doppler.change(w, o)
end

DO.set = function (w, o)
  local parts = {}
  for part in o.path:gmatch("[^.]+") do
    parts[#parts + 1] = tonumber(part) or part
  end
  -- A key may have dots of its own (deploy-production.yml): join parts until one fits.
  local place, i = w.s.spec, 1
  while i < #parts do
    local key, j = parts[i], i
    while place[key] == nil and j < #parts - 1 do
      j = j + 1
      key = key .. "." .. parts[j]
    end
    if type(place[key]) ~= "table" then
      error(("world: an event sets the unknown path %q"):format(o.path), 0)
    end
    place, i = place[key], j + 1
  end
  place[parts[#parts]] = core.some(core.copy(o.value))
end

local WHEN = { after = true, at = true, request = true, nth = true, deployment = true,
  workflow = true, push = true }

local function actions_of(event)
  local list = event["do"]
  if type(list) == "table" and list[1] == nil then
    list = { list }
  end
  return list
end

--- Raises when an event of the world file cannot be understood.
function M.check(events)
  for i, event in ipairs(core.many(events)) do
    if type(event.when) ~= "table" or type(event["do"]) ~= "table" then
      error(("world: events[%d] needs `when` and `do`"):format(i), 0)
    end
    for key in core.sorted(event.when) do
      if not WHEN[key] then
        error(("world: events[%d].when has the unknown key %q"):format(i, tostring(key)), 0)
      end
    end
    for _, action in ipairs(actions_of(event)) do
      for name in core.sorted(action) do
        if not DO[name] then
          error(("world: events[%d].do has the unknown action %q"):format(i, tostring(name)), 0)
        end
      end
    end
  end
end

local function run(w, data)
  for _, action in ipairs(actions_of(w.s.spec.events[data.event])) do
    for name, o in core.sorted(action) do
      DO[name](w, o)
    end
  end
end

M.timers = { event = run }

local function fire(w, i)
  local key = tostring(i)
  if not w.s.fired[key] then
    w.s.fired[key] = true
    core.later(w, w.s.now + core.ms(w.s.spec.events[i].delay, 0), "event", { event = i })
  end
end

--- Arms what waits for a time; called once, when the past has been played.
function M.arm(w)
  for i, event in ipairs(core.many(w.s.spec.events)) do
    local at = event.when.at and core.when(event.when.at, w.s.clock)
      or event.when.after and w.s.clock + core.ms(event.when.after)
    if at then
      w.s.fired[tostring(i)] = true
      core.later(w, at + core.ms(event.delay, 0), "event", { event = i })
    end
  end
end

local function commit_fits(w, name, sha)
  return name == nil or repo.resolve(w, name) == sha
end

local FITS = {
  deployment = function (w, want, facts)
    return (not want.environment or want.environment == facts.environment)
      and (not want.status or want.status == facts.status)
      and commit_fits(w, want.commit, facts.commit)
  end,
  workflow = function (_, want, facts)
    return (not want.file or want.file == facts.file) and (not want.conclusion
      or want.conclusion == facts.conclusion)
      and (not want.branch or want.branch == facts.branch)
  end,
  push = function (_, want, facts)
    return want == facts.ref or "refs/heads/" .. want == facts.ref or "refs/tags/"
      .. want == facts.ref
  end,
  request = function (_, want, facts)
    return faults.matches(want, facts)
  end,
}

--- Something happened: events that wait for it come due.
function M.happened(w, kind, facts)
  if not w.s.started then
    return
  end
  for i, event in ipairs(core.many(w.s.spec.events)) do
    local want = event.when[kind]
    if want and not w.s.fired[tostring(i)] and FITS[kind](w, want, facts) then
      local key = tostring(i)
      w.s.event_counts[key] = (w.s.event_counts[key] or 0) + 1
      if w.s.event_counts[key] >= (event.when.nth or 1) then
        fire(w, i)
      end
    end
  end
end

return M
