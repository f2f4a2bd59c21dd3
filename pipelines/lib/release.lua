-- What several release pipelines share: judging a deployment, a check, a commit.
local release = {}

function release.short(sha)
  return string.sub(sha, 1, 7)
end

-- A deployment that is on its way gives false and a word for the screen; one that
-- serves is returned; every bad end has its own error. A status that nobody knows
-- is never taken for success: it is waited out.
function release.judge(deployment, where)
  if not deployment then
    return false, "no deployment of this commit yet"
  end
  local d = deployment
  if d.phase == "good" then
    return d
  end
  if d.phase == "bad" then
    fail {
      code = "release." .. string.lower(d.status),
      message = string.format("%s: deployment %s of %s is %s: %s%s", where, d.id,
        release.short(d.commit or "?"), d.status, d.words, d.url and " (" .. d.url .. ")" or ""),
    }
  end
  return false, string.format("%s: %s", d.status, d.words)
end

-- Conclusions that GitHub counts as passed for a required check.
local passed = { success = true, neutral = true, skipped = true }

-- One check among a commit's, by name. Absent is "not yet", never "passed".
function release.check(checks, name)
  for _, check in ipairs(checks) do
    if check.name == name and check.status ~= "expected" then
      if check.status ~= "completed" then
        return false, name .. " is " .. check.status
      end
      if passed[check.conclusion] then
        return check
      end
      fail {
        code = "release.check",
        message = string.format("%s ended with %s%s", name, check.conclusion,
          check.url and " (" .. check.url .. ")" or ""),
      }
    end
  end
  return false, name .. " has not begun"
end

-- The commit that an API says it runs: its health address answers
-- {"status": "ok", "commit": "…"}. Returns nil while it cannot be had.
function release.serves(environment)
  local answer = http.get { url = environment.url .. environment.health, any_status = true }
  if answer.status ~= 200 or not answer.json then
    return nil, string.format("%s answers %d", environment.url, answer.status)
  end
  return answer.json.commit, "it runs " .. release.short(answer.json.commit or "?")
end

-- Versions of the migrations that a commit holds, oldest first.
function release.migrations(commit)
  local versions = {}
  for _, name in ipairs(git.files { at = commit, dir = project.database.migrations }) do
    local version = string.match(name, "^(%d+)_.*%.sql$")
    if version then versions[#versions + 1] = version end
  end
  table.sort(versions)
  return versions
end

-- Those of `wanted` that a database has not had yet.
function release.pending(environment, wanted)
  local has, missing = {}, json.array {}
  for _, row in ipairs(supabase.migrations { environment = environment }) do
    has[row.version] = true
  end
  for _, version in ipairs(wanted) do
    if not has[version] then missing[#missing + 1] = version end
  end
  return missing
end

-- Which of the project's parts a list of changed paths touches.
function release.parts(paths)
  local touched = json.array {}
  for job, part in pairs(project.parts) do
    local hit = false
    for _, path in ipairs(paths) do
      for _, prefix in ipairs(part.paths) do
        hit = hit or string.sub(path, 1, #prefix) == prefix
      end
    end
    if hit then touched[#touched + 1] = job end
  end
  return touched
end

return release
