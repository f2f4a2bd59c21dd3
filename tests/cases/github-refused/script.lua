-- What GitHub refuses, and whether a dry-run says so before.
local sha = {}
local calls = {
  { "merge", function () return { number = 12, sha = sha.pull } end },
  { "merge", function () return { number = 12, sha = sha.main } end },
  { "merge", function () return { number = 13, sha = sha.side } end },
  { "merge", function () return { number = 14, sha = sha.side } end },
  { "merge", function () return { number = 99, sha = sha.side } end },
  { "update_branch", function () return { number = 12, sha = sha.main } end },
  { "update_branch", function () return { number = 14, sha = sha.side } end },
  { "create_tag", function () return { name = "v1.4.2", sha = sha.main } end },
  { "create_tag", function () return { name = "v3", sha = ("a"):rep(40) } end },
  { "create_tag", function () return { name = "v3", sha = "abc" } end },
  { "create_branch", function () return { name = "main", sha = sha.side } end },
  { "move_ref", function () return { ref = "heads/production", sha = sha.main, expect = sha.main } end },
  { "move_ref", function () return { ref = "heads/main", sha = sha.side, expect = sha.main } end },
  { "move_ref", function () return { ref = "heads/none", sha = sha.side, expect = sha.main } end },
  { "move_ref", function () return { ref = "main", sha = sha.side, expect = sha.main } end },
  { "delete_ref", function () return { ref = "heads/side", sha = sha.main } end },
  { "delete_ref", function () return { ref = "heads/none", sha = sha.main } end },
  { "dispatch", function () return { workflow = "ci.yml", ref = "main" } end },
  { "dispatch", function () return { workflow = "none.yml", ref = "main" } end },
  { "dispatch", function () return { workflow = "db-deploy.yml", ref = "nowhere" } end },
  { "dispatch", function () return { workflow = "db-deploy.yml", ref = "main", inputs = { env = "x" } } end },
  { "dispatch", function () return { workflow = "db-deploy.yml", ref = "main", inputs = { action = "drop" } } end },
  { "rerun", function () return { id = 1 } end },
  { "rerun", function () return { id = sha.run, attempt = 7 } end },
  { "rerun_failed", function () return { id = sha.run } end },
  { "cancel", function () return { id = sha.run } end },
  { "review_deployment", function () return { id = sha.run, environment = "production", approve = true } end },
  { "create_release", function () return { tag = "v1.4.2" } end },
  { "create_release", function () return { tag = "v7" } end },
  { "create_deployment", function () return { sha = ("a"):rep(40), environment = "x" } end },
  { "deployment_status", function () return { id = 5, state = "success" } end },
}

return pipeline "refused" {
  version = "1.0.0",
  step "all" {
    effect = "irreversible",
    run = function ()
      sha.pull = github.pull { number = 12 }.head.sha
      for _, name in ipairs { "main", "side" } do
        sha[name] = github.read_ref { ref = "heads/" .. name }.sha
      end
      sha.run = github.runs { workflow = "ci.yml", sha = sha.pull, first = 1 }[1].id
      for _, call in ipairs(calls) do
        local result, err = try(github[call[1]], call[2]())
        log.info(("%s: %s"):format(call[1], err and err.code .. (err.refused and " (refused): " or ": ") .. err.message
          or json.encode(result)))
      end
    end,
  },
}
