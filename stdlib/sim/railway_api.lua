-- Railway's GraphQL endpoint over the deployments of railway.lua.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"
local graphql = sim.require "graphql"
local railway = sim.require "railway"

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

local function resolvers_of(w, who)
  local spec = w.s.spec.railway
  local project, service = spec.project, spec.service

  local function see(env)
    if not env or (who.environment and who.environment ~= env) then
      denied()
    end
    return env
  end
  local function env_of(id)
    return see((named(spec.environments, id)))
  end
  local function check_project(id)
    if id and id ~= project.id then
      denied()
    end
  end
  local function check_service(id)
    if id and id ~= service.id then
      raise("ServiceInstance not found", "NOT_FOUND")
    end
  end

  local function connection(items, args, id)
    local first, start = args.first or args.last or 20, 1
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

  local birth = core.iso_ms(w.s.clock - 400 * 86400000)
  local function project_node()
    return { id = project.id, name = project.name, createdAt = birth, updatedAt = birth,
      isPublic = false }
  end
  local function service_node()
    return { id = service.id, name = service.name, projectId = project.id, createdAt = birth,
      updatedAt = birth }
  end
  local function environment_node(name)
    return { id = environment(w, name).id, name = name, projectId = project.id, isEphemeral = false,
      canAccess = true,
      createdAt = birth, updatedAt = birth }
  end

  local function can_roll_back(d)
    return d.served == true and w.s.serving[d.environment] ~= d.id
      and (not d.removed_at or w.s.now - d.removed_at < core.ms(spec.keep_images, KEEP_IMAGES))
  end
  local function meta_of(d)
    local commit = w.s.commits[d.commit] or {}
    return { commitHash = d.commit, commitMessage = commit.message, branch = d.branch,
      reason = d.reason,
      commitAuthor = commit.author and commit.author:gsub("%s*<.*$", ""),
        repo = w.s.spec.repository.github }
  end
  local function instances_of(d)
    local status = ({ SUCCESS = "RUNNING", CRASHED = "CRASHED", REMOVED = "REMOVED",
      SLEEPING = "STOPPED" })[d.status]
    if d.stopped then
      status = "EXITED"
    end
    return status and core.list { { id = core.uuid(w, "instance", d.id), status = status } }
      or core.list {}
  end
  local function deployment_node(d)
    local env = environment(w, d.environment)
    return {
      id = d.id, status = d.status, createdAt = core.iso_ms(d.created),
      updatedAt = core.iso_ms(d.status_at),
      statusUpdatedAt = core.iso_ms(d.status_at), canRollback = can_roll_back(d),
      canRedeploy = not railway.MOVING[d.status] and d.status ~= "SKIPPED",
      deploymentStopped = d.stopped, meta = meta_of(d),
      url = env.url, staticUrl = env.url, snapshotId = d.snapshot, environmentId = env.id,
      projectId = project.id,
      serviceId = service.id, environment = environment_node(d.environment),
      service = service_node(),
      instances = instances_of(d), suggestAddServiceDomain = false,
    }
  end
  local function deployments_in(env)
    local out = {}
    for i = #w.s.deployments, 1, -1 do
      if w.s.deployments[i].environment == env then
        out[#out + 1] = w.s.deployments[i]
      end
    end
    return out
  end
  local function find(id)
    local d = railway.deployment(w, id)
    if not d then
      raise("Deployment not found", "NOT_FOUND")
    end
    see(d.environment)
    return d
  end
  local function again(d, o)
    local fresh = railway.deploy(w, { environment = d.environment, commit = o.commit or d.commit,
      branch = d.branch,
      reason = o.reason, live = true, from = d.id })
    core.record(w, "railway", "railway." .. o.effect, o.target or d.id,
      { environment = d.environment, commit = fresh.commit, deployment = fresh.id })
    return fresh
  end
  local function latest(env)
    local list = deployments_in(env)
    return list[1] or raise("No deployment found", "NOT_FOUND")
  end
  local function change_variables(input, change)
    check_project(input.projectId)
    check_service(input.serviceId)
    local env = env_of(input.environmentId)
    local target = change(w.s.variables[env], env)
    core.record(w, "railway", "railway.variables", env .. " " .. target,
      { skipDeploys = input.skipDeploys == true })
    local list = deployments_in(env)
    if not input.skipDeploys and list[1] then
      railway.deploy(w, { environment = env, commit = list[1].commit, branch = list[1].branch,
        reason = "variables", live = true })
    end
    return true
  end
  local function logs(list)
    local out = core.list {}
    for _, entry in ipairs(core.many(list)) do
      out[#out + 1] = { timestamp = core.iso_ms(core.when(entry.at, w.s.clock)),
        message = entry.message,
        severity = entry.severity or "info", attributes = core.list(core.copy(entry.attributes
          or {})), tags = sim.null }
    end
    return out
  end

  local Query, Mutation = {}, {}

  function Query.projectToken()
    if not who.environment then
      raise("Project Token not found", "NOT_FOUND")
    end
    local env = environment(w, who.environment)
    return { id = core.uuid(w, "token", who.environment), name = who.environment .. " token",
      createdAt = birth,
      displayToken = "****" .. who.token:sub(-4), projectId = project.id, environmentId = env.id,
      project = project_node(), environment = environment_node(who.environment) }
  end
  function Query.me()
    if not who.account then
      denied()
    end
    return { id = core.uuid(w, "user"), name = "Release", email = "release@example.com",
      username = "release" }
  end
  function Query.project(_, args)
    check_project(args.id)
    return project_node()
  end
  function Query.projects(_, args)
    if not who.account then
      denied()
    end
    return connection({ project_node() }, args, by_id)
  end
  function Query.environment(_, args)
    return environment_node(env_of(args.id))
  end
  local function environments(_, args)
    local out = {}
    for name in core.sorted(spec.environments) do
      if not who.environment or who.environment == name then
        out[#out + 1] = environment_node(name)
      end
    end
    return connection(out, args, by_id)
  end
  function Query.environments(parent, args)
    check_project(args.projectId)
    return environments(parent, args)
  end
  function Query.service(_, args)
    check_service(args.id)
    return service_node()
  end
  function Query.serviceInstance(_, args)
    check_service(args.serviceId)
    return { env = env_of(args.environmentId) }
  end
  function Query.deployment(_, args)
    return deployment_node(find(args.id))
  end
  function Query.deployments(_, args)
    local input = args.input
    check_project(input.projectId)
    check_service(input.serviceId)
    local env = input.environmentId and env_of(input.environmentId) or who.environment or denied()
    local status = core.some(input.status) or {}
    local out = {}
    for _, d in ipairs(deployments_in(env)) do
      local inside, outside = core.some(status["in"]), core.some(status.notIn)
      if (not inside or core.has(inside, d.status))
        and not (outside and core.has(outside, d.status)) then
        out[#out + 1] = deployment_node(d)
      end
    end
    return connection(out, args, by_id)
  end
  function Query.variables(_, args)
    check_project(args.projectId)
    check_service(args.serviceId)
    return core.copy(w.s.variables[env_of(args.environmentId)])
  end
  function Query.variablesForServiceDeployment(_, args)
    check_project(args.projectId)
    check_service(args.serviceId)
    local d = railway.serving(w, env_of(args.environmentId))
    return core.copy(d and d.variables or {})
  end
  function Query.deploymentLogs(_, args)
    return logs(environment(w, find(args.deploymentId).environment).logs)
  end
  function Query.buildLogs(_, args)
    find(args.deploymentId)
    return logs {}
  end
  function Query.environmentLogs(_, args)
    return logs(environment(w, env_of(args.environmentId)).logs)
  end

  function Mutation.deploymentRollback(_, args)
    local d = find(args.id)
    if not can_roll_back(d) then
      raise("Problem processing request")
    end
    w.s.variables[d.environment] = core.copy(d.variables)
    again(d, { effect = "rollback", reason = "rollback" })
    return true
  end
  function Mutation.deploymentRedeploy(_, args)
    return deployment_node(again(find(args.id), { effect = "redeploy", reason = "redeploy" }))
  end
  function Mutation.deploymentCancel(_, args)
    local d = find(args.id)
    if not railway.MOVING[d.status] then
      raise("Problem processing request")
    end
    railway.set_status(w, d, "REMOVED")
    core.record(w, "railway", "railway.cancel", d.id, { environment = d.environment })
    return true
  end
  function Mutation.deploymentStop(_, args)
    local d = find(args.id)
    d.stopped = true
    if w.s.serving[d.environment] == d.id then
      w.s.serving[d.environment] = nil
    end
    core.record(w, "railway", "railway.stop", d.id, { environment = d.environment })
    return true
  end
  function Mutation.serviceInstanceDeployV2(_, args)
    check_service(args.serviceId)
    local env = env_of(args.environmentId)
    local commit = args.commitSha and repo.resolve(w, args.commitSha)
    if args.commitSha and commit ~= args.commitSha then
      raise("Commit not found", "NOT_FOUND")
    end
    local d = latest(env)
    return again(d, { effect = "deploy", reason = "deploy", commit = commit,
      target = env .. " " .. core.short(commit or d.commit) }).id
  end
  function Mutation.serviceInstanceRedeploy(_, args)
    check_service(args.serviceId)
    again(latest(env_of(args.environmentId)), { effect = "redeploy", reason = "redeploy" })
    return true
  end
  function Mutation.variableUpsert(_, args)
    return change_variables(args.input, function (variables)
      variables[args.input.name] = args.input.value
      return args.input.name
    end)
  end
  function Mutation.variableCollectionUpsert(_, args)
    return change_variables(args.input, function (variables, env)
      local names, kept = {}, args.input.replace and {} or variables
      for name, value in core.sorted(args.input.variables) do
        kept[name] = value
        names[#names + 1] = name
      end
      w.s.variables[env] = kept
      return table.concat(names, ",")
    end)
  end
  function Mutation.variableDelete(_, args)
    return change_variables(args.input, function (variables)
      variables[args.input.name] = nil
      return args.input.name
    end)
  end

  return {
    Query = Query, Mutation = Mutation,
    Project = {
      environments = environments,
      services = function (_, args) return connection({ service_node() }, args, by_id) end,
    },
    Environment = {
      deploymentTriggers = function (parent, args)
        local env = environment(w, parent.name)
        return connection({ { id = core.uuid(w, "trigger", parent.name), branch = env.branch,
          provider = "github",
          checkSuites = env.wait_for_ci == true, environmentId = env.id, projectId = project.id,
          serviceId = service.id,
          repository = w.s.spec.repository.github, validCheckSuites = 1 } }, args, by_id)
      end,
    },
    ServiceInstance = {
      id = function (p) return core.uuid(w, "instance", p.env) end,
      serviceId = function () return service.id end,
      serviceName = function () return service.name end,
      environmentId = function (p) return environment(w, p.env).id end,
      healthcheckPath = function () return "/health" end,
      source = function () return { repo = w.s.spec.repository.github } end,
      createdAt = function () return birth end,
      updatedAt = function () return birth end,
      latestDeployment = function (p)
        local d = deployments_in(p.env)[1]
        return d and deployment_node(d)
      end,
      activeDeployments = function (p)
        local d = railway.serving(w, p.env)
        return d and core.list { deployment_node(d) } or core.list {}
      end,
    },
  }
end

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
  local resolvers = who and resolvers_of(w, who) or setmetatable({}, { __index = function ()
    return setmetatable({}, { __index = function () return denied end })
  end })
  local status, answer = graphql.run {
    schema = schema, resolvers = resolvers, query = body.query, variables = body.variables,
    operation = body.operationName,
  }
  return core.answer(status, answer, headers)
end

return M
