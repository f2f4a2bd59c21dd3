/* postgres.batch: statements in one transaction, one by one, or for trial. */
#include "postgres_inner.h"
#include "sql.h"

#include <string.h>

struct statement {
	const char *sql;
	struct pl_pg_params params;
};

struct batch {
	struct statement *at;
	size_t n;
	bool each, rehearse, reset;

	struct pl_value *results, *failed, *locks;
	int64_t began, mark; /* ms */
	bool cut;
};

/* ---- before anything is sent ---------------------------------------------------- */

static bool bad_statement(struct pl_err *err, size_t i, const char *what)
{
	return pl_fail(err, "postgres.statements", "statements[%zu] %s", i + 1, what);
}

static bool read_statement(
    struct pl_call *call, struct statement *out, const struct pl_value *v, size_t i)
{
	const struct pl_value *sql = v->kind == PL_MAP ? pl_get(v, "sql") : v;

	if (!sql || sql->kind != PL_TEXT)
		return bad_statement(
		    &call->err, i, "is neither text nor { sql = text, params = list }");
	out->sql = sql->as.text.at;
	if (strlen(out->sql) != sql->as.text.len)
		return bad_statement(&call->err, i, "has a NUL byte");
	if (!pl_utf8_valid(out->sql, sql->as.text.len))
		return bad_statement(&call->err, i, "is not UTF-8");
	return pl_pg_params_read(
	           &out->params, call->arena, pl_get(v, "params"), &call->err) ||
	    pl_err_within(&call->err, "statements[%zu]", i + 1);
}

/* What would leave libpq waiting for data, and what a rehearsal could not undo. */
static bool check_statement(
    struct pl_call *call, const struct batch *b, const char *sql, size_t i)
{
	struct pl_sql all;
	struct pl_err ours, *err = &call->err;

	if (!pl_sql_split(&all, call->arena, sql, strlen(sql), &ours)) {
		if (strcmp(ours.code, "sql.copy") == 0)
			return pl_fail(err, "postgres.copy", "statements[%zu]: %s",
			    i + 1, ours.msg);
		return !b->rehearse ||
		    pl_fail(err, "postgres.rehearse",
		        "statements[%zu] cannot be rehearsed: %s", i + 1, ours.msg);
	}
	if (b->rehearse && all.len > 1)
		return pl_fail(err, "postgres.rehearse",
		    "statements[%zu] is %zu statements, not one", i + 1, all.len);
	for (size_t s = 0; s < all.len; s++) {
		const struct pl_sql_statement *one = &all.at[s];

		if (one->copies)
			return pl_fail(err, "postgres.copy",
			    "statements[%zu]: COPY … TO STDOUT cannot be done here",
			    i + 1);
		if (b->rehearse && (one->transaction || !one->atomic))
			return pl_fail(err, "postgres.rehearse",
			    "statements[%zu] (%s%s%s) %s: it cannot be tried and "
			    "rolled back",
			    i + 1, one->words[0], one->words_n > 1 ? " " : "",
			    one->words_n > 1 ? one->words[1] : "",
			    one->transaction ? "begins or ends transactions"
			                     : "does not run inside of a transaction");
	}
	return true;
}

static bool check_connection(struct pl_call *call, struct pl_pg *pg)
{
	if (pg->pooler && !pg->pooler_ok)
		return pl_fail(&call->err, "postgres.pooler",
		    "port 6543 is a transaction pooler, through which migrations fail "
		    "halfway; use the direct connection or the session pooler, port 5432");
	if (pl_pq.transactionStatus(pg->conn) != PQTRANS_IDLE)
		return pl_fail(&call->err, "postgres.statements",
		    "connection %lld is inside of a transaction; end it first",
		    (long long)pg->handle);
	return true;
}

static bool may_run(struct pl_call *call, const struct batch *b)
{
	if (b->rehearse)
		return true;
	if (pl_host_writes_latched(call->host))
		return pl_fail(&call->err, "latch.closed",
		    "postgres.batch writes, and this process may not: it is a dry-run "
		    "(rehearse = true tries it and rolls back)");
	return pl_call_may_write(call);
}

static bool read_arguments(struct pl_call *call, struct batch *b)
{
	const struct pl_value *list = pl_arg(call, "statements");
	size_t n = list->kind == PL_LIST ? list->as.list.len : 0;

	b->each = strcmp(pl_get_text(call->args, "mode", "pipeline"), "each") == 0;
	b->rehearse = pl_arg_flag(call, "rehearse");
	b->reset = pl_arg_flag(call, "reset");
	b->at = pl_arena_alloc(call->arena, (n + 1) * sizeof *b->at);
	b->n = n;
	for (size_t i = 0; i < n; i++) {
		if (!read_statement(call, &b->at[i], list->as.list.at[i], i))
			return false;
		if (!check_statement(call, b, b->at[i].sql, i))
			return false;
	}
	return may_run(call, b);
}

