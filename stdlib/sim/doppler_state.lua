-- Doppler's configs: their secrets and references, the log of their changes, and
-- the syncs that carry them to Railway. Who may ask, and how, is in doppler.lua.

local sim = ...
local core = sim.require "core"
local railway = sim.require "railway"

local M = {}

--- What Doppler puts into every config by itself; nobody can write it.
M.MANAGED = { "DOPPLER_CONFIG", "DOPPLER_ENVIRONMENT", "DOPPLER_PROJECT" }
local DEPTH = 16
local RELEASE_BOT = { name = "Release Bot", username = "release-bot",
  email = "release-bot@impulseai.app",
  profile_image_url = "https://www.gravatar.com/avatar/0" }

--- Its part of the built-in world.
M.default = {
  doppler = {
    workplace = { slug = "2faa85f6610102d98352", name = "Impulse" },
    projects = { ["impulse-api"] = { configs = {
      stg = { environment = "stg", secrets = {
        API_CLIENT_KEY = "stg-3f9a7c51e2d84b06a1c7f0d2958e4b63",
        DATABASE_PASSWORD = "stg-db-b17d40e6f2a94c3d",
        DATABASE_URL = "postgresql://api:${DATABASE_PASSWORD}@db.stg.impulseai.app:5432/postgres",
        LATEST_APP_VERSION_IOS = { raw = "1.4.2", visibility = "unmasked" },
        MIN_APP_VERSION_IOS = { raw = "1.2.0", visibility = "unmasked" },
      } },
      prd = { environment = "prd", secrets = {
        API_CLIENT_KEY = "prd-8c2e6b90d4f147a5b3e9c1076fd25a84",
        DATABASE_PASSWORD = "prd-db-94e2c07a5d1b4f68",
        DATABASE_URL = "postgresql://api:${DATABASE_PASSWORD}@db.impulseai.app:5432/postgres",
        LATEST_APP_VERSION_IOS = { raw = "1.4.2", visibility = "unmasked" },
        MIN_APP_VERSION_IOS = { raw = "1.2.0", visibility = "unmasked" },
      } },
    } } },
    syncs = {
      { project = "impulse-api", config = "stg", environment = "staging" },
      { project = "impulse-api", config = "prd", environment = "production" },
    },
  },
  tokens = { doppler = {
    { token = "dp.sa.sim-doppler-release-token", type = "service_account", name = "release" },
  } },
  credentials = { doppler = "dp.sa.sim-doppler-release-token" },
  limits = {
    doppler = { limit = 240, window = "60s" },
    ["doppler-secrets"] = { limit = 120, window = "60s" },
    ["doppler-writes"] = { limit = 60, window = "60s" },
  },
}

-- Configs ----------------------------------------------------------------------

local function key_of(project, config)
  return project .. "/" .. config
end

--- What the world file says of a config now; nil when it has none of the name.
function M.spec(w, project, config)
  local spec = w.s.spec.doppler
  local known = spec and spec.projects and spec.projects[project]
  return known and known.configs and known.configs[config]
end

function M.config(w, project, config)
  return w.s.doppler.configs[key_of(project, config)]
end

function M.has_project(w, project)
  for _, config in pairs(w.s.doppler.configs) do
    if config.project == project then
      return true
    end
  end
  return false
end

local function secret(given)
  if type(given) == "table" then
    return { raw = given.raw or "", visibility = given.visibility or "masked",
      note = given.note or "" }
  end
  return { raw = tostring(given), visibility = "masked", note = "" }
end

local function build_config(w, project, name, spec)
  local config = { project = project, name = name, environment = spec.environment
    or name:match("^[^_]+"), root = not name:find("_", 1, true), created = w.s.clock
      - 400 * 86400000, secrets = {}, logs = core.list {} }
  for secret_name, given in core.sorted(spec.secrets) do
    config.secrets[secret_name] = secret(given)
  end
  w.s.doppler.configs[key_of(project, name)] = config
end

-- References -------------------------------------------------------------------

