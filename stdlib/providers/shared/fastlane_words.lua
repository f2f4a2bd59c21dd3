-- What fastlane says: its report, its errors, and what the known ones mean.

local host = ...
local xml = host.require "xml"

local M = {}

-- code, what is looked for (in lower case, plain unless it begins with ^), what it means, what
-- helps. The first that fits counts: what is more special stands first.
local TROUBLES = {
  { "unknown-lane", { "could not find lane" }, "there is no such lane in the Fastfile",
    "bundle exec fastlane lanes" },
  { "missing", { "command not found: fastlane", "could not locate gemfile",
    "in locally installed gems", "in any of the sources", "gem::gemnotfoundexception" },
    "fastlane is not installed here", "bundle install" },
  { "signing", { "no signing certificate", "no code signing identity", "no matching "
    .. "provisioning profile",
    "no profiles for", "doesn't include signing certificate",
    "requires a provisioning profile" },
    "this machine has no valid certificate or profile for the App Store",
    "bundle exec fastlane match appstore --force" },
  { "build-number", { "build number already exists", "bundle version must be higher",
    "redundant binary upload", "value that has already been used",
    "already been used for a build" },
    "a build with this number or a higher one was uploaded before, perhaps from another "
      .. "machine: look in "
    .. "App Store Connect, failed uploads included", "pipe help appstore.next_build_number" },
  { "gradlew", { "gradlew: no such file", "gradlew: not found", "gradlew: command not found",
    "gradlew: permission denied", "gradle-wrapper.jar", "org.gradle.wrapper.gradlewrappermain" },
    "the Gradle wrapper is not in the repository: this has to print the file",
    "git ls-files apps/mobile-kmp/gradlew" },
  { "gradle-cache", { "could not resolve all files for configuration",
    "incompatible version of kotlin", "could not read workspace metadata",
    "corrupt", "could not load compiled classes" },
    "if it compiles on another machine, the Gradle cache of this one is stale: wait until it "
      .. "expires, or "
    .. "push an empty commit", "git commit --allow-empty -m \"ci: a new Gradle cache\"" },
  { "review-in-progress", { "review submission is already in progress" },
    "something is under review already: let it end, or take it back",
    "pipe help appstore.withdraw" },
  { "tag-exists", { "^tag .- already exists" },
    "the version was bumped before: look which commit the tag is on before it is done again",
    "git tag --points-at HEAD" },
  { "dirty-tree", { "uncommitted changes", "working directory must be clean",
    "git repository is dirty", "repo is in a clean state" },
    "there are changes that were not committed", "git status" },
  { "agreements", { "agreement is missing", "agreement has expired", "agreements missing",
    "license agreement" },
    "the account holder has to accept an agreement in App Store Connect" },
  { "unauthorized", { "authentication credentials are missing", "invalid username and password",
    "your session has expired", "not_authorized", "two-factor" },
    "App Store Connect does not accept fastlane's credentials" },
  { "xcode", { "requires xcode", "xcode-select: error", "xcodebuild: command not found" },
    "there is no Xcode on this machine, or another one is selected", "xcode-select -p" },
}

M.errors = {
  ["fastlane.missing"] = "fastlane or bundler is not there: bundle install",
  ["fastlane.directory"] = "the directory of the lanes is not there",
  ["fastlane.unknown-lane"] = "the Fastfile has no such lane",
  ["fastlane.signing"] = "no valid certificate or profile: fastlane match appstore --force",
  ["fastlane.build-number"] = "the build number was used before",
  ["fastlane.gradlew"] = "the Gradle wrapper is not committed",
  ["fastlane.gradle-cache"] = "the Gradle cache is stale",
  ["fastlane.review-in-progress"] = "something is under review already",
  ["fastlane.tag-exists"] = "the version was bumped before",
  ["fastlane.dirty-tree"] = "there are changes that were not committed",
  ["fastlane.agreements"] = "the account holder has to accept an agreement",
  ["fastlane.unauthorized"] = "Apple does not accept fastlane's credentials",
  ["fastlane.xcode"] = "there is no Xcode, or another one is selected",
  ["fastlane.class"] = "the verb is not the one for this lane: check runs what changes nothing",
  ["fastlane.version"] = "no version was found in the version file",
  ["fastlane.bump"] = "the lane ended well, and the commit or the tag is not as it should be",
  ["fastlane.failed"] = "the lane failed: the message has fastlane's words",
  ["fastlane.ended"] = "fastlane was killed, or stopped after its time (unknown)",
}

local function plain(text)
  return (text:gsub("\27%[[%d;]*%a", ""):gsub("\r", ""))
end

--- The words behind the last "[!]", blank lines end them; nil where there are none.
function M.message(stderr)
  local found
  for line in (plain(stderr) .. "\n"):gmatch("([^\n]*)\n") do
    local words = line:match("^%s*%[!%]%s*(.*)$")
    if words then
      found = { words, open = true }
    elseif found and found.open and line:find("%S") and #found < 6 then
      found[#found + 1] = line:match("^%s*(.-)%s*$")
    elseif found then
      found.open = false
    end
  end
  local text = found and table.concat(found, " "):match("^%s*(.-)%s*$")
  return text and text ~= "" and text or nil
end

local function fits(lower, pattern)
  if pattern:sub(1, 1) == "^" then
    return lower:find(pattern:sub(2)) ~= nil
  end
  return lower:find(pattern, 1, true) ~= nil
end

--- { code, words, command } of a known trouble in the text; nil.
function M.trouble(text)
  local lower = text:lower()
  for _, row in ipairs(TROUBLES) do
    for _, pattern in ipairs(row[2]) do
      if fits(lower, pattern) then
        return { code = "fastlane." .. row[1], words = row[3], command = row[4] }
      end
    end
  end
end

local function step_of(case)
  local failure
  for _, child in ipairs(case.children) do
    if child.name == "failure" or child.name == "error" then
      failure = child.attributes.message or child.text
    end
  end
  local name = case.attributes.name or ""
  return { name = name:gsub("^%d+: ", ""), seconds = tonumber(case.attributes.time or "") or 0,
    failed = failure ~= nil, message = failure and plain(failure) or nil }
end

--- The steps of report.xml: { name, seconds, failed, message }; nil and why it cannot be read.
function M.steps(report)
  local root, why = xml.parse(report)
  if not root then
    return nil, why
  elseif root.name ~= "testsuites" and root.name ~= "testsuite" then
    return nil, ("its root is \"%s\", not \"testsuites\""):format(root.name)
  end
  local out = host.json.array {}
  xml.each(root, "testcase", function (case)
    out[#out + 1] = step_of(case)
  end)
  return out
end

--- The version and the build number that a lane printed, the last ones; nil where it did not.
function M.numbers(stdout)
  local version, build
  for line in (plain(stdout) .. "\n"):gmatch("([^\n]*)\n") do
    local lower = line:lower()
    version = lower:match("version[^%d:=]*[:=]%s*v?(%d+%.%d[%d%.]*)") or version
    build = lower:match("build number[^%d:=]*[:=]%s*(%d[%d%.]*)")
      or lower:match("build number to (%d[%d%.]*)") or build
  end
  return version and version:gsub("%.$", ""), build
end

return M
