-- What Apple would refuse is refused, in words, before it is sent; in a dry-run, too.
local function say(name, f)
  local result, err = try(f)
  log.info(("%s: %s"):format(name, err and err.code .. ": " .. err.message
    or "done " .. json.encode(result)))
end

local ids = {}

local tries = {
  { "compliance-set", function () return appstore.set_export_compliance { build = ids["212"],
    uses_non_exempt_encryption = true } end },
  { "compliance-invalid", function () return appstore.set_export_compliance { build = ids["215"],
    uses_non_exempt_encryption = true } end },
  { "no-build", function () return appstore.build { id = "e5d1f0e1-0000-4000-a000-000000000000" } end },
  { "group-unknown", function () return appstore.add_to_group { build = ids["213"],
    group = "Testers" } end },
  { "group-stuck", function () return appstore.add_to_group { build = ids["214"],
    group = "Beta testers" } end },
  { "group-invalid", function () return appstore.add_to_group { build = ids["215"],
    group = "Beta testers" } end },
  { "beta-again", function () return appstore.submit_beta_review { build = ids["212"] } end },
  { "create-there", function () return appstore.create_version { version = "1.4.2.0" } end },
  { "create-spelled", function () return appstore.create_version { version = "01.4.2" } end },
  { "create-second", function () return appstore.create_version { version = "1.4.4" } end },
  { "create-text", function () return appstore.create_version { version = "v1.4.4" } end },
  { "create-date", function () return appstore.create_version { version = "1.4.4",
    release_type = "SCHEDULED" } end },
  { "attach-other", function () return appstore.attach_build { version = "1.4.3",
    build = ids["212"] } end },
  { "attach-stuck", function () return appstore.attach_build { version = "1.4.3",
    build = ids["214"] } end },
  { "attach-live", function () return appstore.attach_build { version = "1.4.2",
    build = ids["212"] } end },
  { "attach-nothing", function () return appstore.attach_build { version = "1.9",
    build = ids["212"] } end },
  { "submit-no-build", function () return appstore.submit { version = "1.4.3" } end },
  { "submit-live", function () return appstore.submit { version = "1.4.2" } end },
  { "withdraw-nothing", function () return appstore.withdraw { version = "1.4.3" } end },
  { "release-early", function () return appstore.release { version = "1.4.3" } end },
  { "phased-late", function () return appstore.start_phased { version = "1.4.1" } end },
  { "pause-none", function () return appstore.pause_phased { version = "1.4.3" } end },
  { "pause-over", function () return appstore.pause_phased { version = "1.4.2" } end },
  { "resume-over", function () return appstore.resume_phased { version = "1.4.2" } end },
  { "expire-none", function () return appstore.expire_build {
    build = "e5d1f0e1-0000-4000-a000-000000000000" } end },
  { "update-nothing", function () return appstore.update_version { version = "1.4.3" } end },
  { "update-live", function () return appstore.update_version { version = "1.4.2",
    release_type = "MANUAL" } end },
  { "update-none", function () return appstore.update_version { version = "2.0",
    release_type = "MANUAL" } end },
  { "update-lower", function () return appstore.update_version { version = "1.4.3",
    new_version = "01.4.1" } end },
  { "update-taken", function () return appstore.update_version { version = "1.4.3",
    new_version = "1.4.2" } end },
  { "update-below", function () return appstore.update_version { version = "1.4.3",
    new_version = "1.3" } end },
  { "update-text", function () return appstore.update_version { version = "1.4.3",
    new_version = "v2" } end },
  { "update-undated", function () return appstore.update_version { version = "1.4.3",
    release_type = "SCHEDULED" } end },
  { "update-past", function () return appstore.update_version { version = "1.4.3",
    release_type = "SCHEDULED", earliest_release = "2020-01-01T00:00:00Z" } end },
  { "update-dated", function () return appstore.update_version { version = "1.4.3",
    release_type = "MANUAL", earliest_release = "2027-01-01T00:00:00Z" } end },
  { "update-same", function () return appstore.update_version { version = "1.4.3",
    new_version = "1.4.3", release_type = "MANUAL" }.changed end },
  { "cancel-none", function () return appstore.cancel_phased { version = "1.4.3" } end },
  { "cancel-over", function () return appstore.cancel_phased { version = "1.4.2" } end },
  { "unknown-state", function () return appstore.versions { states = { "SOLD" } } end },
}

return pipeline "refused" {
  version = "1.0.0",
  step "all" {
    effect = "irreversible",
    run = function ()
      for _, b in ipairs(appstore.builds { first = 50 }) do
        ids[b.build] = b.id
      end
      for _, one in ipairs(tries) do
        say(one[1], one[2])
      end
    end,
  },
}
