return pipeline "use" {
  version = "1.0.0",
  params = { use = choice { "inner", "walk", "number" } },
  each "e" { over = { "a" }, step "s" { run = function (r) return r.name end } },
  step "after" {
    run = function (r)
      if r.params.use == "inner" then return r.out.s end
      if r.params.use == "number" then return r.out["1"] end
      for id in pairs(r.out) do log.info(id) end
    end,
  },
}
