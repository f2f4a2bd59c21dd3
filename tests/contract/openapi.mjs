// A vendor's description in OpenAPI: which operation a request is, and what Prism said to it.

import { readFileSync, writeFileSync } from "node:fs";
import { parsed } from "./tap.mjs";

// Prism lets everything pass where a schema is not one by the letter of JSON Schema, without a
// word. So it is given what the vendors' slips mean: words that stand twice in a list, choices
// out of nothing, "nullable" beside something else than a type.
function repaired(node) {
  if (Array.isArray(node)) {
    return node.map(repaired);
  } else if (node === null || typeof node !== "object") {
    return node;
  }
  const out = Object.fromEntries(Object.entries(node).map(([k, v]) => [k, repaired(v)]));
  if (Array.isArray(out.enum)) {
    out.enum = [...new Set(out.enum)];
  }
  for (const word of ["oneOf", "anyOf", "allOf"]) {
    if (Array.isArray(out[word]) && !out[word].length) {
      delete out[word];
    }
  }
  if (out.nullable === true && typeof out.type !== "string") {
    const { nullable: _, ...rest } = out;
    return Object.keys(rest).length ? { anyOf: [rest, { enum: [null] }] } : {};
  }
  return out;
}

// Where a vendor's schema contradicts the vendor's own words beside it.
const SLIPS = {
  // "Use `null` … or omit this parameter for new secrets", and yet it is among "required".
  doppler: (document) => {
    const item = document.paths["/v3/configs/config/secrets"].post.requestBody
      .content["application/json"].schema.properties.change_requests.items;
    item.required = item.required.filter((name) => name !== "originalName");
  },
  // A deployment in full is one in short, too, so that of its two forms both fit. Whose token may
  // see it gets the full one.
  vercel: (document) => {
    const content = document.paths["/v13/deployments/{idOrUrl}"].get.responses[200]
      .content["application/json"];
    content.schema = content.schema.oneOf.reduce((a, b) =>
      (a.required.length > b.required.length ? a : b));
  },
};

export class Description {
  /** The file as the vendor has it, and the name under which the repaired one is written. */
  constructor(name, file, written) {
    const document = JSON.parse(readFileSync(file, "utf8"));
    SLIPS[name]?.(document);
    writeFileSync(written, JSON.stringify(repaired(document)));
    this.routes = Object.entries(document.paths).flatMap(([template, item]) => {
      const pattern = new RegExp(`^${template.split(/\{\w+\}/).map(quoted).join("([^/]+)")}$`);
      return Object.keys(item).map((method) => ({ template, pattern, method: method.toUpperCase(),
        names: template.split("{").length }));
    });
  }

  /** "GET /repos/{owner}/{repo}", or null. */
  operation(method, path) {
    const fitting = this.routes.filter((r) => r.method === method && r.pattern.test(path))
      .sort((a, b) => a.names - b.names);
    return fitting.length ? `${method} ${fitting[0].template}` : null;
  }
}

const quoted = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function violations(exchange) {
  const header = exchange.answerHeaders["sl-violations"];
  const listed = header ? parsed(Buffer.from(header)) ?? [{ location: [], message: header }] : [];
  return [...listed, ...(parsed(exchange.answer)?.validation ?? [])]
    .filter((v) => v.severity !== "Warning" && v.severity !== "Information");
}

/** What Prism found wrong with an exchange, as texts. */
export function judgeByPrism(exchange) {
  const found = violations(exchange).map((v) => `${v.location?.join(".")}: ${v.message}`);
  if (exchange.reached === undefined) {
    const said = parsed(exchange.answer);
    found.push(`the request was not let through: ${said?.title ?? exchange.answer} `
      + `(${said?.detail ?? exchange.status})`);
  } else if (exchange.reached !== exchange.status) {
    found.push(`the answer ${exchange.reached} was not let through: ${exchange.answer}`);
  }
  return [...new Set(found)];
}
