-- Starting a workflow by hand, and knowing for certain which run that was.
--
-- GitHub tells the run's id when asked to. An older server answers nothing; then the run is
-- found by the key of our call in an input that the workflow shows in its `run-name`, else by
-- event, branch, commit, time and account. Where two runs fit, none is taken.

local host = ...

local api = host.require "github_api"
local refs = host.require "github_refs"
local runs = host.require "github_runs"
local some = api.some

local PATIENCE = 60000
local LOST = 90000

local function refuse(code, ...)
  host.raise(code, string.format(...), { refused = true })
end

local function plain(ref)
  return (ref:gsub("^refs/heads/", ""):gsub("^refs/tags/", ""):gsub("^heads/", ""))
end

-- The workflow's own words -------------------------------------------------------------------

-- The workflow file as the ref has it, decoded; nil where it cannot be read.
local function read_file(o)
  local data = api.ask { path = api.path("/contents/%s", ".github/workflows/" .. o.workflow),
    query = { ref = plain(o.ref) }, where = "workflow " .. o.workflow,
    judge = function (answer)
      if answer.status == 403 or answer.status == 404 then
        return true, false
      end
    end }
  if not data or some(data.encoding) ~= "base64" then
    return nil
  end
  local ok, value = pcall(host.yaml.decode, host.unbase64((data.content:gsub("%s", ""))))
  return ok and type(value) == "table" and value ~= host.null and value or nil
end

local function trigger_of(file)
  local on = file.on
  if on == "workflow_dispatch" then
    return {}
  elseif type(on) ~= "table" or on == host.null then
    return nil
  end
  for _, event in ipairs(on) do
    if event == "workflow_dispatch" then
      return {}
    end
  end
  local trigger = on.workflow_dispatch
  return trigger ~= nil and (some(trigger) or {}) or nil
end

local function inputs_of(trigger)
  return type(trigger) == "table" and some(trigger.inputs) or {}
end

-- The input that `run-name` shows and that is free for our mark; nil when there is none.
local function mark_input(file, o)
  local trigger = file and trigger_of(file)
  local shown = file and some(file["run-name"])
  if not trigger or type(shown) ~= "string" then
    return nil
  end
  for name in shown:gmatch("%${{%s*inputs%.([%w_-]+)%s*}}") do
    local input = some(inputs_of(trigger)[name])
    if input and (some(input.type) or "string") == "string" and (o.inputs or {})[name] == nil then
      return name
    end
  end
end

-- This call's and no other's, the same in every try and after a resume.
local function mark_of(intent)
  return "pipe-" .. intent.key
end

