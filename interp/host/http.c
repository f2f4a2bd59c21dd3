#include "http.h"

#include "host_inner.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * The life of a call: attempts, one after the other, each a chain of exchanges
 * (redirects). At any time it waits for one thing: an exchange over libcurl, the
 * simulated answer's delay, or the pause before the next attempt.
 */
struct life {
	struct pl_op op;
	struct pl_call *call;
	struct pl_http_request request;
	struct pl_exchange x;

	/* of the current exchange: what redirects have left of the request */
	const char *method;
	struct pl_url url;
	struct pl_http_headers headers;
	const char *body;
	int64_t hops;

	int64_t attempt;
	int64_t began, attempt_began; /* monotonic, ms */
	bool write;
	bool maybe_done; /* an attempt was sent, and its outcome is not known */

	struct pl_timer *timer; /* of the pause before the next attempt */
	enum { IDLE, ROUTED, ON_WIRE } under_way; /* where the exchange is */
};

static void begin_attempt(struct life *l);
static void hop(struct life *l);
static void hop_done(struct pl_exchange *x);

/* ---- ending --------------------------------------------------------------- */

static void free_life(struct life *l)
{
	pl_exchange_reset(&l->x);
	free(l->headers.at);
	pl_http_request_fini(&l->request);
	free(l);
}

/* The URL as a result may hold it: journals keep results. */
static const char *final_url(struct life *l)
{
	struct pl_arena *a = l->call->arena;
	const char *url = pl_url_write(a, &l->url);
	struct pl_buf masked = {0};

	if (l->request.url_secret)
		url = pl_arena_printf(a, "%s/***", pl_url_origin(a, &l->url));
	else if (l->request.query_secret)
		url = pl_arena_printf(a, "%.*s?***", (int)strcspn(url, "?"), url);
	pl_secret_mask(l->call->host, &masked, url, strlen(url));
	url = pl_arena_text(a, masked.at ? masked.at : "", masked.len);
	pl_buf_fini(&masked);
	return url;
}

static struct pl_value *result_of(struct life *l)
{
	return pl_http_result(l->call->arena, &l->x, final_url(l),
	    pl_host_monotonic(l->call->host) - l->began, (int)l->attempt);
}

static void succeed(struct life *l)
{
	struct pl_call *call = l->call;
	struct pl_value *result = result_of(l);

	pl_op_end(&l->op);
	free_life(l);
	pl_call_ok(call, result);
}

/* call->err is filled. */
static void give_up(struct life *l)
{
	struct pl_call *call = l->call;

	call->err.unknown = l->write && l->maybe_done;
	if (call->err.unknown)
		call->err.retryable = false;
	pl_op_end(&l->op);
	free_life(l);
	pl_call_fail(call);
}

static const char *shown(struct life *l)
{
	return pl_http_shown(l->call->host, &l->request.arena, l->method, &l->url,
	    l->request.url_secret);
}

static void cancel(struct pl_op *op)
{
	struct life *l = (struct life *)(void *)op;

	if (l->under_way == ON_WIRE)
		pl_http_curl_stop(&l->x);
	if (l->under_way == ROUTED)
		pl_http_route_stop(&l->x);
	pl_timer_stop(l->timer);
	l->maybe_done = l->maybe_done || l->x.sent;
	pl_fail_cancelled(&l->call->err);
	give_up(l);
}

/* ---- again? --------------------------------------------------------------- */

static void pause_over(void *arg)
{
	struct life *l = arg;

	l->timer = NULL;
	begin_attempt(l);
}

static int64_t backoff(const struct life *l)
{
	int64_t wait = l->attempt < 7 ? INT64_C(500) << (l->attempt - 1) : 30000;
	uint16_t dice;

	pl_host_random(&dice, sizeof dice);
	return wait + wait * dice / 2 / 65536;
}

static void try_again(struct life *l, int64_t asked)
{
	int64_t wait = asked > 0 ? asked : backoff(l);

	pl_exchange_reset(&l->x);
	l->timer = pl_timer_start(l->call->host, wait, pause_over, l);
}

