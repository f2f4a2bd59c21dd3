local how = {}
local function forever() while true do end end
function how.plain() forever() end
function how.pcall() while true do pcall(forever) end end
function how.deep() local function f() pcall(f) pcall(f) end while true do f() end end
function how.deeper() local function f() try(f) pcall(f) xpcall(f, f) end while true do f() end end
function how.xpcall() while true do xpcall(forever, function () return 1 end) end end
function how.handler() xpcall(forever, forever) end
function how.try() while true do try(forever) end end
function how.close() while true do pcall(function () local x <close> = setmetatable({}, { __close = forever }) forever() end) end end
function how.sort() while true do pcall(table.sort, { 1, 2, 3 }, forever) end end
function how.gsub() while true do pcall(string.gsub, "aaa", "a", forever) end end
function how.string() while true do local _ = ("x"):rep(100) end end
function how.churn() while true do local _ = ("x"):rep(50000000) end end
function how.concat() local s = "x" while true do s = s .. s if #s > 1e6 then s = "x" end end end
function how.meta() local t = setmetatable({}, { __index = forever }) while true do pcall(function () return t.x end) end end
function how.tostring() local t = setmetatable({}, { __tostring = forever }) while true do pcall(tostring, t) end end
return pipeline "endless" {
  version = "1.0.0", params = { how = text {} },
  each "e" { over = function (r) if r.params.how == "over" then forever() end return { "m" } end,
    step "a" { run = function (r) return how[r.params.how](r) end } },
}
