-- Applies migrations as `supabase db push` does: the same files in the same order, the same borders
-- of transactions, the same history. What it does otherwise is refused beforehand, with a reason.

local host = ...
local migrations = host.require "migrations"
local files = host.require "migration_files"
local database = host.require "database"
local history = host.require "migration_history"
local lint = host.require "migration_lint"

local M = {}

-- What a push of this process was about, for its probe: environment -> { pending, source, torn };
-- and what a lost one had applied when its probe looked, for the one that goes on: environment ->
-- files.
local begun, before = {}, {}

local function where_of(o)
  return ("environment \"%s\""):format(o.environment)
end

local refuse = database.refuse

local function allowed(o, word)
  for _, one in ipairs(o.allow_unsafe or {}) do
    if one == word then
      return true
    end
  end
  return false
end

local UNSAFE = { edited = true, vault = true }

local function check_options(o)
  for _, word in ipairs(o.allow_unsafe or {}) do
    if not UNSAFE[word] then
      host.raise("option.choice", ("supabase.push: allow_unsafe has \"%s\"; it can hold edited, "
        .. "vault"):format(
        tostring(word)))
    end
  end
end

-- The plan ------------------------------------------------------------------------

local function check_missing(where, found)
  local gone = found.missing_local
  if #gone == 0 then
    return
  end
  refuse("supabase.missing-local", where, "Remote migration versions not found in local migrations "
    .. "directory. The database has %s, and %s no such file: bring the repository up to date; if "
    .. "the file is gone for good, supabase.repair { version = \"%s\", status = \"reverted\" } "
    .. "takes it "
    .. "out of the history", migrations.names(gone), found.where .. " has", gone[1].version)
end

local function check_order(where, found, o)
  if #found.out_of_order == 0 or o.include_all then
    return
  end
  refuse("supabase.out-of-order", where, "Found local migration files to be inserted before the "
    .. "last "
    .. "migration on remote database. They are %s, and %s was applied already: include_all = true "
    .. "applies them all the same; a new file with a later version is the cleaner way",
    migrations.names(found.out_of_order), found.newest)
end

local function check_edited(where, found, o)
  if #found.edited == 0 or allowed(o, "edited") then
    return
  end
  refuse("supabase.edited", where, "applied migrations were edited afterwards: %s. The database "
    .. "has run "
    .. "them as they were, so that a database set up anew would differ: take the edit back and "
    .. "write a new migration, or say allow_unsafe = { \"edited\" }",
    migrations.names(found.edited))
end

local function check_statements(source, found)
  for _, file in ipairs(found.pending) do
    local problem, statement = migrations.unbalanced(files.statements(source, file))
    if problem then
      local line = migrations.place(statement)
      host.raise("supabase.transaction", ("%s:%d: this %s (%s)"):format(file.path, line, problem,
        migrations.brief(statement.sql, 40)), { refused = true })
    end
  end
end

local function check_settings(where, source, found, o)
  if #found.pending == 0 then
    return
  end
  for _, setting in ipairs(files.settings(source, "db.migrations")) do
    if setting.name == "enabled" and setting.value == "false" then
      refuse("supabase.disabled", where, "config.toml says that migrations are not pushed "
        .. "([db.migrations] enabled = false)")
    end
  end
  local names = {}
  for i, secret in ipairs(files.settings(source, "db.vault")) do
    names[i] = secret.name
  end
  if #names > 0 and not allowed(o, "vault") then
    refuse("supabase.vault", where, "config.toml has secrets for the vault ([db.vault]: %s), and "
      .. "this push does not set them: do that with the vendor's program, then say "
      .. "allow_unsafe = { \"vault\" }", table.concat(names, ", "))
  end
end

local function newest_of(rows)
  local newest
  for _, row in ipairs(rows) do
    newest = (not newest or row.version > newest) and row.version or newest
  end
  return newest
end

local function check_duplicates(where, source)
  local twice = migrations.duplicates(source.files)[1]
  if twice then
    refuse("supabase.duplicate", where, "two files have the version %s: %s and %s; give one of "
      .. "them "
      .. "another", twice.version, twice.first, twice.second)
  end
end

--- Files and history side by side, nothing refused.
function M.compare(source, rows, o)
  local found = migrations.compare(source.files, rows)
  local by_version = {}
  for _, row in ipairs(rows) do
    by_version[row.version] = row
  end
  found.where, found.newest, found.edited = files.where(o), newest_of(rows), {}
  for _, file in ipairs(found.applied) do
    local row = by_version[file.version]
    if row.statements and migrations.is_edited(row, { files.read(source, file) }) then
      table.insert(found.edited, file)
    end
  end
  return found
end

