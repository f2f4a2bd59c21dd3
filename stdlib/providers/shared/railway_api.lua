-- Railway's API: documents, credentials, and what a credential reaches.

local host = ...
local graphql = host.require "graphql"

local M = {}

local some = graphql.some

local function settings()
  local providers = host.project.providers
  return providers and providers.railway or {}
end

-- What pipe.yaml has no word of its own for stands under `settings`.
local function setting(name)
  local own = settings()
  return own[name] or own.settings and own.settings[name]
end

local function credential_name(environment)
  local credentials = environment and host.environment(environment).credentials
  return credentials and credentials.railway or "railway"
end

function M.is_account()
  return setting "auth" == "account"
end

local function headers(call)
  local secret = host.credential(credential_name(call.environment))
  if M.is_account() then
    return { Authorization = { "Bearer ", secret } }
  end
  return { ["Project-Access-Token"] = { secret } }
end

-- The vendor says the same words for a wrong token, a missing permission and a wrong environment.
local function explain(message, call)
  local name = credential_name(call.environment)
  if message:lower():find("not authorized", 1, true) then
    return (" — Railway says so for a wrong token, for one without access, and for one of another environment: see the "
      .. "credential \"%s\"%s"):format(name, call.environment
      and (" of environment \"%s\""):format(call.environment) or "")
  elseif message:lower():find("project token not found", 1, true) then
    return (" — the credential \"%s\" is no project token"):format(name)
  end
  return ""
end

--- A judge's: whether all that Railway says is that the credential may not ask.
function M.is_denied(message)
  for one in message:gmatch "[^;]+" do
    if not one:lower():find("not authorized", 1, true) then
      return false
    end
  end
  return message ~= ""
end

M.PAGES = 50 -- of one list: one without an end would be read for ever

--- Each page of a list by `read(after)`, which returns its pageInfo, or nil to stop.
function M.pages(where, read, most)
  local after
  for _ = 1, most or M.PAGES do
    local info = read(after)
    after = info and info.hasNextPage and some(info.endCursor) or nil
    if not after then
      return
    end
  end
  host.raise("railway.answer", ("%s: Railway's answer cannot be used: after %d pages it says that there are "
    .. "more"):format(where, most or M.PAGES), { retryable = true })
end

M.errors = {
  ["railway.graphql"] = "Railway refuses; the message is its own",
  ["railway.scope"] = "the credential is of another project or environment than pipe.yaml says",
  ["railway.not-found"] = "there is no such deployment or variable",
  ["railway.commit-not-found"] = "Railway does not find that commit in the service's repository",
  ["railway.rate-limit"] = "the hour's requests are used up for longer than is waited",
  ["railway.unavailable"] = "Railway answers with a server error",
  ["railway.failed"] = "Railway answers with another status that is no success",
  ["railway.unauthorized"] = "Railway does not accept the credential (401); mostly it says railway.graphql, Not Authorized",
  ["railway.ambiguous"] = "a change's answer was lost, and which new deployment is its own cannot be told",
  ["railway.time"] = "an option that is a time is none",
  ["railway.answer"] = "Railway's answer cannot be understood (a web page, for one)",
  ["railway.denied"] = "something in front of Railway refuses: too many requests, or a firewall",
}

M.retries = "questions are asked again after 500, 502, 503, 504 and lost answers, up to three times "
  .. "(1 s, 2 s, 4 s); 429 waits as Retry-After says, and no request is made once the limit's last "
  .. "one was; a change is never sent twice without looking. Poll every 5 to 10 s: on Hobby, 3 s use "
  .. "up the hour's 1000 requests"

local ask = graphql.client {
  name = "railway", title = "Railway", url = "https://backboard.railway.com", path = "/graphql/v2",
  headers = headers, explain = explain, patience = 15 * 60 * 1000,
  -- Not "cannot": "Cannot return null for non-nullable field" is said of what was done.
  refusals = { "not authorized", "project token not found", "serviceinstance not found",
    "rate limit" },
  errors = {
    { "commit not found", "railway.commit-not-found",
      "the service's repository has no such commit, or Railway has not seen it yet" },
    { "deployment not found", "railway.not-found" }, { "variable not found", "railway.not-found" },
  },
  statuses = {
    [401] = { "railway.unauthorized", "Railway does not accept the credential" },
    [403] = { "railway.denied", "refused before Railway saw it", retryable = true },
  },
}

