-- Lines at the borders of pages, instants and windows.
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
  params = { part = choice { "exact", "count", "lines" } },
  step "exact" {
    when = function (r) return r.params.part == "exact" end,
    effect = "read",
    run = function ()
      show("10 instants of 500, 1 ms apart", count("@set:c", at(20), at(21)))
    end,
  },
  step "count" {
    when = function (r) return r.params.part == "count" end,
    effect = "read",
    run = function ()
      show("4999 at one instant", count("@set:a", at(0), at(1)))
      show("10000 regular, the last one outside", count("@set:e",
        "2026-11-19T00:00:00Z", "2026-11-19T02:46:39.001Z"))
      show("none in what is too dense", count("@set:nope", at(10), at(11)))
      local _, dense = try(count, "@set:b", at(10), at(11))
      log.info(dense.code .. ": " .. dense.message)
    end,
  },
  step "lines" {
    when = function (r) return r.params.part == "lines" end,
    effect = "read",
    run = function ()
      local seen, from, calls = {}, "2026-11-20T08:00:00Z", 0
      repeat
        local page = railway.logs { environment = P, filter = "@set:d", from = from,
          to = "2026-11-20T09:59:59Z", limit = 2000 }
        for _, line in ipairs(page.lines) do
          seen[line.message] = (seen[line.message] or 0) + 1
        end
        from, calls = page.to, calls + 1
      until page.complete
      local n, double = 0, 0
      for _, times in pairs(seen) do
        n, double = n + 1, double + (times > 1 and 1 or 0)
      end
      log.info(("%d different lines in %d calls, %d doubled"):format(n, calls, double))
    end,
  },
}
