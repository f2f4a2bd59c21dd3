-- What Vercel is asked and what its answers mean: requests in the scope of a team, projects and
-- deployments as plain rows. The verbs are in ../vercel.lua.

local host = ...
local wire = host.require "wire"
local some = wire.some

local M = { some = some }

-- Every state of a deployment: where it leads, and what it means. Those of Vercel, and where
-- "READY" says too little (it does not mean "live") a word of our own.
M.STATES = {
  QUEUED = { "moving", "it waits for a builder" },
  INITIALIZING = { "moving", "its builder starts" },
  BUILDING = { "moving", "it is being built" },
  BLOCKED = { "moving", "it waits for an approval or a check" },
  CHECKING = { "moving", "it is built, and its checks run" },
  ASSIGNING = { "moving", "it is built, and its addresses are being assigned" },
  ROLLING = { "moving", "a rolling release gives it more and more of the traffic" },
  READY = { "good", "it is built and has its addresses" },
  STAGED = { "bad", "it is built, but does not go live by itself: somebody has to promote it" },
  CHECKS_FAILED = { "bad", "it is built, but its checks failed, so it does not go live" },
  ALIAS_ERROR = { "bad", "it is built, but its domains could not be assigned" },
  ERROR = { "bad", "its build failed" },
  CANCELED = { "bad", "its build was canceled" },
  DELETED = { "bad", "it was deleted" },
}

-- What becomes of a promote or a rollback.
M.JOBS = {
  pending = { "moving", "Vercel has not begun to move the domains" },
  ["in-progress"] = { "moving", "the domains are being moved" },
  succeeded = { "good", "the domains were moved" },
  failed = { "bad", "not all domains could be moved" },
  skipped = { "bad", "Vercel did not move the domains" },
  overtaken = { "bad", "somebody asked for another deployment after it" },
  unseen = { "moving", "Vercel does not show the request yet" },
  none = { "unknown", "nobody has promoted or rolled back anything yet" },
}

-- Scope -----------------------------------------------------------------------------

local PAGE, PAGES = 100, 100 -- entries of a page, pages of a list: more is one without an end

local function settings()
  return host.project.providers and host.project.providers.vercel or {}
end

--- Where a project is found: o.project is a name or id on Vercel, or an environment of pipe.yaml
-- whose `vercel` says it. Returns { project, team, credential }.
function M.place(o)
  local environments = host.project.environments or {}
  local environment = o.project and environments[o.project]
  local own = environment and environment.vercel or {}
  local credentials = environment and environment.credentials or {}
  return {
    project = own.project or o.project, team = o.team or own.team or settings().team,
    credential = credentials.vercel or settings().credential or "vercel",
  }
end

local function scoped(place, query)
  local out = {}
  for key, value in pairs(query or {}) do
    out[key] = value
  end
  if place.team then
    out[place.team:find("^team_") and "teamId" or "slug"] = place.team
  end
  return out
end

-- Errors ----------------------------------------------------------------------------

local function problem_of(answer)
  local json = type(answer.json) == "table" and answer.json ~= host.null and answer.json or {}
  local problem = some(json.error) or some(json.err)
  return type(problem) == "table" and problem or { message = problem }
end

local function about_team(place, why)
  if place.team then
    return (" in the team \"%s\": %s there, or the credential \"%s\" does not reach "
      .. "it"):format(place.team,
      why, place.credential)
  end
  return "; no team was said (option team, environments.NAME.vercel.team or "
    .. "providers.vercel.team of pipe.yaml), so Vercel looked among what belongs to the person only"
end

-- For 401, 403 and 404 the words depend on who asked for whom.
local function errors_of(call)
  local place, problem = call.place, problem_of(call.last or {})
  local stranger = { "vercel.unauthorized", ("Vercel does not accept the credential \"%s\""):format(
    place.credential) }
  return {
    [401] = stranger,
    [403] = problem.invalidToken == true and stranger
      or { "vercel.forbidden", "Vercel refuses it" .. about_team(place, "its owner may not do "
        .. "that") },
    [404] = { "vercel.not-found", "Vercel does not find it" .. about_team(place,
      "there is no such thing") },
    [400] = { "vercel.rejected", "Vercel rejects the request" },
    [402] = { "vercel.plan", "the team's plan does not allow it (on Hobby only the deployment "
      .. "before can be rolled back to)" },
    [409] = { "vercel.busy", "Vercel is moving this project's domains for another request; look "
      .. "what becomes of it (vercel.request_state) before asking again" },
    [422] = { "vercel.not-eligible", "Vercel says that this deployment cannot be used for it" },
  }
