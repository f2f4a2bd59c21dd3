-- Doppler's webhooks of a project: whom it tells that a config was changed.

local host = ...
local wire = host.require "wire"
local api = host.require "doppler_api"

local some = wire.some

local M = {}

local HINT = ": a service token sees no integrations, syncs or webhooks; give the environment a "
  .. "credential of a service account, or a personal one"
local HOOK = { slug = "text", url = "text?", enabled = "flag?", name = "text?" }

-- What was written is not always read at once.
local LOOKS, PAUSE = 4, 2000

local function overlay_key(place)
  return "doppler webhooks " .. place.project
end

local function ask(place, call)
  call.query = { project = place.project }
  call.where, call.hint = ("the webhooks of Doppler project \"%s\""):format(place.project), HINT
  return api.ask({ environment = place.environment }, call)
end

local function row_of(hook)
  return { slug = hook.slug, name = some(hook.name), enabled = some(hook.enabled) == true,
    url = some(hook.url) }
end

-- In a dry-run with what it would have made and changed by then.
local function all(place, overlay)
  local out, known = {}, overlay and overlay.get(overlay_key(place)) or {}
  local answer = ask(place, { method = "GET", path = "/v3/webhooks",
    shape = { webhooks = { HOOK } } })
  for i, hook in ipairs(answer.webhooks) do
    out[i] = row_of(hook)
    if known[out[i].slug] ~= nil then
      out[i].enabled = known[out[i].slug].enabled
    end
  end
  for slug, hook in pairs(known) do
    if hook.made then
      out[#out + 1] = { slug = slug, name = hook.name, enabled = hook.enabled, url = hook.url
        and host.reveal(hook.url) }
    end
  end
  return out
end

-- The address may be a secret itself: its host is enough to know it by.
local function shown(hook)
  return { slug = hook.slug, name = hook.name, enabled = hook.enabled,
    host = hook.url and hook.url:match("^%a+://([^/?#]+)") }
end

local function list(o, _, overlay)
  local out = host.json.array {}
  for i, hook in ipairs(all(api.place(o.environment), overlay)) do
    out[i] = shown(hook)
  end
  return out
end

local function predicted(overlay, place, slug, hook)
  local known = overlay.get(overlay_key(place)) or {}
  known[slug] = hook
  overlay.set(overlay_key(place), known)
end

-- Asks look() until it gives something; nothing is believed after some seconds.
local function patiently(look)
  for i = 1, LOOKS do
    local found = look()
    if found or i == LOOKS then
      return found
    end
    host.sleep(PAUSE)
  end
end

-- Making one ---------------------------------------------------------------------------------

local function check_create(o)
  local url = host.reveal(o.url)
  if not url:find("^https://[^/]") then
    host.raise("doppler.value", ("webhook \"%s\": its url has to begin with https://"):format(
      o.name), { refused = true })
  end
  for _, name in ipairs { "secret", "token" } do
    if o[name] ~= nil and #host.reveal(o[name]) == 0 then
      host.raise("doppler.value", ("webhook \"%s\": %s is empty"):format(o.name, name),
        { refused = true })
    end
  end
  return url
end

-- The one that there is, or nil; one of the name that leads elsewhere is refused.
local function existing(o, place, overlay)
  local url = check_create(o)
  for _, hook in ipairs(all(place, overlay)) do
    if hook.name == o.name and hook.url == url then
      return hook
    elseif hook.name == o.name then
      host.raise("doppler.exists", ("Doppler project \"%s\" has a webhook \"%s\" already (%s), which "
        .. "leads elsewhere: give this one another name"):format(place.project, o.name, hook.slug),
        { refused = true })
    end
  end
end

local function body_of(o, place)
  local configs = host.json.array {}
  for i, name in ipairs(o.configs or { place.config }) do
    configs[i] = name
  end
  return { url = o.url, name = o.name, secret = o.secret, enableConfigs = configs,
    payload = o.payload, authentication = o.token and { type = "Bearer", token = o.token } or nil }
end

local function made(hook, changed)
  return { changed = changed, slug = hook.slug, name = hook.name, enabled = hook.enabled }
end

local function create(o)
  local place = api.place(o.environment)
  local hook = existing(o, place)
  if hook then
    return made(hook, false)
  end
  local answer = ask(place, { method = "POST", path = "/v3/webhooks", json = body_of(o, place),
    write = true, shape = "map" })
  -- The contract does not say what the answer holds.
  local given = type(some(answer.webhook)) == "table" and answer.webhook or {}
  if type(given.slug) == "string" then
    return { changed = true, slug = given.slug, name = o.name,
      enabled = some(given.enabled) ~= false }
  end
  hook = patiently(function () return existing(o, place) end)
  return { changed = true, slug = hook and hook.slug, name = o.name,
    enabled = hook == nil or hook.enabled }
end

