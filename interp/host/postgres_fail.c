/* What goes wrong with a PostgreSQL server, in our words and in its own. */
#include "postgres_inner.h"

#include <stdlib.h>
#include <string.h>

/* The password may be part of a message: libpq quotes what it cannot read. */
static void hide(struct pl_buf *out, const char *text, const char *password)
{
	size_t n = password ? strlen(password) : 0;
	const char *found;

	while (n >= 3 && (found = strstr(text, password))) {
		pl_buf_add(out, text, (size_t)(found - text));
		pl_buf_puts(out, "***");
		text = found + n;
	}
	pl_buf_puts(out, text);
}

/* Lines become one; where in its source the server noticed it, nobody needs. */
void pl_pg_say(struct pl_buf *out, const char *text, const char *password)
{
	struct pl_buf line = {0}, clear = {0};
	bool first = true;

	hide(&clear, text ? text : "", password);
	for (const char *p = clear.at; *p;) {
		size_t n = strcspn(p, "\n");
		const char *from = p;

		p += n + (p[n] == '\n');
		while (n && (*from == ' ' || *from == '\t')) {
			from++;
			n--;
		}
		if (!n || strncmp(from, "LOCATION:", 9) == 0)
			continue;
		pl_buf_reset(&line);
		pl_buf_add(&line, from, n);
		pl_buf_puts(out, first ? "" : "; ");
		pl_printable(out, line.at, line.len, false);
		first = false;
	}
	pl_buf_fini(&line);
	pl_buf_fini(&clear);
}

/* ---- ends --------------------------------------------------------------------- */

static void add_timeout(struct pl_buf *out, const struct pl_pg_job *job)
{
	pl_buf_puts(out, "no end within ");
	pl_duration_write(out, pl_arg_int(job->call, "timeout"));
}

bool pl_pg_cut(struct pl_pg_job *job, bool unknown)
{
	struct pl_err *err = &job->call->err;
	struct pl_buf text = {0};

	if (job->cancelled) {
		pl_fail_cancelled(err);
	} else {
		add_timeout(&text, job);
		pl_fail(err, "postgres.timeout", "%s: the statement was cancelled",
		    text.at);
		err->retryable = !unknown;
	}
	err->unknown = unknown;
	pl_buf_fini(&text);
	return false;
}

bool pl_pg_lost(struct pl_pg_job *job, const char *said)
{
	struct pl_err *err = &job->call->err;
	struct pl_buf text = {0};

	pl_pg_say(&text, said, NULL);
	if (job->cancelled || job->late) {
		pl_pg_cut(job, job->writes);
		pl_err_within(
		    err, "the server did not answer when it was asked to stop");
	} else {
		pl_fail(err, "postgres.lost", "the connection was lost: %s",
		    text.len ? text.at : "the server closed it");
		err->retryable = !job->writes;
	}
	err->unknown = job->writes;
	pl_buf_fini(&text);
	pl_pq.finish(job->pg->conn);
	job->pg->conn = NULL;
	return false;
}

/* ---- what the server says --------------------------------------------------------- */

static const char *field(const PGresult *result, int which)
{
	return pl_pq.resultErrorField(result, which);
}

bool pl_pg_was_cut(const struct pl_pg_job *job, const PGresult *result)
{
	const char *state = field(result, PG_DIAG_SQLSTATE);

	return (job->cancelled || job->late) && state && strcmp(state, "57014") == 0;
}

struct pl_value *pl_pg_failed(
    struct pl_arena *a, const PGresult *result, size_t statement)
{
	static const struct {
		const char *name;
		int which;
	} fields[] = {{"sqlstate", PG_DIAG_SQLSTATE},
	    {"severity", PG_DIAG_SEVERITY_NONLOCALIZED},
	    {"message", PG_DIAG_MESSAGE_PRIMARY}, {"detail", PG_DIAG_MESSAGE_DETAIL},
	    {"hint", PG_DIAG_MESSAGE_HINT}, {"where", PG_DIAG_CONTEXT},
	    {"schema", PG_DIAG_SCHEMA_NAME}, {"table", PG_DIAG_TABLE_NAME},
	    {"column", PG_DIAG_COLUMN_NAME}, {"constraint", PG_DIAG_CONSTRAINT_NAME}};
	const char *position = field(result, PG_DIAG_STATEMENT_POSITION);
	struct pl_value *v = pl_map(a);

	pl_map_set(a, v, "statement", pl_int(a, (int64_t)statement));
	pl_map_set(a, v, "number", pl_int(a, (int64_t)statement + 1));
	for (size_t i = 0; i < PL_COUNT(fields); i++) {
		const char *text = field(result, fields[i].which);

		if (text)
			pl_map_set(a, v, fields[i].name, pl_text(a, text));
	}
	if (position)
		pl_map_set(a, v, "position", pl_int(a, strtoll(position, NULL, 10)));
	/* libpq's own errors have no fields. */
	if (!pl_get(v, "message")) {
		struct pl_buf text = {0};

		pl_pg_say(&text, pl_pq.resultErrorMessage(result), NULL);
		pl_map_set(a, v, "message", pl_text(a, text.at ? text.at : "unknown"));
		pl_buf_fini(&text);
	}
	return v;
}

bool pl_pg_raise(struct pl_err *err, const struct pl_value *failed)
{
	static const struct {
		const char *name, *before;
	} more[] = {
	    {"detail", "; detail: "}, {"hint", "; hint: "}, {"where", "; where: "}};
	struct pl_buf text = {0};

	pl_pg_say(&text, pl_get_text(failed, "message", ""), NULL);
	if (pl_get(failed, "sqlstate"))
		pl_buf_printf(
		    &text, " (SQLSTATE %s", pl_get_text(failed, "sqlstate", ""));
	if (pl_get(failed, "sqlstate") && pl_get(failed, "position"))
		pl_buf_printf(&text, ", at character %lld",
		    (long long)pl_get_int(failed, "position", 0));
	if (pl_get(failed, "sqlstate"))
		pl_buf_putc(&text, ')');
	for (size_t i = 0; i < PL_COUNT(more); i++)
		if (pl_get(failed, more[i].name)) {
			pl_buf_puts(&text, more[i].before);
			pl_pg_say(&text, pl_get_text(failed, more[i].name, ""), NULL);
		}
	pl_fail(err, "postgres.sql", "%s", text.at ? text.at : "");
	pl_buf_fini(&text);
	return false;
}
