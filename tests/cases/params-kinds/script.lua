local shared = integer { optional = true, help = "shared by two" }
return pipeline "params" {
  version = "1.0.0",
  params = {
    name = text { min = 3, max = 8, help = "three to eight letters" },
    env = choice { "staging", "production" },
    count = integer { default = 3, min = 1 },
    fast = flag,
    v = version_text { default = "1.0.0", range = ">=1 <2" },
    code = text { optional = true, pattern = "^%u%u%d+$" },
    even = integer { optional = true, check = function (n) return n % 2 == 0, "must be even" end },
    raises = text { optional = true, check = function (x) return x.y.z end },
    one = shared, two = shared,
  },
  step "a" { run = function (r) log.info(json.encode(r.params.name) .. tostring(r.params.count) .. tostring(r.params.fast)
    .. tostring(r.params.code) .. r.params.v .. tostring(r.params.one)) end },
}
