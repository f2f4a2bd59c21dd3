-- The providers github, railway and supabase against the simulated world.
-- Loaded with (sim, tools); returns name -> function.

local sim, tools = ...
local open = sim.require "world".open
local stand_in = tools.load("tests/lua/sim_host.lua", sim)

local function equal(got, want)
  if got ~= want then
    error(("got %s, want %s"):format(tostring(got), tostring(want)), 2)
  end
end

local function new(spec, options)
  local dir = tools.tmp()
  local w = open { spec = spec, dir = dir }
  local host, facts = stand_in(w, options)
  local set = { w = w, s = w.state(), host = host, facts = facts, dir = dir }
  local shared = {}
  host.require = host.require or function (name)
    shared[name] = shared[name] or tools.load("stdlib/providers/shared/" .. name .. ".lua", host)
    return shared[name]
  end
  for _, name in ipairs { "github", "railway", "supabase" } do
    local provider = tools.load("stdlib/providers/" .. name .. ".lua", host)
    set[name] = function (verb, o)
      local row = assert(provider.verbs[verb], verb)
      o = o or {}
      for key, option in pairs(row.options) do
        if o[key] == nil and option.default ~= nil then
          o[key] = option.default
        end
        assert(o[key] ~= nil or not option.required, key .. " is required")
      end
      for key in pairs(o) do
        assert(row.options[key], "unknown option " .. key)
      end
      facts.writing = row.effect ~= "read"
      local results = table.pack(pcall(row.act, o))
      facts.writing = false
      if not results[1] then
        error(results[2], 0)
      end
      return results[2]
    end
    set[name .. "_row"] = provider.verbs
  end
  return set
end

local function fails(code, words, f, ...)
  local ok, problem = pcall(f, ...)
  if ok then
    error("it did not fail", 2)
  elseif type(problem) ~= "table" or problem.code ~= code then
    error("wanted " .. code .. ", got " .. (type(problem) == "table" and tostring(problem.code)
      .. ": " .. tostring(problem.message)
      or tostring(problem)), 2)
  end
  for _, word in ipairs(words) do
    if not problem.message:find(word, 1, true) then
      error(("%q is not in %q"):format(word, problem.message), 2)
    end
  end
  return problem
end

local function push(t, ref, sha)
  sim.git.set_ref { path = t.dir .. "/git/impulse.git", ref = ref, sha = sha }
  t.w.touch(t.host.now())
end

local function overlay()
  local kept = {}
  return { get = function (name) return kept[name] end,
    set = function (name, state) kept[name] = state end }
end

local cases = {}

-- GitHub -----------------------------------------------------------------------

