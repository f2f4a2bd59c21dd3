-- App Store Connect in the simulated world: one app with its builds, TestFlight
-- groups, store versions, reviews and phased releases.
--
--   appstore:
--     app: { id, name, bundle, sku, locale }
--     builds:   [{ version, build, uploaded, state, encryption, groups, beta_review, states,
--                  expired, internal_state, external_state }]
--     uploads:  [{ version, build, at, state, message }]        # binaries that became no build
--     groups:   [{ name, internal, all_builds }]
--     versions: [{ version, build, state, release_type, earliest, created, states,
--                  phased: { state, started } }]
--     upload: { appear: "4m", processing: "11m" }
--     processing: { "215": { state, after, appear, states } }   # of a build to come
--     encryption: false            # what a new build says about its encryption; null: nothing
--     beta_review, review: { waiting, reviewing, result, states }
--     distribution: "15m"          # from the release until users can have it
--     item_delay: "20s"            # until a version that was put into a submission is ready for
--     review
--     canceling: "10s"             # until a submission that was withdrawn is over
--     refuse_items: 0              # so many items are refused before one is taken
--     lag: { versions: "8s", phased: "8s" }   # until what a client did to them is shown
--     agreements: expired          # nothing goes until somebody accepts them
--
-- `states` are { state, after } that time goes through; any word is taken, also one that
-- Apple does not have today. A credential "sim-es256:SEED" is the private key made from the seed.

local sim = ...
local core = sim.require "core"
local state = sim.require "appstore_state"

local M = { name = "appstore", hosts = { "api.appstoreconnect.apple.com" },
  keys = { "appstore" } }

M.default = {
  appstore = {
    app = { id = "6478112233", name = "Impulse", bundle = "no.impulse.app", sku = "IMPULSE-IOS",
      locale = "en-US" },
    groups = {
      { name = "Team", internal = true, all_builds = true },
      { name = "Beta testers" },
    },
    builds = {
      { version = "1.4.0", build = "198", uploaded = "-61d", encryption = false,
        groups = { "Beta testers" }, beta_review = "APPROVED" },
      { version = "1.4.1", build = "204", uploaded = "-38d", encryption = false },
      { version = "1.4.2", build = "211", uploaded = "-22d", encryption = false },
      { version = "1.4.2", build = "212", uploaded = "-20d", encryption = false,
        groups = { "Beta testers" }, beta_review = "APPROVED" },
    },
    uploads = {
      { version = "1.4.2", build = "210", at = "-22d", state = "FAILED",
        message = "ITMS-90035: Invalid Signature." },
    },
    versions = {
      { version = "1.4.1", build = "204", state = "REPLACED_WITH_NEW_VERSION", created = "-39d" },
      { version = "1.4.2", build = "212", state = "READY_FOR_DISTRIBUTION", created = "-21d",
        phased = { state = "ACTIVE", started = "-16d" } },
    },
    upload = { appear = "4m", processing = "11m" },
    encryption = false,
    beta_review = { waiting = "6h", reviewing = "2h", result = "APPROVED" },
    review = { waiting = "19h", reviewing = "5h", result = "APPROVED" },
    distribution = "15m",
    item_delay = "20s",
    canceling = "10s",
    refuse_items = 0,
  },
  credentials = { appstore = "sim-es256:appstore" },
  tokens = { appstore = { { key_id = "2X9R4HXF34",
    issuer = "57246542-96fe-1a63-e053-0824d011072a", key = "sim-es256:appstore",
    role = "APP_MANAGER" } } },
  limits = { appstore = { limit = 3500, window = "1h" } },
}

local OWN = { app = true, builds = true, uploads = true, groups = true, versions = true,
  upload = true, processing = true, encryption = true, beta_review = true, review = true,
  distribution = true, item_delay = true, canceling = true, refuse_items = true, agreements = true,
  lag = true }
local TIMES = { "upload", "beta_review", "review", "distribution", "item_delay",
  "canceling", "refuse_items" }

function M.build(w)
  local given = w.s.spec.appstore or {}
  for key in core.sorted(given) do
    if not OWN[key] then
      error(("world: appstore has the unknown key %q"):format(tostring(key)), 0)
    end
  end
  for _, key in ipairs(TIMES) do
    given[key] = core.merge(M.default.appstore[key], given[key])
    if given[key] == nil then
      given[key] = core.copy(M.default.appstore[key])
    end
  end
  w.s.spec.appstore = given
  state.build(w)
end

M.events = { appstore = state.happens }
M.timers = { appstore = state.moved }

function M.request(w, req)
  return sim.require("appstore_api").request(w, req)
end

return M
