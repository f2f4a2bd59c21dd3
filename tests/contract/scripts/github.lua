local contract = require "lib.contract"
local works, refused = contract.of("github", github)

local NONE = "0000000000000000000000000000000000000000"

local function sha_of(ref)
  return github.read_ref { ref = ref }.sha
end

-- The newest run of a workflow, once there is one that `fits`.
local function run_of(workflow, fits)
  return contract.eventually("a run of " .. workflow, function ()
    local run = works("runs", { workflow = workflow, first = 1 })[1]
    return run and fits(run) and run
  end)
end

local function over(run)
  return run.status == "completed"
end

return pipeline "github" {
  version = "1.0.0",
  step "reads" {
    run = function ()
      contract.same("whose token it is", works "whoami".login, "release-bot")
      contract.same("the pull requests", #works("pulls", { state = "all" }), 1)
      local pull = works("pull", { number = 12 })
      refused("pull", { number = 99 }, "github.not-found")
      works("pull_of", { sha = pull.head.sha })
      local required = works("required_checks", { branch = "main" })
      contract.same("what main requires", required.checks[1].name, "ci-gate")
      works("required_checks", { branch = "production" })
      works("checks", { sha = pull.head.sha, branch = "main" })
      works("verdict", { sha = pull.head.sha, branch = "main" })
      works("runs", { branch = "main", first = 2 })
      local runs = works("workflow_runs", { workflow = "ci.yml", first = 5 })
      works("workflow_run", { id = runs[1].id })
      works("run", { id = runs[1].id })
      refused("run", { id = 1 }, "github.not-found")
      local jobs = works("jobs", { id = runs[#runs].id })
      contract.holds("it wrote something",
        works("job_log", { id = jobs[1].id, lines = 5 }).total > 0)
      refused("job_log", { id = 1 }, "github.no-log")
    end,
  },
  step "refs" {
    effect = "irreversible",
    run = function ()
      local main, production = sha_of "heads/main", sha_of "heads/production"
      contract.same("where a ref leads", works("read_ref", { ref = "heads/main" }).sha, main)
      contract.same("no ref", works("read_ref", { ref = "heads/nowhere" }), nil)
      works("refs", { prefix = "tags/v" })
      contract.same("main is", works("compare", { base = "production", head = "main" }).status,
        "ahead")
      refused("compare", { base = "nowhere", head = "main" }, "github.not-found")
      works("create_branch", { name = "release/1", sha = production })
      refused("create_branch", { name = "release/1", sha = main }, "github.exists")
      works("move_ref", { ref = "heads/release/1", sha = main, expect = production })
      refused("move_ref", { ref = "heads/release/1", sha = main, expect = production },
        "github.moved")
      refused("move_ref", { ref = "heads/release/1", sha = production, expect = main },
        "github.not-moved")
      works("delete_ref", { ref = "heads/release/1", sha = main })
      refused("delete_ref", { ref = "heads/release/1", sha = main }, "github.missing")
      refused("create_tag", { name = "x0.0.1", sha = NONE }, "github.not-created")
      works("create_tag", { name = "x1.0.0", sha = main })
      refused("create_tag", { name = "x1.0.0", sha = production }, "github.exists")
      works("create_tag", { name = "v2.0.0", sha = production, message = "with a message" })
      works("read_ref", { ref = "tags/v2.0.0" })
    end,
  },
  step "releases" {
    run = function ()
      local main = sha_of "heads/main"
      works("create_release", { tag = "v2.0.0", name = "2.0.0", body = "What is new" })
      works("release", { tag = "v2.0.0" })
      contract.same("no release", works("release", { tag = "v7.0.0" }), nil)
      contract.holds("it is listed", #works "releases" > 0)
      local made = works("create_deployment", { environment = "staging", sha = main })
      works("deployment_status", { id = made.id, state = "in_progress" })
      works("deployments", { environment = "staging" })
    end,
  },
  step "runs" {
    effect = "irreversible",
    run = function ()
      local failed = run_of("ios-release.yml", over)
      contract.same("the run of the tag", failed.conclusion, "failure")
      works("rerun_failed", { id = failed.id, attempt = failed.attempt })
      local again = run_of("ios-release.yml", function (run)
        return over(run) and run.attempt > failed.attempt
      end)
      contract.same("how its first attempt ended", works("run_attempt", { id = again.id,
        attempt = 1 }).conclusion, "failure")
      refused("run_attempt", { id = again.id, attempt = 9 }, "github.not-found")
      works("rerun", { id = again.id, attempt = again.attempt })
      local started = works("dispatch", { workflow = "db-deploy.yml", ref = "main",
        inputs = { environment = "staging", action = "dry-run" } })
      contract.holds("its run is known", started.id)
      refused("dispatch", { workflow = "ci.yml", ref = "main" }, "github.not-started")
      refused("dispatch", { workflow = "none.yml", ref = "main" }, "github.no-workflow")
      local slow = run_of("slow.yml", function () return true end)
      works("cancel", { id = slow.id })
      contract.eventually("the cancelled run", function ()
        return over(works("run", { id = slow.id }))
      end)
      refused("cancel", { id = slow.id }, "github.over")
      refused("force_cancel", { id = slow.id }, "github.over")
      local stuck = run_of("stuck.yml", function () return true end)
      works("cancel", { id = stuck.id })
      contract.holds("it goes on", not over(works("run", { id = stuck.id })))
      works("force_cancel", { id = stuck.id })
      contract.eventually("the run that was cancelled by force", function ()
        return over(works("run", { id = stuck.id }))
      end)
      local guarded = run_of("guarded.yml", function () return true end)
      contract.same("who is waited for", #works("pending_deployments", { id = guarded.id }), 1)
      works("review_deployment", { id = guarded.id, environment = "production", approve = true,
        comment = "tested" })
    end,
  },
  step "merge" {
    run = function ()
      local pull = github.pull { number = 12 }
      refused("merge", { number = 12, sha = NONE }, "github.head-moved")
      works("update_branch", { number = 12, sha = pull.head.sha })
      local now = contract.eventually("the pull request's new head", function ()
        local found = works("pull", { number = 12 })
        return found.head.sha ~= pull.head.sha and found
      end)
      contract.eventually("green checks", function ()
        return works("verdict", { sha = now.head.sha, branch = "main" }).state == "good"
      end)
      contract.holds("it is merged", works("merge", { number = 12, sha = now.head.sha,
        method = "squash", title = "Export a plan" }).merged)
      refused("merge", { number = 12, sha = now.head.sha }, "github.not-mergeable")
    end,
  },
}
