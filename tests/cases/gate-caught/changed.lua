return pipeline "changed" { version = "1.0.0",
  step "s" { retry = { times = 2, first = "1ms", max = "1ms" }, run = function ()
    local ok = pcall(fs.write, { path = "b.txt", content = "v" .. clock.now().ms })
    if ok then fail { code = "x.y", message = "once more", retryable = true } end
    fs.write { path = "b-after.txt", content = "x" }
  end },
}
