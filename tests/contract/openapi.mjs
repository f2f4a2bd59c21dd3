// A vendor's description in OpenAPI: which operation a request is, and what Prism said to it.

import { readFileSync } from "node:fs";
import { parsed } from "./tap.mjs";

export class Description {
  constructor(file) {
    const document = JSON.parse(readFileSync(file, "utf8"));
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
