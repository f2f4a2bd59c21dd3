-- GitHub's commits, comparisons, branches, refs and tags.
--
-- After a write reads may show the ref as it was for `github.read_lag` of the world file.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"
local shape = sim.require "github_shape"
local more = sim.require "github_shape_more"
local common = sim.require "github_common"

local M = {}

-- Reads that lag ---------------------------------------------------------------

-- Remembers what reads show of a ref until they have caught up.
local function lag(w, ref)
  local wait = core.ms((w.s.spec.github or {}).read_lag, 0)
  if wait > 0 then
    w.s.github.lagging[ref] = { sha = w.s.refs[ref] or false, object = repo.object(w, ref) or false,
      till = w.s.now + wait }
  end
end

-- The commit and the object that a read of the ref shows now.
local function seen(w, ref)
  local old = w.s.github.lagging[ref]
  if old and w.s.now < old.till then
    return old.sha or nil, old.object or nil
  end
  return w.s.refs[ref], repo.object(w, ref)
end

local function resolve(w, name)
  for _, ref in ipairs { name, "refs/heads/" .. name, "refs/tags/" .. name, "refs/" .. name } do
    if w.s.github.lagging[ref] or w.s.refs[ref] then
      return (seen(w, ref))
    end
  end
  return repo.resolve(w, name)
end

-- Commits --------------------------------------------------------------------

function M.commit_or_error(w, name)
  local sha = resolve(w, name)
  if sha and w.s.commits[sha] then
    return sha
  end
  return nil, common.problem(422, "No commit found for SHA: " .. name)
end

function M.get_commit(w, _, name)
  local sha, missing = M.commit_or_error(w, name)
  if not sha then
    return missing
  end
  local out = shape.commit(w, sha)
  local parent = w.s.commits[sha].parents[1]
  out.files = parent and shape.files(w, parent, sha) or core.list {}
  return core.answer(200, out)
end

function M.list_commits(w, req)
  local sha, missing = M.commit_or_error(w, req.query.sha or w.s.spec.repository.default_branch)
  if not sha then
    return missing
  end
  local out = {}
  for i, one in ipairs(repo.log(w, sha)) do
    out[i] = shape.commit(w, one)
  end
  return common.listed(req, out)
end

function M.compare(w, req, basehead)
  local left, right = basehead:match("^(.-)%.%.%.(.+)$")
  local base, head = left and resolve(w, left), right and resolve(w, right)
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
    diff_url = html .. ".diff", patch_url = html .. ".patch", base_commit = shape.commit(w, base),
    merge_base_commit = shape.commit(w, fork), status = status, ahead_by = #ahead,
    behind_by = #behind, total_commits = #ahead, commits = some, files = shape.files(w, fork, head),
  }, headers)
end

--- A file as base64; a folder is refused, as nobody here asks for one.
function M.get_contents(w, req, path)
  local ref = req.query.ref or w.s.spec.repository.default_branch
  local sha = resolve(w, ref)
  if not sha then
    return common.problem(404, "No commit found for the ref " .. ref)
  end
  local text = repo.read(w, sha, path)
  return text and core.answer(200, more.file(w, sha, path, text)) or common.not_found()
end

-- Branches and refs ------------------------------------------------------------

function M.get_branch(w, _, branch)
  local sha = seen(w, "refs/heads/" .. branch)
  if not sha then
    return common.problem(404, "Branch not found")
  end
  local names = core.list {}
  for i, check in ipairs(common.required(w, branch)) do
    names[i] = check.name
  end
  local url = shape.base(w) .. "/branches/" .. core.escape(branch)
  return core.answer(200, {
    name = branch, commit = shape.commit(w, sha), protected = #names > 0,
    protection_url = url .. "/protection",
    _links = { self = url, html = shape.html(w) .. "/tree/" .. branch },
    protection = { enabled = #names > 0, required_status_checks = { contexts = names,
      checks = core.list {}, enforcement_level = "non_admins" } },
  })
end

function M.get_ref(w, _, name)
  local sha, object = seen(w, "refs/" .. name)
  return sha and core.answer(200, shape.ref(w, "refs/" .. name, object)) or common.not_found()
end

