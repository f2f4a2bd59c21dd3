-- The history of migrations, changed by hand: what `supabase migration repair` does. No statement
-- of a migration is run.

local host = ...
local files = host.require "migration_files"
local database = host.require "database"
local history = host.require "migration_history"
local push = host.require "migration_push"

local M = {}

local refuse = database.refuse

local function where_of(o)
  return ("environment \"%s\""):format(o.environment)
end

local function repair_plan(source, state, o)
  local there, where = false, where_of(o)
  for _, row in ipairs(state.rows) do
    there = there or row.version == o.version
  end
  if o.status == "reverted" then
    if not there then
      refuse("supabase.version", where, "its history has no version %s to take out", o.version)
    end
    return history.delete(host.json.array { o.version }), there
  end
  for _, file in ipairs(source.files) do
    if file.version == o.version then
      return history.upsert(file, files.texts(source, file)), there
    end
  end
  refuse("supabase.version", where, "%s has no file with the version %s: what was applied is "
    .. "taken from it",
    files.where(o), o.version)
end

local function check_repair(where, state, o)
  if o.status == "reverted" and not state.may_delete
    or o.status == "applied" and state.has_table and not (state.may_insert
    and state.may_update) then
    refuse("supabase.permission", where, "the role \"%s\" may not change the history "
      .. "supabase_migrations.schema_migrations", state.role)
  elseif o.status == "applied" then
    history.check_privileges(where, state)
  end
end

function M.act(o)
  local source = files.list(o)
  return push.open(o, function (c)
    local where = where_of(o)
    history.lock(c, where)
    local state = history.read(c, where)
    local statement, there = repair_plan(source, state, o)
    check_repair(where, state, o)
    history.make(c, where, state)
    database.ask(c, where, statement.sql, statement.params)
    return { environment = o.environment, version = o.version, status = o.status,
      was = there and "applied" or "not applied" }
  end)
end

function M.predict(o, overlay)
  local source = files.list(o)
  return push.open(o, function (c)
    local where = where_of(o)
    history.check_lock(c, where)
    local state = history.read(c, where)
    state.rows = push.predicted(overlay, o.environment) or state.rows
    local _, there = repair_plan(source, state, o)
    check_repair(where, state, o)
    local rows = host.json.array {}
    for _, row in ipairs(state.rows) do
      if row.version ~= o.version then
        rows[#rows + 1] = row
      end
    end
    if o.status == "applied" then
      rows[#rows + 1] = { version = o.version }
    end
    push.remember(overlay, o.environment, rows)
    local was = there and "applied" or "not applied"
    return { sign = o.status == "applied" and not there and "+" or there
      and o.status == "reverted" and "-"
      or "~", before = was, after = o.status, note = "no statement of the migration is run",
      result = { environment = o.environment, version = o.version, status = o.status, was = was } }
  end)
end

function M.probe(o)
  return push.open(o, function (c)
    if not push.wait_until_free(c, where_of(o)) then
      return nil
    end
    local there = false
    for _, row in ipairs(history.read(c, where_of(o)).rows) do
      there = there or row.version == o.version
    end
    if there == (o.status == "applied") then
      return { happened = true, result = { environment = o.environment, version = o.version,
        status = o.status, was = "not known" } }
    end
    return { happened = false }
  end)
end

return M
