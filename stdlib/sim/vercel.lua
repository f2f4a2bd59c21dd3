-- Vercel in the simulated world: projects that build each push, domains that follow the
-- production branch or stand still, and the web sites behind those domains.
--
--   vercel:
--     team: { id, slug, name, plan }       # plan: hobby, pro, enterprise
--     branch: main                         # of production; others are previews
--     states: [ { state, after, … } ]      # what a build goes through, see below
--     appear: "2s"                         # until a deployment is listed
--     alias: { pending: "1s", done: "4s" } # how long a promote or rollback takes
--     request_shows: "8s"                  # until a project shows a promote or rollback
--     page: 2                              # lists come in pages of so many at most
--     stream_logs: true                    # build logs come as one JSON text a line
--     projects:
--       landing:
--         id: prj_…
--         domains: [ impulseai.app ]
--         branch: main
--         automatic: false                 # builds stay off the domains until promoted
--         rolling: true                    # a promote queues behind a rolling release (202)
--         builds: [ { commit, target, states } ]   # other states for some of them
--         alias_fail: [ impulseai.app ]    # domains that refuse to move
--         alias_status: skipped            # what becomes of every promote and rollback
--         log: [ "a line of each build" ]
--
-- A step of `states` is { state, after, assigned: true, substate, error: { code, message },
-- alias_error: { code, message }, checks: { state, conclusion } }.
-- The event `vercel: { project, promote: COMMIT }` (or rollback) is somebody else's.

local sim = ...
local core = sim.require "core"
local state = sim.require "vercel_state"
local api = sim.require "vercel_api"

local M = { name = "vercel", keys = { "vercel" },
  hosts = { "api.vercel.com", "impulseai.app", "console.impulseai.app" } }

M.default = {
  vercel = {
    team = { id = "team_impulse", slug = "impulse", name = "Impulse", plan = "pro" },
    user = { username = "release-bot", name = "Release", email = "release@example.com" },
    branch = "main",
    states = { { state = "QUEUED" }, { state = "INITIALIZING", after = "1s" },
      { state = "BUILDING", after = "2s" }, { state = "READY", after = "35s" },
      { assigned = true, after = "3s" } },
    alias = { pending = "1s", done = "4s" },
    projects = {
      landing = { id = "prj_landing7d35f0a1e04c4b8a2c91", domains = { "impulseai.app" } },
      console = { id = "prj_console2b46d1c3e8f07a5b9d62", domains = { "console.impulseai.app" } },
    },
  },
  tokens = { vercel = { "sim-vercel-token" } },
  credentials = { vercel = "sim-vercel-token" },
  limits = { vercel = { limit = 2000, window = "60s" } },
}

-- A world that begins with nothing may say only a part of it, or nothing at all.
local function complete(w)
  local spec = w.s.spec
  local own = core.copy(M.default.vercel)
  own.projects = spec.base == "none" and {} or own.projects
  spec.vercel = core.merge(own, spec.vercel or {})
  spec.tokens.vercel = spec.tokens.vercel or {}
end

function M.build(w)
  complete(w)
  state.build(w)
end

M.ready = state.ready
M.timers = state.timers
M.react = { pushed = state.pushed }
M.events = { vercel = state.event }

-- The web sites ------------------------------------------------------------------

-- Which deployment answers at that host: an alias of a project, or a deployment's own address.
local function behind(w, host)
  for _, p in core.sorted(w.s.vercel.projects) do
    local alias = p.aliases[host]
    if alias then
      return state.deployment(w, alias.deployment)
    end
  end
  local d = state.deployment(w, host)
  return d and d.assigned and d or nil
end

local function page(w, d, path)
  return ("<!doctype html>\n<html><head><title>%s</title>\n<meta name=\"commit\" "
    .. "content=\"%s\"></head>\n<body>%s "
    .. "%s</body></html>\n"):format(d.project, d.sha, w.s.spec.vercel.team.name,
    path)
end

local function site(w, req)
  local d = behind(w, req.host)
  if not d then
    return { status = 404, headers = { ["content-type"] = "text/plain; charset=utf-8",
      server = "Vercel", ["x-vercel-error"] = "DEPLOYMENT_NOT_FOUND" },
      body = "The deployment could not be found on Vercel.\n\nDEPLOYMENT_NOT_FOUND\n" }
  end
  local known = req.method == "GET" or req.method == "HEAD"
  local body = req.method == "GET" and page(w, d, req.path) or ""
  return { status = known and 200 or 405, body = body,
    headers = { ["content-type"] = "text/html; charset=utf-8", server = "Vercel",
      ["x-vercel-cache"] = "MISS", ["x-deployment-id"] = d.id, ["x-commit"] = d.sha } }
end

--- Hosts that only a running world knows: domains of its own, and deployments' addresses.
function M.host(w, host)
  if host:find("%.vercel%.app$") then
    return true
  end
  for _, spec in core.sorted(w.s.spec.vercel.projects) do
    if core.has(core.many(spec.domains), host) then
      return true
    end
  end
  return false
end

function M.request(w, req)
  if req.host == "api.vercel.com" then
    return api.request(w, req)
  end
  return site(w, req)
end

return M
