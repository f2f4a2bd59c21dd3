#!/usr/bin/env python3
# seconds: 300
"""Every verb of every provider that changes something, with its answer lost before and after
the effect, and a proxy's page in its place: it happens once, and the run ends well. Verbs are
taken from the program itself; one that tools/writes.py does not know fails the test."""

import base64
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.parse

PIPE, ROOT = os.environ["PIPE"], os.environ["PIPE_ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/tools"))
sys.dont_write_bytecode = True
from writes import WRITES  # noqa: E402

PAGE = 'answer: { status: 502, body: "<html><title>Bad Gateway</title></html>" }'
# What happens to the answer, and whether the effect has happened by then.
MODES = {
    "reset after": ("error: reset, applied: true", True),
    "timeout after": ("error: timeout, applied: true", True),
    "page after": (PAGE + ", applied: true", True),
    "reset before": ("error: reset", False),
    "page before": (PAGE, False),
}
SQL_MODES = ("reset after", "reset before")

problems, shown = [], []


def tell(verb, what, text):
    problems.append(f"{verb}, {what}: {text}")


# ---- the program ------------------------------------------------------------------------------

def pipe(*arguments, folder="."):
    done = subprocess.run([PIPE, *arguments], capture_output=True, text=True, cwd=folder,
                          stdin=subprocess.DEVNULL)
    shown.append(done.stdout + done.stderr)
    return done


def verbs():
    """name -> row of `pipe help --json`, of all providers that are shipped."""
    found = {}
    for name in sorted(os.listdir(os.path.join(ROOT, "stdlib/providers"))):
        if name.endswith(".lua"):
            rows = json.loads(pipe("help", "--json", name[:-4]).stdout)["primitives"]
            found.update({row["name"]: row for row in rows})
    return found


SCRIPT = """-- Made by tests/contract/faults.py.
local START = clock.parse "2026-11-20T14:00:00Z"
return pipeline "fault" {
  version = "1.0.0",
  step "prepare" { effect = "locks-out", run = function ()
%(prepare)s
  end },
  step "later" { run = function ()
    clock.sleep { duration = START + clock.duration "%(at)s" - clock.now().ms }
  end },
  step "act" { effect = "locks-out", run = function (r)
    local p = r.out.prepare
    local result = %(call)s
    return { result = result }
  end },
  step "check" { run = function (r)
    local p, r = r.out.prepare, r.out.act.result
    if not (%(check)s) then
      fail("the result cannot be used: " .. json.encode(r))
    end
  end },
}
"""


class Try:
    """One run of a verb in a world of its own."""

    def __init__(self, verb, write, fault=None):
        self.verb, self.write = verb, write
        self.folder = f"{verb}-{len(shown)}"
        os.mkdir(self.folder)
        shutil.copy(os.path.join(ROOT, "pipe.yaml"), self.folder)
        with open(self.path("script.lua"), "w", encoding="utf-8") as f:
            f.write(SCRIPT % {"prepare": write.prepare, "call": write.call, "check": write.check,
                              "at": write.at})
        with open(self.path("world.yaml"), "w", encoding="utf-8") as f:
            f.write(f"summary: {verb}\n{write.world}")
            if fault:
                f.write(f"faults:\n  - {{ match: {fault[0]}, after: {write.at}, {fault[1]} }}\n")

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self):
        self.done = pipe("run", "script.lua", "--sim=world.yaml", "--yes", "--json",
                         folder=self.folder)
        return self

    def ledger(self):
        out = pipe("sim", "ledger", "--world=world.yaml", "--json", folder=self.folder).stdout
        entries = json.loads(out)
        entries = entries if isinstance(entries, list) else entries["ledger"]
        return [(e["effect"], e["target"]) for e in entries]

    def records(self):
        found = []
        for top, _, names in os.walk(self.path(".pipe/runs")):
            for name in names:
                if name == "journal.jsonl":
                    with open(os.path.join(top, name), encoding="utf-8") as f:
                        found += [json.loads(line) for line in f if line.endswith("\n")]
        return [r for r in found if r.get("effect") == self.verb and r.get("step") == "act"]

    def receipt(self):
        return next((r for r in self.records() if r["type"] == "effect.receipt"), {})

    def why(self):
        error = {}
        try:
            error = json.loads(self.done.stdout).get("error") or {}
        except ValueError:
            pass
        return f"exit {self.done.returncode}: {error.get('code')}: {error.get('message')}" \
            if error else f"exit {self.done.returncode}: {self.done.stdout}{self.done.stderr}"


# ---- what is held against what -------------------------------------------------------------------

