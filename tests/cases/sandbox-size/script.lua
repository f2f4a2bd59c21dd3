local how = {}
local function doubled(n) local a = {} for _ = 1, n do a = { a, a } end return a end
local function wide(n) local t = {} for i = 1, n do t[i] = i end return t end
function how.returned() return { tree = doubled(26) } end
function how.json() return json.encode { tree = doubled(26) } end
function how.yaml() return yaml.encode(doubled(26)) end
function how.kept() return #json.encode(doubled(12)) end
function how.wide() log.info(tostring(#json.encode(wide(900000)))) end
function how.wider() json.encode(wide(1000000)) end
function how.text() local x = ("x"):rep(1 << 20) return { x, { x, x }, (function () local t = {} for i = 1, 62 do t[i] = x end return t end)() } end
function how.keys() local x, t = ("x"):rep(1 << 20), {} for i = 1, 70 do t[i] = { [x] = i } end return t end
function how.argument() log.info { text = doubled(26) } end
function how.caught() local ok, e = pcall(json.encode, doubled(26)) log.info(e.code) end
function how.versions() version.sort(setmetatable({}, { __len = function () return 1 << 50 end })) end
return pipeline "size" {
  version = "1.0.0", params = { how = text {} },
  step "a" { run = function (r) return how[r.params.how](r) end },
}
