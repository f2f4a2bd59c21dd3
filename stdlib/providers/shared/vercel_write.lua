-- What Vercel's verbs change: which deployment the domains lead to, and builds under way.
-- Each of these compares first: what is so already, or under way, is not asked for again.

local host = ...
local vercel = host.require "vercel"
local read = host.require "vercel_read"

local M = {}

local PATIENCE = 3 * 60 * 1000 -- a job that moves domains and is older than that hangs
local SKEW = 2 * 60 * 1000     -- how far Vercel's clock and ours may be apart
-- How often is looked again for what Vercel shows late, and how long between.
local LOOKS = { rebuild = { 12, 5000 }, request = { 3, 5000 }, cancel = { 2, 2000 } }
local AFTER_BUILD = "(known after the build)"
local FROZEN = "nothing goes live by itself until another deployment is promoted"

local function short(sha)
  return sha and sha:sub(1, 7) or "no commit"
end

local function refuse(code, message)
  host.raise(code, message, { refused = true })
end

-- Promote and rollback -------------------------------------------------------------------

local function moving(project)
  local request = project.request
  return request and request.phase == "moving" and host.now() - request.requested_at < PATIENCE
    and request or nil
end

-- Is this request under way already? Another one holds the project's only slot.
local function joins(project, kind, row)
  local request = moving(project)
  if not request then
    return nil
  elseif request.type == kind and request.deployment == row.id then
    return request
  end
  host.raise("vercel.busy", ("project \"%s\": Vercel is moving its domains to %s for a %s of %s; "
    .. "look what becomes of it (vercel.request_state) before asking again"):format(project.name,
    request.deployment, request.type, request.at or "just now"))
end

local function outcome(project, row, more)
  local before = project.live or {}
  local out = { project = project.name, project_id = project.id, deployment = row.id, url = row.url,
    commit = row.commit, branch = row.branch, from = before.deployment,
    from_commit = before.commit, changed = true, queued = false, rebuilt = false,
    since = project.request and project.request.requested_at + 1 or 0 }
  for name, value in pairs(more or {}) do
    out[name] = value
  end
  return out
end

-- A promote ends a rollback; it does not turn on what somebody turned off.
local function automatic_after(project)
  return project.frozen_by ~= nil or project.automatic
end

local function settled(project, row, joined)
  return outcome(project, row, { changed = false, automatic = project.automatic,
    since = joined and joined.requested_at or outcome(project, row).since,
    note = (joined and "it is under way already: nothing was sent"
      or "the domains lead to it already: nothing was sent")
      .. (project.frozen_by and not joined and "; after the rollback " .. FROZEN or "") })
end

local function must_be_ready(row, what)
  if row.state ~= "READY" then
    local message = ("deployment %s of %s is %s (%s): it cannot be "
      .. "%s"):format(row.id, short(row.commit),
      tostring(row.state), row.words, what)
    host.raise("vercel.not-ready", message, { refused = row.phase == "bad" })
  end
end

local function find(o, id, overlay)
  local place = vercel.place(o)
  local project = read.with_overlay(vercel.project(place), overlay)
  local row = vercel.row(vercel.deployment(place, id), project)
  read.check_project(row, project)
  return place, project, row
end

-- Do the domains lead there? Not while the last request for it left some of them behind.
local function is_live(project, row)
  local request = project.request
  if not project.live or (request and request.deployment == row.id
    and request.status == "failed") then
    return false
  end
  return project.live.deployment == row.id
    or row.target ~= "production" and project.live.promoted_from == row.id
end

-- Refuses what cannot be promoted; true when it has to be rebuilt for it.
local function judge_promote(o, row)
  must_be_ready(row, "promoted")
  if row.target == "production" and o.rebuild then
    refuse("vercel.production", ("deployment %s is a production build: it is promoted as it is, "
      .. "without rebuild = true"):format(row.id))
  elseif row.target ~= "production" and not o.rebuild then
    refuse("vercel.preview", ("deployment %s of %s is a preview: Vercel cannot lead the "
      .. "production domains to it, but builds its commit anew with the variables of production; "
      .. "rebuild = true says that this is meant"):format(row.id, short(row.commit)))
  end
  return row.target ~= "production"
