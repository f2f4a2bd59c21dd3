-- What GitHub says about a commit's checks, and what a branch requires of them.

local sim = ...
local core = sim.require "core"
local repo = sim.require "repo"
local actions = sim.require "actions"
local shape = sim.require "github_shape"
local more = sim.require "github_shape_more"
local common = sim.require "github_common"
local refs = sim.require "github_refs"

local M = {}

local function fits(query, name, status, app)
  return (not query.check_name or query.check_name == name)
    and (not query.status or query.status == status)
    and (not query.app_id or query.app_id == tostring(app))
end

function M.check_runs(w, req, name)
  local sha, missing = refs.commit_or_error(w, name)
  if not sha then
    return missing
  end
  local out = {}
  for _, check in ipairs(actions.checks(w, sha)) do
    if fits(req.query, check.job.name, check.job.status, 15368) then
      out[#out + 1] = shape.check_run(w, check.run, check.job)
    end
  end
  for _, check in ipairs(actions.foreign(w, sha)) do
    if fits(req.query, check.name, check.status, check.app_id) then
      out[#out + 1] = more.foreign_check(w, check)
    end
  end
  return common.listed(req, out, "check_runs")
end

local function statuses_of(w, sha)
  local out, seen = {}, {}
  for i = #w.s.statuses, 1, -1 do
    local status = w.s.statuses[i]
    if status.sha == sha and not seen[status.context] then
      seen[status.context] = true
      out[#out + 1] = status
    end
  end
  return out
end

function M.combined_status(w, req, name)
  local sha, missing = refs.commit_or_error(w, name)
  if not sha then
    return missing
  end
  local newest = statuses_of(w, sha)
  local state, shapes = #newest > 0 and "success" or "pending", {}
  for i, status in ipairs(newest) do
    if status.state == "failure" or status.state == "error" then
      state = "failure"
    elseif status.state == "pending" and state ~= "failure" then
      state = "pending"
    end
    shapes[i] = shape.status(w, status)
  end
  local some, headers = common.page_of(req, shapes)
  local url = shape.base(w) .. "/commits/" .. sha
  return core.answer(200, { state = state, statuses = some, sha = sha, total_count = #newest,
    repository = shape.minimal_repo(w), commit_url = url, url = url .. "/status" }, headers)
end

local STATES = { error = true, failure = true, pending = true, success = true }

function M.post_status(w, req, name)
  local sha, missing = refs.commit_or_error(w, name)
  local body = core.body(req) or {}
  if not sha then
    return missing
  elseif not STATES[body.state] then
    return common.invalid("Validation Failed", core.list { { resource = "Status", code = "custom",
      field = "state", message = "state is not included in the list" } })
  end
  local status = { id = core.id(w, "status"), sha = sha,
    context = core.some(body.context) or "default", state = body.state,
    description = core.some(body.description), target_url = core.some(body.target_url),
    created = w.s.now }
  table.insert(w.s.statuses, status)
  core.record(w, "github", "github.status", core.short(sha) .. " " .. status.context,
    { state = status.state })
  local out = shape.status(w, status)
  out.creator = shape.user(req.who.login)
  return core.answer(201, out)
end

-- What is required ---------------------------------------------------------------

function M.protection(w, req, branch)
  local source = w.s.spec.protection[branch]
  if not repo.head(w, branch) then
    return common.problem(404, "Branch not found")
  elseif not req.who.admin then
    return common.problem(403, "Resource not accessible by personal access token")
  elseif #common.rows_of(source) == 0 then
    return common.problem(404, "Branch not protected")
  end
  local url = shape.base(w) .. "/branches/" .. core.escape(branch)
    .. "/protection/required_status_checks"
  local checks, contexts = core.list {}, core.list {}
  for i, check in ipairs(common.rows_of(source)) do
    contexts[i] = check.name
    checks[i] = { context = check.name, app_id = check.app_id or sim.null }
  end
  return core.answer(200, { url = url, strict = common.is_strict(source), contexts = contexts,
    contexts_url = url .. "/contexts", checks = checks })
end

function M.rules(w, req, branch)
  local source, out = w.s.spec.rules[branch], {}
  local rows = common.rows_of(source)
  if #rows > 0 then
    local checks = core.list {}
    for i, check in ipairs(rows) do
      checks[i] = { context = check.name, integration_id = check.app_id }
    end
    out[1] = { type = "required_status_checks", ruleset_source_type = "Repository", ruleset_id = 42,
      ruleset_source = w.s.spec.repository.github,
      parameters = { required_status_checks = checks,
        strict_required_status_checks_policy = common.is_strict(source),
        do_not_enforce_on_create = false } }
  end
  return common.listed(req, out)
end

return M
