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

local PASSING = { [502] = true, [503] = true, [504] = true }

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
  host.json = { encode = sim.json.encode, decode = sim.json.decode, array = sim.json.array,
    is_array = sim.json.is_array }
  host.raise = raise
  function host.log(text)
    facts.logged[#facts.logged + 1] = text
  end
  function host.now()
    return now
  end
  function host.wrote()
    facts.wrote = true
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
  host.clock_text, host.sha256 = sim.time_text, sim.sha256
  function host.secret(_, text)
    return secret(text)
  end
  host.reveal = open
  function host.mask(text)
    return text
  end
  function host.fingerprint(value)
    return sim.sha256("key" .. open(value)):sub(1, 16)
  end
  function host.environment(name)
    return (options.environments or ENVIRONMENTS)[name] or raise("environment.unknown",
      "no environment " .. name)
  end
  local function exchange(o, headers)
    local body = o.json and sim.json.encode(o.json) or o.body
    return world.request({ method = o.method, url = o.url, headers = headers, body = body }, now)
  end
  -- As the host does: what passes is tried again, unless the verb writes.
  function host.http(o)
    assert(not (o.json and o.body), "options of host.http")
    o.method = o.method or "GET"
    local headers = {}
    for name, value in pairs(o.headers or {}) do
      headers[name:lower()] = open(value)
    end
    if o.json then
      headers["content-type"] = "application/json"
    end
    facts.requests[#facts.requests + 1] = { method = o.method, url = o.url, headers = headers,
      json = o.json }
    local answer = exchange(o, headers)
    for attempt = 1, (facts.writing or o.retry == false) and 0 or 3 do
      if not answer.error and not PASSING[answer.status] then
        break
      end
      host.sleep(500 << (attempt - 1))
      answer = exchange(o, headers)
    end
    if answer.error then
      raise("http." .. answer.error, "no answer", { retryable = true,
        unknown = facts.writing and answer.sent })
    end
    local ok, value = pcall(sim.json.decode, answer.body)
    return { status = answer.status, headers = answer.headers, body = answer.body, url = o.url,
      json = ok and value or nil }
  end
  return host, facts
end
