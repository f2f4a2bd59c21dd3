-- Pull requests of the simulated GitHub, and how they are merged.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"
local actions = sim.require "actions"
local shape = sim.require "github_shape"
local common = sim.require "github_common"

local M = {}

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

local function is_conflict(problem)
  return (type(problem) == "table" and problem.code or tostring(problem)):find("git.conflict", 1,
    true) ~= nil
end

-- Can it be merged without a conflict? Tried once for each pair of ends.
local function mergeable(w, pull, ends)
  if pull.state ~= "open" or not repo.head(w, pull.head) then
    return sim.null
  end
  local key = ends.head .. " " .. ends.base
  if pull.tried ~= key then
    pull.tried, pull.tried_at = key, w.s.now
    local ok, problem = pcall(sim.git.merge, { path = repo.path(w), base = ends.base,
      head = ends.head,
      message = "try", author = "GitHub <noreply@github.com>", time = w.s.clock })
    if not ok and not is_conflict(problem) then
      error(problem, 0)
    end
    pull.fits = ok
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
  elseif common.refusal(w, pull.base, ends.head) then
    return "blocked"
  elseif common.strict(w, pull.base) and not repo.contains(w, ends.head, ends.base) then
    return "behind"
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
  out.mergeable, out.mergeable_state, out.rebaseable = fits, mergeable_state(w, pull, ends, fits),
    fits
  out.merged, out.merged_by = pull.merged ~= nil, pull.merged and shape.user(pull.merged_by)
    or sim.null
  out.comments, out.review_comments, out.maintainer_can_modify = 0, 0, false
  out.commits, out.additions, out.deletions, out.changed_files = #repo.log(w, ends.head, ends.base),
    additions, deletions, #files
  return out
end

function M.get(w, _, number)
  local pull = pull_by(w, number)
  return pull and core.answer(200, pull_full(w, pull)) or common.not_found()
end

function M.list(w, req)
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
  return common.listed(req, out)
end

