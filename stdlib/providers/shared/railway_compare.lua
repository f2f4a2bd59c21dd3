-- What would run, what runs and what did: Railway's variables compared by their fingerprints.

local host = ...
local variables = host.require "railway_variables"

local M = {}

-- The service's values as they are written and as a deployment would get them.
local function of_now(environment, overlay)
  local now = { written = variables.prints(variables.current(environment, { unrendered = true })),
    rendered = variables.prints(variables.current(environment, { unrendered = false })),
    sealed = variables.sealed(environment) }
  for name, change in pairs(variables.predicted(environment, overlay)) do
    now.written[name] = change.fingerprint
    now.rendered[name] = change.fingerprint
  end
  return now
end

-- A sealed one is seen nowhere, so nothing can be said of it.
local function compare(now, then_)
  local out = { changed = {}, added = {}, removed = {}, unknown = variables.sorted(now.sealed) }
  for name, print in pairs(then_) do
    local here = now.written[name] or now.rendered[name]
    if not now.sealed[name] and not here then
      table.insert(out.added, name)
    elseif not now.sealed[name] and print ~= now.written[name] and print ~= now.rendered[name] then
      table.insert(out.changed, name)
    end
  end
  for name in pairs(now.written) do
    if then_[name] == nil and not now.sealed[name] then
      table.insert(out.removed, name)
    end
  end
  for _, kind in ipairs { "changed", "added", "removed" } do
    table.sort(out[kind])
    host.json.array(out[kind])
  end
  return out
end

local function both(now, then_, names)
  local out = {}
  for _, name in ipairs(names) do
    out[name] = { now = now.written[name] or now.rendered[name], ["then"] = then_[name] }
  end
  return out
end

M.UNREADABLE = "not readable beforehand: compare with railway.verify afterwards"
M.UNREAD = "not readable: compare with railway.verify { before = … } once it serves"

local function of_now_as_before(now)
  return { written = now.written, rendered = now.rendered, sealed = variables.sorted(now.sealed) }
end

local function names_of(difference)
  local names = host.json.array {}
  for _, kind in ipairs { "changed", "added", "removed" } do
    table.move(difference[kind], 1, #difference[kind], #names + 1, names)
  end
  return names
end

--- What going back to a deployment would do to the variables, a text where Railway does not tell;
-- which names that are; and what there is before it, to compare with afterwards.
function M.difference(environment, row, overlay)
  local now = of_now(environment, overlay)
  local before = of_now_as_before(now)
  local values = variables.snapshot(environment, row.id)
  if not values then
    return M.UNREADABLE, M.UNREADABLE, before
  end
  local then_ = variables.prints(values)
  local out = compare(now, then_)
  local names = names_of(out)
  out.fingerprints = both(now, then_, names)
  table.sort(names)
  return out, names, before
end

-- Before and after ---------------------------------------------------------------------
-- After a rollback the service and what runs may agree with each other, and not with what was
-- there before it: a key that was replaced since is back.

-- Adds to `out` the names that are not as they were before.
local function add_changed(out, before, then_)
  local sealed = variables.set_of(before.sealed)
  local function judge(name)
    local print = then_[name]
    if not sealed[name] and print ~= before.written[name] and (print == nil
      or print ~= before.rendered[name]) then
      out[name] = true
    end
  end
  for name in pairs(then_) do
    judge(name)
  end
  for name in pairs(before.written) do
    judge(name)
  end
end

local STOPPED = { cancelled = true, interrupted = true }

--- The names of the variables that are not as they were before, of the service or of its new
-- deployment; a text where that cannot be read. The rollback was made: nothing of this fails it.
function M.changed_by(environment, id, before)
  local ok, found = pcall(function ()
    local values = variables.snapshot(environment, id)
    if not values then
      return M.UNREAD
    end
    local names, now = {}, of_now(environment)
    add_changed(names, before, variables.prints(values))
    add_changed(names, before, now.written)
    for name in pairs(now.sealed) do
      names[name] = nil
    end
    return variables.sorted(names)
  end)
  if not ok and type(found) == "table" and STOPPED[found.code] then
    error(found, 0)
  end
  return ok and found or M.UNREAD
end

-- What the script gives as `before`: a result of railway.rollback or rollback_plan, or its `before`.
local function before_of(o)
  local given = o.before
  given = given and (given.before or given)
  if given and (type(given.written) ~= "table" or type(given.rendered) ~= "table"
    or type(given.sealed) ~= "table") then
    host.raise("railway.before", ("environment \"%s\": before should be what railway.rollback_plan gave before the "
      .. "rollback, or railway.rollback; a rollback whose answer was lost before a resume has no `before`, "
      .. "the plan has it"):format(o.environment), { refused = true })
  end
  return given
end

-- Names that differ from what the script expects.
local function unexpected(o, then_)
  local out = {}
  for name, value in pairs(o.expect or {}) do
    local wanted = variables.expected_print(value)
    if not wanted and value ~= false then
      variables.wrong_expect(o.environment, name)
    end
    out[name] = then_[name] ~= (wanted or nil) or nil
  end
  return out
end

local function since(o, now, then_)
  local before, names, wanted = before_of(o), {}, variables.set_of(o.names)
  if not before then
    return nil
  end
  add_changed(names, before, then_)
  for name in pairs(names) do
    if now.sealed[name] or wanted and not wanted[name] then
      names[name] = nil
    end
  end
  return variables.sorted(names), before
end

local function verdict(o, now, then_, found)
  local differing, wanted = unexpected(o, then_), variables.set_of(o.names)
  local changed, before = since(o, now, then_)
  for _, name in ipairs(changed or {}) do
    differing[name] = true
  end
  for _, kind in ipairs { "changed", "added", "removed" } do
    for _, name in ipairs(found[kind]) do
      differing[name] = differing[name] or not wanted or wanted[name] or nil
    end
  end
  local names = variables.sorted(differing)
  local prints = both(now, then_, names)
  for _, name in ipairs(changed or {}) do
    prints[name].before = before.written[name]
  end
  return { same = #names == 0, differing = names, changed = changed, unknown = found.unknown,
    fingerprints = prints }
end

--- Whether what runs has the variables that the service has now.
function M.verify(o, overlay)
  local values, id, source = variables.as_deployed(o)
  local now, then_ = of_now(o.environment, overlay), variables.prints(values)
  for name, change in pairs(variables.predicted(o.environment, overlay)) do
    if change.deployed then
      then_[name] = change.fingerprint
    end
  end
  local out = verdict(o, now, then_, compare(now, then_))
  out.deployment, out.source = id, source
  return out
end

return M
