local contract = require "lib.contract"
local works, refused = contract.of("vercel", vercel)

local PROJECT = "console"

-- Waits until what was asked for is done.
local function settled(moved, kind)
  return contract.eventually("the " .. kind, function ()
    local state = works("request_state", { project = PROJECT, deployment = moved.deployment,
      since = moved.since, type = kind })
    return state.phase ~= "moving" and state
  end)
end

return pipeline "vercel" {
  version = "1.0.0",
  step "reads" {
    run = function ()
      contract.same("whose token it is", works "who".user.username, "release-bot")
      local project = works("project", { project = PROJECT })
      contract.same("the project", project.name, PROJECT)
      contract.holds("pushes go live", project.automatic)
      local listed = works("deployments", { project = PROJECT, target = "production", first = 3 })
      contract.same("the deployments", #listed, 3)
      local one = works("deployment", { id = listed[2].id, project = PROJECT })
      contract.same("the deployment", one.id, listed[2].id)
      works("deployment", { id = listed[2].url:match("[^/]+$") })
      works("deployment_of", { project = PROJECT, commit = one.commit, target = "production" })
      works("deployment_of", { project = PROJECT,
        commit = "0000000000000000000000000000000000000000" })
      local live = works("live", { project = PROJECT })
      contract.holds("all domains lead to it", live.whole)
      contract.holds("it has addresses", #works("aliases", { project = PROJECT }) > 0)
      works("aliases", { project = PROJECT, deployment = live.deployment })
      local alias = works("alias", { alias = live.aliases[1].alias, project = PROJECT })
      contract.same("what its domain leads to", alias.deployment, live.deployment)
      contract.same("its domain by its id", works("alias", { alias = alias.id }).alias, alias.alias)
      contract.holds("its addresses",
        #works("deployment_aliases", { deployment = live.deployment }) > 0)
      contract.holds("its build said something", #works("build_log", { deployment = one.id }) > 0)
    end,
  },
  step "not-there" {
    run = function ()
      refused("project", { project = "nowhere" }, "vercel.not-found")
      refused("deployment", { id = "dpl_nowhere" }, "vercel.not-found")
      refused("alias", { alias = "nowhere.example" }, "vercel.not-found")
      refused("deployment_aliases", { deployment = "dpl_nowhere" }, "vercel.not-found")
      refused("build_log", { deployment = "dpl_nowhere" }, "vercel.not-found")
      refused("project", { project = PROJECT, team = "team_nowhere" }, "vercel.forbidden")
      refused("rollback", { project = PROJECT, deployment = "dpl_nowhere" }, "vercel.not-found")
    end,
  },
  step "rollback-and-promote" {
    run = function ()
      local before = vercel.live { project = PROJECT }
      local back = works("rollback", { project = PROJECT, deployment = "previous",
        description = "for the contract" })
      refused("promote", { project = PROJECT, deployment = before.deployment }, "vercel.busy")
      contract.same("the rollback", settled(back, "rollback").phase, "good")
      contract.holds("pushes stay off", not vercel.live { project = PROJECT }.automatic)
      local forth = works("promote", { project = PROJECT, deployment = before.deployment })
      contract.same("the promote", settled(forth, "promote").phase, "good")
      local now = vercel.live { project = PROJECT }
      contract.same("what is live", now.deployment, before.deployment)
      contract.holds("pushes go live again", now.automatic)
    end,
  },
  step "rebuild-and-cancel" {
    run = function ()
      local preview = vercel.deployments { project = PROJECT, target = "preview", state = "READY",
        first = 1 }[1]
      refused("promote", { project = PROJECT, deployment = preview.id }, "vercel.preview")
      local built = works("promote", { project = PROJECT, deployment = preview.id, rebuild = true })
      local canceled = works("cancel", { deployment = built.deployment })
      contract.same("the build", canceled.state, "CANCELED")
      refused("cancel", { deployment = preview.id }, "vercel.over")
    end,
  },
}
