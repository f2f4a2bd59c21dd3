/* The rows against a real server: tests/tools/postgres.sh starts one around us. */
#include "host_case.h"

#include <netinet/in.h>
#include <sys/socket.h>

static const char *server; /* its URL */

static struct pl_value *run(struct host_case *t, const char *row, const char *args)
{
	char name[64];

	snprintf(name, sizeof name, "postgres.%s", row);
	return case_run(t, pl_postgres_rows, name, args);
}

/* As a verb that writes asks, with the defaults that the binding fills in. */
static struct pl_value *query(struct host_case *t, int64_t on, const char *rest)
{
	const struct pl_row *row = case_row(pl_postgres_rows, "postgres.query");

	case_call(t, row,
	    pl_arena_printf(&t->arena, "{\"connection\":%lld%s%s,%s}", (long long)on,
	        strstr(rest, "\"max_rows\"") ? "" : ",\"max_rows\":10000",
	        strstr(rest, "\"max_bytes\"") ? "" : ",\"max_bytes\":16777216", rest));
	t->call.class = PL_WRITE;
	return case_drive(t, row->start);
}

static struct pl_value *ask(struct host_case *t, int64_t on, const char *sql)
{
	return query(t, on, pl_arena_printf(&t->arena, "\"sql\":\"%s\"", sql));
}

/* As a verb that only reads asks. */
static struct pl_value *look(struct host_case *t, int64_t on, const char *sql)
{
	return run(t, "query",
	    pl_arena_printf(&t->arena,
	        "{\"connection\":%lld,\"max_rows\":10000,\"max_bytes\":16777216,"
	        "\"sql\":\"%s\"}",
	        (long long)on, sql));
}

static struct pl_value *batch(struct host_case *t, int64_t on, const char *rest)
{
	return run(t, "batch",
	    pl_arena_printf(
	        &t->arena, "{\"connection\":%lld,%s}", (long long)on, rest));
}

static struct pl_value *open_with(struct host_case *t, const char *more)
{
	return run(
	    t, "open", pl_arena_printf(&t->arena, "{\"url\":\"%s\"%s}", server, more));
}

static int64_t open_one(struct host_case *t)
{
	struct pl_value *v = open_with(t, "");

	CHECK(v != NULL);
	return pl_get_int(v, "connection", 0);
}

static void close_one(struct host_case *t, int64_t on)
{
	run(t, "close",
	    pl_arena_printf(&t->arena, "{\"connection\":%lld}", (long long)on));
}

/* The first value of the first row, as text. */
static const char *first(struct pl_value *v)
{
	const struct pl_value *rows = pl_get(v, "rows");
	static char number[32];

	if (!rows || !rows->as.list.len)
		return "(no row)";
	v = rows->as.list.at[0]->as.map.at[0].value;
	if (v->kind != PL_INT)
		return pl_text_of(v, v->kind == PL_NULL ? "(null)" : "(other)");
	snprintf(number, sizeof number, "%lld", (long long)v->as.whole);
	return number;
}

static const char *json(struct host_case *t, const struct pl_value *v)
{
	struct pl_buf out = {0};
	struct pl_err err;
	const char *text;

	if (!v)
		return t->call.err.msg;
	if (pl_json_canonical(&out, v, &err))
		text = pl_arena_text(&t->arena, out.at, out.len);
	else
		text = pl_arena_printf(&t->arena, "%s", err.msg);
	pl_buf_fini(&out);
	return text;
}

#define FAILS(t, v, want) \
	do { \
		CHECK((v) == NULL); \
		CHECK_TEXT((t)->call.err.code, want); \
	} while (0)

/* ---- connecting --------------------------------------------------------------- */

static void opening(struct host_case *t)
{
	struct pl_value *v = open_with(t, ",\"application_name\":\"me\"");
	int64_t on = pl_get_int(v, "connection", 0);

	CHECK_CASE("open");
	CHECK(on > 0 && pl_get_int(v, "server_version", 0) >= 90000);
	CHECK(pl_get_int(v, "pid", 0) > 0);
	CHECK_TEXT(pl_get_text(v, "user", NULL), "postgres");
	CHECK_TEXT(pl_get_text(v, "database", NULL), "postgres");
	CHECK_TEXT(pl_get_text(v, "host", NULL), "127.0.0.1");
	CHECK(pl_get_int(v, "port", 0) > 0);
	CHECK(!pl_get_bool(v, "pooler", true));
	CHECK_TEXT(first(ask(t, on, "show application_name")), "me");
	CHECK_TEXT(first(ask(t, on, "show client_encoding")), "UTF8");
	CHECK_TEXT(first(ask(t, on, "show timezone")), "UTC");
	CHECK_TEXT(first(ask(t, on, "show statement_timeout")), "0");
	CHECK_TEXT(json(t,
	               run(t, "close",
	                   pl_arena_printf(&t->arena, "{\"connection\":%d}", (int)on))),
	    "{\"closed\":true}");
	CHECK_TEXT(
	    json(t, run(t, "close", "{\"connection\":99}")), "{\"closed\":false}");
	FAILS(t, ask(t, on, "select 1"), "postgres.handle");
	v = open_with(t, ",\"statement_timeout\":2500,\"lock_timeout\":750");
	on = pl_get_int(v, "connection", 0);
	CHECK_TEXT(first(ask(t, on, "show statement_timeout")), "2500ms");
	CHECK_TEXT(first(ask(t, on, "show lock_timeout")), "750ms");
	close_one(t, on);
}

