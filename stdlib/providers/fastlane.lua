-- fastlane: the lanes of the iOS app, run as it is run by hand.
--
-- pipe.yaml: settings.ios { directory, platform (ios), tag (v*), version_file (Info.plist, in the
-- directory) }. Lanes run in the repository, with CI=1 and without a standard input; each line
-- is shown as it comes. fastlane has no dry-run: a lane is predicted, not tried.

local host = ...
local words = host.require "fastlane_words"

local CHECKS = { preflight = true, test = true, doctor = true }
local UPLOADS = { beta = true, release = true }
local UPLOAD_STEPS = { upload_to_testflight = true, pilot = true, testflight = true,
  upload_to_app_store = true, deliver = true, appstore = true }

local ENVIRONMENT = {
  CI = "1", FASTLANE_SKIP_UPDATE_CHECK = "1", FASTLANE_HIDE_CHANGELOG = "1",
  FASTLANE_DISABLE_COLORS = "1", FASTLANE_HIDE_TIMESTAMP = "1", FASTLANE_OPT_OUT_USAGE = "1",
  FASTLANE_SKIP_DOCS = "1", FASTLANE_HIDE_GITHUB_ISSUES = "1",
  LANG = "en_US.UTF-8", LC_ALL = "en_US.UTF-8",
}

local function settings()
  return (host.project.settings or {}).ios or {}
end

local function platform()
  return settings().platform or "ios"
end

local function some(value)
  if value == host.null then
    return nil
  end
  return value
end

-- Where -----------------------------------------------------------------------------------

-- Inside the repository, without a slash at either end; "" is its top.
local function folder(o)
  local path = o.directory or settings().directory or ""
  path = path:gsub("^%./", ""):gsub("/+$", "")
  if path:sub(1, 1) == "/" or ("/" .. path .. "/"):find("/../", 1, true) then
    host.raise("fastlane.directory", ("the directory \"%s\" should lie in the repository"):format(
      path), { refused = true })
  end
  return path == "." and "" or path
end

local function cwd(o)
  local path = folder(o)
  return path == "" and host.repository() or host.repository() .. "/" .. path
end

local function report_path(o)
  local own = (o.env or {}).FL_REPORT_PATH
  return (type(own) == "string" and own or "fastlane") .. "/report.xml"
end

local function small(o, argv)
  return host.rows.proc.run { argv = argv, cwd = cwd(o), any_exit = true, quiet = true,
    timeout = "30s", effect = "read",
    max_bytes = 9 * 1024 * 1024 }
end

-- The command -----------------------------------------------------------------------------

local function sorted(t)
  local keys = {}
  for key in pairs(t or {}) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

-- Of key:value only the first colon counts; true and false become flags, all else is text.
local function lane_options(o)
  local out = {}
  for i, key in ipairs(sorted(o.options)) do
    local value = o.options[key]
    if not key:find("^[%a_][%w_]*$") then
      host.raise("option.name", ("options: \"%s\" cannot be the name of a lane's option"):format(
        key), { refused = true })
    elseif type(value) ~= "string" and type(value) ~= "number" and type(value) ~= "boolean" then
      host.raise("option.type", ("options.%s must be text, a number or a flag; a secret belongs "
        .. "into env"):format(
        key), { refused = true })
    end
    out[i] = key .. ":" .. tostring(value)
  end
  return out
end

local function target(o)
  return table.concat({ platform(), o.lane, table.unpack(lane_options(o)) }, " ")
end

