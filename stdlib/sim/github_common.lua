-- What the parts of the simulated GitHub share: its errors, its pages, and the
-- rules that say what may be merged.

local sim = ...
local core = sim.require "core"
local actions = sim.require "actions"

local M = {}

local DOCS = "https://docs.github.com/rest"

-- Answers ------------------------------------------------------------------

function M.problem(status, message, more)
  local body = { message = message, documentation_url = DOCS, status = tostring(status) }
  for key, value in pairs(more or {}) do
    body[key] = value
  end
  return core.answer(status, body)
end

function M.not_found()
  return M.problem(404, "Not Found")
end

function M.invalid(message, errors)
  return M.problem(422, message, { errors = errors })
end

--- A page of a list, with the Link header of the vendor.
function M.page_of(req, items)
  local per = math.max(1, math.min(100, math.tointeger(tonumber(req.query.per_page)) or 30))
  local page = math.max(1, math.tointeger(tonumber(req.query.page)) or 1)
  local out = core.list {}
  for i = (page - 1) * per + 1, math.min(#items, page * per) do
    out[#out + 1] = items[i]
  end
  local last = math.max(1, (#items + per - 1) // per)
  local links = {}
  local function link(rel, to)
    local query = {}
    for name, value in core.sorted(req.query) do
      if name ~= "page" then
        query[#query + 1] = core.escape(name) .. "=" .. core.escape(value)
      end
    end
    query[#query + 1] = "page=" .. to
    links[#links + 1] = ('<https://%s%s?%s>; rel="%s"'):format(req.host, req.path,
      table.concat(query, "&"), rel)
  end
  if page > 1 then
    link("prev", page - 1)
  end
  if page < last then
    link("next", page + 1)
    link("last", last)
  end
  if page > 1 then
    link("first", 1)
  end
  return out, #links > 0 and { link = table.concat(links, ", ") } or nil
end

function M.listed(req, items, name)
  local some, headers = M.page_of(req, items)
  if name then
    return core.answer(200, { total_count = #items, [name] = some }, headers)
  end
  return core.answer(200, some, headers)
end

-- Rules ----------------------------------------------------------------------

-- What the protection of a branch (and its rulesets) requires.
function M.required(w, branch)
  local names, seen = {}, {}
  for _, source in ipairs { w.s.spec.protection, w.s.spec.rules } do
    for _, name in ipairs(core.many(source[branch])) do
      if not seen[name] then
        names[#names + 1], seen[name] = name, true
      end
    end
  end
  return names
end

--- Why a commit may not be merged into a branch; nil when it may.
function M.refusal(w, branch, sha)
  local lacking = {}
  for _, name in ipairs(M.required(w, branch)) do
    local verdict = actions.verdict(w, sha, name)
    if verdict ~= "success" then
      lacking[#lacking + 1] = { name = name, verdict = verdict }
    end
  end
  if #lacking == 0 then
    return nil
  elseif #lacking > 1 then
    return ("%d of %d required status checks are expected."):format(#lacking,
      #M.required(w, branch))
  end
  local words = { expected = "expected", pending = "pending", failure = "failing" }
  return ('Required status check "%s" is %s.'):format(lacking[1].name, words[lacking[1].verdict]
    or "expected")
end

return M
