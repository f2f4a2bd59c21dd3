-- The content network in front of the shop: its cache.

local host = ...
local wire = host.require "wire"

local STATUS = {
  QUEUED = { "moving", "it waits for its turn" },
  RUNNING = { "moving", "the edges are emptied" },
  DONE = { "good", "no edge has an old page" },
  FAILED = { "bad", "some edges still have old pages" },
}

local api = wire.client {
  name = "cdn", title = "the CDN", url = "https://api.cdn.example",
  headers = function () return { Authorization = { "Bearer ", host.credential "cdn" } } end,
  message = function (answer) return answer.json.error end,
  errors = {
    [401] = { "cdn.unauthorized", "the CDN does not accept the credential \"cdn\"" },
    [403] = { "cdn.forbidden", "the credential \"cdn\" may not do this" },
    [404] = { "cdn.not-found", "there is no such thing, or the credential cannot see it" },
    [409] = { "cdn.busy", "another change of the zone is under way" },
  },
}

local ZONE = { id = "text", mode = "text", domain = "text" }
local PURGE = { id = "text", status = "text", paths = { "text" }, reference = "text?" }

local function zone_path()
  local own = host.project.providers and host.project.providers.cdn
  if not own or not own.settings.zone then
    host.raise("cdn.zone", "pipe.yaml: providers.cdn.settings.zone should name the zone")
  end
  return "/v1/zones/" .. wire.escape(own.settings.zone)
end

local function zone()
  return api { method = "GET", path = zone_path(), shape = ZONE }
end

local function row(p)
  local status = STATUS[p.status] or { "unknown", "a status that this provider does not know" }
  return { id = p.id, status = p.status, phase = status[1], words = status[2], paths = p.paths,
    reference = wire.some(p.reference) }
end

local function purges(o)
  local out = host.json.array {}
  local list = api { method = "GET", path = zone_path() .. "/purges",
    query = { limit = o.first, reference = o.reference }, shape = { purges = { PURGE } } }
  for i, p in ipairs(list.purges) do
    out[i] = row(p)
  end
  return out
end

local function purge_state(o)
  return row(api { method = "GET", path = zone_path() .. "/purges/" .. wire.escape(o.id),
    shape = PURGE })
end

-- Writes -----------------------------------------------------------------------------

local function purge(o, intent)
  return row(api { method = "POST", path = zone_path() .. "/purges",
    json = { paths = o.paths, reference = intent.key },
    write = true, expect = { 202 }, shape = PURGE })
end

-- The network keeps every purge: where none has our reference, none was made.
local function find_purge(_, intent)
  local found = purges { first = 1, reference = intent.key }[1]
  return { happened = found ~= nil, result = found }
end

local function predict_purge(o, overlay)
  zone()
  local p = { id = "(new)", status = "QUEUED", paths = o.paths }
  overlay.set("cdn:purge:(new)", p)
  return { sign = "~", note = #o.paths .. " paths leave the cache", result = row(p) }
end

local function set_mode(o)
  local before = zone().mode
  if before ~= o.mode then
    api { method = "PATCH", path = zone_path(), json = { mode = o.mode }, write = true, shape = ZONE }
  end
  return { mode = o.mode, changed = before ~= o.mode }
end

return {
  name = "cdn", summary = "The content network's cache", statuses = STATUS,
  errors = { ["cdn.unauthorized"] = "the token is wrong or was revoked",
    ["cdn.busy"] = "another change of the zone is under way: try again" },
  retries = "questions are asked again three times; a write is sent once",
  verbs = {
    zone = {
      effect = "read", summary = "The zone and its mode", result = "{id, domain, mode}",
      request = "GET /v1/zones/{zone}", permission = "zone.read",
      act = zone,
      overlay = function (_, result, overlay)
        result.mode = overlay.get("cdn:mode") or result.mode
        return result
      end,
    },
    purges = {
      effect = "read", summary = "The last purges, newest first",
      result = "list of {id, status, phase, words, paths, reference}", states = STATUS,
      request = "GET /v1/zones/{zone}/purges", permission = "zone.read",
      options = { first = { "integer", default = 10, help = "at most so many" } },
      act = purges,
    },
    purge_state = {
      effect = "read", summary = "How far a purge is", states = STATUS,
      result = "{id, status, phase, words, paths, reference}",
      request = "GET /v1/zones/{zone}/purges/{id}", permission = "zone.read",
      options = { id = { "text", required = true, help = "of the purge" } },
      act = function (o)
        return o.id == "(new)" and { id = o.id, status = "QUEUED", phase = "moving",
          words = STATUS.QUEUED[2] } or purge_state(o)
      end,
    },
    purge = {
      effect = "write", summary = "Takes paths out of the cache",
      result = "{id, status, phase, words, paths, reference}", states = STATUS,
      request = "POST /v1/zones/{zone}/purges", permission = "purge.write",
      options = { paths = { "list", required = true, help = "from the root, as \"/index.html\"" } },
      act = purge,
      target = function (o) return table.concat(o.paths, " ") end,
      predict = predict_purge,
      probe = find_purge,
      looks = "for a purge with this call's reference",
    },
    set_mode = {
      effect = "write", summary = "How the edges serve", result = "{mode, changed}",
      request = { "GET /v1/zones/{zone}", "PATCH /v1/zones/{zone}" }, permission = "zone.write",
      options = { mode = { "text", required = true, choices = { "normal", "stale" },
        help = "stale: old pages while new ones are fetched" } },
      act = set_mode,
      target = function (o) return "mode " .. o.mode end,
      predict = function (o, overlay)
        local before = overlay.get("cdn:mode") or zone().mode
        overlay.set("cdn:mode", o.mode)
        return { sign = "~", before = before, after = o.mode,
          result = { mode = o.mode, changed = before ~= o.mode } }
      end,
      probe = function (o)
        return { happened = zone().mode == o.mode, result = { mode = o.mode, changed = true } }
      end,
      looks = "at the zone's mode",
    },
  },
}
