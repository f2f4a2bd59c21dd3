#include "http.h"

#include "host_inner.h"
#include "lazy.h"

#include <ctype.h>
#include <curl/curl.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define CURL_API(X) \
	X(global_init) \
	X(easy_init) \
	X(easy_setopt) \
	X(easy_getinfo) \
	X(easy_reset) \
	X(easy_cleanup) \
	X(easy_strerror) \
	X(slist_append) \
	X(slist_free_all) \
	X(multi_init) \
	X(multi_setopt) \
	X(multi_add_handle) \
	X(multi_remove_handle) \
	X(multi_socket_action) \
	X(multi_info_read) \
	X(multi_cleanup)

static struct {
	PL_LAZY_FIELDS(curl_, CURL_API)
} curl;
static const char *const curl_names[] = {PL_LAZY_NAMES(curl_, CURL_API)};

/* A host's one multi handle: all transfers share its connections. */
struct wire {
	struct pl_host *host;
	CURLM *multi;
	uv_timer_t timer;
	uv_async_t alive; /* referenced while a transfer is under way */
	struct watch **watches; /* by socket; NULL: none yet */
	size_t watch_count;
	struct transfer *first, *last; /* waiting for their turn */
	size_t running;
	CURL *idle[PL_HTTP_INFLIGHT]; /* handles to be used again */
	size_t idle_count;
	int open_handles; /* of libuv, while closing */
	const char *ca_directory; /* the system's, hashed; NULL: none */
};

/* libuv's side of a socket number. It outlives the socket, and is used again for
 * the next one of that number: setting one up costs more than a request. */
struct watch {
	uv_poll_t poll;
	curl_socket_t socket;
	struct wire *wire;
	int events; /* watched now */
};

struct transfer {
	struct pl_exchange *x;
	struct wire *wire;
	struct transfer *next;
	CURL *easy; /* NULL: still waiting for its turn */
	struct curl_slist *headers;
	bool knows_sent; /* libcurl tells when the request goes out */
	bool content_begun;
	char trouble[CURL_ERROR_SIZE];
};

/* ---- from libcurl: what came --------------------------------------------- */

static size_t take_header(char *line, size_t one, size_t n, void *arg)
{
	struct transfer *t = arg;
	const char *space;

	(void)one;
	if (t->content_begun) /* trailers: nobody asked for them */
		return n;
	if (n > 5 && memcmp(line, "HTTP/", 5) == 0) {
		space = memchr(line, ' ', n);
		pl_exchange_begin_answer(t->x, space ? atoi(space + 1) : 0);
		t->x->got_bytes += n;
		return n;
	}
	return pl_exchange_header(t->x, line, n) ? n : 0;
}

static size_t take_content(char *bytes, size_t one, size_t n, void *arg)
{
	struct transfer *t = arg;

	(void)one;
	t->content_begun = true;
	return pl_exchange_content(t->x, bytes, n) ? n : 0;
}

/* Called when the connection stands and the request is about to go out: from
 * here on the server may have seen it. */
static int going_out(
    void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	struct transfer *t = arg;

	(void)remote_ip;
	(void)local_ip;
	(void)remote_port;
	(void)local_port;
	t->x->sent = true;
	return CURL_PREREQFUNC_OK;
}

/* ---- trust --------------------------------------------------------------- */

static bool is_hash_link(const char *name)
{
	size_t n = strspn(name, "0123456789abcdef");

	return n == 8 && name[8] == '.' && isdigit((unsigned char)name[9]);
}

/* A directory of hashed links is opened where it is needed only; a bundle is
 * read whole for the first connection, which takes eight times as long. */
static bool is_hashed(const char *directory)
{
	DIR *d = opendir(directory);
	const struct dirent *entry;
	bool found = false;

	if (!d)
		return false;
	while (!found && (entry = readdir(d)))
		found = is_hash_link(entry->d_name);
	closedir(d);
	return found;
}

/* The CA file or directory, or NULL: libcurl's own list. */
static const char *trust_of(const struct transfer *t)
{
	const struct pl_http_request *q = t->x->request;

	if (q->ca_file)
		return q->ca_file;
	return q->ca_directory ? q->ca_directory : t->wire->ca_directory;
}

