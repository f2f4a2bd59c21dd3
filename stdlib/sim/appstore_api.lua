-- App Store Connect's requests: which there are, what each asks for and changes.

local sim = ...
local core = sim.require "core"
local state = sim.require "appstore_state"
local check = sim.require "appstore_check"
local show = sim.require "appstore_show"

local M = {}

local fail = check.fail

local function set(...)
  local out = {}
  for _, word in ipairs { ... } do
    out[word] = true
  end
  return out
end

local PLATFORMS = set("IOS", "MAC_OS", "TV_OS", "VISION_OS")
local SUBMISSION = set("READY_FOR_REVIEW", "WAITING_FOR_REVIEW", "IN_REVIEW",
  "UNRESOLVED_ISSUES", "CANCELING", "COMPLETING", "COMPLETE")
local VERSION = set("ACCEPTED", "DEVELOPER_REJECTED", "IN_REVIEW", "INVALID_BINARY",
  "METADATA_REJECTED", "PENDING_APPLE_RELEASE", "PENDING_DEVELOPER_RELEASE",
  "PREPARE_FOR_SUBMISSION", "PROCESSING_FOR_DISTRIBUTION", "READY_FOR_DISTRIBUTION",
  "READY_FOR_REVIEW", "REJECTED", "REPLACED_WITH_NEW_VERSION", "WAITING_FOR_EXPORT_COMPLIANCE",
  "WAITING_FOR_REVIEW")

local function missing(w, kind, id)
  return fail(w, 404, "NOT_FOUND",
    ("There is no resource of type '%s' with id '%s'"):format(kind, id))
end

local function state_error(w, detail, code)
  return fail(w, 409, code or "STATE_ERROR", detail)
end

local function app_of(w)
  return core.some(w.s.spec.appstore.app)
end

-- Whether a value is one of a filter's; without the filter all are.
local function among(filter, value)
  return filter == nil or filter[value] == true
end

local function newest_first(a, b, field)
  if a[field] ~= b[field] then
    return a[field] > b[field]
  end
  return a.id < b.id
end

local function sorted(list, field)
  table.sort(list, function (a, b) return newest_first(a, b, field) end)
  return list
end

local function record(w, verb, target, detail)
  core.record(w, "appstore", "appstore." .. verb, target, detail)
end

-- Apps --------------------------------------------------------------------------------

local function apps(w, req)
  local wrong = check.parameters(w, req, { ["filter[bundleId]"] = true, ["filter[name]"] = true,
    ["filter[sku]"] = true, ["filter[id]"] = true, ["fields[apps]"] = true })
  local app, list = app_of(w), {}
  if app and among(check.filter(req, "bundleId"), app.bundle)
    and among(check.filter(req, "name"), app.name) and among(check.filter(req, "id"), app.id)
    and among(check.filter(req, "sku"), app.sku) then
    list[1] = app
  end
  return wrong or show.page(req, list, show.app)
end

local function app(w, req, id)
  return check.parameters(w, req, { ["fields[apps]"] = true })
    or (app_of(w) and app_of(w).id == id and show.document(200, show.app(app_of(w))))
    or missing(w, "apps", id)
end

