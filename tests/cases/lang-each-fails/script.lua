-- One member fails while others end; a resume redoes it and what was not begun.
return pipeline "each-fails" {
  version = "1.0.0",
  each "e" {
    over = function ()
      proc.read { argv = { "sh", "-c", "echo x >>asked" } }
      return { "a", "b", "c", "d" }
    end,
    at_once = 3,
    step "s" {
      run = function (r)
        log.info(r.name .. " begins")
        clock.sleep(r.name == "b" and "2s" or "5s")
        if r.name == "b" and not fs.exists { path = "mended" } then
          fail { code = "my.code", message = "b is broken" }
        end
        return r.name
      end,
    },
    step "t" { run = function (r) return r.out.s .. "!" end },
  },
  step "end" { run = function (r) log.info(json.encode(r.out.e)) end },
}
