/*
 * http: the inner face between the files of the http rows.
 *
 *   http.c          rows, and the life of a call: attempts, waits, redirects
 *   http_request.c  options -> request
 *   http_url.c      URLs: strict reading, references, escapes
 *   http_answer.c   what came back: limits, judging, the call's result
 *   http_curl.c     the wire: libcurl's multi interface on libuv
 *   http_trouble.c  libcurl's codes -> ours
 *   http_route.c    the simulated world in the wire's place
 *
 * An exchange is one request and its answer: one hop of one attempt. It goes
 * over libcurl or through the router of the simulated world; everything above
 * it cannot tell which.
 */
#ifndef PL_HTTP_H
#define PL_HTTP_H

#include "host.h"

/* ---- URLs -------------------------------------------------------------- */

/* Text in the arena that it was read into. */
struct pl_url {
	bool tls;
	const char *host; /* lower case; IPv6 in brackets */
	unsigned port; /* the scheme's own if none was written */
	const char *target; /* path and query, begins with "/" */
};

/* An absolute http or https URL; user names and fragments' bytes never pass: the
 * first is refused, the second cut off. Codes: http.url, http.scheme. */
bool pl_url_parse(struct pl_url *out, struct pl_arena *a, const char *text, size_t n,
    struct pl_err *err);
/* What `reference` (a Location) means where `base` answered with it (RFC 3986,
 * 5.2). Blanks in it are escaped. Codes: http.url, http.scheme. */
bool pl_url_resolve(struct pl_url *out, struct pl_arena *a, const struct pl_url *base,
    const char *reference, size_t n, struct pl_err *err);
bool pl_url_same_origin(const struct pl_url *a, const struct pl_url *b);
const char *pl_url_write(struct pl_arena *a, const struct pl_url *u);
/* Scheme, host and port only: "https://api.example.com". */
const char *pl_url_origin(struct pl_arena *a, const struct pl_url *u);
/* RFC 3986's unreserved stay, all else %XX; `form`: a blank becomes "+". */
void pl_url_escape(struct pl_buf *out, const char *s, size_t n, bool form);

/* ---- requests ---------------------------------------------------------- */

struct pl_http_header {
	const char *name;
	const char *value;
	bool secret; /* a part of the value is a secret */
};

struct pl_http_headers {
	struct pl_http_header *at;
	size_t len, cap;
};

/* What the options of a call say, checked. Lives in the request's own arena. */
struct pl_http_request {
	struct pl_arena arena;
	const char *method;
	struct pl_url url;
	bool url_secret; /* the URL holds a secret: it is never shown whole */
	bool query_secret; /* the same, in its query only */
	struct pl_http_headers headers;
	const char *body; /* NULL: none */
	size_t body_len;
	bool body_secret;
	const char *secret_names; /* "A, B" of the secrets sent in headers, or NULL */
	int64_t timeout, connect_timeout, max_wait; /* ms */
	size_t max_bytes;
	int64_t redirects, retries;
	bool idempotent; /* bears an idempotency key */
	bool any_status;
	const struct pl_value *expect; /* list, or NULL: 2xx */
	const char *ca_file; /* absolute, or NULL */
	const char *ca_directory;
	const char *proxy, *no_proxy; /* or NULL */
	const char *agent;
};

/* Codes: http.url, http.scheme, http.header, http.method, http.body. */
bool pl_http_request_read(
    struct pl_http_request *out, const struct pl_call *call, struct pl_err *err);
void pl_http_request_fini(struct pl_http_request *q);
/* "PUT https://host/path": no query, no secret, nothing unprintable. */
const char *pl_http_shown(struct pl_host *h, struct pl_arena *a, const char *method,
    const struct pl_url *url, bool url_secret);
/* Names that must not reach another origin whatever they hold. */
bool pl_http_header_private(const char *name);

/* ---- exchanges --------------------------------------------------------- */

enum {
	PL_HTTP_HEADERS = 100,
	PL_HTTP_HEADER_BYTES = 256 * 1024,
	PL_HTTP_INFLIGHT = 64
};

struct pl_exchange {
	/* the request; borrowed until the exchange ends */
	struct pl_host *host;
	const struct pl_http_request *request;
	const char *method;
	const struct pl_url *url;
	const struct pl_http_headers *headers;
	const char *body;
	size_t body_len;
	bool write; /* must never be sent twice behind our back */
	int64_t timeout; /* ms, from now */
	void (*done)(struct pl_exchange *x);
	void *owner;

	/* the answer */
	struct pl_arena arena; /* of the headers */
	int status;
	struct pl_http_headers got;
	size_t got_bytes; /* of all headers and status lines */
	struct pl_buf content;
	bool failed;
	bool sent; /* the server may have seen the request */
	struct pl_err err;

	void *state; /* the transport's own */
};

/* Over a socket. `done` is called later, once, never from within start, unless
 * start says false, with x->err filled. Codes: host.library and the http ones. */
bool pl_http_curl_start(struct pl_exchange *x);
void pl_http_curl_stop(struct pl_exchange *x); /* `done` will not be called */

/* Fills x->err from libcurl's code and words. knows_sent: x->sent is certain.
 * trust: the CA file or directory, NULL for libcurl's own. */
void pl_http_trouble(struct pl_exchange *x, int code, const char *said, bool knows_sent,
    const char *trust);

/* To the router of the host. *taken: it answers, `done` is called later. Else the
 * exchange goes over the wire, where x->url now says. False: x->err was filled. */
bool pl_http_route_start(struct pl_exchange *x, bool *taken);
void pl_http_route_stop(struct pl_exchange *x); /* `done` will not be called */

/* What every transport hands in. False: x->err was filled, end the transfer. */
void pl_exchange_begin_answer(struct pl_exchange *x, int status);
bool pl_exchange_header(struct pl_exchange *x, const char *line, size_t n);
bool pl_exchange_content(struct pl_exchange *x, const void *bytes, size_t n);
void pl_exchange_reset(struct pl_exchange *x); /* ready for the next hop */
/* The value of a header that came, or NULL. */
const char *pl_exchange_got(const struct pl_exchange *x, const char *name);

/* ---- answers ----------------------------------------------------------- */

bool pl_http_expected(const struct pl_http_request *q, int status, bool *named);
/* ms that the server asks to be left alone, or -1: it says nothing. *limited: the
 * answer is a rate limit, whatever its status. */
int64_t pl_http_asked_wait(const struct pl_exchange *x, int64_t now, bool *limited);
/* {status, headers, body, json, url, took_ms, attempts} */
struct pl_value *pl_http_result(struct pl_arena *a, const struct pl_exchange *x,
    const char *url, int64_t took_ms, int attempts);
/* Fills err with http.status: the status, the start of the body, a hint. Always
 * false. */
bool pl_http_status_error(
    const struct pl_exchange *x, const char *shown, struct pl_err *err);

#endif