/* Exactly one source of trust is set; the others of libcurl's build are cleared. */
static bool set_trust(struct transfer *t, struct pl_err *err)
{
	const struct pl_http_request *q = t->x->request;

	if (q->ca_file) {
		if (access(q->ca_file, R_OK))
			return pl_fail(err, "http.tls",
			    "the CA file \"%.200s\" cannot be read", q->ca_file);
		curl.easy_setopt(t->easy, CURLOPT_CAINFO, q->ca_file);
		curl.easy_setopt(t->easy, CURLOPT_CAPATH, NULL);
	} else if (trust_of(t) &&
	    !curl.easy_setopt(t->easy, CURLOPT_CAPATH, trust_of(t))) {
		curl.easy_setopt(t->easy, CURLOPT_CAINFO, NULL);
	}
	return true;
}

/* ---- to libcurl: the request --------------------------------------------- */

static bool carries_body(const struct pl_exchange *x)
{
	return x->body || !strcmp(x->method, "POST") || !strcmp(x->method, "PUT") ||
	    !strcmp(x->method, "PATCH");
}

static void add_line(struct transfer *t, struct pl_buf *line)
{
	struct curl_slist *more = curl.slist_append(t->headers, line->at);

	if (!more)
		abort(); /* out of memory */
	t->headers = more;
	pl_buf_reset(line);
}

/* libcurl looks through this list a dozen times for each request: nothing is in it
 * that need not be. */
static void set_headers(struct transfer *t)
{
	struct pl_buf line = {0};
	bool has_type = false;

	for (size_t i = 0; i < t->x->headers->len; i++) {
		const struct pl_http_header *h = &t->x->headers->at[i];
		bool empty = !h->value[strspn(h->value, " \t")];

		if (!empty && !strcasecmp(h->name, "user-agent")) {
			curl.easy_setopt(t->easy, CURLOPT_USERAGENT, h->value);
			continue;
		}
		/* "Name;" is how libcurl is told of an empty value. */
		if (empty)
			pl_buf_printf(&line, "%s;", h->name);
		else
			pl_buf_printf(&line, "%s: %s", h->name, h->value);
		add_line(t, &line);
		has_type = has_type || !strcasecmp(h->name, "content-type");
	}
	if (carries_body(t->x)) {
		if (!has_type) {
			pl_buf_puts(&line, "Content-Type:"); /* not libcurl's guess */
			add_line(t, &line);
		}
		pl_buf_puts(&line, "Expect:"); /* no second's wait before it */
		add_line(t, &line);
	}
	pl_buf_fini(&line);
	curl.easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static void set_method(struct transfer *t)
{
	const struct pl_exchange *x = t->x;
	bool carries = carries_body(x);

	if (!strcmp(x->method, "HEAD")) {
		curl.easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
		return;
	}
	if (carries) {
		curl.easy_setopt(t->easy, CURLOPT_POST, 1L);
		curl.easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)(x->body ? x->body_len : 0));
		curl.easy_setopt(t->easy, CURLOPT_POSTFIELDS, x->body ? x->body : "");
	}
	if (strcmp(x->method, carries ? "POST" : "GET"))
		curl.easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, x->method);
}

static void set_callbacks(struct transfer *t)
{
	curl.easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl.easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->trouble);
	curl.easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, take_header);
	curl.easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl.easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, take_content);
	curl.easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	t->knows_sent = !curl.easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, going_out) &&
	    !curl.easy_setopt(t->easy, CURLOPT_PREREQDATA, t);
}

static bool set_all(struct transfer *t, struct pl_err *err)
{
	const struct pl_exchange *x = t->x;
	const struct pl_http_request *q = x->request;
	int64_t connect =
	    q->connect_timeout < x->timeout ? q->connect_timeout : x->timeout;
	struct pl_arena scratch = {0};

	curl.easy_setopt(t->easy, CURLOPT_URL, pl_url_write(&scratch, x->url));
	pl_arena_fini(&scratch);
	set_callbacks(t);
	set_method(t);
	set_headers(t);
	curl.easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.easy_setopt(t->easy, CURLOPT_PATH_AS_IS, 1L);
	curl.easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl.easy_setopt(t->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl.easy_setopt(t->easy, CURLOPT_ACCEPT_ENCODING, "");
	curl.easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)x->timeout);
	curl.easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect);
	curl.easy_setopt(t->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* libcurl sends a request again, a POST too, when a kept connection turns
	 * out to be dead: a write gets a connection that nobody used before. */
	curl.easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, x->write ? 1L : 0L);
	/* Reads over HTTP/2 share one connection instead of opening many at once. */
	curl.easy_setopt(t->easy, CURLOPT_PIPEWAIT, x->url->tls && !x->write ? 1L : 0L);
	if (q->proxy)
		curl.easy_setopt(t->easy, CURLOPT_PROXY, q->proxy);
	if (q->no_proxy)
		curl.easy_setopt(t->easy, CURLOPT_NOPROXY, q->no_proxy);
	return !x->url->tls || set_trust(t, err);
}

