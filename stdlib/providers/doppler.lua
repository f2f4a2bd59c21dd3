-- Doppler: the configuration and the keys of an environment.
--
-- An environment of pipe.yaml says `doppler: { project, config }`; the credential is
-- `credentials.doppler` of it, else "doppler". Values are secrets: they can be handed on, and
-- what is shown and journaled of them are fingerprints. Writes are guarded by the value that was
-- read (see shared/doppler_plan.lua, and doppler_settle.lua for lost answers).

local host = ...

local wire = host.require "wire"
local api = host.require "doppler_api"
local plan = host.require "doppler_plan"
local settle = host.require "doppler_settle"

local some = wire.some

-- Reading ------------------------------------------------------------------------------

local function shown(o, place, entry)
  if not entry then
    return nil
  end
  local raw, computed = entry.raw, entry.computed
  local out = { name = entry.name, visibility = entry.visibility, note = entry.note,
    readable = raw ~= nil, is_reference = api.is_reference(raw) }
  if raw ~= nil then
    out.empty, out.length, out.fingerprint = raw == "", #raw, host.fingerprint(raw)
    out.raw = o.plain and raw or api.seal(place, entry.name, raw)
  end
  if computed ~= nil then
    out.computed = o.plain and computed or api.seal(place, entry.name, computed)
  end
  return out
end

local function get(o, _, overlay)
  local place = api.place(o.environment)
  return shown(o, place, api.read(place, { api.check_name(o.name) }, overlay)[o.name])
end

-- The members of a comma list, each as { secret, fingerprint }.
local function members_of(o, overlay)
  local place = api.place(o.environment)
  local entry = api.read(place, { api.check_name(o.name) }, overlay)[o.name]
  if not entry then
    return nil
  elseif entry.raw == nil then
    host.raise("doppler.unreadable", ("%s in Doppler config \"%s\" cannot be read (visibility %s): another credential "
      .. "may be able to"):format(o.name, place.text, entry.visibility))
  end
  local text = api.is_reference(entry.raw) and entry.computed or entry.raw
  local out = {}
  for i, member in ipairs(plan.members(text)) do
    out[i] = { secret = api.seal(place, o.name, member.value),
      fingerprint = host.fingerprint(member.value) }
  end
  return out, entry
end

local function values(o, _, overlay)
  local members, entry = members_of(o, overlay)
  if not members then
    return nil
  end
  local out = { count = #members, values = host.json.array {}, fingerprints = host.json.array {},
    is_reference = api.is_reference(entry.raw) }
  for i, member in ipairs(members) do
    out.values[i], out.fingerprints[i] = member.secret, member.fingerprint
  end
  return out
end

local function member(o, _, overlay)
  for _, one in ipairs(members_of(o, overlay) or {}) do
    if one.fingerprint == o.fingerprint then
      return one.secret
    end
  end
end

-- Anew where the dry-run has written to that name, else what was read.
local function laid_over(f)
  return function (o, result, overlay)
    if overlay.get(api.overlay_key(api.place(o.environment), o.name)) then
      return f(o, nil, overlay)
    end
    return result
  end
end

local function names(o)
  return host.json.array(api.names(api.place(o.environment)))
end

local function names_key(place)
  return "doppler names " .. place.text
end

