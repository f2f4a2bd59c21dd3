-- Workflow files of GitHub Actions, read for what a push would start and what that would do.

local host = ...

local globs = host.require "globs"

local M = {}

local FOLDER = ".github/workflows"
local DEEPEST = 10 -- how deep GitHub lets workflows call workflows

local function some(value)
  if value == host.null then
    return nil
  end
  return value
end

-- Lines ------------------------------------------------------------------------------------

local function lines_of(text)
  local out = {}
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    out[#out + 1] = (line:gsub("\r$", ""))
  end
  return out
end

local function is_comment(line)
  return line:find("^%s*#") ~= nil
end

-- The line of a top-level key, and the one before the next of them.
local function section(lines, key)
  for i, line in ipairs(lines) do
    if line:find("^[\"']?" .. key .. "[\"']?%s*:") then
      local to = i
      while lines[to + 1] and (lines[to + 1]:find("^%s") or lines[to + 1] == ""
        or lines[to + 1]:find("^[%-#]")) do
        to = to + 1
      end
      return i, to
    end
  end
end

-- The line where the words stand one after the other, from the key `on` downwards.
local function line_of(lines, words)
  local from, to = section(lines, "on")
  if not from then
    return 1
  end
  local at = from
  for _, word in ipairs(words) do
    for i = at, to do
      if not is_comment(lines[i]) and lines[i]:find(word, 1, true) then
        at = i
        break
      end
    end
  end
  return at
end

-- Filters ------------------------------------------------------------------------------------

local KINDS = { "branches", "branches-ignore", "tags", "tags-ignore", "paths", "paths-ignore" }

-- A filter as a list of texts; nil where there is none. A number in YAML is text to GitHub.
local function list_of(value)
  value = some(value)
  if value == nil then
    return nil
  end
  local out = {}
  for i, one in ipairs(type(value) == "table" and value or { value }) do
    if type(one) == "table" or one == host.null then
      return nil, "a pattern is no text"
    end
    out[i] = tostring(one)
  end
  return out
end

-- The filters of a trigger by their names, or nil and what is wrong with them.
local function filters_of(on)
  local out = {}
  for _, kind in ipairs(KINDS) do
    local list, wrong = list_of(on[kind])
    wrong = wrong or (list and #list > 0 and globs.wrong(list, not kind:find("ignore", 1, true)))
    if wrong then
      return nil, kind .. ": " .. wrong
    end
    out[kind] = list
  end
  for _, kind in ipairs { "branches", "tags", "paths" } do
    if out[kind] and out[kind .. "-ignore"] then
      return nil, ("%s and %s-ignore exclude each other in one event"):format(kind, kind)
    end
  end
  return out
end

local KNOWN_PUSH = { branches = true, ["branches-ignore"] = true, tags = true,
  ["tags-ignore"] = true, paths = true, ["paths-ignore"] = true }

-- Does the name of the ref pass? Returns pass, why, the words that lead to the line.
local function ref_passes(f, event)
  local mine, other = event.kind .. (event.kind == "branch" and "es" or "s"),
    event.kind == "branch" and "tags" or "branches"
  local list, ignore = f[mine], f[mine .. "-ignore"]
  if list then
    local pattern, against = globs.choose(list, event.name)
    if pattern then
      return true, ("push.%s '%s'"):format(mine, pattern), { "push", mine, pattern }
    end
    return false, against and ("'%s' takes it out of push.%s"):format(against, mine)
      or ("push.%s has no pattern for it"):format(mine), { "push", mine, against }
  elseif ignore then
    local pattern = globs.choose(ignore, event.name)
    if pattern then
      return false, ("push.%s-ignore '%s'"):format(mine, pattern), { "push", mine, pattern }
    end
    return true, ("push.%s-ignore leaves it"):format(mine), { "push", mine }
  elseif f[other] or f[other .. "-ignore"] then
    return false, ("push listens on %s only"):format(other), { "push", other }
  end
  return true, "push of anything", { "push" }
end

-- Do the changed files pass? event.files = { list, cut, unknown, all }.
local function files_pass(f, event)
  local files, list, ignore = event.files, f.paths, f["paths-ignore"]
  if not list and not ignore or event.kind == "tag" then
    return true
  elseif files.all then
    return true, files.all
  elseif files.unknown then
    return "may", files.unknown
  end
  for _, path in ipairs(files.list) do
    local pattern = globs.choose(list or ignore, path)
    if list and pattern then
      return true, ("push.paths '%s' fits %s"):format(pattern, path)
    elseif ignore and not pattern then
      return true, ("push.paths-ignore leaves %s"):format(path)
    end
  end
  if files.cut then
    return "may", "GitHub looks at 300 changed files; there are more, and none of those seen "
      .. "here decides"
  end
  return false, list and "no changed file fits push.paths" or "push.paths-ignore fits all "
    .. "changed files"
end

-- Triggers -----------------------------------------------------------------------------------

-- The events of `on`: name -> its settings (an empty table for none), or nil and what is wrong.
local function events_of(on)
  on = some(on)
  local out = {}
  if type(on) == "string" then
    out[on] = {}
  elseif type(on) ~= "table" then
    return nil, "it has no `on`"
  elseif on[1] ~= nil then
    for _, event in ipairs(on) do
      if type(event) ~= "string" then
        return nil, "`on` lists something that is no event"
      end
      out[event] = {}
    end
  else
    for event, settings in pairs(on) do
      settings = some(settings)
      if settings ~= nil and type(settings) ~= "table" and event ~= "workflow_dispatch" then
        return nil, ("on.%s is no map"):format(event)
      end
      out[event] = type(settings) == "table" and settings or {}
    end
  end
  return out
end

local function names(t)
  local out = {}
  for name in pairs(t) do
    out[#out + 1] = name
  end
  table.sort(out)
  return #out > 0 and table.concat(out, ", ") or "nothing"
end

local function judge_push(on, event)
  if type(on) == "table" then
    for key in pairs(on) do
      if not KNOWN_PUSH[key] then
        return "unknown", ("on.push has no filter \"%s\""):format(tostring(key)), { "push",
          tostring(key) }
      end
    end
  end
  local f, wrong = filters_of(on)
  if not f then
    return "unknown", "on.push." .. wrong, { "push", (wrong:match("^[%a-]+")) }
  end
  local pass, why, words = ref_passes(f, event)
  if not pass then
    return false, why, words
  end
  local files, about = files_pass(f, event)
  if files ~= true then
    words = { "push", f.paths and "paths" or "paths-ignore" }
  end
  return files, files == true and (about and why .. "; " .. about or why) or about, words, why
end

-- What an event does to a workflow: starts, why, words of the line, the trigger.
local function judge(events, event)
  if event.nothing then
    return false, event.nothing, {}
  elseif event.skip and not (events.create and event.created) then
    return false, events.push and event.skip or "it listens on " .. names(events) .. ", not on push",
      {}
  elseif events.push and not event.skip then
    local starts, why, words, trigger = judge_push(events.push, event)
    if starts ~= false or not (events.create and event.created) then
      return starts, why, words, trigger or (starts == true and why:match("^[^;]*")) or nil
    end
  end
  if events.create and event.created then
    return true, ("create: the %s is new"):format(event.kind), { "create" }, "create"
  end
  return false, "it listens on " .. names(events) .. ", not on push", {}
end

-- Jobs -----------------------------------------------------------------------------------------

local function environment_of(job)
  local value = some(job.environment)
  return type(value) == "table" and some(value.name) or value
end

local function jobs_of(data)
  local out = host.json.array {}
  for id, job in pairs(type(some(data.jobs)) == "table" and data.jobs or {}) do
    if type(job) == "table" and job ~= host.null then
      local condition = some(job["if"])
      out[#out + 1] = { id = id, name = some(job.name), uses = some(job.uses),
        environment = environment_of(job),
        condition = condition ~= nil and tostring(condition) or nil }
    end
  end
  return out
end

-- Which job a line belongs to.
local function owners(lines, jobs)
  local from, to = section(lines, "jobs")
  local out, current, by = {}, nil, {}
  for _, job in ipairs(jobs) do
    by[job.id] = job
  end
  for i = from or 1, from and to or 0 do
    local id = lines[i]:match("^%s+[\"']?([%w_-]+)[\"']?%s*:")
    local indent = #lines[i]:match("^%s*")
    if by[id] and (not current or indent <= current.indent) then
      current = { indent = indent, job = by[id] }
    end
    out[i] = current and current.job
  end
  return out, from or 1, to or 0
end

-- What it would do -------------------------------------------------------------------------------

-- Words in a workflow or a script of it, and what they mean.
local SIGNS = {
  { "supabase%s+db%s+push", "migrates" }, { "supabase%s+migration%s+up", "migrates" },
  { "supabase%s+db%s+reset", "migrates" }, { "prisma%s+migrate%s+deploy", "migrates" },
  { "prisma%s+db%s+push", "migrates" }, { "drizzle%-kit%s+migrate", "migrates" },
  { "drizzle%-kit%s+push", "migrates" }, { "knex%s+migrate", "migrates" },
  { "sequelize%s+db:migrate", "migrates" }, { "typeorm%s+migration:run", "migrates" },
  { "db:migrate", "migrates" }, { "flyway%s.*migrate", "migrates" },
  { "liquibase%s.*update", "migrates" }, { "alembic%s+upgrade", "migrates" },
  { "goose%s.*%sup%f[%W]", "migrates" }, { "dbmate%s+up", "migrates" },
  { "atlas%s+migrate%s+apply", "migrates" }, { "psql%s.*%-f%s", "migrates" },
  { "fastlane%s+[%w_][%w_: -]*[%w_]", "releases" }, { "railway%s+up", "deploys" },
  { "railway%s+redeploy", "deploys" }, { "vercel%s.*%-%-prod", "deploys" },
  { "vercel%s+promote", "deploys" }, { "vercel%s+deploy", "deploys" },
}

local LOOKS_ONLY = { "%-%-dry%-run", "migrate%s+status", "db:migrate:new", "migration%s+list" }

local function sign_of(line)
  for _, words in ipairs(LOOKS_ONLY) do
    if line:find(words) then
      return nil
    end
  end
  for _, sign in ipairs(SIGNS) do
    local from, to = line:find(sign[1])
    if from then
      return line:sub(from, to), sign[2]
    end
  end
end

local function trimmed(line)
  local text = line:gsub("^%s+", ""):gsub("%s+$", "")
  return #text > 160 and text:sub(1, 160) .. "…" or text
end

local reading = {}

local function mention(found, at, line, i, job)
  local text, kind = sign_of(line)
  if text then
    found[#found + 1] = { text = text, kind = kind, file = at.file, line = i, says = trimmed(line),
      job = job and job.id, condition = job and job.condition,
      environment = job and job.environment or nil, via = at.via,
      production = line:lower():find("prod", 1, true) ~= nil
        or (job and tostring(job.environment or ""):lower():find("prod", 1, true) ~= nil) or false }
  end
end

-- Files of the repository that a line runs: local actions and scripts.
local function follow(at, found, line, i, job)
  local action = line:match("uses:%s*[\"']?%./([^%s\"'#]+)")
  local script = not action and line:match("%f[%w%./]%.?/?([%w_%-][%w_%-%./]*%.sh)%f[^%w_%-%./]")
  local paths = {}
  if action and not action:find("%.ya?ml$") then
    paths = { action .. "/action.yml", action .. "/action.yaml" }
  elseif script then
    paths = { script }
  end
  for _, path in ipairs(paths) do
    local text = not at.seen[path] and at.read(path)
    if text then
      at.seen[path] = true
      local inner = { file = path, via = ("%s:%d"):format(at.file, i), read = at.read,
        seen = at.seen }
      for n, one in ipairs(lines_of(text)) do
        if not is_comment(one) then
          mention(found, inner, one, n, job)
        end
      end
    end
  end
end

local function search(workflow, at, found)
  local owner, from, to = owners(workflow.lines, workflow.jobs)
  for i = from, to do
    local line = workflow.lines[i]
    if not is_comment(line) then
      mention(found, at, line, i, owner[i])
      follow(at, found, line, i, owner[i])
    end
  end
end

-- The workflows that it calls, and what they mention.
local function search_called(workflow, at, found, calls, depth)
  for _, job in ipairs(workflow.jobs) do
    local path = type(job.uses) == "string" and job.uses:match("^%./(.+)$")
    if path and not at.seen[path] and depth < DEEPEST then
      at.seen[path] = true
      local called = reading.one(path, at.read)
      local via = ("%s, job %s"):format(at.file, job.id)
      calls[#calls + 1] = { file = path, job = job.id, problem = called.problem
        or (not (called.events or {}).workflow_call and "it has no on.workflow_call") or nil }
      local inner = { file = path, via = via, read = at.read, seen = at.seen }
      if called.jobs then
        search(called, inner, found)
        search_called(called, inner, found, calls, depth + 1)
      end
    elseif type(job.uses) == "string" and not path then
      calls[#calls + 1] = { file = job.uses, job = job.id,
        problem = "it is of another repository: not read" }
    end
  end
end

-- Reading --------------------------------------------------------------------------------------

-- A workflow file: { file, name, events, jobs, lines } or { file, problem, line }.
function reading.one(path, read)
  local out = { file = path }
  local text = read(path)
  if not text then
    out.problem, out.line = path .. ": there is no such file", 1
    return out
  end
  out.lines = lines_of(text)
  local ok, data = pcall(host.yaml.decode, text)
  if not ok then
    local words = type(data) == "table" and data.message or tostring(data)
    out.line = math.tointeger(tonumber(words:match("line (%d+)"))) or 1
    out.problem = ("%s:%d: it is no YAML: %s"):format(path, out.line, words)
    return out
  elseif type(data) ~= "table" or data == host.null then
    out.problem, out.line = path .. ":1: it is no map", 1
    return out
  end
  local events, wrong = events_of(data.on)
  out.name, out.jobs = some(data.name), jobs_of(data)
  if not events or #out.jobs == 0 then
    out.line = line_of(out.lines, {})
    out.problem = ("%s:%d: %s"):format(path, out.line, wrong or "it has no jobs")
  end
  out.events = events
  return out
end

--- Every workflow of a commit. `names`: of its folder; `read`: path -> text or nil.
function M.read(files, read)
  local out = {}
  for _, name in ipairs(files) do
    if name:find("%.ya?ml$") then
      out[#out + 1] = reading.one(FOLDER .. "/" .. name, read)
    end
  end
  return out
end

M.FOLDER = FOLDER

--- What an event does to one workflow. event = { kind = "branch" or "tag", name, files, created,
-- skip = why pushes start nothing, nothing = why it starts nothing at all }
function M.judge(workflow, event, read)
  local out = { file = workflow.file, name = workflow.name or workflow.file, line = workflow.line,
    starts = "unknown", why = workflow.problem, jobs = workflow.jobs or host.json.array {},
    mentions = host.json.array {}, calls = host.json.array {} }
  if workflow.problem then
    return out
  end
  out.listens = workflow.events
  local starts, why, words, trigger = judge(workflow.events, event)
  out.starts, out.why, out.trigger = starts, why, trigger
  out.line = line_of(workflow.lines, words)
  if starts == "unknown" then
    out.why = ("%s:%d: the filter is invalid, GitHub would run nothing of it: %s"):format(workflow.file,
      out.line, why)
  elseif starts then
    local at = { file = workflow.file, read = read, seen = { [workflow.file] = true } }
    search(workflow, at, out.mentions)
    search_called(workflow, at, out.mentions, out.calls, 1)
  end
  return out
end

--- The workflows that run when one of these is over (workflow_run); each is told as "may".
function M.chained(all, judged)
  for i, workflow in ipairs(all) do
    local on = workflow.events and workflow.events.workflow_run
    for _, name in ipairs(on and list_of(on.workflows) or {}) do
      for _, other in ipairs(judged) do
        if (other.starts == true or other.starts == "may") and other.name == name
          and judged[i].starts == false then
          judged[i].starts, judged[i].trigger = "may", ("workflow_run '%s'"):format(name)
          judged[i].why = ("when %s is over; GitHub then takes this file from the default branch"):format(
            other.file)
          judged[i].line = line_of(workflow.lines, { "workflow_run", name })
        end
      end
    end
  end
end

return M
