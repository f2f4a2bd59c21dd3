-- The same deployment made anew by two steps at once.
local function again_by(id)
  return step(id) {
    run = function ()
      local active = railway.active { environment = "production" }[1]
      return railway.redeploy { environment = "production", deployment = active.id }.id
    end,
  }
end

return pipeline "parallel" {
  version = "1.0.0",
  parallel "both" { again_by "a", again_by "b" },
  step "show" {
    run = function (r) log.info(r.out.both.a == r.out.both.b and "one deployment" or "two deployments") end,
  },
}
