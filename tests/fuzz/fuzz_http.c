/*
 * What a server sends: a URL and a Location read, resolved and written mean the same
 * again; any header lines and body become a result or an error, and nothing that a
 * terminal would obey reaches a message. Input: a URL, a reference, header lines, an
 * empty line, a body.
 */
#include "../../interp/host/http.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool held)
{
	if (!held)
		abort();
}

static void check_printable(const char *s)
{
	require(pl_utf8_valid(s, strlen(s)));
	for (; *s; s++)
		require((unsigned char)*s >= ' ' && *s != 0x7f);
}

/* Written and read again, it is the same, and has nothing of another part. */
static void check_url(struct pl_arena *a, const struct pl_url *u)
{
	const char *text = pl_url_write(a, u);
	struct pl_url again;

	require(pl_url_parse(&again, a, text, strlen(text), NULL));
	require(pl_url_same_origin(u, &again) && !strcmp(u->target, again.target));
	require(u->target[0] == '/' && !strchr(u->target, '#'));
	require(!strpbrk(u->host, "/?#@\\ ") && u->port >= 1 && u->port <= 65535);
}

static void check_urls(const char *base, size_t n, const char *reference, size_t m)
{
	struct pl_arena a = {0};
	struct pl_err err = {0};
	struct pl_url u, v;

	if (pl_url_parse(&u, &a, base, n, &err)) {
		check_url(&a, &u);
		if (pl_url_resolve(&v, &a, &u, reference, m, &err))
			check_url(&a, &v);
		else
			check_printable(err.msg);
	} else {
		check_printable(err.msg);
	}
	pl_arena_fini(&a);
}

static void check_judged(struct pl_exchange *x)
{
	struct pl_arena a = {0};
	struct pl_err err = {0};
	struct pl_buf canonical = {0};
	bool limited, named;
	const struct pl_value *result;

	require(pl_http_asked_wait(x, INT64_C(1790000000000), &limited) >= -1);
	pl_http_expected(x->request, x->status, &named);
	result = pl_http_result(&a, x, "http://a/", 1, 1);
	require(pl_get(result, "headers")->as.map.len <= PL_HTTP_HEADERS);
	pl_json_canonical(&canonical, pl_get(result, "headers"), &err);
	pl_http_status_error(x, "GET http://a/", &err);
	check_printable(err.msg);
	pl_buf_fini(&canonical);
	pl_arena_fini(&a);
}

static void check_answer(struct pl_host *host, const char *text, size_t n)
{
	static const int statuses[] = {200, 403, 429, 503};
	struct pl_http_request q = {.max_bytes = 1000};
	struct pl_exchange x = {.host = host, .request = &q};
	bool ok = true;

	pl_exchange_begin_answer(&x, statuses[n % PL_COUNT(statuses)]);
	while (ok && n > 0 && *text != '\n') {
		const char *end = memchr(text, '\n', n);
		size_t line = end ? (size_t)(end - text) + 1 : n;

		ok = pl_exchange_header(&x, text, line);
		text += line;
		n -= line;
	}
	ok = ok && pl_exchange_content(&x, text, n);
	if (ok)
		check_judged(&x);
	else
		check_printable(x.err.msg);
	pl_exchange_reset(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pl_host *host;
	const char *at = (const char *)data, *end = at + size;
	const char *first = size ? memchr(at, '\n', size) : NULL, *second;

	if (!host && !(host = pl_host_new(".", NULL)))
		abort();
	if (!first)
		return 0;
	second = memchr(first + 1, '\n', (size_t)(end - first - 1));
	if (!second)
		return 0;
	check_urls(at, (size_t)(first - at), first + 1, (size_t)(second - first - 1));
	/* A copy, so that reading past its end is seen. */
	at = second + 1;
	if (at < end) {
		size_t n = (size_t)(end - at);
		char *copy = pl_alloc(n);

		memcpy(copy, at, n);
		check_answer(host, copy, n);
		free(copy);
	}
	return 0;
}