function M.of_commit(w, req, sha)
  sha = repo.resolve(w, sha)
  if not sha then
    return common.problem(422, "No commit found for SHA: "
      .. tostring(req.path:match("commits/([^/]+)")))
  end
  local out = {}
  for i = #w.s.pulls, 1, -1 do
    local pull = w.s.pulls[i]
    local ends = ends_of(w, pull)
    if pull.merge_sha == sha or (repo.contains(w, ends.head, sha) and not repo.contains(w,
      ends.base, sha)) then
      out[#out + 1] = shape.pull_simple(w, pull, ends)
    end
  end
  return common.listed(req, out)
end

local function merge_message(w, pull, method, body)
  local title = core.some(body.commit_title)
  local text = core.some(body.commit_message)
  if method == "squash" then
    return (title or ("%s (#%d)"):format(pull.title, pull.number)) .. (text and text ~= ""
      and "\n\n" .. text or "")
  end
  local owner = w.s.spec.repository.github:match("^[^/]+")
  return (title or ("Merge pull request #%d from %s/%s"):format(pull.number, owner, pull.head))
    .. "\n\n" .. (text or pull.title)
end

-- Puts the commits one by one on the base. A file that both sides changed since counts as a
-- conflict.
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
    tip = repo.commit(w, { parents = { tip }, files = files, message = commit.message,
      author = commit.author, time = w.s.now })
  end
  return tip
end

-- Makes the commit(s) of a merge; raises git.conflict.
local function combine(w, pull, ends, method, body, author)
  local path = repo.path(w)
  if method == "rebase" then
    return rebase(w, ends)
  end
  local message = merge_message(w, pull, method, body)
  local o = { path = path, base = ends.base, head = ends.head, message = message, author = author,
    time = w.s.now }
  if method == "squash" then
    return repo.made(w, sim.git.squash(o), { message = message, author = author, time = w.s.now,
      parents = { ends.base } })
  end
  return repo.made(w, sim.git.merge(o), { message = message, author = author, time = w.s.now,
    parents = { ends.base, ends.head } })
end

local METHOD_WORDS = { merge = "Merge commits are", squash = "Squash merges are",
  rebase = "Rebase merges are" }

function M.merge(w, req, number)
  local pull = pull_by(w, number)
  if not pull then
    return common.not_found()
  end
  local body = core.body(req) or {}
  local method = core.some(body.merge_method) or "merge"
  local ends = ends_of(w, pull)
  if not METHOD_WORDS[method] then
    return common.invalid("Invalid request.\n\nmerge_method must be one of merge, squash, rebase.")
  elseif pull.state ~= "open" or pull.draft then
    return common.problem(405, pull.draft and "Pull Request is still a draft"
      or "Pull Request is not mergeable")
  elseif core.some(body.sha) and body.sha ~= ends.head then
    return common.problem(409, "Head branch was modified. Review and try the merge again.")
  elseif not core.has(w.s.spec.repository.merge_methods, method) then
    return common.problem(405, METHOD_WORDS[method] .. " not allowed on this repository.")
  end
  local why = common.refusal(w, pull.base, ends.head)
    or (common.strict(w, pull.base) and not repo.contains(w, ends.head, ends.base)
      and "Head branch is out of date. Review and try the merge again.")
  if why then
    return common.problem(405, why)
  end
  local author = ("%s <%s@users.noreply.github.com>"):format(req.who.login, req.who.login)
  local ok, sha = pcall(combine, w, pull, ends, method, body, author)
  if not ok and is_conflict(sha) then
    return common.problem(405, "Pull Request is not mergeable")
  elseif not ok then
    error(sha, 0)
  end
  pull.state, pull.merged, pull.closed, pull.updated = "closed", w.s.now, w.s.now, w.s.now
  pull.merged_head, pull.merged_base, pull.merge_sha, pull.merged_by = ends.head, ends.base, sha,
    req.who.login
  core.record(w, "github", "github.merge", ("#%d %s"):format(pull.number, core.short(ends.head)),
    { sha = sha, method = method, base = pull.base })
  repo.move(w, "refs/heads/" .. pull.base, sha, { actor = author })
  if w.s.spec.repository.delete_merged then
    repo.move(w, "refs/heads/" .. pull.head, nil, { quiet = true })
  end
  return core.answer(200, { sha = sha, merged = true,
    message = "Pull Request successfully merged" })
end

--- Merges the base into the head, when the head is still the one that the client saw.
function M.update_branch(w, req, number)
  local pull, body = pull_by(w, number), core.body(req) or {}
  if not pull then
    return common.not_found()
  end
  local ends = ends_of(w, pull)
  local wanted = core.some(body.expected_head_sha)
  if pull.state ~= "open" then
    return common.invalid("Pull request is closed")
  elseif wanted and wanted ~= ends.head then
    return common.invalid("expected head sha didn’t match current head ref.")
  elseif repo.contains(w, ends.head, ends.base) then
    return common.invalid("There are no new commits on the base branch.")
  end
  local author = ("%s <%s@users.noreply.github.com>"):format(req.who.login, req.who.login)
  local o = { path = repo.path(w), base = ends.head, head = ends.base, author = author,
    message = ("Merge branch '%s' into %s"):format(pull.base, pull.head), time = w.s.now }
  local ok, sha = pcall(sim.git.merge, o)
  if not ok and is_conflict(sha) then
    return common.invalid("merge conflict between base and head")
  elseif not ok then
    error(sha, 0)
  end
  repo.made(w, sha, { message = o.message, author = author, time = w.s.now,
    parents = { ends.head, ends.base } })
  core.record(w, "github", "github.update_branch", ("#%d %s"):format(pull.number,
    core.short(ends.head)), { sha = sha })
  repo.move(w, "refs/heads/" .. pull.head, sha, { actor = author })
  return core.answer(202, { message = "Updating pull request branch.",
    url = shape.html(w) .. "/pull/" .. pull.number })
end

function M.is_merged(w, _, number)
  local pull = pull_by(w, number)
  if pull and pull.merged then
    return core.answer(204)
  end
  return common.not_found()
end

return M
