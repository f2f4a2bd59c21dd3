-- Nothing differs from run to run: pairs in the order of keys, no addresses.
return pipeline "order" {
  version = "1.0.0",
  step "a" { run = function ()
    local t, seen = { z = 1, a = 2, [10] = 3, [9] = 4, [1.5] = 5, [true] = 6, ["10"] = 7 }, {}
    for k, v in pairs(t) do seen[#seen + 1] = tostring(k) .. "=" .. v end
    log.info(table.concat(seen, " "))
    local k, list = nil, {}
    repeat k = next(t, k) list[#list + 1] = tostring(k) until k == nil
    log.info(table.concat(list, " "))
    log.info(table.concat({ tostring({}), tostring(log.info), tostring(log), tostring(null), tostring(json.array {}) }, " "))
    log.info(string.format("%s %5s|%-5s|%d %q", {}, "x", "y", 3, "q"))
    log.info(tostring(pcall(string.format, "%p", {})))
    log.info(tostring(select(2, pcall(string.format, "%p", {}))))
    log.info(tostring(select(2, pcall(pairs, { [{}] = 1 }))))
    for k2 in pairs(setmetatable({}, { __pairs = function (x) return function (_, i) return not i and "own" or nil end, x end })) do log.info(k2) end
    for k3 in pairs { a = 1, b = 2, c = 3 } do t[k3] = nil end
    local gone = { a = 1, b = 2, c = 3 }
    for k4 in pairs(gone) do gone.b = nil log.info(k4) end
  end },
}
