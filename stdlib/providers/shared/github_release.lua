-- Releases, and deployments as GitHub shows them to people.
--
-- GitHub makes the tag that a release lacks, and so starts what listens on tags: here a missing
-- tag is refused unless `commit` says where it belongs. A deployment would merge the default
-- branch and wait for all checks: here it never does.

local host = ...

local api = host.require "github_api"
local foretell = host.require "github_foretell"
local refs = host.require "github_refs"
local some, short = api.some, api.short

local LAG = 10000

local function refuse(code, ...)
  host.raise(code, string.format(...), { refused = true })
end

-- Releases -----------------------------------------------------------------------------------

local SHAPE = { id = "integer", tag_name = "text", draft = "flag", html_url = "text" }

local function release_of(raw)
  return { id = raw.id, tag = raw.tag_name, name = some(raw.name), body = some(raw.body),
    draft = raw.draft, prerelease = some(raw.prerelease) == true, url = raw.html_url,
    author = some(raw.author) and raw.author.login, created_at = some(raw.created_at),
    published_at = some(raw.published_at) }
end

local function by_tag(tag)
  local data = api.ask { path = api.path("/releases/tags/%s", tag),
    where = "the release of tag " .. tag,
    shape = SHAPE, judge = function (answer)
      if answer.status == 404 then
        return true, false
      end
    end }
  return data and release_of(data) or nil
end

local function list(o)
  local out = host.json.array {}
  for i, raw in ipairs(api.pages({ path = api.path "/releases", where = "the releases" }, nil,
    o.first)) do
    out[i] = release_of(raw)
  end
  return out
end

-- Drafts have no tag yet: only the list knows them.
local function find(o)
  if not o.draft then
    return by_tag(o.tag)
  end
  for _, release in ipairs(list { first = 100 }) do
    if release.tag == o.tag and release.draft then
      return release
    end
  end
end

local function check_new(o, there, tag)
  if there then
    refuse("github.exists", "tag %s has a release already: %s", o.tag, there.url)
  elseif not o.draft and not tag and not o.commit then
    refuse("github.no-tag", "there is no tag %s on GitHub: make it first, or give `commit`. "
      .. "GitHub would make it "
      .. "wherever its default branch is", o.tag)
  elseif tag and o.commit and tag.sha ~= o.commit and not api.is_later(tag.sha) then
    refuse("github.exists", "tag %s is at %s, not at %s", o.tag, short(tag.sha), short(o.commit))
  end
end

local CREATE_ERRORS = { [422] = { "github.not-created", "GitHub does not make the release",
  refused = true } }

local function act_create(o)
  if o.commit then
    api.check_sha(o.commit, "the release of tag " .. o.tag)
  end
  local tag = refs.read("tags/" .. o.tag)
  check_new(o, find(o), tag)
  if not tag and not o.draft then
    foretell.say(o.tag, o.commit)
  end
  return release_of(api.ask { method = "POST", path = api.path "/releases", errors = CREATE_ERRORS,
    where = "the release of tag " .. o.tag, shape = SHAPE, json = { tag_name = o.tag,
      target_commitish = o.commit, name = o.name, body = o.body, draft = o.draft == true,
      prerelease = o.prerelease == true, generate_release_notes = o.notes == true,
      make_latest = o.latest } })
end

local function resource(tag)
  return "github:release/" .. tag
end

local function predict_create(o, overlay)
  local tag = refs.read_over("tags/" .. o.tag, overlay)
  check_new(o, overlay.get(resource(o.tag)) or find(o), tag)
  local result = { tag = o.tag, name = o.name or o.tag, body = o.body, draft = o.draft == true,
    prerelease = o.prerelease == true, url = api.later "create_release" }
  local note = not tag and not o.draft and ("makes the tag %s at %s, too, which %s"):format(o.tag,
    short(o.commit), foretell.tag(o.tag, o.commit)) or nil
  if not o.draft then
    overlay.set(resource(o.tag), result)
    if not tag then
      overlay.set("git:" .. api.remote() .. ":refs/tags/" .. o.tag, o.commit)
    end
  end
  return { sign = "+", result = result, after = result, note = note }
end

local function probe_create(o, intent)
  local since = api.vendor_time(intent.began)
  local there = api.patiently(LAG, function ()
    local release = find(o)
    local at = release and release.created_at
    return at and (host.time(at) >= since or (release.published_at
      and host.time(release.published_at) >= since)) and release or nil
  end)
  if there then
    return { happened = true, result = there }
  end
  return { happened = false }
end

-- Deployments ----------------------------------------------------------------------------------

local STATES = {
  queued = { "moving", "it was announced" }, pending = { "moving", "it was announced" },
  in_progress = { "moving", "it is under way" }, success = { "good", "it is there" },
  failure = { "bad", "it failed" }, error = { "bad", "it failed" },
  inactive = { "bad", "a newer one took its place" },
}

