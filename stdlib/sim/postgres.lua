-- The databases of the world, as the rows postgres.* of a client see them: connections, the
-- lock of a push, privileges, and the history of migrations, which is the one that the Management
-- API shows and that the workflows change. Statements are not understood: what a migration does is
-- that its version is in the history.
--
-- A project of the world file may say
--   password: text          that its address has to have (default: "sim-ENVIRONMENT-password")
--   busy: { pid, application, since, role, state, until }   somebody else is pushing (until: a length)
--   may: [use, read, insert, update, delete, create] what the role may do (default: all)
--   queries: { "select count(*) from users": [{ count: 3 }] }   answers to other questions
-- and supabase.fail says which version fails, and with what words.

local sim = ...
local core = sim.require "core"
local faults = sim.require "faults"

local M = {}

-- Real connections of the same process have small numbers.
local FIRST = 1000000

local function failed(statement, sqlstate, message, more)
  local out = { statement = statement, number = statement + 1, sqlstate = sqlstate,
    severity = "ERROR", message = message }
  for key, value in pairs(more or {}) do
    out[key] = value
  end
  return out
end

local function problem(code, message, o)
  o = o or {}
  return { error = { code = code, message = message, retryable = o.retryable == true,
    unknown = o.unknown == true } }
end

local function squeezed(sql)
  return (sql:gsub("%s+", " "):gsub("^ ", ""):gsub("[ ;]+$", ""))
end

-- Connections ----------------------------------------------------------------------------

-- They end with the process, so that they are no part of the world's state.
local function connections(w)
  w.connections = w.connections or { n = FIRST, open = {} }
  return w.connections
end

local function parse(url)
  local user, password, rest = url:match("^postgres%a*://([^:@/]*):?([^@/]*)@(.*)$")
  if not user then
    return nil
  end
  local host, port, database = rest:match("^([^:/?]+):?(%d*)/?([^?]*)")
  return { user = core.unescape(user), password = core.unescape(password), host = host,
    port = math.tointeger(tonumber(port)) or 5432, database = database ~= "" and database
    or "postgres" }
end

-- db.REF.supabase.co, or the pooler with the user postgres.REF
local function project_of(w, at)
  local ref = at.host:match("^db%.(%l+)%.supabase%.co$")
    or at.host:find("%.pooler%.supabase%.com$") and at.user:match("%.(%l+)$")
  for env, project in core.sorted(w.s.spec.supabase.projects) do
    if ref and project.ref == ref then
      return env, project
    end
  end
end

local function fault_of(w, env, operation, path)
  return faults.find(w, { system = "postgres", operation = operation, path = path,
    host = env and "db." .. w.s.spec.supabase.projects[env].ref .. ".supabase.co" })
end

local function is_here(host)
  return host == "127.0.0.1" or host == "localhost" or host == "::1"
end

local function open(w, args)
  local at = parse(args.url)
  if not at then
    return problem("postgres.url", "the address of the database is not "
      .. "postgres://user:password@host:port/name")
  elseif is_here(at.host) then
    return nil
  end
  local env, project = project_of(w, at)
  if not env then
    return problem("postgres.connect", ("no connection to \"%s\": the simulated world has no "
      .. "such host"):format(
      at.host), { retryable = true })
  end
  local fault = fault_of(w, env, "connect")
  if fault and fault.error then
    return problem("postgres.connect", ("no connection to \"%s\": %s"):format(at.host, fault.message
      or "Connection refused"), { retryable = true })
  elseif at.password ~= (project.password or "sim-" .. env .. "-password") then
    return problem("postgres.auth", ("the server does not accept the user \"%s\": password "
      .. "authentication "
      .. "failed for user \"%s\""):format(at.user, at.user))
  end
  local all = connections(w)
  all.n = all.n + 1
  all.open[all.n] = { env = env, pid = all.n - FIRST + 4000, application = args.application_name
    or "pipe",
    since = core.iso(w.s.now), user = at.user:match("^[^.]*") }
  return { connection = all.n, server_version = 150008, pid = all.open[all.n].pid, user = at.user,
    database = at.database, host = at.host, port = at.port, ssl = true, pooler = at.port == 6543 }
end

-- Whoever is connected when the connection breaks stays so until its server process ends: at
-- once, or after the fault's delay.
local function break_off(w, id, fault)
  local all = connections(w)
  local c = all.open[id]
  all.open[id] = nil
  if c and c.noted then
    w.s.broken_push = w.s.broken_push or {}
    w.s.broken_push[c.env] = c.noted
  end
  if c and c.locked and fault.delay then
    w.s.dying = w.s.dying or {}
    w.s.dying[c.env] = { pid = c.pid, application = c.application, since = c.since,
      role = c.user, until_ms = w.s.now + core.ms(fault.delay) }
  end
