-- What Apple asks of a request: a token that is signed and young, names that it
-- knows, values of the right type. And the words in which it refuses one.

local sim = ...
local core = sim.require "core"

local M = {}

local TITLES = {
  [400] = "A parameter has an invalid value", [401] = "Authentication credentials are missing "
    .. "or invalid.",
  [403] = "This request is forbidden for security reasons",
  [404] = "The specified resource does not exist",
  [405] = "The request method is not valid for the resource",
  [409] = "The request entity is not valid for the current state of the resource",
  [422] = "The request entity is not valid",
  [429] = "The request rate limit has been reached.",
}

--- One of Apple's errors; more = { pointer, parameter, meta }.
function M.fail(w, status, code, detail, more)
  more = more or {}
  local one = { id = core.new_uuid(w, "appstore-error"), status = tostring(status), code = code,
    title = more.title or TITLES[status], detail = detail, meta = more.meta }
  if more.pointer then
    one.source = { pointer = more.pointer }
  elseif more.parameter then
    one.source = { parameter = more.parameter }
  end
  return core.answer(status, { errors = core.list { one } })
end

-- Tokens ------------------------------------------------------------------------------

local function part_of(text)
  local raw = sim.unbase64url(text)
  local ok, value = pcall(sim.json.decode, raw or "")
  return ok and type(value) == "table" and value ~= sim.null and value or nil
end

-- Seconds that the clocks of the two sides may be apart.
local LEEWAY = 60

local function times_fit(w, claims)
  local now = w.s.now // 1000
  local exp, iat = claims.exp, claims.iat
  return math.type(exp) == "integer" and exp > now and exp <= now + 20 * 60 + LEEWAY
    and (iat == nil or math.type(iat) == "integer" and exp - iat <= 20 * 60 and iat <= now + LEEWAY)
end

local function issuer_fits(key, claims)
  if key.issuer then
    return claims.iss == key.issuer and claims.sub == nil
  end
  return claims.sub == "user" and claims.iss == nil
end

-- The key whose token this is; nil for anything else.
local function key_of(w, req)
  local token = (req.headers.authorization or ""):match("^Bearer (%S+)$")
  local first, second = (token or ""):match("^([^.]+)%.([^.]+)%.[^.]+$")
  local header, claims = part_of(first or ""), part_of(second or "")
  if not header or not claims or header.alg ~= "ES256" or header.typ ~= "JWT"
    or claims.aud ~= "appstoreconnect-v1" or not times_fit(w, claims) then
    return nil
  end
  for _, key in ipairs(w.s.appstore.keys) do
    if key.id == header.kid then
      return issuer_fits(key, claims) and sim.es256_verify(key.public, token) and key or nil
    end
  end
end

-- What a role may change; everybody may read. Names as Apple's.
local MANAGERS = { ADMIN = true, ACCOUNT_HOLDER = true, APP_MANAGER = true }

--- nil, or the answer that refuses the caller.
function M.refused(w, req, beta)
  local key = key_of(w, req)
  if not key then
    return M.fail(w, 401, "NOT_AUTHORIZED", "Provide a properly configured and signed bearer "
      .. "token, and make "
      .. "sure that it has not expired. Learn more about Generating Tokens for API Requests "
      .. "https://developer.apple.com/go/?id=api-generating-tokens")
  elseif w.s.spec.appstore.agreements == "expired" then
    return M.fail(w, 403, "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED",
      "This request requires an in-effect agreement that has not been signed or has expired.",
      { title = "A required agreement is missing or has expired." })
  elseif req.method ~= "GET" and not MANAGERS[key.role]
    and not (beta and key.role == "DEVELOPER") then
    return M.fail(w, 403, "FORBIDDEN_ERROR",
      "The API key in use does not allow this request")
  end
end

-- Parameters --------------------------------------------------------------------------

local function known(all, name)
  return all[name] ~= nil or name == "limit" or name == "cursor"
end

--- nil, or the answer that refuses the query; allowed: name -> true, or the words that it takes.
function M.parameters(w, req, allowed)
  for name, value in core.sorted(req.query) do
    if not known(allowed, name) then
      return M.fail(w, 400, "PARAMETER_ERROR.ILLEGAL",
        ("The parameter '%s' can not be used with this request"):format(name),
        { parameter = name, title = "A parameter has an invalid value" })
    elseif type(allowed[name]) == "table" then
      for word in value:gmatch("[^,]+") do
        if not allowed[name][word] then
          return M.fail(w, 400, "PARAMETER_ERROR.INVALID",
            ("'%s' is not a valid value for the parameter '%s'"):format(word, name),
            { parameter = name })
        end
      end
    end
  end
  local limit = req.query.limit
  if limit and not (limit:find("^%d+$") and tonumber(limit) >= 1 and tonumber(limit) <= 200) then
    return M.fail(w, 400, "PARAMETER_ERROR.INVALID",
      ("'%s' is not a valid limit: it must be between 1 and 200"):format(limit),
      { parameter = "limit" })
  end
