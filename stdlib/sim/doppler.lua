-- Doppler's API over the configs of doppler_state.lua: who may ask, what a
-- request must look like, and the vendor's answers.

local sim = ...
local core = sim.require "core"
local state = sim.require "doppler_state"
local hooks = sim.require "doppler_webhooks"

local M = {
  name = "doppler", hosts = { "api.doppler.com" }, keys = { "doppler" },
  timers = state.timers, default = state.default,
}

function M.build(w)
  state.build(w)
  hooks.build(w)
end

-- Answers --------------------------------------------------------------------------

local function refuse(status, message)
  error({ doppler = status, message = message }, 0)
end

local function ok(data)
  return { status = 200, data = data }
end

local function or_null(value)
  if value == nil then
    return sim.null
  end
  return value
end

-- Who asks ---------------------------------------------------------------------------

local function identify(w, req)
  local header = req.headers.authorization or ""
  local token = header:match("^[Bb]earer%s+(.+)$")
  if not token then
    refuse(401, header == "" and "You must provide an auth token" or "Invalid Auth header")
  end
  for _, known in ipairs(core.many(w.s.spec.tokens.doppler)) do
    known = type(known) == "table" and known or { token = known, type = "personal" }
    if known.token == token then
      return known
    end
  end
  refuse(401, "Invalid Auth token")
end

-- The config that a request is about. A service token implies its own.
local function config_of(w, who, given)
  local project, name = core.some(given.project), core.some(given.config)
  if who.type == "service" then
    if (project and project ~= who.project) or (name and name ~= who.config) then
      refuse(403, ("This token does not have access to requested config '%s'"):format(name
        or project))
    end
    project, name = who.project, who.config
  end
  if type(project) ~= "string" or project == "" then
    refuse(400, "You must specify a project")
  elseif type(name) ~= "string" or name == "" then
    refuse(400, "You must specify a config")
  elseif who.projects and not core.has(core.many(who.projects), project) then
    refuse(403, ("This token does not have access to requested project '%s'"):format(project))
  elseif not state.has_project(w, project) then
    refuse(404, ("Could not find requested project '%s'"):format(project))
  end
  return state.config(w, project, name)
    or refuse(404, ("Could not find requested config '%s'"):format(name))
end

-- The same for questions, which may not see yet what was written.
local function seen_of(w, who, given)
  return state.seen(w, config_of(w, who, given))
end

local function check_write(w, who, config)
  if who.access == "read" then
    refuse(403, "This token does not have write access to this config")
  end
  local spec = state.spec(w, config.project, config.name)
  if spec and spec.locked then
    refuse(403, ("Config '%s' is locked"):format(config.name))
  elseif spec and spec.change_requests then
    refuse(403, "A change request policy requires changes to this config to be made in a change request")
  end
end

-- Reading ------------------------------------------------------------------------------

local function shown(w, config, name)
  local stored = config.secrets[name]
  if not stored then
    local value = state.managed(config, name)
    return { raw = value, computed = value, note = "", rawVisibility = "unmasked",
      computedVisibility = "unmasked" }
  end
  local out = { note = stored.note, rawVisibility = stored.visibility,
    computedVisibility = stored.visibility }
  if stored.visibility ~= "restricted" then
    out.raw = stored.raw
    out.computed = state.computed(w, config, name) or stored.raw
  end
  return out
end

