#!/usr/bin/env python3
# seconds: 600
"""`supabase.push` against the vendor's own program, `supabase db push`: the same folder is pushed
by both, each into a fresh database. Verdict, schema and history must be the same, but for the
differences that are meant: each of those is listed with its reason, and must be exactly so."""

import concurrent.futures
import os
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing may appear in the source tree
sys.path.insert(0, os.path.join(os.environ["PIPE_ROOT"], "tests/tools"))
import parity  # noqa: E402

A = "20260101000000_a.sql"
B = "20260102000000_b.sql"
C = "20260103000000_c.sql"
TABLE_A = "CREATE TABLE a (id int PRIMARY KEY);\nINSERT INTO a VALUES (1), (2);\n"
TABLE_B = "CREATE TABLE b (id int);\n"
TABLE_C = "CREATE TABLE c (id int);\n"

SCHEMA = "CREATE SCHEMA supabase_migrations;"
FULL = SCHEMA + ("CREATE TABLE supabase_migrations.schema_migrations "
                 "(version text NOT NULL PRIMARY KEY, statements text[], name text);")


def applied(*versions):
    return FULL + "".join(
        f"INSERT INTO supabase_migrations.schema_migrations VALUES ('{v}', NULL, 'x');"
        for v in versions)


class Case:
    """files, and what is there before; `steps` are later states of the folder, pushed by the
    same. `ours` is our verdict where it is meant to differ, `why` says why."""

    def __init__(self, name, files, *later, before="", config=None, all=False, ours=None,
                 why=None, same_database=False):
        self.name, self.folders, self.before = name, [files, *later], before
        self.config, self.all, self.ours, self.why = config, all, ours, why
        self.same_database = same_database