/* ---- results -------------------------------------------------------------------- */

/* One statement's results, up to the NULL behind them; its rows are not wanted. */
static bool take(struct pl_pg_job *job, struct batch *b, size_t i)
{
	struct pl_arena *a = job->call->arena;
	struct pl_value *one = pl_map(a);
	PGresult *result;
	bool done = false;

	pl_pq.setSingleRowMode(job->pg->conn);
	while (pl_pg_next(job, &result)) {
		if (!result) {
			int64_t now = pl_pg_now();

			pl_map_set(a, one, "ms", pl_int(a, now - b->mark));
			b->mark = now;
			if (done)
				pl_list_add(a, b->results, one);
			return true;
		}
		switch (pl_pq.resultStatus(result)) {
		case PGRES_TUPLES_OK:
		case PGRES_COMMAND_OK:
		case PGRES_EMPTY_QUERY:
			pl_pg_command(a, one, result);
			done = true;
			break;
		case PGRES_SINGLE_TUPLE:
		case PGRES_PIPELINE_ABORTED:
			break;
		case PGRES_FATAL_ERROR:
			if (!b->failed)
				b->cut = pl_pg_was_cut(job, result);
			if (!b->failed)
				b->failed = pl_pg_failed(a, result, i);
			break;
		default: /* COPY, in a way that was not seen coming */
			pl_pq.clear(result);
			pl_pg_lost(job, "a statement copies data");
			return false;
		}
		pl_pq.clear(result);
	}
	return false;
}

/* All went well, and then the transaction fails: a constraint that waited. */
static void failed_at_end(struct pl_pg_job *job, struct batch *b)
{
	struct pl_arena *a = job->call->arena;

	pl_map_set(a, b->failed, "commit", pl_bool(a, true));
}

/* ---- the three ways --------------------------------------------------------------- */

/* Up to the answer to Sync, which is when the transaction is over. */
static bool finish_pipeline(struct pl_pg_job *job, struct batch *b)
{
	PGresult *result;
	bool synced = false;

	while (!synced) {
		if (!pl_pg_next(job, &result))
			return false;
		if (!result) {
			if (!pl_pg_alive(job))
				return false;
			continue;
		}
		synced = pl_pq.resultStatus(result) == PGRES_PIPELINE_SYNC;
		if (pl_pq.resultStatus(result) == PGRES_FATAL_ERROR && !b->failed) {
			b->cut = pl_pg_was_cut(job, result);
			b->failed = pl_pg_failed(job->call->arena, result, b->n);
			failed_at_end(job, b);
		}
		pl_pq.clear(result);
	}
	job->writes = false;
	return pl_pq.exitPipelineMode(job->pg->conn) ||
	    pl_pg_lost(job, pl_pq.errorMessage(job->pg->conn));
}

/* The server is asked to say at once how each went, for the times; it does not
 * change what belongs together. Only Sync does. */
static bool run_pipeline(struct pl_pg_job *job, struct batch *b)
{
	PGconn *conn = job->pg->conn;
	bool ok = pl_pq.enterPipelineMode(conn);

	for (size_t i = 0; ok && i < b->n; i++)
		ok = pl_pq.sendQueryParams(conn, b->at[i].sql, b->at[i].params.n, NULL,
		         b->at[i].params.at, NULL, NULL, 0) &&
		    pl_pq.sendFlushRequest(conn);
	job->writes = true;
	if (!ok || !pl_pq.pipelineSync(conn))
		return pl_pg_lost(job, pl_pq.errorMessage(conn));
	if (!pl_pg_flush(job))
		return false;
	for (size_t i = 0; i < b->n; i++)
		if (!take(job, b, i))
			return false;
	return finish_pipeline(job, b);
}

static bool run_each(struct pl_pg_job *job, struct batch *b)
{
	for (size_t i = 0; i < b->n && !b->failed; i++) {
		/* Told to end between two of them. */
		if (job->cancelled || job->late)
			return pl_pg_cut(job, i > 0 && !b->rehearse);
		job->writes = !b->rehearse;
		if (!pl_pg_send(job, b->at[i].sql, &b->at[i].params) ||
		    !take(job, b, i) || !pl_pg_alive(job))
			return false;
		job->writes = false;
	}
	return true;
}

/* ---- a rehearsal -------------------------------------------------------------------- */

static const char known_sql[] =
    "SELECT pg_catalog.array_agg(oid) FROM pg_catalog.pg_class";

