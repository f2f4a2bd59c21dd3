-- Primitives wait within pcall, xpcall, try, iterators and metamethods.
return pipeline "yield" {
  version = "1.0.0",
  step "a" { run = function ()
    local slow = function (x) proc.read { argv = { "true" } } return x end
    log.info(tostring(select(2, pcall(slow, 1))) .. tostring(select(2, xpcall(slow, log.info, 2))) .. try(slow, 3))
    local t = setmetatable({}, { __index = function (_, k) return slow(k) end, __add = function (_, b) return slow(b) end })
    log.info(t.x .. (t + 5))
    for i in (function (_, i) i = (i or 0) + 1 return i < 3 and slow(i) or nil end) do log.info(tostring(i)) end
    local ok, err = pcall(function () slow(1) error { code = "own", message = "text", more = 1 } end)
    log.info(tostring(ok) .. err.code .. err.more)
    local none, e = try(function () fail { code = "x.y", message = "m", retryable = true } end)
    log.info(tostring(none) .. e.code .. e.message .. tostring(e.retryable) .. e.step .. e.line .. tostring(e))
    log.info(tostring(xpcall(error, function (m) return m .. "!" end, "x")))
    log.info(tostring(select(2, xpcall(error, function (m) return m .. "!" end, "x"))))
    log.info(tostring(select(2, xpcall(error, function () error "again" end, "x"))))
  end },
}
