-- Vercel: deployments of web projects, and which of them the production domains lead to.
--
-- A project is named by its name or id on Vercel, or by an environment of pipe.yaml that says
-- `vercel: { project, team }`. The team is asked for on every call: the option, else the
-- environment's, else `providers.vercel.team`. The credential is "vercel", unless the environment
-- or `providers.vercel.credential` names another one.

local host = ...
local vercel = host.require "vercel"
local read = host.require "vercel_read"
local write = host.require "vercel_write"

local PROJECT = { "text", required = true,
  help = "its name or id on Vercel, or an environment of pipe.yaml with `vercel: { project, team "
    .. "}`" }
local SOME_PROJECT = { "text", help = "refuse a deployment of another project; as for "
  .. "vercel.project" }
local TEAM = { "text",
  help = "the team's id (team_…) or slug; else the environment's, else providers.vercel.team" }
local DEPLOYMENT = { "text", required = true, help = "its id (dpl_…) or its address" }
local COMMIT = { "text", help = "only of this commit (the full sha)" }
local TARGET = { "text", choices = { "production", "preview" }, help = "only of this kind" }

local FROZEN = "{type (rollback), deployment, from, at, description, by}"
local ROW = "{id, url, project, name, target (production, preview), state (Vercel's word), "
  .. "status (see the states), phase (moving, good, bad, unknown), words, substate, live, "
  .. "commit, branch, message, author, created_at, created (ms), ready_at, rollback_candidate, "
  .. "alias_error, error, inspector, promoted_from}"
local MOVED = "{project, project_id, deployment, url, commit, branch, from, from_commit, "
  .. "changed, queued, rebuilt, automatic, since (for vercel.request_state), note}"

local READER = "a token of any member of the team"
local WRITER = "a token of a member who may deploy to production (Member; Developer may not); "
  .. "Vercel's tokens are as wide as their owner, or limited to one team"

local function project(o)
  return vercel.project(vercel.place(o))
end

local function target(o)
  return o.deployment == "previous" and "(known after looking for the previous one)" or o.deployment
end

local PROMOTE_LOOKS = "looks at the project: is its last request (one slot, the last one wins) a "
  .. "promote of this deployment, made after this write was begun, or do its domains lead there? "
  .. "After a rebuild: is there a deployment with the key of this call? The list lags, so it is "
  .. "looked at for a minute"
local ROLLBACK_LOOKS = "looks at the project: is its last request (one slot, the last one wins) "
  .. "a rollback to this deployment, made after this write was begun, or do its domains lead there?"

local verbs = {}

verbs.who = {
  effect = "read", summary = "Whose credential it is, and which teams it reaches; refuses a team "
    .. "it does not",
  result = "{user{id, username, email, name}, teams = list of {id, slug, name, role}, team}",
  options = { team = TEAM },
  request = { "GET /v2/user", "GET /v2/teams" }, permission = READER, act = read.who,
}

verbs.project = {
  effect = "read", summary = "A project: what is live, and whether the next push goes live by "
    .. "itself",
  result = "{id, name, team, production_branch, live{deployment, url, commit, branch, "
    .. "created_at, aliases}, automatic, frozen_by = nil or " .. FROZEN .. ", request = the last "
    .. "promote or rollback, or nil}",
  options = { project = PROJECT, team = TEAM },
  request = "GET /v9/projects/{project}", permission = READER, act = project,
  overlay = read.overlay_project,
}

verbs.deployments = {
  effect = "read", summary = "Deployments of a project, newest first", result = "list of " .. ROW,
  options = {
    project = PROJECT, team = TEAM, target = TARGET, commit = COMMIT,
    state = { "text", help = "only in this state, in Vercel's words",
      choices = { "QUEUED", "INITIALIZING", "BUILDING", "READY", "ERROR", "CANCELED", "BLOCKED" } },
    branch = { "text", help = "only of this branch" },
    rollback_candidates = { "flag", default = false,
      help = "only those that vercel.rollback can lead back to" },
    first = { "integer", default = 20, help = "at most so many" },
  },
  request = { "GET /v9/projects/{project}", "GET /v6/deployments" }, permission = READER,
  states = vercel.STATES, act = read.deployments, overlay = read.overlay_rows,
}