-- What `${…}` means in a config: the config and the name in it.
local function referred(w, config, text)
  local parts = {}
  for part in (text .. "."):gmatch("([^.]*)%.") do
    parts[#parts + 1] = part
  end
  if #parts == 1 then
    return config, parts[1]
  elseif #parts == 2 then
    return M.config(w, config.project, parts[1]), parts[2]
  elseif #parts == 3 then
    return M.config(w, parts[1], parts[2]), parts[3]
  end
end

local function managed(config, name)
  return ({ DOPPLER_PROJECT = config.project, DOPPLER_CONFIG = config.name,
    DOPPLER_ENVIRONMENT = config.environment })[name]
end

-- The value with its references resolved; nil and the reference that leads nowhere.
local function resolve(w, config, raw, depth)
  local missing
  local out = raw:gsub("%${([^}]*)}", function (text)
    local place, name = referred(w, config, text)
    local found = place and (place.secrets[name] and place.secrets[name].raw
      or managed(place, name))
    local value = found and depth < DEPTH and resolve(w, place, found, depth + 1)
    missing = missing or not value and text or nil
    return value or nil
  end)
  if missing then
    return nil, missing
  end
  return out
end

function M.computed(w, config, name)
  local stored = config.secrets[name]
  return resolve(w, config, stored.raw, 0)
end

--- The first reference of these names that leads nowhere, and whose it is.
function M.unresolvable(w, config, names)
  for name in core.sorted(names) do
    if config.secrets[name] then
      local _, missing = resolve(w, config, config.secrets[name].raw, 0)
      if missing then
        return name, missing
      end
    end
  end
end

M.managed = managed

-- Syncs ------------------------------------------------------------------------

local function variables_of(w, config)
  local out = {}
  for _, name in ipairs(M.MANAGED) do
    out[name] = managed(config, name)
  end
  for name, stored in core.sorted(config.secrets) do
    out[name] = resolve(w, config, stored.raw, 0) or stored.raw
  end
  return out
end

-- Carries the config over; true when a variable is another than before.
local function carry(w, sync)
  local config = M.config(w, sync.project, sync.config)
  local into = w.s.variables[sync.environment]
  if not config or not into then
    return false
  end
  local now, changed = variables_of(w, config), false
  for _, name in ipairs(sync.names) do
    if now[name] == nil and into[name] ~= nil then
      into[name], changed = nil, true
    end
  end
  sync.names = core.list {}
  for name, value in core.sorted(now) do
    changed = changed or into[name] ~= value
    into[name] = value
    table.insert(sync.names, name)
  end
  return changed
end

local function redeploy(w, environment)
  local last = railway.serving(w, environment)
  for _, d in ipairs(w.s.deployments) do
    last = d.environment == environment and (not last or d.created > last.created) and d or last
  end
  if last then
    railway.deploy(w, { environment = environment, commit = last.commit, branch = last.branch,
      reason = "variables", live = true, from = last.id })
  end
end

local function on_sync(w, data)
  local sync = w.s.doppler.syncs[data.sync]
  local spec = core.many(w.s.spec.doppler.syncs)[data.sync]
  if spec.enabled == false then
    return
  end
  sync.pending, sync.last = nil, w.s.now
  if carry(w, sync) and spec.redeploys ~= false then
    redeploy(w, sync.environment)
  end
end

M.timers = { doppler_sync = on_sync }

local function sync_later(w, config)
  for i, spec in ipairs(core.many(w.s.spec.doppler.syncs)) do
    local sync = w.s.doppler.syncs[i]
    if spec.project == config.project and spec.config == config.name and spec.enabled ~= false
      and not spec.broken and not sync.pending then
      sync.pending = true
      core.later(w, w.s.now + core.ms(spec.delay, 4000), "doppler_sync", { sync = i })
    end
  end
end

-- Changes ----------------------------------------------------------------------

local function words(diff)
  local names = {}
  for i, change in ipairs(diff) do
    names[i] = change.name
  end
  local verb = "Modified"
  if #diff == 1 and diff[1].removed == nil then
    verb = "Added"
  elseif #diff == 1 and diff[1].added == nil then
    verb = "Deleted"
  end
  return verb .. " " .. table.concat(names, ", ")
end

--- What questions go on seeing for doppler.lag of the world file.
function M.remember(w, config, secrets)
  local lag = core.ms((w.s.spec.doppler or {}).lag, 0)
  if lag > 0 then
    config.old = { secrets = core.copy(secrets), logs = core.list(core.copy(config.logs)),
      till = w.s.now + lag }
  end
end

--- The config as questions see it now.
function M.seen(w, config)
  local old = config.old
  if not old or w.s.now >= old.till then
    return config
  end
  local out = {}
  for key, value in pairs(config) do
    out[key] = value
  end
  out.secrets, out.logs = old.secrets, old.logs
  return out
end

--- Writes down what changed, newest first, and lets the syncs know. Nothing changed, nothing is
-- written: then nil.
function M.log(w, config, before, o)
  local diff, names = core.list {}, {}
  for name in pairs(before) do
    names[name] = true
  end
  for name in pairs(config.secrets) do
    names[name] = true
  end
  for name in core.sorted(names) do
    local old, new = before[name], config.secrets[name]
    if (old and old.raw) ~= (new and new.raw) then
      diff[#diff + 1] = { name = name, added = new and new.raw, removed = old and old.raw }
    end
  end
  if #diff == 0 then
    return nil
  end
  M.remember(w, config, before)
  local entry = { id = core.new_uuid(w, "doppler log"):gsub("%-", ""):sub(1, 15),
    text = o.text or words(diff), rollback = o.rollback == true, created = w.s.now,
    user = o.user or RELEASE_BOT, diff = diff }
  table.insert(config.logs, 1, entry)
  sync_later(w, config)
  return entry
end

--- An event of the world file: somebody else changes a config. o = { project, config, by,
-- secrets = { NAME = "value" | null } }
function M.change(w, o)
  local config = M.config(w, o.project, o.config)
    or error(("world: an event changes the unknown config %q"):format(tostring(o.project) .. "/"
      .. tostring(o.config)), 0)
  local before = core.copy(config.secrets)
  for name, value in core.sorted(o.secrets) do
    config.secrets[name] = value ~= sim.null and secret(value) or nil
  end
  local by = o.by or "Kari Nordmann"
  M.log(w, config, before, { user = { name = by, username = by:lower():gsub("%s+", "-"),
    email = by:lower():gsub("%s+", ".") .. "@impulseai.app", profile_image_url = "" } })
end

-- The beginning ------------------------------------------------------------------

--- The state of a new world. The syncs ran before it began.
function M.build(w)
  w.s.doppler = { configs = {}, syncs = core.list {}, requests = 0 }
  local spec = w.s.spec.doppler or {}
  for project, known in core.sorted(spec.projects) do
    for name, config in core.sorted(known.configs) do
      build_config(w, project, name, config)
    end
  end
  for i, known in ipairs(core.many(spec.syncs)) do
    local sync = { slug = known.slug or core.uuid(w, "doppler sync", tostring(i)),
      project = known.project, config = known.config, environment = known.environment,
      last = w.s.clock - 86400000, names = core.list {} }
    w.s.doppler.syncs[i] = sync
    carry(w, sync)
  end
end

return M
