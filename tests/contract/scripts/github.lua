local contract = require "lib.contract"
local works, refused = contract.of("github", github)

return pipeline "github" {
  version = "1.0.0",
  step "reads" {
    run = function ()
      local pulls = works("pulls", { state = "all" })
      contract.same("the pull requests", #pulls, 1)
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
  step "merge" {
    run = function ()
      local pull = github.pull { number = 12 }
      refused("merge", { number = 12, sha = "0000000000000000000000000000000000000000" },
        "github.head-moved")
      local merged = works("merge", { number = 12, sha = pull.head.sha })
      contract.holds("it is merged", merged.merged)
    end,
  },
}
