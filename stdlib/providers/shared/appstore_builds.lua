-- Builds in App Store Connect, and TestFlight's groups.

local host = ...
local api = host.require "appstore_api"
local states = host.require "appstore_states"

local M = {}

local function beta_state(detail, name)
  local word = detail and api.attribute(detail, name)
  if not word then
    return nil
  end
  local phase, words = states.of(states.beta, word)
  return { state = word, phase = phase, words = words }
end

local function row(resource, included)
  local train = api.related(resource, "preReleaseVersion", included)
  local detail = api.related(resource, "buildBetaDetail", included)
  local word = api.attribute(resource, "processingState")
  local phase, words = states.of(states.processing, word)
  return {
    id = resource.id, build = api.attribute(resource, "version"),
    version = train and api.attribute(train, "version"), state = word, phase = phase,
    words = words, uploaded_at = api.attribute(resource, "uploadedDate"),
    expires_at = api.attribute(resource, "expirationDate"),
    expired = api.attribute(resource, "expired") == true,
    uses_non_exempt_encryption = api.attribute(resource, "usesNonExemptEncryption"),
    internal = beta_state(detail, "internalBuildState"),
    external = beta_state(detail, "externalBuildState"),
  }
end

-- "007" is kept as "7".
local function numbers(build)
  local short = build:gsub("^0+(%d)", "%1"):gsub("%.0+(%d)", ".%1")
  return short == build and build or build .. "," .. short
end

--- Newest first.
function M.list(o)
  local out = host.json.array {}
  local list, included = api.all { path = "/v1/builds", most = o.first,
    where = o.version and ("builds of version %s"):format(o.version) or "builds",
    query = {
      ["filter[app]"] = api.app().id,
      ["filter[preReleaseVersion.version]"] = o.version
        and table.concat(api.spellings(o.version), ",") or nil,
      ["filter[version]"] = o.build and numbers(o.build) or nil,
      sort = "-uploadedDate", include = "preReleaseVersion,buildBetaDetail",
      limit = math.min(200, o.first),
    } }
  for i, one in ipairs(list) do
    out[i] = row(one, included)
  end
  return out
end

local function where(id)
  return "build " .. id
end

function M.one(id)
  local resource, included = api.one { path = "/v1/builds/" .. id, where = where(id),
    query = { include = "preReleaseVersion,buildBetaDetail" } }
  if not resource then
    host.raise("appstore.not-found", where(id) .. ": App Store Connect does not know it")
  end
  return row(resource, included)
end

-- Dry-runs: what earlier predictions say of a build ---------------------------------------

local function key(id)
  return "appstore build " .. id
end

function M.seen(b, overlay)
  return overlay and overlay.get(key(b.id)) or b
end

function M.look(id, overlay)
  return M.seen(M.one(id), overlay)
end

-- Numbers -------------------------------------------------------------------------------

