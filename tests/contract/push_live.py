#!/usr/bin/env python3
# seconds: 300
"""`supabase.push` on a real PostgreSQL, where things go wrong: two at once, a server process or a
`pipe` that dies in the middle, locks, rehearsals. Each of them ends with every file applied
once, or with a message that says what stands."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # nothing may appear in the source tree
sys.path.insert(0, os.path.join(os.environ["PIPE_ROOT"], "tests/tools"))
import parity  # noqa: E402

A, B, C = "20260101000000_a.sql", "20260102000000_b.sql", "20260103000000_c.sql"
TABLE_A = "CREATE TABLE a (id int PRIMARY KEY);\nINSERT INTO a VALUES (1), (2);\n"
TABLE_B = "CREATE TABLE b (id int);\n"
SLOW = "CREATE TABLE slow (id int);\nSELECT pg_sleep(%s);\n"

SCRIPT = """
return pipeline "push" {
  version = "1.0.0",
  params = { rehearse = flag {}, lock = text { default = "4s" }, most = text { default = "1m" } },
  step "push" {
    run = function (r)
      local done = supabase.push { environment = "test", rehearse = r.params.rehearse,
        lock_timeout = r.params.lock, statement_timeout = r.params.most }
      for _, file in ipairs(done.applied) do
        log.info("applied " .. file.file)
      end
    end,
  },
}
"""

SQL = """
return pipeline "sql" {
  version = "1.0.0",
  step "sql" {
    run = function ()
      local e = "test"
      local one = postgres.query { environment = e,
        sql = "SELECT $1::int + 1 AS n, $2::text AS t, NULL::int AS nothing, true AS yes",
        params = { 41, "it's; so" } }.rows[1]
      log.info(("%d %s %s %s"):format(one.n, one.t, tostring(one.nothing), tostring(one.yes)))
      local _, err = try(postgres.query, { environment = e, sql = "DELETE FROM a" })
      log.info(err.code .. ": " .. err.message)
      local _, err = try(postgres.execute, { environment = e,
        statements = { "INSERT INTO a VALUES (7)", "INSERT INTO a VALUES (1)" } })
      log.info(err.code .. ": " .. err.message)
      local _, err = try(postgres.execute, { environment = e, expect_affected = 1,
        statements = { "UPDATE a SET id = id + 10" } })
      log.info(err.code .. ": " .. err.message)
      log.info("affected " .. postgres.execute { environment = e, expect_affected = 2,
        statements = { { sql = "UPDATE a SET id = id + $1", params = { 10 } } } }.affected)
      log.info(postgres.query { environment = e, sql = "SELECT array_agg(id ORDER BY id)::text AS ids FROM a" }.rows[1].ids)
    end,
  },
}
"""


class Place:
    """A folder with a project, and a database of its own."""

    made = 0

    def __init__(self, server, base, files):
        Place.made += 1
        self.server, self.database = server, server.make(f"live{Place.made}")
        self.folder = os.path.join(base, str(Place.made))
        self.write(files)
        for name, text in (("pipe.yaml", parity.PROJECT), ("push.lua", SCRIPT), ("sql.lua", SQL)):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
                f.write(text)

    def write(self, files):
        os.makedirs(os.path.join(self.folder, "supabase"), exist_ok=True)
        parity.write(self.folder, files)

    def start(self, *arguments, user=None):
        url = self.server.url(self.database)
        if user:
            url = re.sub(r"//[^@]*@", f"//{user}:{user}@", url)
        return subprocess.Popen(
            [parity.PIPE, *arguments], cwd=self.folder, env=dict(os.environ, DATABASE_URL=url),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def pipe(self, *arguments, **kwargs):
        child = self.start(*arguments, **kwargs)
        said = child.communicate()[0]
        return child.returncode, said

    def push(self, *arguments, **kwargs):
        return self.pipe("run", "push.lua", "--yes", *arguments, **kwargs)

    def sql(self, text):
        return self.server.sql(self.database, text)

    def versions(self):
        return [row["version"] for row in self.server.history(self.database) or []]

    def wait_for(self, query):
        for _ in range(600):
            found = self.sql(query)
            if found:
                return found
            time.sleep(0.05)
        sys.exit(f"never: {query}")

    def hold(self, *commands, name="psql"):
        argv = [word for command in commands for word in ("-c", command)]
        return subprocess.Popen(
            [parity.tool("psql"), "-XAtq", "-d", self.server.url(self.database), *argv],
            env=dict(os.environ, PGAPPNAME=name), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)

    def sleeper(self):
        """The server process that is in the middle of a slow file."""
        return self.wait_for("SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state "
                             "= 'active' AND pid <> pg_backend_pid() AND datname = current_database()")


failures = []


def check(name, holds, said=""):
    print(("ok   " if holds else "FAIL ") + name)
    if not holds:
        failures.append(name)
        print(said)


def two_at_once(server, base):
    place = Place(server, base, {A: TABLE_A, B: SLOW % 3})
    first = place.start("run", "push.lua", "--yes", "--state=one")
    pid = place.sleeper()
    code, said = place.push("--state=two")
    check("the second of two pushes is told who has the lock", code == 1 and
          "supabase.locked" in said and f"pid {pid}, \"pipe" in said, said)
    code, said = place.push("--state=two", "--dry-run")
    check("so is its dry-run", code == 1 and "supabase.locked" in said, said)
    said = first.communicate()[0]
    check("the first one goes on undisturbed", first.returncode == 0, said)
    code, said = place.push("--state=two")
    check("then there is nothing left to do", code == 0 and "applied " not in said, said)
    check("every file is applied once", place.versions() == [A[:14], B[:14]])


def server_process_dies(server, base):
    place = Place(server, base, {A: TABLE_A, B: SLOW % 2, C: "CREATE TABLE c (id int);"})
    child = place.start("run", "push.lua", "--yes")
    place.sql(f"SELECT pg_terminate_backend({place.sleeper()})")
    said = child.communicate()[0]
    check("a server process that dies leaves nothing of the file, and it is done again",
          child.returncode == 0 and place.versions() == [A[:14], B[:14], C[:14]], said)
    check("the result names all that was applied",
          all(f"applied {name}" in said for name in (A, B, C)), said)


def pipe_dies(server, base):
    place = Place(server, base, {A: TABLE_A, B: SLOW % 2, C: "CREATE TABLE c (id int);"})
    child = place.start("run", "push.lua", "--yes")
    place.sleeper()
    child.kill()
    child.communicate()
    code, said = place.pipe("resume")
    check("a killed run is resumed while the server still works on it", code == 0 and
          place.versions() == [A[:14], B[:14], C[:14]], said)


def torn(server, base):
    place = Place(server, base, {
        A: TABLE_A, B: "CREATE TABLE b (id int);\nCREATE INDEX CONCURRENTLY i ON a (id);\n"
                       "SELECT pg_sleep(3);\n"})
    code, said = place.push("--dry-run")
    check("a file that is not one transaction is told beforehand", code == 0 and
          f"{B} is not one transaction" in said, said)
    child = place.start("run", "push.lua", "--yes")
    place.sql(f"SELECT pg_terminate_backend({place.sleeper()})")
    said = child.communicate()[0]
    check("what became of it nobody can tell: a person has to look", child.returncode == 6, said)
    place = Place(server, base, {A: TABLE_A, B: "CREATE TABLE b (id int);\n"
                                                "CREATE INDEX CONCURRENTLY i ON a (id);\nSELECT 1/0;\n"})
    code, said = place.push()
    check("where it fails, the message says that the statements before it stay", code == 1 and
          f"{B}:3:1: statement 3 of 3 failed: division by zero (SQLSTATE 22012)" in said and
          "its statements before that are done" in said and f"Applied before it: {A}" in said, said)
    check("and it is not in the history", place.versions() == [A[:14]])


def rehearsals(server, base):
    place = Place(server, base, {A: TABLE_A})
    place.push()
    before = server.seen(place.database)
    place.write({A: TABLE_A, B: "ALTER TABLE a ADD COLUMN v text;\n" + TABLE_B,
                 C: "INSERT INTO b VALUES (1);\nTRUNCATE a;\n"})
    code, said = place.push("--dry-run", "rehearse=yes")
    check("a rehearsal tells times and locks", code == 0 and re.search(
        rf"rehearsed: {B} \d+ ms, {C} \d+ ms; locks: .*public\.a AccessExclusiveLock", said), said)
    check("what is lost is told, too", f"{C}:2 ! empties the table a" in said, said)
    check("a rehearsal changes nothing", server.seen(place.database) == before)
    place.write({A: TABLE_A, B: "CREATE TABLE b (\n  id int,\n  v nosuchtype\n);\n"})
    code, said = place.push("--dry-run", "rehearse=yes")
    check("a rehearsal finds what fails, to the column", code == 4 and
          f'{B}:3:5: statement 1 of 1 failed: type "nosuchtype" does not exist (SQLSTATE 42704)'
          in said, said)
    check("and still changes nothing", server.seen(place.database) == before)
    place.write({A: TABLE_A, B: "SELECT pg_sleep(20);\n"})
    for how in ("--dry-run", "--state=other"):
        code, said = place.push(how, "rehearse=yes", "most=300ms")
        check(f"a statement that takes too long is ended ({how})", code == (4 if how == "--dry-run"
              else 1) and f"{B}:1:1" in said and "(SQLSTATE 57014)" in said, said)


def first_push(server, base):
    place = Place(server, base, {A: TABLE_A})
    code, said = place.push("-v")
    check("the first push makes the history without a word", code == 0 and "WARNING" not in said and
          "notice" not in said.lower(), said)
    check("and in the vendor's order of columns", [row["attname"] for row in json.loads(place.sql(
        "SELECT json_agg(a ORDER BY attnum) FROM (SELECT attname, attnum FROM pg_attribute WHERE "
        "attrelid = 'supabase_migrations.schema_migrations'::regclass AND attnum > 0) a"))]
        == ["version", "statements", "name"])
    other = Place(server, base, {A: TABLE_A})
    other.sql("CREATE SCHEMA supabase_migrations; CREATE TABLE supabase_migrations.schema_migrations "
              "(version text NOT NULL PRIMARY KEY); CREATE VIEW supabase_migrations.v AS SELECT 1")
    holder = other.hold("BEGIN; LOCK TABLE supabase_migrations.schema_migrations IN ACCESS SHARE MODE; "
                        "SELECT pg_sleep(60)")
    pid = other.sleeper()
    code, said = other.push()
    check("it does not wait for ever for a lock on it", code == 1 and "supabase.history" in said and
          "(SQLSTATE 55P03)" in said, said)
    other.sql(f"SELECT pg_terminate_backend({pid})")
    holder.wait()
    code, said = other.push()
    check("an older history is completed", code == 0 and other.versions() == [A[:14]], said)


# What a push holds while it works; every pipe has the same one.
KEY = int(hashlib.sha256(b"pipe: migrations of supabase_migrations").hexdigest()[:15], 16)


def endings(server, base):
    """Whoever has just ended a push is not in the way of the next one."""
    place = Place(server, base, {A: TABLE_A})
    held = f"SELECT pg_advisory_lock({KEY})"
    for name, goes in (("pipe impulse", True), ("supabase", False)):
        holder = place.hold(held, "\\! sleep 1.5", name=name)
        place.wait_for("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")
        code, said = place.push()
        holder.wait()
        check(f"an idle holder called {name} is {'waited for' if goes else 'an error'}", goes
              == (code == 0) and goes != ("supabase.locked" in said), said)
    for turn in range(8):
        code, said = place.push(f"--state=again{turn}")
        left = place.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        if code != 0 or str(left).strip() != "0":
            break
    check("nothing of a push holds the lock behind it", code == 0 and str(left).strip() == "0", said)
    place.write({A: TABLE_A, B: "BEGIN;\nSELECT 1/0;\nCOMMIT;\n"})
    code, said = place.push()
    left = place.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
    check("nor of one that failed within a transaction", code == 1 and str(left).strip() == "0", said)


def locks(server, base):
    place = Place(server, base, {A: TABLE_A, B: "ALTER TABLE a ADD COLUMN v text;\n"})
    place.write({A: TABLE_A})
    place.push()
    place.write({A: TABLE_A, B: "ALTER TABLE a ADD COLUMN v text;\n"})
    holder = subprocess.Popen(
        [parity.tool("psql"), "-XAtq", "-d", server.url(place.database), "-c",
         "BEGIN; LOCK TABLE a; SELECT pg_sleep(60)"], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    pid = place.sleeper()
    code, said = place.push("lock=300ms")
    check("a lock is not waited for for long", code == 1 and "(SQLSTATE 55P03)" in said and
          "Nothing of this file is applied" in said, said)
    place.sql(f"SELECT pg_terminate_backend({pid})")
    holder.wait()
    code, said = place.push("lock=300ms")
    check("once it is free, the push goes through", code == 0, said)


def privileges(server, base):
    place = Place(server, base, {A: TABLE_A})
    place.push()
    place.write({A: TABLE_A, B: TABLE_B})
    place.sql("CREATE ROLE reader LOGIN PASSWORD 'reader'; GRANT USAGE ON SCHEMA supabase_migrations "
              "TO reader; GRANT SELECT ON supabase_migrations.schema_migrations TO reader")
    for how in ("--dry-run", "--state=other"):
        code, said = place.push(how, user="reader")
        check(f"a role that may only read is refused ({how})", code == 4 and
              'the role "reader" may not write the history' in said, said)
    place.sql("DROP OWNED BY reader; DROP ROLE reader")
    check("nothing was applied", place.versions() == [A[:14]])


def plain_sql(server, base):
    place = Place(server, base, {A: TABLE_A})
    place.push()
    code, said = place.pipe("run", "sql.lua", "--yes")
    check("values go in and come out as they are", "42 it's; so nil true" in said, said)
    check("a query cannot write", "cannot execute DELETE in a read-only transaction (SQLSTATE 25006)"
          in said, said)
    check("statements are done all or none", "statement 2 of 2 failed: duplicate key" in said and
          "{11,12}" in said and code == 0, said)
    check("another number of rows than expected is refused",
          "postgres.affected: environment \"test\": 2 rows would be affected, and expect_affected is 1"
          in said and "affected 2" in said, said)


SIM = """
return pipeline "sim" {
  version = "1.0.0",
  step "push" {
    run = function ()
      log.info("applied " .. #supabase.push { environment = "production", commit = "main" }.applied)
    end,
  },
}
"""


def in_a_world(server, base):
    """The world has everything but the database, which is real: in the process, and over TCP."""
    place = Place(server, base, {})
    shutil.copy(os.path.join(parity.ROOT, "pipe.yaml"), place.folder)
    with open(os.path.join(place.folder, "sim.lua"), "w", encoding="utf-8") as f:
        f.write(SIM)
    with open(os.path.join(place.folder, "world.yaml"), "w", encoding="utf-8") as f:
        f.write(f'credentials: {{ postgres-production: "{server.url(place.database)}" }}\n')
    code, said = place.pipe("run", "sim.lua", "--sim=world.yaml", "--yes")
    check("a simulated world can be given a real database", code == 0 and "applied 4" in said and
          len(place.versions()) == 4, said)
    up = place.start("sim", "up", "--world=world.yaml", "--state=up", "--json")
    url = None
    while url is None:
        found = re.search(r'"url": "(.*)"', up.stdout.readline())
        url = found.group(1) if found else None
    subprocess.run(["git", "clone", "-q", url + "/git/impulse.git", "clone"], cwd=place.folder,
                   check=True)
    code, said = place.pipe("run", "sim.lua", f"--sim={url}", "--repo=clone", "--yes")
    up.terminate()
    up.communicate()
    check("so can one over TCP", code == 0 and "applied 0" in said, said)


def main():
    with parity.running() as url, tempfile.TemporaryDirectory() as base:
        server = parity.Server(url)
        for story in (two_at_once, server_process_dies, pipe_dies, torn, rehearsals, locks,
                      first_push, endings, privileges, plain_sql, in_a_world):
            story(server, base)
    sys.exit(1 if failures else 0)


main()
