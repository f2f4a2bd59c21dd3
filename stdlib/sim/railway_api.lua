-- Railway's GraphQL endpoint over the deployments of railway.lua.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"
local graphql = sim.require "graphql"
local railway = sim.require "railway"
local variables = sim.require "railway_variables"
local logs = sim.require "railway_logs"

local M = {}

local schema = graphql.schema(sim.require "railway_schema")

local KEEP_IMAGES = 72 * 3600 * 1000

local function environment(w, name)
  return w.s.spec.railway.environments[name]
end

local function raise(message, code)
  error({ graphql = message, code = code }, 0)
end

local function denied()
  raise("Not Authorized", "FORBIDDEN")
end

local function named(list, value)
  for name, member in core.sorted(list) do
    if member.id == value then
      return name, member
    end
  end
end

-- Who asks: { account = true } or { environment = name }.
local function identify(w, req)
  local token = req.headers["project-access-token"]
  if token then
    for name, env in core.sorted(w.s.spec.railway.environments) do
      if core.has(core.many(env.token), token) then
        return { environment = name, token = token }
      end
    end
    return nil
  end
  local bearer = (req.headers.authorization or ""):match("^[Bb]earer%s+(.+)$")
  if bearer and core.has(core.many(w.s.spec.tokens.railway), bearer) then
    return { account = true }
  end
  return nil
end

-- A resolver gets its parent, its arguments and x = { w, who, project, service, birth }.

local function see(x, env)
  if not env or (x.who.environment and x.who.environment ~= env) then
    denied()
  end
  return env
end

local function env_of(x, id)
  return see(x, (named(x.w.s.spec.railway.environments, id)))
end

local function check_project(x, id)
  if id and id ~= x.project.id then
    denied()
  end
end

local function check_service(x, id)
  if id and id ~= x.service.id then
    raise("ServiceInstance not found", "NOT_FOUND")
  end
end

