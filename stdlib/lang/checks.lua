-- What a value must be where naming its type does not say enough, and the words for
-- everything that is wrong with a step or a pipeline. Loaded at the first of either.
local host, language = ...

local problem = language.problem

local function sorted_keys(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = k end
  return keys
end

-- Values -------------------------------------------------------------------------

local classes = { pure = true, read = true, write = true, irreversible = true, ["locks-out"] = true }

local function a(kind)
  return function (value)
    if type(value) ~= kind then return nil, "must be a " .. kind .. ", not a " .. type(value) end
    return value
  end
end

local function whole(least, most)
  return function (value)
    if math.type(value) ~= "integer" then return nil, "must be a whole number" end
    if least and value < least then return nil, "must be a whole number, " .. least .. " or more" end
    if most and value > most then return nil, "must be " .. most .. " or less" end
    return value
  end
end

local function duration(value)
  if math.type(value) == "integer" and value >= 0 then
    -- Whole numbers come from pipe.yaml, in ms; one written by hand was meant as seconds.
    if value > 0 and value < 100 then
      return nil, string.format('is a number of milliseconds: %d is hardly meant; say "%ds" or "%dms"', value, value, value)
    end
    return value
  end
  if type(value) ~= "string" then return nil, 'must be a duration such as "90s", "10m" or "14d"' end
  local ms, why = host.duration(value)
  if not ms then return nil, why end
  return ms
end

-- A duration that is no moment: in a time of nothing nothing can happen.
local function longer(least, words)
  return function (value)
    local ms, why = duration(value)
    if ms and ms < least then return nil, "must be " .. words .. " or longer" end
    return ms, why
  end
end

local function pattern(value)
  if type(value) ~= "string" then return nil, "must be a pattern, as text" end
  local good, why = host.good_pattern(value)
  if not good then return nil, "is no pattern of Lua's: " .. why end
  return value
end

local function some_text(value)
  if type(value) ~= "string" or value == "" then return nil, "must be text" end
  return value
end

local function list_of(words)
  return function (value)
    if type(value) == "string" then return { value } end
    if type(value) ~= "table" then return nil, "must be a list of " .. words end
    for position, word in pairs(value) do
      if math.type(position) ~= "integer" or type(word) ~= "string" then return nil, "must be a list of " .. words end
    end
    return value
  end
end

local function class(value)
  if not classes[value] then
    return nil, 'must be one of "read", "write", "irreversible", "locks-out"'
  end
  return value
end

local retry_fields = { times = whole(1, 1000), first = duration, max = duration }

local function retry(value)
  if math.type(value) == "integer" then value = { times = value } end
  if type(value) ~= "table" then return nil, 'must be a number of tries or { times = 3, first = "1s", max = "1m" }' end
  local out = { times = 3, first = 1000, max = 60000 }
  for _, name in ipairs(sorted_keys(value)) do
    local check = retry_fields[name]
    if not check then
      return nil, "has no field " .. host.quote(name) .. host.did_you_mean(tostring(name), sorted_keys(retry_fields))
    end
    local got, why = check(value[name])
    if got == nil then return nil, name .. " " .. why end
    out[name] = got
  end
  return out
end

local function question(value)
  if type(value) == "function" then return value end
  if type(value) ~= "string" or value == "" then return nil, "must be the question, as text or a function that returns it" end
  return value
end

local function one_approver(value)
  if value ~= 1 then return nil, "must be 1: more approvers than one are not in this version of pipe" end
  return value
end

local function requires(value)
  if type(value) ~= "string" then return nil, 'must be text such as "pipe >= 0.1"' end
  local range = string.match(value, "^pipe%s+(.+)$")
  if not range then return nil, 'must begin with "pipe", as in "pipe >= 0.1"' end
  local ok, why = host.version(host.pipe_version, range)
  if not ok then return nil, why or ("is not met: this is pipe " .. host.pipe_version) end
  return value
end

local function own_version(value)
  if type(value) ~= "string" then return nil, 'must be text such as "1.0.0"' end
  local ok, why = host.version(value)
  if not ok then return nil, why end
  return value
end

local rules = {
  class = class, ids = list_of "step ids", credentials = list_of "credentials' names", look = longer(100, "100ms"), members = whole(1, 1000),
  one_approver = one_approver, question = question, requires = requires, retry = retry,
  some_text = some_text, span = longer(1, "1ms"), version = own_version,
}

-- The value as it is kept, or nil and what is wrong with it.
local function checked(rule, value)
  if rule == "any" then return value end
  return (rules[rule] or a(rule))(value)
end

-- What is wrong with a step or a pipeline -------------------------------------------

local function unknown(owner, name)
  local known = {}
  for word, rule in pairs(language.every_kind) do
    if owner.kind ~= "pipeline" and language.kinds[owner.kind][word] ~= false then known[word] = rule end
  end
  for word, rule in pairs(language.kinds[owner.kind]) do known[word] = rule or nil end
  problem(owner, "%s %s has no field %s%s", owner.kind, host.quote(owner.id), host.quote(name),
    host.did_you_mean(name, sorted_keys(known)))
end

local function bad_id(owner)
  problem(owner, 'the id %s: letters, digits, "-", "_" and ".", and not only digits', host.quote(owner.id))
end

local function bad_children(owner, body)
  local last = 0
  for position, child in pairs(body) do
    if type(position) == "number" then
      local wrong
      if position ~= last + 1 then
        problem(owner, "entry %d of %s is nil: a step that is there only sometimes says when = …", last + 1,
          host.quote(owner.id))
      end
      last = position
      if type(child) == "function" then
        wrong = "is a step without its body { … }"
      elseif not language.is_step(child) then
        wrong = "is a " .. type(child) .. ", not a step"
      end
      if wrong then problem(owner, "entry %s of %s %s", position, host.quote(owner.id), wrong) end
    end
  end
end

return {
  checked = checked, whole = whole, pattern = pattern, text = a "string",
  unknown = unknown, bad_id = bad_id, bad_children = bad_children,
}