/* ---- the life of a transfer ---------------------------------------------- */

static void give_back(struct wire *w, CURL *easy)
{
	if (w->idle_count < PL_COUNT(w->idle)) {
		curl.easy_reset(easy);
		w->idle[w->idle_count++] = easy;
	} else {
		curl.easy_cleanup(easy);
	}
}

static void free_transfer(struct transfer *t)
{
	if (t->easy)
		give_back(t->wire, t->easy);
	curl.slist_free_all(t->headers);
	t->x->state = NULL;
	free(t);
}

static bool launch(struct transfer *t)
{
	struct wire *w = t->wire;

	t->easy = w->idle_count ? w->idle[--w->idle_count] : curl.easy_init();
	if (!t->easy)
		return pl_fail(&t->x->err, "http.protocol", "libcurl gives no handle");
	if (!set_all(t, &t->x->err))
		return false;
	if (curl.multi_add_handle(w->multi, t->easy))
		return pl_fail(
		    &t->x->err, "http.protocol", "libcurl refuses the transfer");
	if (w->running++ == 0)
		uv_ref((uv_handle_t *)&w->alive);
	return true;
}

static void finish(struct transfer *t, bool failed)
{
	struct pl_exchange *x = t->x;

	free_transfer(t);
	x->failed = failed;
	x->done(x);
}

static void launch_waiting(struct wire *w)
{
	while (w->first && w->running < PL_HTTP_INFLIGHT) {
		struct transfer *t = w->first;

		w->first = t->next;
		if (!w->first)
			w->last = NULL;
		if (!launch(t))
			finish(t, true);
	}
}

static void take_off(struct transfer *t)
{
	struct wire *w = t->wire;

	curl.multi_remove_handle(w->multi, t->easy);
	if (--w->running == 0)
		uv_unref((uv_handle_t *)&w->alive);
}

/* Answers what has ended. Whoever is answered may start and stop other
 * transfers: nothing is held over from one message to the next. */
static void drain(struct wire *w)
{
	const CURLMsg *m;
	int left;

	while ((m = curl.multi_info_read(w->multi, &left))) {
		CURLcode code = m->data.result;
		CURL *easy = m->easy_handle;
		struct transfer *t = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl.easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
		take_off(t);
		if (code && !t->x->err.code[0])
			pl_http_trouble(t->x, (int)code,
			    *t->trouble ? t->trouble : curl.easy_strerror(code),
			    t->knows_sent, trust_of(t));
		finish(t, code != CURLE_OK);
		launch_waiting(w);
	}
}

/* ---- libuv drives libcurl ------------------------------------------------- */

