-- What can go wrong with a migration that runs: it loses data, it holds a lock that everybody waits
-- for, it is not one transaction. Pure functions; nothing is asked of a database, and what a
-- function or a DO block does inside is not seen.

local host = ...
local migrations = host.require "migrations"
local W = host.require "sql_words"

local M = {}

--- rule -> { level, what to do instead }
M.RULES = {
  ["drop-table"] = { "destructive", "stop using it in one release, drop it in a later one, with "
    .. "a backup" },
  ["drop-column"] = { "destructive", "stop using it in one release, drop it in a later one, with "
  .. "a backup" },
  ["drop-schema"] = { "destructive", "drop what is in it by name, once nothing uses it" },
  ["drop-cascade"] = { "destructive", "drop what depends on it by name, so that it is known" },
  ["truncate"] = { "destructive", "delete what is meant, with WHERE" },
  ["delete-all"] = { "destructive", "say with WHERE which rows" },
  ["update-all"] = { "destructive", "say with WHERE which rows, in portions where there are many" },
  ["change-type"] = { "destructive",
    "add a column of the new type, fill it in portions, switch, drop the old one later" },
  ["rewrite"] = { "locking",
    "add a column of the new type, fill it in portions, switch, drop the old one later" },
  ["volatile-default"] = { "locking",
    "add the column without a default, set the default, fill the rows in portions" },
  ["set-not-null"] = { "locking",
    "add CHECK (… IS NOT NULL) NOT VALID, validate it in a later migration, then set NOT NULL" },
  ["foreign-key"] = { "locking", "add it NOT VALID, and VALIDATE CONSTRAINT in a later migration" },
  ["check"] = { "locking", "add it NOT VALID, and VALIDATE CONSTRAINT in a later migration" },
  ["unique"] = { "locking",
    "CREATE UNIQUE INDEX CONCURRENTLY in a file of its own, then ADD CONSTRAINT … USING INDEX" },
  ["index"] = { "locking", "CREATE INDEX CONCURRENTLY, alone in its file" },
  ["drop-index"] = { "locking", "DROP INDEX CONCURRENTLY, alone in its file" },
  ["rename"] = { "locking", "the release before this one does not know the new name: add the "
  .. "new, copy, "
    .. "drop the old later" },
  ["not-atomic"] = { "not-atomic", "put it alone into a file" },
  ["transaction"] = { "not-atomic", "leave BEGIN and COMMIT out: a file is one transaction by "
  .. "itself" },
}

local function plain(name)
  return (name:lower():gsub('"', ""):gsub("^public%.", ""))
end

-- Statements ------------------------------------------------------------------------------

local function drop(t)
  for kind, rule in pairs { table = "drop-table", schema = "drop-schema" } do
    local i = W.follow(t.words, 1, "drop", kind, "?if", "?exists")
    if i then
      local name = W.name(t.sql, t.words, i)
      if name and not t.made[plain(name)] then
        t.tell(rule, ("drops the %s %s and all that is in it"):format(kind, name))
      end
      return
    end
  end
  if W.follow(t.words, 1, "drop", "index") then
    if not W.follow(t.words, 3, "concurrently") then
      t.tell("drop-index", "drops an index while the table can be neither read nor written")
    end
  elseif W.follow(t.words, 1, "drop") and W.find(t.words, 2, "cascade") then
    t.tell("drop-cascade", "drops everything that depends on it")
  end
end

local function truncate(t)
  if W.follow(t.words, 1, "truncate") then
    local name = W.name(t.sql, t.words, W.follow(t.words, 2, "?table", "?only") or 2)
    t.tell("truncate", ("empties the table %s"):format(name or "?"))
  end
end

local function changes_rows(t)
  local at, behind = W.find(t.words, 1, "delete", "from", "?only")
  if at and (at == 1 or t.words[1].text == "with") and not W.find(t.words, behind, "where") then
    t.tell("delete-all", ("deletes every row of %s"):format(W.name(t.sql, t.words, behind) or "?"))
  end
  if W.follow(t.words, 1, "update") or W.follow(t.words, 1, "with") then
    at, behind = W.find(t.words, 1, "update", "?only")
    if at and W.find(t.words, behind, "set") and not W.find(t.words, behind, "where") then
      t.tell("update-all", ("changes every row of %s"):format(W.name(t.sql, t.words, behind)
        or "?"))
    end
  end