local function deployment_of(raw)
  return { id = raw.id, sha = raw.sha, ref = raw.ref, environment = raw.environment,
    description = some(raw.description), creator = some(raw.creator) and raw.creator.login,
    created_at = raw.created_at }
end

local function statuses_of(id)
  return api.pages({ path = api.path("/deployments/%s/statuses", id),
    where = "deployment " .. id }, nil, 30)
end

local function list_deployments(o)
  local out = host.json.array {}
  for i, raw in ipairs(api.pages({ path = api.path "/deployments", where = "the deployments",
    query = { environment = o.environment, sha = o.sha } }, nil, o.first)) do
    out[i] = deployment_of(raw)
    local newest = statuses_of(raw.id)[1]
    out[i].state = newest and newest.state or "pending"
    out[i].phase = STATES[out[i].state] and STATES[out[i].state][1] or "unknown"
  end
  return out
end

-- What is known to come of other calls of ours is not taken for another one's.
local taken = {}

local function act_deployment(o)
  api.check_sha(o.sha, "a deployment to " .. o.environment)
  local data, answer = api.ask { method = "POST", path = api.path "/deployments", expect = { 201 },
    where = "a deployment to " .. o.environment, json = { ref = o.sha, environment = o.environment,
      description = o.description, auto_merge = false, required_contexts = host.json.array {} },
    shape = { id = "integer", sha = "text" }, judge = function (a)
      if a.status == 202 then
        return true, nil
      end
    end }
  if answer.status == 202 then -- definite: there is no deployment, and asking again merges more
    local said = some(answer.json) and some(answer.json.message) or "no message"
    host.raise("github.merged", ("a deployment to %s: GitHub merged instead of making it "
      .. "(202: %s)"):format(o.environment, said), { status = 202, settled = true })
  end
  taken[data.id] = true
  return deployment_of(data)
end

local function predict_deployment(o)
  api.check_sha(o.sha, "a deployment to " .. o.environment)
  api.ask { path = api.path("/commits/%s", o.sha), where = "commit " .. short(o.sha),
    errors = { [422] = { "github.no-commit", "GitHub does not have it: push it first",
      refused = true } } }
  return { sign = "+", after = { environment = o.environment, sha = o.sha },
    result = { id = api.later "create_deployment", sha = o.sha, ref = o.sha,
      environment = o.environment } }
end

local function ours(raw, since)
  local login = api.account().login
  return not taken[raw.id] and host.time(raw.created_at) >= since
    and (not login or (some(raw.creator) and raw.creator.login == login))
end

