-- What changes Railway's deployments: back to an old one, an old one once more, a
-- commit, and taking down what is there.

local host = ...
local api = host.require "railway_api"
local deployments = host.require "railway_deployments"
local compare = host.require "railway_compare"

local M = {}

local KNOWN_LATER = "(known after railway.%s)"

local function refuse(code, message, ...)
  host.raise(code, message:format(...), { refused = true })
end

local function describe(row)
  local commit = row.commit and (" (commit %s)"):format(row.commit:sub(1, 7)) or ""
  return row.id .. commit
end

local function accepted(yes, o, what)
  if yes ~= true then
    host.raise("railway.graphql", ("%s: Railway answers `false`: it did not %s"):format(o.where,
      what))
  end
end

-- Rollback -----------------------------------------------------------------------

local RETENTION = "Railway keeps the image of a removed deployment for 24 h (Free), 72 h (Hobby), 120 h (Pro) "
  .. "or 360 h (Enterprise)"

local function check_rollback(o, row, active)
  local same = active and (active.id == row.id
    or o.deployment ~= row.id and active.commit == row.commit)
  if same then
    refuse("railway.not-rollbackable", "environment \"%s\": deployment %s is the one that serves",
      o.environment, describe(active))
  elseif not row.can_rollback then
    refuse("railway.not-rollbackable", "environment \"%s\": Railway cannot go back to deployment %s, which is %s since %s: %s. "
      .. "Deploy the commit instead: railway.deploy { environment = \"%s\", commit = \"%s\" }",
      o.environment, describe(row), row.status, row.status_at or row.created_at, RETENTION,
      o.environment, row.commit or "…")
  end
end

--- What a rollback would do: { deployment, active, possible, variables, before }, and the names that
-- would change; in a dry-run with what earlier changes of it would have done.
function M.plan(o, overlay)
  local row = deployments.named(o.environment, o.deployment)
  local active = deployments.active(o)[1]
  local difference, names, before = compare.difference(o.environment, row, overlay)
  return { deployment = row, active = active, possible = row.can_rollback,
    variables = difference, before = before }, names
end

local function set_of(list)
  local out = {}
  for _, name in ipairs(list) do
    out[name] = true
  end
  return out
end

