-- Railway's logs: lines of the world file, lines that come regularly, and what
-- other parts of the world wrote. A question takes the newest lines of its window
-- and gives them oldest first, as a plain list.
--
--   railway:
--     logs:
--       - { environment: production, at: "-1h", message, severity, attributes: { keyPrefix: ab12 } }
--       - { …, every: "10s", from: "-2d", to: "+1d" }      # "{n}" in message: the how-manieth
--       - { …, times: 5001 }                               # so many at the same instant
--       - { …, at, nano: 250 }                             # nanoseconds beyond the milliseconds
--     build_logs: [{ after: "5s", message: "fetched {commit}", times: 2 }]   # of every deployment that is built
--     logs_retention: 30d      # asking for older ones fails
--     logs_lag: 0              # until a line can be read
--     logs_extra: false        # one line more than the limit, as Railway is known to give

local sim = ...
local core = sim.require "core"
local filter = sim.require "railway_filter"

local M = {}

local MOST, USUAL = 5000, 100
local RETENTION = 30 * 86400000
local NANOS = 1000000

local function failed()
  error({ graphql = "Problem processing request", code = "INTERNAL_SERVER_ERROR" }, 0)
end

-- Nanoseconds since 1970 of a time, as text.
local function nanos(text)
  local ok, ms = pcall(sim.time, text)
  if not ok then
    failed()
  end
  local fraction = text:match("%.(%d+)") or ""
  return ms * NANOS + math.tointeger(tonumber((fraction .. ("0"):rep(9)):sub(4, 9)))
end

local function timestamp(ns)
  local ms = ns // NANOS
  return (core.iso(ms):gsub("Z$", (".%03d%06dZ"):format(ms % 1000, ns % NANOS)))
end

local function attributes_of(given)
  local out = core.list {}
  if given and given[1] then
    return core.list(core.copy(given))
  end
  for key, value in core.sorted(core.some(given) or {}) do
    out[#out + 1] = { key = key, value = type(value) == "string" and value
      or sim.json.encode(value) }
  end
  return out
end

--- Another part of the world writes a line, now or at `line.at` (ms).
function M.write(w, env, line)
  w.s.logs = w.s.logs or core.list {}
  table.insert(w.s.logs, { environment = env, ms = line.at or w.s.now, message = line.message,
    severity = line.severity, attributes = line.attributes, deployment = line.deployment })
end

-- Sources ----------------------------------------------------------------------
-- A source is { first (ns), step (ns), n, same (lines at each instant), line }: its k-th line is
-- at first + k // same * step.

