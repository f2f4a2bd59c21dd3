-- Railway's deployments as scripts see them, and how the one that a call made is
-- told from those of others.

local host = ...
local api = host.require "railway_api"

local M = {}

local some = api.some

-- Every status the vendor has: where it leads, and what it means.
M.STATUS = {
  INITIALIZING = { "moving", "it is being set up" },
  QUEUED = { "moving", "it waits for a builder" },
  WAITING = { "moving", "it waits for CI on its commit" },
  BUILDING = { "moving", "its image is being built" },
  DEPLOYING = { "moving", "its container is starting" },
  NEEDS_APPROVAL = { "moving", "somebody has to approve it in Railway" },
  REMOVING = { "moving", "it is being taken down" },
  SUCCESS = { "good", "it runs" },
  SLEEPING = { "good", "it sleeps and wakes up at the next request" },
  FAILED = { "bad", "its build or its start failed" },
  CRASHED = { "bad", "it started and crashed" },
  SKIPPED = { "bad", "Railway skipped it: CI failed on its commit, or no watched path changed" },
  REMOVED = { "bad",
    "it was taken down: a newer deployment took its place, or somebody removed it" },
}

M.ROW = "{id, status, phase (moving, good, bad, unknown), words, commit, branch, message, author, reason, created_at, "
  .. "status_at, can_rollback, can_redeploy, stopped, url}"

local function row_of(raw)
  local meta = some(raw.meta) or {}
  local status = M.STATUS[raw.status]
    or { "unknown", "a status that this version of pipe does not know" }
  local phase, words = status[1], status[2]
  local stopped = some(raw.deploymentStopped) == true
  if stopped and phase == "good" and raw.status ~= "SLEEPING" then
    phase, words = "bad", "its process ended by itself; nothing serves"
  end
  return {
    id = raw.id, status = raw.status, phase = phase, words = words, commit = some(meta.commitHash),
    branch = some(meta.branch),
    message = some(meta.commitMessage), author = some(meta.commitAuthor),
    reason = some(meta.reason),
    created_at = raw.createdAt, status_at = some(raw.statusUpdatedAt),
    can_rollback = raw.canRollback,
    can_redeploy = raw.canRedeploy, stopped = stopped, url = some(raw.staticUrl) or some(raw.url),
  }
end

M.row_of = row_of

-- A dry-run's deployment that is to be: what a script asks of it later has to have an answer.
local function is_predicted(id)
  return id:sub(1, 1) == "("
end

local function predicted_row(id, o)
  o = o or {}
  return { id = id, status = "SUCCESS", phase = "good", words = M.STATUS.SUCCESS[2],
    commit = o.commit, reason = o.reason, created_at = host.clock_text(host.now()),
    status_at = host.clock_text(host.now()), can_rollback = false, can_redeploy = true,
    stopped = false }
end

M.is_predicted, M.predicted_row = is_predicted, predicted_row

-- Reading ------------------------------------------------------------------------

