-- The secrets of a project's Edge Functions. Supabase never gives a value back: what it lists is a
-- digest, the SHA-256 of the value, which tells whether a value is there.

local host = ...
local wire = host.require "wire"
local api = host.require "supabase_api"

local some = wire.some

local ENVIRONMENT = { "text", required = true, help = "an environment of pipe.yaml" }
local MOST_NAME, MOST_VALUE = 256, 24576

-- Clocks differ: what is this much older may still have come after.
local SLACK = 60 * 1000

-- What was written is not always read at once.
local LOOKS, PAUSE = 4, 2000

local function sorted(t)
  local out = host.json.array {}
  for key in pairs(t) do
    out[#out + 1] = key
  end
  table.sort(out)
  return out
end

-- name -> { name, digest, updated_at } of what there is; in a dry-run, of what would be.
local function there(o, overlay)
  local rows = api.ask { environment = o.environment, method = "GET", path = "/secrets",
    shape = { { name = "text", value = "text", updated_at = "text?" } } }
  local out = {}
  for _, row in ipairs(rows) do
    out[row.name] = { name = row.name, digest = row.value, updated_at = some(row.updated_at) }
  end
  for name, digest in pairs(overlay and overlay.get("supabase.secrets " .. o.environment) or {}) do
    out[name] = digest and { name = name, digest = digest } or nil
  end
  return out
end

-- A digest of a short value could be guessed: what is shown is its fingerprint.
local function list(o, _, overlay)
  local all, out = there(o, overlay), host.json.array {}
  for i, name in ipairs(sorted(all)) do
    out[i] = { name = name, fingerprint = host.fingerprint(all[name].digest),
      updated_at = all[name].updated_at }
  end
  return out
end

-- Checks -----------------------------------------------------------------------------------

local function check_name(name)
  local problem
  if type(name) ~= "string" or name == "" then
    problem = "a name is a text that is not empty"
  elseif name:find("^SUPABASE_") then
    problem = "names that begin with SUPABASE_ are Supabase's own"
  elseif #name > MOST_NAME then
    problem = ("a name has at most %d characters"):format(MOST_NAME)
  end
  if problem then
    host.raise("supabase.name", ("\"%s\" cannot be the name of a secret: %s"):format(
      tostring(name), problem), { refused = true })
  end
end

local function check_value(name, value, plain)
  if type(value) == "string" and not plain then
    host.raise("supabase.plain", name .. ": its value was given as text: give a secret, or say "
      .. "plain = true if it is none", { refused = true })
  end
  local fine, text = pcall(host.reveal, value)
  if not fine or type(value) ~= "string" and type(value) ~= "userdata" or #text > MOST_VALUE then
    host.raise("supabase.value", ("%s: its value must be a secret of at most %d bytes"):format(name,
      MOST_VALUE), { refused = true })
  end
  return text
end

-- name -> the digest that it will have
local function digests_of(o)
  local out = {}
  for name, value in pairs(o.values) do
    check_name(name)
    out[name] = host.sha256(check_value(name, value, o.plain))
  end
  if next(out) == nil then
    host.raise("supabase.value", "supabase.set_secrets: values is empty", { refused = true })
  end
  return out
end

local function check_names(o)
  for _, name in ipairs(o.names) do
    check_name(name)
  end
  if #o.names == 0 then
    host.raise("supabase.value", "supabase.delete_secrets: names is empty", { refused = true })
  end
end

-- Setting ----------------------------------------------------------------------------------

local function set_plan(o, overlay)
  local wanted, now = digests_of(o), there(o, overlay)
  local out = { wanted = wanted, names = sorted(wanted), changed = host.json.array {}, new = true,
    fingerprints = {} }
  for _, name in ipairs(out.names) do
    local before = now[name]
    out.fingerprints[name] = host.fingerprint(wanted[name])
    if not before or before.digest ~= wanted[name] then
      table.insert(out.changed, name)
      out.new = out.new and not before
    end
  end
  return out, now
end

local function set_result(plan, changed)
  return { changed = changed, names = plan.names, fingerprints = plan.fingerprints }
end

local function set(o)
  local plan = set_plan(o)
  if #plan.changed > 0 then
    local body = host.json.array {}
    for i, name in ipairs(plan.names) do
      body[i] = { name = name, value = o.values[name] }
    end
    api.ask { environment = o.environment, method = "POST", path = "/secrets", json = body,
      expect = { 201 }, optional_body = true, write = true }
  end
  return set_result(plan, #plan.changed > 0)
end

local function described(names, all)
  local out = {}
  for i, name in ipairs(names) do
    out[i] = name .. " " .. (all[name] and host.fingerprint(all[name]) or "not there")
  end
  return table.concat(out, ", ")
end

local function digests(all)
  local out = {}
  for name, row in pairs(all) do
    out[name] = row.digest
  end
  return out
end

local function remember(o, overlay, change)
  local key = "supabase.secrets " .. o.environment
  local all = overlay.get(key) or {}
  change(all)
  overlay.set(key, all)
end

local function set_predict(o, overlay)
  local plan, now = set_plan(o, overlay)
  remember(o, overlay, function (all)
    for name, digest in pairs(plan.wanted) do
      all[name] = digest
    end
  end)
  local same = #plan.changed == 0
  return { sign = not same and plan.new and "+" or "~",
    before = described(plan.names, digests(now)), after = described(plan.names, plan.wanted),
    note = same and "it is so already: nothing is sent" or nil,
    result = set_result(plan, not same) }
end

-- true, false, or nil: did this one arrive since the call began?
local function arrived(row, digest, began)
  if row and row.digest == digest then
    return true
  elseif not row or row.digest:find("^%x+$") and #row.digest == 64 then
    return false
  end
  -- A digest of another kind: only its time can tell, where the clocks agree.
  local fine, at = pcall(host.time, row.updated_at)
  if not fine or not at or math.abs(at - began) <= SLACK and at < began then
    return nil
  end
  return at >= began
end

-- Asks look() until it says true, or nil; false is believed after some seconds.
local function patiently(look)
  for i = 1, LOOKS do
    local answer = look()
    if answer ~= false or i == LOOKS then
      return answer
    end
    host.sleep(PAUSE)
  end
end

local function set_probe(o, intent)
  local plan
  local happened = patiently(function ()
    local now
    plan, now = set_plan(o)
    for _, name in ipairs(plan.names) do
      local one = arrived(now[name], plan.wanted[name], intent.began)
      if not one then
        return one
      end
    end
    return true
  end)
  if happened == nil then
    return nil
  end
  return { happened = happened, result = happened and set_result(plan, true) or nil }
end

-- Deleting ---------------------------------------------------------------------------------

local function delete_plan(o, overlay)
  check_names(o)
  local now, gone = there(o, overlay), host.json.array {}
  for _, name in ipairs(o.names) do
    gone[#gone + 1] = now[name] and name or nil
  end
  table.sort(gone)
  return gone, now
end

local function names_of(o)
  local out = host.json.array { table.unpack(o.names) }
  table.sort(out)
  return out
end

local function delete(o)
  local gone = delete_plan(o)
  if #gone > 0 then
    api.ask { environment = o.environment, method = "DELETE", path = "/secrets", json = names_of(o),
      expect = { 200 }, optional_body = true, write = true }
  end
  return { changed = #gone > 0, names = names_of(o) }
end

local function delete_predict(o, overlay)
  local gone, now = delete_plan(o, overlay)
  remember(o, overlay, function (all)
    for _, name in ipairs(o.names) do
      all[name] = false
    end
  end)
  return { sign = "-", before = described(names_of(o), digests(now)), after = "not there",
    note = #gone == 0 and "none of them is there: nothing is sent" or nil,
    result = { changed = #gone > 0, names = names_of(o) } }
end

local function delete_probe(o)
  local happened = patiently(function () return #delete_plan(o) == 0 end)
  return { happened = happened, result = happened and { changed = true, names = names_of(o) }
    or nil }
end

-- Rows ---------------------------------------------------------------------------------------

local ERRORS = {
  ["supabase.name"] = "no name of a secret: too long, empty, or one of Supabase's own (SUPABASE_)",
  ["supabase.plain"] = "text was given without plain = true",
  ["supabase.value"] = "a value is missing, too long, or of the wrong kind",
}

local WRITES = "a personal access token, or edge_functions_secrets_write of a scoped one"

return {
  secrets = {
    effect = "read", summary = "The secrets of the Edge Functions; Supabase tells no values",
    result = "list of {name, fingerprint (of the digest: the same for the same value), updated_at}",
    options = { environment = ENVIRONMENT },
    request = "GET /v1/projects/{ref}/secrets",
    permission = "a personal access token, or edge_functions_secrets_read of a scoped one",
    act = list, overlay = list,
  },
  set_secrets = {
    effect = "write", summary = "Sets secrets of the Edge Functions, in one request; nothing is "
      .. "sent if all are so already. They are other values from then on, without a deployment",
    result = "{changed, names, fingerprints (by name, as secrets tells them)}",
    options = { environment = ENVIRONMENT,
      values = { "map", required = true, help = "name = secret, with plain text" },
      plain = { "flag", default = false, help = "they are no secrets: text is taken" } },
    request = { "GET /v1/projects/{ref}/secrets", "POST /v1/projects/{ref}/secrets" },
    permission = WRITES, errors = ERRORS,
    looks = "compares the digests that Supabase lists; where they are of an unknown kind, the "
      .. "times of the changes",
    target = function (o)
      digests_of(o)
      return o.environment .. " " .. table.concat(sorted(o.values), ", ")
    end,
    act = set, predict = set_predict, probe = set_probe,
  },
  delete_secrets = {
    effect = "write", summary = "Deletes secrets of the Edge Functions; nothing is sent if none of "
      .. "them is there",
    result = "{changed, names}",
    options = { environment = ENVIRONMENT,
      names = { "list", required = true, help = "of the secrets" } },
    request = { "GET /v1/projects/{ref}/secrets", "DELETE /v1/projects/{ref}/secrets" },
    permission = WRITES, errors = ERRORS, looks = "looks whether any of them is there still",
    target = function (o)
      check_names(o)
      return o.environment .. " " .. table.concat(names_of(o), ", ")
    end,
    act = delete, predict = delete_predict, probe = delete_probe,
  },
}
