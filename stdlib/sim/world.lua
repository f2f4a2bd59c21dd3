-- The simulated world: everything that the live providers would be, as one state
-- that requests and the passing of time change. See docs of the world file in
-- default.lua, faults.lua and events.lua.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"
local actions = sim.require "actions"
local railway = sim.require "railway"
local railway_api = sim.require "railway_api"
local github = sim.require "github"
local supabase = sim.require "supabase"
local postgres = sim.require "postgres"
local api = sim.require "api"
local faults = sim.require "faults"
local events = sim.require "events"

local M = {}

-- Systems that bring all that is theirs: see the head of systems.lua.
local systems = sim.require "systems"

local HOSTS = {
  ["api.github.com"] = { "github", github.request },
  [github.log_host] = { "github", github.request },
  ["backboard.railway.com"] = { "railway", railway_api.request },
  ["backboard.railway.app"] = { "railway", railway_api.request },
  ["api.supabase.com"] = { "supabase", supabase.request },
}
for host, system in core.sorted(systems.hosts) do
  if HOSTS[host] then
    error(("%s and pipe's own %s both want the host %q"):format(systems.who(system),
      HOSTS[host][1], host), 0)
  end
  HOSTS[host] = { system.name, systems.judged(system) }
end

-- The world file -------------------------------------------------------------

local KEYS = { base = true, seed = true, clock = true, summary = true, project = true, users = true,
  repository = true,
  history = true, pulls = true, protection = true, rules = true, checks = true, statuses = true,
  workflows = true,
  railway = true, supabase = true, api = true, tokens = true, credentials = true, limits = true,
  faults = true, events = true,
  mergeable_after = true, github = true }
for key in pairs(systems.keys) do
  KEYS[key] = true
end

local function complete(spec)
  local default = systems.complete(sim.require "default")
  if spec == nil or spec == sim.null then
    return core.copy(default)
  end
  for key in core.sorted(spec) do
    if not KEYS[key] then
      error(("world: unknown key %q"):format(tostring(key)), 0)
    end
  end
  if spec.base == "none" then
    local out = core.copy(spec)
    for _, key in ipairs { "checks", "protection", "rules", "workflows", "credentials", "tokens",
      "users" } do
      out[key] = out[key] or {}
    end
    out.limits = core.merge(default.limits, out.limits or {})
    systems.from_nothing(out)
    out.api = core.merge(default.api, out.api or {})
    out.repository.merge_methods = out.repository.merge_methods or { "merge", "squash", "rebase" }
    return out
  end
  return core.merge(default, spec)
end

local function check(spec)
  for _, key in ipairs { "clock", "repository", "railway", "supabase" } do
    if spec[key] == nil then
      error(("world: %q is missing"):format(key), 0)
    end
  end
  faults.check(spec.faults)
  events.check(spec.events)
end

-- Reactions ------------------------------------------------------------------

local function pushed(w, push)
  local runs = actions.pushed(w, push)
  railway.pushed(w, push, runs)
  local branch = push.ref:match("^refs/heads/(.+)$")
  for _, pull in ipairs(w.s.pulls) do
    if branch and pull.head == branch and pull.state == "open" then
      pull.updated = w.s.now
      pull.last_head = push.to or pull.last_head
      if push.to and (w.s.started or pull.created <= w.s.now) then
        actions.pull_moved(w, pull, push.live)
      end
    end
  end
  systems.react(w, "pushed", push)
  events.happened(w, "push", { ref = push.ref })
end

local function run_ended(w, run)
  railway.run_ended(w, run)
  systems.react(w, "run_ended", run)
  events.happened(w, "workflow", { file = run.file, conclusion = run.conclusion,
    branch = run.branch })
end

local function react(w)
  w.timers = {}
  for _, part in ipairs { actions, railway, events } do
    for kind, f in pairs(part.timers) do
      w.timers[kind] = f
    end
  end
  systems.timers(w)
  w.pushed, w.run_ended, w.migrate, w.happened = pushed, run_ended, supabase.migrate,
    events.happened
end

-- The beginning ----------------------------------------------------------------

