/* Values on their way to a PostgreSQL server, and back; always as text. */
#include "postgres_inner.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PARAMS = 65535, DEEPEST = 6 /* dimensions of an array */ };

/* Types, by the numbers that they have in every server (pg_type.dat). */
enum {
	BOOL = 16,
	INT8 = 20,
	INT2 = 21,
	INT4 = 23,
	OID = 26,
	FLOAT4 = 700,
	FLOAT8 = 701,
};

/* ---- parameters --------------------------------------------------------------- */

static void write_real(struct pl_buf *out, double d)
{
	if (isnan(d))
		pl_buf_puts(out, "NaN");
	else if (isinf(d))
		pl_buf_puts(out, d > 0 ? "Infinity" : "-Infinity");
	else
		pl_buf_printf(out, "%.17g", d);
}

static bool write_text(
    struct pl_buf *out, const char *s, size_t n, size_t number, struct pl_err *err)
{
	if (memchr(s, 0, n))
		return pl_fail(err, "postgres.params",
		    "params[%zu] has a NUL byte, which no text in PostgreSQL can hold",
		    number);
	if (!pl_utf8_valid(s, n))
		return pl_fail(
		    err, "postgres.params", "params[%zu] is not UTF-8", number);
	pl_buf_add(out, s, n);
	return true;
}

static bool write_plain(
    struct pl_buf *out, const struct pl_value *v, size_t number, struct pl_err *err)
{
	size_t n;
	const char *bytes;

	switch (v->kind) {
	case PL_BOOL:
		pl_buf_puts(out, v->as.truth ? "true" : "false");
		return true;
	case PL_INT:
		pl_buf_printf(out, "%lld", (long long)v->as.whole);
		return true;
	case PL_REAL:
		write_real(out, v->as.real);
		return true;
	case PL_TEXT:
		return write_text(out, v->as.text.at, v->as.text.len, number, err);
	case PL_SECRET:
		bytes = pl_secret_bytes(v->as.secret, &n);
		return write_text(out, bytes, n, number, err);
	default:
		return pl_fail(err, "postgres.params",
		    "params[%zu] is a %s; a parameter is text, a number, true or false, "
		    "null, or a list of these",
		    number, pl_kind_name(v->kind));
	}
}

/* {"a","b \"c\"",NULL,{"d"}}: quoted, every value means itself. */
static bool write_array(struct pl_buf *out, const struct pl_value *list, size_t number,
    int depth, struct pl_err *err)
{
	struct pl_buf one = {0};
	bool ok = depth < DEEPEST ||
	    pl_fail(err, "postgres.params",
	        "params[%zu] is a list of more than %d dimensions", number, DEEPEST);

	pl_buf_putc(out, '{');
	for (uint32_t i = 0; ok && i < list->as.list.len; i++) {
		const struct pl_value *v = list->as.list.at[i];

		if (i)
			pl_buf_putc(out, ',');
		if (v->kind == PL_NULL) {
			pl_buf_puts(out, "NULL");
		} else if (v->kind == PL_LIST) {
			ok = write_array(out, v, number, depth + 1, err);
		} else {
			pl_buf_reset(&one);
			ok = write_plain(&one, v, number, err);
			pl_buf_putc(out, '"');
			for (size_t c = 0; ok && c < one.len; c++) {
				if (one.at[c] == '"' || one.at[c] == '\\')
					pl_buf_putc(out, '\\');
				pl_buf_putc(out, one.at[c]);
			}
			pl_buf_putc(out, '"');
		}
	}
	pl_buf_putc(out, '}');
	if (one.at)
		pl_wipe(one.at, one.cap);
	pl_buf_fini(&one);
	return ok;
}