end

local function words(answer)
  local problem = problem_of(answer)
  local text = some(problem.message)
  local code = some(problem.code)
  return text and code and ("%s, %s"):format(code, text) or text or code
end

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9,
  Oct = 10, Nov = 11, Dec = 12 }

-- "Fri, 20 Nov 2026 14:01:00 GMT" as milliseconds.
local function http_date(text)
  local day, month, year, clock = text:match("(%d%d) (%a%a%a) (%d%d%d%d) (%d%d:%d%d:%d%d)")
  return MONTHS[month] and host.time(("%s-%02d-%sT%sZ"):format(year, MONTHS[month], day, clock))
end

-- How long a 429 asks to wait: Retry-After in seconds or as a date, else when the limit is new.
local function limited(answer)
  if answer.status ~= 429 then
    return nil
  end
  local after = answer.headers["retry-after"]
  if after and tonumber(after) then
    return math.ceil(tonumber(after) * 1000)
  end
  local limit = some(problem_of(answer).limit) or {}
  local reset = tonumber(answer.headers["x-ratelimit-reset"])
  local at = after and http_date(after) or some(limit.resetMs) or reset and reset * 1000
  return at and math.max(0, math.ceil(at - host.now())) or 60000
end

local api = wire.client {
  name = "vercel", title = "Vercel", url = "https://api.vercel.com", errors = errors_of,
  message = words, limited = limited, extra = { "place", "personal", "last" },
  headers = function (call)
    return { Authorization = { "Bearer ", host.credential(call.place.credential) } }
  end,
}

--- A request in the scope of a place; `personal` for what belongs to no team.
function M.ask(place, call)
  local judge = call.judge
  call.place = place
  if not call.personal then
    call.query = scoped(place, call.query)
  end
  call.judge = function (answer)
    call.last = answer
    if judge then
      return judge(answer)
    end
  end
  return api(call)
end

--- All pages of a list, newest first: calls each(item) until it returns true.
function M.walk(place, call, field, each)
  local before, pages = nil, 0
  repeat
    pages = pages + 1
    if pages > PAGES then
      host.raise("vercel.answer", ("%s: the list has more than %d pages of %d; ask for less of "
        .. "it (a commit, a state, fewer at most)"):format(call.where, PAGES, PAGE))
    end
    local query = { limit = PAGE, ["until"] = before }
    for key, value in pairs(call.query or {}) do
      query[key] = value
    end
    local data = M.ask(place, { method = "GET", path = call.path, query = query,
      where = call.where, personal = call.personal,
      shape = { [field] = { call.shape }, pagination = "map?" } })
    for _, item in ipairs(data[field]) do
      if each(item) then
        return
      end
    end
    local last = before
    before = some((some(data.pagination) or {}).next)
  until not before or before == last
end

-- Projects -----------------------------------------------------------------------------

local function url_of(text)
  text = some(text)
  return text and (text:find("^%a+://") and text or "https://" .. text)
end

local function meta_of(raw)
  local meta = some(raw.meta) or {}
  local function field(name)
    for _, from in ipairs { "github", "gitlab", "bitbucket", "git" } do
      if some(meta[from .. name]) then
        return meta[from .. name]
      end
    end
  end
  return { commit = field "CommitSha", branch = field "CommitRef", message = field "CommitMessage",
    author = field "CommitAuthorName" or field "CommitAuthorLogin", meta = meta }
end

local function clock(ms)
  return type(some(ms)) == "number" and host.clock_text(math.floor(ms)) or nil
end

local function plain(list)
  local out = host.json.array {}
  for i, text in ipairs(some(list) or {}) do
    out[i] = text
  end
  return out
