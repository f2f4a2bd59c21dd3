-- Forecast: what a push or a tag would set in motion, before it is made.
--
-- The workflow files of the commit itself are read, and their filters are evaluated as GitHub
-- documents them; what Railway and Vercel deploy by themselves is asked of them. Nothing is
-- changed.

local host = ...

local wire = host.require "wire"
local workflows = host.require "workflows"

local some = wire.some
local git = host.rows.git

local FILES, COMMITS = 300, 1000 -- what GitHub looks at

local function remote()
  local known = host.project.repository
  return known and known.remote or "origin"
end

local function main()
  local known = host.project.repository
  return known and known.main or "main"
end

local function short(sha)
  return sha and #sha == 40 and sha:sub(1, 7) or tostring(sha)
end

-- The commit -----------------------------------------------------------------------------------

-- A commit that a dry-run predicts cannot be read.
local function is_predicted(err)
  return type(err) == "table" and err.code == "git.predicted"
end

local function refs_of(notes)
  local ok, refs = pcall(git.ls_remote, { remote = remote() })
  if ok then
    return refs
  end
  notes[#notes + 1] = ("where the branches of %s are is not known: %s"):format(remote(),
    type(refs) == "table" and refs.message or tostring(refs))
  return nil
end

-- What can be read of the commit: { sha, at (whose files are read), message }.
local function look_up(o, refs, branch, notes)
  local ok, commit = pcall(git.show, { at = o.commit })
  if ok then
    return { sha = commit.sha, at = commit.sha, message = commit.message }
  elseif not is_predicted(commit) and not tostring(o.commit):find("^%(known after ") then
    error(commit, 0)
  end
  local at = refs and (refs["refs/heads/" .. branch] or refs["refs/heads/" .. main()]) or nil
  local known, base = pcall(git.show, { at = at or "HEAD" })
  if not known then
    error(commit, 0)
  end
  notes[#notes + 1] = ("%s does not exist yet: the workflow files of %s are looked at instead"):format(
    tostring(o.commit), short(base.sha))
  return { sha = o.commit, at = base.sha, predicted = true }
end

local SKIP = { "[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]" }

-- The words in the head commit's message that keep pushes of it from starting anything.
local function skip_words(message)
  for _, words in ipairs(SKIP) do
    if message and message:find(words, 1, true) then
      return words
    end
  end
  return message and message:match("\n\n(skip%-checks:%s*true)%s*$")
end

-- The changed files ---------------------------------------------------------------------------

