-- What Railway and what stands before it do beyond plain answers.
local P = "production"

local calls = {
  deploy = function ()
    local d = railway.deploy { environment = P,
      commit = railway.active { environment = P }[1].commit }
    log.info(d.reason .. " " .. d.phase)
  end,
  polling = function ()
    local id = railway.active { environment = P }[1].id
    for _ = 1, 8 do
      railway.state { environment = P, deployment = id }
    end
    log.info "polled"
  end,
  soak = function ()
    local id = railway.deploy { environment = P,
      commit = railway.active { environment = P }[1].commit }.id
    local said = ""
    for _ = 1, 14 do
      local s = railway.state { environment = P, deployment = id }
      local now = s.status .. " " .. s.phase .. (s.stopped and " stopped" or "")
      if now ~= said then log.info(now .. ": " .. s.words) end
      said = now
      clock.sleep "20s"
    end
  end,
  me = function () log.info(railway.me { environment = P }.email) end,
}

return pipeline "odd" {
  version = "1.0.0",
  params = { what = text },
  step "call" { run = function (r) calls[r.params.what]() end },
}