def plain(verb, write):
    t = Try(verb, write).run()
    if t.done.returncode != 0:
        tell(verb, "plain", t.why())
        return None
    t.entries = t.ledger()
    own = [e for e in t.entries if e[0] in (write.effects or (verb,))]
    if len(own) != write.entries:
        tell(verb, "plain", f"{len(own)} entries in the ledger: {t.entries}")
    if "settled" in t.receipt() or not t.receipt():
        tell(verb, "plain", f"its receipt is {t.receipt()}")
    return t


def compare_results(t, mode, first):
    mine, wanted = t.receipt().get("result"), first.receipt().get("result")
    if isinstance(wanted, dict) and isinstance(mine, dict):
        missing = set(wanted) - set(mine) - set(t.write.loses)
        if missing:
            tell(t.verb, mode, f"its result lacks {sorted(missing)}")
    elif type(mine) is not type(wanted):
        tell(t.verb, mode, f"its result is {mine!r}, {wanted!r} without the fault")


def unknowable(t, mode, happened, first):
    """Nobody can tell: the run says so, does nothing twice, and a resume says it again."""
    if t.done.returncode != 6:
        tell(t.verb, mode, f"exit 6 expected: {t.why()}")
    again = pipe("resume", folder=t.folder)
    if again.returncode != 6:
        tell(t.verb, mode, f"a resume ends with {again.returncode}, not 6")
    wanted = len(first.entries) - (0 if happened else t.write.entries)
    if len(t.ledger()) != wanted:
        tell(t.verb, mode, f"the ledger has {t.ledger()}")


def settled(t, mode, happened):
    types = [r["type"] for r in t.records()]
    if "effect.unknown" not in types:
        tell(t.verb, mode, f"nothing was lost: {types}; does the fault match?")
    elif happened and t.receipt().get("settled") != "probe":
        tell(t.verb, mode, f"not settled by its probe: {types}")
    elif not happened and not t.write.parts and "effect.settled" not in types:
        tell(t.verb, mode, f"it was not found out that nothing had happened: {types}")


def broken(verb, write, match, mode, first):
    words, happened = MODES[mode]
    where = mode if len(write.faults) == 1 else f"{mode} {match}"
    t = Try(verb, write, (match, words)).run()
    if write.unknowable:
        unknowable(t, where, happened, first)
        return
    if t.done.returncode != 0:
        tell(verb, where, t.why())
        return
    if write.silent:
        if len(t.ledger()) > len(first.entries):
            tell(verb, where, f"the ledger has {t.ledger()}")
        return
    ledger = t.ledger()
    if [e[0] for e in ledger] != [e[0] for e in first.entries]:
        tell(verb, where, f"the ledger has {ledger}, and without the fault {first.entries}")
    settled(t, where, happened and (not write.parts or match == write.faults[-1]))
    compare_results(t, where, first)


def matrix(verb, write):
    first = plain(verb, write)
    if not first:
        return
    for match in write.faults:
        for mode in write.modes or (SQL_MODES if "postgres" in match else MODES):
            broken(verb, write, match, mode, first)


# ---- killed ----------------------------------------------------------------------------------------

class Killer(http.server.BaseHTTPRequestHandler):
    """Stands before a world; kills the program when the request that it waits for was answered."""
    protocol_version, wbufsize = "HTTP/1.1", -1
    world, wanted, victim = ("", 0), None, None

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        there = http.client.HTTPConnection(*self.world, timeout=30)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
        there.request(self.command, self.path, body, headers)
        answer = there.getresponse()
        data = answer.read()
        there.close()
        if Killer.wanted and Killer.wanted(self.command, self.path, body):
            Killer.wanted = None
            os.kill(Killer.victim.pid, signal.SIGKILL)
            Killer.victim.wait()
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_one

    def log_message(self, *_):
        pass


def fits(match):
    """The condition of a fault, as a function of a request over TCP."""
    known = dict(re.findall(r'(\w+): "?([^",}]*[^",} ])"?', match))
    path = re.escape(known.get("path", "*")).replace(r"\*", ".*")

    def check(method, url, body):
        url = re.sub(r"^/(@\d+/)?[^/]+", "", urllib.parse.urlsplit(url).path)
        if "operation" in known:
            name = known["operation"].rstrip("*").encode()
            return re.search(rb'"operationName"\s*:\s*"' + name, body) is not None
        return method == known.get("method", method) and re.fullmatch(path, url) is not None
    return check


