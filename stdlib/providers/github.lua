-- GitHub: pull requests, checks, refs, workflow runs, releases and deployments of the
-- project's repository. The repository is `repository.github` of pipe.yaml ("owner/name"), the
-- credential is `github`. The verbs lie in shared/github_*.lua, each beside what it does.

local host = ...

local api = host.require "github_api"

local verbs = {}
for _, part in ipairs { "pulls", "checks", "refs", "runs", "dispatch", "release" } do
  for name, row in pairs(host.require("github_" .. part).verbs) do
    verbs[name] = row
  end
end

return {
  name = "github",
  summary = "Pull requests, checks, refs, workflow runs, releases and deployments on GitHub",
  errors = api.errors,
  retries = "reads are asked again up to three times after 500, 502, 503, 504 or no answer; a request "
    .. "over a rate limit was not carried out and is sent again after the wait (Retry-After, else the "
    .. "limit's reset, else a minute, then twice that); a write is sent once, and looked for when its "
    .. "answer is lost",
  verbs = verbs,
}
