-- Branches, tags and comparisons over the API.
--
-- GitHub moves a ref without a compare-and-set, and its reads may lag behind its writes. So a
-- ref is read and compared before it is moved, and read back after; what a lagging read shows
-- is asked again.

local host = ...

local api = host.require "github_api"
local foretell = host.require "github_foretell"
local some, short = api.some, api.short

local M = {}

local LAG = 10000 -- for so long reads may show what was before

local function refuse(code, ...)
  host.raise(code, string.format(...), { refused = true })
end

-- "heads/main" of that or of the full name.
local function plain(ref)
  local name = ref:gsub("^refs/", "")
  if not name:find("^heads/.") and not name:find("^tags/.") then
    host.raise("github.ref", ("%q is no ref: \"heads/NAME\" for a branch, \"tags/NAME\" for a tag"):format(ref))
  end
  return name
end

local function words_of(name)
  local tag = name:match("^tags/(.+)$")
  return tag and "tag " .. tag or name:gsub("^heads/", ""), tag ~= nil
end

--- "main 1111111..2222222", "tag v1.0.0 2222222", "main -1111111": as a push is called.
local function target(name, from, to)
  local words, tag = words_of(name)
  if from and to then
    return ("%s %s..%s"):format(words, short(from), short(to))
  elseif to then
    return words .. (tag and " " or " +") .. short(to)
  end
  return words .. " -" .. short(from)
end

-- Reading ------------------------------------------------------------------------------------

local REF = { ref = "text", object = { type = "text", sha = "text" } }

local function absent(answer)
  if answer.status == 404 then
    return true, false
  end
end

-- GitHub says 404 for what is not there and for what may not be seen: a repository that can be
-- seen settles it.
local function check_visible(where)
  api.ask { path = api.path "", conditional = true, where = where }
end

local function commit_of(object, where)
  local sha, message = object.sha, nil
  for _ = 1, 5 do
    if object.type ~= "tag" then
      return object.sha, message
    end
    local tag = api.ask { path = api.path("/git/tags/%s", object.sha), where = where,
      shape = { object = { type = "text", sha = "text" }, message = "text" } }
    object, message = tag.object, message or tag.message
  end
  host.raise("github.answer", ("%s: tag object %s leads to no commit"):format(where, sha))
end

--- { ref, sha (the commit), object, annotated, message }, or nil.
function M.read(name)
  local where = "ref " .. name
  local data = api.ask { path = "" .. api.path("/git/ref/%s", name), where = where, judge = absent,
    shape = REF }
  if not data then
    check_visible(where)
    return nil
  end
  local sha, message = commit_of(data.object, where)
  return { ref = "refs/" .. name, sha = sha, object = data.object.sha,
    annotated = data.object.type == "tag", message = message }
end

local function resource(name)
  return "git:" .. api.remote() .. ":refs/" .. name
end

-- What a dry-run knows of a ref: false where it was deleted, nil where nothing is predicted.
function M.predicted(name, overlay)
  local sha = some(overlay.get(resource(name)))
  if sha == nil then
    return nil
  elseif sha == false or sha == "" then
    return false
  end
  local commit = some(overlay.get(resource(name) .. "^{}"))
  return { ref = "refs/" .. name, sha = commit or sha, object = sha, annotated = commit ~= nil }
end

-- Refs that this dry-run made: a comparison asks for their commits, as GitHub has no such names.
local foreseen = {}

local function foresee(name, sha, overlay, annotated)
  foreseen[name] = sha
  overlay.set(resource(name), annotated and api.later "create_tag" or sha)
  if annotated then
    overlay.set(resource(name) .. "^{}", sha)
  end
end

--- The ref as a dry-run has it.
function M.read_over(name, overlay)
  local predicted = M.predicted(name, overlay)
  if predicted ~= nil then
    return predicted or nil
  end
  return M.read(name)
end

local function list_refs(o)
  local out = host.json.array {}
  local name = o.prefix:gsub("^refs/", "")
  for i, raw in ipairs(api.pages { path = api.path("/git/matching-refs/%s", name),
    where = "refs that begin with " .. name }) do
    out[i] = { ref = raw.ref, object = raw.object.sha, annotated = raw.object.type == "tag" }
  end
  return out
end

-- Comparing ----------------------------------------------------------------------------------

