return pipeline "documents" {
  version = "1.0.0",
  params = { end_ = text { default = "done" } },
  step "a" { run = function () log.info "æ \xff \27[31m" proc.run { argv = { "true" }, example = {} } return { x = 1 } end },
  gate "g" { ask = "Go \27[31m on?", confirm = "it" },
  step "b" { run = function (r)
    if r.params.end_ == "failed" then error "text" end
    if r.params.end_ == "refused" then refuse "not now" end
    if r.params.end_ == "unknown" then error { code = "x.y", message = "z", unknown = true } end
  end },
}
