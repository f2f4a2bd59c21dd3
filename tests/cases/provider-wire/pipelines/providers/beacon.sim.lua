-- Answers that are not as one wishes: the path says which.
local sim = ...
local core = sim.require "core"

local ANSWERS = {
  plain = { "text/plain", '{"lit":true}' },
  list = { "text/plain", ' [1,2]' },
  none = { nil, '{"lit":true}' },
  words = { "text/plain", "all lamps are out\nsecond line" },
  broken = { "application/json", '{"lit":' },
  lamps = { "application/json", '{"lamps":[{"name":"one"}]}' },
  maintenance = { "application/json", '{"lamps":{"message":"maintenance"}}' },
  ["empty-map"] = { "application/json", '{"lamps":{}}' },
  ["empty-list"] = { "application/json", '{"lamps":[]}' },
  braces = { "text/plain", "{lamp} is lit" },
}

return {
  name = "beacon", hosts = { "api.beacon.example" }, keys = { "beacon" },
  default = { credentials = { beacon = "sim-beacon-token" } },
  request = function (_, req)
    local what = req.path:match("^/base/(.*)$")
    local status = tonumber(what)
    if status then
      return core.answer(status, { message = "no" })
    end
    local answer = ANSWERS[what]
    return { status = 200, headers = { ["content-type"] = answer[1] }, body = answer[2] }
  end,
}
