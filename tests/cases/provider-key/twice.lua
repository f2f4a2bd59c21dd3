-- The same twice: what marks a call is the call, not what it asks for.
return pipeline "twice" {
  version = "1.0.0",
  step "purge" { run = function ()
    local first = cdn.purge { paths = { "/" } }
    local second = cdn.purge { paths = { "/" } }
    log.info(("%s %d %d"):format(first.reference ~= second.reference, #first.reference,
      #second.reference))
  end },
}