end

local function index(t)
  local i = W.follow(t.words, 1, "create", "?unique", "index")
  if not i or W.follow(t.words, i, "concurrently") then
    return
  end
  local _, behind = W.find(t.words, i, "on", "?only")
  local name = behind and W.name(t.sql, t.words, behind)
  if name and not t.made[plain(name)] then
    t.tell("index", ("makes an index of %s while nobody can write to it"):format(name))
  end
end

-- ALTER TABLE ------------------------------------------------------------------------------

-- Functions that give the same to every row of one statement, or depend on nothing.
local STEADY = { now = true, current_timestamp = true, transaction_timestamp = true,
  statement_timestamp = true, localtimestamp = true, current_date = true, current_time = true,
  current_user = true, session_user = true, array = true, ["in"] = true, numeric = true,
  decimal = true, varchar = true, char = true, character = true, varying = true, bit = true,
  timestamp = true, timestamptz = true, time = true, interval = true, make_interval = true,
  lower = true, upper = true, coalesce = true, cast = true, to_jsonb = true,
  jsonb_build_object = true,
  jsonb_build_array = true, timezone = true, date_trunc = true, md5 = true, concat = true,
  row = true,
  uid = true, jwt = true }

-- What may follow the default of a column, which then has ended.
local ENDS_DEFAULT = { check = true, references = true, constraint = true, unique = true,
  primary = true, collate = true }

local SERIAL = { serial = true, bigserial = true, smallserial = true, serial4 = true,
  serial8 = true, serial2 = true }

local function volatile(t, from, to)
  for k = from, to do
    local word = t.words[k]
    if word.kind == "word" and SERIAL[word.text] and k <= from + 1 then
      return word.text
    elseif W.follow(t.words, k, "generated", "always|by") and k <= to then
      return "GENERATED"
    end
  end
  local default = from
  while default <= to and not W.follow(t.words, default, "default") do
    default = default + 1
  end
  for k = default + 1, to - 1 do
    local word, next_word = t.words[k], t.words[k + 1]
    if word.kind == "word" and ENDS_DEFAULT[word.text] then
      return nil
    elseif next_word.text == "(" and next_word.kind == "sign" and word.kind == "word"
      and not STEADY[word.text] then
      return word.text .. "()"
    end
  end
end

local function within(t, from, to, ...)
  for k = from, to do
    local behind = W.follow(t.words, k, ...)
    if behind and behind <= to + 1 then
      return k
    end
  end
end

local function add_column(t, from, to)
  local i = W.follow(t.words, from, "add", "?column", "?if", "?not", "?exists")
  local name, behind = W.name(t.sql, t.words, i)
  if behind and (within(t, behind, to, "unique") or within(t, behind, to, "primary", "key")) then
    t.tell("unique", ("adds %s to %s with an index that is made while nobody can read it"):format(
      name or "a column", t.table))
  end
  local cause = behind and behind <= to and volatile(t, behind, to)
  if cause then
    t.tell("volatile-default", ("adds %s with %s, a value for each row: the whole table is "
      .. "written anew, "
      .. "and nobody can read it meanwhile"):format(name or "a column", cause))
  end
end

local function add_constraint(t, from, to)
  local i = W.follow(t.words, from, "add")
  if W.follow(t.words, i, "constraint") then
    local _, behind = W.name(t.sql, t.words, i + 1)
    i = behind
  end
  local later = within(t, i, to, "not", "valid")
  if W.follow(t.words, i, "foreign", "key") then
    return later or t.tell("foreign-key",
      ("adds a foreign key to %s: every row is checked while neither table can be "
      .. "written"):format(t.table)), true
  elseif W.follow(t.words, i, "check") then
    return later or t.tell("check",
      ("adds a check to %s: every row is looked at while nobody can read it"):format(t.table)), true
  elseif W.follow(t.words, i, "unique|primary|exclude") then
    return within(t, i, to, "using", "index") or t.tell("unique",
      ("adds a constraint to %s whose index is made while nobody can read it"):format(t.table)),
      true
  end
  return nil, false