local function check_expected(o, plan)
  if not o.expect_variables then
    return
  elseif type(plan.variables) ~= "table" then
    refuse("railway.variables", "environment \"%s\": expect_variables is given, but what variables deployment %s had is %s",
      o.environment, describe(plan.deployment), plan.variables)
  end
  local expected, other = set_of(o.expect_variables), {}
  for _, list in ipairs { plan.variables.changed, plan.variables.added, plan.variables.removed } do
    for _, name in ipairs(list) do
      if not expected[name] then
        other[#other + 1] = name
      end
    end
  end
  if #other > 0 then
    refuse("railway.variables", "environment \"%s\": going back to deployment %s would also change the variables %s, "
      .. "which expect_variables does not name", o.environment, describe(plan.deployment),
      table.concat(other, ", "))
  end
end

local function checked_plan(o, overlay)
  local plan, names = M.plan(o, overlay)
  check_rollback(o, plan.deployment, plan.active)
  check_expected(o, plan)
  return plan, names
end

local function result_of(row, plan, changed)
  row.back_to = plan.deployment.id
  row.variables, row.before = plan.variables, plan.before
  row.variables_changed = changed
  return row
end

-- What was there before a rollback, for the look after a lost answer; lost with the process.
local plans = {}

local function key_of(o)
  return o.environment .. "\n" .. o.deployment
end

local function search(o, what, began, more)
  return { environment = o.environment, what = what, target = o.deployment or o.commit,
    began = began, where = ("environment \"%s\""):format(o.environment), commit = more.commit,
    reason = more.reason or what, patience = more.patience, result = more.result, key = more.key }
end

function M.rollback(o, intent)
  local plan = checked_plan(o)
  local find = search(o, "rollback", host.now(), { commit = plan.deployment.commit,
    key = intent.key })
  deployments.remember(find)
  plans[key_of(o)] = plan
  local data = api.ask(o.environment, "DeploymentRollback", { id = plan.deployment.id },
    { write = true, where = "going back to deployment " .. describe(plan.deployment) })
  accepted(data.deploymentRollback, find, "go back")
  local row = deployments.made(find)
  return result_of(row, plan, compare.changed_by(o.environment, row.id, plan.before))
end

local function words_of(plan)
  local v = plan.variables
  if type(v) ~= "table" then
    return "variables: " .. v
  end
  local parts = {}
  for _, kind in ipairs { "changed", "added", "removed" } do
    if #v[kind] > 0 then
      parts[#parts + 1] = kind .. ": " .. table.concat(v[kind], ", ")
    end
  end
  return #parts > 0 and "variables " .. table.concat(parts, "; ") or "variables: none changes"
end

function M.predict_rollback(o, overlay)
  local plan, names = checked_plan(o, overlay)
  local row = deployments.predicted_row(KNOWN_LATER:format "rollback",
    { commit = plan.deployment.commit, reason = "rollback" })
  return { sign = "~", result = result_of(row, plan, names), note = words_of(plan),
    before = plan.active and describe(plan.active) or nil, after = describe(plan.deployment) }
end

local LOST = "not known: the answer was lost, and now they are as they are"

function M.probe_rollback(o, intent)
  local row = deployments.named(o.environment, o.deployment)
  return deployments.settle(search(o, "rollback", intent.began, { commit = row.commit,
    key = intent.key, result = function (made)
      local plan = plans[key_of(o)]
      if plan then
        return result_of(made, plan, compare.changed_by(o.environment, made.id, plan.before))
      end
      return result_of(made, { deployment = row, variables = LOST }, LOST)
    end }))
end

-- Redeploy -------------------------------------------------------------------------

local function checked_redeploy(o)
  local row = deployments.get(o.environment, o.deployment)
  if not row.can_redeploy then
    refuse("railway.not-redeployable", "environment \"%s\": Railway does not deploy %s anew while it is %s",
      o.environment, describe(row), row.status)
  end
  return row
end

function M.redeploy(o, intent)
  local row = checked_redeploy(o)
  local find = search(o, "redeploy", host.now(), { commit = row.commit, key = intent.key })
  deployments.remember(find)
  local data = api.ask(o.environment, "DeploymentRedeploy", { id = o.deployment,
    usePreviousImageTag = o.use_previous_image },
    { write = true, where = "deploying " .. describe(row) .. " anew" })
  deployments.take(data.deploymentRedeploy.id, intent.key)
  return deployments.row_of(data.deploymentRedeploy)
end

function M.predict_redeploy(o)
  local row = checked_redeploy(o)
  return { sign = "+", result = deployments.predicted_row(KNOWN_LATER:format "redeploy",
    { commit = row.commit, reason = "redeploy" }), after = describe(row),
    note = "the same commit, with the variables and settings of now" }
end

function M.probe_redeploy(o, intent)
  local row = deployments.get(o.environment, o.deployment)
  return deployments.settle(search(o, "redeploy", intent.began,
    { commit = row.commit, key = intent.key }))
end

-- Deploy -----------------------------------------------------------------------------

local function check_commit(o)
  if not o.commit:find("^%x+$") or #o.commit ~= 40 then
    refuse("railway.commit", "environment \"%s\": \"%s\" is no full commit: Railway wants its 40 hexadecimal digits",
      o.environment, o.commit)
  end
end

-- Lists and lookups lag: the id alone is an answer as well.
local function row_soon(environment, id, commit)
  for _ = 1, 6 do
    local ok, row = pcall(deployments.get, environment, id)
    if ok then
      return row
    elseif type(row) ~= "table" or (row.code ~= "railway.not-found" and not row.retryable) then
      break
    end
    host.sleep(5000)
  end
  return { id = id, status = "UNKNOWN", phase = "unknown", words = "it cannot be read yet",
    commit = commit, reason = "deploy", stopped = false }
end

function M.deploy(o, intent)
  check_commit(o)
  local place = api.place(o.environment)
  local find = search(o, "deploy", host.now(), { commit = o.commit, key = intent.key })
  deployments.remember(find)
  local data = api.ask(o.environment, "ServiceInstanceDeploy", { serviceId = place.serviceId,
    environmentId = place.environmentId, commitSha = o.commit },
    { write = true, where = "deploying commit " .. o.commit:sub(1, 7) })
  deployments.take(data.serviceInstanceDeployV2, intent.key)
  return row_soon(o.environment, data.serviceInstanceDeployV2, o.commit)
end

function M.predict_deploy(o)
  check_commit(o)
  local active = deployments.active(o)[1]
  local known = deployments.of_commit(o) ~= nil
  return { sign = known and "+" or "?", result = deployments.predicted_row(
    KNOWN_LATER:format "deploy", { commit = o.commit, reason = "deploy" }),
    before = active and describe(active) or nil, after = "commit " .. o.commit:sub(1, 7),
    note = not known and "it was never deployed here: whether Railway finds it shows only then"
      or nil }
end

function M.probe_deploy(o, intent)
  return deployments.settle(search(o, "deploy", intent.began,
    { commit = o.commit, key = intent.key }))
end

-- Taking down --------------------------------------------------------------------------

-- What each of these may be done to, what it is called, and how it shows afterwards.
local ENDS = {
  cancel = { operation = "DeploymentCancel", field = "deploymentCancel", verb = "cancel",
    may = function (row) return row.phase == "moving" or row.phase == "unknown" end,
    why = "only what is still in motion can be cancelled",
    done = function (row) return row.status == "REMOVED" end,
    after = { status = "REMOVED", phase = "bad" } },
  stop = { operation = "DeploymentStop", field = "deploymentStop", verb = "stop",
    may = function (row)
      return not row.stopped and row.status ~= "REMOVED" and row.status ~= "SKIPPED"
        and row.status ~= "FAILED"
    end,
    why = "nothing of it runs",
    done = function (row) return row.stopped or row.status == "REMOVED" end,
    after = { stopped = true, phase = "bad" } },
  restart = { operation = "DeploymentRestart", field = "deploymentRestart", verb = "restart",
    may = function (row)
      return row.status == "SUCCESS" or row.status == "CRASHED" or row.status == "SLEEPING"
    end,
    why = "only what was started can be started once more", after = {} },
}

local function checked(o, kind)
  local row = deployments.get(o.environment, o.deployment)
  if not kind.may(row) and not deployments.is_predicted(row.id) then
    refuse("railway.not-possible", "environment \"%s\": deployment %s is %s%s: %s", o.environment,
      describe(row), row.status, row.stopped and ", and stopped" or "", kind.why)
  end
  return row
end

local function end_it(o, kind)
  local row = checked(o, kind)
  local where = ("%s of deployment %s"):format(kind.verb, describe(row))
  local data = api.ask(o.environment, kind.operation, { id = o.deployment },
    { write = true, where = where })
  accepted(data[kind.field], { where = where }, kind.verb)
  return { id = o.deployment, done = kind.verb }
end

local function predict_end(o, kind)
  local row = checked(o, kind)
  return { sign = kind.verb == "restart" and "~" or "-", result = { id = o.deployment,
    done = kind.verb }, before = row.status, after = kind.after.status or kind.verb }
end

-- It may take Railway some seconds to show it.
local function probe_end(o, kind)
  for i = 1, 7 do
    if kind.done(deployments.get(o.environment, o.deployment)) then
      return { happened = true, result = { id = o.deployment, done = kind.verb } }
    elseif i < 7 then
      host.sleep(5000)
    end
  end
  return { happened = false }
end

--- act, predict and probe of "cancel", "stop" or "restart".
function M.ending(name)
  local kind = ENDS[name]
  return function (o) return end_it(o, kind) end, function (o) return predict_end(o, kind) end,
    function (o) return probe_end(o, kind) end
end

return M
