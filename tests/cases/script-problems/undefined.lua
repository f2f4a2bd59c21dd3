local function never()
  return nmae
end
total = 1
return pipeline "undefined" {
  version = "1.0.0",
  stepp "a" { run = function () print(x, total); log.inof "x"; count = 1 end },
}
