-- App Store Connect's state: builds that appear and are processed, versions that
-- wait for a review of days, releases that reach users in steps. All of it takes
-- virtual time; how long, and where it leads, is said in the world file.

local sim = ...
local core = sim.require "core"

local M = {}

local DAY = 86400000
local PERCENT = { 1, 2, 5, 10, 20, 50, 100 }

--- "1.2", "1.2.0" and "01.2" are one version to Apple.
function M.canonical(version)
  local parts = {}
  for part in tostring(version):gmatch("[^%.]+") do
    parts[#parts + 1] = part:match("^0*(%d+)$") or part
  end
  while #parts > 1 and parts[#parts] == "0" do
    parts[#parts] = nil
  end
  return table.concat(parts, ".")
end

--- As the ledger and our verbs' targets write it: always three numbers.
function M.written(version)
  local short = M.canonical(version)
  local _, dots = short:gsub("%.", "")
  return short .. (".0"):rep(2 - dots)
end

-- Whether version (or build number) a is higher than b.
local function higher(a, b)
  local function numbers(text)
    local out = {}
    for part in tostring(text):gmatch("%d+") do
      out[#out + 1] = math.tointeger(tonumber(part)) or 0
    end
    return out
  end
  local x, y = numbers(a), numbers(b)
  for i = 1, math.max(#x, #y) do
    if (x[i] or 0) ~= (y[i] or 0) then
      return (x[i] or 0) > (y[i] or 0)
    end
  end
  return false
end
M.higher = higher

function M.find(list, id)
  for _, one in ipairs(list) do
    if one.id == id then
      return one
    end
  end
end

local function spec(w)
  return w.s.spec.appstore
end

-- Seen late ---------------------------------------------------------------------------

local function lag(w, what)
  return w.s.now + core.ms((spec(w).lag or {})[what], 0)
end

--- To be called before an object changes: for a while it is shown as it is now.
function M.changes(w, what, object)
  object.late = nil
  local was = core.copy(object)
  object.late = { at = lag(w, what), was = was }
end

--- The object as Apple shows it now.
function M.shown(w, object)
  return object.late and object.late.at > w.s.now and object.late.was or object
end

--- What was just made is not shown before that.
function M.appears(w, what, object)
  object.appears = lag(w, what)
  return object
end

-- Scripts of states -----------------------------------------------------------------

-- Goes through { state, after } one after the other; what begins anew lets the old one lie.
local function play(w, what, object, states, from)
  object.run = (object.run or 0) + 1
  local at = from
  for _, entry in ipairs(states) do
    at = at + core.ms(entry.after, 0)
    core.later(w, at, "appstore", { what = what, id = object.id, run = object.run,
      state = entry.state })
  end
end
M.play = play

-- Builds ------------------------------------------------------------------------------

local function train(w, version)
  local a = w.s.appstore
  local key = M.canonical(version)
  a.trains[key] = a.trains[key] or { id = core.uuid(w, "appstore", "train", key),
    version = version }
  return a.trains[key]
end

--- The build with this number in a train of versions; nil when there is none.
function M.build_of(w, version, number)
  for _, build in ipairs(w.s.appstore.builds) do
    if M.canonical(build.version) == M.canonical(version) and build.build == number then
      return build
    end
  end
end

local function add_build(w, entry, uploaded)
  local b = {
    id = core.uuid(w, "appstore", "build", M.canonical(entry.version), tostring(entry.build)),
    build = tostring(entry.build), version = tostring(entry.version), uploaded = uploaded,
    appears = uploaded, state = "PROCESSING", groups = core.list {}, review = nil,
    encryption = core.some(entry.encryption), internal_state = entry.internal_state,
    external_state = entry.external_state, expired = entry.expired == true,
  }
  train(w, b.version)
  table.insert(w.s.appstore.builds, b)
  return b
end

--- How a build number stands with those before: nil, or why Apple's transporter refuses it.
function M.refuses(w, version, number)
  for _, list in ipairs { w.s.appstore.builds, w.s.appstore.uploads } do
    for _, one in ipairs(list) do
      if M.canonical(one.version) == M.canonical(version) and not higher(number, one.build) then
        return ("The bundle version must be higher than the previously uploaded version: "
          .. "'%s'."):format(
          one.build)
      end
    end
  end
end

-- o = { version, build, encryption }: a binary arrives; the build appears minutes later.
function M.upload(w, o)
  local times = spec(w).upload
  local upload = { id = core.uuid(w, "appstore", "upload", o.version, o.build),
    version = o.version, build = o.build, created = w.s.now, state = "PROCESSING" }
  table.insert(w.s.appstore.uploads, upload)
  local own = core.some((spec(w).processing or {})[o.build]) or {}
  local b = add_build(w, { version = o.version, build = o.build,
    encryption = core.some(spec(w).encryption) }, w.s.now)
  b.appears = w.s.now + core.ms(own.appear or times.appear)
  b.upload = upload.id
  play(w, "build", b, own.states and core.many(own.states)
    or { { state = own.state or "VALID", after = own.after or times.processing } }, b.appears)
  return b
end

local function build_moved(w, b, state)
  b.state = state
  local upload = M.find(w.s.appstore.uploads, b.upload)
  if upload and state ~= "PROCESSING" then
    upload.state = state == "VALID" and "COMPLETE" or "FAILED"
  end
end

function M.visible(w, b)
  return b.appears <= w.s.now
end

function M.expired(w, b)
  return b.expired or b.uploaded + 90 * DAY <= w.s.now
end

local function among_groups(w, b, internal)
  for _, group in ipairs(w.s.appstore.groups) do
    if group.internal == internal
      and (group.all_builds or core.has(b.groups, group.id)) then
      return true
    end
  end
  return false
end

local function before_testing(w, b)
  if b.state == "PROCESSING" then
    return "PROCESSING"
  elseif b.state ~= "VALID" then
    return "PROCESSING_EXCEPTION"
  elseif M.expired(w, b) then
    return "EXPIRED"
  elseif b.encryption == nil then
    return "MISSING_EXPORT_COMPLIANCE"
  end
end

function M.internal_state(w, b)
  return b.internal_state or before_testing(w, b)
    or among_groups(w, b, true) and "IN_BETA_TESTING" or "READY_FOR_BETA_TESTING"
end

local REVIEW = { WAITING_FOR_REVIEW = "WAITING_FOR_BETA_REVIEW", IN_REVIEW = "IN_BETA_REVIEW",
  REJECTED = "BETA_REJECTED" }

function M.external_state(w, b)
  if b.external_state or before_testing(w, b) then
    return b.external_state or before_testing(w, b)
  elseif not b.review then
    return "READY_FOR_BETA_SUBMISSION"
  elseif b.review.state ~= "APPROVED" then
    return REVIEW[b.review.state] or b.review.state
  end
  return among_groups(w, b, false) and "IN_BETA_TESTING" or "BETA_APPROVED"
end

-- A review of the beta, for testers outside.
function M.review_beta(w, b)
  local times = spec(w).beta_review
  b.review = { id = b.id, state = "WAITING_FOR_REVIEW", submitted = w.s.now }
  play(w, "beta", b, core.some(times.states) or {
    { state = "IN_REVIEW", after = times.waiting },
    { state = times.result, after = times.reviewing } }, w.s.now)
end

-- Versions ----------------------------------------------------------------------------

local EDITABLE = { PREPARE_FOR_SUBMISSION = true, DEVELOPER_REJECTED = true, REJECTED = true,
  METADATA_REJECTED = true, INVALID_BINARY = true }

function M.editable(v)
  return EDITABLE[v.state] == true
end

function M.version_of(w, version)
  for _, v in ipairs(w.s.appstore.versions) do
    if M.canonical(v.version) == M.canonical(version) then
      return v
    end
  end
end

function M.add_version(w, entry, created)
  local v = { id = core.uuid(w, "appstore", "version", M.canonical(entry.version)),
    version = tostring(entry.version), state = entry.state or "PREPARE_FOR_SUBMISSION",
    release_type = entry.release_type or "MANUAL", earliest = core.some(entry.earliest),
    created = created, build_id = entry.build_id, copyright = entry.copyright, run = 0 }
  table.insert(w.s.appstore.versions, v)
  return v
end

--- Shown to users now; nil before the first release.
function M.live(w)
  for _, v in ipairs(w.s.appstore.versions) do
    if v.state == "READY_FOR_DISTRIBUTION" then
      return v
    end
  end
end

function M.phased_of(w, v)
  for _, p in ipairs(w.s.appstore.phased) do
    if p.version_id == v.id then
      return p
    end
  end
end

--- The phased release that Apple shows of a version: a new one later, one that is gone longer.
function M.shown_phased(w, v)
  local p = M.phased_of(w, v)
  if p then
    return (p.appears or 0) <= w.s.now and p or nil
  end
  for _, gone in ipairs(w.s.appstore.phased_gone) do
    if gone.version_id == v.id and gone.gone > w.s.now then
      return gone
    end
  end
end

--- Takes a phased release away.
function M.drop_phased(w, i)
  local p = table.remove(w.s.appstore.phased, i)
  p.gone = lag(w, "phased")
  table.insert(w.s.appstore.phased_gone, p)
end

--- The submission that a version lies in, of those that are not over.
function M.submission_of(w, v)
  for _, item in ipairs(w.s.appstore.items) do
    local s = item.version_id == v.id and M.find(w.s.appstore.submissions, item.submission_id)
    if s and s.state ~= "COMPLETE" then
      return s, item
    end
  end
end

local function goes_live(w, v)
  for _, other in ipairs(w.s.appstore.versions) do
    if other ~= v and other.state == "READY_FOR_DISTRIBUTION" then
      other.state = "REPLACED_WITH_NEW_VERSION"
    end
  end
  local p = M.phased_of(w, v)
  if p and p.state == "INACTIVE" then
    p.state, p.started = "ACTIVE", w.s.now
  end
end

-- Approved: what becomes of it, its release type says.
local function approved(w, v)
  if v.release_type == "MANUAL" then
    v.state = "PENDING_DEVELOPER_RELEASE"
  elseif v.release_type == "SCHEDULED" and v.earliest and v.earliest > w.s.now then
    v.state = "PENDING_APPLE_RELEASE"
    v.run = v.run + 1
    core.later(w, v.earliest, "appstore", { what = "version", id = v.id, run = v.run,
      state = "RELEASED" })
  else
    M.distribute(w, v)
  end
end

-- On its way to users.
function M.distribute(w, v)
  v.state = "PROCESSING_FOR_DISTRIBUTION"
  play(w, "version", v, { { state = "READY_FOR_DISTRIBUTION", after = spec(w).distribution } },
    w.s.now)
end

local ENDED = { APPROVED = "COMPLETE", REJECTED = "UNRESOLVED_ISSUES",
  METADATA_REJECTED = "UNRESOLVED_ISSUES", IN_REVIEW = "IN_REVIEW" }

local function version_moved(w, v, state)
  local s, item = M.submission_of(w, v)
  v.state = state
  if s and ENDED[state] then
    s.state = ENDED[state]
    item.state = state == "APPROVED" and "APPROVED" or state ~= "IN_REVIEW" and "REJECTED"
      or item.state
  end
  if state == "APPROVED" then
    approved(w, v)
  elseif state == "RELEASED" then
    M.distribute(w, v)
  elseif state == "READY_FOR_DISTRIBUTION" then
    goes_live(w, v)
  end
end

-- A submission ends in the queue of the reviewers.
function M.submitted(w, s, v)
  local times = spec(w).review
  s.state, s.submitted = "WAITING_FOR_REVIEW", w.s.now
  v.state = "WAITING_FOR_REVIEW"
  play(w, "version", v, core.some(times.states) or {
    { state = "IN_REVIEW", after = times.waiting },
    { state = times.result, after = times.reviewing } }, w.s.now)
end

-- Taken back: for a while it is on its way out.
function M.canceled(w, s, v)
  s.state = "CANCELING"
  v.run = v.run + 1
  core.later(w, w.s.now + core.ms(spec(w).canceling), "appstore", { what = "submission", id = s.id,
    version = v.id, state = "COMPLETE" })
end

-- Phased releases ---------------------------------------------------------------------

local function paused_for(w, p)
  local paused = p.paused_total or 0
  if p.state == "PAUSED" then
    paused = paused + (w.s.now - p.paused_at)
  end
  return math.min(paused, 30 * DAY)
end

--- state, day (nil before it began), percent of the users, days paused.
function M.phase(w, p)
  if not p.started then
    return p.state, nil, nil, 0
  end
  local paused = paused_for(w, p)
  local day = (w.s.now - p.started - paused) // DAY + 1
  if p.state == "COMPLETE" or day > #PERCENT then
    return "COMPLETE", #PERCENT, 100, paused // DAY
  end
  return p.state, day, PERCENT[day], paused // DAY
end

function M.set_phase(w, p, state)
  if p.state == "PAUSED" then
    p.paused_total = paused_for(w, p)
  end
  p.paused_at = state == "PAUSED" and w.s.now or nil
  p.state = state
end

-- What others do (`do: { appstore: … }` of an event) -------------------------------------

function M.happens(w, o)
  if o.agreements then
    spec(w).agreements = o.agreements
  end
  for _, entry in ipairs(core.many(o.upload)) do
    M.upload(w, { version = tostring(entry.version), build = tostring(entry.build) })
  end
  if o.build then
    local b = M.build_of(w, tostring(o.version), tostring(o.build))
      or error(("world: an event names the unknown build %s (%s)"):format(tostring(o.version),
        tostring(o.build)), 0)
    b.run = (b.run or 0) + 1
    build_moved(w, b, o.state)
  elseif o.version then
    local v = M.version_of(w, tostring(o.version))
      or error(("world: an event names the unknown version %s"):format(tostring(o.version)), 0)
    v.run = v.run + 1
    version_moved(w, v, o.state)
  end
end

-- Time --------------------------------------------------------------------------------

function M.moved(w, data)
  local a = w.s.appstore
  if data.what == "build" or data.what == "beta" then
    local b = M.find(a.builds, data.id)
    if b and b.run == data.run then
      if data.what == "build" then
        build_moved(w, b, data.state)
      else
        b.review.state = data.state
      end
    end
  elseif data.what == "version" then
    local v = M.find(a.versions, data.id)
    if v and v.run == data.run then
      version_moved(w, v, data.state)
    end
  elseif data.what == "submission" then
    M.find(a.submissions, data.id).state = data.state
    M.find(a.versions, data.version).state = "DEVELOPER_REJECTED"
  elseif data.what == "item" then
    local v = M.find(a.versions, data.id)
    v.state = M.editable(v) and "READY_FOR_REVIEW" or v.state
  end
end

-- The beginning -----------------------------------------------------------------------

-- "sim-es256:SEED" stands for the private key that is made from the seed.
local function seed_of(text)
  return type(text) == "string" and text:match("^sim%-es256:(.+)$") or nil
end

local function build_keys(w)
  local credentials = w.s.spec.credentials or {}
  for name, text in core.sorted(credentials) do
    if seed_of(text) then
      credentials[name] = sim.es256_key(seed_of(text)).private
    end
  end
  local keys = core.list {}
  for i, entry in ipairs(core.many((w.s.spec.tokens or {}).appstore)) do
    local seed = seed_of(entry.key)
      or error(("world: tokens.appstore[%d].key is no \"sim-es256:SEED\""):format(i), 0)
    keys[i] = { id = entry.key_id, issuer = core.some(entry.issuer), role = entry.role,
      public = sim.es256_key(seed).public }
  end
  return keys
end

local function build_groups(w)
  for _, entry in ipairs(core.many(spec(w).groups)) do
    table.insert(w.s.appstore.groups, { id = core.uuid(w, "appstore", "group", entry.name),
      name = entry.name, internal = entry.internal == true,
      all_builds = entry.all_builds == true, created = w.s.clock - 400 * DAY })
  end
end

local function build_builds(w)
  local a = w.s.appstore
  for _, entry in ipairs(core.many(spec(w).builds)) do
    local b = add_build(w, entry, core.when(entry.uploaded, w.s.clock))
    b.state = entry.state or "VALID"
    for _, name in ipairs(core.many(entry.groups)) do
      for _, group in ipairs(a.groups) do
        if group.name == name then
          table.insert(b.groups, group.id)
        end
      end
    end
    if entry.beta_review then
      b.review = { id = b.id, state = entry.beta_review, submitted = b.uploaded + 3600000 }
    end
    if entry.states then
      play(w, "build", b, core.many(entry.states), w.s.clock)
    end
  end
  for _, entry in ipairs(core.many(spec(w).uploads)) do
    table.insert(a.uploads, { id = core.uuid(w, "appstore", "upload", tostring(entry.version),
      tostring(entry.build)), version = tostring(entry.version), build = tostring(entry.build),
      created = core.when(entry.at, w.s.clock), state = entry.state or "FAILED",
      message = entry.message })
  end
end

local function submission_of_past(w, v, state)
  local a = w.s.appstore
  local s = { id = core.uuid(w, "appstore", "submission", v.id), state = state,
    submitted = v.created + 3600000 }
  table.insert(a.submissions, s)
  table.insert(a.items, { id = core.uuid(w, "appstore", "item", s.id, v.id), version_id = v.id,
    submission_id = s.id, state = state == "COMPLETE" and "APPROVED" or "READY_FOR_REVIEW" })
  return s
end

local UNDER_WAY = { READY_FOR_REVIEW = true, WAITING_FOR_REVIEW = true, IN_REVIEW = true }

local function build_versions(w)
  local a = w.s.appstore
  for _, entry in ipairs(core.many(spec(w).versions)) do
    local b = entry.build and M.build_of(w, entry.version, tostring(entry.build))
    local v = M.add_version(w, { version = entry.version, state = entry.state,
      release_type = entry.release_type, build_id = b and b.id or nil,
      earliest = entry.earliest and core.when(entry.earliest, w.s.clock) or nil },
      core.when(entry.created, w.s.clock))
    if UNDER_WAY[v.state] then
      submission_of_past(w, v, v.state)
    elseif v.state ~= "PREPARE_FOR_SUBMISSION" and b then
      submission_of_past(w, v, "COMPLETE")
    end
    if entry.phased then
      table.insert(a.phased, { id = v.id, version_id = v.id,
        state = entry.phased.state or "ACTIVE",
        started = entry.phased.started and core.when(entry.phased.started, w.s.clock) or nil,
        paused_at = entry.phased.state == "PAUSED" and w.s.clock or nil })
    end
    if entry.states then
      play(w, "version", v, core.many(entry.states), w.s.clock)
    end
  end
end

function M.build(w)
  local own = spec(w)
  w.s.appstore = { keys = build_keys(w), trains = {}, builds = core.list {},
    uploads = core.list {}, groups = core.list {}, versions = core.list {},
    submissions = core.list {}, items = core.list {}, phased = core.list {},
    phased_gone = core.list {} }
  if core.some(own.app) == nil then
    return
  end
  build_groups(w)
  build_builds(w)
  build_versions(w)
end

return M