/* Reads may be repeated; so may writes that bear a key by which the server knows
 * them again. Any other write only where it certainly was not done. */
static bool may_repeat(const struct life *l, bool certainly_not_done)
{
	if (l->attempt > l->request.retries)
		return false;
	return !l->write || l->request.idempotent ||
	    (certainly_not_done && !l->maybe_done);
}

static void exchange_failed(struct life *l)
{
	const char *code = l->x.err.code;
	bool passing = !strcmp(code, "http.connect") || !strcmp(code, "http.timeout") ||
	    !strcmp(code, "http.reset");

	l->maybe_done = l->maybe_done || l->x.sent;
	if (passing && may_repeat(l, !l->x.sent)) {
		try_again(l, 0);
		return;
	}
	l->call->err = l->x.err;
	pl_err_within(&l->call->err, "%s", shown(l));
	if (l->attempt > 1)
		pl_err_within(&l->call->err, "after %d attempts", (int)l->attempt);
	give_up(l);
}

static bool fail_limited(struct life *l, int64_t asked, struct pl_err *err)
{
	struct pl_buf text = {0};

	pl_buf_printf(&text, "%s answered %d", shown(l), l->x.status);
	if (asked >= 0) {
		pl_buf_puts(&text, " and asks to be left alone for ");
		pl_duration_write(&text, asked);
		if (asked > l->request.max_wait) {
			pl_buf_puts(&text, ", max_wait is ");
			pl_duration_write(&text, l->request.max_wait);
		}
	}
	pl_fail(err, "http.rate_limited", "%s", text.at);
	err->retryable = true;
	pl_buf_fini(&text);
	return false;
}

/* A status that was not asked for. */
static void refused(struct life *l)
{
	int status = l->x.status;
	bool limited, passing;
	int64_t asked = pl_http_asked_wait(&l->x, pl_host_now(l->call->host), &limited);

	/* A gateway that lost the answer does not know whether it was done. */
	if (status == 502 || status == 504)
		l->maybe_done = true;
	passing = limited || status == 502 || status == 503 || status == 504;
	if (passing && asked <= l->request.max_wait && may_repeat(l, limited)) {
		try_again(l, asked);
		return;
	}
	if (l->request.any_status) {
		succeed(l);
		return;
	}
	l->call->result = result_of(l);
	if (limited || asked > l->request.max_wait)
		fail_limited(l, asked, &l->call->err);
	else
		pl_http_status_error(&l->x, shown(l), &l->call->err);
	l->call->err.retryable = passing;
	give_up(l);
}

/* ---- redirects ------------------------------------------------------------ */

static void drop_header(struct life *l, size_t at)
{
	memmove(&l->headers.at[at], &l->headers.at[at + 1],
	    (l->headers.len - at - 1) * sizeof *l->headers.at);
	l->headers.len--;
}

static void drop_headers_of_origin(struct life *l)
{
	for (size_t i = l->headers.len; i-- > 0;)
		if (l->headers.at[i].secret ||
		    pl_http_header_private(l->headers.at[i].name))
			drop_header(l, i);
}

static void become_get(struct life *l)
{
	/* What was asked for was done: what is lost from here on is the answer. */
	l->maybe_done = true;
	l->method = "GET";
	l->body = NULL;
	for (size_t i = l->headers.len; i-- > 0;)
		if (!strncasecmp(l->headers.at[i].name, "content-", 8))
			drop_header(l, i);
}

static bool follow(struct life *l, const char *location, struct pl_err *err)
{
	int status = l->x.status;
	struct pl_url to;

	if (l->hops++ >= l->request.redirects)
		return pl_fail(err, "http.redirect", "redirected more than %d times",
		    (int)l->request.redirects);
	if (!pl_url_resolve(
	        &to, &l->request.arena, &l->url, location, strlen(location), err)) {
		if (strcmp(err->code, "http.url") == 0)
			memcpy(err->code, "http.redirect", sizeof "http.redirect");
		return pl_err_within(err, "the redirect's location");
	}
	if (l->url.tls && !to.tls)
		return pl_fail(
		    err, "http.redirect", "a redirect from https to http is refused");
	if ((status == 303 && strcmp(l->method, "GET") && strcmp(l->method, "HEAD")) ||
	    ((status == 301 || status == 302) && !strcmp(l->method, "POST")))
		become_get(l);
	if (!pl_url_same_origin(&l->url, &to)) {
		if (l->body && l->request.body_secret)
			return pl_fail(err, "http.redirect",
			    "a redirect to %.200s is refused: the body carries a secret",
			    pl_url_origin(&l->request.arena, &to));
		drop_headers_of_origin(l);
	}
	l->url = to;
	return true;
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 ||
	    status == 308;
}

