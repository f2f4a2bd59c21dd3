/*
 * postgres: a PostgreSQL server, spoken to with libpq, which is opened on first
 * use. For providers only: host.rows.postgres.X and host.rows.sql.X.
 *
 *   open { url, timeout = "10s", statement_timeout, lock_timeout,
 *          application_name = "pipe", pooler_ok }
 *     -> { connection, server_version = 150018, pid, user, database, host,
 *          port = 5432, ssl = flag, pooler = flag (port 6543) }
 *   query { connection, sql, params, timeout, max_rows = 10000, max_bytes = 16 MiB,
 *           any_error, read_only }
 *     -> { columns = { { name, type = oid } }, rows = { { NAME = value } },
 *          command = "SELECT 1", affected = 1 (0 where the server counts none),
 *          ms, transaction = "none"|"open"|"failed" }
 *   batch { connection, statements = { "…" | { sql, params } },
 *           mode = "pipeline"|"each", rehearse, reset, timeout }
 *     -> { results = { { command, affected, ms } }, ms, transaction,
 *          locks (rehearse) = { { relation = "schema.name", mode =
 *          "AccessExclusiveLock", kind = "table", new = flag } }, failed }
 *   close { connection } -> { closed = flag }: false where it was closed already
 *   sql.split { text } -> { bom, statements = { { sql, line, column, transaction,
 *          atomic, words, word_line, word_column } } }
 *
 * failed = { statement = 0-based (the CLI's), number = 1-based, sqlstate, severity,
 *   message, detail, hint, position (in characters, from 1), where, schema, table,
 *   column, constraint, commit = true }; what the server did not say is absent.
 *   It stands in the result of a batch whose SQL failed, and of a query that did
 *   with any_error = true; else such a query raises postgres.sql. With `commit` no
 *   statement failed but the end of the transaction (a deferred constraint):
 *   `statement` is then the number of statements. `results` holds those that came
 *   before the failed one; in mode "each" they are done and stay, else undone.
 *
 * Values: bool -> flag, int2/4/8 and oid -> whole number, float4/8 -> number, NULL ->
 * null (host.null in Lua), all else, numeric too -> text. Parameters: text, whole
 * number, number, flag, null, secret, or a list of these, which becomes an array.
 *
 * mode "pipeline": every statement, then one Sync: the implicit transaction that
 * `supabase db push` uses; no BEGIN or COMMIT is sent. "each": one after the other,
 * autocommit. rehearse: BEGIN, one after the other, the locks that are held then,
 * ROLLBACK in any case; allowed in a dry-run, too. What does not roll back
 * (sequences, and what functions do outside of the database) stays done. reset:
 * RESET ALL before, and the timeouts of `open` once more.
 * While writes are latched off (dry-run), or with read_only, a query runs as BEGIN
 * READ ONLY; …; ROLLBACK; and no batch but a rehearsal runs at all in a dry-run.
 * Locks of the session that a query takes stay, even then. NOTICEs come as output on
 * the stream "notice", when the call ends.
 *
 * A connection is what its URL says: PGHOST, PGPASSWORD, PGOPTIONS, PGSERVICE …,
 * ~/.pgpass and service files do not count (PGSERVICE, PGTZ, PGDATESTYLE and PGGEQO
 * are taken out of our environment for that). Certificates in ~/.postgresql do.
 * client_encoding is UTF8. At most 8 connections are open; all end with the host.
 *
 * Codes: postgres.url (never quoted), postgres.connect (retryable where it may pass),
 * postgres.auth, postgres.handle, postgres.busy, postgres.many, postgres.params,
 * postgres.statements, postgres.sql, postgres.large, postgres.copy, postgres.timeout,
 * postgres.lost (unknown for writes), postgres.pooler, postgres.rehearse,
 * postgres.answer, latch.closed, cancelled, host.library.
 * sql.split: sql.utf8, sql.nul, sql.quote, sql.comment, sql.dollar, sql.body,
 * sql.copy, sql.psql; each with line and column.
 */
#ifndef PL_POSTGRES_INNER_H
#define PL_POSTGRES_INNER_H

#include "host_inner.h"
#include "lazy.h"

#include <libpq-fe.h>

/* clang-format off */
#define PL_PQ_API(X) \
	X(backendPID) X(cancel) X(clear) X(cmdStatus) X(cmdTuples) X(conndefaults) \
	X(conninfoFree) X(conninfoParse) X(connectPoll) X(connectStart) \
	X(consumeInput) X(db) X(enterPipelineMode) X(errorMessage) X(exitPipelineMode) \
	X(finish) X(flush) X(fname) X(freeCancel) X(freemem) X(ftype) X(getCancel) \
	X(getResult) X(getisnull) X(getlength) X(getvalue) X(host) X(isBusy) X(nfields) \
	X(ntuples) X(pipelineSync) X(port) X(resultErrorField) X(resultErrorMessage) \
	X(resultStatus) X(sendFlushRequest) X(sendQueryParams) X(serverVersion) \
	X(setErrorVerbosity) X(setNoticeReceiver) X(setSingleRowMode) X(setnonblocking) \
	X(socket) X(sslInUse) X(status) X(transactionStatus) X(user)
