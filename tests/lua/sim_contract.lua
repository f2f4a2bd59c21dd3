-- What the contract of a provider lets pass, and with which words it refuses the rest.
-- Loaded with (sim, tools); returns name -> function.

local sim, tools = ...
local contract = sim.require "contract"
local core = sim.require "core"

local function equal(got, want)
  if got ~= want then
    error(("got %s, want %s"):format(tostring(got), tostring(want)), 2)
  end
end

local function request(method, url, body, headers)
  local _, host, path, query, all = core.url("https://api.cdn.example" .. url)
  return { method = method, host = host, path = path, query = query, all = all,
    headers = headers or {}, body = body and sim.json.encode(body) or "" }
end

-- nil, or what is told of it, without the place.
local function told(f, ...)
  local ok, problem = pcall(f, ...)
  return not ok and tostring(type(problem) == "table" and problem.message or problem)
    :gsub("^contract c: %u+ [^ ]+ ?", ""):gsub("^: ", "") or nil
end

local function with(schema, servers)
  local body = { required = true, content = { ["application/json"] = { schema = schema } } }
  return contract.open({ openapi = "3.0.3", servers = servers,
    paths = { ["/x"] = { post = { requestBody = body, responses = { ["200"] = {} } } } },
    components = { schemas = { name = { type = "string", minLength = 2, maxLength = 3 } } } }, "c")
end

local function body(schema, value)
  local problem = told(contract.check_request, with(schema), "c", request("POST", "/x",
    { v = value }))
  return problem and problem:gsub("^the request: body%.v ?", "") or nil
end

local function member(schema)
  return { type = "object", properties = { v = schema } }
end

local null, list = sim.null, sim.json.array
local NAME = { ["$ref"] = "#/components/schemas/name" }
local A_OR_B = { oneOf = { { type = "integer", minimum = 5 }, { type = "integer", maximum = 7 } } }

-- schema, value, what is told (nil: it fits)
local TABLE = {
  { { type = "string" }, "a" },
  { { type = "string" }, 1, "is number, not string" },
  { { type = "string" }, null, "is null, not string" },
  { { type = "string", nullable = true }, null },
  { { type = "string", nullable = true, enum = { "a" } }, null },
  { { type = { "string", "null" } }, null },
  { { type = { "string", "null" } }, 1, "is number, not string or null" },
  { { type = "integer" }, 1.0 },
  { { type = "integer" }, 1.5, "is number, not integer" },
  { { type = "boolean" }, "true", "is string, not boolean" },
  { { type = "array" }, { a = 1 }, "is a list or map, not array" },
  { { type = "object" }, { 1 }, "is a list or map, not object" },
  { { enum = { "a", 2 } }, 2 },
  { { enum = { "a", 2 } }, "b", "is \"b\", which is none of its values" },
  { { const = "a" }, "b", "is \"b\", it should be \"a\"" },
  { { type = "integer", minimum = 1, maximum = 3 }, 3 },
  { { type = "integer", minimum = 1, maximum = 3 }, 4, "is 4, out of its bounds" },
  { { type = "integer", minimum = 1 }, 0, "is 0, out of its bounds" },
  { NAME, "äö" },
  { NAME, "ä", "has the length 1, out of its bounds" },
  { NAME, "abcd", "has the length 4, out of its bounds" },
  { { type = "array", minItems = 1, maxItems = 2 }, { 1, 2 } },
  { { type = "array", minItems = 1 }, list {}, "has the length 0, out of its bounds" },
  { { type = "array", maxItems = 2 }, { 1, 2, 3 }, "has the length 3, out of its bounds" },
  { { type = "array", items = { type = "integer" } }, { 1, "2" }, "[2] is string, not integer" },
  { A_OR_B, 4 }, { A_OR_B, 8 },
  { A_OR_B, 6, "fits 2 of oneOf, it should be one" },
  { A_OR_B, "x", "fits none of oneOf: body.v is string, not integer" },
  { { anyOf = A_OR_B.oneOf }, 6 },
  { { allOf = A_OR_B.oneOf }, 6 },
  { { allOf = A_OR_B.oneOf }, 8, "is 8, out of its bounds" },
  { { required = { "a" } }, { b = 1 }, ".a is missing" },
  { { properties = { a = {} }, additionalProperties = false }, { a = 1 } },
  { { properties = { a = {} }, additionalProperties = false }, { b = 1 },
    ".b is not known to the contract" },
  { { additionalProperties = { type = "string" } }, { b = 1 }, ".b is number, not string" },
  { { additionalProperties = true }, { b = 1 } },
  { { ["$ref"] = "#/components/schemas/gone" }, 1,
    "the contract's reference \"#/components/schemas/gone\" leads nowhere" },
}

local cases = {}

function cases.values_are_held_against_their_schemas()
  for i, row in ipairs(TABLE) do
    local got = body(member(row[1]), row[2])
    if got ~= row[3] then
      error(("row %d: got %s, want %s"):format(i, tostring(got), tostring(row[3])), 0)
    end
  end
end

local function asks(servers, url)
  local paths = { ["/x"] = { get = { responses = { ["200"] = {} } } } }
  return told(contract.check_request, { paths = paths, servers = servers }, "c",
    request("GET", url))
end