end

--- The values of filter[name] as a set; nil where it is not given.
function M.filter(req, name)
  local text = req.query["filter[" .. name .. "]"]
  if not text then
    return nil
  end
  local set = {}
  for word in text:gmatch("[^,]+") do
    set[word] = true
  end
  return set
end

-- Bodies ------------------------------------------------------------------------------

local KINDS = { text = "string", flag = "boolean" }

local function type_wrong(w, name, kind)
  return M.fail(w, 409, "ENTITY_ERROR.ATTRIBUTE.TYPE",
    ("The attribute '%s' must be a %s"):format(name, KINDS[kind]),
    { pointer = "/data/attributes/" .. name, title = "An attribute value has the wrong type" })
end

local function attribute(w, name, value, rule)
  if value == sim.null then
    return rule.null ~= true and type_wrong(w, name, rule[1]) or nil
  elseif type(value) ~= KINDS[rule[1]] then
    return type_wrong(w, name, rule[1])
  elseif rule.words and not core.has(rule.words, value) then
    return M.fail(w, 409, "ENTITY_ERROR.ATTRIBUTE.INVALID",
      ("'%s' is not a valid value for the attribute '%s'"):format(value, name),
      { pointer = "/data/attributes/" .. name, title = "An attribute value is invalid." })
  end
end

local function attributes(w, given, rules)
  for name, value in core.sorted(given) do
    if not rules[name] then
      return M.fail(w, 409, "ENTITY_ERROR.ATTRIBUTE.UNKNOWN",
        ("The attribute '%s' is unknown"):format(name),
        { pointer = "/data/attributes/" .. name, title = "The provided entity includes an "
          .. "unknown attribute" })
    end
    local wrong = attribute(w, name, value, rules[name])
    if wrong then
      return wrong
    end
  end
  for name, rule in core.sorted(rules) do
    if rule.required and core.some(given[name]) == nil then
      return M.fail(w, 409, "ENTITY_ERROR.ATTRIBUTE.REQUIRED",
        ("You must provide a value for the attribute '%s' with this request"):format(name),
        { pointer = "/data/attributes/" .. name,
          title = "The provided entity is missing a required attribute" })
    end
  end
end

local function relationships(w, given, rules)
  for name in core.sorted(given) do
    if not rules[name] then
      return M.fail(w, 409, "ENTITY_ERROR.RELATIONSHIP.UNKNOWN",
        ("The relationship '%s' is unknown"):format(name),
        { pointer = "/data/relationships/" .. name,
          title = "The provided entity includes an unknown relationship" })
    end
  end
  for name, kind in core.sorted(rules) do
    local data = type(given[name]) == "table" and given[name].data
    if type(data) ~= "table" or data.type ~= kind or type(data.id) ~= "string" then
      return M.fail(w, 409, "ENTITY_ERROR.RELATIONSHIP.REQUIRED",
        ("You must provide a value for the relationship '%s' with this request"):format(name),
        { pointer = "/data/relationships/" .. name,
          title = "The provided entity is missing a required relationship" })
    end
  end
end

--- attributes, ids of the related by name; or nil and the answer that refuses the body.
function M.body(w, req, rule)
  local body = core.body(req)
  local data = body and body.data
  if type(data) ~= "table" or data == sim.null then
    return nil, nil, M.fail(w, 422, "ENTITY_UNPROCESSABLE",
      "The request body is not a valid JSON:API document: 'data' is missing")
  elseif data.type ~= rule.type then
    return nil, nil, M.fail(w, 409, "ENTITY_ERROR.TYPE",
      ("The type of the resource is '%s'"):format(rule.type), { pointer = "/data/type" })
  elseif rule.id and data.id ~= rule.id then
    return nil, nil, M.fail(w, 409, "ENTITY_ERROR.ID",
      "The id of the resource is not that of the request's path", { pointer = "/data/id" })
  end
  local given, related = core.some(data.attributes) or {}, core.some(data.relationships) or {}
  local wrong = attributes(w, given, rule.attributes or {})
    or relationships(w, related, rule.relationships or {})
  if wrong then
    return nil, nil, wrong
  end
  local ids = {}
  for name in pairs(rule.relationships or {}) do
    ids[name] = related[name].data.id
  end
  return given, ids
end

return M
