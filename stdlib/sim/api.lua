-- The team's own API as its users see it: GET /health of each environment
-- answers with the commit of the deployment that serves now.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"
local railway = sim.require "railway"

local M = {}

--- The environment behind a host name; nil when it is none of the world's.
function M.environment(w, host)
  for name, env in core.sorted(w.s.spec.railway.environments) do
    if env.url == host then
      return name
    end
  end
end

local function version_of(w, sha)
  local text = repo.read(w, sha, w.s.spec.api.version_file)
  return text and text:match('"version"%s*:%s*"([^"]+)"') or "0.0.0"
end

function M.request(w, req, env)
  if req.path ~= w.s.spec.api.health then
    return core.answer(404, { error = "not found" })
  elseif req.method ~= "GET" and req.method ~= "HEAD" then
    return core.answer(405, { error = "method not allowed" })
  end
  local d = railway.serving(w, env)
  if not d then
    return core.answer(503, { status = "error", code = 503,
      message = "Application failed to respond" })
  end
  local commit = w.s.serves[env] or d.commit
  local answer = core.answer(200, { status = "ok", commit = commit, environment = env,
    version = version_of(w, commit) })
  if req.method == "HEAD" then
    answer.body = ""
  end
  return answer
end

return M
