return {
  name = "rows", verb = {},
  verbs = {
    go = { effect = "change", sumary = "…", options = { Name = { "text" }, n = { "number|string" }, m = { "text", required = true, default = "x" } },
      act = function () end },
    put = { effect = "write", summary = "…", act = function () end, probe = function () end },
    both = "text",
  },
}
