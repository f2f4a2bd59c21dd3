-- The simulated world by itself: the plain Friday, time, refs, the ledger.
-- Loaded with (sim, tools); returns name -> function.

local sim, tools = ...
local open = sim.require "world".open

local MINUTE = 60000
local AUTH = { authorization = "Bearer sim-github-token", ["user-agent"] = "test" }

local function equal(got, want)
  if got ~= want then
    error(("got %s, want %s"):format(tostring(got), tostring(want)), 2)
  end
end

local function new(spec)
  local dir = tools.tmp()
  local w = open { spec = spec, dir = dir }
  return w, w.state(), dir
end

local function get(w, url, now, headers)
  local answer = w.request({ method = "GET", url = url, headers = headers or AUTH }, now or w.now())
  return answer, answer.body and answer.body ~= "" and pcall(sim.json.decode, answer.body)
    and sim.json.decode(answer.body) or nil
end

local function github(w, path, now)
  return get(w, "https://api.github.com/repos/impulse/impulse" .. path, now)
end

local function railway(w, query, token, now)
  local answer = w.request({ method = "POST", url = "https://backboard.railway.com/graphql/v2",
    headers = { ["project-access-token"] = token or "sim-railway-staging-token" },
    body = sim.json.encode { query = query } },
    now or w.now())
  return answer, sim.json.decode(answer.body)
end

local function push(w, dir, ref, sha, now)
  sim.git.set_ref { path = dir .. "/git/impulse.git", ref = ref, sha = sha }
  w.touch(now or w.now())
end

local function served(w, host, now)
  local answer, body = get(w, "https://" .. host .. "/health", now)
  return answer.status == 200 and body.commit or answer.status
end

-- After a round through JSON, so that what JSON cannot carry does not count.
local function stable(state)
  return sim.sha256(sim.json.encode(sim.json.decode(sim.json.encode(state))))
end

local cases = {}

