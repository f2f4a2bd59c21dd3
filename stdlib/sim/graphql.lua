-- A small GraphQL server: checks a document against a schema and runs it over
-- resolvers. Answers as the vendors do: a document that does not fit the schema
-- is HTTP 400 with `errors`, a resolver that fails is HTTP 200 with `errors`.

local sim = ...
local core = sim.require "core"
local parse = sim.require "graphql_parse"

local M = {}

M.schema = parse.schema

local function type_text(ref)
  if ref.nonnull then
    return type_text(ref.nonnull) .. "!"
  elseif ref.list then
    return "[" .. type_text(ref.list) .. "]"
  end
  return ref.name
end

local function base_name(ref)
  while not ref.name do
    ref = ref.nonnull or ref.list
  end
  return ref.name
end

local function complain(x, at, message, ...)
  x.errors[#x.errors + 1] = {
    message = select("#", ...) > 0 and message:format(...) or message,
    locations = core.list { x.document.locate(at) },
    extensions = { code = "GRAPHQL_VALIDATION_FAILED" },
  }
end

-- Checking ---------------------------------------------------------------

local LITERALS = {
  Int = { int = true }, Float = { int = true, float = true }, String = { string = true },
  Boolean = { boolean = true }, ID = { string = true, int = true },
}

local check_value

local function check_object(x, value, type, whole)
  local given = {}
  for _, field in ipairs(value.fields) do
    given[field.name] = true
    local known = type.fields[field.name]
    if not known then
      complain(x, field.at, 'Field "%s" is not defined by type "%s".', field.name, type.name)
    else
      check_value(x, field.value, known.type, whole)
    end
  end
  for name, field in core.sorted(type.fields) do
    if field.type.nonnull and not field.default and not given[name] then
      complain(x, value.at, 'Field "%s.%s" of required type "%s" was not provided.', type.name,
        name, type_text(field.type))
    end
  end
end

local function check_variable(x, value, ref)
  local variable = x.variables[value.name]
  if not variable then
    complain(x, value.at, 'Variable "$%s" is not defined%s.', value.name,
      x.operation.name and ' by operation "' .. x.operation.name .. '"' or "")
    return
  end
  variable.used = true
  local have, want = variable.type, ref
  if want.nonnull and not have.nonnull and not variable.default then
    complain(x, value.at, 'Variable "$%s" of type "%s" used in position expecting type "%s".',
      value.name,
      type_text(have), type_text(want))
  elseif base_name(have) ~= base_name(want) then
    complain(x, value.at, 'Variable "$%s" of type "%s" used in position expecting type "%s".',
      value.name,
      type_text(have), type_text(want))
  end
end

function check_value(x, value, ref)
  if value.kind == "variable" then
    return check_variable(x, value, ref)
  end
  if ref.nonnull then
    if value.kind == "null" then
      return complain(x, value.at, 'Expected value of type "%s", found null.', type_text(ref))
    end
    return check_value(x, value, ref.nonnull)
  end
  if value.kind == "null" then
    return
  end
  if ref.list then
    for _, item in ipairs(value.kind == "list" and value.items or { value }) do
      check_value(x, item, ref.list)
    end
    return
  end
  local type = x.schema[ref.name]
  if type.kind == "input" then
    if value.kind ~= "object" then
      return complain(x, value.at, 'Expected value of type "%s".', ref.name)
    end
    return check_object(x, value, type)
  elseif type.kind == "enum" then
    if value.kind ~= "enum" or not type.values[value.value] then
      complain(x, value.at, 'Value "%s" does not exist in "%s" enum.', tostring(value.value),
        ref.name)
    end
  elseif LITERALS[ref.name] and not LITERALS[ref.name][value.kind] then
    complain(x, value.at, "%s cannot represent the given value.", ref.name)
  end
end

local function check_arguments(x, given, known, owner)
  local seen = {}
  for _, argument in ipairs(given) do
    seen[argument.name] = true
    local arg = known[argument.name]
    if not arg then
      complain(x, argument.at, 'Unknown argument "%s" on field "%s".', argument.name, owner)
    else
      check_value(x, argument.value, arg.type)
    end
  end
  return seen
end

local check_selections

