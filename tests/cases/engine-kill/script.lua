local kill = [[ if [ "$(cat point 2>/dev/null)" = "$1" ]; then rm point; kill -9 $PPID; fi; ]]
local function here(n)
  proc.read { argv = { "sh", "-c", kill, "sh", tostring(n) } }
end
local function write(text)
  return proc.run { argv = { "sh", "-c", "echo " .. text .. " >>written; echo " .. text } }.stdout
end
return pipeline "kill" {
  version = "1.0.0",
  step "first" { run = function ()
    here(1)
    log.info "logged once"
    local a = write "a"
    here(2)
    return { text = a, one = 1.0, list = json.array {}, map = {}, null = null, big = 9007199254740993, bytes = "\xff\0",
      deep = { { { x = { 1, { 2 } } } } }, real = 0.1, least = math.mininteger, minus = -0.0 }
  end },
  each "part" {
    over = function () here(3) return { "x", "y" } end,
    step "make" { run = function (r)
      local text = write(r.name)
      here(r.name == "x" and 4 or 5)
      return { text, r.out.first }
    end },
    step "check" { run = function (r) return r.out.make[1] end, verify = function (r) if r.name == "y" then here(6) end return true end },
  },
  step "back" { run = function (r)
    write("back" .. r.attempt)
    here(r.attempt == 1 and 7 or 8)
    if r.attempt == 1 then again("part", "once more") end
    return r.out.part
  end },
  step "last" { run = function (r)
    pcall(function () write "b" fail "caught" end)
    here(9)
    return { r.out.first, r.out.part, math.type(r.out.first.one), r.out.first.big + 1 }
  end },
}