local function argv_of(o)
  local out = o.bundle == false and { "fastlane" } or { "bundle", "exec", "fastlane" }
  for _, word in ipairs { platform(), o.lane, table.unpack(lane_options(o)) } do
    out[#out + 1] = word
  end
  return out
end

local function environment(o)
  local out = {}
  for _, some_of in ipairs { ENVIRONMENT, o.env or {} } do
    for name, value in pairs(some_of) do
      out[name] = value
    end
  end
  return out
end

-- What came of it -------------------------------------------------------------------------

local function first_lines(text)
  local lines = {}
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    if line:find("%S") then
      lines[#lines + 1] = line:match("^%s*(.-)%s*$")
    end
  end
  return table.concat(lines, " ", math.max(1, #lines - 2))
end

local function failed_step(steps)
  for _, step in ipairs(steps or {}) do
    if step.failed then
      return step
    end
  end
end

local function uploaded(steps)
  for _, step in ipairs(steps or {}) do
    if UPLOAD_STEPS[step.name] and not step.failed then
      return step.name
    end
  end
end

local function explained(text)
  local known = words.trouble(text)
  if not known then
    return "fastlane.failed", ""
  end
  return known.code, (" — %s%s"):format(known.words,
    known.command and ": `" .. known.command .. "`" or "")
end

local function raise_failed(o, run, steps)
  local step = failed_step(steps)
  local said = words.message(run.stderr) or step and step.message or first_lines(run.stderr)
  if said == "" then
    said = first_lines(run.stdout)
  end
  if #said > 600 then
    said = said:sub(1, 600) .. "…"
  end
  local code, help = explained(said)
  if code == "fastlane.failed" then
    code, help = explained(run.stderr:sub(-20000) .. "\n" .. run.stdout:sub(-20000))
  end
  local upload = uploaded(steps)
  host.raise(code, ("lane \"%s\" failed%s (exit %s): %s%s%s"):format(target(o),
    step and " at " .. step.name or "", tostring(run.exit), said, help,
    upload and ("; its step %s had ended well, so look in App Store Connect before it is run "
      .. "again"):format(
    upload) or ""))
end

-- Errors of starting the program, in the words of who runs it.
local function raise_start(o, err)
  if err.code == "proc.missing" then
    host.raise("fastlane.missing", ("lane \"%s\" cannot run: %s; %s"):format(target(o), err.message,
      o.bundle == false and "install fastlane, or leave bundle = false away"
      or "Ruby's bundler brings fastlane: `gem install bundler`, then `bundle install`"))
  elseif err.code == "proc.cwd" then
    host.raise("fastlane.directory", ("lane \"%s\" cannot run: %s (see settings.ios.directory "
      .. "of pipe.yaml)"):format(
      target(o), err.message))
  elseif err.code == "proc.timeout" then
    host.raise("fastlane.ended", ("lane \"%s\" was stopped: %s"):format(target(o), err.message),
      { unknown = err.unknown, retryable = err.retryable })
  end
  error(err, 0)
end

local function read_report(o)
  local answer = small(o, { "cat", report_path(o) })
  if answer.exit ~= 0 then
    return nil, "there is none"
  end
  return words.steps(answer.stdout)
end

local function start(o, writes)
  local removed, err = pcall(small, o, { "rm", "-f", report_path(o) })
  if not removed then
    raise_start(o, err)
  end
  local ok, run = pcall(host.rows.proc.run, { argv = argv_of(o), cwd = cwd(o),
    env = environment(o), inherit = o.inherit, any_exit = true, timeout = o.timeout,
    max_bytes = 32 * 1024 * 1024, effect = writes and "write" or "read" })
  if not ok then
    raise_start(o, run)
  end
  local signal = some(run.signal)
  if signal then
    host.raise("fastlane.ended", ("lane \"%s\" was ended by %s%s"):format(target(o), signal,
      writes and ": nobody knows what it had done" or ""), { unknown = writes,
      retryable = not writes })
  end
  return run
end

local function perform(o, writes)
  local run = start(o, writes)
  local steps, why = read_report(o)
  if run.exit ~= 0 then
    raise_failed(o, run, steps)
  end
  if not steps then
    host.log(("fastlane/report.xml of lane %s cannot be used: %s"):format(o.lane, why))
  end
  local version, build = words.numbers(run.stdout)
  return { lane = o.lane, seconds = run.took_ms // 1000, steps = steps or host.json.array {},
    report = steps ~= nil, version = version, build = build }
end

-- Versions --------------------------------------------------------------------------------

local function version_file(o)
  local path = folder(o)
  return (path == "" and "" or path .. "/") .. (o.version_file or settings().version_file
    or "Info.plist")
end

local function version_in(text)
  return text:match("CFBundleShortVersionString</key>%s*<string>%s*(%d[%d%.]*)%s*<")
    or text:match("MARKETING_VERSION%s*=%s*\"?(%d[%d%.]*)")
    or text:match("versionName%s*=?%s*[\"'](%d[%d%.]*)[\"']")
    or text:match("\"version\"%s*:%s*\"(%d[%d%.]*)\"")
    or text:match("^%s*v?(%d+%.%d[%d%.]*)%s*$")
end

-- The version that a commit has; nil where it cannot be told.
local function version_at(o, commit)
  local text = host.rows.git.file { path = version_file(o), at = commit }
  return text and some(text) and version_in(text)
end

local function needed_version(o)
  local version = version_at(o, "HEAD")
  if not version then
    host.raise("fastlane.version", ("no version was found in %s of the commit that is checked "
      .. "out (see "
      .. "settings.ios.version_file of pipe.yaml)"):format(version_file(o)), { refused = true })
  end
  return version
end

local function tag_of(version)
  return ((settings().tag or "v*"):gsub("%*", (version:gsub("%%", "%%%%"))))
end

local function tag_named(name)
  for _, tag in ipairs(host.rows.git.tags {}) do
    if tag.name == name then
      return tag
    end
  end
end

-- Bump ------------------------------------------------------------------------------------

local function bump_lane(o)
  return { lane = "bump", options = { type = o.type }, directory = o.directory,
    bundle = o.bundle, timeout = o.timeout, env = o.env, inherit = o.inherit }
end

-- The version to come; refuses what fastlane would refuse.
local function next_version(o)
  local now = needed_version(o)
  local coming = host.version.bump(now, o.type)
  local tag = tag_named(tag_of(coming))
  local head = host.rows.git.head {}
  if tag then
    host.raise("fastlane.tag-exists",
      ("the tag %s is there already, on %s%s: %s was bumped before, perhaps by a try that was "
        .. "cut off"):format(
      tag.name, tag.sha:sub(1, 7), tag.sha == head.sha and ", the commit that is checked out" or "",
      coming))
  end
  for _, change in ipairs(host.rows.git.status {}.changes) do
    if change.state ~= "untracked" then
      host.raise("fastlane.dirty-tree",
        ("bump commits the version, and there are changes not committed yet: %s is %s"):format(
        change.path, change.state))
    end
  end
  return now, coming
end

local function bumped(o, before)
  local head = host.rows.git.head {}
  local version = version_at(o, "HEAD")
  local tag = version and tag_named(tag_of(version))
  return { version = version, before = before, tag = tag and tag.name, commit = head.sha,
    tagged = tag ~= nil and tag.sha == head.sha }
end

local function bump(o)
  local now, coming = next_version(o)
  local lane = perform(bump_lane(o), true)
  local result = bumped(o, now)
  if result.version ~= coming or not result.tagged then
    host.raise("fastlane.bump", ("the lane ended well, but %s; expected was %s with the tag %s "
      .. "on it"):format(
      result.version ~= coming and ("%s says version %s"):format(version_file(o),
      result.version or "nothing") or "the tag is not on the commit that is checked out", coming,
      tag_of(coming)))
  end
  result.seconds, result.steps = lane.seconds, lane.steps
  return result
end

local function predict_bump(o, overlay)
  local now, coming = next_version(o)
  overlay.set("fastlane version " .. version_file(o), coming)
  return { sign = "+", before = now, after = coming, result = { version = coming, before = now,
    tag = tag_of(coming) }, note = "a commit and the tag " .. tag_of(coming)
    .. "; nothing is pushed" }
end

-- What the commit that is checked out tells: with a tag of its own version, made since, it was
-- the bump. Times of git are whole seconds.
local function probe_bump(o, intent)
  local head = host.rows.git.show {}
  local result = bumped(o, nil)
  local fresh = host.time(head.time) >= intent.began // 1000 * 1000
  if fresh and result.tagged then
    result.before = head.parents[1] and version_at(o, head.parents[1])
    return { happened = true, result = result }
  elseif fresh and result.version and head.parents[1]
    and version_at(o, head.parents[1]) ~= result.version then
    return nil -- committed, and no tag: half of it
  end
  return { happened = false }
end

-- Beta ------------------------------------------------------------------------------------

local function appstore(verb, o)
  return host.provider("appstore").verbs[verb].act(o)
end

local function predict_upload(o, overlay)
  local version = overlay.get("fastlane version " .. version_file(o)) or needed_version(o)
  local ok, number = pcall(appstore, "next_build_number", {})
  local result = { lane = o.lane, version = version, build = ok and number.next or nil }
  return { sign = "+", result = result, after = ("%s (%s)"):format(version,
    ok and number.next or "the next build number"), note = ok
    and "uploads a build; fastlane has no dry-run, so that building it is not tried"
    or "App Store Connect does not tell the next build number: " .. tostring(number.message) }
end

local function newer_build(version, began)
  for _, b in ipairs(appstore("builds", { version = version, first = 20 })) do
    if b.uploaded_at and host.time(b.uploaded_at) >= began then
      return b
    end
  end
end

-- A build shows minutes after its upload: absence says something only after a while.
local function probe_upload(o, intent)
  local version = needed_version(o)
  local began = intent.began // 1000 * 1000
  for pause = 0, 5 do
    local b = newer_build(version, began)
    if b then
      return { happened = true, result = { lane = o.lane, version = version, build = b.build,
        id = b.id, found = "App Store Connect" } }
    elseif pause < 5 then
      host.sleep(180000)
    end
  end
  return { happened = false }
end

-- Promote ---------------------------------------------------------------------------------

local SUBMITTED = { WAITING_FOR_REVIEW = true, IN_REVIEW = true }

local function probe_promote(o, intent)
  for _, v in ipairs(appstore("versions", { first = 5 })) do
    local s = SUBMITTED[v.state] and appstore("submission", { version = v.version })
    if s and s.submitted_at and host.time(s.submitted_at) >= intent.began // 1000 * 1000 then
      return { happened = true, result = { lane = o.lane, version = v.version,
        build = v.build and v.build.build, found = "App Store Connect" } }
    end
  end
  return { happened = false }
end

-- Lanes -----------------------------------------------------------------------------------

-- The Fastfile, where it can be read: a lane that is not in it is refused beforehand.
local function known_lane(o)
  local path = folder(o)
  local text = some(host.rows.git.file { path = (path == "" and "" or path .. "/")
    .. "fastlane/Fastfile" })
  if not text or text:find("import", 1, true) then
    return
  end
  local names = {}
  for name in text:gmatch("%f[%w]lane%s*%(?%s*:([%w_]+)") do
    names[#names + 1] = name
    if name == o.lane then
      return
    end
  end
  host.raise("fastlane.unknown-lane", ("there is no lane \"%s\" in fastlane/Fastfile (there "
    .. "are: %s)"):format(
    o.lane, table.concat(names, ", ")), { refused = true })
end

local function check_lane_name(o)
  if not o.lane:find("^[%a_][%w_]*$") then
    host.raise("fastlane.unknown-lane", ("\"%s\" cannot be the name of a lane"):format(o.lane),
      { refused = true })
  elseif o.lane == "bump" then
    host.raise("fastlane.class", "the lane bump cannot be run twice for one version: use "
      .. "fastlane.bump { type = \"patch\" }, which looks first", { refused = true })
  end
end

local function run_lane(o)
  check_lane_name(o)
  return perform(o, true)
end

local function predict_lane(o, overlay)
  check_lane_name(o)
  lane_options(o)
  known_lane(o)
  if UPLOADS[o.lane] then
    return predict_upload(o, overlay)
  end
  return { sign = "?", result = { lane = o.lane, steps = host.json.array {} },
    note = "fastlane has no dry-run" }
end

local function probe_lane(o, intent)
  if UPLOADS[o.lane] then
    return probe_upload(o, intent)
  elseif o.lane == "promote" then
    return probe_promote(o, intent)
  end
  return nil
end

local function check(o)
  if not CHECKS[o.lane] then
    host.raise("fastlane.class", ("the lane \"%s\" may change something: use fastlane.lane; "
      .. "fastlane.check is "
      .. "for preflight, test and doctor"):format(o.lane), { refused = true })
  end
  return perform(o, false)
end

-- Rows ------------------------------------------------------------------------------------

local RESULT = "{lane, seconds, steps[{name, seconds, failed, message}], report (whether "
  .. "report.xml "
  .. "was there), version and build (where the lane prints them)}"
local HERE = "none of pipe's: match and App Store Connect have their own, as env of the call or "
  .. "in the "
  .. "lane's own settings"

local function options(more)
  local out = {
    directory = { "text", help = "in the repository; else settings.ios.directory" },
    bundle = { "flag", default = true, help = "through `bundle exec`" },
    timeout = { "duration", default = "4h", help = "after which it is stopped, with all it "
      .. "started" },
    env = { "map", help = "more of its environment: text, secrets, or lists of both" },
    inherit = { "list", help = "names of variables to pass on, as proc.run's" },
  }
  for name, option in pairs(more) do
    out[name] = option
  end
  return out
end

local LANE = { "text", required = true, help = "the lane's name" }
local OPTIONS = { "map", help = "as key:value behind the lane" }
local FILE = { "text", help = "in the directory; else settings.ios.version_file, else Info.plist" }

return {
  name = "fastlane", summary = "The lanes of the iOS app", errors = words.errors,
  retries = "nothing is run twice by itself",
  verbs = {
    check = {
      effect = "read", summary = "Runs preflight, test or doctor, which change nothing outside",
      result = RESULT, options = options { lane = LANE, options = OPTIONS },
      request = "bundle exec fastlane ios LANE", permission = HERE, act = check,
    },
    lane = {
      effect = "write", summary = "Runs a lane that changes something", result = RESULT,
      options = options { lane = LANE, options = OPTIONS },
      request = "bundle exec fastlane ios LANE key:value", permission = HERE, act = run_lane,
      target = target, predict = predict_lane, probe = probe_lane,
      looks = "beta and release: a build of this version in App Store Connect that was uploaded "
        .. "since, looked "
        .. "for during 15 min; promote: a version submitted since; of other lanes a person has "
          .. "to say",
    },
    beta = {
      effect = "write", summary = "Builds the app and uploads it to TestFlight (the lane beta)",
      result = RESULT, options = options { options = OPTIONS, version_file = FILE },
      request = "bundle exec fastlane ios beta", permission = HERE,
      act = function (o)
        o.lane = "beta"
        return run_lane(o)
      end,
      target = function (o)
        o.lane = "beta"
        return target(o)
      end,
      predict = function (o, overlay)
        o.lane = "beta"
        return predict_lane(o, overlay)
      end,
      probe = function (o, intent)
        o.lane = "beta"
        return probe_upload(o, intent)
      end,
      looks = "a build of this version in App Store Connect that was uploaded since, looked for "
        .. "during 15 min",
    },
    bump = {
      effect = "write", summary = "Raises the app's version: a commit and a tag, not pushed "
        .. "(the lane bump)",
      result = "{version, before, tag, commit, tagged, seconds, steps}",
      options = options { type = { "text", required = true,
        choices = { "patch", "minor", "major" }, help = "1.0.1, 1.1.0 or 2.0.0" },
        version_file = FILE },
      request = "bundle exec fastlane ios bump type:TYPE", permission = HERE, act = bump,
      target = function (o) return target(bump_lane(o)) end, predict = predict_bump,
      probe = probe_bump,
      looks = "the commit that is checked out: made since, with the tag of its version on it",
    },
  },
}
