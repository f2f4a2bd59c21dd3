return pipeline "killed" {
  version = "1.0.0",
  step "tell" {
    effect = "write",
    run = function () return { sent = slack.notify { text = "It began", status = "started" }.sent } end,
  },
}
