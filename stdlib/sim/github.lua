-- GitHub's REST API over the world's repository, pull requests and workflow runs.
-- What it says lies in the modules beside this one; here are the addresses, who may go
-- there, and how often.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"
local shape = sim.require "github_shape"
local common = sim.require "github_common"
local pulls = sim.require "github_pulls"
local refs = sim.require "github_refs"
local checks = sim.require "github_checks"
local runs = sim.require "github_runs"
local release = sim.require "github_release"

local M = {}

-- The endpoint -----------------------------------------------------------------

-- `:x` is one path segment, `*x` the rest of the path (a ref may have slashes). The last word is
-- the permission of a fine-grained token; all but GET needs it for writing.
local ROUTES = {
  { "GET", "/pulls", pulls.list, "pull_requests" },
  { "GET", "/pulls/:n", pulls.get, "pull_requests" },
  { "PUT", "/pulls/:n/merge", pulls.merge, "contents" },
  { "GET", "/pulls/:n/merge", pulls.is_merged, "pull_requests" },
  { "PUT", "/pulls/:n/update-branch", pulls.update_branch, "pull_requests" },
  { "GET", "/commits", refs.list_commits, "contents" },
  { "GET", "/commits/*ref/check-runs", checks.check_runs, "checks" },
  { "GET", "/commits/*ref/status", checks.combined_status, "statuses" },
  { "GET", "/commits/*ref/pulls", pulls.of_commit, "pull_requests" },
  { "GET", "/commits/*ref", refs.get_commit, "contents" },
  { "POST", "/statuses/:sha", checks.post_status, "statuses" },
  { "GET", "/contents/*path", refs.get_contents, "contents" },
  { "GET", "/compare/*basehead", refs.compare, "contents" },
  { "GET", "/branches/*branch/protection/required_status_checks", checks.protection,
    "administration" },
  { "GET", "/branches/*branch", refs.get_branch, "contents" },
  { "GET", "/rules/branches/*branch", checks.rules, "metadata" },
  { "GET", "/tags", refs.list_tags, "contents" },
  { "GET", "/git/ref/*ref", refs.get_ref, "contents" },
  { "GET", "/git/matching-refs/*ref", refs.matching_refs, "contents" },
  { "POST", "/git/refs", refs.post_ref, "contents" },
  { "PATCH", "/git/refs/*ref", refs.patch_ref, "contents" },
  { "DELETE", "/git/refs/*ref", refs.delete_ref, "contents" },
  { "POST", "/git/tags", refs.post_tag, "contents" },
  { "GET", "/git/tags/:sha", refs.get_tag, "contents" },
  { "GET", "/actions/workflows", runs.list_workflows, "actions" },
  { "GET", "/actions/workflows/:id", runs.get_workflow, "actions" },
  { "GET", "/actions/workflows/:id/runs", runs.list_runs, "actions" },
  { "POST", "/actions/workflows/:id/dispatches", runs.dispatch, "actions" },
  { "GET", "/actions/runs", runs.list_runs, "actions" },
  { "GET", "/actions/runs/:id", runs.get_run, "actions" },
  { "GET", "/actions/runs/:id/jobs", runs.list_jobs, "actions" },
  { "GET", "/actions/runs/:id/attempts/:n", runs.get_attempt, "actions" },
  { "POST", "/actions/runs/:id/rerun", runs.rerun(false), "actions" },
  { "POST", "/actions/runs/:id/rerun-failed-jobs", runs.rerun(true), "actions" },
  { "POST", "/actions/runs/:id/cancel", runs.cancel(false), "actions" },
  { "POST", "/actions/runs/:id/force-cancel", runs.cancel(true), "actions" },
  { "GET", "/actions/runs/:id/approvals", runs.approvals, "actions" },
  { "GET", "/actions/runs/:id/pending_deployments", runs.pending_deployments, "actions" },
  { "POST", "/actions/runs/:id/pending_deployments", runs.review_deployments, "deployments" },
  { "GET", "/actions/jobs/:id", runs.get_job, "actions" },
  { "GET", "/actions/jobs/:id/logs", runs.job_log, "actions" },
  { "GET", "/releases", release.list_releases, "contents" },
  { "POST", "/releases", release.post_release, "contents" },
  { "GET", "/releases/latest", release.latest_release, "contents" },
  { "GET", "/releases/tags/*tag", release.release_of_tag, "contents" },
  { "GET", "/releases/:id", release.get_release, "contents" },
  { "PATCH", "/releases/:id", release.patch_release, "contents" },
  { "GET", "/deployments", release.list_deployments, "deployments" },
  { "POST", "/deployments", release.post_deployment, "deployments" },
  { "GET", "/deployments/:id", release.get_deployment, "deployments" },
  { "GET", "/deployments/:id/statuses", release.list_deployment_statuses, "deployments" },
  { "POST", "/deployments/:id/statuses", release.post_deployment_status, "deployments" },
}

