-- The capability that a provider module gets, completed from the host's own part.
local host = ...

local request = host.http

-- One request. A status is never an error here: what it means is the provider's to
-- say. `retry` asks again where the transport failed and nothing can have happened.
host.http = function (o)
  local given = { any_status = true }
  for name, value in pairs(o) do
    if name == "retry" then
      given.retries = value and 3 or 0
    else
      given[name] = value
    end
  end
  return request(given)
end

host.sleep = function (ms) return host.pause { duration = ms } end

return host
