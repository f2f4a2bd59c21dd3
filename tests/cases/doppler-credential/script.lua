-- Reads the database's health with a token that lies in Doppler.
return pipeline "from-doppler" {
  version = "1.0.0",
  params = { name = text { default = "supabase", help = "the credential" } },
  step "ask" {
    run = function (r)
      local token = secret.get { name = r.params.name }
      local answer = http.get {
        url = project.providers.supabase.url .. "/v1/projects",
        headers = { Authorization = { "Bearer ", token } },
      }
      return { status = answer.status, shown = tostring(token) }
    end,
  },
}
