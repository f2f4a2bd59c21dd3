-- Looks over a provider's module as its author wrote it, and tells every mistake
-- at once. Returns check(module, name, file) -> nil, or a text of one problem a line.

local CLASSES = { pure = true, read = true, write = true, irreversible = true,
  ["locks-out"] = true }
local TYPES = { text = true, integer = true, number = true, flag = true, list = true, map = true,
  secret = true, duration = true, any = true }
local MODULE = { name = "text", summary = "text", verbs = "table", statuses = "table",
  errors = "table", retries = "text" }
local VERB = { effect = "text", summary = "text", result = "text", options = "table",
  request = "text or list", permission = "text", states = "table", errors = "table",
  retries = "text", looks = "text", no_probe = "text", act = "function", target = "function",
  predict = "function", probe = "function", overlay = "function" }
local OPTION = { required = "flag", default = "any", choices = "table", help = "text" }

local function sorted(t)
  local keys = {}
  for key in pairs(t) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function (a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function kind(value)
  local name = type(value)
  return name == "string" and "text" or name == "boolean" and "flag" or name
end

local function fits(value, wanted)
  if wanted == "any" then
    return true
  elseif wanted == "text or list" then
    return kind(value) == "text" or type(value) == "table"
  end
  return kind(value) == wanted
end

local function names(t)
  return table.concat(sorted(t), ", ")
end

-- The fields of a table against the fields that there are.
local function fields(tell, where, t, known)
  for _, key in ipairs(sorted(t)) do
    if known[key] == nil then
      tell(("%s has no field \"%s\" (there are %s)"):format(where, tostring(key), names(known)))
    elseif not fits(t[key], known[key]) then
      tell(("%s: %s is %s, it should be %s"):format(where, key, kind(t[key]), known[key]))
    end
  end
end

local function check_types(tell, where, text)
  if type(text) ~= "string" then
    return tell(where .. ": its first value is its type, as in { \"text\", required = true }")
  end
  for name in (text .. "|"):gmatch("([^|]*)|") do
    if not TYPES[name] then
      tell(("%s: there is no type \"%s\" (there are %s)"):format(where, name, names(TYPES)))
    end
  end
end

local function check_option(tell, where, name, option)
  if type(name) ~= "string" or not name:find("^%l[%l%d_]*$") then
    return tell(("%s: an option is named by small letters, digits and \"_\", not \"%s\""):format(where,
      tostring(name)))
  end
  where = where .. ", option " .. name
  if type(option) ~= "table" then
    return tell(where .. " is no table, as in { \"text\", required = true, help = \"…\" }")
  end
  check_types(tell, where, option[1])
  local rest = {}
  for key, value in pairs(option) do
    if key ~= 1 then
      rest[key] = value
    end
  end
  fields(tell, where, rest, OPTION)
  if option.required and option.default ~= nil then
    tell(where .. " is required, so that its default is never used")
  end
end

local function check_write(tell, where, verb)
  for _, name in ipairs { "target", "predict" } do
    if not verb[name] then
      tell(("%s is a write: it needs %s"):format(where, name == "target"
        and "target = function (o) return \"what it changes\" end"
        or "predict = function (o, overlay) return { sign = \"~\", result = … } end, for dry-runs"))
    end
  end
  if not verb.probe and not verb.no_probe then
    tell(where .. " is a write: it needs probe = function (o, intent) … end, which looks whether it happened "
      .. "when the answer was lost, or no_probe = \"why nobody can tell\"")
  end
  if verb.probe and not verb.looks then
    tell(where .. ": looks = \"…\" says in a sentence how its probe finds out")
  end
end

local function check_verb(tell, where, verb)
  if type(verb) ~= "table" then
    return tell(where .. " is no table: a verb is { effect = …, summary = …, act = function (o) … end }")
  end
  fields(tell, where, verb, VERB)
  if not CLASSES[verb.effect] then
    tell(("%s: effect is %s, it should be one of read, write, irreversible, locks-out, pure"):format(
      where, verb.effect == nil and "missing" or "\"" .. tostring(verb.effect) .. "\""))
  end
  for _, name in ipairs { "summary", "act" } do
    if verb[name] == nil then
      tell(("%s: %s is missing"):format(where, name))
    end
  end
  if type(verb.options) == "table" then
    for _, name in ipairs(sorted(verb.options)) do
      check_option(tell, where, name, verb.options[name])
    end
  end
  if CLASSES[verb.effect] and verb.effect ~= "read" and verb.effect ~= "pure" then
    check_write(tell, where, verb)
  end
end

return function (module, name, file)
  local problems = {}
  local function tell(text)
    problems[#problems + 1] = file .. ": " .. text
  end
  if type(module) ~= "table" then
    tell("returns no table: a provider ends with return { name = …, summary = …, verbs = { … } }")
  else
    fields(tell, "the module", module, MODULE)
    if module.name ~= name then
      tell(("name is %s, it should be \"%s\", as the file is called"):format(
        module.name == nil and "missing" or "\"" .. tostring(module.name) .. "\"", name))
    end
    if type(module.verbs) ~= "table" or next(module.verbs) == nil then
      tell("verbs = { … } is missing or empty")
    else
      for _, verb in ipairs(sorted(module.verbs)) do
        check_verb(tell, name .. "." .. tostring(verb), module.verbs[verb])
      end
    end
  end
  -- An error is so long and no longer.
  local size, shown = 0, {}
  for _, problem in ipairs(problems) do
    size = size + #problem + 1
    if size < 800 then
      shown[#shown + 1] = problem
    end
  end
  if #shown < #problems then
    shown[#shown + 1] = ("… and %d more"):format(#problems - #shown)
  end
  return #problems > 0 and table.concat(shown, "\n") or nil
end
