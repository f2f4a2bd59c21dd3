-- Railway: deployments that answer to pushes and move through their statuses
-- with time. What asks about them is in railway_api.lua.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"
local actions = sim.require "actions"

local M = {}

M.MOVING = { INITIALIZING = true, QUEUED = true, WAITING = true, BUILDING = true, DEPLOYING = true,
  NEEDS_APPROVAL = true, REMOVING = true }
local PAST = { { status = "INITIALIZING" }, { status = "BUILDING", after = 5 },
  { status = "DEPLOYING", after = 50 },
  { status = "SUCCESS", after = 15 } }
local ROLLBACK = { { status = "INITIALIZING" }, { status = "DEPLOYING", after = 5 },
  { status = "SUCCESS", after = 15 } }

-- The state machine ----------------------------------------------------------

local function environment(w, name)
  return w.s.spec.railway.environments[name]
end

function M.deployment(w, id)
  for _, d in ipairs(w.s.deployments) do
    if d.id == id then
      return d
    end
  end
end

--- The deployment that answers the API's URL now; nil while none does.
function M.serving(w, env)
  local id = w.s.serving[env]
  return id and M.deployment(w, id)
end

local function set_status(w, d, status)
  if d.status == status then
    return
  end
  d.status, d.status_at = status, w.s.now
  local old = w.s.serving[d.environment]
  if status == "SUCCESS" then
    d.served, d.served_at = true, d.served_at or w.s.now
    w.s.serving[d.environment] = d.id
    if old and old ~= d.id then
      local other = M.deployment(w, old)
      other.removed_at = w.s.now
      set_status(w, other, "REMOVED")
    end
  elseif old == d.id and status ~= "SLEEPING" and not M.MOVING[status] then
    w.s.serving[d.environment] = nil
  end
  w.happened(w, "deployment", { environment = d.environment, status = status, commit = d.commit,
    id = d.id })
end

M.set_status = set_status

local function step_later(w, d)
  local step = d.script[d.step]
  if step then
    core.later(w, w.s.now + core.ms(step.after, 0), "deployment", { id = d.id, step = d.step })
  end
end

local function on_step(w, data)
  local d = M.deployment(w, data.id)
  if d.status == "REMOVED" or d.status == "SKIPPED" or d.step ~= data.step then
    return
  end
  local step = d.script[d.step]
  d.step = d.step + 1
  if step.stopped ~= nil then
    d.stopped = step.stopped
    if step.stopped and w.s.serving[d.environment] == d.id then
      w.s.serving[d.environment] = nil
    end
  end
  if step.status then
    set_status(w, d, step.status)
  end
  step_later(w, d)
end

M.timers = { deployment = on_step }

local function script_for(w, o)
  local env = environment(w, o.environment)
  if not o.live then
    return core.copy(PAST)
  end
  for _, special in ipairs(core.many(env.scripts)) do
    local commit = special.commit and repo.resolve(w, special.commit)
    if (not special.commit or commit == o.commit) and (not special.reason
      or special.reason == o.reason) then
      return core.copy(special.statuses)
    end
  end
  return core.copy(o.reason == "rollback" and ROLLBACK or core.many(env.statuses))
end

local function supersede(w, env)
  for _, d in ipairs(w.s.deployments) do
    if d.environment == env and M.MOVING[d.status] then
      d.removed_at = w.s.now
      set_status(w, d, "REMOVED")
    end
  end
end

--- Starts a deployment. o = { environment, commit, branch, reason, live, wait, skip, from }
function M.deploy(w, o)
  if not o.skip then
    supersede(w, o.environment)
  end
  local d = {
    id = core.new_uuid(w, "deployment"), environment = o.environment, commit = o.commit,
    branch = o.branch, reason = o.reason,
    created = w.s.now, status_at = w.s.now, step = 1, script = core.list(script_for(w, o)),
    stopped = false, status = "",
    visible = w.s.now + (o.live and core.ms(environment(w, o.environment).appear, 0) or 0),
    snapshot = core.new_uuid(w, "snapshot"),
    variables = core.copy(o.variables or w.s.variables[o.environment]), from = o.from,
  }
  table.insert(w.s.deployments, d)
  if o.skip or o.wait then
    set_status(w, d, o.skip and "SKIPPED" or "WAITING")
    return d
  end
  local first = d.script[1]
  if first and core.ms(first.after, 0) == 0 then
    on_step(w, { id = d.id, step = 1 })
  else
    set_status(w, d, "INITIALIZING")
    step_later(w, d)
  end
  return d
end

--- Changes the variables of the service and, unless `skip`, lets Railway deploy what runs with them
-- (also for the twins of systems that synchronize into Railway). `values`: name -> text, or null to
-- delete. Returns the new deployment, if there is one.
function M.set_variables(w, env, values, reason, skip)
  local variables = w.s.variables[env] or error(("world: Railway has no environment %q"):format(
    tostring(env)), 0)
  for name, value in core.sorted(values) do
    variables[name] = core.some(value)
  end
  local from
  for _, d in ipairs(w.s.deployments) do
    if d.environment == env and d.status ~= "SKIPPED" then
      from = d
    end
  end
  if skip or not from then
    return nil
  end
  return M.deploy(w, { environment = env, commit = from.commit, branch = from.branch,
    reason = reason or "variables", live = true })
end

-- Watch paths: nothing changed that concerns the service, nothing is deployed.
local function concerns(w, env, push)
  if not push.live or not push.from or #core.many(env.watch) == 0 then
    return true
  end
  for _, path in ipairs(repo.changed(w, push.from, push.to) or {}) do
    for _, pattern in ipairs(core.many(env.watch)) do
      if core.glob(pattern, path) then
        return true
      end
    end
  end
  return false
end

--- A push to the branch of an environment deploys it; `runs` are the workflow runs that the same
-- push started.
function M.pushed(w, push, runs)
  local branch = push.ref:match("^refs/heads/(.+)$")
  for name, env in core.sorted(w.s.spec.railway.environments) do
    if push.to and branch and env.branch == branch and not env.autodeploy_off then
      M.deploy(w, { environment = name, commit = push.to, branch = branch, reason = "deploy",
        live = push.live,
        wait = env.wait_for_ci and #runs > 0, skip = not concerns(w, env, push) })
    end
  end
end

--- A workflow run ended: deployments of its commit that wait for CI go on, or are skipped.
function M.run_ended(w, ended)
  for _, d in ipairs(w.s.deployments) do
    if d.status == "WAITING" and d.commit == ended.sha and d.branch == ended.branch
      and ended.event == "push" then
      local over, good = true, true
      for _, run in ipairs(w.s.runs) do
        if run.sha == d.commit and run.event == "push" and run.branch == d.branch then
          over = over and run.status == "completed"
          good = good and (run.status ~= "completed" or actions.GOOD[run.conclusion] == true)
        end
      end
      if not good then
        set_status(w, d, "SKIPPED")
      elseif over then
        step_later(w, d)
      end
    end
  end
end

return M
