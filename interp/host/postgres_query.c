/* postgres.query: one statement, and its rows. */
#include "postgres_inner.h"
#include "sql.h"

#include <string.h>
#include <strings.h>

struct query {
	const char *sql;
	struct pl_pg_params params;
	bool read_only; /* in a transaction of its own that cannot write */
	int64_t began;

	struct pl_value *columns, *rows, *answer;
	struct pl_value *failed;
	size_t bytes;
	bool large, copy, cut;
};

/* ---- before anything is sent ---------------------------------------------------- */

/* A lock of the session, on a pooler that gives each transaction another session,
 * is a lock that nobody holds. */
static bool locks_session(const char *sql)
{
	for (; *sql; sql++)
		if (strncasecmp(sql, "advisory_lock", 13) == 0 ||
		    strncasecmp(sql, "advisory_unlock", 15) == 0)
			return true;
	return false;
}

static bool check_statement(struct pl_call *call, struct pl_pg *pg, struct query *q)
{
	struct pl_sql all;
	struct pl_err *err = &call->err, ours;
	const struct pl_sql_statement *s;

	if (pg->pooler && !pg->pooler_ok && locks_session(q->sql))
		return pl_fail(err, "postgres.pooler",
		    "port 6543 is a transaction pooler, where a lock of the session "
		    "holds nothing; use the direct connection or the session pooler, "
		    "port 5432");
	/* What cannot be split, the server refuses. */
	if (!pl_sql_split(&all, call->arena, q->sql, strlen(q->sql), &ours))
		return strcmp(ours.code, "sql.copy") != 0 ||
		    pl_fail(err, "postgres.copy", "%s", ours.msg);
	s = all.len ? &all.at[0] : NULL;
	if (s && s->copies)
		return pl_fail(err, "postgres.copy",
		    "COPY … TO STDOUT answers in another way than with rows; use SELECT");
	if (q->read_only && s && (s->transaction || pl_sql_begins(s, "COPY")))
		return pl_fail(err, "latch.closed",
		    "%s may do more than read, and this query only reads", s->words[0]);
	return true;
}

static bool read_arguments(struct pl_call *call, struct pl_pg *pg, struct query *q)
{
	const struct pl_value *sql = pl_arg(call, "sql");

	q->sql = pl_text_of(sql, "");
	/* What a verb that reads asks is held to reading by the server itself. */
	q->read_only = pl_arg_flag(call, "read_only") || call->class <= PL_READ ||
	    pl_host_writes_latched(call->host);
	if (strlen(q->sql) != sql->as.text.len)
		return pl_fail(&call->err, "postgres.statements", "sql has a NUL byte");
	if (!pl_pg_params_read(
	        &q->params, call->arena, pl_arg(call, "params"), &call->err))
		return false;
	return check_statement(call, pg, q) && pl_call_may_write(call);
}

/* ---- on the pool ---------------------------------------------------------------- */

static void take_rows(struct pl_pg_job *job, struct query *q, const PGresult *result)
{
	struct pl_call *call = job->call;

	if (!q->columns)
		q->columns = pl_pg_columns(call->arena, result);
	for (int i = 0; i < pl_pq.ntuples(result) && !q->large; i++) {
		for (int c = 0; c < pl_pq.nfields(result); c++)
			q->bytes += (size_t)pl_pq.getlength(result, i, c);
		q->large = q->rows->as.list.len >= pl_arg_int(call, "max_rows") ||
		    (int64_t)q->bytes > pl_arg_int(call, "max_bytes");
		if (!q->large)
			pl_list_add(
			    call->arena, q->rows, pl_pg_row(call->arena, result, i));
	}
}

static void take_result(struct pl_pg_job *job, struct query *q, const PGresult *result)
{
	switch (pl_pq.resultStatus(result)) {
	case PGRES_SINGLE_TUPLE:
		take_rows(job, q, result);
		break;
	case PGRES_TUPLES_OK:
		take_rows(job, q, result);
		pl_pg_command(job->call->arena, q->answer, result);
		break;
	case PGRES_COMMAND_OK:
	case PGRES_EMPTY_QUERY:
		pl_pg_command(job->call->arena, q->answer, result);
		break;
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
		q->copy = true;
		break;
	default:
		q->cut = pl_pg_was_cut(job, result);
		q->failed = pl_pg_failed(job->call->arena, result, 0);
	}
}

/* There is no way back from a COPY but to hang up. */
static bool hang_up(struct pl_pg_job *job)
{
	pl_pg_lost(job, NULL);
	return pl_fail(&job->call->err, "postgres.copy",
	    "the statement copies data, which cannot be done here");
}

static bool ask(struct pl_pg_job *job, struct query *q)
{
	PGresult *result;
	bool stopped = false;

	if (!pl_pg_send(job, q->sql, &q->params))
		return false;
	/* Row by row, so that no more of them are held than are wanted. */
	pl_pq.setSingleRowMode(job->pg->conn);
	while (pl_pg_next(job, &result)) {
		if (!result)
			return pl_pg_alive(job);
		take_result(job, q, result);
		pl_pq.clear(result);
		if (q->copy)
			return hang_up(job);
		if (q->large && !stopped && !job->writes) {
			pl_pg_stop(job);
			stopped = true;
		}
	}
	return false;
}

static bool fail_large(struct pl_pg_job *job)
{
	pl_fail(&job->call->err, "postgres.large",
	    "the query gives more than %lld rows or %lld bytes (max_rows, max_bytes)",
	    (long long)pl_arg_int(job->call, "max_rows"),
	    (long long)pl_arg_int(job->call, "max_bytes"));
	/* It was done; only its answer is too much. */
	job->call->err.unknown = job->writes;
	return false;
}

static bool answer(struct pl_pg_job *job, struct query *q)
{
	struct pl_arena *a = job->call->arena;

	if (q->large)
		return fail_large(job);
	if (q->cut)
		return pl_pg_cut(job, false);
	if (q->failed && !pl_arg_flag(job->call, "any_error"))
		return pl_pg_raise(&job->call->err, q->failed);
	if (q->failed)
		pl_map_set(a, q->answer, "failed", q->failed);
	pl_map_set(a, q->answer, "columns", q->columns ? q->columns : pl_list(a));
	pl_map_set(a, q->answer, "rows", q->failed ? pl_list(a) : q->rows);
	pl_map_set(a, q->answer, "ms", pl_int(a, pl_pg_now() - q->began));
	pl_map_set(a, q->answer, "transaction", pl_text(a, pl_pg_transaction(job)));
	job->call->result = q->answer;
	return true;
}

static bool work(struct pl_pg_job *job)
{
	struct query *q = job->call->state;
	bool ok;

	q->began = pl_pg_now();
	/* What was written in between by mistake goes with the transaction. */
	if (q->read_only && !pl_pg_run(job, "BEGIN READ ONLY", NULL, NULL))
		return false;
	job->writes = job->call->class >= PL_WRITE && !q->read_only;
	ok = ask(job, q);
	job->writes = false;
	if (ok && q->read_only && !pl_pg_run(job, "ROLLBACK", NULL, NULL))
		return false;
	return ok && answer(job, q);
}

void pl_pg_query(struct pl_call *call)
{
	struct pl_pg *pg = pl_pg_find(call);
	struct query *q = pl_arena_alloc(call->arena, sizeof *q);

	if (!pg || !read_arguments(call, pg, q)) {
		pl_call_fail(call);
		return;
	}
	q->rows = pl_list(call->arena);
	q->answer = pl_map(call->arena);
	call->state = q;
	pl_pg_start(call, pg, pl_arg_int(call, "timeout"), work);
}