local function line_of(raw)
  return { sha = raw.sha, message = raw.commit.message,
    subject = raw.commit.message:match("^[^\n]*"),
    author = some(raw.commit.author) and raw.commit.author.name,
    login = some(raw.author) and raw.author.login,
    time = some(raw.commit.author) and raw.commit.author.date }
end

local function end_of(name)
  local sha = foreseen[name] or foreseen["heads/" .. name] or foreseen["tags/" .. name]
  return sha and not api.is_later(sha) and sha or name
end

local function compare(o)
  local span = end_of(o.base) .. "..." .. end_of(o.head)
  local commits, first = api.pages({ path = api.path("/compare/%s", span), where = "comparing "
    .. span,
    query = { per_page = 100 } }, "commits", o.first)
  local out = { status = first.status, ahead = first.ahead_by, behind = first.behind_by,
    diverged = first.status == "diverged", total = first.total_commits,
    merge_base = first.merge_base_commit.sha, commits = host.json.array {},
    files = host.json.array {}, url = first.html_url }
  for i, raw in ipairs(commits) do
    out.commits[i] = line_of(raw)
  end
  for i, raw in ipairs(some(first.files) or {}) do
    out.files[i] = { path = raw.filename, status = raw.status,
      before = some(raw.previous_filename) }
  end
  -- GitHub lists 300 files and no more.
  out.files_cut = #out.files >= 300
  return out
end

-- With refs that the dry-run has moved, their commits are compared.
local function compare_over(o, result, overlay)
  local ends, changed = {}, false
  for _, side in ipairs { "base", "head" } do
    ends[side] = o[side]
    for _, kind in ipairs { "heads/", "tags/" } do
      local known = M.predicted(kind .. o[side]:gsub("^refs/", ""):gsub("^heads/",
        ""):gsub("^tags/", ""),
        overlay)
      if known and not api.is_later(known.sha) then
        ends[side], changed = known.sha, true
      end
    end
  end
  return changed and compare { base = ends.base, head = ends.head, first = o.first } or result
end

-- How `to` stands to `from`, for refs that are to be moved.
local function relation(from, to, where)
  local data = api.ask { path = api.path("/compare/%s", from .. "..." .. to), query = {
    per_page = 1 },
    where = where, shape = { status = "text", ahead_by = "integer", behind_by = "integer" },
    errors = { [404] = { "github.no-commit", "GitHub does not have one of the two commits",
      refused = true } } }
  return data.status, data
end

-- Making -------------------------------------------------------------------------------------

local function exists(name, there, sha)
  refuse("github.exists", "%s is there already, at %s, not at %s", name, short(there.sha),
    short(sha))
end

local CREATE_ERRORS = { [422] = { "github.not-created", "GitHub does not make it",
  refused = true } }

local function post_ref(name, object, where)
  local _, answer = api.ask { method = "POST", path = api.path "/git/refs", where = where,
    json = { ref = "refs/" .. name, sha = object }, errors = CREATE_ERRORS, shape = REF,
    judge = function (a)
      -- It was there, or the answer of an earlier try was lost: looked at below.
      if a.status == 422 and (some(a.json) and some(a.json.message)
        or ""):find("already exists", 1, true) then
        return true, nil
      end
    end }
  return answer.status == 201
end

local function result_of(name, sha, created)
  return { ref = "refs/" .. name, name = name:match("^%a+/(.+)$"), sha = sha, created = created }
end

local function act_create(name, o, object)
  local where = "making " .. (words_of(name))
  api.check_sha(o.sha, where)
  if post_ref(name, object or o.sha, where) then
    return result_of(name, o.sha, true)
  end
  local there = M.read(name)
  if there and there.sha ~= o.sha then
    exists(name, there, o.sha)
  end
  return result_of(name, o.sha, false)
end

local function act_create_tag(o)
  local name = "tags/" .. o.name
  api.check_sha(o.sha, "making tag " .. o.name)
  local there = M.read(name)
  if there then
    if there.sha ~= o.sha then
      exists(name, there, o.sha)
    end
    return result_of(name, o.sha, false)
  end
  foretell.say(o.name, o.sha)
  if not o.message then
    return act_create(name, o)
  end
  local tag = api.ask { method = "POST", path = api.path "/git/tags", where = "making tag "
    .. o.name,
    json = { tag = o.name, message = o.message, object = o.sha,
      type = "commit" }, errors = CREATE_ERRORS, shape = { sha = "text" } }
  return act_create(name, o, tag.sha)
