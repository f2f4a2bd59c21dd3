local how = {}
function how.text() log.info(tostring(load "return 1 + 1" ())) end
function how.bytecode() local f, why = load "\27Lua" log.info(tostring(f) .. " " .. why) end
function how.file() local f, why = load "x =" log.info(tostring(f) .. " " .. why) end
function how.name() load("error 'x'", "@other.lua")() end
function how.binary() load(function () return "x" end) end
function how.deep() log.info(tostring(load(string.rep("(", 300) .. "1" .. string.rep(")", 300)) == nil)) end
return pipeline "code" {
  version = "1.0.0", params = { how = text {} },
  step "a" { run = function (r) return how[r.params.how](r) end },
}
