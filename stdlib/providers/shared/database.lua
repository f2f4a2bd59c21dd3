-- Connections to the database of an environment. The credential is `credentials.postgres`
-- of the environment in pipe.yaml, else "postgres": a secret that holds the whole address,
-- postgres://user:password@host:5432/database?sslmode=require

local host = ...

local M = {}

function M.credential_name(environment)
  local credentials = host.environment(environment).credentials
  return credentials and credentials.postgres or "postgres"
end

--- Raises an error again, with where it happened before its words.
function M.reraise(err, where, change)
  if type(err) ~= "table" then
    error(err, 0)
  end
  local how = { retryable = err.retryable, unknown = err.unknown, refused = err.refused }
  for name, value in pairs(change or {}) do
    how[name] = value
  end
  host.raise(err.code, where .. ": " .. err.message, how)
end

--- Refuses what is asked for: the run ends, and nothing was done.
function M.refuse(code, where, text, ...)
  host.raise(code, where .. ": " .. text:format(...), { refused = true })
end

--- What the server calls us, for whoever looks who holds a lock.
function M.application()
  local project = host.project.project
  return type(project) == "string" and "pipe " .. project or "pipe"
end

--- o = { environment, lock_timeout, statement_timeout, pooler_ok }, times in ms.
function M.open(o)
  local name = M.credential_name(o.environment)
  local ok, c = pcall(host.rows.postgres.open, {
    url = host.credential(name), lock_timeout = o.lock_timeout,
    statement_timeout = o.statement_timeout, pooler_ok = o.pooler_ok,
    application_name = M.application(),
  })
  if not ok then
    M.reraise(c, ("environment \"%s\" (credential \"%s\")"):format(o.environment, name))
  end
  return c
end

--- f(connection) with a connection that is closed afterwards, whatever comes of it; before that,
-- c.at_close is called if f left one.
function M.with(o, f)
  local c = M.open(o)
  local done = table.pack(pcall(f, c))
  if c.at_close then
    pcall(c.at_close)
  end
  pcall(host.rows.postgres.close, { connection = c.connection })
  if not done[1] then
    error(done[2], 0)
  end
  return table.unpack(done, 2, done.n)
end

--- What the server says of a failure, on one line; the position is not in it.
function M.words(failed)
  local out = failed.message
  if failed.sqlstate then
    out = ("%s (SQLSTATE %s)"):format(out, failed.sqlstate)
  end
  if failed.detail then
    out = out .. "; " .. failed.detail
  end
  if failed.hint then
    out = out .. "; hint: " .. failed.hint
  end
  return out
end

--- A question to the server: its rows, and the whole answer; NULL is nil. What the server refuses
-- is raised as postgres.sql. how = { read_only }
function M.ask(c, where, sql, params, how)
  local ok, answer = pcall(host.rows.postgres.query, { connection = c.connection, sql = sql,
    params = params, any_error = true, read_only = how and how.read_only })
  if not ok then
    M.reraise(answer, where)
  elseif answer.failed then
    host.raise("postgres.sql", ("%s: %s"):format(where, M.words(answer.failed)))
  end
  for _, row in ipairs(answer.rows) do
    for key, value in pairs(row) do
      if value == host.null then
        row[key] = nil
      end
    end
  end
  return answer.rows, answer
end

return M
