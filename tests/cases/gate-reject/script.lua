return pipeline "gate" {
  version = "1.0.0",
  step "before" { run = function () proc.run { argv = { "sh", "-c", "echo before >>ran" } } end },
  gate "plain" { ask = "Was it tested?" },
  gate "guarded" { ask = function (r) return "Really, attempt " .. r.attempt .. "?" end, confirm = "production" },
  step "after" { run = function (r)
    proc.run { argv = { "sh", "-c", "echo after >>ran" } }
    log.info(json.encode { r.out.plain.answer, r.out.plain.how, r.out.plain.comment or "", r.out.guarded.how })
  end },
}
