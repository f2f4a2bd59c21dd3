/* Making a connection: what the URL says, and nothing that stands elsewhere. */
#include "postgres_inner.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POOLER_PORT = 6543, CONNECT_TIMEOUT = 10000 };

struct pl_pg_open {
	const char *password; /* the arena's; NULL: none */
	struct pl_buf info; /* keywords for libpq, wiped after use */
	bool has_timeout;
};

#define FORM "it has the form postgres://USER:PASSWORD@HOST:PORT/DATABASE"
#define ESCAPE \
	"characters as # / : ? @ % in the password are written %23 %2F %3A %3F %40 %25"

/* ---- the URL ------------------------------------------------------------------ */

/* Nothing of it is quoted: what looks like a port may be half of a password. */
static bool bad_url(struct pl_err *err, const char *what)
{
	return pl_fail(err, "postgres.url", "the database's URL %s; %s, and %s", what,
	    FORM, ESCAPE);
}

static const char *option(const PQconninfoOption *all, const char *name)
{
	for (; all && all->keyword; all++)
		if (strcmp(all->keyword, name) == 0)
			return all->val;
	return NULL;
}

static bool all_of(const char *text, const char *allowed)
{
	return !text || !text[strspn(text, allowed)];
}

/* A password with characters that should have been escaped ends up as part of the
 * host, the port or the database, from where errors would quote it. */
static bool check_options(const PQconninfoOption *given, struct pl_err *err)
{
	const char *host = option(given, "host"), *port = option(given, "port");
	const char *database = option(given, "dbname");

	if (option(given, "service"))
		return pl_fail(err, "postgres.url",
		    "the database's URL names a service, whose file would not be the "
		    "same on every machine; write out what it stands for");
	if (host && *host != '/' && host[strcspn(host, "@/#?% \t")])
		return bad_url(err, "has a host that is none");
	if (!all_of(port, "0123456789,"))
		return bad_url(err, "has a port that is no number");
	if (database && strchr(database, '@'))
		return bad_url(err, "has a database with an @ in its name");
	return true;
}

/* ---- keywords for libpq --------------------------------------------------------- */

static void add_keyword(struct pl_buf *out, const char *name, const char *value)
{
	pl_buf_printf(out, "%s='", name);
	for (; *value; value++) {
		if (*value == '\'' || *value == '\\')
			pl_buf_putc(out, '\\');
		pl_buf_putc(out, *value);
	}
	pl_buf_puts(out, "' ");
}

/* What stands in our environment is not asked where an option has a value, if only
 * an empty one; these may be empty. */
