-- Work by hand: whether it was done is looked at, not believed.
return pipeline "manual" {
  version = "1.0.0",
  manual "tell" { ask = "Create the file `done`", verify = function () return fs.exists { path = "done" } end },
  manual "believe" { ask = "Tell support" },
  step "after" { run = function (r) log.info(json.encode { r.out.tell.answer, r.out.believe.answer }) end },
}