end

local function check_commit(sha, where)
  if api.is_later(sha) then
    return
  end
  api.check_sha(sha, where)
  api.ask { path = api.path("/commits/%s", sha), where = where .. ", commit " .. short(sha),
    errors = { [404] = { "github.no-commit", "GitHub does not have it: push it first",
      refused = true },
      [422] = { "github.no-commit", "GitHub does not have it: push it first", refused = true } } }
end

local function predict_create(name, o, overlay)
  check_commit(o.sha, "making " .. (words_of(name)))
  local there = M.read_over(name, overlay)
  if there and there.sha ~= o.sha then
    exists(name, there, o.sha)
  elseif there then
    return { sign = "+", result = result_of(name, o.sha, false),
      note = "it is there already: nothing is done", before = o.sha, after = o.sha }
  end
  local tag = name:match("^tags/(.+)$")
  local note = tag and foretell.tag(tag, o.sha) or nil
  foresee(name, o.sha, overlay, o.message ~= nil)
  return { sign = "+", result = result_of(name, o.sha, true), after = o.sha, note = note }
end

-- There, or not for as long as reads may lag.
local function probe_create(name, o)
  local there = api.patiently(LAG, function () return M.read(name) end)
  if there and there.sha == o.sha then
    return { happened = true, result = result_of(name, o.sha, true) }
  end
  return { happened = false }
end

-- Moving -------------------------------------------------------------------------------------

local MOVE_ERRORS = {
  [422] = { "github.not-moved", "GitHub does not move it: no fast-forward, or a rule forbids it",
    refused = true },
}

local function check_expected(name, there, o)
  if not there then
    refuse("github.missing", "%s does not exist on GitHub", (words_of(name)))
  elseif there.sha ~= o.expect then
    refuse("github.moved", "%s is at %s, not at %s: somebody moved it", (words_of(name)),
      short(there.sha), short(o.expect))
  end
end

-- Reads until they show the new commit. One that shows a third is somebody else's; one that still
-- shows the old when the patience ends merely lags, as GitHub's own answer said that it moved.
local function read_back(name, before, sha)
  local seen = api.patiently(LAG, function ()
    local now = M.read(name)
    return now and now.sha ~= before and now or nil
  end)
  if seen and seen.sha ~= sha then
    host.raise("github.moved", ("%s was moved to %s, and is at %s now: somebody moved it at the same time"):format(
      (words_of(name)), short(sha), short(seen.sha)), { settled = true })
  end
  return seen ~= nil
end

local function act_move(o)
  local name = plain(o.ref)
  api.check_sha(o.sha, "moving " .. (words_of(name)))
  local there = M.read(name)
  check_expected(name, there, o)
  if there.sha == o.sha then
    return { ref = "refs/" .. name, before = there.sha, after = o.sha, changed = false,
      confirmed = true }
  end
  local data = api.ask { method = "PATCH", path = api.path("/git/refs/%s", name),
    where = "moving " .. (words_of(name)), json = { sha = o.sha, force = o.force == true },
    errors = MOVE_ERRORS, shape = REF }
  if data.object.sha ~= o.sha then
    host.raise("github.moved", ("%s: GitHub answers that it is at %s"):format((words_of(name)),
      short(data.object.sha)), { unknown = true })
  end
  return { ref = "refs/" .. name, before = there.sha, after = o.sha, changed = true,
    confirmed = read_back(name, there.sha, o.sha) }
end

local function predict_move(o, overlay)
  local name = plain(o.ref)
  local there, note = M.read_over(name, overlay), nil
  local where = "moving " .. (words_of(name))
  check_commit(o.sha, where)
  check_expected(name, there, o)
  local same = there.sha == o.sha
  if not same and not api.is_later(there.sha) and not api.is_later(o.sha) then
    local status = relation(there.sha, o.sha, where)
    if status ~= "ahead" and not o.force then
      refuse("github.not-moved", "%s: %s is no fast-forward of %s (%s)", where, short(o.sha),
        short(there.sha), status)
    end
    note = status ~= "ahead" and "not a fast-forward: the ref loses commits" or nil
  end
  if not same then
    foresee(name, o.sha, overlay)
  end
  return { sign = "~", before = there.sha, after = o.sha,
    note = same and "it is there already: nothing is done" or note,
    result = { ref = "refs/" .. name, before = there.sha, after = o.sha, changed = not same,
      confirmed = true } }
