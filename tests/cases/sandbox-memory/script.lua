local how = {}
function how.rep() return #("x"):rep(1 << 30) end
function how.pcall()
  local t = {}
  while true do pcall(function () t[#t + 1] = ("x"):rep(100000000) end) end
end
function how.recursion() local function f(t) return f { t } + 1 end return f {} end
function how.pack() return table.unpack({}, 1, 1e8) end
function how.kept() return pcall(string.rep, "x", 1 << 30) and 1 or "went on" end
return pipeline "memory" {
  version = "1.0.0", params = { how = text {} },
  step "a" { run = function (r) return how[r.params.how](r) end },
}
