// Every verb that there is, and whether the contract test has called it.

import { readdirSync } from "node:fs";
import { runPipe } from "./servers.mjs";

// Verbs that the scripts need not call, each with the reason.
const SQL = "speaks PostgreSQL with a database: compared with the vendor's own program elsewhere";
const FASTLANE = "runs a program and sends nothing itself";
const FILES = "works on files and sends nothing";
const GIT = "reads git, and asks as railway.triggers and vercel.project do";
const EXCEPTIONS = {
  "forecast.push": GIT, "forecast.tag": GIT,
  "github.job_log": "leads to a store of logs that has no description: cases/github-reads",
  "postgres.query": SQL, "postgres.execute": SQL,
  "supabase.pending": SQL, "supabase.push": SQL, "supabase.repair": SQL,
  "supabase.lint": FILES, "supabase.new": FILES, "supabase.reverse": FILES,
  "fastlane.beta": FASTLANE, "fastlane.bump": FASTLANE, "fastlane.check": FASTLANE,
  "fastlane.lane": FASTLANE,
  "railway.me": "it wants an account token, and the world's project has project tokens",
};

export async function allVerbs(pipe, root) {
  const names = readdirSync(`${root}/stdlib/providers`).filter((n) => n.endsWith(".lua"));
  const verbs = [];
  for (const name of names) {
    const done = await runPipe(pipe, ["help", "--json", name.slice(0, -".lua".length)]);
    verbs.push(...JSON.parse(done.out).primitives.map((p) => p.name));
  }
  return verbs;
}

/** What is missing, as texts. */
export function uncovered(verbs, marked) {
  const called = new Set(marked.filter((m) => m.kind === "works")
    .map((m) => `${m.provider}.${m.verb}`));
  const missing = verbs.filter((v) => !called.has(v) && !(v in EXCEPTIONS))
    .map((v) => `${v} has no contract call (tests/contract/scripts)`);
  const needless = Object.keys(EXCEPTIONS).filter((v) => called.has(v) || !verbs.includes(v))
    .map((v) => `${v} is an exception in tests/contract/verbs.mjs without need`);
  return [...missing, ...needless];
}