/* clang-format on */

struct pl_pq_api {
	PL_LAZY_FIELDS(PQ, PL_PQ_API)
};
extern struct pl_pq_api pl_pq;

/* A connection; it stays known after it died, so that its handle says so. */
struct pl_pg {
	struct pl_pg *next;
	int64_t handle;
	PGconn *conn; /* NULL: it died, or is not there yet */
	bool busy, pooler, pooler_ok;
	int64_t statement_timeout, lock_timeout; /* ms; -1: as the server has it */
	struct pl_pg_job *job; /* that is under way, for its notices */
};

/* One call under way, on the pool. While it runs, the connection is its own. */
struct pl_pg_job {
	struct pl_op op;
	uv_work_t request;
	struct pl_call *call;
	struct pl_pg *pg;
	bool (*work)(struct pl_pg_job *job);
	bool ok;
	bool writes; /* what a connection that is lost now leaves unknown */
	int wake[2]; /* written to: it shall end */
	int64_t deadline; /* ms, monotonic and real; 0: none */
	bool cancelled, late; /* why it was told to end */
	int64_t abandon; /* when to give up waiting for the server's answer to that */
	struct pl_buf notices; /* lines, each with a NUL behind it */
	size_t notices_n;
	struct pl_pg_open *open; /* postgres_open.c's, for that row */
};

struct pl_pg_params {
	int n;
	const char **at; /* NULL: null */
};

/* ---- postgres.c: connections, and work on them */

/* Starts `work` on the pool for a new connection (pg NULL) or one of ours. */
void pl_pg_start(struct pl_call *call, struct pl_pg *pg, int64_t timeout,
    bool (*work)(struct pl_pg_job *job));
/* The connection that the call names, alive and idle; or err is filled. */
struct pl_pg *pl_pg_find(struct pl_call *call);
void pl_pg_note(void *arg, const PGresult *result); /* libpq's receiver of notices */
bool pl_pg_library(struct pl_err *err);
int64_t pl_pg_now(void); /* ms, monotonic and real */

/* Waits until the socket is ready. False: the connection is given up. */
bool pl_pg_wait(struct pl_pg_job *job, bool reading, bool writing);
/* Sends one statement, and all that waits to be sent. */
bool pl_pg_send(
    struct pl_pg_job *job, const char *sql, const struct pl_pg_params *params);
bool pl_pg_flush(struct pl_pg_job *job);
/* The next result, NULL after the last. False: lost. */
bool pl_pg_next(struct pl_pg_job *job, PGresult **out);
/* After the last result: false where it came with the end of the connection. */
bool pl_pg_alive(struct pl_pg_job *job);
/* Asks the server to give up the statement that it works on. */
void pl_pg_stop(struct pl_pg_job *job);
/* One statement of our own, whose rows do not matter, or of which the first value
 * of the first row is wanted (*value, the call's arena's). Code: postgres.sql. */
bool pl_pg_run(struct pl_pg_job *job, const char *sql,
    const struct pl_pg_params *params, const char **value);
/* The timeouts of the session, as they were asked for at first. */
bool pl_pg_settings(struct pl_pg_job *job);

/* ---- postgres_fail.c: what goes wrong */

/* The connection is no more. Code: postgres.lost, postgres.timeout, cancelled. */
bool pl_pg_lost(struct pl_pg_job *job, const char *said);
/* The statement was cut short as we asked. Code: postgres.timeout, cancelled. */
bool pl_pg_cut(struct pl_pg_job *job, bool unknown);
/* Whether this result says that it was cut short as we asked. */
bool pl_pg_was_cut(const struct pl_pg_job *job, const PGresult *result);
/* The shape `failed`. */
struct pl_value *pl_pg_failed(
    struct pl_arena *a, const PGresult *result, size_t statement);
/* `failed` as an error, with what it was about. Code: postgres.sql. */
bool pl_pg_raise(struct pl_err *err, const struct pl_value *failed);
/* One line, without what must not be shown. */
void pl_pg_say(struct pl_buf *out, const char *text, const char *password);

/* ---- postgres_value.c */

/* Code: postgres.params. */
bool pl_pg_params_read(struct pl_pg_params *out, struct pl_arena *a,
    const struct pl_value *list, struct pl_err *err);
struct pl_value *pl_pg_row(struct pl_arena *a, const PGresult *result, int row);
struct pl_value *pl_pg_columns(struct pl_arena *a, const PGresult *result);
/* Sets command and affected. */
void pl_pg_command(struct pl_arena *a, struct pl_value *out, const PGresult *result);
const char *pl_pg_transaction(const struct pl_pg_job *job);

/* ---- the rows */

void pl_pg_open(struct pl_call *call);
void pl_pg_query(struct pl_call *call);
void pl_pg_batch(struct pl_call *call);
void pl_pg_close(struct pl_call *call);

#endif
