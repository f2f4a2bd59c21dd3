-- Looks over a provider's module as its author wrote it, and tells every mistake
-- at once. Returns check(module, name, file) -> nil, or a text of one problem a line.

local ROOM = 1150 -- what an error holds, less what is put around it

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
local PHASES = { moving = true, good = true, bad = true, unknown = true }
local KEYWORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat "
  .. "return then true until while"):gmatch("%l+") do
  KEYWORDS[word] = true
end
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

-- A name as it stands in a message: an index without quotes.
local function quoted(key)
  return type(key) == "string" and "\"" .. key .. "\"" or "[" .. tostring(key) .. "]"
end

local function names(t)
  return table.concat(sorted(t), ", ")
end

-- The fields of a table against the fields that there are.
local function fields(tell, where, t, known)
  for _, key in ipairs(sorted(t)) do
    if known[key] == nil then
      tell(("%s has no field %s (there are %s)"):format(where, quoted(key), names(known)))
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

local FITS = {
  integer = function (v) return math.type(v) == "integer" end,
  number = function (v) return type(v) == "number" end,
  flag = function (v) return type(v) == "boolean" end,
  text = function (v) return type(v) == "string" end,
  list = function (v) return type(v) == "table" end,
  map = function (v) return type(v) == "table" end,
}

-- Whether a default can be of one of the types; what has none of its own in Lua is left alone.
local function fits_type(value, types)
  for name in (tostring(types) .. "|"):gmatch("([^|]*)|") do
    if not FITS[name] or FITS[name](value) then
      return true
    end
  end
end

local function check_choices(tell, where, option)
  local list = type(option.choices) == "table" and option.choices or {}
  for _, i in ipairs(sorted(list)) do
    if math.type(i) ~= "integer" or type(list[i]) ~= "string" and type(list[i]) ~= "number" then
      return tell(where .. ": choices is a list of texts, as in { \"normal\", \"stale\" }")
    end
  end
end

local function check_option(tell, where, name, option)
  if type(name) ~= "string" or not name:find("^%l[%l%d_]*$") then
    return tell(("%s: an option is named by small letters, digits and \"_\", not \"%s\""):format(where,
      tostring(name)))
  end
  where = where .. ", option " .. name
  if KEYWORDS[name] then
    tell(where .. ": that is a word of Lua's own, so that nobody could write it")
  end
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
  check_choices(tell, where, option)
  if option.default ~= nil and not fits_type(option.default, option[1]) then
    tell(("%s: its default is %s, its type is %s"):format(where, kind(option.default), option[1]))
  end
  if option.required and option.default ~= nil then
    tell(where .. " is required, so that its default is never used")
  end
end

-- STATUS = { phase, what it means }, of a verb (`states`) or of all (`statuses`).
local function check_states(tell, where, states)
  for _, word in ipairs(sorted(type(states) == "table" and states or {})) do
    local row = states[word]
    local at = ("%s%s"):format(where, type(word) == "string" and "." .. word or quoted(word))
    if type(word) ~= "string" then
      tell(at .. ": a status is a text, as in { DONE = { \"good\", \"it is done\" } }")
    elseif type(row) ~= "table" or not PHASES[row[1]] or type(row[2]) ~= "string" then
      local got = type(row) == "table" and row[1] ~= nil and not PHASES[row[1]]
        and ", its phase is \"" .. tostring(row[1]) .. "\"" or ""
      tell(at .. " should be { \"moving\", \"good\", \"bad\" or \"unknown\", \"what it means\" }"
        .. got)
    end
  end
end

local function check_errors(tell, where, errors)
  for _, code in ipairs(sorted(type(errors) == "table" and errors or {})) do
    if type(code) ~= "string" or type(errors[code]) ~= "string" then
      tell(("%s, errors: %s should be a code and what it means, as in [\"cdn.busy\"] = \"it is busy\"")
        :format(where, quoted(code)))
    end
  end
end

local function check_texts(tell, where, list)
  for _, i in ipairs(sorted(type(list) == "table" and list or {})) do
    if math.type(i) ~= "integer" or type(list[i]) ~= "string" then
      tell(("%s: request is a text or a list of texts; %s is %s"):format(where, quoted(i),
        kind(list[i])))
    end
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

local function check_name(tell, module, name)
  if type(name) ~= "string" then
    tell(("verbs%s: a verb has a name, as in verbs = { purge = { … } }"):format(quoted(name)))
  elseif not name:find("^%a[%w_]*$") then
    tell(("%s: a verb is named by letters, digits and \"_\", a letter first, not %s"):format(module,
      quoted(name)))
  elseif KEYWORDS[name] then
    tell(("%s.%s: that is a word of Lua's own, so that nobody could call it"):format(module, name))
  else
    return true
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
  check_states(tell, where .. ", states", verb.states)
  check_errors(tell, where, verb.errors)
  check_texts(tell, where, verb.request)
  if CLASSES[verb.effect] and verb.effect ~= "read" and verb.effect ~= "pure" then
    check_write(tell, where, verb)
  end
end

local function check_module(tell, module, name)
  fields(tell, "the module", module, MODULE)
  if module.name ~= name then
    tell(("name is %s, it should be \"%s\", as the file is called"):format(
      module.name == nil and "missing" or quoted(module.name), name))
  end
  check_states(tell, "statuses", module.statuses)
  check_errors(tell, "the module", module.errors)
  if type(module.verbs) ~= "table" or next(module.verbs) == nil then
    return tell("verbs = { … } is missing or empty")
  end
  for _, verb in ipairs(sorted(module.verbs)) do
    if check_name(tell, name, verb) then
      check_verb(tell, name .. "." .. verb, module.verbs[verb])
    end
  end
end

-- What a name of the author's may hold, so that one problem stays one line of text.
local function visible(text)
  return (text:gsub("[%c\127]", function (c) return ("\\x%02x"):format(c:byte()) end)
    :gsub("\194([\128-\159])", function (c) return ("\\u%04x"):format(c:byte()) end))
end

-- At the border of a character.
local function cut(text)
  local n = ROOM - 3
  while n > 0 and (text:byte(n + 1) or 0) & 0xC0 == 0x80 do
    n = n - 1
  end
  return text:sub(1, n) .. "…"
end

-- An error is so long and no longer: whole lines, and how many there are beside them.
local function fitting(problems, name)
  local size, shown = 0, {}
  for i, problem in ipairs(problems) do
    size = size + #problem + 1
    if size > ROOM and i > 1 then
      shown[i] = ("… and %d more (pipe help %s shows them after these are mended)"):format(
        #problems - i + 1, name)
      break
    end
    shown[i] = #problem > ROOM and cut(problem) or problem
  end
  return table.concat(shown, "\n")
end

return function (module, name, file)
  local problems = {}
  local function tell(text)
    problems[#problems + 1] = visible(file .. ": " .. text)
  end
  if type(module) ~= "table" then
    tell("returns no table: a provider ends with return { name = …, summary = …, verbs = { … } }")
  else
    check_module(tell, module, name)
  end
  return #problems > 0 and fitting(problems, name) or nil
end
