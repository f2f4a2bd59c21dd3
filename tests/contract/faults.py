#!/usr/bin/env python3
# seconds: 600
"""Every verb of every provider that changes something, with its answer lost before and after
the effect, and a proxy's page in its place: it happens once, and the run ends well. Verbs are
taken from the program itself; one that tools/writes.py does not know fails the test."""

import base64
import http.client
import http.server
import json
import os
import re
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

    def __init__(self, verb, write, more=""):
        self.verb, self.write = verb, write
        self.folder = f"{verb}-{len(shown)}"
        os.mkdir(self.folder)
        with open(os.path.join(ROOT, "pipe.yaml"), encoding="utf-8") as f:
            project = f.read()
        with open(self.path("pipe.yaml"), "w", encoding="utf-8") as f:
            f.write(project.replace("\nproviders:\n", "\nproviders:\n" + write.providers, 1))
        with open(self.path("script.lua"), "w", encoding="utf-8") as f:
            f.write(SCRIPT % {"prepare": write.prepare, "call": write.call, "check": write.check,
                              "at": write.at})
        with open(self.path("world.yaml"), "w", encoding="utf-8") as f:
            f.write(f"summary: {verb}\n{write.world}{more}")

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *how):
        self.done = pipe("run", "script.lua", "--sim=world.yaml", *how, folder=self.folder)
        return self

    def effects(self):
        """What it did, or would do, as the program says it."""
        listed = json.loads(self.done.stdout).get("effects") or []
        return [(e["effect"], e.get("target") or "") for e in listed]

    def ledger(self):
        with open(self.path(".pipe/sim/world/world.json"), encoding="utf-8") as f:
            return [(e["effect"], e["target"]) for e in json.load(f)["ledger"]]

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
        """The error that a run ended with: of its report, or the last of its records."""
        text, error = self.done.stdout, {}
        for piece in [text] + text.splitlines():
            try:
                error = json.loads(piece).get("error") or error
            except ValueError:
                pass
        return f"exit {self.done.returncode}: {error.get('code')}: {error.get('message')}" \
            if error else f"exit {self.done.returncode}: {text}{self.done.stderr}"


# ---- what is held against what -------------------------------------------------------------------

def plain(verb, write):
    t = Try(verb, write).run("--yes", "--json")
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


def foretold(effect, done):
    """Is that what was listed? "(known after …)" stands for what only the act can tell."""
    parts = re.split(r"\(known after [^)]*\)", effect[1])
    return effect[0] == done[0] and \
        re.fullmatch(".+".join(re.escape(p) for p in parts), done[1]) is not None


def dry(verb, write, first):
    """The dry-run before it lists what the run then does, and changes nothing."""
    t = Try(verb, write).run("--dry-run", "--json")
    if t.done.returncode != 0:
        tell(verb, "dry-run", t.why())
        return
    listed, done = t.effects(), first.effects()
    if len(listed) != len(done) or not all(map(foretold, listed, done)):
        tell(verb, "dry-run", f"it lists {listed}, and done is {done}")
    if os.path.exists(t.path(".pipe/sim/world/world.json")) and t.ledger():
        tell(verb, "dry-run", f"the ledger has {t.ledger()}")


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


def broken(t, where, happened, first):
    verb, write = t.verb, t.write
    if write.unknowable:
        unknowable(t, where, happened, first)
        return
    if t.done.returncode != 0:
        tell(verb, where, t.why())
        return
    ledger = t.ledger()
    if write.silent:
        if len(ledger) > len(first.entries):
            tell(verb, where, f"the ledger has {ledger}")
        return
    if [e[0] for e in ledger] != [e[0] for e in first.entries]:
        tell(verb, where, f"the ledger has {ledger}, and without the fault {first.entries}")
    settled(t, where, happened)
    compare_results(t, where, first)


def matrix(verb, write):
    first = plain(verb, write)
    if not first:
        return
    if not write.unforeseen:
        dry(verb, write, first)
    for match in write.faults:
        for mode in SQL_MODES if "postgres" in match else MODES:
            words, happened = MODES[mode]
            fault = f"faults:\n  - {{ match: {match}, after: {write.at}, {words} }}\n"
            t = Try(verb, write, fault).run("--yes", "--events")
            # Where it is made of several, what was lost may be a part that leaves the rest to do.
            happened = happened and (not write.parts or match == write.faults[-1])
            broken(t, mode if len(write.faults) == 1 else f"{mode} {match}", happened, first)
    for mode, more in write.lost.items():
        broken(Try(verb, write, more).run("--yes", "--events"), mode, mode.endswith("after"), first)


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
    """What no record, output or error may hold: the worlds' credentials, and the secrets that were
    in them or came to be in them."""
    found = set()

    def take(value):
        if isinstance(value, dict):
            value = value.get("raw")
        if isinstance(value, str) and "${" not in value:
            found.update(part for part in [value, *value.split(",")] if len(part) >= 8)

    def walk(node):
        for value in node.values() if isinstance(node, dict) else node:
            if isinstance(value, (dict, list)):
                walk(value)
        if isinstance(node, dict):
            take(node.get("API_CLIENT_KEY"))
            take(node.get("DATABASE_URL"))
            for value in (node.get("credentials") or {}).values():
                take(value)
    for top, _, names in os.walk("."):
        if "world.json" in names:
            with open(os.path.join(top, "world.json"), encoding="utf-8") as f:
                walk(json.load(f))
    return found


def forms(text):
    """As such, escaped for an address, hexadecimal, and in base64 wherever in a text it begins."""
    raw = text.encode()
    inside = [base64.b64encode(b"_" * i + raw).decode()[4 if i else 0:-4] for i in range(3)]
    return {text, urllib.parse.quote(text, safe=""), raw.hex(), *(i for i in inside if len(i) > 8)}


def texts():
    kept = {"what was printed": "".join(shown)}
    for top, _, names in os.walk("."):
        if "/.pipe/sim" in top or "/clone" in top:
            continue
        for name in names:
            if name not in ("world.yaml", "pipe.yaml", "script.lua"):
                with open(os.path.join(top, name), encoding="latin-1") as f:
                    kept[os.path.join(top, name)] = f.read()
    return kept


def leaks():
    known, kept = secrets(), texts()
    if len(known) < 8 or not any("journal.jsonl" in k for k in kept):
        problems.append(f"the search for secrets is asleep: {len(known)} secrets, {len(kept)} texts")
    spoilt = base64.b64encode(b"Bearer of-no-use-to-anybody").decode()
    if not any(form in spoilt for form in forms("of-no-use-to-anybody")):
        problems.append("the search for secrets does not find one in base64")
    for secret in known:
        wanted = forms(secret)
        for where, text in kept.items():
            if any(form in text for form in wanted):
                problems.append(f"a secret ({secret[:3]}…, {len(secret)} bytes) is in {where}")
    return len(known)


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
            for one in (write, *write.also):
                matrix(name, one)
                if one.kill:
                    killed(name, one)
    known = leaks()
    for problem in problems:
        print("FAIL " + problem)
    print(f"{len(names)} verbs, {len(shown)} commands, {known} secrets, "
          f"{len(problems)} problems")
    sys.exit(1 if problems else 0)


main()
