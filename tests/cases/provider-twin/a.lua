return pipeline "lights" {
  version = "1.0.0",
  step "ask" { run = function ()
    log.info(json.encode(http.get("https://api.beacon.example/lamp?x=1").json))
  end },
}
