-- Supabase: what the database of an environment has.
--
-- An environment of pipe.yaml says `supabase: { ref }` (the project's twenty
-- letters); the credential is `credentials.supabase` of it, else "supabase".

local host = ...

local API = "https://api.supabase.com"
local PATIENCE = 5 * 60 * 1000

local HISTORY = "select version, name from supabase_migrations.schema_migrations order by version"

local function some(value)
  if value == host.null then
    return nil
  end
  return value
end

local function settings()
  local providers = host.project.providers
  return providers and providers.supabase or {}
end

local function ref_of(environment)
  local own = host.environment(environment).supabase
  local ref = type(own) == "table" and own.ref or own
  if type(ref) ~= "string" or not ref:find("^%l+$") or #ref ~= 20 then
    host.raise("supabase.ref",
      ("pipe.yaml: environment \"%s\" needs supabase.ref, the twenty small letters of its project"):format(
      environment))
  end
  return ref
end

local function credential_name(environment)
  local credentials = host.environment(environment).credentials
  return credentials and credentials.supabase or "supabase"
end

-- Of a web page its title: proxies answer with pages.
local function first_line(body)
  local title = (body or ""):match("<title>%s*([^<]-)%s*</title>")
  local text = title and "a web page, \"" .. title .. "\""
    or (body or ""):gsub("^%s+", ""):match("^[^\r\n]*")
  return #text > 120 and text:sub(1, 120) .. "…" or text
end

local function message_of(answer)
  local body = answer.json
  return type(body) == "table" and body ~= host.null and some(body.message)
    or first_line(answer.body)
end

local ERRORS = {
  [400] = { "supabase.invalid", "Supabase does not accept the request" },
  [401] = { "supabase.unauthorized", "Supabase does not accept the credential" },
  [403] = { "supabase.forbidden", "the credential may not do this" },
  [404] = { "supabase.not-found",
    "there is no such project, or the credential has no permission to see it" },
}

local function raise_for(answer, environment)
  local status = answer.status
  local where = ("environment \"%s\""):format(environment)
  local known = ERRORS[status]
  if known then
    host.raise(known[1], ("%s: %s (credential \"%s\"; %d: %s)"):format(where, known[2],
      credential_name(environment), status,
      message_of(answer)), { status = status })
  end
  host.raise(status >= 500 and "supabase.unavailable" or "supabase.failed",
    ("%s: Supabase answers %d: %s"):format(where, status, message_of(answer)),
      { status = status, retryable = status >= 500 })
end

local function wait_for_limit(answer, waited, environment)
  local wait = math.ceil((tonumber(answer.headers["retry-after"]
    or answer.headers["x-ratelimit-reset"]) or 60) * 1000)
  if waited + wait > PATIENCE then
    host.raise("supabase.rate-limit",
      ("environment \"%s\": Supabase's rate limit is used up; it is open again in %d s"):format(
      environment, math.ceil(wait / 1000)), { retryable = true, status = 429 })
  end
  host.log(("Supabase's rate limit is used up: waiting %d s"):format(math.ceil(wait / 1000)))
  host.sleep(wait)
  return waited + wait
end

-- Asks something that changes nothing, so that it may be asked again. `judge` takes an answer that
-- is none of the usual.
local function ask(environment, method, path, body, judge)
  local waited = 0
  local url = (settings().url or API) .. "/v1/projects/" .. ref_of(environment) .. path
  while true do
    local answer = host.http {
      method = method, url = url, json = body, timeout = "30s", any_status = true,
      headers = { Authorization = { "Bearer ", host.credential(credential_name(environment)) },
        ["User-Agent"] = "pipe" },
    }
    if answer.status == 429 then
      waited = wait_for_limit(answer, waited, environment)
    elseif answer.status < 300 and type(answer.json) == "table" then
      return answer.json
    elseif judge and judge(answer) then
      return nil
    elseif answer.status < 300 then
      host.raise("supabase.transport",
        ("environment \"%s\": Supabase's answer is no JSON (%d: %s)"):format(environment,
        answer.status, first_line(answer.body)), { status = answer.status, retryable = true })
    else
      raise_for(answer, environment)
    end
  end
end

-- A database that never saw a migration has no history table: that is an empty history.
local function no_history(answer)
  return answer.status >= 400 and message_of(answer):find("42P01", 1, true) ~= nil
    and message_of(answer):find("supabase_migrations", 1, true) ~= nil
end

local function migrations(o)
  local rows = ask(o.environment, "POST", "/database/query/read-only", { query = HISTORY },
    no_history) or {}
  local out = host.json.array {}
  for i, row in ipairs(rows) do
    out[i] = { version = tostring(row.version), name = some(row.name) }
  end
  return out
end

local function health(o)
  local parts = {}
  for i, service in ipairs(o.services) do
    parts[i] = "services=" .. service
  end
  local out = host.json.array {}
  for i, row in ipairs(ask(o.environment, "GET", "/health?" .. table.concat(parts, "&"))) do
    out[i] = { name = row.name, status = row.status, healthy = row.status == "ACTIVE_HEALTHY",
      error = some(row.error) }
  end
  return out
end

local ENVIRONMENT = { "text", required = true, help = "an environment of pipe.yaml" }

return {
  name = "supabase", summary = "The database projects on Supabase",
  verbs = {
    migrations = {
      effect = "read", summary = "The migrations that the database has, oldest first",
      result = "list of {version, name}",
      options = { environment = ENVIRONMENT },
      act = migrations,
    },
    health = {
      effect = "read", summary = "How the services of the project are",
      result = "list of {name, status, healthy, error}",
      options = {
        environment = ENVIRONMENT,
        services = { "list", default = { "db", "rest", "auth" },
          help = "db, rest, auth, realtime, storage, pooler" },
      },
      act = health,
    },
  },
}
