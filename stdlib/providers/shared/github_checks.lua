-- What is known of a commit, and whether it is what a branch requires.
--
-- Required checks come from two places, the protection of a branch and its rulesets, and both
-- count. Checks are check runs (of apps, such as Actions) or commit statuses; one that is
-- pinned to an app is met by that app only. A check that is not there has not begun: it is
-- never "passed".

local host = ...

local api = host.require "github_api"
local some, short = api.some, api.short

local M = {}

local GOOD = { success = true, neutral = true, skipped = true }
local BAD = { failure = true, cancelled = true, timed_out = true, action_required = true,
  stale = true, startup_failure = true }
local MOVING = { queued = true, in_progress = true, waiting = true, requested = true,
  pending = true, expected = true }
M.GOOD = GOOD

--- Where statuses and conclusions lead, for help and for scripts.
M.STATES = {
  queued = { "moving", "it waits for a runner" },
  in_progress = { "moving", "it runs" },
  waiting = { "moving", "it waits for an approval or for another run" },
  requested = { "moving", "it was asked for" },
  pending = { "moving", "it waits" },
  expected = { "moving", "it is required and has not begun" },
  success = { "good", "it passed" },
  neutral = { "good", "it ended without an opinion; counts as passed" },
  skipped = { "good", "a condition left it out; counts as passed" },
  failure = { "bad", "it failed" },
  cancelled = { "bad", "somebody or something cancelled it" },
  timed_out = { "bad", "it took too long" },
  action_required = { "bad", "it wants somebody to do something" },
  stale = { "bad", "it was never completed, and GitHub gave it up" },
  startup_failure = { "bad", "it did not start: mostly an invalid workflow file" },
}

--- "moving", "good", "bad", or "unknown" for words that GitHub did not have.
function M.phase(status, conclusion)
  if status == "completed" then
    return GOOD[conclusion] and "good" or BAD[conclusion] and "bad" or "unknown"
  end
  return MOVING[status] and "moving" or "unknown"
end

-- What a branch requires ---------------------------------------------------------------------

local function unreadable(answer)
  if answer.status == 403 or answer.status == 404 then
    return true, answer
  end
end

local function message_of(answer)
  return type(answer.json) == "table" and some(answer.json.message) or "no message"
end

local function read_protection(branch, found)
  local data, answer = api.ask {
    path = api.path("/branches/%s/protection/required_status_checks", branch), judge = unreadable,
    where = "the protection of branch " .. branch }
  if answer.status == 200 then
    found.strict = data.strict == true
    for _, check in ipairs(some(data.checks) or {}) do
      found.add(check.context, some(check.app_id))
    end
    for _, context in ipairs(some(data.contexts) or {}) do
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
  return ("unreadable (%d: %s): reading it takes the permission \"administration\""):format(
    answer.status, message)
end

local function read_rules(branch, found)
  local where = "the rules of branch " .. branch
  local path = api.path("/rules/branches/%s", branch)
  local _, first = api.ask { path = path, query = { per_page = 1 }, judge = unreadable,
    where = where }
  if first.status ~= 200 then
    return ("unreadable (%d: %s)"):format(first.status, message_of(first))
  end
  local any = false
  for _, rule in ipairs(api.pages { path = path, where = where }) do
    local parameters = rule.type == "required_status_checks" and some(rule.parameters)
    for _, check in ipairs(parameters and some(parameters.required_status_checks) or {}) do
      any = true
      found.add(check.context, some(check.integration_id))
    end
    found.strict = found.strict
      or (parameters and parameters.strict_required_status_checks_policy == true) or false
  end
  return any and "read" or "none"
end

