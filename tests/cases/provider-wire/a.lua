return pipeline "lights" {
  version = "1.0.0",
  step "ask" { run = function ()
    local function tell(o)
      local got, problem = try(beacon.ask, o)
      log.info(o.path .. ": " .. (got and json.encode(got) or problem.code .. ": " .. problem.message))
    end
    for _, path in ipairs { "plain", "list", "none", "words", "broken", "braces", "422", "401", "404",
      "503" } do
      tell { path = path }
    end
    for _, path in ipairs { "lamps", "maintenance", "empty-map", "empty-list" } do
      tell { path = path, more = { shape = { lamps = { { name = "text" } } } } }
    end
    tell { path = "maintenance", more = { shape = { { name = "text" } } } }
    tell { path = "list", more = { shape = { name = "text?" } } }
    tell { path = "empty-list", more = { shape = { lamps = "map" } } }
    tell { path = "422", more = { where = "lamp 3" } }
    tell { path = "401", more = { where = "lamp 3" } }
    tell { path = "words", more = { raw = true } }
    tell { path = "plain", more = { quey = { a = 1 } } }
    tell { path = "plain", more = { json = {}, optional_body = "yes" } }
    tell { path = "plain", more = { method = 3 } }
    tell { path = "plain", client = { mesage = "x" } }
    tell { path = "plain", client = { headers = {} } }
    tell { path = "plain", client = { extra = {} } }
  end },
}
