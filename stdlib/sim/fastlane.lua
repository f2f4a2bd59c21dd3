-- fastlane in the simulated world: a program that stands in for it, really run,
-- that says what fastlane says, writes its report and ends with its exit code. What
-- a lane does outside (an upload, a submission) then happens in the simulated store.
--
--   fastlane:
--     installed: true              # false: bundler does not find it
--     version_file: Info.plist     # in the lane's directory; bump changes it
--     lanes:
--       beta:
--         duration: "22m"          # how long it takes
--         steps: [match, …]
--         fail: "No signing certificate found"   # it fails, in `step` (the last one)
--         step: build_app
--         applied: true            # … after it did its work
--         lost: after              # killed, before or after its work: nobody hears of it
--         times: 1                 # so many times it fails (always) or is lost (once)
--         says: ["…"]              # more lines on stdout
--         report: "<xml …"         # another report.xml; "": none is written

local sim = ...
local core = sim.require "core"
local store = sim.require "appstore_state"

local M = { name = "fastlane", hosts = {}, keys = { "fastlane" } }

M.default = { fastlane = { installed = true, version_file = "Info.plist", lanes = {
  preflight = { duration = "6m", steps = { "default_platform", "gradle", "build_app" } },
  test = { duration = "9m", steps = { "default_platform", "run_tests" } },
  doctor = { duration = "20s", steps = { "default_platform", "sh" } },
  beta = { duration = "24m", steps = { "default_platform", "match",
    "latest_testflight_build_number", "gradle", "build_app", "upload_to_testflight" } },
  promote = { duration = "4m", steps = { "default_platform", "deliver" } },
  release = { duration = "45m", steps = { "default_platform", "match",
    "latest_testflight_build_number", "gradle", "build_app", "upload_to_testflight", "deliver" } },
  bump = { duration = "3s", steps = { "default_platform", "increment_version_number",
    "commit_version_bump", "add_git_tag" } },
} } }

-- The program ---------------------------------------------------------------------------

local STUB = [=[#!/bin/sh
# Stands in for fastlane in a simulated world. $PIPE_PLAN.* say what to do: lane, options, out
# (before the end), failure, taken, xml, end (before or after: killed there), build, file.
set -u
plan=$PIPE_PLAN

# The version of the app, in a property list, a project file, or a file of its own.
version_of()
{
	v=$(tr '\n' ' ' <"$1" |
		sed -n 's/.*CFBundleShortVersionString<\/key>[^<]*<string>\([0-9.]*\)<.*/\1/p')
	[ -n "$v" ] || v=$(sed -n 's/.*MARKETING_VERSION *= *\([0-9.]*\).*/\1/p' "$1" | sed -n 1p)
	[ -n "$v" ] || v=$(sed -n 's/^\([0-9][0-9]*\.[0-9.]*\)$/\1/p' "$1" | sed -n 1p)
	echo "$v"
}

report()
{
	[ -s "$plan.xml" ] || return 0
	mkdir -p fastlane
	sed "s/@FAILURE@/$1/" "$plan.xml" >fastlane/report.xml
}

broken()
{
	echo "fastlane finished with errors"
	echo "" >&2
	echo "[!] $1" >&2
	words=$(echo "$1" | tr '\n' ' ' | sed 's/&/\&amp;/g; s/</\&lt;/g; s/"/\&quot;/g')
	report "<failure message=\"$(echo "$words" | sed 's/[&\/\\]/\\&/g')\" \/>"
	exit 1
}

killed()
{
	[ "$(cat "$plan.end")" != "$1" ] || kill -KILL $$
}

bump()
{
	file=$(cat "$plan.file")
	git diff --quiet HEAD ||
		broken "Found unexpected uncommitted changes in the working directory"
	old=$(version_of "$file")
	major=${old%%.*} rest=${old#*.}
	minor=${rest%%.*} patch=${rest#*.}
	case $(sed -n 's/^type://p' "$plan.options") in
	major) new=$((major + 1)).0.0 ;;
	minor) new=$major.$((minor + 1)).0 ;;
	patch) new=$major.$minor.$((patch + 1)) ;;
	*) broken "bump needs type:patch, type:minor or type:major" ;;
	esac
	if git rev-parse -q --verify "refs/tags/v$new" >/dev/null; then
		broken "Tag 'v$new' already exists"
	fi
	killed before
	sed "s/\([>= ]\)$old\([<;]\)/\1$new\2/; s/^$old\$/$new/" "$file" >"$file.new"
	mv "$file.new" "$file"
	git add "$file"
	git commit -q -m "Version Bump to $new"
	git tag "v$new"
	echo "Version: $new"
}