local function changed(from, to)
  local ok, list = pcall(git.changed, { from = from, to = to })
  if not ok then
    return { unknown = "what changed since " .. short(from) .. " cannot be read here" }
  end
  local files = { list = {}, cut = #list > FILES, count = #list }
  for i = 1, math.min(#list, FILES) do
    files.list[i] = list[i]
  end
  return files
end

local function too_many(from, to)
  local ok, list = pcall(git.log, { from = to, to = from, limit = COMMITS + 1 })
  return ok and #list > COMMITS
end

-- A new branch is compared with the parent of the deepest commit that is pushed.
local function base_of(commit, refs)
  local other = refs and refs["refs/heads/" .. main()]
  if not other then
    return nil
  end
  local ok, base = pcall(git.merge_base, { a = other, b = commit })
  return ok and some(base) or nil
end

local function files_of(commit, before, refs)
  if commit.predicted then
    return { unknown = "the commit does not exist yet: what it changes is not known" }
  end
  local from = before or base_of(commit.sha, refs)
  if not from then
    return { unknown = "it is not known with what GitHub compares a new branch" }
  elseif too_many(from, commit.sha) then
    return { all = "more than 1000 commits: GitHub does not look at paths" }
  end
  return changed(from, commit.sha)
end

-- Workflows ------------------------------------------------------------------------------------

local function reader(at)
  local kept = {}
  return function (path)
    if kept[path] == nil then
      local ok, text = pcall(git.file, { at = at, path = path })
      kept[path] = ok and some(text) or false
    end
    return kept[path] or nil
  end
end

local function judge_all(commit, event)
  local read = reader(commit.at)
  local all = workflows.read(git.files { at = commit.at, dir = workflows.FOLDER }, read)
  local out = host.json.array {}
  for i, workflow in ipairs(all) do
    out[i] = workflows.judge(workflow, event, read)
  end
  workflows.chained(all, out)
  return out
end

local function started(list)
  local out = {}
  for _, workflow in ipairs(list) do
    if workflow.starts == true or workflow.starts == "may" then
      out[#out + 1] = workflow
    end
  end
  return out
end

local function migration_of(workflow)
  for _, mention in ipairs(workflow.mentions) do
    if mention.kind == "migrates" then
      return mention
    end
  end
end

local function place(workflow)
  return ("%s:%d"):format(workflow.file, workflow.line)
end

-- Several workflows on one event: who they are, and which of them touch a database.
local function several(list, what)
  local files, lines, migrating = host.json.array {}, {}, host.json.array {}
  for i, workflow in ipairs(list) do
    files[i] = { file = workflow.file, line = workflow.line, name = workflow.name,
      starts = workflow.starts, trigger = workflow.trigger }
    lines[i] = place(workflow)
    local mention = migration_of(workflow)
    if mention then
      files[i].migrates = true
      migrating[#migrating + 1] = { file = mention.file, line = mention.line, text = mention.text,
        workflow = workflow.file, environment = mention.environment,
          production = mention.production }
    end
  end
  local text = ("%s starts %d workflows: %s"):format(what, #list, table.concat(lines, ", "))
  for _, one in ipairs(migrating) do
    text = text .. ("; %s:%d migrates %s (%s)"):format(one.file, one.line,
      one.production and "the production database" or "a database", one.text)
  end
  return { kind = "several", workflows = files, migrations = migrating, migrates = #migrating > 0,
    text = text }
end

-- Hosted deployments -----------------------------------------------------------------------------

local function environments()
  local out = {}
  for name in pairs(host.project.environments or {}) do
    out[#out + 1] = name
  end
  table.sort(out)
  return out
end

local function same_repository(trigger)
  local known = host.project.repository and host.project.repository.github
  return not known or not trigger.repository
    or trigger.repository:lower():gsub("%.git$", "") == known:lower()
end

local function why_railway(branch, trigger)
  return ("Railway deploys branch %s by itself%s"):format(branch, trigger.wait_for_ci
    and ", once the checks of the commit are green"
    or ", at once: it does not wait for CI")
end

local function railway(branch, out, notes)
  for _, name in ipairs(environments()) do
    if some(host.project.environments[name].railway) then
      local ok, list = pcall(function ()
        return host.provider "railway".verbs.triggers.act { environment = name }
      end)
      for _, trigger in ipairs(ok and list or {}) do
        if trigger.branch == branch and same_repository(trigger) then
          out[#out + 1] = { provider = "railway", environment = name, service = trigger.service,
            branch = branch, wait_for_ci = trigger.wait_for_ci == true,
            why = why_railway(branch, trigger) }
        end
      end
      if not ok then
        notes[#notes + 1] = ("whether Railway deploys environment %s is not known: %s"):format(name,
          type(list) == "table" and list.message or tostring(list))
      end
    end
  end
end

local function vercel_projects()
  local out, seen = {}, {}
  for _, name in ipairs(environments()) do
    local own = some(host.project.environments[name].vercel)
    local project = type(own) == "table" and own.project or nil
    if project and not seen[project] then
      seen[project], out[#out + 1] = true, { name = name, project = project }
    end
  end
  return out
end

local function vercel(branch, out, notes)
  for _, known in ipairs(vercel_projects()) do
    local ok, project = pcall(function ()
      return host.provider "vercel".verbs.project.act { project = known.name }
    end)
    if not ok then
      notes[#notes + 1] = ("whether Vercel deploys %s is not known: %s"):format(known.project,
        type(project) == "table" and project.message or tostring(project))
    elseif project.production_branch then
      local production = project.production_branch == branch
      out[#out + 1] = { provider = "vercel", environment = known.name, project = known.project,
        branch = branch, target = production and "production" or "preview", wait_for_ci = false,
        why = production and ("%s is the production branch of Vercel's project %s"):format(branch,
          known.project) or ("Vercel makes a preview of every branch of %s"):format(known.project) }
    end
  end
end

-- A migration and a deployment that nothing keeps in order.
local function unordered(list, deployments, out)
  for _, workflow in ipairs(list) do
    local mention = migration_of(workflow)
    for _, deployment in ipairs(mention and deployments or {}) do
      if not deployment.wait_for_ci and deployment.target ~= "preview" then
        out[#out + 1] = { kind = "order", workflows = host.json.array { { file = workflow.file,
          line = workflow.line, name = workflow.name, migrates = true } }, migrates = true,
          environment = deployment.environment, provider = deployment.provider,
          text = ("%s migrates a database (%s:%d) while %s deploys environment %s without waiting for it"):format(
            place(workflow), mention.file, mention.line, deployment.provider,
            deployment.environment) }
      end
    end
  end
end

-- Pushing ----------------------------------------------------------------------------------------

local TOKEN = "refs that are moved with the GITHUB_TOKEN of a workflow start nothing; a person's "
  .. "or an app's token does"

-- Why pushes of the commit start no workflow; events of another kind are not suppressed.
local function skip_reason(commit)
  local words = skip_words(commit.message)
  return words and ("the commit's message says \"%s\""):format(words) or nil
end

local function note_move(commit, before, notes)
  if not before or before == commit.sha or commit.predicted then
    return
  end
  local ok, forward = pcall(git.is_ancestor, { ancestor = before, descendant = commit.sha })
  if not ok then
    notes[#notes + 1] = ("%s, where the branch is, is not in this clone: fetch it to compare"):format(
      short(before))
  elseif not forward then
    notes[#notes + 1] = ("%s is no fast-forward of %s: without force the push is refused, and starts nothing"):format(
      short(commit.sha), short(before))
  end
end

-- Pull requests from the branch are not asked for: who listens on them is told.
local function note_pulls(list, notes)
  local names = {}
  for _, workflow in ipairs(list) do
    if workflow.listens and (workflow.listens.pull_request or workflow.listens.pull_request_target) then
      names[#names + 1] = workflow.file
    end
    workflow.listens = nil
  end
  if #names > 0 then
    notes[#notes + 1] = "an open pull request from this branch starts, too: "
      .. table.concat(names, ", ")
  end
end

local function forecast_push(o)
  local notes = host.json.array { TOKEN }
  local refs = refs_of(notes)
  local before = o.before or refs and refs["refs/heads/" .. o.branch]
  local commit = look_up(o, refs, o.branch, notes)
  if before and before:find("^0+$") then
    before = nil
  end
  local event = { kind = "branch", name = o.branch, created = before == nil and refs ~= nil,
    files = files_of(commit, before, refs), skip = skip_reason(commit), nothing = before
      and before == commit.sha and "the branch is there already: nothing is pushed" or nil }
  note_move(commit, before, notes)
  local out = { branch = o.branch, commit = commit.sha, before = before, notes = notes,
    workflows = judge_all(commit, event), deployments = host.json.array {},
    collisions = host.json.array {}, changed_files = event.files.count }
  if not (before and before == commit.sha) then
    railway(o.branch, out.deployments, notes)
    vercel(o.branch, out.deployments, notes)
  end
  note_pulls(out.workflows, notes)
  local list, migrating = started(out.workflows), {}
  for _, workflow in ipairs(list) do
    if migration_of(workflow) then
      migrating[#migrating + 1] = workflow
    end
  end
  if #migrating > 1 then
    out.collisions[1] = several(migrating, "the push of " .. o.branch)
  end
  unordered(list, out.deployments, out.collisions)
  return out
end

-- Tagging ----------------------------------------------------------------------------------------

local function names_of(tag)
  local out = {}
  for i, name in ipairs(type(tag) == "table" and tag or { tag }) do
    out[i] = tostring(name):gsub("^refs/tags/", "")
  end
  if #out == 0 then
    host.raise("forecast.tag", "no tag is named")
  end
  return out
end

local function merge_tag(into, workflow, tag)
  if not into or (into.starts == false and workflow.starts ~= false) then
    workflow.tag = tag
    return workflow
  end
  return into
end

local function tag_event(name, commit, refs, count, notes)
  local there = refs and refs["refs/tags/" .. name]
  local peeled = refs and refs["refs/tags/" .. name .. "^{}"] or there
  local nothing
  if there and peeled ~= commit.sha then
    notes[#notes + 1] = ("tag %s is at %s on the remote: without force the push is refused"):format(name,
      short(peeled))
  end
  if count > 3 then
    nothing = ("%d tags at once: GitHub makes no events of more than three"):format(count)
  elseif there and peeled == commit.sha then
    nothing = "the tag is there already: nothing is pushed"
  end
  return { kind = "tag", name = name, created = there == nil, nothing = nothing,
    skip = skip_reason(commit),
    files = { list = {} } }
end

local function forecast_tag(o)
  local notes = host.json.array { TOKEN }
  local tags, refs = names_of(o.tag), refs_of(notes)
  local commit = look_up(o, refs, main(), notes)
  local out = { tag = o.tag, commit = commit.sha, notes = notes, workflows = host.json.array {},
    deployments = host.json.array {}, collisions = host.json.array {} }
  for _, name in ipairs(tags) do
    local judged = judge_all(commit, tag_event(name, commit, refs, #tags, notes))
    for i, workflow in ipairs(judged) do
      workflow.listens = nil
      out.workflows[i] = merge_tag(out.workflows[i], workflow, name)
    end
    local list = started(judged)
    if #list > 1 then
      out.collisions[#out.collisions + 1] = several(list, "tag " .. name)
    end
  end
  if #tags == 1 then
    for _, workflow in ipairs(out.workflows) do
      workflow.tag = nil
    end
  end
  return out
end

-- Rows -------------------------------------------------------------------------------------------

local WORKFLOW = "{file, name, line (of the trigger), trigger, starts (true, false, \"may\", "
  .. "\"unknown\"), why, "
  .. "jobs = list of {id, name, environment, condition, uses}, mentions = list of {text, kind "
    .. "(migrates, "
  .. "releases, deploys), file, line, says, job, condition, environment, production, via}, calls}"
local RESULT = "workflows = list of " .. WORKFLOW .. ", deployments = list of {provider, "
  .. "environment, service "
  .. "or project, branch, wait_for_ci, why}, collisions = list of {kind, workflows, migrates, "
    .. "text}, notes}"
local COMMIT = { "text", required = true, help = "the commit, branch or tag of this clone that "
  .. "is meant" }
local REQUEST = { "git: the workflow files of the commit, and ls-remote" }
local STATES = {
  ["true"] = { "good", "it starts" }, ["false"] = { "good", "it does not start" },
  may = { "unknown", "it depends on what cannot be known here" },
  unknown = { "unknown", "the file or its filter is invalid: GitHub says so at the push" },
}

return {
  name = "forecast", summary = "What a push or a tag would start, before it is made",
  errors = { ["forecast.tag"] = "no tag is named", ["git.missing"] = "this clone has no such "
    .. "commit" },
  retries = "what it reads of git is not asked again; Railway and Vercel as their own verbs",
  verbs = {
    push = {
      effect = "read", summary = "What the push of a commit to a branch would start",
      result = "{branch, commit, before, changed_files, " .. RESULT
        .. "; collisions: several workflows that migrate (several), a migration and a deployment "
          .. "that nothing "
        .. "keeps in order (order)",
      request = { REQUEST[1], "query DeploymentTriggers (Railway)", "GET /v9/projects/{project} "
        .. "(Vercel)" },
      permission = "reading the repository; github.com is not asked. Railway and Vercel as for "
        .. "railway.triggers "
        .. "and vercel.project",
      states = STATES,
      options = {
        branch = { "text", required = true, help = "the branch on the remote" }, commit = COMMIT,
        before = { "text", help = "where the branch is; else the remote is asked" },
      },
      act = forecast_push,
    },
    tag = {
      effect = "read", summary = "What the push of a tag would start, and whether that collides",
      result = "{tag, commit, " .. RESULT .. "; collisions: more than one workflow starts on the "
        .. "tag (several), with "
        .. "migrates and migrations = list of {file, line, text, workflow, environment, "
          .. "production}",
      request = REQUEST, permission = "reading the repository; github.com is not asked",
        states = STATES,
      options = {
        tag = { "text|list", required = true, help = "its name; or all that are pushed at once" },
        commit = COMMIT,
      },
      act = forecast_tag,
    },
  },
}
