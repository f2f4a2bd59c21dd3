-- The history of migrations that a database keeps, and who works on it now.

local host = ...
local database = host.require "database"

local M = {}

-- Two pushes at once would both apply the same file: whoever holds this number may. It is made
-- from a text, so that every `pipe` uses the same one. Sixty bits: a positive bigint.
local KEY = tonumber(host.sha256("pipe: migrations of supabase_migrations"):sub(1, 15), 16)

-- How long one of ours that is ending is waited for: 2.5 s.
local ENDING_TRIES, ENDING_PAUSE = 10, 250

local STATE = [[
SELECT current_user AS role, current_database() AS database,
  n.oid IS NOT NULL AS has_schema, c.oid IS NOT NULL AS has_table,
  coalesce(has_schema_privilege(n.oid, 'USAGE'), false) AS may_use,
  coalesce(has_schema_privilege(n.oid, 'CREATE'), false) AS may_add,
  coalesce(has_table_privilege(c.oid, 'SELECT'), false) AS may_read,
  coalesce(has_table_privilege(c.oid, 'INSERT'), false) AS may_insert,
  coalesce(has_table_privilege(c.oid, 'DELETE'), false) AS may_delete,
  coalesce(has_table_privilege(c.oid, 'UPDATE'), false) AS may_update,
  coalesce(pg_has_role(c.relowner, 'USAGE'), false) AS owns,
  has_database_privilege(current_database(), 'CREATE') AS may_create,
  (SELECT string_agg(a.attname, ',' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM (SELECT 1) AS one
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = 'supabase_migrations'
LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = 'schema_migrations']]

local HOLDER = [[
SELECT a.pid, a.application_name AS application, a.usename AS role, a.state,
  to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since
FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND l.classid = ($1::bigint >> 32)::bigint::oid AND l.objid = ($1::bigint & 4294967295)::oid]]

local function has(columns, name)
  return ("," .. (columns or "") .. ","):find("," .. name .. ",", 1, true) ~= nil
end

local function select_of(state)
  local columns = { "version" }
  columns[2] = has(state.columns, "name") and "name" or "NULL AS name"
  columns[3] = has(state.columns, "statements") and "to_json(statements)::text AS statements"
    or "NULL AS statements"
  return ("SELECT %s FROM supabase_migrations.schema_migrations ORDER BY version"):format(
    table.concat(columns, ", "))
end

local function cannot(where, state, what)
  host.raise("supabase.permission", ("%s: the role \"%s\" may not %s, in database \"%s\": "
    .. "connect as the "
    .. "role that made it, or as postgres"):format(where, state.role, what, state.database),
    { refused = true })
end

--- What the database has: { rows = { { version, name, statements } }, has_table, complete (all
-- columns are there), role, … }. A history that is not there is an empty one.
function M.read(c, where)
  local state = database.ask(c, where, STATE)[1]
  state.rows = host.json.array {}
  state.complete = has(state.columns, "statements") and has(state.columns, "name")
  if not state.has_table then
    return state
  elseif not (state.may_use and state.may_read) then
    cannot(where, state, "read the history supabase_migrations.schema_migrations")
  end
  for i, row in ipairs(database.ask(c, where, select_of(state))) do
    state.rows[i] = { version = row.version, name = row.name,
      statements = row.statements and host.json.decode(row.statements) or nil }
  end
  return state
end

--- Refuses what the server would refuse in the middle of it.
function M.check_privileges(where, state)
  if not state.has_schema then
    return state.may_create or cannot(where, state, "make the schema supabase_migrations")
  elseif not state.has_table then
    return state.may_use and state.may_add
      or cannot(where, state, "make tables in the schema supabase_migrations")
  elseif not state.may_insert then
    cannot(where, state, "write the history supabase_migrations.schema_migrations")
  elseif not state.complete and not state.owns then
    cannot(where, state, "add columns to the history supabase_migrations.schema_migrations")
  end
end

--- Who holds the lock: { pid, application, role, since }, or nil.
function M.holder(c, where)
  return database.ask(c, where, HOLDER, { KEY })[1]
end

local function busy(where, holder)
  local who = not holder and "another session" or ("pid %s, \"%s\", role %s, connected since "
    .. "%s"):format(
    tostring(holder.pid), holder.application or "?", holder.role or "?", holder.since or "?")
  host.raise("supabase.locked", ("%s: somebody else is changing its migrations now (%s): try "
    .. "again when "
    .. "that is done"):format(where, who), { retryable = true })
end

-- Behind a transaction pooler each statement may reach another session: a lock holds nothing there.
local function check_pooler(c, where)
  if c.pooler then
    host.raise("postgres.pooler", where .. ": the address is that of a transaction pooler (port "
      .. "6543), through which migrations fail halfway: use the direct connection or the session "
      .. "pooler, port 5432", { refused = true })
  end
end

-- One of ours that does nothing any more: its server process has not noticed yet that it is alone,
-- or it has let go of the lock meanwhile.
local function is_ending(holder)
  return not holder or ((holder.application or "pipe"):find("^pipe") and holder.state ~= "active")
end

-- Waits out a holder that is ending. try() gives whether the lock is free, and who holds it.
local function wait_for_ending(where, try)
  local free, holder = try()
  for _ = 1, ENDING_TRIES do
    if free or not is_ending(holder) then
      break
    end
    host.sleep(ENDING_PAUSE)
    free, holder = try()
  end
  return free or busy(where, holder)
end

local function try_lock(c, where)
  local row = database.ask(c, where, "SELECT pg_try_advisory_lock($1::bigint) AS taken", { KEY })[1]
  return row.taken, not row.taken and M.holder(c, where) or nil
end

local function unlock(c, where)
  database.ask(c, where, "SELECT pg_advisory_unlock($1::bigint) AS released", { KEY })
end

--- Takes the lock, or says who has it. database.with lets go of it: the end of a connection does
-- so, too, but only when the server process has noticed it.
function M.lock(c, where)
  check_pooler(c, where)
  c.at_close = function ()
    if not pcall(unlock, c, where) then
      database.ask(c, where, "ROLLBACK") -- it failed in a transaction of a file
      unlock(c, where)
    end
  end
  wait_for_ending(where, function () return try_lock(c, where) end)
end

--- As `lock` would refuse, without taking it.
function M.check_lock(c, where)
  check_pooler(c, where)
  wait_for_ending(where, function ()
    local holder = M.holder(c, where)
    return holder == nil, holder
  end)
end

--- How the vendor's program makes the history, or completes an older one, in one transaction.
function M.making()
  return {
    "SET LOCAL lock_timeout = '4s'",
    "CREATE SCHEMA IF NOT EXISTS supabase_migrations",
    "CREATE TABLE IF NOT EXISTS supabase_migrations.schema_migrations "
      .. "(version text NOT NULL PRIMARY KEY)",
    "ALTER TABLE supabase_migrations.schema_migrations ADD COLUMN IF NOT EXISTS statements text[]",
    "ALTER TABLE supabase_migrations.schema_migrations ADD COLUMN IF NOT EXISTS name text",
  }
end

function M.make(c, where, state)
  if state.complete then
    return
  end
  -- An explicit transaction: in an implicit one, SET LOCAL is a warning.
  local statements = M.making()
  table.insert(statements, 1, "BEGIN")
  statements[#statements + 1] = "COMMIT"
  local answer = host.rows.postgres.batch { connection = c.connection, mode = "each",
    statements = statements }
  if answer.failed then
    pcall(database.ask, c, where, "ROLLBACK")
    host.raise("supabase.history", ("%s: the history of migrations cannot be made: "
      .. "%s"):format(where,
      database.words(answer.failed)))
  end
end

--- The statement that writes an applied file down.
function M.insert(file, texts)
  return { sql = "INSERT INTO supabase_migrations.schema_migrations(version, name, statements) "
    .. "VALUES($1, $2, $3::text[])", params = { file.version, file.name, texts } }
end

function M.upsert(file, texts)
  return { sql = "INSERT INTO supabase_migrations.schema_migrations(version, name, statements) "
    .. "VALUES($1, $2, $3::text[]) ON CONFLICT (version) DO UPDATE SET name = EXCLUDED.name, "
    .. "statements = EXCLUDED.statements", params = { file.version, file.name, texts } }
end

function M.delete(versions)
  return { sql = "DELETE FROM supabase_migrations.schema_migrations "
    .. "WHERE version = ANY($1::text[])", params = { versions } }
end

return M