-- The files against the history, or a refusal: what is wrong for both programs first.
local function plan(source, rows, o)
  local where = where_of(o)
  local found = M.compare(source, rows, o)
  check_missing(where, found)
  check_duplicates(where, source)
  check_order(where, found, o)
  check_edited(where, found, o)
  check_statements(source, found)
  check_settings(where, source, found, o)
  return found
end

-- A project's address has its ref in it: it must be the one that pipe.yaml names.
local function check_project(o, c)
  local own = host.environment(o.environment).supabase
  local ref = type(own) == "table" and own.ref or own
  local said = (c.host or ""):match("^db%.(%l+)%.supabase%.") or (c.user
    or ""):match("^[%w_]+%.(%l+)$")
  if type(ref) == "string" and said and #said == 20 and said ~= ref then
    refuse("supabase.wrong-project", where_of(o), "the credential \"%s\" leads to the project "
      .. "%s, and "
      .. "pipe.yaml says supabase.ref %s", database.credential_name(o.environment), said, ref)
  end
end

-- The files, once what was asked for makes sense.
local function source_of(o)
  check_options(o)
  host.environment(o.environment)
  return files.list(o)
end

--- f(connection) with a connection to the database of o.environment.
function M.open(o, f)
  return database.with({ environment = o.environment, lock_timeout = o.lock_timeout,
    statement_timeout = o.statement_timeout }, function (c)
    check_project(o, c)
    return f(c)
  end)
end

--- f(connection, source, state) for reads of an environment's migrations.
function M.look(o, f)
  local source = source_of(o)
  return M.open(o, function (c)
    return f(c, source, history.read(c, where_of(o)))
  end)
end

-- The result ------------------------------------------------------------------------

local function shown(source, file)
  local statements = files.statements(source, file)
  return { version = file.version, name = file.name, file = file.file, statements = #statements,
    atomic = migrations.is_atomic(statements) }
end

