-- Whatever becomes of a notification, the run goes on.
return pipeline "tell" {
  version = "1.0.0",
  params = { times = integer { default = 1 } },
  step "tell" {
    effect = "write",
    run = function (r)
      for i = 1, r.params.times do
        local n = slack.notify { text = "message " .. i }
        log.info(string.format("%d: sent=%s maybe=%s %s %s", i, n.sent, n.maybe or false, n.code or "",
          n.why or ""))
      end
      return { done = true }
    end,
  },
}
