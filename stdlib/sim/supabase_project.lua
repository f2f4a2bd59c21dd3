-- What the Management API tells of a project beside its database: keys, the secrets of its
-- functions, branches and what was done for them, the pooler.
--
-- A project of the world file may say
--   api_keys: [{ name, type, api_key, prefix }]     default: legacy anon and service_role, a secret
--   secrets: { NAME: value }                        of its functions
--   digests: opaque                                 as what the secrets are listed; default: SHA-256
--   branches: [{ name, git_branch, pr, default, persistent, status }]
--   actions: [{ branch, at, steps: { clone: EXITED, migrate: DEAD } }]     newest first
--   pool_mode, pool_size
-- and supabase.lag how long lists of secrets stay as they were before a write.

local sim = ...
local core = sim.require "core"

local M = {}

local STEPS = { "clone", "pull", "health", "configure", "migrate", "seed", "deploy" }
local MOST_NAME, MOST_VALUE = 256, 24576

local function at(w, text)
  return core.iso_ms(core.when(text, w.s.clock))
end

-- Keys -------------------------------------------------------------------------------------

local function default_keys(project)
  local function jwt(role)
    return "eyJhbGciOiJIUzI1NiJ9." .. sim.sha256(project.ref .. role)
  end
  return { { name = "anon", type = "legacy", api_key = jwt "anon" },
    { name = "service_role", type = "legacy", api_key = jwt "service_role" },
    { name = "default", type = "secret", prefix = "sb_secret_" .. project.ref:sub(1, 5),
      api_key = "sb_secret_" .. sim.sha256(project.ref):sub(1, 32) } }
end

local function api_keys(w, req, env, headers, project)
  local out, reveal = core.list {}, req.query.reveal
  if reveal and reveal ~= "true" and reveal ~= "false" then
    return core.answer(400, { message = "reveal: Expected boolean" }, headers)
  end
  for i, key in ipairs(project.api_keys and core.many(project.api_keys) or default_keys(project)) do
    local value = key.api_key
    if key.type == "secret" and reveal ~= "true" then
      value = value:sub(1, 15) .. "·····"
    end
    out[i] = { name = key.name, id = core.uuid(w, "supabase key", env .. key.name),
      type = key.type or "legacy", prefix = key.prefix or sim.null, api_key = value,
      inserted_at = at(w, "-400d"), updated_at = at(w, "-400d") }
  end
  return core.answer(200, out, headers)
end

-- Secrets of functions -----------------------------------------------------------------------

local function secrets_of(w, env, project)
  w.s.function_secrets = w.s.function_secrets or {}
  local mine = w.s.function_secrets[env]
  if not mine then
    mine = { now = {} }
    for name, value in core.sorted(project.secrets) do
      mine.now[name] = { value = tostring(value), at = at(w, "-30d") }
    end
    w.s.function_secrets[env] = mine
  end
  return mine
end

-- Before a change: what reads see until the lag is over.
local function remember(w, mine)
  local lag = core.ms(w.s.spec.supabase.lag, 0)
  if lag > 0 then
    mine.old, mine.old_until = core.copy(mine.now), w.s.now + lag
  end
end

local function digest(project, value)
  local text = sim.sha256(value)
  return project.digests == "opaque" and "v1:" .. text:sub(1, 12) or text
end

