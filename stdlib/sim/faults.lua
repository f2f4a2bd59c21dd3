-- Faults of the world file: what goes wrong, with which request, how often.
--
--   faults:
--     - match: { system, host, method, path, operation, git }   # all that are given must match; *
-- stands for anything
--       nth: 2            # from the second matching request on (default 1)
--       times: 3          # so many of them (default 1; "always")
--       after: "30s"      # not before this time after the start (or "until" it)
--       error: timeout    # connect | timeout | reset
--       sent: true        # did the request leave (default: true unless connect)
--       applied: true     # the vendor did it, although the answer was lost
--       answer: { status: 502, headers: {}, body: "<html>…" }    # body: text, or data sent as JSON
--       delay: "2s"       # alone: a slow answer

local sim = ...
local core = sim.require "core"

local M = {}

local KEYS = { match = true, nth = true, times = true, after = true, ["until"] = true, error = true,
  sent = true, applied = true,
  answer = true, delay = true, message = true }
local MATCH = { system = true, host = true, method = true, path = true, operation = true,
  git = true }
local ERRORS = { connect = true, timeout = true, reset = true }

--- Raises when a fault of the world file cannot be understood.
function M.check(faults)
  for i, fault in ipairs(core.many(faults)) do
    for key in core.sorted(fault) do
      if not KEYS[key] then
        error(("world: faults[%d] has the unknown key %q"):format(i, tostring(key)), 0)
      end
    end
    for key in core.sorted(fault.match or {}) do
      if not MATCH[key] then
        error(("world: faults[%d].match has the unknown key %q"):format(i, tostring(key)), 0)
      end
    end
    if fault.error and not ERRORS[fault.error] then
      error(("world: faults[%d].error is %q; it can be connect, timeout or reset"):format(i,
        fault.error), 0)
    elseif not (fault.error or fault.answer or fault.delay) then
      error(("world: faults[%d] needs error, answer or delay"):format(i), 0)
    end
  end
end

local function fits(pattern, value)
  if pattern == nil or pattern == sim.null then
    return true
  end
  for _, one in ipairs(core.many(pattern)) do
    if value and core.glob(one, value) then
      return true
    end
  end
  return false
end

--- Does a request fit a pattern of the world file (also used by events)?
function M.matches(want, facts)
  return fits(want.system, facts.system) and fits(want.host, facts.host)
    and fits(want.method, facts.method)
    and fits(want.path, facts.path) and fits(want.operation, facts.operation)
      and fits(want.git, facts.git)
end

local function due(fault, count)
  local first = fault.nth or 1
  local times = fault.times == "always" and math.huge or fault.times or 1
  return count >= first and count < first + times
end

local function in_time(w, fault)
  local from = fault.after and w.s.clock + core.ms(fault.after)
  local to = fault["until"] and w.s.clock + core.ms(fault["until"])
  return (not from or w.s.now >= from) and (not to or w.s.now < to)
end

--- The first fault that this request runs into; nil when it goes well.
function M.find(w, facts)
  local hit
  for i, fault in ipairs(core.many(w.s.spec.faults)) do
    local want = fault.match or {}
    local about_git = want.git ~= nil or want.system == "git"
    if in_time(w, fault) and about_git == (facts.git ~= nil) and M.matches(want, facts) then
      local key = tostring(i)
      w.s.fault_counts[key] = (w.s.fault_counts[key] or 0) + 1
      if not hit and due(fault, w.s.fault_counts[key]) then
        hit = fault
      end
    end
  end
  return hit
end

--- The answer that the fault gives in place of the vendor's.
function M.answer(fault)
  if fault.error then
    local sent = fault.sent
    if sent == nil then
      sent = fault.error ~= "connect"
    end
    return { error = fault.error, sent = sent }
  end
  local given = fault.answer
  local body, headers = given.body or "", {}
  if type(body) == "table" then
    body, headers["content-type"] = sim.json.encode(body), "application/json; charset=utf-8"
  elseif core.starts(body:match("^%s*(.*)") or "", "<") then
    headers["content-type"] = "text/html; charset=UTF-8"
  end
  for name, value in core.sorted(given.headers or {}) do
    headers[name:lower()] = tostring(value)
  end
  return { status = given.status or 500, headers = headers, body = body }
end

return M
