-- Railway's logs. A question gives at most 5000 lines, as a plain list without a
-- cursor, and does not say whether there are more. So a window that comes back full is
-- cut in two until no part is: nothing depends on which of its lines Railway leaves out. Windows are
-- half-open and cut at milliseconds, and every line is put where its own time says, so that none is
-- missed or counted twice at a border.

local host = ...
local api = host.require "railway_api"
local deployments = host.require "railway_deployments"

local M = {}

local PAGE = 5000
local REQUESTS = 400 -- of one call: on Hobby an hour has 1000
local TOTAL_REQUESTS = 20 -- of those that count what is there at all

local function refuse(code, message, ...)
  host.raise(code, message:format(...), { refused = true })
end

-- Times ------------------------------------------------------------------------

-- A time as text that sorts, to the nanosecond: Lua's and JavaScript's numbers would round it.
local function key_of(timestamp)
  local seconds, fraction, zone = timestamp:match("^(%d+%-%d+%-%d+T%d+:%d+:%d+)%.?(%d*)(.*)$")
  if not seconds then
    host.raise("railway.answer", ("Railway's answer cannot be used: \"%s\" is no time"):format(timestamp),
      { retryable = true })
  elseif zone ~= "Z" then
    seconds = host.clock_text(host.time(timestamp)):sub(1, 19)
  end
  return seconds .. "." .. (fraction .. ("0"):rep(9)):sub(1, 9)
end

-- One nanosecond before: the first instant belongs to the window, whether Railway's bound
-- includes or not.
local function just_before(ms)
  return (host.clock_text(ms - 1):gsub("Z$", "999999Z"))
end

-- Asking --------------------------------------------------------------------------

local function too_old(q, from)
  return function (message)
    if message:lower():find("problem processing request", 1, true) then
      host.raise("railway.logs-retention", ("logs of \"%s\" from %s: Railway answers \"%s\", which for logs mostly "
        .. "means that it does not keep them for so long (7 days on Hobby, 30 on Pro), else that it does not "
        .. "understand the filter"):format(q.environment, host.clock_text(from), message),
        { refused = true })
    end
  end
end

local function ask(q, from, to)
  q.requests = q.requests + 1
  local o = { judge = too_old(q, from), where = ("logs of \"%s\""):format(q.environment) }
  local first, stop = just_before(from), host.clock_text(to)
  if q.build then
    return api.ask(q.environment, "BuildLogs", { deploymentId = q.deployment, filter = q.filter,
      limit = PAGE, startDate = first, endDate = stop }, o).buildLogs
  elseif q.deployment then
    return api.ask(q.environment, "DeploymentLogs", { deploymentId = q.deployment,
      filter = q.filter, limit = PAGE, startDate = first, endDate = stop }, o).deploymentLogs
  end
  return api.ask(q.environment, "EnvironmentLogs", { environmentId = q.place.environmentId,
    filter = q.filter, beforeDate = first, anchorDate = stop, beforeLimit = PAGE },
    o).environmentLogs
end

