-- Pull requests: looking at them, merging them, bringing them up to date.
--
-- Merging is always the call that answers with the merge: `merge-async` says only that there will
-- be one, or will not, which asks for a second probe and tells nothing that this one does not.

local host = ...

local api = host.require "github_api"
local some, short = api.some, api.short

local LAG = 20000 -- for so long reads may show what was before
local AFTER_MERGE = api.later "merge"

-- What it waits for, in one word.
local PHASES = {
  merged = { "good", "it is merged" },
  ready = { "good", "it can be merged" },
  unstable = { "good", "it can be merged; a check that is not required is not green" },
  computing = { "moving", "GitHub works out whether it can be merged: ask again" },
  blocked = { "moving", "a rule of the base branch is not met yet: checks, reviews" },
  behind = { "bad", "the base branch wants it up to date: github.update_branch" },
  conflicts = { "bad", "it has conflicts with its base branch" },
  draft = { "bad", "it is a draft" },
  closed = { "bad", "it was closed without being merged" },
  unknown = { "unknown", "GitHub uses a word that is not known here" },
}

local WORDS = { clean = "ready", has_hooks = "ready", unstable = "unstable", blocked = "blocked",
  behind = "behind", dirty = "conflicts", draft = "draft" }

local function phase_of(pull)
  if pull.merged then
    return "merged"
  elseif pull.state ~= "open" then
    return "closed"
  elseif pull.draft then
    return "draft"
  elseif pull.mergeable == false then
    return "conflicts"
  elseif pull.mergeable == nil or pull.mergeable_state == "unknown" then
    return "computing"
  end
  return WORDS[pull.mergeable_state] or "unknown"
end

local function pull_of(raw)
  local out = {
    number = raw.number, title = raw.title, state = raw.state, draft = some(raw.draft) == true,
    merged = some(raw.merged) == true or some(raw.merged_at) ~= nil,
    mergeable = some(raw.mergeable), mergeable_state = some(raw.mergeable_state),
    merge_sha = some(raw.merged_at) and some(raw.merge_commit_sha) or nil,
    head = { ref = raw.head.ref, sha = raw.head.sha },
    base = { ref = raw.base.ref, sha = raw.base.sha },
    author = some(raw.user) and raw.user.login, url = raw.html_url,
  }
  -- Lists do not say whether it can be merged.
  if raw.mergeable ~= nil then
    out.phase = phase_of(out)
  end
  return out
end

local END = { ref = "text", sha = "text" }
local SHAPE = { number = "integer", title = "text", state = "text", head = END, base = END,
  html_url = "text" }

local function pulls_of(list)
  local out = host.json.array {}
  for i, raw in ipairs(list) do
    out[i] = pull_of(raw)
  end
  return out
end

local function read_pull(number)
  return pull_of(api.ask { path = api.path("/pulls/%s", number), conditional = true, shape = SHAPE,
    where = "pull request #" .. number })
end

local function pull_resource(number)
  return "github:pull/" .. number
end

local function overlay_pull(o, result, overlay)
  local predicted = overlay.get(pull_resource(o.number))
  if predicted then
    for key, value in pairs(predicted) do
      result[key] = value
    end
  end
  return result
end

local function list_pulls(o)
  local query = { state = o.state, base = o.base }
  if o.head then
    query.head = o.head:find(":", 1, true) and o.head
      or api.repository():match("^[^/]+") .. ":" .. o.head
  end
  return pulls_of(api.pages({ path = api.path "/pulls", query = query,
    where = "the list of pull requests" }, nil, 200))
end

local function pulls_with(o)
  local list = pulls_of(api.pages { path = api.path("/commits/%s/pulls", o.sha),
    where = "the pull request of commit " .. short(o.sha) })
  -- The one that brought it in comes before those that merely have it.
  for _, pull in ipairs(list) do
    if pull.merge_sha == o.sha then
      return pull
    end
  end
  for _, pull in ipairs(list) do
    if pull.head.sha == o.sha then
      return pull
    end
  end
  return list[1]
end

-- Merging --------------------------------------------------------------------------------

local MERGE_ERRORS = {
  [405] = { "github.not-mergeable", "GitHub refuses to merge it", refused = true },
  [409] = { "github.head-moved", "somebody pushed to it after it was looked at",
    refused = true },
}

