-- GitHub: pull requests, checks and workflow runs of the project's repository.
-- The repository is `repository.github` of pipe.yaml ("owner/name"), the
-- credential is `github`.

local host = ...

local API = "https://api.github.com"
local VERSION = "2022-11-28"
local PATIENCE = 15 * 60 * 1000 -- the longest wait for a rate limit, in all

-- Stands in a dry-run for what only the merge itself can tell.
local AFTER_MERGE = "(known after github.merge)"

local GOOD = { success = true, neutral = true, skipped = true }

-- The wire -----------------------------------------------------------------

local function some(value)
  if value == host.null then
    return nil
  end
  return value
end

local function settings()
  local providers = host.project.providers
  return providers and providers.github or {}
end

local function repository()
  local known = host.project.repository
  local name = known and known.github
  if not name or not name:find("^[^/]+/[^/]+$") then
    host.raise("github.repository",
      "pipe.yaml does not say which repository: set repository.github to \"owner/name\"")
  end
  return name
end

local function escape(text)
  return (tostring(text):gsub("[^%w%-%._~]", function (c) return ("%%%02X"):format(c:byte()) end))
end

local function query_of(query)
  local names, parts = {}, {}
  for name in pairs(query or {}) do
    names[#names + 1] = name
  end
  table.sort(names)
  for i, name in ipairs(names) do
    parts[i] = escape(name) .. "=" .. escape(query[name])
  end
  return #parts > 0 and "?" .. table.concat(parts, "&") or ""
end

-- Of a web page its title: proxies answer with pages.
local function first_line(body)
  local title = (body or ""):match("<title>%s*([^<]-)%s*</title>")
  local text = title and "a web page, \"" .. title .. "\""
    or (body or ""):gsub("^%s+", ""):match("^[^\r\n]*")
  return #text > 120 and text:sub(1, 120) .. "…" or text
end

local function message_of(answer)
  local body = answer.json
  local text = type(body) == "table" and body ~= host.null and some(body.message)
    or first_line(answer.body)
  local more = {}
  for _, problem in ipairs(type(body) == "table" and type(some(body.errors)) == "table"
    and body.errors or {}) do
    more[#more + 1] = type(problem) == "table" and (some(problem.message) or some(problem.code))
      or tostring(problem)
  end
  return text .. (#more > 0 and " (" .. table.concat(more, "; ") .. ")" or "")
end

-- Milliseconds to wait when the answer says that a rate limit was hit; nil when it does not.
local function rate_wait(answer)
  if answer.status ~= 403 and answer.status ~= 429 then
    return nil
  end
  local after = tonumber(answer.headers["retry-after"])
  if after then
    return math.ceil(after * 1000)
  elseif answer.headers["x-ratelimit-remaining"] == "0" then
    local reset = tonumber(answer.headers["x-ratelimit-reset"])
    return reset and math.max(1000, math.ceil(reset * 1000 - host.now() + 1000)) or 60000
  elseif answer.status == 429 or message_of(answer):lower():find("rate limit", 1, true) then
    return 60000
  end
  return nil
end

-- What each status means, and what can be done about it.
local ERRORS = {
  [401] = { "github.unauthorized", "GitHub does not accept the credential \"github\"" },
  [403] = { "github.forbidden", "the credential \"github\" may not do this" },
  [404] = { "github.not-found",
    "it does not exist, or the credential \"github\" has no permission to see it" },
  [405] = { "github.not-allowed", "GitHub refuses" },
  [409] = { "github.conflict", "the state on GitHub is another one" },
  [422] = { "github.invalid", "GitHub does not accept the request" },
}

local function raise_for(answer, what, errors, write)
  local status = answer.status
  local own = errors and errors[status]
  local known = own or ERRORS[status]
  if status >= 500 then
    host.raise("github.unavailable", ("%s: GitHub answers %d: %s"):format(what, status,
      message_of(answer)),
      { status = status, retryable = not write, unknown = write })
  elseif known then
    host.raise(known[1], ("%s: %s (%d: %s)"):format(what, known[2], status, message_of(answer)),
      { status = status, refused = status ~= 401 and status ~= 404 or nil })
  end
  host.raise("github.failed", ("%s: GitHub answers %d: %s"):format(what, status,
    message_of(answer)), { status = status })
end

local function send(o)
  return host.http {
    method = o.method or "GET",
    url = o.url or (settings().url or API) .. o.path .. query_of(o.query),
    headers = {
      Accept = "application/vnd.github+json",
      Authorization = { "Bearer ", host.credential "github" },
      ["User-Agent"] = "pipe",
      ["X-GitHub-Api-Version"] = VERSION,
    },
    json = o.body, timeout = "30s", any_status = true,
  }
end

local function wait_for_limit(wait, waited, what, status)
  if waited + wait > PATIENCE then
    host.raise("github.rate-limit",
      ("%s: GitHub's rate limit is used up; it is open again in %d s"):format(what,
      math.ceil(wait / 1000)), { retryable = true, status = status })
  end
  host.log(("GitHub's rate limit is used up: waiting %d s"):format(math.ceil(wait / 1000)))
  host.sleep(wait)
  return waited + wait
end

-- Sends until there is an answer to judge. o = { method (nil: GET), path | url, query, body, what,
-- errors, allow = { [status] = true } }
local function call(o)
  local waited = 0
  while true do
    local answer = send(o)
    local wait = rate_wait(answer)
    if wait then
      -- A call over the limit was not carried out, so a write may be sent again too.
      waited = wait_for_limit(wait, waited, o.what, answer.status)
    elseif answer.status >= 400 and not (o.allow and o.allow[answer.status]) then
      raise_for(answer, o.what, o.errors, o.method ~= nil)
    elseif answer.status < 300 and answer.status ~= 204 and type(answer.json) ~= "table" then
      host.raise("github.transport", ("%s: GitHub's answer is no JSON (%d: %s)"):format(o.what,
        answer.status,
        first_line(answer.body)), { status = answer.status, retryable = o.method == nil,
          unknown = o.method ~= nil })
    else
      return answer
    end
  end
end

local function repo_path(text, ...)
  local parts = { ... }
  for i, part in ipairs(parts) do
    parts[i] = escape(part)
  end
  return "/repos/" .. repository() .. text:format(table.unpack(parts))
end

local function next_page(answer)
  for part in (answer.headers.link or ""):gmatch("[^,]+") do
    local url, rel = part:match("<([^>]+)>.-rel=\"([^\"]+)\"")
    if rel == "next" then
      return url
    end
  end
end

-- Members of all pages (at most `most`). `name`: the member of the answer that is the list.
local function all_pages(o, name, most)
  local out = host.json.array {}
  o.query = o.query or {}
  o.query.per_page = math.min(100, most or 100)
  local url
  repeat
    o.url = url
    local answer = call(o)
    for _, item in ipairs(name and answer.json[name] or answer.json) do
      out[#out + 1] = item
      if most and #out >= most then
        return out
      end
    end
    url = next_page(answer)
    -- The address of the next page is the vendor's; behind another base (a proxy, the simulator)
    -- only its path counts.
    local base = settings().url
    if url and base then
      url = base .. url:gsub("^https?://[^/]+", "")
    end
  until not url
  return out
end

-- Shapes -------------------------------------------------------------------

local function pull_of(raw)
  return {
    number = raw.number, title = raw.title, state = raw.state, draft = some(raw.draft) == true,
    merged = some(raw.merged) == true or some(raw.merged_at) ~= nil,
    mergeable = some(raw.mergeable),
    mergeable_state = some(raw.mergeable_state), merge_sha = some(raw.merged_at)
      and some(raw.merge_commit_sha) or nil,
    head = { ref = raw.head.ref, sha = raw.head.sha }, base = { ref = raw.base.ref,
      sha = raw.base.sha },
    author = some(raw.user) and raw.user.login, url = raw.html_url,
  }
end

local function pulls_of(list)
  local out = host.json.array {}
  for i, raw in ipairs(list) do
    out[i] = pull_of(raw)
  end
  return out
end

local function run_of(raw)
  return {
    id = raw.id, name = some(raw.name), workflow = raw.path:match("([^/@]+)@?[^/]*$"),
    event = raw.event, status = some(raw.status),
    conclusion = some(raw.conclusion), sha = raw.head_sha, branch = some(raw.head_branch),
    attempt = some(raw.run_attempt) or 1,
    url = raw.html_url, created_at = raw.created_at, updated_at = raw.updated_at,
  }
end

local function check_of(raw)
  return {
    name = raw.name, app = some(raw.app) and (some(raw.app.slug) or some(raw.app.name)),
    status = raw.status,
    conclusion = some(raw.conclusion), url = some(raw.html_url), source = "check", id = raw.id,
    started_at = some(raw.started_at),
  }
end

local STATUS_STATES = {
  success = { "completed", "success" }, failure = { "completed", "failure" },
  error = { "completed", "failure" },
  pending = { "in_progress" },
}

local function status_of(raw)
  local state = STATUS_STATES[raw.state] or { "in_progress" }
  return { name = raw.context, status = state[1], conclusion = state[2], url = some(raw.target_url),
    source = "status", id = raw.id }
end

-- Pull requests ------------------------------------------------------------

local function read_pull(number)
  local raw = call { path = repo_path("/pulls/%s", number), what = "pull request #" .. number }.json
  return pull_of(raw)
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

local function short(sha)
  return sha:sub(1, 7)
end

local MERGE_ERRORS = {
  [405] = { "github.not-mergeable", "GitHub refuses to merge it" },
  [409] = { "github.head-moved", "somebody pushed to it after it was looked at" },
}

local function act_merge(o)
  local answer = call {
    method = "PUT", path = repo_path("/pulls/%s/merge", o.number), what = "merging pull request #"
      .. o.number,
    body = { sha = o.sha, merge_method = o.method }, errors = MERGE_ERRORS,
  }
  return { sha = answer.json.sha, merged = true }
end

-- Refuses what the real merge would refuse; what may change until then becomes a note.
local function judge(o, pull)
  local name = "pull request #" .. o.number
  if pull.merged then
    host.raise("github.not-mergeable", name .. " is merged already, as "
      .. tostring(pull.merge_sha), { refused = true })
  elseif pull.state ~= "open" then
    host.raise("github.not-mergeable", name .. " is " .. pull.state, { refused = true })
  elseif pull.head.sha ~= o.sha then
    host.raise("github.head-moved", ("%s: its head is %s, not %s"):format(name,
      short(pull.head.sha), short(o.sha)),
      { refused = true })
  elseif pull.draft then
    host.raise("github.not-mergeable", name .. " is a draft", { refused = true })
  elseif pull.mergeable == false then
    host.raise("github.not-mergeable", name .. " has conflicts with " .. pull.base.ref,
      { refused = true })
  elseif pull.mergeable_state == "blocked" then
    return "blocked for now: the required checks are not green"
  elseif pull.mergeable == nil then
    return "GitHub has not worked out yet whether it can be merged"
  end
end

local function predict_merge(o, overlay)
  local pull = overlay_pull(o, read_pull(o.number), overlay)
  local note = judge(o, pull)
  overlay.set(pull_resource(o.number), { merged = true, state = "closed" })
  overlay.set("git:" .. (host.project.repository.remote or "origin") .. ":refs/heads/" .. pull.base.ref, AFTER_MERGE)
  return {
    sign = "~", result = { sha = AFTER_MERGE, merged = true }, note = note,
    before = { pull = o.number, state = pull.state, base = pull.base.ref, head = pull.head.sha },
    after = { pull = o.number, state = "closed", merged = true },
  }
end

local function probe_merge(o)
  local pull = read_pull(o.number)
  if pull.merged and pull.head.sha == o.sha then
    return { happened = true, result = { sha = pull.merge_sha, merged = true } }
  end
  return { happened = false }
end

local function list_pulls(o)
  local query = { state = o.state, base = o.base }
  if o.head then
    query.head = o.head:find(":", 1, true) and o.head or repository():match("^[^/]+") .. ":"
      .. o.head
  end
  return pulls_of(all_pages({ path = repo_path "/pulls", query = query,
    what = "the list of pull requests" }, nil, 200))
end

local function pulls_with(o)
  local list = pulls_of(all_pages { path = repo_path("/commits/%s/pulls", o.sha),
    what = "the pull request of commit " .. short(o.sha) })
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

-- Checks ---------------------------------------------------------------------

local UNREADABLE = { [403] = true, [404] = true }

local function read_protection(branch, found)
  local answer = call { path = repo_path("/branches/%s/protection/required_status_checks", branch),
    allow = UNREADABLE,
    what = "the protection of branch " .. branch }
  if answer.status == 200 then
    found.strict = answer.json.strict == true
    for _, check in ipairs(some(answer.json.checks) or {}) do
      found.add(check.context, some(check.app_id))
    end
    for _, context in ipairs(some(answer.json.contexts) or {}) do
      found.add(context)
    end
    return "read"
  end
  local message = message_of(answer)
  local lower = message:lower()
  if answer.status == 404 and (lower:find("branch not protected", 1, true)
    or lower:find("not enabled", 1, true)) then
    return "none"
  elseif answer.status == 404 and lower:find("branch not found", 1, true) then
    host.raise("github.not-found", "branch " .. branch .. " does not exist on GitHub",
      { status = 404 })
  end
  return ("unreadable (%d: %s): reading it takes the permission \"administration\""):format(answer.status, message)
end

local function read_rules(branch, found)
  local path = repo_path("/rules/branches/%s", branch)
  local first = call { path = path, query = { per_page = 1 }, allow = UNREADABLE,
    what = "the rules of branch " .. branch }
  if first.status ~= 200 then
    return ("unreadable (%d: %s)"):format(first.status, message_of(first))
  end
  local any = false
  for _, rule in ipairs(all_pages { path = path, what = "the rules of branch " .. branch }) do
    local parameters = rule.type == "required_status_checks" and some(rule.parameters)
    for _, check in ipairs(parameters and parameters.required_status_checks or {}) do
      any = true
      found.add(check.context, some(check.integration_id))
    end
    found.strict = found.strict
      or (parameters and parameters.strict_required_status_checks_policy == true) or false
  end
  return any and "read" or "none"
end

local function required_checks(o)
  local checks, seen = host.json.array {}, {}
  local found = { strict = false }
  function found.add(name, app)
    if not seen[name] then
      checks[#checks + 1] = { name = name, app_id = app }
      seen[name] = checks[#checks]
    end
    seen[name].app_id = seen[name].app_id or app
  end
  local sources = { protection = read_protection(o.branch, found), rules = read_rules(o.branch,
    found) }
  local complete = not (sources.protection .. sources.rules):find("unreadable", 1, true)
  table.sort(checks, function (a, b) return a.name < b.name end)
  return { checks = checks, strict = found.strict, sources = sources, complete = complete }
end

local function newer(a, b)
  local left, right = a.started_at or "", b.started_at or ""
  return left > right or (left == right and a.id > b.id)
end

local function read_checks(o)
  local newest, order = {}, {}
  local function add(check)
    local key = check.name .. "\0" .. (check.app or check.source)
    if not newest[key] then
      order[#order + 1] = key
      newest[key] = check
    elseif newer(check, newest[key]) then
      newest[key] = check
    end
  end
  local what = "the checks of commit " .. short(o.sha)
  for _, raw in ipairs(all_pages({ path = repo_path("/commits/%s/check-runs", o.sha),
    query = { filter = "latest" },
    what = what }, "check_runs")) do
    add(check_of(raw))
  end
  for _, raw in ipairs(all_pages({ path = repo_path("/commits/%s/status", o.sha), what = what },
    "statuses")) do
    add(status_of(raw))
  end
  table.sort(order)
  local out = host.json.array {}
  for i, key in ipairs(order) do
    out[i] = newest[key]
  end
  return out
end

-- Marks what the branch requires; a required check that is not there yet is listed as "expected".
local function checks_of(o)
  local list = read_checks(o)
  if not o.branch then
    return list
  end
  local wanted, present = {}, {}
  for _, check in ipairs(required_checks(o).checks) do
    wanted[check.name] = true
  end
  for _, check in ipairs(list) do
    check.required = wanted[check.name] == true
    present[check.name] = true
  end
  local absent = {}
  for name in pairs(wanted) do
    if not present[name] then
      absent[#absent + 1] = name
    end
  end
  table.sort(absent)
  for _, name in ipairs(absent) do
    list[#list + 1] = { name = name, status = "expected", required = true, source = "rule" }
  end
  return list
end

-- Workflows --------------------------------------------------------------------

local function workflow_runs(o)
  local path = o.workflow and repo_path("/actions/workflows/%s/runs", o.workflow)
    or repo_path "/actions/runs"
  local out = host.json.array {}
  local query = { head_sha = o.sha, branch = o.branch, event = o.event }
  for i, raw in ipairs(all_pages({ path = path, query = query, what = "the runs of "
    .. (o.workflow or "the workflows") },
    "workflow_runs", o.first)) do
    out[i] = run_of(raw)
  end
  return out
end

local function workflow_run(o)
  local what = "workflow run " .. o.id
  local run = run_of(call { path = repo_path("/actions/runs/%s", o.id), what = what }.json)
  run.failed = host.json.array {}
  if run.conclusion and not GOOD[run.conclusion] then
    for _, job in ipairs(all_pages({ path = repo_path("/actions/runs/%s/jobs", o.id),
      query = { filter = "latest" },
      what = what }, "jobs")) do
      if some(job.conclusion) and not GOOD[job.conclusion] then
        run.failed[#run.failed + 1] = { name = job.name, conclusion = job.conclusion,
          url = some(job.html_url) }
      end
    end
  end
  return run
end

-- Rows ---------------------------------------------------------------------------

local PULL = "{number, title, state, draft, merged, mergeable, mergeable_state, merge_sha, head{ref, sha}, base{ref, sha}, author, url}"
local RUN = "{id, name, workflow, event, status, conclusion, sha, branch, attempt, url, created_at, updated_at}"

return {
  name = "github", summary = "Pull requests, checks and workflow runs on GitHub",
  verbs = {
    pull = {
      effect = "read", summary = "One pull request", result = PULL
        .. "; mergeable is nil while GitHub works it out",
      options = { number = { "integer", required = true, help = "its number" } },
      act = function (o) return read_pull(o.number) end,
      overlay = overlay_pull,
    },
    pulls = {
      effect = "read", summary = "Pull requests, newest first", result = "list of " .. PULL,
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
      result = PULL .. ", or nil",
      options = { sha = { "text", required = true, help = "the commit" } },
      act = pulls_with,
      overlay = function (_, result, overlay)
        return result and overlay_pull({ number = result.number }, result, overlay)
      end,
    },
    merge = {
      effect = "write", summary = "Merge a pull request whose head is still the given commit",
      result = "{sha, merged}",
      options = {
        number = { "integer", required = true, help = "its number" },
        sha = { "text", required = true,
          help = "the head that was looked at; another one is refused" },
        method = { "text", default = "merge", choices = { "merge", "squash", "rebase" },
          help = "merge, squash or rebase" },
      },
      act = act_merge,
      target = function (o) return ("#%d %s"):format(o.number, short(o.sha)) end,
      predict = predict_merge,
      probe = probe_merge,
    },
    checks = {
      effect = "read",
      summary = "Checks of a commit: check runs and commit statuses, the newest of each name",
      result = "list of {name, app, status, conclusion, url, source, id, required}; with `branch`, required checks that are "
        .. "not there yet have the status \"expected\"",
      options = {
        sha = { "text", required = true, help = "the commit" },
        branch = { "text", help = "mark what this branch requires" },
      },
      act = checks_of,
    },
    required_checks = {
      effect = "read",
      summary = "The checks that a branch requires, by its protection and its rulesets",
      result = "{checks = list of {name, app_id}, strict, sources = {protection, rules}, complete}; a source is \"read\", "
        .. "\"none\" or \"unreadable …\"",
      options = { branch = { "text", required = true, help = "the branch" } },
      act = required_checks,
    },
    workflow_runs = {
      effect = "read", summary = "Runs of a workflow, newest first", result = "list of " .. RUN,
      options = {
        workflow = { "text",
          help = "file name, such as deploy-production.yml; without it, of all" },
        sha = { "text", help = "only of this commit" },
        branch = { "text", help = "only of this branch" },
        event = { "text", help = "only of this event, such as push" },
        first = { "integer", default = 30, help = "at most so many" },
      },
      act = workflow_runs,
    },
    workflow_run = {
      effect = "read", summary = "One workflow run", result = RUN
        .. " and failed = list of {name, conclusion, url} (its jobs)",
      options = { id = { "integer", required = true, help = "its id" } },
      act = workflow_run,
    },
  },
}
