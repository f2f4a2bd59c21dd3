-- What is read, and how reads that lag are dealt with.
local function shown(value)
  log.info(json.encode(value))
end

return pipeline "reads" {
  version = "1.0.0",
  step "look" {
    run = function ()
      shown(github.whoami {})
      local c = github.compare { base = "production", head = "main" }
      log.info(("%s %d ahead, %d behind, %d files, last: %s by %s"):format(c.status, c.ahead, c.behind, #c.files,
        c.commits[#c.commits].subject, c.commits[#c.commits].login))
      log.info(github.compare { base = "main", head = "production" }.status .. " "
        .. tostring(github.compare { base = "main", head = "feature/plan-export" }.diverged))
      for _, ref in ipairs(github.refs { prefix = "heads/" }) do
        log.info(ref.ref .. " " .. ref.object:sub(1, 7))
      end
      log.info(tostring(github.read_ref { ref = "tags/none" }))
      log.info(github.release { tag = "v1.4.2" }.name .. " " .. tostring(github.release { tag = "v1.5.0" })
        .. " " .. #github.releases {})
    end,
  },
  step "log" {
    run = function ()
      local run = github.runs { workflow = "ci.yml", branch = "feature/plan-export", first = 1 }[1]
      run = github.run { id = run.id }
      log.info(run.phase .. " " .. run.conclusion .. ", failed " .. run.failed[1].name)
      for _, job in ipairs(github.jobs { id = run.id }) do
        log.info("job " .. job.name .. " " .. job.phase)
      end
      log.info((github.job_log { id = run.failed[1].id, lines = 2 }.text:gsub("%d%d%d%d%-[^ ]+ ", "")))
      local again = github.rerun_failed { id = run.id, attempt = 1 }
      local old, new = github.run { id = run.id }, github.run { id = run.id, attempt = again.attempt }
      log.info(("at once: %s attempt %d; asked for attempt %d: %s"):format(old.conclusion, old.attempt, again.attempt, new.phase))
      return { id = run.id, attempt = again.attempt }
    end,
  },
  wait "over" {
    every = "5s", timeout = "10m", assume = { attempt = 2 },
    ready = function (r)
      local run = github.run(r.out.log)
      return run.phase ~= "moving" and { attempt = run.attempt, phase = run.phase } or nil, run.status
    end,
  },
  step "refs" {
    effect = "irreversible",
    run = function (r)
      shown(r.out.over)
      local main = github.read_ref { ref = "heads/main" }.sha
      local moved = github.move_ref { ref = "heads/production", sha = main,
        expect = github.read_ref { ref = "heads/production" }.sha }
      log.info(("changed %s, confirmed %s"):format(tostring(moved.changed), tostring(moved.confirmed)))
      shown { github.move_ref { ref = "heads/production", sha = main, expect = main, as = "again" }.changed }
      local tag = github.create_tag { name = "x2", sha = main, message = "two" }
      log.info(tostring(tag.created))
      shown { github.create_tag { name = "x2", sha = main, message = "two", as = "again" }.created }
      clock.sleep "6s"
      local there = github.read_ref { ref = "tags/x2" }
      log.info(("%s %s %s"):format(tostring(there.annotated), there.message or "(known)", tostring(there.sha == main)))
      log.info(tostring(github.compare { base = "production", head = "x2" }.status))
      github.delete_ref { ref = "tags/x2", sha = main }
      clock.sleep "6s"
      log.info(tostring(github.read_ref { ref = "tags/x2" }))
      local d = github.create_deployment { sha = main, environment = "production" }
      github.deployment_status { id = d.id, state = "success", environment_url = "https://api.impulseai.app" }
    end,
  },
}