/* The server's URL with one part of it put in another's place. */
static const char *changed(
    struct host_case *t, const char *from, const char *to, const char *put)
{
	const char *a = strstr(server, from), *b = strstr(a + strlen(from), to);

	return pl_arena_printf(
	    &t->arena, "%.*s%s%s", (int)(a + strlen(from) - server), server, put, b);
}

static struct pl_value *open_url(struct host_case *t, const char *url, int64_t timeout)
{
	return run(t, "open",
	    pl_arena_printf(&t->arena, "{\"url\":\"%s\",\"timeout\":%lld}", url,
	        (long long)timeout));
}

/* Takes connections, and never says anything. */
static int listener(char *url, size_t n)
{
	struct sockaddr_in name = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof name;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&name, length) || listen(fd, 5) ||
	    getsockname(fd, (struct sockaddr *)&name, &length))
		abort();
	snprintf(url, n, "postgres://u@127.0.0.1:%d/d", ntohs(name.sin_port));
	return fd;
}

static void not_opening(struct host_case *t)
{
	static const char *const bad[] = {"", "x", "postgres://u:S3cretS3cret@h:x1/d",
	    "postgres://u:S3cretS3cret@S3cretS3cret@h/d",
	    "postgres://u:12/S3cretS3cret@h/d", "postgres://u:S3cretS3cret%@h/d",
	    "postgres://u:S3cretS3cret#1@h:1/d/@",
	    "postgres://u:S3cretS3cret@h/d?nonsense=1", "host=h S3cretS3cret",
	    "service=S3cretS3cret", "postgres://u:a/S3cretS3cret@h/d"};
	char silent[64];
	int fd = listener(silent, sizeof silent);

	CHECK_CASE("not opening");
	for (size_t i = 0; i < PL_COUNT(bad); i++) {
		FAILS(t, open_url(t, bad[i], 2000), "postgres.url");
		if (strcmp(t->call.err.code, "postgres.url") != 0)
			printf("  %s: %s\n", bad[i], t->call.err.msg);
		CHECK(!strstr(t->call.err.msg, "S3cret"));
		CHECK(!t->call.err.retryable);
	}
	FAILS(t, open_url(t, changed(t, "//postgres:", "@", "wrong-one"), 0),
	    "postgres.auth");
	CHECK(!t->call.err.retryable && !strstr(t->call.err.msg, "wrong-one"));
	CHECK(strstr(t->call.err.msg, "28P01") && !strchr(t->call.err.msg, '\n'));
	FAILS(t, open_url(t, changed(t, "//", ":", "nobody"), 0), "postgres.auth");
	/* Without one, none comes from elsewhere. */
	setenv("PGPASSWORD", "wrong-too", 1);
	setenv("PGUSER", "somebody", 1);
	setenv("PGOPTIONS", "-c search_path=elsewhere", 1);
	setenv("PGSERVICE", "not-there", 1);
	setenv("PGTZ", "Asia/Tokyo", 1);
	setenv("PGSSLMODE", "nonsense", 1);
	FAILS(t, open_url(t, changed(t, "//postgres", "@", ""), 0), "postgres.auth");
	opening(t);
	CHECK_CASE("not opening, again");
	unsetenv("PGPASSWORD");
	unsetenv("PGUSER");
	unsetenv("PGOPTIONS");
	unsetenv("PGSSLMODE");
	FAILS(t,
	    open_url(t,
	        pl_arena_printf(&t->arena, "%.*s/not-there",
	            (int)(strstr(server, "/postgres?") - server), server),
	        0),
	    "postgres.connect");
	CHECK(strstr(t->call.err.msg, "3D000") && !t->call.err.retryable);
	FAILS(t, open_url(t, "postgres://u@127.0.0.1:1/d", 0), "postgres.connect");
	CHECK(t->call.err.retryable);
	FAILS(t, open_url(t, "postgres://u@/d?host=/nowhere/at/all", 0),
	    "postgres.connect");
	FAILS(t, open_url(t, changed(t, "/postgres?", "a", "sslmode=bad&"), 0),
	    "postgres.connect");
	FAILS(t, open_url(t, silent, 100), "postgres.connect");
	CHECK(
	    t->call.err.retryable && strstr(t->call.err.msg, "did not answer within"));
	t->cancel_after = 50;
	FAILS(t, open_url(t, silent, 20000), "cancelled");
	t->cancel_after = 0;
	close(fd);
}

static void encrypted(struct host_case *t)
{
	struct pl_value *v;

	CHECK_CASE("TLS");
	v = open_url(t, changed(t, "/postgres?", "a", "sslmode=disable&"), 0);
	CHECK(v && !pl_get_bool(v, "ssl", true));
	close_one(t, pl_get_int(v, "connection", 0));
	v = open_url(t, changed(t, "/postgres?", "a", "sslmode=require&"), 0);
	if (!v && strstr(t->call.err.msg, "SSL"))
		return; /* a server without */
	CHECK(v && pl_get_bool(v, "ssl", false));
	close_one(t, pl_get_int(v, "connection", 0));
	v = open_url(t,
	    changed(t, "/postgres?", "a",
	        pl_arena_printf(&t->arena,
	            "sslmode=verify-full&sslrootcert=%s/server.crt&",
	            getenv("PIPE_POSTGRES_SOCKET"))),
	    0);
	CHECK(v && pl_get_bool(v, "ssl", false));
	close_one(t, pl_get_int(v, "connection", 0));
	v = open_url(t,
	    changed(t, "/postgres?", "a",
	        "sslmode=verify-full&sslrootcert=/nowhere/at/all&"),
	    0);
	FAILS(t, v, "postgres.connect");
	CHECK(!t->call.err.retryable);
}

