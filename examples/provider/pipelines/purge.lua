-- Empties the cache of the shop's pages and waits until it is done everywhere.
return pipeline "purge" {
  version = "1.0.0",
  uses = "cdn",
  params = { paths = text { default = "/,/index.html", help = "separated by commas" } },

  step "mode" {
    title = "Serve stale pages while the cache is empty",
    run = function ()
      local before = cdn.zone {}.mode
      cdn.set_mode { mode = "stale" }
      return { before = before }
    end,
    undo = function (_, was) return cdn.set_mode { mode = was.before } end,
  },
  step "purge" {
    run = function (r)
      local paths = {}
      for path in r.params.paths:gmatch("[^,]+") do
        paths[#paths + 1] = path
      end
      return cdn.purge { paths = paths }
    end,
  },
  wait "done" {
    every = "5s",
    timeout = "10m",
    ready = function (r)
      local state = cdn.purge_state { id = r.out.purge.id }
      if state.phase == "bad" then
        fail("the purge " .. state.id .. " failed: " .. state.words)
      end
      return state.phase == "good" and state or nil, state.words
    end,
    assume = { status = "DONE" },
  },
  step "back" {
    run = function (r) return cdn.set_mode { mode = r.out.mode.before } end,
  },
}