end

local function alter_column(t, from, to)
  local i = W.follow(t.words, from, "alter", "?column")
  local name, behind = W.name(t.sql, t.words, i)
  if W.follow(t.words, behind, "set", "not", "null") then
    t.tell("set-not-null", ("sets %s NOT NULL: every row is looked at while nobody can read the "
      .. "table"):format(
      name))
  elseif W.follow(t.words, behind, "type") or W.follow(t.words, behind, "set", "data", "type") then
    t.tell("change-type", ("changes the type of %s: what does not fit is lost, or it "
      .. "fails"):format(name))
    t.tell("rewrite", ("changes the type of %s: the whole table may be written anew, and nobody "
      .. "can read "
      .. "it meanwhile"):format(name))
  end
end

local function action(t, from, to)
  local i = W.follow(t.words, from, "drop", "?column", "?if", "?exists")
  if i and not W.follow(t.words, from, "drop", "constraint|expression|identity") then
    t.tell("drop-column", ("drops the column %s of %s and all that is in it"):format(
      W.name(t.sql, t.words, i) or "?", t.table))
  elseif W.follow(t.words, from, "add") then
    local _, taken = add_constraint(t, from, to)
    if not taken then
      add_column(t, from, to)
    end
  elseif W.follow(t.words, from, "alter") then
    alter_column(t, from, to)
  elseif W.follow(t.words, from, "rename") then
    t.tell("rename", ("renames %s in %s while the version before runs"):format(
      W.follow(t.words, from, "rename", "to") and "the table" or "a part", t.table))
  end
end

local function alter_table(t)
  local i = W.follow(t.words, 1, "alter", "table", "?if", "?exists", "?only")
  if not i then
    return
  end
  local behind
  t.table, behind = W.name(t.sql, t.words, i)
  if not t.table or t.made[plain(t.table)] then
    return
  end
  for _, part in ipairs(W.parts(t.words, behind)) do
    action(t, part[1], part[2])
  end
end

local function alter_type(t)
  local i = W.follow(t.words, 1, "alter", "type")
  local name, behind = W.name(t.sql, t.words, i or 0)
  if i and name and (W.find(t.words, behind, "drop|alter", "attribute")
    or W.follow(t.words, behind, "rename", "value|attribute")) then
    t.tell("change-type", ("changes the type %s under the rows that use it"):format(name))
  elseif i and name and W.follow(t.words, behind, "rename", "to") then
    t.tell("rename", ("renames the type %s while the version before runs"):format(name))
  end
end

-- A table that the file itself has made is empty, and nobody waits for it.
local function notice_made(t)
  local i = W.follow(t.words, 1, "create", "?global|local", "?temp|temporary|unlogged", "table",
    "?if",
    "?not", "?exists")
  local name = i and W.name(t.sql, t.words, i)
  if name then
    t.made[plain(name)] = true
  end
end

-- The face ------------------------------------------------------------------------------------

local function own_transaction(t, statement, statements)
  if migrations.controls(statement) then
    t.tell("transaction", "controls transactions: the file is not one transaction any more")
  elseif not statement.atomic and #statements > 1 then
    t.tell("not-atomic", ("cannot run in a transaction, so that the file is none: %s"):format(
      migrations.brief(statement.sql, 40)))
  end
end

--- What is to be said about the statements of a file: a list of { file, line, rule, level,
-- message, instead }.
function M.findings(file, statements)
  local out, made = {}, {}
  for _, statement in ipairs(statements) do
    local t = { sql = statement.sql, words = W.read(statement.sql), made = made }
    t.tell = function (rule, message)
      out[#out + 1] = { file = file.file, line = migrations.place(statement), rule = rule,
        level = M.RULES[rule][1], message = message, instead = M.RULES[rule][2] }
    end
    if #t.words > 0 then
      for _, look in ipairs { drop, truncate, changes_rows, index, alter_table, alter_type,
        notice_made } do
        look(t)
      end
      own_transaction(t, statement, statements)
    end
  end
  return out
end

return M
