-- Teaches: a step and its result.
--
-- A pipeline is a list of steps. The body of a step is ordinary Lua. What it
-- returns is kept in the run's journal; later steps read it as r.out.ID.
--
--   pipe run examples/01-hello.lua --dry-run
--   pipe run examples/01-hello.lua
--   pipe show

return pipeline "hello" {
  version = "1.0.0",
  summary = "Greets, and remembers whom",

  step "greet" {
    title = "Think of a greeting",
    run = function ()
      return { whom = "everybody", text = "Hello, everybody!" }
    end,
  },

  step "say" {
    title = "Say it",
    run = function (r)
      log.info(r.out.greet.text)
    end,
  },
}
