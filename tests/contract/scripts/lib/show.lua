-- Hands data out of a run: the last line of its log that begins with "result ".
local function show(data)
  log.info("result " .. json.encode(data))
end

return show