for _, route in ipairs(ROUTES) do
  route.pattern = "^" .. route[2]:gsub("%-", "%%-"):gsub(":%w+", "([^/]+)"):gsub("%*%w+", "(.+)")
    .. "$"
end

-- Who asks -----------------------------------------------------------------------

-- { token, login, write, admin } and, of a fine-grained token, `permissions` (contents: read …);
-- `scopes` of a classic one; `workflow: true` is the token of a workflow itself.
local function identity(known)
  local write = known.write ~= false
  return { login = known.login or "release-bot", write = write, admin = known.admin ~= false,
    permissions = core.some(known.permissions), scopes = core.some(known.scopes),
    workflow = known.workflow == true }
end

local function identify(w, req)
  local given = req.headers.authorization
  if not given then
    return nil, common.problem(401, "Requires authentication")
  end
  local token = given:match("^[Bb]earer%s+(.+)$") or given:match("^token%s+(.+)$")
  for _, known in ipairs(core.many(w.s.spec.tokens.github)) do
    if type(known) == "string" then
      known = { token = known }
    end
    if known.token == token then
      return identity(known)
    end
  end
  return nil, common.problem(401, "Bad credentials")
end

local LEVELS = { none = 0, read = 1, write = 2, admin = 3 }

-- Why this token may not go there; nil when it may.
local function refused(who, route)
  local writes = route[1] ~= "GET"
  local level = who.permissions and LEVELS[who.permissions[route[4]] or "none"]
  if route[4] == "metadata" then
    return nil
  elseif level and level < (writes and 2 or 1) or (writes and not who.write) then
    if not writes and level == 0 and route[4] ~= "administration" then
      return common.not_found()
    end
    local out = common.problem(403, "Resource not accessible by personal access token")
    out.headers["x-accepted-github-permissions"] = route[4] .. "=" .. (writes and "write" or "read")
    return out
  end
end

local function user_answer(who)
  local out = shape.user(who.login)
  for key, value in pairs {
    name = sim.null, company = sim.null, blog = "", location = sim.null, email = sim.null,
      hireable = sim.null, bio = sim.null,
    public_repos = 0, public_gists = 0, followers = 0, following = 0,
      created_at = "2020-01-01T00:00:00Z",
    updated_at = "2020-01-01T00:00:00Z", private_gists = 0, total_private_repos = 1,
      owned_private_repos = 0, disk_usage = 0,
    collaborators = 0, two_factor_authentication = true,
  } do
    out[key] = value
  end
  return core.answer(200, out, who.scopes and { ["x-oauth-scopes"] = who.scopes })
end

local function repository(w, req)
  local out, who = shape.repo(w), req.who
  out.permissions = { admin = who.admin, maintain = who.admin, push = who.write, triage = who.write,
    pull = true }
  return core.answer(200, out, who.scopes and { ["x-oauth-scopes"] = who.scopes })
end

local function captured(...)
  local out = table.pack(...)
  for i = 1, out.n do
    out[i] = core.unescape(out[i])
  end
  return out
end

