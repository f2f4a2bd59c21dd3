-- The systems of the world that bring all that is theirs. Each is a module
--
--   { name = "doppler", hosts = { "api.doppler.com" },
--     keys = { "doppler" },             keys of the world file that it owns
--     default = { doppler = {…}, … },   its part of the built-in world
--     build = function (w) end,         makes its state, w.s.doppler, before any past is played
--     ready = function (w) end,         the past was played: branches are where they are
--     request = function (w, req) return core.answer(…) end,
--     timers = { kind = function (w, timer) end },
--     react = { pushed = function (w, push) end, run_ended = function (w, run) end },
--     host = function (w, host) return true end,    hosts that only a running world knows
--     events = { vercel = function (w, o) end } }   what events of the world file may do with it
--
-- A team's own provider brings its twin in the same form, and may name the vendor's description,
-- contract = "cdn.openapi.yaml", which then judges every request and answer (docs/providers.md).

local sim = ...
local core = sim.require "core"

local M = { hosts = {}, keys = {}, events = {} }
local all = {}

-- Twins as their authors wrote them ---------------------------------------------------

local FIELDS = { name = "text", hosts = "texts", keys = "texts", contract = "text",
  default = "table", build = "function", ready = "function", request = "function",
  timers = "functions", react = "functions", events = "functions", host = "function",
  process = "function", processed = "function" }

local WORDS = { text = "text", texts = "a list of texts, as in { \"api.cdn.example\" }",
  table = "a table", ["function"] = "a function", functions = "a table of functions, each by its name" }

local FITS = {
  text = function (v) return type(v) == "string" and v ~= "" end,
  table = function (v) return type(v) == "table" end,
  ["function"] = function (v) return type(v) == "function" end,
  texts = function (v)
    local fits = type(v) == "table"
    for i, one in pairs(fits and v or {}) do
      fits = fits and math.type(i) == "integer" and type(one) == "string"
    end
    return fits
  end,
  functions = function (v)
    local fits = type(v) == "table"
    for name, one in pairs(fits and v or {}) do
      fits = fits and type(name) == "string" and type(one) == "function"
    end
    return fits
  end,
}

