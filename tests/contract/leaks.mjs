// Whether a secret is anywhere in what runs left behind: journals, outputs, addresses.

import { readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";

function* files(folder) {
  for (const name of readdirSync(folder)) {
    const file = path.join(folder, name);
    if (statSync(file).isDirectory()) {
      yield* files(file);
    } else {
      yield file;
    }
  }
}

// As such, and in the forms in which it could have slipped through; in base64 it looks different
// by where in a longer text it stands.
function forms(secret) {
  const inside = [0, 1, 2].map((offset) => Buffer.from(`${"_".repeat(offset)}${secret}`)
    .toString("base64").slice(offset ? 4 : 0, -4));
  return [secret, Buffer.from(secret).toString("hex"), encodeURIComponent(secret), ...inside];
}

/**
 * secrets: name -> text; texts: name -> text that was shown or sent; folders: what was written.
 * What was found, as texts that do not repeat it.
 */
export function leaks(secrets, texts, folders) {
  const all = new Map(Object.entries(texts));
  for (const folder of folders) {
    for (const file of files(folder)) {
      all.set(file, readFileSync(file, "latin1"));
    }
  }
  const found = [];
  for (const [name, secret] of Object.entries(secrets)) {
    // Of a key with many lines each one is enough.
    const looks = secret.split("\n").filter((line, _, lines) => lines.length === 1
      || (line.length > 20 && !line.startsWith("-"))).flatMap(forms);
    for (const [where, text] of all) {
      if (looks.some((form) => text.includes(form))) {
        found.push(`the secret "${name}" is in ${where}`);
      }
    }
  }
  return found;
}
