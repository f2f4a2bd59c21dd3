-- Teaches: several things at once.
--
-- `parallel` runs the steps written in it at the same time. `each` runs its steps
-- for every member of a list that is known only when the run gets there; a member
-- has a name, and its steps are called by it: deploy[eu]. Inside, r.member is the
-- member and r.name its name.
--
--   pipe run examples/05-many.lua --dry-run
--   pipe run examples/05-many.lua --sim

return pipeline "many" {
  version = "1.0.0",
  summary = "Looks in two places at once, then at each region",

  parallel "look" {
    title = "Two looks at once",
    step "slow" {
      effect = "read",
      run = function ()
        clock.sleep { duration = "30s" }
        return { found = "after half a minute" }
      end,
    },
    step "quick" {
      effect = "read",
      run = function () return { found = "at once" } end,
    },
  },

  each "regions" {
    title = "Every region",
    over = function () return { { name = "eu", size = 3 }, { name = "us", size = 5 } } end,
    key = "name",
    at_once = 2,
    step "deploy" {
      run = function (r)
        fs.write { path = "out/" .. r.name .. ".txt", content = r.member.size .. " machines\n" }
        return { machines = r.member.size }
      end,
      undo = function (r) fs.remove { path = "out/" .. r.name .. ".txt" } end,
    },
  },

  step "sum" {
    effect = "read",
    run = function (r)
      local sum = 0
      for _, region in pairs(r.out.regions) do sum = sum + region.deploy.machines end
      log.info(r.out.quick.found .. ", " .. r.out.slow.found .. ": " .. sum .. " machines")
      return { machines = sum }
    end,
  },
}