local function empty(spec)
  local clock = sim.time(spec.clock)
  local seed = spec.seed or 1
  local base = math.tointeger(tonumber(sim.sha256("seed " .. tostring(seed)):sub(1, 6), 16)) * 100
  return {
    format = 1, spec = spec, seed = seed, clock = clock, now = clock, counters = {},
    bases = { run = 19000000000 + base, check = 53000000000 + base, suite = 46000000000 + base,
      status = 31000000000 + base,
      pull = 2000000000 + base, release = 260000000 + base, deployment = 1800000000 + base },
    timers = core.list {}, ledger = core.list {}, commits = {}, aliases = {}, refs = {},
    annotated = {}, tag_objects = {},
    runs = core.list {},
    statuses = core.list {}, pulls = core.list {}, deployments = core.list {}, serving = {},
    serves = {}, migrations = {},
    variables = {}, spent = {}, fault_counts = {}, event_counts = {}, fired = {}, started = false,
  }
end

local function build_pulls(w)
  for _, entry in ipairs(core.many(w.s.spec.pulls)) do
    local created = core.when(entry.created, w.s.clock - 86400000)
    table.insert(w.s.pulls, { id = core.id(w, "pull"), number = entry.number, title = entry.title
      or entry.head,
      body = entry.body, head = entry.head, base = entry.base or w.s.spec.repository.default_branch,
      author = entry.author,
      draft = entry.draft == true, state = entry.state or "open", created = created,
        updated = created })
  end
end

-- The past happens as the future will: pushes, and what they set in motion.
local function play_past(w)
  local past = {}
  for i, entry in ipairs(core.many(w.s.spec.history)) do
    past[i] = { at = core.when(entry.at, w.s.clock), i = i, entry = entry }
  end
  table.sort(past, function (a, b)
    return a.at < b.at or (a.at == b.at and a.i < b.i)
  end)
  w.s.seeding = true
  w.s.now = past[1] and math.min(past[1].at, w.s.clock) or w.s.clock
  for _, item in ipairs(past) do
    local entry = item.entry
    core.advance(w, item.at)
    local sha = repo.resolve(w, entry.commit)
      or error(("world: history names the unknown commit %q"):format(tostring(entry.commit)), 0)
    local ref = entry.tag and "refs/tags/" .. entry.tag or "refs/heads/" .. entry.push
    repo.move(w, ref, sha, { live = entry.live == true })
  end
  core.advance(w, w.s.clock)
  w.s.seeding = nil
end

local function build_statuses(w)
  for _, entry in ipairs(core.many(w.s.spec.statuses)) do
    table.insert(w.s.statuses, { id = core.id(w, "status"), sha = repo.resolve(w, entry.commit),
      context = entry.context,
      state = entry.state, description = entry.description, target_url = entry.target_url,
        created = w.s.clock })
  end
end

local function build(w)
  for env, project in core.sorted(w.s.spec.supabase.projects) do
    w.s.migrations[env] = core.list(core.copy(core.many(project.before)))
  end
  for env, known in core.sorted(w.s.spec.railway.environments) do
    w.s.variables[env] = core.copy(known.variables or {})
  end
  github.build(w)
  systems.build(w)
  repo.build(w)
  build_pulls(w)
  play_past(w)
  for env, project in core.sorted(w.s.spec.supabase.projects) do
    if project.migrations then
      w.s.migrations[env] = core.list(core.copy(project.migrations))
    end
  end
  repo.publish(w)
  for _, pull in ipairs(w.s.pulls) do
    pull.last_head = repo.head(w, pull.head)
  end
  build_statuses(w)
  systems.ready(w)
  w.s.now, w.s.started = w.s.clock, true
  events.arm(w)
end

-- The face -----------------------------------------------------------------------

local function operation_of(req)
  local body = req.body and req.body:find('"query"', 1, true) and core.body(req)
  if not body then
    return nil
  end
  return core.some(body.operationName)
    or type(body.query) == "string" and body.query:match("^%s*%l+%s+([%w_]+)") or nil
end