end

local function rebuild(place, project, row, intent)
  local raw = vercel.ask(place, { method = "POST", path = "/v13/deployments", write = true,
    where = "rebuilding " .. row.id, shape = { id = "text" }, json = { name = project.name,
      deploymentId = row.id, target = "production",
      meta = { action = "promote", pipeFrom = row.id, pipeKey = intent and intent.key } } })
  return vercel.row(raw, project)
end

local function rebuilt(project, row, fresh)
  return outcome(project, fresh, { rebuilt = true, built_from = row.id, commit = row.commit,
    branch = row.branch, automatic = automatic_after(project), since = fresh.created,
    note = "it goes live when its build is done (vercel.deployment)" })
end

local QUEUED = "a rolling release is under way: Vercel promotes it after that"

function M.promote(o, intent)
  local place, project, row = find(o, o.deployment)
  local anew = judge_promote(o, row)
  if is_live(project, row) and not moving(project) then
    return settled(project, row)
  end
  local joined = joins(project, "promote", row)
  if joined then
    return settled(project, row, joined)
  elseif anew then
    return rebuilt(project, row, rebuild(place, project, row, intent))
  end
  -- The API declares no body for this: one of its servers rejects even an empty one.
  local _, answer = vercel.ask(place, { method = "POST", raw = true, write = true,
    path = ("/v10/projects/%s/promote/%s"):format(vercel.escape(project.id), vercel.escape(row.id)),
    where = "promoting " .. row.id, expect = { 200, 201, 202 } })
  return outcome(project, row, { automatic = automatic_after(project),
    queued = answer.status == 202,
    note = answer.status == 202 and QUEUED or nil })
end

local function frozen_note(project)
  return ("from now on pushes to \"%s\" build, but do not go live until something is promoted; "
    .. "the deployment runs with the variables and cron jobs of its own time"):format(
    project.production_branch or "the production branch")
end

-- The newest production deployment before the one that is live.
local function previous(place, project)
  if not project.live then
    refuse("vercel.not-eligible", ("project \"%s\" has no production deployment yet: there is "
      .. "nothing to go back from"):format(project.name))
  end
  local found
  read.list(place, project, { target = "production", state = "READY", rollback_candidates = true },
    function (row)
      if row.id ~= project.live.deployment and row.created < (project.live.created
        or math.huge) then
        found = row
      end
      return found ~= nil
    end)
  if not found then
    refuse("vercel.not-eligible", ("project \"%s\" has no production deployment before %s that "
      .. "Vercel still keeps for a rollback"):format(project.name, project.live.deployment))
  end
  return found
end

local function find_rollback(o, overlay)
  if o.deployment ~= "previous" then
    return find(o, o.deployment, overlay)
  end
  local place = vercel.place(o)
  local project = read.with_overlay(vercel.project(place), overlay)
  return place, project, previous(place, project)
end

local function judge_rollback(row)
  must_be_ready(row, "rolled back to")
  if row.target ~= "production" then
    refuse("vercel.not-eligible", ("deployment %s of %s is a preview: a rollback leads to a "
      .. "deployment that was live before"):format(row.id, short(row.commit)))
  end
end

function M.rollback(o)
  local place, project, row = find_rollback(o)
  judge_rollback(row)
  if is_live(project, row) and not moving(project) then
    return settled(project, row)
  end
  local joined = joins(project, "rollback", row)
  if joined then
    return settled(project, row, joined)
  end
  vercel.ask(place, { method = "POST", raw = true, write = true,
    path = ("/v1/projects/%s/rollback/%s"):format(vercel.escape(project.id), vercel.escape(row.id)),
    query = { description = o.description }, where = "rolling back to " .. row.id,
    expect = { 200, 201, 202 } })
  return outcome(project, row, { automatic = false, note = frozen_note(project) })
