-- App Review: one submission that is open at a time, made of items. Each piece is
-- looked for before it is made, so that a submission which was cut off is gone on with.

local host = ...
local api = host.require "appstore_api"
local states = host.require "appstore_states"
local versions = host.require "appstore_versions"

local M = {}

local OPEN = "READY_FOR_REVIEW,WAITING_FOR_REVIEW,IN_REVIEW,UNRESOLVED_ISSUES,CANCELING,COMPLETING"
local SENT = { WAITING_FOR_REVIEW = true, IN_REVIEW = true, COMPLETING = true, COMPLETE = true }
-- Of a version whose submission is over: it was submitted and judged.
local JUDGED = { WAITING_FOR_REVIEW = true, IN_REVIEW = true, ACCEPTED = true,
  PENDING_DEVELOPER_RELEASE = true, PENDING_APPLE_RELEASE = true,
  PROCESSING_FOR_DISTRIBUTION = true, READY_FOR_DISTRIBUTION = true }
local TRIES, PAUSE = 10, 15000 -- as Apple's own users wait for an item to be ready

local function where(o)
  return "version " .. o.version
end

local function items_of(id)
  local out = {}
  local list = api.all { path = ("/v1/reviewSubmissions/%s/items"):format(id),
    query = { include = "appStoreVersion", limit = 200 }, where = "review submission " .. id }
  for i, one in ipairs(list) do
    local _, version = api.related(one, "appStoreVersion", {})
    out[i] = { id = one.id, state = api.attribute(one, "state"), version = version }
  end
  return out
end

local function row(resource)
  local word = api.attribute(resource, "state")
  local phase, words = states.of(states.submission, word)
  return { id = resource.id, state = word, phase = phase, words = words,
    submitted_at = api.attribute(resource, "submittedDate"), items = items_of(resource.id) }
end

-- Those that are not over; Apple allows one, but a rejected one may lie beside it.
local function open()
  local out = {}
  for i, one in ipairs((api.all { path = "/v1/reviewSubmissions", where = "review submissions",
    query = { ["filter[app]"] = api.app().id, ["filter[platform]"] = "IOS",
    ["filter[state]"] = OPEN, limit = 50 } })) do
    out[i] = row(one)
  end
  return out
end

local function holds(s, version_id)
  for _, item in ipairs(s.items) do
    if item.version == version_id and item.state ~= "REMOVED" then
      return true
    end
  end
  return false
end

--- The open submission that holds the version; nil when there is none.
function M.of(v)
  for _, s in ipairs(v.id and open() or {}) do
    if holds(s, v.id) then
      return s
    end
  end
end

function M.look(o)
  return M.of(versions.look(o.version))
end

