local contract = require "lib.contract"
local works = contract.of("slack", slack)

return pipeline "slack" {
  version = "1.0.0",
  step "notify" {
    run = function ()
      contract.holds("it is sent", works("notify", { text = "Release <1.9.0> & more" }).sent)
      contract.holds("it is sent", works("notify", { text = "With blocks", blocks = {
        { type = "section", text = { type = "mrkdwn", text = "*1.9.0*" } } } }).sent)
    end,
  },
}
