-- slack in the simulated world.

local sim = ...
local core = sim.require "core"

local M = { name = "slack", hosts = { "hooks.slack.com" }, keys = { "slack" }, default = { slack = {} } }

function M.build(w)
  w.s.slack = {}
end

function M.request(_, req)
  return core.answer(404, { message = "not found: " .. req.path })
end

return M