static void hop_done(struct pl_exchange *x)
{
	struct life *l = x->owner;
	const char *location;
	bool named, expected = pl_http_expected(&l->request, x->status, &named);

	l->under_way = IDLE;
	pl_op_end(&l->op);
	pl_op_begin(&l->op, l->call->host, l->call, false, cancel);
	if (x->failed) {
		exchange_failed(l);
		return;
	}
	location = pl_exchange_got(x, "location");
	if (is_redirect(x->status) && location && l->request.redirects > 0 && !named) {
		struct pl_err *err = &l->call->err;

		if (follow(l, location, err)) {
			hop(l);
			return;
		}
		pl_err_within(err, "%s", shown(l));
		give_up(l);
	} else if (expected) {
		succeed(l);
	} else {
		refused(l);
	}
}

/* ---- exchanges ------------------------------------------------------------ */

/* Through the world if there is one and it takes it, else over the wire. */
static void send_exchange(struct life *l)
{
	struct pl_exchange *x = &l->x;
	bool taken = false;
	bool ok = pl_http_route_start(x, &taken);

	if (ok && taken) {
		l->under_way = ROUTED;
		return;
	}
	if (!ok || !pl_http_curl_start(x)) {
		l->call->err = x->err;
		pl_err_within(&l->call->err, "%s", shown(l));
		give_up(l);
		return;
	}
	l->under_way = ON_WIRE;
	/* From here on the outside has to act: a virtual clock stands still. */
	pl_op_end(&l->op);
	pl_op_begin(&l->op, l->call->host, l->call, true, cancel);
}

/* One exchange with what is current. */
static void hop(struct life *l)
{
	struct pl_exchange *x = &l->x;
	int64_t spent = pl_host_monotonic(l->call->host) - l->attempt_began;

	pl_exchange_reset(x);
	if (!pl_call_may_write(l->call)) {
		give_up(l);
		return;
	}
	x->host = l->call->host;
	x->request = &l->request;
	x->method = l->method;
	x->url = &l->url;
	x->headers = &l->headers;
	x->body = l->body;
	x->body_len = l->request.body_len;
	x->write = l->write;
	x->timeout = spent < l->request.timeout ? l->request.timeout - spent : 1;
	x->done = hop_done;
	x->owner = l;
	send_exchange(l);
}

static void begin_attempt(struct life *l)
{
	const struct pl_http_request *q = &l->request;

	l->attempt++;
	l->attempt_began = pl_host_monotonic(l->call->host);
	l->hops = 0;
	l->method = q->method;
	l->url = q->url;
	l->body = q->body;
	l->headers.at =
	    pl_realloc(l->headers.at, (q->headers.len + 1) * sizeof *q->headers.at);
	l->headers.len = l->headers.cap = q->headers.len;
	memcpy(l->headers.at, q->headers.at, q->headers.len * sizeof *q->headers.at);
	hop(l);
}

static void start(struct pl_call *call)
{
	struct life *l = pl_alloc(sizeof *l);

	l->call = call;
	l->began = pl_host_monotonic(call->host);
	l->write = call->class > PL_READ;
	if (!pl_http_request_read(&l->request, call, &call->err)) {
		free_life(l);
		pl_call_fail(call);
		return;
	}
	pl_op_begin(&l->op, call->host, call, false, cancel);
	begin_attempt(l);
}

