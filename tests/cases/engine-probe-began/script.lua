-- A probe is told when the write was begun: by this process, or by one that was killed.
local function probe(_, intent)
  return { happened = true, result = { stdout = ("%d"):format(intent.began) } }
end

return pipeline "began" {
  version = "1.0.0",
  step "a" {
    run = function ()
      return proc.run {
        argv = { "sh", "-c", "[ ! -e kill ] || { rm kill; kill -9 $PPID; }; sleep 5" },
        timeout = "200ms", probe = probe,
      }.stdout
    end,
  },
  step "b" { run = function (r) log.info(r.out.a) end },
}