/* Of the catalogs only what is more than reading: that much our question does. */
static const char locks_sql[] =
    "SELECT pg_catalog.json_agg(pg_catalog.json_build_object("
    "'relation', n.nspname || '.' || c.relname, 'mode', l.mode, "
    "'kind', CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' "
    "WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' WHEN 'S' THEN 'sequence' "
    "WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' "
    "WHEN 't' THEN 'toast table' WHEN 'f' THEN 'foreign table' "
    "WHEN 'c' THEN 'type' ELSE c.relkind::text END, "
    "'new', NOT l.relation = ANY ($1::oid[])) "
    "ORDER BY n.nspname, c.relname, l.mode)::text "
    "FROM pg_catalog.pg_locks l "
    "JOIN pg_catalog.pg_class c ON c.oid = l.relation "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' "
    "AND l.granted AND l.database IN (0, (SELECT oid FROM pg_catalog.pg_database "
    "WHERE datname = pg_catalog.current_database())) "
    "AND NOT (n.nspname = 'pg_catalog' AND l.mode = 'AccessShareLock')";

static bool look_at_locks(struct pl_pg_job *job, struct batch *b, const char *known)
{
	struct pl_pg_params params = {1, &known};
	const char *json = NULL;

	if (!pl_pg_run(job, locks_sql, &params, &json))
		return false;
	if (!json) {
		b->locks = pl_list(job->call->arena);
		return true;
	}
	if (pl_json_parse(
	        &b->locks, job->call->arena, json, strlen(json), &job->call->err))
		return true;
	return pl_fail(&job->call->err, "postgres.answer",
	    "the list of locks is not what was asked for");
}

/* Constraints that wait for the end are asked now: there will be no end. */
static bool check_constraints(struct pl_pg_job *job, struct batch *b)
{
	b->mark = pl_pg_now();
	if (!pl_pg_send(job, "SET CONSTRAINTS ALL IMMEDIATE", NULL))
		return false;
	if (!take(job, b, b->n) || !pl_pg_alive(job))
		return false;
	if (b->failed)
		failed_at_end(job, b);
	else
		b->results->as.list.len--; /* not one of theirs */
	return true;
}

static bool rehearse(struct pl_pg_job *job, struct batch *b)
{
	const char *known = "{}";
	bool ok;

	if (!pl_pg_run(job, "BEGIN READ WRITE", NULL, NULL))
		return false;
	ok = pl_pg_run(job, known_sql, NULL, &known);
	b->began = b->mark = pl_pg_now();
	ok = ok && run_each(job, b);
	if (ok && !b->failed)
		ok = look_at_locks(job, b, known) && check_constraints(job, b);
	if (!job->pg->conn)
		return false;
	if (!ok) {
		struct pl_err first = job->call->err;

		pl_pg_run(job, "ROLLBACK", NULL, NULL);
		job->call->err = first;
		return false;
	}
	return pl_pg_run(job, "ROLLBACK", NULL, NULL);
}

/* ---- the row ---------------------------------------------------------------------- */

static bool answer(struct pl_pg_job *job, struct batch *b, int64_t ended)
{
	struct pl_arena *a = job->call->arena;
	struct pl_value *v = pl_map(a);

	if (b->cut)
		return pl_pg_cut(
		    job, b->each && !b->rehearse && b->results->as.list.len > 0);
	pl_map_set(a, v, "results", b->results);
	pl_map_set(a, v, "ms", pl_int(a, ended - b->began));
	pl_map_set(a, v, "transaction", pl_text(a, pl_pg_transaction(job)));
	if (b->rehearse)
		pl_map_set(a, v, "locks", b->locks ? b->locks : pl_list(a));
	if (b->failed)
		pl_map_set(a, v, "failed", b->failed);
	job->call->result = v;
	return true;
}

static bool work(struct pl_pg_job *job)
{
	struct batch *b = job->call->state;
	bool ok;

	if (b->reset &&
	    (!pl_pg_run(job, "RESET ALL", NULL, NULL) || !pl_pg_settings(job)))
		return false;
	b->began = b->mark = pl_pg_now();
	ok = b->rehearse ? rehearse(job, b)
	    : b->each    ? run_each(job, b)
	                 : run_pipeline(job, b);
	return ok && answer(job, b, pl_pg_now());
}

void pl_pg_batch(struct pl_call *call)
{
	struct pl_pg *pg = pl_pg_find(call);
	struct batch *b = pl_arena_alloc(call->arena, sizeof *b);

	if (!pg || !check_connection(call, pg) || !read_arguments(call, b)) {
		pl_call_fail(call);
		return;
	}
	b->results = pl_list(call->arena);
	call->state = b;
	pl_pg_start(call, pg, pl_arg_int(call, "timeout"), work);
}
