-- The Friday release of the API and the database: the commit that was tested on
-- staging goes to production, that commit and no other.
--
--   pipe run pipelines/release-friday.lua --dry-run      what would happen
--   pipe run pipelines/release-friday.lua pull=12        merge a pull request first
local release = require "lib.release"

local remote = project.repository.remote
local main = project.repository.main
local staging = project.environments.staging
local production = project.environments.production
local policy = project.policy
local gate_check = project.checks.gate

local function ships(r)
  return r.out.candidate.ships
end

local function remote_branch(name)
  local refs = git.ls_remote { remote = remote }
  local sha = refs["refs/heads/" .. name]
  if not sha then
    refuse { code = "release.branch", message = "the remote has no branch \"" .. name .. "\"" }
  end
  return sha
end

return pipeline "release-friday" {
  version = "1.0.0",
  requires = "pipe >= 0.1",
  summary = "Release what was tested on staging to production, exactly that",
  uses = { "github", "railway-staging", "railway-production", "supabase" },
  lock = "release",
  params = {
    pull = integer { optional = true, min = 1, help = "merge this pull request first" },
    commit = text { optional = true, pattern = "^%x%x%x%x%x%x%x+$",
      help = "release this commit of main (default: its newest)" },
  },

  step "look" {
    title = "What runs where",
    effect = "read",
    run = function ()
      git.fetch { remote = remote, prune = true }
      local refs = git.ls_remote { remote = remote }
      local on_staging = release.serves(staging)
      local on_production = release.serves(production)
      log.info("staging runs " .. release.short(on_staging or "nothing")
        .. ", production runs " .. release.short(on_production or "nothing"))
      for _, trigger in ipairs(railway.triggers { environment = "production" }) do
        if trigger.branch == production.branch and not trigger.wait_for_ci then
          log.warn("Railway does not wait for CI on " .. trigger.branch
            .. ": the API may be live before its migrations. Turn on \"Wait for CI\" there.")
        end
      end
      return { main = refs["refs/heads/" .. main], production = refs["refs/heads/" .. production.branch],
        staging_runs = on_staging, production_runs = on_production }
    end,
  },

  step "merge" {
    title = "Merge the pull request",
    when = function (r) return r.params.pull ~= nil end,
    effect = "irreversible",
    run = function (r)
      local pull = github.pull { number = r.params.pull }
      if pull.merged then
        log.info("pull request #" .. pull.number .. " is merged already")
        return { sha = pull.merge_sha }
      end
      if pull.base.ref ~= main then
        refuse { code = "release.pull", message = string.format("pull request #%d goes to %s, not to %s",
          pull.number, pull.base.ref, main) }
      end
      local check, why = release.check(github.checks { sha = pull.head.sha }, gate_check)
      if not check then
        refuse { code = "release.pull", message = string.format("pull request #%d: %s", pull.number, why) }
      end
      return github.merge { number = pull.number, sha = pull.head.sha }
    end,
  },

  step "candidate" {
    title = "The commit that would ship",
    effect = "read",
    run = function (r)
      local merged = r.out.merge and r.out.merge.sha
      if r.dry_run and merged and not string.find(merged, "^%x+$") then
        log.info("what ships is known after the merge")
        return { commit = merged, old = r.out.look.production, ships = true,
          commits = json.array {}, parts = json.array {}, migrations = json.array {}, predicted = true }
      end
      git.fetch { remote = remote }
      local head = remote_branch(main)
      local old = remote_branch(production.branch)
      local commit = git.resolve { at = r.params.commit or merged or head }
      if not git.is_ancestor { ancestor = commit, descendant = head } then
        refuse { code = "release.not_on_main", message = release.short(commit) .. " is not on " .. main }
      end
      if not git.is_ancestor { ancestor = old, descendant = commit } then
        refuse { code = "release.diverged", message = string.format(
          "%s (%s) has commits that %s has not: the two have diverged, or an older commit was asked for",
          production.branch, release.short(old), release.short(commit)) }
      end
      local commits = json.array {}
      for _, c in ipairs(git.log { from = commit, to = old }) do
        commits[#commits + 1] = { sha = c.sha, subject = c.subject, author = c.author.name }
        log.info(string.format("%s %s (%s)", release.short(c.sha), c.subject, c.author.name))
      end
      local parts = release.parts(git.changed { from = old, to = commit })
      local migrations = release.pending("production", release.migrations(commit))
      log.info(string.format("%d commits; parts: %s; migrations for production: %s", #commits,
        #parts > 0 and table.concat(parts, ", ") or "none",
        #migrations > 0 and table.concat(migrations, ", ") or "none"))
      if commit == old then log.info("production is at this commit already: nothing ships") end
      return { commit = commit, old = old, ships = commit ~= old, commits = commits, parts = parts,
        migrations = migrations }
    end,
  },

  wait "ci-gate" {
    title = gate_check .. " of that commit",
    when = ships,
    every = policy.poll, timeout = policy.check_timeout,
    ready = function (r)
      if r.out.candidate.predicted then return false, "known after the merge" end
      return release.check(github.checks { sha = r.out.candidate.commit }, gate_check)
    end,
    assume = { name = gate_check, conclusion = "success" },
  },

  parallel "staging" {
    title = "Staging has it",
    when = ships,
    wait "staging-api" {
      title = "Staging's own deployment of this commit",
      every = policy.poll, timeout = policy.deploy_timeout,
      ready = function (r)
        if r.out.candidate.predicted then return false, "known after the merge" end
        local d, why = release.judge(
          railway.deployment_of { environment = "staging", commit = r.out.candidate.commit }, "staging")
        if not d then return false, why end
        local serves, seen = release.serves(staging)
        if serves ~= r.out.candidate.commit then return false, seen end
        return d
      end,
      assume = { id = "(known after the deployment)", status = "SUCCESS" },
    },
    wait "staging-database" {
      title = "Staging's migrations",
      every = policy.poll, timeout = policy.deploy_timeout,
      ready = function (r)
        if r.out.candidate.predicted then return false, "known after the merge" end
        local missing = release.pending("staging", release.migrations(r.out.candidate.commit))
        if #missing > 0 then return false, "not applied yet: " .. table.concat(missing, ", ") end
        return true
      end,
      assume = true,
    },
  },

  gate "staging-tested" {
    title = "A person tested staging",
    when = ships,
    confirm = "production",
    ask = function (r)
      local c = r.out.candidate
      return string.format("Was staging tested at %s (%s)? %d commits and %d migrations would go to production.",
        release.short(c.commit), staging.url, #c.commits, #c.migrations)
    end,
  },

  step "still-true" {
    title = "Nothing moved meanwhile",
    when = ships,
    effect = "read",
    run = function (r)
      local c = r.out.candidate
      if c.predicted then return end
      local head, old = remote_branch(main), remote_branch(production.branch)
      if old ~= c.old then
        refuse { code = "release.production_moved", message = string.format(
          "%s was at %s when this release began and is at %s now: somebody else released. Nothing was pushed; look at it and begin anew",
          production.branch, release.short(c.old), release.short(old)) }
      end
      if head ~= c.commit and not r.params.commit then
        refuse { code = "release.main_moved", message = string.format(
          "%s was at %s when staging was tested and is at %s now: staging may not run what was tested. Nothing was pushed; test again, or say commit=%s",
          main, release.short(c.commit), release.short(head), c.commit) }
      end
      release.check(github.checks { sha = c.commit }, gate_check)
    end,
  },

  step "promote" {
    title = "Push exactly that commit to " .. production.branch,
    when = ships,
    effect = "irreversible",
    run = function (r)
      local c = r.out.candidate
      local at = clock.now().ms
      local before
      for _, d in ipairs(railway.active { environment = "production" }) do
        before = before or d
      end
      git.push { remote = remote, branch = production.branch, commit = c.commit, expect = c.old }
      return { at = at, before = before }
    end,
  },

  parallel "production" {
    title = "Production takes it up",
    when = ships,
    wait "database" {
      title = project.database.workflow,
      every = policy.poll, timeout = policy.deploy_timeout,
      ready = function (r)
        if r.dry_run then return false, "it starts with the push" end
        local runs = github.workflow_runs { workflow = project.database.workflow, sha = r.out.candidate.commit,
          branch = production.branch, event = "push" }
        if #runs == 0 then return false, "its run has not appeared yet" end
        local run = github.workflow_run { id = runs[1].id }
        if run.status ~= "completed" then return false, "run " .. run.id .. " is " .. run.status end
        if run.conclusion ~= "success" then
          fail { code = "release.workflow", message = string.format("%s, run %d, ended with %s (%s)",
            project.database.workflow, run.id, run.conclusion, run.url) }
        end
        local missing = release.pending("production", release.migrations(r.out.candidate.commit))
        if #missing > 0 then
          fail { code = "release.migrations", message = string.format(
            "%s, run %d, ended well, but production lacks %s", project.database.workflow, run.id,
            table.concat(missing, ", ")) }
        end
        return { id = run.id, url = run.url }
      end,
      assume = { id = 0 },
    },
    wait "api" {
      title = "Railway's own deployment of this commit",
      every = policy.poll, timeout = policy.deploy_timeout,
      ready = function (r)
        if r.dry_run then return false, "it starts with the push" end
        return release.judge(railway.deployment_of { environment = "production",
          commit = r.out.candidate.commit, since = r.out.promote.at - 120000 }, "production")
      end,
      assume = { id = "(known after git.push)", status = "SUCCESS" },
    },
  },

  wait "health" {
    title = "Production answers with this commit",
    when = ships,
    every = policy.poll, timeout = policy.health_timeout,
    ready = function (r)
      local serves, seen = release.serves(production)
      if serves ~= r.out.candidate.commit then return false, seen end
      return { commit = serves, at = clock.now().ms }
    end,
    assume = function (r) return { commit = r.out.candidate.commit, at = clock.now().ms } end,
  },

  wait "soak" {
    title = "It stays up",
    when = ships,
    every = policy.poll, timeout = policy.soak + policy.deploy_timeout,
    ready = function (r)
      if r.dry_run then return false, "it is watched after the release" end
      local d, why = release.judge(
        railway.deployment { environment = "production", id = r.out.api.id }, "production")
      if not d then return false, why end
      local serves, seen = release.serves(production)
      if serves ~= r.out.candidate.commit then
        fail { code = "release.health", message = "production was healthy and is not any more: " .. seen }
      end
      local ends = r.out.health.at + policy.soak
      if clock.now().ms < ends then return false, "healthy; watched until " .. clock.text(ends) end
      return true
    end,
    assume = true,
  },

  step "way-back" {
    title = "The way back",
    when = ships,
    effect = "read",
    run = function (r)
      local before = r.out.promote.before
      if before then
        local d = railway.deployment { environment = "production", id = before.id }
        log.info(string.format("back: Railway, production, deployment %s of %s%s", d.id,
          release.short(d.commit or "?"), d.can_rollback and ", \"Rollback\" is offered"
            or "; it cannot be rolled back to any more: deploy its commit"))
      else
        log.info("back: there was no deployment before this one")
      end
      local migrations = r.out.candidate.migrations
      if #migrations > 0 then
        log.info("the database does not go back by itself: " .. table.concat(migrations, ", ")
          .. " need a migration that reverses them")
      end
      return { deployment = before and before.id, commit = r.out.candidate.old }
    end,
  },
}
