-- What Vercel answers with: every field that its description calls required.

local sim = ...
local core = sim.require "core"
local state = sim.require "vercel_state"

local M = {}

local YEAR = 365 * 86400000
local REGIONS = { "arn1" }

function M.list(items)
  return core.list(items or {})
end

local function null(value)
  return value == nil and sim.null or value
end

local function user_id(w)
  return core.hex(w, "vercel user"):sub(1, 24)
end

function M.user(w)
  local user = w.s.spec.vercel.user
  return { user = { id = user_id(w), email = user.email, name = null(user.name),
    username = user.username, avatar = sim.null, defaultTeamId = w.s.spec.vercel.team.id,
    createdAt = w.s.clock - YEAR, softBlock = sim.null, billing = sim.null, resourceConfig = {},
    stagingPrefix = user.username, hasTrialAvailable = false } }
end

function M.team(w)
  local team = w.s.spec.vercel.team
  return { id = team.id, slug = team.slug, name = team.name or team.slug, avatar = sim.null,
    creatorId = user_id(w), createdAt = w.s.clock - YEAR, updatedAt = w.s.clock - YEAR,
    description = sim.null, stagingPrefix = team.slug,
    membership = { confirmed = true, role = team.role or "MEMBER", createdAt = w.s.clock - YEAR,
      created = w.s.clock - YEAR, uid = user_id(w), teamId = team.id } }
end

-- Projects -----------------------------------------------------------------------

local function request(w, p)
  local r = p.request
  if r and (r.shown or 0) > w.s.now then
    r = p.request_before
  end
  return r and { fromDeploymentId = r.from, toDeploymentId = r.to, jobStatus = r.status,
    requestedAt = r.at, type = r.type } or sim.null
end

local function rollback_target(p)
  local r = p.rollback
  return r and { fromDeploymentId = r.from, toDeploymentId = r.to, jobStatus = "succeeded",
    requestedAt = r.at } or sim.null
end

local function description(w, p)
  local r = p.rollback
  return r and r.description and { userId = user_id(w), username = w.s.spec.vercel.user.username,
    description = r.description, createdAt = r.at } or nil
end

local function brief(w, d, domains)
  return { id = d.id, alias = domains and M.list(core.copy(domains)) or nil,
    aliasAssigned = d.assigned, createdAt = d.created, createdIn = "sfo1",
    creator = { uid = user_id(w), email = w.s.spec.vercel.user.email,
      username = w.s.spec.vercel.user.username },
    deploymentHostname = d.url:match("^[^.]+"), name = d.project, meta = M.meta(w, d),
    plan = w.s.spec.vercel.team.plan, private = false, readyAt = d.ready, readyState = d.state,
    readySubstate = d.substate, requestedAt = d.requested,
    target = d.target == "production" and "production" or sim.null,
    teamId = w.s.spec.vercel.team.id, type = "LAMBDAS", url = d.url, userId = user_id(w) }
end

local function targets(w, name)
  local p = state.project(w, name)
  local live = p.live and state.deployment(w, p.live)
  if not live then
    return {}
  end
  return { production = brief(w, live, core.many(state.spec(w, name).domains)) }
end

local function resources()
  return { functionDefaultRegions = M.list(core.copy(REGIONS)) }
end

function M.project(w, name)
  local spec, p = state.spec(w, name), state.project(w, name)
  local org, repository = w.s.spec.repository.github:match("^(.-)/(.*)$")
  return {
    id = spec.id, name = name, accountId = w.s.spec.vercel.team.id,
    directoryListing = false, nodeVersion = "22.x", framework = spec.framework or "nextjs",
    alias = M.list(), deploymentExpiration = {},
    resourceConfig = resources(), defaultResourceConfig = resources(),
    createdAt = w.s.clock - YEAR, updatedAt = w.s.clock - YEAR, live = true,
    autoAssignCustomDomains = p.automatic, targets = targets(w, name),
    lastAliasRequest = request(w, p), lastRollbackTarget = rollback_target(p),
    rollbackDescription = description(w, p),
    link = { type = "github", org = org, repo = repository, productionBranch = state.branch(w,
      name),
      deployHooks = M.list(), gitCredentialId = "cred_" .. core.hex(w, "git"):sub(1, 24) },
  }
end

-- Deployments ------------------------------------------------------------------------

local function checks(d)
  return d.checks and d.checks.state, d.checks and d.checks.conclusion
end

function M.meta(w, d)
  local commit = w.s.commits[d.sha] or {}
  local org, repository = w.s.spec.repository.github:match("^(.-)/(.*)$")
  local author = (commit.author or ""):match("^(.-)%s*<") or commit.author
  local out = { githubCommitSha = d.sha, githubCommitRef = d.branch,
    githubCommitMessage = commit.message, githubCommitAuthorName = author, githubOrg = org,
    githubRepo = repository, githubDeployment = "1" }
  for key, value in pairs(d.meta) do
    out[key] = value
  end
  return out
end

