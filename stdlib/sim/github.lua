-- GitHub's REST API over the world's repository, pull requests and workflow runs.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"
local actions = sim.require "actions"
local shape = sim.require "github_shape"

local M = {}

local DOCS = "https://docs.github.com/rest"

-- Answers ------------------------------------------------------------------

local function problem(status, message, more)
  local body = { message = message, documentation_url = DOCS, status = tostring(status) }
  for key, value in pairs(more or {}) do
    body[key] = value
  end
  return core.answer(status, body)
end

local function not_found()
  return problem(404, "Not Found")
end

local function invalid(message, errors)
  return problem(422, message, { errors = errors })
end

--- A page of a list, with the Link header of the vendor.
local function page_of(req, items)
  local per = math.max(1, math.min(100, math.tointeger(tonumber(req.query.per_page)) or 30))
  local page = math.max(1, math.tointeger(tonumber(req.query.page)) or 1)
  local out = core.list {}
  for i = (page - 1) * per + 1, math.min(#items, page * per) do
    out[#out + 1] = items[i]
  end
  local last = math.max(1, (#items + per - 1) // per)
  local links = {}
  local function link(rel, to)
    local query = {}
    for name, value in core.sorted(req.query) do
      if name ~= "page" then
        query[#query + 1] = core.escape(name) .. "=" .. core.escape(value)
      end
    end
    query[#query + 1] = "page=" .. to
    links[#links + 1] = ('<https://%s%s?%s>; rel="%s"'):format(req.host, req.path, table.concat(query, "&"), rel)
  end
  if page > 1 then
    link("prev", page - 1)
  end
  if page < last then
    link("next", page + 1)
    link("last", last)
  end
  if page > 1 then
    link("first", 1)
  end
  return out, #links > 0 and { link = table.concat(links, ", ") } or nil
end

local function listed(req, items, name)
  local some, headers = page_of(req, items)
  if name then
    return core.answer(200, { total_count = #items, [name] = some }, headers)
  end
  return core.answer(200, some, headers)
end

-- Rules ----------------------------------------------------------------------

-- What the protection of a branch (and its rulesets) requires.
local function required(w, branch)
  local names, seen = {}, {}
  for _, source in ipairs { w.s.spec.protection, w.s.spec.rules } do
    for _, name in ipairs(core.many(source[branch])) do
      if not seen[name] then
        names[#names + 1], seen[name] = name, true
      end
    end
  end
  return names
end

--- Why a commit may not be merged into a branch; nil when it may.
local function refusal(w, branch, sha)
  local lacking = {}
  for _, name in ipairs(required(w, branch)) do
    local verdict = actions.verdict(w, sha, name)
    if verdict ~= "success" then
      lacking[#lacking + 1] = { name = name, verdict = verdict }
    end
  end
  if #lacking == 0 then
    return nil
  elseif #lacking > 1 then
    return ("%d of %d required status checks are expected."):format(#lacking, #required(w, branch))
  end
  local words = { expected = "expected", pending = "pending", failure = "failing" }
  return ('Required status check "%s" is %s.'):format(lacking[1].name, words[lacking[1].verdict] or "expected")
end

-- Pull requests --------------------------------------------------------------

local function pull_by(w, number)
  for _, pull in ipairs(w.s.pulls) do
    if pull.number == math.tointeger(tonumber(number)) then
      return pull
    end
  end
end

local function ends_of(w, pull)
  if pull.merged then
    return { head = pull.merged_head, base = pull.merged_base }
  end
  return { head = repo.head(w, pull.head) or pull.last_head, base = repo.head(w, pull.base) }
end

-- Can it be merged without a conflict? Tried once for each pair of ends.
local function mergeable(w, pull, ends)
  if pull.state ~= "open" or not repo.head(w, pull.head) then
    return sim.null
  end
  local key = ends.head .. " " .. ends.base
  if pull.tried ~= key then
    pull.tried, pull.tried_at = key, w.s.now
    pull.fits = pcall(sim.git.merge, { path = repo.path(w), base = ends.base, head = ends.head, message = "try",
      author = "GitHub <noreply@github.com>", time = w.s.clock })
  end
  if w.s.now < pull.tried_at + core.ms(w.s.spec.mergeable_after, 0) then
    return sim.null
  end
  return pull.fits
end

local function mergeable_state(w, pull, ends, fits)
  if pull.state ~= "open" or fits == sim.null then
    return "unknown"
  elseif not fits then
    return "dirty"
  elseif pull.draft then
    return "draft"
  elseif refusal(w, pull.base, ends.head) then
    return "blocked"
  end
  for _, check in ipairs(actions.checks(w, ends.head)) do
    if not actions.GOOD[check.job.conclusion or "none"] then
      return "unstable"
    end
  end
  return "clean"
end

local function pull_full(w, pull)
  local ends = ends_of(w, pull)
  local out = shape.pull_simple(w, pull, ends)
  local fits = mergeable(w, pull, ends)
  local from = repo.merge_base(w, ends.base, ends.head)
  local additions, deletions, files = 0, 0, shape.files(w, from or ends.base, ends.head)
  for _, file in ipairs(files) do
    additions, deletions = additions + file.additions, deletions + file.deletions
  end
  out.mergeable, out.mergeable_state, out.rebaseable = fits, mergeable_state(w, pull, ends, fits), fits
  out.merged, out.merged_by = pull.merged ~= nil, pull.merged and shape.user(pull.merged_by) or sim.null
  out.comments, out.review_comments, out.maintainer_can_modify = 0, 0, false
  out.commits, out.additions, out.deletions, out.changed_files = #repo.log(w, ends.head, ends.base), additions, deletions, #files
  return out
end

local function get_pull(w, _, number)
  local pull = pull_by(w, number)
  return pull and core.answer(200, pull_full(w, pull)) or not_found()
end

local function list_pulls(w, req)
  local state, head, base = req.query.state or "open", req.query.head, req.query.base
  local owner = w.s.spec.repository.github:match("^[^/]+")
  local out = {}
  for i = #w.s.pulls, 1, -1 do
    local pull = w.s.pulls[i]
    if (state == "all" or state == pull.state) and (not base or base == pull.base)
      and (not head or not head:find(":", 1, true) or head == owner .. ":" .. pull.head) then
      out[#out + 1] = shape.pull_simple(w, pull, ends_of(w, pull))
    end
  end
  return listed(req, out)
end

local function pulls_of_commit(w, req, sha)
  sha = repo.resolve(w, sha)
  if not sha then
    return problem(422, "No commit found for SHA: " .. tostring(req.path:match("commits/([^/]+)")))
  end
  local out = {}
  for i = #w.s.pulls, 1, -1 do
    local pull = w.s.pulls[i]
    local ends = ends_of(w, pull)
    if pull.merge_sha == sha or (repo.contains(w, ends.head, sha) and not repo.contains(w, ends.base, sha)) then
      out[#out + 1] = shape.pull_simple(w, pull, ends)
    end
  end
  return listed(req, out)
end

local function merge_message(w, pull, method, body)
  local title = core.some(body.commit_title)
  local text = core.some(body.commit_message)
  if method == "squash" then
    return (title or ("%s (#%d)"):format(pull.title, pull.number)) .. (text and text ~= "" and "\n\n" .. text or "")
  end
  local owner = w.s.spec.repository.github:match("^[^/]+")
  return (title or ("Merge pull request #%d from %s/%s"):format(pull.number, owner, pull.head)) .. "\n\n" .. (text or pull.title)
end

-- Puts the commits one by one on the base. A file that both sides changed since counts as a conflict.
local function rebase(w, ends)
  local tip = ends.base
  local list = repo.log(w, ends.head, ends.base)
  for i = #list, 1, -1 do
    local commit = w.s.commits[list[i]]
    local files = {}
    for _, path in ipairs(repo.changed(w, nil, list[i]) or {}) do
      if repo.read(w, tip, path) ~= repo.read(w, commit.parents[1], path) then
        error({ code = "git.conflict" }, 0)
      end
      files[path] = repo.read(w, list[i], path) or false
    end
    tip = repo.commit(w, { parents = { tip }, files = files, message = commit.message, author = commit.author, time = w.s.now })
  end
  return tip
end

local function is_conflict(problem)
  return (type(problem) == "table" and problem.code or tostring(problem)):find("git.conflict", 1, true) ~= nil
end

-- Makes the commit(s) of a merge; raises git.conflict.
local function combine(w, pull, ends, method, body, author)
  local path = repo.path(w)
  if method == "rebase" then
    return rebase(w, ends)
  end
  local message = merge_message(w, pull, method, body)
  local o = { path = path, base = ends.base, head = ends.head, message = message, author = author, time = w.s.now }
  if method == "squash" then
    return repo.made(w, sim.git.squash(o), { message = message, author = author, time = w.s.now, parents = { ends.base } })
  end
  return repo.made(w, sim.git.merge(o), { message = message, author = author, time = w.s.now,
    parents = { ends.base, ends.head } })
end

local METHOD_WORDS = { merge = "Merge commits are", squash = "Squash merges are", rebase = "Rebase merges are" }

local function put_merge(w, req, number)
  local pull = pull_by(w, number)
  if not pull then
    return not_found()
  end
  local body = core.body(req) or {}
  local method = core.some(body.merge_method) or "merge"
  local ends = ends_of(w, pull)
  if not METHOD_WORDS[method] then
    return invalid("Invalid request.\n\nmerge_method must be one of merge, squash, rebase.")
  elseif pull.state ~= "open" or pull.draft then
    return problem(405, pull.draft and "Pull Request is still a draft" or "Pull Request is not mergeable")
  elseif core.some(body.sha) and body.sha ~= ends.head then
    return problem(409, "Head branch was modified. Review and try the merge again.")
  elseif not core.has(w.s.spec.repository.merge_methods, method) then
    return problem(405, METHOD_WORDS[method] .. " not allowed on this repository.")
  end
  local why = refusal(w, pull.base, ends.head)
  if why then
    return problem(405, why)
  end
  local author = ("%s <%s@users.noreply.github.com>"):format(req.who.login, req.who.login)
  local ok, sha = pcall(combine, w, pull, ends, method, body, author)
  if not ok and is_conflict(sha) then
    return problem(405, "Pull Request is not mergeable")
  elseif not ok then
    error(sha, 0)
  end
  pull.state, pull.merged, pull.closed, pull.updated = "closed", w.s.now, w.s.now, w.s.now
  pull.merged_head, pull.merged_base, pull.merge_sha, pull.merged_by = ends.head, ends.base, sha, req.who.login
  core.record(w, "github", "github.merge", ("#%d %s"):format(pull.number, core.short(ends.head)),
    { sha = sha, method = method, base = pull.base })
  repo.move(w, "refs/heads/" .. pull.base, sha, { actor = author })
  if w.s.spec.repository.delete_merged then
    repo.move(w, "refs/heads/" .. pull.head, nil, { quiet = true })
  end
  return core.answer(200, { sha = sha, merged = true, message = "Pull Request successfully merged" })
end

local function get_merge(w, _, number)
  local pull = pull_by(w, number)
  if pull and pull.merged then
    return core.answer(204)
  end
  return not_found()
end

-- Commits, checks ------------------------------------------------------------

local function commit_or_error(w, name)
  local sha = repo.resolve(w, name)
  if sha and w.s.commits[sha] then
    return sha
  end
  return nil, problem(422, "No commit found for SHA: " .. name)
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
  return listed(req, out)
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
  return listed(req, out, "check_runs")
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
  local some, headers = page_of(req, shapes)
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
    return invalid("Validation Failed", core.list { { resource = "Status", code = "custom", field = "state",
      message = "state is not included in the list" } })
  end
  local status = { id = core.id(w, "status"), sha = sha, context = core.some(body.context) or "default", state = body.state,
    description = core.some(body.description), target_url = core.some(body.target_url), created = w.s.now }
  table.insert(w.s.statuses, status)
  core.record(w, "github", "github.status", core.short(sha) .. " " .. status.context, { state = status.state })
  local out = shape.status(w, status)
  out.creator = shape.user(req.who.login)
  return core.answer(201, out)
end

local function compare(w, req, basehead)
  local left, right = basehead:match("^(.-)%.%.%.(.+)$")
  local base, head = left and repo.resolve(w, left), right and repo.resolve(w, right)
  if not base or not head then
    return not_found()
  end
  local fork = repo.merge_base(w, base, head)
  if not fork then
    return problem(404, ("No common ancestor between %s and %s."):format(left, right))
  end
  local ahead, behind = repo.log(w, head, base), repo.log(w, base, head)
  local commits = {}
  for i = #ahead, 1, -1 do
    commits[#commits + 1] = shape.commit(w, ahead[i])
  end
  req.query.per_page = req.query.per_page or "250"
  local some, headers = page_of(req, commits)
  local html = shape.html(w) .. "/compare/" .. basehead
  local status = #ahead > 0 and (#behind > 0 and "diverged" or "ahead") or (#behind > 0 and "behind" or "identical")
  return core.answer(200, {
    url = shape.base(w) .. "/compare/" .. basehead, html_url = html, permalink_url = html, diff_url = html .. ".diff",
    patch_url = html .. ".patch", base_commit = shape.commit(w, base), merge_base_commit = shape.commit(w, fork),
    status = status, ahead_by = #ahead, behind_by = #behind, total_commits = #ahead, commits = some,
    files = shape.files(w, fork, head),
  }, headers)
end

-- Branches and refs ----------------------------------------------------------

local function protection(w, req, branch)
  if not repo.head(w, branch) then
    return problem(404, "Branch not found")
  elseif not req.who.admin then
    return problem(403, "Resource not accessible by personal access token")
  end
  local names = core.many(w.s.spec.protection[branch])
  if #names == 0 then
    return problem(404, "Branch not protected")
  end
  local url = shape.base(w) .. "/branches/" .. core.escape(branch) .. "/protection/required_status_checks"
  local checks = core.list {}
  for i, name in ipairs(names) do
    checks[i] = { context = name, app_id = 15368 }
  end
  return core.answer(200, { url = url, strict = false, contexts = core.list(core.copy(names)), contexts_url = url .. "/contexts",
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
  return listed(req, out)
end

local function get_branch(w, _, branch)
  local sha = repo.head(w, branch)
  if not sha then
    return problem(404, "Branch not found")
  end
  local names = required(w, branch)
  local url = shape.base(w) .. "/branches/" .. core.escape(branch)
  return core.answer(200, {
    name = branch, commit = shape.commit(w, sha), protected = #names > 0, protection_url = url .. "/protection",
    _links = { self = url, html = shape.html(w) .. "/tree/" .. branch },
    protection = { enabled = #names > 0, required_status_checks = { contexts = core.list(core.copy(names)),
      checks = core.list {}, enforcement_level = "non_admins" } },
  })
end

local function get_ref(w, _, name)
  local sha = w.s.refs["refs/" .. name]
  return sha and core.answer(200, shape.ref(w, "refs/" .. name, sha)) or not_found()
end

local function matching_refs(w, req, name)
  local out = {}
  for ref, sha in core.sorted(w.s.refs) do
    if core.starts(ref, "refs/" .. name) then
      out[#out + 1] = shape.ref(w, ref, sha)
    end
  end
  return listed(req, out)
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
    return invalid("Reference name must start with 'refs' and contain at least 2 slashes.")
  elseif w.s.refs[body.ref] then
    return invalid("Reference already exists")
  elseif not w.s.commits[body.sha] then
    return invalid("Object does not exist")
  end
  core.record(w, "github", "github.create_ref", ref_target(name, nil, body.sha))
  repo.move(w, body.ref, body.sha, { actor = req.who.login })
  return core.answer(201, shape.ref(w, body.ref, body.sha), { location = shape.base(w) .. "/git/" .. body.ref })
end

local function patch_ref(w, req, name)
  local body = core.body(req) or {}
  local ref = "refs/" .. name
  local from = w.s.refs[ref]
  if not from then
    return invalid("Reference does not exist")
  elseif not w.s.commits[body.sha] then
    return invalid("Object does not exist")
  elseif body.force ~= true and not repo.contains(w, body.sha, from) then
    return invalid("Update is not a fast forward")
  end
  local branch = name:match("^heads/(.+)$")
  local why = branch and from ~= body.sha and refusal(w, branch, body.sha)
  if why then
    return invalid(why)
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
    return invalid("Reference does not exist")
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
  return (not query.head_sha or query.head_sha == run.sha) and (not query.branch or query.branch == run.branch)
    and (not query.event or query.event == run.event) and (not status or status == run.status or status == run.conclusion)
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
    return not_found()
  end
  local out = {}
  for i = #w.s.runs, 1, -1 do
    local run = w.s.runs[i]
    if run.visible <= w.s.now and (not file or file == run.file) and run_fits(run, req.query)
      and created_fits(run, req.query.created) then
      out[#out + 1] = shape.run(w, run)
    end
  end
  return listed(req, out, "workflow_runs")
end

local function run_by(w, id)
  local run = actions.run(w, math.tointeger(tonumber(id)))
  return run and run.visible <= w.s.now and run or nil
end

local function get_run(w, _, id)
  local run = run_by(w, id)
  return run and core.answer(200, shape.run(w, run)) or not_found()
end

local function list_jobs(w, req, id)
  local run = run_by(w, id)
  if not run then
    return not_found()
  end
  local out = {}
  for i, job in ipairs(run.jobs) do
    out[i] = shape.job(w, run, job)
  end
  return listed(req, out, "jobs")
end

local function rerun(failed)
  return function (w, _, id)
    local run = run_by(w, id)
    if not run then
      return not_found()
    elseif run.status ~= "completed" then
      return problem(403, "This workflow is already running")
    end
    actions.rerun(w, run, failed)
    core.record(w, "github", "github.rerun", "run " .. run.id, { workflow = run.file, attempt = run.attempt })
    return core.answer(201, {})
  end
end

local function dispatch(w, req, id)
  local file = file_of(w, id)
  local body = core.body(req) or {}
  local sha = repo.resolve(w, body.ref)
  if not file then
    return not_found()
  elseif not sha then
    return invalid("No ref found for: " .. tostring(body.ref))
  elseif not (w.s.spec.workflows[file].triggers or {}).workflow_dispatch then
    return invalid("Workflow does not have 'workflow_dispatch' trigger")
  end
  local run = actions.start(w, { file = file, event = "workflow_dispatch", branch = body.ref, sha = sha, live = true,
    actor = req.who.login })
  core.record(w, "github", "github.dispatch", file .. " " .. body.ref, { run = run.id, inputs = core.some(body.inputs) or {} })
  if body.return_run_details == true then
    local url = shape.base(w) .. "/actions/runs/" .. run.id
    return core.answer(200, { workflow_run_id = run.id, run_url = url, html_url = shape.html(w) .. "/actions/runs/" .. run.id })
  end
  return core.answer(204)
end

-- The endpoint -----------------------------------------------------------------

-- `:x` is one path segment, `*x` the rest of the path (a ref may have slashes).
local ROUTES = {
  { "GET", "/pulls", list_pulls },
  { "GET", "/pulls/:n", get_pull },
  { "PUT", "/pulls/:n/merge", put_merge, write = true },
  { "GET", "/pulls/:n/merge", get_merge },
  { "GET", "/commits", list_commits },
  { "GET", "/commits/*ref/check-runs", check_runs },
  { "GET", "/commits/*ref/status", combined_status },
  { "GET", "/commits/*ref/pulls", pulls_of_commit },
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
  route.pattern = "^" .. route[2]:gsub("%-", "%%-"):gsub(":%w+", "([^/]+)"):gsub("%*%w+", "(.+)") .. "$"
end

local function identify(w, req)
  local given = req.headers.authorization
  if not given then
    return nil, problem(401, "Requires authentication")
  end
  local token = given:match("^[Bb]earer%s+(.+)$") or given:match("^token%s+(.+)$")
  for _, known in ipairs(core.many(w.s.spec.tokens.github)) do
    if type(known) == "string" then
      known = { token = known }
    end
    if known.token == token then
      return { login = known.login or "release-bot", write = known.write ~= false, admin = known.admin ~= false }
    end
  end
  return nil, problem(401, "Bad credentials")
end

local function user_answer(who)
  local out = shape.user(who.login)
  for key, value in pairs {
    name = sim.null, company = sim.null, blog = "", location = sim.null, email = sim.null, hireable = sim.null, bio = sim.null,
    public_repos = 0, public_gists = 0, followers = 0, following = 0, created_at = "2020-01-01T00:00:00Z",
    updated_at = "2020-01-01T00:00:00Z", private_gists = 0, total_private_repos = 1, owned_private_repos = 0, disk_usage = 0,
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
    return not_found()
  elseif rest == "" and req.method == "GET" then
    return core.answer(200, shape.repo(w))
  end
  for _, route in ipairs(ROUTES) do
    local part = rest:match(route.pattern)
    if part and route[1] == req.method then
      if route.write and not req.who.write then
        return problem(403, "Resource not accessible by personal access token")
      end
      return route[3](w, req, not route.all and part ~= rest and core.unescape(part) or nil)
    end
  end
  return not_found()
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
    return add_rate(problem(403, "API rate limit exceeded for user ID 1. If you reach out to GitHub Support for help, please "
      .. "include the request ID."), state)
  elseif not who then
    return add_rate(refused, state)
  end
  req.who = who
  return add_rate(conditional(w, req, route_of(w, req)), state)
end

return M