local function act_merge(o)
  local answer = api.ask {
    method = "PUT", path = api.path("/pulls/%s/merge", o.number),
    where = "merging pull request #" .. o.number, errors = MERGE_ERRORS,
    json = { sha = o.sha, merge_method = o.method, commit_title = o.title,
      commit_message = o.message },
    shape = { sha = "text", merged = "flag" },
  }
  return { sha = answer.sha, merged = true }
end

local function refuse(code, ...)
  host.raise(code, string.format(...), { refused = true })
end

-- Refuses what the real merge would refuse; what may change until then becomes a note.
local function judge(o, pull)
  local name = "pull request #" .. o.number
  if pull.merged then
    refuse("github.not-mergeable", "%s is merged already, as %s", name, tostring(pull.merge_sha))
  elseif pull.state ~= "open" then
    refuse("github.not-mergeable", "%s is %s", name, pull.state)
  elseif pull.head.sha ~= o.sha then
    refuse("github.head-moved", "%s: its head is %s, not %s", name, short(pull.head.sha),
      short(o.sha))
  elseif pull.draft then
    refuse("github.not-mergeable", "%s is a draft", name)
  elseif pull.mergeable == false then
    refuse("github.not-mergeable", "%s has conflicts with %s", name, pull.base.ref)
  elseif pull.mergeable_state == "behind" then
    refuse("github.not-mergeable", "%s is behind %s, which wants it up to date: "
      .. "github.update_branch",
      name, pull.base.ref)
  elseif pull.mergeable_state == "blocked" then
    return "blocked for now: the required checks are not green"
  elseif pull.mergeable == nil then
    return "GitHub has not worked out yet whether it can be merged"
  end
end

local function predict_merge(o, overlay)
  local pull = overlay_pull(o, read_pull(o.number), overlay)
  local note = judge(o, pull)
  overlay.set(pull_resource(o.number), { merged = true, state = "closed", phase = "merged" })
  overlay.set("git:" .. api.remote() .. ":refs/heads/" .. pull.base.ref, AFTER_MERGE)
  return {
    sign = "~", result = { sha = AFTER_MERGE, merged = true }, note = note,
    before = { pull = o.number, state = pull.state, base = pull.base.ref, head = pull.head.sha },
    after = { pull = o.number, state = "closed", merged = true },
  }
end

-- Reads may lag behind the merge: it is looked at for a while before it counts as not merged.
local function probe_merge(o)
  local merged = api.patiently(LAG, function ()
    local pull = read_pull(o.number)
    return pull.merged and pull.head.sha == o.sha and pull or nil
  end)
  if merged then
    return { happened = true, result = { sha = merged.merge_sha, merged = true } }
  end
  return { happened = false }
end

-- Bringing the base in ---------------------------------------------------------------------

local UPDATE_ERRORS = {
  [422] = { "github.not-updated", "GitHub does not bring the base branch into it", refused = true },
}

local function act_update(o)
  api.ask { method = "PUT", path = api.path("/pulls/%s/update-branch", o.number),
    where = "updating pull request #" .. o.number, errors = UPDATE_ERRORS,
    json = { expected_head_sha = o.sha } }
  return { number = o.number, before = o.sha }
end

local function predict_update(o, overlay)
  local pull = overlay_pull(o, read_pull(o.number), overlay)
  local name = "pull request #" .. o.number
  if pull.merged or pull.state ~= "open" then
    refuse("github.not-updated", "%s is %s", name, pull.merged and "merged" or pull.state)
  elseif pull.head.sha ~= o.sha then
    refuse("github.head-moved", "%s: its head is %s, not %s", name, short(pull.head.sha),
      short(o.sha))
  elseif pull.mergeable == false then
    refuse("github.not-updated", "%s has conflicts with %s", name, pull.base.ref)
  end
  local between = api.ask { path = api.path("/compare/%s", pull.base.ref .. "..." .. o.sha),
    query = { per_page = 1 }, where = "comparing " .. name .. " with " .. pull.base.ref,
    shape = { behind_by = "integer" } }
  if between.behind_by == 0 then
    refuse("github.not-updated", "%s has all of %s: there is nothing to bring in", name,
      pull.base.ref)
  end
  local later = api.later "update_branch"
  overlay.set(pull_resource(o.number), { head = { ref = pull.head.ref, sha = later } })
  overlay.set("git:" .. api.remote() .. ":refs/heads/" .. pull.head.ref, later)
  return { sign = "~", result = { number = o.number, before = o.sha }, before = o.sha,
    after = later, note = ("%d commits of %s are brought in"):format(between.behind_by,
      pull.base.ref) }