-- Documents --------------------------------------------------------------------

M.NODE = "id status createdAt statusUpdatedAt canRollback canRedeploy deploymentStopped meta url staticUrl"

local LOG = "timestamp message severity attributes { key value } tags { deploymentId serviceId }"

local PAGE = "pageInfo { hasNextPage endCursor }"

local DOCUMENTS = {
  ProjectTokenScope = [[query ProjectTokenScope {
  projectToken { projectId environmentId project { id name } environment { id name } }
}]],
  Me = "query Me {\n  me { id name email }\n}",
  ProjectByToken = [[query ProjectByToken($id: String!) {
  project(id: $id) {
    id name
    environments(first: 100) { edges { node { id name isEphemeral } } ]] .. PAGE .. [[ }
    services(first: 100) { edges { node { id name } } ]] .. PAGE .. [[ }
  }
}]],
  ProjectEnvironments = [[query ProjectEnvironments($id: String!, $after: String) {
  project(id: $id) {
    id environments(first: 100, after: $after) { edges { node { id name isEphemeral } } ]] .. PAGE .. [[ }
  }
}]],
  ProjectServices = [[query ProjectServices($id: String!, $after: String) {
  project(id: $id) {
    id services(first: 100, after: $after) { edges { node { id name } } ]] .. PAGE .. [[ }
  }
}]],
  Projects = [[query Projects($workspaceId: String, $after: String) {
  projects(workspaceId: $workspaceId, first: 100, after: $after) { edges { node { id name } } ]] .. PAGE .. [[ }
}]],
  Deployments = [[query Deployments($input: DeploymentListInput!, $first: Int, $after: String) {
  deployments(input: $input, first: $first, after: $after) {
    edges { cursor node { ]] .. M.NODE .. [[ } }
    pageInfo { hasNextPage endCursor }
  }
}]],
  Deployment = "query Deployment($id: String!) {\n  deployment(id: $id) { " .. M.NODE
    .. " environmentId }\n}",
  DeploymentTriggers = [[query DeploymentTriggers($environmentId: String!) {
  environment(id: $environmentId) {
    id name deploymentTriggers { edges { node { id branch repository provider checkSuites serviceId } } }
  }
}]],
  ServiceInstance = [[query ServiceInstance($environmentId: String!, $serviceId: String!) {
  serviceInstance(environmentId: $environmentId, serviceId: $serviceId) {
    id activeDeployments { ]] .. M.NODE .. [[ }
  }
}]],
  DeploymentRollback = "mutation DeploymentRollback($id: String!) {\n  deploymentRollback(id: $id)\n}",
  DeploymentRedeploy = [[mutation DeploymentRedeploy($id: String!, $usePreviousImageTag: Boolean) {
  deploymentRedeploy(id: $id, usePreviousImageTag: $usePreviousImageTag) { ]] .. M.NODE .. [[ }
}]],
  ServiceInstanceDeploy = [[mutation ServiceInstanceDeploy($serviceId: String!, $environmentId: String!, $commitSha: String!) {
  serviceInstanceDeployV2(serviceId: $serviceId, environmentId: $environmentId, commitSha: $commitSha)
}]],
  DeploymentCancel = "mutation DeploymentCancel($id: String!) {\n  deploymentCancel(id: $id)\n}",
  DeploymentStop = "mutation DeploymentStop($id: String!) {\n  deploymentStop(id: $id)\n}",
  DeploymentRestart = "mutation DeploymentRestart($id: String!) {\n  deploymentRestart(id: $id)\n}",
  Variables = [[query Variables($projectId: String!, $environmentId: String!, $serviceId: String, $unrendered: Boolean) {
  variables(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId, unrendered: $unrendered)
}]],
  VariablesForServiceDeployment = [[query VariablesForServiceDeployment($projectId: String!, $environmentId: String!, $serviceId: String!) {
  variablesForServiceDeployment(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId)
}]],
  DeploymentSnapshot = [[query DeploymentSnapshot($deploymentId: String!) {
  deploymentSnapshot(deploymentId: $deploymentId) { id createdAt variables }
}]],
  SealedVariables = [[query SealedVariables($id: String!, $after: String) {
  environment(id: $id) {
    id variables(first: 500, after: $after) {
      edges { node { name isSealed serviceId } }
      pageInfo { hasNextPage endCursor }
    }
  }
}]],
  VariableCollectionUpsert = [[mutation VariableCollectionUpsert($input: VariableCollectionUpsertInput!) {
  variableCollectionUpsert(input: $input)
}]],
  VariableDelete = "mutation VariableDelete($input: VariableDeleteInput!) {\n  variableDelete(input: $input)\n}",
  DeploymentLogs = [[query DeploymentLogs($deploymentId: String!, $filter: String, $limit: Int, $startDate: DateTime, $endDate: DateTime) {
  deploymentLogs(deploymentId: $deploymentId, filter: $filter, limit: $limit, startDate: $startDate, endDate: $endDate) {
    ]] .. LOG .. [[

  }
}]],
  BuildLogs = [[query BuildLogs($deploymentId: String!, $filter: String, $limit: Int, $startDate: DateTime, $endDate: DateTime) {
  buildLogs(deploymentId: $deploymentId, filter: $filter, limit: $limit, startDate: $startDate, endDate: $endDate) {
    ]] .. LOG .. [[

  }
}]],
  EnvironmentLogs = [[query EnvironmentLogs($environmentId: String!, $filter: String, $anchorDate: String, $beforeDate: String, $beforeLimit: Int) {
  environmentLogs(environmentId: $environmentId, filter: $filter, anchorDate: $anchorDate, beforeDate: $beforeDate, beforeLimit: $beforeLimit) {
    ]] .. LOG .. [[

  }
}]],
}

