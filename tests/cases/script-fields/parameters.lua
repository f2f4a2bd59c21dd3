return pipeline "parameters" {
  version = "x.y",
  params = {
    a = text { mni = 3 }, b = choice {}, c = integer { default = "x" }, d = text { pattern = "[" },
    e = 5, f = text "help", g = integer { min = "1" }, h = choice { "x", default = "y" },
    i = text { check = 1, help = 2, optional = "yes" }, ["bad name"] = text, j = log, k = version_text { default = "z" },
    l = choice { 1 },
  },
  step "a" { run = function () end },
}
