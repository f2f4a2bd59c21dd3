-- Doppler's configs as its API has them: what is read, and the one way in which
-- anything is written. Values leave this file as secrets or as fingerprints.

local host = ...

local wire = host.require "wire"

local M = {}

local some = wire.some
local SECRETS = "/v3/configs/config/secrets"

-- Requests ---------------------------------------------------------------------------

local function credential_name(environment)
  local credentials = host.environment(environment).credentials
  return credentials and credentials.doppler or "doppler"
end

local function message(answer)
  local messages = some(answer.json.messages)
  if type(messages) ~= "table" then
    return nil
  end
  local out = {}
  for i, text in ipairs(messages) do
    out[i] = tostring(text)
  end
  return table.concat(out, "; ")
end

local function errors(call)
  local credential = ("credential \"%s\""):format(credential_name(call.environment))
  return {
    [400] = { "doppler.invalid", "Doppler does not accept the request" },
    [401] = { "doppler.unauthorized", "Doppler does not accept the " .. credential },
    [403] = { "doppler.forbidden", ("the %s may not do this%s"):format(credential, call.hint
      or " (a service token reaches one config only, and may be for reading only)") },
    [404] = { "doppler.not-found", "Doppler has no such thing, or does not show it to the "
      .. credential },
    [409] = { "doppler.invalid", "Doppler does not accept the request" },
    [422] = { "doppler.invalid", "Doppler does not accept the request" },
  }
end

-- Retry-After comes with a 429; x-ratelimit-reset says the same as a time.
local function limited(answer)
  if answer.status ~= 429 then
    return nil
  end
  local reset = tonumber(answer.headers["x-ratelimit-reset"] or "")
  if answer.headers["retry-after"] or not reset then
    return wire.limited(answer)
  end
  return math.max(1000, math.floor(reset * 1000) - host.now())
end

local client = wire.client {
  name = "doppler", title = "Doppler", url = "https://api.doppler.com",
  headers = function (call)
    return { Authorization = { "Bearer ", host.credential(credential_name(call.environment)) } }
  end,
  errors = errors, message = message, limited = limited,
  extra = { "environment", "hint", "in_query" },
}

--- The config that an environment of pipe.yaml names: { environment, project, config, text }.
function M.place(environment)
  local own = host.environment(environment).doppler
  if type(own) ~= "table" or type(own.project) ~= "string" or type(own.config) ~= "string" then
    host.raise("doppler.config", ("pipe.yaml: environment \"%s\" needs doppler: {project: …, config: …}, "
      .. "the names that Doppler shows"):format(environment))
  end
  return { environment = environment, project = own.project, config = own.config,
    text = own.project .. "/" .. own.config }
end

--- A request about a config, or with place.project == nil about the account.
function M.ask(place, call)
  call.environment = place.environment
  if place.project then
    call.where = call.where or ("Doppler config \"%s\""):format(place.text)
    if call.method ~= "POST" or call.in_query then
      call.query = call.query or {}
      call.query.project, call.query.config = place.project, place.config
    end
  end
  return client(call)
end

-- Names and values -----------------------------------------------------------------------

function M.check_name(name)
  if type(name) ~= "string" or not name:find("^[A-Z_][A-Z0-9_]*$") then
    host.raise("doppler.name", ("\"%s\" is no name of a secret: capital letters, digits and \"_\", and no digit "
      .. "first"):format(tostring(name)), { refused = true })
  end
  return name
end

function M.is_reference(text)
  return text ~= nil and text:find("${", 1, true) ~= nil
end

--- An opaque secret. Its name tells values apart without giving them away, so that one that is
-- read again later is not taken for another.
function M.seal(place, name, text)
  return host.secret(("doppler:%s/%s#%s"):format(place.text, name, host.fingerprint(text)), text)
end

local function entry(name, given)
  local raw, computed = some(given.raw), some(given.computed)
  return { name = name, raw = raw, computed = computed, note = some(given.note) or "",
    visibility = some(given.rawVisibility) or some(given.visibility) or "unknown" }
end

local ENTRY = { raw = "text?", computed = "text?", note = "text?", rawVisibility = "text?" }

