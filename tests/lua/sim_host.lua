-- A stand-in for the capability `host`, over a simulated world in the same Lua
-- state: requests go straight to the world, sleeping moves its clock.
-- Loaded with (sim); returns function (world, options) -> host, facts.

local sim = ...

local PROJECT = {
  repository = { github = "impulse/impulse" },
  providers = { railway = { project = "impulse" } },
}

local ENVIRONMENTS = {
  staging = { credentials = { railway = "railway-staging" }, railway = { environment = "staging",
    service = "api" },
    supabase = { ref = "stgimpulseabcdefghij" } },
  production = { credentials = { railway = "railway-production" },
    railway = { environment = "production", service = "api" },
    supabase = { ref = "prdimpulseabcdefghij" } },
}

local function raise(code, message, o)
  local problem = { code = code, message = message }
  for key, value in pairs(o or {}) do
    problem[key] = value
  end
  error(problem, 0)
end

-- A secret cannot be concatenated or read by what holds it.
local function secret(text)
  return { hidden = function () return text end }
end

local function open(value)
  if type(value) ~= "table" then
    return value
  elseif value.hidden then
    return value.hidden()
  end
  local parts = {}
  for i, part in ipairs(value) do
    parts[i] = open(part)
  end
  return table.concat(parts)
end

return function (world, options)
  options = options or {}
  local now = world.now()
  local facts = { requests = {}, slept = 0, logged = {} }
  local host = { null = sim.null, project = options.project or PROJECT }
  host.json = { encode = sim.json.encode, decode = sim.json.decode, array = sim.json.array }
  host.raise = raise
  function host.log(text)
    facts.logged[#facts.logged + 1] = text
  end
  function host.now()
    return now
  end
  host.time = sim.time
  function host.sleep(ms)
    assert(math.type(ms) == "integer", "host.sleep takes whole milliseconds")
    now = now + ms
    facts.slept = facts.slept + ms
    world.touch(now)
  end
  function host.credential(name)
    return secret(world.credential(name) or raise("secret.missing", "no credential " .. name))
  end
  function host.environment(name)
    return (options.environments or ENVIRONMENTS)[name] or raise("environment.unknown",
      "no environment " .. name)
  end
  function host.http(o)
    assert(not (o.json and o.body), "json and body")
    local headers = {}
    for name, value in pairs(o.headers or {}) do
      headers[name:lower()] = open(value)
    end
    if o.json then
      headers["content-type"] = "application/json"
    end
    facts.requests[#facts.requests + 1] = { method = o.method or "GET", url = o.url,
      headers = headers, json = o.json }
    local answer = world.request({ method = o.method or "GET", url = o.url, headers = headers,
      body = o.json and sim.json.encode(o.json) or o.body }, now)
    if answer.error then
      raise("http." .. answer.error, "no answer", { retryable = not answer.sent,
        unknown = answer.sent })
    end
    local ok, value = pcall(sim.json.decode, answer.body)
    return { status = answer.status, headers = answer.headers, body = answer.body, url = o.url,
      json = ok and value or nil }
  end
  return host, facts
end
