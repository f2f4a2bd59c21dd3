-- The patterns of GitHub's workflow filters, as its documentation has them:
--
--   *      any characters but "/"            **    any characters
--   ?      the character before it, or not   +     the character before it, once or more
--   [a-c]  one of these                      \x    x itself
--   !x     at the beginning: not x           **/   also no folder at all ("**/a" fits "a")
--
-- https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet
--
-- Loaded without a capability, too: it touches nothing.

local M = {}

-- Reading a pattern ------------------------------------------------------------------------

-- A set of characters from "[" at `i`: a test, and where it ends.
local function read_set(pattern, i)
  local close = pattern:find("]", i + 2, true)
  if not close then
    return nil, "\"[\" is not closed"
  end
  local set, at = {}, i + 1
  while at < close do
    local from, to = pattern:sub(at, at), nil
    if pattern:sub(at + 1, at + 1) == "-" and at + 2 < close then
      to = pattern:sub(at + 2, at + 2)
      local plain = (from:find("%l") and to:find("%l")) or (from:find("%u") and to:find("%u"))
        or (from:find("%d") and to:find("%d"))
      if not plain or from > to then
        return nil, ("the range %s-%s is none: a-z, A-Z and 0-9 are"):format(from, to)
      end
    end
    for byte = from:byte(), (to or from):byte() do
      set[byte] = true
    end
    at = at + (to and 3 or 1)
  end
  return { kind = "set", set = set }, close
end

local function quantified(out, c)
  local last = out[#out]
  if not last or last.kind == "dirs" then
    return ("\"%s\" has nothing before it"):format(c)
  end
  -- After a star there is nothing that could be left out or repeated further.
  if last.kind == "one" or last.kind == "set" then
    last.times = c
  end
end

local function read_star(out, pattern, i)
  if pattern:sub(i + 1, i + 1) ~= "*" then
    out[#out + 1] = { kind = "star" }
    return i
  end
  local begins = i == 1 or pattern:sub(i - 1, i - 1) == "/"
  if begins and pattern:sub(i + 2, i + 2) == "/" then
    out[#out + 1] = { kind = "dirs" }
    return i + 2
  end
  out[#out + 1] = { kind = "all" }
  return i + 1
end

--- The tokens of a pattern (without its "!"), or nil and what is wrong with it.
function M.parse(pattern)
  local out, i = {}, 1
  if pattern == "" then
    return nil, "it is empty"
  end
  while i <= #pattern do
    local c = pattern:sub(i, i)
    if c == "*" then
      i = read_star(out, pattern, i)
    elseif c == "?" or c == "+" then
      local wrong = quantified(out, c)
      if wrong then
        return nil, wrong
      end
    elseif c == "[" then
      local set, to = read_set(pattern, i)
      if not set then
        return nil, to
      end
      out[#out + 1], i = set, to
    elseif c == "\\" then
      i = i + 1
      if i > #pattern then
        return nil, "\"\\\" has nothing behind it"
      end
      out[#out + 1] = { kind = "one", byte = pattern:byte(i) }
    else
      out[#out + 1] = { kind = "one", byte = pattern:byte(i) }
    end
    i = i + 1
  end
  return out
end

-- Fitting ----------------------------------------------------------------------------------

local SLASH = ("/"):byte()

local function fits_one(token, byte)
  if token.kind == "set" then
    return byte ~= nil and token.set[byte] == true
  end
  return byte ~= nil and token.byte == byte
end

-- From where in the text this token and all behind it fit; `rest` says so of those behind it.
local function row_of(token, text, rest)
  local row, n, folder = {}, #text, false
  for at = n + 1, 1, -1 do
    local byte = at <= n and text:byte(at) or nil
    if token.kind == "all" then
      row[at] = rest[at] or (at <= n and row[at + 1])
    elseif token.kind == "star" then
      row[at] = rest[at] or (at <= n and byte ~= SLASH and row[at + 1])
    elseif token.kind == "dirs" then
      folder = folder or (byte == SLASH and rest[at + 1]) or false
      row[at] = rest[at] or folder
    elseif token.times == "?" then
      row[at] = rest[at] or (fits_one(token, byte) and rest[at + 1])
    elseif token.times == "+" then
      row[at] = fits_one(token, byte) and (rest[at + 1] or row[at + 1])
    else
      row[at] = fits_one(token, byte) and rest[at + 1]
    end
    row[at] = row[at] or false
  end
  return row
end

--- Does the whole text fit the pattern (without its "!")? nil and what is wrong where it is none.
function M.fits(pattern, text)
  local tokens, wrong = M.parse(pattern)
  if not tokens then
    return nil, wrong
  end
  local row = {}
  for at = 1, #text do
    row[at] = false
  end
  row[#text + 1] = true
  for i = #tokens, 1, -1 do
    row = row_of(tokens[i], text, row)
  end
  return row[1]
end

--- What is wrong with a list of patterns; nil when nothing is. `negate`: "!" takes out what fits.
function M.wrong(patterns, negate)
  local positive = false
  for _, pattern in ipairs(patterns) do
    local negative = negate and pattern:sub(1, 1) == "!"
    positive = positive or not negative
    local _, wrong = M.parse(negative and pattern:sub(2) or pattern)
    if wrong then
      return ("the pattern '%s': %s"):format(pattern, wrong)
    end
  end
  if not positive then
    return "with nothing but patterns that begin with \"!\" nothing can match"
  end
end

--- The pattern that decides about a name: the last one that fits it. Returns that pattern where it
-- takes the name in; else nil, and the "!" pattern that took it out.
function M.choose(patterns, name)
  local chosen, against
  for _, pattern in ipairs(patterns) do
    local negative = pattern:sub(1, 1) == "!"
    if M.fits(negative and pattern:sub(2) or pattern, name) then
      chosen, against = not negative and pattern or nil, negative and pattern or nil
    end
  end
  return chosen, against
end

return M
