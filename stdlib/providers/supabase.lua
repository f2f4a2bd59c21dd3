-- Supabase: the database of an environment, its migrations, its project.
--
-- An environment of pipe.yaml says `supabase: { ref }` (the project's twenty
-- letters). Two credentials: `credentials.supabase` of the environment, else "supabase", is a
-- token for the Management API (migrations, health, project, backups); `credentials.postgres`, else
-- "postgres", is the database's address, for what is done with its migrations. The
-- files are in `database.migrations` of pipe.yaml.

local host = ...
local wire = host.require "wire"
local api = host.require "supabase_api"

local some, ask, ERRORS, STATUS = wire.some, api.ask, api.ERRORS, api.STATUS

-- The Management API ---------------------------------------------------------------------

local HISTORY = "select version, name from supabase_migrations.schema_migrations order by version"

-- A database that never saw a migration has no history table: that is an empty history.
local function no_history(answer)
  local text = type(answer.json) == "table" and some(answer.json.message) or answer.body or ""
  return answer.status >= 400 and text:find("42P01", 1, true) ~= nil
    and text:find("supabase_migrations", 1, true) ~= nil
end

local function migrations(o)
  local rows = ask { environment = o.environment, method = "POST",
    path = "/database/query/read-only", json = { query = HISTORY }, shape = { "map" },
    judge = no_history } or {}
  local out = host.json.array {}
  for i, row in ipairs(rows) do
    out[i] = { version = tostring(row.version), name = some(row.name) }
  end
  return out
end

local function health(o)
  local out = host.json.array {}
  local rows = ask { environment = o.environment, method = "GET", path = "/health",
    query = { services = o.services }, shape = { { name = "text", status = "text" } } }
  for i, row in ipairs(rows) do
    out[i] = { name = row.name, status = row.status, healthy = row.status == "ACTIVE_HEALTHY",
      error = some(row.error) }
  end
  return out
end

local function project(o)
  local p = ask { environment = o.environment, method = "GET", path = "", shape = { ref = "text?",
    id = "text?", name = "text", status = "text", region = "text?", database = "any" } }
  local known = api.status(p.status)
  local database = type(some(p.database)) == "table" and p.database or {}
  return { ref = some(p.ref) or some(p.id), name = p.name, region = some(p.region),
    status = p.status,
    state = known[1], meaning = known[2], healthy = p.status == "ACTIVE_HEALTHY",
    host = some(database.host), version = some(database.version) }
end

local function backup_shape()
  return { pitr_enabled = "flag?", backups = { { id = "integer?", status = "text",
    inserted_at = "text" } } }
end

local function backups(o)
  local answer = ask { environment = o.environment, method = "GET", path = "/database/backups",
    shape = backup_shape() }
  local list = host.json.array {}
  for i, one in ipairs(answer.backups) do
    list[i] = { id = some(one.id), status = one.status, time = one.inserted_at,
      physical = some(one.is_physical_backup) == true }
  end
  table.sort(list, function (a, b) return a.time > b.time end)
  local newest
  for _, one in ipairs(list) do
    newest = newest or (one.status == "COMPLETED" and one or nil)
  end
  local physical = some(answer.physical_backup_data) or {}
  local latest = some(physical.latest_physical_backup_date_unix)
  return { backups = list, newest = newest, point_in_time = some(answer.pitr_enabled) == true,
    point_in_time_until = latest and host.clock_text(latest * 1000) or nil }
end

-- Migrations, over a connection to the database ---------------------------------------------

-- Loaded when they are needed: most runs ask the Management API only.
local function part(name)
  return host.require("migration_" .. name)
end

local function file_names(list)
  local out = host.json.array {}
  for i, file in ipairs(list) do
    out[i] = { version = file.version, name = file.name, file = file.file }
  end
  return out
end

local function compared(source, rows, o)
  local found = part "push".compare(source, rows, o)
  return {
    environment = o.environment, commit = source.commit, pending = file_names(found.pending),
    applied = file_names(found.applied), missing_local = file_names(found.missing_local),
    edited = file_names(found.edited), out_of_order = file_names(found.out_of_order),
    skipped = host.json.array(source.skipped), up_to_date = #found.pending == 0
      and #found.missing_local == 0 and #found.edited == 0,
  }
