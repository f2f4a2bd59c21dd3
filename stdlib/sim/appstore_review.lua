-- Reviews and releases of App Store Connect: submissions with their items, the
-- release by hand, the phased release.

local sim = ...
local core = sim.require "core"
local state = sim.require "appstore_state"
local check = sim.require "appstore_check"
local show = sim.require "appstore_show"
local parts = sim.require("appstore_api").parts

local M = {}

local fail, missing, state_error, record = parts.fail, parts.missing, parts.state_error,
  parts.record

local function version_by(w, id)
  return state.find(w.s.appstore.versions, id)
end

-- Submissions ---------------------------------------------------------------------------

local function items_of(w, s)
  local out = {}
  for _, item in ipairs(w.s.appstore.items) do
    if item.submission_id == s.id then
      out[#out + 1] = item
    end
  end
  return out
end

local function submissions(w, req)
  local wrong = check.parameters(w, req, { ["filter[app]"] = true,
    ["filter[platform]"] = parts.platforms, ["filter[state]"] = parts.submission_words,
    include = parts.set("items", "app", "appStoreVersionForReview"),
    ["fields[reviewSubmissions]"] = true })
  if not wrong and not check.filter(req, "app") then
    return fail(w, 400, "PARAMETER_ERROR.REQUIRED", "The parameter 'filter[app]' is required",
      { parameter = "filter[app]" })
  end
  local list = {}
  for _, s in ipairs(w.s.appstore.submissions) do
    if parts.among(check.filter(req, "state"), s.state) then
      list[#list + 1] = s
    end
  end
  return wrong or show.page(req, list, function (s) return show.submission(w, s) end,
    function (s)
      local out = {}
      for _, item in ipairs(req.query.include and items_of(w, s) or {}) do
        out[#out + 1] = show.item(w, item)
      end
      return out
    end)
end

local function submission(w, req, id)
  local s = state.find(w.s.appstore.submissions, id)
  return check.parameters(w, req, { include = parts.set("items", "app") })
    or (s and show.document(200, show.submission(w, s))) or missing(w, "reviewSubmissions", id)
end

local function submission_items(w, req, id)
  local s = state.find(w.s.appstore.submissions, id)
  local wrong = check.parameters(w, req, { include = parts.set("appStoreVersion") })
  if wrong or not s then
    return wrong or missing(w, "reviewSubmissions", id)
  end
  return show.page(req, items_of(w, s), function (item) return show.item(w, item) end,
    function (item)
      return req.query.include and { show.version(w, version_by(w, item.version_id)) } or {}
    end)
end

local function create_submission(w, req)
  local _, ids, wrong = check.body(w, req, { type = "reviewSubmissions", attributes = {
    platform = { "text", words = { "IOS", "MAC_OS", "TV_OS", "VISION_OS" } } },
    relationships = { app = "apps" } })
  if wrong then
    return wrong
  elseif ids.app ~= parts.app_of(w).id then
    return missing(w, "apps", ids.app)
  end
  for _, s in ipairs(w.s.appstore.submissions) do
    if s.state ~= "COMPLETE" then
      return state_error(w, "A review submission is already in progress for this platform",
        "STATE_ERROR.REVIEW_SUBMISSION_IN_PROGRESS")
    end
  end
  local s = { id = core.new_uuid(w, "appstore-submission"), state = "READY_FOR_REVIEW" }
  table.insert(w.s.appstore.submissions, s)
  return show.document(201, show.submission(w, s))
end

local function why_not_item(w, v)
  local b = v.build_id and state.find(w.s.appstore.builds, v.build_id)
  local own = w.s.spec.appstore
  if not state.editable(v) then
    return "STATE_ERROR.ENTITY_STATE_INVALID", "appStoreVersions with id '" .. v.id
      .. "' is not in valid state: " .. v.state
  elseif not b then
    return "STATE_ERROR.ENTITY_STATE_INVALID", "appStoreVersions with id '" .. v.id
      .. "' is not in valid state", { { code = "ENTITY_ERROR.RELATIONSHIP.REQUIRED",
      detail = "You must provide a value for the relationship 'build' with this request" } }
  elseif b.encryption == nil then
    return "STATE_ERROR.ENTITY_STATE_INVALID", "appStoreVersions with id '" .. v.id
      .. "' is not in valid state", { { code = "ENTITY_ERROR.ATTRIBUTE.REQUIRED",
      detail = "You must provide a value for the attribute 'usesNonExemptEncryption' of the "
        .. "build" } }
  elseif (w.s.appstore.refused_items or 0) < (own.refuse_items or 0) then
    w.s.appstore.refused_items = (w.s.appstore.refused_items or 0) + 1
    return "STATE_ERROR.ITEM_PART_OF_ANOTHER_SUBMISSION",
      "The item cannot be added yet: it is being prepared"
  end
end

local function create_item(w, req)
  local _, ids, wrong = check.body(w, req, { type = "reviewSubmissionItems", relationships = {
    reviewSubmission = "reviewSubmissions", appStoreVersion = "appStoreVersions" } })
  if wrong then
    return wrong
  end
  local s, v = state.find(w.s.appstore.submissions, ids.reviewSubmission),
    version_by(w, ids.appStoreVersion)
  if not s or not v then
    return missing(w, s and "appStoreVersions" or "reviewSubmissions",
      s and ids.appStoreVersion or ids.reviewSubmission)
  elseif s.state ~= "READY_FOR_REVIEW" or state.submission_of(w, v) then
    return state_error(w, s.state ~= "READY_FOR_REVIEW"
      and "Items cannot be added to a submission in the state " .. s.state
      or "appStoreVersions with id '" .. v.id .. "' is already part of a submission",
      "STATE_ERROR.ENTITY_STATE_INVALID")
  end
  local code, detail, inner = why_not_item(w, v)
  if code then
    return fail(w, 409, code, detail, { meta = inner and { associatedErrors = {
      ["/v1/appStoreVersions/" .. v.id] = core.list(inner) } } or nil })
  end
  local item = { id = core.new_uuid(w, "appstore-item"), submission_id = s.id,
    version_id = v.id, state = "READY_FOR_REVIEW" }
  table.insert(w.s.appstore.items, item)
  core.later(w, w.s.now + core.ms(w.s.spec.appstore.item_delay, 0), "appstore",
    { what = "item", id = v.id })
  return show.document(201, show.item(w, item))
end

local function submit(w, s)
  local items = items_of(w, s)
  if s.state ~= "READY_FOR_REVIEW" or #items == 0 then
    return state_error(w, #items == 0 and "The submission has no items"
      or "The submission cannot be submitted in the state " .. s.state,
      "STATE_ERROR.ENTITY_STATE_INVALID")
  end
  local v = version_by(w, items[1].version_id)
  if v.state ~= "READY_FOR_REVIEW" then
    return state_error(w, "reviewSubmissions with id '" .. s.id
      .. "' has an item that is not ready for review: " .. v.state,
      "STATE_ERROR.ENTITY_STATE_INVALID")
  end
  state.submitted(w, s, v)
  record(w, "submit", "version " .. state.written(v.version), { submission = s.id })
  return show.document(200, show.submission(w, s))
end

local CANCELABLE = { WAITING_FOR_REVIEW = true, IN_REVIEW = true, UNRESOLVED_ISSUES = true,
  READY_FOR_REVIEW = true }

local function cancel(w, s)
  local items = items_of(w, s)
  if not CANCELABLE[s.state] or #items == 0 then
    return state_error(w, "The submission cannot be canceled in the state " .. s.state,
      "STATE_ERROR.ENTITY_STATE_INVALID")
  end
  local v = version_by(w, items[1].version_id)
  state.canceled(w, s, v)
  record(w, "withdraw", "version " .. state.written(v.version), { submission = s.id })
  return show.document(200, show.submission(w, s))
end

local function change_submission(w, req, id)
  local s = state.find(w.s.appstore.submissions, id)
  if not s then
    return missing(w, "reviewSubmissions", id)
  end
  local given, _, wrong = check.body(w, req, { type = "reviewSubmissions", id = id,
    attributes = { platform = { "text" }, submitted = { "flag", null = true },
    canceled = { "flag", null = true } } })
  if wrong then
    return wrong
  elseif given.submitted == true then
    return submit(w, s)
  elseif given.canceled == true then
    return cancel(w, s)
  end
  return show.document(200, show.submission(w, s))
end

-- Releases --------------------------------------------------------------------------------

local function release(w, req)
  local _, ids, wrong = check.body(w, req, { type = "appStoreVersionReleaseRequests",
    relationships = { appStoreVersion = "appStoreVersions" } })
  local v = ids and version_by(w, ids.appStoreVersion)
  if wrong or not v then
    return wrong or missing(w, "appStoreVersions", ids.appStoreVersion)
  elseif v.state ~= "PENDING_DEVELOPER_RELEASE" then
    return state_error(w, "The version cannot be released in the state " .. v.state,
      "STATE_ERROR.ENTITY_STATE_INVALID")
  end
  state.changes(w, "versions", v)
  state.distribute(w, v)
  record(w, "release", "version " .. state.written(v.version))
  return show.document(201, { type = "appStoreVersionReleaseRequests",
    id = core.uuid(w, "appstore", "release", v.id),
    links = { self = show.base .. "/v1/appStoreVersionReleaseRequests/" .. v.id } })
end

local WORDS = { "INACTIVE", "ACTIVE", "PAUSED", "COMPLETE" }

local function create_phased(w, req)
  local given, ids, wrong = check.body(w, req, { type = "appStoreVersionPhasedReleases",
    attributes = { phasedReleaseState = { "text", words = WORDS } },
    relationships = { appStoreVersion = "appStoreVersions" } })
  local v = ids and version_by(w, ids.appStoreVersion)
  if wrong or not v then
    return wrong or missing(w, "appStoreVersions", ids.appStoreVersion)
  elseif state.phased_of(w, v) then
    return state_error(w, "The version has a phased release already",
      "STATE_ERROR.ENTITY_STATE_INVALID")
  elseif v.state == "READY_FOR_DISTRIBUTION" or v.state == "REPLACED_WITH_NEW_VERSION"
    or v.state == "PROCESSING_FOR_DISTRIBUTION" then
    return state_error(w, "A phased release cannot be added in the state " .. v.state,
      "STATE_ERROR.ENTITY_STATE_INVALID")
  end
  local p = { id = v.id, version_id = v.id, state = "INACTIVE" }
  state.appears(w, "phased", p)
  table.insert(w.s.appstore.phased, p)
  record(w, "start_phased", "version " .. state.written(v.version), {
    state = given.phasedReleaseState })
  return show.document(201, show.phased(w, p))
end

local VERBS = { ["ACTIVE PAUSED"] = "pause_phased", ["PAUSED ACTIVE"] = "resume_phased",
  ["ACTIVE COMPLETE"] = "complete_phased", ["PAUSED COMPLETE"] = "complete_phased" }

local function change_phased(w, req, id)
  local p = state.find(w.s.appstore.phased, id)
  if not p then
    return missing(w, "appStoreVersionPhasedReleases", id)
  end
  local given, _, wrong = check.body(w, req, { type = "appStoreVersionPhasedReleases", id = id,
    attributes = { phasedReleaseState = { "text", required = true, words = WORDS } } })
  if wrong then
    return wrong
  end
  local from, to = state.phase(w, p), given.phasedReleaseState
  local verb = VERBS[from .. " " .. to]
  if not verb then
    return state_error(w, ("A phased release cannot go from %s to %s"):format(from, to),
      "STATE_ERROR.ENTITY_STATE_INVALID")
  end
  state.changes(w, "phased", p)
  state.set_phase(w, p, to)
  record(w, verb, "version "
    .. state.written(version_by(w, p.version_id).version))
  return show.document(200, show.phased(w, p))
end

local function delete_phased(w, _, id)
  for i, p in ipairs(w.s.appstore.phased) do
    if p.id == id and p.state == "INACTIVE" then
      state.drop_phased(w, i)
      record(w, "cancel_phased", "version "
        .. state.written(version_by(w, p.version_id).version))
      return core.answer(204)
    elseif p.id == id then
      return state_error(w, "A phased release that began cannot be deleted",
        "STATE_ERROR.ENTITY_STATE_INVALID")
    end
  end
  return missing(w, "appStoreVersionPhasedReleases", id)
end

M.routes = {
  { "GET", "/v1/reviewSubmissions", submissions },
  { "POST", "/v1/reviewSubmissions", create_submission },
  { "GET", "/v1/reviewSubmissions/{}", submission },
  { "PATCH", "/v1/reviewSubmissions/{}", change_submission },
  { "GET", "/v1/reviewSubmissions/{}/items", submission_items },
  { "POST", "/v1/reviewSubmissionItems", create_item },
  { "POST", "/v1/appStoreVersionReleaseRequests", release },
  { "POST", "/v1/appStoreVersionPhasedReleases", create_phased },
  { "PATCH", "/v1/appStoreVersionPhasedReleases/{}", change_phased },
  { "DELETE", "/v1/appStoreVersionPhasedReleases/{}", delete_phased },
}

return M