local function result(source, pending, o)
  local applied = host.json.array {}
  for i, file in ipairs(pending) do
    applied[i] = shown(source, file)
  end
  return { environment = o.environment, commit = source.commit, applied = applied,
    up_to_date = #applied == 0 }
end

-- What somebody should know before it is done: a list of texts.
local function warnings(source, pending)
  local out = {}
  for _, name in ipairs(source.skipped) do
    if name:lower():find("%.sql$") then
      out[#out + 1] = name .. (name:find("^%d+_.*%.sql$")
        and " is skipped, as an initial file of old is"
        or " is no migration: its name is not <digits>_<name>.sql")
    end
  end
  for _, file in ipairs(pending) do
    local statements = files.statements(source, file)
    if migrations.can_be_torn(statements) then
      local _, first = migrations.is_atomic(statements)
      out[#out + 1] = ("%s is not one transaction (%s): where it fails, what came before stays "
        .. "done"):format(
        file.file, migrations.brief(first.sql, 40))
    end
    for _, finding in ipairs(lint.findings(file, statements)) do
      if finding.level == "destructive" then
        out[#out + 1] = ("%s:%d ! %s"):format(file.file, finding.line, finding.message)
      end
    end
  end
  return out
end

-- Applying ----------------------------------------------------------------------------

local function excerpt(file, failed)
  local statement = file.statements[failed.statement + 1]
  if not statement then
    return failed.commit and "the end of its transaction" or "its entry in the history"
  end
  return migrations.brief(statement.sql)
end

local function headline(file, failed)
  local statement = file.statements[failed.statement + 1]
  local line, column
  if statement then
    line, column = migrations.place(statement, failed.position)
  else
    local last = file.statements[#file.statements]
    line, column = last and last.line or 1, last and last.column or 1
  end
  return ("%s:%d:%d: statement %d of %d failed: %s: %s"):format(file.path, line, column,
    failed.statement + 1, #file.statements, database.words(failed), excerpt(file, failed))
end

local function what_stands(pending, i, failed)
  local file, before, after = pending[i], {}, {}
  table.move(pending, 1, i - 1, 1, before)
  table.move(pending, i + 1, #pending, 1, after)
  local own = "Nothing of this file is applied"
  if migrations.can_be_torn(file.statements) and failed.statement > 0 then
    own = ("This file is not one transaction: its statements before that are done, but for what a "
      .. "transaction of its own took back, and it does not count as applied: undo them, or make "
      .. "the file one that can be run again, before the next push")
  end
  return ("%s. Applied before it: %s. Not tried: %s."):format(own,
    #before > 0 and migrations.names(before) or "none",
    #after > 0 and migrations.names(after) or "none")
end

local function raise_failed(o, pending, i, failed)
  host.raise("supabase.migration-failed", ("%s: %s\n%s"):format(where_of(o),
    headline(pending[i], failed), what_stands(pending, i, failed)))
end

local function statements_of(source, file)
  local texts = files.texts(source, file)
  local out = {}
  for i, text in ipairs(texts) do
    out[i] = { sql = text }
  end
  out[#out + 1] = history.insert(file, texts)
  return out
end

local function apply_file(c, source, o, pending, i)
  local file = pending[i]
  local memory = begun[o.environment]
  local atomic = migrations.is_atomic(file.statements)
  memory.torn = not atomic and #file.statements > 1 and file or nil
  host.log(("applying %s to %s"):format(file.file, o.environment))
  local ok, answer = pcall(host.rows.postgres.batch, { connection = c.connection, reset = true,
    mode = atomic and "pipeline" or "each", statements = statements_of(source, file) })
  if not ok then
    database.reraise(answer, ("%s: %s, applied before it: %s"):format(where_of(o), file.file,
      i > 1 and migrations.names({ table.unpack(pending, 1, i - 1) }) or "none"))
  elseif answer.failed then
    raise_failed(o, pending, i, answer.failed)
  end
end

-- Before the first statement that changes something, no failure leaves anything in doubt.
local function prepare(c, source, o)
  local where = where_of(o)
  database.ask(c, where, "SELECT 1")
  history.lock(c, where)
  local state = history.read(c, where)
  local found = plan(source, state.rows, o)
  if #found.pending > 0 then
    history.check_privileges(where, state)
  end
  return found, state
end

function M.push(o)
  local source = source_of(o)
  return M.open(o, function (c)
    local ok, found, state = pcall(prepare, c, source, o)
    if not ok then
      if type(found) == "table" and found.unknown then
        database.reraise(found, "before anything was changed", { unknown = false,
          retryable = true })
      end
      error(found, 0)
    end
    for _, text in ipairs(warnings(source, found.pending)) do
      host.log(text)
    end
    local all = { table.unpack(before[o.environment] or {}) }
    table.move(found.pending, 1, #found.pending, #all + 1, all)
    begun[o.environment] = { pending = all, source = source }
    if #found.pending > 0 then
      history.make(c, where_of(o), state)
    end
    for i = 1, #found.pending do
      apply_file(c, source, o, found.pending, i)
    end
    before[o.environment] = nil
    return result(source, all, o)
  end)
end

-- The dry-run -----------------------------------------------------------------------------

-- What a connection is opened with, once more: RESET ALL has taken it back.
local function settings(o)
  local out = {}
  for _, name in ipairs { "lock_timeout", "statement_timeout" } do
    out[#out + 1] = o[name] and ("SET %s = %d"):format(name, o[name]) or nil
  end
  return out
end

-- All files that run as transactions, one after the other in a single one that is taken back, each
-- with its entry in the history. Gives the statements, and of each the file and its number in it.
local function rehearsal(source, state, pending, o)
  local all, of, left = {}, {}, nil
  local function add(statement, file, number)
    all[#all + 1], of[#of + 1] = statement, { file = file, number = number }
  end
  for _, statement in ipairs(state.complete and {} or history.making()) do
    add(statement, pending[1], 0)
  end
  for _, file in ipairs(pending) do
    if not migrations.is_atomic(files.statements(source, file)) then
      left = file
      break
    end
    add("RESET ALL", file, 0)
    for _, setting in ipairs(settings(o)) do
      add(setting, file, 0)
    end
    for n, statement in ipairs(file.statements) do
      add(statement.sql, file, n)
    end
    add(history.insert(file, files.texts(source, file)), file, #file.statements + 1)
  end
  return all, of, left
end

local function raise_rehearsal(o, of, failed)
  local one = of[failed.statement + 1]
  if not one then
    host.raise("supabase.rehearsal-failed", ("%s: the rehearsal failed at its end: %s"):format(
      where_of(o), database.words(failed)), { refused = true })
  end
  failed.statement = math.max(one.number - 1, 0)
  host.raise("supabase.rehearsal-failed", ("%s: in the rehearsal, which changed nothing: "
    .. "%s"):format(
    where_of(o), headline(one.file, failed)), { refused = true })
end

local function times_and_locks(of, answer)
  local ms, order, locks = {}, {}, {}
  for i, done in ipairs(answer.results) do
    local name = of[i].file.file
    if not ms[name] then
      ms[name], order[#order + 1] = 0, name
    end
    ms[name] = ms[name] + (done.ms or 0)
  end
  local out = {}
  for i, name in ipairs(order) do
    out[i] = ("%s %.0f ms"):format(name, ms[name])
  end
  for _, lock in ipairs(answer.locks or {}) do
    if not lock.new and lock.kind ~= "index" and not lock.relation:find("^pg_")
      and not lock.relation:find("^supabase_migrations%.") then
      locks[#locks + 1] = ("%s %s"):format(lock.relation, lock.mode)
    end
  end
  return out, locks
end

-- What the rehearsal showed, as texts.
local function rehearse(c, source, state, pending, o)
  local all, of, left = rehearsal(source, state, pending, o)
  local out = {}
  if left ~= pending[1] then
    local answer = host.rows.postgres.batch { connection = c.connection, statements = all,
      rehearse = true, mode = "each" }
    if answer.failed then
      raise_rehearsal(o, of, answer.failed)
    end
    local times, locks = times_and_locks(of, answer)
    out[1] = "rehearsed: " .. table.concat(times, ", ")
    out[2] = #locks > 0 and "locks: " .. table.concat(locks, ", ") or "locks: none"
  end
  if left then
    out[#out + 1] = ("not rehearsed, as it cannot be taken back: %s and what "
      .. "follows"):format(left.file)
  end
  return out
end

local KEY = "supabase.history "

--- The history as it would be: what earlier steps of a dry-run predicted.
function M.predicted(overlay, environment)
  local rows = overlay and overlay.get(KEY .. environment)
  if not rows then
    return nil
  end
  local out = host.json.array {}
  for i, row in ipairs(rows) do
    out[i] = { version = row.version, name = row.name }
  end
  return out
end

--- Remembers for the rest of a dry-run what the history would be.
function M.remember(overlay, environment, rows)
  local out = host.json.array {}
  for i, row in ipairs(rows) do
    out[i] = { version = row.version, name = row.name }
  end
  table.sort(out, function (a, b) return a.version < b.version end)
  overlay.set(KEY .. environment, out)
end

local function after_push(rows, pending)
  local out = { table.unpack(rows) }
  for _, file in ipairs(pending) do
    out[#out + 1] = { version = file.version, name = file.name }
  end
  return out
end

local function prediction(source, found, o, notes)
  local newest = found.newest or "no migration"
  local destructive = false
  for _, note in ipairs(notes) do
    destructive = destructive or note:find(" ! ", 1, true) ~= nil
  end
  return { sign = destructive and "!" or "~", before = newest,
    after = #found.pending > 0 and migrations.names(found.pending) or newest,
    note = #found.pending == 0 and "up to date: nothing is applied"
      or #notes > 0 and table.concat(notes, "; ") or nil,
    result = result(source, found.pending, o) }
end

function M.predict(o, overlay)
  local source = source_of(o)
  return M.open(o, function (c)
    local where = where_of(o)
    history.check_lock(c, where)
    local state = history.read(c, where)
    local rows = M.predicted(overlay, o.environment) or state.rows
    local found = plan(source, rows, o)
    local notes = warnings(source, found.pending)
    if #found.pending > 0 then
      history.check_privileges(where, state)
      if o.rehearse then
        table.move(rehearse(c, source, state, found.pending, o), 1, 9, #notes + 1, notes)
      end
    end
    M.remember(overlay, o.environment, after_push(rows, found.pending))
    return prediction(source, found, o, notes)
  end)
end

-- Afterwards ------------------------------------------------------------------------------

--- The server may still be at it when we have lost it. True once nobody holds the lock.
function M.wait_until_free(c, where)
  for _ = 1, 15 do
    local holder = history.holder(c, where)
    if not holder then
      return true
    end
    host.log(("%s: the lock is still held by pid %s"):format(where, tostring(holder.pid)))
    host.sleep(2000)
  end
end

-- Of the files that were to be applied, those that are in the history.
local function those_there(pending, rows)
  local there, out = {}, {}
  for _, row in ipairs(rows) do
    there[row.version] = true
  end
  for _, file in ipairs(pending) do
    out[#out + 1] = there[file.version] and file or nil
  end
  return out
end

local function torn_next(source, found)
  local file = found.pending[1]
  return file and migrations.can_be_torn(files.statements(source, file))
end

-- What is not applied is applied by doing it again; only a file that is not one transaction may
-- stand there half done.
function M.probe(o)
  local source = source_of(o)
  return M.open(o, function (c)
    local where = where_of(o)
    if not M.wait_until_free(c, where) then
      return nil
    end
    local state = history.read(c, where)
    local found = M.compare(source, state.rows, o)
    local memory = begun[o.environment]
    before[o.environment] = memory and those_there(memory.pending, state.rows)
    if memory and #before[o.environment] == #memory.pending then
      before[o.environment] = nil
      return { happened = true, result = result(memory.source, memory.pending, o) }
    elseif #found.pending == 0 then
      return { happened = true, result = result(source, {}, o) }
    elseif (memory and memory.torn) or (not memory and torn_next(source, found)) then
      host.log(("%s: %s is not one transaction, and is not in the history: whether some of its "
        .. "statements were done, somebody has to look"):format(where,
        (memory and memory.torn or found.pending[1]).file))
      return nil
    end
    host.log(("%s: not applied yet: %s"):format(where, migrations.names(found.pending)))
    return { happened = false }
  end)
end

return M
