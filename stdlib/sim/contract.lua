-- Holds what passes between a provider and its twin against the vendor's own
-- description, an OpenAPI 3 document: M.check_request, M.check_answer.
-- Known of JSON Schema: type, nullable, enum, const, required, properties,
-- additionalProperties, items, minimum, maximum, minLength, maxLength, minItems, maxItems,
-- allOf, anyOf, oneOf, $ref within the document. The path of a request begins with that of one
-- of the `servers`, if there are any.

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
      or value == sim.null and "null" or type(value), words)
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
    local first, fits = nil, 0
    for _, one in ipairs(schema[word] or {}) do
      local problem = check(document, one, value, path)
      fits = fits + (problem and 0 or 1)
      first = first or problem
    end
    if schema[word] and fits == 0 then
      return ("%s fits none of %s: %s"):format(path, word, first or "there is none")
    elseif word == "oneOf" and fits > 1 then
      return ("%s fits %d of oneOf, it should be one"):format(path, fits)
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

-- "/v1//a/" is "v1", "", "a", "": what is empty is not nothing.
local function segments(path)
  local out = {}
  for part in (path:gsub("^/", "") .. "/"):gmatch("([^/]*)/") do
    out[#out + 1] = part
  end
  return out
end

-- The part of a template with its placeholders, as "{id}.json", against a part of the path.
local function fit_part(wanted, part, found)
  local names = {}
  local pattern = wanted:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0"):gsub("{([^{}]+)}", function (name)
    names[#names + 1] = name:gsub("%%(.)", "%1")
    return "(.+)"
  end)
  if #names == 0 then
    return wanted == part, 1
  end
  local values = { part:match("^" .. pattern .. "$") }
  for i, name in ipairs(names) do
    found[name] = values[i] and core.unescape(values[i])
  end
  return #values > 0, wanted:find("^{[^{}]+}$") and 0 or 0.5
end

-- What stands for the placeholders of the template; nil where it does not fit.
local function fit(template, parts)
  local wanted, found, fixed = segments(template), {}, 0
  if #wanted ~= #parts then
    return nil
  end
  for i, part in ipairs(wanted) do
    local fits, weight = fit_part(part, parts[i], found)
    if not fits then
      return nil
    end
    fixed = fixed + weight
  end
  return found, fixed
end

-- The path of a server's address, absolute or relative, its variables by their defaults.
local function base_of(server)
  local url = tostring(server.url or ""):gsub("{([^{}]+)}", function (name)
    local variable = (server.variables or {})[name]
    return variable and variable.default ~= nil and tostring(variable.default) or nil
  end)
  local path = url:gsub("^%a[%w+.-]*://[^/]*", ""):gsub("^//[^/]*", ""):gsub("[?#].*$", "")
  path = path:gsub("^%./", ""):gsub("/+$", "")
  return (path == "" or path:sub(1, 1) == "/") and path or "/" .. path
end

local function bases_of(...)
  for _, servers in ipairs { ... } do
    if servers and #servers > 0 then
      local out = {}
      for i, server in ipairs(servers) do
        out[i] = base_of(server)
      end
      return out
    end
  end
  return { "" }
end

-- The path as each of the servers would see it.
local function within(bases, path)
  local out = {}
  for _, base in ipairs(bases) do
    if path:sub(1, #base) == base and (#path == #base or path:sub(#base + 1, #base + 1) == "/") then
      out[#out + 1] = segments(path:sub(#base + 1))
    end
  end
  return out
end

-- The operation with its parameters, the values of its placeholders; whether the path is known.
local function operation_of(document, req)
  local best, values, most, known
  local method = req.method:lower()
  for template, node in core.sorted(document.paths) do
    local item = resolve(document, node)
    local operation = item[method]
    local bases = bases_of(operation and operation.servers or false, item.servers or false,
      document.servers or false)
    for _, parts in ipairs(within(bases, req.path)) do
      local found, fixed = fit(template, parts)
      if found and fixed > (most or -1) then
        known, values, most = true, found, fixed
        best = operation and { operation = operation, shared = item.parameters or {} }
      end
    end
  end
  return best, values, known
end

-- The value that a text stands for, as far as the schema tells.
local function as_typed(document, schema, text)
  local kinds = kinds_of(resolve(document, schema or {}) or {})
  if among(kinds, "integer") or among(kinds, "number") then
    local number = text:find("^%-?%d[%d%.eE+-]*$") and tonumber(text)
    return number and (math.tointeger(number) or number) or text
  elseif among(kinds, "boolean") and (text == "true" or text == "false") then
    return text == "true"
  end
  return text
end

-- What a query has for a parameter that the contract says is a list: "a=1&a=2", or "a=1,2".
local function texts_of(p, req)
  if p.explode ~= false then
    return req.all[p.name]
  end
  local out = {}
  for text in (req.query[p.name] .. ","):gmatch("([^,]*),") do
    out[#out + 1] = text
  end
  return out
end

local function of_query(document, p, req)
  local schema = resolve(document, p.schema or {}) or {}
  local text = req.query[p.name]
  if text == nil or not among(kinds_of(schema), "array") then
    return text and as_typed(document, schema, text)
  end
  local out = core.list {}
  for i, one in ipairs(texts_of(p, req)) do
    out[i] = as_typed(document, schema.items, one)
  end
  return out
end

-- What the contract itself has no say about: requests bring these for reasons of their own.
local UNJUDGED = { accept = true, ["content-type"] = true, authorization = true }

local function given_for(document, p, values, req)
  if p["in"] == "query" then
    return of_query(document, p, req)
  end
  local text = p["in"] == "path" and values[p.name] or p["in"] == "header"
    and req.headers[p.name:lower()] or nil
  return text and as_typed(document, p.schema, text)
end

-- Those of the operation before those of its path, each name once.
local function parameters_of(document, found)
  local out, seen = {}, {}
  for _, list in ipairs { found.operation.parameters or {}, found.shared } do
    for _, node in ipairs(list) do
      local p = resolve(document, node)
      local key = p["in"] .. " " .. p.name
      local judged = p["in"] ~= "cookie"
        and not (p["in"] == "header" and UNJUDGED[p.name:lower()])
      if judged and not seen[key] then
        out[#out + 1], seen[key] = p, true
      end
    end
  end
  return out
end

local function check_parameters(document, found, values, req)
  local known = {}
  for _, p in ipairs(parameters_of(document, found)) do
    known[p["in"] == "query" and p.name or false] = true
    local given = given_for(document, p, values, req)
    if given == nil and p.required then
      return ("the %s parameter %q is missing"):format(p["in"], p.name)
    elseif given ~= nil and p.schema then
      local problem = check(document, p.schema, given, p.name)
      if problem then
        return "the " .. p["in"] .. " parameter " .. problem
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
    if kind:find("json", 1, true) and type(media) == "table" then
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

--- The document, if it is one that requests can be held against; raises where it is none.
function M.open(document, file)
  if type(document) ~= "table" or type(document.paths) ~= "table" or document.swagger then
    error(("contract %s: it is no OpenAPI 3 document, with openapi: 3.0.3 and paths: { … }"):format(
      file), 0)
  end
  return document
end

local function no_path(document)
  local bases = {}
  for _, server in ipairs(document.servers or {}) do
    local base = base_of(server)
    bases[#bases + 1] = base ~= "" and base or "/"
  end
  return "the contract has no such path" .. (#bases > 0 and " (its servers are at "
    .. table.concat(bases, ", ") .. ")" or "")
end

--- Raises where the request is not one of the document's.
function M.check_request(document, file, req)
  local found, values, known = operation_of(document, req)
  if not found then
    violated(file, req, known and "the contract has no such method here" or no_path(document))
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
