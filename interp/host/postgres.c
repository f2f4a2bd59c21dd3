#include "postgres_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	MOST = 8, /* connections */
	GRACE = 5000, /* ms that the server gets to answer a cancel */
	AGAIN = 300, /* ms until it is asked once more: it may have come too early */
	MOST_NOTICES = 1000,
	LONGEST_NOTICE = 4096
};

struct pl_pq_api pl_pq;

static const char *const names[] = {PL_LAZY_NAMES(PQ, PL_PQ_API)};
static const char key; /* its address names our state in the host */

struct connections {
	struct pl_pg *first;
	int64_t last_handle;
};

bool pl_pg_library(struct pl_err *err)
{
	return pl_lazy_open(PL_LIBPQ, &pl_pq, names, PL_COUNT(names), err);
}

int64_t pl_pg_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- connections ------------------------------------------------------------ */

static void drop(struct pl_pg *pg)
{
	if (pg->conn)
		pl_pq.finish(pg->conn);
	free(pg);
}

static void end_all(struct pl_host *h, void *state)
{
	struct connections *all = state;

	(void)h;
	while (all->first) {
		struct pl_pg *pg = all->first;

		all->first = pg->next;
		drop(pg);
	}
	free(all);
}

static struct connections *connections(struct pl_host *h)
{
	struct connections *all = pl_host_kept(h, &key);

	if (!all) {
		all = pl_alloc(sizeof *all);
		pl_host_keep(h, &key, all, end_all);
	}
	return all;
}

static void forget(struct pl_host *h, struct pl_pg *pg)
{
	struct pl_pg **at = &connections(h)->first;

	while (*at != pg)
		at = &(*at)->next;
	*at = pg->next;
	drop(pg);
}

static struct pl_pg *by_handle(struct pl_call *call)
{
	struct pl_pg *pg = connections(call->host)->first;

	while (pg && pg->handle != pl_arg_int(call, "connection"))
		pg = pg->next;
	return pg;
}

struct pl_pg *pl_pg_find(struct pl_call *call)
{
	struct pl_pg *pg = by_handle(call);
	long long handle = pl_arg_int(call, "connection");

	if (!pg)
		pl_fail(&call->err, "postgres.handle",
		    "there is no open connection %lld", handle);
	else if (pg->busy)
		pl_fail(&call->err, "postgres.busy",
		    "connection %lld still works on another call", handle);
	else if (!pg->conn)
		pl_fail(&call->err, "postgres.lost",
		    "connection %lld was lost before; open another one", handle);
	else
		return pg;
	return NULL;
}

void pl_pg_close(struct pl_call *call)
{
	struct pl_pg *pg = by_handle(call);
	struct pl_value *v = pl_map(call->arena);

	if (pg && pg->busy) {
		pl_pg_find(call);
		pl_call_fail(call);
		return;
	}
	if (pg)
		forget(call->host, pg);
	pl_map_set(call->arena, v, "closed", pl_bool(call->arena, pg != NULL));
	pl_call_ok(call, v);
}

/* One that is being opened; NULL: there are too many. */
static struct pl_pg *add(struct pl_call *call)
{
	struct connections *all = connections(call->host);
	struct pl_pg *pg;
	int n = 0;

	for (pg = all->first; pg; pg = pg->next)
		n += pg->conn || pg->busy;
	if (n >= MOST) {
		pl_fail(&call->err, "postgres.many",
		    "%d connections are open already; close one with postgres.close",
		    n);
		return NULL;
	}
	pg = pl_alloc(sizeof *pg);
	pg->handle = ++all->last_handle;
	pg->statement_timeout = pg->lock_timeout = -1;
	pg->next = all->first;
	all->first = pg;
	return pg;
}

/* ---- notices ---------------------------------------------------------------- */

void pl_pg_note(void *arg, const PGresult *result)
{
	struct pl_pg *pg = arg;
	struct pl_pg_job *job = pg->job;
	const char *severity = pl_pq.resultErrorField(result, PG_DIAG_SEVERITY);
	const char *text = pl_pq.resultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	size_t n;

	if (!job || job->notices_n >= MOST_NOTICES)
		return;
	if (!text)
		text = pl_pq.resultErrorMessage(result);
	n = strlen(text);
	while (n && text[n - 1] == '\n')
		n--;
	job->notices_n++;
	pl_buf_printf(&job->notices, "%s: %.*s", severity ? severity : "NOTICE",
	    (int)(n < LONGEST_NOTICE ? n : LONGEST_NOTICE), text);
	pl_buf_putc(&job->notices, '\0');
}

