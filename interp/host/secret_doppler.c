#include "host_inner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * A secret that lies in Doppler: first the token that Doppler is asked with, from
 * its own source, then one GET through the http row, so that settings, retries
 * and the simulated world are those of any other request.
 */
struct asking {
	struct pl_call call; /* for the token, then for the value */
	struct pl_arena arena;
	struct pl_call *outer;
	char *name;
	const struct pl_value *source;
};

static void cancel(struct pl_call *outer)
{
	struct asking *q = outer->state;

	pl_call_cancel(&q->call);
}

/* Frees q; the outer call is then its caller's to answer. */
static struct pl_call *leave(struct asking *q)
{
	struct pl_call *outer = q->outer;

	outer->cancel = NULL;
	outer->state = NULL;
	pl_arena_fini(&q->arena);
	free(q->name);
	free(q);
	return outer;
}

static const char *text(const struct asking *q, const char *field)
{
	return pl_get_text(q->source, field, "");
}

/* Names what was asked for, never what was answered but for Doppler's own words. */
static void give_up(struct asking *q, const char *why, bool retryable)
{
	const struct pl_value *source = q->source;
	struct pl_buf clean = {0};

	pl_secret_mask(q->outer->host, &clean, why, strlen(why));
	pl_fail(&q->outer->err, "secret.doppler",
	    "the secret \"%s\" comes from Doppler, %s/%s/%s: %.300s", q->name,
	    text(q, "project"), text(q, "config"), text(q, "doppler"),
	    clean.at ? clean.at : "");
	q->outer->err.retryable = retryable;
	pl_buf_fini(&clean);
	pl_secret_fail(leave(q), source);
}

static bool ended_badly(struct asking *q)
{
	struct pl_call *outer = q->outer;
	bool retryable = q->call.err.retryable;

	if (!q->call.failed)
		return false;
	if (strcmp(q->call.err.code, "cancelled") == 0) {
		outer->err = q->call.err;
		pl_call_fail(leave(q));
	} else {
		give_up(q, q->call.err.msg, retryable);
	}
	return true;
}

static const char *words(struct asking *q, const struct pl_value *result)
{
	int status = (int)pl_get_int(result, "status", 0);
	const char *said = pl_text_of(pl_at(result, "json.messages.0"), NULL);
	const char *hint = status == 401
	    ? " (it does not accept the credential \"doppler\")"
	    : status == 403 ? " (the credential \"doppler\" may not read it)"
	                    : "";

	return pl_arena_printf(&q->arena, "it answers %d%s%s%s", status, hint,
	    said ? ": " : "", said ? said : "");
}

static void value_came(struct pl_call *call)
{
	struct asking *q = call->owner;
	const struct pl_value *source = q->source;
	const struct pl_value *value = pl_at(call->result, "json.value");
	const struct pl_value *bytes = pl_get(value, "computed");
	int64_t status = pl_get_int(call->result, "status", 0);

	if (ended_badly(q))
		return;
	if (status != 200) {
		give_up(q, words(q, call->result), status == 429 || status >= 500);
	} else if (!value || value->kind != PL_MAP) {
		give_up(q, "its answer has no value in it", true);
	} else if (pl_is_null(bytes)) {
		give_up(q,
		    "the credential \"doppler\" cannot read its value (restricted?)",
		    false);
	} else if (bytes->kind != PL_TEXT) {
		give_up(q, "its value is no text", false);
	} else {
		char *name = pl_strdup(q->name);
		char *copy = pl_alloc(bytes->as.text.len + 1);
		size_t n = bytes->as.text.len;

		memcpy(copy, bytes->as.text.at, n);
		pl_secret_answer(leave(q), name, source, copy, n);
		pl_wipe(copy, n);
		free(copy);
		free(name);
	}
}

static const struct pl_row *row_named(const char *name)
{
	const struct pl_row *row = pl_http_rows;

	while (row->name && strcmp(row->name, name) != 0)
		row++;
	assert(row->name);
	return row;
}

static struct pl_value *request(struct asking *q, struct pl_value *token)
{
	struct pl_arena *a = &q->arena;
	struct pl_value *args = pl_map(a), *headers = pl_map(a), *query = pl_map(a);
	struct pl_value *bearer = pl_list(a);
	const char *url = text(q, "url");

	pl_list_add(a, bearer, pl_text(a, "Bearer "));
	pl_list_add(a, bearer, token);
	pl_map_set(a, headers, "Authorization", bearer);
	pl_map_set(a, query, "project", pl_text(a, text(q, "project")));
	pl_map_set(a, query, "config", pl_text(a, text(q, "config")));
	pl_map_set(a, query, "name", pl_text(a, text(q, "doppler")));
	pl_map_set(a, args, "url",
	    pl_textf(a, "%.*s/v3/configs/config/secret",
	        (int)(strlen(url) - (*url && url[strlen(url) - 1] == '/')), url));
	pl_map_set(a, args, "headers", headers);
	pl_map_set(a, args, "query", query);
	pl_map_set(a, args, "any_status", pl_bool(a, true));
	pl_map_set(a, args, "retries", pl_int(a, 2));
	pl_map_set(a, args, "timeout", pl_int(a, 20 * 1000));
	return args;
}

static void token_came(struct pl_call *call)
{
	struct asking *q = call->owner;

	if (ended_badly(q))
		return;
	q->call = (struct pl_call){.host = q->outer->host,
	    .row = row_named("http.get"),
	    .arena = &q->arena,
	    .args = request(q, q->call.result),
	    .class = PL_READ,
	    .finished = value_came,
	    .owner = q};
	q->call.row->start(&q->call);
}

void pl_secret_read_doppler(
    struct pl_call *outer, const char *name, const struct pl_value *source)
{
	struct asking *q = pl_alloc(sizeof *q);

	q->outer = outer;
	q->name = pl_strdup(name);
	q->source = source;
	q->call = (struct pl_call){.host = outer->host,
	    .arena = &q->arena,
	    .class = PL_READ,
	    .finished = token_came,
	    .owner = q};
	outer->state = q;
	outer->cancel = cancel;
	pl_secret_read(&q->call, "doppler", pl_get(source, "token"));
}
