-- App Store Connect: builds in TestFlight, versions in the store, reviews, releases.
--
-- pipe.yaml: providers.appstore.settings { issuer, key_id, bundle } (a key of one person has no
-- issuer); the credential "appstore" is the text of the key's .p8 file.
--
-- There is no way back in the store: a phased release can be paused, and a higher version shipped.

local host = ...
local api = host.require "appstore_api"
local states = host.require "appstore_states"
local builds = host.require "appstore_builds"
local versions = host.require "appstore_versions"
local review = host.require "appstore_review"
local changes = host.require "appstore_changes"

local BUILD = "{id, build (its number), version, state, phase (moving, good, bad, unknown), words, "
  .. "uploaded_at, expires_at, expired, uses_non_exempt_encryption (absent: not answered), "
  .. "internal{state, phase, words}, external{state, phase, words}}"
local VERSION = "{id, version, state, phase (moving, good, bad, unknown), words, release_type, "
  .. "created_at, earliest_release, copyright, build{id, build}, phased{…}}"
local PHASED = "{id, state, phase, words, day, percent, started_at, paused_days}"
local READS = "any role that sees the app; Developer is enough"
local TESTS = "role Developer or App Manager"
local MANAGES = "role App Manager"

local BUILD_ID = { "text", required = true, help = "a build's id, as appstore.builds tells it" }
local NUMBER = { "text", required = true,
  help = "the version users see: 1.2 and 1.2.0 are the same to Apple" }

local pause, predict_pause, probe_pause = versions.phased_verb "pause_phased"
local resume, predict_resume, probe_resume = versions.phased_verb "resume_phased"
local complete, predict_complete, probe_complete = versions.phased_verb "complete_phased"

local function merged(...)
  local out = {}
  for _, some in ipairs { ... } do
    for word, meaning in pairs(some) do
      out[word] = out[word] or meaning
    end
  end
  return out
end

local reads = {
  app = {
    effect = "read", summary = "The app that the settings name",
    result = "{id, name, bundle, sku, locale}", options = {},
    request = "GET /v1/apps?filter[bundleId]", permission = READS,
    act = function () return api.app() end,
  },
  builds = {
    effect = "read", summary = "Builds, newest first; one appears minutes after its upload",
    result = "list of " .. BUILD, states = merged(states.processing, states.beta),
    options = { version = { "text", help = "of this version only" },
      build = { "text", help = "with this number only" },
      first = { "integer", default = 20, help = "at most so many" } },
    request = "GET /v1/builds?filter[app]&include=preReleaseVersion,buildBetaDetail",
    permission = READS, act = builds.list,
    overlay = function (_, list, overlay)
      for i, b in ipairs(list) do
        list[i] = builds.seen(b, overlay)
      end
      return list
    end,
  },
  build = {
    effect = "read", summary = "One build", result = BUILD, options = { id = BUILD_ID },
    states = merged(states.processing, states.beta),
    request = "GET /v1/builds/{id}?include=preReleaseVersion,buildBetaDetail",
    permission = READS, act = function (o) return builds.one(o.id) end,
    overlay = function (_, b, overlay) return builds.seen(b, overlay) end,
  },
  trains = {
    effect = "read", summary = "The versions that builds were uploaded for, with or without one in "
      .. "the store",
    result = "list of {id, version, platform}",
    options = { version = { "text", help = "this one only, however it is spelled" },
      first = { "integer", default = 50, help = "at most so many" } },
    request = "GET /v1/preReleaseVersions?filter[app]", permission = READS, act = builds.trains,
  },
  next_build_number = {
    effect = "read", summary = "The lowest build number that was never used; failed uploads count",
    result = "{next, highest, from (where the highest one was found)}",
    options = { version = { "text", help = "of this version only; all, if left out" } },
    request = { "GET /v1/builds", "GET /v1/apps/{id}/buildUploads" }, permission = READS,
    act = builds.next_number,
  },
  groups = {
    effect = "read", summary = "TestFlight's groups",
    result = "list of {id, name, internal, all_builds, public_link}", options = {},
    request = "GET /v1/betaGroups?filter[app]", permission = READS, act = builds.groups,
  },
  beta_review = {
    effect = "read", summary = "The beta review of a build; nothing where there was none",
    result = "{id, state, phase, words, submitted_at}", options = { build = BUILD_ID },
    states = states.beta_review, request = "GET /v1/betaAppReviewSubmissions?filter[build]",
    permission = READS, act = function (o) return builds.beta_review(o.build) end,
  },
  versions = {
    effect = "read", summary = "Store versions, newest first",
    result = "list of " .. VERSION, states = states.version,
    options = { states = { "list", help = "in these states only (appVersionState)" },
      first = { "integer", default = 20, help = "at most so many" } },
    request = "GET /v1/apps/{id}/appStoreVersions?include=build,appStoreVersionPhasedRelease",
    permission = READS, act = versions.list, overlay = versions.overlay_list,
  },
  version = {
    effect = "read", summary = "A store version; nothing where there is none",
    result = VERSION, states = states.version, options = { version = NUMBER },
    request = "GET /v1/apps/{id}/appStoreVersions?filter[versionString]", permission = READS,
    act = function (o) return versions.find(o.version) end, overlay = versions.overlay_one,
  },
  live = {
    effect = "read", summary = "The version that is in the store; nothing before the first one",
    result = VERSION .. ", also since (when its phased release began, or its date; absent where "
      .. "Apple "
      .. "does not say) and percent (of the users that can have it)", options = {},
    states = states.version,
    request = "GET /v1/apps/{id}/appStoreVersions?filter[appVersionState]=READY_FOR_DISTRIBUTION",
    permission = READS, act = versions.live, overlay = versions.overlay_live,
  },
  submission = {
    effect = "read", summary = "The open review submission that holds a version, if there is one",
    result = "{id, state, phase, words, submitted_at, items}", options = { version = NUMBER },
    states = states.submission, permission = READS, act = review.look,
    request = { "GET /v1/reviewSubmissions?filter[app]", "GET /v1/reviewSubmissions/{id}/items" },
  },
  phased = {
    effect = "read", summary = "The phased release of a version, if it has one", result = PHASED,
    options = { version = NUMBER }, states = states.phased, permission = READS,
    request = "GET /v1/apps/{id}/appStoreVersions?include=appStoreVersionPhasedRelease",
    act = function (o) return versions.phased(o.version) end, overlay = versions.overlay_phased,
  },
}

