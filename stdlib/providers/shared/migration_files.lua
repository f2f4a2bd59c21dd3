-- The migration files of the project: from its folder, or exactly as a commit has them.

local host = ...
local migrations = host.require "migrations"

local M = {}

local function folder_of(o)
  local settings = host.project.database
  local folder = o.folder or (settings and settings.migrations) or migrations.FOLDER
  return (folder:gsub("/+$", ""))
end

--- Where the files are said to be, for a message: "packages/…/migrations" or "… at 1234567".
function M.where(o)
  local folder = folder_of(o)
  return o.commit and ("%s at %s"):format(folder, o.commit:sub(1, 12)) or folder
end

M.folder = folder_of

local function missing(folder, commit)
  host.raise("supabase.folder", ("there is no folder \"%s\"%s: pipe.yaml says with "
    .. "database.migrations where the migrations are"):format(folder,
    commit and " in commit " .. commit:sub(1, 12) or " (with `commit`, the files are read from git)"),
    { refused = true })
end

local function names_in_commit(folder, commit)
  local out = {}
  for _, name in ipairs(host.rows.git.files { at = commit, dir = folder }) do
    if name:sub(-1) ~= "/" then
      out[#out + 1] = name
    end
  end
  return out
end

local function names_in_folder(folder)
  local ok, entries = pcall(host.rows.fs.list, { path = folder })
  if not ok then
    if entries.code == "fs.missing" then
      missing(folder)
    end
    error(entries, 0)
  end
  local out = {}
  for _, entry in ipairs(entries) do
    if entry.kind == "file" or entry.kind == "link" then
      out[#out + 1] = entry.name
    end
  end
  return out
end

local function text_of(source, path)
  if source.commit then
    local text = host.rows.git.file { at = source.commit, path = path }
    return text ~= host.null and text or nil
  elseif host.rows.fs.exists { path = path } then
    return host.rows.fs.read { path = path }
  end
end

--- The text of a file of `list`.
function M.read(source, file)
  file.path = source.folder .. "/" .. file.file
  file.text = file.text or text_of(source, file.path)
  if not file.text then
    host.raise("supabase.file", ("\"%s\" is not there any more"):format(file.path))
  end
  return file.text
end

--- Which files there are: { folder, commit (the whole id), files, skipped }, files as
-- migrations.select gives them. o = { folder, commit }
function M.list(o)
  local source = { folder = folder_of(o) }
  local names
  if o.commit then
    source.commit = host.rows.git.resolve { at = o.commit }
    names = names_in_commit(source.folder, source.commit)
    if #names == 0 then
      missing(source.folder, source.commit)
    end
  else
    names = names_in_folder(source.folder)
  end
  source.files, source.skipped = migrations.select(names)
  return source
end

-- The message begins with where in the text it is.
local function bad_text(file, err)
  local line, column, rest = err.message:match("^line (%d+), column (%d+): (.*)$")
  host.raise("supabase.sql", line and ("%s:%s:%s: %s"):format(file.path, line, column, rest)
    or ("%s: %s"):format(file.path, err.message), { refused = true })
end

--- The statements of a file: { { sql, line, column, transaction, atomic, words }, … }. What cannot
-- be cut into statements is refused.
function M.statements(source, file)
  if not file.statements then
    local ok, cut = pcall(host.rows.sql.split, { text = M.read(source, file) })
    if not ok then
      if type(cut) == "table" and cut.code and cut.code:find("^sql%.") then
        bad_text(file, cut)
      end
      error(cut, 0)
    end
    file.statements = cut.statements
  end
  return file.statements
end

--- The statements as texts, as they stand in the history.
function M.texts(source, file)
  local out = host.json.array {}
  for i, statement in ipairs(M.statements(source, file)) do
    out[i] = statement.sql
  end
  return out
end

--- A section of the vendor's config.toml, which lies beside the folder.
function M.settings(source, section)
  local parent = source.folder:match("^(.*)/[^/]*$")
  local path = (parent and parent .. "/" or "") .. "config.toml"
  return migrations.settings(text_of(source, path), section)
end

return M
