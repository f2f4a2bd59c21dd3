-- Supabase: the migration history of each project, what `supabase db push` does
-- to it, and the part of the Management API that reads it.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"
local around = sim.require "supabase_project"

local M = {}

local function by_version(a, b)
  return a.version < b.version
end

--- The migration files of a commit: { version, name, file } in the order of their version text.
function M.files(w, sha)
  local out = {}
  for _, file in ipairs(repo.list(w, sha, w.s.spec.supabase.migrations_dir)) do
    local base = file:match("([^/]+)$")
    local version, name = base:match("^(%d+)_(.*)%.sql$")
    if version then
      out[#out + 1] = { version = version, name = name, file = base }
    end
  end
  table.sort(out, by_version)
  return out
end

--- `supabase db push` of a commit: ok, and what it says. Migrations before one that fails stay
-- applied.
function M.migrate(w, env, sha)
  local history = w.s.migrations[env]
  local applied, newest, here = {}, "", {}
  local files = M.files(w, sha)
  for _, file in ipairs(files) do
    here[file.version] = true
  end
  for _, row in ipairs(history) do
    applied[row.version] = true
    newest = row.version > newest and row.version or newest
    if not here[row.version] then
      return false, "Remote migration versions not found in local migrations directory."
    end
  end
  for _, file in ipairs(files) do
    if not applied[file.version] and file.version < newest then
      return false, "Found local migration files to be inserted before the last migration on remote database."
    end
  end
  local failing = w.s.started and w.s.spec.supabase.fail or {}
  for _, file in ipairs(files) do
    if not applied[file.version] then
      local why = failing[file.version]
      if why then
        return false, type(why) == "table" and why.message or why
      end
      table.insert(history, { version = file.version, name = file.name })
    end
  end
  return true, "Finished supabase db push."
end

-- The endpoint -------------------------------------------------------------

local function project_by(w, ref)
  for name, project in core.sorted(w.s.spec.supabase.projects) do
    if project.ref == ref then
      return name, project
    end
  end
end

local function rows_of(w, env, query)
  local text = query:lower():gsub("%s+", " "):gsub(";%s*$", "")
  local columns, rest = text:match("^%s*select (.-) from supabase_migrations%.schema_migrations(.*)$")
  if not columns then
    return nil
  end
  local names = {}
  for column in columns:gmatch("[^,]+") do
    local name = column:match("^%s*([%w_]+)%s*$")
    if name ~= "version" and name ~= "name" then
      return nil, ('column "%s" does not exist'):format(column:match("^%s*(.-)%s*$"))
    end
    names[#names + 1] = name
  end
  local rows = core.list {}
  for i, row in ipairs(w.s.migrations[env]) do
    rows[i] = {}
    for _, name in ipairs(names) do
      rows[i][name] = row[name] == nil and sim.null or row[name]
    end
  end
  table.sort(rows, by_version)
  if rest:find("order by version desc", 1, true) then
    local reversed = core.list {}
    for i = #rows, 1, -1 do
      reversed[#reversed + 1] = rows[i]
    end
    rows = reversed
  end
  return rows
end

local QUERY = { query = true, parameters = true, read_only = true }
local WRITES = { insert = true, update = true, delete = true, create = true, alter = true,
  drop = true, truncate = true, grant = true, revoke = true, comment = true, merge = true }

local function sql_error(headers, sqlstate, message)
  return core.answer(400, { message = ("Failed to run sql query: ERROR:  %s: %s\n"):format(sqlstate,
    message) }, headers)
end

local function one_line(text)
  return text:gsub("%s+", " "):match("^%s*(.-)%s*$")
end

-- What the world file says of a question; rows of the history; nothing of statements that change.
local function answered(w, env, text)
  local plain = one_line(text):gsub("[ ;]+$", ""):lower()
  for known, rows in core.sorted(w.s.spec.supabase.projects[env].queries or {}) do
    if one_line(known):lower() == plain then
      return core.list(core.copy(core.many(rows)))
    end
  end
  if plain:match("^select%s+1$") then
    return core.list { { ["?column?"] = 1 } }
  end
  return rows_of(w, env, text)
end

local function note_sql(w, env, text)
  text = one_line(text)
  if #text > 60 then
    text = text:sub(1, 60):gsub("[\192-\255][\128-\191]*$", "") .. "…"
  end
  core.record(w, "supabase", "supabase.run_sql", env .. ": " .. text, { environment = env })
end

local function check_query(body)
  if not body or type(body.query) ~= "string" or body.query == "" then
    return "query: Required"
  elseif body.parameters ~= nil and type(body.parameters) ~= "table" then
    return "parameters: Expected array"
  elseif body.read_only ~= nil and type(body.read_only) ~= "boolean" then
    return "read_only: Expected boolean"
  end
  for key in core.sorted(body) do
    if not QUERY[key] then
      return tostring(key) .. ": Unrecognized key"
    end
  end
end

local function query(w, req, env, headers)
  local body = core.body(req)
  local wrong = check_query(body)
  if wrong then
    return core.answer(400, { message = wrong }, headers)
  end
  local word = (body.query:lower():match("^%s*(%a+)") or "")
  if WRITES[word] then
    if req.path:find("/read%-only$") or body.read_only then
      return sql_error(headers, "25006", ("cannot execute %s in a read-only transaction"):format(
        word:upper()))
    end
    note_sql(w, env, body.query)
    return core.answer(201, core.list {}, headers)
  elseif w.s.spec.supabase.projects[env].no_history
    and body.query:find("schema_migrations", 1, true) then
    return sql_error(headers, "42P01", "relation \"supabase_migrations.schema_migrations\" does not "
      .. "exist\nLINE 1: " .. body.query)
  end
  local rows, problem = answered(w, env, body.query)
  if not rows then
    return sql_error(headers, problem and "42703" or "0A000", problem or "the simulated database "
      .. "does not know the answer: the world file can give it (supabase.projects." .. env
      .. ".queries)")
  end
  return core.answer(201, rows, headers)
end

local SERVICES = { auth = true, db = true, db_postgres_user = true, pooler = true, realtime = true,
  rest = true,
  storage = true, pg_bouncer = true }

local function health(_, req, _, headers, project)
  local asked = req.all.services or req.all["services[]"]
  if not asked then
    return core.answer(400, { message = "services: Required" }, headers)
  end
  local out = core.list {}
  for _, list in ipairs(asked) do
    for name in list:gmatch("[^,]+") do
      if not SERVICES[name] then
        return core.answer(400, { message = "services: Invalid enum value. Received '" .. name
          .. "'" }, headers)
      end
      local status = project.health and project.health[name] or "ACTIVE_HEALTHY"
      out[#out + 1] = { name = name, healthy = status == "ACTIVE_HEALTHY", status = status }
    end
  end
  return core.answer(200, out, headers)
end

local function shape(w, project, name)
  return {
    id = project.ref, ref = project.ref, organization_id = "impulse", organization_slug = "impulse",
    name = project.name or name, region = project.region or "eu-north-1",
    created_at = core.iso_ms(w.s.clock - 400 * 86400000),
    status = project.status or "ACTIVE_HEALTHY",
    database = { host = "db." .. project.ref .. ".supabase.co", version = "15.8.1.085",
      postgres_engine = "15",
      release_channel = "ga" },
  }
end

local function history(w, _, env, headers)
  local out = core.list {}
  for i, row in ipairs(w.s.migrations[env]) do
    out[i] = { version = row.version, name = row.name }
  end
  return core.answer(200, out, headers)
end

local function project_of(w, _, env, headers, project)
  return core.answer(200, shape(w, project, env), headers)
end

-- One backup a night, as on the plan that the team has; `backups` of the project says otherwise.
local function backups(w, _, _, headers, project)
  local list = core.list {}
  for i, given in ipairs(core.many(project.backups or { { at = "-11h" }, { at = "-35h" } })) do
    list[i] = { id = given.id or 7000 + i, is_physical_backup = given.physical == true,
      status = given.status or "COMPLETED", inserted_at = core.iso_ms(core.when(given.at, w.s.clock)) }
  end
  return core.answer(200, { region = project.region or "eu-north-1", walg_enabled = true,
    pitr_enabled = project.pitr == true, backups = list,
    physical_backup_data = project.pitr and {
      earliest_physical_backup_date_unix = (w.s.now - 7 * 86400000) // 1000,
      latest_physical_backup_date_unix = (w.s.now - 120000) // 1000 } or sim.json.decode("{}") },
    headers)
end

local ROUTES = {
  ["GET "] = project_of,
  ["GET /health"] = health,
  ["GET /database/migrations"] = history,
  ["GET /database/backups"] = backups,
  ["POST /database/query/read-only"] = query,
  ["POST /database/query"] = query,
}

for name, route in pairs(around.ROUTES) do
  ROUTES[name] = route
end

local function projects(w, headers)
  local out = core.list {}
  for name, project in core.sorted(w.s.spec.supabase.projects) do
    out[#out + 1] = shape(w, project, name)
  end
  return core.answer(200, out, headers)
end

local function rate(w)
  local state, over = core.spend(w, "supabase")
  return {
    ["x-ratelimit-limit"] = tostring(state.limit),
    ["x-ratelimit-remaining"] = tostring(state.remaining),
    ["x-ratelimit-reset"] = tostring(math.max(0, (state.reset - w.s.now + 999) // 1000)),
  }, over
end

function M.request(w, req)
  local headers, over = rate(w)
  if over then
    return core.answer(429, { message = "ThrottlerException: Too Many Requests" }, headers)
  end
  local token = (req.headers.authorization or ""):match("^[Bb]earer%s+(.+)$")
  if not token or not core.has(core.many(w.s.spec.tokens.supabase), token) then
    return core.answer(401, { message = token and "Unauthorized" or "JWT could not be decoded" },
      headers)
  end
  if req.path == "/v1/projects" and req.method == "GET" then
    return projects(w, headers)
  end
  local ref, rest = req.path:match("^/v1/projects/([^/]+)(.*)$")
  if not ref then
    return core.answer(404, { message = "Cannot " .. req.method .. " " .. req.path }, headers)
  elseif not ref:match("^%l+$") or #ref ~= 20 then
    return core.answer(400, { message = "ref: Invalid project ref" }, headers)
  end
  local env, project = project_by(w, ref)
  if not env then
    return core.answer(404, { message = "Project not found" }, headers)
  end
  local route = ROUTES[req.method .. " " .. rest]
  if not route then
    return core.answer(404, { message = "Cannot " .. req.method .. " " .. req.path }, headers)
  end
  return route(w, req, env, headers, project)
end

return M