local function names(t)
  local out = {}
  for name in core.sorted(t) do
    out[#out + 1] = name
  end
  return table.concat(out, ", ")
end

local function check_host(host)
  if not host:find("^[%w_%.%-]+$") and not host:find("^[%w_%.%-]+:%d+$") then
    return ("hosts: %q is no host alone, as \"api.cdn.example\" is"):format(host)
  elseif host ~= host:lower() then
    return ("hosts: %q: hosts are written in small letters"):format(host)
  end
end

-- The first mistake of a twin; nil where there is none.
local function mistake(twin)
  if type(twin) ~= "table" then
    return "returns no table: it should be { name = …, hosts = { … }, request = function (w, req) … end }"
  end
  for name, value in core.sorted(twin) do
    if not FIELDS[name] then
      return ("a twin has no %q (there are %s)"):format(tostring(name), names(FIELDS))
    elseif not FITS[FIELDS[name]](value) then
      return ("%s should be %s"):format(name, WORDS[FIELDS[name]])
    end
  end
  if not twin.name then
    return "name = \"…\" is missing: the system that it stands for"
  elseif not twin.request and (#(twin.hosts or {}) > 0 or twin.host) then
    return "request = function (w, req) … end is missing: it answers at its hosts"
  end
  for _, host in ipairs(twin.hosts or {}) do
    local problem = check_host(host)
    if problem then
      return problem
    end
  end
end

-- Taking them --------------------------------------------------------------------------

local takers = {} -- system -> who that is, in words

local function both(system, other, what, name)
  error(("%s and %s both want the %s %q"):format(takers[system], takers[other], what, name), 0)
end

local owners = { key = {}, event = {}, name = {}, timer = {} }

local function own(system, what, name)
  local other = owners[what][name]
  if other and other ~= system then
    both(system, other, what, name)
  end
  owners[what][name] = system
end

local function take(system, who)
  all[#all + 1] = system
  takers[system] = who
  own(system, "name", system.name)
  for _, host in ipairs(system.hosts or {}) do
    if M.hosts[host] then
      both(system, M.hosts[host], "host", host)
    end
    M.hosts[host] = system
  end
  for _, key in ipairs(system.keys or {}) do
    own(system, "key", key)
    M.keys[key] = true
  end
  for name, f in pairs(system.events or {}) do
    own(system, "event", name)
    M.events[name] = f
  end
  for kind in pairs(system.timers or {}) do
    own(system, "timer", kind)
  end
end

for _, name in ipairs { "doppler", "vercel", "slack", "appstore", "fastlane" } do
  take(sim.require(name), "pipe's own " .. name)
end

local function nameless(twin)
  local name = type(twin) == "table" and type(twin.name) == "string" and twin.name
  return (name and "the twin \"" .. name .. "\"" or "a twin") .. " of pipelines/providers"
end

local twins, files = sim.twins()
for i, twin in ipairs(twins) do
  local who = files and "pipelines/providers/" .. files[i] or nameless(twin)
  local problem = mistake(twin)
  if problem then
    error(("%s: %s"):format(who, problem), 0)
  end
  take(twin, who)
end

--- Who a system is, for errors: its file, or that it is pipe's own.
function M.who(system)
  return takers[system]
end

local function kind(value)
  return ({ ["nil"] = "missing", string = "text", number = "a number", boolean = "a flag",
    table = "a table" })[type(value)] or "a " .. type(value)
end

--- The answer, if it is one that can be sent; raises where it is none.
function M.checked(name, req, answer)
  local problem
  if type(answer) ~= "table" then
    problem = answer == nil and "nil" or kind(answer)
  elseif answer.error ~= nil then
    return answer
  elseif math.type(answer.status) ~= "integer" or answer.status < 100 or answer.status > 599 then
    problem = type(answer.status) == "number" and "the status " .. answer.status
      or "a status that is " .. kind(answer.status)
  elseif answer.body ~= nil and type(answer.body) ~= "string" then
    problem = "a body that is " .. kind(answer.body)
  elseif answer.headers ~= nil and type(answer.headers) ~= "table" then
    problem = "headers that are " .. kind(answer.headers)
  end
  if problem then
    error(("the twin of %s returned %s for %s %s: it should return core.answer(status, data)"):format(
      name, problem, req.method, req.path), 0)
  end
  return answer
end

local function judge(system)
  if not system.contract then
    return system.request
  end
  local contract = sim.require "contract"
  local document = contract.open(sim.document(system.contract), system.contract)
  return function (w, req)
    contract.check_request(document, system.contract, req)
    local answer = M.checked(system.name, req, system.request(w, req))
    contract.check_answer(document, system.contract, req, answer)
    return answer
  end
end

local judges = {}

--- The system's `request`, held against its contract where it names one.
function M.judged(system)
  judges[system] = judges[system] or judge(system)
  return judges[system]
end

--- The built-in world with what these systems add to it.
function M.complete(default)
  local out = core.copy(default)
  for _, system in ipairs(all) do
    out = core.merge(out, system.default or {})
  end
  return out
end

--- For a world that begins with nothing: limits and tables that the code counts on.
function M.from_nothing(spec)
  for _, system in ipairs(all) do
    local own = system.default or {}
    spec.limits = core.merge(own.limits or {}, spec.limits or {})
  end
end

--- The system that answers at a host of this world's own; nil when none does.
function M.host(w, host)
  for _, system in ipairs(all) do
    if system.host and system.host(w, host) then
      return system
    end
  end
end

local function each(name, w)
  for _, system in ipairs(all) do
    if system[name] then
      system[name](w)
    end
  end
end

function M.build(w)
  each("build", w)
end

function M.ready(w)
  each("ready", w)
end

function M.timers(w)
  for _, system in ipairs(all) do
    for kind, f in pairs(system.timers or {}) do
      if w.timers[kind] then
        error(("%s: there is a timer %q in pipe itself"):format(takers[system], kind), 0)
      end
      w.timers[kind] = f
    end
  end
end

--- What runs in place of a program: { argv, env, delay_ms, files }; nil: the program itself.
function M.process(w, call)
  for _, system in ipairs(all) do
    local plan = system.process and system.process(w, call)
    if plan then
      plan.system = system.name
      return plan
    end
  end
end

--- It has ended: { plan, result } (without a result where it was stopped).
function M.processed(w, ended)
  for _, system in ipairs(all) do
    if system.name == ended.plan.system then
      system.processed(w, ended.plan, core.some(ended.result))
    end
  end
end

--- Tells every system what happened: "pushed", "run_ended".
function M.react(w, what, facts)
  for _, system in ipairs(all) do
    local f = system.react and system.react[what]
    if f then
      f(w, facts)
    end
  end
end

return M