-- `most`: what a page holds at most, whatever is asked for.
local function connection(items, args, id, most)
  local first, start = math.min(args.first or args.last or 20, most or 100000), 1
  if args.after then
    for i, item in ipairs(items) do
      start = id(item) == args.after and i + 1 or start
    end
  end
  local edges = core.list {}
  for i = start, math.min(#items, start + first - 1) do
    edges[#edges + 1] = { cursor = id(items[i]), node = items[i] }
  end
  local last = edges[#edges]
  return { edges = edges, pageInfo = {
    hasNextPage = start + #edges - 1 < #items, hasPreviousPage = start > 1,
    startCursor = edges[1] and edges[1].cursor, endCursor = last and last.cursor,
  } }
end

local function by_id(item)
  return item.id
end

local function project_node(x)
  return { id = x.project.id, name = x.project.name, createdAt = x.birth, updatedAt = x.birth,
    isPublic = false }
end

-- Projects and services that the world file only names.
local function named_ones(x, list, kind)
  local out = {}
  for i, one in ipairs(core.many(list)) do
    out[i] = { id = one.id or core.uuid(x.w, kind, one.name), name = one.name, other = true,
      projectId = x.project.id, createdAt = x.birth, updatedAt = x.birth, isPublic = false }
  end
  return out
end

local function service_node(x)
  return { id = x.service.id, name = x.service.name, projectId = x.project.id, createdAt = x.birth,
    updatedAt = x.birth }
end

local function environment_node(x, name)
  return { id = environment(x.w, name).id, name = name, projectId = x.project.id,
    isEphemeral = false,
    canAccess = true,
    createdAt = x.birth, updatedAt = x.birth }
end

local function can_roll_back(x, d)
  return d.served == true and x.w.s.serving[d.environment] ~= d.id
    and (not d.removed_at or x.w.s.now - d.removed_at < core.ms(x.w.s.spec.railway.keep_images,
      KEEP_IMAGES))
end

local function can_redeploy(d)
  return not railway.MOVING[d.status] and d.status ~= "SKIPPED"
end

local function meta_of(x, d)
  local commit = x.w.s.commits[d.commit] or {}
  return { commitHash = d.commit, commitMessage = commit.message, branch = d.branch,
    reason = d.reason,
    commitAuthor = commit.author and commit.author:gsub("%s*<.*$", ""),
      repo = x.w.s.spec.repository.github }
end

local function instances_of(x, d)
  local status = ({ SUCCESS = "RUNNING", CRASHED = "CRASHED", REMOVED = "REMOVED",
    SLEEPING = "STOPPED" })[d.status]
  if d.stopped then
    status = "EXITED"
  end
  return status and core.list { { id = core.uuid(x.w, "instance", d.id), status = status } }
    or core.list {}
end

local function deployment_node(x, d)
  local env = environment(x.w, d.environment)
  return {
    id = d.id, status = d.status, createdAt = core.iso_ms(d.created),
    updatedAt = core.iso_ms(d.status_at),
    statusUpdatedAt = core.iso_ms(d.status_at), canRollback = can_roll_back(x, d),
    canRedeploy = can_redeploy(d),
    deploymentStopped = d.stopped, meta = meta_of(x, d),
    url = env.url, staticUrl = env.url, snapshotId = d.snapshot, environmentId = env.id,
    projectId = x.project.id,
    serviceId = x.service.id, environment = environment_node(x, d.environment),
    service = service_node(x),
    instances = instances_of(x, d), suggestAddServiceDomain = false,
  }
end

local function deployments_in(x, env)
  local out = {}
  for i = #x.w.s.deployments, 1, -1 do
    local d = x.w.s.deployments[i]
    if d.environment == env and (d.visible or 0) <= x.w.s.now then
      out[#out + 1] = d
    end
  end
  return out
end

local function find(x, id)
  local d = railway.deployment(x.w, id)
  if not d then
    raise("Deployment not found", "NOT_FOUND")
  end
  see(x, d.environment)
  return d
end

local function again(x, d, o)
  local fresh = railway.deploy(x.w, { environment = d.environment, commit = o.commit or d.commit,
    branch = d.branch,
    reason = o.reason, live = true, from = d.id, variables = o.variables })
  core.record(x.w, "railway", "railway." .. o.effect, o.target or d.id,
    { environment = d.environment, commit = fresh.commit, deployment = fresh.id, to = o.to })
  return fresh
end

-- What the other files of Railway ask of this one.
local CHECK = { project = check_project, service = check_service, environment = env_of,
  deployment = find, connection = connection }

local function latest(x, env)
  local list = deployments_in(x, env)
  return list[1] or raise("No deployment found", "NOT_FOUND")
end

local Query, Mutation = {}, {}

function Query.projectToken(_, _, x)
  if not x.who.environment then
    raise("Project Token not found", "NOT_FOUND")
  end
  local env = environment(x.w, x.who.environment)
  return { id = core.uuid(x.w, "token", x.who.environment), name = x.who.environment .. " token",
    createdAt = x.birth,
    displayToken = "****" .. x.who.token:sub(-4), projectId = x.project.id, environmentId = env.id,
    project = project_node(x), environment = environment_node(x, x.who.environment) }
end

function Query.me(_, _, x)
  if not x.who.account then
    denied()
  end
  return { id = core.uuid(x.w, "user"), name = "Release", email = "release@example.com",
    username = "release" }
end

function Query.project(_, args, x)
  for _, other in ipairs(x.who.account and named_ones(x, x.spec.other_projects, "project") or {}) do
    if other.id == args.id then
      return other
    end
  end
  check_project(x, args.id)
  return project_node(x)
end

function Query.projects(_, args, x)
  if not x.who.account then
    denied()
  end
  local all = named_ones(x, x.spec.other_projects, "project")
  table.insert(all, 1, project_node(x))
  return connection(all, args, by_id, x.spec.page)
end

function Query.environment(_, args, x)
  return environment_node(x, env_of(x, args.id))
end

local function environments(parent, args, x)
  local out = {}
  if parent and parent.other then
    return connection(out, args, by_id)
  end
  for name in core.sorted(x.w.s.spec.railway.environments) do
    if not x.who.environment or x.who.environment == name then
      out[#out + 1] = environment_node(x, name)
    end
  end
  return connection(out, args, by_id, x.spec.page)
end

local function services(parent, args, x)
  local all = parent.other and {} or named_ones(x, x.spec.other_services, "service")
  if not parent.other then
    all[#all + 1] = service_node(x)
  end
  return connection(all, args, by_id, x.spec.page)
end

function Query.environments(parent, args, x)
  check_project(x, args.projectId)
  return environments(parent, args, x)
end

function Query.service(_, args, x)
  check_service(x, args.id)
  return service_node(x)
end

function Query.serviceInstance(_, args, x)
  check_service(x, args.serviceId)
  return { env = env_of(x, args.environmentId) }
end

function Query.deployment(_, args, x)
  return deployment_node(x, find(x, args.id))
end

function Query.deployments(_, args, x)
  local input = args.input
  check_project(x, input.projectId)
  check_service(x, input.serviceId)
  local env = input.environmentId and env_of(x, input.environmentId) or x.who.environment
    or denied()
  local status = core.some(input.status) or {}
  local out = {}
  for _, d in ipairs(deployments_in(x, env)) do
    local inside, outside = core.some(status["in"]), core.some(status.notIn)
    if (not inside or core.has(inside, d.status))
      and not (outside and core.has(outside, d.status)) then
      out[#out + 1] = deployment_node(x, d)
    end
  end
  return connection(out, args, by_id)
end

Query.variables = variables.variables
Query.variablesForServiceDeployment = variables.for_deployment
Query.deploymentSnapshot = variables.snapshot
Query.deploymentLogs = logs.deployment
Query.environmentLogs = logs.environment
Query.buildLogs = logs.build

-- What Railway does not do it calls a problem, without saying which.
local function problem()
  raise("Problem processing request")
end

-- `railway.rollback: deployment` in the world file leaves the service's own variables as they are:
-- whether Railway does so too is not said in its manual.
function Mutation.deploymentRollback(_, args, x)
  local d = find(x, args.id)
  if not can_roll_back(x, d) then
    problem()
  end
  if x.w.s.spec.railway.rollback ~= "deployment" then
    x.w.s.variables[d.environment] = core.copy(d.variables)
  end
  again(x, d, { effect = "rollback", reason = "rollback", target = d.environment,
    variables = d.variables, to = d.id })
  return true
end

function Mutation.deploymentRedeploy(_, args, x)
  local d = find(x, args.id)
  if not can_redeploy(d) then
    problem()
  end
  return deployment_node(x, again(x, d, { effect = "redeploy", reason = "redeploy" }))
end

function Mutation.deploymentCancel(_, args, x)
  local d = find(x, args.id)
  if not railway.MOVING[d.status] then
    problem()
  end
  railway.set_status(x.w, d, "REMOVED")
  core.record(x.w, "railway", "railway.cancel", d.id, { environment = d.environment })
  return true
end

local function take_down(x, d)
  d.stopped = true
  if x.w.s.serving[d.environment] == d.id then
    x.w.s.serving[d.environment] = nil
  end
end

function Mutation.deploymentStop(_, args, x)
  local d = find(x, args.id)
  if d.status == "REMOVED" or d.status == "SKIPPED" then
    problem()
  end
  take_down(x, d)
  core.record(x.w, "railway", "railway.stop", d.id, { environment = d.environment })
  return true
end

function Mutation.deploymentRemove(_, args, x)
  local d = find(x, args.id)
  take_down(x, d)
  d.removed_at = x.w.s.now
  railway.set_status(x.w, d, "REMOVED")
  core.record(x.w, "railway", "railway.remove", d.id, { environment = d.environment })
  return true
end

--- The same container once more; nothing but a running process shows it.
function Mutation.deploymentRestart(_, args, x)
  local d = find(x, args.id)
  if not d.served or d.status == "REMOVED" then
    problem()
  end
  d.stopped = false
  d.status = d.status == "CRASHED" and "" or d.status
  railway.set_status(x.w, d, "SUCCESS")
  core.record(x.w, "railway", "railway.restart", d.id, { environment = d.environment })
  return true
end

function Mutation.deploymentApprove(_, args, x)
  local d = find(x, args.id)
  if d.status ~= "NEEDS_APPROVAL" then
    problem()
  end
  railway.set_status(x.w, d, "INITIALIZING")
  core.record(x.w, "railway", "railway.approve", d.id, { environment = d.environment })
  return true
end

function Mutation.serviceInstanceDeployV2(_, args, x)
  check_service(x, args.serviceId)
  local env = env_of(x, args.environmentId)
  local commit = args.commitSha and repo.resolve(x.w, args.commitSha)
  if args.commitSha and commit ~= args.commitSha then
    raise("Commit not found", "NOT_FOUND")
  end
  local d = latest(x, env)
  return again(x, d, { effect = "deploy", reason = "deploy", commit = commit,
    target = env .. " " .. core.short(commit or d.commit) }).id
end

function Mutation.serviceInstanceRedeploy(_, args, x)
  check_service(x, args.serviceId)
  again(x, latest(x, env_of(x, args.environmentId)), { effect = "redeploy", reason = "redeploy" })
  return true
end

Mutation.variableUpsert = variables.upsert
Mutation.variableCollectionUpsert = variables.upsert_many
Mutation.variableDelete = variables.delete

local RESOLVERS = {
  Query = Query, Mutation = Mutation,
  Project = {
    environments = environments, services = services,
  },
  Environment = {
    deploymentTriggers = function (parent, args, x)
      local env = environment(x.w, parent.name)
      return connection({ { id = core.uuid(x.w, "trigger", parent.name), branch = env.branch,
        provider = "github",
        checkSuites = env.wait_for_ci == true, environmentId = env.id, projectId = x.project.id,
        serviceId = x.service.id,
        repository = x.w.s.spec.repository.github, validCheckSuites = 1 } }, args, by_id)
    end,
    variables = variables.list,
  },
  ServiceInstance = {
    id = function (p, _, x) return core.uuid(x.w, "instance", p.env) end,
    serviceId = function (_, _, x) return x.service.id end,
    serviceName = function (_, _, x) return x.service.name end,
    environmentId = function (p, _, x) return environment(x.w, p.env).id end,
    healthcheckPath = function (_, _, x) return "/health" end,
    source = function (_, _, x) return { repo = x.w.s.spec.repository.github } end,
    createdAt = function (_, _, x) return x.birth end,
    updatedAt = function (_, _, x) return x.birth end,
    latestDeployment = function (p, _, x)
      local d = deployments_in(x, p.env)[1]
      return d and deployment_node(x, d)
    end,
    activeDeployments = function (p, _, x)
      local d = railway.serving(x.w, p.env)
      return d and core.list { deployment_node(x, d) } or core.list {}
    end,
  },
}

-- Whoever is not known hears the same from every field.
local STRANGERS = setmetatable({}, { __index = function ()
  return setmetatable({}, { __index = function () return denied end })
end })

local function rate(w)
  local state, over = core.spend(w, "railway")
  local seconds = math.max(1, (state.reset - w.s.now + 999) // 1000)
  return {
    ["x-ratelimit-limit"] = tostring(state.limit),
    ["x-ratelimit-remaining"] = tostring(state.remaining),
    ["x-ratelimit-reset"] = core.iso_ms(state.reset), ["retry-after"] = over and tostring(seconds)
      or nil,
  }, over
end

function M.request(w, req)
  if req.path ~= "/graphql/v2" then
    return core.answer(404, { message = "Not Found" })
  elseif req.method ~= "POST" then
    return core.answer(405,
      { errors = core.list { { message = "GraphQL only supports POST requests." } } })
  end
  local headers, over = rate(w)
  if over then
    return core.answer(429, { errors = core.list { { message = "Rate limit exceeded" } } }, headers)
  end
  local body = core.body(req)
  if not body or type(body.query) ~= "string" then
    return core.answer(400, { errors = core.list { { message = "Must provide query string." } } },
      headers)
  end
  local who = identify(w, req)
  local railway_spec = w.s.spec.railway
  local context = { w = w, who = who, project = railway_spec.project,
    service = railway_spec.service, spec = railway_spec,
    birth = core.iso_ms(w.s.clock - 400 * 86400000), check = CHECK }
  local status, answer = graphql.run {
    schema = schema, resolvers = who and RESOLVERS or STRANGERS, context = context,
    query = body.query, variables = body.variables,
    operation = body.operationName,
  }
  return core.answer(status, answer, headers)
end

return M