local DEPLOYMENT = { id = "text", status = "text", createdAt = "text", statusUpdatedAt = "text?",
  canRollback = "flag", canRedeploy = "flag", deploymentStopped = "flag", meta = "map?",
  url = "text?", staticUrl = "text?" }
local NAMED = { id = "text", name = "text" }
local LIST = { edges = { { node = NAMED } }, pageInfo = { hasNextPage = "flag",
  endCursor = "text?" } }
local LINES = { { timestamp = "text", message = "text", severity = "text?",
  attributes = { { key = "text", value = "text" } }, tags = "map?" } }
local SHAPES = {
  ProjectTokenScope = { projectToken = { projectId = "text", environmentId = "text",
    project = NAMED, environment = NAMED } },
  Me = { me = { id = "text", email = "text", name = "text?" } },
  ProjectByToken = { project = { id = "text", name = "text", environments = LIST,
    services = LIST } },
  ProjectEnvironments = { project = { environments = LIST } },
  ProjectServices = { project = { services = LIST } },
  Projects = { projects = LIST },
  Deployments = { deployments = { edges = { { node = DEPLOYMENT } },
    pageInfo = { hasNextPage = "flag", endCursor = "text?" } } },
  Deployment = { deployment = DEPLOYMENT },
  DeploymentTriggers = { environment = { deploymentTriggers = { edges = { { node = {
    id = "text", branch = "text", repository = "text", provider = "text?", checkSuites = "flag",
    serviceId = "text?" } } } } } },
  ServiceInstance = { serviceInstance = { activeDeployments = { DEPLOYMENT } } },
  DeploymentRollback = { deploymentRollback = "flag" },
  DeploymentRedeploy = { deploymentRedeploy = DEPLOYMENT },
  ServiceInstanceDeploy = { serviceInstanceDeployV2 = "text" },
  DeploymentCancel = { deploymentCancel = "flag" }, DeploymentStop = { deploymentStop = "flag" },
  DeploymentRestart = { deploymentRestart = "flag" },
  Variables = { variables = "map" },
  VariablesForServiceDeployment = { variablesForServiceDeployment = "map" },
  SealedVariables = { environment = { variables = { edges = { { node = { name = "text",
    isSealed = "flag", serviceId = "text?" } } }, pageInfo = { hasNextPage = "flag",
    endCursor = "text?" } } } },
  VariableCollectionUpsert = { variableCollectionUpsert = "flag" },
  VariableDelete = { variableDelete = "flag" },
  DeploymentLogs = { deploymentLogs = LINES }, BuildLogs = { buildLogs = LINES },
  EnvironmentLogs = { environmentLogs = LINES },
}

