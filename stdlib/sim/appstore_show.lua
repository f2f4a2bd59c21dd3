-- Resources of App Store Connect as JSON:API shows them, and pages of them.

local sim = ...
local core = sim.require "core"
local state = sim.require "appstore_state"

local M = {}

local BASE = "https://api.appstoreconnect.apple.com"
M.base = BASE

-- Relations of which Apple tells the other end and no address.
local PLAIN = { ["appStoreVersions app"] = true, ["reviewSubmissions app"] = true,
  ["reviewSubmissions appStoreVersionForReview"] = true,
  ["reviewSubmissionItems appStoreVersion"] = true }

local function resource(kind, id, attributes, related)
  local own = ("%s/v1/%s/%s"):format(BASE, kind, id)
  local relationships = {}
  for name, data in core.sorted(related or {}) do
    local plain = PLAIN[kind .. " " .. name]
    if data or not plain then
      relationships[name] = { data = data or nil, links = not plain
        and { self = own .. "/relationships/" .. name, related = own .. "/" .. name } or nil }
    end
  end
  return { type = kind, id = id, attributes = attributes,
    relationships = next(relationships) and relationships or nil, links = { self = own } }
end

local function one(kind, id)
  return id and { type = kind, id = id } or nil
end

function M.app(app)
  return resource("apps", app.id, { name = app.name, bundleId = app.bundle, sku = app.sku,
    primaryLocale = app.locale, isOrEverWasMadeForKids = false },
    { builds = false, betaGroups = false, appStoreVersions = false })
end

function M.train_id(w, version)
  return w.s.appstore.trains[state.canonical(version)].id
end

function M.build(w, b)
  return resource("builds", b.id, {
    version = b.build, uploadedDate = core.iso(b.uploaded),
    expirationDate = core.iso(b.uploaded + 90 * 86400000), expired = state.expired(w, b),
    minOsVersion = "16.0", processingState = b.state, buildAudienceType = "APP_STORE_ELIGIBLE",
    usesNonExemptEncryption = b.encryption,
  }, { preReleaseVersion = one("preReleaseVersions", M.train_id(w, b.version)),
    buildBetaDetail = one("buildBetaDetails", b.id), app = false, betaGroups = false,
    betaAppReviewSubmission = b.review and one("betaAppReviewSubmissions", b.id) or false })
end

function M.train(_, entry)
  return resource("preReleaseVersions", entry.id, { version = entry.version, platform = "IOS" },
    { builds = false })
end

function M.beta_detail(w, b)
  return resource("buildBetaDetails", b.id, { autoNotifyEnabled = false,
    internalBuildState = state.internal_state(w, b),
    externalBuildState = state.external_state(w, b) }, { build = false })
end

function M.beta_review(_, b)
  return resource("betaAppReviewSubmissions", b.review.id, { betaReviewState = b.review.state,
    submittedDate = core.iso(b.review.submitted) }, { build = one("builds", b.id) })
end

function M.group(_, group)
  return resource("betaGroups", group.id, { name = group.name,
    createdDate = core.iso(group.created), isInternalGroup = group.internal,
    hasAccessToAllBuilds = group.all_builds, publicLinkEnabled = false, feedbackEnabled = true },
    { builds = false, app = false })
end

function M.upload(_, u)
  local words = core.list {}
  if u.message then
    words[1] = { code = "90035", description = u.message }
  end
  return resource("buildUploads", u.id, { cfBundleShortVersionString = u.version,
    cfBundleVersion = u.build, createdDate = core.iso(u.created), platform = "IOS",
    uploadedDate = core.iso(u.created),
    state = { state = u.state, errors = words, warnings = core.list {}, infos = core.list {} } })
end

-- The words of the deprecated twin of appVersionState.
local OLD = { READY_FOR_DISTRIBUTION = "READY_FOR_SALE",
  PROCESSING_FOR_DISTRIBUTION = "PROCESSING_FOR_APP_STORE" }

function M.version(w, v)
  v = state.shown(w, v)
  local p = state.shown_phased(w, v)
  return resource("appStoreVersions", v.id, {
    platform = "IOS", versionString = v.version, appStoreState = OLD[v.state] or v.state,
    appVersionState = v.state, copyright = v.copyright, reviewType = "APP_STORE",
    releaseType = v.release_type, earliestReleaseDate = v.earliest and core.iso(v.earliest) or nil,
    downloadable = true, createdDate = core.iso(v.created),
  }, { app = one("apps", w.s.spec.appstore.app.id), build = one("builds", v.build_id) or false,
    appStoreVersionPhasedRelease = p and one("appStoreVersionPhasedReleases", p.id) or false })
end

function M.phased(w, p)
  p = state.shown(w, p)
  local word, day, _, paused = state.phase(w, p)
  return resource("appStoreVersionPhasedReleases", p.id, { phasedReleaseState = word,
    startDate = p.started and core.iso(p.started) or nil, totalPauseDuration = paused,
    currentDayNumber = day })
end

function M.submission(w, s)
  local items, version = core.list {}, nil
  for _, item in ipairs(w.s.appstore.items) do
    if item.submission_id == s.id then
      items[#items + 1] = one("reviewSubmissionItems", item.id)
      version = version or one("appStoreVersions", item.version_id)
    end
  end
  return resource("reviewSubmissions", s.id, { platform = "IOS", state = s.state,
    submittedDate = s.submitted and core.iso(s.submitted) or nil },
    { items = items, app = one("apps", w.s.spec.appstore.app.id),
      appStoreVersionForReview = version or false })
end

function M.item(_, item)
  return resource("reviewSubmissionItems", item.id, { state = item.state },
    { appStoreVersion = one("appStoreVersions", item.version_id) })
end

-- Documents ---------------------------------------------------------------------------

local function included(list)
  return #list > 0 and core.list(list) or nil
end

--- One resource; `more` are those that the request asked to include.
function M.document(status, value, more)
  return core.answer(status, { data = value, included = included(more or {}),
    links = { self = value.links.self } })
end

local function address(req, cursor)
  local parts = {}
  for name, value in core.sorted(req.query) do
    if name ~= "cursor" then
      parts[#parts + 1] = core.escape(name) .. "=" .. core.escape(value)
    end
  end
  if cursor then
    parts[#parts + 1] = "cursor=" .. core.escape(cursor)
  end
  return BASE .. req.path .. (#parts > 0 and "?" .. table.concat(parts, "&") or "")
end

--- A page of a list. include(one) gives what is to be included for it.
function M.page(req, list, show, include)
  local limit = tonumber(req.query.limit) or 50
  local from = tonumber(((sim.unbase64(req.query.cursor or "") or ""):match("^at (%d+)$"))) or 0
  local data, more, seen = core.list {}, {}, {}
  for i = from + 1, math.min(#list, from + limit) do
    data[#data + 1] = show(list[i])
    for _, extra in ipairs(include and include(list[i]) or {}) do
      if not seen[extra.type .. extra.id] then
        seen[extra.type .. extra.id] = true
        more[#more + 1] = extra
      end
    end
  end
  local next_at = from + limit < #list and sim.base64("at " .. from + limit) or nil
  return core.answer(200, { data = data, included = included(more),
    links = { self = address(req, req.query.cursor), next = next_at and address(req, next_at) },
    meta = { paging = { total = #list, limit = limit, nextCursor = next_at } } })
end

return M
