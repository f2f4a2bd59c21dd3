-- Lists that are none, and members that cannot be named.
local lists = {
  dup = { "a", "b", "a" }, bad = { "a[b" }, map = { x = 1 }, text = "abc", flags = { true },
  empty = { "" }, nothing = null, table = { { a = 1 } }, mixed = { 1, 2, x = 1 },
  long = { string.rep("x", 121) }, control = { "a\x1bb" }, same = { 1, "1" },
}
lists.gaps = { "a", "b", "c" }
lists.gaps[2] = nil
return pipeline "each-bad" {
  version = "1.0.0",
  params = { list = text {} },
  each "e" {
    over = function (r) return lists[r.params.list] end,
    step "s" { run = function (r) return r.name end },
  },
}
