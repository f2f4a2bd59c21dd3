-- GitHub's releases and deployments, with their traps: a release makes a missing tag (and so
-- starts what listens on it), a deployment merges and waits for all checks unless told not to.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"
local actions = sim.require "actions"
local shape = sim.require "github_shape"
local more = sim.require "github_shape_more"
local common = sim.require "github_common"

local M = {}

-- Releases -------------------------------------------------------------------

local function release_problem(field, code)
  return common.invalid("Validation Failed", core.list { { resource = "Release", code = code,
    field = field } })
end

local function by_tag(w, tag, drafts)
  for _, release in ipairs(w.s.github.releases) do
    if release.tag == tag and (drafts or not release.draft) then
      return release
    end
  end
end

local function by_id(w, id)
  for i, release in ipairs(w.s.github.releases) do
    if tostring(release.id) == id then
      return release, i
    end
  end
end

local KNOWN = { tag_name = "string", target_commitish = "string", name = "string", body = "string",
  draft = "boolean", prerelease = "boolean", discussion_category_name = "string",
  generate_release_notes = "boolean", make_latest = "string" }

local function wrong_types(body, known)
  for name, value in core.sorted(body) do
    if value ~= sim.null and known[name] and type(value) ~= known[name] then
      return common.invalid(("Invalid request.\n\nFor 'properties/%s', %s is not a %s."):format(name,
        tostring(value), known[name]))
    end
  end
end

-- Makes the tag that a published release needs; an answer when it cannot.
local function make_tag(w, req, release)
  local ref = "refs/tags/" .. release.tag
  if w.s.refs[ref] or release.draft then
    return nil
  end
  local sha = repo.resolve(w, release.target)
  if not sha then
    return release_problem("target_commitish", "invalid")
  end
  repo.move(w, ref, sha, { actor = req.who.login, silent = req.who.workflow })
end

function M.post_release(w, req)
  local body = core.body(req) or {}
  local tag, wrong = core.some(body.tag_name), wrong_types(body, KNOWN)
  if wrong then
    return wrong
  elseif type(tag) ~= "string" or tag == "" then
    return release_problem("tag_name", "missing_field")
  elseif by_tag(w, tag) and body.draft ~= true then
    return release_problem("tag_name", "already_exists")
  end
  local release = { id = core.id(w, "release"), tag = tag,
    target = core.some(body.target_commitish) or w.s.spec.repository.default_branch,
    name = core.some(body.name) or tag, body = core.some(body.body) or "",
    draft = body.draft == true, prerelease = body.prerelease == true, author = req.who.login,
    latest = core.some(body.make_latest), created = w.s.now }
  local refused = make_tag(w, req, release)
  if refused then
    return refused
  end
  if body.generate_release_notes == true then
    release.body = (release.body ~= "" and release.body .. "\n\n" or "")
      .. ("**Full Changelog**: %s/commits/%s"):format(shape.html(w), tag)
  end
  release.published = not release.draft and w.s.now or nil
  table.insert(w.s.github.releases, release)
  core.record(w, "github", "github.create_release", tag,
    { draft = release.draft, prerelease = release.prerelease })
  return core.answer(201, more.release(w, release))
end

