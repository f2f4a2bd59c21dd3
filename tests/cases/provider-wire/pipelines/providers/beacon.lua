-- One verb, whose request a test says.
local host = ...
local wire = host.require "wire"

local function client(more)
  local c = { name = "beacon", title = "Beacon", url = "https://api.beacon.example/base",
    errors = { [401] = { "beacon.unauthorized", "Beacon does not accept the credential" },
      [404] = { "beacon.not-found", "there is no such lamp" },
      [502] = { "beacon.closed", "the lamps are not to be reached", retryable = true } },
    extra = { "lamp" } }
  for key, value in pairs(more or {}) do
    c[key] = value
  end
  return wire.client(c)
end

local api = client()

local function ask(o)
  local call = { method = "GET", path = "/" .. o.path, lamp = "lamp " .. o.path }
  for key, value in pairs(o.more) do
    call[key] = value
  end
  local data, answer = (o.client and client(o.client) or api)(call)
  return { data = data, status = answer.status }
end

return {
  name = "beacon", summary = "The lamps",
  verbs = {
    ask = { effect = "read", summary = "Asks", act = ask,
      options = { path = { "text", required = true }, more = { "map", default = {} },
        client = { "map" } } },
    light = { effect = "write", summary = "Lights one", options = { path = { "text", required = true } },
      no_probe = "nobody sees the lamps", target = function (o) return o.path end,
      act = function (o)
        return api { method = "POST", path = "/" .. o.path, write = true, expect = { 200 } }
      end,
      predict = function () return { sign = "+", result = {} } end },
  },
}
