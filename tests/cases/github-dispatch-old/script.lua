-- A server that does not tell which run it started.
return pipeline "old" {
  version = "1.0.0",
  params = { workflow = text, twice = flag },
  step "start" {
    effect = "irreversible",
    run = function (r)
      local o = { workflow = r.params.workflow, ref = "main", inputs = { environment = "staging" } }
      for i = 1, r.params.twice and 2 or 1 do
        o.as = "dispatch-" .. i
        local d = github.dispatch(o)
        local run = d.id and github.run { id = d.id }
        log.info(("certain %s, found %s, %s"):format(tostring(d.certain), d.found, run and run.title .. " " .. run.event
          or #d.candidates .. " candidates"))
      end
    end,
  },
}
