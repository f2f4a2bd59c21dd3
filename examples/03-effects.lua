-- Teaches: effects, the dry-run, and the way back.
--
-- fs.write is a write: a dry-run lists it and does not do it. Reads really happen
-- in a dry-run, and see what the writes before them would have done: the second
-- step reads a file that is not there. A step with an `undo` is no point of no
-- return. (This version of pipe shows that in the plan; it does not run undo yet.)
--
--   pipe run examples/03-effects.lua --dry-run
--   pipe run examples/03-effects.lua
--   pipe log

return pipeline "effects" {
  version = "1.0.0",
  summary = "Writes a release note, reads it, removes it",

  step "write" {
    title = "Write the note",
    run = function ()
      fs.write { path = "out/note.txt", content = "Version 1.9.0\n" }
    end,
    undo = function ()
      fs.remove { path = "out/note.txt" }
    end,
  },

  step "read" {
    title = "Read it again",
    effect = "read",
    run = function ()
      log.info("the note has " .. #fs.read("out/note.txt") .. " bytes")
    end,
  },

  step "remove" {
    title = "Remove the note",
    run = function ()
      fs.remove { path = "out/note.txt" }
    end,
  },
}
