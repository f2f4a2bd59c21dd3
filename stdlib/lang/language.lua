-- The words of the language: pipeline, step, gate, manual, wait, parallel, each,
-- and the kinds of parameter. They only describe: every word returns a table, and
-- `pipeline` checks the whole spine before anything runs. All problems are
-- gathered and told together, each with its line and, for a field that nobody
-- knows, the nearest right one.
--
-- Every start reads this file: it holds what every pipeline needs. The rest lies in
-- checks.lua and params.lua and is loaded by whoever comes to need it.
local host = ...

local problems = {}

-- What the parts share.
local language = { param_words = {} }

-- `at` is whatever bears a line and a file: a step, a parameter, the pipeline.
function language.problem(at, text, ...)
  problems[#problems + 1] = { line = at.line, file = at.file, message = string.format(text, ...) }
end
local problem = language.problem

local parts = {}

function language.part(name)
  parts[name] = parts[name] or host.part(name)(host, language)
  return parts[name]
end
local part = language.part

-- What each kind may say: the type of the value, or the name of a rule in
-- checks.lua. false: not this kind, though every other.
local every_kind = { title = "string", when = "function", needs = "ids", was = "string", timeout = "span" }

local kinds = {
  step = { run = "function", verify = "function", undo = "function", retry = "retry", effect = "class" },
  gate = { ask = "question", confirm = "some_text", approvers = "one_approver", timeout = false },
  manual = { ask = "question", verify = "function", timeout = false },
  wait = { ready = "function", every = "look", assume = "any" },
  parallel = { timeout = false },
  each = { over = "any", key = "some_text", at_once = "members", timeout = false },
  pipeline = { version = "version", requires = "requires", summary = "string", params = "table",
    lock = "string", uses = "credentials" },
}
language.kinds, language.every_kind = kinds, every_kind

local required = { step = "run", gate = "ask", manual = "ask", wait = "ready", each = "over" }
local holds = { parallel = true, each = true, pipeline = true }

local step_mark, pipeline_mark = {}, {}

function language.is_step(value)
  return type(value) == "table" and getmetatable(value) == step_mark
end
local is_step = language.is_step

-- The table that a word returns, before it was given its body.
local function begun(kind, id, mark)
  local self = { kind = kind, id = id }
  self.line, self.file = host.place()
  if type(id) ~= "string" then
    problem(self, '%s needs an id: %s "name" { … }', kind, kind)
    self.id = "?"
  elseif not host.good_id(id) then
    part "checks".bad_id(self)
  end
  return setmetatable(self, mark)
end

-- Enters the value of one field, if it is right.
local function read_field(self, fields, name, value)
  local rule = kinds[self.kind][name]
  if rule == nil and self.kind ~= "pipeline" then rule = every_kind[name] end
  if not rule then
    part "checks".unknown(self, name)
  elseif type(value) == rule or rule == "version" and host.good_version(value) then
    fields[name] = value
  else
    local got, why = part "checks".checked(rule, value)
    if got == nil then problem(self, "%s %s: %s %s", self.kind, host.quote(self.id), name, why) end
    fields[name] = got
  end
end

local function read_fields(self, fields, body)
  for name, value in pairs(body) do
    if type(name) == "string" then
      read_field(self, fields, name, value)
    elseif not holds[self.kind] then
      problem(self, "%s %s holds an entry without a name (a %s)", self.kind, host.quote(self.id), type(value))
    end
  end
  local name = required[self.kind]
  if name and body[name] == nil then problem(self, "%s %s lacks %s", self.kind, host.quote(self.id), host.quote(name)) end
end

local function read_children(self, body)
  local children, right = {}, true
  for position, child in pairs(body) do
    if type(position) == "number" then
      right = right and position == #children + 1 and is_step(child)
      children[#children + 1] = child
    end
  end
  self.children = children
  if not right then
    part "checks".bad_children(self, body)
  elseif #children == 0 then
    problem(self, "%s %s holds no steps", self.kind, host.quote(self.id))
  end
end

local function word(kind)
  return function (id)
    local self = begun(kind, id, step_mark)
    return function (body)
      self.fields = {}
      if type(body) ~= "table" then
        problem(self, "%s %s needs a body { … }", kind, host.quote(self.id))
        return self
      end
      read_fields(self, self.fields, body)
      if holds[kind] then read_children(self, body) end
      return self
    end
  end
end

local function pipeline(name)
  local self = begun("pipeline", name, pipeline_mark)
  return function (body)
    if type(body) ~= "table" then
      problem(self, "pipeline %s needs a body { … }", host.quote(self.id))
      body = {}
    end
    read_fields(self, self, body)
    if body.version == nil then
      problem(self, 'pipeline %s lacks its version: version = "1.0.0"', host.quote(self.id))
    end
    self.params = self.params and part "params".declared(self) or {}
    read_children(self, body)
    return self
  end
end

local function param(kind)
  local function describe(body) return part "params".describe(kind, body) end
  language.param_words[describe] = true
  return describe
end

-- What the command line gave, as values: returns values, or nil and a list of problems.
local function read_params(specs, given)
  if #specs == 0 and next(given) == nil then return {} end
  return part "params".read(specs, given)
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
for _, kind in ipairs { "step", "gate", "manual", "wait", "parallel", "each" } do words[kind] = word(kind) end

return { words = words, accept = accept, read_params = read_params }
