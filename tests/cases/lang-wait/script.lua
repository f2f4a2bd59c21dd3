-- What a wait may answer; trouble that may pass is waited through.
return pipeline "wait" {
  version = "1.0.0",
  wait "value" { ready = function () return { id = 1 } end },
  wait "text" { ready = function () return "ready" end },
  wait "zero" { ready = function () return 0 end },
  wait "trouble" {
    every = "5s",
    ready = function ()
      local n = #proc.read { argv = { "sh", "-c", "printf x >>looks; cat looks" } }.stdout
      if n < 4 then fail { code = "net.down", message = "no answer", retryable = true } end
      return n
    end,
  },
  wait "null" { ready = function () return true end },
  step "end" { run = function (r) log.info(json.encode { r.out.value, r.out.text, r.out.zero, r.out.trouble, r.out.null }) end },
  wait "broken" {
    every = "5s",
    ready = function () fail { code = "net.down", message = "no answer at all", retryable = true } end,
  },
}