static void many(struct host_case *t)
{
	int64_t on[8];

	CHECK_CASE("at most eight");
	for (int i = 0; i < 8; i++)
		on[i] = open_one(t);
	FAILS(t, open_with(t, ""), "postgres.many");
	close_one(t, on[3]);
	on[3] = open_one(t);
	CHECK(on[3] > on[7]);
	/* Those that died do not count. */
	ask(t, on[0], "select pg_terminate_backend(pg_backend_pid())");
	CHECK_TEXT(t->call.err.code, "postgres.lost");
	close_one(t, open_one(t));
	for (int i = 0; i < 8; i++)
		close_one(t, on[i]);
}

/* ---- one statement ---------------------------------------------------------------- */

static void values(struct host_case *t, int64_t on)
{
	CHECK_CASE("values");
	CHECK_TEXT(
	    json(t,
	        pl_get(
	            ask(t, on,
	                "select true as b, 7::int2 s, -8::int4 i, 9223372036854775807 l, "
	                "1.5::float8 f, 1.50::numeric n, 'x' t, null z, '{1,2}'::int[] a, 1::oid o"),
	            "columns")),
	    "[{\"name\":\"b\",\"type\":16},{\"name\":\"s\",\"type\":21},"
	    "{\"name\":\"i\",\"type\":23},{\"name\":\"l\",\"type\":20},"
	    "{\"name\":\"f\",\"type\":701},{\"name\":\"n\",\"type\":1700},"
	    "{\"name\":\"t\",\"type\":25},{\"name\":\"z\",\"type\":25},"
	    "{\"name\":\"a\",\"type\":1007},{\"name\":\"o\",\"type\":26}]");
	CHECK_TEXT(
	    json(t,
	        pl_get(
	            ask(t, on,
	                "select true as b, 7::int2 s, -8::int4 i, 1.5::float8 f, 1.50::numeric n, "
	                "'x' t, null z, '{1,2}'::int[] a union all select false, 0, 0, 0, 0, '', "
	                "'y', null"),
	            "rows")),
	    "[{\"a\":\"{1,2}\",\"b\":true,\"f\":1.5,\"i\":-8,\"n\":\"1.50\",\"s\":7,"
	    "\"t\":\"x\",\"z\":null},{\"a\":null,\"b\":false,\"f\":0,\"i\":0,"
	    "\"n\":\"0\",\"s\":0,\"t\":\"\",\"z\":\"y\"}]");
	CHECK_TEXT(
	    json(t,
	        pl_get(
	            query(t, on,
	                "\"sql\":\"select $1 as t, $2::int8 i, $3::bool b, $4::text n, $5::text[] a, "
	                "$6::float8 f, $7::int[] e\", \"params\":[\"\\u00e6' \\\\ \\\"\","
	                "9007199254740993,true,null,[\"a,b\",\"c\\\"\\\\d\",null,\"null\",\"\"],"
	                "0.1,[]]"),
	            "rows")),
	    "9007199254740993 is beyond 2^53-1, which JSON readers round");
	CHECK_TEXT(
	    json(t,
	        pl_get(
	            query(t, on,
	                "\"sql\":\"select $1 as t, $2::int8 i, $3::bool b, $4::text n, $5::text[] a, "
	                "$6::float8 f, $7::int[] e\", \"params\":[\"\\u00e6' \\\\ \\\"\","
	                "-3,true,null,[\"a,b\",\"c\\\"\\\\d\",null,\"null\",\"\"],"
	                "0.1,[]]"),
	            "rows")),
	    "[{\"a\":\"{\\\"a,b\\\",\\\"c\\\\\\\"\\\\\\\\d\\\",NULL,\\\"null\\\",\\\"\\\"}"
	    "\",\"b\":true,\"e\":\"{}\",\"f\":0.1,\"i\":-3,\"n\":null,"
	    "\"t\":\"\u00e6' \\\\ \\\"\"}]");
	FAILS(t, query(t, on, "\"sql\":\"select $1\",\"params\":[{\"a\":1}]"),
	    "postgres.params");
	FAILS(t, query(t, on, "\"sql\":\"select $1\",\"params\":[\"a\\u0000\"]"),
	    "postgres.params");
	FAILS(t, query(t, on, "\"sql\":\"select $1\",\"params\":{\"a\":1}"),
	    "postgres.params");
	FAILS(t, query(t, on, "\"sql\":\"select\\u0000\""), "postgres.statements");
}

