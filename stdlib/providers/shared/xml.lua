-- A small strict reader of XML: elements, attributes, text, character data, comments,
-- the five entities and numbers. No document types: what they can do, no report needs.
--
--   xml.parse(text) -> { name, attributes = { name = text }, children = { element, … }, text }
--
-- nil and a reason, with its line, for anything else. Bounded in bytes, depth and elements.

local M = {}

local BYTES, DEPTH, ELEMENTS = 8 * 1024 * 1024, 64, 100000
local NAME = "[%a_:\128-\255][%w_:%.%-\128-\255]*"
local ENTITIES = { lt = "<", gt = ">", amp = "&", quot = '"', apos = "'" }

local function line_at(text, at)
  local _, lines = text:sub(1, at):gsub("\n", "")
  return lines + 1
end

local function fail(s, words)
  error({ xml = ("line %d: %s"):format(line_at(s.text, s.at), words) }, 0)
end

local function character(s, digits, base)
  local code = tonumber(digits, base)
  if not code or code > 0x10FFFF or (code >= 0xD800 and code <= 0xDFFF)
    or (code < 32 and code ~= 9 and code ~= 10 and code ~= 13) then
    fail(s, "there is no such character: &#" .. digits .. ";")
  end
  return utf8.char(code)
end

local function unescape(s, raw)
  if not raw:find("&", 1, true) then
    return raw
  end
  return (raw:gsub("&([^;&]*)(;?)", function (name, ending)
    if ending == "" then
      fail(s, "a \"&\" that begins no entity")
    elseif ENTITIES[name] then
      return ENTITIES[name]
    end
    local hex, decimal = name:match("^#x(%x+)$"), name:match("^#(%d+)$")
    if not hex and not decimal then
      fail(s, ("the entity \"&%s;\" is not known"):format(name:sub(1, 40)))
    end
    return character(s, hex or decimal, hex and 16 or 10)
  end))
end

local function skip_to(s, ending, what)
  local _, stop = s.text:find(ending, s.at, true)
  if not stop then
    fail(s, what .. " has no end")
  end
  s.at = stop + 1
end

-- Blanks, comments and processing instructions, outside of the root and within.
local function skip_misc(s)
  local before
  repeat
    before = s.at
    s.at = s.text:match("^%s*()", s.at)
    if s.text:find("^<!%-%-", s.at) then
      skip_to(s, "-->", "a comment")
    elseif s.text:find("^<%?", s.at) then
      skip_to(s, "?>", "a processing instruction")
    end
  until s.at == before
end

local function read_attributes(s)
  local out = {}
  while true do
    local name, quote, start = s.text:match("^%s+(" .. NAME .. ")%s*=%s*([\"'])()", s.at)
    if not name then
      return out
    end
    local stop = s.text:find(quote, start, true)
    if not stop then
      fail(s, ("the attribute \"%s\" has no end"):format(name))
    elseif out[name] then
      fail(s, ("the attribute \"%s\" stands there twice"):format(name))
    end
    local raw = s.text:sub(start, stop - 1)
    if raw:find("<", 1, true) then
      fail(s, ("the attribute \"%s\" holds a \"<\""):format(name))
    end
    out[name] = unescape(s, raw)
    s.at = stop + 1
  end
end

-- <name a="b" …> or <name …/>: the element, and whether it is over.
local function read_start(s)
  local name, after = s.text:match("^<(" .. NAME .. ")()", s.at)
  if not name then
    fail(s, s.text:find("^<!", s.at) and "document types are not read" or "an element is expected")
  end
  s.elements = s.elements + 1
  if s.elements > ELEMENTS then
    fail(s, ("more than %d elements"):format(ELEMENTS))
  end
  s.at = after
  local element = { name = name, attributes = read_attributes(s), children = {}, text = "" }
  local slash, stop = s.text:match("^%s*(/?)>()", s.at)
  if not stop then
    fail(s, ("the tag of \"%s\" has no end"):format(name))
  end
  s.at = stop
  return element, slash == "/"
end

local function read_end(s, element)
  local name, stop = s.text:match("^</(" .. NAME .. ")%s*>()", s.at)
  if name ~= element.name then
    fail(s, ("\"</%s>\" is expected"):format(element.name))
  end
  s.at = stop
end

-- The text up to the next "<"; character data as it is.
local function read_text(s)
  if s.text:find("^<!%[CDATA%[", s.at) then
    local from = s.at + 9
    skip_to(s, "]]>", "character data")
    return s.text:sub(from, s.at - 4)
  end
  local stop = s.text:find("<", s.at, true)
  if not stop then
    fail(s, "the text ends within an element")
  end
  local raw = s.text:sub(s.at, stop - 1)
  local out = unescape(s, raw)
  s.at = stop
  return out
end

local read_element

local function read_inside(s, element, depth)
  local parts = {}
  while not s.text:find("^</", s.at) do
    if s.text:find("^<!%-%-", s.at) or s.text:find("^<%?", s.at) then
      skip_misc(s)
    elseif s.text:find("^<[^!]", s.at) then
      element.children[#element.children + 1] = read_element(s, depth + 1)
    else
      local before = s.at
      parts[#parts + 1] = read_text(s)
      if s.at == before then
        fail(s, "document types are not read")
      end
    end
  end
  element.text = table.concat(parts)
  read_end(s, element)
end

function read_element(s, depth)
  if depth > DEPTH then
    fail(s, ("deeper than %d elements"):format(DEPTH))
  end
  local element, over = read_start(s)
  if not over then
    read_inside(s, element, depth)
  end
  return element
end

local function read(text)
  local s = { text = text, at = 1, elements = 0 }
  if #text > BYTES then
    fail(s, ("more than %d bytes"):format(BYTES))
  elseif not utf8.len(text) then
    fail(s, "it is not UTF-8")
  end
  s.at = text:match("^\239\187\191()") or 1
  skip_misc(s)
  local root = read_element(s, 1)
  skip_misc(s)
  if s.at <= #text then
    fail(s, "something stands behind the root element")
  end
  return root
end

function M.parse(text)
  local ok, value = pcall(read, text)
  if ok then
    return value
  elseif type(value) == "table" and value.xml then
    return nil, value.xml
  end
  error(value, 0)
end

--- Calls f(element) for all elements of that name, the root included.
function M.each(element, name, f)
  if element.name == name then
    f(element)
  end
  for _, child in ipairs(element.children) do
    M.each(child, name, f)
  end
end

return M
