-- The migration that takes another one back, as far as it can be known from its text: what was
-- made is dropped, from the last statement to the first. What cannot be known is left to a person,
-- as a comment that says what to write.

local host = ...
local migrations = host.require "migrations"
local W = host.require "sql_words"

local M = {}

-- CREATE … of these is undone by DROP … name. `on`: the name is followed by ON table, which DROP
-- wants too.
local KINDS = {
  { "table", { "create", "?global|local", "?temp|temporary|unlogged", "table", "?if", "?not",
    "?exists" } },
  { "foreign table", { "create", "foreign", "table", "?if", "?not", "?exists" } },
  { "schema", { "create", "schema", "?if", "?not", "?exists" } },
  { "sequence", { "create", "?temp|temporary", "sequence", "?if", "?not", "?exists" } },
  { "materialized view", { "create", "materialized", "view", "?if", "?not", "?exists" } },
  { "view", { "create", "?temp|temporary", "?recursive", "view" } },
  { "type", { "create", "type" } },
  { "domain", { "create", "domain" } },
  { "extension", { "create", "extension", "?if", "?not", "?exists" } },
  { "policy", { "create", "policy" }, on = true },
  { "trigger", { "create", "?constraint", "trigger" }, on = true },
  { "rule", { "create", "rule" }, on = true },
}

local function drop_index(sql, words)
  local i = W.follow(words, 1, "create", "?unique", "index")
  if not i then
    return nil
  end
  local alone = W.follow(words, i, "concurrently")
  i = W.follow(words, i, "?concurrently", "?if", "?not", "?exists")
  if W.follow(words, i, "on") then
    return nil, "the index has no name of its own: look up the one that the server gave it"
  end
  local name = W.name(sql, words, i)
  local _, behind = W.find(words, i, "on", "?only")
  local of = behind and W.name(sql, words, behind)
  -- An index lives in the schema of its table, and is created without naming it.
  local schema = of and of:match("^(.*)%.[^.]*$")
  if schema and not name:find(".", 1, true) then
    name = schema .. "." .. name
  end
  return ("drop index %s%s;"):format(alone and "concurrently " or "", name), nil, alone ~= nil
end

local TYPE_WORDS = { "double precision", "character varying", "timestamp with time zone",
  "timestamp without time zone", "time with time zone", "time without time zone", "bit varying" }

