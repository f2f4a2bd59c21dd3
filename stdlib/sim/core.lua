-- What every part of the simulated world shares: identifiers that come from
-- the seed, times, patterns, ordered iteration, the queue of things to come.
-- A world is the table `w`: `w.s` is plain data (saved as JSON), the rest are
-- functions of the parts.

local sim = ...
local core = {}

core.null = sim.null

--- An empty or filled list that is a JSON array even when empty.
function core.list(t)
  return sim.json.array(t or {})
end

--- Key, value in the order of the keys; the host's `pairs` does the same, a plain Lua's does not.
function core.sorted(t)
  local keys = {}
  for key in pairs(t or {}) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function (a, b) return tostring(a) < tostring(b) end)
  local i = 0
  return function ()
    i = i + 1
    if keys[i] ~= nil then
      return keys[i], t[keys[i]]
    end
  end
end

function core.copy(value)
  if type(value) ~= "table" or value == sim.null then
    return value
  end
  local out = {}
  for key, member in pairs(value) do
    out[key] = core.copy(member)
  end
  -- An empty list stays one.
  return sim.json.is_array(value) and sim.json.array(out) or out
end

local function is_list(t)
  return t[1] ~= nil
end

--- `over` laid on `base`: maps merge, lists and texts replace, null removes.
function core.merge(base, over)
  if type(over) ~= "table" or over == sim.null or type(base) ~= "table" or is_list(base)
    or is_list(over) then
    return core.copy(over)
  end
  local out = core.copy(base)
  for key, value in pairs(over) do
    if value == sim.null then
      out[key] = nil
    else
      out[key] = core.merge(out[key], value)
    end
  end
  return out
end

--- The value, or nil where the world file (or JSON) says null.
function core.some(value)
  if value == sim.null then
    return nil
  end
  return value
end

--- A member alone stands for a list of one.
function core.many(value)
  if value == nil or value == sim.null then
    return {}
  end
  if type(value) == "table" and (is_list(value) or next(value) == nil) then
    return value
  end
  return { value }
end

function core.has(list, value)
  for _, member in ipairs(list or {}) do
    if member == value then
      return true
    end
  end
  return false
end

--- `*` stands for anything, slashes included; all else is literal.
function core.glob(pattern, text)
  local lua = pattern:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*+", ".*")
  return text:find("^" .. lua .. "$") ~= nil
end

