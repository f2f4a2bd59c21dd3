-- The words of one SQL statement, for rules that look at what it does. Where it begins and
-- ends is known already (host.rows.sql.split); this does not understand SQL, it only knows what
-- is a word, a name, a text, a sign and a comment.

local M = {}

local function text_end(sql, at, escapes)
  local i = at + 1
  while i <= #sql do
    local c = sql:sub(i, i)
    if escapes and c == "\\" then
      i = i + 2
    elseif c == "'" and sql:sub(i + 1, i + 1) == "'" then
      i = i + 2
    elseif c == "'" then
      return i
    else
      i = i + 1
    end
  end
  return #sql
end

local function quoted_end(sql, at)
  local i = at + 1
  while true do
    local e = sql:find('"', i, true)
    if not e then
      return #sql
    elseif sql:sub(e + 1, e + 1) ~= '"' then
      return e
    end
    i = e + 2
  end
end

local function comment_end(sql, at)
  local depth, i = 1, at + 2
  while depth > 0 do
    local s = sql:find("[*/][*/]", i)
    if not s then
      return #sql
    end
    local two = sql:sub(s, s + 1)
    if two == "/*" then
      depth, i = depth + 1, s + 2
    elseif two == "*/" then
      depth, i = depth - 1, s + 2
    else
      i = s + 1
    end
  end
  return i - 1
end

-- What begins with this byte: kind, last byte. Kind nil: nothing to keep.
local function token(sql, at)
  local two = sql:sub(at, at + 1)
  if two == "--" then
    return nil, (sql:find("\n", at, true) or #sql + 1) - 1
  elseif two == "/*" then
    return nil, comment_end(sql, at)
  elseif two:find("^[eE]'") then
    return "text", text_end(sql, at + 1, true)
  elseif two:find("^[bBxXnN]'") then
    return "text", text_end(sql, at + 1)
  elseif two:find("^'") then
    return "text", text_end(sql, at)
  elseif two:find('^"') then
    return "name", quoted_end(sql, at)
  elseif two:find("^%s") then
    return nil, (sql:find("%S", at) or #sql + 1) - 1
  end
  local tag = sql:match("^%$[%w_\128-\255]*%$", at)
  if tag then
    local _, e = sql:find(tag, at + #tag, true)
    return "text", e or #sql
  end
  local _, e = sql:find("^[%a_\128-\255][%w_$\128-\255]*", at)
  if e then
    return "word", e
  end
  _, e = sql:find("^%d[%w_.]*", at)
  return e and "number" or "sign", e or at
end

--- The list of { kind = "word"|"name"|"text"|"number"|"sign", text, at, to }: words in small
-- letters, names in double quotes without them, everything else as it stands.
function M.read(sql)
  local out, at = {}, 1
  while at <= #sql do
    local kind, to = token(sql, at)
    if kind then
      local text = sql:sub(at, to)
      if kind == "word" then
        text = text:lower()
      elseif kind == "name" then
        text = text:sub(2, -2):gsub('""', '"')
      end
      out[#out + 1] = { kind = kind, text = text, at = at, to = to }
    end
    at = to + 1
  end
  return out
end

--- Do the words from i on begin with these? "a|b" is one of two, "?x" may be there. Returns the
-- index behind them.
function M.follow(words, i, ...)
  for _, wanted in ipairs { ... } do
    local maybe = wanted:sub(1, 1) == "?"
    local word = words[i]
    local found = false
    for one in wanted:gsub("^%?", ""):gmatch("[^|]+") do
      found = found or (word and word.kind ~= "name" and word.kind ~= "text" and word.text == one)
    end
    if found then
      i = i + 1
    elseif not maybe then
      return nil
    end
  end
  return i
end

--- Where one of these words stands outside of parentheses, from i on; nil when nowhere.
function M.find(words, i, ...)
  local depth = 0
  for k = i, #words do
    local word = words[k]
    if word.kind == "sign" and word.text == "(" then
      depth = depth + 1
    elseif word.kind == "sign" and word.text == ")" then
      depth = depth - 1
    elseif depth == 0 then
      local behind = M.follow(words, k, ...)
      if behind then
        return k, behind
      end
    end
  end
end

--- The name that begins at i, "schema.table", as it stands in the statement, and the index behind
-- it.
function M.name(sql, words, i)
  local first = words[i]
  if not first or (first.kind ~= "word" and first.kind ~= "name") then
    return nil, i
  end
  local last = i
  while words[last + 1] and words[last + 1].text == "." and words[last + 1].kind == "sign"
    and words[last + 2] and (words[last + 2].kind == "word" or words[last + 2].kind == "name") do
    last = last + 2
  end
  return sql:sub(first.at, words[last].to), last + 1
end

--- The parts of a list from i to `to`, cut at commas outside of parentheses: { { from, to }, … }.
function M.parts(words, i, to)
  local out, depth, from = {}, 0, i
  for k = i, to or #words do
    local text = words[k].kind == "sign" and words[k].text
    if text == "(" then
      depth = depth + 1
    elseif text == ")" then
      depth = depth - 1
    elseif text == "," and depth == 0 then
      out[#out + 1] = { from, k - 1 }
      from = k + 1
    end
  end
  out[#out + 1] = { from, to or #words }
  return out
end

--- The index of the parenthesis that closes the one at i.
function M.closing(words, i)
  local depth = 0
  for k = i, #words do
    local text = words[k].kind == "sign" and words[k].text
    if text == "(" then
      depth = depth + 1
    elseif text == ")" then
      depth = depth - 1
      if depth == 0 then
        return k
      end
    end
  end
end

return M