local function keys(t)
  local out = {}
  for key in pairs(t) do
    out[#out + 1] = tostring(key)
  end
  table.sort(out)
  return #out > 0 and table.concat(out, ", ") or "none"
end

local function check_input(where, name, input, value)
  if not input then
    return
  elseif some(input.type) == "choice" then
    for _, option in ipairs(some(input.options) or {}) do
      if tostring(option) == tostring(value) then
        return
      end
    end
    refuse("github.input", "%s: input \"%s\" cannot be %q", where, name, tostring(value))
  end
end

-- Refuses what GitHub would refuse, as far as the file tells.
local function check_inputs(file, o)
  local where = ("workflow %s on %s"):format(o.workflow, plain(o.ref))
  local trigger = trigger_of(file)
  if not trigger then
    refuse("github.no-trigger", "%s cannot be started by hand: it has no workflow_dispatch", where)
  end
  local known = inputs_of(trigger)
  for name, value in pairs(o.inputs or {}) do
    if known[name] == nil then
      refuse("github.input", "%s has no input \"%s\" (there are: %s)", where, name, keys(known))
    end
    check_input(where, name, some(known[name]), value)
  end
  for name, input in pairs(known) do
    input = some(input) or {}
    if some(input.required) == true and some(input.default) == nil and (o.inputs
      or {})[name] == nil then
      refuse("github.input", "%s: input \"%s\" is required", where, name)
    end
  end
end

local ERRORS = {
  [404] = { "github.no-workflow",
    "there is no such workflow, or the credential \"github\" has no permission to see it" },
  [422] = { "github.not-started", "GitHub does not start it: no workflow_dispatch on that ref, "
    .. "an unknown "
    .. "ref, or a wrong input", refused = true },
}

-- Finding the run ----------------------------------------------------------------------------

-- The commit that the ref leads to, or nil.
local function head_of(o)
  local name = plain(o.ref)
  local there = refs.read("heads/" .. name) or refs.read("tags/" .. name)
  return there and there.sha
end

-- Runs that were started by hand since then. GitHub's own filter for times is no time by its
-- description, so times are compared here; lists are newest first.
local function started_since(o, since)
  local out = {}
  for _, run in ipairs(runs.list { workflow = o.workflow, event = "workflow_dispatch", first = 100,
    errors = ERRORS }) do
    if host.time(run.created_at) >= since then
      out[#out + 1] = run
    end
  end
  return out
end

-- Runs that are known to be those of other calls of ours: never taken for another one's.
local taken = {}

-- A run that shows the mark of another call of pipe's.
local function is_other(run, mark)
  local key = (run.title or ""):match("pipe%-(%x+)")
  return key ~= nil and #key == 32 and "pipe-" .. key ~= mark
end

-- Runs that can be ours by all but their commit: the branch may have moved between the request
-- and GitHub's taking it.
local function candidates(o, f)
  local login, out = api.account().login, {}
  for _, run in ipairs(started_since(o, f.since)) do
    if run.branch == plain(o.ref) and not f.skip[run.id] and not taken[run.id]
      and not is_other(run, f.mark) and (not login or run.actor == login) then
      out[#out + 1] = run
    end
  end
  return out
end

local function marked_one(list, mark)
  for _, run in ipairs(list) do
    if run.title and run.title:find(mark, 1, true) then
      return run
    end
  end
end

local function result_of(run, found)
  taken[run.id] = true
  return { id = run.id, url = run.url, found = found, certain = true }
end

-- What is known of a run that nobody told us. f = { since, skip, mark, heads = commits that the
-- ref is known to have led to, shown = those of them whose file shows the mark }
local function settle(o, f, patience)
  local list, marked
  api.patiently(patience, function ()
    list = candidates(o, f)
    marked = marked_one(list, f.mark)
    return marked or (not next(f.shown) and #list > 0) or nil
  end)
  if marked then
    return result_of(marked, "by its mark")
  end
  local out = { certain = false, found = "no", candidates = host.json.array {} }
  local only
  for _, run in ipairs(list) do
    if not f.shown[run.sha] then
      only = run
      out.candidates[#out.candidates + 1] = run.id
    end
  end
  if #out.candidates == 1 and f.heads[only.sha] and not next(f.shown) then
    return result_of(only, "by event, commit, time and account")
  end
  return out
end

-- Acting -------------------------------------------------------------------------------------

local function set(...)
  local out = {}
  for _, sha in pairs { ... } do
    if sha then
      out[sha] = true
    end
  end
  return out
end

local function seen_before(o, since)
  local out = {}
  for _, run in ipairs(started_since(o, since - 60000)) do
    out[run.id] = true
  end
  return out
end

local function send(o, inputs)
  local _, answer = api.ask { method = "POST",
    path = api.path("/actions/workflows/%s/dispatches", o.workflow),
    where = ("starting workflow %s on %s"):format(o.workflow, plain(o.ref)), errors = ERRORS,
    json = { ref = plain(o.ref), inputs = inputs, return_run_details = true },
      optional_body = true }
  return answer.status == 200 and type(answer.json) == "table" and answer.json ~= host.null
    and answer.json or nil
end

local function act(o, intent)
  local file, inputs = read_file(o), {}
  for name, value in pairs(o.inputs or {}) do
    inputs[name] = value
  end
  local mark_in, since = mark_input(file, o), nil
  local before = head_of(o)
  since = api.vendor_time(host.now())
  local skip = seen_before(o, since)
  if mark_in then
    inputs[mark_in] = mark_of(intent)
  end
  local told = send(o, next(inputs) and inputs or nil)
  if told and math.type(some(told.workflow_run_id)) == "integer" then
    return result_of({ id = told.workflow_run_id, url = some(told.html_url) }, "told")
  end
  return settle(o, { since = since, heads = set(before, head_of(o)), skip = skip,
    mark = mark_of(intent), shown = set(mark_in and before) }, PATIENCE)
end

local function predict(o)
  local file = read_file(o)
  if file then
    check_inputs(file, o)
  end
  local head = head_of(o)
  if not head then
    refuse("github.not-started", "starting workflow %s: GitHub has no branch or tag \"%s\"",
      o.workflow,
      plain(o.ref))
  end
  api.ask { path = api.path("/actions/workflows/%s", o.workflow), where = "workflow " .. o.workflow,
    errors = ERRORS }
  local id = api.later "dispatch"
  return { sign = "!", result = { id = id, certain = true, found = "told" },
    after = { workflow = o.workflow, ref = plain(o.ref), commit = head, inputs = o.inputs },
    note = not file and "the workflow file cannot be read: its inputs are not checked" or nil }
end

-- Ours is the run with our mark, or the only one that fits, at the commit where the ref is. None
-- after so long: it was not started. Several, or one at another commit: nobody can tell.
local function probe(o, intent)
  local head = head_of(o)
  local f = { since = api.vendor_time(intent.began), heads = set(head), skip = {},
    mark = mark_of(intent), shown = set(mark_input(read_file(o), o) and head) }
  local found = settle(o, f, LOST)
  if found.id then
    return { happened = true, result = found }
  elseif #found.candidates == 0 then
    return { happened = false }
  end
  return nil
end

return { verbs = {
  dispatch = {
    effect = "write", summary = "Start a workflow by hand (workflow_dispatch), and know "
      .. "its run",
    result = "{id, url, certain, found = \"told\", \"by its mark\", \"by event, commit, time and "
      .. "account\" or \"no\"}; without id where the server did not tell and not exactly one run "
        .. "fits "
      .. "(then certain = false, candidates = list of ids)",
    request = { "POST /repos/{owner}/{repo}/actions/workflows/{file}/dispatches",
      "GET /repos/{owner}/{repo}/contents/.github/workflows/{file}",
      "GET /repos/{owner}/{repo}/actions/workflows/{file}/runs" },
    permission = "actions: write, contents: read",
    errors = { ["github.no-workflow"] = "404: there is no such workflow file",
      ["github.not-started"] = "422: no workflow_dispatch on that ref, unknown ref, wrong inputs",
      ["github.no-trigger"] = "its file has no workflow_dispatch (found in a dry-run)",
      ["github.input"] = "an input is unknown, missing or none of the choices (found in a "
        .. "dry-run)" },
    options = {
      workflow = { "text", required = true, help = "file name, such as db-deploy.yml" },
      ref = { "text", required = true, help = "branch or tag whose workflow file and code is "
        .. "used" },
      inputs = { "map", help = "name = text; at most 25" },
    },
    act = act, predict = predict, probe = probe,
    target = function (o) return o.workflow .. " " .. plain(o.ref) end,
    looks = "lists the runs of the workflow for up to 90 s: of this event, branch and account, not "
      .. "older than the request. One with the key of this call in its name (where an input that "
      .. "`run-name` shows could carry it) is ours; else the only one, if it is at the ref's "
      .. "commit. None means not started; several, or one at another commit, cannot be told",
  },
} }
