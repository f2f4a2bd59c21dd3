// Railway has a GraphQL schema in place of a description: each document, its variables and the
// answer's data are held against it.

import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { buildClientSchema, execute, getOperationAST, getVariableValues, parse, validate }
  from "graphql";
import { parsed } from "./tap.mjs";

function nulls(value, path) {
  if (value === null) {
    return [`variables: ${path} is null, which Railway takes for "unset": it has to be left out`];
  }
  return typeof value !== "object" ? []
    : Object.entries(value).flatMap(([name, member]) => nulls(member, `${path}.${name}`));
}

// The data as the schema's own types give it back. Members are found by the name under which they
// were asked for.
function judgeData(schema, document, variables, data) {
  const result = execute({ schema, document, rootValue: data, variableValues: variables,
    fieldResolver: (source, _args, _context, info) => source[info.path.key],
    typeResolver: (source) => source.__typename });
  const found = (result.errors ?? []).map((e) => `answer: ${e.path?.join(".")}: ${e.message}`);
  const plain = JSON.parse(JSON.stringify(result.data ?? null));
  if (!found.length && !isDeepStrictEqual(plain, data)) {
    found.push(`answer: by the schema it would be ${JSON.stringify(plain)}, `
      + `and it is ${JSON.stringify(data)}`);
  }
  return found;
}

export function railwayJudge(file) {
  const schema = buildClientSchema(JSON.parse(readFileSync(file, "utf8")).data);
  return (exchange) => {
    if (exchange.method !== "POST" || exchange.path !== "/graphql/v2") {
      return [`POST /graphql/v2 is all there is, not ${exchange.method} ${exchange.path}`];
    }
    const body = parsed(exchange.body);
    let document;
    try {
      document = parse(body.query);
    } catch (error) {
      return [`request: ${error.message}`];
    }
    const wrong = validate(schema, document);
    if (wrong.length) {
      return wrong.map((e) => `request: ${e.message}`);
    }
    const operation = getOperationAST(document, body.operationName);
    if (!operation) {
      return [`request: there is no operation "${body.operationName}"`];
    }
    const names = operation.selectionSet.selections.map((s) => s.name.value).join(", ");
    exchange.operation = `${operation.operation} ${names}`;
    const coerced = getVariableValues(schema, operation.variableDefinitions, body.variables ?? {});
    const found = (coerced.errors ?? []).map((e) => `variables: ${e.message}`)
      .concat(nulls(body.variables ?? {}, "$"));
    const answer = parsed(exchange.answer);
    if (exchange.status === 200 && answer?.data && !answer.errors && !found.length) {
      found.push(...judgeData(schema, document, body.variables ?? {}, answer.data));
    } else if (exchange.status === 200 && !answer?.data && !answer?.errors?.[0]?.message) {
      found.push("answer: neither data nor errors with a message");
    }
    return found;
  };
}
