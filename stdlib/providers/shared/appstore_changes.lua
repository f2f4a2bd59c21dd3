-- What can be changed of a version in the App Store that is there: its settings while it can be
-- edited, and a phased release that has not begun.

local host = ...
local api = host.require "appstore_api"
local versions = host.require "appstore_versions"
local builds = host.require "appstore_builds"

local M = {}

local function option(o, words)
  host.raise("appstore.option", ("version %s: %s"):format(o.version, words), { refused = true })
end

-- Settings ----------------------------------------------------------------------------

local function check_options(o, v)
  local kind = o.release_type or v.release_type
  if not (o.new_version or o.release_type or o.earliest_release or o.copyright) then
    option(o, "nothing is said that should change (new_version, release_type, earliest_release, "
      .. "copyright)")
  elseif kind == "SCHEDULED" and not (o.earliest_release or v.earliest_release) then
    option(o, "release_type is SCHEDULED, so that earliest_release, a time, is needed")
  elseif o.earliest_release and kind ~= "SCHEDULED" then
    option(o, ("earliest_release is for release_type SCHEDULED only; it is %s"):format(
      tostring(kind)))
  elseif o.earliest_release and host.time(o.earliest_release) <= host.now() then
    option(o, ("earliest_release is %s, which is past; a time to come is needed"):format(
      o.earliest_release))
  end
end

-- A number that is free, and higher than all that was in the store.
local function check_number(o, v, overlay)
  local wanted = api.canonical(o.new_version)
  if wanted == api.canonical(v.version) then
    return
  end
  local there = versions.seen(o.new_version, overlay)
  if there then
    host.raise("appstore.exists", ("version %s cannot become %s: that is there already; it is %s, "
      .. "%s"):format(o.version, o.new_version, there.state, there.words))
  end
  for _, other in ipairs(versions.list { first = 10 }) do
    if versions.is_over[other.state] and not builds.higher(wanted, other.version) then
      host.raise("appstore.version", ("version %s cannot become %s: it is not higher than %s, "
        .. "which is %s"):format(o.version, o.new_version, other.version, other.state))
    end
  end
end

local function check(o, v, overlay)
  if not versions.editable[v.state] then
    host.raise("appstore.state", ("version %s cannot be changed: it is %s, %s"):format(o.version,
      v.state, v.words))
  end
  check_options(o, v)
  if o.new_version then
    check_number(o, v, overlay)
  end
end

local function same_time(a, b)
  return a == b or (a ~= nil and b ~= nil and host.time(a) == host.time(b))
end

-- What differs, as Apple names it; nil when nothing does.
local function changes(o, v)
  local out = {}
  if o.new_version and o.new_version ~= v.version then
    out.versionString = o.new_version
  end
  if o.release_type and o.release_type ~= v.release_type then
    out.releaseType = o.release_type
    if o.release_type ~= "SCHEDULED" and v.earliest_release then
      out.earliestReleaseDate = host.null
    end
  end
  if o.earliest_release and not same_time(o.earliest_release, v.earliest_release) then
    out.earliestReleaseDate = (host.clock_text(host.time(o.earliest_release))
      :gsub("%.000Z$", "Z"))
  end
  if o.copyright and o.copyright ~= v.copyright then
    out.copyright = o.copyright
  end
  return next(out) and out or nil
end

local function changed(v, is)
  v.changed = is
  return v
end

-- Found under its new number, and as it should be.
local function as_wanted(o)
  local v = versions.find(o.new_version or o.version)
  return v and not changes(o, v) and changed(v, true) or nil
end

function M.update(o)
  local v = versions.look(o.version)
  check(o, v)
  local wanted = changes(o, v)
  if not wanted then
    return changed(v, false)
  end
  api.one { method = "PATCH", path = "/v1/appStoreVersions/" .. v.id, write = true,
    where = "version " .. o.version, json = api.body("appStoreVersions", v.id, wanted) }
  return api.afterwards(function ()
    return api.patiently(6, 5000, function () return as_wanted(o) end)
      or versions.look(o.new_version or o.version)
  end)
end

local function in_words(v)
  return ("%s, %s%s"):format(v.version, tostring(v.release_type),
    v.earliest_release and " not before " .. v.earliest_release or "")
end

function M.predict_update(o, overlay)
  local v = versions.look(o.version, overlay)
  check(o, v, overlay)
  local wanted, before = changes(o, v), in_words(v)
  if wanted then
    v.version, v.release_type = o.new_version or v.version, o.release_type or v.release_type
    v.copyright = o.copyright or v.copyright
    if wanted.earliestReleaseDate then
      v.earliest_release = wanted.earliestReleaseDate ~= host.null and wanted.earliestReleaseDate
        or nil
    end
    if versions.key(v.version) ~= versions.key(o.version) then
      versions.predict(o.version, { gone = true, version = o.version }, overlay)
    end
    versions.predict(v.version, v, overlay)
  end
  return { sign = "~", result = changed(v, wanted ~= nil), before = before, after = in_words(v),
    note = not wanted and "it is so already: nothing changes" or nil }
end

function M.probe_update(o)
  return api.look_for(function () return as_wanted(o) end)
end

-- A phased release that has not begun ---------------------------------------------------------

local function check_cancel(o, v)
  if not v.phased then
    host.raise("appstore.state", ("version %s has no phased release; it is %s"):format(o.version,
      v.state))
  elseif v.phased.state ~= "INACTIVE" then
    host.raise("appstore.state", ("version %s: its phased release is %s (%s); only one that has "
      .. "not begun can be taken back"):format(o.version, v.phased.state, v.phased.words))
  end
end

local function without(v)
  v.phased = nil
  return v
end

function M.cancel_phased(o)
  local v = versions.look(o.version)
  check_cancel(o, v)
  api.call { method = "DELETE", path = "/v1/appStoreVersionPhasedReleases/" .. v.phased.id,
    write = true, expect = { 204 }, where = "version " .. o.version }
  -- What comes next must not find it still.
  return api.afterwards(function ()
    return api.patiently(6, 5000, function ()
      local now = versions.look(o.version)
      return not now.phased and now
    end) or without(v)
  end)
end

function M.predict_cancel(o, overlay)
  local v = versions.look(o.version, overlay)
  check_cancel(o, v)
  local before = v.phased.state
  versions.predict(o.version, without(v), overlay)
  return { sign = "-", result = v, before = before, note = "all users get it at once" }
end

function M.probe_cancel(o)
  return api.look_for(function ()
    local v = versions.look(o.version)
    return not v.phased and v
  end)
end

return M
