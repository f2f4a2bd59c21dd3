-- The GraphQL server of the simulated world, by itself.
-- Loaded with (sim, tools); returns name -> function.

local sim = ...
local graphql = sim.require "graphql"

local SCHEMA = graphql.schema [[
  enum Colour { RED BLUE }
  type Query { item(id: String!): Item items(first: Int = 2, filter: Filter): [Item!]! broken: Item! maybe: Item }
  type Mutation { drop(id: String!): Boolean! }
  type Item { id: ID! name: String colour: Colour! parts: [Item!]! strict: String! }
  input Filter { colour: [Colour!] word: String = "x" must: Int! }
]]

local ITEMS = { { id = "a", name = "A", colour = "RED", parts = {}, strict = "s" },
  { id = "b", colour = "BLUE", parts = {}, strict = "s" } }
local seen = {}
local RESOLVERS = {
  Query = {
    item = function (_, args)
      for _, item in ipairs(ITEMS) do
        if item.id == args.id then
          return item
        end
      end
    end,
    items = function (_, args) seen.args = args return ITEMS end,
    broken = function () error({ graphql = "Not Authorized", code = "FORBIDDEN" }, 0) end,
    maybe = function () error({ graphql = "Gone" }, 0) end,
  },
  Mutation = { drop = function () return true end },
}

local function run(query, variables, operation)
  local status, body = graphql.run { schema = SCHEMA, resolvers = RESOLVERS, query = query,
    variables = variables,
    operation = operation }
  return status, body, body.errors and body.errors[1].message
end

local function equal(got, want)
  if got ~= want then
    error(("got %s, want %s"):format(tostring(got), tostring(want)), 2)
  end
end

-- query, variables -> the message of the first error, with status 400
local REFUSED = {
  { "{ item(id: \"a\") { nope } }", nil, 'Cannot query field "nope" on type "Item".' },
  { "{ nope }", nil, 'Cannot query field "nope" on type "Query".' },
  { "{ item { id } }", nil,
    'Field "item" argument "id" of type "String!" is required, but it was not provided.' },
  { "{ item(id: 1) { id } }", nil, "String cannot represent the given value." },
  { "{ item(id: \"a\", x: 1) { id } }", nil, 'Unknown argument "x" on field "Query.item".' },
  { "{ item(id: \"a\") }", nil,
    'Field "item" of type "Item" must have a selection of subfields. Did you mean "item { ... }"?' },
  { "mutation { drop(id: \"a\") { id } }", nil,
    'Field "drop" must not have a selection since type "Boolean!" has no subfields.' },
  { "{ items(filter: {must: 1, nope: 2}) { id } }", nil,
    'Field "nope" is not defined by type "Filter".' },
  { "{ items(filter: {}) { id } }", nil,
    'Field "Filter.must" of required type "Int!" was not provided.' },
  { "{ items(filter: {must: 1, colour: [GREEN]}) { id } }", nil,
    'Value "GREEN" does not exist in "Colour" enum.' },
  { "query($id: String) { item(id: $id) { id } }", nil,
    'Variable "$id" of type "String" used in position expecting type "String!".' },
  { "query Q($id: String!) { item(id: $di) { id } }", nil,
    'Variable "$di" is not defined by operation "Q".' },
  { "query Q($id: String!) { items { id } }", nil,
    'Variable "$id" is never used in operation "Q".' },
  { "query($id: String!) { item(id: $id) { id } }", {},
    'Variable "$id" of required type "String!" was not provided.' },
  { "query($id: String!) { item(id: $id) { id } }", { id = 3 },
    'Variable "$id" got invalid value 3; String cannot represent value: 3.' },
  { "query($f: Filter) { items(filter: $f) { id } }", { f = { must = 1, x = 2 } },
    'Variable "$f" got invalid value {"must":1,"x":2}; Field "x" is not defined by type "Filter".' },
  { "{ item(id: \"a\") { ...F } }", nil, 'Unknown fragment "F".' },
  { "{ item(id: \"a\") { ...F } } fragment F on Item { parts { ...F } }", nil,
    'Cannot spread fragment "F" within itself.' },
  { "{ item(id: \"a\") { ... on Query { items { id } } } }", nil,
    'Fragment cannot be spread here as objects of type "Item" can never be of type "Query".' },
  { "subscription { item(id: \"a\") { id } }", nil,
    "This endpoint does not execute subscription operations." },
  { "{ item(id: \"a\") { id }", nil, "Syntax Error: Expected Name, found <EOF>." },
  { "query Q { items { id } } query R { items { id } }", nil,
    "Must provide operation name if query contains multiple operations." },
  { "{ items ( first: \"x }", nil, "Syntax Error: Unterminated string." },
  { "{ items { id } } }", nil, 'Syntax Error: Unexpected "}".' },
}

local cases = {}

function cases.refuses_what_does_not_fit_the_schema()
  for i, row in ipairs(REFUSED) do
    local status, _, message = run(row[1], row[2])
    if status ~= 400 or message ~= row[3] then
      error(("row %d: got %d %s, want %s"):format(i, status, tostring(message), row[3]))
    end
  end
end

function cases.answers_with_aliases_fragments_and_directives()
  local status, body = run([[
    query Q($id: String!, $no: Boolean = false) {
      one: item(id: $id) { ...F name @skip(if: true) __typename }
      two: item(id: "b") { id ... on Item { name } colour @include(if: $no) }
    }
    fragment F on Item { id colour }
  ]], { id = "a" })
  equal(status, 200)
  equal(sim.json.encode(body), sim.json.encode { data = {
    one = { id = "a", colour = "RED", __typename = "Item" },
      two = { id = "b", name = sim.null } } })
end

function cases.takes_defaults_of_arguments_and_input_fields()
  run("query($f: Filter) { items(filter: $f) { id } }", { f = { must = 1 } })
  equal(seen.args.first, 2)
  equal(seen.args.filter.word, "x")
  run("{ items(first: 5, filter: null) { id } }")
  equal(seen.args.first, 5)
  equal(seen.args.filter, nil)
end

function cases.picks_the_named_operation()
  local status, body = run("query Q { items { id } } mutation R { drop(id: \"a\") }", nil, "R")
  equal(status, 200)
  equal(body.data.drop, true)
  local _, _, message = run("query Q { items { id } }", nil, "S")
  equal(message, 'Unknown operation named "S".')
end

function cases.a_failed_field_is_null_or_takes_its_parent_along()
  local status, body, message = run "{ maybe { id } items { id } }"
  equal(status, 200)
  equal(message, "Gone")
  equal(body.data.maybe, sim.null)
  equal(#body.data.items, 2)
  status, body, message = run "{ broken { id } items { id } }"
  equal(status, 200)
  equal(message, "Not Authorized")
  equal(body.data, sim.null)
  equal(#body.errors, 1)
  equal(body.errors[1].extensions.code, "FORBIDDEN")
  equal(body.errors[1].path[1], "broken")
end

function cases.says_where_an_error_is()
  local _, body = run "{\n  items {\n    id\n    nope\n  }\n}"
  equal(body.errors[1].locations[1].line, 4)
  equal(body.errors[1].locations[1].column, 5)
end

return cases