static void errors(struct host_case *t, int64_t on)
{
	struct pl_value *v;

	CHECK_CASE("errors of SQL");
	v = ask(t, on, "select 1/0");
	FAILS(t, v, "postgres.sql");
	CHECK_TEXT(t->call.err.msg, "division by zero (SQLSTATE 22012)");
	FAILS(t, ask(t, on, "select '\u00e6', nonsense"), "postgres.sql");
	CHECK(strstr(t->call.err.msg, "(SQLSTATE 42703, at character 13)"));
	v = query(t, on, "\"sql\":\"select '\u00e6', nonsense\",\"any_error\":true");
	CHECK_TEXT(pl_get_text(pl_get(v, "failed"), "sqlstate", NULL), "42703");
	CHECK_INT(pl_get_int(pl_get(v, "failed"), "position", 0), 13);
	CHECK_TEXT(pl_get_text(v, "transaction", NULL), "none");
	/* One statement, and no answer of another kind. */
	FAILS(t, ask(t, on, "select 1; select 2"), "postgres.sql");
	FAILS(t, ask(t, on, "copy pg_class to stdout"), "postgres.copy");
	FAILS(t, ask(t, on, "copy pg_class from stdin"), "postgres.copy");
	CHECK_TEXT(first(ask(t, on, "select 3")), "3");
	CHECK_INT(pl_get(ask(t, on, ""), "rows")->as.list.len, 0);
	v = query(t, on, "\"sql\":\"select generate_series(1, 3) n\",\"max_rows\":2");
	FAILS(t, v, "postgres.large");
	/* A read is cut short; a write is let end. */
	v = run(t, "query",
	    pl_arena_printf(&t->arena,
	        "{\"connection\":%lld,\"max_bytes\":16777216,\"max_rows\":2,"
	        "\"sql\":\"select generate_series(1, 100000000) n\"}",
	        (long long)on));
	FAILS(t, v, "postgres.large");
	v = query(t, on, "\"sql\":\"select repeat('x', 1000) n\",\"max_bytes\":999");
	FAILS(t, v, "postgres.large");
	v = query(t, on, "\"sql\":\"select generate_series(1, 3) n\",\"max_rows\":3");
	CHECK_INT(pl_get(v, "rows")->as.list.len, 3);
	CHECK_TEXT(pl_get_text(v, "command", NULL), "SELECT 3");
	CHECK_INT(pl_get_int(v, "affected", 0), 3);
}

static void transactions(struct host_case *t, int64_t on)
{
	struct pl_value *v;

	CHECK_CASE("transactions");
	CHECK_TEXT(pl_get_text(ask(t, on, "begin"), "transaction", NULL), "open");
	FAILS(t, batch(t, on, "\"statements\":[]"), "postgres.statements");
	v = query(t, on, "\"sql\":\"select 1/0\",\"any_error\":true");
	CHECK_TEXT(pl_get_text(v, "transaction", NULL), "failed");
	CHECK_TEXT(pl_get_text(ask(t, on, "rollback"), "transaction", NULL), "none");
	CHECK(ask(t, on, "create table written (a int)") != NULL);
	v = query(
	    t, on, "\"sql\":\"insert into written values (1)\",\"read_only\":true");
	FAILS(t, v, "postgres.sql");
	CHECK(strstr(t->call.err.msg, "25006"));
	v = query(t, on, "\"sql\":\"commit\",\"read_only\":true");
	FAILS(t, v, "latch.closed");
	v = query(t, on, "\"sql\":\"select 5\",\"read_only\":true");
	CHECK_TEXT(first(v), "5");
	CHECK_TEXT(pl_get_text(v, "transaction", NULL), "none");
	CHECK_TEXT(first(ask(t, on, "select count(*) from written")), "0");
}

static void notices(struct host_case *t, int64_t on)
{
	CHECK_CASE("notices");
	ask(t, on,
	    "do $$ begin raise notice 'one'; raise warning E'two\\\\nlines'; end $$");
	CHECK_TEXT(t->lines.at, "notice: NOTICE: one\nnotice: WARNING: two\nlines\n");
	batch(t, on, "\"statements\":[\"drop table if exists gone\",\"select 1\"]");
	CHECK_TEXT(
	    t->lines.at, "notice: NOTICE: table \"gone\" does not exist, skipping\n");
}

/* ---- batches -------------------------------------------------------------------- */