local function check_field(x, field, type)
  if field.name == "__typename" then
    return
  end
  local known = type.fields[field.name]
  if not known then
    return complain(x, field.at, 'Cannot query field "%s" on type "%s".', field.name, type.name)
  end
  local seen = check_arguments(x, field.arguments, known.args, type.name .. "." .. field.name)
  for name, arg in core.sorted(known.args) do
    if arg.type.nonnull and not arg.default and not seen[name] then
      complain(x, field.at,
        'Field "%s" argument "%s" of type "%s" is required, but it was not provided.',
        field.name, name, type_text(arg.type))
    end
  end
  local inner = x.schema[base_name(known.type)]
  if inner.kind == "object" and not field.selections then
    complain(x, field.at,
      'Field "%s" of type "%s" must have a selection of subfields. Did you mean "%s { ... }"?',
      field.name, type_text(known.type), field.name)
  elseif inner.kind ~= "object" and field.selections then
    complain(x, field.at, 'Field "%s" must not have a selection since type "%s" has no subfields.',
      field.name,
      type_text(known.type))
  elseif field.selections then
    check_selections(x, field.selections, inner)
  end
end

local function check_fragment(x, selection, type)
  local fragment = selection
  if selection.kind == "spread" then
    fragment = x.document.fragments[selection.name]
    if not fragment then
      return complain(x, selection.at, 'Unknown fragment "%s".', selection.name)
    end
    if x.open[selection.name] then
      return complain(x, selection.at, 'Cannot spread fragment "%s" within itself.', selection.name)
    end
    x.open[selection.name] = true
  end
  if fragment.on and not x.schema[fragment.on] then
    complain(x, selection.at, 'Unknown type "%s".', fragment.on)
  elseif fragment.on and fragment.on ~= type.name then
    complain(x, selection.at,
      'Fragment cannot be spread here as objects of type "%s" can never be of type "%s".',
      type.name, fragment.on)
  else
    check_selections(x, fragment.selections, type)
  end
  if selection.kind == "spread" then
    x.open[selection.name] = nil
  end
end

local CONDITIONS = { skip = true, include = true }

function check_selections(x, selections, type)
  for _, selection in ipairs(selections) do
    for _, directive in ipairs(selection.directives) do
      if not CONDITIONS[directive.name] then
        complain(x, directive.at, 'Unknown directive "@%s".', directive.name)
      else
        check_arguments(x, directive.arguments,
          { ["if"] = { type = { nonnull = { name = "Boolean" } } } },
          "@" .. directive.name)
      end
    end
    if selection.kind == "field" then
      check_field(x, selection, type)
    else
      check_fragment(x, selection, type)
    end
  end
end

-- Values -----------------------------------------------------------------

local function bad_variable(x, variable, message)
  x.errors[#x.errors + 1] = {
    message = message, locations = core.list { x.document.locate(variable.at) },
    extensions = { code = "BAD_USER_INPUT" },
  }
end

local SCALARS = {
  Int = function (v) return math.type(v) == "integer" end,
  Float = function (v) return type(v) == "number" end,
  String = function (v) return type(v) == "string" end,
  ID = function (v) return type(v) == "string" or math.type(v) == "integer" end,
  Boolean = function (v) return type(v) == "boolean" end,
}

--- Checks data that came as JSON against a type; returns it with the defaults of input fields, or
-- nil and why not.
local function coerce(schema, ref, value, where)
  if value == nil or value == sim.null then
    if ref.nonnull then
      return nil, ('Expected non-nullable type "%s" not to be null'):format(type_text(ref))
    end
    return value
  end
  if ref.nonnull then
    return coerce(schema, ref.nonnull, value, where)
  end
  if ref.list then
    local out = core.list {}
    for i, item in ipairs(type(value) == "table" and value or { value }) do
      local problem
      out[i], problem = coerce(schema, ref.list, item, where .. "[" .. i - 1 .. "]")
      if problem then
        return nil, problem
      end
    end
    return out
  end
  local kind = schema[ref.name]
  if kind.kind == "enum" and not kind.values[value] then
    return nil, ('Value "%s" does not exist in "%s" enum'):format(tostring(value), ref.name)
  elseif kind.kind == "scalar" and SCALARS[ref.name] and not SCALARS[ref.name](value) then
    return nil, ("%s cannot represent value: %s"):format(ref.name, sim.json.encode(value))
  elseif kind.kind ~= "input" then
    return value
  end
  if type(value) ~= "table" then
    return nil, ('Expected type "%s" to be an object'):format(ref.name)
  end
  local out = {}
  for name, member in core.sorted(value) do
    if not kind.fields[name] then
      return nil, ('Field "%s" is not defined by type "%s"'):format(tostring(name), ref.name)
    end
    local problem
    out[name], problem = coerce(schema, kind.fields[name].type, member, where .. "." .. name)
    if problem then
      return nil, problem
    end
  end
  for name, field in core.sorted(kind.fields) do
    if out[name] == nil and field.default then
      out[name] = field.default.value
    elseif out[name] == nil and field.type.nonnull then
      return nil, ('Field "%s" of required type "%s" was not provided'):format(name,
        type_text(field.type))
    end
  end
  return out
