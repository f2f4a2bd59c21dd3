-- Railway: deployments of a service in an environment, its variables and its logs.
--
-- An environment of pipe.yaml may say `railway: { environment, service }`, each
-- an id or a name (default: the environment's own name, and the only service);
-- its `project`, else `providers.railway.project`, is the project's id or name, needed with
-- an account token (`providers.railway.settings: { auth: account }`).
-- The credential is `credentials.railway` of the environment, else "railway".

local host = ...
local api = host.require "railway_api"
local deployments = host.require "railway_deployments"
local changes = host.require "railway_changes"
local variables = host.require "railway_variables"
local compare = host.require "railway_compare"
local logs = host.require "railway_logs"

local ROW = deployments.ROW
local ENVIRONMENT = api.ENVIRONMENT
local ID = { "text", required = true, help = "its id" }
local READER = "a project token of that environment, or an account token"
local WRITER = READER .. "; Railway's tokens have no read-only kind"
local FINDS_OURS = "waits up to 2 minutes for a deployment that was not there before, was made since, is of that commit "
  .. "and has that reason; two such, or one without a clear reason, and nobody can tell"

local verbs = {}

-- Looking -------------------------------------------------------------------------

verbs.scope = {
  effect = "read", summary = "What the credential reaches; refuses one of another environment",
  result = "{project{id, name}, environment{id, name}, service{id, name}}",
  request = { "query ProjectTokenScope (project tokens)",
    "query Projects (account tokens, where pipe.yaml has the project's name)", "query ProjectByToken",
    "query ProjectEnvironments, ProjectServices (beyond the first 100)" },
  permission = READER,
  options = { environment = ENVIRONMENT },
  act = function (o) return api.scope(o.environment) end,
}

verbs.me = {
  effect = "read", summary = "Whose account token it is", result = "{id, name, email}",
  request = "query Me", permission = "an account token",
  options = { environment = ENVIRONMENT },
  act = api.me,
}

verbs.projects = {
  effect = "read", summary = "The projects that an account token reaches", result = "list of {id, name}",
  request = "query Projects", permission = "an account token, or one of a workspace",
  options = { environment = { "text", help = "an environment of pipe.yaml, whose credential is used (default: the "
      .. "credential \"railway\")" },
    workspace = { "text", help = "only of this workspace (its id)" } },
  act = api.projects,
}

verbs.deployments = {
  effect = "read", summary = "Deployments, newest first", result = "list of " .. ROW,
  request = "query Deployments", permission = READER, states = deployments.STATUS,
  options = { environment = ENVIRONMENT, first = { "integer", default = 10,
    help = "at most so many" } },
  act = deployments.list,
}

verbs.deployment = {
  effect = "read", summary = "One deployment", result = ROW,
  request = "query Deployment", permission = READER, states = deployments.STATUS,
  options = { environment = ENVIRONMENT, id = ID },
  act = function (o) return deployments.get(o.environment, o.id) end,
}

verbs.state = {
  effect = "read", summary = "Where a deployment stands: for waits, and for a soak after SUCCESS, which can "
    .. "still become CRASHED",
  result = "{id, status, phase (moving, good, bad, unknown), words, status_at, stopped, commit, reason}; unknown: a status "
    .. "that this version does not know, to be taken as still in motion",
  request = "query Deployment", permission = READER, states = deployments.STATUS,
  options = { environment = ENVIRONMENT, deployment = ID },
  act = deployments.state,
}

verbs.deployment_of = {
  effect = "read", summary = "The newest deployment of a commit", result = ROW
    .. ", or nil when there is none yet",
  request = "query Deployments", permission = READER, states = deployments.STATUS,
  options = {
    environment = ENVIRONMENT, commit = { "text", required = true, help = "the full sha" },
    since = { "any",
      help = "only deployments made at this time or later (ISO text or milliseconds)" },
  },
  act = deployments.of_commit,
}

verbs.triggers = {
  effect = "read", summary = "What deploys by itself: the branch, and whether it waits for CI",
  result = "list of {id, branch, repository, provider, wait_for_ci, service}",
  request = "query DeploymentTriggers", permission = READER,
  options = { environment = ENVIRONMENT },
  act = deployments.triggers,
}

verbs.active = {
  effect = "read", summary = "The deployments that serve now", result = "list of " .. ROW,
  request = "query ServiceInstance", permission = READER, states = deployments.STATUS,
  options = { environment = ENVIRONMENT },
  act = deployments.active,
}

-- Changing what runs ---------------------------------------------------------------

local TARGET = { "text", required = true,
  help = "its id, or a commit (7 digits or more): the newest one of it that can be gone back to" }

verbs.rollback_plan = {
  effect = "read", summary = "What a rollback would change, the variables too",
  result = "{deployment, active, possible, variables = {changed, added, removed, unknown (sealed), fingerprints}, or a text "
    .. "where Railway does not tell, before = {written, rendered (name -> fingerprint), sealed (names)}, for railway.verify}",
  request = { "query Deployment or Deployments", "query ServiceInstance",
    "query DeploymentSnapshot", "query Variables", "query SealedVariables" },
  permission = READER,
  options = { environment = ENVIRONMENT, deployment = TARGET },
  act = function (o) return changes.plan(o) end,
  overlay = function (o, _, overlay) return changes.plan(o, overlay) end,
}

verbs.rollback = {
  effect = "write", summary = "Goes back to the image and the variables of an earlier deployment",
  result = "the new deployment, not yet at its end: " .. ROW
    .. ", and back_to (the earlier one's id), variables and before (as in rollback_plan), variables_changed = names of "
    .. "those that are not as they were before, looked at after it, or a text where Railway does not tell",
  request = { "mutation DeploymentRollback", "what rollback_plan asks, before it and after it" }, states = deployments.STATUS,
  permission = READER .. "; it is not documented whether Railway lets project tokens roll back",
  errors = {
    ["railway.not-rollbackable"] = "its image is gone, or it serves now: deploy the commit instead",
    ["railway.variables"] = "it would change variables that expect_variables does not name",
    ["railway.deployment-missing"] = "Railway took it on, and the new deployment cannot be told",
  },
  options = { environment = ENVIRONMENT, deployment = TARGET,
    expect_variables = { "list", help = "the names that may change by it; {} for none" } },
  target = function (o) return o.environment end,
  act = changes.rollback, predict = changes.predict_rollback,
  probe = changes.probe_rollback, looks = FINDS_OURS,
}

verbs.redeploy = {
  effect = "write", summary = "Deploys an earlier deployment's commit anew, with the variables of now",
  result = "the new deployment, not yet at its end: " .. ROW,
  request = "mutation DeploymentRedeploy", permission = WRITER, states = deployments.STATUS,
  errors = { ["railway.not-redeployable"] = "it is still in motion, or was skipped" },
  options = { environment = ENVIRONMENT, deployment = ID,
    use_previous_image = { "flag", help = "without building it again" } },
  target = function (o) return o.deployment end,
  act = changes.redeploy, predict = changes.predict_redeploy,
  probe = changes.probe_redeploy, looks = FINDS_OURS,
}

verbs.deploy = {
  effect = "write", summary = "Deploys a commit of the service's repository",
  result = "the new deployment, not yet at its end: " .. ROW,
  request = "mutation ServiceInstanceDeploy (serviceInstanceDeployV2)", permission = WRITER,
  states = deployments.STATUS,
  errors = { ["railway.commit"] = "it is no full commit" },
  options = { environment = ENVIRONMENT, commit = { "text", required = true,
    help = "all 40 digits" } },
  target = function (o) return o.environment .. " " .. o.commit:sub(1, 7) end,
  act = changes.deploy, predict = changes.predict_deploy,
  probe = changes.probe_deploy, looks = FINDS_OURS,
}

local function ending(name, o)
  local act, predict, probe = changes.ending(name)
  return {
    effect = o.effect, summary = o.summary, result = "{id, done}", request = o.request,
    permission = WRITER, states = deployments.STATUS,
    errors = { ["railway.not-possible"] = "the deployment is not in a state for it" },
    options = { environment = ENVIRONMENT, deployment = ID },
    target = function (given) return given.deployment end,
    act = act, predict = predict, probe = not o.no_probe and probe or nil, looks = o.looks,
    no_probe = o.no_probe,
  }
end

verbs.cancel = ending("cancel", { effect = "write",
  summary = "Gives up a deployment that is still in motion", request = "mutation DeploymentCancel",
  looks = "reads the deployment for up to 30 s: REMOVED means that it was given up" })
verbs.stop = ending("stop", { effect = "locks-out",
  summary = "Stops a deployment: nothing serves in its place", request = "mutation DeploymentStop",
  looks = "reads the deployment for up to 30 s: it says whether it is stopped" })
verbs.restart = ending("restart", { effect = "write",
  summary = "Starts a deployment's process once more, without building",
  request = "mutation DeploymentRestart",
  no_probe = "a restart leaves nothing behind that Railway tells: look at the service itself" })

-- Variables ----------------------------------------------------------------------------

local SHARED = { "flag", default = false, help = "those that all services of the environment share" }
local NAMES = { "list", help = "only these, and with their values" }
local EXPECT = { "map", help = "name -> fingerprint or secret that it has now, false for none; refused where it differs" }
local SHOWN = "name -> {fingerprint, value (a secret; only of names that were asked for), sealed (true: never comes back)}"

verbs.variables = {
  effect = "read", summary = "The variables of the service, as the next deployment gets them",
  result = "map " .. SHOWN, request = { "query Variables", "query SealedVariables" },
  permission = READER,
  options = { environment = ENVIRONMENT, shared = SHARED, names = NAMES,
    unrendered = { "flag", default = true, help = "as written, with ${{…}}; false: rendered" } },
  act = variables.read, overlay = variables.overlay,
}

verbs.variables_as_deployed = {
  effect = "read", summary = "The variables that a deployment was given",
  result = "{deployment, source (\"snapshot\": the deployment's own; \"service\": Railway's word for what a deployment of the "
    .. "service gets), variables = map " .. SHOWN .. "}",
  request = { "query DeploymentSnapshot", "query ServiceInstance",
    "query VariablesForServiceDeployment (where there is no snapshot)" },
  permission = READER,
  errors = { ["railway.not-readable"] = "Railway has no snapshot of that deployment" },
  options = { environment = ENVIRONMENT, names = NAMES,
    deployment = { "text", help = "its id (default: the one that serves)" } },
  act = variables.read_deployed, overlay = variables.overlay_deployed,
}

verbs.verify = {
  effect = "read", summary = "Whether what runs has the variables that the service has now",
  result = "{same, differing = names, changed = names that are not as `before` has them, unknown = names of sealed ones, "
    .. "deployment, source, fingerprints = {name = {now, then, before}}}",
  request = { "query DeploymentSnapshot", "query Variables", "query SealedVariables" },
  permission = READER,
  errors = {
    ["railway.before"] = "before is not what a rollback or its plan gave",
    ["railway.expect"] = "expect holds something else than fingerprints, secrets and false",
    ["railway.not-readable"] = "Railway has no snapshot of that deployment",
  },
  options = { environment = ENVIRONMENT, names = { "list", help = "only these" },
    before = { "map",
      help = "what rollback_plan or rollback gave: also tells what is not as it was before the rollback" },
    deployment = { "text", help = "its id (default: the one that serves)" },
    expect = { "map", help = "name -> fingerprint or secret that the deployment should have, false for none" } },
  act = function (o) return compare.verify(o) end,
  overlay = function (o, _, overlay) return compare.verify(o, overlay) end,
}

local WRITE_ERRORS = {
  ["railway.conflict"] = "a variable is not what `expect` says: somebody else changed it",
  ["railway.expect"] = "expect holds something else than fingerprints, secrets and false",
  ["railway.name"] = "not a name that a variable can have",
  ["railway.plain"] = "a value is text, which may be a secret, and plain = true is not said",
  ["railway.values"] = "no values, or one that is no text",
}

verbs.set_variables = {
  effect = "write", summary = "Sets variables of the service in one go; the others stay",
  result = "{names, changed, fingerprints, deploys, deployment (the one that it caused, where it showed within 30 s)}",
  request = "mutation VariableCollectionUpsert, with replace: false", permission = WRITER,
  errors = WRITE_ERRORS,
  options = { environment = ENVIRONMENT, shared = SHARED, expect = EXPECT,
    values = { "map", required = true,
      help = "name -> secret, or a list of parts that are put together; text with plain = true" },
    plain = { "flag", default = false,
      help = "the text among the values is no secret: it may be shown and journaled" },
    skip_deploys = { "flag", default = false,
      help = "cause no deployment: nothing that runs gets them until the next one" } },
  target = variables.target, act = variables.set, predict = variables.predict_set,
  probe = variables.probe_set,
  looks = "reads the variables back and compares fingerprints; of sealed ones nobody can tell",
}

verbs.delete_variable = {
  effect = "irreversible", summary = "Takes a variable away; causes a deployment",
  result = "{name, before (fingerprint), deployment}",
  request = "mutation VariableDelete", permission = WRITER, errors = WRITE_ERRORS,
  options = { environment = ENVIRONMENT, shared = SHARED, expect = EXPECT,
    name = { "text", required = true, help = "its name" } },
  target = variables.target, act = variables.delete, predict = variables.predict_delete,
  probe = variables.probe_delete, looks = "reads the variables: it is not there any more",
}

-- Logs -------------------------------------------------------------------------------------

local FILTER = "word, \"a phrase\", @name:value, @name:>=5, @level:error, AND, OR, -, ( ); @name only of lines "
  .. "that are logged as JSON"
local LOG_ERRORS = {
  ["railway.logs-retention"] = "Railway does not keep logs for so long, or does not understand the filter",
  ["railway.logs-dense"] = "more lines at one instant than Railway gives: nothing can be said of the window",
  ["railway.filter"] = "a quote or a parenthesis without its other half",
  ["railway.window"] = "from is not before to",
}
local FROM = { "any", required = true, help = "from this time on (ISO text or milliseconds)" }
local TO = { "any", help = "and before this one (default: now; lines show seconds late)" }
local OF = { "text", help = "only of this one (its id)" }

verbs.logs = {
  effect = "read", summary = "Lines of the service's logs, earliest first",
  result = "{lines = list of {at, message, severity, attributes, deployment}, complete, from, to (as far as it came: go on "
    .. "from there when not complete)}",
  request = "query EnvironmentLogs or DeploymentLogs", permission = READER, errors = LOG_ERRORS,
  options = { environment = ENVIRONMENT, deployment = OF, from = FROM, to = TO,
    filter = { "text", help = FILTER },
    limit = { "integer", default = 1000, help = "at most so many lines" } },
  act = logs.lines,
}

verbs.build_logs = {
  effect = "read", summary = "Lines of a deployment's build, earliest first",
  result = "{lines = list of {at, message, severity, attributes, deployment}, complete, from, to (as far as it came: go on "
    .. "from there when not complete)}",
  request = { "query Deployment", "query BuildLogs" }, permission = READER, errors = LOG_ERRORS,
  options = { environment = ENVIRONMENT, deployment = ID,
    from = { "any", help = "from this time on (default: since the deployment was made)" }, to = TO,
    filter = { "text", help = FILTER },
    limit = { "integer", default = 1000, help = "at most so many lines" } },
  act = logs.build,
}

verbs.count = {
  effect = "read", summary = "How many lines fit a filter, and how many there are at all",
  result = "{count, first, last, complete, lines_total, lines_total_exact, from, to}, and for an attribute {with_attribute, "
    .. "values = {value = how many lines}} of all lines",
  request = "query EnvironmentLogs or DeploymentLogs", permission = READER, errors = LOG_ERRORS,
  options = { environment = ENVIRONMENT, deployment = OF, from = FROM, to = TO,
    filter = { "text", required = true, help = FILTER },
    attribute = { "text", help = "count its values over all lines of the window" } },
  act = logs.count,
}

return { name = "railway", summary = "Deployments, variables and logs on Railway",
  statuses = deployments.STATUS, errors = api.errors, retries = api.retries, verbs = verbs }