local function source_of(w, given)
  local start = given.ms or core.when(given.every and given.from or given.at, w.s.clock)
  local source = { first = start * NANOS + (given.nano or 0), step = 0, same = given.times or 1,
    given = given, attributes = attributes_of(given.attributes) }
  source.n = source.same
  if given.every then
    source.step = core.ms(given.every) * NANOS
    local stop = given.to and core.when(given.to, w.s.clock) or w.s.clock + 36500 * 86400000
    source.n = math.max(0, (stop - start) * NANOS // source.step + 1) * source.same
  end
  return source
end

local function sources_of(w, env)
  local out = {}
  local function add(list)
    for _, given in ipairs(core.many(list)) do
      if given.environment == env then
        out[#out + 1] = source_of(w, given)
      end
    end
  end
  add(w.s.spec.railway.logs)
  for _, given in ipairs(core.many(w.s.spec.railway.environments[env].logs)) do
    out[#out + 1] = source_of(w, given)
  end
  add(w.s.logs)
  return out
end

local function at(source, k)
  return source.first + k // source.same * source.step
end

-- The number of lines at or before `ns` (before it, with `less`).
local function count_to(source, ns, less)
  local reach = ns - source.first - (less and 1 or 0)
  if reach < 0 then
    return 0
  elseif source.step == 0 then
    return source.n
  end
  return math.min(source.n, (reach // source.step + 1) * source.same)
end

local function deployment_at(w, env, ms)
  for i = #w.s.deployments, 1, -1 do
    local d = w.s.deployments[i]
    if d.environment == env and d.served_at and d.served_at <= ms
      and (not d.removed_at or ms < d.removed_at) then
      return d.id
    end
  end
end

-- Reading -----------------------------------------------------------------------

local function line_of(q, source, k)
  local given, ns = source.given, at(source, k)
  return {
    ns = ns, message = (given.message or ""):gsub("{n}", tostring(k + 1)),
    severity = given.severity or "info", attributes = source.attributes, service = q.service,
    deployment = given.deployment or deployment_at(q.w, q.env, ns // NANOS),
  }
end

local function passes(q, line)
  return (not q.deployment or line.deployment == q.deployment) and filter.fits(q.tree, line)
end

-- One line stands for all of a source that are alike.
local function hopeless(q, source)
  if (source.given.message or ""):find("{n}", 1, true) or q.text:find("@deployment", 1, true) then
    return false
  end
  return not filter.fits(q.tree, line_of(q, source, 0))
end

local function open(q)
  local cursors = {}
  for i, source in ipairs(q.sources or sources_of(q.w, q.env)) do
    local low, high = count_to(source, q.from, true), count_to(source, q.to)
    if low < high and not hopeless(q, source) then
      cursors[#cursors + 1] = { source = source, i = i, low = low, high = high - 1 }
    end
  end
  return cursors
end

-- The cursor that is the last (newest: the list goes backwards) or the first.
local function choose(cursors, newest)
  local best
  for _, c in ipairs(cursors) do
    if c.low <= c.high then
      local ns = at(c.source, newest and c.high or c.low)
      if not best or (newest and (ns > best.ns or (ns == best.ns and c.i > best.cursor.i)))
        or (not newest and ns < best.ns) then
        best = { ns = ns, cursor = c }
      end
    end
  end
  return best and best.cursor
end

-- Up to `limit` lines of the window, oldest first: its newest ones, or its oldest ones.
local function read(q, limit, newest)
  local cursors, found = open(q), {}
  while #found < limit do
    local c = choose(cursors, newest)
    if not c then
      break
    end
    local line = line_of(q, c.source, newest and c.high or c.low)
    c.high, c.low = newest and c.high - 1 or c.high, newest and c.low or c.low + 1
    if passes(q, line) then
      found[#found + 1] = line
    end
  end
  local out = core.list {}
  for i, line in ipairs(found) do
    out[newest and #found - i + 1 or i] = line
  end
  return out
end

local function nodes(x, q, lines)
  local env = x.w.s.spec.railway.environments[q.env]
  for i, line in ipairs(lines) do
    lines[i] = { timestamp = timestamp(line.ns), message = line.message, severity = line.severity,
      attributes = line.attributes, tags = { deploymentId = line.deployment,
        serviceId = x.service.id, environmentId = env.id, projectId = x.project.id } }
  end
  return lines
end

local function limit_of(x, given)
  local limit = core.some(given) or USUAL
  if limit < 0 or limit > MOST then
    failed()
  end
  return limit > 0 and x.w.s.spec.railway.logs_extra and limit + 1 or limit
end

-- o = { env, deployment, filter, from, to: texts or nil }
local function question(x, o)
  local w, spec = x.w, x.w.s.spec.railway
  local oldest = (w.s.now - core.ms(spec.logs_retention, RETENTION)) * NANOS
  local newest = (w.s.now - core.ms(spec.logs_lag, 0)) * NANOS + NANOS - 1
  local from = o.from and nanos(o.from) or oldest
  if from < oldest then
    failed()
  end
  return { w = w, env = o.env, deployment = o.deployment, service = x.service.id,
    text = o.filter or "", tree = filter.parse(o.filter), from = from,
    to = math.min(o.to and nanos(o.to) or newest, newest) }
end

-- Resolvers -----------------------------------------------------------------------

function M.deployment(_, args, x)
  local d = x.check.deployment(x, args.deploymentId)
  local q = question(x, { env = d.environment, deployment = d.id, filter = args.filter,
    from = args.startDate, to = args.endDate })
  return nodes(x, q, read(q, limit_of(x, args.limit), true))
end

function M.environment(_, args, x)
  local env = x.check.environment(x, args.environmentId)
  local q = question(x, { env = env, filter = args.filter, from = args.beforeDate,
    to = args.anchorDate })
  local before = (args.beforeLimit or not args.afterLimit) and limit_of(x, args.beforeLimit) or 0
  local lines = read(q, before, true)
  if args.afterLimit then
    local after = question(x, { env = env, filter = args.filter, to = args.afterDate })
    after.from = q.to + 1
    for _, line in ipairs(read(after, limit_of(x, args.afterLimit), false)) do
      lines[#lines + 1] = line
    end
  end
  return nodes(x, q, lines)
end

local BUILD = { { after = "5s", message = "fetched {commit}" }, { after = "50s", message = "built" } }

-- A rollback and what was never begun are not built.
local function build_of(w, d)
  local out = {}
  if d.reason == "rollback" or d.status == "SKIPPED" or d.status == "WAITING" then
    return out
  end
  for i, given in ipairs(core.many(w.s.spec.railway.build_logs or BUILD)) do
    local line = core.copy(given)
    line.ms, line.deployment = d.created + core.ms(given.after, 0), d.id
    line.message = (given.message or ""):gsub("{commit}", core.short(d.commit))
    out[i] = source_of(w, line)
  end
  return out
end

function M.build(_, args, x)
  local d = x.check.deployment(x, args.deploymentId)
  local q = question(x, { env = d.environment, deployment = d.id, filter = args.filter,
    from = args.startDate, to = args.endDate })
  q.sources = build_of(x.w, d)
  return nodes(x, q, read(q, limit_of(x, args.limit), true))
end

return M