local function names_overlay(o, result, overlay)
  local made = overlay.get(names_key(api.place(o.environment)))
  local all, out = {}, host.json.array {}
  for _, name in ipairs(result) do
    all[name] = true
  end
  for name, there in pairs(made or {}) do
    all[name] = there or nil
  end
  for name in pairs(all) do
    out[#out + 1] = name
  end
  table.sort(out)
  return out
end

local function me(o)
  local answer = api.ask({ environment = o.environment }, { method = "GET", path = "/v3/me",
    where = "Doppler", shape = { name = "text", type = "text", token_preview = "text?",
      workplace = { slug = "text?", name = "text?" } } })
  return { name = answer.name, type = answer.type, preview = some(answer.token_preview),
    workplace = some(answer.workplace.name) }
end

local function config(o)
  local place = api.place(o.environment)
  local answer = api.config(place)
  return { project = place.project, config = answer.name, environment = some(answer.environment),
    root = some(answer.root), locked = answer.locked, last_fetch_at = some(answer.last_fetch_at),
    created_at = some(answer.created_at) }
end

-- The log ----------------------------------------------------------------------------------

local function log_row(entry)
  return { id = entry.id, text = entry.text, at = entry.created_at,
    rollback = some(entry.rollback) == true, by = api.who(entry) }
end

local function log(o)
  local place, out, page = api.place(o.environment), host.json.array {}, 1
  local per_page = math.min(o.first, 100)
  repeat
    local rows = api.log_page(place, page, per_page)
    for _, entry in ipairs(rows) do
      if #out < o.first then
        out[#out + 1] = log_row(entry)
      end
    end
    page = page + 1
  until #rows < per_page or #out >= o.first
  return out
end

local function kind_of(diff)
  if diff.added == nil and diff.removed == nil then
    return "unreadable"
  end
  return diff.removed == nil and "added" or diff.added == nil and "removed" or "changed"
end

local function log_entry(o)
  local entry = api.log_entry(api.place(o.environment), o.id)
  local out = log_row(entry)
  out.changes = host.json.array {}
  for i, diff in ipairs(entry.diff) do
    out.changes[i] = { name = diff.name, change = kind_of(diff),
      before = diff.removed and host.fingerprint(diff.removed) or nil,
      after = diff.added and host.fingerprint(diff.added) or nil }
  end
  return out
end

-- Undoing an entry -----------------------------------------------------------------------------

local function check_newer(place, entry, diff, current)
  local newer
  api.since(place, host.time(entry.created_at), function (other)
    if other.id == entry.id then
      return true
    end
    for _, change in ipairs(other.diff) do
      newer = newer or change.name == diff.name and other or nil
    end
  end)
  host.raise("doppler.newer-change", ("%s in Doppler config \"%s\" holds %s, not the %s that entry "
    .. "%s left%s: undoing that entry would undo the newer change, too; say force = true if that is "
    .. "meant"):format(
    diff.name, place.text, plan.describe(current), plan.describe(diff.added), entry.id,
    newer and (" (\"%s\" by %s at %s)"):format(newer.text, api.who(newer) or "somebody",
      newer.created_at) or ""), { refused = true })
end

local function rollback_plan(o, overlay)
  local place = api.place(o.environment)
  local entry = api.log_entry(place, o.id)
  local wanted = {}
  for i, diff in ipairs(entry.diff) do
    wanted[i] = diff.name
  end
  local now = #wanted > 0 and api.read(place, wanted, overlay) or {}
  local changes, touched, before, after = {}, host.json.array {}, {}, {}
  for _, diff in ipairs(entry.diff) do
    local current = now[diff.name] and now[diff.name].raw
    if current ~= diff.removed then
      if current ~= diff.added and not o.force then
        check_newer(place, entry, diff, current)
      end
      changes[#changes + 1] = { name = diff.name, from = current, to = diff.removed }
      touched[#touched + 1] = diff.name
      before[#before + 1] = diff.name .. " " .. plan.describe(current)
      after[#after + 1] = diff.name .. " " .. plan.describe(diff.removed)
    end
  end
  return { place = place, changes = changes, sign = "~", before = table.concat(before, "; "),
    after = table.concat(after, "; "), result = { changed = #changes > 0, names = touched } }
end

local function rollback(o)
  local made = rollback_plan(o)
  if made.result.changed then
    local answer = api.ask(made.place, { method = "POST", in_query = true, write = true,
      path = "/v3/configs/config/logs/log/rollback", query = { log = o.id },
      where = ("log entry %s of Doppler config \"%s\""):format(o.id, made.place.text),
      shape = { log = { id = "text" } }, judge = function (refused)
        if refused.status == 403 and api.lower_message(refused):find("locked", 1, true) then
          api.raise_locked(made.place)
        end
      end })
    made.result.entry = answer.log.id
  end
  return made.result
end

-- The entry that undoes o.id, or nil and whether the log was read as far back as the call.
local function undoing(place, o, intent)
  local found
  local whole = api.since(place, intent.began, function (other)
    local says = some(other.rollback) == true and other.text:find(o.id, 1, true)
    found = says and other or found
    return found ~= nil
  end)
  return found, whole
end

local function rollback_probe(o, intent)
  local found, whole = settle.patiently(function ()
    return undoing(api.place(o.environment), o, intent)
  end)
  if not found then
    return whole and { happened = false } or nil
  end
  local touched = host.json.array {}
  for i, diff in ipairs(found.diff) do
    touched[i] = diff.name
  end
  return { happened = true, result = { changed = true, names = touched, entry = found.id } }
end

-- What carries it on --------------------------------------------------------------------------

local HINT = ": a service token sees no integrations, syncs or webhooks; give the environment a credential of a "
  .. "service account, or a personal one"

local function sync_row(sync, integration)
  return { slug = sync.slug, enabled = sync.enabled == true, last_synced_at = some(
    sync.lastSyncedAt), project = some(sync.project), config = some(sync.config),
    kind = integration and some(integration.kind), type = integration and some(integration.type),
    integration = integration and integration.slug }
end

local function integrations(o)
  local answer = api.ask({ environment = o.environment }, { method = "GET",
    path = "/v3/integrations", where = "Doppler's integrations", hint = HINT,
    shape = { integrations = { { slug = "text", type = "text", enabled = "flag?", kind = "text?",
      name = "text?", syncs = { optional = { "map" } } } } } })
  local out = host.json.array {}
  for i, given in ipairs(answer.integrations) do
    out[i] = { slug = given.slug, name = some(given.name), type = given.type,
      kind = some(given.kind), enabled = some(given.enabled) == true,
      syncs = host.json.array {} }
    for k, sync in ipairs(some(given.syncs) or {}) do
      out[i].syncs[k] = sync_row(sync, given)
    end
  end
  return out
end

local function sync_now(place, row)
  local fresh = api.ask(place, { method = "GET", path = "/v3/configs/config/syncs/sync",
    query = { sync = row.slug }, where = ("sync %s of Doppler config \"%s\""):format(row.slug,
      place.text), hint = HINT, shape = { sync = { slug = "text", enabled = "flag",
      lastSyncedAt = "text?" } } }).sync
  row.enabled, row.last_synced_at = fresh.enabled, some(fresh.lastSyncedAt)
  return row
end

local function sync(o)
  local place, found, slugs = api.place(o.environment), nil, {}
  for _, integration in ipairs(integrations(o)) do
    for _, row in ipairs(integration.syncs) do
      if integration.type == o.to and row.project == place.project and row.config == place.config
        and (not o.slug or row.slug == o.slug) then
        found, slugs[#slugs + 1] = row, row.slug
      end
    end
  end
  if #slugs > 1 then
    host.raise("doppler.several", ("Doppler config \"%s\" has %d syncs to %s: say which with slug (%s)"):format(
      place.text, #slugs, o.to, table.concat(slugs, ", ")))
  end
  return found and sync_now(place, found)
end

-- Without what may stand before it: a user and a password.
local function host_of(url)
  local authority = some(url) and url:match("^%a+://([^/?#]+)")
  return authority and authority:match("([^@]+)$")
end

-- All at once ---------------------------------------------------------------------------------

-- Asked again, it costs Doppler nothing as long as nothing was changed (ETag).
local function downloaded(o)
  local place = api.place(o.environment)
  if o.plain and not o.names then
    host.raise("doppler.plain", "doppler.download: plain shows and journals values: say which with "
      .. "names", { refused = true })
  end
  for _, name in ipairs(o.names or {}) do
    api.check_name(name)
  end
  return api.ask(place, { method = "GET", path = "/v3/configs/config/secrets/download",
    query = { format = "json", secrets = o.names and table.concat(o.names, ",") or nil },
    conditional = true, shape = "map" }), place
end

local function download(o)
  local all, place = downloaded(o)
  local out = {}
  for name, text in pairs(all) do
    if type(text) ~= "string" then
      host.raise("doppler.answer", ("Doppler config \"%s\": the value of %s is no text"):format(
        place.text, name), { retryable = true })
    end
    out[name] = o.plain and text or api.seal(place, name, text)
  end
  return out
end

local function wants(o, name)
  for _, one in ipairs(o.names or {}) do
    if one == name then
      return true
    end
  end
  return o.names == nil
end

-- In a dry-run with what it would have written; what refers to that keeps its value.
local function download_overlay(o, result, overlay)
  local place = api.place(o.environment)
  for name, there in pairs(overlay.get(names_key(place)) or {}) do
    local state = overlay.get(api.overlay_key(place, name))
    local now = there and state and wants(o, name) and api.predicted(name, state)
    if not there then
      result[name] = nil
    elseif now and now.computed then
      result[name] = o.plain and now.computed or api.seal(place, name, now.computed)
    end
  end
  return result
end

-- Rows -------------------------------------------------------------------------------------------

local function keep(overlay, made, o)
  local place, there = made.place, overlay.get(names_key(made.place)) or {}
  for _, change in ipairs(made.changes) do
    there[change.name] = change.to ~= nil
    overlay.set(api.overlay_key(place, change.name), change.to == nil and { absent = true }
      or { raw = o.plain and change.to or api.seal(place, change.name, change.to) })
  end
  overlay.set(names_key(place), there)
end

local function predict(make)
  return function (o, overlay)
    local made = make(o, overlay)
    api.check_writable(made.place)
    keep(overlay, made, o)
    local same = #made.changes == 0
    return { sign = made.sign, before = made.before, after = same and made.before or made.after,
      note = same and "it is so already: nothing is sent" or made.note, result = made.result }
  end
end

local function act(make)
  return function (o)
    local made = make(o)
    if #made.changes > 0 then
      api.write(made.place, made.changes)
      if made.note then
        host.log(("Doppler: %s: %s"):format(made.changes[1].name, made.note))
      end
    end
    if o.generate then
      plan.forget(o)
    end
    return made.result
  end
end

local function target(check)
  return function (o)
    check(o)
    local wanted = o.name
    if o.values then
      local all = {}
      for name in pairs(o.values) do
        all[#all + 1] = name
      end
      table.sort(all)
      wanted = table.concat(all, ", ")
    end
    return api.place(o.environment).text .. " " .. wanted
  end
end

local ENVIRONMENT = { "text", required = true, help = "an environment of pipe.yaml" }
local NAME = { "text", required = true, help = "of the secret, as Doppler has it" }
local PLAIN = { "flag", default = false,
  help = "it is no secret: it is given as text, shown and journaled" }
local EXPECT = { "text|secret|flag",
  help = "the value that is to be there, false: it must not be there; another is a doppler.conflict" }
local EXPECT_PRINT = { "text", help = "the same by its fingerprint" }
local REFERENCE = { "flag", default = false, help = "the value holds ${…}, or one that does is overwritten" }
local MEMBER = { "text", help = "which member, by its fingerprint" }
local WRITE = "POST /v3/configs/config/secrets"
local MAY_READ = "a service token of the config, for reading"
local MAY_WRITE = "a service token of the config, for reading and writing"
local MAY_ALL = "a service account that sees the workplace's integrations (a service token does not)"
local LOOKS = "looks for the change in the config's log since the call began, and at the raw value"
local LIST = "{changed, name, fingerprint (of the member), count, fingerprints}"

local function read(row)
  row.effect, row.permission = "read", row.permission or MAY_READ
  row.options = row.options or {}
  row.options.environment = ENVIRONMENT
  return row
end

local function write(row, make, check, did)
  row.effect, row.request, row.permission = "write", WRITE, MAY_WRITE
  row.options.environment = ENVIRONMENT
  row.act, row.predict, row.target = act(make), predict(make), target(check)
  row.probe, row.looks = settle.probe(make, did), LOOKS
  return row
end

local module = {
  name = "doppler", summary = "Configuration and keys in Doppler",
  retries = "Questions up to three times after a server error or where no answer came, after a rate "
    .. "limit when it is open again; a write is sent once.",
  errors = {
    ["doppler.config"] = "the environment of pipe.yaml has no doppler: {project, config}",
    ["doppler.unauthorized"] = "Doppler does not accept the credential",
    ["doppler.forbidden"] = "the credential may not do this, or reaches another config",
    ["doppler.not-found"] = "no such project, config or log entry, or not for this credential",
    ["doppler.invalid"] = "Doppler does not accept the request",
    ["doppler.name"] = "no name of a secret",
    ["doppler.plain"] = "text was given without plain = true, or all would be shown",
    ["doppler.value"] = "a value is missing, null or of the wrong kind; nothing is ever deleted by that",
    ["doppler.conflict"] = "somebody changed the secret meanwhile: nothing was written",
    ["doppler.reference"] = "a reference would be overwritten or made without reference = true, or leads nowhere",
    ["doppler.unreadable"] = "the secret is restricted: this credential cannot read its value",
    ["doppler.missing"] = "there is no such secret",
    ["doppler.last-value"] = "the last member of a list would go",
    ["doppler.no-member"] = "the member to keep is not in the list",
    ["doppler.newer-change"] = "a newer change would be undone, too",
    ["doppler.locked"] = "the config is locked",
    ["doppler.policy"] = "the config takes changes by change request only",
    ["doppler.several"] = "several syncs fit: say which",
    ["doppler.rate-limit"] = "the rate limit opens too late",
    ["doppler.failed"] = "Doppler answers with a status that is not expected here",
    ["doppler.unavailable"] = "Doppler has a server error",
    ["doppler.answer"] = "Doppler's answer cannot be used",
  },
  verbs = {
    me = read { summary = "Whose the credential is", result = "{name, type, preview, workplace}",
      request = "GET /v3/me", permission = "any", act = me },
    names = read { summary = "The names that there are, without values", result = "list of names",
      request = "GET /v3/configs/config/secrets/names", act = names, overlay = names_overlay },
    get = read {
      summary = "One secret; nothing if it is not there",
      result = "{name, raw, computed (secrets, with plain texts), readable, empty, length, is_reference, visibility, "
        .. "note, fingerprint} or nil; where readable is false (restricted) there is no raw",
      request = "GET /v3/configs/config/secrets", options = { name = NAME, plain = PLAIN },
      act = get, overlay = laid_over(get),
    },
    values = read {
      summary = "The members of a comma list, such as old,new",
      result = "{count, values (list of secrets), fingerprints, is_reference} or nil if it is not there",
      request = "GET /v3/configs/config/secrets", options = { name = NAME },
      act = values, overlay = laid_over(values),
    },
    member = read {
      summary = "The member of a comma list that has a fingerprint; after a resume, too",
      result = "a secret, or nil", request = "GET /v3/configs/config/secrets",
      options = { name = NAME, fingerprint = { "text", required = true,
        help = "as add, values and get tell it" } },
      act = member, overlay = laid_over(member),
    },
    config = read { summary = "The config: whether it is locked, when it was read last",
      result = "{project, config, environment, root, locked, last_fetch_at, created_at}",
      request = "GET /v3/configs/config", act = config },
    log = read { summary = "What was changed in the config, newest first",
      result = "list of {id, text, at, rollback, by}", request = "GET /v3/configs/config/logs",
      options = { first = { "integer", default = 20, help = "at most so many" } }, act = log },
    log_entry = read { summary = "What one entry of the log changed",
      result = "{id, text, at, rollback, by, changes: list of {name, change (added, changed, removed, unreadable), "
        .. "before, after (fingerprints)}}", request = "GET /v3/configs/config/logs/log",
      options = { id = { "text", required = true, help = "of the entry" } }, act = log_entry },
    integrations = read { summary = "What the workplace is connected to", permission = MAY_ALL,
      result = "list of {slug, name, type, kind, enabled, syncs}", request = "GET /v3/integrations",
      act = integrations },
    sync = read {
      summary = "How the sync of the config to Railway is. It tells when values were sent, not that "
        .. "anything runs with them",
      permission = MAY_ALL,
      result = "{slug, enabled, last_synced_at, kind, type, integration, project, config} or nil if there is none",
      request = { "GET /v3/integrations", "GET /v3/configs/config/syncs/sync" },
      options = { to = { "text", default = "railway", help = "the type of the integration" },
        slug = { "text", help = "which, where there are several" } },
      act = sync,
    },
    download = read {
      summary = "All secrets at once, as they are for a program: references are resolved. Asked "
        .. "again, nothing is sent where nothing was changed",
      result = "{NAME=secret (with plain a text)}",
      request = "GET /v3/configs/config/secrets/download", options = { plain = PLAIN,
        names = { "list", help = "only these" } },
      act = download, overlay = download_overlay,
    },
    set = write({
      summary = "Sets a secret, if it is still what was read",
      result = "{changed, name, fingerprint, previous (the fingerprint before)}",
      options = { name = NAME, plain = PLAIN, expect = EXPECT, expect_fingerprint = EXPECT_PRINT,
        reference = REFERENCE, value = { "text|secret", help = "a secret; text only with plain" } },
    }, plan.set, plan.check_set, settle.DID.set),
    set_many = write({
      summary = "Sets several secrets in one write, all or none",
      result = "{changed, names (that changed), fingerprints (by name)}",
      options = { plain = PLAIN, reference = REFERENCE,
        values = { "map", required = true, help = "name = secret, with plain text" },
        expect = { "map", help = "name = what is to be there, false: not there" } },
    }, plan.set_many, plan.check_many, settle.DID.set_many),
    add = write({
      summary = "Adds a member to a comma list, at its end; nothing is sent if it is there",
      result = LIST, options = { name = NAME, plain = PLAIN, reference = REFERENCE,
        value = { "text|secret", help = "the member" },
        generate = { "map", help = "make one: { bytes = 32, format = \"hex\" or \"base64url\" }; read it "
          .. "with member" } },
    }, plan.add, plan.check_add, settle.DID.add),
    remove = write({
      summary = "Removes a member from a comma list; nothing is sent if it is not there",
      result = LIST, options = { name = NAME, plain = PLAIN, reference = REFERENCE,
        fingerprint = MEMBER, value = { "text|secret", help = "which member" },
        last = { "flag", default = false, help = "also if it is the last one" } },
    }, plan.remove, plan.check_remove, settle.DID.remove),
    promote = write({
      summary = "Leaves one member of a comma list, and removes all others",
      result = "{changed, name, fingerprint, count, fingerprints, removed (fingerprints)}",
      options = { name = NAME, plain = PLAIN, reference = REFERENCE, fingerprint = MEMBER,
        value = { "text|secret", help = "which member" } },
    }, plan.promote, plan.check_promote, settle.DID.promote),
    delete = write({
      summary = "Deletes a secret, if it is still what was read; nothing is sent if it is not there",
      result = "{changed, name, previous}",
      options = { name = NAME, plain = PLAIN, expect = EXPECT, expect_fingerprint = EXPECT_PRINT },
    }, plan.delete, plan.check_delete, settle.DID.delete),
    rollback = {
      effect = "write", permission = MAY_WRITE,
      summary = "Undoes what one entry of the log changed; not a return to the config as it was then",
      result = "{changed, names, entry (of the undoing)}",
      request = "POST /v3/configs/config/logs/log/rollback",
      options = { environment = ENVIRONMENT, id = { "text", required = true, help = "of the entry" },
        force = { "flag", default = false, help = "also if newer changes of the same names are undone by it" } },
      target = function (o) return api.place(o.environment).text .. " " .. o.id end,
      act = rollback, predict = predict(rollback_plan), probe = rollback_probe,
      looks = "looks in the log for the undoing of that entry since the call began",
    },
  },
}

for verb, row in pairs(host.require "doppler_webhooks".verbs) do
  module.verbs[verb] = row
end

return module
