-- Vercel's REST API over the deployments of vercel_state.lua.

local sim = ...
local core = sim.require "core"
local state = sim.require "vercel_state"
local shape = sim.require "vercel_shape"

local M = {}

-- Errors --------------------------------------------------------------------------

local function fail(status, code, message, more)
  local problem = { code = code, message = message }
  for key, value in pairs(more or {}) do
    problem[key] = value
  end
  error({ answer = core.answer(status, { error = problem }) }, 0)
end

-- A few endpoints say `err` in place of `error`.
local function fail_oddly(status, code, message)
  error({ answer = core.answer(status, { err = { code = code, message = message } }) }, 0)
end

-- Who asks, and for whom ----------------------------------------------------------

local function identify(w, req)
  local bearer = (req.headers.authorization or ""):match("^[Bb]earer%s+(.+)$")
  if not bearer then
    fail(401, "forbidden", "The request is missing an authentication token",
      { missingToken = true })
  end
  for _, entry in ipairs(core.many(w.s.spec.tokens.vercel)) do
    if (type(entry) == "table" and entry.token or entry) == bearer then
      return type(entry) == "table" and entry or { token = entry }
    end
  end
  fail(403, "forbidden", "Not authorized", { invalidToken = true })
end

-- Is the request made for the team? Without `teamId` or `slug` it is made for the person, who
-- has no projects.
local function scope(x)
  local team, id, slug = x.w.s.spec.vercel.team, x.req.query.teamId, x.req.query.slug
  if not id and not slug then
    return false
  elseif x.who.team == false or (id and id ~= team.id) or (slug and slug ~= team.slug) then
    fail(403, "forbidden", ("Not authorized: Trying to access resource under scope \"%s\". You "
      .. "must re-authenticate to this scope or use a token with access to this "
      .. "scope."):format(slug or id),
      { scope = slug or id })
  end
  return true
end

local function project(x, text)
  local name = x.team and state.named(x.w, core.unescape(text))
  if not name then
    fail(404, "not_found", "Project not found.")
  end
  return name
end

local function is_visible(x, d)
  return (d.visible or 0) <= x.w.s.now
end

local function deployment(x, text)
  local d = x.team and state.deployment(x.w, core.unescape(text))
  if not d or not is_visible(x, d) then
    fail(404, "not_found", ("The deployment \"%s\" can't be found under the context "
      .. "\"%s\"."):format(
      core.unescape(text), x.team and x.w.s.spec.vercel.team.slug
        or x.w.s.spec.vercel.user.username))
  end
  return d
end

local function may_write(x)
  if x.who.write == false then
    fail(403, "forbidden", "You don't have permission to create the deployment.")
  end
end

-- Lists -----------------------------------------------------------------------------

local function number(x, name, default, most)
  local text = x.req.query[name]
  if text == nil then
    return default
  end
  local n = tonumber(text)
  if not n then
    fail(400, "bad_request", ("Invalid request: `%s` should be number."):format(name))
  elseif most and n > most then
    fail(400, "bad_request", ("Invalid request: `%s` should be <= %d."):format(name, most))
  end
  return n
end

local function flag(x, name)
  local text = x.req.query[name]
  if text ~= nil and text ~= "true" and text ~= "false" and text ~= "1" and text ~= "0" then
    fail(400, "bad_request", ("Invalid request: `%s` should be boolean."):format(name))
  end
  return text == "true" or text == "1"
end

