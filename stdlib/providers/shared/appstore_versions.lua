-- Versions in the App Store: what is in the store, what is being prepared, the
-- release by hand and the phased release.

local host = ...
local api = host.require "appstore_api"
local states = host.require "appstore_states"
local builds = host.require "appstore_builds"

local M = {}

local EDITABLE = { PREPARE_FOR_SUBMISSION = true, DEVELOPER_REJECTED = true, REJECTED = true,
  METADATA_REJECTED = true, INVALID_BINARY = true }
local OVER = { READY_FOR_DISTRIBUTION = true, REPLACED_WITH_NEW_VERSION = true }

-- Rows --------------------------------------------------------------------------------

local function phased_row(resource)
  local word = api.attribute(resource, "phasedReleaseState")
  local day = api.attribute(resource, "currentDayNumber")
  local phase, words = states.of(states.phased, word)
  return { id = resource.id, state = word, phase = phase, words = words, day = day,
    percent = word == "COMPLETE" and 100 or day and states.percent[day] or nil,
    started_at = api.attribute(resource, "startDate"),
    paused_days = api.attribute(resource, "totalPauseDuration") }
end

local function row(resource, included)
  local word = api.attribute(resource, "appVersionState")
  local phase, words = states.of(states.version, word)
  local build = api.related(resource, "build", included)
  local phased = api.related(resource, "appStoreVersionPhasedRelease", included)
  return {
    id = resource.id, version = api.attribute(resource, "versionString"), state = word,
    phase = phase, words = words, release_type = api.attribute(resource, "releaseType"),
    created_at = api.attribute(resource, "createdDate"),
    copyright = api.attribute(resource, "copyright"),
    earliest_release = api.attribute(resource, "earliestReleaseDate"),
    build = build and { id = build.id, build = api.attribute(build, "version") } or nil,
    phased = phased and phased_row(phased) or nil,
  }
end

--- filters: states (list), version (one, in all spellings); newest first.
function M.list(o)
  local out = host.json.array {}
  local list, included = api.all {
    path = ("/v1/apps/%s/appStoreVersions"):format(api.app().id), most = o.first,
    where = o.version and "version " .. o.version or "versions",
    query = {
      ["filter[platform]"] = "IOS",
      ["filter[versionString]"] = o.version and table.concat(api.spellings(o.version), ",")
        or nil,
      ["filter[appVersionState]"] = o.states and #o.states > 0
        and table.concat(o.states, ",") or nil,
      include = "build,appStoreVersionPhasedRelease", limit = math.min(200, o.first or 50),
    } }
  for i, one in ipairs(list) do
    out[i] = row(one, included)
  end
  return out
end

--- The version, however it is spelled; nil when there is none.
function M.find(version)
  local wanted = api.canonical(version)
  for _, one in ipairs(M.list { version = version, first = 20 }) do
    if one.version and api.canonical(one.version) == wanted then
      return one
    end
  end
end

-- Dry-runs ----------------------------------------------------------------------------

local function key(version)
  return "appstore version " .. api.canonical(version)
end

--- As a dry-run's earlier predictions left it.
function M.seen(version, overlay)
  local now = overlay and overlay.get(key(version))
  if now then
    return not now.gone and now or nil
  end
  return M.find(version)
end

