-- What became of a write whose answer was lost: Doppler's log tells what came true
-- since it was begun, and the values tell what is true now.

local host = ...

local api = host.require "doppler_api"
local plan = host.require "doppler_plan"

local M = {}

-- What a plan says when the world is no longer as it was: then it did not come true, or is past.
local OUTDATED = { ["doppler.conflict"] = true, ["doppler.no-member"] = true,
  ["doppler.missing"] = true, ["doppler.reference"] = true, ["doppler.last-value"] = true }

local function tried(f, ...)
  local fine, answer = pcall(f, ...)
  if not fine and not OUTDATED[answer.code] then
    error(answer, 0)
  end
  return fine and answer or nil
end

local function values_of(raw)
  local set, n = {}, 0
  for _, member in ipairs(plan.members(raw or "")) do
    set[member.value], n = true, n + 1
  end
  return set, n
end

local function print_list(raw)
  local out = host.json.array {}
  for i, member in ipairs(plan.members(raw or "")) do
    out[i] = host.fingerprint(member.value)
  end
  return out
end

local function print_or_nil(raw)
  return raw and host.fingerprint(raw) or nil
end

-- Is the member of a call among these values? By its text, or by its fingerprint.
local function among(o, set)
  if o.value ~= nil then
    local text = host.reveal(o.value):match("^%s*(.-)%s*$")
    return set[text] and text or nil
  end
  for value in pairs(set) do
    if host.fingerprint(value) == o.fingerprint then
      return value
    end
  end
end

local function list_result(o, diff, value)
  local prints = print_list(diff.added)
  return { changed = true, name = o.name, fingerprint = print_or_nil(value), count = #prints,
    fingerprints = prints }
end

--- For each verb: what the diff of a log entry must be to be its doing, and the result then; or nil
-- and true: it may be.
M.DID = {}

function M.DID.set(o, diff)
  if diff.added == host.reveal(o.value) then
    if o.expect == false and diff.removed ~= nil and diff.removed ~= diff.added then
      api.raise_overwritten(api.place(o.environment), o.name)
    end
    return { changed = true, name = o.name, fingerprint = host.fingerprint(diff.added),
      previous = print_or_nil(diff.removed) }
  end
end

function M.DID.delete(o, diff)
  if diff.added == nil and diff.removed ~= nil then
    return { changed = true, name = o.name, previous = host.fingerprint(diff.removed) }
  end
end

function M.DID.add(o, diff, log, intent)
  local before, n = values_of(diff.removed)
  local after, m = values_of(diff.added)
  local value = plan.generated(o)
  if o.value ~= nil then
    value = among(o, after)
  elseif not value and m == n + 1 then
    -- The process that made the key is gone: it is the one that came along then, and not one that
    -- came before the call, by another one of this run or by clocks that differ.
    if host.time(log.created_at) < intent.began then
      return nil, true
    end
    for one in pairs(after) do
      value = not before[one] and one or value
    end
  end
  if value and after[value] and not before[value] then
    api.seal(api.place(o.environment), o.name, value)
    return list_result(o, diff, value)
  end
end

function M.DID.remove(o, diff)
  local value = among(o, (values_of(diff.removed)))
  if value and diff.added and not values_of(diff.added)[value] then
    return list_result(o, diff, value)
  end
end

function M.DID.promote(o, diff)
  local after, m = values_of(diff.added)
  local value = m == 1 and among(o, after)
  if value then
    local result = list_result(o, diff, value)
    result.removed = host.json.array {}
    for _, print in ipairs(print_list(diff.removed)) do
      if print ~= result.fingerprint then
        table.insert(result.removed, print)
      end
    end
    return result
  end
end

-- All that the entry changed is of this call, and is what this call gives.
function M.DID.set_many(o, _, log)
  local names, prints = host.json.array {}, {}
  for _, diff in ipairs(log.diff) do
    local value = o.values[diff.name]
    if value == nil or diff.added ~= host.reveal(value) then
      return nil
    end
    names[#names + 1] = diff.name
  end
  for name, value in pairs(o.values) do
    prints[name] = host.fingerprint(value)
  end
  return { changed = true, names = names, fingerprints = prints }
end

-- Does the entry concern the call, and can its values be read?
local function concerns(o, log)
  local ours, readable = nil, true
  for _, diff in ipairs(log.diff) do
    if o.values and o.values[diff.name] ~= nil or diff.name == o.name then
      ours = ours or diff
      readable = readable and (diff.added ~= nil or diff.removed ~= nil)
    end
  end
  return ours, readable
end

-- The log's answer: the result, or nil and whether it can be relied upon. What this run does, it
-- does one after the other: an entry that the same author has followed up is from before the call,
-- which clocks alone would not tell.
local function from_log(o, place, intent, did)
  local result, sure, later = nil, true, {}
  local fine, whole = pcall(api.since, place, intent.began, function (log)
    local diff, readable = concerns(o, log)
    if not diff then
      return false
    end
    local author = api.who(log)
    local match, unsure
    if readable then
      match, unsure = did(o, diff, log, intent)
    end
    if match and not later[author or "?"] then
      result = match
    elseif not readable or unsure or (match and not author) then
      sure = false
    end
    later[author or "?"] = true
    return result ~= nil
  end)
  if not fine and (type(whole) ~= "table" or whole.code ~= "doppler.forbidden") then
    error(whole, 0)
  end
  return result, fine and whole and sure
end

-- What was written is not always read at once: that it did not happen is believed after a while.
local LOOKS, PAUSE = 4, 2000

--- Asks find() until it gives something, or nil and false: nobody can tell. Nil and true is believed
-- after a while.
function M.patiently(find)
  for i = 1, LOOKS do
    local found, sure = find()
    if found or not sure or i == LOOKS then
      return found, sure
    end
    host.sleep(PAUSE)
  end
end

-- What happened, or nil and whether that is sure.
local function look(make, did, o, intent)
  local result, sure = from_log(o, api.place(o.environment), intent, did)
  if result then
    return { happened = true, result = result }
  end
  local now = tried(make, o)
  if now and #now.changes == 0 then
    now.result.changed, now.result.previous = true, nil
    return { happened = true, result = now.result }
  end
  return nil, sure
end

--- A probe: make is the plan of the verb, did says which entry of the log would be its doing.
function M.probe(make, did)
  return function (o, intent)
    local found, sure = M.patiently(function () return look(make, did, o, intent) end)
    return found or (sure and { happened = false } or nil)
  end
end

return M