static bool may_be_empty(const char *name)
{
	static const char *const names[] = {"user", "password", "dbname", "host",
	    "hostaddr", "port", "options", "sslcert", "sslkey", "sslpassword",
	    "sslrootcert", "sslcrl", "sslcrldir", "requirepeer",
	    "ssl_max_protocol_version", "gsslib", "require_auth"};

	for (size_t i = 0; i < PL_COUNT(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* What is ours to say, unless the URL does. */
static const char *usual(const char *name)
{
	static const char *const pairs[][2] = {{"application_name", "pipe"},
	    /* A name that cannot exist: else ~/.pgpass is read. */
	    {"passfile", "/dev/null/none"}, {"gssencmode", "disable"},
	    /* A dead peer is noticed after a minute. */
	    {"keepalives", "1"}, {"keepalives_idle", "30"},
	    {"keepalives_interval", "10"}, {"keepalives_count", "3"},
	    {"tcp_user_timeout", "60000"}};

	for (size_t i = 0; i < PL_COUNT(pairs); i++)
		if (strcmp(pairs[i][0], name) == 0)
			return pairs[i][1];
	return NULL;
}

static const char *value_of(
    struct pl_pg_job *job, const PQconninfoOption *given, const PQconninfoOption *known)
{
	const char *asked = pl_arg_text(job->call, "application_name");
	const char *value;

	if (strcmp(known->keyword, "application_name") == 0 && asked)
		return asked;
	if (strcmp(known->keyword, "client_encoding") == 0)
		return "UTF8"; /* positions are in characters, and we send nothing else */
	if ((value = option(given, known->keyword)))
		return value;
	if ((value = usual(known->keyword)))
		return value;
	if (known->compiled)
		return known->compiled;
	return may_be_empty(known->keyword) ? "" : NULL;
}

/* From here on it is masked wherever it appears; not where it is the user's name,
 * too, as on many a developer's machine: that would mask half of what is said. */
static void keep_password(struct pl_pg_job *job, const PQconninfoOption *given)
{
	const char *password = option(given, "password");
	const char *user = option(given, "user");

	if (!password || !*password || (user && strcmp(user, password) == 0))
		return;
	job->open->password =
	    pl_arena_text(job->call->arena, password, strlen(password));
	pl_secret_add(job->call->host, "database password", password, strlen(password));
}

static void take_options(
    struct pl_pg_job *job, const PQconninfoOption *given, const PQconninfoOption *known)
{
	const char *seconds = option(given, "connect_timeout");

	for (const PQconninfoOption *k = known; k->keyword; k++) {
		const char *value = value_of(job, given, k);

		if (value)
			add_keyword(&job->open->info, k->keyword, value);
	}
	keep_password(job, given);
	if (seconds && atoi(seconds) > 0 && !job->open->has_timeout)
		job->deadline = pl_pg_now() + (int64_t)atoi(seconds) * 1000;
}

/* Into job->open. */
static bool read_url(struct pl_pg_job *job, const char *url)
{
	struct pl_err *err = &job->call->err;
	char *said = NULL; /* may quote the URL */
	PQconninfoOption *given = *url ? pl_pq.conninfoParse(url, &said) : NULL;
	PQconninfoOption *known = pl_pq.conndefaults();
	bool ok = false;

	if (!*url)
		bad_url(err, "is empty");
	else if (!given || !known)
		bad_url(err, "cannot be read");
	else
		ok = check_options(given, err);
	if (ok)
		take_options(job, given, known);
	if (said)
		pl_pq.freemem(said);
	if (given)
		pl_pq.conninfoFree(given);
	if (known)
		pl_pq.conninfoFree(known);
	return ok;
}

/* ---- connecting ----------------------------------------------------------------- */

/* "…FATAL:  28P01: password…": the server's words, as they were asked for. The
 * last one counts: a first try may have been made with TLS. */
static const char *state_in(const char *said, char out[6])
{
	const char *found = NULL;

	for (const char *p = strstr(said, ":  "); p; p = strstr(p + 1, ":  ")) {
		size_t n = 0;

		while (n < 5 &&
		    (isdigit((unsigned char)p[3 + n]) ||
		        isupper((unsigned char)p[3 + n])))
			n++;
		if (n == 5 && p[8] == ':')
			found = p + 3;
	}
	if (found)
		snprintf(out, 6, "%.5s", found);
	return found ? out : NULL;
}

static bool fail_connect(struct pl_pg_job *job, const char *said)
{
	struct pl_err *err = &job->call->err;
	struct pl_buf text = {0};
	char buffer[6];
	const char *state = state_in(said, buffer), *code = "postgres.connect";
	/* The server is full, is starting or is going; or was not reached at all. */
	bool retryable = !state || strncmp(state, "53", 2) == 0 ||
	    strncmp(state, "57P", 3) == 0 || strncmp(state, "08", 2) == 0;

	if ((state && strncmp(state, "28", 2) == 0) ||
	    (!state && strstr(said, "no password supplied"))) {
		code = "postgres.auth";
		retryable = false;
	} else if (!state && strstr(said, "certificate")) {
		retryable = false;
	}
	pl_pg_say(&text, said, job->open->password);
	pl_fail(err, code, "%s", text.at ? text.at : "no connection");
	err->retryable = retryable;
	pl_buf_fini(&text);
	return false;
}

/* The time is up, or nobody wants it any more: nothing has happened. */
static bool gave_up(struct pl_pg_job *job, int64_t began)
{
	struct pl_buf took = {0};

	if (job->cancelled)
		return pl_fail_cancelled(&job->call->err);
	pl_duration_write(&took, pl_pg_now() - began);
	pl_fail(&job->call->err, "postgres.connect",
	    "the database server did not answer within %s", took.at);
	job->call->err.retryable = true;
	pl_buf_fini(&took);
	return false;
}

static bool connect_to(struct pl_pg_job *job)
{
	int64_t began = pl_pg_now();
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;
	PGconn *conn = pl_pq.connectStart(job->open->info.at);

	if (!conn)
		abort(); /* only out of memory */
	job->pg->conn = conn;
	pl_pq.setNoticeReceiver(conn, pl_pg_note, job->pg);
	if (pl_pq.status(conn) == CONNECTION_BAD)
		return fail_connect(job, pl_pq.errorMessage(conn));
	pl_pq.setErrorVerbosity(conn, PQERRORS_VERBOSE);
	while (state != PGRES_POLLING_OK) {
		if (!pl_pg_wait(job, state == PGRES_POLLING_READING,
		        state == PGRES_POLLING_WRITING))
			return gave_up(job, began);
		state = pl_pq.connectPoll(conn);
		if (state == PGRES_POLLING_FAILED)
			return fail_connect(job, pl_pq.errorMessage(conn));
	}
	pl_pq.setErrorVerbosity(conn, PQERRORS_DEFAULT);
	pl_pq.setnonblocking(conn, 1);
	return true;
}

static struct pl_value *describe(struct pl_pg_job *job)
{
	struct pl_arena *a = job->call->arena;
	struct pl_pg *pg = job->pg;
	struct pl_value *v = pl_map(a);
	int port = atoi(pl_pq.port(pg->conn));

	pg->pooler = port == POOLER_PORT;
	pl_map_set(a, v, "connection", pl_int(a, pg->handle));
	pl_map_set(a, v, "server_version", pl_int(a, pl_pq.serverVersion(pg->conn)));
	pl_map_set(a, v, "pid", pl_int(a, pl_pq.backendPID(pg->conn)));
	pl_map_set(a, v, "user", pl_text(a, pl_pq.user(pg->conn)));
	pl_map_set(a, v, "database", pl_text(a, pl_pq.db(pg->conn)));
	pl_map_set(a, v, "host", pl_text(a, pl_pq.host(pg->conn)));
	pl_map_set(a, v, "port", pl_int(a, port));
	pl_map_set(a, v, "ssl", pl_bool(a, pl_pq.sslInUse(pg->conn)));
	pl_map_set(a, v, "pooler", pl_bool(a, pg->pooler));
	return v;
}

static int64_t duration(struct pl_call *call, const char *name)
{
	return pl_arg(call, name) ? pl_arg_int(call, name) : -1;
}

static bool work(struct pl_pg_job *job)
{
	struct pl_call *call = job->call;
	const struct pl_value *url = pl_arg(call, "url");
	const char *text = url->kind == PL_SECRET
	    ? pl_secret_bytes(url->as.secret, NULL)
	    : pl_text_of(url, "");
	bool ok;

	ok = read_url(job, text) && connect_to(job);
	if (job->open->info.at)
		pl_wipe(job->open->info.at, job->open->info.cap);
	pl_buf_fini(&job->open->info);
	if (!ok)
		return false;
	job->pg->pooler_ok = pl_arg_flag(call, "pooler_ok");
	job->pg->statement_timeout = duration(call, "statement_timeout");
	job->pg->lock_timeout = duration(call, "lock_timeout");
	if (!pl_pg_settings(job))
		return false;
	call->result = describe(job);
	return true;
}

/* libpq reads these itself, whatever a URL says. */
static void clear_environment(void)
{
	static const char *const names[] = {
	    "PGSERVICE", "PGTZ", "PGDATESTYLE", "PGGEQO"};

	for (size_t i = 0; i < PL_COUNT(names); i++)
		unsetenv(names[i]);
}

void pl_pg_open(struct pl_call *call)
{
	struct pl_pg_open *open = pl_arena_alloc(call->arena, sizeof *open);
	int64_t timeout = pl_arg_int(call, "timeout");

	if (!pl_pg_library(&call->err)) {
		pl_call_fail(call);
		return;
	}
	clear_environment();
	open->has_timeout = timeout > 0;
	call->state = open;
	pl_pg_start(call, NULL, timeout > 0 ? timeout : CONNECT_TIMEOUT, work);
}
