-- PostgreSQL: the database of an environment, asked and changed with plain SQL. The credential
-- is `credentials.postgres` of the environment in pipe.yaml, else "postgres": a secret with the
-- whole address. Migrations are supabase.push, which keeps a history; this keeps none.

local host = ...
local database = host.require "database"

local function where_of(o)
  return ("environment \"%s\""):format(o.environment)
end

local function connect(o, f)
  return database.with({ environment = o.environment, statement_timeout = o.statement_timeout,
    lock_timeout = o.lock_timeout }, f)
end

local function names(columns)
  local out = host.json.array {}
  for i, column in ipairs(columns or {}) do
    out[i] = column.name
  end
  return out
end

-- In a transaction that can only read, so that a function that writes fails.
local function query(o)
  return connect(o, function (c)
    local rows, answer = database.ask(c, where_of(o), o.sql, o.params, { read_only = true })
    return { rows = host.json.array(rows), columns = names(answer.columns), count = #rows }
  end)
end

-- All or nothing is only kept by statements that leave the transaction alone.
local function check_whole(i, sql, alone)
  local found = host.rows.sql.split { text = sql }.statements
  local one = found[1]
  if #found ~= 1 then
    host.raise("postgres.statement", ("postgres.execute: statements[%d] holds %d statements, not one: %s"):format(
      i, #found, sql:gsub("%s+", " "):sub(1, 80)), { refused = true })
  elseif one.transaction then
    host.raise("postgres.statement", ("postgres.execute: statements[%d] (%s) controls the transaction; the "
      .. "statements are one transaction as they are"):format(i, one.words[1] or "?"), { refused = true })
  elseif not one.atomic and not alone then
    host.raise("postgres.statement", ("postgres.execute: statements[%d] (%s) cannot be part of a transaction: give "
      .. "it alone"):format(i, table.concat({ one.words[1], one.words[2] }, " ")), { refused = true })
  end
end

local function listed(o)
  local out = {}
  for i, statement in ipairs(o.statements) do
    local sql = type(statement) == "table" and statement.sql or statement
    if type(sql) ~= "string" then
      host.raise("option.type", ("postgres.execute: statements[%d] must be text, or { sql = …, "
        .. "params = … }"):format(i))
    end
    out[i] = { sql = sql, params = type(statement) == "table" and statement.params or nil }
  end
  if #out == 0 then
    host.raise("option.required", "postgres.execute: statements is an empty list")
  end
  return out
end

local function checked(o)
  local out = listed(o)
  for i, statement in ipairs(out) do
    check_whole(i, statement.sql, #out == 1)
  end
  return out
end

local function raise_failed(o, statements, failed)
  local sql = statements[failed.statement + 1]
  host.raise("postgres.sql", ("%s: statement %d of %d failed: %s%s; nothing of it is done"):format(
    where_of(o), math.min(failed.statement + 1, #statements), #statements, database.words(failed),
    sql and (": " .. sql.sql:gsub("%s+", " "):sub(1, 80)) or " (at the end of the transaction)"))
end

local function summary(answer)
  local out, affected = host.json.array {}, 0
  for i, one in ipairs(answer.results) do
    out[i] = { command = one.command, affected = one.affected }
    affected = affected + (one.affected or 0)
  end
  return { statements = out, affected = affected }
end

local function check_expected(o, done)
  if o.expect_affected and done.affected ~= o.expect_affected then
    host.raise("postgres.affected", ("%s: %d rows would be affected, and expect_affected is "
      .. "%d"):format(
      where_of(o), done.affected, o.expect_affected), { refused = true })
  end
end

local function rehearse(o, c, statements)
  local answer = host.rows.postgres.batch { connection = c.connection, statements = statements,
    mode = "each", rehearse = true }
  if answer.failed then
    raise_failed(o, statements, answer.failed)
  end
  return summary(answer), answer
end

-- Several statements in a transaction that is begun in so many words: without it, a procedure
-- among them could commit what came before.
local function run(o, c, statements)
  local sent = host.json.array {}
  if #statements > 1 then
    sent[1] = { sql = "begin" }
  end
  table.move(statements, 1, #statements, #sent + 1, sent)
  if #statements > 1 then
    sent[#sent + 1] = { sql = "commit" }
  end
  local answer = host.rows.postgres.batch { connection = c.connection, statements = sent,
    mode = "pipeline" }
  if answer.failed then
    answer.failed.statement = answer.failed.statement - (#statements > 1 and 1 or 0)
    raise_failed(o, statements, answer.failed)
  end
  if #statements > 1 then
    table.remove(answer.results)
    table.remove(answer.results, 1)
  end
  return summary(answer)
end

local function execute(o)
  local statements = checked(o)
  return connect(o, function (c)
    if o.expect_affected then
      check_expected(o, (rehearse(o, c, statements)))
    end
    return run(o, c, statements)
  end)
end

local function short(o)
  local first = listed(o)[1].sql:gsub("%s+", " "):match("^%s*(.-)%s*$")
  if #first > 60 then
    first = first:sub(1, 60):gsub("[\192-\255][\128-\191]*$", "") .. "…"
  end
  return ("%s: %s%s"):format(o.environment, first,
    #o.statements > 1 and (" and %d more"):format(#o.statements - 1) or "")
end

-- What plain SQL does is known by doing it: in a transaction that is taken back.
local function predict(o)
  local statements = checked(o)
  return connect(o, function (c)
    local done, answer = rehearse(o, c, statements)
    check_expected(o, done)
    local locks = {}
    for i, lock in ipairs(answer.locks or {}) do
      locks[i] = ("%s %s"):format(lock.relation, lock.mode)
    end
    return { sign = "~", after = ("%d rows affected"):format(done.affected), result = done,
      note = "rehearsed and taken back" .. (#locks > 0 and "; locks: " .. table.concat(locks, ", ")
      or "") }
  end)
end

local ENVIRONMENT = { "text", required = true, help = "an environment of pipe.yaml" }
local STATEMENT_TIMEOUT = { "duration", default = "60s", help = "how long a statement may take" }

return {
  name = "postgres", summary = "The database of an environment, with plain SQL",
  retries = "nothing: a connection that breaks is an error",
  errors = {
    ["postgres.sql"] = "the server refuses a statement: its words and its SQLSTATE are in the "
      .. "message",
    ["postgres.statement"] = "a statement that cannot be part of one transaction",
    ["postgres.connect"] = "no connection to the database; may be tried again",
    ["postgres.auth"] = "the database does not accept the user or the password",
    ["postgres.url"] = "the credential is no address of a database",
    ["postgres.timeout"] = "the database did not answer in time",
    ["postgres.pooler"] = "the address is that of a transaction pooler, port 6543",
    ["postgres.params"] = "a value of params is none that can be sent",
    ["postgres.statements"] = "a statement is no text, has a NUL byte or is not UTF-8",
    ["postgres.copy"] = "a statement copies data, which cannot be done here",
    ["postgres.rehearse"] = "a statement cannot be tried and taken back",
    ["postgres.large"] = "the answer is larger than what can be held",
    ["postgres.many"] = "too many connections are open",
    ["postgres.lost"] = "the connection broke; whether a write was done is not known",
    ["postgres.affected"] = "another number of rows would be affected than expect_affected says",
  },
  verbs = {
    query = {
      effect = "read", summary = "Asks the database, in a transaction that can only read",
      result = "{rows=list of {column=value}, columns=names in order, count}",
      options = { environment = ENVIRONMENT, statement_timeout = STATEMENT_TIMEOUT,
        sql = { "text", required = true, help = "one statement; values go into params, as $1, "
        .. "$2, …" },
        params = { "list", help = "text, numbers, flags, null" } },
      request = "PostgreSQL: BEGIN READ ONLY; the statement; ROLLBACK",
      permission = "SELECT on what is asked for",
      act = query,
    },
    execute = {
      effect = "write", summary = "Runs statements that change the database, all or none",
      result = "{statements=list of {command, affected}, affected=rows in all}",
      options = { environment = ENVIRONMENT, statement_timeout = STATEMENT_TIMEOUT,
        lock_timeout = { "duration", default = "4s",
          help = "how long a statement waits for a lock before it fails" },
        statements = { "list", required = true, help = "texts, or { sql = …, params = … }" },
        expect_affected = { "integer",
          help = "how many rows it changes: with any other number it is refused, and nothing is "
          .. "done" } },
      request = "PostgreSQL: the statements as one transaction",
      permission = "what the statements need",
      no_probe = "whether plain SQL was done cannot be told from outside: a person looks",
      target = short, act = execute, predict = predict,
    },
  },
}
