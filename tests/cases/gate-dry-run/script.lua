return pipeline "gate" {
  version = "1.0.0",
  gate "plain" { ask = "Was it tested?" },
  gate "guarded" { ask = "Really?", confirm = "production" },
  manual "m" { ask = "Do it", verify = function () return false end },
  wait "w" { ready = function () return false, "not yet" end, assume = { id = 1 } },
  wait "x" { ready = function () return false, "not yet" end, assume = function (r) return r.out.w.id + 1 end },
  step "after" { run = function (r) log.info(json.encode { r.out.plain, r.out.w, r.out.x, r.dry_run }) end },
}
