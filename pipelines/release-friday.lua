-- The Friday release of the API and the database: the commit that was tested on
-- staging goes to production, that commit and no other.
--
--   pipe run pipelines/release-friday.lua --dry-run      what would happen
--   pipe run pipelines/release-friday.lua pull=12        merge a pull request first
local release = require "lib.release"

local short = release.short
local remote = project.repository.remote
local main = project.repository.main
local staging = project.environments.staging
local production = project.environments.production
local policy = project.policy
local gate_check = project.checks.gate

-- Stand in a dry-run for what only the real run can see.
local AFTER_MERGE = "known after the merge"
local AFTER_PUSH = "it starts with the push"

local function ships(r)
  return r.out.candidate.ships
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

  -- Every service is asked here once: a token that is wrong shows now, not half-way.
  step "look" {
    title = "What runs where",
    effect = "read",
    run = function (r)
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
      local runs, seen = release.serves("production")
      log.info(select(2, release.serves("staging")))
      log.info(seen)
      if runs and not release.same(runs, on_production) then
        log.warn(string.format("%s is at %s, but that is not what runs: an earlier release did not come through",
          production.branch, short(on_production)))
      end
      if required.complete and not string.find(json.encode(required.checks), '"' .. gate_check .. '"', 1, true) then
        log.warn(string.format("%s does not require %s: commits can get there without it", main, gate_check))
      end
      for _, trigger in ipairs(railway.triggers { environment = "production" }) do
        if trigger.branch == production.branch and not trigger.wait_for_ci then
          log.warn("Railway does not wait for CI on " .. trigger.branch
            .. ": the API may be live before its migrations. Turn on \"Wait for CI\" there.")
        end
      end
      return { at = began, main = on_main, production = on_production, before = before }
    end,
  },

  step "merge" {
    title = "Merge the pull request",
    when = function (r) return r.params.pull ~= nil end,
    effect = "irreversible",
    run = function (r)
      local pull = github.pull { number = r.params.pull }
      local name = "pull request #" .. pull.number
      if pull.merged and pull.base.ref == main then
        log.info(name .. " is merged already, as " .. short(pull.merge_sha))
        return { sha = pull.merge_sha, head = pull.head.sha }
      end
      if pull.base.ref ~= main then
        refuse { code = "release.pull", message = string.format("%s goes to %s, not to %s", name,
          pull.base.ref, main) }
      end
      local check, why = release.check(pull.head.sha, gate_check)
      if not check then
        refuse { code = "release.pull", message = string.format("%s: %s. Nothing was merged", name, why) }
      end
      local merged = github.merge { number = pull.number, sha = pull.head.sha }
      return { sha = merged.sha, head = pull.head.sha }
    end,
  },

  step "candidate" {
    title = "The commit that would ship",
    effect = "read",
    run = function (r)
      local merge = r.out.merge
      local predicted = merge and not string.find(merge.sha, "^%x+$")
      git.fetch { remote = remote }
      local head, old = r.out.look.main, release.head(production.branch)
      if not predicted then head = release.head(main) end
      local commit = predicted and head or git.resolve { at = r.params.commit or merge and merge.sha or head }
      if not git.is_ancestor { ancestor = commit, descendant = head } then
        refuse { code = "release.not_on_main", message = short(commit) .. " is not on " .. main }
      end
      if not git.is_ancestor { ancestor = old, descendant = commit } then
        refuse { code = "release.diverged", message = string.format(
          "%s (%s) has commits that %s has not: the two have diverged, or an older commit was asked for",
          production.branch, short(old), short(commit)) }
      end
      local tips = { commit }
      if predicted and try(git.resolve, { at = merge.head }) then tips[2] = merge.head end
      local out = release.contents(old, tips)
      for _, c in ipairs(out.commits) do
        log.info(string.format("%s %s (%s)", short(c.sha), c.subject, c.author))
      end
      log.info(string.format("%s%s; parts: %s; migrations for production: %s",
        release.count(out.commits, "commit"), predicted and ", and the merge" or "",
        release.names(out.parts), release.names(out.migrations)))
      out.commit, out.old, out.predicted = predicted and merge.sha or commit, old, predicted
      out.ships = out.commit ~= old
      if not out.ships then
        local runs, seen = release.serves("production")
        if not release.same(runs, commit) then
          fail { code = "release.not_live", message = string.format(
            "%s is at %s already, nothing is left to push; but %s. Its deployment did not come through: resume the run that pushed it, or deploy it again in Railway",
            production.branch, short(commit), seen) }
        end
        log.info("production has and runs this commit already: nothing ships")
      end
      return out
    end,
  },

  wait "ci-gate" {
    title = gate_check .. " of that commit",
    when = ships,
    every = policy.poll, timeout = policy.check_timeout,
    ready = function (r)
      if r.out.candidate.predicted then return false, AFTER_MERGE end
      return release.check(r.out.candidate.commit, gate_check)
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
        if r.out.candidate.predicted then return false, AFTER_MERGE end
        return release.on_staging(r.out.candidate.commit, r.params.commit ~= nil)
      end,
      assume = { id = "(known after the deployment)", status = "SUCCESS" },
    },
    wait "staging-database" {
      title = "Staging's migrations",
      every = policy.poll, timeout = policy.deploy_timeout,
      ready = function (r)
        if r.out.candidate.predicted then return false, AFTER_MERGE end
        local missing = release.pending("staging", release.migrations(r.out.candidate.commit))
        return #missing == 0, "not applied yet: " .. release.names(missing)
      end,
      assume = true,
    },
  },

  step "way-back" {
    title = "The way back, before going forward",
    when = ships,
    effect = "read",
    run = function (r)
      local before, migrations = r.out.look.before, r.out.candidate.migrations
      local words = before and string.format("Back: in Railway, production, \"Rollback\" to deployment %s of %s",
        before.id, short(before.commit or "?")) or "Back: there is no deployment to go back to"
      if #migrations > 0 then
        words = words .. "; the database does not go back with it, " .. release.names(migrations)
          .. " would need a migration that reverses"
      end
      log.info(words)
      local staging_runs = not r.dry_run and release.serves("staging") or nil
      return { staging_runs = staging_runs, words = words, deployment = before and before.id, commit = r.out.candidate.old }
    end,
  },

  gate "staging-tested" {
    title = "A person tested staging",
    when = ships,
    confirm = "production",
    ask = function (r)
      local c, runs = r.out.candidate, r.out["way-back"].staging_runs
      local what = c.predicted and "what the merge makes" or short(c.commit)
      local moved = runs and not release.same(runs, c.commit)
      return string.format("Was staging tested at %s (%s)? %s by %s and %s would go to production.%s",
        what, staging.url, release.count(c.commits, "commit"), release.names(release.authors(c.commits)),
        release.count(c.migrations, "migration"),
        moved and " Staging runs " .. short(runs) .. " by now." or "")
    end,
  },

  step "promote" {
    title = "Nothing moved meanwhile: push exactly that commit to " .. production.branch,
    when = ships,
    effect = "irreversible",
    run = function (r)
      local c = r.out.candidate
      local old = release.head(production.branch)
      -- There already: pushed, and the answer was lost. The push looks for itself.
      if not c.predicted and old ~= c.commit then
        local head = release.head(main)
        if old ~= c.old then
          refuse { code = "release.production_moved", message = string.format(
            "%s was at %s when this release began and is at %s now: somebody else released. Nothing was pushed; look at it and begin anew",
            production.branch, short(c.old), short(old)) }
        end
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
      return git.push { remote = remote, branch = production.branch, commit = c.commit, expect = c.old }
    end,
  },

  parallel "production" {
    title = "Production takes it up",
    when = ships,
    wait "database" {
      title = project.database.workflow,
      every = policy.poll, timeout = policy.deploy_timeout,
      ready = function (r)
        if r.dry_run then return false, AFTER_PUSH end
        return release.migrated(r)
      end,
      assume = { id = 0 },
    },
    wait "api" {
      title = "Railway's own deployment of this commit",
      every = policy.poll, timeout = policy.deploy_timeout,
      ready = function (r)
        if r.dry_run then return false, AFTER_PUSH end
        return release.deployed(r)
      end,
      assume = { id = "(known after git.push)", status = "SUCCESS" },
    },
  },

  wait "health" {
    title = "Production answers with this commit",
    when = ships,
    every = policy.poll, timeout = policy.health_timeout,
    ready = function (r)
      if r.dry_run then return false, AFTER_PUSH end
      local runs, seen = release.serves("production")
      if not release.same(runs, r.out.candidate.commit) then return false, seen end
      local d, why = release.deployed(r)
      if not d then return false, why end
      return { deployment = d.id, at = clock.now().ms }
    end,
    assume = { deployment = "(known after git.push)" },
  },

  wait "soak" {
    title = "It stays up",
    when = ships,
    every = policy.poll, timeout = policy.soak + policy.deploy_timeout,
    ready = function (r)
      if r.dry_run then return false, "it is watched after the release" end
      return release.soaked(r)
    end,
    assume = true,
  },
}