--- Calls `each(row)` for the deployments, newest first, until it returns true or `most` were seen.
function M.walk(environment, most, each)
  local seen = 0
  api.pages(("deployments of environment \"%s\""):format(environment), function (after)
    local page = api.ask(environment, "Deployments", { input = api.place(environment),
      first = math.min(50, most - seen), after = after }).deployments
    for _, edge in ipairs(page.edges) do
      seen = seen + 1
      if each(row_of(edge.node)) or seen >= most then
        return nil
      end
    end
    return page.pageInfo
  end, api.PAGES + most // 50)
end

function M.list(o)
  local out = host.json.array {}
  M.walk(o.environment, o.first, function (row)
    out[#out + 1] = row
  end)
  return out
end

function M.get(environment, id)
  if is_predicted(id) then
    return predicted_row(id)
  end
  local s = api.scope(environment)
  local raw = api.ask(environment, "Deployment", { id = id },
    { where = "deployment " .. id }).deployment
  if raw.environmentId ~= s.environment.id then
    host.raise("railway.scope", ("deployment %s is of another environment than \"%s\""):format(id,
      s.environment.name))
  end
  return row_of(raw)
end

--- Where a deployment stands, without what does not change.
function M.state(o)
  local row = M.get(o.environment, o.deployment)
  return { id = row.id, status = row.status, phase = row.phase, words = row.words,
    status_at = row.status_at, stopped = row.stopped, commit = row.commit, reason = row.reason }
end

--- Milliseconds of a time as scripts have it: they, a text, or what clock.now gives.
function M.ms_of(time)
  if type(time) == "table" and math.type(time.ms) == "integer" then
    return time.ms
  elseif type(time) ~= "number" and type(time) ~= "string" then
    host.raise("railway.time", ("a time is a text (RFC 3339), milliseconds or what clock.now gives, not %s"):format(
      type(time)), { refused = true })
  end
  return type(time) == "number" and math.floor(time) or host.time(time)
end

function M.of_commit(o)
  local since = o.since and M.ms_of(o.since)
  local found
  M.walk(o.environment, 200, function (row)
    if since and host.time(row.created_at) < since then
      return true
    elseif row.commit == o.commit then
      found = row
      return true
    end
  end)
  return found
end

function M.active(o)
  local s = api.scope(o.environment)
  local out = host.json.array {}
  local data = api.ask(o.environment, "ServiceInstance", { environmentId = s.environment.id,
    serviceId = s.service.id })
  for i, raw in ipairs(data.serviceInstance.activeDeployments) do
    out[i] = row_of(raw)
  end
  return out
end

function M.triggers(o)
  local s = api.scope(o.environment)
  local out = host.json.array {}
  local data = api.ask(o.environment, "DeploymentTriggers", { environmentId = s.environment.id })
  for _, edge in ipairs(data.environment.deploymentTriggers.edges) do
    local node = edge.node
    if some(node.serviceId) == nil or node.serviceId == s.service.id then
      out[#out + 1] = { id = node.id, branch = node.branch, repository = node.repository,
        provider = some(node.provider),
        wait_for_ci = node.checkSuites == true, service = some(node.serviceId) }
    end
  end
  return out
end

-- Which one is meant ------------------------------------------------------------------

local function starts(text, prefix)
  return text ~= nil and text:sub(1, #prefix) == prefix
end

-- The newest deployment of a commit that could be gone back to; else the newest of it.
local function by_commit(environment, commit)
  local found, usable
  M.walk(environment, 200, function (row)
    if starts(row.commit, commit:lower()) then
      found = found or row
      usable = usable or (row.can_rollback and row) or nil
    end
    return usable ~= nil
  end)
  if not found then
    host.raise("railway.not-found", ("environment \"%s\" has no deployment of the commit %s among its newest 200"):format(
      environment, commit), { refused = true })
  end
  return usable or found
end

--- The deployment that an id or a commit (7 digits or more) names.
function M.named(environment, text)
  if text:find(api.UUID) or is_predicted(text) then
    return M.get(environment, text)
  elseif text:find("^%x+$") and #text >= 7 and #text <= 40 then
    return by_commit(environment, text)
  end
  host.raise("railway.not-found", ("\"%s\" is neither a deployment's id nor a commit (7 to 40 hexadecimal digits)"):format(
    text), { refused = true })
end

-- Which one is ours --------------------------------------------------------------------
-- Railway answers a rollback with `true`, and an answer can be lost. Ours was not there before,
-- was made after the call, is of the right commit and was made for the right reason.

local POLL = 5000
local LATE = 120000 -- lists lag: after so long, what is not there did not happen
local CLOCKS = 10000 -- ms by which Railway's clock and ours may differ

-- What was there before, by what is done; lost with the process, then times have to do.
local before = {}
-- Deployments that a call of this process made, by its key: no other call's.
local taken = {}

local function key_of(o)
  return table.concat({ o.environment, o.what, o.target or "", o.key or "" }, "\n")
end

--- The deployment with this id was made by the call with this key.
function M.take(id, key)
  taken[id] = key
end

--- Remembers what is there now. o: { environment, what, target }
function M.remember(o)
  local ids = {}
  M.walk(o.environment, 50, function (row)
    ids[row.id] = true
  end)
  before[key_of(o)] = ids
  return ids
end

-- "ours", "perhaps" or nil
local function judge(o, ids, row)
  local fresh = ids and not ids[row.id]
  local made = host.time(row.created_at)
  local others = taken[row.id] and taken[row.id] ~= o.key
  if others or ids and ids[row.id] or (not ids and made < o.began - CLOCKS) then
    return nil
  elseif o.commit and row.commit and row.commit ~= o.commit then
    return nil
  elseif not fresh and made < o.began then
    return "perhaps"
  elseif o.commit and not row.commit then
    return "perhaps"
  end
  return (row.reason == nil or row.reason == o.reason) and "ours" or "perhaps"
end

-- Two lists: what fits in all, and what may be ours.
local function candidates(o, ids)
  local ours, perhaps = {}, {}
  M.walk(o.environment, 100, function (row)
    local verdict = judge(o, ids, row)
    local into = verdict == "ours" and ours or verdict == "perhaps" and perhaps or {}
    into[#into + 1] = row
    return host.time(row.created_at) < o.began - 10 * 60000
  end)
  return ours, perhaps
end

--- Waits until the deployment that a call made is listed. o: { environment, what, target, began (ms),
-- commit, reason, patience }. Returns its row, or nil and "none", "several" or "perhaps".
function M.find_ours(o)
  local ids = before[key_of(o)]
  local give_up = host.now() + (o.patience or LATE)
  while true do
    local ours, perhaps = candidates(o, ids)
    if #ours == 1 then
      M.take(ours[1].id, o.key)
      return ours[1]
    elseif #ours > 1 then
      return nil, "several"
    elseif host.now() >= give_up then
      return #perhaps == 1 and o.certain and perhaps[1] or nil, #perhaps > 0 and "perhaps" or "none"
    end
    host.sleep(math.min(POLL, math.max(1, give_up - host.now())))
  end
end

local STOPPED = { cancelled = true, interrupted = true }
local WHY = { several = "several new deployments fit, and which is this call's cannot be told",
  perhaps = "a new deployment fits only in part (its reason, commit or time)",
  none = "no new deployment is listed" }

--- As find_ours, after Railway said yes: whatever goes wrong now, the call was made.
function M.made(o)
  o.certain = true
  local ok, row, why = pcall(M.find_ours, o)
  if ok and row then
    return row
  elseif not ok and type(row) == "table" and STOPPED[row.code] then
    error(row, 0)
  end
  host.raise("railway.deployment-missing", ("%s: Railway took it on, and then %s"):format(o.where,
    ok and WHY[why] or type(row) == "table" and row.message or tostring(row)), { unknown = true })
end

--- The answer of a probe; an error where nobody can tell.
function M.settle(o)
  local row, why = M.find_ours(o)
  if row then
    return { happened = true, result = o.result and o.result(row) or row }
  elseif why == "none" then
    return { happened = false }
  end
  host.raise("railway.ambiguous", ("%s: %s"):format(o.where, WHY[why]), { unknown = true })
end

return M
