-- How GitHub is spoken to: its headers, its errors, both of its rate limits, its pages.
-- The repository is `repository.github` of pipe.yaml ("owner/name"), the credential is `github`.

local host = ...

local wire = host.require "wire"
local some = wire.some

local M = { some = some }

local VERSION = "2022-11-28"
local PATIENCE = 15 * 60 * 1000 -- the longest wait for a rate limit, in all
local LONGEST = 15 * 60 * 1000
local PAGES = 100 -- of one list; GitHub's longest ends sooner

--- Stands in a dry-run for what only the write itself can tell.
function M.later(verb)
  return "(known after github." .. verb .. ")"
end

function M.is_later(text)
  return type(text) == "string" and text:find("^%(known after ") ~= nil
end

function M.short(sha)
  return M.is_later(sha) and sha or sha:sub(1, 7)
end

function M.check_sha(sha, what)
  if not M.is_later(sha) and not (#sha == 40 and sha:find("^%x+$")) then
    host.raise("github.sha", ("%s is %q: the 40 hex digits of a commit are needed"):format(what,
      sha))
  end
  return sha
end

function M.repository()
  local known = host.project.repository
  local name = known and known.github
  if not name or not name:find("^[^/]+/[^/]+$") then
    host.raise("github.repository",
      "pipe.yaml does not say which repository: set repository.github to \"owner/name\"")
  end
  return name
end

--- The name under which git knows the repository: overlays of both speak of the same refs.
function M.remote()
  return host.project.repository.remote or "origin"
end

-- Errors -----------------------------------------------------------------------------

local function words(answer)
  local body, more = answer.json, {}
  for _, problem in ipairs(type(some(body.errors)) == "table" and body.errors or {}) do
    if type(problem) == "table" then
      more[#more + 1] = some(problem.message) or table.concat({ some(problem.field) or "",
        some(problem.code) or "" }, " "):gsub("^ ", "")
    else
      more[#more + 1] = tostring(problem)
    end
  end
  local text = some(body.message)
  return text and text .. (#more > 0 and " (" .. table.concat(more, "; ") .. ")" or "")
end

M.errors = {
  ["github.unauthorized"] = "GitHub does not accept the credential",
  ["github.forbidden"] = "the credential may not do this; not a rate limit",
  ["github.not-found"] = "it does not exist, or the credential may not see it: GitHub says the "
    .. "same",
  ["github.not-allowed"] = "GitHub refuses (405)",
  ["github.conflict"] = "the state on GitHub is another one (409)",
  ["github.invalid"] = "GitHub does not accept the request (422)",
  ["github.rate-limit"] = "a rate limit would have to be waited for longer than 15 minutes",
  ["github.unavailable"] = "GitHub answers with a server error",
  ["github.answer"] = "GitHub's answer is not what its description says",
  ["github.failed"] = "GitHub answers with a status that is none of these",
  ["github.too-many"] = "a list has more than 100 pages",
  ["github.sha"] = "what should be a commit is not 40 hex digits",
  ["github.ref"] = "what should be a ref is neither heads/NAME nor tags/NAME",
  ["github.repository"] = "pipe.yaml does not say which repository",
}

local ERRORS = {
  [401] = { "github.unauthorized", "GitHub does not accept the credential \"github\"" },
  [403] = { "github.forbidden", "the credential \"github\" may not do this", refused = true },
  [404] = { "github.not-found",
    "it does not exist, or the credential \"github\" has no permission to see it" },
  [405] = { "github.not-allowed", "GitHub refuses", refused = true },
  [409] = { "github.conflict", "the state on GitHub is another one", refused = true },
  [422] = { "github.invalid", "GitHub does not accept the request", refused = true },
}

-- A verb's own words for a status, before those of all verbs.
local function errors_of(call)
  local out = {}
  for _, errors in ipairs { ERRORS, call.errors or {} } do
    for status, known in pairs(errors) do
      out[status] = known
    end
  end
  return out
end

-- Rate limits --------------------------------------------------------------------------

--- Milliseconds to wait when the answer says that a limit was hit; nil when it does not.
function M.limited(answer, call)
  if answer.status ~= 403 and answer.status ~= 429 then
    return nil
  end
  local after = tonumber(answer.headers["retry-after"])
  local said = type(answer.json) == "table" and answer.json ~= host.null and words(answer)
    or answer.body or ""
  if after then
    return math.max(1000, math.ceil(after * 1000))
  elseif answer.headers["x-ratelimit-remaining"] == "0" then
    local reset = tonumber(answer.headers["x-ratelimit-reset"])
    return reset and math.max(1000, math.ceil(reset * 1000 - host.now() + 1000)) or 60000
  elseif answer.status == 429 or said:lower():find("rate limit", 1, true)
    or said:lower():find("abuse detection", 1, true) then
    call.hits = (call.hits or 0) + 1
    return math.min(LONGEST, 60000 << (call.hits - 1))
  end
  return nil
end

-- Requests -----------------------------------------------------------------------------

local client = wire.client {
  name = "github", title = "GitHub", url = "https://api.github.com",
  headers = function ()
    return { Accept = "application/vnd.github+json",
      Authorization = { "Bearer ", host.credential "github" }, ["X-GitHub-Api-Version"] = VERSION }
  end,
  errors = errors_of, message = words, limited = M.limited, patience = PATIENCE,
  extra = { "errors", "hits" },
}

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9,
  Oct = 10, Nov = 11, Dec = 12 }
local skew = 0

-- GitHub's clock by its Date header: times that it writes down are compared with ours.
local function note_clock(answer)
  local day, month, year, time = (answer.headers.date or ""):match(
    "(%d%d?) (%a%a%a) (%d%d%d%d) (%d%d:%d%d:%d%d) GMT")
  if MONTHS[month] then
    skew = host.time(("%s-%02d-%02dT%sZ"):format(year, MONTHS[month], tonumber(day), time))
      - host.now() // 1000 * 1000
  end
end

--- What GitHub's clock showed when ours showed `ms`, or up to two seconds earlier.
function M.vendor_time(ms)
  return (ms + skew) // 1000 * 1000 - 2000
end

--- One request: see wire.lua; `errors` = status -> { code, words } of this verb.
function M.ask(call)
  call.method = call.method or "GET"
  call.write = call.method ~= "GET"
  local data, answer = client(call)
  note_clock(answer)
  return data, answer
end

--- "/repos/OWNER/NAME" and what follows; each `%s` is escaped, the slashes of a ref as well.
function M.path(text, ...)
  local parts = { ... }
  for i, part in ipairs(parts) do
    parts[i] = wire.escape(part)
  end
  local owner, name = M.repository():match("^([^/]+)/(.+)$")
  return ("/repos/%s/%s"):format(wire.escape(owner), wire.escape(name))
    .. text:format(table.unpack(parts))
end

local function next_page(answer)
  for part in (answer.headers.link or ""):gmatch("[^,]+") do
    local url, rel = part:match("<([^>]+)>.-rel=\"([^\"]+)\"")
    if rel == "next" then
      return url
    end
  end
end

-- The address of the next page is the vendor's; behind another base (a proxy, an installation of
-- one's own) what follows that base counts.
local function path_of(url)
  local path = url:gsub("^https?://[^/]+", "")
  local settings = host.project.providers and host.project.providers.github or {}
  local prefix = (settings.url or ""):match("^https?://[^/]+(/.-)/*$")
  if prefix and path:sub(1, #prefix + 1) == prefix .. "/" then
    path = path:sub(#prefix + 1)
  end
  return path
end

--- Members of all pages, by the Link header; at most `most`. `name`: the member that is the list.
-- The second value is the first page's answer.
function M.pages(call, name, most)
  local out, first = host.json.array {}, nil
  call.query = call.query or {}
  call.query.per_page = call.query.per_page or math.min(100, most or 100)
  for _ = 1, PAGES do
    local data, answer = M.ask(call)
    first = first or data
    local list = name and type(data) == "table" and data[name] or data
    if type(list) ~= "table" or list == host.null then
      host.raise("github.answer", ("%s: GitHub's answer has no list%s"):format(call.where
        or "GitHub",
        name and " \"" .. name .. "\"" or ""), { retryable = true })
    end
    for _, item in ipairs(list) do
      out[#out + 1] = item
      if most and #out >= most then
        return out, first
      end
    end
    local url = next_page(answer)
    if not url then
      return out, first
    end
    call = { path = path_of(url), where = call.where, errors = call.errors,
      conditional = call.conditional }
  end
  host.raise("github.too-many", ("%s: the list has more than %d pages (%d entries so far): ask for "
    .. "less"):format(call.where or "GitHub", PAGES, #out))
end

--- Asks `look` again every two seconds until it returns something but nil, for so long (ms).
function M.patiently(ms, look)
  local till = host.now() + ms
  while true do
    local found = look()
    if found ~= nil or host.now() >= till then
      return found
    end
    host.sleep(2000)
  end
end

-- Who we are -----------------------------------------------------------------------------

local known

--- The account behind the credential, { login, type, scopes }; { } for an app, which has none.
function M.account()
  if not known then
    local data, answer = M.ask { path = "/user", where = "the credential \"github\"",
      judge = function (a)
        if a.status == 403 or a.status == 404 then
          return true, false
        end
      end }
    known = data and { login = data.login, type = some(data.type),
      scopes = answer.headers["x-oauth-scopes"] } or {}
  end
  return known
end

return M