function M.matching_refs(w, req, name)
  local out = {}
  for ref in core.sorted(w.s.refs) do
    local _, object = seen(w, ref)
    if object and core.starts(ref, "refs/" .. name) then
      out[#out + 1] = shape.ref(w, ref, object)
    end
  end
  return common.listed(req, out)
end

function M.list_tags(w, req)
  local out = {}
  for ref in core.sorted(w.s.refs) do
    local name, sha = ref:match("^refs/tags/(.+)$"), seen(w, ref)
    if name and sha then
      out[#out + 1] = more.tag_line(w, name, sha)
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

-- A ref moved with the token of a workflow starts no workflow.
local function move(w, req, ref, sha)
  lag(w, ref)
  repo.move(w, ref, sha, { actor = req.who.login, silent = req.who.workflow })
end

local function is_known(w, sha)
  return type(sha) == "string" and (w.s.commits[sha] or w.s.annotated[sha])
end

local function commit_of(w, sha)
  return w.s.annotated[sha] and w.s.annotated[sha].sha or sha
end

local function holds_workflows(w, from, to)
  for _, path in ipairs(from and repo.changed(w, from, to) or {}) do
    if core.starts(path, ".github/workflows/") then
      return true
    end
  end
  return false
end

-- A classic token without the scope `workflow` may not bring workflow files anywhere.
local function lacks_workflow(w, req, from, to)
  return req.who.scopes and not (" " .. req.who.scopes .. ","):find(" workflow,", 1, true)
    and holds_workflows(w, from, to) and common.invalid(
      "refusing to allow a Personal Access Token to create or update workflow without `workflow` "
        .. "scope")
    or nil
end

function M.post_ref(w, req)
  local body = core.body(req) or {}
  local name = type(body.ref) == "string" and body.ref:match("^refs/(.+/.+)$")
  if not name then
    return common.invalid("Reference name must start with 'refs' and contain at least 2 slashes.")
  elseif type(body.sha) ~= "string" or not body.sha:find("^%x+$") or #body.sha ~= 40 then
    return common.invalid("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
  elseif w.s.refs[body.ref] then
    return common.invalid("Reference already exists")
  elseif not is_known(w, body.sha) then
    return common.invalid("Object does not exist")
  end
  local effect = core.starts(name, "tags/") and "github.create_tag" or core.starts(name, "heads/")
    and "github.create_branch" or "github.create_ref"
  core.record(w, "github", effect, ref_target(name, nil, commit_of(w, body.sha)))
  move(w, req, body.ref, body.sha)
  return core.answer(201, shape.ref(w, body.ref, body.sha), { location = shape.base(w) .. "/git/"
    .. body.ref })
end

local function patch_problem(w, req, name, body)
  local ref = "refs/" .. name
  local from = w.s.refs[ref]
  if not from then
    return common.invalid("Reference does not exist")
  elseif not is_known(w, body.sha) then
    return common.invalid("Object does not exist")
  elseif body.force ~= true and not repo.contains(w, commit_of(w, body.sha), from) then
    return common.invalid("Update is not a fast forward")
  end
  local branch = name:match("^heads/(.+)$")
  local why = branch and from ~= body.sha and common.refusal(w, branch, body.sha)
  return why and common.invalid("Repository rule violations found\n\n" .. why)
    or lacks_workflow(w, req, from, commit_of(w, body.sha))
end

function M.patch_ref(w, req, name)
  local body = core.body(req) or {}
  local ref = "refs/" .. name
  local refused = patch_problem(w, req, name, body)
  if refused then
    return refused
  end
  local from = w.s.refs[ref]
  if repo.object(w, ref) ~= body.sha then
    core.record(w, "github", "github.move_ref", ref_target(name, from, commit_of(w, body.sha)))
    move(w, req, ref, body.sha)
  end
  return core.answer(200, shape.ref(w, ref, body.sha))
end

function M.delete_ref(w, req, name)
  local ref = "refs/" .. name
  if not w.s.refs[ref] then
    return common.invalid("Reference does not exist")
  end
  core.record(w, "github", "github.delete_ref", ref_target(name, w.s.refs[ref]))
  move(w, req, ref, nil)
  return core.answer(204)
end

-- Annotated tags -----------------------------------------------------------------

-- A tag object that no ref names is nothing that anybody sees: no entry in the ledger.
function M.post_tag(w, req)
  local body = core.body(req) or {}
  for _, name in ipairs { "tag", "message", "object", "type" } do
    if type(body[name]) ~= "string" or body[name] == "" then
      return common.invalid(('Invalid request.\n\n"%s" wasn\'t supplied.'):format(name))
    end
  end
  if body.type ~= "commit" then
    return common.invalid("type: only commits of this repository can be tagged here")
  elseif not w.s.commits[body.object] then
    return common.invalid("Could not resolve object " .. body.object)
  end
  local author = ("%s <%s@users.noreply.github.com>"):format(req.who.login, req.who.login)
  local sha = sim.git.tag { path = repo.path(w), name = body.tag, sha = body.object,
    message = body.message, author = author, time = w.s.now }
  w.s.annotated[sha] = { tag = body.tag, message = body.message, sha = body.object,
    author = author, time = w.s.now }
  return core.answer(201, more.tag_object(w, sha))
end

function M.get_tag(w, _, sha)
  return w.s.annotated[sha] and core.answer(200, more.tag_object(w, sha)) or common.not_found()
end

return M