end

-- Dry-run ------------------------------------------------------------------------------------

local function side(deployment, commit)
  return deployment and ("%s (%s)"):format(short(commit), deployment) or nil
end

local function foresee(project, row, kind, result, overlay)
  local at = host.now()
  overlay.set(read.key_of(project), {
    live = { deployment = result.deployment, url = row.url, commit = row.commit,
      branch = row.branch, created_at = row.created_at, created = row.created,
      aliases = project.live and project.live.aliases or {}, promoted_from = result.built_from },
    automatic = result.automatic, frozen_by = kind == "rollback" and { type = "rollback",
      deployment = row.id, from = result.from } or false,
    request = { deployment = result.deployment, from = result.from, type = kind, requested_at = at,
      at = host.clock_text(at), status = "succeeded", phase = "good",
      words = vercel.JOBS.succeeded[2] },
  })
  return { sign = "~", result = result, note = result.note,
    before = side(result.from, result.from_commit), after = side(result.deployment, result.commit) }
end

local function unchanged(result)
  local both = side(result.deployment, result.commit)
  return { sign = "~", result = result, note = result.note, before = both, after = both }
end

function M.predict_promote(o, overlay)
  local _, project, row = find(o, o.deployment, overlay)
  local anew = judge_promote(o, row)
  if is_live(project, row) and not moving(project) then
    return unchanged(settled(project, row))
  end
  local joined = joins(project, "promote", row)
  if joined then
    return unchanged(settled(project, row, joined))
  end
  local result = outcome(project, row, { automatic = automatic_after(project) })
  if anew then
    result.deployment, result.url, result.rebuilt, result.built_from = AFTER_BUILD, nil, true,
      row.id
    result.note = "built anew with the variables of production; live when that is done"
  elseif project.frozen_by then
    result.note = "ends the rollback: pushes go live by themselves again"
  end
  return foresee(project, row, "promote", result, overlay)
end

