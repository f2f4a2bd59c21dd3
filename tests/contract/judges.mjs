// Which judge each vendor has, and whether the judge is awake: a test in which nothing can be
// found would pass for ever.

import { appstoreJudge } from "./appstore.mjs";
import { Description, judgeByPrism } from "./openapi.mjs";
import { railwayJudge } from "./railway.mjs";
import { startPrism } from "./servers.mjs";
import { slackJudge } from "./slack.mjs";
import { Tap } from "./tap.mjs";

export const HOSTS = {
  github: "api.github.com", supabase: "api.supabase.com", doppler: "api.doppler.com",
  vercel: "api.vercel.com", railway: "backboard.railway.com",
  appstore: "api.appstoreconnect.apple.com", slack: "hooks.slack.com",
};

// Why there is none for the others.
export const WITHOUT = {
  fastlane: "a program, not a service, and its vendor has no description of it: a stub stands in",
  postgres: "a protocol, not an API: what db push does is compared with the vendor's own program",
};

const JUDGES = {
  railway: (contracts) => railwayJudge(`${contracts}/railway/schema.json`),
  appstore: appstoreJudge,
  slack: () => slackJudge,
};

// What Prism cannot stand in front of: it goes where an answer leads, instead of handing it on.
const PAST = { github: /\/actions\/jobs\/\d+\/logs$/ };

function judgeLeading(exchange) {
  return exchange.status === 404 || (exchange.status === 302 && exchange.answerHeaders.location
    && !exchange.answer.length) ? [] : [`answer: ${exchange.status} is no 302 with a location`];
}

export async function startTap(name, world, contracts) {
  const base = `${world.url}/${HOSTS[name]}`;
  if (JUDGES[name]) {
    const tap = new Tap(name, base, JUDGES[name](contracts));
    await tap.startFront(await tap.startBack());
    return tap;
  }
  const written = `${name}.openapi.json`;
  const description = new Description(name, `${contracts}/${name}/openapi.json`, written);
  const tap = new Tap(name, base, (exchange) => {
    exchange.operation = description.operation(exchange.method, exchange.path);
    return tap.past?.test(exchange.url) ? judgeLeading(exchange) : judgeByPrism(exchange);
  });
  tap.past = PAST[name];
  tap.prism = await startPrism(name, written, await tap.startBack());
  await tap.startFront(tap.prism.url);
  return tap;
}

const bearer = { authorization: "Bearer of-no-use" };
const json = { ...bearer, "content-type": "application/json" };
const graphql = (query) => ({ method: "POST", path: "/graphql/v2", headers: json,
  body: JSON.stringify({ query, variables: {} }) });

function token() {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  return `Bearer ${encode({ alg: "ES256", kid: "K", typ: "JWT" })}.${encode({ iss: "I", iat: now,
    exp: now + 600, aud: "appstoreconnect-v1" })}.${Buffer.alloc(64).toString("base64url")}`;
}

// Of each vendor a request that is right, and some that are not.
const SAMPLES = {
  github: [{ path: "/repos/impulse/impulse/pulls/12", headers: { ...bearer, "user-agent": "x" } },
    { path: "/nowhere", headers: bearer },
    { path: "/repos/impulse/impulse/pulls?state=ajar", headers: bearer }],
  supabase: [{ path: "/v1/projects", headers: bearer }, { path: "/v1/projects" },
    { path: "/v1/projects/prdimpulseabcdefghij/health", headers: bearer }],
  doppler: [{ path: "/v3/me", headers: bearer }, { path: "/v3/me" },
    { path: "/v3/configs/config", headers: bearer }],
  vercel: [{ path: "/v6/deployments", headers: bearer }, { path: "/nowhere", headers: bearer },
    { path: "/v6/deployments?limit=many", headers: bearer }],
  railway: [graphql("{ projectToken { projectId } }"), graphql("{ projectToken { project } }"),
    graphql("{ deployment(id: 7) { id } }"), { ...graphql("{ me { id } }"), method: "PUT" }],
  appstore: [{ path: "/v1/builds?limit=5", headers: { authorization: token() } },
    { path: "/v1/builds", headers: bearer },
    { path: "/v1/builds?filter[processingState]=DONE", headers: { authorization: token() } },
    { path: "/v1/betaAppReviewSubmissions", method: "POST", headers: { authorization: token(),
      "content-type": "application/json" }, body: '{"data":{"type":"builds"}}' }],
  slack: [{ method: "POST", path: "/services/T0/B0/X0", headers: json, body: '{"text":"a"}' },
    { method: "POST", path: "/services/T0/B0/X0", headers: json, body: '{"text":"a & b"}' },
    { method: "POST", path: "/services/T0/B0/X0", headers: json, body: '{"blocks":[]}' }],
};

const SPOILT = { headers: { "content-type": "application/json" }, body: Buffer.from('"spoilt"') };

// Operations whose answers the description leaves open: the rows of any query, what it says nothing
// of, and where there is nothing to answer.
const OPEN = ["POST /v1/projects/{ref}/database/query", "POST /v1/projects/{ref}/secrets",
  "DELETE /v1/projects/{ref}/secrets",
  "POST /v1/projects/{ref}/database/query/read-only",
  "POST /v1/projects/{projectId}/rollback/{deploymentId}",
  "POST /v10/projects/{projectId}/promote/{deploymentId}"];

/** What a judge let pass that it should not, as texts. */
export async function asleep(tap) {
  const [right, ...wrong] = SAMPLES[tap.name];
  const found = [];
  for (const request of wrong) {
    const { problems } = await tap.ask(request);
    if (!problems.some((p) => !p.startsWith("answer"))) {
      found.push(`${tap.name}: ${request.method ?? "GET"} ${request.path} ${request.body ?? ""} `
        + "is wrong, and nothing noticed");
    }
  }
  return found.concat(await unnoticed(tap, { ...right, status: 200 }));
}

/** Every operation that was used once more, with a spoilt answer: nothing reaches the world. */
export async function asleepAfter(tap) {
  const seen = new Map(tap.exchanges.filter((e) => e.status < 300 && !OPEN.includes(e.operation))
    .map((e) => [e.operation, e]));
  const found = [];
  for (const e of seen.values()) {
    found.push(...await unnoticed(tap, { ...e, path: e.url }));
  }
  return found;
}

async function unnoticed(tap, request) {
  const status = request.status === 204 ? 200 : request.status;
  const { problems, operation } = await tap.ask(request, { ...SPOILT, status });
  return problems.length ? []
    : [`${tap.name}: an answer to ${operation} was spoilt, and nothing noticed`];
}