static void pipelines(struct host_case *t, int64_t on)
{
	struct pl_value *v;

	CHECK_CASE("a pipeline");
	v = batch(t, on,
	    "\"statements\":[\"create table p (a int primary key, b text[])\","
	    "\"-- only this\",\"insert into p values (1), (2)\","
	    "{\"sql\":\"insert into p values ($1, $2)\",\"params\":[3,[\"x;\",\"y\"]]},"
	    "\"select a from p\",\"set local lock_timeout = '1s'\"]");
	CHECK_TEXT(json(t, pl_at(v, "results.0.command")), "\"CREATE TABLE\"");
	CHECK_TEXT(json(t, pl_at(v, "results.1.command")), "\"\"");
	CHECK_INT(pl_get_int(pl_at(v, "results.2"), "affected", 0), 2);
	CHECK_TEXT(json(t, pl_at(v, "results.3.command")), "\"INSERT 0 1\"");
	CHECK_TEXT(json(t, pl_at(v, "results.4.command")), "\"SELECT 3\"");
	CHECK_INT(pl_get(v, "results")->as.list.len, 6);
	CHECK(!pl_get(v, "failed"));
	CHECK_TEXT(first(ask(t, on, "select b[1] from p where a = 3")), "x;");
	CHECK_TEXT(json(t, pl_get(batch(t, on, "\"statements\":[]"), "results")), "[]");
	/* Nothing of it stays. */
	v = batch(t, on,
	    "\"statements\":[\"create table q (a int)\",\"select '\u00e6' from p\","
	    "\"insert into p values (1, null)\",\"create table r (a int)\"]");
	CHECK_INT(pl_get_int(pl_get(v, "failed"), "statement", -1), 2);
	CHECK_INT(pl_get_int(pl_get(v, "failed"), "number", -1), 3);
	CHECK_TEXT(pl_get_text(pl_get(v, "failed"), "sqlstate", NULL), "23505");
	CHECK_TEXT(pl_get_text(pl_get(v, "failed"), "constraint", NULL), "p_pkey");
	CHECK_TEXT(pl_get_text(pl_get(v, "failed"), "detail", NULL),
	    "Key (a)=(1) already exists.");
	CHECK_INT(pl_get(v, "results")->as.list.len, 2);
	CHECK_TEXT(pl_get_text(v, "transaction", NULL), "none");
	CHECK_TEXT(first(ask(t, on, "select to_regclass('q')")), "(null)");
	/* As the CLI has it: no transaction block, so no savepoint. */
	v = batch(t, on, "\"statements\":[\"savepoint a\"]");
	CHECK_TEXT(pl_get_text(pl_get(v, "failed"), "sqlstate", NULL), "25P01");
	v = batch(t, on, "\"statements\":[\"create index concurrently i on p (b)\"]");
	CHECK(!pl_get(v, "failed"));
	v = batch(t, on, "\"statements\":[\"select 1\",\"vacuum p\"]");
	CHECK_TEXT(pl_get_text(pl_get(v, "failed"), "sqlstate", NULL), "25001");
	CHECK_INT(pl_get_int(pl_get(v, "failed"), "statement", -1), 1);
	v = batch(t, on, "\"statements\":[\"select 1; select 2\"]");
	CHECK_TEXT(pl_get_text(pl_get(v, "failed"), "sqlstate", NULL), "42601");
}

static void commits(struct host_case *t, int64_t on)
{
	static const char late[] =
	    "\"statements\":[\"insert into late values (1)\",\"insert into late values (1)\"]";
	struct pl_value *v;

	CHECK_CASE("what fails at the end");
	ask(t, on, "create table late (a int unique deferrable initially deferred)");
	v = batch(t, on, late);
	CHECK_INT(pl_get_int(pl_get(v, "failed"), "statement", -1), 2);
	CHECK(pl_get_bool(pl_get(v, "failed"), "commit", false));
	CHECK_TEXT(pl_get_text(pl_get(v, "failed"), "sqlstate", NULL), "23505");
	CHECK_TEXT(first(ask(t, on, "select count(*) from late")), "0");
	v = batch(t, on, pl_arena_printf(&t->arena, "%s,\"rehearse\":true", late));
	CHECK(pl_get_bool(pl_get(v, "failed"), "commit", false));
	CHECK_INT(pl_get(v, "results")->as.list.len, 2);
	CHECK_TEXT(pl_get_text(v, "transaction", NULL), "none");
}

static void one_by_one(struct host_case *t, int64_t on)
{
	struct pl_value *v;

	CHECK_CASE("each");
	v = batch(t, on,
	    "\"mode\":\"each\",\"statements\":[\"create table e (a int)\","
	    "\"vacuum e\",\"select 1/0\",\"create table f (a int)\"]");
	CHECK_INT(pl_get_int(pl_get(v, "failed"), "statement", -1), 2);
	CHECK_INT(pl_get(v, "results")->as.list.len, 2);
	CHECK_TEXT(first(ask(t, on, "select to_regclass('e')::text")), "e");
	CHECK_TEXT(first(ask(t, on, "select to_regclass('f')")), "(null)");
	v = batch(t, on,
	    "\"mode\":\"each\",\"statements\":[\"begin\",\"create table g (a int)\"]");
	CHECK_TEXT(pl_get_text(v, "transaction", NULL), "open");
	ask(t, on, "rollback");
	v = batch(t, on,
	    "\"mode\":\"each\",\"statements\":[\"select 1\",\"select pg_sleep(0.05)\"]");
	CHECK(pl_get_int(pl_at(v, "results.1"), "ms", 0) >= 45);
	CHECK(pl_get_int(pl_at(v, "results.0"), "ms", -1) >= 0);
	CHECK(pl_get_int(v, "ms", 0) >= 45);
}

static void wrong(struct host_case *t, int64_t on)
{
	static const struct {
		const char *args, *code, *word;
	} cases[] = {
	    {"\"statements\":[1]", "postgres.statements", "statements[1]"},
	    {"\"statements\":[\"\",{}]", "postgres.statements", "statements[2]"},
	    {"\"statements\":[\"a\\u0000\"]", "postgres.statements", "NUL"},
	    {"\"statements\":[{\"sql\":\"a\",\"params\":[{\"a\":1}]}]",
	        "postgres.params", "statements[1]: params[1]"},
	    {"\"statements\":[\"a\",\"copy t from stdin\"]", "postgres.copy",
	        "statements[2]"},
	    {"\"statements\":[\"copy t to stdout\"]", "postgres.copy", "statements[1]"},
	    {"\"rehearse\":true,\"statements\":[\"a\",\"commit\"]", "postgres.rehearse",
	        "statements[2] (COMMIT) begins or ends"},
	    {"\"rehearse\":true,\"statements\":[\"vacuum full p\"]",
	        "postgres.rehearse", "(VACUUM FULL) does not run inside"},
	    {"\"rehearse\":true,\"statements\":[\"a; b\"]", "postgres.rehearse",
	        "2 statements"},
	    {"\"rehearse\":true,\"statements\":[\"select 'x\"]", "postgres.rehearse",
	        "line 1, column 8"},
	};

	CHECK_CASE("what is refused");
	for (size_t i = 0; i < PL_COUNT(cases); i++) {
		FAILS(t, batch(t, on, cases[i].args), cases[i].code);
		if (!CHECK(strstr(t->call.err.msg, cases[i].word)))
			printf("  %s\n", t->call.err.msg);
	}
}

