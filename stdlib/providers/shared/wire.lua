-- How providers speak HTTP: one request, its errors in the provider's words, rate
-- limits waited for, what may be asked again asked again, answers held against
-- their shape.
--
--   local api = wire.client { name, title, url, headers, errors, message, limited, patience, extra }
--   local data, answer = api { method, path, query, json, body, where, write, expect, shape,
--     judge, raw, conditional, headers, timeout }
--
-- A write is sent once. Where nobody knows what became of it (no answer, a server error, a body
-- that cannot be read) the error is `unknown`, and the verb's probe looks.

local host = ...

local M = {}

local PATIENCE = 5 * 60 * 1000
local PAUSES = { 1000, 2000, 4000 }
local AGAIN = { [500] = true, [502] = true, [503] = true, [504] = true }

--- JSON's null as nil.
function M.some(value)
  if value == host.null then
    return nil
  end
  return value
end

--- Percent-encodes everything that is not unreserved (RFC 3986), slashes too.
function M.escape(text)
  return (tostring(text):gsub("[^%w%-%._~]", function (c)
    return ("%%%02X"):format(c:byte())
  end))
end

local function sorted(t)
  local keys = {}
  for key in pairs(t) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function (a, b) return tostring(a) < tostring(b) end)
  return keys
end

--- "?a=1&b=2&b=3" of { a = 1, b = { 2, 3 } }, in the order of names; "" for nothing.
function M.query(t)
  local parts = {}
  for _, key in ipairs(sorted(t or {})) do
    local value = t[key]
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      parts[#parts + 1] = M.escape(key) .. "=" .. M.escape(one)
    end
  end
  return #parts > 0 and "?" .. table.concat(parts, "&") or ""
end

--- The first line of a body, of a web page its title: proxies answer with pages. Known secrets
-- are masked before it is cut: half a secret would not be found.
function M.first_line(body)
  local start = host.mask((body or ""):sub(1, 65536)):sub(1, 4096)
  local title = start:match("<title>%s*([^<]-)%s*</title>")
  local text = title and "a web page, \"" .. title .. "\""
    or start:gsub("^%s+", ""):match("^[^\r\n]*")
  if text == "" then
    return "an empty answer"
  end
  return #text > 160 and text:sub(1, 160) .. "…" or text
end

-- Shapes ---------------------------------------------------------------------------

local KINDS = {
  text = function (v) return type(v) == "string" end,
  integer = function (v) return math.type(v) == "integer" end,
  number = function (v) return type(v) == "number" end,
  flag = function (v) return type(v) == "boolean" end,
  map = function (v) return type(v) == "table" and not host.json.is_array(v) end,
  any = function () return true end,
}

local function kind_of(value)
  if value == nil then
    return "missing"
  elseif value == host.null then
    return "null"
  end
  local name = math.type(value) or type(value)
  if name == "table" then
    return host.json.is_array(value) and "a list" or "a map"
  end
  return ({ string = "text", boolean = "a flag", float = "a number" })[name] or name
end

local check

-- Problems are told from the inside out, so that a path is only made where there is one: of an
-- answer with thousands of lines most are as they should be.

-- Lists that came as JSON bear a mark, empty ones too; of JSON's maps none has the key 1.
local function is_list(value)
  return type(value) == "table" and (host.json.is_array(value) or value[1] ~= nil)
end

local function check_list(value, shape)
  if not is_list(value) then
    return (" is %s, a list is expected"):format(kind_of(value))
  end
  for i, one in ipairs(value) do
    local problem = check(one, shape[1])
    if problem then
      return ("[%d]%s"):format(i, problem)
    end
  end
end

local orders -- shape -> its keys in order, during one check

local function check_map(value, shape)
  if not KINDS.map(value) then
    return (" is %s, a map is expected"):format(kind_of(value))
  end
  orders[shape] = orders[shape] or sorted(shape)
  for _, key in ipairs(orders[shape]) do
    local wanted, optional = shape[key], false
    if type(wanted) == "table" and wanted.optional then
      wanted, optional = wanted.optional, true
    end
    if not (optional and M.some(value[key]) == nil) then
      local problem = check(value[key], wanted)
      if problem then
        return "." .. key .. problem
      end
    end
  end
end

function check(value, shape)
  if type(shape) == "table" then
    return (shape[1] ~= nil and check_list or check_map)(value, shape)
  end
  local optional = shape:sub(-1) == "?"
  local name = optional and shape:sub(1, -2) or shape
  if optional and M.some(value) == nil then
    return nil
  elseif not KINDS[name](value) or (value == host.null and name ~= "any") then
    return (" is %s, %s is expected"):format(kind_of(value), name)
  end
end

--- nil, or what is wrong with the value: "$.list[2].name is missing, text is expected".
-- A shape is "text", "integer", "number", "flag", "map", "any", each with "?" if it may be absent or
-- null; { shape } for a list; { key = shape } for a map, { optional = shape } for one that may be
-- missing. Further keys are welcome.
function M.check(value, shape)
  orders = {}
  local problem = check(value, shape)
  return problem and "$" .. problem or nil
end

-- Requests --------------------------------------------------------------------------

local function address(c, call)
  local settings = host.project.providers and host.project.providers[c.name] or {}
  local base = (call.base or settings.url or c.url):gsub("/+$", "")
  return base .. call.path .. M.query(call.query)
end

local function headers_of(c, call, url)
  local out = { ["User-Agent"] = "pipe" }
  for _, some in ipairs { c.headers and c.headers(call) or {}, call.headers or {} } do
    for name, value in pairs(some) do
      out[name] = value
    end
  end
  local kept = call.conditional and c.kept[url]
  if kept then
    out["If-None-Match"] = kept.etag
  end
  return out
end

-- The title is not said twice, where the words begin with it.
local function placed(c, call, words)
  if (call.where or c.title) == c.title and words:sub(1, #c.title) == c.title then
    return words
  end
  return (call.where or c.title) .. ": " .. words
end

local function words_of(c, answer)
  local json = type(answer.json) == "table" and answer.json ~= host.null
  local text = json and c.message and c.message(answer)
    or json and M.some(answer.json.message)
  return type(text) == "string" and text ~= "" and text or M.first_line(answer.body)
end

local function raise_status(c, call, answer)
  local status = answer.status
  -- Also where the provider has a word for the status: a write that may have been made.
  local unsure = call.write and (status >= 500 or status < 400 or status == 408)
  local errors = type(c.errors) == "function" and c.errors(call) or c.errors or {}
  local known = errors[status]
  local said = words_of(c, answer)
  if known then
    unsure = unsure and not known.settled
    host.raise(known[1], ("%s (%d: %s)"):format(placed(c, call, known[2]), status, said),
      { status = status, retryable = known.retryable and not unsure, refused = known.refused,
        unknown = unsure })
  end
  local later = status >= 500
  host.raise(c.name .. (later and ".unavailable" or ".failed"), ("%s answers %d: %s"):format(
    placed(c, call, c.title), status, said),
    { status = status, retryable = later and not call.write, unknown = unsure })
end

local function raise_unreadable(c, call, answer, problem)
  host.raise(c.name .. ".answer", ("%s's answer (%d) cannot be used: %s"):format(
    placed(c, call, c.title), answer.status, problem),
    { status = answer.status, retryable = not call.write, unknown = call.write })
end

-- Ten years at most: servers say anything.
local function header_seconds(answer, name)
  local text = answer.headers[name]
  local seconds = text and tonumber(text:match("^%s*(%d+%.?%d*)%s*$"))
  return seconds and math.min(seconds, 315576000)
end

--- How long a 429 asks to wait, in ms: Retry-After, else a minute.
function M.limited(answer)
  if answer.status == 429 then
    return math.ceil((header_seconds(answer, "retry-after") or 60) * 1000)
  end
end

local function wait_for_limit(c, call, wait, waited)
  wait = math.floor(math.max(1000, math.min(wait, 315576000000)))
  if waited + wait > (c.patience or PATIENCE) then
    host.raise(c.name .. ".rate-limit", ("%s's rate limit is used up; it is open again in %d s"):format(
      placed(c, call, c.title), math.ceil(wait / 1000)), { retryable = true, status = 429 })
  end
  host.log(("%s's rate limit is used up: waiting %d s"):format(c.title, math.ceil(wait / 1000)))
  host.sleep(wait)
  return waited + wait
end

-- Services that say text/plain of their JSON are understood as well.
local function read_json(call, answer)
  if answer.json == nil and not call.raw and (answer.body or ""):find("^%s*[%[{]") then
    local ok, value = pcall(host.json.decode, answer.body)
    answer.json = ok and value or nil
  end
  return answer
end

local function send(call, url, headers)
  return read_json(call, host.http {
    method = call.method, url = url, headers = headers, json = call.json,
    body = call.body, form = call.form, timeout = call.timeout or "30s", redirects = call.redirects,
    retry = false, effect = call.write and "write" or "read",
  })
end

-- What may be asked again: a question that failed, and what certainly never arrived.
local function worth_another(call, ok, answer)
  if ok then
    return not call.write and AGAIN[answer.status]
  end
  return answer.retryable and not answer.unknown
end

local function exchange(call, url, headers)
  local tries = 0
  while true do
    local ok, answer = pcall(send, call, url, headers)
    local again = worth_another(call, ok, answer)
    tries = tries + 1
    if not again or not PAUSES[tries] then
      if not ok then
        error(answer, 0)
      end
      return answer
    end
    host.sleep(PAUSES[tries])
  end
end

local function expected(call, status)
  if not call.expect then
    return status >= 200 and status < 300
  end
  for _, one in ipairs(call.expect) do
    if one == status then
      return true
    end
  end
  return false
end

local function keep(c, call, url, answer)
  if call.conditional and answer.headers.etag then
    c.kept[url] = { etag = answer.headers.etag, json = answer.json, headers = answer.headers }
  end
end

local function no_json(answer)
  local kind = answer.headers["content-type"]
  -- What should have been data may hold values that nobody has named a secret yet: only of what is
  -- clearly no data is anything shown.
  local body = answer.body or ""
  local shown = body:find("^%s*[%[{\"]") and #body .. " bytes that break off or are malformed"
    or M.first_line(body)
  return ("it is no JSON (%s; %s)"):format(kind and "Content-Type " .. host.mask(kind):sub(1, 80)
    or "no Content-Type", shown)
end

local function read(c, call, url, answer)
  if call.raw or answer.status == 204 then
    return answer.body
  elseif answer.json == nil then
    if call.optional_body and answer.body == "" then
      return nil
    end
    raise_unreadable(c, call, answer, no_json(answer))
  end
  local problem = call.shape and M.check(answer.json, call.shape)
  if problem then
    raise_unreadable(c, call, answer, problem)
  end
  keep(c, call, url, answer)
  return answer.json
end

local function perform(c, call)
  local waited, url = 0, address(c, call)
  while true do
    local answer = exchange(call, url, headers_of(c, call, url))
    local limit = (c.limited or M.limited)(answer, call)
    if limit then
      waited = wait_for_limit(c, call, limit, waited)
    elseif answer.status == 304 and call.conditional and c.kept[url] then
      local kept = c.kept[url]
      return kept.json, { status = 200, headers = kept.headers, json = kept.json, body = "" }
    elseif expected(call, answer.status) then
      local value = read(c, call, url, answer)
      -- Accepted: what fails from here on in the same act leaves a write that happened.
      if call.write and not (call.refused_in_body and call.refused_in_body(value)) then
        host.wrote()
      end
      return value, answer
    else
      local taken, value
      if call.judge then
        taken, value = call.judge(answer)
      end
      if taken then
        return value, answer
      end
      raise_status(c, call, answer)
    end
  end
end

-- What there is to say -----------------------------------------------------------------

local CLIENT = { name = "string", title = "string", url = "string", headers = "function",
  errors = "table function", message = "function", limited = "function", patience = "number",
  extra = "table" }

local CALL = { method = "string", path = "string", query = "table", json = "any", body = "any",
  form = "table", headers = "table", timeout = "any", where = "string", write = "boolean",
  expect = "table", shape = "any", judge = "function", raw = "boolean", optional_body = "boolean",
  conditional = "boolean", redirects = "any", base = "string", refused_in_body = "function" }

local WORDS = { string = "text", boolean = "a flag", table = "a table", ["function"] = "a function",
  number = "a number", ["table function"] = "a table or a function" }

-- A misspelt name would otherwise be a request that says less than it should.
local function check_names(what, given, known, extra, level)
  for _, name in ipairs(sorted(given)) do
    local wanted = known[name]
    if not wanted and not extra[name] then
      error(("%s has no \"%s\" (there are %s)"):format(what, name,
        table.concat(sorted(known), ", ")), level + 1)
    elseif wanted and wanted ~= "any" and not wanted:find(type(given[name]), 1, true) then
      error(("%s: %s should be %s"):format(what, name, WORDS[wanted]), level + 1)
    end
  end
end

local function check_client(c)
  check_names("wire.client", c, CLIENT, {}, 3)
  for _, name in ipairs { "name", "title", "url" } do
    if not c[name] then
      error(("wire.client needs %s = \"…\""):format(name), 3)
    end
  end
end

local function check_call(c, call)
  local what = "a request to " .. c.title
  if type(call) ~= "table" then
    error(what .. " is a table, as in { method = \"GET\", path = \"/v1/zones\" }", 3)
  end
  check_names(what, call, CALL, c.own, 3)
  for _, name in ipairs { "method", "path" } do
    if not call[name] then
      error(("%s needs %s = \"…\""):format(what, name), 3)
    end
  end
end

--- A function that makes requests to one service: see the head of this file.
-- `extra` lists what its calls say beyond wire's own, for its `headers` and `errors`.
function M.client(c)
  check_client(c)
  c.kept, c.own = {}, {}
  for _, name in ipairs(c.extra or {}) do
    c.own[name] = true
  end
  return function (call)
    check_call(c, call)
    return perform(c, call)
  end
end

return M
