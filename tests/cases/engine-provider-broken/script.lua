-- Errors of verbs are caught with their code; what cannot be asked for is said by name.
return pipeline "verbs" {
  version = "1.0.0",
  step "a" { run = function ()
    local _, e = try(git.resolve, { at = "no-such-branch" })
    log.info(e.code)
    local _, f = try(git.resolve, { att = "x" })
    log.info(f.code .. " " .. f.message)
    local _, g = try(function () return git["reso" .. "lv"] end)
    log.info(g.code .. " " .. g.message)
    local _, h = try(function () return github["pu" .. "l"] end)
    log.info(h.code .. " " .. h.message)
  end },
}