end

-- The lock -----------------------------------------------------------------------------------

local function holder(w, env)
  local busy = w.s.spec.supabase.projects[env].busy
  if busy and (not busy["until"] or w.s.now < w.s.clock + core.ms(busy["until"])) then
    return { pid = busy.pid or 311, application = busy.application or "supabase", role = busy.role
      or "postgres",
      state = busy.state or "active", since = busy.since or core.iso(w.s.clock - 60000) }
  end
  local dying = w.s.dying and w.s.dying[env]
  if dying and w.s.now < dying.until_ms then
    return { pid = dying.pid, application = dying.application, role = dying.role, state = "active",
      since = dying.since }
  end
  for _, c in core.sorted(connections(w).open) do
    if c.env == env and c.locked then
      return { pid = c.pid, application = c.application, role = c.user, state = "active",
        since = c.since }
    end
  end
end

-- Questions ------------------------------------------------------------------------------------

local function may(w, env, word)
  local list = w.s.spec.supabase.projects[env].may
  return list == nil or core.has(core.many(list), word)
end

local function state(w, c)
  local there = not w.s.spec.supabase.projects[c.env].no_history
  return { role = c.user, database = "postgres", has_schema = there, has_table = there,
    may_use = there and may(w, c.env, "use"), may_add = there and may(w, c.env, "create"),
    may_read = there and may(w, c.env, "read"), may_insert = there and may(w, c.env, "insert"),
    may_update = there and may(w, c.env, "update"), may_delete = there and may(w, c.env, "delete"),
    owns = there and may(w, c.env, "create"), may_create = may(w, c.env, "create"),
    columns = there and "version,statements,name" or sim.null }
end

local function history(w, env)
  local rows = core.list {}
  for i, row in ipairs(w.s.migrations[env]) do
    rows[i] = { version = row.version, name = row.name == nil and sim.null or row.name,
      statements = row.statements and sim.json.encode(row.statements) or sim.null }
  end
  table.sort(rows, function (a, b) return a.version < b.version end)
  return rows
end