static void deliver(struct pl_pg_job *job)
{
	const char *line = job->notices.at;

	while (job->call->output && line && line < job->notices.at + job->notices.len) {
		job->call->output(job->call, "notice", line, strlen(line));
		line += strlen(line) + 1;
	}
}

/* ---- a job ------------------------------------------------------------------ */

static void do_work(uv_work_t *request)
{
	struct pl_pg_job *job = request->data;

	job->pg->job = job;
	job->ok = job->work(job);
	job->pg->job = NULL;
	/* One that is broken is never asked again. */
	if (job->pg->conn && pl_pq.status(job->pg->conn) != CONNECTION_OK) {
		pl_pq.finish(job->pg->conn);
		job->pg->conn = NULL;
	}
}

static void work_done(uv_work_t *request, int status)
{
	struct pl_pg_job *job = request->data;
	struct pl_call *call = job->call;
	bool ok = job->ok, opening = job->open != NULL;
	struct pl_pg *pg = job->pg;

	if (status == UV_ECANCELED)
		ok = pl_fail_cancelled(&call->err);
	deliver(job);
	pl_op_end(&job->op);
	close(job->wake[0]);
	close(job->wake[1]);
	pl_buf_fini(&job->notices);
	free(job);
	pg->busy = false;
	if (opening && !ok)
		forget(call->host, pg);
	if (ok)
		pl_call_ok(call, call->result);
	else
		pl_call_fail(call);
}

static void cancel(struct pl_op *op)
{
	struct pl_pg_job *job = (struct pl_pg_job *)(void *)op;

	if (uv_cancel((uv_req_t *)&job->request))
		(void)!write(job->wake[1], "", 1);
}

static bool make_wake(struct pl_pg_job *job, struct pl_err *err)
{
	if (pipe(job->wake))
		return pl_fail(err, "postgres.connect", "%s", strerror(errno));
	for (int i = 0; i < 2; i++) {
		fcntl(job->wake[i], F_SETFD, FD_CLOEXEC);
		fcntl(job->wake[i], F_SETFL, O_NONBLOCK);
	}
	return true;
}

void pl_pg_start(struct pl_call *call, struct pl_pg *pg, int64_t timeout,
    bool (*work)(struct pl_pg_job *job))
{
	struct pl_pg_job *job = pl_alloc(sizeof *job);
	bool opening = pg == NULL;

	if (!make_wake(job, &call->err) || (!pg && !(pg = add(call)))) {
		if (job->wake[1]) {
			close(job->wake[0]);
			close(job->wake[1]);
		}
		free(job);
		pl_call_fail(call);
		return;
	}
	pg->busy = true;
	job->call = call;
	job->pg = pg;
	job->work = work;
	job->open = opening ? call->state : NULL;
	job->deadline = timeout > 0 ? pl_pg_now() + timeout : 0;
	job->request.data = job;
	pl_op_begin(&job->op, call->host, call, true, cancel);
	if (uv_queue_work(&call->host->loop, &job->request, do_work, work_done))
		abort(); /* only without a function to call */
}

/* ---- waiting ---------------------------------------------------------------- */

/* On the way to it, a server that cannot be reached keeps us waiting for as long
 * as the system tries to. */
void pl_pg_stop(struct pl_pg_job *job)
{
	char said[256];
	PGcancel *request = pl_pq.getCancel(job->pg->conn);

	if (request) {
		pl_pq.cancel(request, said, sizeof said);
		pl_pq.freeCancel(request);
	}
}

/* Told to end, or out of time: the server is asked to stop, and its answer waited
 * for, for a while. False: no more waiting. */
static bool end_soon(struct pl_pg_job *job, bool woken)
{
	int64_t now = pl_pg_now();

	if (!job->abandon) {
		job->cancelled = woken;
		job->late = !woken;
		job->abandon = now + GRACE;
		/* Nothing was begun while the connection is being made. */
		if (pl_pq.status(job->pg->conn) != CONNECTION_OK)
			return false;
	}
	if (now >= job->abandon)
		return false;
	pl_pg_stop(job);
	return true;
}

static int patience(const struct pl_pg_job *job)
{
	int64_t left;

	if (job->abandon)
		return AGAIN;
	if (!job->deadline)
		return -1;
	left = job->deadline - pl_pg_now();
	return left < 0 ? 0 : left > 1000000 ? 1000000 : (int)left;
}