def start_world(t):
    world = subprocess.Popen([PIPE, "sim", "up", "--json", "--world=world.yaml"], cwd=t.folder,
                             stdout=subprocess.PIPE, text=True)
    head = ""
    while not head.endswith("}\n"):
        line = world.stdout.readline()
        if not line:
            sys.exit("the world does not come up")
        head += line
    return world, json.loads(head)["url"]


def killed(verb, write):
    t = Try(verb, write)
    world, url = start_world(t)
    Killer.world = ("127.0.0.1", urllib.parse.urlsplit(url).port)
    between = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Killer)
    threading.Thread(target=between.serve_forever, daemon=True).start()
    try:
        subprocess.run(["git", "clone", "-q", f"{url}/git/impulse.git", t.path("clone")], check=True)
        Killer.wanted = fits(write.faults[-1])
        Killer.victim = subprocess.Popen(
            [PIPE, "run", "script.lua", f"--sim=http://127.0.0.1:{between.server_port}",
             "--repo=clone", "--yes", "-q"], cwd=t.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if Killer.victim.wait() != -signal.SIGKILL:
            tell(verb, "killed", f"it ended by itself, with {Killer.victim.returncode}")
        t.done = pipe("resume", "--json", folder=t.folder)
    finally:
        between.shutdown()
        world.terminate()
        world.wait()
    if t.done.returncode != 0:
        tell(verb, "killed", t.why())
    own = [e for e in t.ledger() if e[0] in (write.effects or (verb,))]
    if len(own) != write.entries or t.receipt().get("settled") != "probe":
        tell(verb, "killed", f"{own}, receipt {t.receipt()}")


# ---- secrets ----------------------------------------------------------------------------------------

def secrets():
    """What no record, output or error may hold: the worlds' credentials and secrets."""
    done = subprocess.run([PIPE, "sim", "show", "--json"], capture_output=True, text=True)
    spec = json.loads(done.stdout)["spec"]
    found = set()

    def walk(node):
        if isinstance(node, dict):
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)
        elif isinstance(node, str) and len(node) >= 8:
            found.add(node)
    walk(spec["credentials"])
    for name in ("API_CLIENT_KEY", "DATABASE_URL"):
        for config in re.findall(rf'"{name}":\s*"([^"]+)"', done.stdout):
            if "${" not in config:
                found.add(config)
    return found


def forms(text):
    """As such, escaped for an address, hexadecimal, and in base64 wherever in a text it begins."""
    raw = text.encode()
    inside = [base64.b64encode(b"_" * i + raw).decode()[4 if i else 0:-4] for i in range(3)]
    return {text, urllib.parse.quote(text, safe=""), raw.hex(), *(i for i in inside if len(i) > 8)}


def leaks():
    kept = {"what was printed": "".join(shown)}
    for top, _, names in os.walk("."):
        if "/.pipe/sim/" in top + "/" or "/clone" in top:
            continue
        for name in names:
            if name not in ("world.yaml", "pipe.yaml", "script.lua"):
                with open(os.path.join(top, name), encoding="latin-1") as f:
                    kept[os.path.join(top, name)] = f.read()
    known = secrets()
    if len(known) < 8 or not any("journal.jsonl" in k for k in kept):
        problems.append(f"the search for secrets is asleep: {len(known)} secrets, {len(kept)} texts")
    for secret in known:
        for where, text in kept.items():
            if any(form in text for form in forms(secret)):
                problems.append(f"a secret ({secret[:3]}…, {len(secret)} bytes) is in {where}")


def check_table(rows):
    """Whether the table and the program know the same writes, and why some cannot be told."""
    writes = {n: r for n, r in rows.items() if r["class"] not in ("read", "pure")}
    for name in sorted(set(writes) - set(WRITES)):
        problems.append(f"{name} changes something, and tests/tools/writes.py has no entry for it")
    for name in sorted(set(WRITES) - set(writes)):
        problems.append(f"{name} is in tests/tools/writes.py, and no provider has it")
    for name in sorted(set(WRITES) & set(writes)):
        if bool(writes[name].get("looks")) == bool(WRITES[name].unknowable):
            problems.append(f"{name}: whether it can be found out is told differently by the "
                            "program and by tests/tools/writes.py")
    return sorted(set(WRITES) & set(writes))


def main():
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    names = check_table(verbs())
    for name in names:
        write = WRITES[name]
        if only in name and not write.local:
            matrix(name, write)
            if write.kill:
                killed(name, write)
    leaks()
    for problem in problems:
        print("FAIL " + problem)
    print(f"{len(names)} verbs, {len(shown)} commands, {len(problems)} problems")
    sys.exit(1 if problems else 0)


main()