function cases.a_pull_request_is_read()
  local t = new()
  local pull = t.github("pull", { number = 12 })
  equal(pull.head.sha, t.s.aliases.p2)
  equal(pull.base.ref, "main")
  equal(pull.mergeable, true)
  equal(pull.mergeable_state, "clean")
  equal(pull.merged, false)
  equal(pull.author, "amirah")
  equal(t.facts.requests[1].headers["user-agent"], "pipe")
  equal(t.facts.requests[1].headers["x-github-api-version"], "2022-11-28")
  equal(#t.github("pulls", { head = "feature/plan-export" }), 1)
  equal(#t.github("pulls", { head = "feature/other" }), 0)
  equal(t.github("pull_of", { sha = t.s.aliases.p1 }).number, 12)
  equal(t.github("pull_of", { sha = t.s.aliases.c2 }), nil)
end

function cases.a_missing_pull_request_may_be_a_missing_permission()
  local t = new()
  local problem = fails("github.not-found", { "pull request #99", "no permission" }, t.github,
    "pull", { number = 99 })
  equal(problem.status, 404)
end

function cases.checks_are_a_union_with_what_is_required()
  local t = new { statuses = { { commit = "p2", context = "legacy/ci", state = "pending" } } }
  local list = t.github("checks", { sha = t.s.aliases.p2, branch = "main" })
  local by = {}
  for _, check in ipairs(list) do
    by[check.name] = check
  end
  equal(#list, 7)
  equal(by["ci-gate"].required, true)
  equal(by["ci-gate"].conclusion, "success")
  equal(by["ci-gate"].app, "github-actions")
  equal(by["db-check"].conclusion, "skipped")
  equal(by["db-check"].required, false)
  equal(by["legacy/ci"].status, "in_progress")
  equal(by["legacy/ci"].conclusion, nil)
end

function cases.a_required_check_that_is_not_there_is_expected()
  local t = new(tools.world "check-missing")
  local list = t.github("checks", { sha = t.s.aliases.c8, branch = "main" })
  local gate = list[#list]
  equal(gate.name, "ci-gate")
  equal(gate.status, "expected")
  equal(gate.required, true)
end

function cases.the_newest_run_of_a_name_counts()
  local t = new(tools.world "red-gate")
  local runs = t.github("workflow_runs", { workflow = "ci.yml", sha = t.s.aliases.p2 })
  equal(runs[1].conclusion, "failure")
  local run = t.github("workflow_run", { id = runs[1].id })
  equal(run.failed[1].name, "api-check")
  t.s.spec.checks = {}
  t.w.request({ method = "POST", url = "https://api.github.com/repos/impulse/impulse/actions/runs/"
    .. run.id .. "/rerun",
    headers = { authorization = "Bearer sim-github-token", ["user-agent"] = "x" } }, t.host.now())
  t.host.sleep(120000)
  for _, check in ipairs(t.github("checks", { sha = t.s.aliases.p2 })) do
    assert(check.conclusion == "success" or check.conclusion == "skipped", check.name .. " "
      .. tostring(check.conclusion))
  end
end

function cases.required_checks_say_what_could_not_be_read()
  local t = new()
  local all = t.github("required_checks", { branch = "main" })
  equal(all.checks[1].name, "ci-gate")
  equal(all.complete, true)
  equal(all.sources.protection, "read")
  equal(all.sources.rules, "none")
  local none = t.github("required_checks", { branch = "production" })
  equal(#none.checks, 0)
  equal(none.sources.protection, "none")
  equal(none.complete, true)
  t = new { tokens = { github = { { token = "sim-github-token", admin = false } } },
    rules = { main = { "ci-gate", "lint" } } }
  local part = t.github("required_checks", { branch = "main" })
  equal(#part.checks, 2)
  equal(part.complete, false)
  assert(part.sources.protection:find("unreadable (403", 1, true), part.sources.protection)
  fails("github.not-found", { "branch nope" }, t.github, "required_checks", { branch = "nope" })
end

function cases.a_merge_is_predicted_done_and_proved()
  local t = new()
  local row, o = t.github_row.merge, { number = 12, sha = t.s.aliases.p2, method = "merge" }
  local seen = overlay()
  local plan = row.predict(o, seen)
  equal(plan.sign, "~")
  equal(plan.result.sha, "(known after github.merge)")
  equal(seen.get "git:origin:refs/heads/main", "(known after github.merge)")
  equal(t.github_row.pull.overlay({ number = 12 }, t.github("pull", { number = 12 }), seen).merged,
    true)
  equal(#t.w.ledger(), 0)
  equal(row.probe(o).happened, false)
  local result = t.github("merge", o)
  equal(t.w.ledger()[1].target, row.target(o))
  local proof = row.probe(o)
  equal(proof.happened, true)
  equal(proof.result.sha, result.sha)
  fails("github.not-mergeable", { "merged already" }, row.predict, o, overlay())
  equal(t.github("pull_of", { sha = result.sha }).number, 12)
end

function cases.a_merge_refuses_a_head_that_moved()
  local t = new(tools.world "merge-head-moved")
  local o = { number = 12, sha = t.s.aliases.p2 }
  local problem = fails("github.head-moved", { "#12", "Head branch was modified" }, t.github,
    "merge", o)
  equal(problem.status, 409)
  equal(#t.w.ledger(), 0)
  fails("github.head-moved", { "its head is" }, t.github_row.merge.predict, o, overlay())
end

function cases.a_merge_with_a_red_gate_is_refused_in_githubs_words()
  local t = new(tools.world "red-gate")
  local o = { number = 12, sha = t.s.aliases.p2, method = "merge" }
  fails("github.not-mergeable", { 'Required status check "ci-gate" is failing.' }, t.github,
    "merge", o)
  assert(t.github_row.merge.predict(o, overlay()).note:find("blocked", 1, true))
end

function cases.a_lost_answer_of_a_merge_is_settled_by_looking()
  local t = new { faults = { { match = { method = "PUT" }, error = "timeout", applied = true } } }
  local o = { number = 12, sha = t.s.aliases.p2 }
  local problem = fails("http.timeout", {}, t.github, "merge", o)
  equal(problem.unknown, true)
  equal(t.github_row.merge.probe(o).happened, true)
end

function cases.a_server_error_is_retried_for_reads_and_unknown_for_writes()
  local t = new { faults = { { match = { system = "github" }, times = 2, answer = { status = 502,
    body = "<html>bad</html>" } },
    { match = { method = "PUT" }, answer = { status = 502, body = "<html>bad</html>" } } } }
  equal(t.github("pull", { number = 12 }).number, 12)
  equal(t.facts.slept, 3000)
  local problem = fails("github.unavailable", { "502", "<html>bad</html>" }, t.github, "merge",
    { number = 12, sha = t.s.aliases.p2 })
  equal(problem.unknown, true)
end

function cases.a_wrong_token_is_named()
  local t = new(tools.world "token-wrong")
  local problem = fails("github.unauthorized", { 'credential "github"', "Bad credentials" },
    t.github, "pull", { number = 12 })
  equal(problem.status, 401)
end

function cases.a_used_up_rate_limit_is_waited_for()
  local t = new(tools.world "rate-limit")
  for _ = 1, 20 do
    equal(t.github("pulls")[1].number, 12)
  end
  assert(t.facts.slept >= 60000 and t.facts.slept <= 130000, "slept " .. t.facts.slept)
  t = new { limits = { github = { limit = 1, window = "1h" } } }
  t.github("pulls")
  local problem = fails("github.rate-limit", { "open again in" }, t.github, "pulls")
  equal(problem.retryable, true)
end

function cases.what_did_not_change_costs_nothing()
  local t = new()
  for _ = 1, 20 do
    equal(t.github("pull", { number = 12 }).phase, "ready")
  end
  equal(t.s.spent.github.used, 1)
  equal(t.s.github.unchanged, 19)
end

function cases.the_second_limit_is_waited_for_a_minute_and_then_two()
  local said = { status = 403, body = { message = "You have exceeded a secondary rate limit." } }
  local t = new { faults = { { match = { system = "github" }, times = 2, answer = said } } }
  equal(t.github("pull", { number = 12 }).number, 12)
  equal(t.facts.slept, 180000)
  said = { status = 429, headers = { ["retry-after"] = "7" }, body = { message = "slow down" } }
  t = new { faults = { { match = { system = "github" }, answer = said } } }
  equal(t.github("pull", { number = 12 }).number, 12)
  equal(t.facts.slept, 7000)
  said = { status = 403, body = { message = "Resource not accessible by integration" } }
  t = new { faults = { { match = { system = "github" }, times = "always", answer = said } } }
  fails("github.forbidden", { "Resource not accessible" }, t.github, "pull", { number = 12 })
  equal(t.facts.slept, 0)
end

function cases.points_of_the_second_limit_are_counted()
  local t = new { limits = { github = { limit = 5000, window = "1h", points = 4 } } }
  for _ = 1, 6 do
    t.github("pulls")
  end
  assert(t.facts.slept > 50000 and t.facts.slept <= 62000, "slept " .. t.facts.slept)
end

function cases.a_check_is_judged_by_its_app()
  local t = new { protection = { main = { { name = "ci-gate", app_id = 15368 } } },
    rules = { main = { { name = "audit", app_id = 4711 }, { name = "ci-gate" } } },
    github = { check_runs = {
      { commit = "p2", name = "audit", app = "imposter", app_id = 666 },
      { commit = "p2", name = "ci-gate", app = "imposter", app_id = 666, conclusion = "failure" } } } }
  local o = { sha = t.s.aliases.p2, branch = "main" }
  local verdict = t.github("verdict", o)
  equal(#verdict.checks, 2)
  equal(verdict.state, "moving")
  equal(verdict.checks[1].name .. " " .. verdict.checks[1].phase, "ci-gate good")
  equal(verdict.checks[1].app_id, 15368)
  equal(verdict.checks[2].name .. " " .. verdict.checks[2].status, "audit expected")
  equal(verdict.checks[2].app_id, 4711)
  -- Pinned to nobody, the failure of the other app counts.
  t = new { protection = { main = { "ci-gate" } }, github = { check_runs = {
    { commit = "p2", name = "ci-gate", app = "imposter", app_id = 666, conclusion = "failure" } } } }
  o.sha = t.s.aliases.p2
  equal(t.github("verdict", o).state, "bad")
end

function cases.a_ref_that_somebody_moves_meanwhile_is_noticed()
  local t = new { events = { { when = { request = { method = "GET", path = "*/git/ref/*production" },
    nth = 2 }, ["do"] = { ref = { name = "production", to = "c5" } } } } }
  fails("github.moved", { "somebody moved it at the same time" }, t.github, "move_ref",
    { ref = "heads/production", sha = t.s.aliases.c8, expect = t.s.aliases.c4 })
end

function cases.reads_that_lag_do_not_hide_what_was_done()
  local t = new { github = { read_lag = "4s" } }
  local o = { ref = "heads/production", sha = t.s.aliases.c8, expect = t.s.aliases.c4 }
  local moved = t.github("move_ref", o)
  equal(moved.changed, true)
  equal(moved.confirmed, true)
  equal(t.facts.slept, 4000)
  t = new { github = { read_lag = "60s" } }
  equal(t.github("move_ref", o).confirmed, false)
  -- A probe waits for lagging reads before it says no, and never says no to a third commit.
  t = new { github = { read_lag = "4s" }, faults = { { match = { method = "PATCH" },
    error = "reset", applied = true } } }
  fails("http.reset", {}, t.github, "move_ref", o)
  equal(t.github_row.move_ref.probe(o).happened, true)
  push(t, "refs/heads/production", t.s.aliases.c4)
  t.host.sleep(5000)
  equal(t.github_row.move_ref.probe(o).happened, false)
end

function cases.what_the_token_of_a_workflow_moves_starts_nothing()
  for _, silent in ipairs { true, false } do
    local t = new { tokens = { github = { { token = "sim-github-token", workflow = silent } } } }
    local before = #t.s.runs
    t.github("create_tag", { name = "v9.0.0", sha = t.s.aliases.c8 })
    equal(#t.s.runs - before, silent and 0 or 1)
  end
end

function cases.a_token_without_a_permission_is_told_apart_from_a_limit()
  local t = new { tokens = { github = { { token = "sim-github-token",
    permissions = { contents = "read", pull_requests = "read", checks = "none" } } } } }
  fails("github.forbidden", { "may not do this" }, t.github, "create_tag", { name = "v9",
    sha = t.s.aliases.c8 })
  fails("github.not-found", { "no permission to see it" }, t.github, "checks",
    { sha = t.s.aliases.c8 })
  equal(t.github("read_ref", { ref = "heads/main" }).sha, t.s.aliases.c8)
  equal(t.facts.slept, 0)
end

function cases.a_phase_says_what_a_pull_request_waits_for()
  local t = new { mergeable_after = "30s" }
  equal(t.github("pull", { number = 12 }).phase, "computing")
  t.host.sleep(31000)
  equal(t.github("pull", { number = 12 }).phase, "ready")
  t = new { checks = { ["ci-gate"] = { conclusion = "failure" } } }
  equal(t.github("pull", { number = 12 }).phase, "blocked")
  t = new { protection = { main = { checks = { "ci-gate" }, strict = true } } }
  equal(t.github("pull", { number = 12 }).phase, "behind")
  t.github("update_branch", { number = 12, sha = t.s.aliases.p2 })
  assert(t.github("pull", { number = 12 }).head.sha ~= t.s.aliases.p2)
end

function cases.a_run_with_an_unknown_word_is_neither_good_nor_over()
  local t = new { workflows = { ["ci.yml"] = { shows = { status = "frozen" } } } }
  equal(t.github("runs", { workflow = "ci.yml", first = 1 })[1].phase, "unknown")
  t = new { workflows = { ["ci.yml"] = { shows = { status = "completed", conclusion = "great" } } } }
  equal(t.github("runs", { workflow = "ci.yml", first = 1 })[1].phase, "unknown")
end

function cases.words_nobody_knows_are_never_good()
  local t = new { checks = { ["ci-gate"] = { conclusion = "splendid" } } }
  equal(t.github("verdict", { sha = t.s.aliases.p2, branch = "main" }).state, "unknown")
  fails("github.nothing-required", { "nothing can be said" }, t.github, "verdict",
    { sha = t.s.aliases.p2, branch = "production" })
  equal(t.github("verdict", { sha = t.s.aliases.p2, names = { "nobody" } }).state, "moving")
end

function cases.lists_are_read_to_the_last_page()
  local jobs = {}
  for i = 1, 130 do
    jobs[("job-%03d"):format(i)] = { duration = "1s" }
  end
  local t = new { workflows = { ["many.yml"] = { triggers = { push = { branches = { "main" } } },
    jobs = jobs } } }
  local n = 0
  for _, check in ipairs(t.github("checks", { sha = t.s.aliases.c8 })) do
    n = n + (check.name:find("^job%-") and 1 or 0)
  end
  equal(n, 130)
end

function cases.another_address_is_used_where_given()
  local options = { project = { repository = { github = "impulse/impulse" }, providers = {
    github = { url = "http://127.0.0.1:1/api.github.com" } } } }
  local t = new(nil, options)
  local inner = t.host.http
  t.host.http = function (o)
    assert(o.url:find("^http://127.0.0.1:1/api.github.com/"), o.url)
    o.url = o.url:gsub("^http://127.0.0.1:1/", "https://")
    return inner(o)
  end
  equal(#t.github("workflow_runs", { first = 100 }), 11)
end

-- Railway ------------------------------------------------------------------------

function cases.the_deployment_of_a_commit_is_found_and_followed()
  local t = new()
  local row = t.railway("deployment_of", { environment = "staging", commit = t.s.aliases.c8 })
  equal(row.status, "BUILDING")
  equal(row.phase, "moving")
  t.host.sleep(60000)
  row = t.railway("deployment", { environment = "staging", id = row.id })
  equal(row.status, "SUCCESS")
  equal(row.phase, "good")
  equal(row.author, "Ingrid Berg")
  equal(t.railway("deployment_of", { environment = "production", commit = t.s.aliases.c8 }), nil)
  equal(t.railway("deployment_of", { environment = "staging", commit = t.s.aliases.c7,
    since = t.host.now() }), nil)
  equal(t.railway("deployment_of", { environment = "staging", commit = t.s.aliases.c2 }).phase,
    "bad")
  equal(t.railway("active", { environment = "staging" })[1].commit, t.s.aliases.c8)
  equal(#t.railway("deployments", { environment = "staging", first = 3 }), 3)
end

function cases.triggers_tell_whether_ci_is_waited_for()
  local t = new { railway = { environments = { production = { wait_for_ci = false } } } }
  equal(t.railway("triggers", { environment = "staging" })[1].wait_for_ci, true)
  local trigger = t.railway("triggers", { environment = "production" })[1]
  equal(trigger.wait_for_ci, false)
  equal(trigger.branch, "production")
end

function cases.a_token_of_another_environment_is_refused()
  local t = new { credentials = { ["railway-production"] = "sim-railway-staging-token" } }
  local problem = fails("railway.scope", { 'environment "staging"', 'wants "production"',
    '"railway-production"' }, t.railway,
    "deployments", { environment = "production" })
  equal(problem.refused, true)
end

function cases.not_authorized_is_explained()
  local t = new { credentials = { ["railway-staging"] = "nope" } }
  fails("railway.graphql", { "Not Authorized", "wrong token", '"railway-staging"' }, t.railway,
    "scope", { environment = "staging" })
end

function cases.errors_with_status_200_are_errors()
  local t = new(tools.world "graphql-errors")
  fails("railway.graphql", { "Problem processing request" }, t.railway, "deployments",
    { environment = "staging" })
end

function cases.an_html_page_says_that_the_service_is_away()
  local t = new(tools.world "http-502-html")
  local problem = fails("railway.unavailable", { "502", "502 Bad Gateway" }, t.railway, "deployments",
    { environment = "staging" })
  equal(problem.retryable, true)
  equal(problem.status, 502)
  t = new(tools.world "http-502-once")
  t.railway("deployments", { environment = "staging" })
  equal(#t.railway("deployments", { environment = "staging" }), 7)
  equal(t.facts.slept, 1000)
end

function cases.an_account_token_needs_the_project()
  local project = "6f0c1a52-7d35-4a0e-9c4b-2f1f6f0a1e01"
  local t = new(nil,
    { project = { providers = { railway = { auth = "account", project = project } } },
    environments = { staging = {}, production = { railway = { service = "web" } } } })
  equal(t.railway("scope", { environment = "staging" }).service.name, "api")
  fails("railway.scope", { 'has no service "web"', "api" }, t.railway, "scope",
    { environment = "production" })
end

function cases.railways_rate_limit_is_waited_for()
  local t = new { limits = { railway = { limit = 3, window = "30s" } } }
  equal(#t.railway("deployments", { environment = "staging" }), 7)
  equal(#t.railway("deployments", { environment = "staging" }), 7)
  equal(t.facts.slept, 30000)
end

-- Supabase -----------------------------------------------------------------------

function cases.the_migrations_of_a_database_are_read()
  local t = new()
  local staging, production = t.supabase("migrations", { environment = "staging" }),
    t.supabase("migrations", { environment = "production" })
  equal(#staging, 4)
  equal(#production, 3)
  equal(staging[4].version, "20261118093000")
  equal(staging[4].name, "training_plans")
  local health = t.supabase("health", { environment = "staging" })
  equal(#health, 3)
  equal(health[1].healthy, true)
end

function cases.a_database_without_a_history_has_an_empty_one()
  local t = new { supabase = { projects = { staging = { no_history = true } } } }
  equal(#t.supabase("migrations", { environment = "staging" }), 0)
end

function cases.a_wrong_supabase_token_is_named()
  local t = new { credentials = { supabase = "nope" } }
  fails("supabase.unauthorized", { '"supabase"', "Unauthorized" }, t.supabase, "migrations",
    { environment = "staging" })
end

-- The endings of the release ---------------------------------------------------------

-- Promotes main's head and waits until its production deployment is over, or ten minutes.
local function promote(name)
  local t = new(tools.world(name))
  t.host.sleep(60000)
  push(t, "refs/heads/production", t.s.aliases.c8)
  local row
  for _ = 1, 60 do
    t.host.sleep(10000)
    row = t.railway("deployment_of", { environment = "production", commit = t.s.aliases.c8 })
    if row and (row.phase == "bad" or row.status == "SUCCESS") then
      break
    end
  end
  return t, row
end

function cases.a_production_deployment_can_end_in_many_ways()
  local _, row = promote "deploy-failed"
  equal(row.status .. " " .. row.phase, "FAILED bad")
  _, row = promote "deploy-skipped"
  equal(row.status .. " " .. row.phase, "SKIPPED bad")
  _, row = promote "deploy-unknown-status"
  equal(row.status .. " " .. row.phase, "TELEPORTING unknown")
  _, row = promote "deploy-never-ends"
  equal(row.status .. " " .. row.phase, "BUILDING moving")
  local t
  t, row = promote "deploy-crashed-after-success"
  equal(row.status, "SUCCESS")
  t.host.sleep(60000)
  row = t.railway("deployment", { environment = "production", id = row.id })
  equal(row.status .. " " .. row.phase, "CRASHED bad")
  equal(#t.railway("active", { environment = "production" }), 0)
end

function cases.a_failed_migration_stops_the_deployment()
  local t, row = promote "migration-workflow-failed"
  equal(row.status, "SKIPPED")
  local run = t.github("workflow_runs", { workflow = "deploy-production.yml",
    sha = t.s.aliases.c8 })[1]
  equal(run.conclusion, "failure")
  equal(t.github("workflow_run", { id = run.id }).failed[1].name, "db-push")
  equal(#t.supabase("migrations", { environment = "production" }), 3)
end

function cases.staging_can_fail()
  local t = new(tools.world "staging-failed")
  t.host.sleep(120000)
  local row = t.railway("deployment_of", { environment = "staging", commit = t.s.aliases.c8 })
  equal(row.status, "FAILED")
  equal(t.railway("active", { environment = "staging" })[1].commit, t.s.aliases.c7)
end

function cases.branches_move_under_ones_feet()
  for name, branch in pairs { ["main-moves"] = "main", ["production-moves"] = "production" } do
    local t = new(tools.world(name))
    local before = t.s.refs["refs/heads/" .. branch]
    t.host.sleep(58000)
    equal(t.railway("deployment_of", { environment = "staging", commit = t.s.aliases.c8 }).status,
      "SUCCESS")
    equal(t.s.refs["refs/heads/" .. branch], before)
    t.host.sleep(1000)
    assert(t.s.refs["refs/heads/" .. branch] ~= before, branch .. " did not move")
    equal(#t.w.ledger(), 0)
  end
end

return cases
