-- Vercel's deployments, and which of them the domains of a project lead to. What asks about
-- them is in vercel_api.lua; what a world file may say stands at the head of vercel.lua.
--
-- w.s.vercel = { n, last, deployments, projects = { NAME = { live, automatic, before, rollback,
-- request, served = { id, … }, aliases = { DOMAIN = { deployment, created } } } } }

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"

local M = {}

M.MOVING = { QUEUED = true, INITIALIZING = true, BUILDING = true, BLOCKED = true }
local PAST = { { state = "QUEUED" }, { state = "BUILDING", after = 3 },
  { state = "READY", after = 35 }, { assigned = true, after = 3 } }

function M.spec(w, name)
  return w.s.spec.vercel.projects[name]
end

function M.project(w, name)
  return w.s.vercel.projects[name]
end

--- The project with that id or name: its name.
function M.named(w, text)
  for name, spec in core.sorted(w.s.spec.vercel.projects) do
    if name == text or spec.id == text then
      return name
    end
  end
end

function M.deployment(w, text)
  for _, d in ipairs(w.s.vercel.deployments) do
    if d.id == text or d.url == text then
      return d
    end
  end
end

function M.branch(w, name)
  return M.spec(w, name).branch or w.s.spec.vercel.branch
end

-- Ids come from a counter of their own: those of the other systems stay as they are.
function M.new_id(w, prefix)
  w.s.vercel.n = w.s.vercel.n + 1
  return prefix .. core.hex(w, "vercel", tostring(w.s.vercel.n)):sub(1, 28)
end

-- Domains ---------------------------------------------------------------------

local function point(w, p, domain, d)
  p.aliases[domain] = { deployment = d.id, created = w.s.now }
end

local function goes_live(w, name, d)
  local p = M.project(w, name)
  for _, domain in ipairs(core.many(M.spec(w, name).domains)) do
    point(w, p, domain, d)
  end
  d.substate = "PROMOTED"
  if p.live ~= d.id then
    p.live = d.id
    table.insert(p.served, d.id)
  end
end

local function thaw(p)
  p.rollback = nil
  if p.before ~= nil then
    p.automatic, p.before = p.before, nil
  end
end

-- A finished build gets its own address, and the domains of the project if they follow builds.
local function assigned(w, d)
  local p = M.project(w, d.project)
  d.assigned = w.s.now
  if d.target ~= "production" then
    return
  end
  local live = p.live and M.deployment(w, p.live)
  if d.promote then
    thaw(p)
    goes_live(w, d.project, d)
  elseif p.automatic and (not live or live.created < d.created) then
    goes_live(w, d.project, d)
  else
    d.substate = "STAGED"
  end
end

-- The states of a deployment ------------------------------------------------------

local function set_state(w, d, state)
  d.state = state
  if state == "BUILDING" then
    d.building = d.building or w.s.now
  elseif state == "READY" then
    d.ready = w.s.now
  elseif state == "CANCELED" then
    d.canceled = w.s.now
  end
  w.happened(w, "deployment", { environment = d.project, status = state, commit = d.sha,
    id = d.id })
end

local function step_later(w, d)
  local step = d.script[d.step]
  if step then
    core.later(w, w.s.now + core.ms(step.after, 0), "vercel_deployment",
      { id = d.id, step = d.step })
  end
end

local function on_step(w, data)
  local d = M.deployment(w, data.id)
  if d.step ~= data.step or d.state == "CANCELED" then
    return
  end
  local step = d.script[d.step]
  d.step = d.step + 1
  d.error = step.error or d.error
  d.alias_error = step.alias_error or d.alias_error
  d.checks = step.checks or d.checks
  d.substate = step.substate or d.substate
  if step.state then
    set_state(w, d, step.state)
  end
  if step.assigned then
    assigned(w, d)
  end
  step_later(w, d)
end

local function script_for(w, o)
  if not o.live then
    return core.copy(PAST)
  end
  for _, special in ipairs(core.many(M.spec(w, o.project).builds)) do
    local commit = special.commit and repo.resolve(w, special.commit)
    if (not special.commit or commit == o.sha)
      and (not special.target or special.target == o.target) then
      return core.copy(special.states)
    end
  end
  return core.copy(core.many(w.s.spec.vercel.states))
end

--- Starts a deployment. o = { project, sha, branch, target, live, promote, meta, source }
function M.deploy(w, o)
  local v = w.s.vercel
  v.last = math.max(w.s.now, v.last + 1)
  local id = M.new_id(w, "dpl_")
  local d = {
    id = id, project = o.project, sha = o.sha, branch = o.branch, target = o.target,
    created = v.last, requested = w.s.now, state = "QUEUED", step = 1, promote = o.promote,
    meta = o.meta or {}, source = o.source or "git", script = core.list(script_for(w, o)),
    url = ("%s-%s-%s.vercel.app"):format(o.project, id:sub(5, 13), w.s.spec.vercel.team.slug),
    visible = w.s.now + (o.live and core.ms(w.s.spec.vercel.appear, 0) or 0),
  }
  table.insert(v.deployments, d)
  if d.script[1] and core.ms(d.script[1].after, 0) == 0 then
    on_step(w, { id = d.id, step = 1 })
  else
    step_later(w, d)
  end
  return d
