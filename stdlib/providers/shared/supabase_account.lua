-- What an account of Supabase has: projects, the keys of one, its branches and what they did,
-- its pooler, and the migrations as the Management API lists them. All of it is read only.

local host = ...
local wire = host.require "wire"
local api = host.require "supabase_api"

local some = wire.some

local ENVIRONMENT = { "text", required = true, help = "an environment of pipe.yaml" }

local function rows_of(rows, shown)
  local out = host.json.array {}
  for i, row in ipairs(rows) do
    out[i] = shown(row)
  end
  return out
end

-- Projects -------------------------------------------------------------------------------

local function projects(o)
  local rows = api.account { environment = o.environment, method = "GET", path = "/projects",
    shape = { { ref = "text?", id = "text?", name = "text", status = "text", region = "text?" } } }
  return rows_of(rows, function (p)
    local known = api.status(p.status)
    return { ref = some(p.ref) or some(p.id), name = p.name, region = some(p.region),
      status = p.status, state = known[1], meaning = known[2],
      healthy = p.status == "ACTIVE_HEALTHY", organization = some(p.organization_slug)
        or some(p.organization_id), created_at = some(p.created_at) }
  end)
end

-- Keys -----------------------------------------------------------------------------------

-- What is told apart by its fingerprint: a key that is read again later may be another one.
local function sealed(o, row)
  local text = o.reveal and some(row.api_key)
  if not text or text == "" then
    return nil
  end
  local print = host.fingerprint(text)
  return host.secret(("supabase:%s/%s#%s"):format(o.environment, row.name, print), text), print
end

local function api_keys(o)
  local rows = api.ask { environment = o.environment, method = "GET", path = "/api-keys",
    query = { reveal = o.reveal and "true" or "false" },
    shape = { { name = "text", id = "text?", type = "text?", prefix = "text?",
      api_key = "text?" } } }
  return rows_of(rows, function (row)
    local key, print = sealed(o, row)
    return { name = row.name, id = some(row.id), type = some(row.type), prefix = some(row.prefix),
      key = key, fingerprint = print, created_at = some(row.inserted_at),
      updated_at = some(row.updated_at) }
  end)
end

-- Branches -------------------------------------------------------------------------------

local BRANCH = { id = "text", name = "text", project_ref = "text", is_default = "flag",
  persistent = "flag", git_branch = "text?", pr_number = "integer?",
  preview_project_status = "text?" }

local function branches(o)
  local rows = api.ask { environment = o.environment, method = "GET", path = "/branches",
    shape = { BRANCH } }
  return rows_of(rows, function (row)
    local status = some(row.preview_project_status)
    local known = status and api.status(status) or {}
    return { id = row.id, name = row.name, ref = row.project_ref, default = row.is_default,
      persistent = row.persistent, git_branch = some(row.git_branch),
      pull_request = some(row.pr_number), status = status, state = known[1],
      created_at = some(row.created_at), updated_at = some(row.updated_at) }
  end)
end

-- Every word of a step: where it leads, and what it means.
local STEP = {
  CREATED = { "moving", "it has not begun" },
  RUNNING = { "moving", "it is being done" },
  RESTARTING = { "moving", "it is being done once more" },
  PAUSED = { "moving", "it waits" },
  REMOVING = { "moving", "it is being taken away" },
  EXITED = { "good", "it has ended" },
  DEAD = { "bad", "it failed" },
}

local WORSE = { good = 1, moving = 2, unknown = 3, bad = 4 }

local function action_of(row)
  local steps, state = host.json.array {}, "good"
  for i, step in ipairs(row.run_steps) do
    local known = STEP[step.status] or { "unknown", "a status that pipe does not know" }
    steps[i] = { name = step.name, status = step.status, state = known[1], meaning = known[2],
      updated_at = some(step.updated_at) }
    state = WORSE[known[1]] > WORSE[state] and known[1] or state
  end
  return { id = row.id, branch = row.branch_id, steps = steps,
    state = #steps > 0 and state or "moving", created_at = some(row.created_at),
    updated_at = some(row.updated_at) }
end

local function branch_id(o)
  for _, branch in ipairs(branches(o)) do
    if branch.id == o.branch or branch.name == o.branch then
      return branch.id
    end
  end
  host.raise("supabase.branch", ("environment \"%s\": its project has no branch \"%s\""):format(
    o.environment, o.branch))
end

