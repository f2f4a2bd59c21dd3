return pipeline "wrong" {
  version = "1.0.0",
  step "a" { run = function ()
    for name, f in pairs {
      sort = function () table.sort({ 2, 1 }, function () log.info "x" end) end,
      gsub = function () string.gsub("x", "x", function () proc.read { argv = { "true" } } end) end,
      tostring = function () tostring(setmetatable({}, { __tostring = function () return clock.now() end })) end,
      pairs = function () pairs(setmetatable({}, { __pairs = function () return clock.now() end })) end,
    } do
      local ok, e = pcall(f)
      log.info(name .. " " .. tostring(ok) .. " " .. tostring(e.message or e))
    end
    table.sort({ 2, 1 }, function () proc.read { argv = { "sleep", "9" } } end)
  end },
}
