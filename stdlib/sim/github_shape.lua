-- GitHub's objects in the vendor's wire format, every required member present.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"

local M = {}

local null = sim.null
local ROOT = "https://api.github.com"

local function words(text)
  local out = {}
  for word in text:gmatch("%S+") do
    out[#out + 1] = word
  end
  return out
end

local USER_URLS = words "events followers following gists organizations received_events repos starred subscriptions"
local REPO_URLS = words [[archive assignees blobs branches collaborators comments commits compare contents contributors
  deployments downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels
  languages merges milestones notifications pulls releases stargazers statuses subscribers subscription tags teams trees]]

local function number_of(text)
  local n = 0
  for i = 1, 6 do
    n = n * 16 + tonumber(text:sub(i, i), 16)
  end
  return n + 1
end

local function node(kind, id)
  return kind .. "_sim" .. tostring(id)
end

--- Address of the repository in the API.
function M.base(w)
  return ROOT .. "/repos/" .. w.s.spec.repository.github
end

M.node = node

function M.html(w)
  return "https://github.com/" .. w.s.spec.repository.github
end

function M.user(login)
  local base = ROOT .. "/users/" .. core.escape(login)
  local id = number_of(sim.sha256("user " .. login))
  local out = {
    login = login, id = id, node_id = node("U", id),
    avatar_url = "https://avatars.githubusercontent.com/u/" .. id .. "?v=4",
    gravatar_id = "", url = base, html_url = "https://github.com/" .. core.escape(login),
    type = "User", site_admin = false,
  }
  for _, name in ipairs(USER_URLS) do
    out[name .. "_url"] = base .. "/" .. name
  end
  return out
end

--- The account of "Name <mail>": as the world file says, else the local part of the mail.
function M.login(w, author)
  if not author then
    return "somebody"
  end
  for login, known in core.sorted(w.s.spec.users or {}) do
    if known == author or login == author then
      return login
    end
  end
  local mail = author:match("<([^>@]*)")
  return (mail or author):gsub("[^%w%-]", "-"):lower()
end

local function full_name(w)
  return w.s.spec.repository.github:match("^([^/]+)/(.+)$")
end

function M.minimal_repo(w)
  local owner, name = full_name(w)
  local base = M.base(w)
  local id = number_of(core.hex(w, "repository"))
  local out = {
    id = id, node_id = node("R", id), name = name, full_name = owner .. "/" .. name,
    owner = M.user(owner), private = true,
    html_url = M.html(w), description = null, fork = false, url = base,
  }
  for _, part in ipairs(REPO_URLS) do
    out[part .. "_url"] = base .. "/" .. part
  end
  return out
end

function M.repo(w)
  local out = M.minimal_repo(w)
  local open = 0
  for _, pull in ipairs(w.s.pulls) do
    open = open + (pull.state == "open" and 1 or 0)
  end
  local born, now = core.iso(w.s.clock - 400 * 86400000), core.iso(w.s.now)
  for key, value in pairs {
    clone_url = M.html(w) .. ".git", git_url = "git://github.com/" .. out.full_name .. ".git",
    ssh_url = "git@github.com:" .. out.full_name .. ".git", svn_url = M.html(w), mirror_url = null,
    homepage = null,
    default_branch = w.s.spec.repository.default_branch, forks = 0, forks_count = 0,
    has_downloads = true, has_issues = true,
    has_projects = false, has_wiki = false, has_pages = false, has_discussions = false,
    language = "TypeScript",
    archived = false, disabled = false, open_issues = open, open_issues_count = open,
    license = null, pushed_at = now,
    size = 1024, stargazers_count = 0, watchers = 0, watchers_count = 0, created_at = born,
    updated_at = now,
    network_count = 0, subscribers_count = 3, visibility = "private",
    allow_merge_commit = core.has(w.s.spec.repository.merge_methods, "merge"),
    allow_squash_merge = core.has(w.s.spec.repository.merge_methods, "squash"),
    allow_rebase_merge = core.has(w.s.spec.repository.merge_methods, "rebase"),
  } do
    out[key] = value
  end
  return out
end

local function tree_of(sha)
  return sim.sha256("tree " .. sha):sub(1, 40)
end

local function git_user(commit)
  local name, mail = (commit.author or ""):match("^%s*(.-)%s*<(.-)>")
  return { name = name or commit.author or "Somebody", email = mail or "somebody@example.com",
    date = core.iso(commit.time) }
end

function M.commit(w, sha)
  local commit = w.s.commits[sha]
  local base = M.base(w)
  local parents = core.list {}
  for i, parent in ipairs(commit.parents) do
    parents[i] = { sha = parent, url = base .. "/commits/" .. parent, html_url = M.html(w)
      .. "/commit/" .. parent }
  end
  local who = git_user(commit)
  local user = M.user(M.login(w, commit.author))
  return {
    sha = sha, node_id = node("C", sha:sub(1, 12)), url = base .. "/commits/" .. sha,
    html_url = M.html(w) .. "/commit/" .. sha,
    comments_url = base .. "/commits/" .. sha .. "/comments", author = user, committer = user,
    parents = parents,
    commit = {
      url = base .. "/git/commits/" .. sha, author = who, committer = who, message = commit.message,
      comment_count = 0,
      tree = { sha = tree_of(sha), url = base .. "/git/trees/" .. tree_of(sha) },
      verification = { verified = false, reason = "unsigned", signature = null, payload = null,
        verified_at = null },
    },
  }
end

function M.simple_commit(w, sha)
  local commit = w.s.commits[sha]
  local who = git_user(commit)
  local person = { name = who.name, email = who.email }
  return { id = sha, tree_id = tree_of(sha), message = commit.message,
    timestamp = core.iso(commit.time), author = person,
    committer = person }
end

local function lines_of(text)
  local count, seen = 0, {}
  for line in ((text or "") .. "\n"):gmatch("([^\n]*)\n") do
    seen[line] = (seen[line] or 0) + 1
    count = count + 1
  end
  return seen, text and text:sub(-1) == "\n" and count - 1 or (text and count or 0)
end

-- Lines that the other side lacks: near enough to a diff for a count.
local function lacking(a, b)
  local n = 0
  for line, times in pairs(a) do
    n = n + math.max(0, times - (b[line] or 0))
  end
  return n
end

--- The changed files of a comparison.
function M.files(w, from, to)
  local out = core.list {}
  for i, path in ipairs(repo.changed(w, from, to) or {}) do
    local old, new = repo.read(w, from, path), repo.read(w, to, path)
    local before, before_count = lines_of(old)
    local after, after_count = lines_of(new)
    local added = old and new and lacking(after, before) or (new and after_count or 0)
    local gone = old and new and lacking(before, after) or (old and before_count or 0)
    out[i] = {
      sha = sim.sha256(new or old or ""):sub(1, 40), filename = path,
      status = not old and "added" or not new and "removed" or "modified", additions = added,
      deletions = gone,
      changes = added + gone, blob_url = M.html(w) .. "/blob/" .. to .. "/" .. path,
      raw_url = M.html(w) .. "/raw/" .. to .. "/" .. path, contents_url = M.base(w) .. "/contents/"
        .. path .. "?ref=" .. to,
    }
  end
  return out
end

local function end_of(w, ref, sha)
  local owner = full_name(w)
  return { label = owner .. ":" .. ref, ref = ref, sha = sha, user = M.user(owner),
    repo = M.repo(w) }
end

--- The parts that a list of pull requests has.
function M.pull_simple(w, pull, ends)
  local url = M.base(w) .. "/pulls/" .. pull.number
  local issue = M.base(w) .. "/issues/" .. pull.number
  local html = M.html(w) .. "/pull/" .. pull.number
  local statuses = M.base(w) .. "/statuses/" .. ends.head
  local function link(href)
    return { href = href }
  end
  return {
    id = pull.id, node_id = node("PR", pull.id), number = pull.number, url = url, html_url = html,
    diff_url = html .. ".diff",
    patch_url = html .. ".patch", issue_url = issue, commits_url = url .. "/commits",
    review_comments_url = url .. "/comments", review_comment_url = M.base(w)
      .. "/pulls/comments{/number}",
    comments_url = issue .. "/comments", statuses_url = statuses, state = pull.state,
    locked = false, title = pull.title,
    user = M.user(M.login(w, pull.author)), body = pull.body or null, labels = core.list {},
    milestone = null, assignee = null,
    assignees = core.list {}, requested_reviewers = core.list {}, requested_teams = core.list {},
    created_at = core.iso(pull.created), updated_at = core.iso(pull.updated),
    closed_at = pull.closed and core.iso(pull.closed) or null, merged_at = pull.merged
      and core.iso(pull.merged) or null,
    merge_commit_sha = pull.merge_sha or null, draft = pull.draft == true,
    author_association = "MEMBER", auto_merge = null,
    head = end_of(w, pull.head, ends.head), base = end_of(w, pull.base, ends.base),
    _links = { self = link(url), html = link(html), issue = link(issue),
      comments = link(issue .. "/comments"),
      review_comments = link(url .. "/comments"), review_comment = link(M.base(w)
        .. "/pulls/comments{/number}"),
      commits = link(url .. "/commits"), statuses = link(statuses) },
  }
end

function M.app(w)
  return {
    id = 15368, slug = "github-actions", node_id = node("A", 15368), owner = M.user("github"),
    name = "GitHub Actions",
    description = "Automate your workflow from idea to production",
    external_url = "https://help.github.com/en/actions",
    html_url = "https://github.com/apps/github-actions",
    created_at = core.iso(w.s.clock - 3000 * 86400000),
    updated_at = core.iso(w.s.clock - 300 * 86400000), permissions = { actions = "write",
      checks = "write" },
    events = core.list { "push", "workflow_dispatch" },
  }
end

local function time_or_null(ms)
  return ms and core.iso(ms) or null
end

function M.check_run(w, run, job)
  local html = M.html(w) .. "/actions/runs/" .. run.id .. "/job/" .. job.id
  local url = M.base(w) .. "/check-runs/" .. job.id
  return {
    id = job.id, node_id = node("CR", job.id), head_sha = run.sha, external_id = core.uuid(w, "job",
      tostring(job.id)),
    name = job.name, url = url, html_url = html, details_url = html, status = job.status,
    conclusion = job.conclusion or null,
    started_at = time_or_null(job.started or run.created),
    completed_at = time_or_null(job.completed),
    check_suite = { id = run.suite }, app = M.app(w), pull_requests = core.list {},
    output = { title = job.message and job.name or null, summary = job.message or null, text = null,
      annotations_count = 0,
      annotations_url = url .. "/annotations" },
  }
end

function M.job(w, run, job)
  local html = M.html(w) .. "/actions/runs/" .. run.id .. "/job/" .. job.id
  return {
    id = job.id, run_id = run.id, workflow_name = w.s.spec.workflows[run.file].name or run.file,
    head_branch = run.branch,
    run_url = M.base(w) .. "/actions/runs/" .. run.id, run_attempt = run.attempt,
    node_id = node("J", job.id),
    head_sha = run.sha, url = M.base(w) .. "/actions/jobs/" .. job.id, html_url = html,
    status = job.status,
    conclusion = job.conclusion or null, created_at = core.iso(run.created),
    started_at = core.iso(job.started or run.created),
    completed_at = time_or_null(job.completed), name = job.name, steps = core.list {},
    check_run_url = M.base(w) .. "/check-runs/" .. job.id, labels = core.list { "ubuntu-latest" },
    runner_id = null,
    runner_name = null, runner_group_id = null, runner_group_name = null,
  }
end

function M.workflow_id(file)
  return number_of(sim.sha256("workflow " .. file))
end

-- What reads show of a run: for a moment after a rerun still the attempt before.
local function state_of(w, run)
  local shows = core.some(w.s.spec.workflows[run.file].shows) or {}
  local old = run.attempts and w.s.now < (run.stale_till or 0) and run.attempts[#run.attempts]
  local now = old or run
  return now.attempt, shows.status or now.status, shows.conclusion or now.conclusion, now.updated
end

function M.run(w, run)
  local url = M.base(w) .. "/actions/runs/" .. run.id
  local workflow = w.s.spec.workflows[run.file]
  local attempt, status, conclusion, updated = state_of(w, run)
  return {
    id = run.id, name = workflow.name or run.file, node_id = node("WFR", run.id),
    head_branch = run.branch, head_sha = run.sha, path = ".github/workflows/" .. run.file,
    display_title = run.title or "", run_number = run.number, run_attempt = attempt,
    event = run.event, status = status, conclusion = conclusion or null,
    workflow_id = M.workflow_id(run.file), check_suite_id = run.suite,
    check_suite_node_id = node("CS", run.suite), url = url,
    html_url = M.html(w) .. "/actions/runs/" .. run.id, pull_requests = core.list {},
    created_at = core.iso(run.created), updated_at = core.iso(updated),
    run_started_at = core.iso(attempt == run.attempt and run.restarted or run.created),
    actor = M.user(M.login(w, run.actor)),
    triggering_actor = M.user(M.login(w, run.actor)), jobs_url = url .. "/jobs",
    logs_url = url .. "/logs",
    check_suite_url = M.base(w) .. "/check-suites/" .. run.suite,
    artifacts_url = url .. "/artifacts", cancel_url = url .. "/cancel", rerun_url = url .. "/rerun",
    previous_attempt_url = attempt > 1 and url .. "/attempts/" .. attempt - 1 or null,
    workflow_url = M.base(w) .. "/actions/workflows/" .. M.workflow_id(run.file),
    head_commit = M.simple_commit(w, run.sha), repository = M.minimal_repo(w),
    head_repository = M.minimal_repo(w),
  }
end

function M.ref(w, ref, sha)
  local kind = w.s.annotated[sha] and "tag" or "commit"
  return {
    ref = ref, node_id = node("REF", sim.sha256(ref):sub(1, 12)), url = M.base(w) .. "/git/" .. ref,
    object = { type = kind, sha = sha, url = ("%s/git/%ss/%s"):format(M.base(w), kind, sha) },
  }
end

function M.status(w, status)
  return {
    url = M.base(w) .. "/statuses/" .. status.sha,
    avatar_url = "https://avatars.githubusercontent.com/u/1?v=4", id = status.id,
    node_id = node("SC", status.id), state = status.state, description = status.description or null,
    target_url = status.target_url or null, context = status.context,
    created_at = core.iso(status.created),
    updated_at = core.iso(status.created),
  }
end

return M