-- Exactly one is ours; several cannot be told apart.
local function probe_deployment(o, intent)
  local since, found = api.vendor_time(intent.began), nil
  api.patiently(LAG, function ()
    found = {}
    for _, raw in ipairs(api.pages { path = api.path "/deployments", where = "the deployments",
      query = { environment = o.environment, sha = o.sha } }) do
      if ours(raw, since) then
        found[#found + 1] = raw
      end
    end
    return #found > 0 or nil
  end)
  if #found == 1 then
    taken[found[1].id] = true
    return { happened = true, result = deployment_of(found[1]) }
  elseif #found == 0 then
    return { happened = false }
  end
  return nil
end

local function act_status(o)
  local data = api.ask { method = "POST", path = api.path("/deployments/%s/statuses", o.id),
    where = "deployment " .. o.id, json = { state = o.state, description = o.description,
      log_url = o.log_url, environment_url = o.environment_url }, shape = { id = "integer" } }
  taken[data.id] = true
  return { id = data.id, deployment = o.id, state = o.state }
end

local function predict_status(o)
  if not api.is_later(o.id) then
    api.ask { path = api.path("/deployments/%s", o.id), where = "deployment " .. o.id }
  end
  return { sign = "~", after = o.state, result = { id = api.later "deployment_status",
    deployment = o.id, state = o.state } }
end

local function probe_status(o, intent)
  local since = api.vendor_time(intent.began)
  local hit = api.patiently(LAG, function ()
    for _, raw in ipairs(statuses_of(o.id)) do
      if raw.state == o.state and ours(raw, since) then
        return raw
      end
    end
  end)
  if hit then
    taken[hit.id] = true
    return { happened = true, result = { id = hit.id, deployment = o.id, state = o.state } }
  end
  return { happened = false }
end

-- Who we are ---------------------------------------------------------------------------------

local function whoami()
  local out = {}
  for key, value in pairs(api.account()) do
    out[key] = value
  end
  local repo, answer = api.ask { path = api.path "", where = "repository " .. api.repository() }
  local rights = some(repo.permissions) or {}
  out.repository, out.private = repo.full_name, some(repo.private)
  out.permissions = { admin = rights.admin == true, push = rights.push == true,
    pull = rights.pull == true }
  local function number(name)
    return math.tointeger(tonumber(answer.headers[name]))
  end
  out.rate = { limit = number "x-ratelimit-limit", remaining = number "x-ratelimit-remaining",
    reset = number "x-ratelimit-reset" }
  return out
end

-- Rows ---------------------------------------------------------------------------------------

local RELEASE = "{id, tag, name, body, draft, prerelease, url, author, created_at, published_at}"
local TAG = { "text", required = true, help = "the release's tag" }
local DEPLOYMENT = "{id, sha, ref, environment, description, creator, created_at}"
local GET = "GET /repos/{owner}/{repo}/"

return { verbs = {
  whoami = {
    effect = "read", summary = "The account behind the credential, and what it may do here",
    result = "{login, type, scopes (of a classic token), repository, private, permissions = "
      .. "{admin, push, "
      .. "pull}, rate = {limit, remaining, reset}}; login is absent for an app's token",
    request = { "GET /user", "GET /repos/{owner}/{repo}" }, permission = "metadata: read",
    options = {}, act = whoami,
  },
  release = {
    effect = "read", summary = "The release of a tag", result = RELEASE .. ", or nil; drafts are "
      .. "not found",
    request = GET .. "releases/tags/{tag}", permission = "contents: read", options = { tag = TAG },
    act = function (o) return by_tag(o.tag) end,
    overlay = function (o, result, overlay) return overlay.get(resource(o.tag)) or result end,
  },
  releases = {
    effect = "read", summary = "Releases, newest first", result = "list of " .. RELEASE,
    request = GET .. "releases", permission = "contents: read (drafts: write)",
    options = { first = { "integer", default = 30, help = "at most so many" } }, act = list,
  },
  create_release = {
    effect = "write", summary = "Make a release of a tag",
    result = RELEASE, request = { GET .. "releases/tags/{tag}", GET .. "git/ref/tags/{tag}",
      "POST /repos/{owner}/{repo}/releases" }, permission = "contents: write",
    errors = { ["github.exists"] = "the tag has a release, or is at another commit",
      ["github.no-tag"] = "there is no such tag, and no commit was given to make it at",
      ["github.not-created"] = "422: GitHub does not make it" },
    options = {
      tag = TAG,
      commit = { "text", help = "where the tag is, or is to be made; a tag elsewhere is refused" },
      name = { "text", help = "its title; else the tag" },
      body = { "text", help = "its text" },
      notes = { "flag", default = false, help = "lets GitHub add a list of what changed" },
      draft = { "flag", default = false, help = "seen by nobody yet; makes no tag" },
      prerelease = { "flag", default = false, help = "not ready for production" },
      latest = { "text", choices = { "true", "false", "legacy" }, help = "is it the newest one?" },
    },
    act = act_create, target = function (o) return o.tag end, predict = predict_create,
    probe = probe_create,
    looks = "reads the tag's release (a draft: the list) for up to 10 s: made since the request "
      .. "is done",
  },
  deployments = {
    effect = "read", summary = "Deployments that were announced to GitHub, newest first",
    result = "list of " .. DEPLOYMENT .. " with state and phase of the newest status",
    request = { GET .. "deployments", GET .. "deployments/{id}/statuses" },
    permission = "deployments: read", states = STATES,
    options = {
      environment = { "text", help = "only to this one" }, sha = { "text", help = "only of this "
        .. "commit" },
      first = { "integer", default = 10, help = "at most so many" },
    },
    act = list_deployments,
  },
  create_deployment = {
    effect = "write",
    summary = "Announce a deployment of a commit: merges nothing, waits for no checks",
    result = DEPLOYMENT, request = "POST /repos/{owner}/{repo}/deployments "
      .. "(auto_merge: false, required_contexts: [])", permission = "deployments: write",
    errors = { ["github.no-commit"] = "GitHub does not have the commit (found in a dry-run)",
      ["github.merged"] = "202: GitHub merged branches instead of making it" },
    options = {
      sha = { "text", required = true, help = "the commit, 40 hex digits" },
      environment = { "text", required = true, help = "where to, such as production" },
      description = { "text", help = "shown beside it" },
    },
    act = act_deployment, predict = predict_deployment, probe = probe_deployment,
    target = function (o) return o.environment .. " " .. short(o.sha) end,
    looks = "lists the deployments of the commit for up to 10 s: one of ours since the request "
      .. "is it, "
      .. "several cannot be told apart",
  },
  deployment_status = {
    effect = "write", summary = "Say how a deployment goes",
    result = "{id, deployment, state}", permission = "deployments: write", states = STATES,
    request = "POST /repos/{owner}/{repo}/deployments/{id}/statuses",
    options = {
      id = { "integer|text", required = true, help = "the deployment's id" },
      state = { "text", required = true, choices = { "error", "failure", "inactive", "in_progress",
        "queued", "pending", "success" }, help = "how it goes" },
      description = { "text", help = "shown beside it" },
      log_url = { "text", help = "where its log is" },
      environment_url = { "text", help = "where it can be seen" },
    },
    act = act_status, predict = predict_status, probe = probe_status,
    target = function (o) return ("%s %s"):format(o.id, o.state) end,
    looks = "lists the deployment's statuses for up to 10 s: one of ours with that state since "
      .. "the request",
  },
} }
