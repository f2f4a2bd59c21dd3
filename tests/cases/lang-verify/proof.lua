-- A run that fails; the next try finds that it had worked, and verify gives the result.
return pipeline "proof" {
  version = "1.0.0",
  step "a" {
    run = function () fail "the connection broke" end,
    verify = function () return { found = true } end,
  },
  step "b" { run = function (r) log.info(json.encode(r.out.a)) end },
}