-- The lines of [from, to) in the order of their times.
local function sift(lines, from, to)
  local low, high = key_of(host.clock_text(from)), key_of(host.clock_text(to))
  local out = {}
  for i, line in ipairs(lines) do
    local key = key_of(line.timestamp)
    if key >= low and key < high then
      out[#out + 1] = { key = key, i = i, line = line }
    end
  end
  table.sort(out, function (a, b) return a.key < b.key or (a.key == b.key and a.i < b.i) end)
  return out
end

-- Where to cut a window whose page is full: at the end of the gap that the page leaves, for there
-- are the lines that it left out. Most often it holds the newest lines, so that is its start.
local function cut_of(lines, from, to)
  local first, last
  for _, line in ipairs(lines) do
    local key = key_of(line.timestamp)
    first = (not first or key < first) and key or first
    last = (not last or key > last) and key or last
  end
  first, last = host.time(first:sub(1, 23) .. "Z"), host.time(last:sub(1, 23) .. "Z")
  local cut = first - from >= to - last and first + 1 or last
  return cut > from and cut < to and cut or from + (to - from) // 2
end

-- Gives q.take every line of [from, to), earliest first, until it returns false or the requests are
-- used up. q.reached is how far it came.
local function gather(q, from, to)
  if q.requests >= q.most then
    q.stopped = true
    return
  end
  local lines = ask(q, from, to)
  if #lines >= PAGE and to - from > 1 then
    local cut = cut_of(lines, from, to)
    gather(q, from, cut)
    if not q.stopped then
      gather(q, cut, to)
    end
    return
  elseif #lines >= PAGE and not q.about then
    host.raise("railway.logs-dense", ("logs of \"%s\": Railway gives at most %d lines at once, and there are as many or "
      .. "more in or beside the millisecond of %s: narrow the filter"):format(q.environment, PAGE,
      host.clock_text(from)))
  end
  q.inexact = q.inexact or #lines >= PAGE
  for _, one in ipairs(sift(lines, from, to)) do
    if q.take(one.line, one.key) == false then
      q.stopped = true
      return
    end
  end
  q.reached = to
end

-- Questions --------------------------------------------------------------------------

local function check_filter(o)
  local depth, quoted = 0, false
  for c in (o.filter or ""):gmatch('["()]') do
    if c == '"' then
      quoted = not quoted
    elseif not quoted then
      depth = depth + (c == "(" and 1 or -1)
    end
    if depth < 0 then
      break
    end
  end
  if quoted or depth ~= 0 then
    refuse("railway.filter", "logs of \"%s\": the filter %s has a quote or a parenthesis without its other half",
      o.environment, o.filter)
  end
end

local function full_filter(o, place)
  local given = o.filter and o.filter:find("%S") and o.filter or nil
  if o.deployment then
    return given
  end
  local service = "@service:" .. place.serviceId
  return given and ("%s AND (%s)"):format(service, given) or service
end

local function question(o)
  check_filter(o)
  local q = { environment = o.environment, place = api.place(o.environment), requests = 0,
    most = REQUESTS, from = deployments.ms_of(o.from),
    to = o.to and deployments.ms_of(o.to) or host.now() }
  if o.deployment then
    q.deployment = deployments.get(o.environment, o.deployment).id
  end
  if q.from >= q.to then
    refuse("railway.window", "logs of \"%s\": from (%s) is not before to (%s)", o.environment,
      host.clock_text(q.from), host.clock_text(q.to))
  end
  q.filter = full_filter(o, q.place)
  q.reached = q.from
  return q
end

-- Attributes are JSON as it was logged: a text comes with its quotes.
local function plain(value)
  if value:find('^".*"$') then
    local ok, text = pcall(host.json.decode, value)
    return ok and type(text) == "string" and text or value
  end
  return value
end

local function line_of(raw)
  local attributes = {}
  for _, one in ipairs(raw.attributes) do
    attributes[one.key] = plain(one.value)
  end
  local tags = api.some(raw.tags) or {}
  return { at = raw.timestamp, message = raw.message, severity = api.some(raw.severity),
    attributes = attributes, deployment = api.some(tags.deploymentId) }
end

-- More lines than were asked for: those of the last millisecond may be a part of it, and are left to
-- the next call.
local function cut(o, lines, keys)
  local last = keys[o.limit + 1]:sub(1, 23)
  local n = o.limit
  while n > 0 and keys[n]:sub(1, 23) == last do
    n = n - 1
  end
  if n == 0 then
    refuse("railway.logs-dense", "logs of \"%s\": more than %d lines within the millisecond of %s: a larger limit is needed",
      o.environment, o.limit, last)
  end
  for i = #lines, n + 1, -1 do
    lines[i] = nil
  end
  return last .. "Z"
end

local function lines_of(o, q)
  local lines, keys = host.json.array {}, {}
  function q.take(raw, key)
    lines[#lines + 1], keys[#keys + 1] = line_of(raw), key
    return #lines <= o.limit
  end
  gather(q, q.from, q.to)
  local reached = host.clock_text(q.reached)
  if #lines > o.limit then
    reached = cut(o, lines, keys)
  end
  return { lines = lines, complete = not q.stopped, from = host.clock_text(q.from),
    to = q.stopped and reached or host.clock_text(q.to) }
end

function M.lines(o)
  return lines_of(o, question(o))
end

local MINUTE = 60000

--- Lines of a deployment's build, by default all there are.
function M.build(o)
  local row = deployments.get(o.environment, o.deployment)
  local now = host.now()
  if deployments.is_predicted(row.id) then
    return { lines = host.json.array {}, complete = true, from = host.clock_text(now),
      to = host.clock_text(now) }
  end
  local q = question { environment = o.environment, deployment = row.id, filter = o.filter,
    from = o.from or host.time(row.created_at) - MINUTE, to = o.to }
  q.build = true
  return lines_of(o, q)
end

-- Counting -----------------------------------------------------------------------------

-- All lines of the window, and what values an attribute has in them.
local function count_all(o)
  local q = question { environment = o.environment, deployment = o.deployment, from = o.from,
    to = o.to }
  local out = { lines = 0, with = 0, values = {} }
  q.most, q.about = TOTAL_REQUESTS, true
  function q.take(raw)
    out.lines = out.lines + 1
    for _, one in ipairs(raw.attributes) do
      if one.key == o.attribute then
        local value = plain(one.value)
        out.with, out.values[value] = out.with + 1, (out.values[value] or 0) + 1
      end
    end
  end
  gather(q, q.from, q.to)
  out.exact = not q.stopped and not q.inexact
  return out
end

function M.count(o)
  local q = question(o)
  -- The same end for both, should it be "now".
  o.from, o.to = q.from, q.to
  local n, first, last = 0, nil, nil
  function q.take(raw)
    n, first, last = n + 1, first or raw.timestamp, raw.timestamp
  end
  gather(q, q.from, q.to)
  local all = count_all(o)
  return { count = n, first = first, last = last, complete = not q.stopped,
    lines_total = all.lines, lines_total_exact = all.exact,
    with_attribute = o.attribute and all.with or nil,
    values = o.attribute and all.values or nil,
    from = host.clock_text(q.from), to = host.clock_text(q.stopped and q.reached or q.to) }
end

return M