end

local function probe_move(o)
  local name = plain(o.ref)
  local now = api.patiently(LAG, function ()
    local there = M.read(name)
    return there and there.sha == o.sha and there or nil
  end)
  if now then
    return { happened = true, result = { ref = now.ref, before = o.expect, after = o.sha,
      changed = true, confirmed = true } }
  end
  now = M.read(name)
  if now and now.sha == o.expect then
    return { happened = false }
  elseif now and not o.force and relation(o.sha, now.sha, "moving "
    .. (words_of(name))) ~= "ahead" then
    return { happened = false }
  end
  return nil -- it was moved on from there, or came elsewhere: a person has to say
end

local function target_move(o)
  return target(plain(o.ref), o.expect, o.sha)
end

-- Deleting -----------------------------------------------------------------------------------

local function act_delete(o)
  local name = plain(o.ref)
  local there = M.read(name)
  check_expected(name, there, { expect = o.sha })
  api.ask { method = "DELETE", path = api.path("/git/refs/%s", name),
    where = "deleting " .. (words_of(name)),
    errors = { [422] = { "github.not-deleted", "GitHub does not delete it", refused = true } } }
  return { ref = "refs/" .. name, before = o.sha }
end

local function predict_delete(o, overlay)
  local name = plain(o.ref)
  check_expected(name, M.read_over(name, overlay), { expect = o.sha })
  overlay.set(resource(name), false)
  foreseen[name] = nil
  return { sign = "-", before = o.sha, result = { ref = "refs/" .. name, before = o.sha } }
end

local function probe_delete(o)
  local gone = api.patiently(LAG, function ()
    return M.read(plain(o.ref)) == nil or nil
  end)
  if gone then
    return { happened = true, result = { ref = "refs/" .. plain(o.ref), before = o.sha } }
  end
  return { happened = false }
end

-- Rows ---------------------------------------------------------------------------------------

local WRITE = "contents: write; classic tokens also `workflow` where workflow files change"
local GET = "GET /repos/{owner}/{repo}/git/ref/{ref}"
local SHA = { "text", required = true, help = "the commit, 40 hex digits" }
local REF_OPTION = { "text", required = true, help = "\"heads/NAME\" or \"tags/NAME\"" }
local LOOKS = "reads the ref for up to 10 s, since reads may lag: the commit is there, or it is not"
local CREATED = { ["github.exists"] = "it is there, at another commit",
  ["github.no-commit"] = "GitHub does not have the commit: push it first",
  ["github.not-created"] = "422: GitHub does not make it" }