local testing = {
  set_export_compliance = {
    effect = "write", summary = "Answers Apple's question about a build's encryption, once and "
      .. "for all",
    result = BUILD, permission = TESTS, request = "PATCH /v1/builds/{id} usesNonExemptEncryption",
    options = { build = BUILD_ID, uses_non_exempt_encryption = { "flag", required = true,
      help = "false: only what is exempt, such as HTTPS" } },
    act = builds.set_compliance, target = builds.compliance_target,
    predict = builds.predict_compliance, probe = builds.probe_compliance,
    looks = "reads the build's answer, for 30 s; one that differs was given by somebody else",
  },
  expire_build = {
    effect = "irreversible", summary = "Takes a build from all testers, for good",
    result = BUILD .. ", and changed", permission = TESTS,
    states = merged(states.processing, states.beta),
    request = "PATCH /v1/builds/{id} expired", options = { build = BUILD_ID },
    act = builds.expire, target = function (o) return "build " .. o.build end,
    predict = builds.predict_expire, probe = builds.probe_expire,
    looks = "reads whether the build has expired, for 30 s",
  },
  add_to_group = {
    effect = "write", summary = "Gives a build to a TestFlight group",
    result = "{group, build, changed}", permission = TESTS,
    request = "POST /v1/betaGroups/{id}/relationships/builds",
    options = { build = BUILD_ID, group = { "text", required = true, help = "the group's name" } },
    errors = { ["appstore.group"] = "there is no such group, or more than one" },
    act = builds.add_to_group, target = builds.group_target, predict = builds.predict_group,
    probe = builds.probe_group, looks = "asks for the group's builds with this id, for 30 s",
  },
  submit_beta_review = {
    effect = "write", summary = "Submits a build to the beta review, for testers outside of the "
      .. "team",
    result = "{id, state, phase, words, submitted_at}", permission = TESTS,
    states = states.beta_review, request = "POST /v1/betaAppReviewSubmissions",
    options = { build = BUILD_ID }, act = builds.submit_beta,
    target = function (o) return "build " .. o.build end, predict = builds.predict_beta,
    probe = builds.probe_beta, looks = "asks for the build's beta review, for 30 s",
  },
}

