-- The words of the language: pipeline, step, gate, manual, wait, parallel, each,
-- and the kinds of parameter. They only describe: every word returns a table, and
-- `pipeline` checks the whole spine before anything runs. All problems are
-- gathered and told together, each with its line and, for a field that nobody
-- knows, the nearest right one.
local host = ...

local problems = {}

-- `at` is whatever bears a line and a file: a step, a parameter, the pipeline.
local function problem(at, text, ...)
  problems[#problems + 1] = { line = at.line, file = at.file, message = string.format(text, ...) }
end

-- Where the script stands, entered in the table that is given.
local function placed(t)
  t.line, t.file = host.place()
  return t
end

local function sorted_keys(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = k end
  return keys
end

-- Types of fields --------------------------------------------------------------

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
  if math.type(value) == "integer" and value >= 0 then return value end
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

local function ids(value)
  if type(value) == "string" then return { value } end
  if type(value) ~= "table" then return nil, "must be a list of step ids" end
  for position, id in pairs(value) do
    if math.type(position) ~= "integer" or type(id) ~= "string" then return nil, "must be a list of step ids" end
  end
  return value
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

local function data_or_function(value)
  return value
end

local function one_approver(value)
  if value ~= 1 then return nil, "must be 1: more approvers than one are not in this version of pipe" end
  return value
end

-- What each kind of step may say -----------------------------------------------

local every_kind = {
  title = a "string", when = a "function", needs = ids, was = a "string", timeout = longer(1, "1ms"),
}

local function kind_of(fields)
  for name, check in pairs(every_kind) do fields[name] = fields[name] or check end
  return fields
end

local kinds = {
  step = { fields = kind_of { run = a "function", verify = a "function", undo = a "function",
    retry = retry, effect = class }, required = { "run" } },
  gate = { fields = kind_of { ask = question, confirm = some_text, approvers = one_approver },
    required = { "ask" } },
  manual = { fields = kind_of { ask = question, verify = a "function" }, required = { "ask" } },
  wait = { fields = kind_of { ready = a "function", every = longer(100, "100ms"), assume = data_or_function },
    required = { "ready" } },
  parallel = { fields = kind_of {}, required = {}, holds = true },
  each = { fields = kind_of { over = data_or_function, key = some_text, at_once = whole(1, 1000) },
    required = { "over" }, holds = true },
}
kinds.gate.fields.timeout = nil
kinds.manual.fields.timeout = nil
kinds.parallel.fields.timeout = nil
kinds.each.fields.timeout = nil

local step_mark = {}

local function is_step(value)
  return type(value) == "table" and getmetatable(value) == step_mark
end

local function check_id(kind, id, at)
  if type(id) ~= "string" then
    problem(at, '%s needs an id: %s "name" { … }', kind, kind)
    return "?"
  end
  if not string.find(id, "^[%w_%-%.\x80-\xff]+$") or string.find(id, "^[%d%.]+$") then
    problem(at, 'the id %s: letters, digits, "-", "_" and ".", and not only digits', host.quote(id))
  end
  return id
end

local function check_children(step, body)
  local last, faulty = 0, false
  for _, position in ipairs(sorted_keys(body)) do
    local child, wrong = body[position], nil
    if math.type(position) == "integer" then
      if position ~= last + 1 then
        problem(step, "entry %d of %s is nil: a step that is there only sometimes says when = …", last + 1,
          host.quote(step.id))
        faulty = true
      end
      last = position
      if type(child) == "function" then
        wrong = "is a step without its body { … }"
      elseif not is_step(child) then
        wrong = "is a " .. type(child) .. ", not a step"
      end
      if wrong then
        problem(step, "entry %d of %s %s", position, host.quote(step.id), wrong)
        faulty = true
      else
        step.children[#step.children + 1] = child
      end
    end
  end
  if #step.children == 0 and not faulty then problem(step, "%s %s holds no steps", step.kind, host.quote(step.id)) end
end

local function read_fields(step, schema, body)
  for _, name in ipairs(sorted_keys(body)) do
    if type(name) == "string" then
      local check = schema.fields[name]
      if not check then
        problem(step, "%s %s has no field %s%s", step.kind, host.quote(step.id), host.quote(name),
          host.did_you_mean(name, sorted_keys(schema.fields)))
      else
        local value, why = check(body[name])
        if value == nil then
          problem(step, "%s %s: %s %s", step.kind, host.quote(step.id), name, why)
        else
          step.fields[name] = value
        end
      end
    elseif not schema.holds then
      problem(step, "%s %s holds an entry without a name (a %s)", step.kind, host.quote(step.id),
        type(body[name]))
    end
  end
  for _, name in ipairs(schema.required) do
    if body[name] == nil then
      problem(step, "%s %s lacks %s", step.kind, host.quote(step.id), host.quote(name))
    end
  end
end

local function word(kind)
  local schema = kinds[kind]
  return function (id)
    local at = placed {}
    id = check_id(kind, id, at)
    return function (body)
      local step = setmetatable({ kind = kind, id = id, line = at.line, file = at.file, fields = {}, children = {} },
        step_mark)
      if type(body) ~= "table" then
        problem(at, "%s %s needs a body { … }", kind, host.quote(id))
        return step
      end
      read_fields(step, schema, body)
      if schema.holds then check_children(step, body) end
      return step
    end
  end
end

-- Parameters ---------------------------------------------------------------------

local param_mark = {}
local number_words = { min = whole(), max = whole() }

local param_kinds = {
  text = { min = whole(0), max = whole(0), pattern = pattern },
  integer = number_words,
  flag = {},
  choice = {},
  version_text = { range = a "string" },
}

local is_kind = {} -- the words themselves: `x = text` is `x = text {}`

local function param(kind)
  local fields = param_kinds[kind]
  local known = { default = true, help = true, check = true, optional = true }
  for name in pairs(fields) do known[name] = true end
  local function word(body)
    local p = setmetatable(placed { kind = kind, choices = {} }, param_mark)
    if body ~= nil and type(body) ~= "table" then
      problem(p, "a %s parameter takes a table: %s { help = … }", kind, kind)
      body = nil
    end
    for _, name in ipairs(sorted_keys(body or {})) do
      local value = body[name]
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
  is_kind[word] = true
  return word
end

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
local function read_params(specs, given)
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
        host.did_you_mean(name, known), #known > 0 and "; it has: " .. table.concat(known, ", ") or "")
    end
  end
  if #wrong > 0 then return nil, wrong end
  return values
end

-- The pipeline ----------------------------------------------------------------------

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

local header = {
  version = own_version, requires = requires, summary = a "string", params = a "table",
  lock = a "string", uses = ids,
}

local function read_header(pipeline, body)
  for _, name in ipairs(sorted_keys(body)) do
    if type(name) == "string" then
      local check = header[name]
      if not check then
        problem(pipeline, "pipeline %s has no field %s%s", host.quote(pipeline.name), host.quote(name),
          host.did_you_mean(name, sorted_keys(header)))
      else
        local value, why = check(body[name])
        if value == nil then
          problem(pipeline, "pipeline %s: %s %s", host.quote(pipeline.name), name, why)
        else
          pipeline[name] = value
        end
      end
    end
  end
  if body.version == nil then
    problem(pipeline, 'pipeline %s lacks its version: version = "1.0.0"', host.quote(pipeline.name))
  end
end

local function copy(p)
  local twin = {}
  for k, v in pairs(p) do twin[k] = v end
  return setmetatable(twin, param_mark)
end

local function header_params(pipeline)
  local list = {}
  for _, name in ipairs(sorted_keys(pipeline.params or {})) do
    local p = pipeline.params[name]
    if type(p) == "function" and is_kind[p] then p = p {} end
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
  pipeline.params = list
end

local pipeline_mark = {}

local function pipeline(name)
  local at = placed {}
  name = check_id("pipeline", name, at)
  return function (body)
    local self = setmetatable({ kind = "pipeline", id = name, name = name, line = at.line, file = at.file,
      children = {} }, pipeline_mark)
    if type(body) ~= "table" then
      problem(at, "pipeline %s needs a body { … }", host.quote(name))
      body = {}
    end
    read_header(self, body)
    header_params(self)
    check_children(self, body)
    return self
  end
end

-- What a pipeline file returned, or a raise with everything that is wrong with it.
local function accept(value)
  if #problems == 0 and (type(value) ~= "table" or getmetatable(value) ~= pipeline_mark) then
    problem({ line = 1 }, 'the file must return its pipeline: return pipeline "name" { … }')
  end
  local found = problems
  problems = {}
  if #found > 0 then return nil, found end
  return value
end

local words = {
  pipeline = pipeline, text = param "text", integer = param "integer", flag = param "flag",
  choice = param "choice", version_text = param "version_text",
}
for kind in pairs(kinds) do words[kind] = word(kind) end

return { words = words, accept = accept, read_params = read_params }
