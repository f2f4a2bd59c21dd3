-- A wait that ends says what was last seen; a resume begins its time anew.
return pipeline "timeout" {
  version = "1.0.0",
  wait "w" {
    every = "10s", timeout = "35s",
    ready = function () log.info("looks"); return false, "3 of 5 are up" end,
  },
}
