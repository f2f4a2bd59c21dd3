-- Teaches: asking what a write would start, before it is made.
--
-- The tag is made only if it starts one workflow at most. What it would start is asked
-- first, of the workflow files of the commit that gets the tag; nothing is made for that.
--
--   pipe run examples/09-tag.lua tag=v1.5.0 --sim --dry-run
--   pipe run examples/09-tag.lua tag=v1.5.0 --sim=tests/worlds/tag-collides.yaml    refuses

return pipeline "tag" {
  version = "1.0.0",
  params = { tag = text { min = 2, max = 40 } },

  step "forecast" {
    run = function (r)
      local commit = git.resolve { at = "origin/main" }
      local told = forecast.tag { tag = r.params.tag, commit = commit }
      for _, workflow in ipairs(told.workflows) do
        if workflow.starts == true then
          log.info("it starts " .. workflow.name .. " (" .. workflow.trigger .. ")")
        end
      end
      local collision = told.collisions[1]
      if collision then
        fail { code = "tag.collides", message = collision.text }
      end
      return { commit = commit }
    end,
  },

  step "tag" {
    effect = "write",
    run = function (r)
      return github.create_tag { name = r.params.tag, sha = r.out.forecast.commit }
    end,
  },
}
