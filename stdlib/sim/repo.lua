-- The repository of the world: a bare one on disk, what is known of its commits,
-- and the notice that is taken when somebody moves a ref in it.

local sim = ...
local core = sim.require "core"

local M = {}

--- Absolute path of the bare repository.
function M.path(w)
  return w.dir .. "/git/" .. w.s.spec.repository.name .. ".git"
end

local function remember(w, sha, commit)
  w.s.commits[sha] = {
    message = commit.message, author = commit.author, time = commit.time,
    parents = core.list(core.copy(commit.parents or {})),
  }
end

--- Makes a commit and remembers it. o = { parents, files, message, author, time }
function M.commit(w, o)
  local files = {}
  for path, text in pairs(o.files or {}) do
    files[path] = text ~= sim.null and text
  end
  local sha = sim.git.commit {
    path = M.path(w), parents = o.parents, files = files, message = o.message, author = o.author,
    time = o.time,
  }
  remember(w, sha, o)
  return sha
end

--- Remembers a commit that sim.git made in another way (a merge, a squash).
function M.made(w, sha, o)
  remember(w, sha, o)
  return sha
end

--- The sha behind the name of a commit in the world file, a branch, a tag, a ref or a (shortened)
-- sha; nil when none.
function M.resolve(w, name)
  if type(name) ~= "string" then
    return nil
  end
  local refs = w.s.refs
  local sha = w.s.aliases[name] or refs[name] or refs["refs/heads/" .. name]
    or refs["refs/tags/" .. name]
    or refs["refs/" .. name]
  if sha or w.s.commits[name] then
    return sha or name
  end
  if #name >= 4 and name:find("^%x+$") then
    for full in core.sorted(w.s.commits) do
      if core.starts(full, name) then
        return full
      end
    end
  end
  return nil
end

function M.head(w, branch)
  return w.s.refs["refs/heads/" .. branch]
end

