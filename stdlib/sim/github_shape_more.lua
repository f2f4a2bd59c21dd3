-- More of GitHub's objects in the vendor's wire format: tags, workflows, releases, deployments.

local sim = ...
local core = sim.require "core"
local shape = sim.require "github_shape"

local M = {}

local null = sim.null

local function or_null(value)
  if value == nil then
    return null
  end
  return value
end

local function born(w)
  return core.iso(w.s.clock - 400 * 86400000)
end

--- A file of a commit.
function M.file(w, sha, path, text)
  local url = shape.base(w) .. "/contents/" .. path .. "?ref=" .. sha
  local blob = sim.sha256("blob " .. text):sub(1, 40)
  local git, html = shape.base(w) .. "/git/blobs/" .. blob, shape.html(w) .. "/blob/" .. sha .. "/"
    .. path
  return { type = "file", encoding = "base64", size = #text, name = path:match("[^/]+$"),
    path = path, content = sim.base64(text), sha = blob, url = url, git_url = git, html_url = html,
    download_url = shape.html(w):gsub("github%.com", "raw.githubusercontent.com") .. "/" .. sha
      .. "/" .. path, _links = { self = url, git = git, html = html } }
end

-- Tags -----------------------------------------------------------------------

function M.tag_object(w, sha)
  local known = w.s.annotated[sha]
  local name, mail = (known.author or ""):match("^%s*(.-)%s*<(.-)>")
  return {
    node_id = shape.node("TA", sha:sub(1, 12)), tag = known.tag, sha = sha,
    url = shape.base(w) .. "/git/tags/" .. sha, message = known.message,
    tagger = { name = name or "Somebody", email = mail or "somebody@example.com",
      date = core.iso(known.time) },
    object = { type = "commit", sha = known.sha, url = shape.base(w) .. "/git/commits/"
      .. known.sha },
    verification = { verified = false, reason = "unsigned", signature = null, payload = null,
      verified_at = null },
  }
end

function M.tag_line(w, name, sha)
  local base = shape.base(w)
  return { name = name, commit = { sha = sha, url = base .. "/commits/" .. sha },
    zipball_url = base .. "/zipball/refs/tags/" .. name,
    tarball_url = base .. "/tarball/refs/tags/" .. name,
    node_id = shape.node("REF", sim.sha256("refs/tags/" .. name):sub(1, 12)) }
end

-- Checks of other apps -----------------------------------------------------------

function M.foreign_check(w, check)
  local url = shape.base(w) .. "/check-runs/" .. check.id
  local app = shape.app(w)
  app.id, app.slug, app.name = check.app_id, check.app, check.app
  app.node_id = shape.node("A", check.app_id)
  app.html_url = "https://github.com/apps/" .. check.app
  return {
    id = check.id, node_id = shape.node("CR", check.id), head_sha = check.sha,
    external_id = "", name = check.name, url = url, html_url = shape.html(w) .. "/runs/" .. check.id,
    details_url = "https://" .. check.app .. ".example", status = check.status,
    conclusion = or_null(check.conclusion), started_at = core.iso(check.at),
    completed_at = check.status == "completed" and core.iso(check.at) or null,
    check_suite = { id = check.id }, app = app, pull_requests = core.list {},
    output = { title = null, summary = null, text = null, annotations_count = 0,
      annotations_url = url .. "/annotations" },
  }
end

-- Workflows ------------------------------------------------------------------

function M.workflow(w, file)
  local id = shape.workflow_id(file)
  local path = ".github/workflows/" .. file
  local workflow = w.s.spec.workflows[file]
  return {
    id = id, node_id = shape.node("W", id), name = workflow.name or file, path = path,
    state = workflow.state or "active", created_at = born(w), updated_at = born(w),
    url = shape.base(w) .. "/actions/workflows/" .. id,
    html_url = shape.html(w) .. "/blob/" .. w.s.spec.repository.default_branch .. "/" .. path,
    badge_url = shape.html(w) .. "/workflows/" .. core.escape(workflow.name or file) .. "/badge.svg",
  }
end

function M.environment_id(name)
  return tonumber(sim.sha256("environment " .. name):sub(1, 7), 16)
end

local function environment(w, name)
  local id = M.environment_id(name)
  return { id = id, node_id = shape.node("EN", id), name = name,
    url = shape.base(w) .. "/environments/" .. core.escape(name),
    html_url = shape.html(w) .. "/deployments/activity_log?environments_filter="
      .. core.escape(name) }
end

--- What a reviewer said of an environment.
function M.review(w, review)
  local place = environment(w, review.environment)
  place.created_at, place.updated_at = born(w), born(w)
  return { state = review.state, comment = review.comment, user = shape.user(review.by),
    environments = core.list { place } }
end

function M.pending(w, place, mine)
  local reviewers = core.list {}
  for i, login in ipairs(place.reviewers) do
    reviewers[i] = { type = "User", reviewer = shape.user(login) }
  end
  return {
    environment = environment(w, place.name),
    wait_timer = 0, wait_timer_started_at = null, current_user_can_approve = mine,
    reviewers = reviewers,
  }
end

-- Releases -------------------------------------------------------------------

function M.release(w, release)
  local base = shape.base(w)
  local url = base .. "/releases/" .. release.id
  return {
    url = url, html_url = shape.html(w) .. "/releases/tag/" .. release.tag,
    assets_url = url .. "/assets",
    upload_url = url:gsub("^https://api", "https://uploads") .. "/assets{?name,label}",
    tarball_url = base .. "/tarball/" .. release.tag,
    zipball_url = base .. "/zipball/" .. release.tag, id = release.id,
    node_id = shape.node("RE", release.id), tag_name = release.tag,
    target_commitish = release.target, name = release.name, body = release.body,
    draft = release.draft, prerelease = release.prerelease, immutable = false,
    created_at = core.iso(release.created),
    published_at = release.published and core.iso(release.published) or null,
    author = shape.user(release.author), assets = core.list {},
  }
end

-- Deployments ----------------------------------------------------------------

function M.deployment(w, d)
  local url = shape.base(w) .. "/deployments/" .. d.id
  return {
    url = url, id = d.id, node_id = shape.node("DE", d.id), sha = d.sha, ref = d.ref,
    task = d.task or "deploy", payload = d.payload or {}, original_environment = d.environment,
    environment = d.environment, description = or_null(d.description),
    creator = shape.user(d.creator), created_at = core.iso(d.created),
    updated_at = core.iso(d.created), statuses_url = url .. "/statuses",
    repository_url = shape.base(w), transient_environment = false,
    production_environment = d.environment == "production",
  }
end

function M.deployment_status(w, d, status)
  local url = shape.base(w) .. "/deployments/" .. d.id
  return {
    url = url .. "/statuses/" .. status.id, id = status.id, node_id = shape.node("DS", status.id),
    state = status.state, creator = shape.user(status.creator),
    description = status.description or "", environment = d.environment,
    target_url = status.log_url or shape.html(w) .. "/deployments", log_url = status.log_url,
    environment_url = status.environment_url, created_at = core.iso(status.created),
    updated_at = core.iso(status.created), deployment_url = url, repository_url = shape.base(w),
  }
end

return M