M.verbs = {
  read_ref = {
    effect = "read", summary = "Where a branch or tag is on GitHub",
    result = "{ref, sha (the commit), object, annotated, message}, or nil where there is none",
    request = { GET, "GET /repos/{owner}/{repo}/git/tags/{sha}" }, permission = "contents: read",
    options = { ref = REF_OPTION },
    act = function (o) return M.read(plain(o.ref)) end,
    overlay = function (o, result, overlay)
      local predicted = M.predicted(plain(o.ref), overlay)
      if predicted ~= nil then
        return predicted or nil
      end
      return result
    end,
  },
  refs = {
    effect = "read", summary = "Refs whose names begin in one way",
    result = "list of {ref, object, annotated}",
    request = "GET /repos/{owner}/{repo}/git/matching-refs/{prefix}", permission = "contents: read",
    options = { prefix = { "text", required = true, help = "such as \"tags/v1.\"" } },
    act = list_refs,
    overlay = function (o, result, overlay)
      local out = host.json.array {}
      for _, one in ipairs(result) do
        local predicted = M.predicted(one.ref:gsub("^refs/", ""), overlay)
        if predicted ~= false then
          out[#out + 1] = predicted and { ref = one.ref, object = predicted.object,
            annotated = predicted.annotated } or one
        end
      end
      local made = M.predicted(o.prefix:gsub("^refs/", ""), overlay)
      if made and not (out[1] and out[1].ref == made.ref) then
        out[#out + 1] = { ref = made.ref, object = made.object, annotated = made.annotated }
      end
      return out
    end,
  },
  compare = {
    effect = "read", summary = "How one commit, branch or tag stands to another",
    result = "{status = \"ahead\", \"behind\", \"identical\" or \"diverged\", ahead, behind, "
      .. "diverged, "
      .. "total, merge_base, commits = list of {sha, subject, message, author, login, time}, "
        .. "files = "
      .. "list of {path, status, before}, files_cut, url}; the commits are those that head has "
        .. "and base "
      .. "has not, oldest first; GitHub lists 300 files at most",
    request = "GET /repos/{owner}/{repo}/compare/{base}...{head}", permission = "contents: read",
    options = {
      base = { "text", required = true, help = "what is compared with" },
      head = { "text", required = true, help = "what is compared" },
      first = { "integer", default = 1000, help = "so many commits at most" },
    },
    act = compare, overlay = compare_over,
  },
  create_branch = {
    effect = "write", summary = "Make a branch on GitHub",
    result = "{ref, name, sha, created (false: it was there, at that commit)}",
    request = "POST /repos/{owner}/{repo}/git/refs", permission = WRITE, errors = CREATED,
    options = { name = { "text", required = true, help = "the branch's name" }, sha = SHA },
    act = function (o) return act_create("heads/" .. o.name, o) end,
    target = function (o) return target("heads/" .. o.name, nil, o.sha) end,
    predict = function (o, overlay) return predict_create("heads/" .. o.name, o, overlay) end,
    probe = function (o) return probe_create("heads/" .. o.name, o) end, looks = LOOKS,
  },
  create_tag = {
    effect = "write", summary = "Make a tag on GitHub, annotated with `message`; starts what "
      .. "listens on it, which a dry-run tells and the run says before",
    result = "{ref, name, sha, created (false: it was there, at that commit)}",
    request = { "POST /repos/{owner}/{repo}/git/tags", "POST /repos/{owner}/{repo}/git/refs" },
    permission = WRITE, errors = CREATED,
    options = {
      name = { "text", required = true, help = "the tag's name" }, sha = SHA,
      message = { "text", help = "makes it an annotated tag" },
    },
    act = act_create_tag,
    target = function (o) return target("tags/" .. o.name, nil, o.sha) end,
    predict = function (o, overlay) return predict_create("tags/" .. o.name, o, overlay) end,
    probe = function (o) return probe_create("tags/" .. o.name, o) end, looks = LOOKS,
  },
  move_ref = {
    effect = "write",
    summary = "Move a branch or tag: read, compared, moved, read back, since GitHub has no "
      .. "compare-and-set",
    result = "{ref, before, after, changed, confirmed (a read showed it)}",
    request = { GET, "PATCH /repos/{owner}/{repo}/git/refs/{ref}" }, permission = WRITE,
    errors = { ["github.moved"] = "it is not at the expected commit, or somebody moved it "
      .. "meanwhile",
      ["github.missing"] = "there is no such ref",
      ["github.not-moved"] = "422: no fast-forward, or a rule of the repository forbids it",
      ["github.no-commit"] = "GitHub does not have the commit: push it first" },
    options = {
      ref = REF_OPTION, sha = SHA,
      expect = { "text", required = true, help = "the commit that it must be at now" },
      force = { "flag", default = false, help = "also if it loses commits" },
    },
    act = act_move, target = target_move, predict = predict_move, probe = probe_move,
    looks = "reads the ref for up to 10 s: at the commit is done; at the expected one is not; else "
      .. "nobody can tell",
  },
  delete_ref = {
    effect = "irreversible", summary = "Delete a branch or tag that is at the given commit",
    result = "{ref, before}", request = { GET, "DELETE /repos/{owner}/{repo}/git/refs/{ref}" },
    permission = WRITE,
    errors = { ["github.moved"] = "it is at another commit", ["github.missing"] = "there is none",
      ["github.not-deleted"] = "422: GitHub does not delete it, a rule may forbid it" },
    options = { ref = REF_OPTION,
      sha = { "text", required = true, help = "the commit that it must be at now" } },
    act = act_delete, target = function (o) return target(plain(o.ref), o.sha, nil) end,
    predict = predict_delete, probe = probe_delete,
    looks = "reads the ref for up to 10 s: gone is done",
  },
}

return M