-- Of "name type" the type: the name of an argument is left out, as are its mode and default.
local function argument(sql, words, from, to)
  local last = to
  for k = from, to do
    if W.follow(words, k, "default") or (words[k].kind == "sign" and words[k].text == "=") then
      last = k - 1
      break
    end
  end
  local i = W.follow(words, from, "?in|inout|variadic") or from
  if last < i then
    return nil
  end
  local text = sql:sub(words[i].at, words[last].to)
  local lower = text:lower()
  for _, type_words in ipairs(TYPE_WORDS) do
    if lower:sub(1, #type_words) == type_words then
      return text
    end
  end
  if last > i and words[i + 1].kind ~= "sign" then
    return sql:sub(words[i + 1].at, words[last].to)
  end
  return text
end

local function arguments(sql, words, open)
  local close = W.closing(words, open)
  if not close then
    return nil
  end
  local out = {}
  for _, part in ipairs(W.parts(words, open + 1, close - 1)) do
    if part[2] >= part[1] and not W.follow(words, part[1], "out") then
      out[#out + 1] = argument(sql, words, part[1], part[2])
    end
  end
  return table.concat(out, ", ")
end

local function drop_function(sql, words)
  local i = W.follow(words, 1, "create", "function|procedure|aggregate")
  if not i then
    return nil
  end
  local name, behind = W.name(sql, words, i)
  local args = words[behind] and words[behind].text == "(" and arguments(sql, words, behind)
  if not args or words[2].text == "aggregate" then
    return nil, "its arguments are not clear"
  end
  return ("drop %s %s(%s);"):format(words[2].text, name, args)
end

local function drop_made(sql, words)
  for _, kind in ipairs(KINDS) do
    local i = W.follow(words, 1, table.unpack(kind[2]))
    if i then
      local name, behind = W.name(sql, words, i)
      if not name then
        return nil, "its name is not clear"
      end
      if kind.on then
        local _, at = W.find(words, behind, kind[1] == "rule" and "to" or "on")
        local of = at and W.name(sql, words, at)
        return of and ("drop %s %s on %s;"):format(kind[1], name, of)
      end
      return ("drop %s %s;"):format(kind[1], name)
    end
  end
end

-- ALTER TABLE ----------------------------------------------------------------------------------

local function undo_action(sql, words, from, to)
  local i = W.follow(words, from, "add", "constraint")
  if i then
    return "drop constraint " .. W.name(sql, words, i)
  end
  if W.follow(words, from, "add", "unique|check|primary|foreign|exclude") then
    return nil, "the constraint has no name of its own: look up the one that the server gave it"
  end
  i = W.follow(words, from, "add", "?column", "?if", "?not", "?exists")
  if i then
    return "drop column " .. W.name(sql, words, i)
  end
  i = W.follow(words, from, "rename", "to")
  if i then
    return "rename to", nil, W.name(sql, words, i)
  end
  i = W.follow(words, from, "rename", "?column")
  if i and not W.follow(words, from, "rename", "constraint") then
    local old, behind = W.name(sql, words, i)
    local new = W.follow(words, behind, "to")
    return new and ("rename column %s to %s"):format(W.name(sql, words, new), old)
  end
  if W.follow(words, from, "enable", "row", "level", "security") and to == from + 3 then
    return "disable row level security"
  end
  i = W.follow(words, from, "alter", "?column")
  if i then
    local name, behind = W.name(sql, words, i)
    if W.follow(words, behind, "set", "not", "null") then
      return ("alter column %s drop not null"):format(name)
    end
  end
  return nil, "what it was before is not in this text"
end

local function undo_alter(sql, words)
  local i = W.follow(words, 1, "alter", "table", "?if", "?exists", "?only")
  if not i then
    return nil
  end
  local name, behind = W.name(sql, words, i)
  local actions = {}
  for _, part in ipairs(W.parts(words, behind)) do
    local undo, why, new = undo_action(sql, words, part[1], part[2])
    if not undo then
      return nil, why
    elseif new then
      local schema = name:match("^(.*%.)[^.]*$") or ""
      return ("alter table %s rename to %s;"):format(schema .. new, name:match("[^.]*$"))
    end
    table.insert(actions, 1, undo)
  end
  return ("alter table %s %s;"):format(name, table.concat(actions, ", "))
end

local function undo_comment_or_grant(sql, words)
  if W.follow(words, 1, "grant") then
    local to = W.find(words, 2, "to")
    local on = W.find(words, 2, "on")
    if to and on then
      local rest = sql:sub(words[to].to + 1):gsub("[%s;]*$", "")
      rest = rest:gsub("%s+[Ww][Ii][Tt][Hh]%s+[Gg][Rr][Aa][Nn][Tt]%s+[Oo][Pp][Tt][Ii][Oo][Nn]", "")
      return ("revoke %s from%s;"):format(sql:sub(words[2].at, words[to].at - 1):gsub("%s+$", ""),
        rest)
    end
  end
end

-- What a statement that made nothing was, and what a person has to think of.
local function by_hand(words)
  local first, second = words[1].text, words[2] and words[2].text or ""
  if W.follow(words, 1, "create", "or") then
    return "it may have replaced one that was there: write what was there before, or drop it"
  elseif first == "drop" or first == "truncate" or first == "delete" then
    return "what it removed has to be made again by hand; data comes from a backup only"
  elseif first == "insert" or first == "update" or first == "with" or first == "merge" then
    return "which rows it changed, and what they were, is not in this text"
  elseif first == "do" or first == "select" or first == "call" then
    return "what it did is inside of functions"
  elseif first == "alter" and second == "type" then
    return "a value of an enum cannot be taken out again: make a new type"
  end
  return "how to take this back is not known here"
end

-- Nothing stays of these.
local PASSING = { set = true, reset = true, begin = true, commit = true, start = true,
  ["end"] = true,
  rollback = true, abort = true, analyze = true, vacuum = true, reindex = true, lock = true,
  comment = true, notify = true }

local function reverse(statement)
  local words = W.read(statement.sql)
  if #words == 0 or PASSING[words[1].text] then
    return nil
  end
  local reason
  for _, undo in ipairs { drop_index, drop_function, drop_made, undo_alter,
    undo_comment_or_grant } do
    local sql, why, alone = undo(statement.sql, words)
    if sql then
      return sql, nil, alone
    end
    reason = reason or why
  end
  return nil, reason or by_hand(words)
end

local function as_comment(statement, why)
  return ("-- By hand: %s\n--   %s"):format(why, migrations.brief(statement.sql, 100))
end

--- The text that takes the file back: text, how many statements it knew, and how many are left to
-- a person.
function M.text(file, statements)
  local parts = { ("-- Takes back %s."):format(file.file) }
  local known, open, concurrent = 0, 0, false
  for i = #statements, 1, -1 do
    local sql, why, alone = reverse(statements[i])
    concurrent = concurrent or alone
    if sql then
      known = known + 1
      parts[#parts + 1] = sql
    elseif why then
      open = open + 1
      parts[#parts + 1] = as_comment(statements[i], why)
    end
  end
  if concurrent and known > 1 then
    parts[1] = parts[1] .. "\n-- CONCURRENTLY cannot run in a transaction: move that statement "
      .. "into a file of "
      .. "its own."
  end
  return table.concat(parts, "\n\n") .. "\n", known, open
end

return M
