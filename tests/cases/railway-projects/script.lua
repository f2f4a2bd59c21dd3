-- What an account's token reaches, by ids and by names, and page by page.
local P = "production"

local calls = {
  projects = function ()
    local names = {}
    for i, p in ipairs(railway.projects {}) do
      names[i] = p.name
    end
    return table.concat(names, ", ")
  end,
  workspace = function () return #railway.projects { environment = P, workspace = "w-1" } end,
  scope = function ()
    local s = railway.scope { environment = P }
    return ("%s, %s, %s"):format(s.project.name, s.environment.name, s.service.name)
  end,
}

return pipeline "projects" {
  version = "1.0.0",
  params = { what = text },
  step "call" { run = function (r) log.info(tostring(calls[r.params.what]())) end },
}