-- A filter that names what is not there is no error.
local function nothing_there(answer)
  local json = type(answer.json) == "table" and answer.json ~= host.null
  local said = json and message(answer) or ""
  if answer.status == 404 and said:lower():find("secret", 1, true) then
    return true, { secrets = {} }
  end
end

--- The secrets of these names that there are: name -> { name, raw, computed, note, visibility }.
-- raw is nil where it may not be read. In a dry-run `overlay` knows what would be written by now.
function M.read(place, names, overlay)
  local answer = M.ask(place, { method = "GET", path = SECRETS,
    query = { secrets = table.concat(names, ",") }, shape = { secrets = "map" },
    judge = nothing_there })
  local out = {}
  for _, name in ipairs(names) do
    local given = some(answer.secrets[name])
    local problem = given and wire.check(given, ENTRY)
    if problem then
      host.raise("doppler.answer", ("Doppler config \"%s\": Doppler's answer cannot be used: $.secrets.%s%s"):format(
        place.text, name, problem:sub(2)), { retryable = true })
    end
    out[name] = given and entry(name, given) or nil
    local state = overlay and overlay.get(M.overlay_key(place, name))
    if state then
      out[name] = M.predicted(name, state, out[name])
    end
  end
  return out
end

function M.overlay_key(place, name)
  return "doppler " .. place.text .. " " .. name
end

--- What the overlay of a dry-run holds of a secret, in the form of `read`.
function M.predicted(name, state, before)
  if state.absent then
    return nil
  end
  local raw = host.reveal(state.raw)
  return { name = name, raw = raw, computed = not M.is_reference(raw) and raw or nil,
    note = before and before.note or "", visibility = before and before.visibility or "masked" }
end

--- The names in the config, without what Doppler puts there by itself.
function M.names(place)
  return M.ask(place, { method = "GET", path = SECRETS .. "/names",
    query = { include_managed_secrets = "false" }, shape = { names = { "text" } } }).names
end

function M.config(place)
  return M.ask(place, { method = "GET", path = "/v3/configs/config",
    shape = { config = { name = "text", locked = "flag", root = "flag?", environment = "text?",
      last_fetch_at = "text?", created_at = "text?" } } }).config
end

-- The log ---------------------------------------------------------------------------------

local LOG = { id = "text", text = "text", rollback = "flag?", created_at = "text", user = "map?" }

function M.log_page(place, page, per_page)
  return M.ask(place, { method = "GET", path = "/v3/configs/config/logs",
    query = { page = page, per_page = per_page }, shape = { logs = { LOG } } }).logs
end

function M.log_entry(place, id)
  local log = M.ask(place, { method = "GET", path = "/v3/configs/config/logs/log",
    query = { log = id }, where = ("log entry %s of Doppler config \"%s\""):format(id, place.text),
    shape = { log = { id = "text", text = "text", rollback = "flag?", created_at = "text",
      user = "map?", diff = { { name = "text", added = "text?", removed = "text?" } } } } }).log
  for _, change in ipairs(log.diff) do
    change.added, change.removed = some(change.added), some(change.removed)
  end
  return log
end

function M.who(log)
  local user = some(log.user)
  return user and (some(user.name) or some(user.username) or some(user.email)) or nil
end

-- Clocks differ: what is this much older may still have come after.
local SLACK = 60 * 1000

-- So many pages are read: a diff is a request of its own.
local MOST_PAGES = 10

--- Calls each(entry with diff) for what the log got since then, newest first, until it returns true.
-- False if the log goes on behind what was read: then nobody knows what else it says.
function M.since(place, began, each)
  for page = 1, MOST_PAGES do
    local logs = M.log_page(place, page, 20)
    for _, log in ipairs(logs) do
      if host.time(log.created_at) < began - SLACK then
        return true
      elseif each(M.log_entry(place, log.id)) then
        return true
      end
    end
    if #logs < 20 then
      return true
    end
  end
  host.log(("Doppler config \"%s\": its log has got too long to be read back to %s"):format(
    place.text, host.clock_text(began)))
  return false
end

--- "; the newest entry about it: …", or "".
function M.newest_about(place, name)
  local fine, logs = pcall(M.log_page, place, 1, 20)
  for _, log in ipairs(fine and logs or {}) do
    if (" " .. log.text .. " "):find("[^%w_]" .. name .. "[^%w_]") then
      return ("; the log's newest entry about it: \"%s\" by %s at %s (%s)"):format(log.text,
        M.who(log) or "somebody", log.created_at, log.id)
    end
  end
  return ""