-- A name that is pinned somewhere is not also wanted of anybody: protection lists each twice.
local function without_doubles(rows)
  local pinned, out = {}, host.json.array {}
  for _, row in ipairs(rows) do
    pinned[row.name] = pinned[row.name] or row.app_id ~= nil
  end
  for _, row in ipairs(rows) do
    if row.app_id or not pinned[row.name] then
      out[#out + 1] = row
    end
  end
  table.sort(out, function (a, b)
    return a.name < b.name or (a.name == b.name and (a.app_id or 0) < (b.app_id or 0))
  end)
  return out
end

local function required_checks(o)
  local rows, seen = {}, {}
  local found = { strict = false }
  function found.add(name, app)
    app = app and app > 0 and app or nil -- -1 is GitHub's word for any app
    local key = name .. "\0" .. tostring(app)
    if not seen[key] then
      seen[key] = true
      rows[#rows + 1] = { name = name, app_id = app }
    end
  end
  local sources = { protection = read_protection(o.branch, found),
    rules = read_rules(o.branch, found) }
  return { checks = without_doubles(rows), strict = found.strict, sources = sources,
    complete = not (sources.protection .. sources.rules):find("unreadable", 1, true) }
end

-- The checks of a commit ------------------------------------------------------------------------

local function check_of(raw)
  local app = some(raw.app)
  return {
    name = raw.name, app = app and (some(app.slug) or some(app.name)), app_id = app
      and some(app.id),
    status = raw.status, conclusion = some(raw.conclusion), url = some(raw.html_url),
    source = "check", id = raw.id, started_at = some(raw.started_at),
  }
end

local STATUS_STATES = { success = { "completed", "success" }, failure = { "completed", "failure" },
  error = { "completed", "failure" }, pending = { "in_progress" } }

local function status_of(raw)
  local state = STATUS_STATES[raw.state] or { raw.state }
  return { name = raw.context, status = state[1], conclusion = state[2], url = some(raw.target_url),
    source = "status", id = raw.id }
end

-- One that is queued has not started: it is the newest there is.
local function newer(a, b)
  local left, right = a.started_at or "~", b.started_at or "~"
  return left > right or (left == right and a.id > b.id)
end

local function read_checks(o)
  local newest, order = {}, {}
  local function add(check)
    local key = check.name .. "\0" .. (check.app or check.source)
    check.phase = M.phase(check.status, check.conclusion)
    if not newest[key] then
      order[#order + 1] = key
      newest[key] = check
    elseif newer(check, newest[key]) then
      newest[key] = check
    end
  end
  local where = "the checks of commit " .. short(o.sha)
  for _, raw in ipairs(api.pages({ path = api.path("/commits/%s/check-runs", o.sha),
    query = { filter = "latest" }, conditional = true, where = where }, "check_runs")) do
    add(check_of(raw))
  end
  for _, raw in ipairs(api.pages({ path = api.path("/commits/%s/status", o.sha),
    conditional = true, where = where }, "statuses")) do
    add(status_of(raw))
  end
  table.sort(order)
  local out = host.json.array {}
  for i, key in ipairs(order) do
    out[i] = newest[key]
  end
  return out
end

local function meets(check, wanted)
  return check.name == wanted.name and (not wanted.app_id or check.app_id == wanted.app_id)
end

-- Marks what is wanted; what is not there is listed as "expected".
local function mark(list, wanted)
  for _, check in ipairs(list) do
    check.required = false
  end
  for _, row in ipairs(wanted) do
    local there = false
    for _, check in ipairs(list) do
      if meets(check, row) then
        check.required, there = true, true
      end
    end
    if not there then
      list[#list + 1] = { name = row.name, app_id = row.app_id, status = "expected",
        phase = "moving", required = true, source = "rule" }
    end
  end
  return list
end

local function checks_of(o)
  local list = read_checks(o)
  return o.branch and mark(list, required_checks(o).checks) or list
end

-- One word for all that is required.
local function verdict(o)
  local required = o.branch and required_checks(o)
    or { checks = host.json.array {}, strict = false, complete = true }
  local wanted = { table.unpack(required.checks) }
  for _, name in ipairs(o.names or {}) do
    wanted[#wanted + 1] = { name = name }
  end
  if #wanted == 0 and required.complete then
    host.raise("github.nothing-required",
      ("commit %s: branch %s requires no checks, and none are named: nothing "
      .. "can be said. Name them with `names`"):format(short(o.sha), tostring(o.branch)),
      { refused = true })
  end
  local out = { checks = host.json.array {}, strict = required.strict,
    complete = required.complete, sources = required.sources }
  local seen = { good = 0, moving = 0, bad = 0, unknown = 0 }
  for _, check in ipairs(mark(read_checks(o), wanted)) do
    if check.required then
      out.checks[#out.checks + 1] = check
      seen[check.phase] = seen[check.phase] + 1
    end
  end
  out.state = seen.bad > 0 and "bad" or seen.unknown > 0 and "unknown"
    or (seen.moving > 0 or #out.checks == 0) and "moving"
    -- What cannot be read may require more than what is known to have passed.
    or required.complete and "good" or "unknown"
  return out
end

-- Rows ------------------------------------------------------------------------------------------

local CHECK = "{name, app, app_id, status, conclusion, phase, url, source, id, required}"
local READS = { "GET /repos/{owner}/{repo}/commits/{sha}/check-runs",
  "GET /repos/{owner}/{repo}/commits/{sha}/status" }
local RULES = { "GET /repos/{owner}/{repo}/branches/{branch}/protection/required_status_checks",
  "GET /repos/{owner}/{repo}/rules/branches/{branch}" }
local SHA = { "text", required = true, help = "the commit" }

local function both(a, b)
  local out = {}
  for _, list in ipairs { a, b } do
    for _, line in ipairs(list) do
      out[#out + 1] = line
    end
  end
  return out
end

M.verbs = {
  checks = {
    effect = "read",
    summary = "Checks of a commit: check runs and commit statuses, the newest of each name and app",
    result = "list of " .. CHECK .. "; with `branch`, required checks that are not there yet "
      .. "have the "
      .. "status \"expected\"",
    request = both(READS, RULES), permission = "checks: read, statuses: read, metadata: read",
    states = M.STATES,
    options = { sha = SHA, branch = { "text", help = "mark what this branch requires" } },
    act = checks_of,
  },
  verdict = {
    effect = "read",
    summary = "Whether a commit has what a branch requires: by name and, where it is pinned, by "
      .. "app",
    result = "{state = \"good\", \"moving\", \"bad\" or \"unknown\", checks = list of " .. CHECK
      .. ", strict, complete, sources}; complete is false where the credential may not read all "
        .. "rules: then what passed is \"unknown\", never \"good\". "
      .. "Two checks of one name that is not pinned both have to pass",
    request = both(READS, RULES), permission = "checks: read, statuses: read, metadata: read "
      .. "(administration: read for the protection of branches)",
    states = M.STATES,
    errors = { ["github.nothing-required"] = "nothing is required and nothing is named" },
    options = {
      sha = SHA, branch = { "text", help = "what it requires; else only `names`" },
      names = { "list", help = "further checks that have to pass" },
    },
    act = verdict,
  },
  required_checks = {
    effect = "read",
    summary = "The checks that a branch requires, by its protection and its rulesets",
    result = "{checks = list of {name, app_id}, strict, sources = {protection, rules}, "
      .. "complete}; a "
      .. "source is \"read\", \"none\" or \"unreadable …\"",
    request = RULES,
    permission = "metadata: read; administration: read for the protection of branches",
    options = { branch = { "text", required = true, help = "the branch" } },
    act = required_checks,
  },
}

return M
