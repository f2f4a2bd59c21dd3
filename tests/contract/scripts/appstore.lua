local contract = require "lib.contract"
local works, refused = contract.of("appstore", appstore)

local V = "1.4.3"
local NOWHERE = "e5d1f0e1-0000-4000-a000-000000000000"

-- Waits until the version is in this state.
local function until_it_is(state)
  return contract.eventually(V .. " as " .. state, function ()
    local v = works("version", { version = V })
    return v.state == state and v
  end)
end

return pipeline "appstore" {
  version = "1.0.0",
  step "reads" {
    run = function ()
      contract.same("the app", works "app".bundle, "no.impulse.app")
      local list = works("builds", { version = V })
      contract.same("the builds", #list, 1)
      contract.same("the build", works("build", { id = list[1].id }).build, "213")
      contract.same("one a page", #works("builds", { first = 1 }), 1)
      contract.same("what comes next", works("next_build_number", { version = V }).next, "214")
      contract.holds("there are groups", #works "groups" > 1)
      contract.same("what is live", works "live".version, "1.4.2")
      contract.holds("there are versions", #works("versions", { states = {
        "READY_FOR_DISTRIBUTION", "REPLACED_WITH_NEW_VERSION" } }) > 1)
      contract.same("its phases are over", works("phased", { version = "1.4.2" }).state, "COMPLETE")
      contract.same("nothing is under review", works("submission", { version = "1.4.2" }), nil)
      return { build = list[1].id }
    end,
  },
  step "not-there" {
    run = function (r)
      refused("build", { id = NOWHERE }, "appstore.not-found")
      refused("add_to_group", { build = r.out.reads.build, group = "Nobody" }, "appstore.group")
    end,
  },
  step "testing" {
    run = function (r)
      local id = r.out.reads.build
      works("set_export_compliance", { build = id, uses_non_exempt_encryption = false })
      refused("set_export_compliance", { build = id, uses_non_exempt_encryption = true },
        "appstore.state")
      contract.holds("it is new to the group", works("add_to_group", { build = id,
        group = "Beta testers" }).changed)
      contract.same("no beta review", works("beta_review", { build = id }), nil)
      works("submit_beta_review", { build = id })
      contract.eventually("the beta review", function ()
        return works("beta_review", { build = id }).state == "APPROVED"
      end)
    end,
  },
  step "review" {
    run = function (r)
      works("create_version", { version = V, copyright = "2026 Impulse AS" })
      refused("create_version", { version = V }, "appstore.exists")
      works("attach_build", { version = V, build = r.out.reads.build })
      works("submit", { version = V })
      works("submission", { version = V })
      works("withdraw", { version = V })
      until_it_is "DEVELOPER_REJECTED"
      works("start_phased", { version = V })
      appstore.submit { version = V, as = "once more" }
      until_it_is "PENDING_DEVELOPER_RELEASE"
    end,
  },
  step "release" {
    effect = "irreversible",
    run = function ()
      works("release", { version = V })
      until_it_is "READY_FOR_DISTRIBUTION"
      works("pause_phased", { version = V })
      works("resume_phased", { version = V })
      works("complete_phased", { version = V })
      contract.same("what is live", works "live".version, V)
    end,
  },
}
