"""Two pushes of the same migrations, one by the vendor's program and one by `pipe`, each into a
database of its own, and what became of both. What is compared is in tests/contract."""

import contextlib
import glob
import json
import os
import re
import shutil
import subprocess
import sys

PIPE, ROOT = os.environ["PIPE"], os.environ["PIPE_ROOT"]

SCRIPT = """
return pipeline "push" {
  version = "1.0.0",
  params = { all = flag {} },
  step "push" {
    run = function (r)
      local done, err = try(supabase.push, { environment = "test", include_all = r.params.all })
      fs.write { path = "outcome.json", content = json.encode(done or { error = err }) }
    end,
  },
}
"""

PROJECT = """
pipe: 1
project: parity
environments:
  test:
    credentials: { postgres: database }
credentials:
  database: { env: DATABASE_URL }
database:
  migrations: supabase/migrations
"""


def skip(why):
    print(why)
    sys.exit(77)


# ---- the vendor's program -------------------------------------------------------------


def client():
    """Its path; installed into the build folder the first time."""
    code, out, err = run([os.path.join(ROOT, "tests/tools/supabase_cli")])
    if code == 77:
        skip(out.strip())
    if code != 0:
        sys.exit(f"supabase_cli: {out}{err}")
    return out.strip()


def run(argv, **kwargs):
    done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, **kwargs)
    return (done.returncode, done.stdout.decode("utf-8", "replace"),
            done.stderr.decode("utf-8", "replace"))


# ---- databases -----------------------------------------------------------------------------


@contextlib.contextmanager
def running():
    """The address of a PostgreSQL of this test's own, up to the last "/"."""
    tool = os.path.join(ROOT, "tests/tools/postgres.sh")
    code, out, err = run(["sh", tool, "start"])
    if code == 77:
        skip(out.strip())
    if code != 0:
        sys.exit(f"postgres.sh: {out}{err}")
    url = out.strip().splitlines()[-1]
    try:
        yield url.split("?")[0].rsplit("/", 1)[0]
    finally:
        run(["sh", tool, "stop", url])


HISTORY = ("SELECT coalesce(json_agg(h ORDER BY h.version COLLATE \"C\"), '[]') "
           "FROM supabase_migrations.schema_migrations h")


def tool(name):
    """Where several versions are installed, what is on the path is a slow guide to them."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return found[-1] if found else name


class Server:
    """A PostgreSQL of our own; databases are copied from prepared ones."""

    def __init__(self, base):
        self.base = base.rstrip("/")  # postgres://user:password@host:port
        self.made = 0

    def url(self, database):
        return f"{self.base}/{database}?sslmode=disable"

    def sql(self, database, text):
        code, out, err = run([tool("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1",
                              "-d", self.url(database), "-c", text])
        if code != 0:
            sys.exit(f"psql: {err}\n{text}")
        return out.rstrip("\n")

    def make(self, name, template="template0"):
        self.sql("postgres", f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def tables(self, database):
        """The schema as pg_dump writes it, without what is the same for all."""
        code, out, err = run([tool("pg_dump"), "-s", "--no-owner", "-d", self.url(database)])
        if code != 0:
            sys.exit(f"pg_dump: {err}")
        return [line for line in out.splitlines()
                if line and not re.match(r"--|SET |SELECT pg_catalog|\\", line)]

    def history(self, database):
        """Its rows with all their columns; None where there is no history."""
        code, out, err = run([tool("psql"), "-XAtq", "-d", self.url(database), "-c", HISTORY])
        if "does not exist" in err:
            return None
        if code != 0:
            sys.exit(f"psql: {err}")
        return json.loads(out)

    def seen(self, database):
        return {"history": self.history(database), "schema": self.tables(database)}


# ---- the two pushes -----------------------------------------------------------------------------


def write(folder, files, config=None):
    """files: name -> text, bytes, or None for a folder of that name; None: there is no folder."""
    migrations = os.path.join(folder, "supabase/migrations")
    shutil.rmtree(migrations, ignore_errors=True)
    os.makedirs(migrations if files is not None else os.path.dirname(migrations), exist_ok=True)
    for name, content in (files or {}).items():
        path = os.path.join(migrations, name)
        if content is None:
            os.makedirs(path)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content.encode() if isinstance(content, str) else content)
    if config is not None:
        with open(os.path.join(folder, "supabase/config.toml"), "w", encoding="utf-8") as f:
            f.write(config)
    with open(os.path.join(folder, "supabase/seed.sql"), "w", encoding="utf-8") as f:
        f.write("CREATE TABLE seeded (id int);\n")


REFUSALS = (
    ("missing", "Remote migration versions not found in local migrations directory."),
    ("order", "Found local migration files to be inserted before the last migration on remote"),
    ("vault", "vault"),
)


def refusal(message):
    for word, text in REFUSALS:
        if text.lower() in message.lower():
            return ("refused", word)
    return None


def push_theirs(program, server, folder, database, include_all=False):
    env = {"PATH": os.environ["PATH"], "HOME": folder, "DO_NOT_TRACK": "1",
           "LC_ALL": "C.UTF-8"}
    code, out, err = run([program, "db", "push", "--yes", f"--remote={server.url(database)}",
                          "--output-format", "json"] + ["--include-all"] * include_all,
                         cwd=folder, env=env)
    answer = json.loads(out.splitlines()[-1]) if out.strip() else {}
    said = (out + err).strip()
    if code == 0:
        return ("up to date",) if answer.get("upToDate") else \
            ("pushed", tuple(os.path.basename(m) for m in answer["migrations"])), said
    message = answer.get("error", {}).get("message", "")
    begun = re.findall(r"^Applying migration (.*)\.\.\.$", err, re.M)
    at = re.search(r"^At statement: (\d+)", message, re.M)
    state = re.search(r"\(SQLSTATE (\w{5})\)", message)
    if at and begun:
        return ("failed", begun[-1], int(at.group(1)), state and state.group(1)), said
    return refusal(message) or ("other", message), said


def push_ours(server, folder, database, include_all=False):
    for name, text in (("pipe.yaml", PROJECT), ("push.lua", SCRIPT)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)
    outcome = os.path.join(folder, "outcome.json")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(outcome)
    env = dict(os.environ, DATABASE_URL=server.url(database))
    code, out, err = run([PIPE, "run", "push.lua", "--yes", f"all={str(include_all).lower()}"],
                         cwd=folder, env=env)
    if not os.path.exists(outcome):
        return ("other", f"exit {code}"), out + err
    with open(outcome, encoding="utf-8") as f:
        answer = json.load(f)
    if "error" not in answer:
        return ("pushed", tuple(m["file"] for m in answer["applied"])) if answer["applied"] \
            else ("up to date",), out + err
    message = answer["error"]["message"]
    at = re.search(r': ([^:\n]*\.sql):\d+:\d+: statement (\d+) of \d+ failed: .*?\(SQLSTATE (\w{5})\)',
                   message, re.S)
    if answer["error"]["code"] == "supabase.migration-failed" and at:
        return ("failed", os.path.basename(at.group(1)), int(at.group(2)) - 1, at.group(3)), message
    if answer["error"].get("refused"):
        return refusal(message) or ("refused", answer["error"]["code"]), message
    return ("other", answer["error"]["code"]), message
