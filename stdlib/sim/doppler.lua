-- doppler in the simulated world.

local sim = ...
local core = sim.require "core"

local M = { name = "doppler", hosts = { "api.doppler.com" }, keys = { "doppler" }, default = { doppler = {} } }

function M.build(w)
  w.s.doppler = {}
end

function M.request(_, req)
  return core.answer(404, { message = "not found: " .. req.path })
end

return M