bool pl_pg_params_read(struct pl_pg_params *out, struct pl_arena *a,
    const struct pl_value *list, struct pl_err *err)
{
	struct pl_buf text = {0};
	bool ok = true;

	*out = (struct pl_pg_params){0};
	if (pl_is_null(list) || (list->kind == PL_MAP && !list->as.map.len))
		return true;
	if (list->kind != PL_LIST)
		return pl_fail(err, "postgres.params",
		    "params must be a list, not a %s; null stands for a missing value",
		    pl_kind_name(list->kind));
	if (list->as.list.len > MOST_PARAMS)
		return pl_fail(err, "postgres.params",
		    "%u parameters are more than the protocol's %d", list->as.list.len,
		    MOST_PARAMS);
	out->at = pl_arena_alloc(a, (list->as.list.len + 1) * sizeof *out->at);
	for (uint32_t i = 0; ok && i < list->as.list.len; i++) {
		const struct pl_value *v = list->as.list.at[i];

		if (v->kind == PL_NULL)
			continue;
		pl_buf_reset(&text);
		ok = v->kind == PL_LIST ? write_array(&text, v, i + 1, 0, err)
		                        : write_plain(&text, v, i + 1, err);
		out->at[i] = pl_arena_text(a, text.at ? text.at : "", text.len);
	}
	out->n = (int)list->as.list.len;
	if (text.at)
		pl_wipe(text.at, text.cap);
	pl_buf_fini(&text);
	return ok;
}

/* ---- results ------------------------------------------------------------------ */

static struct pl_value *whole(struct pl_arena *a, const char *text, size_t n)
{
	char *end;
	long long i;

	errno = 0;
	i = strtoll(text, &end, 10);
	return !errno && *text && !*end ? pl_int(a, i) : pl_textn(a, text, n);
}

/* The server writes the shortest digits that mean this double, with a point. */
static struct pl_value *real(struct pl_arena *a, const char *text, size_t n)
{
	char *end;
	double d = strtod(text, &end);

	return *text && !*end ? pl_real(a, d) : pl_textn(a, text, n);
}

static struct pl_value *value(
    struct pl_arena *a, const PGresult *result, int row, int column)
{
	const char *text = pl_pq.getvalue(result, row, column);
	size_t n = (size_t)pl_pq.getlength(result, row, column);

	if (pl_pq.getisnull(result, row, column))
		return pl_null(a);
	switch (pl_pq.ftype(result, column)) {
	case BOOL:
		return pl_bool(a, *text == 't');
	case INT2:
	case INT4:
	case INT8:
	case OID:
		return whole(a, text, n);
	case FLOAT4:
	case FLOAT8:
		return real(a, text, n);
	default:
		return pl_textn(a, text, n);
	}
}

struct pl_value *pl_pg_row(struct pl_arena *a, const PGresult *result, int row)
{
	struct pl_value *v = pl_map(a);

	for (int i = 0; i < pl_pq.nfields(result); i++)
		pl_map_set(a, v, pl_pq.fname(result, i), value(a, result, row, i));
	return v;
}

struct pl_value *pl_pg_columns(struct pl_arena *a, const PGresult *result)
{
	struct pl_value *list = pl_list(a);

	for (int i = 0; i < pl_pq.nfields(result); i++) {
		struct pl_value *v = pl_map(a);

		pl_map_set(a, v, "name", pl_text(a, pl_pq.fname(result, i)));
		pl_map_set(a, v, "type", pl_int(a, pl_pq.ftype(result, i)));
		pl_list_add(a, list, v);
	}
	return list;
}

void pl_pg_command(struct pl_arena *a, struct pl_value *out, const PGresult *result)
{
	/* Neither changes the result; libpq's types do not say so. */
	char *command = pl_pq.cmdStatus((PGresult *)result);
	char *rows = pl_pq.cmdTuples((PGresult *)result);

	pl_map_set(a, out, "command", pl_text(a, command ? command : ""));
	pl_map_set(a, out, "affected", pl_int(a, rows ? strtoll(rows, NULL, 10) : 0));
}

const char *pl_pg_transaction(const struct pl_pg_job *job)
{
	switch (pl_pq.transactionStatus(job->pg->conn)) {
	case PQTRANS_IDLE:
		return "none";
	case PQTRANS_INERROR:
		return "failed";
	default:
		return "open";
	}
}
