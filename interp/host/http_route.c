#include "http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The simulated world, as a way to send an exchange: it has acted when it
 * answers; only its answer takes a while on the host's clock. */
struct routed {
	struct pl_timer *timer;
	const struct pl_value *answer; /* NULL: it comes after the timeout */
};

/* ---- what the world is asked ----------------------------------------------- */

/* Worlds look headers up by their lower-case names, as servers do. */
static const char *lower(struct pl_arena *a, const char *name)
{
	char *copy = pl_arena_text(a, name, strlen(name));

	for (char *c = copy; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return copy;
}

static struct pl_value *request_value(struct pl_exchange *x)
{
	struct pl_arena *a = &x->arena;
	struct pl_value *v = pl_map(a), *headers = pl_map(a);

	for (size_t i = 0; i < x->headers->len; i++)
		pl_map_set(a, headers, lower(a, x->headers->at[i].name),
		    pl_text(a, x->headers->at[i].value));
	pl_map_set(a, v, "method", pl_text(a, x->method));
	pl_map_set(a, v, "url", pl_text(a, pl_url_write(a, x->url)));
	pl_map_set(a, v, "headers", headers);
	pl_map_set(a, v, "body",
	    pl_textn(a, x->body ? x->body : "", x->body ? x->body_len : 0));
	return v;
}

/* ---- what it answers -------------------------------------------------------- */

static const struct {
	const char *word, *code;
	bool sent, retryable;
} faults[] = {
    {"resolve", "http.resolve", false, true}, {"connect", "http.connect", false, true},
    {"tls", "http.tls", false, false}, {"timeout", "http.timeout", true, true},
    {"reset", "http.reset", true, true}, {"large", "http.large", true, false},
    {"protocol", "http.protocol", true, false}, /* and any other word */
};

static size_t fault_of(const struct pl_value *answer)
{
	const char *word = pl_get_text(answer, "error", "");
	size_t i = 0;

	while (i < PL_COUNT(faults) - 1 && strcmp(faults[i].word, word) != 0)
		i++;
	return i;
}

static void take_fault(struct pl_exchange *x, const struct pl_value *answer)
{
	size_t i = fault_of(answer);

	x->failed = true;
	pl_fail(&x->err, faults[i].code, "%.300s (simulated)",
	    pl_get_text(answer, "message", pl_get_text(answer, "error", "no reason")));
	x->err.retryable = faults[i].retryable;
}

static bool take_header(
    struct pl_exchange *x, const struct pl_pair *p, const struct pl_value *v)
{
	struct pl_buf line = {0};
	bool ok;

	pl_buf_add(&line, p->key, p->key_len);
	if (v->kind == PL_INT)
		pl_buf_printf(&line, ": %lld", (long long)v->as.whole);
	else
		pl_buf_printf(&line, ": %s", pl_text_of(v, ""));
	ok = pl_exchange_header(x, line.at, line.len);
	pl_buf_fini(&line);
	return ok;
}

static bool take_headers(struct pl_exchange *x, const struct pl_value *headers)
{
	if (!headers || headers->kind != PL_MAP)
		return true;
	for (uint32_t i = 0; i < headers->as.map.len; i++) {
		const struct pl_pair *p = &headers->as.map.at[i];

		if (p->value->kind != PL_LIST) {
			if (!take_header(x, p, p->value))
				return false;
			continue;
		}
		for (uint32_t j = 0; j < p->value->as.list.len; j++)
			if (!take_header(x, p, p->value->as.list.at[j]))
				return false;
	}
	return true;
}

static bool take_answer(struct pl_exchange *x, const struct pl_value *answer)
{
	const struct pl_value *body = pl_get(answer, "body");

	pl_exchange_begin_answer(x, (int)pl_get_int(answer, "status", 200));
	if (!take_headers(x, pl_get(answer, "headers")))
		return false;
	return !body || body->kind != PL_TEXT || strcmp(x->method, "HEAD") == 0 ||
	    pl_exchange_content(x, body->as.text.at, body->as.text.len);
}

static void answer_due(void *arg)
{
	struct pl_exchange *x = arg;
	struct routed *r = x->state;
	const struct pl_value *answer = r->answer;

	free(r);
	x->state = NULL;
	if (!answer) {
		x->failed = true;
		pl_fail(&x->err, "http.timeout", "no answer in time (simulated)");
		x->err.retryable = true;
	} else if (pl_get(answer, "error")) {
		take_fault(x, answer);
	} else {
		x->failed = !take_answer(x, answer);
	}
	x->done(x);
}

/* ---- the way there ---------------------------------------------------------- */

static void await_answer(struct pl_exchange *x, const struct pl_value *answer)
{
	struct routed *r = pl_alloc(sizeof *r);
	int64_t delay = pl_get_int(answer, "delay_ms", 0);
	bool fails = pl_get(answer, "error") != NULL;

	x->sent = !fails || pl_get_bool(answer, "sent", faults[fault_of(answer)].sent);
	r->answer = answer;
	if (delay >= x->timeout) {
		delay = x->timeout;
		r->answer = NULL;
	}
	x->state = r;
	r->timer = pl_timer_start(x->host, delay, answer_due, x);
}

bool pl_http_route_start(struct pl_exchange *x, bool *taken)
{
	const struct pl_router *router = pl_host_router(x->host);
	struct pl_value *answer = NULL;
	const char *url = NULL;

	*taken = false;
	if (!router || !router->route)
		return true;
	if (!router->route(
	        router->arg, &x->arena, request_value(x), &answer, &url, &x->err))
		return false;
	if (answer) {
		await_answer(x, answer);
		*taken = true;
	} else if (url) {
		struct pl_url *to = pl_arena_alloc(&x->arena, sizeof *to);

		if (!pl_url_parse(to, &x->arena, url, strlen(url), &x->err))
			return pl_err_within(&x->err, "the world's address");
		x->url = to;
	}
	return true;
}

void pl_http_route_stop(struct pl_exchange *x)
{
	struct routed *r = x->state;

	if (!r)
		return;
	pl_timer_stop(r->timer);
	free(r);
	x->state = NULL;
}
