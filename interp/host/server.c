#include "host.h"

#include "lazy.h"
#include "server_cgi.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <uv.h>

#define MHD_API(X) \
	X(start_daemon) \
	X(stop_daemon) \
	X(get_daemon_info) \
	X(get_connection_values) \
	X(create_response_from_buffer) \
	X(add_response_header) \
	X(queue_response) \
	X(destroy_response)

static struct {
	PL_LAZY_FIELDS(MHD_, MHD_API)
} mhd;
static const char *const mhd_names[] = {PL_LAZY_NAMES(MHD_, MHD_API)};

enum { MOST_BODY = 64 * 1024 * 1024 };

struct pl_server {
	struct MHD_Daemon *daemon;
	int port;
	int stop[2]; /* closing the second ends every wait on the server's thread */
	void (*serve)(void *arg, struct pl_arena *a, const struct pl_value *request,
	    struct pl_value **answer);
	void *arg;
};

/* One request that is coming in. */
struct incoming {
	char *url; /* as received */
	struct pl_buf body;
	bool begun, too_large;
};

/* ---- what comes in -------------------------------------------------------- */

/* libmicrohttpd calls this with the request line, before it takes it apart. What
 * it returns is handed to the other callbacks. */
static void *request_line(void *arg, const char *uri, struct MHD_Connection *connection)
{
	struct incoming *in = pl_alloc(sizeof *in);

	(void)arg;
	(void)connection;
	in->url = pl_strdup(uri);
	return in;
}

static void request_ended(void *arg, struct MHD_Connection *connection, void **state,
    enum MHD_RequestTerminationCode why)
{
	struct incoming *in = *state;

	(void)arg;
	(void)connection;
	(void)why;
	*state = NULL;
	if (!in)
		return;
	free(in->url);
	pl_buf_fini(&in->body);
	free(in);
}

struct headers {
	struct pl_arena *arena;
	struct pl_value *map;
};

