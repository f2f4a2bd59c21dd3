// Holds both sides of every provider against what its vendor publishes: what `pipe` sends, live and
// over HTTP, and what the simulated world answers.
//
// The world is up with our time. In front of each of its hosts stands a tap (tap.mjs), in front
// of those with a description in OpenAPI a Prism that refuses what the description does not
// allow, in either direction. `pipe` runs the scripts, which call every verb.

import { mkdirSync, cpSync, readFileSync, writeFileSync, readdirSync } from "node:fs";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { Description, judgeByPrism } from "./openapi.mjs";
import { railwayJudge } from "./railway.mjs";
import { runPipe, startPrism, startWorld, stop } from "./servers.mjs";
import { Tap, startMarks } from "./tap.mjs";
import { allVerbs, uncovered } from "./verbs.mjs";

const { PIPE, PIPE_ROOT, PIPE_CONTRACTS } = process.env;
const HERE = path.dirname(new URL(import.meta.url).pathname);

const HOSTS = {
  github: "api.github.com", supabase: "api.supabase.com", doppler: "api.doppler.com",
  vercel: "api.vercel.com", railway: "backboard.railway.com",
};
const DESCRIBED = ["github", "supabase", "doppler", "vercel"];

const problems = [];
const descriptions = {};

async function startTap(name, world) {
  const base = `${world.url}/${HOSTS[name]}`;
  const contract = `${PIPE_CONTRACTS}/${name}`;
  if (DESCRIBED.includes(name)) {
    descriptions[name] = new Description(`${contract}/openapi.json`);
    const tap = new Tap(name, base, (exchange) => {
      exchange.operation = descriptions[name].operation(exchange.method, exchange.path);
      return judgeByPrism(exchange);
    });
    tap.prism = await startPrism(name, `${contract}/openapi.json`, await tap.startBack());
    await tap.startFront(tap.prism.url);
    return tap;
  }
  const tap = new Tap(name, base, railwayJudge(`${contract}/schema.json`));
  await tap.startFront(await tap.startBack());
  return tap;
}

// The repository's own pipe.yaml, with the taps in place of the vendors.
function makeProject(world, taps, marks) {
  execFileSync("git", ["clone", "-q", `${world.url}/git/impulse.git`, "team"]);
  let text = readFileSync(`${PIPE_ROOT}/pipe.yaml`, "utf8");
  for (const tap of taps) {
    text = text.replace(`https://${HOSTS[tap.name]}`, tap.url);
  }
  text = text.replace("\nsettings:\n", `\nsettings:\n  control: ${marks.url}\n`);
  writeFileSync("team/pipe.yaml", text);
  cpSync(`${HERE}/scripts`, "team/contract", { recursive: true });
  return text;
}

// The variables in which pipe.yaml expects credentials, with the world's.
async function credentials(world, project) {
  const clock = await (await fetch(`${world.url}/_pipe/clock`)).json();
  const named = [...project.matchAll(/^ {2}([\w-]+):\n {4}env: (\w+)$/gm)];
  return Object.fromEntries(named.filter(([, name]) => clock.credentials[name])
    .map(([, name, variable]) => [variable, clock.credentials[name]]));
}

async function runScript(name, env) {
  const began = Date.now();
  const done = await runPipe(PIPE, ["run", `contract/${name}`, "--no-input", "--state=../runs"],
    { cwd: "team", env });
  console.log(`${name}: exit ${done.code}, ${Date.now() - began} ms`);
  if (done.code !== 0) {
    problems.push(`contract/scripts/${name} ends with ${done.code}:\n${done.err}${done.out}`);
  }
  return done;
}

function report(taps) {
  for (const tap of taps) {
    const used = new Map();
    for (const e of tap.exchanges) {
      for (const problem of e.problems) {
        problems.push(`${e.label}: ${e.method} ${e.url} ${e.status}: ${problem}`);
      }
      used.set(e.operation, (used.get(e.operation) ?? new Set()).add(e.label));
    }
    console.log(`${tap.name}: ${tap.exchanges.length} exchanges, ${used.size} operations`);
    for (const [operation, labels] of [...used].sort()) {
      console.log(`  ${operation}  <- ${[...labels].join(" ")}`);
    }
  }
}

async function main() {
  mkdirSync("runs");
  const world = await startWorld(PIPE, `${HERE}/world.yaml`, path.resolve("state"));
  const taps = await Promise.all(Object.keys(HOSTS).map((name) => startTap(name, world)));
  const marked = [];
  const marks = await startMarks(taps, marked);
  const project = makeProject(world, taps, marks);
  const env = { ...process.env, ...await credentials(world, project) };
  for (const name of readdirSync(`${HERE}/scripts`).filter((n) => n.endsWith(".lua"))) {
    await runScript(name, env);
  }
  report(taps);
  problems.push(...uncovered(await allVerbs(PIPE, PIPE_ROOT), marked));
  marks.server.close();
  taps.forEach((tap) => tap.stop());
  await Promise.all([world.child, ...taps.map((t) => t.prism?.child)].filter(Boolean).map(stop));
}

await main();
for (const problem of [...new Set(problems)]) {
  console.log(`FAIL ${problem}`);
}
process.exit(problems.length ? 1 : 0);
