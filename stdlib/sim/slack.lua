-- Slack: incoming webhooks, and of the Web API what a bot needs that posts a
-- message and changes it later. `slack: { history: "3s" }` is how late a message or its change is
-- seen in the channel's history.

local sim = ...
local core = sim.require "core"

local M = { name = "slack", hosts = { "hooks.slack.com", "slack.com" }, keys = { "slack" } }

local WEBHOOK = "/services/T0IMPULSE/B0RELEASES/simslackwebhook4f1c9d2e"

M.default = {
  slack = {
    webhooks = { { path = WEBHOOK, channel = "C0RELEASES" } },
    channels = { C0RELEASES = { name = "releases" } },
    bots = { { token = "xoxb-sim-slack-bot-token", scopes = { "chat:write", "channels:history" } } },
  },
  credentials = { slack = "https://hooks.slack.com" .. WEBHOOK },
  limits = { slack = { limit = 60, window = "60s" } },
}

local TEXT_MOST = 40000

function M.build(w)
  w.s.slack = { messages = core.list {} }
end

-- Messages ---------------------------------------------------------------------------

local ENTITIES = { ["&lt;"] = "<", ["&gt;"] = ">", ["&amp;"] = "&" }

-- The first line as its reader sees it: what pipe says that it wrote.
local function headline(text)
  local plain = (text or ""):gsub("&%a+;", ENTITIES):match("^[^\r\n]*")
  if #plain <= 60 then
    return plain
  end
  local cut = plain:sub(1, 60)
  while cut ~= "" and (plain:byte(#cut + 1) or 0) & 0xC0 == 0x80 do
    cut = cut:sub(1, -2)
  end
  return cut .. "…"
end

local function post(w, channel, body, bot)
  local messages = w.s.slack.messages
  local message = { channel = channel, text = body.text, blocks = core.some(body.blocks),
    metadata = core.some(body.metadata), thread_ts = core.some(body.thread_ts), bot = bot,
    ts = ("%d.%06d"):format(w.s.now // 1000, #messages + 1), edited = 0 }
  message.seen = w.s.now + core.ms((w.s.spec.slack or {}).history, 0)
  messages[#messages + 1] = message
  core.record(w, "slack", "slack.notify", headline(body.text), { channel = channel })
  return message
end

-- What is wrong with a message, in Slack's words.
local function wrong(body)
  local text, blocks, attachments = core.some(body.text), core.some(body.blocks),
    core.some(body.attachments)
  if (text ~= nil and type(text) ~= "string") or (blocks ~= nil and type(blocks) ~= "table")
    or (attachments ~= nil and type(attachments) ~= "table") then
    return "invalid_payload"
  elseif (text == nil or text == "") and not (blocks and blocks[1])
    and not (attachments and attachments[1]) then
    return "no_text"
  elseif attachments and #attachments > 100 then
    return "too_many_attachments"
  elseif text and #text > TEXT_MOST then
    return "invalid_payload"
  end
  for i, block in ipairs(blocks or {}) do
    if i > 50 or type(block) ~= "table" or type(core.some(block.type)) ~= "string" then
      return "invalid_payload"
    end
  end
end

-- Webhooks ---------------------------------------------------------------------------

local function say(status, text, headers)
  local out = { ["content-type"] = "text/plain; charset=utf-8" }
  for name, value in pairs(headers or {}) do
    out[name] = value
  end
  return { status = status, headers = out, body = text }
end

local function webhook_at(w, path)
  for _, known in ipairs(core.many((w.s.spec.slack or {}).webhooks)) do
    if known.path == path then
      return known
    end
  end
end

-- By its id; where a message is posted, by its name, too.
local function channel_of(w, id, by_name)
  local channels = (w.s.spec.slack or {}).channels or {}
  if channels[id] or not by_name then
    return channels[id] and id, channels[id]
  end
  for key, channel in core.sorted(channels) do
    if channel.name == id or "#" .. tostring(channel.name) == id then
      return key, channel
    end
  end
end

local function hook(w, req)
  local known = webhook_at(w, req.path)
  if req.method ~= "POST" then
    return say(400, "invalid_payload")
  elseif not known or known.revoked then
    return say(404, "no_service")
  end
  local id, channel = channel_of(w, known.channel, true)
  local body = core.body(req)
  if not id then
    return say(404, "channel_not_found")
  elseif channel.archived then
    return say(410, "channel_is_archived")
  elseif channel.prohibited then
    return say(403, "action_prohibited")
  elseif not body or not (req.headers["content-type"] or ""):find("^application/json") then
    return say(400, "invalid_payload")
  end
  local problem = wrong(body)
  if problem then
    return say(400, problem)
  end
  post(w, id, body)
  return say(200, "ok")
end

-- The Web API --------------------------------------------------------------------------

local function answer(data, headers)
  return core.answer(200, data, headers)
end

local function no(problem)
  return answer { ok = false, error = problem }
end

local function bot_of(w, req)
  local token = (req.headers.authorization or ""):match("^Bearer%s+(.+)$")
  for _, bot in ipairs(core.many((w.s.spec.slack or {}).bots)) do
    if bot.token == token then
      return bot
    end
  end
  return nil, token and "invalid_auth" or "not_authed"
end

local function found(w, channel, ts)
  for _, message in ipairs(w.s.slack.messages) do
    if message.channel == channel and message.ts == ts then
      return message
    end
  end
end

-- What was last seen of it stays for a while.
local function changes(w, message)
  message.was = { text = message.text, metadata = message.metadata, ts = message.ts,
    bot = message.bot }
  message.changed = w.s.now + core.ms((w.s.spec.slack or {}).history, 0)
end

local function as_seen(w, message)
  return (message.changed or 0) > w.s.now and message.was or message
end

local function shown(message, with_metadata)
  return { type = "message", ts = message.ts, text = message.text or "",
    bot_id = message.bot and "B0PIPE" or nil, metadata = with_metadata and message.metadata or nil }
end

local METHODS = {}

METHODS["chat.postMessage"] = { "chat:write", function (w, body, id)
  local problem = wrong(body)
  if problem then
    return no(problem == "no_text" and problem or "invalid_arguments")
  end
  local message = post(w, id, body, true)
  return answer { ok = true, channel = id, ts = message.ts, message = shown(message) }
end }

METHODS["chat.update"] = { "chat:write", function (w, body, id)
  local message = found(w, id, body.ts)
  local problem = wrong(body)
  if not message then
    return no "message_not_found"
  elseif not message.bot then
    return no "cant_update_message"
  elseif problem then
    return no(problem == "no_text" and problem or "invalid_arguments")
  end
  changes(w, message)
  message.text, message.blocks, message.edited = body.text, core.some(body.blocks),
    message.edited + 1
  message.metadata = core.some(body.metadata) or message.metadata
  core.record(w, "slack", "slack.notify", headline(body.text), { channel = id, ts = message.ts })
  return answer { ok = true, channel = id, ts = message.ts, text = body.text or "" }
end }

METHODS["conversations.history"] = { "channels:history", function (w, body, id)
  local out = core.list {}
  local most = math.tointeger(tonumber(body.limit or "100")) or 100
  local messages = w.s.slack.messages
  for i = #messages, 1, -1 do
    local message = messages[i]
    if message.channel == id and not message.thread_ts and #out < most
      and (message.seen or 0) <= w.s.now
      and (not body.oldest or tonumber(message.ts) >= tonumber(body.oldest)) then
      out[#out + 1] = shown(as_seen(w, message), tostring(body.include_all_metadata) == "true")
    end
  end
  return answer { ok = true, messages = out, has_more = false }
end }

local function api(w, req)
  local method = METHODS[req.path:match("^/api/([%w%.]+)$")]
  local bot, problem = bot_of(w, req)
  if not method then
    return no "unknown_method"
  elseif not bot then
    return no(problem)
  elseif not core.has(core.many(bot.scopes), method[1]) then
    return answer { ok = false, error = "missing_scope", needed = method[1],
      provided = table.concat(core.many(bot.scopes), ",") }
  end
  local body = req.method == "GET" and req.query or core.body(req)
  if not body then
    return no "invalid_json"
  end
  local id, channel = channel_of(w, body.channel, method == METHODS["chat.postMessage"])
  if not id then
    return no "channel_not_found"
  elseif channel.archived and method[1] == "chat:write" then
    return no "is_archived"
  end
  return method[2](w, body, id)
end

function M.request(w, req)
  local limit, over = core.spend(w, "slack")
  local wait = { ["retry-after"] = tostring(math.max(1, (limit.reset - w.s.now + 999) // 1000)) }
  if req.host == "slack.com" then
    return over and core.answer(429, { ok = false, error = "ratelimited" }, wait) or api(w, req)
  end
  return over and say(429, "rate_limited", wait) or hook(w, req)
end

return M
