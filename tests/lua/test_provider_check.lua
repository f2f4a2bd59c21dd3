-- What the check of a provider's module tells, a mistake a row.
local check = assert(loadfile((os.getenv "PIPE_ROOT" or ".")
  .. "/stdlib/lang/provider_check.lua"))()

local function f() end

local function module(verb, more)
  local out = { name = "cdn", summary = "…", verbs = { go = verb } }
  for key, value in pairs(more or {}) do
    out[key] = value
  end
  return out
end

local function read(more)
  local out = { effect = "read", summary = "…", act = f }
  for key, value in pairs(more or {}) do
    out[key] = value
  end
  return out
end

local function option(o)
  return module(read { options = { x = o } })
end

local ROWS = "cdn.go, states.DONE should be { \"moving\", \"good\", \"bad\" or \"unknown\", "
  .. "\"what it means\" }"

local cases = {
  { module(read()), nil },
  { module(read { request = { "GET /", "GET /a" }, states = { DONE = { "good", "…" } },
    errors = { ["cdn.busy"] = "…" } }, { statuses = { DONE = { "unknown", "…" } } }), nil },
  { option { "integer", default = 10, choices = { 1, 10 } }, nil },
  { option { "text|integer", default = "a" }, nil },
  { option { "duration", default = "10s" }, nil },
  { module(read { states = { DONE = "good" } }), ROWS },
  { module(read { states = { DONE = { "fine", "…" } } }), ROWS .. ", its phase is \"fine\"" },
  { module(read { states = { DONE = { "good" } } }), ROWS },
  { module(read { states = { { "good", "…" } } }),
    "cdn.go, states[1]: a status is a text, as in { DONE = { \"good\", \"it is done\" } }" },
  { module(read(), { statuses = { DONE = {} } }), (ROWS:gsub("cdn.go, states", "statuses")) },
  { module(read { errors = { "busy" } }), "cdn.go, errors: [1] should be a code and what it means, "
    .. "as in [\"cdn.busy\"] = \"it is busy\"" },
  { module(read(), { errors = { ["cdn.busy"] = 3 } }), "the module, errors: \"cdn.busy\" should be a "
    .. "code and what it means, as in [\"cdn.busy\"] = \"it is busy\"" },
  { module(read { request = { 3 } }),
    "cdn.go: request is a text or a list of texts; [1] is number" },
  { { name = "cdn", verbs = { read() } },
    "verbs[1]: a verb has a name, as in verbs = { purge = { … } }" },
  { { name = "cdn", verbs = { ["set-mode"] = read() } }, "cdn: a verb is named by letters, digits "
    .. "and \"_\", a letter first, not \"set-mode\"" },
  { { name = "cdn", verbs = { ["repeat"] = read() } },
    "cdn.repeat: that is a word of Lua's own, so that nobody could call it" },
  { { name = "cdn", verbs = { ["a\27[2J\194\155"] = read() } }, "cdn: a verb is named by letters, "
    .. "digits and \"_\", a letter first, not \"a\\x1b[2J\\u009b\"" },
  { { name = "a\nb", verbs = { go = read() } },
    "name is \"a\\x0ab\", it should be \"cdn\", as the file is called" },
  { module(read(), { retries = 3 }), "the module: retries is number, it should be text" },
  { module(read(), { [1] = "x" }),
    "the module has no field [1] (there are errors, name, retries, statuses, summary, verbs)" },
  { option { "integer", default = "10" }, "cdn.go, option x: its default is text, its type is "
    .. "integer" },
  { option { "text", choices = { a = "b" } }, "cdn.go, option x: choices is a list of texts, as in "
    .. "{ \"normal\", \"stale\" }" },
  { module(read { options = { ["end"] = { "text" } } }),
    "cdn.go, option end: that is a word of Lua's own, so that nobody could write it" },
}

local failed = 0
local function same(got, want, which)
  if got ~= want then
    failed = failed + 1
    print(("FAIL %s:\n  got  %s\n  want %s"):format(which, got, want))
  end
end

for i, case in ipairs(cases) do
  same(check(case[1], "cdn", "cdn.lua"), case[2] and "cdn.lua: " .. case[2], "case " .. i)
end

-- More than an error holds: whole lines, and how many are not shown.
local many = { name = "cdn", verbs = {} }
for i = 1, 40 do
  many.verbs[("verb%02d"):format(i)] = "…"
end
local text, lines = check(many, "cdn", "cdn.lua"), {}
for line in text:gmatch "[^\n]+" do
  lines[#lines + 1] = line
end
same(lines[#lines], ("… and %d more (pipe help cdn shows them after these are mended)"):format(
  41 - #lines), "the last line")
same(lines[#lines - 1]:sub(-#"… end }"), "… end }", "the last problem, whole")
same(#text < 1300 and #text > 900, true, "its length")

-- One alone that is longer than an error is cut between characters.
local long = check(module(read { ["x" .. ("ä"):rep(2000)] = 1 }), "cdn", "cdn.lua")
same(utf8.len(long) ~= nil and #long < 1300, true, "a long one")

os.exit(failed == 0 and 0 or 1)
