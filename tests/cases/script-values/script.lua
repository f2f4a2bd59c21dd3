local deep = {}
for _ = 1, 300 do deep = { deep } end
local cycle = {}
cycle.x = { cycle }
local gaps = { 1, 2, 3, 4 }
gaps[2] = nil
local values = { fn = { a = { log.info } }, cycle = cycle, mixed = { 1, x = 2 }, gaps = gaps, deep = deep,
  nan = 0 / 0, inf = 1 / 0, ok = "ok", thread = { step } }
return pipeline "values" {
  version = "1.0.0",
  params = { how = text {} },
  step "a" { run = function (r) return values[r.params.how] end },
  step "b" { run = function (r) log.info(tostring(r.out.a)) end },
}
