-- Lines at the borders of windows, to the nanosecond; filters; those of a deployment.
local P = "production"

local function at(seconds)
  return ("2026-11-20T10:%02d:%02dZ"):format(seconds // 60, seconds % 60)
end

local function show(title, c)
  log.info(("%s: %d of %d, %s to %s%s%s"):format(title, c.count, c.lines_total, c.first or "-", c.last or "-",
    c.complete and "" or ", incomplete", c.lines_total_exact and "" or ", total inexact"))
end

local function count(filter, from, to)
  return railway.count { environment = P, filter = filter, from = from, to = to }
end

return pipeline "logs" {
  version = "1.0.0",
  step "lines" {
    effect = "read",
    run = function ()
      show("nanoseconds at the borders", count("@set:f", at(40), at(41)))
      show("nothing", count("@set:nope", at(30), at(31)))
      local page = railway.logs { environment = P, filter = "@set:f", from = at(40), to = at(41) }
      for _, line in ipairs(page.lines) do
        log.info(line.at .. " " .. line.message .. " " .. (line.severity or ""))
      end
      local _, dense = try(railway.logs, { environment = P, filter = "@set:a", from = at(0),
        to = at(1), limit = 10 })
      log.info(dense.code .. ": " .. dense.message)
    end,
  },
  step "filters" {
    effect = "read",
    run = function ()
      for _, filter in ipairs { "alpha", "\"alpha beta\"", "alpha AND beta", "alpha OR gamma", "-alpha",
        "(alpha OR gamma) AND -beta", "@level:error", "@ms:>=20", "@ms:<20", "@ms:10..20", "@path:\"/a b\"",
        "-@level:error AND (alpha OR beta)" } do
        local page = railway.logs { environment = P, filter = filter .. " AND @set:g", from = at(50),
          to = at(51) }
        local names = {}
        for i, line in ipairs(page.lines) do names[i] = line.attributes.name end
        log.info(filter .. " -> " .. table.concat(names, " "))
      end
      local c = railway.count { environment = P, filter = "@set:g", from = at(50), to = at(51),
        attribute = "name" }
      log.info(("%d with a name: %s"):format(c.with_attribute, json.encode(c.values)))
    end,
  },
  step "deployment" {
    effect = "read",
    run = function ()
      local d = railway.active { environment = P }[1]
      local c = railway.count { environment = P, deployment = d.id, filter = "@set:g", from = at(50),
        to = at(51) }
      show("of the one that serves", c)
      local old = railway.deployments { environment = P }[2]
      show("of the one before", railway.count { environment = P, deployment = old.id,
        filter = "@set:g", from = at(50), to = at(51) })
    end,
  },
}