function M.list_releases(w, req)
  local out = {}
  for i = #w.s.github.releases, 1, -1 do
    out[#out + 1] = more.release(w, w.s.github.releases[i])
  end
  return common.listed(req, out)
end

function M.latest_release(w)
  for i = #w.s.github.releases, 1, -1 do
    local release = w.s.github.releases[i]
    if not release.draft and not release.prerelease and release.latest ~= "false" then
      return core.answer(200, more.release(w, release))
    end
  end
  return common.not_found()
end

function M.release_of_tag(w, _, tag)
  local release = by_tag(w, tag)
  return release and core.answer(200, more.release(w, release)) or common.not_found()
end

function M.get_release(w, _, id)
  local release = by_id(w, id)
  return release and core.answer(200, more.release(w, release)) or common.not_found()
end

function M.patch_release(w, req, id)
  local release, body = by_id(w, id), core.body(req) or {}
  if not release then
    return common.not_found()
  end
  local wrong = wrong_types(body, KNOWN)
  if wrong then
    return wrong
  end
  for from, to in pairs { tag_name = "tag", name = "name", body = "body", draft = "draft",
    prerelease = "prerelease", target_commitish = "target", make_latest = "latest" } do
    if core.some(body[from]) ~= nil then
      release[to] = body[from]
    end
  end
  local refused = make_tag(w, req, release)
  if refused then
    return refused
  end
  release.published = not release.draft and (release.published or w.s.now) or nil
  core.record(w, "github", "github.update_release", release.tag, { draft = release.draft })
  return core.answer(200, more.release(w, release))
end

-- Deployments ----------------------------------------------------------------

local function deployment_by(w, id)
  for _, deployment in ipairs(w.s.github.deployments) do
    if tostring(deployment.id) == id then
      return deployment
    end
  end
end

local STATES = { error = true, failure = true, inactive = true, in_progress = true, queued = true,
  pending = true, success = true }

-- The first of the contexts that is not green; of all that there are, without a list.
local function not_green(w, sha, contexts)
  local names = contexts or {}
  if not contexts then
    for _, check in ipairs(actions.checks(w, sha)) do
      names[#names + 1] = check.job.name
    end
  end
  for _, name in ipairs(names) do
    if actions.verdict(w, sha, name) ~= "success" then
      return name
    end
  end
end

-- What `auto_merge` does to a branch that is behind; nil when there is nothing to merge.
local function merge_default(w, req, ref)
  local head = repo.head(w, ref)
  local main = repo.head(w, w.s.spec.repository.default_branch)
  if not head or repo.contains(w, head, main) then
    return nil
  end
  local sha = main
  if not repo.contains(w, main, head) then
    local o = { path = repo.path(w), base = head, head = main, time = w.s.now,
      message = ("Merge %s into %s"):format(w.s.spec.repository.default_branch, ref),
      author = ("%s <%s@users.noreply.github.com>"):format(req.who.login, req.who.login) }
    sha = repo.made(w, sim.git.merge(o), { message = o.message, author = o.author, time = o.time,
      parents = { head, main } })
  end
  core.record(w, "github", "github.auto_merge", ref .. " " .. core.short(sha))
  repo.move(w, "refs/heads/" .. ref, sha, { actor = req.who.login })
  return core.answer(202, { message = ("Auto-merged %s into %s on deployment."):format(
    w.s.spec.repository.default_branch, ref) })
end

function M.post_deployment(w, req)
  local body = core.body(req) or {}
  local sha = type(body.ref) == "string" and repo.resolve(w, body.ref)
  if type(body.ref) ~= "string" then
    return common.invalid("Invalid request.\n\n\"ref\" wasn't supplied.")
  elseif not sha then
    return common.invalid("No ref found for: " .. body.ref)
  end
  local merged = core.some(body.auto_merge) ~= false and merge_default(w, req, body.ref)
  if merged then
    return merged
  end
  local contexts = core.some(body.required_contexts)
  local bad = not_green(w, sha, contexts)
  if bad then
    return common.problem(409, "Conflict: Commit status checks failed for " .. body.ref .. ".",
      { errors = core.list { { contexts = core.list { { context = bad, state = "failure" } },
        resource = "Deployment", field = "required_contexts", code = "invalid" } } })
  end
  local deployment = { id = core.id(w, "deployment"), sha = sha, ref = body.ref,
    environment = core.some(body.environment) or "production", task = core.some(body.task),
    description = core.some(body.description), payload = core.some(body.payload),
    creator = req.who.login, created = w.s.now }
  table.insert(w.s.github.deployments, deployment)
  core.record(w, "github", "github.create_deployment", ("%s %s"):format(deployment.environment,
    core.short(sha)), { ref = body.ref })
  return core.answer(201, more.deployment(w, deployment))
end

function M.list_deployments(w, req)
  local out, q = {}, req.query
  for i = #w.s.github.deployments, 1, -1 do
    local d = w.s.github.deployments[i]
    if (not q.sha or q.sha == d.sha) and (not q.ref or q.ref == d.ref)
      and (not q.environment or q.environment == d.environment)
      and (not q.task or q.task == (d.task or "deploy")) then
      out[#out + 1] = more.deployment(w, d)
    end
  end
  return common.listed(req, out)
end

function M.get_deployment(w, _, id)
  local deployment = deployment_by(w, id)
  return deployment and core.answer(200, more.deployment(w, deployment)) or common.not_found()
end

local function retire(w, deployment)
  for _, other in ipairs(w.s.github.deployments) do
    if other ~= deployment and other.environment == deployment.environment
      and other.statuses and other.statuses[#other.statuses].state == "success" then
      table.insert(other.statuses, { id = core.id(w, "status"), state = "inactive",
        creator = deployment.creator, created = w.s.now })
    end
  end
end

function M.post_deployment_status(w, req, id)
  local deployment, body = deployment_by(w, id), core.body(req) or {}
  if not deployment then
    return common.not_found()
  elseif not STATES[body.state] then
    return common.invalid("Validation Failed", core.list { { resource = "DeploymentStatus",
      code = "custom", field = "state", message = "state is not included in the list" } })
  end
  local status = { id = core.id(w, "status"), state = body.state,
    description = core.some(body.description), log_url = core.some(body.log_url),
    environment_url = core.some(body.environment_url), creator = req.who.login, created = w.s.now }
  deployment.statuses = deployment.statuses or core.list {}
  table.insert(deployment.statuses, status)
  if body.state == "success" and body.auto_inactive ~= false then
    retire(w, deployment)
  end
  core.record(w, "github", "github.deployment_status", ("%d %s"):format(deployment.id, body.state),
    { environment = deployment.environment })
  return core.answer(201, more.deployment_status(w, deployment, status))
end

function M.list_deployment_statuses(w, req, id)
  local deployment, out = deployment_by(w, id), {}
  if not deployment then
    return common.not_found()
  end
  for i = #(deployment.statuses or {}), 1, -1 do
    out[#out + 1] = more.deployment_status(w, deployment, deployment.statuses[i])
  end
  return common.listed(req, out)
end

return M
