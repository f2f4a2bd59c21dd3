-- Supabase's Management API: whose project is meant, who asks, and the errors in Supabase's words.

local host = ...
local wire = host.require "wire"

local M = {}

function M.ref_of(environment)
  local own = host.environment(environment).supabase
  local ref = type(own) == "table" and own.ref or own
  if type(ref) ~= "string" or not ref:find("^%l+$") or #ref ~= 20 then
    host.raise("supabase.ref",
      ("pipe.yaml: environment \"%s\" needs supabase.ref, the twenty small letters of its "
      .. "project"):format(
      environment))
  end
  return ref
end

local function credential_name(environment)
  local credentials = environment and host.environment(environment).credentials
  return credentials and credentials.supabase or "supabase"
end

M.ERRORS = {
  ["supabase.invalid"] = "Supabase does not accept the request",
  ["supabase.unauthorized"] = "Supabase does not accept the credential",
  ["supabase.forbidden"] = "the credential may not do this",
  ["supabase.not-found"] = "there is no such project, or the credential may not see it",
  ["supabase.rate-limit"] = "the rate limit is used up, and opens again in more than five minutes",
  ["supabase.unavailable"] = "Supabase answers with an error of its own",
  ["supabase.failed"] = "Supabase answers with a status that is not expected here",
  ["supabase.answer"] = "the answer is not what the contract says",
  ["supabase.ref"] = "pipe.yaml does not say which project an environment has",
}

local function errors_for(call)
  local name = credential_name(call.environment)
  return {
    [400] = { "supabase.invalid", M.ERRORS["supabase.invalid"] },
    [401] = { "supabase.unauthorized",
      ("Supabase does not accept the credential \"%s\""):format(name) },
    [403] = { "supabase.forbidden", ("the credential \"%s\" may not do this"):format(name) },
    [404] = { "supabase.not-found",
      ("there is no such project, or the credential \"%s\" has no permission to see "
      .. "it"):format(name) },
  }
end

-- X-RateLimit-Reset counts the seconds that are left.
local function limited(answer)
  if answer.status == 429 then
    local seconds = tonumber(answer.headers["retry-after"] or answer.headers["x-ratelimit-reset"])
    return math.ceil((seconds or 60) * 1000)
  end
end

local api = wire.client {
  name = "supabase", title = "Supabase", url = "https://api.supabase.com",
  headers = function (call)
    return { Authorization = { "Bearer ", host.credential(credential_name(call.environment)) } }
  end,
  errors = errors_for, limited = limited, extra = { "environment" },
}

--- A request about the project of call.environment.
function M.ask(call)
  call.path = "/v1/projects/" .. M.ref_of(call.environment) .. call.path
  call.where = ("environment \"%s\""):format(call.environment)
  return api(call)
end

--- A request about the account.
function M.account(call)
  call.path = "/v1" .. call.path
  return api(call)
end

-- Every status the vendor has: where it leads, and what it means. Only one of them is green.
M.STATUS = {
  ACTIVE_HEALTHY = { "good", "it runs" },
  ACTIVE_UNHEALTHY = { "bad", "it runs, and something of it is broken" },
  INACTIVE = { "bad", "it is paused: nothing answers until somebody wakes it up" },
  COMING_UP = { "moving", "it is starting" },
  RESTARTING = { "moving", "it is being restarted" },
  RESTORING = { "moving", "a backup is being restored into it" },
  UPGRADING = { "moving", "its PostgreSQL is being upgraded" },
  RESIZING = { "moving", "its disk or its machine is being changed" },
  PAUSING = { "moving", "it is being paused" },
  GOING_DOWN = { "moving", "it is being removed" },
  REMOVED = { "bad", "it was removed" },
  INIT_FAILED = { "bad", "it was never set up" },
  RESTORE_FAILED = { "bad", "restoring a backup failed" },
  PAUSE_FAILED = { "bad", "pausing it failed" },
  UNKNOWN = { "unknown", "Supabase does not know" },
}

--- A project's status as { state, meaning }; one that nobody knows is never green.
function M.status(word)
  return M.STATUS[word] or { "unknown", "a status that pipe does not know" }
end

--- JSON without its nulls, all the way down.
function M.without_null(value)
  if value == host.null then
    return nil
  elseif type(value) ~= "table" then
    return value
  end
  for key, one in pairs(value) do
    value[key] = M.without_null(one)
  end
  return value
end

return M