static const char *target(struct pl_call *call)
{
	struct pl_http_request q = {0};
	struct pl_err ignored;
	const char *text = NULL;

	if (pl_http_request_read(&q, call, &ignored))
		text = pl_http_shown(
		    call->host, call->arena, q.method, &q.url, q.url_secret);
	pl_http_request_fini(&q);
	return text;
}

/* ---- rows ----------------------------------------------------------------- */

#define OPTIONS \
	{"url", PL_T_TEXT | PL_T_SECRET | PL_T_LIST, true, NULL, \
	    "https://…; a secret, or a list of parts, where the address is one", \
	    NULL}, \
	    {"query", PL_T_MAP, false, NULL, \
	        "added to the URL, escaped; a list repeats its name", NULL}, \
	    {"headers", PL_T_MAP, false, NULL, \
	        "text, secret, whole number, or a list of parts put together", NULL}, \
	    {"json", PL_T_ANY, false, NULL, "body: any data, secrets inside allowed", \
	        NULL}, \
	    {"form", PL_T_MAP, false, NULL, "body: a form's fields, URL-encoded", \
	        NULL}, \
	    {"body", PL_T_TEXT | PL_T_SECRET, false, NULL, "body: bytes as they are", \
	        NULL}, \
	    {"timeout", PL_T_DURATION, false, NULL, \
	        "for a whole attempt with its redirects (30s)", NULL}, \
	    {"connect_timeout", PL_T_DURATION, false, NULL, \
	        "until the connection stands (10s)", NULL}, \
	    {"max_wait", PL_T_DURATION, false, NULL, \
	        "the longest wait that a server may ask for between attempts (2m)", \
	        NULL}, \
	    {"max_bytes", PL_T_INTEGER, false, NULL, \
	        "the largest body taken, unpacked (8 MiB)", NULL}, \
	    {"redirects", PL_T_INTEGER, false, NULL, \
	        "how many are followed (GET and HEAD 5, else 0)", NULL}, \
	    {"retries", PL_T_INTEGER, false, NULL, \
	        "further attempts (reads 3, writes 0, with idempotency_key 3); a " \
	        "write without a key only where it certainly was not done", \
	        NULL}, \
	    {"idempotency_key", PL_T_TEXT, false, NULL, \
	        "sent as Idempotency-Key: the server does it once, we may repeat", \
	        NULL}, \
	    {"expect", PL_T_LIST, false, NULL, \
	        "the statuses that are no error (200 to 299)", NULL}, \
	    {"any_status", PL_T_FLAG, false, NULL, "no status is an error", NULL}, \
	    {"ca_file", PL_T_TEXT, false, NULL, \
	        "PEM file of the authorities that are trusted, alone", NULL}, \
	    {"proxy", PL_T_TEXT | PL_T_SECRET, false, NULL, \
	        "http://host:port (else pipe.yaml's, else https_proxy)", NULL}, \
	{ \
		0 \
	}

static const struct pl_option options[] = {OPTIONS};
static const struct pl_option request_options[] = {
    {"method", PL_T_TEXT, true, NULL, "GET, POST, …", NULL}, OPTIONS};

#define ANSWER \
	"{status, headers: lower-case name -> text (set-cookie: a list), body: bytes, " \
	"json: decoded where the body is JSON, url: the last one, took_ms, attempts}"

#define READS(verb, says) \
	{ \
		.name = "http." verb, .class = PL_READ, .summary = says, \
		.options = options, .result = ANSWER, .start = start, .target = target \
	}
#define WRITES(verb, says, takes) \
	{ \
		.name = "http." verb, .class = PL_WRITE, .summary = says, \
		.options = takes, .result = ANSWER, .start = start, .target = target \
	}

const struct pl_row pl_http_rows[] = {
    READS("get", "Fetches a URL"),
    READS("head", "Fetches a URL's headers"),
    WRITES("post", "Sends to a URL", options),
    WRITES("put", "Replaces what a URL stands for", options),
    WRITES("patch", "Changes what a URL stands for", options),
    WRITES("delete", "Removes what a URL stands for", options),
    WRITES("request", "Any method; the caller says whether it reads", request_options),
    {0},
};
