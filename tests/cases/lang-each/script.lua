-- A list known only at run time, in each shape that it may have.
return pipeline "each" {
  version = "1.0.0",
  step "list" { run = function () return { regions = { "eu", "us" } } end },
  each "region" {
    over = function (r) return r.out.list.regions end,
    step "deploy" { run = function (r) return r.name .. "!" end },
    parallel "both" {
      step "left" { run = function (r) return r.out.deploy .. "left" end },
      step "right" { run = function (r) return r.member .. "right" end },
    },
    each "shard" {
      over = function (r) return { r.member .. 1, r.member .. 2 } end,
      step "fill" { run = function (r) return r.name .. " after " .. r.out.deploy end },
    },
  },
  parallel "p" {
    each "number" { over = { 7, 8 }, at_once = 2, step "n" { run = function (r) return r.member + 1 end } },
    each "keyed" {
      over = { { id = "x", of = null }, { id = 3, of = { 1 } } }, key = "id",
      step "k" { run = function (r) return { r.name, r.member.of } end },
    },
  },
  each "nobody" { over = function () return {} end, step "never" { run = function () fail "reached" end } },
  each "empty" { over = json.array {}, step "neither" { run = function () fail "reached" end } },
  step "last" {
    run = function (r)
      for _, id in ipairs { "region", "p", "number", "keyed", "nobody", "empty" } do
        log.info(id .. " " .. json.encode(r.out[id]))
      end
    end,
  },
}
