// Between `pipe` and a vendor's double: writes down each exchange, and whether what judges it in
// the middle let it through as it was.
//
//   pipe -> front -> Prism -> back -> the world          (a description in OpenAPI)
//   pipe -> front ----------> back -> the world          (judged here, by a function)

import http from "node:http";

const HOP = new Set(["connection", "keep-alive", "transfer-encoding", "host", "content-length"]);
const agent = new http.Agent({ keepAlive: true });

function read(stream) {
  return new Promise((resolve, reject) => {
    const parts = [];
    stream.on("data", (part) => parts.push(part));
    stream.on("end", () => resolve(Buffer.concat(parts)));
    stream.on("error", reject);
  });
}

async function send({ base, method, path, headers, body }) {
  const url = new URL(base);
  const request = http.request({ agent, host: url.hostname, port: url.port, method,
    path: url.pathname.replace(/\/$/, "") + path, headers });
  const answered = new Promise((resolve, reject) => {
    request.on("response", resolve);
    request.on("error", reject);
  });
  request.end(body);
  const answer = await answered;
  return { status: answer.statusCode, headers: answer.headers, body: await read(answer) };
}

function listen(handle) {
  const server = http.createServer((request, response) => {
    handle(request, response).catch((error) => {
      response.writeHead(502, { "content-type": "text/plain" });
      response.end(`the contract's tap: ${error.message}`);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve({ server,
      url: `http://127.0.0.1:${server.address().port}` }));
  });
}

function without(headers, names) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.has(name)));
}

function headersFor(given, body) {
  const headers = without(given, HOP);
  if (body.length || given["content-length"] !== undefined) {
    headers["content-length"] = body.length;
  }
  return headers;
}

export function parsed(body) {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

// Prism writes JSON anew and keeps the length that was announced: so it is given JSON as it
// would write it.
function compact(headers, body) {
  const value = /json/.test(headers["content-type"] ?? "") ? parsed(body) : undefined;
  return value === undefined ? body : Buffer.from(JSON.stringify(value));
}

function reply(response, answer) {
  const headers = without(answer.headers, new Set([...HOP, "sl-violations"]));
  if (answer.status !== 204 && answer.status !== 304) {
    headers["content-length"] = answer.body.length;
  }
  response.writeHead(answer.status, headers);
  response.end(answer.body);
}

export class Tap {
  /** world: what answers, with the host's prefix. judge(exchange): what is wrong, as texts. */
  constructor(name, world, judge) {
    Object.assign(this, { name, world, judge, label: null, exchanges: [], reached: new Map(),
      spoilt: null });
  }

  async startBack() {
    this.back = await listen(async (request, response) => {
      const { "x-contract": id, ...given } = request.headers;
      const body = await read(request);
      const answer = this.spoilt ?? await send({ base: this.world, method: request.method,
        path: request.url, headers: headersFor(given, body), body });
      this.reached.set(id, answer.status);
      answer.headers = this.led(answer.headers);
      reply(response, answer);
    });
    return this.back.url;
  }

  /** An answer that leads elsewhere leads to the world's part of it. */
  led(headers) {
    const to = headers.location?.match(/^https:\/\/(.+)$/)?.[1];
    return to ? { ...headers, location: `${new URL(this.world).origin}/${to}` } : headers;
  }

  async startFront(behind) {
    let last = 0;
    this.front = await listen(async (request, response) => {
      const id = String(++last);
      const body = compact(request.headers, await read(request));
      const headers = { ...headersFor(request.headers, body), "x-contract": id };
      const direct = this.past?.test(request.url) ? this.back.url : behind;
      const answer = await send({ base: direct, method: request.method, path: request.url, headers,
        body });
      this.note(request, body, answer, id);
      reply(response, answer);
    });
    this.url = this.front.url;
  }

  note(request, body, answer, id) {
    const exchange = {
      provider: this.name, label: this.label, method: request.method, url: request.url,
      path: request.url.split("?")[0], headers: request.headers, body, status: answer.status,
      answer: answer.body, answerHeaders: answer.headers, reached: this.reached.get(id),
    };
    exchange.problems = this.judge(exchange);
    this.exchanges.push(exchange);
  }

  /** Passes one request through as any other, and gives its exchange. It is not kept. */
  async ask({ method = "GET", path, headers, body }, spoilt = null) {
    this.spoilt = spoilt;
    await send({ base: this.url, method, path, body,
      headers: headersFor(headers ?? {}, Buffer.from(body ?? "")) });
    this.spoilt = null;
    return this.exchanges.pop();
  }

  stop() {
    for (const side of [this.front, this.back]) {
      side?.server.closeAllConnections?.();
      side?.server.close();
    }
  }
}

/** Where the scripts say which verb comes next: /mark/PROVIDER/VERB/KIND. */
export function startMarks(taps, marked) {
  return listen(async (request, response) => {
    const [, , provider, verb, kind] = request.url.split("/");
    marked.push({ provider, verb, kind });
    for (const tap of taps.filter((t) => t.name === provider)) {
      tap.label = `${provider}.${verb}`;
    }
    response.writeHead(204);
    response.end();
  });
}
