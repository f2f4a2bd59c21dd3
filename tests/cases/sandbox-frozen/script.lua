counter = 0
local how = {}
function how.env() local e <const> = load "return _ENV"; e().git = 2 end
function how.modules() git.push = 1 end
function how.require() require "lib" end
function how.metatable() setmetatable(string, {}) end
function how.strings() ("x").y = 1 end
function how.params(r) r.out.x = 1 end
function how.errors() local ok, e = pcall(refuse, "no"); e.code = "mine"; error(e) end
function how.project() project.name = "changed"; log.info(tostring(project.name)) end
function how.replace() table.insert(table, 1) end
function how.getmeta() log.info(tostring(getmetatable "x") .. tostring(getmetatable(git)) .. tostring(getmetatable(json.array {}))) end
function how.gc() setmetatable({}, { __gc = function () end }) end
function how.weak() setmetatable({}, { __mode = "k" }) end
function how.next() local k = next(string) log.info(tostring(k)) end
-- A function that sets a global is refused when it is loaded; through load, when it runs.
how.global = load "counter = 1"
return pipeline "frozen" {
  version = "1.0.0", params = { how = text {} },
  step "a" { run = function (r) return how[r.params.how](r) end },
}
