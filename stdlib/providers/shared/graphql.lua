-- GraphQL over the shared HTTP client: errors arrive with status 200, in `errors`.
--
--   local ask = graphql.client { name, title, url, path, headers, errors, patience, explain }
--   local data = ask { operation, query, variables, where, write, shape, timeout, judge, … }
--
-- `errors` is a list of { "words in lower case", code, words, refused }: the first whose words are in
-- a message gives the error its code. `refusals` are further words of errors after which nothing was
-- done; after any other error, or one beside an answer, nobody knows what became of a write.
-- `explain(message, call)` adds what the message may mean.
-- `judge(message, call)` of a call takes an error that is an answer there: return true, value.
-- Variables that are nil are left out: to such a service null means "unset".

local host = ...
local wire = host.require "wire"

local M = {}

local SILENT = "an error without a message"

local function list_of(errors)
  local out = {}
  for i, problem in ipairs(errors) do
    local message = type(problem) == "table" and wire.some(problem.message)
    out[i] = type(message) == "string" and message or SILENT
  end
  return #out > 0 and out or { SILENT }
end

local function messages_of(errors)
  return table.concat(list_of(errors), "; ")
end

local function known(c, message)
  local lower = message:lower()
  for _, one in ipairs(c.errors or {}) do
    if lower:find(one[1], 1, true) then
      return one
    end
  end
  return { nil, c.name .. ".graphql" }
end

-- The title is not said twice.
local function titled(c, call)
  return (call.where and call.where .. ": " or "") .. c.title
end

local function has_data(json)
  local data = wire.some(json.data)
  for _, value in pairs(type(data) == "table" and data or {}) do
    if wire.some(value) ~= nil then
      return true
    end
  end
  return false
end

-- Whether a change may have been made all the same: it is refused for certain only where all that is
-- said are words of a refusal, and no part of it has an answer.
local function unsure(c, call, answer, errors)
  if not call.write or answer.status >= 400 then
    return false
  elseif has_data(answer.json) then
    return true
  end
  for _, message in ipairs(list_of(errors)) do
    local lower, definite = message:lower(), known(c, message)[1] ~= nil
    for _, words in ipairs(c.refusals or {}) do
      definite = definite or lower:find(words, 1, true) ~= nil
    end
    if not definite then
      return true
    end
  end
  return false
end

local function raise_errors(c, call, answer, errors)
  local message = messages_of(errors)
  if call.judge then
    local taken, value = call.judge(message, call)
    if taken then
      return value
    end
  end
  local one = known(c, message)
  local more = one[3] and " — " .. one[3] or c.explain and c.explain(message, call) or ""
  host.raise(one[2], ("%s answers: %s%s"):format(titled(c, call), message, more),
    { refused = one.refused, unknown = unsure(c, call, answer, errors) })
end

local function raise_shape(c, call, problem)
  host.raise(c.name .. ".answer", ("%s's answer cannot be used: %s"):format(titled(c, call),
    problem), { retryable = not call.write, unknown = call.write })
end

-- "2026-11-20T14:00:00Z", seconds since 1970 or seconds left, as ms since 1970.
local function reset_of(answer)
  local text = answer.headers["x-ratelimit-reset"]
  local number = tonumber(text)
  if number then
    local ms = math.floor(number * 1000)
    return number > 1e12 and math.floor(number) or number > 1e9 and ms or host.now() + ms
  end
  local ok, ms = pcall(host.time, text or "")
  return ok and ms or nil
end

-- The last request that is allowed for now was made: the next would only be refused.
local function note_limit(c, answer)
  if answer.status ~= 429 and tonumber(answer.headers["x-ratelimit-remaining"]) == 0 then
    c.closed_until = reset_of(answer)
  else
    c.closed_until = nil
  end
  return wire.limited(answer)
end

local function wait_until_open(c, call)
  local wait = c.closed_until and c.closed_until - host.now() or 0
  c.closed_until = nil
  if wait <= 0 then
    return
  elseif wait > c.patience then
    host.raise(c.name .. ".rate-limit", ("%s's rate limit is used up; it is open again in %d s"):format(
      titled(c, call), math.ceil(wait / 1000)), { retryable = true })
  end
  host.log(("%s's rate limit is used up: waiting %d s"):format(c.title, math.ceil(wait / 1000)))
  host.sleep(wait)
end

-- A document that does not fit the schema is answered with 400 and `errors`.
local function has_errors(answer)
  local json = answer.json
  local errors = type(json) == "table" and wire.some(json.errors)
  return type(errors) == "table" and next(errors) ~= nil
end

local function ask(c, api, call)
  wait_until_open(c, call)
  call.method, call.path = "POST", c.path
  call.json = { operationName = call.operation, query = call.query,
    variables = call.variables or {} }
  local judge = call.judge
  local json, answer = api { method = "POST", path = c.path, json = call.json, where = call.where,
    write = call.write, timeout = call.timeout, environment = call.environment,
    refused_in_body = function (json) return has_errors { json = json } end,
    judge = function (answer)
      -- 401 is of the credential, whatever the words.
      if answer.status < 500 and answer.status ~= 401 and has_errors(answer) then
        return true, answer.json
      end
    end }
  call.judge = judge
  if type(json) ~= "table" then
    raise_shape(c, call, "it is no map")
  end
  if has_errors { json = json } then
    return raise_errors(c, call, answer, json.errors)
  elseif type(wire.some(json.data)) ~= "table" then
    raise_shape(c, call, "it has neither data nor errors")
  end
  local problem = call.shape and wire.check(json.data, call.shape)
  if problem then
    raise_shape(c, call, problem)
  end
  return json.data
end

--- A function that asks one service: see the head of this file.
function M.client(c)
  c.patience = c.patience or 5 * 60 * 1000
  local api = wire.client { name = c.name, title = c.title, url = c.url, headers = c.headers,
    errors = c.statuses, message = function (answer)
      return has_errors(answer) and messages_of(answer.json.errors) or nil
    end, limited = function (answer) return note_limit(c, answer) end, patience = c.patience,
    extra = { "environment" } }
  return function (call)
    return ask(c, api, call)
  end
end

M.some = wire.some

return M