end

--- A push builds each project: the production branch for production, all others as previews.
function M.pushed(w, push)
  local branch = push.to and push.ref:match("^refs/heads/(.+)$")
  if not branch then
    return
  end
  for name in core.sorted(w.s.spec.vercel.projects) do
    M.deploy(w, { project = name, sha = push.to, branch = branch, live = push.live,
      target = branch == M.branch(w, name) and "production" or "preview" })
  end
end

function M.cancel(w, d)
  d.step = #d.script + 1
  set_state(w, d, "CANCELED")
end

-- Promote and rollback ---------------------------------------------------------------

--- May the domains be led back to this one? On the plan "hobby" only to the one before.
function M.is_candidate(w, d)
  local p = M.project(w, d.project)
  if d.target ~= "production" or d.state ~= "READY" or d.id == p.live
    or not core.has(p.served, d.id) then
    return false
  end
  return w.s.spec.vercel.team.plan ~= "hobby" or p.served[#p.served - 1] == d.id
end

function M.is_busy(w, name)
  local request = M.project(w, name).request
  return request ~= nil and (request.status == "pending" or request.status == "in-progress")
end

--- Asks for the domains of a project to lead to a deployment. kind = "promote" | "rollback"
function M.ask(w, name, kind, d, description)
  local p = M.project(w, name)
  local aliases = core.list {}
  for i, domain in ipairs(core.many(M.spec(w, name).domains)) do
    aliases[i] = { alias = domain, id = core.hex(w, "vercel alias", domain):sub(1, 20),
      status = "pending" }
  end
  p.request_before = p.request
  p.request = { from = p.live or "", to = d.id, type = kind, at = w.s.now, status = "pending",
    description = description, aliases = aliases,
    shown = w.s.now + core.ms(w.s.spec.vercel.request_shows, 0) }
  local spec = w.s.spec.vercel.alias or {}
  core.later(w, w.s.now + core.ms(spec.pending, 1000), "vercel_alias",
    { project = name, at = w.s.now, status = "in-progress" })
  core.later(w, w.s.now + core.ms(spec.done, 4000), "vercel_alias",
    { project = name, at = w.s.now, status = "over" })
  return p.request
end

-- Some domains may refuse to move: they stay where they are, and the job has failed.
local function move_domains(w, name, request)
  local p, d = M.project(w, name), M.deployment(w, request.to)
  local failing, failed = core.many(M.spec(w, name).alias_fail), false
  for _, entry in ipairs(request.aliases) do
    if core.has(failing, entry.alias) then
      entry.status, failed = "failed", true
    else
      entry.status = "completed"
      point(w, p, entry.alias, d)
    end
  end
  return not failed
end

local function finish(w, name, request)
  local p, d = M.project(w, name), M.deployment(w, request.to)
  local said = M.spec(w, name).alias_status
  if said then
    request.status = said
  elseif p.live == request.to then
    request.status = "skipped"
  elseif not move_domains(w, name, request) then
    request.status = "failed"
  else
    request.status = "succeeded"
    goes_live(w, name, d)
    if request.type == "promote" then
      thaw(p)
    else
      p.rollback = { from = request.from, to = request.to, at = request.at,
        description = request.description }
      if p.before == nil then
        p.before = p.automatic
      end
      p.automatic = false
    end
  end
end

local function on_alias(w, data)
  local request = M.project(w, data.project).request
  if not request or request.at ~= data.at then
    return
  elseif data.status == "over" then
    finish(w, data.project, request)
  else
    request.status = data.status
  end
end

M.timers = { vercel_deployment = on_step, vercel_alias = on_alias }

--- What somebody else does, for events: { project, promote | rollback = commit or id }.
function M.event(w, o)
  local kind = o.promote and "promote" or "rollback"
  local wanted = o.promote or o.rollback
  local sha = repo.resolve(w, wanted)
  for i = #w.s.vercel.deployments, 1, -1 do
    local d = w.s.vercel.deployments[i]
    if d.project == o.project and d.target == "production"
      and (d.id == wanted or d.sha == sha) then
      return M.ask(w, o.project, kind, d, o.description)
    end
  end
  error(("world: an event names %q, which project %q has no deployment of"):format(
    tostring(wanted), tostring(o.project)), 0)
end

function M.build(w)
  w.s.vercel = { n = 0, last = 0, deployments = core.list {}, projects = {} }
  for name, spec in core.sorted(w.s.spec.vercel.projects) do
    w.s.vercel.projects[name] = { served = core.list {}, aliases = {},
      automatic = true, starts = spec.automatic ~= false }
  end
end

--- The past went live by itself; whether the next build does is the world file's to say.
function M.ready(w)
  for _, p in core.sorted(w.s.vercel.projects) do
    p.automatic, p.starts = p.starts, nil
  end
end

return M
