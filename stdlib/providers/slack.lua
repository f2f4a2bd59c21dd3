-- Slack: tells a channel how a run is doing. What goes wrong here is told in the
-- result and stops nothing.
--
-- The credential is "slack" (or `providers.slack.credential`): the address of an incoming webhook,
-- or a bot's token (xoxb-…) with `providers.slack.settings.channel`, the channel's id. A webhook can only post; a bot
-- posts one message for a run and changes it from then on.

local host = ...

local wire = host.require "wire"

local some = wire.some
local LONGEST_WAIT = 5000
local TEXT_MOST = 3000
local LOOKS, PAUSE = 3, 2000 -- a message is seen in the channel's history a little later

-- What this session posted: key -> { status, text, ts, channel }.
local posted = {}

local function settings()
  return host.project.providers and host.project.providers.slack or {}
end

-- Words --------------------------------------------------------------------------------

-- The beginning of a text, in whole characters.
local function cut(text, most)
  if #text <= most then
    return text
  end
  local out = text:sub(1, most)
  while out ~= "" and (text:byte(#out + 1) or 0) & 0xC0 == 0x80 do
    out = out:sub(1, -2)
  end
  return out .. "…"
end

local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

local function headline(o)
  return cut(o.text:match("^[^\r\n]*"), 60)
end

local function key_of(o)
  return o.key or host.run() or "run"
end

-- Requests -----------------------------------------------------------------------------

-- Where to: { webhook = secret } or { token = secret, channel = text }.
local function door()
  local secret = host.credential(settings().credential or "slack")
  local text = host.reveal(secret)
  if text:find("^xox") then
    local channel = settings().settings and settings().settings.channel
    if type(channel) ~= "string" or channel == "" then
      host.raise("slack.channel", "the credential is a bot's token: providers.slack.settings.channel in pipe.yaml "
        .. "must say which channel")
    end
    return { token = secret, channel = channel }
  elseif not text:find("^https?://[^/]+/.") then
    host.raise("slack.credential", "the credential is neither the address of an incoming webhook nor a bot's token "
      .. "(xoxb-…)")
  end
  -- Servers and proxies repeat the path alone: it is as much a secret.
  host.secret("slack path", text:match("^https?://[^/]+(/.*)$"))
  return { webhook = secret }
end

local CODES = { [400] = "slack.invalid", [403] = "slack.forbidden", [404] = "slack.not-found",
  [410] = "slack.archived", [429] = "slack.rate-limit" }

local function retry_after(answer)
  local seconds = tonumber(answer.headers["retry-after"] or "")
  return seconds and math.ceil(seconds * 1000)
end

-- Sent once; again only where Slack asks to wait for a moment, and then once.
local function send(call)
  local answer = host.http(call)
  local wait = answer.status == 429 and retry_after(answer)
  if wait and wait <= LONGEST_WAIT then
    host.sleep(math.max(wait, 1))
    answer = host.http(call)
  end
  if answer.status ~= 200 then
    host.raise(CODES[answer.status] or "slack.failed", ("Slack answers %d: %s"):format(
      answer.status, wire.first_line(answer.body)))
  end
  return answer
end

local function api(to, method, json)
  local reads = method == "conversations.history"
  local call = { method = reads and "GET" or "POST", timeout = "10s",
    url = (settings().url or "https://slack.com"):gsub("/+$", "") .. "/api/" .. method,
    headers = { Authorization = { "Bearer ", to.token }, ["User-Agent"] = "pipe" } }
  call[reads and "query" or "json"] = json
  local answer = send(call).json
  if type(answer) ~= "table" or answer == host.null or type(some(answer.ok)) ~= "boolean" then
    host.raise("slack.answer", "Slack's answer cannot be understood")
  elseif not answer.ok then
    local needed = some(answer.needed)
    host.raise("slack.refused", ("Slack refuses %s: %s%s"):format(method, tostring(answer.error),
      needed and " (the token lacks " .. tostring(needed) .. ")" or ""))
  end
  return answer
end

-- A bot's message of this run --------------------------------------------------------------

local function marker(o, intent)
  return { event_type = "pipe_run", event_payload = { key = key_of(o), status = o.status or "",
    call = intent and intent.key } }
end

-- The message with the run's mark; nil if there is none. channels:history is needed for it.
local function look(to, o)
  local history = api(to, "conversations.history", { channel = to.channel, limit = "100",
    include_all_metadata = "true" })
  for _, message in ipairs(some(history.messages) or {}) do
    local metadata = some(message.metadata)
    local payload = metadata and metadata.event_type == "pipe_run" and some(metadata.event_payload)
    if payload and payload.key == key_of(o) then
      return { ts = message.ts, status = some(payload.status), text = some(message.text),
        channel = to.channel, call = some(payload.call) }
    end
  end
end

local function remembered(to, o)
  local known = posted[key_of(o)]
  if known and known.ts then
    return known
  end
  -- Who may not read the channel posts anew after a resume.
  local fine, message = pcall(look, to, o)
  if not fine and (message.code == "cancelled" or message.code == "interrupted") then
    error(message, 0)
  end
  return fine and message or nil
end

local function message_of(o)
  return { text = escape(cut(o.text, TEXT_MOST)), blocks = o.blocks }
end

local function is_unchanged(o, known)
  return known ~= nil and o.status ~= nil and known.status == o.status
end

local function by_bot(to, o, intent)
  local message, known = message_of(o), remembered(to, o)
  if is_unchanged(o, known) and known.text == message.text then
    return { sent = false, unchanged = true, ts = known.ts, channel = known.channel }
  end
  message.channel, message.metadata = to.channel, marker(o, intent)
  if not known then
    local answer = api(to, "chat.postMessage", message)
    return { sent = true, updated = false, ts = some(answer.ts), channel = some(answer.channel) }
  end
  message.ts, message.channel = known.ts, known.channel
  local answer = api(to, "chat.update", message)
  return { sent = true, updated = true, ts = known.ts, channel = some(answer.channel) }
end

local function by_webhook(to, o)
  if is_unchanged(o, posted[key_of(o)]) then
    return { sent = false, unchanged = true }
  end
  local answer = send { method = "POST", url = to.webhook, timeout = "10s", json = message_of(o),
    headers = { ["User-Agent"] = "pipe" } }
  if not answer.body:find("^ok%s*$") then
    host.raise("slack.answer", "Slack's answer is not \"ok\": " .. wire.first_line(answer.body))
  end
  return { sent = true, updated = false }
end

local function attempt(o, intent)
  if not o.text:find("%S") then
    host.raise("slack.text", "the text is empty")
  end
  local to = door()
  local result = (to.webhook and by_webhook or by_bot)(to, o, intent)
  posted[key_of(o)] = { status = o.status, text = message_of(o).text, ts = result.ts,
    channel = result.channel }
  return result
end

-- A notification never stops a run. Only who is told to stop, stops.
local function quietly(f, o, intent)
  local fine, result = pcall(f, o, intent)
  if fine then
    return result
  elseif result.code == "cancelled" or result.code == "interrupted" then
    error(result, 0)
  end
  local why = tostring(result.message or result)
  host.log("Slack was not told: " .. why)
  return { sent = false, why = why, code = result.code,
    maybe = (result.unknown or result.code == "http.timeout" or result.code == "http.reset")
      and true or nil }
end

local function notify(o, intent)
  local result = quietly(attempt, o, intent)
  result.status = o.status
  return result
end

local function predict(o)
  local unchanged = is_unchanged(o, posted[key_of(o)])
  local result = quietly(function ()
    door()
    posted[key_of(o)] = { status = o.status, text = o.text }
    return { sent = not unchanged, unchanged = unchanged or nil }
  end, o)
  result.status = o.status
  return { sign = "+", after = cut(o.text, 200), result = result,
    note = result.why and "it would not be sent: " .. result.why
      or unchanged and "nothing is sent: the status is the same" or nil }
end

-- The message, if this very call wrote it; looked for some more where it is not there yet.
local function patient_look(o, key)
  local to = door()
  for times = 0, to.token and LOOKS or -1 do
    if times > 0 then
      host.sleep(PAUSE)
    end
    local known = look(to, o)
    if known and known.call == key then
      return known
    end
  end
end

-- Only a run that was cut off in the middle of it comes here. What cannot be found is said again:
-- once more is better than not at all.
local function probe(o, intent)
  local fine, known = pcall(patient_look, o, intent.key)
  if not fine and (known.code == "cancelled" or known.code == "interrupted") then
    error(known, 0)
  elseif fine and known then
    return { happened = true, result = { sent = true, ts = known.ts, channel = known.channel,
      status = o.status } }
  end
  return { happened = false }
end

return {
  name = "slack", summary = "Messages to a Slack channel",
  retries = "Nothing is asked again, but once where Slack says to wait for 5 seconds or less.",
  errors = {
    ["slack.credential"] = "the credential is neither a webhook's address nor a bot's token",
    ["slack.channel"] = "a bot's token, and no providers.slack.settings.channel",
    ["slack.text"] = "the text is empty",
    ["slack.invalid"] = "Slack does not understand the message (invalid_payload, no_text, …)",
    ["slack.forbidden"] = "the webhook may not post there (action_prohibited, …)",
    ["slack.not-found"] = "the webhook was revoked (no_service), or its channel is gone",
    ["slack.archived"] = "the channel is archived",
    ["slack.rate-limit"] = "Slack wants a longer wait than 5 seconds",
    ["slack.refused"] = "the Web API refuses: its own word says why",
    ["slack.answer"] = "Slack's answer cannot be understood",
    ["slack.failed"] = "Slack has another status than 200",
  },
  verbs = {
    notify = {
      effect = "write",
      summary = "Tells the channel how the run is doing. It never fails: what goes wrong is in the result",
      result = "{sent, status, updated, unchanged, ts, channel, why, code, maybe (it may have arrived nevertheless)}",
      request = { "POST https://hooks.slack.com/services/…", "POST /api/chat.postMessage",
        "POST /api/chat.update", "GET /api/conversations.history" },
      permission = "an incoming webhook of the channel; or a bot with chat:write, and channels:history to find its "
        .. "message after a resume",
      options = {
        text = { "text", required = true, help = "what to say; &, < and > are escaped" },
        status = { "text", choices = { "started", "waiting", "done", "failed" },
          help = "the run's; with a webhook the same one again is not posted again" },
        key = { "text", help = "what belongs together: one message for each (the run)" },
        blocks = { "list", help = "Slack's blocks, as they are; the text is then for notifications" },
      },
      target = headline, act = notify, predict = predict, probe = probe,
      looks = "a bot looks for the message with this call's key in the channel, for 6 s; a webhook cannot "
        .. "look: the message is posted again",
    },
  },
}