end

local function request_row(raw)
  raw = some(raw)
  if not raw or some(raw.toDeploymentId) == nil then
    return nil
  end
  local known = M.JOBS[raw.jobStatus] or { "unknown", ("a status that this version of pipe does "
    .. "not know: \"%s\""):format(tostring(some(raw.jobStatus))) }
  return { deployment = raw.toDeploymentId, from = some(raw.fromDeploymentId),
    type = some(raw.type),
    status = some(raw.jobStatus), phase = known[1], words = known[2],
    requested_at = math.floor(some(raw.requestedAt) or 0), at = clock(raw.requestedAt) }
end

-- After a rollback nothing goes live by itself, until something is promoted.
local function frozen_by(raw)
  local target, last = some(raw.lastRollbackTarget), some(raw.lastAliasRequest)
  if target and next(target) == nil then
    target = nil
  end
  local off = some(raw.autoAssignCustomDomains) == false
  if not target and off and last and last.type == "rollback" and last.jobStatus == "succeeded" then
    target = last
  end
  if not target then
    return nil
  end
  local said = some(raw.rollbackDescription) or {}
  return { type = "rollback", deployment = some(target.toDeploymentId) or some(target.id),
    from = some(target.fromDeploymentId), at = clock(target.requestedAt),
    description = some(said.description), by = some(said.username) }
end

local function live_of(raw)
  local target = some((some(raw.targets) or {}).production)
  if not target or some(target.id) == nil then
    return nil
  end
  local known = meta_of(target)
  return { deployment = target.id, url = url_of(target.url), commit = known.commit,
    branch = known.branch, created_at = clock(target.createdAt), created = some(target.createdAt),
    aliases = plain(target.alias),
    promoted_from = some(known.meta.pipeFrom) or some(known.meta.originalDeploymentId) }
end

local PROJECT = { id = "text", name = "text", targets = "map?", lastAliasRequest = "map?",
  lastRollbackTarget = "map?", autoAssignCustomDomains = "flag?" }

--- A project as a row; the second value is its place, by id.
function M.project(place)
  local raw = M.ask(place, { method = "GET", path = "/v9/projects/" .. wire.escape(place.project),
    where = ("project \"%s\""):format(place.project), shape = PROJECT })
  local frozen = frozen_by(raw)
  return {
    id = raw.id, name = raw.name, team = some(raw.accountId),
    production_branch = some((some(raw.link) or {}).productionBranch), live = live_of(raw),
    automatic = frozen == nil and some(raw.autoAssignCustomDomains) ~= false,
    frozen_by = frozen, request = request_row(raw.lastAliasRequest),
  }
end

-- Deployments ------------------------------------------------------------------------------

-- The words that Vercel has for what READY alone does not say. Another one is no success.
local KNOWN = {
  readySubstate = { STAGED = true, ROLLING = true, PROMOTED = true },
  checksState = { registered = true, running = true, completed = true },
  checksConclusion = { succeeded = true, skipped = true, failed = true, canceled = true },
}

local function odd_word(raw)
  for _, field in ipairs { "readySubstate", "checksState", "checksConclusion" } do
    local word = some(raw[field])
    if word ~= nil and not KNOWN[field][word] then
      return ("READY, %s %s"):format(field, tostring(word))
    end
  end
  local assigned = some(raw.aliasAssigned)
  if assigned ~= nil and type(assigned) ~= "boolean" and type(assigned) ~= "number" then
    return "READY, aliasAssigned " .. tostring(assigned)
  end
end

-- The word for what a deployment is: see STATES.
local function status_of(raw, state)
  local function has(name, ...)
    local value = some(raw[name])
    for _, one in ipairs { ... } do
      if value == one then
        return true
      end
    end
    return false
  end
  if state ~= "READY" then
    return state
  end
  local odd = odd_word(raw)
  if odd then
    return odd
  elseif some(raw.aliasError) then
    return "ALIAS_ERROR"
  elseif has("readySubstate", "STAGED") then
    return "STAGED"
  elseif has("readySubstate", "ROLLING") then
    return "ROLLING"
  elseif has("checksConclusion", "failed", "canceled") and not has("readySubstate", "PROMOTED") then
    return "CHECKS_FAILED"
  elseif has("checksState", "registered", "running") then
    return "CHECKING"
  elseif some(raw.aliasAssigned) and raw.aliasAssigned ~= 0 then
    return "READY"
  end
  return "ASSIGNING"
