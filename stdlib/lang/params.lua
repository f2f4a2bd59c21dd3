-- Parameters: what their descriptions may say, and the values that the command line
-- gives. Loaded where a pipeline has some, or something is given.
local host, language = ...

local problem, checks = language.problem, language.part "checks"
local whole, pattern = checks.whole, checks.pattern

local function sorted_keys(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = k end
  return keys
end

-- Descriptions ----------------------------------------------------------------------

local param_mark = {}
local number_words = { min = whole(), max = whole() }

local param_kinds = {
  text = { min = whole(0), max = whole(0), pattern = pattern },
  integer = number_words,
  flag = {},
  choice = {},
  version_text = { range = checks.text },
}

-- One parameter as the words describe it: text { help = … }.
local function describe(kind, body)
  local fields = param_kinds[kind]
  local p = setmetatable({ kind = kind, choices = {} }, param_mark)
  p.line, p.file = host.place()
  local known = { default = true, help = true, check = true, optional = true }
  for name in pairs(fields) do known[name] = true end
  if body ~= nil and type(body) ~= "table" then
    problem(p, "a %s parameter takes a table: %s { help = … }", kind, kind)
    body = nil
  end
  for name, value in pairs(body or {}) do
    if math.type(name) == "integer" and kind == "choice" then
      if type(value) ~= "string" then problem(p, "a choice is a list of texts; entry %d is a %s", name, type(value)) end
      p.choices[#p.choices + 1] = value
    elseif not known[name] then
      problem(p, "a %s parameter has no field %s%s", kind, host.quote(name),
        host.did_you_mean(tostring(name), sorted_keys(known)))
    else
      local got, why = value, nil
      if fields[name] then got, why = fields[name](value) end
      if name == "help" and type(value) ~= "string" then got, why = nil, "must be text" end
      if name == "check" and type(value) ~= "function" then got, why = nil, "must be a function" end
      if name == "optional" and type(value) ~= "boolean" then got, why = nil, "must be true or false" end
      if got == nil then problem(p, "%s %s", name, why) end
      p[name] = got
    end
  end
  if kind == "choice" and #p.choices == 0 then problem(p, 'a choice needs its values: choice { "a", "b" }') end
  if kind == "flag" and p.default == nil then p.default = false end
  return p
end

-- Values ---------------------------------------------------------------------------------

local readers = {}

function readers.text(p, value)
  if type(value) ~= "string" then return nil, "must be text" end
  local length = utf8.len(value) or #value
  if p.min and length < p.min then return nil, "must have at least " .. p.min .. " characters" end
  if p.max and length > p.max then return nil, "must have at most " .. p.max .. " characters" end
  if p.pattern and not string.find(value, p.pattern) then return nil, "must match the pattern " .. p.pattern end
  return value
end

function readers.integer(p, value)
  local number = value
  if type(value) == "string" and string.find(value, "^[+-]?%d+$") then number = math.tointeger(tonumber(value)) end
  if math.type(number) ~= "integer" then return nil, "must be a whole number" end
  if p.min and number < p.min then return nil, "must be " .. p.min .. " or more" end
  if p.max and number > p.max then return nil, "must be " .. p.max .. " or less" end
  return number
end

local flags = { ["true"] = true, yes = true, ["1"] = true, ["false"] = false, no = false, ["0"] = false }

function readers.flag(_, value)
  if type(value) == "boolean" then return value end
  local flag = flags[value]
  if flag == nil then return nil, "must be true or false" end
  return flag
end

function readers.choice(p, value)
  for _, one in ipairs(p.choices) do
    if one == value then return value end
  end
  return nil, "must be one of " .. table.concat(p.choices, ", ")
    .. (type(value) == "string" and host.did_you_mean(value, p.choices) or "")
end

function readers.version_text(p, value)
  if type(value) ~= "string" then return nil, "must be a version such as 1.2.3" end
  local ok, why = host.version(value, p.range)
  if not ok then return nil, why end
  return value
end

local function read_param(p, value)
  local got, why = readers[p.kind](p, value)
  if got ~= nil and p.check then
    local fine, reason = p.check(got)
    if not fine then return nil, reason or "does not pass its check" end
  end
  return got, why
end

-- What the command line gave, as values: returns values, or nil and a list of problems.
local function read(specs, given)
  local values, wrong, known = {}, {}, {}
  for _, p in ipairs(specs) do
    known[#known + 1] = p.name
    local text = given[p.name]
    if text == nil then text = p.default end
    if text ~= nil then
      local got, why = read_param(p, text)
      if got == nil then
        wrong[#wrong + 1] = string.format("parameter %s=%s: %s", p.name, host.quote(tostring(text)), why)
      end
      values[p.name] = got
    elseif not p.optional then
      wrong[#wrong + 1] = string.format("parameter %s is missing%s: say %s=…", p.name,
        p.help and " (" .. p.help .. ")" or "", p.name)
    end
  end
  for _, name in ipairs(sorted_keys(given)) do
    local found = false
    for _, k in ipairs(known) do found = found or k == name end
    if not found then
      wrong[#wrong + 1] = string.format("the pipeline has no parameter %s%s%s", host.quote(name),
        #known > 0 and " (it has " .. table.concat(known, ", ") .. ")" or "", host.did_you_mean(name, known))
    end
  end
  if #wrong > 0 then return nil, wrong end
  return values
end

local function copy(p)
  local twin = {}
  for k, v in pairs(p) do twin[k] = v end
  return setmetatable(twin, param_mark)
end

-- What a pipeline declares, as a list in the order of names. `x = text` is `x = text {}`.
local function declared(pipeline)
  local list = {}
  for name, p in pairs(pipeline.params or {}) do
    if type(p) == "function" and language.param_words[p] then p = p {} end
    if type(name) ~= "string" or not string.find(name, "^[%a_][%w_%-]*$") then
      problem(pipeline, "the parameter's name %s: letters, digits, \"_\" and \"-\"", host.quote(tostring(name)))
    elseif type(p) ~= "table" or getmetatable(p) ~= param_mark then
      problem(pipeline, "parameter %s: must be text, integer, flag, choice or version_text { … }",
        host.quote(tostring(name)))
    else
      p = copy(p) -- one description may serve two names
      p.name = name
      if p.default ~= nil then
        local got, why = read_param(p, p.default)
        if got == nil then problem(p, "the default of parameter %s %s", host.quote(name), why) end
      end
      list[#list + 1] = p
    end
  end
  return list
end

return { describe = describe, declared = declared, read = read }
