#include "http.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- taking it in --------------------------------------------------------- */

/* Answers of status 1xx come before the real one: each status line begins anew.
 * The bytes go on counting, so that endless ones end. */
void pl_exchange_begin_answer(struct pl_exchange *x, int status)
{
	x->status = status;
	x->got.len = 0;
}

void pl_exchange_reset(struct pl_exchange *x)
{
	free(x->got.at);
	x->got = (struct pl_http_headers){0};
	x->got_bytes = 0;
	x->status = 0;
	x->failed = x->sent = false;
	x->err = (struct pl_err){0};
	pl_buf_fini(&x->content);
	pl_arena_fini(&x->arena);
}

static bool fail_header(struct pl_exchange *x, const char *what)
{
	return pl_fail(&x->err, "http.protocol", "the answer's header %s", what);
}

static bool check_limits(struct pl_exchange *x)
{
	if (x->got_bytes > PL_HTTP_HEADER_BYTES)
		return pl_fail(&x->err, "http.large",
		    "the answer's headers are larger than %d KiB",
		    PL_HTTP_HEADER_BYTES / 1024);
	if (x->got.len >= PL_HTTP_HEADERS)
		return pl_fail(&x->err, "http.large",
		    "the answer has more than %d headers", PL_HTTP_HEADERS);
	return true;
}

/* A line that begins with a blank goes on with the value before it. */
static bool continue_header(struct pl_exchange *x, const char *line, size_t n)
{
	struct pl_http_header *last;

	if (x->got.len == 0)
		return fail_header(x, "begins with a blank line");
	last = &x->got.at[x->got.len - 1];
	last->value = pl_arena_printf(&x->arena, "%s %.*s", last->value, (int)n, line);
	return true;
}

static const char *lower(struct pl_arena *a, const char *s, size_t n)
{
	char *copy = pl_arena_text(a, s, n);

	for (size_t i = 0; i < n; i++)
		copy[i] = (char)tolower((unsigned char)copy[i]);
	return copy;
}

static bool add_header(struct pl_exchange *x, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	size_t name = colon ? (size_t)(colon - line) : 0;
	struct pl_http_headers *h = &x->got;

	if (name == 0)
		return fail_header(x, "has a line without a name");
	for (size_t i = 0; i < name; i++)
		if ((unsigned char)line[i] <= ' ' || (unsigned char)line[i] >= 0x7f)
			return fail_header(x, "has a name that is none");
	for (colon++; colon < line + n && (*colon == ' ' || *colon == '\t'); colon++)
		;
	if (h->len == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 16;
		h->at = pl_realloc(h->at, h->cap * sizeof *h->at);
	}
	h->at[h->len++] = (struct pl_http_header){lower(&x->arena, line, name),
	    pl_arena_text(&x->arena, colon, (size_t)(line + n - colon)), false};
	return true;
}

bool pl_exchange_header(struct pl_exchange *x, const char *line, size_t n)
{
	x->got_bytes += n;
	if (n > 0 && line[n - 1] == '\n')
		n--;
	if (n > 0 && line[n - 1] == '\r')
		n--;
	if (n == 0)
		return true;
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)line[i] < ' ' && line[i] != '\t') ||
		    line[i] == 0x7f)
			return fail_header(x, "has a control character");
	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
		n--;
	if (n == 0)
		return true;
	if (line[0] == ' ' || line[0] == '\t') {
		size_t blanks = strspn(line, " \t");

		if (!check_limits(x))
			return false;
		return continue_header(x, line + blanks, n - blanks);
	}
	return check_limits(x) && add_header(x, line, n);
}

bool pl_exchange_content(struct pl_exchange *x, const void *bytes, size_t n)
{
	size_t max = x->request->max_bytes;

	if (n > max || x->content.len > max - n)
		return pl_fail(&x->err, "http.large",
		    "the answer is larger than %zu bytes, unpacked (max_bytes)", max);
	pl_buf_add(&x->content, bytes, n);
	return true;
}

const char *pl_exchange_got(const struct pl_exchange *x, const char *name)
{
	for (size_t i = 0; i < x->got.len; i++)
		if (strcasecmp(x->got.at[i].name, name) == 0)
			return x->got.at[i].value;
	return NULL;
}

/* ---- judging it ----------------------------------------------------------- */

bool pl_http_expected(const struct pl_http_request *q, int status, bool *named)
{
	*named = false;
	if (!q->expect)
		return status >= 200 && status <= 299;
	for (uint32_t i = 0; i < q->expect->as.list.len; i++) {
		const struct pl_value *v = q->expect->as.list.at[i];

		if (v->kind == PL_INT && v->as.whole == status)
			*named = true;
	}
	return *named;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7; the two older forms have died
 * out) -> ms since 1970. */
static bool read_http_date(int64_t *ms, const char *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char month[4], iso[80];
	const char *found;
	int day, year, h, m, s, end = 0;

	if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &day,
	        month, &year, &h, &m, &s, &end) != 6 ||
	    end == 0 || text[end] != '\0')
		return false;
	found = strlen(month) == 3 ? strstr(months, month) : NULL;
	if (!found || (found - months) % 3 != 0 || day < 1 || year < 1970 || h < 0 ||
	    m < 0 || s < 0)
		return false;
	snprintf(iso, sizeof iso, "%04d-%02d-%02dT%02d:%02d:%02dZ", year,
	    (int)(found - months) / 3 + 1, day, h, m, s == 60 ? 59 : s);
	return pl_time_parse(ms, iso, NULL);
}

