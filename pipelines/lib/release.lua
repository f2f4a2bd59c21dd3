-- What several release pipelines share: what runs where, what would ship, and how a
-- check, a workflow run or a deployment is judged.
local release = {}

local remote = project.repository.remote
local main = project.repository.main
local production = project.environments.production
local gate_check = project.checks.gate

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

-- Before the push ------------------------------------------------------------------------

-- Asks every service once, says what runs where, and warns of what is not as it should be.
function release.look(r)
  if r.params.pull and r.params.commit then
    refuse { code = "release.params", message = "pull= and commit= cannot both say what ships" }
  end
  local began = clock.now().ms
  git.fetch { remote = remote, prune = true }
  local on_main, on_production = release.head(main), release.head(production.branch)
  local required = github.required_checks { branch = main }
  railway.scope { environment = "staging" }
  local before = railway.active { environment = "production" }[1]
  supabase.migrations { environment = "staging" }
  supabase.migrations { environment = "production" }
  local _, staging_seen = release.serves("staging")
  local runs, seen = release.serves("production")
  log.info(staging_seen)
  log.info(seen)
  if runs and not release.same(runs, on_production) then
    log.warn(string.format("%s is at %s, but that is not what runs: an earlier release did not come through",
      production.branch, short(on_production)))
  end
  local names = {}
  for _, check in ipairs(required.checks) do names[check.name] = true end
  if required.complete and not names[gate_check] then
    log.warn(string.format("%s does not require %s: commits can get there without it", main, gate_check))
  end
  for _, trigger in ipairs(railway.triggers { environment = "production" }) do
    if trigger.branch == production.branch and not trigger.wait_for_ci then
      log.warn("Railway does not wait for CI on " .. trigger.branch
        .. ": the API may be live before its migrations. Turn on \"Wait for CI\" there.")
    end
  end
  return { at = began, main = on_main, production = on_production, before = before,
    pull = r.params.pull and release.mergeable(r.params.pull) }
end

-- The pull request, if it may be merged: it goes to main and its gate is green.
function release.mergeable(number)
  local pull = github.pull { number = number }
  local name = "pull request #" .. pull.number
  if pull.base.ref ~= main then
    refuse { code = "release.pull", message = string.format("%s goes to %s, not to %s", name,
      pull.base.ref, main) }
  elseif pull.merged then
    log.info(name .. " is merged already, as " .. short(pull.merge_sha))
    return { merged = true, sha = pull.merge_sha, head = pull.head.sha }
  end
  local check, why = release.check(pull.head.sha, gate_check)
  if not check then
    refuse { code = "release.pull", message = string.format("%s: %s. Nothing was merged", name,
      why) }
  end
  return { merged = false, head = pull.head.sha }
end

-- What would ship, onto what. In the dry-run of a merge its commit is not known: then
-- `predicted`, with what main and the pull request have now.
function release.candidate(r)
  local merge = r.out.merge or r.out.look.pull
  local predicted = merge and not string.find(merge.sha, "^%x+$")
  git.fetch { remote = remote }
  local head = predicted and r.out.look.main or release.head(main)
  local old = release.head(production.branch)
  local commit = predicted and head
    or git.resolve { at = r.params.commit or merge and merge.sha or head }
  if not git.is_ancestor { ancestor = commit, descendant = head } then
    refuse { code = "release.not_on_main", message = short(commit) .. " is not on " .. main }
  elseif not git.is_ancestor { ancestor = old, descendant = commit } then
    refuse { code = "release.diverged", message = string.format(
      "%s (%s) has commits that %s has not: the two have diverged, or an older commit was asked for",
      production.branch, short(old), short(commit)) }
  end
  local tips = { commit }
  if predicted and try(git.resolve, { at = r.out.look.pull.head }) then
    tips[2] = r.out.look.pull.head
  end
  local out = release.contents(old, tips)
  for _, c in ipairs(out.commits) do
    log.info(string.format("%s %s (%s)", short(c.sha), c.subject, c.author))
  end
  log.info(string.format("%s%s; parts: %s; migrations for production: %s",
    release.count(out.commits, "commit"), predicted and ", and the merge" or "",
    release.names(out.parts), release.names(out.migrations)))
  out.commit, out.old, out.predicted = predicted and merge.sha or commit, old, predicted
  out.ships = out.commit ~= old
  if not out.ships then release.nothing_ships(commit, out.migrations) end
  return out
