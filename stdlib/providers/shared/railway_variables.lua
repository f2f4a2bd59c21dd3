-- Railway's variables: what a service has, what a deployment was given, and
-- changes, all at once and never in place of the others.
--
-- What Railway adds itself (RAILWAY_…) is left out. A sealed one is known by name only.

local host = ...
local api = host.require "railway_api"
local deployments = host.require "railway_deployments"

local M = {}

local function refuse(code, message, ...)
  host.raise(code, message:format(...), { refused = true })
end

local function is_own(name)
  return name:sub(1, 8) ~= "RAILWAY_"
end

local function sorted(t)
  local keys = {}
  for key in pairs(t) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return host.json.array(keys)
end

-- name -> text of what the API gave.
local function plain(map)
  local out = {}
  for name, value in pairs(map) do
    if is_own(name) and value ~= host.null then
      out[name] = type(value) == "string" and value or host.json.encode(value)
    end
  end
  return out
end

-- o: { shared, unrendered }
local function current(environment, o)
  local place = api.place(environment)
  local asked = { projectId = place.projectId, environmentId = place.environmentId,
    serviceId = not o.shared and place.serviceId or nil, unrendered = o.unrendered }
  return plain(api.ask(environment, "Variables", asked).variables)
end

-- Names of those that never come back, and whether Railway told; it does not tell every credential.
local function sealed(environment, shared)
  local place = api.place(environment)
  local out, told = {}, true
  api.pages(("sealed variables of environment \"%s\""):format(environment), function (after)
    local data = api.ask(environment, "SealedVariables", { id = place.environmentId,
      after = after }, { judge = function (message)
        told = not api.is_denied(message)
        return not told
      end })
    local page = told and data.environment.variables
    for _, edge in ipairs(page and page.edges or {}) do
      local service = api.some(edge.node.serviceId)
      local here = shared and service == nil or not shared and service == place.serviceId
      if edge.node.isSealed and here then
        out[edge.node.name] = true
      end
    end
    return page and page.pageInfo
  end)
  return told and out or {}, told
end

local function secret_of(environment, name, text)
  return host.secret(("railway:%s/%s"):format(environment, name), text)
end

-- name -> { fingerprint, value (of those asked for), sealed }
local function shown(environment, values, hidden, names)
  local wanted, out = names and {}, {}
  for _, name in ipairs(names or {}) do
    wanted[name] = true
  end
  for name, text in pairs(values) do
    if not wanted or wanted[name] then
      out[name] = { fingerprint = host.fingerprint(text),
        value = wanted and secret_of(environment, name, text) or nil }
    end
  end
  for name in pairs(hidden) do
    if not out[name] and (not wanted or wanted[name]) then
      out[name] = { sealed = true }
    end
  end
  return out
end

function M.read(o)
  local hidden = sealed(o.environment, o.shared)
  return shown(o.environment, current(o.environment, o), hidden, o.names)
end

-- What a deployment was given; nil where Railway does not tell.
local function snapshot(environment, id)
  local data = api.ask(environment, "DeploymentSnapshot", { deploymentId = id },
    { where = "deployment " .. id, judge = function (message)
      return api.is_denied(message), {}
    end })
  local found = api.some(data.deploymentSnapshot)
  local map = type(found) == "table" and api.some(found.variables)
  return type(map) == "table" and plain(map) or nil
end

-- text by name, the deployment's id, and where it is from.
local function as_deployed(o)
  local id = o.deployment
  if not id then
    local active = deployments.active(o)[1]
    id = active and active.id
  end
  if id and deployments.is_predicted(id) then
    return current(o.environment, { unrendered = false }), id, "predicted"
  end
  local values = id and snapshot(o.environment, id)
  if values then
    return values, id, "snapshot"
  elseif o.deployment then
    refuse("railway.not-readable", "environment \"%s\": Railway does not tell what variables deployment %s was given",
      o.environment, o.deployment)
  end
  return plain(api.ask(o.environment, "VariablesForServiceDeployment",
    api.place(o.environment)).variablesForServiceDeployment), id, "service"
