-- A value that this credential cannot read is written only by who knows it.
return pipeline "restricted" {
  version = "1.0.0",
  step "try" {
    effect = "write",
    run = function ()
      local function ends(words, verb, o)
        o.environment, o.name = "production", "HIDDEN"
        local result, err = try(doppler[verb], o)
        log.info(words .. " -> " .. (err and err.code .. ": " .. err.message or "changed="
          .. tostring(result.changed)))
      end
      local function credential(name)
        return secret.get { name = name }
      end
      ends("unguarded", "set", { value = credential "next" })
      ends("wrongly guarded", "set", { value = credential "next", expect = credential "wrong" })
      ends("guarded", "set", { value = credential "next", expect = credential "right" })
      ends("deleted, unguarded", "delete", {})
      ends("deleted, wrongly guarded", "delete", { expect = credential "right" })
      ends("deleted", "delete", { expect = credential "next" })
    end,
  },
}