end

-- Accepted means soon: the head is looked at for a while before it counts as unmoved.
local function probe_update(o)
  local moved = api.patiently(LAG, function ()
    return read_pull(o.number).head.sha ~= o.sha or nil
  end)
  if moved then
    return { happened = true, result = { number = o.number, before = o.sha } }
  end
  return { happened = false }
end

-- Rows -------------------------------------------------------------------------------------

local PULL = "{number, title, state, draft, merged, mergeable, mergeable_state, merge_sha, "
  .. "head{ref, sha}, base{ref, sha}, author, url}"
local NUMBER = { "integer", required = true, help = "its number" }

return { verbs = {
  pull = {
    effect = "read", summary = "One pull request",
    result = PULL .. " and phase (see states); mergeable is nil while GitHub works it out",
    request = "GET /repos/{owner}/{repo}/pulls/{number}", permission = "pull_requests: read",
    states = PHASES, options = { number = NUMBER },
    act = function (o) return read_pull(o.number) end,
    overlay = overlay_pull,
  },
  pulls = {
    effect = "read", summary = "Pull requests, newest first", result = "list of " .. PULL,
    request = "GET /repos/{owner}/{repo}/pulls", permission = "pull_requests: read",
    options = {
      head = { "text", help = "branch they come from" },
      base = { "text", help = "branch they go to" },
      state = { "text", default = "open", choices = { "open", "closed", "all" },
        help = "open, closed or all" },
    },
    act = list_pulls,
    overlay = function (_, result, overlay)
      for _, pull in ipairs(result) do
        overlay_pull({ number = pull.number }, pull, overlay)
      end
      return result
    end,
  },
  pull_of = {
    effect = "read", summary = "The pull request that brought a commit, or that has it",
    result = PULL .. ", or nil", request = "GET /repos/{owner}/{repo}/commits/{sha}/pulls",
    permission = "pull_requests: read",
    options = { sha = { "text", required = true, help = "the commit" } },
    act = pulls_with,
    overlay = function (_, result, overlay)
      return result and overlay_pull({ number = result.number }, result, overlay)
    end,
  },
  merge = {
    effect = "write", summary = "Merge a pull request whose head is still the given commit",
    result = "{sha, merged}", request = "PUT /repos/{owner}/{repo}/pulls/{number}/merge",
    permission = "contents: write (and workflows: write if it changes workflow files)",
    errors = { ["github.not-mergeable"] = "405: conflicts, a draft, a missing check, a merge queue",
      ["github.head-moved"] = "409: the head is not the given commit any more" },
    options = {
      number = NUMBER,
      sha = { "text", required = true,
        help = "the head that was looked at; another one is refused" },
      method = { "text", default = "merge", choices = { "merge", "squash", "rebase" },
        help = "merge, squash or rebase" },
      title = { "text", help = "first line of the commit; else GitHub's" },
      message = { "text", help = "the rest of the commit's message; else GitHub's" },
    },
    act = act_merge,
    target = function (o) return ("#%d %s"):format(o.number, short(o.sha)) end,
    predict = predict_merge, probe = probe_merge,
    looks = "reads the pull request for up to 20 s: merged, with that head, is done; else it is "
      .. "not",
  },
  update_branch = {
    effect = "write", summary = "Merge the base branch into a pull request that is behind it",
    result = "{number, before}; the new head comes soon after: look with github.pull",
    request = "PUT /repos/{owner}/{repo}/pulls/{number}/update-branch",
    permission = "pull_requests: write, contents: write",
    errors = { ["github.not-updated"] = "422: it is up to date, closed, or has conflicts",
      ["github.head-moved"] = "its head is not the given commit (found in a dry-run)" },
    options = {
      number = NUMBER,
      sha = { "text", required = true, help = "the head that was looked at" },
    },
    act = act_update,
    target = function (o) return ("#%d %s"):format(o.number, short(o.sha)) end,
    predict = predict_update, probe = probe_update,
    looks = "reads the pull request for up to 20 s: a head that is another one means done",
  },
} }