SAME = [
    Case("plain", {A: TABLE_A, B: TABLE_B}),
    Case("one more", {A: TABLE_A}, {A: TABLE_A, B: TABLE_B}),
    Case("up to date", {A: TABLE_A}, {A: TABLE_A}),
    Case("no migrations at all", {}),
    Case("fails in the middle of a file",
         {A: TABLE_A + "SELECT 1/0;\nCREATE TABLE never (id int);\n", B: TABLE_B}),
    Case("the second file fails", {A: TABLE_A, B: "CREATE TABLE b (id int);\nDROP TABLE nope;\n",
                                   C: TABLE_C}),
    Case("fails, is mended and goes on", {A: TABLE_A, B: "SELECT broken;"},
         {A: TABLE_A, B: TABLE_B}),
    Case("a syntax error", {A: "CREATE TABLE a (id int);\nCREATE TABL b (id int);\n"}),
    Case("a deferred constraint fails at the end", {
        A: "CREATE TABLE p (id int PRIMARY KEY);\n"
           "CREATE TABLE q (p int REFERENCES p DEFERRABLE INITIALLY DEFERRED);\n"
           "INSERT INTO q VALUES (7);\n"}),
    Case("SET LOCAL and SET", {A: "SET LOCAL search_path = pg_catalog;\nSET search_path = nowhere;\n"
                                  "CREATE TABLE public.a (id int);\n", B: TABLE_B}),
    Case("savepoint", {A: "SAVEPOINT s;\nCREATE TABLE a (id int);\n"}),
    Case("older than the newest", {B: TABLE_B}, {A: TABLE_A, B: TABLE_B}),
    Case("older than the newest, all included", {B: TABLE_B}, {A: TABLE_A, B: TABLE_B}, all=True),
    Case("between two", {A: TABLE_A, C: TABLE_C}, {A: TABLE_A, B: TABLE_B, C: TABLE_C}, all=True),
    Case("a remote version without a file", {A: TABLE_A}, {B: TABLE_B}),
    Case("a remote version without a file, all included", {A: TABLE_A}, {B: TABLE_B}, all=True),
    Case("a newer remote version without a file", {A: TABLE_A, C: TABLE_C}, {A: TABLE_A}),
    Case("missing and out of order", {B: TABLE_B, C: TABLE_C}, {A: TABLE_A, B: TABLE_B}),
    Case("dollar quotes", {
        A: "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN; RETURN 1; END $$;\n"
           .replace("BEGIN;", "BEGIN") +
           "DO $body$ BEGIN PERFORM 1; PERFORM 2; END $body$;\n"
           "DO $æ$ BEGIN PERFORM ';'; END $æ$;\n"
           "SELECT 1 AS a$b$c; SELECT 2 AS d$b$e;\n"}),
    Case("quotes", {
        A: "CREATE TABLE t (v text, \"odd;\"\"name\" int);\n"
           "INSERT INTO t VALUES (E'a\\';b'), ('it''s; so'), (U&'d\\0061t;'), (e'\\\\');\n"
           "INSERT INTO t VALUES (B'101;'::text);\n".replace("101;", "101")}),
    Case("comments", {
        A: "-- first; not a statement\nCREATE TABLE a (id int); -- behind; it\n"
           "/* a /* nested; */ one; */ CREATE TABLE b (id int);\n-- done\n"}),
    Case("BEGIN ATOMIC", {
        A: "CREATE FUNCTION f(x int) RETURNS int LANGUAGE sql BEGIN ATOMIC\n"
           "  SELECT CASE WHEN x > 0 THEN 1 ELSE 2 END;\n  SELECT 3 AS weekend;\nEND;\n"
           "CREATE TABLE a (id int);\n"}),
    Case("CONCURRENTLY alone", {A: TABLE_A, B: "CREATE INDEX CONCURRENTLY i ON a (id);\n",
                                C: "DROP INDEX CONCURRENTLY i;\n"}),
    Case("CONCURRENTLY among others", {
        A: TABLE_A, B: "ALTER TABLE a ADD COLUMN v text;\nCREATE INDEX CONCURRENTLY i ON a (v);\n"
                       "CREATE TABLE b (id int);\n"}),
    Case("CONCURRENTLY among others fails", {
        A: TABLE_A, B: "CREATE TABLE b (id int);\nCREATE UNIQUE INDEX CONCURRENTLY i ON a ((1));\n"}),
    Case("VACUUM and REINDEX", {A: TABLE_A, B: "VACUUM a;", C: "reindex table concurrently a;"}),
    Case("a transaction in the file", {A: "BEGIN;\nCREATE TABLE a (id int);\nCOMMIT;\n",
                                       B: TABLE_B}),
    Case("two transactions, the second fails", {
        A: "BEGIN;\nCREATE TABLE a (id int);\nCOMMIT;\nSTART TRANSACTION;\n"
           "CREATE TABLE b (id int);\nSELECT 1/0;\nCOMMIT;\n"}),
    Case("comments only", {A: "-- nothing;\n", B: "/* nor; here */"}),
    Case("an empty file", {A: "", B: " \n\n", C: ";;\n;"}),
    Case("empty statements", {A: ";;CREATE TABLE a (id int);;\n ; \nCREATE TABLE b (id int);;;"}),
    Case("no end", {A: "CREATE TABLE a (id int)"}),
    Case("BOM", {A: b"\xef\xbb\xbfCREATE TABLE a (id int);\n"}),
    Case("CRLF", {A: "CREATE TABLE a (\r\n  id int\r\n);\r\n\r\n-- why\r\nCREATE TABLE b (id int);\r\n"}),
    Case("not ASCII", {A: "CREATE TABLE \"blåbær\" (\"syltetøy\" text);\nCOMMENT ON TABLE "
                          "\"blåbær\" IS '日本; 🫐';\n"}),
    Case("odd names", {
        "1_x.down.sql": "CREATE TABLE down (id int);", "2_two words.sql": "CREATE TABLE two (id int);",
        "3_.sql": "CREATE TABLE three (id int);", "4_UP.SQL": "SELECT broken;",
        "x5_a.sql": "SELECT broken;", "6.sql": "SELECT broken;", "7-a.sql": "SELECT broken;",
        "8_a.sql.bak": "SELECT broken;", "README.md": "text", ".9_a.sql": "SELECT broken;",
        "91_a_b.c-d.sql": "CREATE TABLE nine (id int);"}),
    Case("a folder named like a file", {"1_a.sql": None, "2_b.sql": TABLE_B,
                                        "sub/3_c.sql": "SELECT broken;"}),
    Case("an init file of old", {"20211208000000_init.sql": "SELECT broken;", A: TABLE_A}),
    Case("an init file of old, second", {"1_a.sql": TABLE_A,
                                         "20211208000000_init.sql": TABLE_B}),
    Case("an init file that is new enough", {"20211209000000_init.sql": TABLE_A}),
    Case("an init file of old, other name", {"20211208000000_init_2.sql": TABLE_A}),
    Case("leading zeros", {"00020_b.sql": TABLE_B, "0003_c.sql": TABLE_C, "1_a.sql": TABLE_A}),
    Case("versions are text", {
        "9_a.sql": "ALTER TABLE t ADD COLUMN nine int;", "10_b.sql": "CREATE TABLE t (ten int);"}),
    Case("versions of different lengths", {
        "1_b.sql": "CREATE TABLE t (id int);", "10_a.sql": "ALTER TABLE t ADD COLUMN ten int;",
        "1000_z.sql": "ALTER TABLE t ADD COLUMN thousand int;"}),
    Case("no column but version", {A: TABLE_A, B: TABLE_B}, before=SCHEMA +
         "CREATE TABLE supabase_migrations.schema_migrations (version text NOT NULL PRIMARY KEY);"
         "INSERT INTO supabase_migrations.schema_migrations VALUES ('20260101000000');"),
    Case("version and name", {A: TABLE_A, B: TABLE_B}, before=SCHEMA +
         "CREATE TABLE supabase_migrations.schema_migrations (version text PRIMARY KEY, name text);"
         "INSERT INTO supabase_migrations.schema_migrations VALUES ('20260101000000', 'a');"),
    Case("more columns", {A: TABLE_A, B: TABLE_B}, before=SCHEMA +
         "CREATE TABLE supabase_migrations.schema_migrations (version text PRIMARY KEY, "
         "statements text[], name text, created_by text, idempotency_key text UNIQUE, "
         "rollback text[]);"),
    Case("the schema without the table", {A: TABLE_A}, before=SCHEMA),
    Case("applied without its statements", {A: TABLE_A, B: TABLE_B},
         before=applied("20260101000000")),
    Case("secrets in the settings, no vault", {A: TABLE_A}, config='[db.vault]\nkey = "text"\n'),
    Case("secrets in the settings, nothing to push", {}, config='[db.vault]\nkey = "text"\n'),
    Case("an applied file with other blanks", {A: TABLE_A},
         {A: TABLE_A.replace(";\n", " ;\n\n"), B: TABLE_B}),
    Case("drops its own history", {A: "CREATE TABLE a (id int);\n"
                                      "DROP TABLE supabase_migrations.schema_migrations;\n"}),
]