local function route_of(w, req)
  if req.path == "/user" and req.method == "GET" then
    return user_answer(req.who)
  end
  local owner, name, rest = req.path:match("^/repos/([^/]+)/([^/]+)(.*)$")
  if not owner or (owner .. "/" .. name):lower() ~= w.s.spec.repository.github:lower() then
    return common.not_found()
  elseif rest == "" and req.method == "GET" then
    return repository(w, req)
  end
  for _, route in ipairs(ROUTES) do
    if route[1] == req.method and rest:find(route.pattern) then
      local parts = captured(rest:match(route.pattern))
      local why = refused(req.who, route)
      if why then
        return why
      end
      local whole = not route[2]:find("[:*]")
      return route[3](w, req, not whole and parts[1] or nil, not whole and parts[2] or nil)
    end
  end
  return common.not_found()
end

-- How often ----------------------------------------------------------------------

local function add_rate(w, answer)
  local limit, spent = w.s.spec.limits.github.limit, w.s.spent.github
  answer.headers["x-ratelimit-limit"] = tostring(limit)
  answer.headers["x-ratelimit-remaining"] = tostring(limit - spent.used)
  answer.headers["x-ratelimit-used"] = tostring(spent.used)
  answer.headers["x-ratelimit-reset"] = tostring((spent.reset + 999) // 1000)
  answer.headers["x-ratelimit-resource"] = "core"
  answer.headers["x-github-media-type"] = "github.v3; format=json"
  return answer
end

-- The second limit: points a minute, a read is one and a write five. Over it nothing is done.
local function hurries(w, req)
  local limits = w.s.spec.limits.github
  local state = w.s.github.hurry
  if not state or w.s.now >= state.reset then
    state = { used = 0, reset = w.s.now + 60000 }
    w.s.github.hurry = state
  end
  local cost = req.method == "GET" and 1 or 5
  if state.used + cost > (limits.points or 900) then
    local out = common.problem(limits.points_status or 403,
      "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
    if limits.points_silent ~= true then
      out.headers["retry-after"] = tostring((state.reset - w.s.now + 999) // 1000)
    end
    return out
  end
  state.used = state.used + cost
end

-- An answer that the client has already costs nothing.
local function conditional(w, req, answer)
  if req.method == "GET" and answer.status == 200 then
    local etag = 'W/"' .. sim.sha256(answer.body) .. '"'
    if req.headers["if-none-match"] == etag then
      local spent = w.s.spent.github
      spent.used = math.max(0, spent.used - 1)
      w.s.github.unchanged = w.s.github.unchanged + 1
      answer = core.answer(304)
    end
    answer.headers.etag = etag
  end
  return answer
end

local function limited(w, req)
  local _, over = core.spend(w, "github")
  if over then
    return common.problem(403, "API rate limit exceeded for user ID 1. If you reach out to GitHub "
      .. "Support for help, please include the request ID.")
  end
  return hurries(w, req)
end

--- Makes the state of this system; `w.s.github`.
function M.build(w)
  w.s.github = { releases = core.list {}, deployments = core.list {}, lagging = {}, unchanged = 0 }
  for _, entry in ipairs(core.many((w.s.spec.github or {}).releases)) do
    table.insert(w.s.github.releases, { id = core.id(w, "release"), tag = entry.tag,
      name = entry.name or entry.tag, body = entry.body or "", draft = entry.draft == true,
      prerelease = entry.prerelease == true, author = entry.author or "somebody",
      target = w.s.spec.repository.default_branch, created = core.when(entry.at, w.s.clock),
      published = entry.draft ~= true and core.when(entry.at, w.s.clock) or nil })
  end
end

function M.request(w, req)
  if req.host == runs.log_host then
    return runs.log_store(w, req)
  elseif (req.headers["user-agent"] or "") == "" then
    return { status = 403, headers = { ["content-type"] = "text/html" },
      body = "Request forbidden by administrative rules. Please make sure your request has a "
        .. "User-Agent header (https://docs.github.com/en/rest/overview/"
        .. "resources-in-the-rest-api#user-agent-required).\n" }
  end
  local who, unknown = identify(w, req)
  local over = limited(w, req)
  if over or not who then
    return add_rate(w, over or unknown)
  end
  req.who = who
  return add_rate(w, conditional(w, req, route_of(w, req)))
end

M.log_host = runs.log_host

return M