end

-- "Nothing to do" is true only if what is pushed also runs, and its database has it.
function release.nothing_ships(commit, missing)
  local runs, seen = release.serves("production")
  if #missing > 0 then
    fail { code = "release.not_live", message = string.format(
      "%s is at %s already, nothing is left to push; but its database lacks %s. Run %s again on GitHub",
      production.branch, short(commit), release.names(missing), project.database.workflow) }
  end
  if not release.same(runs, commit) then
    fail { code = "release.not_live", message = string.format(
      "%s is at %s already, nothing is left to push; but %s. Its deployment did not come through: resume the run that pushed it, or deploy it again in Railway",
      production.branch, short(commit), seen) }
  end
  log.info("production has and runs this commit already: nothing ships")
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
  -- Not there, or not there any more: has main moved on?
  local head = not by_name and (good or bad == "removed") and release.head(main) or commit
  if head ~= commit then
    refuse { code = "release.main_moved", message = string.format(
      "%s moved from %s to %s before staging could be tested: %s. Nothing was pushed; begin anew",
      main, short(commit), short(head), good and seen or "staging takes up the newer one") }
  elseif bad then
    fail { code = "release." .. bad, message = "staging, " .. why .. ". Nothing was pushed" }
  end
  return false, why or seen
end

-- How to get back, in words, before anybody goes forward.
function release.way_back(r)
  local before, migrations = r.out.look.before, r.out.candidate.migrations
  local words = before and string.format(
    "Back: in Railway, production, \"Rollback\" to deployment %s of %s", before.id,
    short(before.commit or "?")) or "Back: there is no deployment to go back to"
  if #migrations > 0 then
    words = words .. "; the database does not go back with it, " .. release.names(migrations)
      .. " would need a migration that reverses"
  end
  log.info(words)
  local staging_runs = not r.dry_run and release.serves("staging") or nil
  return { words = words, deployment = before and before.id, staging_runs = staging_runs }
end

-- What the person who tested is asked.
function release.question(r)
  local c, runs = r.out.candidate, r.out["way-back"].staging_runs
  local moved = runs and not release.same(runs, c.commit)
  return string.format("Was staging tested at %s (%s)? %s by %s and %s would go to production.%s",
    c.predicted and "what the merge makes" or short(c.commit), project.environments.staging.url,
    release.count(c.commits, "commit"), release.names(release.authors(c.commits)),
    release.count(c.migrations, "migration"),
    moved and " Staging runs " .. short(runs) .. " by now." or "")
end

-- Refuses when anything moved since staging was tested.
function release.unmoved(r)
  local c, old = r.out.candidate, release.head(production.branch)
  -- At the commit already: pushed, and the answer was lost. The push looks for itself.
  if c.predicted or old == c.commit then return end
  if old ~= c.old then
    refuse { code = "release.production_moved", message = string.format(
      "%s was at %s when this release began and is at %s now: somebody else released. Nothing was pushed; look at it and begin anew",
      production.branch, short(c.old), short(old)) }
  end
  local head = release.head(main)
  if head ~= c.commit and not r.params.commit then
    refuse { code = "release.main_moved", message = string.format(
      "%s was at %s when staging was tested and is at %s now: staging may not run what was tested. Nothing was pushed; begin anew, for what was tested with commit=%s",
      main, short(c.commit), short(head), short(c.commit)) }
  end
  local check, why = release.check(c.commit, gate_check)
  if not check then
    refuse { code = "release.check", message = why .. " (it was green before). Nothing was pushed" }
  end
end

-- After the push ------------------------------------------------------------------------

-- Stops after the push: what is wrong, what runs now, and the two ways on.
function release.stop(r, code, what)
  local c = r.out.candidate
  local branch = production.branch
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

-- For a wait after the push: gives up in time to say what runs now and the ways on,
-- which the wait's own timeout could not.
function release.within(r, limit, value, seen)
  if value then return value end
  if not r.dry_run and r.waited >= limit then
    release.stop(r, "release.late", string.format("not there after %d min; last seen: %s",
      limit // 60000, seen))
  end
  return false, seen
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
    branch = production.branch, event = "push" }[1]
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