verbs.deployment_of = {
  effect = "read", summary = "The newest deployment of a commit",
  result = ROW .. ", or nil when there is none yet",
  options = {
    project = PROJECT, team = TEAM, target = TARGET,
    commit = { "text", required = true, help = "the full sha" },
    since = { "any", help = "only if it was made then or later (ISO text or milliseconds)" },
  },
  request = { "GET /v9/projects/{project}", "GET /v6/deployments" }, permission = READER,
  states = vercel.STATES, act = read.deployment_of, overlay = read.overlay_deployment,
}

verbs.deployment = {
  effect = "read",
  summary = "One deployment; good when it is built and has its addresses, live while the domains "
    .. "lead to it",
  result = ROW, options = { id = DEPLOYMENT, project = SOME_PROJECT, team = TEAM },
  request = { "GET /v13/deployments/{id}", "GET /v9/projects/{its project}" }, permission = READER,
  states = vercel.STATES, act = read.deployment, overlay = read.overlay_deployment,
}

verbs.live = {
  effect = "read", summary = "What the production domains of a project lead to now",
  result = "{project, project_id, deployment (nil while nothing is live), url, commit, branch, "
    .. "created_at, aliases = list of {alias, deployment}, whole (all of them lead to it), "
    .. "automatic, frozen_by = nil or " .. FROZEN
    .. ", request}",
  options = { project = PROJECT, team = TEAM },
  request = { "GET /v9/projects/{project}", "GET /v4/aliases" }, permission = READER,
  act = read.live, overlay = read.overlay_live,
}

verbs.aliases = {
  effect = "read", summary = "All addresses of a project, and what each leads to",
  result = "list of {alias, deployment, id, created_at}",
  options = { project = PROJECT, team = TEAM,
    deployment = { "text", help = "only those of this deployment (dpl_…)" } },
  request = { "GET /v9/projects/{project}", "GET /v4/aliases" }, permission = READER,
  act = read.aliases,
}

verbs.deployment_aliases = {
  effect = "read", summary = "The addresses that lead to one deployment now",
  result = "list of {alias, id, created_at, redirect}",
  options = { deployment = DEPLOYMENT, project = SOME_PROJECT, team = TEAM },
  request = { "GET /v13/deployments/{deployment}", "GET /v2/deployments/{id}/aliases" },
  permission = READER, act = read.deployment_aliases,
}

verbs.alias = {
  effect = "read", summary = "One address, and what it leads to",
  result = "{alias, deployment, project_id, id, created_at, redirect}",
  options = {
    alias = { "text", required = true, help = "a domain, as impulseai.app, or an alias's id" },
    project = { "text", help = "refuse an address of another project; as for vercel.project" },
    team = TEAM },
  request = "GET /v4/aliases/{alias}", permission = READER, act = read.alias,
  overlay = read.overlay_alias,
}

verbs.request_state = {
  effect = "read", summary = "What became of a promote or a rollback",
  result = "{status, phase (moving, good, bad, unknown), words, deployment, from, type, at, "
    .. "requested_at, live, automatic, frozen_by, failed = list of {alias, status}, project, "
    .. "project_id}",
  options = {
    project = PROJECT, team = TEAM,
    since = { "any", help = "`since` of what vercel.promote or vercel.rollback gave: an older "
      .. "request is not taken for it (milliseconds or ISO text)" },
    deployment = { "text", help = "the deployment it was asked for; a later request for another "
      .. "one is \"overtaken\"" },
    type = { "text", choices = { "promote", "rollback" }, help = "what was asked for" },
  },
  request = { "GET /v9/projects/{project}", "GET /v1/projects/{project}/promote/aliases",
    "GET /v9/projects/{project}/rollback/aliases (after a rollback; it is not in Vercel's "
      .. "description, so without it the promote's are asked for)" },
  permission = READER, states = vercel.JOBS, act = read.request_state,
  overlay = read.overlay_request,
}