static void rehearsal(struct host_case *t, int64_t on)
{
	struct pl_value *v;

	CHECK_CASE("a rehearsal");
	ask(t, on, "create table h (a int)");
	v = batch(t, on,
	    "\"rehearse\":true,\"statements\":[\"alter table h add column b int\","
	    "\"create table h2 (a int)\",\"insert into p values (77)\","
	    "\"select pg_sleep(0.05)\"]");
	CHECK(!pl_get(v, "failed"));
	CHECK_TEXT(json(t, pl_get(v, "locks")),
	    "[{\"kind\":\"table\",\"mode\":\"AccessExclusiveLock\",\"new\":false,"
	    "\"relation\":\"public.h\"},{\"kind\":\"table\",\"mode\":"
	    "\"AccessExclusiveLock\",\"new\":true,\"relation\":\"public.h2\"},"
	    "{\"kind\":\"table\",\"mode\":\"RowExclusiveLock\",\"new\":false,"
	    "\"relation\":\"public.p\"}]");
	CHECK_INT(pl_get(v, "results")->as.list.len, 4);
	CHECK(pl_get_int(pl_at(v, "results.3"), "ms", 0) >= 45);
	CHECK_TEXT(pl_get_text(v, "transaction", NULL), "none");
	CHECK_TEXT(first(ask(t, on, "select to_regclass('h2')")), "(null)");
	CHECK_TEXT(first(ask(t, on, "select count(*) from p where a = 77")), "0");
	v = batch(t, on,
	    "\"rehearse\":true,\"statements\":[\"alter table h add column b int\","
	    "\"select nothing\",\"select 1\"]");
	CHECK_INT(pl_get_int(pl_get(v, "failed"), "statement", -1), 1);
	CHECK_TEXT(pl_get_text(v, "transaction", NULL), "none");
	CHECK_TEXT(json(t, pl_get(v, "locks")), "[]");
	/* A procedure that commits finds that it may not. */
	ask(t, on,
	    "create procedure sly() language plpgsql as "
	    "'begin insert into h values (1); commit; end'");
	v = batch(t, on, "\"rehearse\":true,\"statements\":[\"call sly()\"]");
	CHECK_TEXT(pl_get_text(pl_get(v, "failed"), "sqlstate", NULL), "2D000");
	CHECK_TEXT(first(ask(t, on, "select count(*) from h")), "0");
}

static void resets(struct host_case *t)
{
	int64_t on = pl_get_int(open_with(t, ",\"lock_timeout\":750"), "connection", 0);

	CHECK_CASE("reset");
	ask(t, on, "set search_path = elsewhere");
	ask(t, on, "set lock_timeout = 1");
	CHECK(batch(t, on, "\"reset\":true,\"statements\":[\"select 1\"]") != NULL);
	CHECK_TEXT(first(ask(t, on, "show lock_timeout")), "750ms");
	CHECK_TEXT(first(ask(t, on, "show search_path")), "\"$user\", public");
	CHECK_TEXT(first(ask(t, on, "show client_encoding")), "UTF8");
	close_one(t, on);
}

/* A large pipeline, both ways: neither side waits for the other for ever. */
static void large(struct host_case *t, int64_t on)
{
	struct pl_buf args = {0};
	struct pl_value *v;

	CHECK_CASE("a large pipeline");
	pl_buf_puts(&args, "\"statements\":[\"select repeat('y', 3000000)\"");
	for (int i = 0; i < 3000; i++)
		pl_buf_printf(&args, ",\"select '%01000d', repeat('x', 1000)\"", i);
	pl_buf_puts(&args, "]");
	v = batch(t, on, args.at);
	CHECK(v && !pl_get(v, "failed"));
	CHECK_INT(v ? pl_get(v, "results")->as.list.len : 0, 3001);
	pl_buf_fini(&args);
}

/* ---- ends ------------------------------------------------------------------------- */

static void cut_short(struct host_case *t, int64_t on)
{
	CHECK_CASE("cut short");
	t->cancel_after = 300;
	FAILS(t, ask(t, on, "select pg_sleep(30)"), "cancelled");
	CHECK(!t->call.err.unknown);
	FAILS(t,
	    batch(t, on,
	        "\"statements\":[\"create table c1 (a int)\",\"select pg_sleep(30)\"]"),
	    "cancelled");
	CHECK(!t->call.err.unknown);
	FAILS(t,
	    batch(t, on,
	        "\"mode\":\"each\",\"statements\":[\"create table c2 (a int)\","
	        "\"select pg_sleep(30)\"]"),
	    "cancelled");
	CHECK(t->call.err.unknown);
	FAILS(t,
	    batch(t, on, "\"rehearse\":true,\"statements\":[\"select pg_sleep(30)\"]"),
	    "cancelled");
	CHECK(!t->call.err.unknown);
	t->cancel_after = 0;
	CHECK_TEXT(first(ask(t, on, "select to_regclass('c1')")), "(null)");
	CHECK_TEXT(first(ask(t, on, "select to_regclass('c2')::text")), "c2");
	FAILS(t, query(t, on, "\"sql\":\"select pg_sleep(30)\",\"timeout\":100"),
	    "postgres.timeout");
	CHECK(t->call.err.retryable);
	FAILS(t,
	    batch(t, on, "\"timeout\":100,\"statements\":[\"select pg_sleep(30)\"]"),
	    "postgres.timeout");
	CHECK(!t->call.err.unknown);
	CHECK_TEXT(first(ask(t, on, "select 6")), "6");
}