local function list_secrets(w, _, env, headers, project)
  local mine, out = secrets_of(w, env, project), core.list {}
  local seen = mine.old_until and w.s.now < mine.old_until and mine.old or mine.now
  for name, secret in core.sorted(seen) do
    out[#out + 1] = { name = name, value = digest(project, secret.value), updated_at = secret.at }
  end
  return core.answer(200, out, headers)
end

local function list_of(req, headers)
  local body = core.body(req)
  if not body or (next(body) ~= nil and #body == 0) then
    return nil, core.answer(400, { message = "Expected array, received "
      .. (body and "object" or "nothing") }, headers)
  end
  return body
end

local function bad_secret(item)
  if type(item) ~= "table" or type(item.name) ~= "string" then
    return "name: Required"
  elseif type(item.value) ~= "string" then
    return "value: Required"
  elseif item.name:find("^SUPABASE_") then
    return "name: Secret name must not start with the SUPABASE_ prefix."
  elseif #item.name > MOST_NAME then
    return "name: String must contain at most 256 character(s)"
  elseif #item.value > MOST_VALUE then
    return "value: String must contain at most 24576 character(s)"
  end
end

local function record(w, what, env, names)
  table.sort(names)
  core.record(w, "supabase", "supabase." .. what, env .. " " .. table.concat(names, ", "),
    { environment = env })
end

local function set_secrets(w, req, env, headers, project)
  local body, refused = list_of(req, headers)
  if not body then
    return refused
  end
  local names = {}
  for i, item in ipairs(body) do
    local problem = bad_secret(item)
    if problem then
      return core.answer(400, { message = ("%d.%s"):format(i - 1, problem) }, headers)
    end
    names[i] = item.name
  end
  local mine = secrets_of(w, env, project)
  remember(w, mine)
  for _, item in ipairs(body) do
    mine.now[item.name] = { value = item.value, at = core.iso_ms(w.s.now) }
  end
  record(w, "set_secrets", env, names)
  return { status = 201, headers = headers, body = "" }
end

local function delete_secrets(w, req, env, headers, project)
  local body, refused = list_of(req, headers)
  if not body then
    return refused
  end
  for i, name in ipairs(body) do
    if type(name) ~= "string" then
      return core.answer(400, { message = ("%d: Expected string"):format(i - 1) }, headers)
    end
  end
  local mine, any = secrets_of(w, env, project), false
  remember(w, mine)
  for _, name in ipairs(body) do
    any = any or mine.now[name] ~= nil
    mine.now[name] = nil
  end
  if any then
    record(w, "delete_secrets", env, body)
  end
  return { status = 200, headers = headers, body = "" }
end

-- Branches -----------------------------------------------------------------------------------

local DEFAULT_BRANCHES = {
  { name = "main", default = true, persistent = true, git_branch = "main" } }

local function branch_id(w, env, name)
  return core.uuid(w, "supabase branch", env .. " " .. tostring(name))
end

local function branches(w, _, env, headers, project)
  local out = core.list {}
  for i, given in ipairs(core.many(project.branches or DEFAULT_BRANCHES)) do
    out[i] = { id = branch_id(w, env, given.name), name = given.name,
      project_ref = given.ref or project.ref, parent_project_ref = project.ref,
      is_default = given.default == true, persistent = given.persistent == true,
      git_branch = given.git_branch, pr_number = given.pr, status = "FUNCTIONS_DEPLOYED",
      preview_project_status = given.status or "ACTIVE_HEALTHY", with_data = false,
      created_at = at(w, given.at or "-20d"), updated_at = at(w, given.at or "-20d") }
  end
  return core.answer(200, out, headers)
end

local function number_of(text, fallback)
  if text == nil then
    return fallback
  end
  local n = math.tointeger(tonumber(text))
  return n and n >= 0 and n or nil
end

local function action(w, env, i, given)
  local steps, time = core.list {}, at(w, given.at or "-1h")
  for _, name in ipairs(STEPS) do
    local status = (given.steps or { migrate = "EXITED" })[name]
    steps[#steps + 1] = status and { name = name, status = status, created_at = time,
      updated_at = time } or nil
  end
  return { id = core.uuid(w, "supabase action", env .. i),
    workdir = sim.null, check_run_id = sim.null,
    branch_id = branch_id(w, env, given.branch or "main"), run_steps = steps, created_at = time,
    updated_at = time }
end

local function actions(w, req, env, headers, project)
  local limit, offset = number_of(req.query.limit, 100), number_of(req.query.offset, 0)
  if not limit or not offset then
    return core.answer(400, { message = "limit, offset: Expected number" }, headers)
  end
  local all, out = core.many(project.actions or { {} }), core.list {}
  for i = offset + 1, math.min(#all, offset + limit) do
    out[#out + 1] = action(w, env, i, all[i])
  end
  return core.answer(200, out, headers)
end

-- The pooler ---------------------------------------------------------------------------------

local function pooler(_, _, _, headers, project)
  local host = "aws-0-" .. (project.region or "eu-north-1") .. ".pooler.supabase.com"
  local mode = project.pool_mode or "transaction"
  local port = mode == "transaction" and 6543 or 5432
  local address = ("postgres://postgres.%s:[YOUR-PASSWORD]@%s:%d/postgres"):format(project.ref, host,
    port)
  return core.answer(200, core.list { { identifier = project.ref, database_type = "PRIMARY",
    is_using_scram_auth = true, db_user = "postgres." .. project.ref, db_host = host,
    db_port = port, db_name = "postgres", connection_string = address, connectionString = address,
    default_pool_size = project.pool_size or sim.null, max_client_conn = sim.null,
    pool_mode = mode } }, headers)
end

M.ROUTES = {
  ["GET /api-keys"] = api_keys,
  ["GET /secrets"] = list_secrets,
  ["POST /secrets"] = set_secrets,
  ["DELETE /secrets"] = delete_secrets,
  ["GET /branches"] = branches,
  ["GET /actions"] = actions,
  ["GET /config/database/pooler"] = pooler,
}

return M
