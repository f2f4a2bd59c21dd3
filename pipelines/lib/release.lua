-- What several release pipelines share: what runs where, what would ship, and how a
-- check, a workflow run or a deployment is judged.
local release = {}

local remote = project.repository.remote

-- Times of Railway and GitHub are held against our clock; so far it may be off.
local SLACK = 2 * 60 * 1000

-- Conclusions that GitHub counts as passed for a required check.
local PASSED = { success = true, neutral = true, skipped = true }

-- Words ------------------------------------------------------------------------

function release.short(sha)
  return string.sub(sha or "nothing", 1, 7)
end

local short = release.short

-- "1 migration", "4 commits".
function release.count(list, word)
  return string.format("%d %s%s", #list, word, #list == 1 and "" or "s")
end

-- A list in words: "none", or its members with commas.
function release.names(list)
  return #list > 0 and table.concat(list, ", ") or "none"
end

-- Branches and commits -------------------------------------------------------------

-- The commit that a branch of the remote is at now.
function release.head(branch)
  local sha = git.ls_remote { remote = remote }["refs/heads/" .. branch]
  if not sha then
    refuse { code = "release.branch", message = "the remote has no branch \"" .. branch .. "\"" }
  end
  return sha
end

-- Versions of the migrations that a commit holds, oldest first.
function release.migrations(commit)
  local versions = {}
  for _, name in ipairs(git.files { at = commit, dir = project.database.migrations }) do
    local version = string.match(name, "^(%d+)_.*%.sql$")
    if version then versions[#versions + 1] = version end
  end
  table.sort(versions)
  return versions
end

-- Those of `wanted` that a database has not had yet.
function release.pending(environment, wanted)
  local has, missing = {}, json.array {}
  for _, row in ipairs(supabase.migrations { environment = environment }) do
    has[row.version] = true
  end
  for _, version in ipairs(wanted) do
    if not has[version] then missing[#missing + 1] = version end
  end
  return missing
end

-- Which of the project's parts a list of changed paths touches.
function release.parts(paths)
  local touched = json.array {}
  for job, part in pairs(project.parts) do
    local hit = false
    for _, path in ipairs(paths) do
      for _, prefix in ipairs(part.paths) do
        hit = hit or string.sub(path, 1, #prefix) == prefix
      end
    end
    if hit then touched[#touched + 1] = job end
  end
  return touched
end

-- What would come to production with `tips` (one commit, or several that a merge will
-- bring together) when it is at `old`.
function release.contents(old, tips)
  local commits, paths, versions, seen = json.array {}, {}, {}, {}
  for _, tip in ipairs(tips) do
    for _, c in ipairs(git.log { from = tip, to = old }) do
      if not seen[c.sha] then
        commits[#commits + 1] = { sha = c.sha, subject = c.subject, author = c.author.name }
      end
      seen[c.sha] = true
    end
    for _, path in ipairs(git.changed { from = old, to = tip }) do
      paths[#paths + 1] = path
    end
    for _, version in ipairs(release.migrations(tip)) do
      if not seen[version] then versions[#versions + 1] = version end
      seen[version] = true
    end
  end
  table.sort(versions)
  return { commits = commits, parts = release.parts(paths),
    migrations = release.pending("production", versions) }
end

-- Who wrote these commits, each once.
function release.authors(commits)
  local names, seen = {}, {}
  for _, c in ipairs(commits) do
    if not seen[c.author] then names[#names + 1] = c.author end
    seen[c.author] = true
  end
  table.sort(names)
  return names
end

-- Checks ---------------------------------------------------------------------------

-- One check of a commit, by name. Absent is "not yet", never "passed".
function release.check(commit, name)
  for _, check in ipairs(github.checks { sha = commit }) do
    if check.name == name and check.status ~= "expected" then
      if check.status ~= "completed" then
        return false, string.format("%s of %s is %s", name, short(commit), check.status)
      end
      if PASSED[check.conclusion] then
        return check
      end
      fail {
        code = "release.check",
        message = string.format("%s of %s ended with %s%s", name, short(commit),
          check.conclusion, check.url and " (" .. check.url .. ")" or ""),
      }
    end
  end
  return false, string.format("%s of %s has not begun", name, short(commit))
end

-- What runs ----------------------------------------------------------------------------

-- The commit that an environment's API says it runs, and the same in words: its health
-- address answers {"status": "ok", "commit": "…"}. No commit while it is not healthy.
function release.serves(name)
  local environment = project.environments[name]
  local answer, problem = try(http.get, { url = environment.url .. environment.health,
    any_status = true, headers = { ["Cache-Control"] = "no-cache" } })
  if not answer then
    return nil, string.format("%s cannot be reached (%s)", environment.url, problem.message)
  end
  local said = type(answer.json) == "table" and answer.json or {}
  if answer.status ~= 200 then
    return nil, string.format("%s answers %d", environment.url, answer.status)
  elseif said.status and said.status ~= "ok" then
    return nil, string.format("%s answers that its status is %s", environment.url,
      tostring(said.status))
  elseif type(said.commit) ~= "string" then
    return nil, environment.url .. " does not answer which commit it runs"
  end
  return said.commit, string.format("%s runs %s", environment.url, short(said.commit))
end

-- Is that this commit? An API may tell a shortened one.
function release.same(told, commit)
  return told ~= nil and #told >= 7 and string.sub(commit, 1, #told) == told
end

-- A deployment that serves is returned; one that is on its way gives false and words.
-- A status that nobody knows is never taken for success: it is waited out. The third
-- value is the bad end of one that will not come.
function release.judge(d)
  if not d then
    return false, "no deployment of this commit yet"
  elseif d.phase == "good" then
    return d
  end
  local words = string.format("%s: %s (deployment %s of %s)", d.status, d.words, d.id,
    short(d.commit or "?"))
  return false, words, d.phase == "bad" and string.lower(d.status) or nil
end

-- Staging runs this commit. One that was asked for by name may have been there before
-- main moved on.
function release.on_staging(commit, by_name)
  local d = railway.deployment_of { environment = "staging", commit = commit }
  local was_there = by_name and d and d.status == "REMOVED" and d.can_rollback
  local good, why, bad = release.judge(d)
  local runs, seen = release.serves("staging")
  if was_there or (good and (by_name or release.same(runs, commit))) then
    return { id = d.id, status = d.status }
  end
  local head = release.head(project.repository.main)
  if head ~= commit and not by_name and (good or bad == "removed") then
    refuse { code = "release.main_moved", message = string.format(
      "%s moved from %s to %s before staging could be tested: %s. Nothing was pushed; begin anew",
      project.repository.main, short(commit), short(head), good and seen or "staging takes up the newer one") }
  elseif bad then
    fail { code = "release." .. bad, message = "staging, " .. why .. ". Nothing was pushed" }
  end
  return false, why or seen
end

-- After the push ------------------------------------------------------------------------

-- Stops after the push: what is wrong, what runs now, and the two ways on.
function release.stop(r, code, what)
  local c = r.out.candidate
  local branch = project.environments.production.branch
  local at = release.head(branch)
  local _, seen = release.serves("production")
  if at ~= c.commit then
    refuse { code = "release.superseded", message = string.format(
      "production, %s. But %s is at %s by now, not at %s that this run pushed: somebody released since; %s. This run ends here, begin anew",
      what, branch, short(at), short(c.commit), seen) }
  end
  fail { code = code, message = string.format(
    "production, %s. %s is pushed to %s; now %s. Forward: put it right there and resume this run, or release a fix. %s",
    what, short(c.commit), branch, seen, r.out["way-back"].words) }
end

-- Production's own newest deployment of the commit, made since this release began.
function release.deployed(r)
  local c = r.out.candidate
  local d, why, bad = release.judge(railway.deployment_of { environment = "production",
    commit = c.commit, since = r.out.look.at - SLACK })
  if bad then release.stop(r, "release." .. bad, why) end
  return d, why
end

-- The newest run of the workflow that the push started has ended well, and the
-- database has what the commit brings.
function release.migrated(r)
  local c, name = r.out.candidate, project.database.workflow
  local newest = github.workflow_runs { workflow = name, sha = c.commit, first = 1,
    branch = project.environments.production.branch, event = "push" }[1]
  if not newest or clock.parse(newest.created_at) < r.out.look.at - SLACK then
    return false, "its run has not appeared yet"
  end
  local run = github.workflow_run { id = newest.id }
  local what = string.format("%s, run %d", name, run.id)
  if run.status ~= "completed" then
    return false, "run " .. run.id .. " is " .. run.status
  elseif run.conclusion ~= "success" then
    local jobs = {}
    for i, job in ipairs(run.failed) do jobs[i] = job.name .. ": " .. job.conclusion end
    release.stop(r, "release.workflow", string.format("%s, ended with %s (%s; %s)", what,
      run.conclusion, release.names(jobs), run.url))
  end
  local missing = release.pending("production", release.migrations(c.commit))
  if #missing > 0 then
    release.stop(r, "release.migrations", string.format("%s, ended well, but the database lacks %s",
      what, release.names(missing)))
  end
  return { id = run.id, url = run.url }
end

-- Healthy with this commit for the whole time, counted anew from another deployment of it.
function release.soaked(r)
  local d, why = release.deployed(r)
  if not d then return false, why end
  local runs, seen = release.serves("production")
  if not release.same(runs, r.out.candidate.commit) then
    release.stop(r, "release.health", "it was healthy and is not any more: " .. seen)
  end
  local since = r.out.health.at
  if d.id ~= r.out.health.deployment and d.status_at then
    since = math.max(since, clock.parse(d.status_at))
  end
  local left = since + project.policy.soak - clock.now().ms
  if left > 0 then
    return false, string.format("healthy; watched for %d min more", (left + 59999) // 60000)
  end
  return { id = d.id }
end

return release
