// Every verb that there is, and whether the contract test has called it.

import { readdirSync } from "node:fs";
import { runPipe } from "./servers.mjs";

// Verbs that the scripts need not call, each with the reason.
const SQL = "speaks PostgreSQL with a database: compared with the vendor's own program elsewhere";
const FILES = "works on files; where it asks a vendor, it does so by another provider's verb";
const STUB = "runs a program that a stub stands in for: no schema to hold it against";
const EXCEPTIONS = {
  "fastlane.beta": STUB, "fastlane.bump": STUB, "fastlane.check": STUB, "fastlane.lane": STUB,
  "forecast.push": FILES, "forecast.tag": FILES,
  "postgres.query": SQL, "postgres.execute": SQL,
  "supabase.pending": SQL, "supabase.push": SQL, "supabase.repair": SQL,
  "supabase.lint": FILES, "supabase.new": FILES, "supabase.reverse": FILES,
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