end

local function problem(raw)
  raw = some(raw)
  return raw and { code = some(raw.code), message = some(raw.message) } or nil
end

--- One row for what lists (`uid`) and single answers (`id`) say of a deployment. `live` is the
-- project's row, when it is known: only that tells which deployment the domains lead to now.
function M.row(raw, project)
  local known = meta_of(raw)
  local state = some(raw.readyState) or some(raw.state) or some(raw.status)
  local status = status_of(raw, state)
  local means = M.STATES[status] or { "unknown",
    ("a state that this version of pipe does not know: \"%s\""):format(tostring(status)) }
  local id = some(raw.uid) or some(raw.id)
  local built = some(raw.errorMessage) or some(raw.errorCode)
  return {
    id = id, url = url_of(raw.url), project = some(raw.projectId), name = some(raw.name),
    target = some(raw.target) or "preview", state = state, status = status, phase = means[1],
    words = means[2], substate = some(raw.readySubstate), commit = known.commit,
    branch = known.branch, message = known.message, author = known.author,
    created_at = clock(some(raw.createdAt) or raw.created), ready_at = clock(raw.ready),
    created = math.floor(some(raw.createdAt) or some(raw.created) or 0),
    live = project and project.live ~= nil and project.live.deployment == id
      and status == "READY" or false,
    rollback_candidate = some(raw.isRollbackCandidate), alias_error = problem(raw.aliasError),
    error = built and { code = some(raw.errorCode), message = some(raw.errorMessage) } or nil,
    inspector = some(raw.inspectorUrl), promoted_from = some(known.meta.pipeFrom)
      or some(known.meta.originalDeploymentId),
  }
end

--- A deployment by its id or address, as the API says it.
function M.deployment(place, text)
  local id = text:gsub("^%a+://", ""):gsub("/.*$", "")
  return M.ask(place, { method = "GET", path = "/v13/deployments/" .. wire.escape(id),
    where = "deployment " .. id, shape = { id = "text", url = "text?", readyState = "text",
      projectId = "text?", target = "text?", aliasError = "map?" } })
end

--- Domains and what they lead to: calls each({ alias, deployment, created_at }).
function M.aliases(place, project, each)
  M.walk(place, { path = "/v4/aliases", query = { projectId = project.id },
    where = ("aliases of project \"%s\""):format(project.name),
    shape = { alias = "text", deploymentId = "text?" } }, "aliases", function (raw)
    return each { alias = raw.alias, deployment = some(raw.deploymentId), id = some(raw.uid),
      created_at = clock(raw.createdAt) or some(raw.created) }
  end)
end

local function aliases_of(place, project, path, judge)
  return M.ask(place, { method = "GET", judge = judge, path = path:format(wire.escape(project.id)),
    query = { failedOnly = true, limit = 100 },
    where = ("aliases of project \"%s\""):format(project.name) })
end

--- Domains that the last promote or rollback could not move. What Vercel's own CLI asks after a
-- rollback is not in its description; where that is not there, the other one is asked.
function M.failed_aliases(place, project, kind)
  local out, data = host.json.array {}, nil
  if kind == "rollback" then
    data = aliases_of(place, project, "/v9/projects/%s/rollback/aliases", function (answer)
      return answer.status == 404, nil
    end)
  end
  if type(data) ~= "table" or not some(data.aliases) then
    data = aliases_of(place, project, "/v1/projects/%s/promote/aliases")
  end
  for _, raw in ipairs(type(data) == "table" and some(data.aliases) or {}) do
    if some(raw.status) == nil or raw.status == "failed" then
      out[#out + 1] = { alias = raw.alias, status = some(raw.status) }
    end
  end
  return out
end

M.escape = wire.escape
return M
