/*
 * postgres: a PostgreSQL server, spoken to with libpq, which is opened on first
 * use. For providers only: host.rows.postgres.X and host.rows.sql.X.
 *
 *   open { url, timeout = "10s", statement_timeout, lock_timeout,
 *          application_name = "pipe", pooler_ok }
 *     -> { connection, server_version = 150018, pid, user, database, host,
 *          port = 5432, ssl = flag, pooler = flag (port 6543) }
 *   query { connection, sql, params, timeout, max_rows = 10000, max_bytes = 16 MiB,
 *           any_error }
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
 * While writes are latched off (dry-run) a query runs as BEGIN READ ONLY; …;
 * ROLLBACK, and no batch but a rehearsal runs at all.
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

#endif
