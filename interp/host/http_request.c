#include "http.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where secrets are written in clear, and what was written. */
struct sink {
	struct pl_buf text;
	bool secret;
};

static void write_secret(struct sink *s, const struct pl_secret *secret)
{
	size_t n;
	const char *bytes = pl_secret_bytes(secret, &n);

	pl_buf_add(&s->text, bytes, n);
	s->secret = true;
}

/* Text, a secret, a whole number, or a list of these put together. */
static bool write_parts(struct sink *s, const struct pl_value *v)
{
	switch (v->kind) {
	case PL_TEXT:
		pl_buf_add(&s->text, v->as.text.at, v->as.text.len);
		return true;
	case PL_SECRET:
		write_secret(s, v->as.secret);
		return true;
	case PL_INT:
		pl_buf_printf(&s->text, "%" PRId64, v->as.whole);
		return true;
	case PL_LIST:
		for (uint32_t i = 0; i < v->as.list.len; i++)
			if (v->as.list.at[i]->kind == PL_LIST ||
			    !write_parts(s, v->as.list.at[i]))
				return false;
		return v->as.list.len > 0;
	default:
		return false;
	}
}

static const char *keep(struct pl_arena *a, const struct pl_buf *b)
{
	return pl_arena_text(a, b->at ? b->at : "", b->len);
}

/* ---- bodies and queries ------------------------------------------------ */

static bool write_json(struct sink *s, const struct pl_value *v, struct pl_err *err);

static bool write_json_text(
    struct sink *s, const char *at, size_t n, struct pl_err *err)
{
	struct pl_value text = {.kind = PL_TEXT};

	text.as.text.at = at;
	text.as.text.len = n;
	return pl_json_canonical(&s->text, &text, err);
}

static bool write_json_secret(
    struct sink *s, const struct pl_secret *secret, struct pl_err *err)
{
	size_t n;
	const char *bytes = pl_secret_bytes(secret, &n);

	s->secret = true;
	if (!pl_utf8_valid(bytes, n))
		return pl_fail(err, "json.utf8",
		    "the secret %s is not UTF-8, and JSON can carry nothing else",
		    pl_secret_name(secret));
	return write_json_text(s, bytes, n, err);
}

static bool write_json_list(
    struct sink *s, const struct pl_value *v, struct pl_err *err)
{
	pl_buf_putc(&s->text, '[');
	for (uint32_t i = 0; i < v->as.list.len; i++) {
		if (i > 0)
			pl_buf_putc(&s->text, ',');
		if (!write_json(s, v->as.list.at[i], err))
			return false;
	}
	pl_buf_putc(&s->text, ']');
	return true;
}

static bool write_json_map(struct sink *s, const struct pl_value *v, struct pl_err *err)
{
	pl_buf_putc(&s->text, '{');
	for (uint32_t i = 0; i < v->as.map.len; i++) {
		const struct pl_pair *p = &v->as.map.at[i];

		if (i > 0)
			pl_buf_putc(&s->text, ',');
		if (!write_json_text(s, p->key, p->key_len, err))
			return false;
		pl_buf_putc(&s->text, ':');
		if (!write_json(s, p->value, err))
			return pl_err_within(err, "%.60s", p->key);
	}
	pl_buf_putc(&s->text, '}');
	return true;
}

/* JSON for the wire: secrets in clear, members in the order of insertion, and
 * whole numbers of all 64 bits, which canonical JSON refuses. */
static bool write_json(struct sink *s, const struct pl_value *v, struct pl_err *err)
{
	switch (v->kind) {
	case PL_SECRET:
		return write_json_secret(s, v->as.secret, err);
	case PL_LIST:
		return write_json_list(s, v, err);
	case PL_MAP:
		return write_json_map(s, v, err);
	case PL_INT:
		pl_buf_printf(&s->text, "%" PRId64, v->as.whole);
		return true;
	default:
		return pl_json_canonical(&s->text, v, err);
	}
}

