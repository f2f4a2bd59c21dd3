-- A NUL in a format ends nothing: no address shows behind one.
return pipeline "format" {
  version = "1.0.0",
  step "a" { run = function ()
    local function show(...)
      local ok, what = pcall(string.format, ...)
      log.info((ok and "" or "refused: ") .. what:gsub("%z", "0"))
    end
    show("\0%s", {})
    show("\0%p", {})
    show("a\0%d %s|%5s\0%%%s", 7, log.info, "x", {})
    show("%\0p", {})
    show("\0")
    show("%")
    show("\0%")
    show("%10s\0%q", true, "q")
    local weak = pcall(setmetatable, {}, { __mode = "v" })
    log.info(tostring(weak))
  end },
}