#define SUICIDE "select pg_terminate_backend(pg_backend_pid())"

static void lost(struct host_case *t)
{
	int64_t on = open_one(t);

	CHECK_CASE("lost");
	FAILS(t, look(t, on, SUICIDE), "postgres.lost");
	CHECK(!t->call.err.unknown && t->call.err.retryable);
	CHECK(strstr(t->call.err.msg, "administrator command"));
	FAILS(t, ask(t, on, "select 1"), "postgres.lost");
	FAILS(t, batch(t, on, "\"statements\":[]"), "postgres.lost");
	close_one(t, on);
	on = open_one(t);
	FAILS(t,
	    batch(
	        t, on, "\"statements\":[\"create table l1 (a int)\",\"" SUICIDE "\"]"),
	    "postgres.lost");
	CHECK(t->call.err.unknown && !t->call.err.retryable);
	close_one(t, on);
	on = open_one(t);
	FAILS(t, batch(t, on, "\"mode\":\"each\",\"statements\":[\"" SUICIDE "\"]"),
	    "postgres.lost");
	CHECK(t->call.err.unknown);
	close_one(t, on);
	on = open_one(t);
	FAILS(t, batch(t, on, "\"rehearse\":true,\"statements\":[\"" SUICIDE "\"]"),
	    "postgres.lost");
	CHECK(!t->call.err.unknown);
	close_one(t, on);
	on = open_one(t);
	CHECK_TEXT(first(ask(t, on, "select to_regclass('l1')")), "(null)");
	close_one(t, on);
}

/* A write's query, whose answer is lost. */
static void lost_write(struct host_case *t)
{
	int64_t on = open_one(t);
	const struct pl_row *row = case_row(pl_postgres_rows, "postgres.query");

	CHECK_CASE("a write that is lost");
	case_call(t, row,
	    pl_arena_printf(&t->arena, "{\"connection\":%lld,\"sql\":\"" SUICIDE "\"}",
	        (long long)on));
	t->call.class = PL_WRITE;
	FAILS(t, case_drive(t, row->start), "postgres.lost");
	CHECK(t->call.err.unknown && !t->call.err.retryable);
}

static void busy(struct host_case *t, int64_t on)
{
	struct host_case other = {.host = t->host};
	const struct pl_row *row = case_row(pl_postgres_rows, "postgres.query");

	CHECK_CASE("busy");
	case_call(&other, row,
	    pl_arena_printf(&other.arena,
	        "{\"connection\":%lld,\"sql\":\"select pg_sleep(0.1)\",\"max_rows\":9,"
	        "\"max_bytes\":99}",
	        (long long)on));
	row->start(&other.call);
	FAILS(t, ask(t, on, "select 1"), "postgres.busy");
	FAILS(t,
	    run(t, "close",
	        pl_arena_printf(&t->arena, "{\"connection\":%lld}", (long long)on)),
	    "postgres.busy");
	while (!other.finished)
		pl_host_turn(t->host);
	CHECK(!other.call.failed);
	CHECK_TEXT(first(ask(t, on, "select 8")), "8");
	pl_arena_fini(&other.arena);
	pl_buf_fini(&other.lines);
}

static void locked(struct host_case *t, int64_t on)
{
	int64_t other =
	    pl_get_int(open_with(t, ",\"lock_timeout\":100"), "connection", 0);
	struct pl_value *v;

	CHECK_CASE("a lock that is held");
	ask(t, on, "begin");
	ask(t, on, "lock table p");
	v = batch(t, other, "\"statements\":[\"alter table p add column z int\"]");
	CHECK_TEXT(pl_get_text(pl_get(v, "failed"), "sqlstate", NULL), "55P03");
	ask(t, on, "rollback");
	CHECK_TEXT(first(ask(t, on, "select pg_try_advisory_lock(7)::text")), "true");
	CHECK_TEXT(
	    first(ask(t, other, "select pg_try_advisory_lock(7)::text")), "false");
	close_one(t, other);
}

