local lib = require "lib"
local how = {}
function how.text() error "plain text" end
function how.table() error { code = "my.code", message = "a table" } end
function how.bare() error({ x = 1 }) end
function how.nothing() error() end
function how.deep() return how.deep() .. "x" end
function how.method() return ("x"):nope() end
function how.math() return 1 // 0 end
function how.library() return lib.broken(5) end
function how.level() error("no place", 0) end
function how.binary() error "not \xff utf-8" end
function how.long() error(string.rep("long ", 1000)) end
function how.concat() return "x" .. {} end
function how.number() error(42) end
function how.closed() local x <close> = setmetatable({}, { __close = function () error "while closing" end }) error "first" end
function how.tostring() error(setmetatable({}, { __tostring = function () return "shown" end })) end
return pipeline "errors" {
  version = "1.0.0",
  params = { how = text {} },
  step "before" { run = function () end },
  step "breaks" { run = function (r) return how[r.params.how]() end },
}
