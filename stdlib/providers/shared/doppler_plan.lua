-- What a write would do to a config: each plan reads, refuses what must not be, and
-- says which values change from what to what. The dry-run shows it, the act sends
-- it, the probe asks whether it came true.
--
--   plan = { place, changes = { { name, from, to, must_be_new } }, result, before, after, note, sign }

local host = ...

local api = host.require "doppler_api"

local M = {}

-- What is given ------------------------------------------------------------------------

--- Text among the options is shown and journaled, so that it has to be said that it may be. Asked
-- before the call is written down.
function M.check_text(o, where, value)
  if type(value) == "string" and not o.plain then
    host.raise("doppler.plain", where .. " is text, which would be shown and journaled: give a secret (doppler.get, "
      .. "secret.get { name = … }, or doppler.add with generate), or say plain = true if it is none",
      { refused = true })
  end
end

local function reveal(value)
  return value ~= nil and host.reveal(value) or nil
end

local function check_value(o, name, value)
  if value == nil or value == host.null or type(value) == "boolean" or type(value) == "number"
    or type(value) == "table" then
    host.raise("doppler.value", ("%s: the value is %s; it must be a secret, or text with plain = true. Nothing is "
      .. "deleted by leaving a value out: doppler.delete deletes"):format(name,
      value == nil and "missing" or value == host.null and "null" or "a " .. type(value)),
      { refused = true })
  end
  M.check_text(o, name .. ": the value", value)
  return value
end

local function check_expect(o, name, expect)
  if expect == host.null or expect == true or type(expect) == "number" or type(expect) == "table" then
    host.raise("doppler.value", ("%s: expect is neither a secret nor text (with plain = true) nor false, which "
      .. "stands for \"is not there\""):format(name), { refused = true })
  end
  M.check_text(o, name .. ": expect", expect)
end

-- Words -----------------------------------------------------------------------------------

local function print_of(text)
  return host.fingerprint(text):sub(1, 8) .. "…"
end