echo "Driving the lane 'ios $(cat "$plan.lane")' 🚀"
file=$(cat "$plan.file")
[ ! -f "$file" ] || now=$(version_of "$file")
sed "s/@VERSION@/${now:-1.0.0}/" "$plan.out"
[ ! -s "$plan.failure" ] || broken "$(cat "$plan.failure")"
if grep -qxF "${now:-1.0.0}" "$plan.taken"; then
	broken "Cannot submit version ${now:-1.0.0} for review: it is in the store, or under review"
fi
if [ "$(cat "$plan.lane")" = bump ]; then bump; fi
killed before
killed after
report ""
echo "fastlane.tools finished successfully 🎉"
exit 0
]=]

-- Words ---------------------------------------------------------------------------------

local function escape(text)
  return (text:gsub("[&<>\"']", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;",
    ['"'] = "&quot;", ["'"] = "&apos;" }))
end

-- JUnit, as fastlane writes it; the step that fails bears @FAILURE@.
local function report(lane, failing)
  local out = { '<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>",
    '  <testsuite name="fastlane.lanes">', "" }
  for i, step in ipairs(lane.steps) do
    out[#out + 1] = ('    <testcase classname="fastlane.lanes" name="%d: %s" time="%.3f">'):format(
      i - 1, escape(step), 0.5 * i)
    if step == failing then
      out[#out + 1] = "      @FAILURE@"
    end
    out[#out + 1] = "    </testcase>"
    if step == failing then
      break
    end
  end
  out[#out + 1] = "  </testsuite>"
  out[#out + 1] = "</testsuites>\n"
  return table.concat(out, "\n")
end

-- As it behaves this time: what goes wrong goes wrong so many times.
local function lane_named(w, name)
  local lane = core.some(w.s.spec.fastlane.lanes[name])
  if not lane then
    return nil
  end
  local counts = w.s.fastlane.counts
  counts[name] = (counts[name] or 0) + 1
  lane = core.merge({ duration = "1m", steps = { "default_platform" } }, lane)
  if counts[name] > (lane.times or lane.lost and 1 or math.huge) then
    lane.fail, lane.lost = nil, nil
  end
  return lane
end

local function unknown_lane(w, name)
  local names = {}
  for known, lane in core.sorted(w.s.spec.fastlane.lanes) do
    names[#names + 1] = core.some(lane) and "ios " .. known or nil
  end
  return ("Could not find lane 'ios %s'. Available lanes: %s"):format(name,
    table.concat(names, ", "))
end

-- The store -----------------------------------------------------------------------------

local function next_build(w)
  local highest = "0"
  for _, list in ipairs { w.s.appstore.builds, w.s.appstore.uploads } do
    for _, one in ipairs(list) do
      highest = store.higher(one.build, highest) and one.build or highest
    end
  end
  return ("%d"):format(tonumber(highest:match("^%d+")) + 1)
end

local function newest_valid(w)
  local best
  for _, b in ipairs(w.s.appstore.builds) do
    if b.state == "VALID" and not store.expired(w, b) and (not best
      or b.uploaded > best.uploaded) then
      best = b
    end
  end
  return best
end

-- nil, or the words with which promote ends.
local function why_no_promotion(w, b)
  for _, s in ipairs(w.s.appstore.submissions) do
    if s.state ~= "COMPLETE" then
      return "Cannot submit for review - A review submission is already in progress"
    end
  end
  local v = b and store.version_of(w, b.version)
  if not b then
    return "Could not find a build to submit"
  elseif v and not store.editable(v) then
    return ("Cannot submit version %s for review: it is %s"):format(v.version, v.state)
  elseif b.encryption == nil then
    return "Export compliance is required to submit: the build says nothing about its encryption"
  end
end

local function promote(w, b)
  local v = store.version_of(w, b.version)
    or store.add_version(w, { version = b.version }, w.s.now)
  local s = { id = core.new_uuid(w, "appstore-submission"), state = "READY_FOR_REVIEW" }
  v.build_id = b.id
  table.insert(w.s.appstore.submissions, s)
  table.insert(w.s.appstore.items, { id = core.new_uuid(w, "appstore-item"),
    submission_id = s.id, version_id = v.id, state = "READY_FOR_REVIEW" })
  store.submitted(w, s, v)
end

-- What a lane did, once its program has ended; half: a release that ended after the upload.
local function done(w, plan, stdout, half)
  local version = stdout:match("Version: ([%d%.]+)")
  local detail = { version = version }
  if plan.lane == "beta" or plan.lane == "release" then
    local b = store.upload(w, { version = version or "1.0.0", build = plan.build })
    detail.build = plan.build
    if plan.lane == "release" and not half then
      b.appears, b.state = w.s.now, "VALID"
      b.run = b.run + 1
      promote(w, b)
    end
  elseif plan.lane == "promote" then
    local b = store.find(w.s.appstore.builds, plan.chosen)
    promote(w, b)
    detail = { version = b.version, build = b.build }
  elseif plan.lane == "bump" then
    detail.version = stdout:match(".*Version: ([%d%.]+)")
  end
  core.record(w, "fastlane", "fastlane.lane", plan.target, detail)
end

-- Plans ---------------------------------------------------------------------------------

local READS = { preflight = true, test = true, doctor = true }

local function split(argv)
  local at = 1
  if argv[1] == "bundle" and argv[2] == "exec" then
    at = 3
  end
  if not (argv[at] or ""):find("^fastlane$") and not (argv[at] or ""):find("/fastlane$") then
    return nil
  end
  local options = {}
  for i = at + 3, #argv do
    options[#options + 1] = argv[i]
  end
  return argv[at + 1] or "", argv[at + 2] or "", options
end

local function failure_of(w, platform, name, lane)
  if platform ~= "ios" or not lane then
    return unknown_lane(w, name)
  elseif lane.fail then
    return lane.fail
  elseif name == "promote" then
    return why_no_promotion(w, newest_valid(w))
  end
end

local function text_of(lane, build)
  local out = {}
  for _, step in ipairs(lane.steps) do
    out[#out + 1] = ("--- Step: %s ---"):format(step)
  end
  if build then
    out[#out + 1] = "Version: @VERSION@"
    out[#out + 1] = "Build number: " .. build
  end
  for _, line in ipairs(core.many(lane.says)) do
    out[#out + 1] = line
  end
  return table.concat(out, "\n") .. "\n"
end

local function failing_step(lane, failure)
  return failure and (lane.step or lane.steps[#lane.steps]) or lane.steps[#lane.steps]
end

-- Versions that cannot be submitted: what a release, which takes the version of the working copy,
-- must not be of.
local function taken(w, name)
  local out = {}
  for _, v in ipairs(name == "release" and w.s.appstore.versions or {}) do
    out[#out + 1] = not store.editable(v) and v.version or nil
  end
  return #out > 0 and table.concat(out, "\n") .. "\n" or ""
end

-- The files of a plan, by their names in the world's folder `process`.
local function files_of(w, plan, lane, options, failure)
  local own = plan.ticket .. "."
  local known = lane or { steps = { "default_platform" } }
  return {
    fastlane = STUB, [own .. "lane"] = plan.lane, [own .. "options"] = table.concat(options, "\n"),
    [own .. "out"] = text_of(known, plan.build), [own .. "failure"] = failure or "",
    [own .. "xml"] = lane and (lane.report or report(known, failing_step(known, failure))) or "",
    [own .. "end"] = known.lost or "never",
    [own .. "taken"] = taken(w, plan.lane), [own .. "file"] = w.s.spec.fastlane.version_file,
  }
end

--- What runs in place of `[bundle exec] fastlane ios LANE key:value …`.
function M.process(w, call)
  local platform, name, options = split(call.argv)
  local own = w.s.spec.fastlane
  if not platform or not own then
    return nil
  elseif own.installed == false then
    return { argv = { "/bin/sh", "-c",
      "echo 'bundler: command not found: fastlane' >&2; echo 'Install missing gem executables "
      .. "with `bundle install`' >&2; exit 127" }, lane = "" }
  end
  local lane = lane_named(w, name)
  local failure = failure_of(w, platform, name, lane)
  local uploads = name == "beta" or name == "release"
  local sorted = core.copy(options)
  table.sort(sorted)
  w.s.counters.fastlane = (w.s.counters.fastlane or 0) + 1
  local plan = { lane = name, ticket = tostring(w.s.counters.fastlane),
    build = uploads and next_build(w) or nil,
    chosen = name == "promote" and (newest_valid(w) or {}).id or nil, writes = call.writes
      and not READS[name],
    target = table.concat({ platform, name, table.unpack(sorted) }, " "),
    failing = failure ~= nil, applied = lane and lane.applied == true, lost = lane and lane.lost }
  local folder = w.dir .. "/process/"
  plan.files = files_of(w, plan, lane, options, failure)
  plan.argv = { "/bin/sh", folder .. "fastlane", table.unpack(call.argv, 2) }
  plan.env = { PIPE_PLAN = folder .. plan.ticket, GIT_AUTHOR_NAME = "fastlane",
    GIT_AUTHOR_EMAIL = "fastlane@example.com", GIT_COMMITTER_NAME = "fastlane",
    GIT_COMMITTER_EMAIL = "fastlane@example.com",
    GIT_AUTHOR_DATE = ("@%d +0000"):format(w.s.now // 1000),
    GIT_COMMITTER_DATE = ("@%d +0000"):format(w.s.now // 1000) }
  plan.delay_ms = lane and core.ms(lane.duration, 0) or 1000
  return plan
end

--- It has ended; without a result it was stopped before.
function M.processed(w, plan, result)
  if not plan.writes or not result then
    return
  end
  local after = plan.lost == "after" and core.some(result.signal) ~= nil
  if result.exit == 0 or plan.applied or after then
    done(w, plan, result.stdout)
  elseif plan.lane == "release" and result.exit == 1 and not plan.failing then
    done(w, plan, result.stdout, true)
  end
end

local OWN = { installed = true, version_file = true, lanes = true }
local LANE = { duration = true, steps = true, fail = true, step = true, applied = true,
  lost = true, says = true, report = true, times = true }

local function check(given, known, where)
  for key in core.sorted(given) do
    if not known[key] then
      error(("world: %s has the unknown key %q"):format(where, tostring(key)), 0)
    end
  end
end

function M.build(w)
  local own = w.s.spec.fastlane
  w.s.fastlane = { counts = {} }
  check(own or {}, OWN, "fastlane")
  for name, lane in core.sorted(own and own.lanes) do
    check(core.some(lane) or {}, LANE, "fastlane.lanes." .. name)
    if lane.lost and lane.lost ~= "before" and lane.lost ~= "after" then
      error(("world: fastlane.lanes.%s.lost is before or after, not %q"):format(name,
        tostring(lane.lost)), 0)
    end
  end
end

return M