function core.starts(text, prefix)
  return text:sub(1, #prefix) == prefix
end

function core.short(sha)
  return sha:sub(1, 7)
end

-- Times ------------------------------------------------------------------

local function civil(days)
  local z = days + 719468
  local era = z // 146097
  local doe = z - era * 146097
  local yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
  local doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
  local mp = (5 * doy + 2) // 153
  local month = mp < 10 and mp + 3 or mp - 9
  return yoe + era * 400 + (month <= 2 and 1 or 0), month, doy - (153 * mp + 2) // 5 + 1
end

--- `2026-11-20T14:00:00Z`, as GitHub writes times.
function core.iso(ms)
  local seconds = ms // 1000
  local year, month, day = civil(seconds // 86400)
  local rest = seconds % 86400
  return string.format("%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day, rest // 3600,
    rest // 60 % 60, rest % 60)
end

--- `2026-11-20T14:00:00.000Z`, as Railway writes times.
function core.iso_ms(ms)
  return (core.iso(ms):gsub("Z$", string.format(".%03dZ", ms % 1000)))
end

--- Milliseconds of a length: a number of seconds, or a text such as "90s".
function core.ms(value, default)
  if value == nil or value == sim.null then
    return default
  end
  if type(value) == "number" then
    return math.floor(value * 1000)
  end
  return sim.duration(value)
end

--- A point in time of the world file: "-3d" and "+5m" count from its clock.
function core.when(value, clock)
  if value == nil or value == sim.null then
    return clock
  end
  local sign, rest = tostring(value):match("^([+-])(.+)$")
  if sign then
    local length = sim.duration(rest)
    return sign == "-" and clock - length or clock + length
  end
  return sim.time(value)
end

-- Identifiers ------------------------------------------------------------

--- The next number of this kind, for ever different from the ones before.
function core.id(w, kind)
  local counters = w.s.counters
  counters[kind] = (counters[kind] or 0) + 1
  return w.s.bases[kind] + counters[kind]
end

function core.hex(w, ...)
  return sim.sha256(table.concat({ tostring(w.s.seed), ... }, "\n"))
end

function core.uuid(w, ...)
  local hex = core.hex(w, "uuid", ...)
  return ("%s-%s-4%s-a%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16),
    hex:sub(18, 20), hex:sub(21, 32))
end

function core.new_uuid(w, kind)
  w.s.counters.uuid = (w.s.counters.uuid or 0) + 1
  return core.uuid(w, kind, tostring(w.s.counters.uuid))
end

-- Things to come ---------------------------------------------------------

--- Asks for `w.timers[kind](w, data)` at the time `at`.
function core.later(w, at, kind, data)
  if not w.timers[kind] then
    error(("core.later: there are no timers.%s"):format(tostring(kind)), 2)
  elseif type(at) ~= "number" then
    error(("core.later: the time of %s is %s, milliseconds since 1970 are expected"):format(kind,
      type(at) == "string" and "\"" .. at .. "\"" or type(at)), 2)
  end
  w.s.counters.timer = (w.s.counters.timer or 0) + 1
  local timers = w.s.timers
  timers[#timers + 1] = { at = at, n = w.s.counters.timer, kind = kind, data = data }
end

local function earliest(timers, now)
  local best
  for i, timer in ipairs(timers) do
    if timer.at <= now then
      local other = best and timers[best]
      if not other or timer.at < other.at or (timer.at == other.at and timer.n < other.n) then
        best = i
      end
    end
  end
  return best
end

--- Lets time pass up to `now`, one event after the other in the order of their times.
function core.advance(w, now)
  local timers = w.s.timers
  local i = earliest(timers, now)
  while i do
    local timer = table.remove(timers, i)
    w.s.now = math.max(w.s.now, timer.at)
    w.timers[timer.kind](w, timer.data)
    i = earliest(timers, now)
  end
  w.s.now = math.max(w.s.now, now)
end

-- The ledger ---------------------------------------------------------------

--- Writes down a mutation that a client caused and that took effect.
function core.record(w, system, effect, target, detail)
  local ledger = w.s.ledger
  ledger[#ledger + 1] = {
    n = #ledger + 1, time = core.iso(w.s.now), system = system, effect = effect, target = target,
    detail = detail or {},
  }
end

-- Web ----------------------------------------------------------------------

local function unescape(text)
  return (text:gsub("%%(%x%x)", function (hex) return string.char(tonumber(hex, 16)) end))
end

--- scheme, host, path (still escaped), query as name -> last value, and name -> all values.
function core.url(url)
  local scheme, host, rest = url:match("^(%a+)://([^/?#]+)(.*)$")
  if not scheme then
    return nil
  end
  local path, query = rest:match("^([^?#]*)%??([^#]*)")
  local last, all = {}, {}
  for pair in query:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    name, value = unescape(name), unescape((value:gsub("%+", " ")))
    last[name] = value
    all[name] = all[name] or {}
    table.insert(all[name], value)
  end
  return scheme, host:lower(), path == "" and "/" or path, last, all
end

core.unescape = unescape

function core.escape(text)
  return (text:gsub("[^%w%-%._~]", function (c) return ("%%%02X"):format(c:byte()) end))
end

--- An answer with a JSON body; `value` nil means no body at all.
function core.answer(status, value, headers)
  local out = { ["content-type"] = value ~= nil and "application/json; charset=utf-8" or nil }
  for name, text in pairs(headers or {}) do
    out[name] = text
  end
  return { status = status, headers = out, body = value ~= nil and sim.json.encode(value) or "" }
end

--- The body of a request as data; nil when there is none or it is no JSON.
function core.body(req)
  if not req.body or req.body == "" then
    return nil
  end
  local ok, value = pcall(sim.json.decode, req.body)
  if ok and type(value) == "table" and value ~= sim.null then
    return value
  end
  return nil
end

--- Counts a request against the limit of a system. Returns state {limit, remaining, reset (ms),
-- used}, and whether it is over.
function core.spend(w, system)
  local limits = w.s.spec.limits[system]
  local window = core.ms(limits.window)
  local state = w.s.spent[system]
  if not state or w.s.now >= state.reset then
    state = { used = 0, reset = w.s.now + window }
    w.s.spent[system] = state
  end
  local over = state.used >= limits.limit
  if not over then
    state.used = state.used + 1
  end
  return { limit = limits.limit, used = state.used, remaining = limits.limit - state.used,
    reset = state.reset }, over
end

return core
