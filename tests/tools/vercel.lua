-- For the cases of Vercel: does one thing after the other and logs what came of it, with commits
-- in place of ids. plan=live,back,wait,live: the words are the functions below, some with a value.

local function short(sha)
  return sha and sha:sub(1, 7) or "nothing"
end

local function deployment_of(s, commit, target)
  for _, d in ipairs(vercel.deployments { project = s.project, first = 100, target = target }) do
    if short(d.commit) == short(commit) then
      return d
    end
  end
  fail("no deployment of " .. commit)
end

local does = {}

function does.live(s)
  local l = vercel.live { project = s.project }
  log.info(("live: %s, automatic %s, frozen %s, whole %s"):format(short(l.commit),
    tostring(l.automatic), l.frozen_by and "yes" or "no", tostring(l.whole)))
end

local function told(s, what, result)
  s.last = result
  log.info(("%s: %s, from %s, changed %s, queued %s, automatic %s"):format(what,
    short(result.commit), short(result.from_commit), tostring(result.changed),
    tostring(result.queued), tostring(result.automatic)))
end

function does.back(s, commit)
  local deployment = commit and deployment_of(s, commit).id or "previous"
  told(s, "rollback", vercel.rollback { project = s.project, deployment = deployment,
    description = "it is broken" })
  s.type = "rollback"
end

function does.promote(s, commit)
  told(s, "promote", vercel.promote { project = s.project, deployment = commit
    and deployment_of(s, commit, "production").id or s.last.from })
  s.type = "promote"
end

function does.force(s)
  told(s, "promote", vercel.promote { project = s.project,
    deployment = vercel.deployments { project = s.project, first = 1 }[1].id })
end

function does.preview(s)
  told(s, "promote", vercel.promote { project = s.project, deployment = deployment_of(s,
    vercel.deployments { project = s.project, target = "preview", first = 1 }[1].commit,
    "preview").id })
end

function does.rebuild(s)
  local from = vercel.deployments { project = s.project, target = "preview", first = 1,
    state = "READY" }[1]
  told(s, "rebuild", vercel.promote { project = s.project, deployment = from.id,
    rebuild = true })
end

function does.needless(s, commit)
  told(s, "rebuild", vercel.promote { project = s.project, rebuild = true,
    deployment = deployment_of(s, commit, "production").id })
end

function does.other(s)
  local other = vercel.live { project = "console" }
  vercel.promote { project = s.project, deployment = other.deployment }
end

function does.foreign(s)
  vercel.cancel { project = "console",
    deployment = vercel.deployments { project = s.project, first = 1 }[1].id }
end

function does.foreignlog(s)
  vercel.build_log { project = "console", deployment = vercel.live { project = s.project }.url }
end

function does.again(s)
  told(s, "promote", vercel.promote { project = s.project, deployment = s.last.deployment })
  log.info(s.last.note)
end

function does.cancel(s)
  local d = vercel.deployments { project = s.project, first = 1 }[1]
  local r = vercel.cancel { deployment = d.id }
  log.info(("cancel: %s, changed %s"):format(r.state, tostring(r.changed)))
end

function does.wait(s)
  local state
  for _ = 1, 60 do
    state = vercel.request_state { project = s.project, since = s.last.since, type = s.type,
      deployment = s.last.deployment }
    if state.phase ~= "moving" then
      break
    end
    clock.sleep { duration = "1s" }
  end
  local failed = {}
  for i, alias in ipairs(state.failed) do
    failed[i] = alias.alias
  end
  log.info(("request: %s, %s, %s; live %s; failed: "
    .. "%s"):format(state.status, state.phase, state.words,
    state.live == s.last.deployment and "ours" or "another", table.concat(failed, " ")))
end

function does.state(s)
  local state = vercel.request_state { project = s.project }
  log.info(("request: %s, %s, %s"):format(state.status, state.phase, state.words))
end

function does.newest(s)
  local d = vercel.deployments { project = s.project, first = 1 }[1]
  local one = vercel.deployment { id = d.id }
  log.info(("newest: %s %s %s, %s (%s), live %s"):format(short(d.commit), d.target, d.state,
    d.status, d.phase, tostring(d.live)))
  log.info("  " .. d.words)
  for _, name in ipairs { "id", "state", "status", "phase", "words", "live", "commit", "target" } do
    if one[name] ~= d[name] then
      log.info(("  alone its %s is %s"):format(name, tostring(one[name])))
    end
  end
end

function does.list(s)
  for _, d in ipairs(vercel.deployments { project = s.project, first = 100 }) do
    log.info(("%s %s %s%s"):format(short(d.commit), d.target, d.status,
      d.rollback_candidate and " candidate" or ""))
  end
end

function does.candidates(s)
  local out = {}
  for i, d in ipairs(vercel.deployments { project = s.project, rollback_candidates = true }) do
    out[i] = short(d.commit)
  end
  log.info("candidates: " .. table.concat(out, " "))
end

function does.log(s)
  for _, line in ipairs(vercel.build_log { deployment = vercel.deployments {
    project = s.project, first = 1 }[1].url }) do
    log.info(("%s%s: %s"):format(line.kind, line.error and " (error)" or "", line.text))
  end
end

function does.site(s, address)
  local answer = http.get { url = "https://" .. address .. "/", any_status = true }
  log.info(("%s: %d %s"):format(address, answer.status, short(answer.headers["x-commit"])))
end

function does.address(s)
  does.site(s, (vercel.live { project = s.project }.url:gsub("^https://", "")))
end

function does.who()
  local who = vercel.who {}
  log.info(("%s in %s as %s"):format(who.user.username, who.team.slug, who.team.role))
end

function does.aliases(s)
  for _, alias in ipairs(vercel.aliases { project = s.project }) do
    log.info(alias.alias .. ": " .. short(vercel.deployment { id = alias.deployment }.commit))
  end
end

-- One address by its name and by its id, and what leads to the deployment behind it.
function does.alias(s, name)
  local one = vercel.alias { alias = name or vercel.aliases { project = s.project }[1].alias }
  local by_id = vercel.alias { alias = one.id, project = s.project }
  log.info(("alias: %s: %s, by its id %s"):format(one.alias,
    short(vercel.deployment { id = one.deployment }.commit), by_id.alias))
  for _, alias in ipairs(vercel.deployment_aliases { deployment = one.deployment }) do
    log.info("  leads there: " .. alias.alias)
  end
end

-- Each call has a key of its own: the second does not take the first one's build for its own.
function does.twice(s)
  does.rebuild(s)
  does.rebuild(s)
end

function does.sleep(_, length)
  clock.sleep { duration = length }
end

return pipeline "vercel" {
  version = "1.0.0",
  params = { plan = text {}, project = text { default = "landing" } },
  step "go" {
    run = function (r)
      local s = { project = r.params.project }
      for word in r.params.plan:gmatch "[^,]+" do
        local name, value = word:match "^(%l+):?(.*)$"
        does[name](s, value ~= "" and value or nil)
      end
    end,
  },
}
