#!/usr/bin/env python3
"""dry_run.py [--prefix] WORLD [key=value…]: a dry-run of the Friday release changes nothing
outside, and the real run after it does what it listed, in that order.

With --prefix the real run is one that stops on its way: what it did is then the beginning
of the list."""

import hashlib
import json
import os
import re
import subprocess
import sys

ROOT = os.environ["PIPE_ROOT"]
SCRIPT = os.path.join(ROOT, "pipelines/release-friday.lua")
STATE = os.path.abspath("state")
# Reading refreshes what the clone knows of its remote, and brings its objects; GitHub tries
# out a merge to tell whether it is possible, in objects that no ref leads to.
MAY_CHANGE = re.compile(r"work/\.git/(refs/remotes/|FETCH_HEAD$|logs/refs/remotes/|packed-refs$)|/objects/")


def pipe(*arguments):
    done = subprocess.run([os.environ["PIPE"], *arguments, f"--state={STATE}"],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if re.search(r"ERROR: \w*Sanitizer|runtime error: |ERROR SUMMARY: [1-9]", done.stderr):
        sys.exit(done.stderr)
    return done


def files(top):
    """Every file below: path -> digest."""
    found = {}
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, top)] = hashlib.sha256(f.read()).hexdigest()
    return found


def snapshot(home):
    work = os.path.join(home, "work")

    def git(folder, *words):
        return subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True,
                              check=True).stdout
    return {
        "refs of the remote": git(os.path.join(home, "git/impulse.git"), "for-each-ref"),
        "HEAD of the clone": git(work, "rev-parse", "HEAD") + git(work, "symbolic-ref", "HEAD"),
        "branches of the clone": git(work, "for-each-ref", "refs/heads", "refs/tags"),
        "files of the clone": git(work, "status", "--porcelain"),
        "files": {p: d for p, d in files(STATE).items()
                  if not MAY_CHANGE.search(p) and not p.endswith("work/.git/index")},
        "index": git(work, "ls-files", "--stage"),
    }


def differences(before, after):
    for what in before:
        if before[what] == after[what]:
            continue
        if what == "files":
            yield from (p for p in sorted(set(before[what]) | set(after[what]))
                        if before[what].get(p) != after[what].get(p))
        else:
            yield f"{what}:\n{before[what]}\nis now\n{after[what]}"


def same(planned, done):
    """Is that what was listed? "(known after …)" stands for what only the act can tell."""
    if planned[0] != done[0]:
        return False
    parts = re.split(r"\(known after [^)]*\)", planned[1])
    return re.fullmatch(".+".join(re.escape(p) for p in parts), done[1]) is not None


def main():
    arguments = sys.argv[1:]
    prefix = "--prefix" in arguments
    name, *params = [a for a in arguments if a != "--prefix"]
    world = "" if name == "default" else os.path.join(ROOT, f"tests/worlds/{name}.yaml")
    home = os.path.join(STATE, "sim", name)
    pipe("sim", "wait", "0s", f"--world={world}")
    before = snapshot(home)
    dry = pipe("run", SCRIPT, *params, "--dry-run", "--json", f"--sim={world}")
    changed = list(differences(before, snapshot(home)))
    if changed:
        sys.exit("the dry-run changed: " + "\n".join(changed))
    plan = json.loads(dry.stdout)
    planned = [[e["effect"], e["target"]] for e in plan["effects"]]
    for effect in plan["effects"]:
        if effect["sign"] not in "+~-!?":
            sys.exit(f"no sign: {effect}")
        if effect["sign"] == "~" and effect.get("before") == effect.get("after"):
            sys.exit(f"it does not say what would change: {effect}")
    real = pipe("run", SCRIPT, *params, f"--sim={world}", "--yes", "--json")
    ledger = json.loads(pipe("sim", "ledger", f"--world={world}", "--json").stdout)
    done = [[e["effect"], e["target"]] for e in ledger]
    for line in planned:
        print("planned:", *line)
    for line in done:
        print("done:", *line)
    print("dry-run exit", dry.returncode, "- run exit", real.returncode)
    listed = planned[:len(done)] if prefix else planned
    if len(done) != len(listed) or not all(map(same, listed, done)):
        sys.exit("the run did not do what the dry-run listed")


main()