end

local function pending(o)
  return part "push".look(o, function (_, source, state)
    return compared(source, state.rows, o)
  end)
end

-- In a dry-run, what earlier steps would have applied counts as applied.
local function pending_overlay(o, result, overlay)
  local rows = part "push".predicted(overlay, o.environment)
  return rows and compared(part "files".list(o), rows, o) or result
end

local function migrations_overlay(o, result, overlay)
  return part "push".predicted(overlay, o.environment) or result
end

local function wanted(names, file)
  for _, name in ipairs(names or {}) do
    if name == file.file or name == file.version then
      return true
    end
  end
  return names == nil
end

local function check_known(source, names)
  for _, name in ipairs(names or {}) do
    local found = false
    for _, file in ipairs(source.files) do
      found = found or wanted({ name }, file)
    end
    if not found then
      host.raise("supabase.file", ("%s has no migration \"%s\""):format(source.folder,
        tostring(name)))
    end
  end
end

local function lint(o)
  local files = part "files"
  local source, out = files.list(o), host.json.array {}
  check_known(source, o.files)
  for _, file in ipairs(source.files) do
    if wanted(o.files, file) and (not o.since or file.version > o.since) then
      for _, finding in ipairs(part "lint".findings(file, files.statements(source, file))) do
        out[#out + 1] = finding
      end
    end
  end
  return out
end

local function later(module, name, field)
  return function (...)
    local it = part(module)
    return (field and it[name][field] or it[name])(...)
  end
end

-- Options that several verbs take -------------------------------------------------------------

local ENVIRONMENT = { "text", required = true, help = "an environment of pipe.yaml" }
local COMMIT = { "text", help = "takes the files exactly as this commit has them; else those in "
  .. "the folder" }
local FOLDER = { "text",
  help = "where the files are; default: database.migrations of pipe.yaml, else "
  .. "supabase/migrations" }
local LOCK_TIMEOUT = { "duration", default = "4s",
  help = "how long a statement waits for a lock before it fails" }
local STATEMENT_TIMEOUT = { "duration", help = "how long a statement may take; default: as the "
  .. "server says" }

local FILE = "list of {version, name, file}"

local ENGINE_ERRORS = {
  ["supabase.missing-local"] = "the database has migrations that the files do not have",
  ["supabase.out-of-order"] = "files are older than the newest migration of the database",
  ["supabase.edited"] = "files were edited after they had been applied",
  ["supabase.duplicate"] = "two files have one version",
  ["supabase.transaction"] = "a file begins a transaction that it does not end, or the other way "
  .. "round",
  ["supabase.sql"] = "a file cannot be cut into statements: its text is not ended, no UTF-8, or "
  .. "not SQL",
  ["supabase.vault"] = "config.toml has secrets for the vault, which are not set by this push",
  ["supabase.disabled"] = "config.toml says that migrations are not pushed",
  ["supabase.permission"] = "the role may not read or write the history",
  ["supabase.wrong-project"] = "the database's address is of another project than supabase.ref",
  ["supabase.file"] = "a file cannot be read, or there is none of this name",
  ["supabase.version"] = "there is no file, or no entry, of this version",
  ["supabase.folder"] = "there is no folder with migrations",
  ["supabase.locked"] = "somebody else is changing the migrations now; may be tried again",
  ["supabase.migration-failed"] = "a statement of a file failed: which, why, and what is applied",
  ["supabase.rehearsal-failed"] = "a statement failed in a rehearsal; nothing was changed",
  ["supabase.history"] = "the history table cannot be made",
  ["postgres.pooler"] = "the address is that of a transaction pooler, port 6543",
  ["postgres.connect"] = "no connection to the database; may be tried again",
  ["postgres.auth"] = "the database does not accept the user or the password",
  ["postgres.lost"] = "the connection broke: looked afterwards whether it was done",
  ["postgres.url"] = "the credential is no address of a database",
  ["postgres.timeout"] = "the database did not answer in time",
  ["postgres.sql"] = "the server refuses a question about the history: its words are in the message",
  ["postgres.copy"] = "a file copies data to the client, which cannot be done here",
}

local FILE_ERRORS = {}
for _, code in ipairs { "supabase.folder", "supabase.file", "supabase.version", "supabase.sql" } do
  FILE_ERRORS[code] = ENGINE_ERRORS[code]
end
FILE_ERRORS["supabase.name"] = "the name has no letter or digit that a file's name can have"

local REQUEST = "PostgreSQL: SELECT … FROM supabase_migrations.schema_migrations"

local module = {
  name = "supabase", summary = "The database projects on Supabase", errors = ERRORS,
  retries = "questions are asked again three times after 5xx or a broken connection; a push never",
  verbs = {
    migrations = {
      effect = "read", summary = "The migrations that the database has, oldest first",
      result = "list of {version, name}",
      options = { environment = ENVIRONMENT },
      request = "POST /v1/projects/{ref}/database/query/read-only",
      permission = "a personal access token, or database_read of a scoped one",
      act = migrations, overlay = migrations_overlay,
    },
    health = {
      effect = "read", summary = "How the services of the project are",
      result = "list of {name, status, healthy, error}",
      options = {
        environment = ENVIRONMENT,
        services = { "list", default = { "db", "rest", "auth" },
          help = "db, rest, auth, realtime, storage, pooler" },
      },
      request = "GET /v1/projects/{ref}/health",
      permission = "a personal access token, or projects_read of a scoped one",
      states = {
        ACTIVE_HEALTHY = { "good", "it answers" },
        COMING_UP = { "moving", "it is starting" },
        UNHEALTHY = { "bad", "it does not answer as it should" },
      },
      act = health,
    },
    project = {
      effect = "read", summary = "The project, and whether it is up",
      result = "{ref, name, region, status, state: good|moving|bad|unknown, meaning, healthy, "
      .. "host, version}",
      options = { environment = ENVIRONMENT },
      request = "GET /v1/projects/{ref}",
      permission = "a personal access token, or projects_read of a scoped one",
      states = STATUS,
      act = project,
    },
    backups = {
      effect = "read", summary = "The backups of the database, newest first",
      result = "{backups=list of {id, status, time, physical}, newest=the newest that is complete, "
        .. "point_in_time: flag, point_in_time_until}",
      options = { environment = ENVIRONMENT },
      request = "GET /v1/projects/{ref}/database/backups",
      permission = "a personal access token, or database_read of a scoped one",
      states = {
        COMPLETED = { "good", "it can be restored" }, PENDING = { "moving", "it is being made" },
        FAILED = { "bad", "it was not made" }, CANCELLED = { "bad", "it was not made" },
        REMOVED = { "bad", "it is gone" }, ARCHIVED = { "unknown", "it was put elsewhere" },
      },
      act = backups,
    },
    pending = {
      effect = "read", summary = "The migration files against the history of the database",
      result = "{pending, applied, missing_local, edited, out_of_order: each a " .. FILE .. "; "
        .. "skipped=names, up_to_date: flag, commit}",
      options = { environment = ENVIRONMENT, commit = COMMIT, folder = FOLDER },
      request = REQUEST, errors = ENGINE_ERRORS,
      permission = "a role that may read supabase_migrations.schema_migrations",
      act = pending, overlay = pending_overlay,
    },
    push = {
      effect = "write",
      summary = "Applies the migrations that the database does not have, as `supabase db push` "
      .. "does",
      result = "{environment, commit, applied=list of {version, name, file, statements, atomic}, "
      .. "up_to_date}",
      options = {
        environment = ENVIRONMENT, commit = COMMIT, folder = FOLDER,
        include_all = { "flag", default = false,
          help = "also files that are older than the newest migration of the database" },
        rehearse = { "flag", default = false,
          help = "the dry-run applies the files in a transaction and takes it back: times and "
          .. "locks" },
        lock_timeout = LOCK_TIMEOUT, statement_timeout = STATEMENT_TIMEOUT,
        allow_unsafe = { "list", help = "what is not refused: edited (applied files that were "
        .. "edited), "
          .. "vault (secrets in config.toml that this push does not set)" },
      },
      request = { "PostgreSQL: SELECT pg_try_advisory_lock(…)", REQUEST,
        "PostgreSQL: RESET ALL; the file's statements; INSERT INTO "
        .. "supabase_migrations.schema_migrations" },
      errors = ENGINE_ERRORS, retries = "nothing",
      permission = "the role postgres, or one with INSERT on "
      .. "supabase_migrations.schema_migrations (with "
        .. "CREATE on the database the first time) and what the migrations themselves need",
      looks = "waits until no push holds the lock any more, then looks which of the files are in "
      .. "the history",
      target = function (o) return o.environment end,
      act = later("push", "push"), predict = later("push", "predict"), probe = later("push",
      "probe"),
    },
    repair = {
      effect = "write", summary = "Says in the history that a migration is applied, or that it "
        .. "is not",
      result = "{environment, version, status, was: applied|not applied}",
      options = {
        environment = ENVIRONMENT, commit = COMMIT, folder = FOLDER,
        version = { "text", required = true, help = "the digits before the name of the file" },
        status = { "text", required = true, choices = { "applied", "reverted" },
          help = "applied: its file is written down as done; reverted: it is taken out" },
      },
      request = { "PostgreSQL: INSERT … ON CONFLICT (version) DO UPDATE",
        "PostgreSQL: DELETE FROM supabase_migrations.schema_migrations WHERE version = ANY($1)" },
      errors = ENGINE_ERRORS, retries = "nothing",
      permission = "a role that may insert, update and delete in "
      .. "supabase_migrations.schema_migrations",
      looks = "looks whether the version is in the history",
      target = function (o) return ("%s %s %s"):format(o.environment, o.version, o.status) end,
      act = later("repair", "act"), predict = later("repair", "predict"),
      probe = later("repair", "probe"),
    },
    lint = {
      effect = "read", summary = "What can go wrong with the migration files: lost data, locks, "
        .. "no transaction",
      result = "list of {file, line, rule, level: destructive|locking|not-atomic, message, "
      .. "instead}",
      options = { commit = COMMIT, folder = FOLDER,
        files = { "list", help = "only these: names of files, or versions" },
        since = { "text", help = "only files with a later version than this" } },
      request = "nothing: it reads the files", errors = FILE_ERRORS,
      permission = "none",
      act = lint,
    },
    new = {
      effect = "write", summary = "Makes a new migration file, with a version after all others",
      result = "{version, name, file, path}",
      options = { name = { "text", required = true, help = "what it does: \"add plan export\"" },
        folder = FOLDER, content = { "text", help = "its SQL; default: a comment with the name" } },
      request = "nothing: it writes a file", errors = FILE_ERRORS,
      permission = "none",
      looks = "looks for a file of this name and content that is not older than the call",
      target = function (o) return o.name end,
      act = later("new", "blank", "act"), predict = later("new", "blank", "predict"),
      probe = later("new", "blank", "probe"),
    },
    reverse = {
      effect = "write", summary = "Makes the migration file that takes another one back, as far "
        .. "as that is certain",
      result = "{version, name, file, path, reverses, statements (known), by_hand (left to a "
      .. "person)}",
      options = { version = { "text", required = true, help = "of the migration that is taken "
      .. "back" },
        folder = FOLDER },
      request = "nothing: it writes a file", errors = FILE_ERRORS,
      permission = "none",
      looks = "looks for a file of this name and content that is not older than the call",
      target = function (o) return o.version end,
      act = later("new", "reverse", "act"), predict = later("new", "reverse", "predict"),
      probe = later("new", "reverse", "probe"),
    },
  },
}

for _, name in ipairs { "supabase_account", "supabase_secrets", "supabase_sql" } do
  for verb, row in pairs(host.require(name)) do
    module.verbs[verb] = row
  end
end

return module