end

local function literal(x, value)
  if value.kind == "variable" then
    return x.values[value.name]
  elseif value.kind == "null" then
    return sim.null
  elseif value.kind == "list" then
    local out = core.list {}
    for i, item in ipairs(value.items) do
      out[i] = literal(x, item)
    end
    return out
  elseif value.kind == "object" then
    local out = {}
    for _, field in ipairs(value.fields) do
      out[field.name] = literal(x, field.value)
    end
    return out
  end
  return value.value
end

local function read_variables(x, given)
  x.values = {}
  for _, variable in ipairs(x.operation.variables) do
    local value = given[variable.name]
    if value == nil and variable.default then
      value = literal(x, variable.default)
    end
    if value == nil and variable.type.nonnull then
      bad_variable(x, variable,
        ('Variable "$%s" of required type "%s" was not provided.'):format(variable.name,
        type_text(variable.type)))
    else
      local coerced, problem = coerce(x.schema, variable.type, value, "$" .. variable.name)
      if problem then
        bad_variable(x, variable, ('Variable "$%s" got invalid value %s; %s.'):format(variable.name,
          sim.json.encode(value == nil and sim.null or value), problem))
      end
      x.values[variable.name] = coerced
    end
  end
end

-- Running ------------------------------------------------------------------

local function wanted(x, selection)
  for _, directive in ipairs(selection.directives) do
    local argument = directive.arguments[1]
    local on = argument and literal(x, argument.value)
    if (directive.name == "skip" and on == true) or (directive.name == "include"
      and on == false) then
      return false
    end
  end
  return true
end