end

function M.read_deployed(o)
  local values, id, source = as_deployed(o)
  return { deployment = id, source = source,
    variables = shown(o.environment, values, {}, o.names) }
end

-- Fingerprints -----------------------------------------------------------------------
-- They are all that a dry-run knows of what would be written.

local function prints(values)
  local out = {}
  for name, text in pairs(values) do
    out[name] = host.fingerprint(text)
  end
  return out
end

local function overlay_key(o)
  return "railway.variables " .. o.environment .. (o.shared and " shared" or "")
end

-- What earlier changes of a dry-run would have made of the service's own variables.
local function predicted(environment, overlay)
  return overlay and overlay.get(overlay_key { environment = environment }) or {}
end

-- What the script says it should be: a fingerprint, or a secret of which to make one.
local function expected_print(value)
  if type(value) == "string" and value:find("^%x+$") and #value == 16 then
    return value
  elseif type(value) == "userdata" and value ~= host.null then
    return host.fingerprint(value)
  end
  return nil
end

local function wrong_expect(environment, name)
  refuse("railway.expect", "environment \"%s\": expect.%s should be a fingerprint (16 hexadecimal digits), a secret, "
    .. "or false for one that is not there", environment, name)
end

local function set_of(list)
  local out = list and {}
  for _, name in ipairs(list or {}) do
    out[name] = true
  end
  return out
end

-- What railway_compare.lua compares with.
M.current, M.sealed, M.snapshot, M.as_deployed = current, sealed, snapshot, as_deployed
M.prints, M.predicted, M.set_of, M.sorted = prints, predicted, set_of, sorted
M.expected_print, M.wrong_expect = expected_print, wrong_expect

-- Writing ------------------------------------------------------------------------------

local function check_name(o, name)
  if type(name) ~= "string" or not name:find("^[%a_][%w_]*$") or not is_own(name) then
    refuse("railway.name", "environment \"%s\": \"%s\" cannot be a variable's name: letters, digits and \"_\", "
      .. "not a digit first, and not RAILWAY_…, which are Railway's", o.environment, tostring(name))
  end
end

local function is_part(value)
  return type(value) == "string" or type(value) == "userdata" and value ~= host.null
end

-- A text or a secret; a list of them is put together to one secret.
local function value_of(o, name)
  local value = o.values[name]
  if is_part(value) then
    return value
  elseif type(value) == "table" and #value > 0 then
    local parts = {}
    for i, part in ipairs(value) do
      parts[i] = is_part(part) and host.reveal(part) or nil
    end
    if #parts == #value then
      return secret_of(o.environment, name, table.concat(parts))
    end
  end
  refuse("railway.values", "environment \"%s\": values.%s is %s; a text, a secret or a list of such parts is wanted "
    .. "(railway.delete_variable takes one away)", o.environment, name,
    value == host.null and "null" or type(value))
end

-- The names of what is to be written, in order, and name -> text or secret.
local function check_values(o)
  local names, values = sorted(o.values), {}
  if #names == 0 then
    refuse("railway.values", "environment \"%s\": values is empty", o.environment)
  end
  for _, name in ipairs(names) do
    check_name(o, name)
    values[name] = value_of(o, name)
  end
  return names, values
end

-- Railway knows no comparing write: this is looked at just before, which leaves a moment.
local function check_expect(o, now, hidden)
  for name, value in pairs(o.expect or {}) do
    local wanted = expected_print(value)
    if not wanted and value ~= false then
      wrong_expect(o.environment, name)
    elseif hidden[name] then
      refuse("railway.conflict", "environment \"%s\": %s is sealed, so what it is cannot be compared with expect",
        o.environment, name)
    end
    if now[name] ~= (wanted or nil) then
      refuse("railway.conflict", "environment \"%s\": %s is %s and not %s as expected: somebody else changed it",
        o.environment, name, now[name] or "not there", wanted or "absent")
    end
  end
