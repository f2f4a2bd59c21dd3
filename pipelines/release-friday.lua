-- The Friday release of the API and the database: the commit that was tested on
-- staging goes to production, that commit and no other.
--
--   pipe run pipelines/release-friday.lua --dry-run      what would happen
--   pipe run pipelines/release-friday.lua pull=12        merge a pull request first
local release = require "lib.release"

local remote = project.repository.remote
local production = project.environments.production
local policy = project.policy
local gate_check = project.checks.gate

-- Stand in a dry-run for what only the real run can see.
local AFTER_MERGE = "known after the merge"
local LEEWAY = 60000 -- ms: a wait after the push gives up by itself before its timeout
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
    run = function (r) return release.look(r) end,
  },

  step "merge" {
    title = "Merge the pull request",
    when = function (r) return r.params.pull ~= nil and not r.out.look.pull.merged end,
    effect = "irreversible",
    run = function (r)
      return github.merge { number = r.params.pull, sha = r.out.look.pull.head }
    end,
  },

  step "candidate" {
    title = "The commit that would ship",
    effect = "read",
    run = function (r) return release.candidate(r) end,
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
    run = function (r) return release.way_back(r) end,
  },

  gate "staging-tested" {
    title = "A person tested staging",
    when = ships,
    confirm = production.protected and production.name or nil,
    ask = function (r) return release.question(r) end,
  },

  step "promote" {
    title = "Nothing moved meanwhile: push exactly that commit to " .. production.branch,
    when = ships,
    effect = "irreversible",
    run = function (r)
      local c = r.out.candidate
      release.unmoved(r)
      return git.push { remote = remote, branch = production.branch, commit = c.commit,
        expect = c.old }
    end,
  },

  parallel "production" {
    title = "Production takes it up",
    when = ships,
    wait "database" {
      title = project.database.workflow,
      every = policy.poll, timeout = policy.deploy_timeout + LEEWAY,
      ready = function (r)
        if r.dry_run then return false, AFTER_PUSH end
        return release.within(r, policy.deploy_timeout, release.migrated(r))
      end,
      assume = { id = 0 },
    },
    wait "api" {
      title = "Railway's own deployment of this commit",
      every = policy.poll, timeout = policy.deploy_timeout + LEEWAY,
      ready = function (r)
        if r.dry_run then return false, AFTER_PUSH end
        return release.within(r, policy.deploy_timeout, release.deployed(r))
      end,
      assume = { id = "(known after git.push)", status = "SUCCESS" },
    },
  },

  wait "health" {
    title = "Production answers with this commit",
    when = ships,
    every = policy.poll, timeout = policy.health_timeout + LEEWAY,
    ready = function (r)
      if r.dry_run then return false, AFTER_PUSH end
      local runs, seen = release.serves("production")
      local right = release.same(runs, r.out.candidate.commit)
      local d, why = release.deployed(r)
      if not right or not d then
        return release.within(r, policy.health_timeout, false, right and why or seen)
      end
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
