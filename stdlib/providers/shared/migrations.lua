-- Migration files, the history of a database, and what follows from both: pure functions, which
-- touch nothing. What they decide is what `supabase db push` decides, but where it says otherwise.

local M = {}

--- The folder where nothing else is said.
M.FOLDER = "supabase/migrations"

-- Of old, the program made a first file of this name that it never applied.
local INIT = 20211209000000

local function older_init(version, name)
  return #version == 14 and name == "init" and tonumber(version) < INIT
end

--- Of the names in a folder (in any order) the migrations, in the order in which they run, and the
-- names that are none. Versions are text: "10" comes before "9". A file is { version, name, file }.
function M.select(names)
  local sorted, files, skipped = { table.unpack(names) }, {}, {}
  table.sort(sorted)
  for i, file in ipairs(sorted) do
    local version, name = file:match("^(%d+)_(.*)%.sql$")
    if not version or (i == 1 and older_init(version, name)) then
      skipped[#skipped + 1] = file
    else
      files[#files + 1] = { version = version, name = name, file = file }
    end
  end
  table.sort(files, function (a, b)
    return a.version < b.version or (a.version == b.version and a.file < b.file)
  end)
  return files, skipped
end

--- Pairs of files with one version: { { version, first, second }, … }.
function M.duplicates(files)
  local out = {}
  for i = 2, #files do
    if files[i].version == files[i - 1].version then
      out[#out + 1] = { version = files[i].version, first = files[i - 1].file,
        second = files[i].file }
    end
  end
  return out
end

local function by_version(rows)
  local out = {}
  for _, row in ipairs(rows) do
    out[row.version] = row
  end
  return out
end

-- What two ways of cutting the same text into statements agree on.
local function essence(statements)
  return (table.concat(statements, ""):gsub("[%s;]+", ""):gsub("^\239\187\191", ""))
end

--- Is the file other than what the database says it has run? False where the history does not hold
-- the statements. A statement that only stands on other lines is the same.
function M.is_edited(row, statements)
  if type(row.statements) ~= "table" then
    return false
  end
  return essence(row.statements) ~= essence(statements)
end

--- Files against the history. files as of `select`, rows { version, name, statements }.
-- Gives { pending, applied, missing_local, out_of_order }: lists of files, of rows for
-- missing_local.
function M.compare(files, rows)
  local here, there, newest = by_version(files), by_version(rows), nil
  local out = { pending = {}, applied = {}, missing_local = {}, out_of_order = {} }
  for _, row in ipairs(rows) do
    newest = (not newest or row.version > newest) and row.version or newest
    if not here[row.version] then
      table.insert(out.missing_local, row)
    end
  end
  table.sort(out.missing_local, function (a, b) return a.version < b.version end)
  for _, file in ipairs(files) do
    if there[file.version] then
      table.insert(out.applied, file)
    else
      table.insert(out.pending, file)
      if newest and file.version < newest then
        table.insert(out.out_of_order, file)
      end
    end
  end
  return out
end

--- The names of a list of files, for a message.
function M.names(files)
  local out = {}
  for i, file in ipairs(files) do
    out[i] = file.file or file.version
  end
  return table.concat(out, ", ")
end

-- Statements ------------------------------------------------------------------------

-- What a statement does to transactions: "begin", "end", "alone" (neither, but it has to be
-- outside of one), or nil. A savepoint does nothing to the transaction around it.
local function kind(statement)
  local words = statement.words
  local first, second = words[1], words[2]
  if not statement.transaction then
    return not statement.atomic and "alone" or nil
  elseif first == "BEGIN" or first == "START" then
    return "begin"
  elseif first == "SAVEPOINT" or first == "RELEASE" then
    return nil
  elseif second == "PREPARED" then
    return "alone"
  end
  for i, word in ipairs(words) do
    if word == "TO" and first == "ROLLBACK" then
      return nil
    elseif word == "CHAIN" and words[i - 1] == "AND" then
      return "alone"
    end
  end
  return "end"
end

--- Does every transaction that the file begins end in it, and the other way round? nil, or what is
-- wrong and the statement.
function M.unbalanced(statements)
  local open
  for _, statement in ipairs(statements) do
    local what = kind(statement)
    if what == "begin" then
      if open then
        return "begins a transaction within another one", statement
      end
      open = statement
    elseif what == "end" then
      if not open then
        return "ends a transaction that the file has not begun", statement
      end
      open = nil
    end
  end
  if open then
    return "begins a transaction that the file does not end: all that follows would be lost", open
  end
end

--- Does the whole file run as one transaction? If not, the first statement that prevents it.
function M.is_atomic(statements)
  for _, statement in ipairs(statements) do
    if kind(statement) then
      return false, statement
    end
  end
  return true
end

--- Does the statement begin or end a transaction?
function M.controls(statement)
  local what = kind(statement)
  return what == "begin" or what == "end"
end

--- Whether a failure in the middle leaves a part of the file done.
function M.can_be_torn(statements)
  return #statements > 1 and not M.is_atomic(statements)
end

--- The statement on one line, for people.
function M.brief(sql, most)
  local text = sql:gsub("%-%-[^\n]*", " "):gsub("%s+", " "):match("^%s*(.-)%s*$")
  if text == "" then
    text = sql:gsub("%s+", " ")
  end
  most = most or 72
  if #text > most then
    local cut = text:sub(1, most)
    -- Not in the middle of a character.
    text = (cut:gsub("[\192-\255][\128-\191]*$", "")) .. "…"
  end
  return text
end

--- Line and column of a position (in characters, from 1) within the statement.
function M.place(statement, position)
  local line, column = statement.line, statement.column
  if not position then
    return statement.word_line or line, statement.word_column or column
  end
  local n = 1
  for _, code in utf8.codes(statement.sql, true) do
    if n >= position then
      break
    end
    if code == 10 then
      line, column = line + 1, 1
    else
      column = column + 1
    end
    n = n + 1
  end
  return line, column
end

-- New files ------------------------------------------------------------------------------

--- A version for a new file: the time (UTC, fourteen digits), or what comes after the newest file,
-- which next_second(version) tells. Nil where no time of today comes after it.
function M.next_version(files, stamp, next_second)
  local newest = files[#files] and files[#files].version
  if not newest or stamp > newest then
    return stamp
  end
  return #newest == 14 and next_second(newest) or nil, newest
end

--- "2026-11-20T14:00:00.000Z" -> "20261120140000"
function M.stamp(time)
  return (time:sub(1, 19):gsub("[^%d]", ""))
end

--- A name that a file can have: letters, digits, "_".
function M.file_name(text)
  return (text:lower():gsub("[^%w]+", "_"):gsub("^_+", ""):gsub("_+$", ""))
end

-- Settings ------------------------------------------------------------------------------------

--- A section of config.toml: { { name, value }, … }, values as they stand.
function M.settings(toml, wanted)
  local out, inside = {}, false
  for line in ((toml or "") .. "\n"):gmatch("([^\n]*)\n") do
    local section = line:match("^%s*%[+%s*(.-)%s*%]+%s*#?")
    if section then
      inside = section:gsub("[%s\"']", "") == wanted
    elseif inside then
      local name, value = line:match("^%s*[\"']?([%w_%-]+)[\"']?%s*=%s*([^#]*)")
      out[#out + 1] = name and { name = name, value = value:match("^(.-)%s*$") }
    end
  end
  return out
end

return M