/* Digits -> number, no more than ten years of milliseconds. */
static bool read_count(int64_t *out, const char *text)
{
	const int64_t most = INT64_C(10000000000000);
	int64_t n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n > most ? most : n * 10 + (*text - '0');
	}
	*out = n > most ? most : n;
	return true;
}

static int64_t wait_of_retry_after(const char *text, int64_t now)
{
	int64_t n;

	if (!text)
		return -1;
	if (read_count(&n, text))
		return n * 1000;
	if (read_http_date(&n, text))
		return n > now ? n - now : 0;
	return -1;
}

/* x-ratelimit-reset is a time in seconds since 1970 (GitHub, Doppler), in
 * milliseconds, or seconds from now: the size tells. */
static int64_t wait_of_reset(const char *text, int64_t now)
{
	int64_t n;

	if (!text || !read_count(&n, text))
		return -1;
	if (n < 1000000000)
		return n * 1000;
	n = n < 100000000000 ? n * 1000 : n;
	return n > now ? n - now : 0;
}

int64_t pl_http_asked_wait(const struct pl_exchange *x, int64_t now, bool *limited)
{
	const char *remaining = pl_exchange_got(x, "x-ratelimit-remaining");
	bool spent = remaining && strcmp(remaining, "0") == 0;
	int64_t wait = wait_of_retry_after(pl_exchange_got(x, "retry-after"), now);

	*limited = x->status == 429 || (x->status == 403 && (wait >= 0 || spent));
	if (wait < 0 && spent && *limited)
		wait = wait_of_reset(pl_exchange_got(x, "x-ratelimit-reset"), now);
	return *limited || x->status == 503 ? wait : -1;
}

/* ---- handing it out ------------------------------------------------------- */

static void add_to_result(
    struct pl_arena *a, struct pl_value *map, const struct pl_http_header *h)
{
	struct pl_value *before = pl_get(map, h->name);
	bool listed = strcmp(h->name, "set-cookie") == 0;

	if (listed && !before) {
		before = pl_list(a);
		pl_map_set(a, map, h->name, before);
	}
	if (listed)
		pl_list_add(a, before, pl_text(a, h->value));
	else if (before)
		pl_map_set(a, map, h->name,
		    pl_textf(a, "%s, %s", pl_text_of(before, ""), h->value));
	else
		pl_map_set(a, map, h->name, pl_text(a, h->value));
}

/* application/json, application/vnd.github+json; charset=utf-8, … */
static bool is_json(const char *type)
{
	size_t n = type ? strcspn(type, "; \t") : 0;

	return (n >= 5 && strncasecmp(type + n - 5, "/json", 5) == 0) ||
	    (n >= 5 && strncasecmp(type + n - 5, "+json", 5) == 0);
}

struct pl_value *pl_http_result(struct pl_arena *a, const struct pl_exchange *x,
    const char *url, int64_t took_ms, int attempts)
{
	struct pl_value *result = pl_map(a), *headers = pl_map(a), *json;
	const char *content = x->content.at ? x->content.at : "";
	struct pl_err ignored;

	for (size_t i = 0; i < x->got.len; i++)
		add_to_result(a, headers, &x->got.at[i]);
	pl_map_set(a, result, "status", pl_int(a, x->status));
	pl_map_set(a, result, "headers", headers);
	pl_map_set(a, result, "body", pl_textn(a, content, x->content.len));
	if (is_json(pl_exchange_got(x, "content-type")) &&
	    pl_json_parse(&json, a, content, x->content.len, &ignored))
		pl_map_set(a, result, "json", json);
	pl_map_set(a, result, "url", pl_text(a, url));
	pl_map_set(a, result, "took_ms", pl_int(a, took_ms));
	pl_map_set(a, result, "attempts", pl_int(a, attempts));
	return result;
}

/* The start of the body as it may be shown: masked before it is cut, so that no
 * half of a secret is left. */
static void quote_content(struct pl_buf *out, const struct pl_exchange *x)
{
	struct pl_buf masked = {0}, shown = {0};
	size_t n = x->content.len < 65536 ? x->content.len : 65536;

	if (n == 0)
		return;
	pl_secret_mask(x->host, &masked, x->content.at, n);
	pl_printable(&shown, masked.at ? masked.at : "",
	    masked.len < 2000 ? masked.len : 2000, false);
	n = shown.len < 300 ? shown.len : 300;
	while (n > 0 && n < shown.len && ((unsigned char)shown.at[n] & 0xc0) == 0x80)
		n--;
	pl_buf_puts(out, ": ");
	pl_buf_add(out, shown.at, n);
	if (n < shown.len)
		pl_buf_puts(out, "…");
	pl_buf_fini(&masked);
	pl_buf_fini(&shown);
}

static void add_hint(struct pl_buf *out, const struct pl_exchange *x)
{
	const char *names = x->request->secret_names;

	if (x->status != 401 && x->status != 403)
		return;
	if (!names)
		pl_buf_puts(out, " (no credential was sent)");
	else if (x->status == 401)
		pl_buf_printf(out,
		    " (%.200s was not accepted: wrong, expired or revoked?)", names);
	else
		pl_buf_printf(
		    out, " (%.200s was accepted, but may not do this?)", names);
}

bool pl_http_status_error(
    const struct pl_exchange *x, const char *shown, struct pl_err *err)
{
	struct pl_buf text = {0};

	pl_buf_printf(&text, "%s answered %d", shown, x->status);
	add_hint(&text, x);
	quote_content(&text, x);
	pl_fail(err, "http.status", "%s", text.at);
	pl_buf_fini(&text);
	return false;
}