local function inspector(w, d)
  return ("https://vercel.com/%s/%s/%s"):format(w.s.spec.vercel.team.slug, d.project,
    d.id:sub(5))
end

--- A row of a list: says `uid`, where a single deployment says `id`.
function M.row(w, d)
  local checks_state, conclusion = checks(d)
  return {
    uid = d.id, name = d.project, projectId = state.spec(w, d.project).id, url = d.url,
    created = d.created, createdAt = d.created, buildingAt = d.building, ready = d.ready,
    type = "LAMBDAS", source = d.source, state = d.state, readyState = d.state,
    readySubstate = d.substate,
    creator = { uid = user_id(w), email = w.s.spec.vercel.user.email,
      username = w.s.spec.vercel.user.username },
    meta = M.meta(w, d), target = d.target == "production" and "production" or sim.null,
    aliasAssigned = d.assigned or false, aliasError = d.alias_error, checksState = checks_state,
    checksConclusion = conclusion, inspectorUrl = inspector(w, d),
    isRollbackCandidate = state.is_candidate(w, d), errorCode = d.error and d.error.code,
    errorMessage = d.error and d.error.message,
  }
end

local function domains_of(w, d)
  local out = M.list()
  for domain, alias in core.sorted(state.project(w, d.project).aliases) do
    if alias.deployment == d.id then
      out[#out + 1] = domain
    end
  end
  return out
end

function M.single(w, d)
  local checks_state, conclusion = checks(d)
  local team, spec = w.s.spec.vercel.team, state.spec(w, d.project)
  return {
    id = d.id, name = d.project, url = d.url, version = 2, type = "LAMBDAS", public = false,
    status = d.state, readyState = d.state, readySubstate = d.substate,
    target = d.target == "production" and "production" or sim.null, source = d.source,
    createdAt = d.created, bootedAt = d.created, buildingAt = d.building or d.created,
    ready = d.ready, canceledAt = d.canceled, createdIn = "sfo1", buildSkipped = false,
    creator = { uid = user_id(w), username = w.s.spec.vercel.user.username },
    meta = M.meta(w, d), regions = M.list(core.copy(REGIONS)), routes = M.list(),
    env = M.list(), build = { env = M.list() }, inspectorUrl = inspector(w, d),
    isInConcurrentBuildsQueue = d.state == "QUEUED", isInSystemBuildsQueue = false,
    projectSettings = { framework = spec.framework or "nextjs" }, projectId = spec.id,
    project = { id = spec.id, name = d.project, framework = spec.framework or "nextjs" },
    ownerId = team.id, plan = team.plan, alias = domains_of(w, d),
    team = { id = team.id, name = team.name or team.slug, slug = team.slug },
    aliasAssigned = d.assigned ~= nil, aliasAssignedAt = d.assigned, aliasError = d.alias_error,
    checksState = checks_state, checksConclusion = conclusion,
    errorCode = d.error and d.error.code, errorMessage = d.error and d.error.message,
  }
end

-- Aliases and logs --------------------------------------------------------------------

function M.alias(w, name, domain, alias)
  local d = state.deployment(w, alias.deployment)
  return { uid = core.hex(w, "vercel alias", domain):sub(1, 20), alias = domain,
    created = core.iso_ms(alias.created), createdAt = alias.created, deploymentId = d.id,
    projectId = state.spec(w, name).id, deployment = { id = d.id, url = d.url },
    redirect = sim.null }
end

function M.short_alias(w, domain, alias)
  return { uid = core.hex(w, "vercel alias", domain):sub(1, 20), alias = domain,
    created = core.iso_ms(alias.created), redirect = sim.null }
end

local function lines_of(w, d)
  local own = core.many(state.spec(w, d.project).log)
  if #own > 0 then
    return own
  end
  local lines = { ("Cloning github.com/%s (Branch: %s, Commit: %s)"):format(
    w.s.spec.repository.github, d.branch, core.short(d.sha)), 'Running "pnpm run build"' }
  if d.error then
    lines[#lines + 1] = "Error: " .. d.error.message
  elseif d.ready then
    lines[#lines + 1] = "Deployment completed"
  end
  return lines
end

--- The lines of a build. Half of the API's answers put the text into `payload`, half do not.
function M.log(w, d)
  local out = M.list()
  for i, text in ipairs(lines_of(w, d)) do
    local at = (d.building or d.created) + i
    local id = tostring(at) .. "0000"
    local kind = core.starts(text, "Error") and "stderr" or "stdout"
    local serial = tostring(at) .. "-" .. i
    if w.s.spec.vercel.stream_logs then
      out[i] = { type = kind, created = at, date = at, deploymentId = d.id, id = id, text = text,
        serial = serial, info = { type = "build", name = "bld_" .. d.id:sub(5, 12) } }
    else
      out[i] = { type = kind, created = at, payload = { deploymentId = d.id, id = id, date = at,
        serial = serial, text = text, info = { type = "build", name = "bld_" .. d.id:sub(5,
          12) } } }
    end
  end
  return out
end

return M