static bool write_form_value(
    struct sink *s, const struct pl_value *v, bool form, struct pl_err *err)
{
	struct sink plain = {0};
	bool ok = true;

	if (v->kind == PL_BOOL)
		pl_buf_puts(&plain.text, v->as.truth ? "true" : "false");
	else if (v->kind == PL_REAL)
		ok = pl_json_canonical(&plain.text, v, err);
	else if (v->kind == PL_LIST || !write_parts(&plain, v))
		ok = pl_fail(err, form ? "http.body" : "http.url",
		    "takes text, a number, a flag or a secret, not a %s",
		    pl_kind_name(v->kind));
	if (ok)
		pl_url_escape(
		    &s->text, plain.text.at ? plain.text.at : "", plain.text.len, form);
	s->secret = s->secret || plain.secret;
	pl_buf_fini(&plain.text);
	return ok;
}

static bool write_form_pair(struct sink *s, const struct pl_pair *p,
    const struct pl_value *v, bool form, struct pl_err *err)
{
	if (s->text.len > 0)
		pl_buf_putc(&s->text, '&');
	pl_url_escape(&s->text, p->key, p->key_len, form);
	pl_buf_putc(&s->text, '=');
	return write_form_value(s, v, form, err) ||
	    pl_err_within(err, "%s \"%.60s\"", form ? "form" : "query", p->key);
}

/* a=1&b=2; a list repeats its name. */
static bool write_form(
    struct sink *s, const struct pl_value *map, bool form, struct pl_err *err)
{
	for (uint32_t i = 0; i < map->as.map.len; i++) {
		const struct pl_pair *p = &map->as.map.at[i];
		const struct pl_value *v = p->value;

		if (v->kind != PL_LIST) {
			if (!write_form_pair(s, p, v, form, err))
				return false;
			continue;
		}
		for (uint32_t j = 0; j < v->as.list.len; j++)
			if (!write_form_pair(s, p, v->as.list.at[j], form, err))
				return false;
	}
	return true;
}

/* ---- headers ----------------------------------------------------------- */

static bool is_token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c >= 0x80 ||
		    (!isalnum(c) && (c == 0 || !strchr("!#$%&'*+-.^_`|~", c))))
			return false;
	}
	return n > 0;
}

static const struct pl_http_header *find_header(
    const struct pl_http_request *q, const char *name)
{
	for (size_t i = 0; i < q->headers.len; i++)
		if (strcasecmp(q->headers.at[i].name, name) == 0)
			return &q->headers.at[i];
	return NULL;
}

static void add_header(
    struct pl_http_request *q, const char *name, const char *value, bool secret)
{
	struct pl_http_headers *h = &q->headers;

	if (h->len == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 16;
		h->at = pl_realloc(h->at, h->cap * sizeof *h->at);
	}
	h->at[h->len++] = (struct pl_http_header){name, value, secret};
}

