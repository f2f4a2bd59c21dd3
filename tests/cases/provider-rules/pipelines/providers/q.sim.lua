local sim = ...
local core = sim.require "core"
local M = { name = "q", hosts = { "q.example" }, keys = { "q" },
  default = { credentials = { q = "sim-q-token-of-a-case" } } }
function M.build(w)
  w.s.q = { things = core.list {} }
end
function M.request(w, req)
  if req.path == "/endless" then
    while true do end
  elseif req.path ~= "/things" then
    return core.answer(404, { message = "nothing" })
  elseif req.method == "GET" then
    return core.answer(200, w.s.q.things)
  end
  local thing = core.body(req) or {}
  table.insert(w.s.q.things, thing)
  core.record(w, "q", "q.post", "a thing")
  return core.answer(201, thing)
end
return M
