-- Railway: deployments of a service in an environment.
--
-- An environment of pipe.yaml may say `railway: { environment, service }`, each
-- an id or a name (default: the environment's own name, and the only service);
-- its `project`, else `providers.railway.project`, is the project's id, needed with
-- an account token (`providers.railway.auth: account`).
-- The credential is `credentials.railway` of the environment, else "railway".

local host = ...

local API = "https://backboard.railway.com"
local PATH = "/graphql/v2"
local PATIENCE = 15 * 60 * 1000

-- Every status the vendor has: where it leads, and what it means.
local STATUS = {
  INITIALIZING = { "moving", "it is being set up" },
  QUEUED = { "moving", "it waits for a builder" },
  WAITING = { "moving", "it waits for CI on its commit" },
  BUILDING = { "moving", "its image is being built" },
  DEPLOYING = { "moving", "its container is starting" },
  NEEDS_APPROVAL = { "moving", "somebody has to approve it in Railway" },
  REMOVING = { "moving", "it is being taken down" },
  SUCCESS = { "good", "it runs" },
  SLEEPING = { "good", "it sleeps and wakes up at the next request" },
  FAILED = { "bad", "its build or its start failed" },
  CRASHED = { "bad", "it started and crashed" },
  SKIPPED = { "bad", "Railway skipped it: CI failed on its commit, or no watched path changed" },
  REMOVED = { "bad",
    "it was taken down: a newer deployment took its place, or somebody removed it" },
}

local function some(value)
  if value == host.null then
    return nil
  end
  return value
end

local function settings()
  local providers = host.project.providers
  return providers and providers.railway or {}
end

-- The wire -------------------------------------------------------------------

-- Of a web page its title: proxies answer with pages.
local function first_line(body)
  local title = (body or ""):match("<title>%s*([^<]-)%s*</title>")
  local text = title and "a web page, \"" .. title .. "\""
    or (body or ""):gsub("^%s+", ""):match("^[^\r\n]*")
  return #text > 120 and text:sub(1, 120) .. "…" or text
end

local function credential_name(environment)
  local credentials = host.environment(environment).credentials
  return credentials and credentials.railway or "railway"
end

local function headers(environment)
  local secret = host.credential(credential_name(environment))
  if settings().auth == "account" then
    return { Authorization = { "Bearer ", secret }, ["User-Agent"] = "pipe" }
  end
  return { ["Project-Access-Token"] = { secret }, ["User-Agent"] = "pipe" }
end

-- The vendor says the same words for a wrong token, a missing permission and a wrong environment.
local function explain(message, environment)
  local lower = message:lower()
  if lower:find("not authorized", 1, true) then
    return (" — Railway says so for a wrong token, for one without access, and for one of another environment: see the "
      .. "credential \"%s\" of environment \"%s\""):format(credential_name(environment),
        environment)
  elseif lower:find("project token not found", 1, true) then
    return (" — the credential \"%s\" is no project token"):format(credential_name(environment))
  end
  return ""
end

local function raise_errors(o, answer)
  local messages = {}
  for i, problem in ipairs(answer.json.errors) do
    messages[i] = type(problem) == "table" and some(problem.message) or tostring(problem)
  end
  local text = #messages > 0 and table.concat(messages, "; ") or "an error without a message"
  host.raise("railway.graphql", ("%s: Railway answers: %s%s"):format(o.what, text,
    explain(text, o.environment)),
    { status = answer.status })
end

local function raise_transport(o, answer)
  if answer.status >= 500 then
    host.raise("railway.unavailable", ("%s: Railway answers %d: %s"):format(o.what, answer.status,
      first_line(answer.body)), { status = answer.status, retryable = not o.write,
        unknown = o.write })
  end
  host.raise("railway.transport", ("%s: Railway's answer is no JSON (%d: %s)"):format(o.what,
    answer.status,
    first_line(answer.body)), { status = answer.status, retryable = not o.write,
      unknown = o.write })
end

local function wait_for_limit(answer, waited, what)
  local wait = math.ceil((tonumber(answer.headers["retry-after"]) or 60) * 1000)
  if waited + wait > PATIENCE then
    host.raise("railway.rate-limit",
      ("%s: Railway's rate limit is used up; it is open again in %d s"):format(what,
      math.ceil(wait / 1000)), { retryable = true, status = 429 })
  end
  host.log(("Railway's rate limit is used up: waiting %d s"):format(math.ceil(wait / 1000)))
  host.sleep(wait)
  return waited + wait
end

local function is_json(answer)
  return type(answer.json) == "table" and answer.json ~= host.null
end

-- Runs an operation; returns its data. o = { environment, operation, query, variables, what, write
-- }
local function run(o)
  local waited = 0
  while true do
    local answer = host.http {
      method = "POST", url = (settings().url or API) .. PATH, headers = headers(o.environment),
      timeout = "30s", any_status = true,
      json = { operationName = o.operation, query = o.query, variables = o.variables },
    }
    if answer.status == 429 then
      waited = wait_for_limit(answer, waited, o.what)
    elseif is_json(answer) and type(some(answer.json.errors)) == "table" then
      raise_errors(o, answer)
    elseif is_json(answer) and answer.status < 300 and type(some(answer.json.data)) == "table" then
      return answer.json.data
    else
      raise_transport(o, answer)
    end
  end
end

-- Operations -------------------------------------------------------------------

local NODE = "id status createdAt statusUpdatedAt canRollback canRedeploy deploymentStopped meta url staticUrl"

local QUERIES = {
  ProjectTokenScope = [[query ProjectTokenScope {
  projectToken { projectId environmentId project { id name } environment { id name } }
}]],
  ProjectByToken = [[query ProjectByToken($id: String!) {
  project(id: $id) {
    id name
    environments(first: 100) { edges { node { id name isEphemeral } } }
    services(first: 100) { edges { node { id name } } }
  }
}]],
  Deployments = [[query Deployments($input: DeploymentListInput!, $first: Int, $after: String) {
  deployments(input: $input, first: $first, after: $after) {
    edges { cursor node { ]] .. NODE .. [[ } }
    pageInfo { hasNextPage endCursor }
  }
}]],
  Deployment = "query Deployment($id: String!) {\n  deployment(id: $id) { " .. NODE
    .. " environmentId }\n}",
  DeploymentTriggers = [[query DeploymentTriggers($environmentId: String!) {
  environment(id: $environmentId) {
    id name deploymentTriggers { edges { node { id branch repository provider checkSuites serviceId } } }
  }
}]],
  ServiceInstance = [[query ServiceInstance($environmentId: String!, $serviceId: String!) {
  serviceInstance(environmentId: $environmentId, serviceId: $serviceId) {
    id activeDeployments { ]] .. NODE .. [[ }
  }
}]],
}

local function ask(environment, operation, variables, what)
  return run { environment = environment, operation = operation, query = QUERIES[operation],
    variables = variables,
    what = what or ("environment \"%s\""):format(environment) }
end

-- Scope --------------------------------------------------------------------------

local function names_of(edges)
  local names = {}
  for i, edge in ipairs(edges) do
    names[i] = edge.node.name
  end
  table.sort(names)
  return table.concat(names, ", ")
end

-- The one of these that has the id or the name; names may repeat after deletions.
local function pick(edges, wanted, kind, project)
  local found
  for _, edge in ipairs(edges) do
    if edge.node.id == wanted then
      return edge.node
    elseif edge.node.name == wanted or (wanted == nil and #edges == 1) then
      if found then
        host.raise("railway.scope",
          ("project \"%s\" has several %ss named \"%s\": give its id"):format(project, kind,
          wanted))
      end
      found = edge.node
    end
  end
  if found then
    return found
  end
  local reason = wanted and ("has no %s \"%s\""):format(kind, wanted)
    or ("has several %ss: say which"):format(kind)
  host.raise("railway.scope", ("project \"%s\" %s (it has: %s)"):format(project, reason,
    names_of(edges)))
end

local function own_settings(environment)
  local own = host.environment(environment).railway
  if type(own) == "string" then
    return { environment = own }
  end
  return own or {}
end

local function wrong_scope(environment, kind, has, wanted)
  host.raise("railway.scope", ("the credential \"%s\" is a token of the Railway %s \"%s\" (%s), but "
    .. "environment \"%s\" of pipe.yaml wants \"%s\""):format(credential_name(environment), kind,
    has.name, has.id, environment, wanted), { refused = true })
end

local function token_scope(environment, wanted, project)
  local token = ask(environment, "ProjectTokenScope", {}).projectToken
  local named = token.environment
  if named.id ~= wanted and named.name ~= wanted then
    wrong_scope(environment, "environment", named, wanted)
  elseif project and token.project.id ~= project and token.project.name ~= project then
    wrong_scope(environment, "project", token.project, project)
  end
  return token.project.id, named
end

local known = {}

local function scope(environment)
  if known[environment] then
    return known[environment]
  end
  local own = own_settings(environment)
  local wanted = own.environment or environment
  local project_id, named = own.project or settings().project, nil
  if settings().auth ~= "account" then
    project_id, named = token_scope(environment, wanted, project_id)
  elseif not project_id then
    host.raise("railway.scope", "an account token needs providers.railway.project in pipe.yaml")
  end
  local project = ask(environment, "ProjectByToken", { id = project_id }).project
  named = named or pick(project.environments.edges, wanted, "environment", project.name)
  local service = pick(project.services.edges, own.service or settings().service, "service",
    project.name)
  known[environment] = {
    project = { id = project.id, name = project.name },
    environment = { id = named.id, name = named.name },
    service = { id = service.id, name = service.name },
  }
  return known[environment]
end

-- Deployments ----------------------------------------------------------------------

local function deployment_row(raw)
  local meta = some(raw.meta) or {}
  local status = STATUS[raw.status]
    or { "unknown", "a status that this version of pipe does not know" }
  local phase, words = status[1], status[2]
  local stopped = some(raw.deploymentStopped) == true
  if stopped and phase == "good" and raw.status ~= "SLEEPING" then
    phase, words = "bad", "its process ended by itself; nothing serves"
  end
  return {
    id = raw.id, status = raw.status, phase = phase, words = words, commit = some(meta.commitHash),
    branch = some(meta.branch),
    message = some(meta.commitMessage), author = some(meta.commitAuthor),
    reason = some(meta.reason),
    created_at = raw.createdAt, status_at = some(raw.statusUpdatedAt),
    can_rollback = raw.canRollback,
    can_redeploy = raw.canRedeploy, stopped = stopped, url = some(raw.staticUrl) or some(raw.url),
  }
end

local function list_input(s)
  return { projectId = s.project.id, environmentId = s.environment.id, serviceId = s.service.id }
end

-- Calls `each(row)` for the deployments, newest first, until it returns true or `most` were seen.
local function walk(environment, most, each)
  local s = scope(environment)
  local seen, after = 0, nil
  repeat
    local page = ask(environment, "Deployments", { input = list_input(s),
      first = math.min(50, most - seen), after = after }).deployments
    for _, edge in ipairs(page.edges) do
      seen = seen + 1
      if each(deployment_row(edge.node)) or seen >= most then
        return
      end
    end
    after = some(page.pageInfo.endCursor)
  until page.pageInfo.hasNextPage ~= true or not after
end

local function deployments(o)
  local out = host.json.array {}
  walk(o.environment, o.first, function (row)
    out[#out + 1] = row
  end)
  return out
end

local function deployment(o)
  local s = scope(o.environment)
  local raw = ask(o.environment, "Deployment", { id = o.id }, "deployment " .. o.id).deployment
  if raw.environmentId ~= s.environment.id then
    host.raise("railway.scope", ("deployment %s is of another environment than \"%s\""):format(o.id,
      s.environment.name))
  end
  return deployment_row(raw)
end

local function deployment_of(o)
  local since = o.since and (type(o.since) == "number" and o.since or host.time(o.since))
  local found
  walk(o.environment, 200, function (row)
    if since and host.time(row.created_at) < since then
      return true
    elseif row.commit == o.commit then
      found = row
      return true
    end
  end)
  return found
end

local function triggers(o)
  local s = scope(o.environment)
  local out = host.json.array {}
  local data = ask(o.environment, "DeploymentTriggers", { environmentId = s.environment.id })
  for _, edge in ipairs(data.environment.deploymentTriggers.edges) do
    local node = edge.node
    if some(node.serviceId) == nil or node.serviceId == s.service.id then
      out[#out + 1] = { id = node.id, branch = node.branch, repository = node.repository,
        provider = some(node.provider),
        wait_for_ci = node.checkSuites == true, service = some(node.serviceId) }
    end
  end
  return out
end

local function active(o)
  local s = scope(o.environment)
  local out = host.json.array {}
  local data = ask(o.environment, "ServiceInstance", { environmentId = s.environment.id,
    serviceId = s.service.id })
  for i, raw in ipairs(data.serviceInstance.activeDeployments) do
    out[i] = deployment_row(raw)
  end
  return out
end

-- Rows ---------------------------------------------------------------------------------

local ROW = "{id, status, phase (moving, good, bad, unknown), words, commit, branch, message, author, reason, created_at, "
  .. "status_at, can_rollback, can_redeploy, stopped, url}"
local ENVIRONMENT = { "text", required = true, help = "an environment of pipe.yaml" }

return {
  name = "railway", summary = "Deployments on Railway", statuses = STATUS,
  verbs = {
    scope = {
      effect = "read", summary = "What the credential reaches; refuses one of another environment",
      result = "{project{id, name}, environment{id, name}, service{id, name}}",
      options = { environment = ENVIRONMENT },
      act = function (o) return scope(o.environment) end,
    },
    deployments = {
      effect = "read", summary = "Deployments, newest first", result = "list of " .. ROW,
      options = { environment = ENVIRONMENT, first = { "integer", default = 10,
        help = "at most so many" } },
      act = deployments,
    },
    deployment = {
      effect = "read", summary = "One deployment", result = ROW,
      options = { environment = ENVIRONMENT, id = { "text", required = true, help = "its id" } },
      act = deployment,
    },
    deployment_of = {
      effect = "read", summary = "The newest deployment of a commit", result = ROW
        .. ", or nil when there is none yet",
      options = {
        environment = ENVIRONMENT, commit = { "text", required = true, help = "the full sha" },
        since = { "any",
          help = "only deployments made at this time or later (ISO text or milliseconds)" },
      },
      act = deployment_of,
    },
    triggers = {
      effect = "read", summary = "What deploys by itself: the branch, and whether it waits for CI",
      result = "list of {id, branch, repository, provider, wait_for_ci, service}",
      options = { environment = ENVIRONMENT },
      act = triggers,
    },
    active = {
      effect = "read", summary = "The deployments that serve now", result = "list of " .. ROW,
      options = { environment = ENVIRONMENT },
      act = active,
    },
  },
}
