local contract = require "lib.contract"
local works, refused = contract.of("appstore", appstore)

-- The world has 1.4.2 in the store, in a phased release, and for this test build 220 of 1.5.0,
-- whose export compliance nobody has answered yet.
local NEXT = "1.5.0"

local function in_state(wanted)
  return contract.eventually("version " .. NEXT .. " in state " .. wanted, function ()
    return works("version", { version = NEXT }).state == wanted
  end)
end

return pipeline "appstore" {
  version = "1.0.0",
  step "reads" {
    run = function ()
      contract.same("the app", works "app".bundle, "no.impulse.app")
      local builds = works("builds", { version = NEXT })
      contract.same("its builds", #builds, 1)
      works("builds", { first = 3 })
      works("build", { id = builds[1].id })
      refused("build", { id = "00000000-0000-4000-8000-000000000000" }, "appstore.not-found")
      contract.same("its train", works("trains", { version = NEXT })[1].version, NEXT)
      contract.holds("a number is free", works "next_build_number".next > builds[1].build)
      contract.same("the groups", #works "groups", 2)
      works("beta_review", { build = builds[1].id })
      contract.holds("there are versions", #works "versions" > 1)
      works("versions", { states = { "READY_FOR_DISTRIBUTION" }, first = 1 })
      contract.same("what is in the store", works "live".version, "1.4.2")
      works("phased", { version = "1.4.2" })
      works("submission", { version = "1.4.2" })
      contract.same("a version", works("version", { version = NEXT }), nil)
      return { build = builds[1].id }
    end,
  },
  step "phased" {
    run = function ()
      works("pause_phased", { version = "1.4.2" })
      works("resume_phased", { version = "1.4.2" })
      works("complete_phased", { version = "1.4.2" })
      refused("pause_phased", { version = "1.4.2" }, "appstore.state")
    end,
    effect = "irreversible",
  },
  step "testflight" {
    run = function (r)
      local build = r.out.reads.build
      works("set_export_compliance", { build = build, uses_non_exempt_encryption = false })
      refused("add_to_group", { build = build, group = "nobody" }, "appstore.group")
      works("add_to_group", { build = build, group = "Beta testers" })
      works("submit_beta_review", { build = build })
      works("beta_review", { build = build })
    end,
  },
  step "review" {
    run = function (r)
      works("create_version", { version = NEXT, release_type = "MANUAL" })
      refused("create_version", { version = NEXT }, "appstore.exists")
      refused("create_version", { version = "1.6.0" }, "appstore.state")
      refused("submit", { version = NEXT }, "appstore.build")
      works("attach_build", { version = NEXT, build = r.out.reads.build })
      works("start_phased", { version = NEXT })
      works("cancel_phased", { version = NEXT })
      refused("cancel_phased", { version = NEXT }, "appstore.state")
      works("start_phased", { version = NEXT })
      works("update_version", { version = NEXT, new_version = "1.5.1" })
      works("update_version", { version = "1.5.1", new_version = NEXT,
        release_type = "SCHEDULED", earliest_release = "2030-01-07T08:00:00Z" })
      works("update_version", { version = NEXT, release_type = "MANUAL" })
      refused("update_version", { version = NEXT }, "appstore.option")
      refused("update_version", { version = "1.4.2", release_type = "MANUAL" }, "appstore.state")
      works("submit", { version = NEXT })
      refused("submit", { version = NEXT }, "appstore.state")
      works("submission", { version = NEXT })
      works("withdraw", { version = NEXT })
    end,
  },
  step "release" {
    effect = "irreversible",
    run = function ()
      refused("release", { version = NEXT }, "appstore.state")
      in_state "DEVELOPER_REJECTED"
      works("submit", { version = NEXT })
      in_state "PENDING_DEVELOPER_RELEASE"
      works("release", { version = NEXT })
      in_state "READY_FOR_DISTRIBUTION"
      contract.same("what is in the store", works "live".version, NEXT)
      local old = works("builds", { version = "1.4.2", first = 1 })[1]
      contract.holds("the build has expired", works("expire_build", { build = old.id }).expired)
    end,
  },
}