local function create_predict(o, overlay)
  local place = api.place(o.environment)
  local hook = existing(o, place, overlay)
  if hook then
    return { sign = "~", before = hook.slug, after = hook.slug, result = made(hook, false),
      note = "it is there already: nothing is sent" }
  end
  hook = { slug = "new-" .. o.name, name = o.name, enabled = true }
  predicted(overlay, place, hook.slug, { made = true, name = o.name, enabled = true,
    url = host.secret("doppler:webhook/" .. o.name, host.reveal(o.url)) })
  return { sign = "+", after = o.name, result = made(hook, true) }
end

local function create_probe(o)
  local place = api.place(o.environment)
  local hook = patiently(function () return existing(o, place) end)
  return { happened = hook ~= nil, result = hook and made(hook, true) }
end

-- On and off ---------------------------------------------------------------------------------

local function found(o, place, overlay)
  for _, hook in ipairs(all(place, overlay)) do
    if hook.slug == o.webhook or hook.name == o.webhook then
      return hook
    end
  end
  host.raise("doppler.not-found", ("Doppler project \"%s\" has no webhook \"%s\""):format(
    place.project, o.webhook), { refused = true })
end

local function switch(word, enabled)
  local function act(o)
    local place = api.place(o.environment)
    local hook = found(o, place)
    if hook.enabled ~= enabled then
      ask(place, { method = "POST", write = true, shape = "map",
        path = ("/v3/webhooks/webhook/%s/%s"):format(wire.escape(hook.slug), word) })
    end
    return { changed = hook.enabled ~= enabled, slug = hook.slug, name = hook.name,
      enabled = enabled }
  end

  local function predict(o, overlay)
    local place = api.place(o.environment)
    local hook = found(o, place, overlay)
    local same = hook.enabled == enabled
    local known = (overlay.get(overlay_key(place)) or {})[hook.slug] or {}
    known.enabled = enabled
    predicted(overlay, place, hook.slug, known)
    return { sign = "~", before = hook.enabled and "enabled" or "disabled", after = word .. "d",
      note = same and "it is so already: nothing is sent" or nil,
      result = { changed = not same, slug = hook.slug, name = hook.name, enabled = enabled } }
  end

  local function probe(o)
    local place, hook = api.place(o.environment), nil
    local so = patiently(function ()
      hook = found(o, place)
      return hook.enabled == enabled
    end)
    return { happened = so, result = so and { changed = true, slug = hook.slug, name = hook.name,
      enabled = enabled } or nil }
  end

  return act, predict, probe
end

-- Rows ---------------------------------------------------------------------------------------

local ENVIRONMENT = { "text", required = true, help = "an environment of pipe.yaml" }
local MAY_READ = "a service account that sees the workplace's webhooks (a service token does not)"
local MAY_WRITE = "a service account that may manage the project's webhooks"
local ERRORS = {
  ["doppler.exists"] = "there is a webhook of this name that leads elsewhere",
}

local function switching(word, enabled, summary)
  local act, predict, probe = switch(word, enabled)
  return {
    effect = "write", summary = summary, result = "{changed, slug, name, enabled}",
    options = { environment = ENVIRONMENT,
      webhook = { "text", required = true, help = "its name or slug" } },
    request = { "GET /v3/webhooks", "POST /v3/webhooks/webhook/{slug}/" .. word },
    permission = MAY_WRITE, looks = "looks whether it is " .. word .. "d",
    target = function (o) return api.place(o.environment).project .. " " .. o.webhook end,
    act = act, predict = predict, probe = probe,
  }
end

M.verbs = {
  webhooks = {
    effect = "read", summary = "The project's webhooks", permission = MAY_READ,
    options = { environment = ENVIRONMENT },
    result = "list of {slug, name, enabled, host}", request = "GET /v3/webhooks", act = list,
    overlay = list,
  },
  create_webhook = {
    effect = "write", summary = "Makes a webhook that is told of changes of a config; nothing is "
      .. "sent if it is there. Deliveries are signed with its secret (X-Doppler-Signature)",
    result = "{changed, slug, name, enabled}",
    options = { environment = ENVIRONMENT,
      name = { "text", required = true, help = "by which it is known" },
      url = { "text|secret", required = true, help = "where it is sent; https" },
      secret = { "secret", help = "with which deliveries are signed" },
      token = { "secret", help = "which is sent as Authorization: Bearer" },
      payload = { "text", help = "JSON in place of Doppler's own" },
      configs = { "list", help = "whose changes it tells; default: the environment's config" } },
    request = { "GET /v3/webhooks", "POST /v3/webhooks" }, permission = MAY_WRITE,
    errors = ERRORS, looks = "looks for a webhook of this name and address",
    target = function (o)
      check_create(o)
      return api.place(o.environment).project .. " " .. o.name
    end,
    act = create, predict = create_predict, probe = create_probe,
  },
  enable_webhook = switching("enable", true, "Switches a webhook on"),
  disable_webhook = switching("disable", false, "Switches a webhook off"),
}

return M
