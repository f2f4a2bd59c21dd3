-- TestFlight: groups, the beta review, states that were never heard of.
local function show(b)
  log.info(("%s (%s): %s %s, internal %s %s, external %s %s%s"):format(b.version, b.build,
    b.state, b.phase, b.internal.state, b.internal.phase, b.external.state, b.external.phase,
    b.expired and ", expired" or ""))
  return b
end

return pipeline "testing" {
  version = "1.0.0",
  step "look" {
    run = function ()
      for _, b in ipairs(appstore.builds { first = 10 }) do
        show(b)
      end
      log.info("two of them: " .. #appstore.builds { first = 2 })
      log.info("number 007: " .. #appstore.builds { build = "0213" })
      log.info("none: " .. #appstore.builds { version = "9.9" })
      for _, g in ipairs(appstore.groups {}) do
        log.info(("group %s%s%s"):format(g.name, g.internal and ", internal" or "",
          g.all_builds and ", all builds" or ""))
      end
      return appstore.builds { build = "213" }[1].id
    end,
  },
  step "group" {
    run = function (r)
      local id = r.out.look
      log.info(json.encode { appstore.add_to_group { build = id, group = "Beta testers" }.changed,
        appstore.add_to_group { build = id, group = "Beta testers", as = "again" }.changed })
      log.info("no review: " .. tostring(appstore.beta_review { build = id }))
      log.info(appstore.submit_beta_review { build = id }.state)
    end,
  },
  wait "reviewed" {
    every = "30m", timeout = "1d",
    ready = function (r)
      local review = appstore.beta_review { build = r.out.look }
      return review.phase ~= "moving" and { state = review.state }, review.state
    end,
  },
  step "then" {
    run = function (r)
      log.info(r.out.reviewed.state)
      show(appstore.build { id = r.out.look })
    end,
  },
}
