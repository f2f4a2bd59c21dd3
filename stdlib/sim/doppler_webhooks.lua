-- Doppler's webhooks of the world: { slug, name, url, enabled, project, configs }. Nothing is sent
-- anywhere; who may ask is in doppler.lua.

local sim = ...
local core = sim.require "core"

local M = {}

local BODY = { url = "string", secret = "string", authentication = "table", payload = "string",
  enableConfigs = "table", name = "string" }
local AUTHENTICATION = { None = {}, Bearer = { "token" }, Basic = { "username", "password" } }

--- The webhooks of a new world.
function M.build(w)
  w.s.doppler.webhooks = core.list {}
  for i, given in ipairs(core.many((w.s.spec.doppler or {}).webhooks)) do
    w.s.doppler.webhooks[i] = { slug = given.slug or core.uuid(w, "doppler webhook", tostring(i)),
      name = given.name, url = given.url, enabled = given.enabled ~= false,
      project = given.project, configs = core.list(core.copy(core.many(given.configs))) }
  end
end

local function shape(hook)
  return { slug = hook.slug, name = hook.name, url = hook.url, enabled = hook.enabled,
    project = hook.project, enabledConfigs = hook.configs }
end

function M.list(w, req)
  local out = core.list {}
  for _, hook in ipairs(w.s.doppler.webhooks) do
    if not req.query.project or req.query.project == hook.project then
      out[#out + 1] = shape(hook)
    end
  end
  return { webhooks = out, success = true }
end

local function check(body, refuse)
  for key, value in core.sorted(body) do
    if not BODY[key] then
      refuse(400, ("'%s' is not allowed in the request body"):format(tostring(key)))
    elseif type(value) ~= BODY[key] then
      refuse(400, ("%s must be of type %s"):format(key, BODY[key]))
    end
  end
  if not body.url or not body.url:find("^https://[^/]") then
    refuse(400, "The webhook URL must be https")
  end
  if body.payload and not pcall(sim.json.decode, body.payload) then
    refuse(400, "payload must be valid JSON")
  end
  local auth = body.authentication
  for _, name in ipairs(auth and (AUTHENTICATION[auth.type]
    or refuse(400, "authentication.type must be None, Bearer or Basic")) or {}) do
    if type(auth[name]) ~= "string" then
      refuse(400, ("authentication.%s is required"):format(name))
    end
  end
end

--- refuse(status, message) raises the vendor's error; has_config(project, name) tells.
function M.create(w, req, refuse, has_config)
  local body, project = core.body(req), req.query.project
  if not body then
    refuse(400, "The request body is not valid JSON")
  elseif not project then
    refuse(400, "You must specify a project")
  end
  check(body, refuse)
  for _, name in ipairs(body.enableConfigs or {}) do
    if not has_config(project, name) then
      refuse(400, ("Could not find requested config '%s'"):format(tostring(name)))
    end
  end
  local hook = { slug = core.new_uuid(w, "doppler webhook"), name = body.name, url = body.url,
    enabled = true, project = project, configs = core.list(core.copy(body.enableConfigs or {})) }
  table.insert(w.s.doppler.webhooks, hook)
  core.record(w, "doppler", "doppler.create_webhook", ("%s %s"):format(project, body.name
    or hook.slug))
  return { webhook = shape(hook), success = true }
end

function M.switch(w, req, word, refuse)
  local slug = req.path:match("^/v3/webhooks/webhook/([^/]+)/")
  for _, hook in ipairs(w.s.doppler.webhooks) do
    if hook.slug == slug and (not req.query.project or req.query.project == hook.project) then
      if hook.enabled ~= (word == "enable") then
        hook.enabled = word == "enable"
        core.record(w, "doppler", ("doppler.%s_webhook"):format(word), ("%s %s"):format(
          hook.project, hook.name or hook.slug))
      end
      return { webhook = shape(hook), success = true }
    end
  end
  refuse(404, ("Could not find requested webhook '%s'"):format(tostring(slug)))
end

return M
