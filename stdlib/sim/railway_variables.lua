-- Railway's variables over GraphQL: those of a service, those that all services
-- share, and what a deployment was given of them.
--
-- A sealed one is given to deployments and never comes back over the API.
--   railway.environments.NAME: variables, shared (name -> text), sealed (names)

local sim = ...
local core = sim.require "core"
local railway = sim.require "railway"

local M = {}

local function environment(w, name)
  return w.s.spec.railway.environments[name]
end

local function is_sealed(w, env, name)
  return core.has(core.many(environment(w, env).sealed), name)
end

local function shared_of(w, env)
  w.s.shared = w.s.shared or {}
  w.s.shared[env] = w.s.shared[env] or core.copy(core.some(environment(w, env).shared) or {})
  return w.s.shared[env]
end

-- What Railway itself adds for a running service.
local function provided(x, env)
  return {
    RAILWAY_PROJECT_ID = x.project.id, RAILWAY_PROJECT_NAME = x.project.name,
    RAILWAY_ENVIRONMENT_ID = environment(x.w, env).id, RAILWAY_ENVIRONMENT_NAME = env,
    RAILWAY_SERVICE_ID = x.service.id, RAILWAY_SERVICE_NAME = x.service.name,
  }
end

local render

local function referred(x, env, variables, reference, depth)
  local owner, name = reference:match("^([^.]+)%.(.+)$")
  local from = variables
  if owner == "shared" then
    from = shared_of(x.w, env)
  elseif owner and owner ~= x.service.name then
    return ""
  end
  name = name or reference
  local value = from[name] or provided(x, env)[name]
  return value and depth < 8 and render(x, env, variables, value, depth + 1) or ""
end

function render(x, env, variables, text, depth)
  return (text:gsub("%${{%s*([^}]-)%s*}}", function (reference)
    return referred(x, env, variables, reference, depth or 0)
  end))
end

local function readable(x, env, variables, o)
  local out = {}
  for name, value in core.sorted(variables) do
    if not is_sealed(x.w, env, name) then
      out[name] = o.rendered and render(x, env, variables, value) or value
    end
  end
  for name, value in core.sorted(o.provided and provided(x, env) or {}) do
    out[name] = out[name] or value
  end
  return out
end

-- Resolvers. x.check: { project, service, environment, deployment, connection } of railway_api.lua.

function M.variables(_, args, x)
  x.check.project(x, args.projectId)
  x.check.service(x, args.serviceId)
  local env = x.check.environment(x, args.environmentId)
  local rendered = args.unrendered ~= true
  if not args.serviceId then
    return readable(x, env, shared_of(x.w, env), { rendered = rendered })
  end
  return readable(x, env, x.w.s.variables[env], { rendered = rendered, provided = rendered })
end

function M.for_deployment(_, args, x)
  x.check.project(x, args.projectId)
  x.check.service(x, args.serviceId)
  local env = x.check.environment(x, args.environmentId)
  local d = railway.serving(x.w, env)
  return readable(x, env, d and d.variables or {}, { rendered = true, provided = true })
end

-- What the deployment was given, as the service had it then.
function M.snapshot(_, args, x)
  local d = x.check.deployment(x, args.deploymentId)
  if x.w.s.spec.railway.no_snapshots then
    return nil
  end
  return { id = d.snapshot, createdAt = core.iso_ms(d.created), updatedAt = core.iso_ms(d.created),
    variables = readable(x, d.environment, d.variables, { rendered = true }) }
end

function M.list(parent, args, x)
  local env = parent.name
  local out = {}
  local function add(name, value, service)
    local references = core.list {}
    for reference in tostring(value):gmatch("%${{%s*([^}]-)%s*}}") do
      references[#references + 1] = reference
    end
    out[#out + 1] = { id = core.uuid(x.w, "variable", env, service or "shared", name), name = name,
      isSealed = is_sealed(x.w, env, name), environmentId = parent.id, serviceId = service,
      createdAt = x.birth, updatedAt = x.birth, references = references }
  end
  for name, value in core.sorted(x.w.s.variables[env]) do
    add(name, value, x.service.id)
  end
  for name, value in core.sorted(shared_of(x.w, env)) do
    add(name, value)
  end
  return x.check.connection(out, args, function (item) return item.id end)
end

-- Writing -----------------------------------------------------------------------

local function check_values(values)
  if type(values) ~= "table" then
    return false
  end
  for name, value in core.sorted(values) do
    if type(name) ~= "string" or type(value) ~= "string" then
      return false
    end
  end
  return true
end

-- o = { effect, values (name -> text or null), input, remove_others }
local function write(x, input, o)
  local env = x.check.environment(x, input.environmentId)
  x.check.project(x, input.projectId)
  x.check.service(x, input.serviceId)
  local names = {}
  for name in core.sorted(o.values) do
    names[#names + 1] = name
  end
  core.record(x.w, "railway", "railway." .. o.effect, ("%s %s%s"):format(env,
    input.serviceId and "" or "shared ", table.concat(names, ",")),
    { skipDeploys = input.skipDeploys == true, replace = input.replace == true })
  if not input.serviceId then
    local shared = shared_of(x.w, env)
    for name, value in core.sorted(o.values) do
      shared[name] = core.some(value)
    end
    railway.set_variables(x.w, env, {}, "variables", input.skipDeploys == true)
    return true
  end
  if input.replace then
    x.w.s.variables[env] = {}
  end
  railway.set_variables(x.w, env, o.values, "variables", input.skipDeploys == true)
  return true
end

function M.upsert(_, args, x)
  return write(x, args.input, { effect = "set_variables",
    values = { [args.input.name] = args.input.value } })
end

function M.upsert_many(_, args, x)
  if not check_values(args.input.variables) then
    error({ graphql = "Problem processing request", code = "INTERNAL_SERVER_ERROR" }, 0)
  end
  return write(x, args.input, { effect = "set_variables", values = args.input.variables })
end

function M.delete(_, args, x)
  local input = args.input
  local env = x.check.environment(x, input.environmentId)
  local from = input.serviceId and x.w.s.variables[env] or shared_of(x.w, env)
  if from[input.name] == nil then
    error({ graphql = "Variable not found", code = "NOT_FOUND" }, 0)
  end
  return write(x, input, { effect = "delete_variable", values = { [input.name] = sim.null } })
end

return M