function cases.a_path_begins_with_that_of_a_server()
  local v1 = { { url = "https://api.cdn.example/v1/" } }
  equal(asks(nil, "/x"), nil)
  equal(asks(v1, "/v1/x"), nil)
  equal(asks(v1, "/x"), "the contract has no such path (its servers are at /v1)")
  equal(asks(v1, "/v12/x"), "the contract has no such path (its servers are at /v1)")
  equal(asks({ { url = "/api" }, { url = "v2" } }, "/v2/x"), nil)
  equal(asks({ { url = "/" } }, "/x"), nil)
  equal(asks({ { url = "https://api.cdn.example" }, v1[1] }, "/x"), nil)
  equal(asks({ { url = "//{region}.cdn.example:{port}/{version}", variables = {
    region = { default = "eu" }, port = { default = "443" }, version = { default = "v3" } } } },
    "/v3/x"), nil)
end

function cases.servers_of_a_path_or_an_operation_come_first()
  local document = { servers = { { url = "/v1" } }, paths = {
    ["/x"] = { servers = { { url = "/v2" } }, get = { responses = {} } },
    ["/y"] = { get = { responses = {}, servers = { { url = "/v3" } } } } } }
  equal(told(contract.check_request, document, "c", request("GET", "/v2/x")), nil)
  equal(told(contract.check_request, document, "c", request("GET", "/v3/y")), nil)
  assert(told(contract.check_request, document, "c", request("GET", "/v1/x")))
end

function cases.nothing_stands_for_no_placeholder()
  local document = { paths = { ["/a/{id}/b"] = { get = { responses = {} } },
    ["/a/{id}.json"] = { get = { responses = {} } }, ["/a/me/b"] = { put = { responses = {} } } } }
  local function path(url, method)
    return told(contract.check_request, document, "c", request(method or "GET", url))
  end
  equal(path "/a/1/b", nil)
  equal(path "/a/%2F/b", nil)
  equal(path "/a/1.json", nil)
  equal(path "/a//b", "the contract has no such path")
  equal(path "/a/b", "the contract has no such path")
  equal(path "/a/1/b/", "the contract has no such path")
  equal(path "/a/.json", "the contract has no such path")
  equal(path "/a/me/b", "the contract has no such method here")
  equal(path("/a/me/b", "PUT"), nil)
end

function cases.parameters_are_checked_where_they_stand()
  local document = { paths = { ["/x/{n}"] = {
    parameters = { { name = "n", ["in"] = "path", required = true, schema = { type = "integer" } },
      { name = "X-Key", ["in"] = "header", required = true, schema = { minLength = 3,
        type = "string" } } },
    get = { responses = {}, parameters = {
      { name = "Accept", ["in"] = "header", required = true },
      { name = "limit", ["in"] = "query", schema = { type = "integer", maximum = 9 } },
      { name = "tag", ["in"] = "query", schema = { type = "array", maxItems = 2,
        items = { type = "integer" } } },
      { name = "ids", ["in"] = "query", explode = false, schema = { type = "array",
        maxItems = 2 } } } } } } }
  local function ask(url, key)
    local problem = told(contract.check_request, document, "c", request("GET", url, nil,
      { ["x-key"] = key or "abc" }))
    return problem and problem:gsub("^the request: ", "")
  end
  equal(ask "/x/1?limit=9&tag=1&tag=2&ids=1,2", nil)
  equal(ask "/x/a", "the path parameter n is string, not integer")
  equal(ask("/x/1", "a"), "the header parameter X-Key has the length 1, out of its bounds")
  equal(ask "/x/1?limit=10", "the query parameter limit is 10, out of its bounds")
  equal(ask "/x/1?limit=0x1", "the query parameter limit is string, not integer")
  equal(ask "/x/1?tag=1&tag=b", "the query parameter tag[2] is string, not integer")
  equal(ask "/x/1?tag=1&tag=2&tag=3", "the query parameter tag has the length 3, out of its bounds")
  equal(ask "/x/1?ids=1,2,3", "the query parameter ids has the length 3, out of its bounds")
  equal(ask "/x/1?limt=1", "the query parameter \"limt\" is not known to the contract")
  equal(told(contract.check_request, document, "c", request("GET", "/x/1")),
    "the request: the header parameter \"X-Key\" is missing")
end

function cases.an_answer_has_the_shape_of_its_status()
  local function json(schema)
    return { content = { ["application/json; charset=utf-8"] = { schema = schema } } }
  end
  local responses = { ["200"] = json { type = "array" }, ["2XX"] = json { type = "object" },
    ["404"] = {} }
  local document = { paths = { ["/x"] = { get = { responses = responses } } } }
  local function answer(status, value)
    local problem = told(contract.check_answer, document, "c", request("GET", "/x"),
      core.answer(status, value))
    return problem and problem:gsub("^the answer: ", "")
  end
  equal(answer(200, { 1 }), nil)
  equal(answer(200, { a = 1 }), "answer is a list or map, not array")
  equal(answer(201, { a = 1 }), nil)
  equal(answer(201, { 1 }), "answer is a list or map, not object")
  equal(answer(204), "the answer is no JSON")
  equal(answer(404), nil)
  equal(answer(500, {}), "the contract has no answer 500")
  responses.default = json { required = { "error" } }
  equal(answer(500, { error = "x" }), nil)
  equal(answer(500, { a = 1 }), "answer.error is missing")
end

function cases.what_is_no_description_is_refused()
  for _, document in ipairs { "text", { openapi = "3.0.3" }, { swagger = "2.0", paths = {} } } do
    local problem = told(contract.open, document, "c")
    equal(problem, "contract c: it is no OpenAPI 3 document, with openapi: 3.0.3 and paths: { … }")
  end
end

return cases