local function must_be_candidate(place, project, row)
  local found, others = false, {}
  read.list(place, project, { target = "production", rollback_candidates = true },
    function (candidate)
    found = found or candidate.id == row.id
    if #others < 3 then
      others[#others + 1] = ("%s (%s)"):format(candidate.id, short(candidate.commit))
    end
    return found
  end)
  if not found then
    refuse("vercel.not-eligible", ("deployment %s of %s is none that Vercel rolls back to; it "
      .. "would be: %s"):format(
      row.id, short(row.commit), #others > 0 and table.concat(others, ", ") or "none"))
  end
end

function M.predict_rollback(o, overlay)
  local place, project, row = find_rollback(o, overlay)
  judge_rollback(row)
  if is_live(project, row) and not moving(project) then
    return unchanged(settled(project, row))
  end
  local joined = joins(project, "rollback", row)
  if joined then
    return unchanged(settled(project, row, joined))
  elseif not overlay.get(read.key_of(project)) then
    must_be_candidate(place, project, row)
  end
  return foresee(project, row, "rollback",
    outcome(project, row, { automatic = false, note = frozen_note(project) }), overlay)
end

-- After a lost answer ---------------------------------------------------------------------------

local function found(project, row, kind)
  local request = project.request
  local ours = request and request.deployment == row.id and request.type == kind
  local more = { automatic = kind == "promote" and automatic_after(project), since = ours
    and request.requested_at or 0,
    note = kind == "rollback" and frozen_note(project) or nil }
  local out = outcome(project, row, more)
  if ours then
    out.from = request.from
  end
  if out.from == row.id then
    out.from = nil
  end
  out.from_commit = project.live and project.live.deployment == out.from and project.live.commit
    or nil
  return { happened = true, result = out }
end

local function looks_like_ours(project, kind, id, began)
  local request = project.request
  return request ~= nil and request.type == kind and (id == nil or request.deployment == id)
    and (began == nil or request.requested_at >= began)
end

-- f's answer, as soon as it has one; else { happened = false } after the last look.
local function patiently(looks, f)
  local times, pause = looks[1], looks[2]
  local found = f()
  while not found and times > 0 do
    host.sleep(pause)
    times = times - 1
    found = f()
  end
  return found or { happened = false }
end

-- The call's own key tells its build from one that another call made of the same deployment.
local function probe_rebuild(place, project, row, intent)
  local from = intent.began - SKEW
  return patiently(LOOKS.rebuild, function ()
    local fresh
    read.list(place, project, { target = "production" }, function (one, raw)
      local meta = vercel.some(raw.meta) or {}
      if one.promoted_from == row.id and vercel.some(meta.pipeKey) == intent.key
        and one.created >= from then
        fresh = one
      end
      return fresh ~= nil or one.created < from
    end)
    return fresh and { happened = true, result = rebuilt(project, row, fresh) }
  end)
end

-- Is the project's last request ours, or do its domains lead there already?
local function probe_request(o, kind, began)
  return patiently(LOOKS.request, function ()
    local _, project, row = find(o, o.deployment)
    return (looks_like_ours(project, kind, row.id, began) or is_live(project, row))
      and found(project, row, kind)
  end)
end

function M.probe_promote(o, intent)
  local place, project, row = find(o, o.deployment)
  if row.target ~= "production" then
    return probe_rebuild(place, project, row, intent)
  end
  return probe_request(o, "promote", intent.began)
end

-- "previous" means another deployment once it happened: then only the request itself tells.
local function probe_previous(o, began)
  local place, unclear = vercel.place(o), false
  local result = patiently(LOOKS.request, function ()
    local project = vercel.project(place)
    unclear = looks_like_ours(project, "rollback", nil, began - SKEW)
    return looks_like_ours(project, "rollback", nil, began) and found(project,
      vercel.row(vercel.deployment(place, project.request.deployment), project), "rollback")
  end)
  return (result.happened or not unclear) and result or nil
end

function M.probe_rollback(o, intent)
  if o.deployment == "previous" then
    return probe_previous(o, intent.began)
  end
  return probe_request(o, "rollback", intent.began)
end

-- Cancel ----------------------------------------------------------------------------------------

local function canceled(row, changed)
  return { deployment = row.id, project_id = row.project, commit = row.commit, changed = changed,
    state = "CANCELED" }
end

-- True while there is something to cancel, false when that was done before.
local function judge_cancel(row)
  if row.state == "CANCELED" then
    return false
  elseif row.phase ~= "moving" or row.state == "READY" then
    refuse("vercel.over", ("deployment %s is %s (%s): its build is over and cannot be "
      .. "canceled"):format(
      row.id, tostring(row.state), row.words))
  end
  return true
end

function M.cancel(o)
  local place = vercel.place(o)
  local row = read.deployment { id = o.deployment, project = o.project, team = o.team }
  if not judge_cancel(row) then
    return canceled(row, false)
  end
  vercel.ask(place, { method = "PATCH", write = true, where = "canceling " .. row.id,
    path = ("/v12/deployments/%s/cancel"):format(vercel.escape(row.id)), shape = { id = "text" } })
  return canceled(row, true)
end

function M.predict_cancel(o, overlay)
  local row = read.deployment { id = o.deployment, project = o.project, team = o.team }
  local changes = judge_cancel(row) and not overlay.get("vercel:deployment:" .. row.id)
  overlay.set("vercel:deployment:" .. row.id, { state = "CANCELED" })
  return { sign = "~", before = changes and row.state or "CANCELED", after = "CANCELED",
    result = canceled(row, changes) }
end

function M.probe_cancel(o)
  return patiently(LOOKS.cancel, function ()
    local row = read.deployment { id = o.deployment, project = o.project, team = o.team }
    return row.state == "CANCELED" and { happened = true, result = canceled(row, true) }
  end)
end

return M
