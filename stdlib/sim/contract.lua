-- Holds what passes between a provider and its twin against the vendor's own
-- description, an OpenAPI 3 document: contract.check(document, file, req, answer).
-- Known of JSON Schema: type, nullable, enum, const, required, properties,
-- additionalProperties, items, minimum, maximum, minLength, maxLength, minItems, maxItems,
-- allOf, anyOf, oneOf, $ref within the document.

local sim = ...
local core = sim.require "core"

local M = {}

local function is_list(value)
  return type(value) == "table" and (#value > 0 or next(value) == nil)
end

local KINDS = {
  string = function (v) return type(v) == "string" end,
  integer = function (v) return math.type(v) == "integer" or type(v) == "number" and v % 1 == 0 end,
  number = function (v) return type(v) == "number" end,
  boolean = function (v) return type(v) == "boolean" end,
  array = is_list,
  object = function (v) return type(v) == "table" and (next(v) == nil or #v == 0) end,
  null = function (v) return v == nil or v == sim.null end,
}

local function resolve(document, node)
  local steps = 0
  while type(node) == "table" and type(node["$ref"]) == "string" do
    local at = document
    for part in node["$ref"]:gsub("^#/", ""):gmatch("[^/]+") do
      at = type(at) == "table" and at[(part:gsub("~1", "/"):gsub("~0", "~"))] or nil
    end
    steps = steps + 1
    if at == nil or steps > 50 then
      error(("the contract's reference %q leads nowhere"):format(node["$ref"]), 0)
    end
    node = at
  end
  return node
end

local function kinds_of(schema)
  local kinds = type(schema.type) == "table" and schema.type or { schema.type }
  return kinds, table.concat(kinds, " or ")
end

local check

local function check_kind(schema, value, path)
  local kinds, words = kinds_of(schema)
  local fits = #kinds == 0
  for _, kind in ipairs(kinds) do
    fits = fits or (KINDS[kind] and KINDS[kind](value))
  end
  if not fits then
    return ("%s is %s, not %s"):format(path, type(value) == "table" and "a list or map"
      or type(value), words)
  end
end

local function among(list, value)
  for _, one in ipairs(list) do
    if one == value then
      return true
    end
  end
end

local function check_bounds(schema, value, path)
  local size = type(value) == "string" and utf8.len(value) or type(value) == "table" and #value
  local low = type(value) == "string" and schema.minLength or schema.minItems
  local high = type(value) == "string" and schema.maxLength or schema.maxItems
  if schema.enum and not among(schema.enum, value) then
    return ("%s is %q, which is none of its values"):format(path, tostring(value))
  elseif schema.const ~= nil and schema.const ~= value then
    return ("%s is %q, it should be %q"):format(path, tostring(value), tostring(schema.const))
  elseif type(value) == "number" and (value < (schema.minimum or value)
      or value > (schema.maximum or value)) then
    return ("%s is %s, out of its bounds"):format(path, value)
  elseif size and (size < (low or 0) or size > (high or size)) then
    return ("%s has the length %d, out of its bounds"):format(path, size)
  end
end

local function check_members(document, schema, value, path)
  if type(value) ~= "table" then
    return nil
  end
  for _, name in ipairs(schema.required or {}) do
    if value[name] == nil then
      return ("%s.%s is missing"):format(path, name)
    end
  end
  for i, one in ipairs(schema.items and value or {}) do
    local problem = check(document, schema.items, one, ("%s[%d]"):format(path, i))
    if problem then
      return problem
    end
  end
  for name, one in core.sorted(is_list(value) and {} or value) do
    local inner = schema.properties and schema.properties[name]
    if inner == nil then
      inner = schema.additionalProperties
    end
    if inner == false then
      return ("%s.%s is not known to the contract"):format(path, name)
    end
    local problem = type(inner) == "table" and check(document, inner, one, path .. "." .. name)
    if problem then
      return problem
    end
  end
end

local function check_several(document, schema, value, path)
  for _, one in ipairs(schema.allOf or {}) do
    local problem = check(document, one, value, path)
    if problem then
      return problem
    end
  end
  for _, word in ipairs { "anyOf", "oneOf" } do
    local first, fits = nil, schema[word] == nil
    for _, one in ipairs(schema[word] or {}) do
      local problem = check(document, one, value, path)
      fits = fits or not problem
      first = first or problem
    end
    if not fits then
      return ("%s fits none of %s: %s"):format(path, word, first)
    end
  end
end

function check(document, schema, value, path)
  schema = resolve(document, schema)
  if type(schema) ~= "table" then
    return nil
  elseif (value == nil or value == sim.null) and schema.nullable then
    return nil
  end
  return check_kind(schema, value, path) or check_bounds(schema, value, path)
    or check_several(document, schema, value, path)
    or check_members(document, schema, value, path)
end

-- Where a request belongs ------------------------------------------------------------

local function segments(path)
  local out = {}
  for part in path:gmatch("[^/]+") do
    out[#out + 1] = part
  end
  return out
end

-- What stands for the placeholders of the template; nil where it does not fit.
local function fit(template, parts)
  local wanted, found, fixed = segments(template), {}, 0
  if #wanted ~= #parts then
    return nil
  end
  for i, part in ipairs(wanted) do
    local name = part:match("^{(.+)}$")
    if name then
      found[name] = core.unescape(parts[i])
    elseif part ~= parts[i] then
      return nil
    else
      fixed = fixed + 1
    end
  end
  return found, fixed
end

local function operation_of(document, req)
  local best, values, most, known
  local parts = segments(req.path)
  for template, item in core.sorted(document.paths or {}) do
    local found, fixed = fit(template, parts)
    if found and fixed > (most or -1) then
      known = true
      best, values, most = item[req.method:lower()], found, fixed
      if best then
        best = { operation = best, shared = item.parameters or {} }
      end
    end
  end
  return best, values, known
end

local function as_typed(document, schema, text)
  local kinds = kinds_of(resolve(document, schema) or {})
  if among(kinds, "integer") or among(kinds, "number") then
    return math.tointeger(tonumber(text)) or tonumber(text) or text
  elseif among(kinds, "boolean") and (text == "true" or text == "false") then
    return text == "true"
  end
  return text
end

local function check_parameters(document, found, values, req)
  local known = {}
  for _, list in ipairs { found.shared, found.operation.parameters or {} } do
    for _, node in ipairs(list) do
      local p = resolve(document, node)
      local given
      if p["in"] == "query" then
        known[p.name] = true
        given = req.query[p.name]
      elseif p["in"] == "path" then
        given = values[p.name]
      elseif p["in"] == "header" then
        given = req.headers[p.name:lower()]
      end
      if given == nil and p.required and p["in"] ~= "cookie" then
        return ("the %s parameter %q is missing"):format(p["in"], p.name)
      elseif given ~= nil and p.schema then
        local problem = check(document, p.schema, as_typed(document, p.schema, given), p.name)
        if problem then
          return "the " .. p["in"] .. " parameter " .. problem
        end
      end
    end
  end
  for name in core.sorted(req.query) do
    if not known[name] then
      return ("the query parameter %q is not known to the contract"):format(name)
    end
  end
end

local function json_schema(content)
  for kind, media in core.sorted(content or {}) do
    if kind:find("json", 1, true) then
      return media.schema
    end
  end
end

local function check_request_body(document, operation, req)
  local body = resolve(document, operation.requestBody)
  local given = req.body and req.body ~= ""
  if not body then
    return given and "a body was sent, the contract has none" or nil
  elseif not given then
    return body.required and "the body is missing" or nil
  end
  local schema = json_schema(body.content)
  if schema then
    local ok, value = pcall(sim.json.decode, req.body)
    return ok and check(document, schema, value, "body") or not ok and "the body is no JSON" or nil
  end
end

local function check_answer(document, operation, answer)
  local responses = operation.responses or {}
  local status = tostring(answer.status)
  local response = resolve(document, responses[status] or responses[status:sub(1, 1) .. "XX"]
    or responses.default)
  if not response then
    return ("the contract has no answer %s"):format(status)
  end
  local schema = json_schema(response.content)
  if schema then
    local ok, value = pcall(sim.json.decode, answer.body or "")
    return ok and check(document, schema, value, "answer") or not ok and "the answer is no JSON" or nil
  end
end

local function violated(file, req, problem)
  error(("contract %s: %s %s: %s"):format(file, req.method, req.path, problem), 0)
end

--- Raises where the request is not one of the document's.
function M.check_request(document, file, req)
  local found, values, known = operation_of(document, req)
  if not found then
    violated(file, req, known and "the contract has no such method here"
      or "the contract has no such path")
  end
  local problem = check_parameters(document, found, values, req)
    or check_request_body(document, found.operation, req)
  if problem then
    violated(file, req, "the request: " .. problem)
  end
end

--- Raises where the answer is none that the document allows for this request.
function M.check_answer(document, file, req, answer)
  local found = operation_of(document, req)
  local problem = found and not answer.error and check_answer(document, found.operation, answer)
  if problem then
    violated(file, req, "the answer: " .. problem)
  end
end

return M