local function reach(w, from, seen)
  local todo = { from }
  while #todo > 0 do
    local sha = table.remove(todo)
    if sha and not seen[sha] and w.s.commits[sha] then
      seen[sha] = true
      for _, parent in ipairs(w.s.commits[sha].parents) do
        todo[#todo + 1] = parent
      end
    end
  end
  return seen
end

--- Is `old` among the ancestors of `new` (or the same)?
function M.contains(w, new, old)
  return reach(w, new, {})[old] == true
end

--- Shas in `from` that are not in `to` (nil: all), newest first.
function M.log(w, from, to)
  local without = to and reach(w, to, {}) or {}
  local depth = {}
  local function deep(sha)
    if not depth[sha] then
      local most = 0
      for _, parent in ipairs(w.s.commits[sha].parents) do
        most = math.max(most, w.s.commits[parent] and deep(parent) or 0)
      end
      depth[sha] = most + 1
    end
    return depth[sha]
  end
  local out = {}
  for sha in core.sorted(reach(w, from, {})) do
    if not without[sha] then
      out[#out + 1] = sha
      deep(sha)
    end
  end
  table.sort(out, function (a, b)
    if depth[a] ~= depth[b] then
      return depth[a] > depth[b]
    elseif w.s.commits[a].time ~= w.s.commits[b].time then
      return w.s.commits[a].time > w.s.commits[b].time
    end
    return a < b
  end)
  return out
end

--- The best common ancestor; nil when the histories have none.
function M.merge_base(w, a, b)
  local mine = reach(w, a, {})
  for _, sha in ipairs(M.log(w, b)) do
    if mine[sha] then
      return sha
    end
  end
  return nil
end

--- Paths that differ; without `from`, those of the commit against its parent.
function M.changed(w, from, to)
  from = from or (w.s.commits[to] and w.s.commits[to].parents[1])
  if not from then
    return nil
  end
  return sim.git.changed { path = M.path(w), from = from, to = to }
end

function M.read(w, sha, file)
  return sim.git.read { path = M.path(w), sha = sha, file = file }
end

function M.list(w, sha, dir)
  return sim.git.list { path = M.path(w), sha = sha, dir = dir }
end

-- Commits that came by a push are read once, down to what is known.
local function learn(w, sha, old)
  if w.s.commits[sha] then
    return
  end
  local base = w.s.commits[old or ""] and old or M.head(w, w.s.spec.repository.default_branch)
  for _, commit in ipairs(sim.git.log { path = M.path(w), from = sha, to = base }) do
    if not w.s.commits[commit.sha] then
      remember(w, commit.sha, commit)
    end
  end
end

-- An annotated tag counts as its commit; what object its ref has is kept beside it.
local function peel(w, ref, sha)
  if not core.starts(ref, "refs/tags/") or w.s.commits[sha] then
    return sha
  end
  local known = sim.git.peel { path = M.path(w), sha = sha }
  if known.message then
    w.s.annotated[sha] = w.s.annotated[sha] or { tag = ref:match("^refs/tags/(.+)$"),
      message = known.message, sha = known.commit, time = w.s.now }
    w.s.tag_objects[ref] = sha
  end
  return known.commit
end

--- The object that a ref has on disk: of an annotated tag that of the tag.
function M.object(w, ref)
  return w.s.tag_objects[ref] or w.s.refs[ref]
end

--- Moves a ref in the name of somebody else than the client, or as part of another mutation: no
-- ledger entry.
-- `sha` nil deletes. o = { actor, live, quiet, silent (starts no workflow) }
function M.move(w, ref, sha, o)
  local from = w.s.refs[ref]
  if not w.s.seeding then
    sim.git.set_ref { path = M.path(w), ref = ref, sha = sha or "" }
  end
  w.s.tag_objects[ref] = nil
  sha = sha and peel(w, ref, sha)
  w.s.refs[ref] = sha
  if from ~= sha and not (o and o.quiet) then
    w.pushed(w, { ref = ref, from = from, to = sha, actor = o and o.actor, live = not o
      or o.live ~= false, silent = o and o.silent or nil })
  end
end

local function pushed_target(ref, from, to)
  local tag = ref:match("^refs/tags/(.+)$")
  local name = tag and "tag " .. tag or ref:match("^refs/heads/(.+)$") or ref
  if from and to then
    return ("%s %s..%s"):format(name, core.short(from), core.short(to))
  elseif to then
    return tag and ("%s %s"):format(name, core.short(to)) or ("%s +%s"):format(name, core.short(to))
  end
  return ("%s -%s"):format(name, core.short(from))
end

--- Looks at the refs on disk: what changed was pushed by the client just now.
function M.notice(w)
  local found = sim.git.refs { path = M.path(w) }
  local changes = {}
  for ref, sha in core.sorted(found) do
    if ref ~= "HEAD" and sha ~= M.object(w, ref) then
      changes[#changes + 1] = { ref = ref, from = w.s.refs[ref], to = sha }
    end
  end
  for ref, sha in core.sorted(w.s.refs) do
    if not found[ref] then
      changes[#changes + 1] = { ref = ref, from = sha }
    end
  end
  for _, change in ipairs(changes) do
    w.s.tag_objects[change.ref] = nil
    if change.to then
      change.to = peel(w, change.ref, change.to)
      learn(w, change.to, change.from)
    end
    w.s.refs[change.ref] = change.to
  end
  local tags = 0
  for _, change in ipairs(changes) do
    tags = tags + (change.to and core.starts(change.ref, "refs/tags/") and 1 or 0)
  end
  for _, change in ipairs(changes) do
    core.record(w, "git", "git.push", pushed_target(change.ref, change.from, change.to),
      { ref = change.ref, from = change.from or "", to = change.to or "" })
    -- More than three tags at once are no events to GitHub.
    w.pushed(w, { ref = change.ref, from = change.from, to = change.to, live = true,
      silent = tags > 3 and core.starts(change.ref, "refs/tags/") or nil })
  end
  return #changes
end

--- Puts a commit of somebody else on a branch. o = { branch, message, author, files, id, parent }
function M.push_commit(w, o)
  local parent = o.parent and M.resolve(w, o.parent) or M.head(w, o.branch)
    or M.head(w, w.s.spec.repository.default_branch)
  local sha = M.commit(w, {
    parents = { parent }, files = o.files
      or { ["notes/" .. core.short(parent) .. ".md"] = "A change by somebody else.\n" },
    message = o.message or "A change by somebody else", author = o.author
      or "Somebody Else <somebody@example.com>",
    time = w.s.now,
  })
  if o.id then
    w.s.aliases[o.id] = sha
  end
  M.move(w, "refs/heads/" .. o.branch, sha, { actor = o.author })
  return sha
end

-- Building -------------------------------------------------------------------

local function build_commit(w, entry, previous)
  local parents = {}
  for _, name in ipairs(core.many(entry.parents or entry.parent)) do
    parents[#parents + 1] = w.s.aliases[name]
      or error(("world: commit %q has the unknown parent %q"):format(entry.id, name), 0)
  end
  if not entry.parents and not entry.parent and previous then
    parents[1] = previous
  end
  local sha = M.commit(w, {
    parents = parents, files = entry.files, message = entry.message or entry.id,
    author = entry.author or "Somebody <somebody@example.com>", time = core.when(entry.at,
      w.s.clock),
  })
  w.s.aliases[entry.id] = sha
  return sha
end

--- Creates the bare repository with the commits of the world file. Refs are set by `publish` when
-- the past is played.
function M.build(w)
  local spec = w.s.spec.repository
  sim.git.init { path = M.path(w), bare = true }
  local previous
  for _, list in ipairs { spec.commits, core.many(spec.more_commits) } do
    for _, entry in ipairs(list) do
      previous = build_commit(w, entry, previous)
    end
  end
end

local function target(w, kind, name, id)
  local sha = w.s.aliases[id] or (w.s.commits[id] and id)
  return sha or error(("world: %s %q names the unknown commit %q"):format(kind, name, tostring(id)),
    0)
end

--- The refs as the world file says; then the clone of the person who runs the release.
function M.publish(w)
  local spec = w.s.spec.repository
  w.s.refs = {}
  for name, id in core.sorted(spec.branches) do
    w.s.refs["refs/heads/" .. name] = target(w, "branch", name, id)
  end
  for name, id in core.sorted(spec.tags or {}) do
    w.s.refs["refs/tags/" .. name] = target(w, "tag", name, id)
  end
  for ref, sha in core.sorted(w.s.refs) do
    sim.git.set_ref { path = M.path(w), ref = ref, sha = sha }
  end
  sim.git.clone { url = M.path(w), path = w.work, branch = spec.default_branch, origin = spec.url }
end

return M