end

-- Fingerprints of what is there, in a dry-run with what was predicted before.
local function there(o, overlay)
  local now = prints(current(o.environment, { shared = o.shared, unrendered = true }))
  for name, change in pairs(overlay and overlay.get(overlay_key(o)) or {}) do
    now[name] = change.fingerprint
  end
  return now
end

local function look(o, overlay)
  local names, values = check_values(o)
  local now, hidden = there(o, overlay), sealed(o.environment, o.shared)
  check_expect(o, now, hidden)
  local before, after, changed = {}, {}, host.json.array {}
  for _, name in ipairs(names) do
    before[name] = hidden[name] and "sealed" or now[name]
    after[name] = host.fingerprint(values[name])
    if before[name] ~= after[name] then
      changed[#changed + 1] = name
    end
  end
  return { names = names, values = values, before = before, after = after, changed = changed,
    hidden = hidden }
end

local function result_of(o, found, deployment)
  return { names = found.names, changed = found.changed, fingerprints = found.after,
    deploys = not o.skip_deploys, deployment = deployment }
end

local function input_of(o)
  local place = api.place(o.environment)
  return { projectId = place.projectId, environmentId = place.environmentId,
    serviceId = not o.shared and place.serviceId or nil,
    skipDeploys = o.skip_deploys }
end

local function search(o, began, patience)
  return { environment = o.environment, what = "variables", target = M.target(o), began = began,
    reason = "variables", patience = patience, where = "variables" }
end

-- The deployment that the change started, where it shows soon; the change is what counts.
local function started(o, began)
  if o.skip_deploys then
    return nil
  end
  local ok, row = pcall(deployments.find_ours, search(o, began, 30000))
  if not ok and type(row) == "table" and (row.code == "cancelled" or row.code == "interrupted") then
    error(row, 0)
  end
  return ok and row or nil
end

-- What is given as text is shown and journaled with the call: asked before it is written down.
local function check_plain(o)
  for _, name in ipairs(sorted(o.values or {})) do
    if type(o.values[name]) == "string" and not o.plain then
      refuse("railway.plain", "%s is text, which would be shown and journaled: give a secret, or a list of parts such "
        .. "as { secret, \",\", secret }, or say plain = true if it is none", name)
    end
  end
end

function M.target(o)
  check_plain(o)
  return ("%s %s%s"):format(o.environment, o.shared and "shared " or "",
    o.name or table.concat(sorted(o.values), ","))
end

function M.set(o)
  local found = look(o)
  local began = host.now()
  deployments.remember(search(o, began))
  local input = input_of(o)
  -- Never `replace`: it deletes every variable that is not named.
  input.variables, input.replace = found.values, false
  local data = api.ask(o.environment, "VariableCollectionUpsert", { input = input },
    { write = true, where = "variables of " .. o.environment })
  if data.variableCollectionUpsert ~= true then
    host.raise("railway.graphql", ("variables of %s: Railway answers `false`"):format(o.environment))
  end
  return result_of(o, found, started(o, began))
end

local function keep(o, overlay, changes)
  local all = overlay.get(overlay_key(o)) or {}
  for name, change in pairs(changes) do
    all[name] = change
  end
  overlay.set(overlay_key(o), all)
end

local function deploys(o)
  return o.skip_deploys and "no deployment is caused" or "causes a deployment"
end

function M.predict_set(o, overlay)
  local found = look(o, overlay)
  local changes = {}
  for _, name in ipairs(found.names) do
    changes[name] = { fingerprint = found.after[name], deployed = not o.skip_deploys,
      sealed = found.hidden[name] or nil }
  end
  keep(o, overlay, changes)
  local same = #found.changed == 0 and "; no value changes" or ""
  return { sign = "~", before = found.before, after = found.after, note = deploys(o) .. same,
    result = result_of(o, found, not o.skip_deploys
      and deployments.predicted_row("(known after railway.set_variables)",
      { reason = "variables" }) or nil) }
end

local function lay_over(o, shown_, overlay, deployed)
  local wanted = set_of(o.names)
  for name, change in pairs(overlay.get(overlay_key(o)) or {}) do
    if (not wanted or wanted[name]) and (not deployed or change.deployed) then
      shown_[name] = not change.deleted and { sealed = change.sealed,
        fingerprint = not change.sealed and change.fingerprint or nil } or nil
    end
  end
end

--- In a dry-run: what earlier changes of it would have made of the answers.
function M.overlay(o, result, overlay)
  lay_over(o, result, overlay)
  return result
end

function M.overlay_deployed(o, result, overlay)
  lay_over(o, result.variables, overlay, true)
  return result
end

-- Whether all that was to be written is there, as it was to be; and what is not to be seen.
local function written(o, names, wanted)
  local now = current(o.environment, { shared = o.shared, unrendered = true })
  local same, unseen = true, {}
  for _, name in ipairs(names) do
    unseen[#unseen + 1] = now[name] == nil and name or nil
    same = same and now[name] ~= nil and host.fingerprint(now[name]) == wanted[name]
  end
  return same, unseen
end

-- Sealed ones are not to be seen whatever became of them, and not every credential hears of them.
local function may_be_sealed(o, unseen)
  local hidden, told = sealed(o.environment, o.shared)
  for _, name in ipairs(unseen) do
    if hidden[name] or not told then
      return true
    end
  end
  return false
end

function M.probe_set(o, intent)
  local names, values = check_values(o)
  local found, unseen = { names = names, after = {}, changed = names }, nil
  for _, name in ipairs(names) do
    found.after[name] = host.fingerprint(values[name])
  end
  for i = 1, 4 do
    local same
    same, unseen = written(o, names, found.after)
    if same then
      return { happened = true, result = result_of(o, found, started(o, intent.began)) }
    elseif i < 4 then
      host.sleep(5000)
    end
  end
  if may_be_sealed(o, unseen) then
    return nil
  end
  return { happened = false }
end

-- Deleting -------------------------------------------------------------------------------

local function look_for_one(o, overlay)
  check_name(o, o.name)
  local now, hidden = there(o, overlay), sealed(o.environment, o.shared)
  if now[o.name] == nil and not hidden[o.name] then
    refuse("railway.not-found", "environment \"%s\" has no variable %s", o.environment, o.name)
  end
  check_expect(o, now, hidden)
  return hidden[o.name] and "sealed" or now[o.name]
end

function M.delete(o)
  local before, began = look_for_one(o), host.now()
  deployments.remember(search(o, began))
  local input = input_of(o)
  input.name, input.skipDeploys = o.name, nil
  local data = api.ask(o.environment, "VariableDelete", { input = input },
    { write = true, where = ("variable %s of %s"):format(o.name, o.environment) })
  if data.variableDelete ~= true then
    host.raise("railway.graphql", ("variable %s of %s: Railway answers `false`"):format(o.name,
      o.environment))
  end
  return { name = o.name, before = before, deployment = started(o, began) }
end

function M.predict_delete(o, overlay)
  local before = look_for_one(o, overlay)
  keep(o, overlay, { [o.name] = { deleted = true, deployed = true } })
  return { sign = "-", before = before, note = deploys(o),
    result = { name = o.name, before = before } }
end

-- One that is not to be seen is gone, or sealed.
function M.probe_delete(o, intent)
  for i = 1, 4 do
    local now = current(o.environment, { shared = o.shared, unrendered = true })
    if now[o.name] == nil and not sealed(o.environment, o.shared)[o.name] then
      return { happened = true, result = { name = o.name,
        deployment = started(o, intent.began) } }
    elseif i < 4 then
      host.sleep(5000)
    end
  end
  return { happened = false }
end

return M