local function missing(version)
  local names = {}
  for i, one in ipairs(M.list { first = 5 }) do
    names[i] = ("%s (%s)"):format(one.version, one.state)
  end
  host.raise("appstore.version", ("there is no version %s in App Store Connect (the newest are: "
    .. "%s)"):format(
    version, #names > 0 and table.concat(names, ", ") or "none"))
end

--- The same, and an error where there is none.
function M.look(version, overlay)
  return M.seen(version, overlay) or missing(version)
end

--- Remembers a prediction.
function M.predict(version, v, overlay)
  local all = overlay.get "appstore versions" or {}
  all[api.canonical(version)] = true
  overlay.set("appstore versions", all)
  overlay.set(key(version), v)
end

--- A row with another state.
function M.moved(v, word)
  v.state = word
  v.phase, v.words = states.of(states.version, word)
  return v
end

-- A list with what was predicted: changed rows in their places, new ones first.
local function overlaid(list, overlay, fits)
  local out, had = host.json.array {}, {}
  for _, v in ipairs(list) do
    had[api.canonical(v.version)] = true
    local now = overlay.get(key(v.version)) or v
    if not now.gone and fits(now) then
      out[#out + 1] = now
    end
  end
  for version in pairs(overlay.get "appstore versions" or {}) do
    local v = not had[version] and overlay.get(key(version))
    if v and not v.gone and fits(v) then
      table.insert(out, 1, v)
    end
  end
  return out
end

function M.overlay_list(o, result, overlay)
  local wanted = {}
  for _, word in ipairs(o.states or {}) do
    wanted[word] = true
  end
  return overlaid(result, overlay, function (v)
    return next(wanted) == nil or wanted[v.state] == true
  end)
end

-- The store -----------------------------------------------------------------------------

local function in_store(v)
  v.since = v.phased and v.phased.started_at or v.earliest_release
  v.percent = v.phased and v.phased.percent or 100
  return v
end

--- What users can have now; nil before the first release.
function M.live()
  local v = M.list { states = { "READY_FOR_DISTRIBUTION" }, first = 1 }[1]
  return v and in_store(v) or nil
end

function M.overlay_live(_, result, overlay)
  local list = overlaid(result and { result } or {}, overlay, function (v)
    return v.state == "READY_FOR_DISTRIBUTION"
  end)
  return list[1] and in_store(list[1]) or nil
end

-- A new version ---------------------------------------------------------------------------

local function check_new(o, overlay)
  if o.release_type == "SCHEDULED" and not o.earliest_release then
    host.raise("appstore.version", ("version %s: release_type is SCHEDULED, so that "
      .. "earliest_release, a "
      .. "time, is needed"):format(o.version), { refused = true })
  end
  local there = M.seen(o.version, overlay)
  if there then
    host.raise("appstore.exists", ("version %s is there already, as %s: it is %s, %s"):format(
      o.version, there.version, there.state, there.words))
  end
  for _, v in ipairs(M.overlay_list({}, M.list { first = 10 }, overlay or {
    get = function () end })) do
    if not OVER[v.state] then
      host.raise("appstore.state", ("version %s cannot be begun: version %s is %s (%s), and "
        .. "Apple has room "
        .. "for one at a time"):format(o.version, v.version, v.state, v.words))
    elseif not builds.higher(api.canonical(o.version), v.version) then
      host.raise("appstore.version",
        ("version %s is not higher than %s, which is %s"):format(o.version, v.version, v.state))
    end
  end
end

function M.create(o)
  check_new(o)
  local earliest = o.earliest_release and host.clock_text(host.time(o.earliest_release)) or nil
  api.one { method = "POST", path = "/v1/appStoreVersions", write = true,
    where = "version " .. o.version, json = api.body("appStoreVersions", nil,
    { platform = "IOS", versionString = o.version, releaseType = o.release_type,
      earliestReleaseDate = earliest, copyright = o.copyright },
    { app = { "apps", api.app().id } }) }
  return api.afterwards(function ()
    return api.patiently(6, 5000, function () return M.find(o.version) end) or missing(o.version)
  end)
end

function M.predict_create(o, overlay)
  check_new(o, overlay)
  local v = M.moved({ version = o.version, release_type = o.release_type,
    earliest_release = o.earliest_release, created_at = host.clock_text(host.now()) },
    "PREPARE_FOR_SUBMISSION")
  M.predict(o.version, v, overlay)
  return { sign = "+", result = v, after = o.version .. ", " .. o.release_type }
end

function M.probe_create(o)
  return api.look_for(function () return M.find(o.version) end)
end

-- Its build -------------------------------------------------------------------------------

function M.build_target(o)
  return ("version %s: build %s"):format(api.written(o.version), o.build)
end

local function check_attach(o, v, b)
  local stuck = b.internal and b.internal.state == "MISSING_EXPORT_COMPLIANCE"
  if not EDITABLE[v.state] then
    host.raise("appstore.state", ("version %s cannot be given a build: it is %s, %s"):format(
      o.version, v.state, v.words))
  elseif b.state ~= "VALID" or b.expired then
    host.raise("appstore.state", ("build %s (%s) cannot go to the store: it is %s"):format(o.build,
      b.build, b.expired and "EXPIRED" or ("%s, %s"):format(b.state, b.words)))
  elseif b.version and api.canonical(b.version) ~= api.canonical(o.version) then
    host.raise("appstore.build", ("build %s (%s) is of version %s, not of %s"):format(o.build,
      b.build, b.version, o.version))
  elseif stuck then
    host.raise("appstore.state", ("build %s (%s): %s"):format(o.build, b.build,
      b.internal.words))
  end
end

function M.attach(o)
  local v, b = M.look(o.version), builds.one(o.build)
  check_attach(o, v, b)
  if v.build and v.build.id == b.id then
    v.changed = false
    return v
  end
  api.call { method = "PATCH", path = ("/v1/appStoreVersions/%s/relationships/build"):format(v.id),
    json = { data = { type = "builds", id = o.build } }, write = true, expect = { 204 },
    where = "version " .. o.version }
  v.build, v.changed = { id = b.id, build = b.build }, true
  return v
end

function M.predict_attach(o, overlay)
  local v, b = M.look(o.version, overlay), builds.look(o.build, overlay)
  check_attach(o, v, b)
  local before = v.build and v.build.build
  v.changed = not (v.build and v.build.id == b.id)
  v.build = { id = b.id, build = b.build }
  M.predict(o.version, v, overlay)
  return { sign = "~", result = v, before = before or "no build", after = b.build,
    note = not v.changed and "it has this build: nothing changes" or nil }
end

function M.probe_attach(o)
  return api.look_for(function ()
    local v = M.look(o.version)
    v.changed = true
    return v.build and v.build.id == o.build and v
  end)
end

-- Release ---------------------------------------------------------------------------------

function M.version_target(o)
  return "version " .. api.written(o.version)
end

local RELEASED = { PENDING_APPLE_RELEASE = true, PROCESSING_FOR_DISTRIBUTION = true,
  READY_FOR_DISTRIBUTION = true, REPLACED_WITH_NEW_VERSION = true }

local function check_release(o, v)
  if v.state ~= "PENDING_DEVELOPER_RELEASE" then
    host.raise("appstore.state", ("version %s cannot be released: it is %s, %s"):format(o.version,
      v.state, v.words))
  end
end

function M.release(o)
  local v = M.look(o.version)
  check_release(o, v)
  api.call { method = "POST", path = "/v1/appStoreVersionReleaseRequests", write = true,
    where = "version " .. o.version, json = api.body("appStoreVersionReleaseRequests", nil, nil,
    { appStoreVersion = { "appStoreVersions", v.id } }) }
  return api.afterwards(M.look, o.version)
end

function M.predict_release(o, overlay)
  local v = M.look(o.version, overlay)
  check_release(o, v)
  local before, percent = v.state, v.phased and "1 % of the users on the first day"
    or "all users at once: there is no phased release"
  if v.phased then
    v.phased.state, v.phased.day, v.phased.percent = "ACTIVE", 1, 1
    v.phased.phase, v.phased.words = states.of(states.phased, "ACTIVE")
    v.phased.started_at = host.clock_text(host.now())
  end
  M.predict(o.version, M.moved(v, "READY_FOR_DISTRIBUTION"), overlay)
  return { sign = "!", result = v, before = before, after = v.state, note = percent }
end

function M.probe_release(o)
  local v = M.look(o.version)
  if RELEASED[v.state] then
    return { happened = true, result = v }
  elseif v.state ~= "PENDING_DEVELOPER_RELEASE" then
    return nil
  end
  return api.look_for(function ()
    local now = M.look(o.version)
    return RELEASED[now.state] and now
  end)
end

-- Phased release ----------------------------------------------------------------------------

local CHANGES = {
  pause_phased = { to = "PAUSED", from = { ACTIVE = true } },
  resume_phased = { to = "ACTIVE", from = { PAUSED = true } },
  complete_phased = { to = "COMPLETE", from = { ACTIVE = true, PAUSED = true } },
}

function M.phased(version)
  return M.look(version).phased
end

local function check_start(o, v)
  if v.phased then
    host.raise("appstore.state", ("version %s has a phased release: it is %s, %s"):format(
      o.version, v.phased.state, v.phased.words))
  elseif OVER[v.state] or v.state == "PROCESSING_FOR_DISTRIBUTION" then
    host.raise("appstore.state", ("version %s is %s: a phased release has to be asked for "
      .. "before the "
      .. "release"):format(o.version, v.state))
  end
end

function M.start_phased(o)
  local v = M.look(o.version)
  check_start(o, v)
  return phased_row((api.one { method = "POST", path = "/v1/appStoreVersionPhasedReleases",
    write = true, where = "version " .. o.version,
    json = api.body("appStoreVersionPhasedReleases", nil, { phasedReleaseState = "INACTIVE" },
    { appStoreVersion = { "appStoreVersions", v.id } }) }))
end

local function phased_as(state, old)
  local p = old or {}
  p.state = state
  p.phase, p.words = states.of(states.phased, state)
  p.percent = state == "COMPLETE" and 100 or p.percent
  return p
end

function M.predict_start(o, overlay)
  local v = M.look(o.version, overlay)
  check_start(o, v)
  v.phased = phased_as "INACTIVE"
  M.predict(o.version, v, overlay)
  return { sign = "+", result = v.phased, note = "1, 2, 5, 10, 20, 50, 100 % of the users, a "
    .. "day each" }
end

function M.probe_start(o)
  return api.look_for(function () return M.phased(o.version) end)
end

local function check_phased(verb, o, v)
  local change, p = CHANGES[verb], v.phased
  if not p then
    host.raise("appstore.state",
      ("version %s has no phased release; it is %s"):format(o.version, v.state))
  elseif not change.from[p.state] then
    host.raise("appstore.state", ("version %s: its phased release cannot become %s, as it is "
      .. "%s: %s"):format(
      o.version, change.to, p.state, p.words))
  end
end

--- act, predict and probe of pause_phased, resume_phased, complete_phased.
function M.phased_verb(verb)
  local to = CHANGES[verb].to
  local act = function (o)
    local v = M.look(o.version)
    check_phased(verb, o, v)
    return phased_row((api.one { method = "PATCH", write = true, where = "version " .. o.version,
      path = "/v1/appStoreVersionPhasedReleases/" .. v.phased.id,
      json = api.body("appStoreVersionPhasedReleases", v.phased.id,
      { phasedReleaseState = to }) }))
  end
  local predict = function (o, overlay)
    local v = M.look(o.version, overlay)
    check_phased(verb, o, v)
    local before = v.phased.state
    v.phased = phased_as(to, v.phased)
    M.predict(o.version, v, overlay)
    return { sign = to == "COMPLETE" and "!" or "~", result = v.phased, before = before,
      after = to }
  end
  local probe = function (o)
    local p
    local found = api.look_for(function ()
      p = M.phased(o.version)
      return p and p.state == to and p
    end)
    return (found.happened or p and CHANGES[verb].from[p.state]) and found or nil
  end
  return act, predict, probe
end

function M.overlay_phased(o, result, overlay)
  local v = overlay.get(key(o.version))
  if v then
    return not v.gone and v.phased or nil
  end
  return result
end

function M.overlay_one(o, result, overlay)
  local v = overlay.get(key(o.version))
  if v then
    return not v.gone and v or nil
  end
  return result
end

M.editable, M.is_over, M.key, M.phased_as = EDITABLE, OVER, key, phased_as

return M
