-- The content network in the simulated world: one zone, whose purges take half a minute.

local sim = ...
local core = sim.require "core"

local M = {
  name = "cdn", hosts = { "api.cdn.example" }, keys = { "cdn" }, contract = "cdn.openapi.yaml",
  default = {
    cdn = { zone = "shop", domain = "shop.example", mode = "normal", outcome = "DONE" },
    tokens = { cdn = { "sim-cdn-token" } },
    credentials = { cdn = "sim-cdn-token" },
  },
}

function M.build(w)
  w.s.cdn = { mode = w.s.spec.cdn.mode, purges = core.list {} }
end

-- Time moves it: asked for when it begins, answered as it stands.
M.timers = {
  cdn = function (w, data)
    for _, p in ipairs(w.s.cdn.purges) do
      if p.id == data.id then
        p.status = data.status
      end
    end
  end,
}

local function zone(w)
  local spec = w.s.spec.cdn
  return core.answer(200, { id = spec.zone, domain = spec.domain, mode = w.s.cdn.mode })
end

local function set_mode(w, req)
  w.s.cdn.mode = core.body(req).mode
  core.record(w, "cdn", "cdn.set_mode", "mode " .. w.s.cdn.mode)
  return zone(w)
end

local function purge(w, req)
  local body = core.body(req)
  local p = { id = core.new_uuid(w, "purge"), status = "QUEUED", paths = core.list(body.paths),
    reference = body.reference }
  table.insert(w.s.cdn.purges, 1, p)
  core.later(w, w.s.now + 5000, "cdn", { id = p.id, status = "RUNNING" })
  core.later(w, w.s.now + 30000, "cdn", { id = p.id, status = w.s.spec.cdn.outcome })
  core.record(w, "cdn", "cdn.purge", table.concat(p.paths, " "))
  return core.answer(202, p)
end

local function purges(w, req)
  local out, most = core.list {}, tonumber(req.query.limit) or 10
  for _, p in ipairs(w.s.cdn.purges) do
    if #out < most and (req.query.reference or p.reference) == p.reference then
      out[#out + 1] = p
    end
  end
  return core.answer(200, { purges = out })
end

local function purge_state(w, id)
  for _, p in ipairs(w.s.cdn.purges) do
    if p.id == id then
      return core.answer(200, p)
    end
  end
  return core.answer(404, { error = "no such purge" })
end

function M.request(w, req)
  local token = (req.headers.authorization or ""):match("^Bearer (.+)$")
  local id, rest = req.path:match("^/v1/zones/([^/]+)(.*)$")
  if not core.has(w.s.spec.tokens.cdn, token) then
    return core.answer(401, { error = "who are you?" })
  elseif id ~= w.s.spec.cdn.zone then
    return core.answer(404, { error = "no such zone" })
  elseif rest == "" then
    return req.method == "PATCH" and set_mode(w, req) or zone(w)
  elseif rest == "/purges" then
    return req.method == "POST" and purge(w, req) or purges(w, req)
  end
  return purge_state(w, rest:match("^/purges/(.+)$"))
end

return M