static enum MHD_Result take_header(
    void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct headers *h = arg;
	char *key = pl_arena_printf(h->arena, "%s", name);
	const char *before;

	(void)kind;
	for (char *c = key; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	before = pl_get_text(h->map, key, NULL);
	if (!value)
		value = "";
	pl_map_set(h->arena, h->map, key,
	    before ? pl_textf(h->arena, "%s, %s", before, value)
	           : pl_text(h->arena, value));
	return MHD_YES;
}

static struct pl_value *request_value(struct pl_arena *a,
    struct MHD_Connection *connection, const char *method, const struct incoming *in)
{
	struct headers h = {.arena = a, .map = pl_map(a)};
	struct pl_value *v = pl_map(a);

	mhd.get_connection_values(connection, MHD_HEADER_KIND, take_header, &h);
	pl_map_set(a, v, "method", pl_text(a, method));
	pl_map_set(a, v, "url", pl_text(a, in->url));
	pl_map_set(a, v, "path", pl_textn(a, in->url, strcspn(in->url, "?")));
	pl_map_set(a, v, "headers", h.map);
	pl_map_set(
	    a, v, "body", pl_textn(a, in->body.at ? in->body.at : "", in->body.len));
	return v;
}

/* ---- what goes out -------------------------------------------------------- */

/* Headers that frame the answer are libmicrohttpd's own. */
static bool is_framing(const char *name)
{
	return !strcasecmp(name, "content-length") || !strcasecmp(name, "connection") ||
	    !strcasecmp(name, "transfer-encoding");
}

static void add_header(
    struct MHD_Response *response, const char *name, const struct pl_value *v)
{
	struct pl_buf number = {0};

	if (v->kind == PL_INT) {
		pl_buf_printf(&number, "%lld", (long long)v->as.whole);
		mhd.add_response_header(response, name, number.at);
		pl_buf_fini(&number);
	} else if (v->kind == PL_TEXT) {
		/* Refuses line breaks; the header is then left out. */
		mhd.add_response_header(response, name, v->as.text.at);
	} else if (v->kind == PL_LIST) {
		for (uint32_t i = 0; i < v->as.list.len; i++)
			if (v->as.list.at[i]->kind != PL_LIST)
				add_header(response, name, v->as.list.at[i]);
	}
}

static enum MHD_Result send_answer(
    struct MHD_Connection *connection, const struct pl_value *answer)
{
	const struct pl_value *headers = pl_get(answer, "headers");
	const struct pl_value *body = pl_get(answer, "body");
	int64_t status = pl_get_int(answer, "status", 200);
	bool has = body && body->kind == PL_TEXT;
	struct MHD_Response *response;
	enum MHD_Result queued;

	response = mhd.create_response_from_buffer(has ? body->as.text.len : 0,
	    (void *)(uintptr_t)(has ? body->as.text.at : ""), MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	for (uint32_t i = 0;
	     headers && headers->kind == PL_MAP && i < headers->as.map.len; i++)
		if (!is_framing(headers->as.map.at[i].key))
			add_header(response, headers->as.map.at[i].key,
			    headers->as.map.at[i].value);
	if (status < 200 || status > 999)
		status = 500;
	queued = mhd.queue_response(connection, (unsigned)status, response);
	mhd.destroy_response(response);
	return queued;
}

static enum MHD_Result send_text(
    struct MHD_Connection *connection, struct pl_arena *a, int status, const char *text)
{
	struct pl_value *answer = pl_map(a), *headers = pl_map(a);

	pl_map_set(a, headers, "Content-Type", pl_text(a, "text/plain; charset=utf-8"));
	pl_map_set(a, answer, "status", pl_int(a, status));
	pl_map_set(a, answer, "headers", headers);
	pl_map_set(a, answer, "body", pl_textf(a, "%s\n", text));
	return send_answer(connection, answer);
}

/* A real pause; ends early when the server does. */
static void linger(const struct pl_server *s, int64_t ms)
{
	struct pollfd p = {.fd = s->stop[0], .events = POLLIN};

	if (ms > 0)
		poll(&p, 1, ms < 3600000 ? (int)ms : 3600000);
}

static enum MHD_Result answer_request(struct pl_server *s, struct pl_arena *a,
    struct MHD_Connection *connection, const struct pl_value *request)
{
	struct pl_value *answer = NULL;
	const struct pl_value *cgi, *body;
	struct pl_err err = {0};
	bool lost;

	s->serve(s->arg, a, request, &answer);
	if (!answer)
		return send_text(connection, a, 500, "no answer");
	linger(s, pl_get_int(answer, "sleep_ms", 0));
	if (pl_get_bool(answer, "drop", false) || pl_get(answer, "error"))
		return MHD_NO; /* closes the connection */
	cgi = pl_get(answer, "cgi");
	if (pl_is_null(cgi))
		return send_answer(connection, answer);
	lost = pl_get_bool(answer, "lost", false);
	body = pl_get(answer, "body");
	if (pl_is_null(body))
		body = pl_get(request, "body");
	if (!pl_cgi_run(&answer, a, cgi, request, body, s->stop[0], &err))
		return send_text(connection, a, 502, err.msg);
	return lost ? MHD_NO : send_answer(connection, answer);
}

static bool announces_too_much(struct MHD_Connection *connection)
{
	struct pl_arena a = {0};
	struct headers h = {.arena = &a, .map = pl_map(&a)};
	const char *length;
	bool much;

	mhd.get_connection_values(connection, MHD_HEADER_KIND, take_header, &h);
	length = pl_get_text(h.map, "content-length", "0");
	much = strtoull(length, NULL, 10) > MOST_BODY;
	pl_arena_fini(&a);
	return much;
}

/* Called once at the header, for each piece of the body, and once at the end. */
static enum MHD_Result handle(void *arg, struct MHD_Connection *connection,
    const char *path, const char *method, const char *version, const char *data,
    size_t *size, void **state)
{
	struct pl_server *s = arg;
	struct incoming *in = *state;
	struct pl_arena a = {0};
	enum MHD_Result result;

	(void)path;
	(void)version;
	if (!in->begun) {
		in->begun = true;
		if (!announces_too_much(connection))
			return MHD_YES;
		in->too_large = true;
	} else if (*size > 0) {
		in->too_large = in->too_large || in->body.len + *size > MOST_BODY;
		if (!in->too_large)
			pl_buf_add(&in->body, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (in->too_large)
		result = send_text(connection, &a, 413, "more than 64 MiB");
	else
		result = answer_request(
		    s, &a, connection, request_value(&a, connection, method, in));
	pl_arena_fini(&a);
	return result;
}

/* ---- life ----------------------------------------------------------------- */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool read_address(
    union address *out, const char *address, int port, struct pl_err *err)
{
	memset(out, 0, sizeof *out);
	if (port < 0 || port > 65535)
		return pl_fail(err, "server.bind", "the port %d does not exist", port);
	if (inet_pton(AF_INET, address, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons((uint16_t)port);
		return true;
	}
	if (inet_pton(AF_INET6, address, &out->v6.sin6_addr) == 1) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons((uint16_t)port);
		return true;
	}
	return pl_fail(
	    err, "server.bind", "\"%.100s\" is not an address like 127.0.0.1", address);
}

static struct MHD_Daemon *start_daemon(struct pl_server *s, union address *where)
{
	/* No Date: the world's time is another one. */
	unsigned flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD |
	    MHD_USE_SUPPRESS_DATE_NO_CLOCK;

	if (where->any.sa_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	return mhd.start_daemon(flags, 0, NULL, NULL, handle, s, MHD_OPTION_SOCK_ADDR,
	    &where->any, MHD_OPTION_URI_LOG_CALLBACK, request_line, s,
	    MHD_OPTION_NOTIFY_COMPLETED, request_ended, s,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)256 * 1024,
	    MHD_OPTION_CONNECTION_TIMEOUT, 120U, MHD_OPTION_END);
}

static void free_server(struct pl_server *s)
{
	for (int i = 0; i < 2; i++)
		if (s->stop[i] >= 0)
			close(s->stop[i]);
	free(s);
}

struct pl_server *pl_server_start(const char *address, int port,
    void (*serve)(void *arg, struct pl_arena *a, const struct pl_value *request,
        struct pl_value **answer),
    void *arg, struct pl_err *err)
{
	struct pl_server *s;
	union address where;
	const union MHD_DaemonInfo *info;

	if (!read_address(&where, address, port, err) ||
	    !pl_lazy_open(PL_LIBMICROHTTPD, &mhd, mhd_names, PL_COUNT(mhd_names), err))
		return NULL;
	s = pl_alloc(sizeof *s);
	s->serve = serve;
	s->arg = arg;
	s->stop[0] = s->stop[1] = -1;
	errno = 0;
	if (uv_pipe(s->stop, 0, 0) == 0)
		s->daemon = start_daemon(s, &where);
	if (!s->daemon) {
		pl_fail(err, "server.bind", "cannot listen on %.100s port %d: %s",
		    address, port, errno ? strerror(errno) : "no reason given");
		free_server(s);
		return NULL;
	}
	info = mhd.get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
	s->port = info ? info->port : port;
	return s;
}

int pl_server_port(const struct pl_server *s)
{
	return s->port;
}

void pl_server_stop(struct pl_server *s)
{
	if (!s)
		return;
	close(s->stop[1]); /* wakes whoever lingers; MHD then joins its thread */
	s->stop[1] = -1;
	mhd.stop_daemon(s->daemon);
	free_server(s);
}