end

-- Writing -----------------------------------------------------------------------------------

local function lower_message(answer)
  local json = type(answer.json) == "table" and answer.json ~= host.null
  return json and (message(answer) or ""):lower() or ""
end

function M.raise_locked(place)
  host.raise("doppler.locked", ("Doppler config \"%s\" is locked: nothing can be written until somebody unlocks it "
    .. "in Doppler"):format(place.text))
end

function M.raise_conflict(place, name, words)
  host.raise("doppler.conflict", ("%s in Doppler config \"%s\": %s%s"):format(name, place.text,
    words, M.newest_about(place, name)), { settled = true })
end

function M.raise_overwritten(place, name)
  M.raise_conflict(place, name, "somebody made it at the same moment, and their value was overwritten; "
    .. "doppler.rollback of the entry brings it back")
end

local function moved(place, changes)
  local names = {}
  for i, change in ipairs(changes) do
    names[i] = change.name
  end
  local now = M.read(place, names)
  for _, change in ipairs(changes) do
    local current = now[change.name]
    if (current and current.raw) ~= change.from and not (current and current.raw == nil) then
      return change.name
    end
  end
end

-- Doppler refuses with words; those that have a meaning of their own get it.
local function refusal(place, changes)
  return function (answer)
    if answer.status < 400 or answer.status >= 500 or answer.status == 401 then
      return false
    end
    local said = lower_message(answer)
    if said:find("locked", 1, true) then
      M.raise_locked(place)
    elseif said:find("change request", 1, true) then
      host.raise("doppler.policy", ("Doppler config \"%s\" takes changes by change request only (%s): make this one "
        .. "in Doppler, or change the policy"):format(place.text, message(answer)))
    elseif said:find("resolve reference", 1, true) then
      host.raise("doppler.reference", ("Doppler config \"%s\": a reference leads nowhere (%s)"):format(
        place.text, message(answer)))
    end
    local name = answer.status ~= 403 and moved(place, changes)
    if not name and said:find("original", 1, true) and said:find("match", 1, true) then
      name = changes[1].name -- one that only Doppler can read
    end
    if name then
      M.raise_conflict(place, name, "somebody changed it meanwhile, nothing was written")
    end
    return false
  end
end

-- Guarded by Doppler itself: a value that is not the one that was read refuses all of it. What is
-- new has no value to compare, and is sent as the map that Doppler merges.
local function body_of(place, changes)
  local map, list, guarded = {}, host.json.array {}, false
  for i, change in ipairs(changes) do
    guarded = guarded or change.from ~= nil
    map[change.name] = change.to
    list[i] = { name = change.name, originalName = change.from and change.name or nil,
      originalValue = change.from, value = change.to or change.from,
      shouldDelete = change.to == nil and true or nil }
  end
  return { project = place.project, config = place.config, secrets = not guarded and map or nil,
    change_requests = guarded and list or nil }
end

-- The one thing that Doppler cannot guard: that what is made new was not there.
local function check_new(place, changes, began)
  local overwritten
  pcall(M.since, place, began, function (log)
    for _, diff in ipairs(log.diff) do
      for _, change in ipairs(changes) do
        if change.must_be_new and diff.name == change.name and diff.added == change.to then
          overwritten = diff.removed and diff.removed ~= change.to and diff.name or overwritten
          return true
        end
      end
    end
  end)
  if overwritten then
    M.raise_overwritten(place, overwritten)
  end
end

--- Writes { name, from (raw or nil: not there), to (raw or nil: delete) } in one request.
function M.write(place, changes)
  local began, must_be_new = host.now(), false
  M.ask(place, { method = "POST", path = SECRETS, json = body_of(place, changes), write = true,
    shape = { secrets = "map" }, judge = refusal(place, changes) })
  for _, change in ipairs(changes) do
    must_be_new = must_be_new or change.must_be_new
  end
  if must_be_new then
    check_new(place, changes, began)
  end
end

--- Refuses in a dry-run what the write would be refused for, as far as reading tells.
function M.check_writable(place)
  if M.config(place).locked then
    M.raise_locked(place)
  end
end

M.message, M.lower_message = message, lower_message

return M
