"""Every ending: its exit code, its document, its events, and no escapes anywhere."""
import glob, json, os, subprocess

PIPE = os.environ["PIPE"]


def run(*words, env=None):
    done = subprocess.run([PIPE, *words], capture_output=True, env={**os.environ, **(env or {})})
    return done.returncode, done.stdout, done.stderr


def show(name, words, want, schema):
    code, out, err = run(*words, "--json")
    document = json.loads(out) if out else {}
    fits = code == want and document.get("schema") == schema and document.get("exit", code) == code
    print(name, code, document.get("schema"), document.get("state"), "" if fits else "WRONG", err[-300:] if not fits else "")


yes = ["--yes", "--confirm=it"]
plan = "pipe/plan/v1"
doc = "pipe/run/v1"
show("done", ["run", "script.lua", *yes], 0, doc)
show("failed", ["run", "script.lua", "end_=failed", *yes], 1, doc)
show("usage", ["run", "script.lua", "end=x"], 2, None)
show("denied", ["run", "script.lua", "--reject=g"], 3, doc)
show("refused", ["run", "script.lua", "end_=refused", *yes], 4, doc)
show("suspended", ["run", "script.lua"], 5, doc)
show("unknown", ["run", "script.lua", "end_=unknown", *yes], 6, doc)
code, out, err = run("run", "script.lua", "--dry-run", "--json")
print("dry-run", code, json.loads(out)["schema"], len(json.loads(out)["effects"]))
print("changes", run("run", "script.lua", "--dry-run", "--detailed-exitcode")[0])

code, out, err = run("run", "script.lua", "--events", *yes)
events = [json.loads(line) for line in out.splitlines()]
journal = max(glob.glob(".pipe/runs/*/journal.jsonl"), key=os.path.getmtime)
kept = [json.loads(line) for line in open(journal, "rb")]
print("events", code, len(events) == len(kept), events == kept)
for name in ("run", "resume", "show", "log", "runs"):
    words = ["run", "script.lua", *yes] if name == "run" else [name]
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {}):
        code, out, err = run(*words, env=env)
        if b"\x1b" in out + err:
            print(name, env, "ESCAPES")
code, out, err = run("run", "script.lua", *yes, env={"FORCE_COLOR": "1", "NO_COLOR": ""})
print("colour", b"\x1b" in err)
