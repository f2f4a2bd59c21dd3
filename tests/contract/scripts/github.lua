local contract = require "lib.contract"
local works, refused = contract.of("github", github)

return pipeline "github" {
  version = "1.0.0",
  step "reads" {
    run = function ()
      local pulls = works("pulls", { state = "all" })
      contract.same("the pull requests", #pulls, 2)
      local pull = works("pull", { number = 12 })
      refused("pull", { number = 99 }, "github.not-found")
      works("pull_of", { sha = pull.head.sha })
      local required = works("required_checks", { branch = "main" })
      contract.same("what main requires", required.checks[1].name, "ci-gate")
      works("required_checks", { branch = "production" })
      works("checks", { sha = pull.head.sha, branch = "main" })
      local runs = works("workflow_runs", { workflow = "ci.yml", first = 5 })
      works("workflow_run", { id = runs[1].id })
      refused("workflow_run", { id = 1 }, "github.not-found")
    end,
  },
  step "looks" {
    run = function ()
      contract.same("who asks", works("whoami").login, "release-bot")
      local main = works("read_ref", { ref = "heads/main" }).sha
      contract.same("a tag that is not there", works("read_ref", { ref = "tags/v0" }), nil)
      contract.same("the branches", #works("refs", { prefix = "heads/" }), 3)
      contract.same("production", works("compare", { base = "production", head = "main" }).behind, 0)
      refused("compare", { base = "none", head = "main" }, "github.not-found")
      works("verdict", { sha = main, branch = "main" })
      works("release", { tag = "v1.4.2" })
      works("releases")
      works("deployments")
      local run = works("runs", { workflow = "ci.yml", sha = main, first = 1 })[1]
      works("run", { id = run.id })
      refused("run", { id = 1 }, "github.not-found")
      contract.holds("it has jobs", #works("jobs", { id = run.id }) > 0)
      refused("job_log", { id = 1 }, "github.no-log")
    end,
  },
  step "refs" {
    effect = "irreversible",
    run = function ()
      local main = github.read_ref { ref = "heads/main" }.sha
      local old = github.read_ref { ref = "heads/production" }.sha
      works("create_branch", { name = "contract", sha = old })
      refused("create_branch", { name = "contract", sha = main }, "github.exists")
      works("move_ref", { ref = "heads/contract", sha = main, expect = old })
      refused("move_ref", { ref = "heads/contract", sha = old, expect = main }, "github.not-moved")
      works("create_tag", { name = "contract-1", sha = main })
      works("create_tag", { name = "contract-2", sha = main, message = "two" })
      contract.holds("it is annotated", github.read_ref { ref = "tags/contract-2" }.annotated)
      refused("create_tag", { name = "contract-3", sha = ("a"):rep(40) }, "github.not-created")
      works("delete_ref", { ref = "tags/contract-1", sha = main })
      works("create_release", { tag = "contract-2", name = "Two", notes = true })
      refused("create_release", { tag = "contract-2" }, "github.exists")
      local d = works("create_deployment", { sha = main, environment = "contract" })
      works("deployment_status", { id = d.id, state = "success", log_url = "https://log.example" })
      contract.same("its state", works("deployments", { environment = "contract" })[1].phase, "good")
    end,
  },
  step "runs" {
    effect = "irreversible",
    run = function ()
      local told = works("dispatch", { workflow = "db-deploy.yml", ref = "main",
        inputs = { environment = "staging", action = "dry-run" } })
      contract.same("how its run is known", told.found, "told")
      refused("dispatch", { workflow = "ci.yml", ref = "main" }, "github.not-started")
      works("cancel", { id = told.id })
      refused("cancel", { id = told.id }, "github.over")
      local again = works("rerun_failed", { id = told.id, attempt = 1 })
      contract.same("its attempt", again.attempt, 2)
      refused("rerun", { id = told.id, attempt = 1 }, "github.attempt")
      local over = github.runs { workflow = "deploy-production.yml", first = 1 }[1]
      works("rerun", { id = over.id })
      local guarded = contract.eventually("the guarded run", function ()
        local run = github.runs { workflow = "guarded.yml", first = 1 }[1]
        return run and run.status == "waiting" and run
      end)
      contract.holds("it may be approved", works("pending_deployments", { id = guarded.id })[1].mine)
      works("review_deployment", { id = guarded.id, environment = "production", approve = true,
        comment = "contract" })
      refused("review_deployment", { id = guarded.id, environment = "production", approve = true },
        "github.not-waiting")
    end,
  },
  step "merge" {
    run = function ()
      local pull = github.pull { number = 12 }
      works("update_branch", { number = 13, sha = github.pull { number = 13 }.head.sha })
      refused("update_branch", { number = 12, sha = github.read_ref { ref = "heads/main" }.sha },
        "github.not-updated")
      refused("merge", { number = 12, sha = "0000000000000000000000000000000000000000" },
        "github.head-moved")
      local merged = works("merge", { number = 12, sha = pull.head.sha })
      contract.holds("it is merged", merged.merged)
    end,
  },
}