bool pl_pg_wait(struct pl_pg_job *job, bool reading, bool writing)
{
	struct pollfd fds[2] = {
	    {.fd = pl_pq.socket(job->pg->conn),
	        .events = (short)((reading ? POLLIN : 0) | (writing ? POLLOUT : 0))},
	    {.fd = job->wake[0], .events = POLLIN}};

	for (;;) {
		/* Once told, the pipe has said all that it had to say. */
		int n = poll(fds, job->abandon ? 1 : 2, patience(job));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || fds[0].revents)
			return true; /* what is wrong with it, libpq finds out */
		if (n == 0 && !job->abandon && pl_pg_now() < job->deadline)
			continue;
		if (!end_soon(job, n > 0))
			return pl_pg_lost(job, NULL);
	}
}

bool pl_pg_flush(struct pl_pg_job *job)
{
	int left;

	while ((left = pl_pq.flush(job->pg->conn)) > 0) {
		/* A server that waits for us to read reads nothing itself. */
		if (!pl_pg_wait(job, true, true))
			return false;
		if (!pl_pq.consumeInput(job->pg->conn))
			return pl_pg_lost(job, pl_pq.errorMessage(job->pg->conn));
	}
	return left == 0 || pl_pg_lost(job, pl_pq.errorMessage(job->pg->conn));
}

bool pl_pg_send(
    struct pl_pg_job *job, const char *sql, const struct pl_pg_params *params)
{
	static const struct pl_pg_params none;

	if (!params)
		params = &none;
	if (!pl_pq.sendQueryParams(
	        job->pg->conn, sql, params->n, NULL, params->at, NULL, NULL, 0))
		return pl_pg_lost(job, pl_pq.errorMessage(job->pg->conn));
	return pl_pg_flush(job);
}

bool pl_pg_next(struct pl_pg_job *job, PGresult **out)
{
	while (pl_pq.isBusy(job->pg->conn)) {
		if (!pl_pg_wait(job, true, false))
			return false;
		if (!pl_pq.consumeInput(job->pg->conn))
			return pl_pg_lost(job, pl_pq.errorMessage(job->pg->conn));
	}
	*out = pl_pq.getResult(job->pg->conn);
	return true;
}

bool pl_pg_alive(struct pl_pg_job *job)
{
	return pl_pq.status(job->pg->conn) == CONNECTION_OK ||
	    pl_pg_lost(job, pl_pq.errorMessage(job->pg->conn));
}

/* ---- statements of our own ---------------------------------------------------- */

static const char *first_value(struct pl_arena *a, const PGresult *result)
{
	if (pl_pq.ntuples(result) < 1 || pl_pq.nfields(result) < 1 ||
	    pl_pq.getisnull(result, 0, 0))
		return NULL;
	return pl_arena_text(
	    a, pl_pq.getvalue(result, 0, 0), (size_t)pl_pq.getlength(result, 0, 0));
}

bool pl_pg_run(struct pl_pg_job *job, const char *sql,
    const struct pl_pg_params *params, const char **value)
{
	struct pl_value *failed = NULL;
	PGresult *result;
	bool cut = false, ok;

	ok = pl_pg_send(job, sql, params);
	while (ok && (ok = pl_pg_next(job, &result)) && result) {
		if (pl_pq.resultStatus(result) == PGRES_FATAL_ERROR) {
			cut = pl_pg_was_cut(job, result);
			failed = pl_pg_failed(job->call->arena, result, 0);
		} else if (value) {
			*value = first_value(job->call->arena, result);
		}
		pl_pq.clear(result);
	}
	if (!ok)
		return false;
	if (!pl_pg_alive(job))
		return false;
	if (cut)
		return pl_pg_cut(job, false);
	return !failed || pl_pg_raise(&job->call->err, failed);
}

static bool set(struct pl_pg_job *job, const char *name, int64_t ms)
{
	const char *values[] = {
	    name, pl_arena_printf(job->call->arena, "%lld", (long long)ms)};
	struct pl_pg_params params = {2, values};

	return ms < 0 ||
	    pl_pg_run(
	        job, "SELECT pg_catalog.set_config($1, $2, false)", &params, NULL);
}

bool pl_pg_settings(struct pl_pg_job *job)
{
	return set(job, "statement_timeout", job->pg->statement_timeout) &&
	    set(job, "lock_timeout", job->pg->lock_timeout);
}
