-- The filters of Railway's logs: words, "a phrase", @name:value, @name:>=5, AND,
-- OR, - and parentheses. Terms side by side must all fit.

local M = {}

local function bad()
  error({ graphql = "Problem processing request", code = "INTERNAL_SERVER_ERROR" }, 0)
end

-- "phrase" or word at i; -> text, next i, whether it was quoted
local function read_value(text, i)
  if text:sub(i, i) == '"' then
    local stop = text:find('"', i + 1, true) or bad()
    return text:sub(i + 1, stop - 1), stop + 1, true
  end
  local word = text:match("^[^%s()\"]+", i)
  if not word then
    return nil, i
  end
  return word, i + #word
end

local function read_attribute(text, i)
  local name = text:match("^@([%w_.%-]+):", i) or bad()
  i = i + #name + 2
  local from, to = text:match("^(%-?[%d.]+)%.%.(%-?[%d.]+)", i)
  if from then
    local all = text:match("^%-?[%d.]+", i)
    return { kind = "range", name = name, from = tonumber(from), to = tonumber(to) }, i + #all
  end
  local op = text:match("^[<>]=?", i) or ""
  local value, after = read_value(text, i + #op)
  if not value then
    bad()
  end
  return { kind = "attribute", name = name, op = op, value = value }, after
end

local function tokens_of(text)
  local out, i = {}, 1
  while true do
    i = text:find("%S", i)
    if not i then
      return out
    end
    local c = text:sub(i, i)
    if c == "(" or c == ")" then
      out[#out + 1], i = { kind = c }, i + 1
    elseif c == "-" and text:find("^[^%s]", i + 1) then
      out[#out + 1], i = { kind = "not" }, i + 1
    elseif c == "@" then
      out[#out + 1], i = read_attribute(text, i)
    else
      local value, after, quoted = read_value(text, i)
      local kind = not quoted and (value == "AND" or value == "OR") and value or "words"
      out[#out + 1], i = { kind = kind, value = value }, after
    end
  end
end

local parse_or

local function parse_one(tokens, at)
  local token = tokens[at] or bad()
  if token.kind == "not" then
    local inner, after = parse_one(tokens, at + 1)
    return { kind = "not", inner }, after
  elseif token.kind == "(" then
    local inner, after = parse_or(tokens, at + 1)
    if not tokens[after] or tokens[after].kind ~= ")" then
      bad()
    end
    return inner, after + 1
  elseif token.kind == ")" or token.kind == "AND" or token.kind == "OR" then
    bad()
  end
  return token, at + 1
end

local function parse_and(tokens, at)
  local all = { kind = "and" }
  while true do
    all[#all + 1], at = parse_one(tokens, at)
    local next = tokens[at]
    if next and next.kind == "AND" then
      at = at + 1
    elseif not next or next.kind == "OR" or next.kind == ")" then
      return all, at
    end
  end
end

function parse_or(tokens, at)
  local any = { kind = "or" }
  while true do
    any[#any + 1], at = parse_and(tokens, at)
    if not tokens[at] or tokens[at].kind ~= "OR" then
      return any, at
    end
    at = at + 1
  end
end

--- The filter as a tree; nil for one that lets all pass.
function M.parse(text)
  local tokens = tokens_of(text or "")
  if #tokens == 0 then
    return nil
  end
  local tree, after = parse_or(tokens, 1)
  if tokens[after] then
    bad()
  end
  return tree
end

local LEVELS = { err = "error", warning = "warn", ["error"] = "error", warn = "warn" }

local function level_of(text)
  return LEVELS[text:lower()] or text:lower()
end

local FIELDS = {
  level = function (line, value) return level_of(line.severity or "info") == level_of(value) end,
  service = function (line, value) return line.service == value end,
  deployment = function (line, value) return line.deployment == value end,
}

local function attribute_of(line, name)
  for _, one in ipairs(line.attributes) do
    if one.key == name then
      return one.value
    end
  end
end

-- Values are JSON as they were logged: a text has its quotes.
local function plain(value)
  return (value:gsub('^"(.*)"$', "%1"))
end

local COMPARE = {
  [">"] = function (a, b) return a > b end, [">="] = function (a, b) return a >= b end,
  ["<"] = function (a, b) return a < b end, ["<="] = function (a, b) return a <= b end,
}

local function attribute_fits(line, tree)
  if FIELDS[tree.name] and tree.op == "" then
    return FIELDS[tree.name](line, tree.value)
  end
  local value = attribute_of(line, tree.name)
  if value == nil then
    return false
  elseif tree.op == "" then
    return plain(value) == tree.value
  end
  local a, b = tonumber(plain(value)), tonumber(tree.value)
  return a ~= nil and b ~= nil and COMPARE[tree.op](a, b)
end

local FITS = {}

--- Whether a line { message, severity, attributes, service, deployment } passes.
function M.fits(tree, line)
  return tree == nil or FITS[tree.kind](tree, line)
end

FITS["or"] = function (tree, line)
  for _, inner in ipairs(tree) do
    if M.fits(inner, line) then
      return true
    end
  end
  return false
end

FITS["and"] = function (tree, line)
  for _, inner in ipairs(tree) do
    if not M.fits(inner, line) then
      return false
    end
  end
  return true
end

FITS["not"] = function (tree, line)
  return not M.fits(tree[1], line)
end

FITS.words = function (tree, line)
  return line.message:lower():find(tree.value:lower(), 1, true) ~= nil
end

FITS.attribute = function (tree, line)
  return attribute_fits(line, tree)
end

FITS.range = function (tree, line)
  local value = attribute_of(line, tree.name)
  local number = value and tonumber(plain(value))
  return number ~= nil and number >= tree.from and number <= tree.to
end

return M
