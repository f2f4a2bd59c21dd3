return pipeline "bump" {
  version = "1.0.0",
  params = { type = choice { "patch", "minor", "major" }, file = text { default = "Info.plist" } },
  step "go" {
    run = function (r)
      local b, err = try(fastlane.bump, { type = r.params.type, version_file = r.params.file,
        bundle = false, directory = "ios" })
      log.info(err and err.code .. ": " .. err.message
        or ("%s to %s, %s%s"):format(b.before, b.version, b.tag, r.dry_run and ", predicted" or ""))
    end,
  },
}
