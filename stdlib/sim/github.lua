-- GitHub's REST API over the world's repository, pull requests and workflow runs.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"
local actions = sim.require "actions"
local shape = sim.require "github_shape"
local common = sim.require "github_common"
local pulls = sim.require "github_pulls"

local M = {}

-- Commits, checks ------------------------------------------------------------

local function commit_or_error(w, name)
  local sha = repo.resolve(w, name)
  if sha and w.s.commits[sha] then
    return sha
  end
  return nil, common.problem(422, "No commit found for SHA: " .. name)
end

local function get_commit(w, _, name)
  local sha, missing = commit_or_error(w, name)
  if not sha then
    return missing
  end
  local out = shape.commit(w, sha)
  local parent = w.s.commits[sha].parents[1]
  out.files = parent and shape.files(w, parent, sha) or core.list {}
  return core.answer(200, out)
end

local function list_commits(w, req)
  local sha, missing = commit_or_error(w, req.query.sha or w.s.spec.repository.default_branch)
  if not sha then
    return missing
  end
  local out = {}
  for i, one in ipairs(repo.log(w, sha)) do
    out[i] = shape.commit(w, one)
  end
  return common.listed(req, out)
end

local function check_runs(w, req, name)
  local sha, missing = commit_or_error(w, name)
  if not sha then
    return missing
  end
  local out = {}
  for _, check in ipairs(actions.checks(w, sha)) do
    if (not req.query.check_name or req.query.check_name == check.job.name)
      and (not req.query.status or req.query.status == check.job.status) then
      out[#out + 1] = shape.check_run(w, check.run, check.job)
    end
  end
  return common.listed(req, out, "check_runs")
end

local function statuses_of(w, sha)
  local out, seen = {}, {}
  for i = #w.s.statuses, 1, -1 do
    local status = w.s.statuses[i]
    if status.sha == sha and not seen[status.context] then
      seen[status.context] = true
      out[#out + 1] = status
    end
  end
  return out
end

local function combined_status(w, req, name)
  local sha, missing = commit_or_error(w, name)
  if not sha then
    return missing
  end
  local newest = statuses_of(w, sha)
  local state, shapes = #newest > 0 and "success" or "pending", {}
  for i, status in ipairs(newest) do
    if status.state == "failure" or status.state == "error" then
      state = "failure"
    elseif status.state == "pending" and state ~= "failure" then
      state = "pending"
    end
    shapes[i] = shape.status(w, status)
  end
  local some, headers = common.page_of(req, shapes)
  local url = shape.base(w) .. "/commits/" .. sha
  return core.answer(200, { state = state, statuses = some, sha = sha, total_count = #newest,
    repository = shape.minimal_repo(w), commit_url = url, url = url .. "/status" }, headers)
end

local STATES = { error = true, failure = true, pending = true, success = true }

local function post_status(w, req, name)
  local sha, missing = commit_or_error(w, name)
  local body = core.body(req) or {}
  if not sha then
    return missing
  elseif not STATES[body.state] then
    return common.invalid("Validation Failed", core.list { { resource = "Status", code = "custom",
      field = "state",
      message = "state is not included in the list" } })
  end
  local status = { id = core.id(w, "status"), sha = sha, context = core.some(body.context)
    or "default", state = body.state,
    description = core.some(body.description), target_url = core.some(body.target_url),
      created = w.s.now }
  table.insert(w.s.statuses, status)
  core.record(w, "github", "github.status", core.short(sha) .. " " .. status.context,
    { state = status.state })
  local out = shape.status(w, status)
  out.creator = shape.user(req.who.login)
  return core.answer(201, out)
end

local function compare(w, req, basehead)
  local left, right = basehead:match("^(.-)%.%.%.(.+)$")
  local base, head = left and repo.resolve(w, left), right and repo.resolve(w, right)
  if not base or not head then
    return common.not_found()
  end
  local fork = repo.merge_base(w, base, head)
  if not fork then
    return common.problem(404, ("No common ancestor between %s and %s."):format(left, right))
  end
  local ahead, behind = repo.log(w, head, base), repo.log(w, base, head)
  local commits = {}
  for i = #ahead, 1, -1 do
    commits[#commits + 1] = shape.commit(w, ahead[i])
  end
  req.query.per_page = req.query.per_page or "250"
  local some, headers = common.page_of(req, commits)
  local html = shape.html(w) .. "/compare/" .. basehead
  local status = #ahead > 0 and (#behind > 0 and "diverged" or "ahead") or (#behind > 0 and "behind"
    or "identical")
  return core.answer(200, {
    url = shape.base(w) .. "/compare/" .. basehead, html_url = html, permalink_url = html,
      diff_url = html .. ".diff",
    patch_url = html .. ".patch", base_commit = shape.commit(w, base),
      merge_base_commit = shape.commit(w, fork),
    status = status, ahead_by = #ahead, behind_by = #behind, total_commits = #ahead, commits = some,
    files = shape.files(w, fork, head),
  }, headers)
end

-- Branches and refs ----------------------------------------------------------

local function protection(w, req, branch)
  if not repo.head(w, branch) then
    return common.problem(404, "Branch not found")
  elseif not req.who.admin then
    return common.problem(403, "Resource not accessible by personal access token")
  end
  local names = core.many(w.s.spec.protection[branch])
  if #names == 0 then
    return common.problem(404, "Branch not protected")
  end
  local url = shape.base(w) .. "/branches/" .. core.escape(branch)
    .. "/protection/required_status_checks"
  local checks = core.list {}
  for i, name in ipairs(names) do
    checks[i] = { context = name, app_id = 15368 }
  end
  return core.answer(200, { url = url, strict = false, contexts = core.list(core.copy(names)),
    contexts_url = url .. "/contexts",
    checks = checks })
end

local function rules(w, req, branch)
  local names, out = core.many(w.s.spec.rules[branch]), {}
  if #names > 0 then
    local checks = core.list {}
    for i, name in ipairs(names) do
      checks[i] = { context = name, integration_id = 15368 }
    end
    out[1] = { type = "required_status_checks", ruleset_source_type = "Repository", ruleset_id = 42,
      ruleset_source = w.s.spec.repository.github,
      parameters = { required_status_checks = checks, strict_required_status_checks_policy = false,
        do_not_enforce_on_create = false } }
  end
  return common.listed(req, out)
end

local function get_branch(w, _, branch)
  local sha = repo.head(w, branch)
  if not sha then
    return common.problem(404, "Branch not found")
  end
  local names = common.required(w, branch)
  local url = shape.base(w) .. "/branches/" .. core.escape(branch)
  return core.answer(200, {
    name = branch, commit = shape.commit(w, sha), protected = #names > 0, protection_url = url
      .. "/protection",
    _links = { self = url, html = shape.html(w) .. "/tree/" .. branch },
    protection = { enabled = #names > 0,
      required_status_checks = { contexts = core.list(core.copy(names)),
      checks = core.list {}, enforcement_level = "non_admins" } },
  })
end

local function get_ref(w, _, name)
  local sha = w.s.refs["refs/" .. name]
  return sha and core.answer(200, shape.ref(w, "refs/" .. name, sha)) or common.not_found()
end

local function matching_refs(w, req, name)
  local out = {}
  for ref, sha in core.sorted(w.s.refs) do
    if core.starts(ref, "refs/" .. name) then
      out[#out + 1] = shape.ref(w, ref, sha)
    end
  end
  return common.listed(req, out)
end

-- The words of the ledger for a ref that moved, as for a push of it.
local function ref_target(name, from, to)
  local tag = name:match("^tags/(.+)$")
  local words = tag and "tag " .. tag or name:gsub("^heads/", "")
  if from and to then
    return ("%s %s..%s"):format(words, core.short(from), core.short(to))
  elseif to then
    return words .. (tag and " " or " +") .. core.short(to)
  end
  return words .. " -" .. core.short(from)
end

local function post_ref(w, req)
  local body = core.body(req) or {}
  local name = type(body.ref) == "string" and body.ref:match("^refs/(.+/.+)$")
  if not name then
    return common.invalid("Reference name must start with 'refs' and contain at least 2 slashes.")
  elseif w.s.refs[body.ref] then
    return common.invalid("Reference already exists")
  elseif not w.s.commits[body.sha] then
    return common.invalid("Object does not exist")
  end
  core.record(w, "github", "github.create_ref", ref_target(name, nil, body.sha))
  repo.move(w, body.ref, body.sha, { actor = req.who.login })
  return core.answer(201, shape.ref(w, body.ref, body.sha), { location = shape.base(w) .. "/git/"
    .. body.ref })
end

local function patch_ref(w, req, name)
  local body = core.body(req) or {}
  local ref = "refs/" .. name
  local from = w.s.refs[ref]
  if not from then
    return common.invalid("Reference does not exist")
  elseif not w.s.commits[body.sha] then
    return common.invalid("Object does not exist")
  elseif body.force ~= true and not repo.contains(w, body.sha, from) then
    return common.invalid("Update is not a fast forward")
  end
  local branch = name:match("^heads/(.+)$")
  local why = branch and from ~= body.sha and common.refusal(w, branch, body.sha)
  if why then
    return common.invalid(why)
  end
  if from ~= body.sha then
    core.record(w, "github", "github.move_ref", ref_target(name, from, body.sha))
    repo.move(w, ref, body.sha, { actor = req.who.login })
  end
  return core.answer(200, shape.ref(w, ref, body.sha))
end

local function delete_ref(w, req, name)
  local ref = "refs/" .. name
  if not w.s.refs[ref] then
    return common.invalid("Reference does not exist")
  end
  core.record(w, "github", "github.delete_ref", ref_target(name, w.s.refs[ref]))
  repo.move(w, ref, nil, { actor = req.who.login })
  return core.answer(204)
end

-- Actions --------------------------------------------------------------------

local function file_of(w, id)
  if w.s.spec.workflows[id] then
    return id
  end
  for file in core.sorted(w.s.spec.workflows) do
    if tostring(shape.workflow_id(file)) == id then
      return file
    end
  end
end

local function run_fits(run, query)
  local status = query.status
  return (not query.head_sha or query.head_sha == run.sha)
    and (not query.branch or query.branch == run.branch)
    and (not query.event or query.event == run.event) and (not status or status == run.status
      or status == run.conclusion)
end

local function created_fits(run, created)
  local relation, time = (created or ""):match("^([<>]=?)(.+)$")
  if not relation then
    return true
  end
  local ms = sim.time(time)
  if relation:sub(1, 1) == ">" then
    return run.created > ms or (relation == ">=" and run.created // 1000 == ms // 1000)
  end
  return run.created < ms or (relation == "<=" and run.created // 1000 == ms // 1000)
end

local function list_runs(w, req, id)
  local file = id and file_of(w, id)
  if id and not file then
    return common.not_found()
  end
  local out = {}
  for i = #w.s.runs, 1, -1 do
    local run = w.s.runs[i]
    if run.visible <= w.s.now and (not file or file == run.file) and run_fits(run, req.query)
      and created_fits(run, req.query.created) then
      out[#out + 1] = shape.run(w, run)
    end
  end
  return common.listed(req, out, "workflow_runs")
end

local function run_by(w, id)
  local run = actions.run(w, math.tointeger(tonumber(id)))
  return run and run.visible <= w.s.now and run or nil
end

local function get_run(w, _, id)
  local run = run_by(w, id)
  return run and core.answer(200, shape.run(w, run)) or common.not_found()
end

local function list_jobs(w, req, id)
  local run = run_by(w, id)
  if not run then
    return common.not_found()
  end
  local out = {}
  for i, job in ipairs(run.jobs) do
    out[i] = shape.job(w, run, job)
  end
  return common.listed(req, out, "jobs")
end

local function rerun(failed)
  return function (w, _, id)
    local run = run_by(w, id)
    if not run then
      return common.not_found()
    elseif run.status ~= "completed" then
      return common.problem(403, "This workflow is already running")
    end
    actions.rerun(w, run, failed)
    core.record(w, "github", "github.rerun", "run " .. run.id,
      { workflow = run.file, attempt = run.attempt })
    return core.answer(201, {})
  end
end

local function dispatch(w, req, id)
  local file = file_of(w, id)
  local body = core.body(req) or {}
  local sha = repo.resolve(w, body.ref)
  if not file then
    return common.not_found()
  elseif not sha then
    return common.invalid("No ref found for: " .. tostring(body.ref))
  elseif not (w.s.spec.workflows[file].triggers or {}).workflow_dispatch then
    return common.invalid("Workflow does not have 'workflow_dispatch' trigger")
  end
  local run = actions.start(w, { file = file, event = "workflow_dispatch", branch = body.ref,
    sha = sha, live = true,
    actor = req.who.login })
  core.record(w, "github", "github.dispatch", file .. " " .. body.ref,
    { run = run.id, inputs = core.some(body.inputs) or {} })
  if body.return_run_details == true then
    local url = shape.base(w) .. "/actions/runs/" .. run.id
    return core.answer(200, { workflow_run_id = run.id, run_url = url, html_url = shape.html(w)
      .. "/actions/runs/" .. run.id })
  end
  return core.answer(204)
end

-- The endpoint -----------------------------------------------------------------

-- `:x` is one path segment, `*x` the rest of the path (a ref may have slashes).
local ROUTES = {
  { "GET", "/pulls", pulls.list },
  { "GET", "/pulls/:n", pulls.get },
  { "PUT", "/pulls/:n/merge", pulls.merge, write = true },
  { "GET", "/pulls/:n/merge", pulls.is_merged },
  { "GET", "/commits", list_commits },
  { "GET", "/commits/*ref/check-runs", check_runs },
  { "GET", "/commits/*ref/status", combined_status },
  { "GET", "/commits/*ref/pulls", pulls.of_commit },
  { "GET", "/commits/*ref", get_commit },
  { "POST", "/statuses/:sha", post_status, write = true },
  { "GET", "/compare/*basehead", compare },
  { "GET", "/branches/*branch/protection/required_status_checks", protection },
  { "GET", "/branches/*branch", get_branch },
  { "GET", "/rules/branches/*branch", rules },
  { "GET", "/git/ref/*ref", get_ref },
  { "GET", "/git/matching-refs/*ref", matching_refs },
  { "POST", "/git/refs", post_ref, write = true },
  { "PATCH", "/git/refs/*ref", patch_ref, write = true },
  { "DELETE", "/git/refs/*ref", delete_ref, write = true },
  { "GET", "/actions/runs", list_runs, all = true },
  { "GET", "/actions/workflows/:id/runs", list_runs },
  { "POST", "/actions/workflows/:id/dispatches", dispatch, write = true },
  { "GET", "/actions/runs/:id", get_run },
  { "GET", "/actions/runs/:id/jobs", list_jobs },
  { "POST", "/actions/runs/:id/rerun", rerun(false), write = true },
  { "POST", "/actions/runs/:id/rerun-failed-jobs", rerun(true), write = true },
}

for _, route in ipairs(ROUTES) do
  route.pattern = "^" .. route[2]:gsub("%-", "%%-"):gsub(":%w+", "([^/]+)"):gsub("%*%w+", "(.+)")
    .. "$"
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
      return { login = known.login or "release-bot", write = known.write ~= false,
        admin = known.admin ~= false }
    end
  end
  return nil, common.problem(401, "Bad credentials")
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
  return core.answer(200, out)
end

local function route_of(w, req)
  if req.path == "/user" and req.method == "GET" then
    return user_answer(req.who)
  end
  local owner, name, rest = req.path:match("^/repos/([^/]+)/([^/]+)(.*)$")
  if not owner or (owner .. "/" .. name):lower() ~= w.s.spec.repository.github:lower() then
    return common.not_found()
  elseif rest == "" and req.method == "GET" then
    return core.answer(200, shape.repo(w))
  end
  for _, route in ipairs(ROUTES) do
    local part = rest:match(route.pattern)
    if part and route[1] == req.method then
      if route.write and not req.who.write then
        return common.problem(403, "Resource not accessible by personal access token")
      end
      return route[3](w, req, not route.all and part ~= rest and core.unescape(part) or nil)
    end
  end
  return common.not_found()
end

local function add_rate(answer, state)
  answer.headers["x-ratelimit-limit"] = tostring(state.limit)
  answer.headers["x-ratelimit-remaining"] = tostring(state.remaining)
  answer.headers["x-ratelimit-used"] = tostring(state.used)
  answer.headers["x-ratelimit-reset"] = tostring((state.reset + 999) // 1000)
  answer.headers["x-ratelimit-resource"] = "core"
  answer.headers["x-github-media-type"] = "github.v3; format=json"
  return answer
end

local function conditional(w, req, answer)
  if req.method == "GET" and answer.status == 200 then
    local etag = 'W/"' .. sim.sha256(answer.body) .. '"'
    if req.headers["if-none-match"] == etag then
      local spent = w.s.spent.github
      spent.used = math.max(0, spent.used - 1)
      answer = core.answer(304)
    end
    answer.headers.etag = etag
  end
  return answer
end

function M.request(w, req)
  if (req.headers["user-agent"] or "") == "" then
    return { status = 403, headers = { ["content-type"] = "text/html" },
      body = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header "
        .. "(https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required).\n" }
  end
  local who, refused = identify(w, req)
  local state, over = core.spend(w, "github")
  if over then
    return add_rate(common.problem(403,
      "API rate limit exceeded for user ID 1. If you reach out to GitHub Support for help, please "
      .. "include the request ID."), state)
  elseif not who then
    return add_rate(refused, state)
  end
  req.who = who
  return add_rate(conditional(w, req, route_of(w, req)), state)
end

return M