local function answer(rows, command)
  local columns, seen = core.list {}, rows[1] or {}
  for name in core.sorted(seen) do
    columns[#columns + 1] = { name = name, type = 25 }
  end
  return { columns = columns, rows = core.list(rows), command = command or "SELECT " .. #rows,
    affected = 0, ms = 1, transaction = "none" }
end

local WORDS = { begin = "BEGIN", rollback = "ROLLBACK", commit = "COMMIT", set = "SET",
  reset = "RESET" }

local function look_up(w, c, text)
  local lower = text:lower()
  for query, rows in core.sorted(w.s.spec.supabase.projects[c.env].queries or {}) do
    if squeezed(query):lower() == lower then
      return core.copy(rows)
    end
  end
  local word = WORDS[lower:match("^%a+")]
  if word then
    return {}, word
  elseif lower == "select 1" then
    return { { ["?column?"] = 1 } }
  end
end

local function record_repair(w, c, status, version)
  core.record(w, "supabase", "supabase.repair", ("%s %s %s"):format(c.env, version, status),
    { environment = c.env })
end

local function remove(w, c, versions)
  local rows, n = w.s.migrations[c.env], 0
  for i = #rows, 1, -1 do
    if core.has(versions, rows[i].version) then
      record_repair(w, c, "reverted", rows[i].version)
      table.remove(rows, i)
      n = n + 1
    end
  end
  return n
end

local function upsert(w, c, params)
  local found
  for _, row in ipairs(w.s.migrations[c.env]) do
    found = row.version == params[1] and row or found
  end
  if not found then
    found = { version = params[1] }
    table.insert(w.s.migrations[c.env], found)
  end
  found.name, found.statements = params[2], params[3]
  record_repair(w, c, "applied", params[1])
end

local function by_hand(w, c, text, params)
  local changed = answer({}, text:find("^DELETE") and "DELETE 1" or "INSERT 0 1")
  changed.affected = text:find("^DELETE") and remove(w, c, params[1]) or 1
  if not text:find("^DELETE") then
    upsert(w, c, params)
  end
  return changed
end

-- The questions of the engine, by what only they have in them.
local function ask(w, c, text, params)
  if text:find("pg_try_advisory_lock", 1, true) then
    local free = holder(w, c.env) == nil
    c.locked = c.locked or free
    return answer { { taken = free } }
  elseif text:find("pg_locks", 1, true) then
    local who = holder(w, c.env)
    return answer(who and { who } or {})
  elseif text:find("has_schema_privilege", 1, true) then
    return answer { state(w, c) }
  elseif text:find("^SELECT version.* FROM supabase_migrations%.schema_migrations ORDER BY "
    .. "version$") then
    return answer(history(w, c.env))
  elseif text:find("^DELETE FROM supabase_migrations") or text:find("^INSERT INTO "
    .. "supabase_migrations.*ON CONFLICT") then
    return by_hand(w, c, text, params)
  end
  local rows, command = look_up(w, c, text)
  if rows then
    return answer(rows, command)
  end
  return { columns = core.list {}, rows = core.list {}, command = "", affected = 0, ms = 0,
    transaction = "none", failed = failed(0, "0A000", "the simulated database does not know the "
    .. "answer: the "
    .. "world file can give it (supabase.projects." .. c.env .. ".queries)") }
end

local OPERATIONS = { { "pg_try_advisory_lock", "lock" }, { "pg_locks", "lock" },
  { "has_schema_privilege", "history" }, { "^SELECT version", "history" }, { "^DELETE", "repair" },
  { "^INSERT INTO supabase_migrations", "repair" } }

local function operation_of(text)
  for _, known in ipairs(OPERATIONS) do
    if text:find(known[1]) then
      return known[2]
    end
  end
  return "query"
end

local function lost(w, id, fault, unknown)
  break_off(w, id, fault)
  return problem("postgres.lost", "the connection was lost: " .. (fault.message
    or "server closed the connection unexpectedly"), { unknown = unknown, retryable = not unknown })
end

local function query(w, args, c)
  local text = squeezed(args.sql)
  if text:find("pg_advisory_unlock", 1, true) then
    local held = c.locked == true
    c.locked = nil
    return answer { { released = held } }
  end
  local operation = operation_of(text)
  local fault = fault_of(w, c.env, operation)
  if fault and fault.error and not fault.applied then
    return lost(w, args.connection, fault, operation == "repair")
  end
  local out = ask(w, c, text, core.many(args.params))
  if fault and fault.error then
    return lost(w, args.connection, fault, operation == "repair")
  elseif out.failed and not args.any_error then
    return problem("postgres.sql", ("%s (SQLSTATE %s)"):format(out.failed.message,
      out.failed.sqlstate))
  end
  return out
end

-- Statements that change something ----------------------------------------------------------------

local function text_of(statement)
  return type(statement) == "table" and statement.sql or statement
end

-- The entries in the history that a batch makes: { { at (of the statement), version, name,
-- statements } }
local function entries(statements)
  local out = {}
  for i, statement in ipairs(statements) do
    if text_of(statement):find("^INSERT INTO supabase_migrations%.schema_migrations") then
      local params = statement.params
      out[#out + 1] = { at = i - 1, version = params[1], name = params[2], statements = params[3] }
    end
  end
  return out
end

-- "ERROR: relation exists (SQLSTATE 42P07)\nAt statement: 1", as the vendor's program says it
local function failure(w, entry)
  local given = w.s.spec.supabase.fail[entry.version]
  if not given then
    return nil
  end
  local text = type(given) == "table" and given.message or given
  local first = entry.at - #entry.statements
  local at = type(given) == "table" and given.statement
    or tonumber(text:match("At statement: (%d+)")) or 0
  return failed(first + math.min(at, #entry.statements), type(given) == "table" and given.sqlstate
    or text:match("SQLSTATE (%w+)") or "42601", (text:gsub("^ERROR:%s*",
    ""):gsub("%s*%(SQLSTATE.*", "")))
end

local function results(n)
  local out = core.list {}
  for i = 1, n do
    out[i] = { command = "", affected = 0, ms = 1 }
  end
  return out
end

local function done(statements, problem_of)
  return { results = results(problem_of and problem_of.statement or #statements), ms = #statements,
    transaction = "none", failed = problem_of }
end

local function is_there(w, env, version)
  for _, row in ipairs(w.s.migrations[env]) do
    if row.version == version then
      return true
    end
  end
  return false
end

-- One entry of the ledger for one push: what the connection applied, and the one that takes up what
-- a broken one left.
local function note_push(w, c, entry)
  local broken = w.s.broken_push or {}
  c.noted, broken[c.env] = c.noted or broken[c.env], nil
  if not c.noted then
    core.record(w, "supabase", "supabase.push", c.env, { environment = c.env,
      versions = core.list {} })
    c.noted = #w.s.ledger
  end
  local versions = w.s.ledger[c.noted].detail.versions
  versions[#versions + 1] = entry.version
end

local function check(w, c, entry)
  if is_there(w, c.env, entry.version) then
    return failed(entry.at, "23505", "duplicate key value violates unique constraint "
      .. "\"schema_migrations_pkey\"",
      { detail = ("Key (version)=(%s) already exists."):format(entry.version) })
  end
  return failure(w, entry)
end

local function apply(w, c, args, entry)
  local fault = fault_of(w, c.env, "migrate", entry.version)
  if fault and fault.error and not fault.applied then
    return lost(w, args.connection, fault, true)
  end
  local bad = check(w, c, entry)
  if not bad then
    table.insert(w.s.migrations[c.env], { version = entry.version, name = entry.name,
      statements = entry.statements })
    note_push(w, c, entry)
  end
  if fault and fault.error then
    return lost(w, args.connection, fault, true)
  end
  return done(args.statements, bad)
end

-- As postgres.execute names what it does; several statements come with a begin and a commit.
local function plain_target(env, statements)
  local n = #statements
  if n > 2 and text_of(statements[1]) == "begin" and text_of(statements[n]) == "commit" then
    statements = table.move(statements, 2, n - 1, 1, {})
  end
  local first = text_of(statements[1]):gsub("%s+", " "):match("^%s*(.-)%s*$")
  if #first > 60 then
    first = first:sub(1, 60):gsub("[\192-\255][\128-\191]*$", "") .. "…"
  end
  return ("%s: %s%s"):format(env, first, #statements > 1
    and (" and %d more"):format(#statements - 1) or "")
end

local COUNTED = { insert = true, update = true, delete = true, merge = true }

local function plain_results(statements)
  local out = core.list {}
  for i, statement in ipairs(statements) do
    local word = text_of(statement):match("^%s*(%a+)") or ""
    local counts = COUNTED[word:lower()]
    out[i] = { command = word:upper() .. (word:lower() == "insert" and " 0 1" or counts and " 1"
      or ""),
      affected = counts and 1 or 0, ms = 1 }
  end
  return { results = out, ms = #out, transaction = "none" }
end

local function plain(w, c, args)
  local fault = fault_of(w, c.env, "execute")
  if fault and fault.error and not fault.applied then
    return lost(w, args.connection, fault, true)
  end
  core.record(w, "postgres", "postgres.execute", plain_target(c.env, args.statements),
    { environment = c.env, statements = #args.statements })
  if fault and fault.error then
    return lost(w, args.connection, fault, true)
  end
  return plain_results(args.statements)
end

local function rehearse(w, c, args)
  local out = plain_results(args.statements)
  out.locks = core.list {}
  for _, entry in ipairs(entries(args.statements)) do
    local bad = check(w, c, entry)
    if bad then
      out = done(args.statements, bad)
      out.locks = core.list {}
      return out
    end
  end
  return out
end

local function makes_history(statements)
  for _, statement in ipairs(statements) do
    if text_of(statement):find("^CREATE SCHEMA IF NOT EXISTS supabase_migrations") then
      return true
    end
  end
end

local function batch(w, args, c)
  if args.rehearse then
    return rehearse(w, c, args)
  elseif makes_history(args.statements) then
    w.s.spec.supabase.projects[c.env].no_history = nil
    return done(args.statements)
  end
  local entry = entries(args.statements)[1]
  if entry then
    return apply(w, c, args, entry)
  end
  return plain(w, c, args)
end

-- The face ---------------------------------------------------------------------------

local function close(w, args)
  connections(w).open[args.connection] = nil
  return { closed = true }
end

local ROWS = { ["postgres.query"] = query, ["postgres.batch"] = batch, ["postgres.close"] = close }

--- The answer to a row, { error = { code, message, retryable, unknown } }, or nil where the world
-- has nothing to do with it.
function M.call(w, row, args)
  if row == "postgres.open" then
    return open(w, args)
  elseif not ROWS[row] or (args.connection or 0) <= FIRST then
    return nil
  end
  local c = connections(w).open[args.connection]
  if not c and row ~= "postgres.close" then
    return problem("postgres.handle", "this connection is closed")
  elseif not c then
    return { closed = false }
  end
  return ROWS[row](w, args, c)
end

return M
