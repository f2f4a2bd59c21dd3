local function tell(o)
  local n = slack.notify(o)
  log.info(string.format("sent=%s updated=%s unchanged=%s %s", n.sent, n.updated, n.unchanged, n.why or ""))
end

return pipeline "tell" {
  version = "1.0.0",
  step "begin" {
    effect = "write",
    run = function ()
      tell { text = "It <began>", status = "started" }
      tell { text = "It <began>", status = "started" }
      tell { text = "It goes on", status = "started" }
    end,
  },
  gate "sure" { ask = "Go on?" },
  step "end" {
    effect = "write",
    run = function () tell { text = "It is done", status = "done" } end,
  },
}