--- The members of a comma list: { text (as it stands), value (without blanks around) }.
function M.members(raw)
  local out = {}
  if raw == "" then
    return out
  end
  for text in (raw .. ","):gmatch("([^,]*),") do
    local value = text:match("^%s*(.-)%s*$")
    if value ~= "" then
      out[#out + 1] = { text = text, value = value }
    end
  end
  return out
end

local function join(members)
  local texts = {}
  for i, member in ipairs(members) do
    texts[i] = i == 1 and member.text:gsub("^%s+", "") or member.text
  end
  return table.concat(texts, ",")
end

-- A comma list of keys, and not a sentence, an address or JSON that has commas in it.
local function looks_like_list(raw)
  return raw:find(",", 1, true) ~= nil and not raw:find("[^%w%-_%.%+/=~, ]")
end

local function describe_members(members)
  local prints = {}
  for i, member in ipairs(members) do
    prints[i] = print_of(member.value)
  end
  return ("%d value%s (%s)"):format(#members, #members == 1 and "" or "s",
    table.concat(prints, ", "))
end

--- A value as it may be shown: its fingerprints, or with `plain` itself.
function M.describe(raw, plain)
  if raw == nil then
    return "(not there)"
  elseif raw == "" then
    return "(empty)"
  elseif plain then
    return raw
  end
  return describe_members(looks_like_list(raw) and M.members(raw) or { { value = raw } })
end

local function describe_entry(entry, plain)
  if entry and entry.raw == nil then
    return "(cannot be read)"
  end
  return M.describe(entry and entry.raw, plain)
end

local function prints(members)
  local out = host.json.array {}
  for i, member in ipairs(members) do
    out[i] = host.fingerprint(member.value)
  end
  return out
end

-- What is there now may come back in the words of an error: it is a secret from here on.
local function read(o, place, names, overlay)
  local entries = api.read(place, names, overlay)
  for name, entry in pairs(entries) do
    if entry.raw and entry.raw ~= "" and not o.plain then
      api.seal(place, name, entry.raw)
      for _, member in ipairs(looks_like_list(entry.raw) and M.members(entry.raw) or {}) do
        api.seal(place, name, member.value)
      end
    end
  end
  return entries
end

-- One value ----------------------------------------------------------------------------------

local function check_reference(o, place, name, entry, to)
  if o.reference then
    return
  elseif entry and api.is_reference(entry.raw) then
    host.raise("doppler.reference", ("%s in Doppler config \"%s\" is a reference (it holds ${…}): a "
      .. "value in its place cuts it off from what it refers to; say reference = true if that is meant"):format(name,
      place.text), { refused = true })
  elseif to and api.is_reference(to) then
    host.raise("doppler.reference", ("%s: the value holds \"${\", and Doppler takes ${…} for a "
      .. "reference; say reference = true if it is one. Doppler has no way to write it literally"):format(name),
      { refused = true })
  end
end

local function conflict(place, name, words)
  api.raise_conflict(place, name, words)
end

-- The value that the write is guarded by.
local function expected(o, place, name, entry, expect)
  if expect == false and entry then
    conflict(place, name, "expect = false, and it is there")
  elseif expect == false or expect == nil and not entry then
    return nil
  elseif not entry then
    conflict(place, name, "a value is expected, and it is not there")
  end
  local wanted = reveal(expect)
  if entry.raw == nil then
    return wanted or host.raise("doppler.unreadable", ("%s in Doppler config \"%s\" cannot be read (visibility %s), so "
      .. "nothing would guard a write: give expect"):format(name, place.text, entry.visibility),
      { refused = true })
  elseif wanted and wanted ~= entry.raw then
    conflict(place, name, ("it holds %s, not the %s that is expected"):format(M.describe(entry.raw,
      o.plain), M.describe(wanted, o.plain)))
  end
  return entry.raw
end

local function by_print(o, place, name, entry, expect)
  if not o.expect_fingerprint then
    return expect
  elseif not entry or entry.raw == nil or host.fingerprint(entry.raw) ~= o.expect_fingerprint then
    conflict(place, name, ("it holds %s, not what has the fingerprint %s"):format(
      describe_entry(entry), o.expect_fingerprint))
  end
  return entry.raw
end

local function literal_dollar(to)
  return to:find("$", 1, true) and not api.is_reference(to)
    and "the value holds a \"$\" that is no reference: Doppler keeps it as it is" or nil
end

local function change_of(o, place, name, entry, value, expect)
  local to = reveal(value)
  if entry and entry.raw == to then
    return nil
  end
  local plain = o.plain
  o = { plain = type(value) == "string" and plain, reference = o.reference }
  local from = expected(o, place, name, entry, expect)
  check_reference(o, place, name, entry, to)
  return { name = name, from = from, to = to, must_be_new = expect == false or nil }
end

function M.set(o, overlay)
  local place, name = api.place(o.environment), api.check_name(o.name)
  local value = check_value(o, name, o.value)
  local entry = read(o, place, { name }, overlay)[name]
  local expect = o.expect
  local to = reveal(value)
  if not (entry and entry.raw == to) then
    expect = by_print(o, place, name, entry, expect)
  end
  local change = change_of(o, place, name, entry, value, expect)
  local plain = o.plain and type(value) == "string"
  return { place = place, changes = { change }, sign = entry and "~" or "+",
    before = describe_entry(entry, plain), after = M.describe(to, plain),
    note = literal_dollar(to),
    result = { changed = change ~= nil, name = name, fingerprint = host.fingerprint(to),
      previous = entry and entry.raw and host.fingerprint(entry.raw) or nil } }
end

local function sorted(t)
  local keys = {}
  for key in pairs(t) do
    keys[#keys + 1] = api.check_name(key)
  end
  table.sort(keys)
  return keys
end

function M.set_many(o, overlay)
  local place, names = api.place(o.environment), sorted(o.values)
  local now, changes, before, after = read(o, place, names, overlay), {}, {}, {}
  local all, changed = {}, host.json.array {}
  for _, name in ipairs(names) do
    local value = check_value(o, name, o.values[name])
    local change = change_of(o, place, name, now[name], value, (o.expect or {})[name])
    local plain = o.plain and type(value) == "string"
    all[name] = host.fingerprint(reveal(value))
    if change then
      changes[#changes + 1], changed[#changed + 1] = change, name
      before[#before + 1] = name .. " " .. describe_entry(now[name], plain)
      after[#after + 1] = name .. " " .. M.describe(change.to, plain)
    end
  end
  return { place = place, changes = changes, sign = "~", before = table.concat(before, "; "),
    after = table.concat(after, "; "),
    result = { changed = #changes > 0, names = changed, fingerprints = all } }
end

function M.check_many(o)
  api.place(o.environment)
  for _, name in ipairs(sorted(o.values)) do
    check_value(o, name, o.values[name])
  end
  for _, name in ipairs(sorted(o.expect or {})) do
    check_expect(o, name, o.expect[name])
    if o.values[name] == nil then
      host.raise("doppler.value", name .. " is expected to be something, and gets no value",
        { refused = true })
    end
  end
  if next(o.values) == nil then
    host.raise("doppler.value", "values is empty: nothing to write", { refused = true })
  end
end

function M.check_set(o)
  api.check_name(o.name)
  check_value(o, o.name, o.value)
  check_expect(o, o.name, o.expect)
end

function M.delete(o, overlay)
  local place, name = api.place(o.environment), api.check_name(o.name)
  local entry = read(o, place, { name }, overlay)[name]
  local change
  if entry then
    local from = expected(o, place, name, entry, by_print(o, place, name, entry, o.expect))
    change = { name = name, from = from }
  end
  return { place = place, changes = { change }, sign = "-", before = describe_entry(entry, o.plain),
    after = "(not there)", result = { changed = change ~= nil, name = name,
      previous = entry and entry.raw and host.fingerprint(entry.raw) or nil } }
end

function M.check_delete(o)
  api.check_name(o.name)
  if o.expect == false then
    host.raise("doppler.value", o.name .. ": what is expected not to be there cannot be deleted",
      { refused = true })
  end
  check_expect(o, o.name, o.expect)
end

-- Lists -----------------------------------------------------------------------------------

-- The secret whose list is changed, and its members.
local function list_of(o, overlay)
  local place, name = api.place(o.environment), api.check_name(o.name)
  local entry = read(o, place, { name }, overlay)[name]
  if not entry then
    host.raise("doppler.missing", ("%s is not there in Doppler config \"%s\": doppler.set with expect = false makes "
      .. "it"):format(name, place.text), { refused = true })
  elseif entry.raw == nil then
    host.raise("doppler.unreadable", ("%s in Doppler config \"%s\" cannot be read (visibility %s), so that its list "
      .. "cannot be changed"):format(name, place.text, entry.visibility), { refused = true })
  end
  check_reference(o, place, name, entry)
  return place, entry, M.members(entry.raw)
end

local function wanted(o, members)
  local text = o.value ~= nil and host.reveal(o.value):match("^%s*(.-)%s*$") or nil
  for i, member in ipairs(members) do
    if (text and member.value == text)
      or (not text and host.fingerprint(member.value) == o.fingerprint) then
      return i, member
    end
  end
  return nil
end

local function list_plan(place, entry, members, result, sign)
  local to = join(members)
  local change = result.changed and { name = entry.name, from = entry.raw, to = to } or nil
  result.name, result.count, result.fingerprints = entry.name, #members, prints(members)
  return { place = place, changes = { change }, sign = sign,
    before = describe_members(M.members(entry.raw)), after = describe_members(members),
    result = result }
end

local generated = {}

local ENCODE = {
  hex = function (bytes)
    return (bytes:gsub(".", function (c) return ("%02x"):format(c:byte()) end))
  end,
  base64url = function (bytes)
    return (host.base64(bytes):gsub("%+", "-"):gsub("/", "_"):gsub("=", ""))
  end,
}

local function is_member(members, value)
  for _, member in ipairs(members) do
    if member.value == value then
      return true
    end
  end
  return false
end

-- One key for a call, however often it is sent; never one that is there already.
local function generate(o, place, members, kept)
  local key = place.text .. " " .. o.name
  if kept and generated[key] then
    return generated[key]
  end
  local made
  repeat
    made = ENCODE[o.generate.format or "hex"](host.random(o.generate.bytes or 32))
  until not is_member(members, made)
  generated[key] = kept and made or nil
  return made
end

--- The key that a call of this process made, until it is known to have arrived.
function M.generated(o)
  return generated[api.place(o.environment).text .. " " .. o.name]
end

function M.forget(o)
  generated[api.place(o.environment).text .. " " .. o.name] = nil
end

function M.add(o, overlay)
  local place, entry, members = list_of(o, overlay)
  local value = o.generate and generate(o, place, members, not overlay)
    or host.reveal(o.value):match("^%s*(.-)%s*$")
  local here = is_member(members, value)
  if not here then
    members[#members + 1] = { text = value, value = value }
  end
  if type(o.value) ~= "string" then
    api.seal(place, o.name, value) -- masked from now on, also if it was generated
  end
  local plan = list_plan(place, entry, members,
    { changed = not here, fingerprint = host.fingerprint(value) }, "+")
  if o.generate and overlay then
    plan.after = plan.after:gsub("[^ ,(]+%)$", "a new one)")
    plan.note = "the key is made when it is written; the one here stands in for it"
  end
  return plan
end

function M.check_add(o)
  api.check_name(o.name)
  if (o.value == nil) == (o.generate == nil) then
    host.raise("doppler.value", o.name .. ": either value or generate = { bytes = 32 } says what is added",
      { refused = true })
  end
  M.check_text(o, o.name .. ": the value", o.value)
  if o.value ~= nil then
    local text = host.reveal(o.value)
    if text:find(",", 1, true) or not text:find("%S") then
      host.raise("doppler.value", ("%s: the value %s, so it cannot be one member of a comma list"):format(
        o.name, text:find(",", 1, true) and "has a comma in it" or "is empty"), { refused = true })
    end
    return check_reference(o, {}, o.name, nil, text)
  end
  for key, value in pairs(o.generate) do
    local good = key == "bytes" and math.type(value) == "integer" and value >= 16 and value <= 512
      or key == "format" and ENCODE[value] ~= nil
    if not good then
      host.raise("doppler.value", ("%s: generate.%s is %s; it takes bytes (16 to 512) and format "
        .. "(hex or base64url)"):format(
        o.name, tostring(key), tostring(value)), { refused = true })
    end
  end
end

local function check_member(o)
  api.check_name(o.name)
  if (o.value == nil) == (o.fingerprint == nil) then
    host.raise("doppler.value", o.name .. ": either value or fingerprint says which member is meant",
      { refused = true })
  end
  M.check_text(o, o.name .. ": the value", o.value)
end

M.check_remove, M.check_promote = check_member, check_member

function M.remove(o, overlay)
  local place, entry, members = list_of(o, overlay)
  local at, member = wanted(o, members)
  local rest = {}
  for _, one in ipairs(members) do
    if not at or one.value ~= member.value then
      rest[#rest + 1] = one
    end
  end
  if at and #rest == 0 and not o.last then
    host.raise("doppler.last-value", ("%s in Doppler config \"%s\" has no other value than this one: "
      .. "without it nothing is accepted any more; say last = true if that is meant"):format(o.name, place.text),
      { refused = true })
  end
  return list_plan(place, entry, rest, { changed = at ~= nil,
    fingerprint = member and host.fingerprint(member.value) or o.fingerprint }, "-")
end

function M.promote(o, overlay)
  local place, entry, members = list_of(o, overlay)
  local at, member = wanted(o, members)
  if not at then
    host.raise("doppler.no-member", ("%s in Doppler config \"%s\" holds %s: the one to keep is none of them"):format(
      o.name, place.text, describe_members(members)), { refused = true })
  end
  local removed = {}
  for _, one in ipairs(members) do
    if one.value ~= member.value then
      removed[#removed + 1] = one
    end
  end
  return list_plan(place, entry, { { text = member.value, value = member.value } },
    { changed = entry.raw ~= member.value, fingerprint = host.fingerprint(member.value),
      removed = prints(removed) }, "~")
end

return M