bool pl_http_header_private(const char *name)
{
	static const char *const names[] = {"authorization", "cookie",
	    "proxy-authorization", "project-access-token", "x-api-key", "api-key",
	    "apikey", "private-token", "x-auth-token", "host"};

	for (size_t i = 0; i < PL_COUNT(names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Headers that frame the message: whoever sets them splits requests. */
static bool is_framing(const char *name)
{
	static const char *const names[] = {"content-length", "transfer-encoding",
	    "connection", "upgrade", "expect", "proxy-connection", "keep-alive",
	    "trailer", "te"};

	for (size_t i = 0; i < PL_COUNT(names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool check_name(
    const struct pl_http_request *q, const struct pl_pair *p, struct pl_err *err)
{
	struct pl_buf shown = {0};

	if (!is_token(p->key, p->key_len)) {
		pl_printable(&shown, p->key, p->key_len < 60 ? p->key_len : 60, false);
		pl_fail(err, "http.header", "\"%s\" is not the name of a header",
		    shown.at ? shown.at : "");
		pl_buf_fini(&shown);
		return false;
	}
	if (is_framing(p->key))
		return pl_fail(
		    err, "http.header", "%s is set by the program itself", p->key);
	if (find_header(q, p->key))
		return pl_fail(err, "http.header", "%s is given twice", p->key);
	return true;
}

static bool check_value(const char *name, const char *at, size_t n, struct pl_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)at[i] < ' ' && at[i] != '\t') || at[i] == 0x7f)
			return pl_fail(err, "http.header",
			    "the value of %s has a %s, which would end the header",
			    name,
			    at[i] == '\n' || at[i] == '\r' ? "line break"
			                                   : "control character");
	return true;
}

static bool read_header(
    struct pl_http_request *q, const struct pl_pair *p, struct pl_err *err)
{
	struct sink s = {0};
	bool ok = check_name(q, p, err);

	if (ok && !write_parts(&s, p->value))
		ok = pl_fail(err, "http.header",
		    "%s takes text, a secret, a whole number or a list of these, "
		    "not a %s",
		    p->key, pl_kind_name(p->value->kind));
	ok = ok && check_value(p->key, s.text.at ? s.text.at : "", s.text.len, err);
	if (ok)
		add_header(q, pl_arena_text(&q->arena, p->key, p->key_len),
		    keep(&q->arena, &s.text), s.secret);
	pl_buf_fini(&s.text);
	return ok;
}

/* "A, B": the secrets in a header's value, for a hint when they are refused. */
static void note_secrets(struct pl_buf *names, const struct pl_value *v)
{
	if (v->kind == PL_SECRET)
		pl_buf_printf(names, "%s%s", names->len ? ", " : "",
		    pl_secret_name(v->as.secret));
	for (uint32_t i = 0; v->kind == PL_LIST && i < v->as.list.len; i++)
		note_secrets(names, v->as.list.at[i]);
}

static bool read_headers(
    struct pl_http_request *q, const struct pl_value *map, struct pl_err *err)
{
	struct pl_buf names = {0};
	bool ok = true;

	for (uint32_t i = 0; ok && map && i < map->as.map.len; i++) {
		ok = read_header(q, &map->as.map.at[i], err);
		if (ok)
			note_secrets(&names, map->as.map.at[i].value);
	}
	if (ok && names.len > 0)
		q->secret_names = keep(&q->arena, &names);
	pl_buf_fini(&names);
	return ok;
}

static bool read_idempotency_key(
    struct pl_http_request *q, const char *key, struct pl_err *err)
{
	if (!key)
		return true;
	if (!*key)
		return pl_fail(err, "http.header", "idempotency_key is empty");
	if (find_header(q, "Idempotency-Key"))
		return pl_fail(err, "http.header", "Idempotency-Key is given twice");
	if (!check_value("Idempotency-Key", key, strlen(key), err))
		return false;
	add_header(q, "Idempotency-Key", key, false);
	q->idempotent = true;
	return true;
}

/* ---- the parts of a request -------------------------------------------- */

static bool read_method(
    struct pl_http_request *q, const struct pl_call *call, struct pl_err *err)
{
	const char *given = pl_get_text(call->args, "method", NULL);
	const char *verb = strrchr(call->row->name, '.') + 1;
	char *method = pl_arena_printf(&q->arena, "%s", given ? given : verb);

	for (char *c = method; *c; c++) {
		*c = (char)toupper((unsigned char)*c);
		if (*c < 'A' || *c > 'Z' || c - method >= 20)
			return pl_fail(
			    err, "http.method", "a method is a word like GET");
	}
	if (!*method || strcmp(method, "CONNECT") == 0 || strcmp(method, "TRACE") == 0)
		return pl_fail(
		    err, "http.method", "the method \"%s\" is refused", method);
	q->method = method;
	return true;
}

static bool add_query(
    struct pl_http_request *q, const struct pl_value *map, struct pl_err *err)
{
	struct sink s = {0};
	bool ok;

	if (pl_is_null(map) || map->as.map.len == 0)
		return true;
	ok = write_form(&s, map, false, err);
	if (ok && s.text.len > 0)
		q->url.target = pl_arena_printf(&q->arena, "%s%c%s", q->url.target,
		    strchr(q->url.target, '?') ? '&' : '?', s.text.at);
	q->query_secret = s.secret;
	pl_buf_fini(&s.text);
	return ok;
}

static bool read_url(
    struct pl_http_request *q, const struct pl_call *call, struct pl_err *err)
{
	const struct pl_value *given = pl_get(call->args, "url");
	struct sink s = {0};
	bool ok;

	if (pl_is_null(given) || !write_parts(&s, given))
		ok = pl_fail(
		    err, "http.url", "url takes text, a secret or a list of these");
	else
		ok = pl_url_parse(
		    &q->url, &q->arena, s.text.at ? s.text.at : "", s.text.len, err);
	q->url_secret = s.secret;
	if (!ok && !s.secret && s.text.len > 0) {
		struct pl_buf masked = {0}, shown = {0};

		pl_secret_mask(call->host, &masked, s.text.at, s.text.len);
		pl_printable(&shown, masked.at, strcspn(masked.at, "?"), false);
		pl_err_within(err, "\"%.200s\"", shown.at ? shown.at : "");
		pl_buf_fini(&masked);
		pl_buf_fini(&shown);
	}
	pl_buf_fini(&s.text);
	return ok && add_query(q, pl_get(call->args, "query"), err);
}

static void take_body(struct pl_http_request *q, const struct sink *s, const char *type)
{
	q->body = keep(&q->arena, &s->text);
	q->body_len = s->text.len;
	q->body_secret = s->secret;
	if (type && !find_header(q, "Content-Type"))
		add_header(q, "Content-Type", type, false);
}

static bool read_body(
    struct pl_http_request *q, const struct pl_call *call, struct pl_err *err)
{
	const struct pl_value *json = pl_get(call->args, "json");
	const struct pl_value *form = pl_get(call->args, "form");
	const struct pl_value *body = pl_get(call->args, "body");
	struct sink s = {0};
	bool ok = true;

	if ((json != NULL) + (form != NULL) + (body != NULL) > 1)
		return pl_fail(
		    err, "http.body", "json, form and body: a request has one of them");
	if ((json || form || body) && strcmp(q->method, "HEAD") == 0)
		return pl_fail(err, "http.body", "HEAD takes no body");
	if (json) {
		ok = write_json(&s, json, err) || pl_err_within(err, "json");
		if (ok)
			take_body(q, &s, "application/json");
	} else if (form) {
		ok = write_form(&s, form, true, err);
		if (ok)
			take_body(q, &s, "application/x-www-form-urlencoded");
	} else if (body) {
		ok = write_parts(&s, body) ||
		    pl_fail(err, "http.body", "body takes text or a secret");
		if (ok)
			take_body(q, &s, NULL);
	}
	pl_buf_fini(&s.text);
	return ok;
}

/* A path of the project file or of a call: relative ones begin at the root. */
static const char *absolute(
    struct pl_http_request *q, const struct pl_host *h, const char *path)
{
	if (!path || !*path)
		return NULL;
	if (*path == '/')
		return path;
	return pl_arena_printf(&q->arena, "%s/%s", pl_host_root(h), path);
}

static bool read_proxy(
    struct pl_http_request *q, const struct pl_call *call, struct pl_err *err)
{
	const struct pl_value *given = pl_get(call->args, "proxy");
	struct sink s = {0};
	bool ok = true;

	q->proxy = pl_get_text(pl_host_http(call->host), "proxy", NULL);
	q->no_proxy = pl_get_text(pl_host_http(call->host), "no_proxy", NULL);
	if (pl_is_null(given))
		return true;
	if (!write_parts(&s, given) || strlen(s.text.at ? s.text.at : "") != s.text.len)
		ok = pl_fail(err, "http.url", "proxy takes text or a secret");
	else
		q->proxy = keep(&q->arena, &s.text);
	pl_buf_fini(&s.text);
	return ok;
}

static int64_t number(const struct pl_call *call, const char *name, int64_t fallback)
{
	const struct pl_value *v = pl_get(call->args, name);
	int64_t n = v && v->kind == PL_INT ? v->as.whole : fallback;

	return n < 0 ? 0 : n;
}

static void read_limits(struct pl_http_request *q, const struct pl_call *call)
{
	const struct pl_value *set = pl_host_http(call->host);
	bool reads = call->class <= PL_READ;
	bool gets = strcmp(q->method, "GET") == 0 || strcmp(q->method, "HEAD") == 0;

	q->timeout = number(call, "timeout", pl_get_int(set, "timeout", 30000));
	q->connect_timeout = number(call, "connect_timeout", 10000);
	q->max_wait = number(call, "max_wait", 120000);
	q->max_bytes =
	    (size_t)number(call, "max_bytes", pl_get_int(set, "max_bytes", 8 << 20));
	q->redirects = number(call, "redirects", gets ? 5 : 0);
	q->retries = number(call, "retries", reads || q->idempotent ? 3 : 0);
	q->any_status = pl_get_bool(call->args, "any_status", false);
	q->expect = pl_get(call->args, "expect");
	if (pl_is_null(q->expect) || q->expect->as.list.len == 0)
		q->expect = NULL;
	if (q->timeout < 1)
		q->timeout = 1;
	if (q->connect_timeout < 1 || q->connect_timeout > q->timeout)
		q->connect_timeout = q->timeout;
}

static void read_trust(struct pl_http_request *q, const struct pl_call *call)
{
	const struct pl_value *set = pl_host_http(call->host);
	const char *given = pl_get_text(call->args, "ca_file", NULL);

	q->ca_file =
	    absolute(q, call->host, given ? given : pl_get_text(set, "ca_file", NULL));
	q->ca_directory =
	    absolute(q, call->host, pl_get_text(set, "ca_directory", NULL));
	q->agent = pl_get_text(set, "user_agent", NULL);
	if (!q->agent)
		q->agent = pl_arena_printf(&q->arena, "pipe/%s", PL_VERSION);
}

bool pl_http_request_read(
    struct pl_http_request *out, const struct pl_call *call, struct pl_err *err)
{
	const char *key = pl_get_text(call->args, "idempotency_key", NULL);

	if (!read_method(out, call, err) || !read_url(out, call, err) ||
	    !read_headers(out, pl_get(call->args, "headers"), err) ||
	    !read_idempotency_key(out, key, err) || !read_body(out, call, err) ||
	    !read_proxy(out, call, err))
		return false;
	if (!find_header(out, "User-Agent")) {
		read_trust(out, call);
		if (!check_value("User-Agent", out->agent, strlen(out->agent), err))
			return false;
		add_header(out, "User-Agent", out->agent, false);
	} else {
		read_trust(out, call);
	}
	read_limits(out, call);
	return true;
}

void pl_http_request_fini(struct pl_http_request *q)
{
	free(q->headers.at);
	pl_arena_fini(&q->arena);
	memset(q, 0, sizeof *q);
}

const char *pl_http_shown(struct pl_host *h, struct pl_arena *a, const char *method,
    const struct pl_url *url, bool url_secret)
{
	struct pl_buf raw = {0}, masked = {0}, shown = {0};
	const char *text;

	pl_buf_printf(&raw, "%s %s", method, pl_url_origin(a, url));
	if (url_secret)
		pl_buf_puts(&raw, "/***");
	else
		pl_buf_add(&raw, url->target, strcspn(url->target, "?"));
	pl_secret_mask(h, &masked, raw.at, raw.len);
	pl_printable(&shown, masked.at ? masked.at : "", masked.len, false);
	text = pl_arena_printf(a, "%.300s", shown.at ? shown.at : "");
	pl_buf_fini(&raw);
	pl_buf_fini(&masked);
	pl_buf_fini(&shown);
	return text;
}
