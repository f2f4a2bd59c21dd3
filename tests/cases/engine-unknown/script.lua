-- The write is done, and then the process is killed before its receipt.
local probes = {
  yes = function () return { happened = true, result = { stdout = "from the probe" } } end,
  no = function () return { happened = false } end,
  silent = function () return nil end,
  broken = function () fail { code = "net.down", message = "cannot look" } end,
}
return pipeline "unknown" {
  version = "1.0.0",
  params = { probe = text },
  step "a" {
    retry = 3,
    run = function (r)
      return proc.run {
        argv = { "sh", "-c", "echo x >>written; [ ! -e kill ] || { rm kill; kill -9 $PPID; }" },
        probe = probes[r.params.probe],
      }.stdout
    end,
  },
  step "b" { run = function (r) log.info(r.out.a) end },
}
