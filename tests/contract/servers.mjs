// The programs that the test starts: the simulated world, Prism, `pipe`. All end with it.

import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createServer } from "node:net";
import http from "node:http";

const children = new Set();

process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => process.exit(1));
}

function start(command, args, options) {
  const child = spawn(command, args, options);
  children.add(child);
  child.on("exit", () => children.delete(child));
  return child;
}

export function stop(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once("exit", resolve);
    child.kill("SIGTERM");
  });
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function answers(port) {
  return new Promise((resolve) => {
    http.get({ host: "127.0.0.1", port, path: "/" }, (answer) => {
      answer.resume();
      resolve(true);
    }).on("error", () => resolve(false));
  });
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** `pipe sim up` with our time; its address, and the process. */
export function startWorld(pipe, file, state) {
  const child = start(pipe, ["sim", "up", "--now", "--json", `--world=${file}`, `--state=${state}`],
    { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    let text = "";
    child.once("exit", (code) => reject(new Error(`pipe sim up ended with ${code}`)));
    child.stdout.on("data", (data) => {
      text += data;
      if (text.endsWith("}\n")) {
        resolve({ child, url: JSON.parse(text).url });
      }
    });
  });
}

/** `prism proxy --errors`: holds both directions against the description. */
export async function startPrism(name, description, upstream) {
  const port = await freePort();
  const program = new URL("node_modules/@stoplight/prism-cli/dist/index.js", import.meta.url);
  const child = start(process.execPath, [program.pathname, "proxy", "-h", "127.0.0.1", "-p",
    String(port), "--errors", description, upstream], { stdio: ["ignore", "pipe", "pipe"] });
  const log = createWriteStream(`prism-${name}.log`);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => { said += data; log.write(data); });
  }
  for (let waited = 0; !(await answers(port)); waited += 100) {
    if (child.exitCode !== null || waited > 60000) {
      throw new Error(`Prism does not come up for ${name}:\n${said}`);
    }
    await pause(100);
  }
  return { child, url: `http://127.0.0.1:${port}` };
}

/** Runs `pipe` to its end: { code, out, err }. */
export function runPipe(pipe, args, options) {
  const child = start(pipe, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const done = { out: "", err: "", args };
  child.stdout.on("data", (data) => { done.out += data; });
  child.stderr.on("data", (data) => { done.err += data; });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ ...done, code }));
  });
}
