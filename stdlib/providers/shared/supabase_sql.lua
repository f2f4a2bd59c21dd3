-- SQL by way of the Management API: with a token for it, and no address of the database.

local host = ...
local api = host.require "supabase_api"

local ENVIRONMENT = { "text", required = true, help = "an environment of pipe.yaml" }
local PARAMS = { "list", help = "what $1, $2, … stand for: text, numbers, flags, secrets" }

local FAILED = "supabase.query"

local function judge(o)
  return function (answer)
    local said = type(answer.json) == "table" and answer.json ~= host.null and answer.json.message
    if answer.status == 400 and type(said) == "string" and said:find("ERROR:", 1, true) then
      host.raise(FAILED, ("environment \"%s\": the database refuses it: %s"):format(o.environment,
        said:match("ERROR:%s*([^\n]*)")), { refused = true })
    end
  end
end

local function ask(o, path, more)
  local call = { environment = o.environment, method = "POST", path = path, expect = { 201 },
    json = { query = o.sql, parameters = o.params and host.json.array(o.params) or nil },
    shape = { "map" }, judge = judge(o) }
  for key, value in pairs(more or {}) do
    call[key] = value
  end
  local rows = host.json.array(api.without_null(api.ask(call)))
  return { rows = rows, count = #rows }
end

local function query(o)
  return ask(o, "/database/query/read-only")
end

local function run_sql(o)
  return ask(o, "/database/query", { write = true })
end

local function target(o)
  local text = o.sql:gsub("%s+", " "):match("^%s*(.-)%s*$")
  if #text > 60 then
    text = text:sub(1, 60):gsub("[\192-\255][\128-\191]*$", "") .. "…"
  end
  return o.environment .. ": " .. text
end

-- What it would do cannot be tried here; that the database can be asked can.
local function predict(o)
  query { environment = o.environment, sql = "select 1" }
  return { sign = "?", note = "what this SQL would do cannot be tried by way of the Management API: "
    .. "postgres.execute rehearses it", result = { rows = host.json.array {}, count = 0 } }
end

local ERRORS = { [FAILED] = "the database refuses the SQL: its words are in the message" }

return {
  query = {
    effect = "read", summary = "Asks the database by way of the Management API",
    result = "{rows=list of {column=value}, count}",
    options = { environment = ENVIRONMENT, params = PARAMS,
      sql = { "text", required = true, help = "tables with their schema: public.users" } },
    request = "POST /v1/projects/{ref}/database/query/read-only", errors = ERRORS,
    permission = "a personal access token, or database_read of a scoped one",
    act = query,
  },
  run_sql = {
    effect = "write", summary = "Runs SQL that changes the database, by way of the Management "
      .. "API: several statements run together. For migrations there is supabase.push, which "
      .. "writes them down; this does not",
    result = "{rows=list of {column=value} (of the last statement), count}",
    options = { environment = ENVIRONMENT, params = PARAMS,
      sql = { "text", required = true, help = "values go into params, as $1, $2, …" } },
    request = "POST /v1/projects/{ref}/database/query", errors = ERRORS,
    retries = "nothing", permission = "a personal access token, or database_write of a scoped one",
    no_probe = "whether plain SQL was done cannot be told from outside: a person looks",
    target = target, act = run_sql, predict = predict,
  },
}
