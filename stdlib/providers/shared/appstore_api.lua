-- How to speak with App Store Connect: tokens, requests, pages, errors, the app.
--
-- pipe.yaml: providers.appstore.settings { issuer, key_id, bundle }, the credential
-- "appstore" (or providers.appstore.credential) is the text of the key's .p8 file. A
-- key of one person has no issuer.

local host = ...
local wire = host.require "wire"
local some = wire.some

local M = {}

local HOME = "https://api.appstoreconnect.apple.com"
local AGE, LIFE, SPARE = 60, 500, 30 -- seconds: dated back, valid, renewed before the end
local PAGES = 50

-- Settings ----------------------------------------------------------------------------

local function provider()
  return host.project.providers and host.project.providers.appstore or {}
end

local function setting(name, why)
  local value = (provider().settings or {})[name]
  if why and (type(value) ~= "string" or value == "") then
    host.raise("appstore.settings",
      ("providers.appstore.settings.%s of pipe.yaml is %s: %s"):format(name,
      value == nil and "missing" or "no text", why), { refused = true })
  end
  return value
end

local function credential_name()
  return provider().credential or "appstore"
end

-- Tokens ------------------------------------------------------------------------------

local token, ends

local function sign()
  local key_id = setting("key_id", "it is the id of the API key, ten letters and digits, in "
    .. "App Store Connect under Users and Access, Integrations")
  local now = host.now() // 1000
  local claims = { aud = "appstoreconnect-v1", iat = now - AGE, exp = now + LIFE }
  local issuer = setting("issuer")
  if issuer then
    claims.iss = issuer
  else
    claims.sub = "user"
  end
  token = host.rows.jwt.sign { key = host.credential(credential_name()),
    header = { alg = "ES256", kid = key_id, typ = "JWT" }, claims = claims }
  ends = now + LIFE
end

local function headers()
  if not token or host.now() // 1000 >= ends - SPARE then
    sign()
  end
  return { Authorization = { "Bearer ", token }, Accept = "application/json" }
end

-- Errors ------------------------------------------------------------------------------

local function words_of_one(problem)
  local source = some(problem.source) or {}
  local at = some(source.pointer) or some(source.parameter)
  return ("%s (%s%s)"):format(some(problem.detail) or some(problem.title) or "no words",
    some(problem.code) or "no code", at and ", " .. at or "")
end