/* Last: from here on this host only reads. */
static void dry(struct host_case *t, int64_t on)
{
	const struct pl_row *row = case_row(pl_postgres_rows, "postgres.query");
	struct pl_value *v;

	CHECK_CASE("a read");
	FAILS(t, look(t, on, "insert into h values (1)"), "postgres.sql");
	CHECK(strstr(t->call.err.msg, "25006"));
	CHECK_CASE("a dry-run");
	pl_host_latch_writes(t->host);
	CHECK_TEXT(first(look(t, on, "select 9")), "9");
	FAILS(t, look(t, on, "insert into h values (1)"), "postgres.sql");
	CHECK(strstr(t->call.err.msg, "25006"));
	FAILS(t, look(t, on, "create table dry1 (a int)"), "postgres.sql");
	FAILS(t, look(t, on, "begin"), "latch.closed");
	FAILS(t, look(t, on, "copy h to program 'true'"), "latch.closed");
	CHECK(look(t, on, "set default_transaction_read_only = off") != NULL);
	CHECK(look(t, on, "set session characteristics as transaction read write") !=
	    NULL);
	FAILS(t, look(t, on, "insert into h values (1)"), "postgres.sql");
	FAILS(t, look(t, on, "select nextval('s')"), "postgres.sql");
	FAILS(t, batch(t, on, "\"statements\":[\"select 1\"]"), "latch.closed");
	case_call(t, row,
	    pl_arena_printf(&t->arena, "{\"connection\":%lld,\"sql\":\"select 1\"}",
	        (long long)on));
	t->call.class = PL_WRITE;
	FAILS(t, case_drive(t, row->start), "latch.closed");
	v = batch(
	    t, on, "\"rehearse\":true,\"statements\":[\"insert into h values (1)\"]");
	CHECK(v && !pl_get(v, "failed"));
	CHECK_TEXT(first(look(t, on, "select count(*) from h")), "0");
}

/* The password is masked wherever it might show up. */
static void masked(struct host_case *t)
{
	struct pl_buf out = {0};

	CHECK_CASE("the password");
	pl_secret_mask(t->host, &out, server, strlen(server));
	CHECK(strstr(out.at, "postgres:***database password***@127.0.0.1"));
	pl_buf_fini(&out);
}

/* The socket under the pooler's number. */
static void pooled(struct host_case *t)
{
	const char *at = strchr(server, '@');
	const char *url = pl_arena_printf(&t->arena, "%.*s@/postgres?host=%s&port=6543",
	    (int)(at - server), server, t->root);
	struct pl_value *v;
	int64_t on;

	CHECK_CASE("a pooler");
	at = strchr(at, ':');
	CHECK_INT(symlink(pl_arena_printf(&t->arena, "%s/.s.PGSQL.%d",
	                      getenv("PIPE_POSTGRES_SOCKET"), atoi(at + 1)),
	              pl_arena_printf(&t->arena, "%s/.s.PGSQL.6543", t->root)),
	    0);
	v = open_url(t, url, 0);
	on = pl_get_int(v, "connection", 0);
	CHECK(pl_get_bool(v, "pooler", false));
	CHECK_TEXT(first(ask(t, on, "select 4")), "4");
	CHECK_TEXT(first(ask(t, on, "select pg_advisory_xact_lock(1)::text")), "");
	FAILS(t, batch(t, on, "\"statements\":[\"select 1\"]"), "postgres.pooler");
	FAILS(t, ask(t, on, "select pg_advisory_lock(1)"), "postgres.pooler");
	FAILS(t, ask(t, on, "select PG_TRY_ADVISORY_LOCK(1)"), "postgres.pooler");
	close_one(t, on);
	v = run(t, "open",
	    pl_arena_printf(&t->arena, "{\"url\":\"%s\",\"pooler_ok\":true}", url));
	on = pl_get_int(v, "connection", 0);
	CHECK(batch(t, on, "\"statements\":[\"select 1\"]") != NULL);
	CHECK(ask(t, on, "select pg_advisory_lock(1)") != NULL);
	close_one(t, on);
}

/* Calls under way and open connections end with the host. */
static void left_open(void)
{
	struct host_case t;
	const struct pl_row *row = case_row(pl_postgres_rows, "postgres.query");
	int64_t on;

	CHECK_CASE("left open");
	case_init(&t);
	on = open_one(&t);
	open_one(&t);
	case_call(&t, row,
	    pl_arena_printf(&t.arena,
	        "{\"connection\":%lld,\"sql\":\"select pg_sleep(30)\"}",
	        (long long)on));
	row->start(&t.call);
	case_fini(&t);
	CHECK_INT(t.finished, 1);
	CHECK_TEXT(t.call.err.code, "cancelled");
}

/* Comes back with a server around it. */
static int within_a_server(char **argv)
{
	char script[512];
	const char *root = getenv("PIPE_ROOT");

	snprintf(
	    script, sizeof script, "%s/tests/tools/postgres.sh", root ? root : ".");
	execl(script, script, "run", argv[0], (char *)NULL);
	perror(script);
	return 1;
}

int main(int argc, char **argv)
{
	struct host_case t;
	int64_t on;

	(void)argc;
	server = getenv("PIPE_POSTGRES");
	if (!server)
		return within_a_server(argv);
	case_init(&t);
	opening(&t);
	not_opening(&t);
	encrypted(&t);
	many(&t);
	pooled(&t);
	on = open_one(&t);
	ask(&t, on, "create sequence s");
	values(&t, on);
	errors(&t, on);
	transactions(&t, on);
	notices(&t, on);
	pipelines(&t, on);
	commits(&t, on);
	one_by_one(&t, on);
	wrong(&t, on);
	rehearsal(&t, on);
	resets(&t);
	large(&t, on);
	cut_short(&t, on);
	lost(&t);
	lost_write(&t);
	busy(&t, on);
	locked(&t, on);
	masked(&t);
	dry(&t, on);
	case_fini(&t);
	left_open();
	return check_end();
}
