-- Loops in Lua's own library end, whatever they are told.
local how = {}
local function long(n) return setmetatable({}, { __len = function () return n end }) end
local endless = setmetatable({}, { __index = table.concat }) -- "" for every member, from C
function how.rep_nothing() return #string.rep("", 1 << 50) end
function how.rep_huge() return #("x"):rep(1 << 50, "y") end
function how.rep_memory() return #("x"):rep(1 << 31) end
function how.rep() log.info(("ab"):rep(3, "-") .. ("x"):rep(-1) .. ("x"):rep(1)) end
function how.move() table.move({}, 1, 1 << 40, 1, {}) end
function how.move_wrapped() table.move({}, math.mininteger, -1, 1, {}) end
function how.move_much() while true do table.move({}, 1, 10000000, 1, {}) end end
function how.move_few() log.info(table.concat(table.move({ 1, 2, 3 }, 2, 3, 1), ",")) end
function how.concat() table.concat(endless, "", 1, 1 << 50) end
function how.concat_len() table.concat(long(1 << 50)) end
function how.concat_nil() table.concat { 1, {}, 3 } end
function how.concat_text() log.info(table.concat({ 1, 2, 3 }, "-", "2") .. table.concat({ 1, 2 }, 0)) end
function how.insert() table.insert(long(1 << 50), 1, "x") end
function how.remove() table.remove(long(1 << 50), 1) end
function how.sort() table.sort(long(1 << 30), rawequal) end
function how.unpack() while true do pcall(table.unpack, {}, 1, 900000) end end
function how.unpack_huge() table.unpack({}, 1, 1 << 50) end
function how.codepoint() utf8.codepoint(("x"):rep(3000000), 1, -1) end
function how.utf8() log.info(utf8.len("äö", 1, -1) .. " " .. utf8.offset("äö", 2) .. " " .. utf8.codepoint "ä") end
function how.utf8_huge() utf8.len("x", 1, 1 << 50) end
function how.find() local s = ("x"):rep(10000000) while true do s:find("y", 1, true) end end
function how.reverse() local s = ("x"):rep(10000000) while true do s:reverse() end end
function how.pairs() local t = {} for i = 1, 100000 do t[i] = i end while true do pairs(t) end end
function how.next()
  local t, k, sum = {}, nil, 0
  for i = 1, 1000000 do t[i] = 1 end
  repeat k = next(t, k) sum = sum + (k and t[k] or 0) until not k
  log.info(tostring(sum))
end
function how.next_first() local t = {} for i = 1, 100000 do t[i] = i end while true do next(t) end end
function how.next_two() local a, b = {}, {} for i = 1, 100000 do a[i], b[i] = i, i end while true do next(a, 1) next(b, 1) end end
function how.next_order()
  local t, out = { b = 1, a = 2, c = 3, [2] = 4, [1] = 5 }, {}
  for k in next, t do out[#out + 1] = tostring(k) t[k] = nil end
  t.x, t.z = 1, 2
  local function add(...) out[#out + 1] = tostring((...)) end
  add(next(t, "x")) t.y = 1 add(next(t, "x")) add(next(t, "y")) add(next(t, "z")) add(next {})
  add(next({ 1, 2 }, 1)) add(next(t)) t.x = nil add(next(t, "x")) add(pcall(next, t, {}))
  log.info(table.concat(out, " "))
end
function how.argument() log.info(select(2, pcall(function () return ("x"):rep {} end))) end
function how.callback() log.info(select(2, pcall(string.gsub, "x", "x", function () error("mine", 0) end))) end
function how.gsub() log.info((("abc"):gsub("%w", { a = "1" })) .. ("abc"):gsub("b", "%0%0")) end
return pipeline "bounds" {
  version = "1.0.0", params = { how = text {} },
  step "a" { run = function (r) return how[r.params.how](r) end },
}
