-- The capability that a provider module gets, completed from the host's own part.
local host = ...

host.sleep = function (ms) return host.pause { duration = ms } end

return host
