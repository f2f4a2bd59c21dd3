-- appstore in the simulated world.

local sim = ...
local core = sim.require "core"

local M = { name = "appstore", hosts = { "api.appstoreconnect.apple.com" }, keys = { "appstore" }, default = { appstore = {} } }

function M.build(w)
  w.s.appstore = {}
end

function M.request(_, req)
  return core.answer(404, { message = "not found: " .. req.path })
end

return M
