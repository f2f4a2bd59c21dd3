return pipeline "tell" {
  version = "1.0.0",
  step "tell" {
    effect = "write",
    run = function ()
      local function tell(o)
        local result = slack.notify(o)
        log.info(json.encode { sent = result.sent, unchanged = result.unchanged, status = result.status })
      end
      tell { text = "Release 1.9 <began> & runs\nin step 1", status = "started" }
      tell { text = "Release 1.9 goes on", status = "started" }
      tell { text = "Release 1.9 waits", status = "waiting" }
      tell { text = "Another thing", key = "other", status = "waiting",
        blocks = { { type = "section", text = { type = "mrkdwn", text = "*Another* thing" } } } }
      tell { text = string.rep("æ", 40), status = "done" }
      tell { text = "no status" }
      tell { text = "no status" }
    end,
  },
}