function cases.staging_builds_mains_head_at_the_start_and_is_done_a_minute_later()
  local w, s = new()
  equal(s.deployments[#s.deployments].status, "BUILDING")
  equal(served(w, "api-stg.impulseai.app"), s.aliases.c7)
  equal(served(w, "api-stg.impulseai.app", w.now() + 30000), s.aliases.c7)
  equal(served(w, "api-stg.impulseai.app", w.now() + 31000), s.aliases.c8)
  equal(served(w, "api.impulseai.app"), s.aliases.c4)
end

function cases.production_is_four_commits_of_three_people_behind()
  local w = new()
  local _, body = github(w, "/compare/production...main")
  equal(body.status, "ahead")
  equal(body.ahead_by, 4)
  local people, n = {}, 0
  for _, commit in ipairs(body.commits) do
    if not people[commit.author.login] then
      people[commit.author.login], n = true, n + 1
    end
  end
  equal(n, 3)
end

function cases.the_same_seed_makes_the_same_world()
  local _, a = new()
  local _, b = new()
  equal(sim.json.encode(a), sim.json.encode(b))
  local _, c = new { seed = 2 }
  equal(c.aliases.c8, a.aliases.c8)
  assert(c.deployments[1].id ~= a.deployments[1].id, "another seed, the same ids")
end

function cases.a_promotion_migrates_and_deploys_in_that_order()
  local w, s, dir = new()
  local t = w.now() + 2 * MINUTE
  push(w, dir, "refs/heads/production", s.aliases.c8, t)
  equal(#w.ledger(), 1)
  equal(w.ledger()[1].effect, "git.push")
  equal(w.ledger()[1].target, ("production %s..%s"):format(s.aliases.c4:sub(1, 7),
    s.aliases.c8:sub(1, 7)))
  equal(s.deployments[#s.deployments].status, "WAITING")
  local _, none = github(w, "/actions/workflows/deploy-production.yml/runs?head_sha="
    .. s.aliases.c8, t + 1000)
  equal(none.total_count, 0)
  local _, one = github(w, "/actions/workflows/deploy-production.yml/runs?head_sha="
    .. s.aliases.c8, t + 4000)
  equal(one.workflow_runs[1].status, "in_progress")
  equal(#s.migrations.production, 3)
  _, one = github(w, "/actions/workflows/deploy-production.yml/runs?head_sha=" .. s.aliases.c8,
    t + 64000)
  equal(one.workflow_runs[1].conclusion, "success")
  equal(#s.migrations.production, 4)
  equal(served(w, "api.impulseai.app"), s.aliases.c4)
  equal(served(w, "api.impulseai.app", t + 3 * MINUTE), s.aliases.c8)
  equal(#w.ledger(), 1)
end

function cases.tags_and_branches_have_words_of_their_own_in_the_ledger()
  local w, s, dir = new()
  local short = s.aliases.c8:sub(1, 7)
  push(w, dir, "refs/tags/v1.5.0", s.aliases.c8)
  push(w, dir, "refs/heads/release", s.aliases.c8)
  push(w, dir, "refs/heads/release", "")
  equal(w.ledger()[1].target, "tag v1.5.0 " .. short)
  equal(w.ledger()[2].target, "release +" .. short)
  equal(w.ledger()[3].target, "release -" .. short)
  w.touch(w.now())
  equal(#w.ledger(), 3)
end

function cases.more_than_three_tags_at_once_start_nothing()
  for _, n in ipairs { 3, 4 } do
    local w, s, dir = new()
    local before = #s.runs
    for i = 1, n do
      sim.git.set_ref { path = dir .. "/git/impulse.git", ref = "refs/tags/v9." .. i,
        sha = s.aliases.c8 }
    end
    w.touch(w.now())
    equal(#s.runs - before, n == 3 and 3 or 0)
    equal(#w.ledger(), n)
  end
end

function cases.a_commit_that_says_skip_ci_starts_nothing()
  for words, count in pairs { ["[skip ci]"] = 0, ["\n\nskip-checks: true"] = 0, ["skip ci"] = 1 } do
    local w, s, dir = new()
    local before = #s.runs
    local sha = sim.git.commit { path = dir .. "/git/impulse.git", parents = { s.aliases.c8 },
      files = { ["a.txt"] = "1\n" }, message = "a " .. words, author = "A B <a@b.example>",
      time = w.now() }
    push(w, dir, "refs/heads/main", sha)
    equal(#s.runs - before, count)
  end
end

function cases.an_annotated_tag_counts_as_its_commit()
  local w, s, dir = new()
  local tag = sim.git.tag { path = dir .. "/git/impulse.git", name = "v9", sha = s.aliases.c8,
    message = "nine", author = "A B <a@b.example>", time = w.now() }
  push(w, dir, "refs/tags/v9", tag)
  equal(w.ledger()[1].target, "tag v9 " .. s.aliases.c8:sub(1, 7))
  equal(s.runs[#s.runs].sha, s.aliases.c8)
  local _, ref = github(w, "/git/ref/tags/v9")
  equal(ref.object.type .. " " .. ref.object.sha, "tag " .. tag)
  local _, object = github(w, "/git/tags/" .. tag)
  equal(object.message, "nine")
  w.touch(w.now())
  equal(#w.ledger(), 1)
end

function cases.a_commit_pushed_from_outside_is_known()
  local w, s, dir = new()
  local sha = sim.git.commit { path = dir .. "/git/impulse.git", parents = { s.aliases.c8 },
    files = { ["apps/api/a.ts"] = "1\n" },
    message = "api: from outside", author = "A B <a@b.example>", time = w.now() }
  push(w, dir, "refs/heads/main", sha)
  local _, commit = github(w, "/commits/" .. sha)
  equal(commit.commit.message, "api: from outside")
  equal(commit.files[1].filename, "apps/api/a.ts")
  local _, runs = github(w, "/actions/runs?head_sha=" .. sha, w.now() + 3000)
  equal(runs.workflow_runs[1].event, "push")
end

function cases.a_merge_is_one_entry_and_moves_main()
  local w, s = new()
  local answer = w.request({ method = "PUT",
    url = "https://api.github.com/repos/impulse/impulse/pulls/12/merge", headers = AUTH,
    body = sim.json.encode { sha = s.aliases.p2 } }, w.now())
  equal(answer.status, 200)
  local merged = sim.json.decode(answer.body)
  w.touch(w.now() + 1000)
  equal(#w.ledger(), 1)
  equal(w.ledger()[1].effect, "github.merge")
  equal(w.ledger()[1].target, "#12 " .. s.aliases.p2:sub(1, 7))
  local _, ref = github(w, "/git/ref/heads/main")
  equal(ref.object.sha, merged.sha)
  local _, commit = github(w, "/commits/" .. merged.sha)
  equal(#commit.parents, 2)
  local _, pull = github(w, "/pulls/12")
  equal(pull.merged, true)
  equal(pull.merge_commit_sha, merged.sha)
  equal(served(w, "api-stg.impulseai.app", w.now() + 5 * MINUTE), merged.sha)
end

function cases.squash_and_rebase_make_commits_with_one_parent()
  for _, method in ipairs { "squash", "rebase" } do
    local w, s = new()
    local answer = w.request({ method = "PUT",
      url = "https://api.github.com/repos/impulse/impulse/pulls/12/merge",
      headers = AUTH, body = sim.json.encode { sha = s.aliases.p2, merge_method = method } },
        w.now())
    equal(answer.status, 200)
    local _, compare = github(w, "/compare/" .. s.aliases.c8 .. "...main")
    equal(compare.ahead_by, method == "squash" and 1 or 2)
    equal(#compare.commits[1].parents, 1)
    equal(#compare.files, 1)
  end
end

local function try_merge(w, body)
  local answer = w.request({ method = "PUT",
    url = "https://api.github.com/repos/impulse/impulse/pulls/12/merge", headers = AUTH,
    body = sim.json.encode(body) }, w.now())
  return answer.status, sim.json.decode(answer.body).message
end

function cases.a_merge_is_refused_in_githubs_words()
  local w, s = new(tools.world "red-gate")
  local status, message = try_merge(w, { sha = s.aliases.p2 })
  equal(status, 405)
  equal(message, 'Required status check "ci-gate" is failing.')
  w, s = new(tools.world "check-missing")
  status, message = try_merge(w, { sha = s.aliases.p2 })
  equal(status, 405)
  equal(message, 'Required status check "ci-gate" is expected.')
  status, message = try_merge(w, { sha = s.aliases.p1 })
  equal(status, 409)
  equal(message, "Head branch was modified. Review and try the merge again.")
  w, s = new { repository = { merge_methods = { "squash" } } }
  status, message = try_merge(w, { sha = s.aliases.p2 })
  equal(status, 405)
  equal(message, "Merge commits are not allowed on this repository.")
  equal(#w.ledger(), 0)
end

function cases.a_conflict_is_not_mergeable()
  local w, s = new { events = { { when = { after = "1s" }, ["do"] = { push = { branch = "main",
    files = { ["apps/api/src/export.ts"] = "export const exportPlan = 1\n" } } } } } }
  w.touch(w.now() + 2000)
  local _, pull = github(w, "/pulls/12")
  equal(pull.mergeable, false)
  equal(pull.mergeable_state, "dirty")
  equal(try_merge(w, { sha = s.aliases.p2 }), 405)
end

function cases.mergeable_is_null_while_github_works_it_out()
  local w = new { mergeable_after = "5s" }
  local _, pull = github(w, "/pulls/12")
  equal(pull.mergeable, sim.null)
  equal(pull.mergeable_state, "unknown")
  _, pull = github(w, "/pulls/12", w.now() + 5000)
  equal(pull.mergeable, true)
  equal(pull.mergeable_state, "clean")
end

function cases.auth_is_checked_in_each_vendors_words()
  local w = new()
  local url = "https://api.github.com/repos/impulse/impulse/pulls/12"
  local answer, body = get(w, url, nil, { ["user-agent"] = "x" })
  equal(answer.status, 401)
  equal(body.message, "Requires authentication")
  answer, body = get(w, url, nil, { ["user-agent"] = "x", authorization = "Bearer nope" })
  equal(answer.status, 401)
  equal(body.message, "Bad credentials")
  answer = get(w, url, nil, { authorization = "Bearer sim-github-token" })
  equal(answer.status, 403)
  for _, token in ipairs { "nope", "sim-railway-account-token" } do
    answer, body = railway(w, "{ projectToken { projectId } }", token)
    equal(answer.status, 200)
    equal(body.errors[1].message, "Not Authorized")
    equal(body.data, sim.null)
  end
  answer, body = get(w, "https://api.supabase.com/v1/projects", nil,
    { authorization = "Bearer nope" })
  equal(answer.status, 401)
  equal(body.message, "Unauthorized")
end

function cases.a_project_token_sees_its_environment_only()
  local w, s = new()
  local production = s.spec.railway.environments.production.id
  local _, body = railway(w,
    ('{ deployments(input: {environmentId: "%s"}) { edges { node { id } } } }'):format(production))
  equal(body.errors[1].message, "Not Authorized")
  _, body = railway(w, "{ projectToken { environment { name } } }", "sim-railway-production-token")
  equal(body.data.projectToken.environment.name, "production")
  _, body = railway(w, "{ me { id } }")
  equal(body.errors[1].message, "Not Authorized")
end

function cases.a_read_only_github_token_may_not_merge()
  local w, s = new { tokens = { github = { { token = "sim-github-token", write = false,
    admin = false } } } }
  equal(try_merge(w, { sha = s.aliases.p2 }), 403)
  equal(github(w, "/branches/main/protection/required_status_checks").status, 403)
  equal(github(w, "/rules/branches/main").status, 200)
end

function cases.only_a_success_serves()
  local w, s, dir = new(tools.world "deploy-crashed-after-success")
  local t = w.now()
  push(w, dir, "refs/heads/production", s.aliases.c8, t)
  equal(served(w, "api.impulseai.app", t + 150000), s.aliases.c4)
  equal(served(w, "api.impulseai.app", t + 155000), s.aliases.c8)
  equal(served(w, "api.impulseai.app", t + 4 * MINUTE), 503)
end

function cases.a_newer_deployment_supersedes_the_one_in_motion()
  local w, s = new()
  local merged = w.request({ method = "PUT",
    url = "https://api.github.com/repos/impulse/impulse/pulls/12/merge",
    headers = AUTH, body = sim.json.encode { sha = s.aliases.p2 } }, w.now())
  equal(merged.status, 200)
  local n = #s.deployments
  equal(s.deployments[n - 1].status, "REMOVED")
  equal(s.deployments[n].status, "WAITING")
end

function cases.an_unknown_host_cannot_be_reached()
  local w = new()
  local answer = get(w, "https://api.vercel.example/v1")
  equal(answer.error, "connect")
  equal(answer.sent, false)
  equal(w.remote("git@github.com:someone/else.git"), nil)
  equal(w.remote("git@github.com:impulse/impulse.git"),
    w.remote("https://github.com/impulse/impulse.git"))
end

function cases.a_list_comes_in_pages()
  local w = new()
  local answer, body = github(w, "/actions/runs?per_page=4&page=2")
  equal(#body.workflow_runs, 4)
  equal(body.total_count, 11)
  assert(answer.headers.link:find('<https://api.github.com/repos/impulse/impulse/actions/runs?per_page=4&page=3>; rel="next"', 1, true))
  answer = github(w, "/actions/runs?per_page=4&page=3")
  assert(not answer.headers.link:find('rel="next"', 1, true))
end

function cases.an_unchanged_answer_costs_nothing()
  local w = new()
  local first = github(w, "/pulls/12")
  local again = get(w, "https://api.github.com/repos/impulse/impulse/pulls/12", nil,
    { authorization = AUTH.authorization, ["user-agent"] = "x",
      ["if-none-match"] = first.headers.etag })
  equal(again.status, 304)
  equal(again.headers["x-ratelimit-remaining"] == nil, false)
  local third = github(w, "/pulls/12")
  equal(third.headers["x-ratelimit-remaining"], "4998")
end

function cases.the_rate_limit_closes_and_opens()
  local w = new { limits = { github = { limit = 2, window = "60s" } } }
  github(w, "/pulls/12")
  github(w, "/pulls/12")
  local answer, body = github(w, "/pulls/12")
  equal(answer.status, 403)
  equal(answer.headers["x-ratelimit-remaining"], "0")
  assert(body.message:find("API rate limit exceeded", 1, true))
  equal(tonumber(answer.headers["x-ratelimit-reset"]) * 1000, w.now() + MINUTE)
  equal(github(w, "/pulls/12", w.now() + MINUTE).status, 200)
end

function cases.faults_hit_the_nth_request_so_many_times()
  local w = new { faults = { { match = { system = "github", path = "*/pulls/*" }, nth = 2,
    times = 2,
    answer = { status = 503, body = { message = "x" } } } } }
  local got = {}
  for i = 1, 4 do
    got[i] = github(w, "/pulls/12").status
  end
  equal(table.concat(got, " "), "200 503 503 200")
  equal(github(w, "/git/ref/heads/main").status, 200)
end

function cases.a_lost_answer_can_have_been_applied()
  local w, s = new { faults = { { match = { method = "PUT" }, error = "timeout",
    applied = true } } }
  local answer = w.request({ method = "PUT",
    url = "https://api.github.com/repos/impulse/impulse/pulls/12/merge", headers = AUTH,
    body = sim.json.encode { sha = s.aliases.p2 } }, w.now())
  equal(answer.error, "timeout")
  equal(answer.sent, true)
  equal(#w.ledger(), 1)
  local _, pull = github(w, "/pulls/12")
  equal(pull.merged, true)
end

function cases.a_slow_answer_says_how_slow()
  local w = new { faults = { { match = { host = "api.github.com" }, delay = "2s" } } }
  local answer = github(w, "/pulls/12")
  equal(answer.status, 200)
  equal(answer.delay_ms, 2000)
end

function cases.events_wait_for_times_requests_statuses_and_pushes()
  local w, s, dir = new { events = {
    { when = { after = "10s" }, ["do"] = { check = { name = "ci-gate", commit = "p2",
      conclusion = "failure" } } },
    { when = { request = { path = "*/git/ref/*" }, nth = 2 },
      ["do"] = { ref = { name = "gone", to = "c2" } } },
    { when = { push = "production" }, delay = "5s",
      ["do"] = { { token = { environment = "production", token = "new" } },
      { migration = { environment = "production", version = "20261119000000",
        name = "by_hand" } } } },
    { when = { workflow = { file = "deploy-production.yml", conclusion = "failure" } },
      ["do"] = { deployment = { environment = "production", serving = true,
        status = "CRASHED" } } },
    { when = { after = "20s" },
      ["do"] = { set = { path = "workflows.deploy-production.yml.duration", value = "10s" } } },
  } }
  w.touch(w.now() + 10000)
  local _, pull = github(w, "/pulls/12")
  equal(pull.mergeable_state, "blocked")
  equal(github(w, "/git/ref/heads/gone").status, 404)
  equal(github(w, "/git/ref/heads/gone").status, 200)
  w.touch(w.now() + 20000)
  push(w, dir, "refs/heads/production", s.aliases.c8)
  local _, body = railway(w, "{ projectToken { id } }", "new")
  equal(body.data, sim.null)
  _, body = railway(w, "{ projectToken { id } }", "new", w.now() + 5000)
  assert(body.data ~= sim.null, "the token did not change")
  equal(served(w, "api.impulseai.app"), s.aliases.c4)
  equal(served(w, "api.impulseai.app", w.now() + 8000), 503)
  equal(#w.ledger(), 1)
end

function cases.state_survives_json_at_any_moment()
  local w, s, dir = new()
  local t = w.now()
  push(w, dir, "refs/heads/production", s.aliases.c8, t)
  for i = 1, 12 do
    w = open { dir = dir, state = sim.json.decode(sim.json.encode(w.state())) }
    w.touch(t + i * 20000)
  end
  local whole, s2, dir2 = new()
  push(whole, dir2, "refs/heads/production", s2.aliases.c8, t)
  whole.touch(t + 240000)
  equal(stable(w.state()), stable(whole.state()))
  equal(served(w, "api.impulseai.app"), s.aliases.c8)
end

function cases.a_world_file_with_a_mistake_is_refused()
  local BAD = {
    { { protecton = {} }, 'unknown key "protecton"' },
    { { faults = { { match = { hots = "x" }, error = "reset" } } },
      'faults[1].match has the unknown key "hots"' },
    { { faults = { { match = {} } } }, "faults[1] needs error, answer or delay" },
    { { faults = { { match = {}, error = "oops" } } }, "faults[1].error is" },
    { { events = { { when = { after = "1s" }, ["do"] = { explode = {} } } } },
      'unknown action "explode"' },
    { { repository = { branches = { main = "nope" } } },
      'branch "main" names the unknown commit "nope"' },
  }
  for _, row in ipairs(BAD) do
    local ok, problem = pcall(open, { spec = row[1], dir = tools.tmp() })
    assert(not ok and tostring(problem):find(row[2], 1, true), "wanted: " .. row[2] .. ", got: "
      .. tostring(problem))
  end
end

function cases.git_faults_are_told_by_the_remote()
  local w = new(tools.world "remote-unreachable")
  local path, fault = w.remote("git@github.com:impulse/impulse.git", "fetch")
  equal(path, nil)
  equal(fault.error, "connect")
  equal(w.remote("git@github.com:impulse/impulse.git"), nil)
  w = new(tools.world "push-answer-lost")
  path, fault = w.remote("git@github.com:impulse/impulse.git", "push")
  assert(path and fault.applied and fault.error == "reset", "a push whose answer is lost")
  path, fault = w.remote("git@github.com:impulse/impulse.git", "push")
  assert(path and not fault, "only once")
end

function cases.a_world_of_its_own_needs_no_default()
  local w = new { base = "none", clock = "2026-01-01T00:00:00Z",
    repository = { name = "shop", url = "git@example.com:shop.git", github = "o/shop",
      default_branch = "trunk",
      commits = { { id = "a", files = { ["x"] = "1\n" } } }, branches = { trunk = "a" } },
    railway = { project = { id = "p", name = "p" }, service = { id = "s", name = "web" },
      environments = { live = { id = "e", branch = "trunk", url = "shop.example",
        statuses = { { status = "SUCCESS" } } } } },
    supabase = { projects = {}, migrations_dir = "db" },
      history = { { push = "trunk", commit = "a", at = "-1h" } } }
  equal(served(w, "shop.example"), w.state().aliases.a)
end

local PLACE = 'projectId: "6f0c1a52-7d35-4a0e-9c4b-2f1f6f0a1e01", environmentId: "3d9f8e17-2b46-4c5d-a6e8-91c0d2b3f403", '
  .. 'serviceId: "0a7be2c4-53d1-4b8f-8a44-6b1d2f3c4e02"'

local function upsert(w, variables, more)
  return railway(w, ("mutation { variableCollectionUpsert(input: { %s, variables: %s%s }) }"):format(PLACE,
    variables, more or ""))
end

function cases.railways_variables_are_added_to_or_replaced()
  local w, s = new { railway = { environments = { staging = { sealed = { "KEY" },
    variables = { KEY = "hidden" } } } } }
  local before = #s.deployments
  local _, body = upsert(w, '{ A: "1" }')
  equal(body.data.variableCollectionUpsert, true)
  equal(s.variables.staging.KEY .. s.variables.staging.A, "hidden1")
  equal(#s.deployments, before + 1)
  equal(s.deployments[before + 1].reason, "variables")
  upsert(w, '{ B: "2" }', ", skipDeploys: true")
  equal(#s.deployments, before + 1)
  _, body = railway(w, "{ variables(" .. PLACE .. ", unrendered: true) }")
  equal(body.data.variables.KEY, nil)
  equal(body.data.variables.B, "2")
  upsert(w, '{ C: "3" }', ", replace: true")
  equal(s.variables.staging.A, nil)
  equal(s.variables.staging.KEY, nil)
  equal(s.variables.staging.C, "3")
  equal(w.ledger()[3].detail.replace, true)
end

function cases.railways_variables_are_texts()
  local w = new()
  local _, body = upsert(w, "{ A: 1 }")
  equal(body.errors[1].message, "Problem processing request")
  local answer = upsert(w, '{ A: "1" }', ", nope: 2")
  equal(answer.status, 400)
  equal(#w.ledger(), 0)
end

return cases