local store = {
  create_version = {
    effect = "write", summary = "Begins a store version; Apple has room for one at a time",
    result = VERSION, permission = MANAGES, request = "POST /v1/appStoreVersions",
    states = states.version,
    options = { version = NUMBER, release_type = { "text", default = "MANUAL",
      choices = { "MANUAL", "AFTER_APPROVAL", "SCHEDULED" },
      help = "MANUAL: approved, it waits for appstore.release" },
      earliest_release = { "text", help = "with SCHEDULED: a time, as 2026-12-01T09:00:00Z" },
      copyright = { "text", help = "as in 2026 Impulse AS" } },
    errors = { ["appstore.exists"] = "the version is there, perhaps spelled otherwise",
      ["appstore.version"] = "it is no version, or not higher than the last" },
    act = versions.create, target = versions.version_target, predict = versions.predict_create,
    probe = versions.probe_create, looks = "asks for the version in all its spellings, for "
      .. "30 s",
  },
  attach_build = {
    effect = "write", summary = "Says which build a store version is made of",
    result = VERSION .. ", and changed", permission = MANAGES,
    request = "PATCH /v1/appStoreVersions/{id}/relationships/build",
    options = { version = NUMBER, build = BUILD_ID },
    errors = { ["appstore.build"] = "the build is of another version" },
    act = versions.attach, target = versions.build_target, predict = versions.predict_attach,
    probe = versions.probe_attach, looks = "reads which build the version has, for "
      .. "30 s",
  },
  update_version = {
    effect = "write", summary = "Changes a version that can be edited: its number, and how it goes "
      .. "to the store once it is approved",
    result = VERSION .. ", and changed", permission = MANAGES, states = states.version,
    request = "PATCH /v1/appStoreVersions/{id}",
    options = { version = NUMBER, new_version = { "text", help = "the number it should have" },
      release_type = { "text", choices = { "MANUAL", "AFTER_APPROVAL", "SCHEDULED" },
        help = "MANUAL: approved, it waits for appstore.release" },
      earliest_release = { "text", help = "with SCHEDULED: a time, as 2026-12-01T09:00:00Z" },
      copyright = { "text", help = "as in 2026 Impulse AS" } },
    errors = { ["appstore.exists"] = "the new number is another version's",
      ["appstore.version"] = "the new number is no version, or not higher than the last",
      ["appstore.option"] = "nothing is to be changed, or the options do not fit together" },
    act = changes.update, target = versions.version_target, predict = changes.predict_update,
    probe = changes.probe_update, looks = "asks for the version by its new number, and whether it "
      .. "has the new values, for 30 s",
  },
  submit = {
    effect = "write", result = VERSION .. ", and submission{…}", permission = MANAGES,
    summary = "Submits a version to App Review; goes on with the open submission if there is one",
    request = { "POST /v1/reviewSubmissions", "POST /v1/reviewSubmissionItems",
      "PATCH /v1/reviewSubmissions/{id} submitted" },
    options = { version = NUMBER }, states = states.version,
    errors = { ["appstore.review-in-progress"] = "something is under review already",
      ["appstore.review-open"] = "the open submission holds other things",
      ["appstore.not-ready"] = "Apple did not take the version in time (retryable)",
      ["appstore.build"] = "the version has no build" },
    act = review.submit, target = versions.version_target, predict = review.predict_submit,
    probe = review.probe_submit, looks = "reads the open submissions with their items, and the "
      .. "version's state, for 30 s",
  },
  withdraw = {
    effect = "write", summary = "Takes a version back from review",
    result = "{id, state, phase, words, submitted_at, items}", permission = MANAGES,
    request = "PATCH /v1/reviewSubmissions/{id} canceled", options = { version = NUMBER },
    states = states.submission, act = review.withdraw, target = versions.version_target,
    predict = review.predict_withdraw, probe = review.probe_withdraw,
    looks = "reads the version's submission and its state, for 30 s",
  },
}

local release = {
  release = {
    effect = "irreversible", summary = "Releases an approved version to the store",
    result = VERSION, permission = MANAGES, states = states.version,
    request = "POST /v1/appStoreVersionReleaseRequests", options = { version = NUMBER },
    act = versions.release, target = versions.version_target,
    predict = versions.predict_release, probe = versions.probe_release,
    looks = "reads the version's state, for 30 s: PENDING_DEVELOPER_RELEASE means "
      .. "not released",
  },
  start_phased = {
    effect = "write", result = PHASED, permission = MANAGES, states = states.phased,
    summary = "Asks for a phased release, before the version is released",
    request = "POST /v1/appStoreVersionPhasedReleases", options = { version = NUMBER },
    act = versions.start_phased, target = versions.version_target,
    predict = versions.predict_start, probe = versions.probe_start,
    looks = "asks for the version's phased release, for 30 s",
  },
  cancel_phased = {
    effect = "write", result = VERSION, permission = MANAGES, states = states.version,
    summary = "Takes a phased release back before it begins: all users get the version at once",
    request = "DELETE /v1/appStoreVersionPhasedReleases/{id}", options = { version = NUMBER },
    act = changes.cancel_phased, target = versions.version_target,
    predict = changes.predict_cancel, probe = changes.probe_cancel,
    looks = "looks whether the version has a phased release, for 30 s",
  },
  pause_phased = {
    effect = "write", summary = "Nobody new gets the version, for 30 days at most", result = PHASED,
    permission = MANAGES, states = states.phased, options = { version = NUMBER },
    request = "PATCH /v1/appStoreVersionPhasedReleases/{id} PAUSED",
    act = pause, target = versions.version_target, predict = predict_pause, probe = probe_pause,
    looks = "reads the state of the phased release, for 30 s",
  },
  resume_phased = {
    effect = "write", summary = "Lets a paused release go on", result = PHASED,
    permission = MANAGES, states = states.phased, options = { version = NUMBER },
    request = "PATCH /v1/appStoreVersionPhasedReleases/{id} ACTIVE",
    act = resume, target = versions.version_target, predict = predict_resume,
    probe = probe_resume, looks = "reads the state of the phased release, for 30 s",
  },
  complete_phased = {
    effect = "irreversible", summary = "Gives the version to all users now", result = PHASED,
    permission = MANAGES, states = states.phased, options = { version = NUMBER },
    request = "PATCH /v1/appStoreVersionPhasedReleases/{id} COMPLETE",
    act = complete, target = versions.version_target, predict = predict_complete,
    probe = probe_complete, looks = "reads the state of the phased release, for 30 s",
  },
}

return { name = "appstore", summary = "TestFlight and the App Store", statuses = states.version,
  errors = api.errors, retries = api.retries, verbs = merged(reads, testing, store, release) }