# What we do otherwise: our verdict, and why. Nothing may be applied where it says "refused".
OTHER = [
    Case("an applied file was edited", {A: TABLE_A}, {A: TABLE_A + "SELECT 2;\n", B: TABLE_B},
         ours=("refused", "supabase.edited"),
         why="the file is not what the database has: whoever sets it up anew gets another one"),
    Case("a transaction is left open", {A: "BEGIN;\nCREATE TABLE a (id int);\n", B: TABLE_B},
         ours=("refused", "supabase.transaction"),
         why="the vendor's program says it is done, and nothing is applied"),
    Case("COMMIT without BEGIN", {A: "CREATE TABLE a (id int);\nCOMMIT;\n"},
         ours=("refused", "supabase.transaction"), why="its BEGIN was forgotten"),
    Case("equal versions", {"1_a.sql": TABLE_A, "1_b.sql": TABLE_B, "2_c.sql": TABLE_C},
         ours=("refused", "supabase.duplicate"),
         why="the vendor's program applies the first, and fails at the second"),
    Case("migrations are disabled", {A: TABLE_A}, config="[db.migrations]\nenabled = false\n",
         ours=("refused", "supabase.disabled"),
         why="what is skipped without a word is taken for done"),
    Case("no folder", None, ours=("refused", "supabase.folder"),
         why="a name that is wrong in the settings is not a database that is up to date"),
    Case("; in parentheses", {
        A: "CREATE TABLE a (id int);\nCREATE TABLE b (id int);\nCREATE RULE r AS ON INSERT TO a DO "
           "ALSO (INSERT INTO b VALUES (1); INSERT INTO b VALUES (2));\n"},
         ours=("pushed", (A,)), why="it is one statement; the vendor's program cuts it in two"),
    Case("invalid UTF-8", {A: b"CREATE TABLE a (id int); -- \xff\n"},
         ours=("refused", "supabase.sql"), why="the history would not hold what was run"),
    Case("a NUL byte", {A: b"CREATE TABLE a (id int); -- \x00\n"},
         ours=("refused", "supabase.sql"), why="the protocol cannot say it"),
    Case("COPY from stdin", {A: "CREATE TABLE a (id int);\nCOPY a FROM stdin;\n1\n\\.\n"},
         ours=("refused", "supabase.sql"), why="it fails for the vendor's program, too, but later"),
    Case("a quote that is not closed", {A: TABLE_A, B: "CREATE TABLE b (v text DEFAULT 'x);\n"},
         ours=("refused", "supabase.sql"), why="nothing of the push is begun"),
    Case("DISCARD ALL among others", {A: "CREATE TABLE a (id int);\nDISCARD ALL;\n"},
         ours=("pushed", (A,)), why="it cannot run in a transaction, and is run outside of one"),
]