local function branch_actions(o)
  local id = o.branch and branch_id(o)
  local rows = api.ask { environment = o.environment, method = "GET", path = "/actions",
    query = { limit = o.first }, shape = { { id = "text", branch_id = "text",
      run_steps = { { name = "text", status = "text" } } } } }
  local out = host.json.array {}
  for _, row in ipairs(rows) do
    if not id or row.branch_id == id then
      out[#out + 1] = action_of(row)
    end
  end
  return out
end

-- The database from outside --------------------------------------------------------------

local function pooler(o)
  local rows = api.ask { environment = o.environment, method = "GET",
    path = "/config/database/pooler", shape = { { identifier = "text", database_type = "text",
      pool_mode = "text", db_host = "text", db_port = "integer", db_user = "text",
      db_name = "text", default_pool_size = "integer?", max_client_conn = "integer?" } } }
  return rows_of(rows, function (row)
    return { name = row.identifier, primary = row.database_type == "PRIMARY",
      mode = row.pool_mode, host = row.db_host, port = row.db_port, user = row.db_user,
      database = row.db_name, size = some(row.default_pool_size),
      most_clients = some(row.max_client_conn), migrations = row.pool_mode == "session" }
  end)
end

local function api_migrations(o)
  local rows = api.ask { environment = o.environment, method = "GET",
    path = "/database/migrations", shape = { { version = "text", name = "text?" } } }
  return rows_of(rows, function (row)
    return { version = row.version, name = some(row.name) }
  end)
end

-- Rows -----------------------------------------------------------------------------------

local function permission(word)
  return "a personal access token, or " .. word .. " of a scoped one"
end

return {
  projects = {
    effect = "read", summary = "All projects that the credential sees",
    result = "list of {ref, name, region, status, state: good|moving|bad|unknown, meaning, "
      .. "healthy, organization, created_at}",
    options = { environment = { "text", help = "whose credential asks; default: \"supabase\"" } },
    request = "GET /v1/projects", permission = permission "projects_read",
    states = api.STATUS, act = projects,
  },
  api_keys = {
    effect = "read", summary = "The keys of the project; their values are secrets",
    result = "list of {name, id, type: legacy|publishable|secret, prefix, key (a secret, with "
      .. "reveal), fingerprint, created_at, updated_at}",
    options = { environment = ENVIRONMENT,
      reveal = { "flag", default = false, help = "with their values" } },
    request = "GET /v1/projects/{ref}/api-keys", permission = permission "api_keys_read",
    act = api_keys,
  },
  branches = {
    effect = "read", summary = "The branches of the project. What became of one tells "
      .. "branch_actions: the status that the vendor gives a branch is deprecated",
    result = "list of {id, name, ref (of its project), default, persistent, git_branch, "
      .. "pull_request, status, state (of its project), created_at, updated_at}",
    options = { environment = ENVIRONMENT },
    request = "GET /v1/projects/{ref}/branches", permission = permission "branches_read",
    states = api.STATUS, act = branches,
  },
  branch_actions = {
    effect = "read", summary = "What was done for the branches: clone, pull, health, configure, "
      .. "migrate, seed, deploy",
    result = "list of {id, branch (its id), state: good|moving|bad|unknown, steps=list of {name, "
      .. "status, state, meaning, updated_at}, created_at, updated_at}",
    options = { environment = ENVIRONMENT,
      branch = { "text", help = "only of this one, by its name or id" },
      first = { "integer", default = 20, help = "at most so many are asked for" } },
    request = { "GET /v1/projects/{ref}/branches", "GET /v1/projects/{ref}/actions" },
    permission = permission "branches_read", states = STEP,
    errors = { ["supabase.branch"] = "the project has no such branch" }, act = branch_actions,
  },
  pooler = {
    effect = "read", summary = "How the pooler of the database is set up",
    result = "list of {name, primary, mode: session|transaction, migrations (whether they can go "
      .. "through it), host, port, user, database, size, most_clients}",
    options = { environment = ENVIRONMENT },
    request = "GET /v1/projects/{ref}/config/database/pooler",
    permission = permission "database_read", act = pooler,
  },
  api_migrations = {
    effect = "read", summary = "The migrations as the Management API lists them. For OAuth "
      .. "applications of Supabase's partners only: supabase.migrations asks the database",
    result = "list of {version, name}", options = { environment = ENVIRONMENT },
    request = "GET /v1/projects/{ref}/database/migrations",
    permission = "an OAuth application of a partner that Supabase chose, database_read",
    act = api_migrations,
  },
}
