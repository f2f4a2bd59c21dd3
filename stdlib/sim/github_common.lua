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

--- The required checks of a source of the world file, each { name, app_id }. It is a list of names
-- or of such rows, or { checks = that list, strict = true }.
function M.rows_of(source)
  local list = type(source) == "table" and source.checks or source
  local out = {}
  for i, row in ipairs(core.many(list)) do
    out[i] = type(row) == "table" and { name = row.name, app_id = core.some(row.app_id) }
      or { name = row }
  end
  return out
end

function M.is_strict(source)
  return type(source) == "table" and source.strict == true
end

--- What the protection of a branch and its rulesets require, each { name, app_id }.
function M.required(w, branch)
  local out, seen = {}, {}
  for _, source in ipairs { w.s.spec.protection[branch] or {}, w.s.spec.rules[branch] or {} } do
    for _, row in ipairs(M.rows_of(source)) do
      local key = row.name .. " " .. tostring(row.app_id)
      if not seen[key] then
        out[#out + 1], seen[key] = row, true
      end
    end
  end
  return out
end

--- Must a head have all of the branch before it is merged?
function M.strict(w, branch)
  return M.is_strict(w.s.spec.protection[branch]) or M.is_strict(w.s.spec.rules[branch])
end

--- Why a commit may not be merged into a branch; nil when it may.
function M.refusal(w, branch, sha)
  local lacking, required = {}, M.required(w, branch)
  for _, row in ipairs(required) do
    local verdict = actions.verdict(w, sha, row.name, row.app_id)
    if verdict ~= "success" then
      lacking[#lacking + 1] = { name = row.name, verdict = verdict }
    end
  end
  if #lacking == 0 then
    return nil
  elseif #lacking > 1 then
    return ("%d of %d required status checks are expected."):format(#lacking, #required)
  end
  local words = { expected = "expected", pending = "pending", failure = "failing" }
  return ('Required status check "%s" is %s.'):format(lacking[1].name, words[lacking[1].verdict]
    or "expected")
end

return M
