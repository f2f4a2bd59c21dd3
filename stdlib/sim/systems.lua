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

local function take(system)
  all[#all + 1] = system
  for _, host in ipairs(system.hosts or {}) do
    if M.hosts[host] then
      error(("world: %s and %s both want the host %s"):format(system.name, M.hosts[host].name, host), 0)
    end
    M.hosts[host] = system
  end
  for _, key in ipairs(system.keys or {}) do
    M.keys[key] = true
  end
  for name, f in pairs(system.events or {}) do
    M.events[name] = f
  end
end

for _, name in ipairs { "doppler", "vercel", "slack", "appstore", "fastlane" } do
  take(sim.require(name))
end
for _, twin in ipairs(sim.twins()) do
  take(twin)
end

--- The system's `request`, held against its contract where it names one.
function M.judged(system)
  if not system.contract then
    return system.request
  end
  local contract = sim.require "contract"
  local document = sim.document(system.contract)
  return function (w, req)
    contract.check_request(document, system.contract, req)
    local answer = system.request(w, req)
    contract.check_answer(document, system.contract, req, answer)
    return answer
  end
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
