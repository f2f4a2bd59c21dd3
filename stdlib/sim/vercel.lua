-- vercel in the simulated world.

local sim = ...
local core = sim.require "core"

local M = { name = "vercel", hosts = { "api.vercel.com" }, keys = { "vercel" }, default = { vercel = {} } }

function M.build(w)
  w.s.vercel = {}
end

function M.request(_, req)
  return core.answer(404, { message = "not found: " .. req.path })
end

return M
