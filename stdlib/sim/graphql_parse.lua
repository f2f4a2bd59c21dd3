-- Reads GraphQL text: documents that clients send, and the schema of a
-- simulated vendor. A syntax error is raised as { syntax = message, line, column }.

local M = {}

local PUNCTUATION = "[!$&()%[%]{}:=@|]"

local function position(text, at)
  local line, start = 1, 1
  for newline in text:sub(1, at - 1):gmatch("()\n") do
    line, start = line + 1, newline + 1
  end
  return line, at - start + 1
end

local function fail(text, at, message)
  local line, column = position(text, at)
  error({ syntax = "Syntax Error: " .. message, line = line, column = column }, 0)
end

local ESCAPES = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r",
  t = "\t" }

local function read_string(text, at)
  if text:sub(at, at + 2) == '"""' then
    local stop = text:find('"""', at + 3, true)
    if not stop then
      fail(text, at, "Unterminated string.")
    end
    return text:sub(at + 3, stop - 1):gsub("^%s+", ""):gsub("%s+$", ""), stop + 3
  end
  local parts, i = {}, at + 1
  while true do
    local c = text:sub(i, i)
    if c == '"' then
      return table.concat(parts), i + 1
    elseif c == "" or c == "\n" then
      fail(text, at, "Unterminated string.")
    elseif c == "\\" then
      local hex = text:match("^u(%x%x%x%x)", i + 1)
      local known = ESCAPES[text:sub(i + 1, i + 1)]
      if not hex and not known then
        fail(text, i, "Invalid character escape sequence: \"" .. text:sub(i, i + 1) .. "\".")
      end
      parts[#parts + 1] = hex and utf8.char(tonumber(hex, 16)) or known
      i = i + (hex and 6 or 2)
    else
      parts[#parts + 1] = c
      i = i + 1
    end
  end
end

local function tokens_of(text)
  local out, i = {}, 1
  while true do
    i = text:find("[^%s,\239\187\191]", i)
    if not i then
      out[#out + 1] = { kind = "end", at = #text + 1 }
      return out
    end
    local c = text:sub(i, i)
    if c == "#" then
      i = text:find("\n", i, true) or #text + 1
    elseif c == '"' then
      local value, stop = read_string(text, i)
      out[#out + 1], i = { kind = "string", value = value, at = i }, stop
    elseif text:sub(i, i + 2) == "..." then
      out[#out + 1], i = { kind = "...", at = i }, i + 3
    elseif c:find(PUNCTUATION) then
      out[#out + 1], i = { kind = c, at = i }, i + 1
    elseif c:find("[%a_]") then
      local name = text:match("^[%w_]+", i)
      out[#out + 1], i = { kind = "name", value = name, at = i }, i + #name
    elseif c:find("[%-%d]") then
      local number = text:match("^%-?%d+%.?%d*[eE]?[+-]?%d*", i)
      if not number or not tonumber(number) then
        fail(text, i, "Invalid number.")
      end
      local kind = number:find("[.eE]") and "float" or "int"
      out[#out + 1], i = { kind = kind, value = tonumber(number), at = i }, i + #number
    else
      fail(text, i, ("Unexpected character: \"%s\"."):format(c))
    end
  end
end

-- The reader: p = { text, tokens, i } ---------------------------------------

local function peek(p)
  return p.tokens[p.i]
end

local function shown(token)
  if token.kind == "end" then
    return "<EOF>"
  elseif token.kind == "name" then
    return ('Name "%s"'):format(token.value)
  elseif token.kind == "string" then
    return ('String "%s"'):format(token.value)
  end
  return token.value and tostring(token.value) or ('"%s"'):format(token.kind)
end

local function unexpected(p)
  local token = peek(p)
  fail(p.text, token.at, ("Unexpected %s."):format(shown(token)))
end

local function accept(p, kind)
  local token = peek(p)
  if token.kind == kind then
    p.i = p.i + 1
    return token
  end
end

local function expect(p, kind)
  local token = accept(p, kind)
  if not token then
    local wanted = kind == "name" and "Name" or ('"%s"'):format(kind)
    fail(p.text, peek(p).at, ("Expected %s, found %s."):format(wanted, shown(peek(p))))
  end
  return token
end

local function keyword(p, word)
  local token = peek(p)
  if token.kind == "name" and token.value == word then
    p.i = p.i + 1
    return token
  end
end

local function read_type(p)
  local inner
  if accept(p, "[") then
    inner = { list = read_type(p) }
    expect(p, "]")
  else
    inner = { name = expect(p, "name").value }
  end
  if accept(p, "!") then
    return { nonnull = inner }
  end
  return inner
end

local read_value

local function read_object(p)
  local fields = {}
  while not accept(p, "}") do
    local name = expect(p, "name")
    expect(p, ":")
    fields[#fields + 1] = { name = name.value, value = read_value(p), at = name.at }
  end
  return fields
end

local WORDS = { ["true"] = { kind = "boolean", value = true }, ["false"] = { kind = "boolean",
  value = false },
  null = { kind = "null" } }

function read_value(p)
  local token = peek(p)
  p.i = p.i + 1
  if token.kind == "$" then
    return { kind = "variable", name = expect(p, "name").value, at = token.at }
  elseif token.kind == "int" or token.kind == "float" or token.kind == "string" then
    return { kind = token.kind, value = token.value, at = token.at }
  elseif token.kind == "name" then
    local word = WORDS[token.value] or { kind = "enum", value = token.value }
    return { kind = word.kind, value = word.value, at = token.at }
  elseif token.kind == "[" then
    local items = {}
    while not accept(p, "]") do
      items[#items + 1] = read_value(p)
    end
    return { kind = "list", items = items, at = token.at }
  elseif token.kind == "{" then
    return { kind = "object", fields = read_object(p), at = token.at }
  end
  p.i = p.i - 1
  unexpected(p)
end

local function read_arguments(p)
  local out = {}
  if accept(p, "(") then
    repeat
      local name = expect(p, "name")
      expect(p, ":")
      out[#out + 1] = { name = name.value, value = read_value(p), at = name.at }
    until accept(p, ")")
  end
  return out
end

local function read_directives(p)
  local out = {}
  local token = accept(p, "@")
  while token do
    out[#out + 1] = { name = expect(p, "name").value, arguments = read_arguments(p), at = token.at }
    token = accept(p, "@")
  end
  return out
end

local read_selections

local function read_selection(p)
  local dots = accept(p, "...")
  if dots then
    if peek(p).kind == "name" and peek(p).value ~= "on" then
      return { kind = "spread", name = expect(p, "name").value, directives = read_directives(p),
        at = dots.at }
    end
    local on = keyword(p, "on") and expect(p, "name").value
    return { kind = "inline", on = on, directives = read_directives(p),
      selections = read_selections(p), at = dots.at }
  end
  local first = expect(p, "name")
  local field = { kind = "field", alias = first.value, name = first.value, at = first.at }
  if accept(p, ":") then
    field.name = expect(p, "name").value
  end
  field.arguments = read_arguments(p)
  field.directives = read_directives(p)
  field.selections = peek(p).kind == "{" and read_selections(p) or nil
  return field
end

function read_selections(p)
  expect(p, "{")
  local out = {}
  repeat
    out[#out + 1] = read_selection(p)
  until accept(p, "}")
  return out
end

local function read_variables(p)
  local out = {}
  if accept(p, "(") then
    repeat
      local dollar = expect(p, "$")
      local variable = { name = expect(p, "name").value, at = dollar.at }
      expect(p, ":")
      variable.type = read_type(p)
      variable.default = accept(p, "=") and read_value(p) or nil
      read_directives(p)
      out[#out + 1] = variable
    until accept(p, ")")
  end
  return out
end

local KINDS = { query = true, mutation = true, subscription = true }

local function read_definition(p, document)
  local token = peek(p)
  if token.kind == "{" then
    table.insert(document.operations, { kind = "query", variables = {}, directives = {},
      selections = read_selections(p), at = token.at })
  elseif token.kind == "name" and KINDS[token.value] then
    p.i = p.i + 1
    local name = accept(p, "name")
    table.insert(document.operations, { kind = token.value, name = name and name.value,
      at = token.at,
      variables = read_variables(p), directives = read_directives(p),
        selections = read_selections(p) })
  elseif keyword(p, "fragment") then
    local name = expect(p, "name").value
    if not keyword(p, "on") then
      fail(p.text, peek(p).at, ('Expected "on", found %s.'):format(shown(peek(p))))
    end
    document.fragments[name] = { name = name, on = expect(p, "name").value,
      directives = read_directives(p),
      selections = read_selections(p), at = token.at }
  else
    unexpected(p)
  end
end

local function reader(text)
  return { text = text, tokens = tokens_of(text), i = 1 }
end

--- { operations, fragments, locate = function (at) -> { line, column } }
function M.document(text)
  local p = reader(text)
  local document = { operations = {}, fragments = {} }
  function document.locate(at)
    local line, column = position(text, at)
    return { line = line, column = column }
  end
  repeat
    read_definition(p, document)
  until peek(p).kind == "end"
  return document
end

local function read_fields(p)
  local fields = {}
  expect(p, "{")
  repeat
    local name = expect(p, "name").value
    local field = { args = {} }
    if accept(p, "(") then
      repeat
        local arg = expect(p, "name").value
        expect(p, ":")
        field.args[arg] = { type = read_type(p) }
        field.args[arg].default = accept(p, "=") and read_value(p) or nil
      until accept(p, ")")
    end
    expect(p, ":")
    field.type = read_type(p)
    field.default = accept(p, "=") and read_value(p) or nil
    fields[name] = field
  until accept(p, "}")
  return fields
end

local function read_names(p)
  local names = {}
  expect(p, "{")
  repeat
    names[expect(p, "name").value] = true
  until accept(p, "}")
  return names
end

--- Types by name, from the text of a schema.
function M.schema(text)
  local p = reader(text)
  local types = {}
  for _, name in ipairs { "Int", "Float", "String", "Boolean", "ID" } do
    types[name] = { kind = "scalar", name = name }
  end
  while peek(p).kind ~= "end" do
    local kind = expect(p, "name").value
    local name = expect(p, "name").value
    if kind == "scalar" then
      types[name] = { kind = "scalar", name = name }
    elseif kind == "enum" then
      types[name] = { kind = "enum", name = name, values = read_names(p) }
    else
      types[name] = { kind = kind == "input" and "input" or "object", name = name,
        fields = read_fields(p) }
    end
  end
  return types
end

return M
