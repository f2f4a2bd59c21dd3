-- New migration files: an empty one, and one that takes another one back.

local host = ...
local migrations = host.require "migrations"
local files = host.require "migration_files"
local reverse = host.require "migration_reverse"

local M = {}

local function check_name(name)
  local out = migrations.file_name(name)
  if out == "" then
    host.raise("supabase.name", ("the name \"%s\" has no letter or digit (a to z, 0 to "
      .. "9)"):format(name),
      { refused = true })
  end
  return out
end

-- Where no file is yet, the folder may not be there either.
local function existing(o)
  local folder = files.folder(o)
  if host.rows.fs.exists { path = folder } then
    return files.list { folder = folder }
  end
  return { folder = folder, files = {}, skipped = {} }
end

-- "20261231235959" -> "20270101000000"; nil where the digits are no time.
local function next_second(version)
  local year, month, day, hour, minute, second = version:match("^(....)(..)(..)(..)(..)(..)$")
  local ok, ms = pcall(host.time, ("%s-%s-%sT%s:%s:%sZ"):format(year, month, day, hour, minute,
    second))
  return ok and migrations.stamp(host.clock_text(ms + 1000)) or nil
end

local function place(source, name)
  local stamp = migrations.stamp(host.clock_text(host.now()))
  local version, newest = migrations.next_version(source.files, stamp, next_second)
  if not version then
    host.raise("supabase.version", ("%s has the version %s, and no time of today comes after it: "
      .. "versions "
      .. "are compared as text"):format(source.files[#source.files].file, newest),
      { refused = true })
  end
  local file = ("%s_%s.sql"):format(version, name)
  return { version = version, name = name, file = file, path = source.folder .. "/" .. file }
end

local function blank(o)
  local name = check_name(o.name)
  local made = place(existing(o), name)
  made.text = o.content or ("-- %s\n"):format((o.name:gsub("[\r\n]+", " ")))
  return made, { version = made.version, name = name, file = made.file, path = made.path }
end

local function opposite(o)
  local source = existing(o)
  for _, file in ipairs(source.files) do
    if file.version == o.version then
      local made = place(source, check_name("reverse_" .. file.name))
      local known, open
      made.text, known, open = reverse.text(file, files.statements(source, file))
      return made, { version = made.version, name = made.name, file = made.file, path = made.path,
        reverses = file.file, statements = known, by_hand = open }
    end
  end
  host.raise("supabase.version", ("%s has no file with the version %s"):format(source.folder,
    o.version),
    { refused = true })
end

local function write(plan, o)
  local made, result = plan(o)
  host.rows.fs.write { path = made.path, content = made.text }
  return result
end

local function predict(plan, o)
  local made, result = plan(o)
  return { sign = "+", after = made.path, result = result,
    note = "its version is the time when it is made" }
end

-- A file of this name that is younger than the call, with the text that it would have got.
local function probe(plan, o, intent)
  local made, result = plan(o)
  local since = migrations.stamp(host.clock_text(intent and intent.began or host.now()))
  for _, file in ipairs(existing(o).files) do
    if file.name == made.name and file.version >= since then
      local path = made.path:match("^(.*/)") .. file.file
      if host.rows.fs.read { path = path } == made.text then
        result.version, result.file, result.path = file.version, file.file, path
        return { happened = true, result = result }
      end
    end
  end
  return { happened = false }
end

for name, plan in pairs { blank = blank, reverse = opposite } do
  M[name] = {
    act = function (o) return write(plan, o) end,
    predict = function (o) return predict(plan, o) end,
    probe = function (o, intent) return probe(plan, o, intent) end,
  }
end

return M
