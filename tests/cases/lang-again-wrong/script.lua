-- Where a run cannot be sent back to, and from where it cannot.
return pipeline "again-wrong" {
  version = "1.0.0",
  params = { to = text, how = text { default = "run" } },
  step "a" { run = function () end },
  parallel "p" {
    step "p1" { run = function (r) if r.params.how == "parallel" then again(r.params.to, "because") end end },
    step "p2" { run = function () return 2 end },
  },
  step "b" {
    when = function (r)
      if r.params.how == "when" then again("a", "x") end
      return true
    end,
    run = function (r)
      if r.params.how == "run" then again(r.params.to, "because") end
      if r.params.how == "fake" then error { code = "again", message = "forged" } end
      if r.params.how == "none" then again() end
      if r.params.how == "sort" then table.sort({ 1, 2 }, function () again("a", "x") end) end
    end,
  },
  step "c" { run = function () end },
}
