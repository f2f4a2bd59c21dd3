-- What the scripts of the contract test share: calls of verbs that say beforehand which verb it is,
-- so that the proxies know whose requests they see.

local contract = {}

local function mark(provider, verb, kind)
  http.get { url = ("%s/mark/%s/%s/%s"):format(project.settings.control, provider, verb, kind) }
end

local function call(rows, verb, options)
  return rows[verb](options or {})
end

-- Gives two functions for a provider's verbs: works(verb, options) returns the result,
-- refused(verb, options, code) wants that error and returns it.
function contract.of(provider, rows)
  local function works(verb, options)
    mark(provider, verb, "works")
    return call(rows, verb, options)
  end

  local function refused(verb, options, code)
    mark(provider, verb, "refused")
    local result, err = try(call, rows, verb, options)
    if not err then
      fail(("%s.%s was not refused: %s expected, and it gave %s"):format(provider, verb, code,
        json.encode(result)))
    elseif err.code ~= code then
      fail(("%s.%s: %s expected, and it was %s: %s"):format(provider, verb, code, err.code,
        err.message))
    end
    return err
  end

  return works, refused
end

-- Fails unless both are the same data.
function contract.same(what, is, wanted)
  if json.encode(is) ~= json.encode(wanted) then
    fail(("%s: %s expected, and it is %s"):format(what, json.encode(wanted), json.encode(is)))
  end
end

-- Asks every 200 ms, for at most 30 s, until it gets something.
function contract.eventually(what, ask)
  for _ = 1, 150 do
    local got = ask()
    if got then
      return got
    end
    clock.sleep "200ms"
  end
  fail(what .. " does not come to its end")
end

function contract.holds(what, holds)
  if not holds then
    fail(what)
  end
end

return contract