local function names_in(config, req)
  local out = core.list {}
  for name in core.sorted(config.secrets) do
    out[#out + 1] = name
  end
  if req.query.include_managed_secrets ~= "false" then
    for _, name in ipairs(state.MANAGED) do
      out[#out + 1] = name
    end
  end
  table.sort(out)
  return out
end

local function asked_names(req)
  if not req.query.secrets or req.query.secrets == "" then
    return nil
  end
  local out = {}
  for name in req.query.secrets:gmatch("[^,]+") do
    out[name] = true
  end
  return out
end

local function fetched(w, who, config)
  if who.type == "service" then
    config = state.config(w, config.project, config.name)
    config.initial_fetch = config.initial_fetch or w.s.now
    config.last_fetch = w.s.now
  end
end

local function secrets(w, req, who)
  local config = seen_of(w, who, req.query)
  local asked, out = asked_names(req), {}
  for _, name in ipairs(names_in(config, req)) do
    if not asked or asked[name] then
      out[name] = shown(w, config, name)
    end
  end
  fetched(w, who, config)
  return ok { secrets = out }
end

local function one_secret(w, req, who)
  local config = seen_of(w, who, req.query)
  local name = req.query.name
  if not name then
    refuse(400, "You must specify a secret name")
  elseif not config.secrets[name] and not state.managed(config, name) then
    refuse(404, ("Could not find requested secret: %s"):format(name))
  end
  fetched(w, who, config)
  return ok { name = name, value = shown(w, config, name) }
end

local function names(w, req, who)
  return ok { names = names_in(seen_of(w, who, req.query), req) }
end

local function download(w, req, who)
  local config = seen_of(w, who, req.query)
  local format = req.query.format or "json"
  if format ~= "json" and format ~= "env" then
    refuse(400, ("the simulated Doppler gives json and env, not '%s'"):format(format))
  end
  local asked, out, lines = asked_names(req), {}, {}
  for _, name in ipairs(names_in(config, req)) do
    local value = (not asked or asked[name]) and shown(w, config, name).computed
    if value then
      out[name] = value
      lines[#lines + 1] = ("%s=%q"):format(name, value)
    end
  end
  fetched(w, who, config)
  local etag = 'W/"' .. sim.sha256(sim.json.encode(out)):sub(1, 32) .. '"'
  if req.headers["if-none-match"] == etag then
    return { status = 304, headers = { etag = etag } }
  elseif format == "env" then
    return { status = 200, body = table.concat(lines, "\n") .. "\n",
      headers = { etag = etag, ["content-type"] = "text/plain; charset=utf-8" } }
  end
  return { status = 200, data = out, headers = { etag = etag } }
end

-- Writing ------------------------------------------------------------------------------

local function check_name(name)
  if type(name) ~= "string" or not name:find("^[A-Z_][A-Z0-9_]*$") then
    refuse(400, ("Secret name '%s' is invalid: it must only contain uppercase letters, "
      .. "numbers, and underscores, and not start with a number"):format(
      tostring(name)))
  elseif core.has(state.MANAGED, name) then
    refuse(400, ("%s is a reserved secret name"):format(name))
  end
end

local function check_value(name, value)
  if value ~= sim.null and type(value) ~= "string" then
    refuse(400, ("Secret %s must be a string"):format(name))
  end
end

local function put(config, name, value)
  local known = config.secrets[name]
  if value == sim.null then
    config.secrets[name] = nil
  elseif known then
    known.raw = value
  else
    config.secrets[name] = { raw = value, visibility = "masked", note = "" }
  end
end

local function write_map(config, given)
  local touched = {}
  for name, value in core.sorted(given) do
    check_name(name)
    check_value(name, value)
    put(config, name, value)
    touched[name] = true
  end
  return touched
end

local CHANGE = { name = "string", originalName = "string", value = "string",
  originalValue = "string", visibility = "string", originalVisibility = "string",
  shouldPromote = "boolean", shouldDelete = "boolean", shouldConverge = "boolean",
  valueType = "table", originalValueType = "table" }
local VISIBILITY = { masked = true, unmasked = true, restricted = true }

local function check_change(item)
  if type(item) ~= "table" then
    refuse(400, "change_requests must be an array of objects")
  end
  for key, value in core.sorted(item) do
    if not CHANGE[key] then
      refuse(400, ("change_requests has the unknown property '%s'"):format(tostring(key)))
    elseif value ~= sim.null and type(value) ~= CHANGE[key] then
      refuse(400, ("change_requests: %s must be of type %s"):format(key, CHANGE[key]))
    end
  end
  check_name(item.name)
  if item.value == nil then
    refuse(400, ("change_requests: value of %s is required"):format(item.name))
  end
  local visibility = core.some(item.visibility)
  if visibility and not VISIBILITY[visibility] then
    refuse(400, ("'%s' is not a valid visibility"):format(visibility))
  end
end

-- The guards come first: one that does not hold refuses the whole request.
local function guard(config, item)
  local original = core.some(item.originalName)
  local stored = original and config.secrets[original]
  if original and not stored then
    refuse(404, ("Could not find requested secret: %s"):format(original))
  elseif not original and config.secrets[item.name] then
    refuse(400, ("Secret %s already exists"):format(item.name))
  end
  local value, visibility = core.some(item.originalValue), core.some(item.originalVisibility)
  if (value and (not stored or stored.raw ~= value))
    or (visibility and (not stored or stored.visibility ~= visibility)) then
    refuse(400, ("The original value of %s does not match the value found in Doppler"):format(
      item.name))
  end
end

local function apply(config, item)
  local original = core.some(item.originalName)
  if item.shouldDelete == true then
    config.secrets[item.name] = nil
    return
  end
  if original and original ~= item.name then
    config.secrets[item.name], config.secrets[original] = config.secrets[original], nil
  end
  if item.value ~= sim.null then
    put(config, item.name, item.value)
  end
  if core.some(item.visibility) and config.secrets[item.name] then
    config.secrets[item.name].visibility = item.visibility
  end
end

local function write_changes(config, list)
  local touched = {}
  for _, item in ipairs(list) do
    check_change(item)
    guard(config, item)
  end
  for _, item in ipairs(list) do
    apply(config, item)
    touched[item.name] = true
    if core.some(item.originalName) then
      touched[item.originalName] = true
    end
  end
  return touched
end

local BODY = { project = true, config = true, secrets = true, change_requests = true }

local function body_of(req)
  local body = core.body(req)
  if not body then
    refuse(400, "The request body is not valid JSON")
  end
  for key in core.sorted(body) do
    if not BODY[key] then
      refuse(400, ("'%s' is not allowed in the request body"):format(tostring(key)))
    end
  end
  local map, list = core.some(body.secrets), core.some(body.change_requests)
  if map and list then
    refuse(400, "Only one of secrets and change_requests can be used")
  elseif type(map or list) ~= "table" then
    refuse(400, "You must specify secrets or change_requests")
  end
  return body, map, list
end

local function sorted_names(touched)
  local out = {}
  for name in core.sorted(touched) do
    out[#out + 1] = name
  end
  return table.concat(out, ", ")
end

local function place(config)
  return config.project .. "/" .. config.name
end

local function write(w, req, who)
  local body, map, list = body_of(req)
  local config = config_of(w, who, body)
  check_write(w, who, config)
  local before = core.copy(config.secrets)
  local fine, touched = pcall(function ()
    local changed = map and write_map(config, map) or write_changes(config, list)
    local name, reference = state.unresolvable(w, config, changed)
    if name then
      refuse(400, ("Unable to resolve reference ${%s} in secret %s"):format(reference, name))
    end
    return changed
  end)
  if not fine then
    config.secrets = before
    error(touched, 0)
  end
  if state.log(w, config, before, {}) then
    core.record(w, "doppler", "doppler.set", place(config) .. " " .. sorted_names(touched))
  end
  local out = {}
  for name in core.sorted(config.secrets) do
    out[name] = shown(w, config, name)
  end
  return ok { secrets = out }
end

local function delete(w, req, who)
  local config = config_of(w, who, req.query)
  check_write(w, who, config)
  local name, before = req.query.name, core.copy(config.secrets)
  if not name or not config.secrets[name] then
    refuse(404, ("Could not find requested secret: %s"):format(tostring(name)))
  end
  config.secrets[name] = nil
  state.log(w, config, before, {})
  core.record(w, "doppler", "doppler.delete", place(config) .. " " .. name)
  return { status = 204 }
end

-- The log ------------------------------------------------------------------------------

local function log_shape(config, entry, with_diff)
  return { id = entry.id, text = entry.text, html = entry.text, rollback = entry.rollback,
    created_at = core.iso_ms(entry.created), config = config.name,
    environment = config.environment, project = config.project, user = entry.user,
    diff = with_diff and entry.diff or nil }
end

local function page_number(text, fallback, most)
  if text == nil then
    return fallback
  end
  local n = math.tointeger(tonumber(text))
  if not n or n < 1 or (most and n > most) then
    refuse(400, ("'%s' is not a valid page parameter"):format(text))
  end
  return n
end

local function logs(w, req, who)
  local config = seen_of(w, who, req.query)
  local page = page_number(req.query.page, 1)
  local per_page = page_number(req.query.per_page, 20, 100)
  local out = core.list {}
  for i = (page - 1) * per_page + 1, math.min(#config.logs, page * per_page) do
    out[#out + 1] = log_shape(config, config.logs[i])
  end
  return ok { page = page, logs = out }
end

local function log_entry(config, id)
  for _, entry in ipairs(config.logs) do
    if entry.id == id then
      return entry
    end
  end
  refuse(404, ("Could not find requested config log '%s'"):format(tostring(id)))
end

local function log(w, req, who)
  local config = seen_of(w, who, req.query)
  return ok { log = log_shape(config, log_entry(config, req.query.log), true) }
end

-- Undoes the diff of that entry, whatever came after it.
local function rollback(w, req, who)
  local config = config_of(w, who, req.query)
  check_write(w, who, config)
  local entry, before = log_entry(config, req.query.log), core.copy(config.secrets)
  local touched = {}
  for _, change in ipairs(entry.diff) do
    put(config, change.name, or_null(change.removed))
    touched[change.name] = true
  end
  local made = state.log(w, config, before, { rollback = true, text = "Rolled back log "
    .. entry.id })
  if not made then
    refuse(400, "There is nothing to roll back")
  end
  core.record(w, "doppler", "doppler.rollback", place(config) .. " " .. entry.id,
    { names = sorted_names(touched) })
  return ok { log = log_shape(config, made, true) }
end

-- The rest -----------------------------------------------------------------------------

local function one_config(w, req, who)
  local config = config_of(w, who, req.query)
  local spec = state.spec(w, config.project, config.name) or {}
  return ok { config = { name = config.name, root = config.root, locked = spec.locked == true,
    initial_fetch_at = config.initial_fetch and core.iso_ms(config.initial_fetch) or nil,
    last_fetch_at = config.last_fetch and core.iso_ms(config.last_fetch) or nil,
    created_at = core.iso_ms(config.created), environment = config.environment,
    project = config.project } }
end

local ME = { service = "service_token", personal = "personal",
  service_account = "service_account_api_token" }

local function me(w, _, who)
  local spec = w.s.spec.doppler or {}
  local workplace = spec.workplace or { slug = "workplace", name = "Workplace" }
  return ok { slug = core.uuid(w, "doppler token", who.token), name = who.name or who.type,
    created_at = core.iso_ms(w.s.clock - 90 * 86400000), last_seen_at = core.iso_ms(w.s.now),
    type = ME[who.type] or who.type, token_preview = who.token:sub(1, 5) .. "..."
      .. who.token:sub(-6), workplace = { slug = workplace.slug, name = workplace.name } }
end

local function not_for_service_tokens(who, what)
  if who.type == "service" then
    refuse(403, ("This token does not have access to %s"):format(what))
  end
end

local function sync_shape(w, i, integration)
  local sync, spec = w.s.doppler.syncs[i], core.many(w.s.spec.doppler.syncs)[i]
  return { slug = sync.slug, integration = integration, project = sync.project,
    config = sync.config, enabled = spec.enabled ~= false, lastSyncedAt = core.iso_ms(sync.last) }
end

local function integrations(w, _, who)
  not_for_service_tokens(who, "integrations")
  local out = core.list {}
  if #w.s.doppler.syncs > 0 then
    local slug, syncs = core.uuid(w, "doppler integration"), core.list {}
    for i in ipairs(w.s.doppler.syncs) do
      syncs[i] = sync_shape(w, i, slug)
    end
    out[1] = { slug = slug, name = "Railway", type = "railway", kind = "sync", enabled = true,
      syncs = syncs }
  end
  return ok { integrations = out, success = true }
end

local function one_sync(w, req, who)
  not_for_service_tokens(who, "syncs")
  local config = config_of(w, who, req.query)
  for i, sync in ipairs(w.s.doppler.syncs) do
    if sync.slug == req.query.sync and sync.project == config.project
      and sync.config == config.name then
      return ok { sync = sync_shape(w, i, core.uuid(w, "doppler integration")) }
    end
  end
  refuse(404, ("Could not find requested sync '%s'"):format(tostring(req.query.sync)))
end

local function webhooks(w, req, who)
  not_for_service_tokens(who, "webhooks")
  return ok(hooks.list(w, req))
end

local function create_webhook(w, req, who)
  not_for_service_tokens(who, "webhooks")
  if req.query.project and not state.has_project(w, req.query.project) then
    refuse(404, ("Could not find requested project '%s'"):format(req.query.project))
  end
  return ok(hooks.create(w, req, refuse, function (project, name)
    return state.config(w, project, name) ~= nil
  end))
end

local function switch_webhook(w, req, who)
  not_for_service_tokens(who, "webhooks")
  return ok(hooks.switch(w, req, req.path:match("(%a+)$"), refuse))
end

-- The face -----------------------------------------------------------------------------

local ROUTES = {
  ["GET /v3/me"] = { me },
  ["GET /v3/configs/config"] = { one_config },
  ["GET /v3/configs/config/secrets"] = { secrets, "doppler-secrets" },
  ["GET /v3/configs/config/secret"] = { one_secret, "doppler-secrets" },
  ["GET /v3/configs/config/secrets/download"] = { download, "doppler-secrets" },
  ["GET /v3/configs/config/secrets/names"] = { names },
  ["POST /v3/configs/config/secrets"] = { write, "doppler-writes" },
  ["DELETE /v3/configs/config/secret"] = { delete, "doppler-writes" },
  ["GET /v3/configs/config/logs"] = { logs },
  ["GET /v3/configs/config/logs/log"] = { log },
  ["POST /v3/configs/config/logs/log/rollback"] = { rollback, "doppler-writes" },
  ["GET /v3/integrations"] = { integrations },
  ["GET /v3/configs/config/syncs/sync"] = { one_sync },
  ["GET /v3/webhooks"] = { webhooks },
  ["POST /v3/webhooks"] = { create_webhook, "doppler-writes" },
  ["POST /v3/webhooks/webhook/*/enable"] = { switch_webhook, "doppler-writes" },
  ["POST /v3/webhooks/webhook/*/disable"] = { switch_webhook, "doppler-writes" },
}

local function rate(w, kind)
  local limit, over = core.spend(w, kind)
  local headers = {
    ["x-ratelimit-limit"] = tostring(limit.limit),
    ["x-ratelimit-remaining"] = tostring(limit.remaining),
    ["x-ratelimit-reset"] = tostring((limit.reset + 999) // 1000),
    ["x-request-id"] = core.uuid(w, "doppler request", tostring(w.s.doppler.requests)),
  }
  w.s.doppler.requests = w.s.doppler.requests + 1
  if over then
    headers["retry-after"] = tostring(math.max(1, (limit.reset - w.s.now + 999) // 1000))
  end
  return headers, over
end

local function problem(status, message, headers)
  return core.answer(status, { messages = core.list { message }, success = false }, headers)
end

function M.request(w, req)
  local route = ROUTES[req.method .. " " .. req.path:gsub("^(/v3/webhooks/webhook/)[^/]+", "%1*")]
  local headers, over = rate(w, route and route[2] or "doppler")
  if over then
    return problem(429, "Too many requests", headers)
  elseif not route then
    return problem(404, "Could not find requested endpoint", headers)
  end
  local fine, answer = pcall(function () return route[1](w, req, identify(w, req)) end)
  if not fine then
    if type(answer) ~= "table" or not answer.doppler then
      error(answer, 0)
    end
    return problem(answer.doppler, answer.message, headers)
  end
  for name, text in pairs(answer.headers or {}) do
    headers[name] = text
  end
  if answer.body then
    return { status = answer.status, headers = headers, body = answer.body }
  end
  return core.answer(answer.status, answer.data, headers)
end

return M
