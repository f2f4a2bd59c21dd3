-- fastlane in the simulated world.

local sim = ...
local core = sim.require "core"

local M = { name = "fastlane", hosts = {}, keys = { "fastlane" }, default = { fastlane = {} } }

function M.build(w)
  w.s.fastlane = {}
end

function M.request(_, req)
  return core.answer(404, { message = "not found: " .. req.path })
end

return M