local function collect(x, selections, out, order)
  for _, selection in ipairs(selections) do
    if wanted(x, selection) then
      if selection.kind ~= "field" then
        local fragment = selection.kind == "spread" and x.document.fragments[selection.name]
          or selection
        collect(x, fragment.selections, out, order)
      elseif out[selection.alias] then
        for _, more in ipairs(selection.selections or {}) do
          table.insert(out[selection.alias].selections, more)
        end
      else
        out[selection.alias] = { name = selection.name, arguments = selection.arguments,
          at = selection.at,
          selections = selection.selections and { table.unpack(selection.selections) } }
        order[#order + 1] = selection.alias
      end
    end
  end
end

local function field_error(x, field, path, problem)
  local copy = core.list {}
  for i, part in ipairs(path) do
    copy[i] = part
  end
  local known = type(problem) == "table" and problem.graphql
  if not known then
    error(problem, 0)
  end
  x.errors[#x.errors + 1] = { message = known,
    locations = core.list { x.document.locate(field.at) }, path = copy,
    extensions = { code = problem.code or "INTERNAL_SERVER_ERROR" } }
end

local NONE = {} -- the arguments of a field that takes none

-- A failed value that may not be null takes its parent with it.
local LOST = {}

local complete

local function run_selections(x, selections, type, parent, path)
  -- The same for every member of a list.
  local known = x.collected[selections]
  if not known then
    known = { fields = {}, order = {} }
    collect(x, selections, known.fields, known.order)
    x.collected[selections] = known
  end
  local fields, order, out = known.fields, known.order, {}
  for _, alias in ipairs(order) do
    local field = fields[alias]
    path[#path + 1] = alias
    local value
    if field.name == "__typename" then
      value = type.name
    else
      value = complete(x, field, type, parent, path)
    end
    path[#path] = nil
    if value == LOST then
      return LOST
    end
    out[alias] = value
  end
  return out
end

local function shape(x, field, ref, value, path)
  if ref.nonnull then
    local before = #x.errors
    local inner = shape(x, field, ref.nonnull, value, path)
    if inner == sim.null and #x.errors > before then
      return LOST
    elseif inner == sim.null then
      field_error(x, field, path, { graphql = "Cannot return null for non-nullable field "
        .. field.name .. "." })
      return LOST
    end
    return inner
  end
  if value == nil or value == sim.null then
    return sim.null
  end
  if ref.list then
    local out = core.list {}
    for i, item in ipairs(value) do
      path[#path + 1] = i - 1
      local inner = shape(x, field, ref.list, item, path)
      path[#path] = nil
      if inner == LOST then
        return sim.null
      end
      out[i] = inner
    end
    return out
  end
  local type = x.schema[ref.name]
  if type.kind == "object" then
    local inner = run_selections(x, field.selections, type, value, path)
    return inner == LOST and sim.null or inner
  end
  return value
end

function complete(x, field, type, parent, path)
  local known = type.fields[field.name]
  local args = NONE
  if next(known.args) then
    args = {}
    for name, arg in core.sorted(known.args) do
      if arg.default then
        args[name] = literal(x, arg.default)
      end
    end
  end
  for _, argument in ipairs(field.arguments) do
    args[argument.name] = core.some(literal(x, argument.value))
  end
  local resolver = x.resolvers[type.name] and x.resolvers[type.name][field.name]
  local value
  if resolver then
    local ok, result = pcall(resolver, parent, args, x.context)
    if not ok then
      field_error(x, field, path, result)
      return known.type.nonnull and LOST or sim.null
    end
    value = result
  elseif parent then
    value = parent[field.name]
  end
  return shape(x, field, known.type, value, path)
end

local ROOTS = { query = "Query", mutation = "Mutation", subscription = "Subscription" }

local function choose(x, name)
  local operations = x.document.operations
  if not name and #operations == 1 then
    return operations[1]
  end
  for _, operation in ipairs(operations) do
    if name and operation.name == name then
      return operation
    end
  end
  x.errors[1] = {
    message = name and ('Unknown operation named "%s".'):format(name)
      or "Must provide operation name if query contains multiple operations.",
    extensions = { code = "OPERATION_RESOLUTION_FAILURE" },
  }
end

local function check_operation(x)
  x.variables, x.open = {}, {}
  if not x.schema[ROOTS[x.operation.kind]] then
    return complain(x, x.operation.at, "This endpoint does not execute %s operations.",
      x.operation.kind)
  end
  for _, variable in ipairs(x.operation.variables) do
    if not x.schema[base_name(variable.type)] then
      complain(x, variable.at, 'Unknown type "%s".', base_name(variable.type))
    end
    x.variables[variable.name] = { type = variable.type, default = variable.default,
      at = variable.at }
  end
  check_selections(x, x.operation.selections, x.schema[ROOTS[x.operation.kind]])
  for name, variable in core.sorted(x.variables) do
    if not variable.used then
      complain(x, variable.at, 'Variable "$%s" is never used%s.', name,
        x.operation.name and ' in operation "' .. x.operation.name .. '"' or "")
    end
  end
end

--- Runs { schema, resolvers, query, variables, operation }. Returns the HTTP status and the body as
-- data.
-- resolvers[Type][field](parent, args) returns the value or raises { graphql = message, code };
-- without one the
-- parent's member of that name is taken.
function M.run(request)
  local ok, document = pcall(parse.document, request.query)
  if not ok then
    if type(document) ~= "table" then
      error(document, 0)
    end
    return 400, { errors = core.list { { message = document.syntax,
      locations = core.list { { line = document.line, column = document.column } },
      extensions = { code = "GRAPHQL_PARSE_FAILED" } } } }
  end
  local x = { schema = request.schema, resolvers = request.resolvers,
    context = request.context, document = document,
    errors = core.list {}, collected = {} }
  x.operation = choose(x, core.some(request.operation))
  if x.operation then
    check_operation(x)
  end
  if #x.errors == 0 then
    read_variables(x, core.some(request.variables) or {})
  end
  if #x.errors > 0 then
    return 400, { errors = x.errors }
  end
  local root = x.schema[ROOTS[x.operation.kind]]
  local data = run_selections(x, x.operation.selections, root, nil, {})
  if data == LOST then
    data = sim.null
  end
  return 200, { data = data, errors = #x.errors > 0 and x.errors or nil }
end

return M