local function split(number)
  local out = {}
  for part in number:gmatch("%d+") do
    out[#out + 1] = math.tointeger(tonumber(part)) or 0
  end
  return out
end

local function higher(a, b)
  local x, y = split(a), split(b)
  for i = 1, math.max(#x, #y) do
    if (x[i] or 0) ~= (y[i] or 0) then
      return (x[i] or 0) > (y[i] or 0)
    end
  end
  return false
end
M.higher = higher

local function after(number)
  local parts = split(number)
  parts[#parts] = parts[#parts] + 1
  return table.concat(parts, ".")
end

local function uploads(version)
  local list = api.all { path = ("/v1/apps/%s/buildUploads"):format(api.app().id),
    where = "uploads", query = { limit = 200, ["filter[platform]"] = "IOS",
    ["filter[cfBundleShortVersionString]"] = version
      and table.concat(api.spellings(version), ",") or nil } }
  local out = {}
  for i, one in ipairs(list) do
    local detail = api.attribute(one, "state") or {}
    out[i] = { build = api.attribute(one, "cfBundleVersion"), state = detail.state }
  end
  return out
end

--- Also an upload that failed has used its number.
function M.next_number(o)
  local highest, from
  for kind, list in pairs { build = M.list { version = o.version, first = 1000 },
    upload = uploads(o.version) } do
    for _, one in ipairs(list) do
      if one.build and one.build:find("%d") and (not highest or higher(one.build, highest)
        or (one.build == highest and kind == "build")) then
        highest, from = one.build, kind == "build" and "a build"
          or ("an upload that is %s"):format(one.state or "unknown")
      end
    end
  end
  return { next = highest and after(highest) or "1", highest = highest, from = from }
end

-- Export compliance -----------------------------------------------------------------------

function M.compliance_target(o)
  return ("build %s: %s"):format(o.build, o.uses_non_exempt_encryption
    and "uses non-exempt encryption" or "no non-exempt encryption")
end

local function check_compliance(o, b)
  local now = b.uses_non_exempt_encryption
  if now ~= nil then
    host.raise("appstore.state",
      ("build %s: the question about encryption was answered (%s); Apple takes one answer "
        .. "only"):format(
      o.build, now and "uses non-exempt encryption" or "no non-exempt encryption"))
  elseif b.phase == "bad" or b.expired then
    host.raise("appstore.state", ("build %s is %s: %s"):format(o.build,
      b.expired and "EXPIRED" or b.state, b.expired and "it is too old" or b.words))
  end
end

function M.set_compliance(o)
  check_compliance(o, M.one(o.build))
  api.one { method = "PATCH", path = "/v1/builds/" .. o.build, write = true,
    where = where(o.build), json = api.body("builds", o.build,
    { usesNonExemptEncryption = o.uses_non_exempt_encryption }) }
  return api.afterwards(M.one, o.build)
end

function M.predict_compliance(o, overlay)
  local b = M.look(o.build, overlay)
  check_compliance(o, b)
  b.uses_non_exempt_encryption = o.uses_non_exempt_encryption
  for _, part in ipairs { "internal", "external" } do
    if b[part] and b[part].state == "MISSING_EXPORT_COMPLIANCE" then
      local word = part == "internal" and "READY_FOR_BETA_TESTING" or "READY_FOR_BETA_SUBMISSION"
      b[part] = { state = word, phase = states.beta[word][1], words = states.beta[word][2] }
    end
  end
  overlay.set(key(o.build), b)
  return { sign = "~", result = b, before = "not answered",
    after = o.uses_non_exempt_encryption and "uses non-exempt encryption"
      or "no non-exempt encryption" }
end

function M.probe_compliance(o)
  local other
  local found = api.look_for(function ()
    local b = M.one(o.build)
    other = b.uses_non_exempt_encryption ~= nil
    return other and b.uses_non_exempt_encryption == o.uses_non_exempt_encryption and b
  end)
  return (found.happened or not other) and found or nil
end

-- Expiring a build, trains --------------------------------------------------------------------

local function check_expire(o, b)
  if b.phase == "moving" then
    host.raise("appstore.state", ("build %s (%s) cannot be expired: it is %s, %s"):format(o.build,
      b.build, b.state, b.words))
  end
end

--- For good: a build that expired is of no use to any tester.
function M.expire(o)
  local b = M.one(o.build)
  check_expire(o, b)
  if not b.expired then
    api.one { method = "PATCH", path = "/v1/builds/" .. o.build, write = true,
      where = where(o.build), json = api.body("builds", o.build, { expired = true }) }
    b = api.afterwards(M.one, o.build)
    b.changed = true
    return b
  end
  b.changed = false
  return b
end

function M.predict_expire(o, overlay)
  local b = M.look(o.build, overlay)
  check_expire(o, b)
  local before = b.expired
  b.changed, b.expired = not before, true
  for _, part in ipairs { "internal", "external" } do
    b[part] = { state = "EXPIRED", phase = states.beta.EXPIRED[1],
      words = states.beta.EXPIRED[2] }
  end
  overlay.set(key(o.build), b)
  return { sign = "!", result = b, before = before and "expired" or "build " .. b.build,
    after = "expired", note = before and "it has expired: nothing changes" or nil }
end

function M.probe_expire(o)
  return api.look_for(function ()
    local b = M.one(o.build)
    b.changed = true
    return b.expired and b
  end)
end

--- The versions that builds were uploaded for.
function M.trains(o)
  local out = host.json.array {}
  local list = api.all { path = "/v1/preReleaseVersions", where = "trains of versions",
    most = o.first, query = { ["filter[app]"] = api.app().id, ["filter[platform]"] = "IOS",
      ["filter[version]"] = o.version and table.concat(api.spellings(o.version), ",") or nil,
      limit = math.min(200, o.first) } }
  for i, one in ipairs(list) do
    out[i] = { id = one.id, version = api.attribute(one, "version"),
      platform = api.attribute(one, "platform") }
  end
  return out
end

-- Groups ----------------------------------------------------------------------------------

function M.groups()
  local out = host.json.array {}
  for i, one in ipairs((api.all { path = "/v1/betaGroups", where = "TestFlight groups",
    query = { ["filter[app]"] = api.app().id, limit = 200 } })) do
    out[i] = { id = one.id, name = api.attribute(one, "name"),
      internal = api.attribute(one, "isInternalGroup") == true,
      all_builds = api.attribute(one, "hasAccessToAllBuilds") == true,
      public_link = api.attribute(one, "publicLink") }
  end
  return out
end

local function group_named(name)
  local names, found = {}, nil
  for i, group in ipairs(M.groups()) do
    names[i] = group.name
    if group.name == name and found then
      host.raise("appstore.group", ("there are several TestFlight groups \"%s\""):format(name))
    elseif group.name == name then
      found = group
    end
  end
  if not found then
    host.raise("appstore.group", ("there is no TestFlight group \"%s\" (there are: %s)"):format(
      name, #names > 0 and table.concat(names, ", ") or "none"))
  end
  return found
end

local function has_build(group, id)
  return #api.all { path = "/v1/builds", where = ("group \"%s\""):format(group.name), most = 1,
    query = { ["filter[betaGroups]"] = group.id, ["filter[id]"] = id, limit = 1 } } > 0
end

local function check_testable(b, id)
  local stuck = b.internal and b.internal.phase == "bad" and b.internal
  if b.phase ~= "good" or b.expired or stuck then
    host.raise("appstore.state", ("build %s (%s) cannot go to testers: %s, %s"):format(id,
      b.build, b.expired and "EXPIRED" or stuck and stuck.state or b.state,
      b.expired and "it is too old" or stuck and stuck.words or b.words))
  end
end

function M.group_target(o)
  return ("%s: build %s"):format(o.group, o.build)
end

function M.add_to_group(o)
  local group = group_named(o.group)
  check_testable(M.one(o.build), o.build)
  if has_build(group, o.build) then
    return { group = group.name, build = o.build, changed = false }
  end
  api.call { method = "POST", path = ("/v1/betaGroups/%s/relationships/builds"):format(group.id),
    json = { data = { { type = "builds", id = o.build } } }, write = true, expect = { 204 },
    where = ("group \"%s\""):format(o.group) }
  return { group = group.name, build = o.build, changed = true }
end

function M.predict_group(o, overlay)
  local group = group_named(o.group)
  check_testable(M.look(o.build, overlay), o.build)
  local known = "appstore group " .. group.name .. " " .. o.build
  local has = overlay.get(known) == true or has_build(group, o.build)
  overlay.set(known, true)
  return { sign = has and "~" or "+", result = { group = group.name, build = o.build,
    changed = not has }, note = has and "the group has it: nothing changes" or nil }
end

function M.probe_group(o)
  local group = group_named(o.group)
  return api.look_for(function ()
    return has_build(group, o.build)
      and { group = group.name, build = o.build, changed = true }
  end)
end

-- Beta review -------------------------------------------------------------------------------

function M.beta_review(id)
  local found = api.all { path = "/v1/betaAppReviewSubmissions", where = where(id), most = 1,
    query = { ["filter[build]"] = id } }[1]
  if not found then
    return nil
  end
  local word = api.attribute(found, "betaReviewState")
  local phase, words = states.of(states.beta_review, word)
  return { id = found.id, state = word, phase = phase, words = words,
    submitted_at = api.attribute(found, "submittedDate") }
end

local function check_beta(o, b)
  check_testable(b, o.build)
  local earlier = M.beta_review(o.build)
  if earlier then
    host.raise("appstore.state", ("build %s was submitted to the beta review before; it is %s: "
      .. "%s"):format(
      o.build, earlier.state, earlier.words))
  end
end

function M.submit_beta(o)
  check_beta(o, M.one(o.build))
  api.one { method = "POST", path = "/v1/betaAppReviewSubmissions", write = true,
    where = where(o.build), json = api.body("betaAppReviewSubmissions", nil, nil,
    { build = { "builds", o.build } }) }
  return api.afterwards(M.beta_review, o.build)
end

function M.predict_beta(o, overlay)
  check_beta(o, M.look(o.build, overlay))
  return { sign = "+", result = { state = "WAITING_FOR_REVIEW", phase = "moving",
    words = states.beta_review.WAITING_FOR_REVIEW[2] } }
end

function M.probe_beta(o)
  return api.look_for(function () return M.beta_review(o.build) end)
end

return M