--- Runs one of the documents. o: { where, write, judge }
function M.ask(environment, operation, variables, o)
  o = o or {}
  return ask { environment = environment, operation = operation, query = DOCUMENTS[operation],
    variables = variables, where = o.where or environment and ("environment \"%s\""):format(environment) or nil,
    write = o.write, judge = o.judge, shape = SHAPES[operation] }
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
  local token = M.ask(environment, "ProjectTokenScope").projectToken
  local named = token.environment
  if named.id ~= wanted and named.name ~= wanted then
    wrong_scope(environment, "environment", named, wanted)
  elseif project and token.project.id ~= project and token.project.name ~= project then
    wrong_scope(environment, "project", token.project, project)
  end
  return token.project.id, named
end

local function want_account(environment, verb)
  if not M.is_account() then
    host.raise("railway.scope", ("the credential \"%s\" is a project token, which is nobody's: `%s` "
      .. "wants an account token (providers.railway.settings.auth: account); railway.scope says what a project "
      .. "token reaches"):format(credential_name(environment), verb), { refused = true })
  end
end

--- Who an account token belongs to.
function M.me(o)
  want_account(o.environment, "me")
  local me = M.ask(o.environment, "Me").me
  return { id = me.id, name = some(me.name), email = me.email }
end

--- The projects that an account token reaches. o: { environment, workspace }
function M.projects(o)
  want_account(o.environment, "projects")
  local out = host.json.array {}
  M.pages("projects", function (after)
    local page = M.ask(o.environment, "Projects", { workspaceId = o.workspace,
      after = after }).projects
    for _, edge in ipairs(page.edges) do
      out[#out + 1] = { id = edge.node.id, name = edge.node.name }
    end
    return page.pageInfo
  end)
  return out
end

-- The id of a project of which pipe.yaml has the id or the name.
local function project_named(environment, wanted)
  if wanted:find(M.UUID) then
    return wanted
  end
  local ids, names = {}, {}
  for _, project in ipairs(M.projects { environment = environment }) do
    names[#names + 1] = project.name
    if project.name == wanted or project.id == wanted then
      ids[#ids + 1] = project.id
    end
  end
  if #ids == 1 then
    return ids[1]
  elseif #ids > 1 then
    host.raise("railway.scope", ("the credential \"%s\" reaches %d projects named \"%s\": give the id (%s)"):format(
      credential_name(environment), #ids, wanted, table.concat(ids, ", ")), { refused = true })
  end
  table.sort(names)
  host.raise("railway.scope", ("the credential \"%s\" reaches no project \"%s\" (it reaches: %s)"):format(
    credential_name(environment), wanted, table.concat(names, ", ")), { refused = true })
end

local MORE = { environments = "ProjectEnvironments", services = "ProjectServices" }

-- All environments or services of a project, of which the first page is there.
local function edges_of(environment, project, kind)
  local page, out = project[kind], {}
  M.pages(("%s of project \"%s\""):format(kind, project.name), function (after)
    if after then
      page = M.ask(environment, MORE[kind], { id = project.id, after = after }).project[kind]
    end
    table.move(page.edges, 1, #page.edges, #out + 1, out)
    return page.pageInfo
  end)
  return out
end

local known = {}

--- { project, environment, service }, each { id, name }; looked up once in a session.
function M.scope(environment)
  if known[environment] then
    return known[environment]
  end
  local own = own_settings(environment)
  local wanted = own.environment or environment
  local project_id, named = own.project or settings().project, nil
  if not M.is_account() then
    project_id, named = token_scope(environment, wanted, project_id)
  elseif not project_id then
    host.raise("railway.scope", "an account token needs providers.railway.project in pipe.yaml")
  else
    project_id = project_named(environment, project_id)
  end
  local project = M.ask(environment, "ProjectByToken", { id = project_id }).project
  named = named or pick(edges_of(environment, project, "environments"), wanted, "environment",
    project.name)
  local service = pick(edges_of(environment, project, "services"),
    own.service or setting "service", "service", project.name)
  known[environment] = {
    project = { id = project.id, name = project.name },
    environment = { id = named.id, name = named.name },
    service = { id = service.id, name = service.name },
  }
  return known[environment]
end

--- What the API takes to say which service in which environment.
function M.place(environment)
  local s = M.scope(environment)
  return { projectId = s.project.id, environmentId = s.environment.id, serviceId = s.service.id }
end

M.some = some
M.UUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"
M.ENVIRONMENT = { "text", required = true, help = "an environment of pipe.yaml" }

return M
