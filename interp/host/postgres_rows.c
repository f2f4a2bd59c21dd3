/* The PostgreSQL rows: what providers can ask, and in which words. */
#include "postgres_inner.h"
#include "postgres_route.h"

#define CONNECTION \
	{ \
		"connection", PL_T_INTEGER, true, NULL, "as postgres.open gave it", \
		    NULL \
	}

static const struct pl_option open_options[] = {
    {"url", PL_T_SECRET | PL_T_TEXT, true, NULL,
        "postgres://USER:PASSWORD@HOST:PORT/DATABASE, or keywords as libpq reads them",
        NULL},
    {"timeout", PL_T_DURATION, false, NULL,
        "for connecting; else the URL's connect_timeout, else 10s", NULL},
    {"statement_timeout", PL_T_DURATION, false, NULL, "the session's; 0: none", NULL},
    {"lock_timeout", PL_T_DURATION, false, NULL, "the session's; 0: none", NULL},
    {"application_name", PL_T_TEXT, false, NULL, "else the URL's, else pipe", NULL},
    {"pooler_ok", PL_T_FLAG, false, "false",
        "batches and locks also on port 6543, where a transaction pooler is taken to be",
        NULL},
    {0},
};

static const struct pl_option query_options[] = {
    CONNECTION,
    {"sql", PL_T_TEXT, true, NULL, "one statement", NULL},
    {"params", PL_T_LIST, false, NULL, "for $1, $2, …", NULL},
    {"timeout", PL_T_DURATION, false, "0", "then it is cancelled; 0: never", NULL},
    {"max_rows", PL_T_INTEGER, false, "10000", "more of them are an error", NULL},
    {"max_bytes", PL_T_INTEGER, false, "16777216", "of all values together", NULL},
    {"any_error", PL_T_FLAG, false, "false",
        "an error of the server's comes as the result's `failed`", NULL},
    {"read_only", PL_T_FLAG, false, "false",
        "in a transaction that cannot write and is rolled back", NULL},
    {0},
};

static const struct pl_option batch_options[] = {
    CONNECTION,
    {"statements", PL_T_LIST, true, NULL, "texts, or { sql, params }", NULL},
    {"mode", PL_T_TEXT, false, "\"pipeline\"",
        "pipeline: all or nothing, in one round; each: one by one, what is done stays",
        "pipeline|each"},
    {"rehearse", PL_T_FLAG, false, "false",
        "in a transaction, one by one; the locks are looked at; then rolled back",
        NULL},
    {"reset", PL_T_FLAG, false, "false",
        "RESET ALL before, and the timeouts of postgres.open once more", NULL},
    {"timeout", PL_T_DURATION, false, "0",
        "for all of it; then it is cancelled; 0: never", NULL},
    {0},
};

static const struct pl_option close_options[] = {
    CONNECTION,
    {0},
};

const struct pl_row pl_postgres_rows[] = {
    {
        .name = "postgres.open",
        .class = PL_READ,
        .summary = "Connects to a PostgreSQL server, as the URL says and nothing else",
        .options = open_options,
        .result = "{connection, server_version (150018: 15.18), pid, user, database, "
                  "host, port, ssl, pooler}",
        .start = pl_postgres_open,
    },
    {
        .name = "postgres.query",
        .class = PL_READ,
        .summary = "One statement and its rows",
        .options = query_options,
        .result =
            "{columns=list of {name, type}, rows=list of maps, command, affected, "
            "ms, transaction=none|open|failed, failed}",
        .start = pl_postgres_query,
    },
    {
        .name = "postgres.batch",
        .class = PL_WRITE,
        .summary = "Statements in one implicit transaction, one by one, or for trial",
        .options = batch_options,
        .result = "{results=list of {command, affected, ms}, ms, transaction, "
                  "locks=list of {relation, mode, kind, new}, failed={statement, "
                  "number, sqlstate, message, position, …}}",
        .start = pl_postgres_batch,
    },
    {
        .name = "postgres.close",
        .class = PL_READ,
        .summary = "Ends a connection; one that was ended already is fine",
        .options = close_options,
        .result = "{closed}",
        .start = pl_postgres_close,
    },
    {0},
};
