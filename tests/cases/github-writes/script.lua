-- One write of each kind; `what` says which.
local function head()
  return github.read_ref { ref = "heads/main" }.sha
end

local writes = {
  merge = function ()
    local pull = github.pull { number = 12 }
    return github.merge { number = 12, sha = pull.head.sha, method = "squash", title = "Export" }
  end,
  update_branch = function ()
    return github.update_branch { number = 12, sha = github.pull { number = 12 }.head.sha }
  end,
  create_branch = function () return github.create_branch { name = "release/1", sha = head() } end,
  create_tag = function () return github.create_tag { name = "x1.0.0", sha = head() } end,
  annotated = function ()
    return github.create_tag { name = "x1.0.0", sha = head(), message = "one" }
  end,
  move_ref = function ()
    return github.move_ref { ref = "heads/production", sha = head(),
      expect = github.read_ref { ref = "heads/production" }.sha }
  end,
  delete_ref = function ()
    return github.delete_ref { ref = "tags/v1.4.2", sha = github.read_ref { ref = "tags/v1.4.2" }.sha }
  end,
  dispatch = function ()
    return github.dispatch { workflow = "db-deploy.yml", ref = "main",
      inputs = { environment = "staging", action = "dry-run" } }
  end,
  rerun = function ()
    local run = github.runs { workflow = "deploy-production.yml", first = 1 }[1]
    return github.rerun { id = run.id, attempt = run.attempt }
  end,
  rerun_failed = function ()
    local run = github.runs { workflow = "ios-release.yml", first = 1 }[1]
    return github.rerun_failed { id = run.id, attempt = run.attempt }
  end,
  cancel = function ()
    return github.cancel { id = github.runs { workflow = "slow.yml", first = 1 }[1].id }
  end,
  review_deployment = function ()
    return github.review_deployment { id = github.runs { workflow = "guarded.yml", first = 1 }[1].id,
      environment = "production", approve = true, comment = "tested" }
  end,
  create_release = function ()
    return github.create_release { tag = "v1.4.2", name = "1.4.2", notes = true }
  end,
  create_deployment = function ()
    return github.create_deployment { sha = head(), environment = "production" }
  end,
  deployment_status = function ()
    local d = github.create_deployment { sha = head(), environment = "staging" }
    return github.deployment_status { id = d.id, state = "in_progress" }
  end,
}

return pipeline "writes" {
  version = "1.0.0",
  params = { what = text },
  step "write" {
    effect = "irreversible",
    run = function (r)
      log.info(json.encode(writes[r.params.what]()))
    end,
  },
}
