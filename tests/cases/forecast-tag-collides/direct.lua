-- Every write that makes a tag; the last ones make none.
return pipeline "direct" {
  version = "1.0.0",
  step "tags" {
    effect = "irreversible",
    run = function ()
      local sha = git.resolve { at = "origin/main" }
      github.create_tag { name = "v1.5.0", sha = sha }
      github.create_tag { name = "v1.6.0", sha = sha, message = "annotated" }
      github.create_tag { name = "x1", sha = sha }
      github.create_release { tag = "v1.7.0", commit = sha }
      github.create_release { tag = "v1.5.0", commit = sha }
      github.create_release { tag = "v1.8.0", draft = true }
      local made = github.create_branch { name = "side", sha = sha }
      log.info(made.ref)
    end,
  },
}