-- One page of items that are sorted, newest first, by time(item): those before `until`.
local function page(x, items, time, most)
  local limit = math.min(number(x, "limit", 20, most or 100), x.w.s.spec.vercel.page or 100)
  local before, since = number(x, "until"), number(x, "since")
  local out, more = core.list(), false
  for _, item in ipairs(items) do
    local at = time(item)
    if (not before or at < before) and (not since or at > since) then
      if #out >= limit then
        more = true
        break
      end
      out[#out + 1] = item
    end
  end
  local first, last = out[1], out[#out]
  return out, { count = #out, next = more and last and time(last) or sim.null,
    prev = before and first and time(first) or sim.null }
end

local STATES = { QUEUED = true, INITIALIZING = true, BUILDING = true, READY = true, ERROR = true,
  CANCELED = true, BLOCKED = true, DELETED = true }

local function states(x)
  local text = x.req.query.state
  if not text then
    return nil
  end
  local out = {}
  for word in text:gmatch("[^,%s]+") do
    if not STATES[word] then
      fail(400, "bad_request", ("Invalid request: `state` does not know \"%s\"."):format(word))
    end
    out[word] = true
  end
  return out
end

local function fits(x, d, want)
  local q = x.req.query
  return is_visible(x, d) and (not want.project or d.project == want.project)
    and (not want.states or want.states[d.state])
    and (not q.target or q.target == d.target) and (not q.sha or q.sha == d.sha)
    and (not q.branch or q.branch == d.branch)
    and (not want.candidates or state.is_candidate(x.w, d))
end

local function deployments(x)
  local q = x.req.query
  local want = { project = q.projectId and project(x, q.projectId), states = states(x),
    candidates = flag(x, "rollbackCandidate") }
  local found = {}
  for i = #x.w.s.vercel.deployments, 1, -1 do
    local d = x.w.s.vercel.deployments[i]
    if x.team and fits(x, d, want) then
      found[#found + 1] = d
    end
  end
  local rows, pagination = page(x, found, function (d) return d.created end)
  for i, d in ipairs(rows) do
    rows[i] = shape.row(x.w, d)
  end
  return 200, { deployments = rows, pagination = pagination }
end

local function aliases(x)
  local only = x.req.query.projectId and project(x, x.req.query.projectId)
  local found = {}
  for name, p in core.sorted(x.team and x.w.s.vercel.projects or {}) do
    for domain, alias in core.sorted(p.aliases) do
      if (not only or only == name)
        and (not x.req.query.domain or x.req.query.domain == domain) then
        found[#found + 1] = { name = name, domain = domain, alias = alias }
      end
    end
  end
  table.sort(found, function (a, b) return a.alias.created > b.alias.created
    or (a.alias.created == b.alias.created and a.domain < b.domain) end)
  local rows, pagination = page(x, found, function (f) return f.alias.created end)
  for i, f in ipairs(rows) do
    rows[i] = shape.alias(x.w, f.name, f.domain, f.alias)
  end
  return 200, { aliases = rows, pagination = pagination }
end

-- By its description the answer is a list.
local function one_alias(x, text)
  local wanted = core.unescape(text)
  for name, p in core.sorted(x.team and x.w.s.vercel.projects or {}) do
    for domain, alias in core.sorted(p.aliases) do
      local row = shape.alias(x.w, name, domain, alias)
      if domain == wanted or row.uid == wanted then
        return 200, core.list { row }
      end
    end
  end
  fail(404, "not_found", ("The alias \"%s\" was not found."):format(wanted))
end

local function deployment_aliases(x, id)
  local d, out = deployment(x, id), core.list()
  for domain, alias in core.sorted(state.project(x.w, d.project).aliases) do
    if alias.deployment == d.id then
      out[#out + 1] = shape.short_alias(x.w, domain, alias)
    end
  end
  return 200, { aliases = out }
end

local function request_aliases(x, id)
  local request = state.project(x.w, project(x, id)).request
  local only, out = flag(x, "failedOnly"), core.list()
  for _, entry in ipairs(request and request.aliases or {}) do
    if not only or entry.status == "failed" then
      out[#out + 1] = { alias = entry.alias, id = entry.id, status = entry.status }
    end
  end
  local rows, pagination = page(x, out, function () return x.w.s.now end)
  return 200, { aliases = rows, pagination = pagination }
end

-- Questions about one thing -----------------------------------------------------------

local function user(x)
  return 200, shape.user(x.w)
end

local function teams(x)
  local list = core.list(x.who.team ~= false and { shape.team(x.w) } or {})
  return 200, { teams = list, pagination = { count = #list, next = sim.null, prev = sim.null } }
end

local function team(x, id)
  local known = x.w.s.spec.vercel.team
  if x.who.team == false or (id ~= known.id and id ~= known.slug) then
    fail(404, "not_found", "Team not found.")
  end
  return 200, shape.team(x.w)
end

local function one_project(x, id)
  return 200, shape.project(x.w, project(x, id))
end

local function one_deployment(x, id)
  return 200, shape.single(x.w, deployment(x, id))
end

local function events(x, id)
  local ok, d = pcall(deployment, x, id)
  if not ok then
    fail_oddly(404, "not_found", "The deployment could not be found")
  end
  local lines = shape.log(x.w, d)
  if not x.w.s.spec.vercel.stream_logs then
    return 200, lines
  end
  local out = {}
  for i, line in ipairs(lines) do
    out[i] = sim.json.encode(line) .. "\n"
  end
  return 200, nil, { status = 200, headers = { ["content-type"] = "application/stream+json" },
    body = table.concat(out) }
end

-- What changes something ---------------------------------------------------------------

local function no_body(x)
  local body = x.req.body or ""
  if body ~= "" and not body:match("^%s*{%s*}%s*$") then
    fail(400, "bad_request", "Invalid request: should NOT have additional properties.")
  end
end

local function begin(x, name, kind, d, description)
  if state.is_busy(x.w, name) then
    fail(409, "conflict", "Another alias assignment is in progress for this project.")
  end
  state.ask(x.w, name, kind, d, description)
  if state.project(x.w, name).live ~= d.id then
    core.record(x.w, "vercel", "vercel." .. kind, d.id, { project = name, commit = d.sha })
  end
end

local function of_project(x, project_id, deployment_id)
  local name, d = project(x, project_id), deployment(x, deployment_id)
  if d.project ~= name then
    fail(400, "bad_request", "The deployment does not belong to the project.")
  end
  return name, d
end

local function promote(x, project_id, deployment_id)
  may_write(x)
  no_body(x)
  local name, d = of_project(x, project_id, deployment_id)
  if d.target ~= "production" then
    fail(400, "bad_request", "Only production deployments can be promoted without a rebuild.")
  elseif d.state ~= "READY" then
    fail(400, "bad_request", "Only deployments that are ready can be promoted.")
  end
  begin(x, name, "promote", d)
  return state.spec(x.w, name).rolling and 202 or 201
end

local function rollback(x, project_id, deployment_id)
  may_write(x)
  no_body(x)
  local name, d = of_project(x, project_id, deployment_id)
  local p = state.project(x.w, name)
  if d.target ~= "production" or d.state ~= "READY" or not core.has(p.served, d.id) then
    fail(422, "not_eligible", "The deployment is not eligible for a rollback.")
  elseif d.id ~= p.live and not state.is_candidate(x.w, d) then
    fail(402, "payment_required",
      "On the Hobby plan only the previous production deployment can be rolled back to.")
  end
  begin(x, name, "rollback", d, x.req.query.description)
  return 201
end

local CREATE = { customEnvironmentSlugOrId = true, deploymentId = true, files = true,
  gitMetadata = true, gitSource = true, meta = true, monorepoManager = true, name = true,
  project = true, projectSettings = true, target = true, withLatestCommit = true }

local function read_creation(x)
  local body = core.body(x.req)
  if not body then
    fail(400, "bad_request", "Invalid request: body should be object.")
  end
  for key in core.sorted(body) do
    if not CREATE[key] then
      fail(400, "bad_request", ("Invalid request: should NOT have additional property "
        .. "`%s`."):format(
        key))
    end
  end
  if type(body.name) ~= "string" then
    fail(400, "bad_request", "Invalid request: missing required property `name`.")
  elseif type(body.deploymentId) ~= "string" then
    fail(400, "missing_files", "The simulated world builds from a deployment: `deploymentId`.")
  end
  return body
end

-- A deployment is built anew from another one; `promote` in its meta makes it live in the end.
local function create(x)
  may_write(x)
  local body = read_creation(x)
  local from = deployment(x, body.deploymentId)
  local meta, target = core.some(body.meta) or {}, core.some(body.target) or "preview"
  local promotes = meta.action == "promote" and target == "production"
  local d = state.deploy(x.w, { project = from.project, sha = from.sha, branch = from.branch,
    target = target, live = true, promote = promotes, source = "redeploy",
    meta = core.merge(core.copy(meta), { originalDeploymentId = from.id }) })
  core.record(x.w, "vercel", promotes and "vercel.promote" or "vercel.deploy", from.id,
    { project = from.project, commit = from.sha, deployment = d.id })
  return 200, shape.single(x.w, d)
end

local function cancel(x, id)
  may_write(x)
  local d = deployment(x, id)
  if not state.MOVING[d.state] then
    fail(400, "bad_request", "The deployment is not building and can't be canceled.")
  end
  state.cancel(x.w, d)
  core.record(x.w, "vercel", "vercel.cancel", d.id, { project = d.project, commit = d.sha })
  return 200, shape.single(x.w, d)
end

-- The endpoint -------------------------------------------------------------------------

local ROUTES = {
  { "GET", "^/v2/user$", user },
  { "GET", "^/v2/teams$", teams },
  { "GET", "^/v2/teams/([^/]+)$", team },
  { "GET", "^/v[67]/deployments$", deployments },
  { "GET", "^/v13/deployments/([^/]+)$", one_deployment },
  { "POST", "^/v13/deployments$", create },
  { "PATCH", "^/v12/deployments/([^/]+)/cancel$", cancel },
  { "GET", "^/v3/deployments/([^/]+)/events$", events },
  { "GET", "^/v9/projects/([^/]+)$", one_project },
  { "POST", "^/v10/projects/([^/]+)/promote/([^/]+)$", promote },
  { "POST", "^/v1/projects/([^/]+)/rollback/([^/]+)$", rollback },
  { "POST", "^/v9/projects/([^/]+)/rollback/([^/]+)$", rollback },
  { "GET", "^/v1/projects/([^/]+)/promote/aliases$", request_aliases },
  { "GET", "^/v9/projects/([^/]+)/rollback/aliases$", request_aliases },
  { "GET", "^/v4/aliases$", aliases },
  { "GET", "^/v4/aliases/([^/]+)$", one_alias },
  { "GET", "^/v2/deployments/([^/]+)/aliases$", deployment_aliases },
}

local function run(x)
  for _, route in ipairs(ROUTES) do
    local first, second = x.req.path:match(route[2])
    if first and route[1] == x.req.method then
      x.who = identify(x.w, x.req)
      x.team = scope(x)
      local status, data, whole = route[3](x, first, second)
      return whole or core.answer(status, data)
    end
  end
  fail(404, "not_found", "The page could not be found.")
end

function M.request(w, req)
  local spent, over = core.spend(w, "vercel")
  local answer
  if over then
    answer = core.answer(429, { error = { code = "rate_limited", message = "Rate limit exceeded.",
      limit = { remaining = 0, reset = spent.reset // 1000, resetMs = spent.reset,
        total = spent.limit } } })
  else
    local ok, result = pcall(run, { w = w, req = req })
    if not ok and type(result) ~= "table" then
      error(result, 0)
    end
    answer = ok and result or result.answer
  end
  answer.headers["x-ratelimit-limit"] = tostring(spent.limit)
  answer.headers["x-ratelimit-remaining"] = tostring(spent.remaining)
  answer.headers["x-ratelimit-reset"] = tostring((spent.reset + 999) // 1000)
  return answer
end

return M
