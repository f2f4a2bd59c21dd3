// Holds both sides of every provider against what its vendor publishes: what `pipe` sends, live and
// over HTTP, and what the simulated world answers.
//
// The world is up with our time. In front of each of its hosts stands a tap (tap.mjs), in front
// of those with a description in OpenAPI a Prism that refuses what the description does not
// allow, in either direction. `pipe` runs the scripts, which call every verb.

import { mkdirSync, cpSync, existsSync, readFileSync, writeFileSync, readdirSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import path from "node:path";
import { compareClients } from "./clients.mjs";
import { HOSTS, WITHOUT, asleep, asleepAfter, startTap } from "./judges.mjs";
import { leaks } from "./leaks.mjs";
import { runPipe, startWorld, stop } from "./servers.mjs";
import { startMarks } from "./tap.mjs";
import { allVerbs, uncovered } from "./verbs.mjs";

const { PIPE, PIPE_ROOT, PIPE_CONTRACTS } = process.env;
const HERE = path.dirname(new URL(import.meta.url).pathname);

const problems = [];
const lines = [];

function say(line) {
  lines.push(line);
  console.log(line);
}

// An environment that leads to nothing that there is.
const NOWHERE = `
  nowhere:
    branch: nowhere
    railway:
      project: 6f0c1a52-7d35-4a0e-9c4b-2f1f6f0a1e01
      environment: 00000000-0000-4000-8000-000000000000
    supabase:
      ref: nowherenowherenowher
    doppler:
      project: nowhere
      config: prd
    credentials:
      railway: railway-production
`;

// The repository's own pipe.yaml, with the taps in place of the vendors.
function makeProject(world, taps, marks) {
  execFileSync("git", ["clone", "-q", `${world.url}/git/impulse.git`, "team"]);
  let text = readFileSync(`${PIPE_ROOT}/pipe.yaml`, "utf8");
  for (const tap of taps) {
    text = text.replace(`https://${HOSTS[tap.name]}`, tap.url);
  }
  text = text.replace("\nenvironments:\n", `\nenvironments:${NOWHERE}`);
  text = text.replace("\nsettings:\n", `\nsettings:\n  control: ${marks.url}\n`);
  writeFileSync("team/pipe.yaml", text);
  cpSync(`${HERE}/scripts`, "team/contract", { recursive: true });
  return text;
}

// The variables in which pipe.yaml expects credentials, with the world's.
function variables(project, credentials, taps) {
  const named = [...project.matchAll(/^ {2}([\w-]+):\n {4}env: (\w+)$/gm)];
  const slack = taps.find((tap) => tap.name === "slack")?.url ?? "";
  return Object.fromEntries(named.filter(([, name]) => credentials[name])
    .map(([, name, variable]) => [variable, credentials[name].replace(`https://${HOSTS.slack}`, slack)]));
}

// The same with other credentials: an account's at Railway, and some that nobody accepts.
function variants(project, credentials, env, known) {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const wrong = (text) => (text.startsWith("-----") ? privateKey.export({ type: "pkcs8",
    format: "pem" }) : `${text.slice(0, -1)}${text.endsWith("0") ? "1" : "0"}`);
  return {
    "account.lua": {
      project: project.replace("\n  railway:\n    url:",
        "\n  railway:\n    auth: account\n    url:"),
      env: { ...env, RAILWAY_TOKEN_STAGING: credentials.railway,
        RAILWAY_TOKEN_PRODUCTION: credentials.railway },
    },
    "wrong.lua": {
      project,
      env: { ...env, ...Object.fromEntries(Object.entries(known).map(([k, v]) => [k, wrong(v)])) },
    },
  };
}

async function runScript(name, env, folder = "team", more = []) {
  const began = Date.now();
  const done = await runPipe(PIPE, ["run", `contract/${name}`, "--no-input", "--state=../runs",
    ...more], { cwd: folder, env });
  say(`${name}: exit ${done.code}, ${Date.now() - began} ms`);
  if (done.code !== 0) {
    problems.push(`contract/scripts/${name} ends with ${done.code}:\n${done.err}${done.out}`);
  }
  return [name, done.out + done.err + done.args.join(" ")];
}

function report(taps) {
  for (const tap of taps) {
    const used = new Map();
    for (const e of tap.exchanges) {
      problems.push(...e.problems.map((p) => `${e.label}: ${e.method} ${e.url} ${e.status}: ${p}`));
      used.set(e.operation, (used.get(e.operation) ?? new Set()).add(e.label));
    }
    say(`${tap.name}: ${tap.exchanges.length} exchanges, ${used.size} operations`);
    for (const [operation, labels] of [...used].sort()) {
      say(`  ${operation}  <- ${[...labels].join(" ")}`);
    }
  }
  for (const [name, reason] of Object.entries(WITHOUT)) {
    say(`${name}: no schema: ${reason}`);
  }
}

// The vendors' own clients, in a world of their own.
async function clients(shown) {
  const world = await startWorld(PIPE, path.resolve("world.yaml"), path.resolve("clients-state"));
  const { credentials } = await (await fetch(`${world.url}/_pipe/clock`)).json();
  cpSync("team", "clients", { recursive: true });
  cpSync(`${PIPE_ROOT}/pipe.yaml`, "clients/pipe.yaml");
  const compared = await compareClients(world, credentials, async (name) => {
    const done = await runScript(name, process.env, "clients", [`--sim=${world.url}`]);
    shown.push(done);
    return JSON.parse(done[1].match(/\bresult (\{.*\})/)?.[1] ?? "{}");
  });
  problems.push(...compared.problems);
  say(`the vendors' own clients: ${compared.checks} comparisons`);
  await stop(world.child);
}

function wrongOnes(env, known) {
  return Object.fromEntries(Object.keys(known).map((name) => [`wrong ${name}`, env[name]]));
}

// What Doppler holds now, as far as it is secret.
async function stored(world) {
  const { doppler } = await (await fetch(`${world.url}/_pipe/state`)).json();
  const found = {};
  for (const [place, config] of Object.entries(doppler.configs)) {
    for (const [name, secret] of Object.entries(config.secrets)) {
      if (secret.visibility !== "unmasked" && !secret.raw.includes("${")) {
        secret.raw.split(",").forEach((part, i) => { found[`${place}/${name}/${i}`] = part; });
      }
    }
  }
  if (!Object.keys(found).length) {
    problems.push("the world's secrets are not where they are looked for (its state, doppler)");
  }
  return found;
}

function lookForLeaks(secrets, shown, taps) {
  const texts = Object.fromEntries(shown);
  for (const tap of taps.filter((t) => t.name !== "slack")) {
    texts[`the addresses of ${tap.name}`] = tap.exchanges.map((e) => e.url).join("\n");
  }
  const folders = ["runs", "team/.pipe"].filter((folder) => existsSync(folder));
  problems.push(...leaks(secrets, texts, folders));
  if (!leaks({ itself: "contract" }, texts, folders).length) {
    problems.push("nothing was written down in which a secret could have been found");
  }
}

async function main() {
  mkdirSync("runs");
  // It begins now, so that what it has of the past is as old as the file says.
  writeFileSync("world.yaml", `clock: "${new Date().toISOString()}"\n`
    + readFileSync(`${HERE}/world.yaml`, "utf8"));
  const world = await startWorld(PIPE, path.resolve("world.yaml"), path.resolve("state"));
  const taps = await Promise.all(Object.keys(HOSTS)
    .map((name) => startTap(name, world, PIPE_CONTRACTS)));
  for (const tap of taps) {
    problems.push(...await asleep(tap));
  }
  const marked = [];
  const marks = await startMarks(taps, marked);
  const project = makeProject(world, taps, marks);
  const { credentials } = await (await fetch(`${world.url}/_pipe/clock`)).json();
  const known = variables(project, credentials, taps);
  const env = { ...process.env, ...known };
  const before = await stored(world);
  const shown = [];
  const others = variants(project, credentials, env, known);
  const names = readdirSync(`${HERE}/scripts`).filter((n) => n.endsWith(".lua")
    && !others[n] && !n.startsWith("clients_"));
  shown.push(...await Promise.all(names.map((name) => runScript(name, env))));
  for (const [name, run] of Object.entries(others)) {
    writeFileSync("team/pipe.yaml", run.project);
    shown.push(await runScript(name, run.env));
  }
  await clients(shown);
  report(taps);
  for (const tap of taps) {
    problems.push(...await asleepAfter(tap));
  }
  lookForLeaks({ ...credentials, ...before, ...await stored(world),
    ...wrongOnes(others["wrong.lua"].env, known),
    slack: path.basename(credentials.slack) }, shown, taps);
  problems.push(...uncovered(await allVerbs(PIPE, PIPE_ROOT), marked));
  marks.server.close();
  taps.forEach((tap) => tap.stop());
  await Promise.all([world.child, ...taps.map((t) => t.prism?.child)].filter(Boolean).map(stop));
}

await main();
for (const problem of new Set(problems)) {
  say(`FAIL ${problem}`);
}
writeFileSync(`${PIPE_ROOT}/build/contract.txt`, `${lines.join("\n")}\n`);
process.exit(problems.length ? 1 : 0);
