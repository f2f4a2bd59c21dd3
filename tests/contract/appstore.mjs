// App Store Connect: npm's appstore-connect-sdk carries the vendor's document in pieces, as JSON
// schemas (bodies), zod schemas (queries) and functions (which of them belong to which path).

import { Ajv } from "ajv";
import formats from "ajv-formats";
import * as sdk from "appstore-connect-sdk/openapi";
import { parsed } from "./tap.mjs";

const ZOD = new Map(Object.entries(sdk).filter(([name]) => `${name.slice(1)}Schema` in sdk)
  .map(([name, schema]) => [schema, name.slice(1)]));

// OpenAPI's "nullable" beside "$ref" is nothing to ajv. And a name that a schema does not
// have is a mistake here, though a newer version of the vendor's might have it.
function plain(node) {
  if (Array.isArray(node)) {
    return node.map(plain);
  } else if (node === null || typeof node !== "object") {
    return node;
  }
  const { nullable, discriminator: _, ...rest } = Object.fromEntries(Object.entries(node)
    .map(([name, value]) => [name, plain(value)]));
  if (typeof rest.properties === "object" && rest.type === "object") {
    rest.additionalProperties ??= false;
  }
  return nullable === true ? { anyOf: [rest, { type: "null" }] } : rest;
}

function compiler() {
  const schemas = Object.fromEntries(Object.entries(sdk).filter(([name]) => name.endsWith("Schema"))
    .map(([name, schema]) => [name.slice(0, -"Schema".length), plain(schema)]));
  const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
  formats.default(ajv);
  ajv.addSchema({ $id: "asc", components: { schemas } });
  return (name) => ajv.getSchema(`asc#/components/schemas/${name}`);
}

// { method, template, pattern, data, response } of every function that the SDK generated.
function operations() {
  const all = [];
  for (const [name, f] of Object.entries(sdk)) {
    const said = typeof f === "function" ? f.toString() : "";
    const method = said.match(/\bclient\)\.(get|post|put|patch|delete)\(/)?.[1];
    const template = said.match(/\burl: "([^"]+)"/)?.[1];
    const own = `z${name[0].toUpperCase()}${name.slice(1)}`;
    if (method && template && sdk[`${own}Data`]) {
      all.push({ method: method.toUpperCase(), template, data: sdk[`${own}Data`].shape,
        pattern: new RegExp(`^${template.replace(/\{\w+\}/g, "[^/]+").replace(/\./g, "\\.")}$`),
        response: ZOD.get(sdk[`${own}Response`]) });
    }
  }
  return all;
}

function judgeQuery(operation, params) {
  const given = operation.data.query;
  const shape = given?.shape ?? given?.def.innerType?.shape ?? {};
  const found = [], values = {};
  for (const name of new Set(params.keys())) {
    if (!(name in shape)) {
      found.push(`query: there is no parameter "${name}"`);
      continue;
    }
    const text = params.get(name);
    const fits = (value) => shape[name].safeParse(value).success;
    const list = fits([]) || fits(text.split(","));
    values[name] = list ? text.split(",")
      : /^\d+$/.test(text) && !fits(text) ? Number(text) : text;
  }
  const read = given?.safeParse(params.size || given.shape ? values : undefined);
  return found.concat((read?.error?.issues ?? [])
    .map((i) => `query: ${i.path.join(".")}: ${i.message}`));
}

const decoded = (part) => parsed(Buffer.from(part ?? "", "base64url"));

function judgeToken(header) {
  const parts = (header ?? "").match(/^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/)?.[1].split(".");
  if (!parts) {
    return ["Authorization is no JSON Web Token"];
  }
  const [head, claims] = [decoded(parts[0]), decoded(parts[1])];
  const found = [];
  if (head?.alg !== "ES256" || head?.typ !== "JWT" || !head?.kid) {
    found.push(`the token's header is ${JSON.stringify(head)}`);
  }
  if (claims?.aud !== "appstoreconnect-v1" || !(claims?.iss || claims?.sub === "user")
      || !(claims?.exp > claims?.iat && claims?.exp - claims?.iat <= 20 * 60)) {
    found.push(`the token's claims are ${JSON.stringify(claims)}`);
  }
  if (Buffer.from(parts[2], "base64url").length !== 64) {
    found.push("the token's signature has not the 64 bytes of R and S");
  }
  return found;
}

export function appstoreJudge() {
  const all = operations();
  const schema = compiler();
  const hold = (what, name, value) => {
    const validate = schema(name);
    return validate(value) ? [] : validate.errors.filter((e) => e.keyword !== "oneOf").slice(0, 5)
      .map((e) => `${what}: ${e.instancePath} ${e.message}${e.params?.additionalProperty
        ? ` ("${e.params.additionalProperty}")` : ""} (${name})`);
  };
  return (exchange) => {
    const operation = all.find((o) => o.method === exchange.method
      && o.pattern.test(exchange.path));
    if (!operation) {
      return [`the vendor has no ${exchange.method} ${exchange.path}`];
    }
    exchange.operation = `${operation.method} ${operation.template}`;
    const found = judgeToken(exchange.headers.authorization);
    const query = new URL(exchange.url, "http://x").searchParams;
    found.push(...judgeQuery(operation, query));
    const wanted = ZOD.get(operation.data.body);
    if (wanted) {
      found.push(...hold("request", wanted, parsed(exchange.body)));
    } else if (exchange.body.length) {
      found.push("request: a body where none belongs");
    }
    if (exchange.status >= 400) {
      found.push(...hold("answer", "ErrorResponse", parsed(exchange.answer)));
    } else if (operation.response) {
      found.push(...hold("answer", operation.response, parsed(exchange.answer)));
    } else if (exchange.status !== 204 || exchange.answer.length) {
      found.push(`answer: ${exchange.status} where an empty 204 belongs`);
    }
    return found;
  };
}
