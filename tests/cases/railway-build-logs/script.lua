-- What the build of a deployment said.
local P = "production"

local function newest(environment)
  return railway.deployments { environment = environment, first = 1 }[1]
end

local function tell(title, o)
  o.environment = o.environment or P
  local got, problem = try(railway.build_logs, o)
  if not got then
    log.info(("%s: %s: %s"):format(title, problem.code, problem.message))
    return
  end
  local out = {}
  for i, line in ipairs(got.lines) do
    out[i] = line.message .. (line.severity == "error" and "!" or "")
      .. (line.deployment == o.deployment and "" or " of another")
  end
  log.info(("%s: %s; complete %s, to %s"):format(title, table.concat(out, ", "), tostring(got.complete), got.to))
end

return pipeline "build-logs" {
  version = "1.0.0",
  step "old" {
    run = function ()
      local active = railway.active { environment = P }[1]
      tell("all", { deployment = active.id })
      tell("filtered", { deployment = active.id, filter = "@level:error" })
      tell("limited", { deployment = active.id, limit = 2 })
      tell("from later on", { deployment = active.id, from = clock.now() })
      tell("the wrong way round", { deployment = active.id, from = clock.now(), to = 1 })
      tell("an open quote", { deployment = active.id, filter = '"a' })
      tell("no such deployment", { deployment = "00000000-0000-4000-8000-000000000000" })
      tell("of another environment", { environment = "staging", deployment = active.id })
      tell("no time", { deployment = active.id, from = true })
    end,
  },
  step "new" {
    run = function ()
      local made = railway.deploy { environment = P, commit = railway.active { environment = P }[1].commit }
      tell("at once", { deployment = made.id })
      clock.sleep "20s"
      tell("20 s later", { deployment = made.id })
    end,
  },
}