local function app_uploads(w, req, id)
  local wrong = check.parameters(w, req, { ["filter[cfBundleShortVersionString]"] = true,
    ["filter[cfBundleVersion]"] = true, ["filter[platform]"] = PLATFORMS,
    ["filter[state]"] = set("AWAITING_UPLOAD", "PROCESSING", "FAILED", "COMPLETE"),
    ["fields[buildUploads]"] = true,
    sort = set("cfBundleVersion", "-cfBundleVersion", "uploadedDate", "-uploadedDate") })
  if wrong then
    return wrong
  elseif not app_of(w) or app_of(w).id ~= id then
    return missing(w, "apps", id)
  end
  local list = {}
  for _, u in ipairs(w.s.appstore.uploads) do
    if among(check.filter(req, "cfBundleShortVersionString"), u.version)
      and among(check.filter(req, "cfBundleVersion"), u.build)
      and among(check.filter(req, "platform"), "IOS")
      and among(check.filter(req, "state"), u.state) then
      list[#list + 1] = u
    end
  end
  return show.page(req, sorted(list, "created"), function (u) return show.upload(w, u) end)
end

-- Builds ------------------------------------------------------------------------------

local BUILD_INCLUDES = set("preReleaseVersion", "buildBetaDetail", "betaAppReviewSubmission")

local function build_extras(w, req)
  return function (b)
    local out, wanted = {}, req.query.include or ""
    if wanted:find("preReleaseVersion", 1, true) then
      out[#out + 1] = show.train(w, w.s.appstore.trains[state.canonical(b.version)])
    end
    if wanted:find("buildBetaDetail", 1, true) then
      out[#out + 1] = show.beta_detail(w, b)
    end
    if wanted:find("betaAppReviewSubmission", 1, true) and b.review then
      out[#out + 1] = show.beta_review(w, b)
    end
    return out
  end
end

local function in_groups(filter, b)
  if not filter then
    return true
  end
  for _, id in ipairs(b.groups) do
    if filter[id] then
      return true
    end
  end
  return false
end

-- Of a version only the spelling of the first upload is found.
local function build_fits(w, req, b)
  local train = w.s.appstore.trains[state.canonical(b.version)]
  return state.visible(w, b)
    and among(check.filter(req, "app"), app_of(w).id) and among(check.filter(req, "id"), b.id)
    and among(check.filter(req, "version"), b.build)
    and among(check.filter(req, "processingState"), b.state)
    and among(check.filter(req, "expired"), tostring(state.expired(w, b)))
    and among(check.filter(req, "preReleaseVersion.version"), train.version)
    and among(check.filter(req, "preReleaseVersion"), train.id)
    and in_groups(check.filter(req, "betaGroups"), b)
end

local function builds(w, req)
  local wrong = check.parameters(w, req, { ["filter[app]"] = true, ["filter[id]"] = true,
    ["filter[version]"] = true, ["filter[expired]"] = set("true", "false"),
    ["filter[processingState]"] = set("PROCESSING", "FAILED", "INVALID", "VALID"),
    ["filter[preReleaseVersion.version]"] = true, ["filter[preReleaseVersion]"] = true,
    ["filter[preReleaseVersion.platform]"] = PLATFORMS, ["filter[betaGroups]"] = true,
    include = BUILD_INCLUDES, ["fields[builds]"] = true, ["fields[preReleaseVersions]"] = true,
    ["fields[buildBetaDetails]"] = true, ["fields[betaAppReviewSubmissions]"] = true,
    sort = set("version", "-version", "uploadedDate", "-uploadedDate") })
  if wrong then
    return wrong
  end
  local list = {}
  for _, b in ipairs(w.s.appstore.builds) do
    if build_fits(w, req, b) then
      list[#list + 1] = b
    end
  end
  return show.page(req, sorted(list, "uploaded"), function (b) return show.build(w, b) end,
    build_extras(w, req))
end

local function find_build(w, id)
  local b = state.find(w.s.appstore.builds, id)
  return b and state.visible(w, b) and b or nil
end

local function build(w, req, id)
  local b = find_build(w, id)
  return check.parameters(w, req, { include = BUILD_INCLUDES, ["fields[builds]"] = true })
    or (b and show.document(200, show.build(w, b), build_extras(w, req)(b)))
    or missing(w, "builds", id)
end

local function change_build(w, req, id)
  local b = find_build(w, id)
  if not b then
    return missing(w, "builds", id)
  end
  local given, _, wrong = check.body(w, req, { type = "builds", id = id, attributes = {
    usesNonExemptEncryption = { "flag" }, expired = { "flag" } } })
  if wrong then
    return wrong
  elseif given.usesNonExemptEncryption ~= nil and b.encryption ~= nil then
    return fail(w, 409, "ENTITY_ERROR.ATTRIBUTE.INVALID.IMMUTABLE",
      "You cannot update when the value is already set.",
      { pointer = "/data/attributes/usesNonExemptEncryption" })
  end
  if given.usesNonExemptEncryption ~= nil then
    b.encryption = given.usesNonExemptEncryption
    record(w, "set_export_compliance", ("build %s: %s"):format(id, b.encryption
      and "uses non-exempt encryption" or "no non-exempt encryption"), { build = b.build })
  end
  if given.expired and not b.expired then
    b.expired = true
    record(w, "expire_build", "build " .. id, { build = b.build })
  end
  return show.document(200, show.build(w, b))
end

local function trains(w, req)
  local wrong = check.parameters(w, req, { ["filter[app]"] = true, ["filter[version]"] = true,
    ["filter[platform]"] = PLATFORMS })
  local list = {}
  for _, train in core.sorted(w.s.appstore.trains) do
    if among(check.filter(req, "version"), train.version) then
      list[#list + 1] = train
    end
  end
  return wrong or show.page(req, list, function (one) return show.train(w, one) end)
end

-- TestFlight --------------------------------------------------------------------------

local function groups(w, req)
  local wrong = check.parameters(w, req, { ["filter[app]"] = true, ["filter[name]"] = true,
    ["filter[id]"] = true, ["filter[isInternalGroup]"] = set("true", "false"),
    ["fields[betaGroups]"] = true, sort = set("name", "-name", "createdDate", "-createdDate") })
  local list = {}
  for _, group in ipairs(w.s.appstore.groups) do
    if among(check.filter(req, "name"), group.name) and among(check.filter(req, "id"), group.id)
      and among(check.filter(req, "isInternalGroup"), tostring(group.internal)) then
      list[#list + 1] = group
    end
  end
  return wrong or show.page(req, list, function (one) return show.group(w, one) end)
end

local function why_not_testable(w, b)
  if b.state ~= "VALID" then
    return "Build is not in an internally testable state"
  elseif state.expired(w, b) then
    return "Build has expired"
  elseif b.encryption == nil then
    return "Build is missing export compliance information"
  end
end

local function add_to_group(w, req, id)
  local group = state.find(w.s.appstore.groups, id)
  local body = core.body(req)
  if not group then
    return missing(w, "betaGroups", id)
  elseif not body or type(body.data) ~= "table" or #body.data == 0 then
    return fail(w, 422, "ENTITY_UNPROCESSABLE", "'data' must be a list of builds")
  end
  for _, one in ipairs(body.data) do
    local b = find_build(w, one.id)
    if one.type ~= "builds" or not b then
      return fail(w, 409, "ENTITY_ERROR.RELATIONSHIP.INVALID",
        ("There is no resource of type 'builds' with id '%s'"):format(tostring(one.id)),
        { pointer = "/data" })
    elseif why_not_testable(w, b) then
      return fail(w, 422, "STATE_ERROR.BUILD_NOT_IN_INTERNALLY_TESTABLE_STATE",
        why_not_testable(w, b), { pointer = "/data" })
    end
    if not core.has(b.groups, id) then
      table.insert(b.groups, id)
      record(w, "add_to_group", ("%s: build %s"):format(group.name, b.id), { build = b.build })
    end
  end
  return core.answer(204)
end

local function beta_reviews(w, req)
  local wrong = check.parameters(w, req, { ["filter[build]"] = true,
    ["filter[betaReviewState]"] = set("WAITING_FOR_REVIEW", "IN_REVIEW", "REJECTED",
    "APPROVED") })
  local list, filter = {}, check.filter(req, "build")
  if not wrong and not filter then
    return fail(w, 400, "PARAMETER_ERROR.REQUIRED", "The parameter 'filter[build]' is required",
      { parameter = "filter[build]" })
  end
  for _, b in ipairs(w.s.appstore.builds) do
    if b.review and among(filter, b.id) then
      list[#list + 1] = b
    end
  end
  return wrong or show.page(req, list, function (b) return show.beta_review(w, b) end)
end

local function submit_beta(w, req)
  local _, ids, wrong = check.body(w, req, { type = "betaAppReviewSubmissions",
    relationships = { build = "builds" } })
  local b = ids and find_build(w, ids.build)
  if wrong then
    return wrong
  elseif not b then
    return missing(w, "builds", ids.build)
  elseif why_not_testable(w, b) then
    return fail(w, 422, "ENTITY_UNPROCESSABLE.BETA_CONTRACT_MISSING", why_not_testable(w, b))
  elseif b.review then
    return fail(w, 422, "ENTITY_UNPROCESSABLE.BUILD_ALREADY_SUBMITTED",
      "Another build is already in review, or this build was submitted before")
  end
  state.review_beta(w, b)
  record(w, "submit_beta_review", "build " .. b.id, { build = b.build })
  return show.document(201, show.beta_review(w, b))
end

-- Store versions ----------------------------------------------------------------------

local VERSION_INCLUDES = set("build", "appStoreVersionPhasedRelease", "app")

local function version_extras(w, req)
  return function (v)
    local out, wanted = {}, "," .. (req.query.include or "") .. ","
    local b = wanted:find(",build,", 1, true) and v.build_id
      and state.find(w.s.appstore.builds, v.build_id)
    local p = wanted:find(",appStoreVersionPhasedRelease,", 1, true) and state.shown_phased(w, v)
    out[#out + 1] = b and show.build(w, b) or nil
    out[#out + 1] = p and show.phased(w, p) or nil
    return out
  end
end

local function versions(w, req, id)
  local wrong = check.parameters(w, req, { ["filter[platform]"] = PLATFORMS,
    ["filter[versionString]"] = true, ["filter[appVersionState]"] = VERSION,
    ["filter[appStoreState]"] = true, ["filter[id]"] = true, include = VERSION_INCLUDES,
    ["fields[appStoreVersions]"] = true, ["fields[builds]"] = true,
    ["fields[appStoreVersionPhasedReleases]"] = true })
  if wrong then
    return wrong
  elseif not app_of(w) or app_of(w).id ~= id then
    return missing(w, "apps", id)
  end
  local list = {}
  for _, v in ipairs(w.s.appstore.versions) do
    local now = state.shown(w, v)
    if (v.appears or 0) <= w.s.now and among(check.filter(req, "versionString"), now.version)
      and among(check.filter(req, "appVersionState"), now.state)
      and among(check.filter(req, "platform"), "IOS")
      and among(check.filter(req, "id"), v.id) then
      list[#list + 1] = v
    end
  end
  return show.page(req, sorted(list, "created"), function (v) return show.version(w, v) end,
    version_extras(w, req))
end

local function version(w, req, id)
  local v = state.find(w.s.appstore.versions, id)
  return check.parameters(w, req, { include = VERSION_INCLUDES,
    ["fields[appStoreVersions]"] = true })
    or (v and show.document(200, show.version(w, v), version_extras(w, req)(v)))
    or missing(w, "appStoreVersions", id)
end

local RELEASES = { "MANUAL", "AFTER_APPROVAL", "SCHEDULED" }

-- `own` is the version that is to have it, where that is there already.
local function why_not_created(w, number, own)
  if not number:find("^%d+%.?%d*%.?%d*$") or number:find("%.$") then
    return "ENTITY_ERROR.ATTRIBUTE.INVALID",
      ("The version number '%s' must be made of one to three numbers"):format(number)
  elseif state.version_of(w, number) then
    return "ENTITY_ERROR.ATTRIBUTE.INVALID.DUPLICATE", ("The provided entity includes an attribute "
      .. "with a value that has already been used: versionString '%s'"):format(number)
  end
  for _, v in ipairs(w.s.appstore.versions) do
    if v == own then
      goto continue
    elseif v.state ~= "READY_FOR_DISTRIBUTION" and v.state ~= "REPLACED_WITH_NEW_VERSION" then
      return "ENTITY_ERROR.RELATIONSHIP.INVALID",
        "You cannot create a new version of the App in the current state."
    elseif not state.higher(number, v.version) then
      return "ENTITY_ERROR.ATTRIBUTE.INVALID",
        ("The version number must be higher than '%s'"):format(v.version)
    end
    ::continue::
  end
end

local function create_version(w, req)
  local given, ids, wrong = check.body(w, req, { type = "appStoreVersions", attributes = {
    platform = { "text", required = true, words = { "IOS", "MAC_OS", "TV_OS", "VISION_OS" } },
    versionString = { "text", required = true }, copyright = { "text", null = true },
    releaseType = { "text", words = RELEASES }, earliestReleaseDate = { "text", null = true },
    reviewType = { "text", words = { "APP_STORE", "NOTARIZATION" } },
    usesIdfa = { "flag", null = true } }, relationships = { app = "apps" } })
  if wrong then
    return wrong
  elseif ids.app ~= app_of(w).id then
    return missing(w, "apps", ids.app)
  end
  local code, detail = why_not_created(w, given.versionString)
  if code then
    return fail(w, 409, code, detail, { pointer = "/data/attributes/versionString" })
  end
  local earliest = core.some(given.earliestReleaseDate)
  local v = state.add_version(w, { version = given.versionString,
    release_type = given.releaseType or "AFTER_APPROVAL",
    earliest = earliest and sim.time(earliest) or nil, copyright = core.some(given.copyright) },
    w.s.now)
  state.appears(w, "versions", v)
  record(w, "create_version", "version " .. state.written(v.version), {
    release_type = v.release_type })
  return show.document(201, show.version(w, v))
end

local function why_not_renamed(w, v, number)
  if number == nil or state.canonical(number) == state.canonical(v.version) then
    return nil
  end
  return why_not_created(w, number, v)
end

local function apply_changes(w, v, given)
  state.changes(w, "versions", v)
  v.version = given.versionString or v.version
  v.release_type = given.releaseType or v.release_type
  if given.copyright ~= nil then
    v.copyright = core.some(given.copyright)
  end
  if given.earliestReleaseDate ~= nil then
    local at = core.some(given.earliestReleaseDate)
    v.earliest = at and sim.time(at) or nil
  end
end

local function change_version(w, req, id)
  local v = state.find(w.s.appstore.versions, id)
  if not v then
    return missing(w, "appStoreVersions", id)
  end
  local given, _, wrong = check.body(w, req, { type = "appStoreVersions", id = id,
    attributes = { releaseType = { "text", words = RELEASES }, copyright = { "text", null = true },
    earliestReleaseDate = { "text", null = true }, versionString = { "text" } } })
  if wrong then
    return wrong
  elseif not state.editable(v) then
    return state_error(w, "The version cannot be changed in the state " .. v.state,
      "STATE_ERROR.ENTITY_STATE_INVALID")
  end
  local code, detail = why_not_renamed(w, v, given.versionString)
  if code then
    return fail(w, 409, code, detail, { pointer = "/data/attributes/versionString" })
  end
  record(w, "update_version", "version " .. state.written(v.version), {
    version = given.versionString, release_type = given.releaseType })
  apply_changes(w, v, given)
  return show.document(200, show.version(w, v))
end

local function why_not_attached(w, v, b)
  if not state.editable(v) then
    return "ENTITY_ERROR.RELATIONSHIP.INVALID.STATE",
      "The build cannot be changed while the version is " .. v.state
  elseif b.state ~= "VALID" or state.expired(w, b) then
    return "ENTITY_ERROR.RELATIONSHIP.INVALID",
      "The specified build is not valid: it is processed, failed or expired"
  elseif state.canonical(b.version) ~= state.canonical(v.version) then
    return "ENTITY_ERROR.RELATIONSHIP.INVALID",
      ("The specified pre-release build could not be added: it is of version %s"):format(b.version)
  end
end

local function attach_build(w, req, id)
  local v = state.find(w.s.appstore.versions, id)
  local body = core.body(req)
  local data = body and body.data
  if not v then
    return missing(w, "appStoreVersions", id)
  elseif type(data) ~= "table" or data.type ~= "builds" or type(data.id) ~= "string" then
    return fail(w, 409, "ENTITY_ERROR.RELATIONSHIP.REQUIRED", "'data' must name a build",
      { pointer = "/data" })
  end
  local b = find_build(w, data.id)
  if not b then
    return missing(w, "builds", data.id)
  end
  local code, detail = why_not_attached(w, v, b)
  if code then
    return fail(w, 409, code, detail, { pointer = "/data" })
  elseif v.build_id ~= b.id then
    v.build_id = b.id
    record(w, "attach_build", ("version %s: build %s"):format(
      state.written(v.version), b.id),
      { build = b.build })
  end
  return core.answer(204)
end

local function version_part(w, req, id, part)
  local v = state.find(w.s.appstore.versions, id)
  local wrong = check.parameters(w, req, {})
  if wrong or not v then
    return wrong or missing(w, "appStoreVersions", id)
  elseif part == "build" then
    local b = v.build_id and state.find(w.s.appstore.builds, v.build_id)
    return b and show.document(200, show.build(w, b))
      or core.answer(200, { data = sim.null, links = { self = show.base .. req.path } })
  end
  local p = state.shown_phased(w, v)
  return p and show.document(200, show.phased(w, p))
    or core.answer(200, { data = sim.null, links = { self = show.base .. req.path } })
end

-- Routes --------------------------------------------------------------------------------

M.parts = { fail = fail, missing = missing, state_error = state_error, record = record,
  among = among, set = set, submission_words = SUBMISSION, platforms = PLATFORMS,
  app_of = app_of }

-- method, path with {} for an id, what it does, whether a developer may do it, too
local ROUTES = {
  { "GET", "/v1/apps", apps }, { "GET", "/v1/apps/{}", app },
  { "GET", "/v1/apps/{}/appStoreVersions", versions },
  { "GET", "/v1/apps/{}/buildUploads", app_uploads },
  { "GET", "/v1/builds", builds }, { "GET", "/v1/builds/{}", build },
  { "PATCH", "/v1/builds/{}", change_build, true },
  { "GET", "/v1/preReleaseVersions", trains },
  { "GET", "/v1/betaGroups", groups },
  { "POST", "/v1/betaGroups/{}/relationships/builds", add_to_group, true },
  { "GET", "/v1/betaAppReviewSubmissions", beta_reviews },
  { "POST", "/v1/betaAppReviewSubmissions", submit_beta, true },
  { "POST", "/v1/appStoreVersions", create_version },
  { "GET", "/v1/appStoreVersions/{}", version },
  { "PATCH", "/v1/appStoreVersions/{}", change_version },
  { "PATCH", "/v1/appStoreVersions/{}/relationships/build", attach_build },
  { "GET", "/v1/appStoreVersions/{}/build", function (w, req, id)
    return version_part(w, req, id, "build") end },
  { "GET", "/v1/appStoreVersions/{}/appStoreVersionPhasedRelease", version_part },
}

local function pattern_of(path)
  return "^" .. path:gsub("[%-%.]", "%%%0"):gsub("{}", "([^/]+)") .. "$"
end

local function routes()
  if not M.all then
    M.all = {}
    for _, list in ipairs { ROUTES, sim.require("appstore_review").routes } do
      for _, route in ipairs(list) do
        M.all[#M.all + 1] = { method = route[1], pattern = pattern_of(route[2]), run = route[3],
          beta = route[4] }
      end
    end
  end
  return M.all
end

local function dispatch(w, req)
  local other
  for _, route in ipairs(routes()) do
    local id = req.path:match(route.pattern)
    if id and route.method == req.method then
      return check.refused(w, req, route.beta)
        or route.run(w, req, id)
    end
    other = other or id
  end
  local refused = check.refused(w, req, true)
  if refused then
    return refused
  elseif other then
    return fail(w, 405, "METHOD_NOT_ALLOWED",
      ("The method %s is not allowed for the path %s"):format(req.method, req.path))
  end
  return fail(w, 404, "PATH_ERROR",
    ("The URL path is not valid: the simulated store does not know %s"):format(req.path),
    { title = "The URL path is not valid" })
end

function M.request(w, req)
  local spent, over = core.spend(w, "appstore")
  local answer = over and fail(w, 429, "RATE_LIMIT_EXCEEDED",
    "We've received too many requests for this API. Please wait and try again or slow down your "
    .. "request rate.") or dispatch(w, req)
  answer.headers["x-rate-limit"] = ("user-hour-lim:%d;user-hour-rem:%d;"):format(spent.limit,
    spent.remaining)
  return answer
end

return M