local function dispatch(w, req, known, env)
  if known then
    return systems.checked(known[1], req, known[2](w, req))
  end
  return api.request(w, req, env)
end

local function answer_of(w, req, known, env, facts)
  local fault = faults.find(w, facts)
  local answer
  if not fault or (not fault.error and not fault.answer) then
    answer = dispatch(w, req, known, env)
  else
    if fault.applied then
      dispatch(w, req, known, env)
    end
    answer = faults.answer(fault)
  end
  if fault and fault.delay then
    answer.delay_ms = core.ms(fault.delay)
  end
  return answer
end

local function pass(w, now)
  core.advance(w, math.max(now or 0, w.s.now))
  repo.notice(w)
  core.advance(w, w.s.now)
end

local function request(w, given, now)
  pass(w, now)
  local scheme, host, path, query, all = core.url(given.url)
  if not scheme then
    return { error = "connect", sent = false }
  end
  local known, env = HOSTS[host], api.environment(w, host)
  local system = not known and not env and systems.host(w, host)
  known = system and { system.name, systems.judged(system) } or known
  local req = { method = given.method:upper(), url = given.url, host = host, path = path,
    query = query, all = all,
    headers = given.headers or {}, body = given.body }
  local facts = { system = known and known[1] or env and "api" or "unknown", host = host,
    method = req.method, path = path,
    operation = operation_of(req) }
  events.happened(w, "request", facts)
  core.advance(w, w.s.now)
  if not known and not env then
    return { error = "connect", sent = false, message = ("the simulated world has no host %q"):format(host) }
  end
  local answer = answer_of(w, req, known, env, facts)
  core.advance(w, w.s.now)
  return answer
end

-- Where a git URL leads; nil when nowhere, or when it cannot be reached now. With `op` ("fetch" or
-- "push") the faults of that operation count too, and the second value says what goes wrong:
-- { error = "connect" | "timeout" | "reset", applied, message }. With `applied` the operation is to be
-- carried out, and its answer to be taken as lost.
local function remote(w, url, op, now)
  pass(w, now)
  local spec = w.s.spec.repository
  local known = url == spec.url or url == repo.path(w) or core.has(core.many(spec.urls), url)
  if not known then
    return nil
  end
  local facts = { system = "git", git = op or "", host = url:match("@([^:]+):")
    or url:match("://([^/]+)"), path = url }
  if op then
    events.happened(w, "request", facts)
    core.advance(w, w.s.now)
  end
  local fault = faults.find(w, facts)
  if not fault or not fault.error then
    return repo.path(w)
  end
  return fault.applied and repo.path(w) or nil,
    { error = fault.error, applied = fault.applied == true, message = fault.message }
end

--- Opens a world. o = { spec, state, dir, now }
function M.open(o)
  local w = { dir = o.dir, work = o.dir .. "/work" }
  react(w)
  if o.state ~= nil and o.state ~= sim.null then
    w.s = o.state
  else
    local spec = complete(o.spec)
    check(spec)
    w.s = empty(spec)
    build(w)
  end
  return {
    work = w.work,
    request = function (req, now) return request(w, req, now) end,
    touch = function (now) pass(w, now) end,
    process = function (call, now)
      pass(w, now)
      return systems.process(w, call)
    end,
    processed = function (ended, now)
      pass(w, now)
      systems.processed(w, ended)
      core.advance(w, w.s.now)
    end,
    remote = function (url, op, now) return remote(w, url, op, now) end,
    database = function (call, now)
      pass(w, now)
      return postgres.call(w, call.row, call.args)
    end,
    state = function () return w.s end,
    ledger = function () return w.s.ledger end,
    now = function () return w.s.now end,
    credential = function (name) return core.some(w.s.spec.credentials[name]) end,
    project = function () return w.s.spec.project end,
    hosts = function ()
      local out = core.list {}
      for host in core.sorted(HOSTS) do
        out[#out + 1] = host
      end
      for _, env in core.sorted(w.s.spec.railway.environments) do
        out[#out + 1] = env.url
      end
      return out
    end,
  }
end

return M
