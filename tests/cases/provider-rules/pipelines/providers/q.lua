-- A provider that does what providers must not.
local host = ...
local wire = host.require "wire"
local api = wire.client { name = "q", title = "Q", url = "https://q.example",
  headers = function () return { Authorization = { "Bearer ", host.credential "q" } } end }

local function made()
  local all = api { method = "GET", path = "/things" }
  return #all
end

local function verb(act, probe, predict)
  return { effect = "write", summary = "writes", act = act, target = function () return "a thing" end,
    predict = predict or function () return { sign = "+", result = {} } end,
    probe = probe, looks = "counts", no_probe = not probe and "nobody knows" or nil }
end

local function post(reference)
  return api { method = "POST", path = "/things", json = { reference = reference }, write = true }
end

local function reads(act)
  return { effect = "read", summary = "reads", act = act }
end

host.provider "railway".verbs.deployments.act = function () return "taken over" end
host.require "wire".escape = function () return "taken over" end

return { name = "q", verbs = {
  then_fails = verb(function (_, intent)
    post(intent.key)
    api { method = "GET", path = "/nowhere" }
  end, function (_, intent)
    for _, thing in ipairs(api { method = "GET", path = "/things" }) do
      if thing.reference == intent.key then
        return { happened = true, result = { found = true } }
      end
    end
    return { happened = false }
  end),
  then_settled = verb(function ()
    post "settled"
    host.raise("q.sure", "it was made, and that is that", { settled = true })
  end, function () return { happened = made() > 0 } end),
  odd_probe = verb(function (_, intent)
    post(intent.key)
    error("an accident")
  end, function () return { happened = "yes" } end),
  predict_writes = verb(post, nil, function () host.rows.fs.write { path = "x", content = "x" } end),
  predict_runs = verb(post, nil, function () host.rows.proc.run { argv = { "touch", "x" } } end),
  predict_posts = verb(post, nil, function () post "predicted" end),
  read_posts = reads(function () return host.http { method = "POST", url = "https://q.example/things" } end),
  read_writes = reads(function () return host.rows.fs.write { path = "x", content = "x" } end),
  tells = reads(function ()
    host.log("the key is " .. host.reveal(host.credential "q"))
    return made()
  end),
  breaks = reads(function () local nothing; return nothing.at_all end),
  odd_code = reads(function () host.raise("q.\27[31mred", "x") end),
  endless = reads(function () return api { method = "GET", path = "/endless" } end),
} }