def play(case, push, server, folder, database):
    said = None
    for files in case.folders:
        parity.write(folder, files, case.config)
        verdict, said = push(server, folder, database, case.all)
    return verdict, said


def compare(case, theirs, ours, databases, server):
    """What is wrong, as texts."""
    (their_verdict, their_words), (our_verdict, our_words) = theirs, ours
    wanted = case.ours or their_verdict
    found = []
    if our_verdict != wanted:
        found.append(f"verdict: {our_verdict}, not {wanted}\n  they say: {their_words}\n"
                     f"  we say: {our_words}")
    if case.ours:
        if their_verdict == our_verdict:
            found.append(f"{case.why}: it is not different any more: {their_verdict}")
        return found
    them, us = (server.seen(d) for d in databases)
    for what in them:
        if them[what] != us[what]:
            found.append(f"{what}: theirs\n  {them[what]}\nours\n  {us[what]}")
    return found


def check(case, number, program, server, base):
    databases, ends = [], []
    for who in ("theirs", "ours"):
        folder = os.path.join(base, f"{number}-{who}")
        os.makedirs(folder)
        database = server.make(f"c{number}_{who}", "prepared")
        databases.append(database)
        if case.before:
            server.sql(database, case.before)
        push = parity.push_ours if who == "ours" else \
            lambda *a: parity.push_theirs(program, *a)  # noqa: E731
        ends.append(play(case, push, server, folder, database))
    found = compare(case, *ends, databases, server)
    if case.ours and case.ours[0] == "refused" and len(case.folders) == 1 and \
            server.history(databases[1]) is not None:
        found.append("it was refused, and something was changed")
    return [f"{case.name}: {f}" for f in found]


def orders(program, server, base):
    """Either may go on where the other has been."""
    first, second = {A: TABLE_A}, {A: TABLE_A, B: TABLE_B + "COMMENT ON TABLE b IS 'x;';\n"}
    ends = []

    def theirs(*a):
        return parity.push_theirs(program, *a)

    for number, pushes in enumerate(((theirs, theirs), (theirs, parity.push_ours),
                                     (parity.push_ours, theirs))):
        folder = os.path.join(base, f"order-{number}")
        os.makedirs(folder)
        database = server.make(f"order{number}", "prepared")
        for files, push in zip((first, second), pushes):
            parity.write(folder, files)
            verdict, said = push(server, folder, database)
        ends.append((verdict, server.seen(database)))
    return [f"order {n}: {end} is not {ends[0]}" for n, end in enumerate(ends) if end != ends[0]]


def main():
    program = parity.client()
    with parity.running() as url, tempfile.TemporaryDirectory() as base:
        server = parity.Server(url)
        server.make("prepared")
        only = sys.argv[1:]
        cases = [c for c in SAME + OTHER if not only or c.name in only]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(check, c, i, program, server, base) for i, c in enumerate(cases)]
            if not only:
                jobs.append(pool.submit(orders, program, server, base))
            found = [f for job in jobs for f in job.result()]
    print("\n".join(found))
    print(f"{len(cases)} cases, {len(found)} differences that are not meant")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
