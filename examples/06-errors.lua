-- Teaches: errors, retry, verify.
--
-- Verbs raise; `try` catches and gives nil and the error {code, message, …}. A
-- step that fails is tried again as often as its `retry` says. Reads are then read
-- anew, writes that succeeded are not repeated. `verify` proves that a step is done.
-- `refuse` ends the run with exit code 4: a decision, which no retry changes.
--
--   pipe run examples/06-errors.lua --sim
--   pipe run examples/06-errors.lua --sim strict=yes

return pipeline "errors" {
  version = "1.0.0",
  summary = "Fails, tries again, and proves the result",

  params = { strict = flag { help = "refuse where there is no settings file" } },

  step "settings" {
    title = "Read the settings, if there are any",
    effect = "read",
    run = function (r)
      local text, err = try(fs.read, "settings.yaml")
      if text then return yaml.decode(text) end
      if r.params.strict then
        refuse { code = "errors.settings", message = "no settings: " .. err.message }
      end
      log.warn("no settings (" .. err.code .. "): the usual ones are taken")
      return { greeting = "hello" }
    end,
  },

  step "staging" {
    title = "Staging runs what is on main",
    effect = "read",
    retry = { times = 5, first = "20s", max = "1m" },
    run = function ()
      local main = git.ls_remote { remote = "origin" }["refs/heads/main"]
      local runs = http.get "https://api-stg.impulseai.app/health".json.commit
      if runs ~= main then
        fail { code = "errors.behind", message = "staging runs " .. string.sub(runs, 1, 7) }
      end
      return { commit = runs }
    end,
  },

  step "keep" {
    title = "Write it down",
    run = function (r)
      fs.write { path = "out/staging.txt", content = r.out.staging.commit .. "\n" }
    end,
    verify = function () return fs.exists("out/staging.txt") end,
    undo = function () fs.remove { path = "out/staging.txt" } end,
  },
}