-- What stands in the way, or the submission to go on with (nil: a new one).
local function usable(o, v)
  for _, s in ipairs(open()) do
    local own = v.id and holds(s, v.id)
    if s.state == "READY_FOR_REVIEW" and (own or #s.items == 0) then
      return s
    elseif s.state == "READY_FOR_REVIEW" then
      host.raise("appstore.review-open", ("%s: the open review submission holds other things; "
        .. "submit or empty it "
        .. "in App Store Connect first"):format(where(o)))
    elseif own and SENT[s.state] then
      host.raise("appstore.review-in-progress",
        ("%s: it was submitted before; the submission is %s: %s"):format(where(o), s.state,
        s.words))
    elseif s.state ~= "UNRESOLVED_ISSUES" or own then
      host.raise("appstore.review-in-progress", ("%s: a review submission is in progress; it is "
        .. "%s: %s. "
        .. "appstore.withdraw takes a version of it back"):format(where(o), s.state, s.words))
    end
  end
end

local function check(o, v)
  if not versions.editable[v.state] and v.state ~= "READY_FOR_REVIEW" then
    host.raise("appstore.state", ("%s cannot be submitted: it is %s, %s"):format(where(o), v.state,
      v.words))
  elseif not v.build then
    host.raise("appstore.build", ("%s cannot be submitted: it has no build "
      .. "(appstore.attach_build)"):format(
      where(o)))
  end
end

local function create(o)
  return row((api.one { method = "POST", path = "/v1/reviewSubmissions", write = true,
    where = where(o), json = api.body("reviewSubmissions", nil, { platform = "IOS" },
    { app = { "apps", api.app().id } }) }))
end

-- Apple may need a while until a version can be put into a submission.
local function add_item(o, s, v)
  local refused, tries = nil, 0
  repeat
    local _, answer = api.call { method = "POST", path = "/v1/reviewSubmissionItems",
      write = true, where = where(o), json = api.body("reviewSubmissionItems", nil, nil,
      { reviewSubmission = { "reviewSubmissions", s.id },
        appStoreVersion = { "appStoreVersions", v.id } }),
      judge = function (got, codes)
        refused = got
        return got.status == 409 and codes:find("ITEM_PART_OF_ANOTHER", 1, true)
          and tries < 4
      end }
    if answer.status < 300 then
      return
    end
    tries = tries + 1
    host.sleep(PAUSE)
  until refused == nil or tries > 4
end

local function wait_until_ready(o)
  local ready = api.patiently(TRIES, PAUSE, function ()
    local now = versions.look(o.version)
    return now.state == "READY_FOR_REVIEW" and now or nil
  end)
  if not ready then
    host.raise("appstore.not-ready", ("%s lies in the submission, but did not become "
      .. "READY_FOR_REVIEW within %d s; "
      .. "another try goes on from there"):format(where(o), TRIES * PAUSE // 1000),
      { retryable = true })
  end
end

local function result_of(o)
  local v = versions.look(o.version)
  v.submission = M.of(v)
  return v
end

function M.submit(o)
  local v = versions.look(o.version)
  check(o, v)
  local s = usable(o, v) or create(o)
  if not holds(s, v.id) then
    add_item(o, s, v)
  end
  wait_until_ready(o)
  api.one { method = "PATCH", path = "/v1/reviewSubmissions/" .. s.id, write = true,
    where = where(o), json = api.body("reviewSubmissions", s.id, { submitted = true }) }
  return api.afterwards(result_of, o)
end

function M.predict_submit(o, overlay)
  local v = versions.look(o.version, overlay)
  check(o, v)
  usable(o, v)
  local before = v.state
  v.submission = { state = "WAITING_FOR_REVIEW", phase = "moving",
    words = states.submission.WAITING_FOR_REVIEW[2] }
  versions.predict(o.version, versions.moved(v, "WAITING_FOR_REVIEW"), overlay)
  return { sign = "~", result = v, before = before, after = "WAITING_FOR_REVIEW",
    note = "build " .. v.build.build }
end

-- Sent, or judged since then?
local function was_submitted(v)
  local s = M.of(v)
  return (s and SENT[s.state]) or JUDGED[v.state]
end

function M.probe_submit(o)
  local v
  local found = api.look_for(function ()
    v = versions.look(o.version)
    return was_submitted(v) and result_of(o)
  end)
  return (found.happened or versions.editable[v.state] or v.state == "READY_FOR_REVIEW")
    and found or nil
end

-- Taking it back -----------------------------------------------------------------------------

local CANCELABLE = { WAITING_FOR_REVIEW = true, IN_REVIEW = true, UNRESOLVED_ISSUES = true }

local function to_withdraw(o, v)
  local s = M.of(v)
  if not s or not CANCELABLE[s.state] then
    host.raise("appstore.state", ("%s is not under review: it is %s, %s"):format(where(o),
      v.state, v.words))
  end
  return s
end

function M.withdraw(o)
  local s = to_withdraw(o, versions.look(o.version))
  return row((api.one { method = "PATCH", path = "/v1/reviewSubmissions/" .. s.id, write = true,
    where = where(o), json = api.body("reviewSubmissions", s.id, { canceled = true }) }))
end

function M.predict_withdraw(o, overlay)
  local v = versions.look(o.version, overlay)
  local s = v.submission or to_withdraw(o, v)
  local before = v.state
  s.state = "CANCELING"
  s.phase, s.words = states.of(states.submission, s.state)
  v.submission = nil
  versions.predict(o.version, versions.moved(v, "DEVELOPER_REJECTED"), overlay)
  return { sign = "-", result = s, before = before, after = "DEVELOPER_REJECTED" }
end

function M.probe_withdraw(o)
  local s
  local found = api.look_for(function ()
    local v = versions.look(o.version)
    s = M.of(v)
    return (v.state == "DEVELOPER_REJECTED" or (s and s.state == "CANCELING"))
      and (s or { state = "COMPLETE" })
  end)
  return (found.happened or s and CANCELABLE[s.state]) and found or nil
end

return M