static void timer_rang(uv_timer_t *timer)
{
	struct wire *w = timer->data;
	int running;

	curl.multi_socket_action(w->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	drain(w);
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
	struct wire *w = arg;

	(void)multi;
	if (ms < 0) {
		uv_timer_stop(&w->timer);
		return 0;
	}
	uv_update_time(w->timer.loop);
	uv_timer_start(&w->timer, timer_rang, (uint64_t)ms, 0);
	uv_unref((uv_handle_t *)&w->timer);
	return 0;
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
	struct watch *h = poll->data;
	struct wire *w = h->wire;
	int flags = status < 0 ? CURL_CSELECT_ERR : 0;
	int running;

	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	curl.multi_socket_action(w->multi, h->socket, flags, &running);
	drain(w);
}

static void watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static struct watch *open_watch(struct wire *w, curl_socket_t socket)
{
	struct watch *h = pl_alloc(sizeof *h);

	if (uv_poll_init_socket(pl_host_loop(w->host), &h->poll, socket)) {
		free(h);
		return NULL;
	}
	h->poll.data = h;
	h->socket = socket;
	h->wire = w;
	uv_unref((uv_handle_t *)&h->poll);
	return h;
}

static struct watch *watch_of(struct wire *w, curl_socket_t socket)
{
	size_t at = (size_t)socket;

	if (at >= w->watch_count) {
		size_t room = at + 64;

		w->watches = pl_realloc(w->watches, room * sizeof(void *));
		memset(w->watches + w->watch_count, 0,
		    (room - w->watch_count) * sizeof(void *));
		w->watch_count = room;
	}
	if (!w->watches[at])
		w->watches[at] = open_watch(w, socket);
	return w->watches[at];
}

static int watch_socket(
    CURL *easy, curl_socket_t socket, int what, void *arg, void *socket_arg)
{
	struct watch *h = watch_of(arg, socket);
	int events = 0;

	(void)easy;
	(void)socket_arg;
	if (!h)
		return -1;
	if (what != CURL_POLL_REMOVE && (what & CURL_POLL_IN))
		events |= UV_READABLE;
	if (what != CURL_POLL_REMOVE && (what & CURL_POLL_OUT))
		events |= UV_WRITABLE;
	if (events == h->events)
		return 0;
	h->events = events;
	if (events)
		uv_poll_start(&h->poll, events, socket_ready);
	else
		uv_poll_stop(&h->poll);
	return 0;
}

/* ---- the wire ------------------------------------------------------------- */

static void wire_closed(uv_handle_t *handle)
{
	struct wire *w = handle->data;

	if (--w->open_handles == 0)
		free(w);
}

/* No transfer is left: the host ended them all. */
static void free_wire(struct pl_host *h, void *state)
{
	struct wire *w = state;

	(void)h;
	for (size_t i = 0; i < w->idle_count; i++)
		curl.easy_cleanup(w->idle[i]);
	curl.multi_cleanup(w->multi); /* lets go of its sockets through watch_socket */
	for (size_t i = 0; i < w->watch_count; i++)
		if (w->watches[i])
			uv_close((uv_handle_t *)&w->watches[i]->poll, watch_closed);
	free(w->watches);
	w->open_handles = 2;
	uv_close((uv_handle_t *)&w->timer, wire_closed);
	uv_close((uv_handle_t *)&w->alive, wire_closed);
}

static void set_multi(struct wire *w)
{
	curl.multi_setopt(w->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl.multi_setopt(w->multi, CURLMOPT_SOCKETDATA, w);
	curl.multi_setopt(w->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl.multi_setopt(w->multi, CURLMOPT_TIMERDATA, w);
	curl.multi_setopt(w->multi, CURLMOPT_MAXCONNECTS, (long)PL_HTTP_INFLIGHT);
}

static const char wire_key;

static struct wire *wire_of(struct pl_host *h, struct pl_err *err)
{
	struct wire *w = pl_host_kept(h, &wire_key);
	CURLM *multi;

	if (w)
		return w;
	if (!pl_lazy_open(PL_LIBCURL, &curl, curl_names, PL_COUNT(curl_names), err))
		return NULL;
	curl.global_init(CURL_GLOBAL_DEFAULT);
	multi = curl.multi_init();
	if (!multi) {
		pl_fail(err, "http.protocol", "libcurl does not start");
		return NULL;
	}
	w = pl_alloc(sizeof *w);
	w->host = h;
	w->multi = multi;
	w->ca_directory = is_hashed("/etc/ssl/certs") ? "/etc/ssl/certs" : NULL;
	uv_timer_init(pl_host_loop(h), &w->timer);
	uv_async_init(pl_host_loop(h), &w->alive, NULL);
	uv_unref((uv_handle_t *)&w->timer);
	uv_unref((uv_handle_t *)&w->alive);
	w->timer.data = w->alive.data = w;
	set_multi(w);
	pl_host_keep(h, &wire_key, w, free_wire);
	return w;
}

static void wait_turn(struct wire *w, struct transfer *t)
{
	if (w->last)
		w->last->next = t;
	else
		w->first = t;
	w->last = t;
}

bool pl_http_curl_start(struct pl_exchange *x)
{
	struct wire *w = wire_of(x->host, &x->err);
	struct transfer *t;

	if (!w)
		return false;
	t = pl_alloc(sizeof *t);
	t->x = x;
	t->wire = w;
	x->state = t;
	if (w->running >= PL_HTTP_INFLIGHT) {
		wait_turn(w, t);
		return true;
	}
	if (launch(t))
		return true;
	free_transfer(t);
	return false;
}

static void leave_queue(struct wire *w, struct transfer *t)
{
	struct transfer *before = NULL;

	for (struct transfer *i = w->first; i; before = i, i = i->next) {
		if (i != t)
			continue;
		*(before ? &before->next : &w->first) = t->next;
		if (w->last == t)
			w->last = before;
		return;
	}
}

void pl_http_curl_stop(struct pl_exchange *x)
{
	struct transfer *t = x->state;
	struct wire *w;

	if (!t)
		return;
	w = t->wire;
	if (t->easy)
		take_off(t);
	else
		leave_queue(w, t);
	free_transfer(t);
	launch_waiting(w);
}
