-- What Vercel's verbs read: projects, deployments, what the domains lead to, logs.

local host = ...
local vercel = host.require "vercel"
local some = vercel.some

local M = {}

local function refuse(code, message)
  host.raise(code, message, { refused = true })
end

local function milliseconds(value)
  if value == nil or type(value) == "number" then
    return value
  end
  return host.time(value)
end

-- Dry-runs: what earlier predictions left of a project ------------------------------------

--- The overlay's name for a project.
function M.key_of(project)
  return "vercel:project:" .. project.id
end

--- The project as this dry-run would have left it.
function M.with_overlay(project, overlay)
  local predicted = overlay and overlay.get(M.key_of(project))
  if predicted then
    project.live, project.request = predicted.live, predicted.request
    project.frozen_by, project.automatic = predicted.frozen_by or nil, predicted.automatic
  end
  return project
end

function M.who(o)
  local place = vercel.place(o)
  local user = vercel.ask(place, { method = "GET", path = "/v2/user", personal = true,
    where = "the credential's user", shape = { user = { id = "text" } } }).user
  local teams, found = host.json.array {}, nil
  vercel.walk(place, { path = "/v2/teams", personal = true, where = "the credential's teams",
    shape = { id = "text", slug = "text" } }, "teams", function (raw)
    local team = { id = raw.id, slug = raw.slug, name = some(raw.name),
      role = some((some(raw.membership) or {}).role) }
    teams[#teams + 1] = team
    if raw.id == place.team or raw.slug == place.team then
      found = team
    end
  end)
  if place.team and not found then
    local names = {}
    for i, team in ipairs(teams) do
      names[i] = ("%s (%s)"):format(team.slug, team.id)
    end
    refuse("vercel.team", ("the credential \"%s\" does not reach the team \"%s\" (it reaches: "
      .. "%s)"):format(
      place.credential, place.team, #names > 0 and table.concat(names, ", ") or "no team"))
  end
  return { user = { id = user.id, username = some(user.username), email = some(user.email),
    name = some(user.name) }, teams = teams, team = found }
end

--- Calls each(row, raw) for the deployments of a project, newest first, until it returns true.
function M.list(place, project, o, each)
  vercel.walk(place, { path = "/v6/deployments", where = ("deployments of project \"%s\""):format(
    project.name), shape = { uid = "text", meta = "map?" }, query = {
    projectId = project.id, target = o.target, state = o.state, sha = o.commit, branch = o.branch,
    rollbackCandidate = o.rollback_candidates or nil,
  } }, "deployments", function (raw)
    local row = vercel.row(raw, project)
    -- A filter that the other side does not know would be passed over in silence.
    local fits = (not o.commit or row.commit == o.commit) and (not o.branch
      or row.branch == o.branch)
      and (not o.target or row.target == o.target) and (not o.state or row.state == o.state)
      and not (o.rollback_candidates and row.rollback_candidate == false)
    return fits and each(row, raw)
  end)
end

function M.deployments(o)
  local place, out = vercel.place(o), host.json.array {}
  if o.first < 1 then
    refuse("vercel.option", ("first is %d; at least 1 is wanted"):format(o.first))
  end
  M.list(place, vercel.project(place), o, function (row)
    out[#out + 1] = row
    return #out >= o.first
  end)
  return out
end

function M.deployment_of(o)
  local place, since, found = vercel.place(o), milliseconds(o.since), nil
  M.list(place, vercel.project(place), o, function (row)
    if not since or row.created >= since then
      found = row
    end
    return true
  end)
  return found
end

--- Refuses a deployment of another project than the one that was named.
function M.check_project(row, project)
  if not project or not row.project or row.project == project.id then
    return
  end
  refuse("vercel.project", ("deployment %s is of another project (%s) than \"%s\" "
    .. "(%s)"):format(row.id,
    row.name or row.project, project.name, project.id))
end

local function project_of(place, raw, wanted)
  if not wanted and some(raw.projectId) == nil then
    return nil
  end
  local by = { project = wanted and place.project or raw.projectId, team = place.team,
    credential = place.credential }
  return vercel.project(by)
end

function M.deployment(o)
  local place = vercel.place(o)
  local raw = vercel.deployment(place, o.id)
  local project = project_of(place, raw, o.project)
  local row = vercel.row(raw, project)
  M.check_project(row, project)
  return row
end

function M.live(o)
  local place = vercel.place(o)
  local project = vercel.project(place)
  local now = project.live
  local out = { project = project.name, project_id = project.id, automatic = project.automatic,
    frozen_by = project.frozen_by, request = project.request, whole = false,
    aliases = host.json.array {} }
  if not now then
    return out
  end
  out.deployment, out.url, out.commit, out.branch = now.deployment, now.url, now.commit, now.branch
  out.created_at, out.whole = now.created_at, true
  local wanted = {}
  for i, alias in ipairs(now.aliases) do
    out.aliases[i] = { alias = alias }
    wanted[alias] = out.aliases[i]
  end
  vercel.aliases(place, project, function (found)
    if wanted[found.alias] then
      wanted[found.alias].deployment = found.deployment
      out.whole = out.whole and (found.deployment == nil or found.deployment == now.deployment)
      wanted[found.alias] = nil
    end
    return next(wanted) == nil
  end)
  return out
end

function M.aliases(o)
  local place, out = vercel.place(o), host.json.array {}
  vercel.aliases(place, vercel.project(place), function (alias)
    if not o.deployment or alias.deployment == o.deployment then
      out[#out + 1] = alias
    end
  end)
  return out
end

function M.deployment_aliases(o)
  local place, out = vercel.place(o), host.json.array {}
  local row = M.deployment { id = o.deployment, project = o.project, team = o.team }
  local data = vercel.ask(place, { method = "GET", where = "addresses of " .. row.id,
    path = ("/v2/deployments/%s/aliases"):format(vercel.escape(row.id)),
    shape = { aliases = { { uid = "text", alias = "text" } } } })
  for i, raw in ipairs(data.aliases) do
    out[i] = { alias = raw.alias, id = raw.uid, created_at = some(raw.created),
      redirect = some(raw.redirect) }
  end
  return out
end

-- Vercel describes its answer as a list; its servers also give the one alias as it is.
local function one_alias(o)
  local name = o.alias:gsub("^%a+://", ""):gsub("/.*$", "")
  local data = vercel.ask(vercel.place(o), { method = "GET", where = "address " .. name,
    path = "/v4/aliases/" .. vercel.escape(name), shape = "any" })
  data = type(data) == "table" and data[1] or data
  if type(data) ~= "table" or type(some(data.alias)) ~= "string" then
    host.raise("vercel.answer", ("address %s: Vercel's answer names no alias"):format(name))
  end
  return data
end

function M.alias(o)
  local raw = one_alias(o)
  local project = some(raw.projectId)
  if o.project then
    local wanted = vercel.project(vercel.place(o))
    if project ~= wanted.id then
      refuse("vercel.project", ("address %s is of another project (%s) than \"%s\" (%s)"):format(
        raw.alias, project or "none", wanted.name, wanted.id))
    end
  end
  return { alias = raw.alias, deployment = some(raw.deploymentId), project_id = project,
    id = some(raw.uid), created_at = some(raw.created), redirect = some(raw.redirect) }
end

-- What the project's one slot says about the request that o means.
local function judge_request(o, project)
  local since, request = milliseconds(o.since), project.request
  if not request or (since and request.requested_at < since) then
    return { status = since and "unseen" or "none" }
  end
  local ours = (not o.deployment or request.deployment == o.deployment)
    and (not o.type or request.type == o.type)
  local out = { status = request.status, phase = request.phase, words = request.words,
    deployment = request.deployment, from = request.from, type = request.type, at = request.at,
    requested_at = request.requested_at }
  if not ours then
    out.status, out.phase, out.words = "overtaken", nil, nil
  elseif request.status == "skipped" and project.live
    and project.live.deployment == request.deployment then
    out.phase, out.words = "good", "the domains led to it already"
  end
  return out
end

function M.request_state(o)
  local place = vercel.place(o)
  local project = vercel.project(place)
  local out = judge_request(o, project)
  local known = vercel.JOBS[out.status]
  out.phase, out.words = out.phase or known[1], out.words or known[2]
  out.project, out.project_id = project.name, project.id
  out.live = project.live and project.live.deployment
  out.automatic, out.frozen_by = project.automatic, project.frozen_by
  out.failed = out.status == "failed" and vercel.failed_aliases(place, project, out.type)
    or host.json.array {}
  return out
end

-- Build logs come as a JSON list, or as one JSON text a line.
local function events_of(body)
  local ok, value = pcall(host.json.decode, body)
  if ok and type(value) == "table" and (value[1] ~= nil or next(value) == nil) then
    return value
  end
  local out = {}
  for line in body:gmatch("[^\r\n]+") do
    local fine, event = pcall(host.json.decode, line)
    if fine and type(event) == "table" then
      out[#out + 1] = event
    elseif line:find("%S") then
      host.raise("vercel.answer", "the build log cannot be read: " .. line:sub(1, 120),
        { retryable = true })
    end
  end
  return out
end

function M.build_log(o)
  local place, out = vercel.place(o), host.json.array {}
  local id = o.deployment:gsub("^%a+://", ""):gsub("/.*$", "")
  if o.project then
    M.check_project(vercel.row(vercel.deployment(place, id)), vercel.project(place))
  end
  local body = vercel.ask(place, { method = "GET", raw = true, where = "build log of " .. id,
    path = ("/v3/deployments/%s/events"):format(vercel.escape(id)),
    query = { builds = 1, direction = "forward", follow = 0, limit = o.limit } })
  for _, event in ipairs(events_of(body)) do
    local payload = some(event.payload) or event
    local text = some(payload.text) or some(event.text)
    if text then
      local at = some(payload.date) or some(event.created)
      out[#out + 1] = { text = text, kind = some(event.type), at = at and host.clock_text(at)
        or nil,
        error = event.type == "stderr" or event.type == "fatal" or some(event.level) == "error" }
    end
  end
  return out
end

-- Dry-runs: what the reads say after what was predicted -----------------------------------

local function predicted(overlay, id)
  return overlay.get("vercel:project:" .. id)
end

function M.overlay_live(_, result, overlay)
  local now = predicted(overlay, result.project_id)
  if now then
    result.automatic, result.frozen_by = now.automatic, now.frozen_by or nil
    result.request, result.whole = now.request, true
    for _, name in ipairs { "deployment", "url", "commit", "branch", "created_at" } do
      result[name] = now.live[name]
    end
    for _, alias in ipairs(result.aliases) do
      alias.deployment = now.live.deployment
    end
  end
  return result
end

function M.overlay_alias(_, result, overlay)
  local now = result.project_id and predicted(overlay, result.project_id)
  for _, alias in ipairs(now and now.live.aliases or {}) do
    local name = type(alias) == "table" and alias.alias or alias
    if name == result.alias then
      result.deployment = now.live.deployment
    end
  end
  return result
end

function M.overlay_project(_, result, overlay)
  return M.with_overlay(result, overlay)
end

function M.overlay_request(o, result, overlay)
  local now = predicted(overlay, result.project_id)
  if not now then
    return result
  end
  local out = { project = result.project, project_id = result.project_id, failed = result.failed,
    live = now.live.deployment, automatic = now.automatic, frozen_by = now.frozen_by or nil }
  for name, value in pairs(now.request) do
    out[name] = value
  end
  if (o.deployment and o.deployment ~= out.deployment) or (o.type and o.type ~= out.type) then
    out.status, out.phase, out.words = "overtaken", "bad", vercel.JOBS.overtaken[2]
  end
  return out
end

local function overlay_row(row, overlay)
  local now = row.project and predicted(overlay, row.project)
  if now then
    row.live = row.id == now.live.deployment
  end
  local own = overlay.get("vercel:deployment:" .. row.id)
  if own then
    row.state, row.status = own.state, own.state
    row.phase, row.words = vercel.STATES[own.state][1], vercel.STATES[own.state][2]
  end
end

function M.overlay_rows(_, result, overlay)
  for _, row in ipairs(result) do
    overlay_row(row, overlay)
  end
  return result
end

function M.overlay_deployment(_, result, overlay)
  if result then
    overlay_row(result, overlay)
  end
  return result
end

return M