local function associated(problem, out)
  local meta = some(problem.meta)
  local inner = type(meta) == "table" and some(meta.associatedErrors)
  for where, list in pairs(type(inner) == "table" and inner or {}) do
    for _, one in ipairs(type(list) == "table" and list or {}) do
      out[#out + 1] = ("%s: %s"):format(where, words_of_one(one))
    end
  end
end

-- All that Apple says, and the codes alone.
local function read_errors(answer)
  local words, codes = {}, ""
  local list = type(answer.json) == "table" and answer.json ~= host.null
    and some(answer.json.errors)
  for _, problem in ipairs(type(list) == "table" and list or {}) do
    words[#words + 1] = words_of_one(problem)
    codes = codes .. " " .. (some(problem.code) or "")
    associated(problem, words)
  end
  return #words > 0 and table.concat(words, "; ") or wire.first_line(answer.body), codes
end

local EXPLAINED = {
  { 401, "", "appstore.unauthorized", "App Store Connect does not accept the token: "
    .. "providers.appstore"
    .. ".settings.key_id and issuer belong to another key than the credential \"%s\", the key was "
    .. "revoked, or this machine's clock is wrong" },
  { 403, "REQUIRED_AGREEMENTS", "appstore.agreements", "an agreement is missing or has expired: "
    .. "the "
    .. "account holder has to accept it in App Store Connect under Business; until then Apple "
      .. "refuses "
    .. "everything" },
  { 403, "", "appstore.forbidden", "the key's role does not allow it (Users and Access, "
    .. "Integrations)" },
  { 404, "", "appstore.not-found", "there is no such thing, or the key does not see it" },
  { 409, "STATE_ERROR", "appstore.state", "its state does not allow it now" },
  { 422, "STATE_ERROR", "appstore.state", "its state does not allow it now" },
  { 400, "", "appstore.invalid", "Apple does not understand the request" },
  { 409, "", "appstore.invalid", "Apple refuses the values" },
  { 422, "", "appstore.invalid", "Apple refuses the values" },
}

local function raise(call, answer)
  local said, codes = read_errors(answer)
  for _, row in ipairs(EXPLAINED) do
    if row[1] == answer.status and codes:find(row[2], 1, true) then
      local words = row[4]:find("%%s") and row[4]:format(credential_name()) or row[4]
      host.raise(row[3], ("%s: %s (%d: %s)"):format(call.where, words, answer.status, said),
        { status = answer.status })
    end
  end
end

M.errors = {
  ["appstore.settings"] = "pipe.yaml says too little about the key or the app",
  ["jwt.key"] = "the credential is not the text of a .p8 file",
  ["appstore.unauthorized"] = "Apple does not accept the token",
  ["appstore.agreements"] = "the account holder has to accept an agreement",
  ["appstore.forbidden"] = "the role of the key does not allow it",
  ["appstore.not-found"] = "there is no such thing, or the key does not see it",
  ["appstore.state"] = "the state of the thing does not allow it now",
  ["appstore.invalid"] = "Apple refuses the values",
  ["appstore.rate-limit"] = "the hour's requests are used up (retryable)",
  ["appstore.app"] = "the key sees no app with the bundle id of the settings",
  ["appstore.version"] = "it is no version as Apple writes them, or there is none such",
  ["appstore.failed"] = "Apple answers with a status that it does not describe",
  ["appstore.unavailable"] = "Apple answers 5xx (retryable; unknown where something was sent)",
  ["appstore.answer"] = "Apple's answer cannot be used",
}
M.retries = "reads are asked again after 500, 502, 503, 504 and lost connections (1, 2, 4 s), "
  .. "429 waits "
  .. "15, 30, 60, 120 s; 401 signs a new token, once. A write is sent once"

-- Requests ----------------------------------------------------------------------------

-- Apple says nothing about how long: doubled each time, an hour's budget comes back slowly.
local function limited(answer, call)
  if answer.status == 429 then
    call.pause = (call.pause or 7500) * 2
    return tonumber(answer.headers["retry-after"] or "")
      and math.ceil(tonumber(answer.headers["retry-after"]) * 1000) or call.pause
  end
end

local client = wire.client { name = "appstore", title = "App Store Connect", url = HOME,
  headers = headers, limited = limited, extra = { "pause" },
  message = function (answer) return (read_errors(answer)) end }

--- wire's requests, with `where` needed. A refused token is renewed once: nothing happened.
-- judge(answer, codes) may take an answer of 4xx, as wire's does.
function M.call(o)
  local own, expired = o.judge, false
  o.judge = function (answer)
    if answer.status == 401 and not expired then
      return true, nil
    elseif answer.status < 500 then
      if own then
        local said, codes = read_errors(answer)
        local taken, value = own(answer, codes, said)
        if taken then
          return true, value
        end
      end
      raise(o, answer)
    end
  end
  local json, answer = client(o)
  if answer.status == 401 then
    expired, token = true, nil
    json, answer = client(o)
  end
  return json, answer
end

--- A resource as a request sends it: without null where a field is not given.
function M.body(kind, id, attributes, related)
  local relationships = {}
  for name, one in pairs(related or {}) do
    relationships[name] = { data = { type = one[1], id = one[2] } }
  end
  return { data = { type = kind, id = id, attributes = attributes,
    relationships = next(relationships) and relationships or nil } }
end

-- The path of the next page: never another machine's.
local function next_path(page, where)
  local url = some((some(page.links) or {}).next)
  if url == nil then
    return nil
  end
  local base = (provider().url or HOME):gsub("/+$", "")
  for _, own in ipairs { base, HOME } do
    if url:sub(1, #own + 1) == own .. "/" then
      return url:sub(#own + 1)
    end
  end
  host.raise("appstore.answer", ("%s: the next page is said to be at %s, which is not %s"):format(
    where, (url:match("^%a+://[^/?]*") or url):sub(1, 80), base))
end

local RESOURCE = { id = "text", type = "text", attributes = { optional = "map" },
  relationships = { optional = "map" } }
local PAGE = { data = { RESOURCE }, included = { optional = { RESOURCE } },
  links = { optional = "map" } }

local function take(included, list)
  for _, one in ipairs(some(list) or {}) do
    included[one.type .. "/" .. one.id] = one
  end
end

--- All of a list, page after page (most: at most so many), and what came with it by "type/id".
function M.all(o)
  local out, included = {}, {}
  local path, query, pages = o.path, o.query, 0
  while path and #out < (o.most or math.huge) do
    pages = pages + 1
    if pages > PAGES then
      host.raise("appstore.answer", ("%s: more than %d pages"):format(o.where, PAGES))
    end
    local page = M.call { method = "GET", path = path, query = query, where = o.where,
      shape = PAGE }
    for _, one in ipairs(page.data) do
      if #out < (o.most or math.huge) then
        out[#out + 1] = one
      end
    end
    take(included, page.included)
    path, query = next_path(page, o.where), nil
  end
  return out, included
end

--- One resource, nil where `data` is null, and what came with it.
function M.one(o)
  local json = M.call { method = o.method or "GET", path = o.path, query = o.query, json = o.json,
    write = o.write, where = o.where, judge = o.judge,
    shape = { data = { optional = RESOURCE }, included = { optional = { RESOURCE } } } }
  local included = {}
  take(included, json and json.included)
  return json and some(json.data), included
end

--- What a resource is related to, of what came with it; nil where it did not come.
function M.related(resource, name, included)
  local link = (some(resource.relationships) or {})[name]
  local data = type(link) == "table" and some(link.data)
  return data and included[data.type .. "/" .. data.id] or nil, data and data.id or nil
end

--- An attribute, null as nil.
function M.attribute(resource, name)
  return some((some(resource.attributes) or {})[name])
end

-- The app -----------------------------------------------------------------------------

local known

--- { id, name, bundle, sku, locale } of the app that pipe.yaml names.
function M.app()
  if known then
    return known
  end
  local bundle = setting("bundle", "it is the bundle id of the app, as in no.example.app")
  local where = ("app \"%s\""):format(bundle)
  local list = M.all { path = "/v1/apps", query = { ["filter[bundleId]"] = bundle, limit = 20 },
    where = where }
  for _, one in ipairs(list) do
    if M.attribute(one, "bundleId") == bundle then
      known = { id = one.id, name = M.attribute(one, "name"), bundle = bundle,
        sku = M.attribute(one, "sku"), locale = M.attribute(one, "primaryLocale") }
      return known
    end
  end
  host.raise("appstore.app", where .. ": the key sees no app with this bundle id (see "
    .. "providers.appstore.settings.bundle of pipe.yaml)", { refused = true })
end

-- Versions as text ----------------------------------------------------------------------

local function parts_of(version)
  local parts = {}
  if not tostring(version):find("^%d+%.?%d*%.?%d*$") or tostring(version):find("%.$") then
    host.raise("appstore.version",
      ("the version is \"%s\"; Apple takes one to three numbers, as in 1.4.3"):format(
      tostring(version)))
  end
  for part in version:gmatch("%d+") do
    parts[#parts + 1] = part:match("^0*(%d+)$")
  end
  return parts
end

--- "1.2", "1.2.0" and "01.2" are one version to Apple: the shortest way to write it.
function M.canonical(version)
  local parts = parts_of(version)
  while #parts > 1 and parts[#parts] == "0" do
    parts[#parts] = nil
  end
  return table.concat(parts, ".")
end

--- As targets write it, however it was spelled: always three numbers.
function M.written(version)
  local short = M.canonical(version)
  local _, dots = short:gsub("%.", "")
  return short .. (".0"):rep(2 - dots)
end

--- All ways to write it, the given one first: only the one that was used is found.
function M.spellings(version)
  local text = table.concat(parts_of(version), ".")
  local out, shortest = { text }, M.canonical(version)
  local _, dots = shortest:gsub("%.", "")
  for zeros = 0, 2 - dots do
    local other = shortest .. (".0"):rep(zeros)
    if other ~= text then
      out[#out + 1] = other
    end
  end
  return out
end

--- Reads what a write left behind. The write happened: where that cannot be read, nobody knows
-- enough, and the probe looks.
function M.afterwards(f, ...)
  local ok, value = pcall(f, ...)
  if ok then
    return value
  end
  host.raise(type(value) == "table" and value.code or "appstore.answer",
    ("it was sent, and what came of it cannot be read: %s"):format(type(value) == "table"
    and value.message or tostring(value)), { unknown = true })
end

--- Looks again for what Apple shows late: `times` pauses of `ms`, until `f` gives something.
function M.patiently(times, ms, f)
  local found = f()
  while not found and times > 0 do
    host.sleep(ms)
    times = times - 1
    found = f()
  end
  return found
end

--- A probe: Apple shows late what was done, so f is asked for half a minute.
function M.look_for(f)
  local found = M.patiently(6, 5000, f)
  return found and { happened = true, result = found } or { happened = false }
end

return M