verbs.build_log = {
  effect = "read", summary = "The lines of a deployment's build",
  result = "list of {text, kind, at, error}",
  options = { deployment = DEPLOYMENT, project = SOME_PROJECT, team = TEAM,
    limit = { "integer", default = -1, help = "at most so many lines; -1 for all" } },
  request = "GET /v3/deployments/{deployment}/events", permission = READER, act = read.build_log,
}

verbs.promote = {
  effect = "write", summary = "Leads the production domains to a deployment; ends a rollback",
  result = MOVED,
  options = { project = PROJECT, team = TEAM, deployment = DEPLOYMENT,
    rebuild = { "flag", default = false, help = "a preview is built anew, with the variables of "
      .. "production: nothing else is possible with one" } },
  request = { "POST /v10/projects/{project}/promote/{deployment}",
    "POST /v13/deployments (rebuild)" },
  permission = WRITER, target = target, act = write.promote, predict = write.predict_promote,
  probe = write.probe_promote, looks = PROMOTE_LOOKS,
}

verbs.rollback = {
  effect = "write",
  summary = "Leads the production domains back to an earlier deployment; later pushes do not go "
    .. "live until a promote",
  result = MOVED,
  options = { project = PROJECT, team = TEAM,
    deployment = { "text", required = true, help = "its id or address, or \"previous\": the "
      .. "newest production deployment before the one that is live" },
    description = { "text", help = "why, for the others who see the project on Vercel" } },
  request = "POST /v1/projects/{project}/rollback/{deployment}",
  permission = WRITER, target = target, act = write.rollback, predict = write.predict_rollback,
  probe = write.probe_rollback, looks = ROLLBACK_LOOKS,
}

verbs.cancel = {
  effect = "write", summary = "Cancels a build that is under way",
  result = "{deployment, project_id, commit, changed, state}",
  options = { deployment = DEPLOYMENT, project = SOME_PROJECT, team = TEAM },
  request = "PATCH /v12/deployments/{deployment}/cancel", permission = WRITER, target = target,
  act = write.cancel, predict = write.predict_cancel, probe = write.probe_cancel,
  looks = "looks at the deployment, three times in 4 s: is its state CANCELED?",
}

return {
  name = "vercel", summary = "Web projects on Vercel", statuses = vercel.STATES,
  retries = "reads are asked again up to three times after 500, 502, 503, 504 and lost "
    .. "connections; a rate limit is waited for, up to five minutes; a write is sent once, and "
    .. "looked for when its answer is lost",
  errors = {
    ["vercel.unauthorized"] = "the credential is not accepted",
    ["vercel.forbidden"] = "the credential may not do it, or no team or the wrong one was said",
    ["vercel.not-found"] = "there is no such thing in this team, or no team was said",
    ["vercel.team"] = "the credential does not reach the team",
    ["vercel.project"] = "the deployment is of another project",
    ["vercel.preview"] = "a preview cannot be promoted without rebuild = true",
    ["vercel.production"] = "a production build is promoted without a rebuild",
    ["vercel.not-ready"] = "the deployment is not built, or its build failed",
    ["vercel.not-eligible"] = "the deployment is none that Vercel rolls back to",
    ["vercel.plan"] = "the team's plan does not allow it",
    ["vercel.busy"] = "another promote or rollback is under way; it is not asked for again",
    ["vercel.over"] = "the build is over and cannot be canceled",
    ["vercel.rejected"] = "Vercel rejects the request",
    ["vercel.rate-limit"] = "the rate limit is used up for longer than pipe waits",
    ["vercel.answer"] = "an answer that is not what Vercel describes",
    ["vercel.unavailable"] = "Vercel answers 5xx or not at all (retryable; unknown where something "
      .. "was sent)",
    ["vercel.failed"] = "Vercel answers with a status that it does not describe",
    ["vercel.option"] = "an option's value makes no sense",
  },
  verbs = verbs,
}
