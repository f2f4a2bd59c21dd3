/*
 * The way to a remote: sockets, credentials, certificates, and the words for
 * what went wrong. libgit2's own sockets wait for ever and raise SIGPIPE, so it
 * is given ours: they give up after a silence, and can be shut from the loop's
 * thread. Through ssh they serve for connecting only: libssh2 then reads the
 * descriptor itself, and waits as long as the connection lives (TCP keepalive
 * finds a dead one); cancelling works there, too. Looking up a name cannot be
 * cut short.
 */
#include "git_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: SO_NOSIGPIPE instead */
#endif

enum { CONNECT_MS = 20000, SLICE_MS = 200, KEEP_S = 20 };

/* libgit2 gives a new socket no payload. Each conversation keeps to one thread. */
static _Thread_local struct pl_git_net *current;

/* The first four members are libgit2's own layout: its ssh transport reads `fd`. */
struct socket {
	git_stream parent;
	char *host, *port;
	int fd;
	struct pl_git_net *net;
};

static int64_t ticks(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Fills net->why, so that the reason outlives libgit2's wrapping of it. */
static int give_up(struct socket *s, const char *fmt, ...) PL_PRINTF(2, 3);

static int give_up(struct socket *s, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	pl_git.error_set_str(GIT_ERROR_NET, text);
	if (s->net && !*s->net->why.code) {
		pl_fail(&s->net->why, "git.unreachable", "%s", text);
		s->net->why.retryable = true;
	}
	return -1;
}

/* ---- sockets ----------------------------------------------------------------- */

/* Waits until the socket can be read or written. */
static bool ready(struct socket *s, short events, int64_t limit)
{
	int64_t end = ticks() + limit;

	while (!s->net || !s->net->cancelled) {
		struct pollfd p = {.fd = s->fd, .events = events};
		int64_t left = end - ticks();
		int n;

		if (left <= 0) {
			give_up(s, "%s:%s does not answer: nothing came within %.0f s",
			    s->host, s->port, (double)limit / 1000);
			return false;
		}
		n = poll(&p, 1, left < SLICE_MS ? (int)left : SLICE_MS);
		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR) {
			give_up(s, "waiting for %s: %s", s->host, strerror(errno));
			return false;
		}
	}
	pl_git.error_set_str(GIT_ERROR_NET, "cancelled");
	return false;
}

static void set_fd(struct socket *s, int fd)
{
	s->fd = fd;
	if (!s->net)
		return;
	pthread_mutex_lock(&s->net->lock);
	s->net->fd = fd;
	pthread_mutex_unlock(&s->net->lock);
}

static void drop(struct socket *s)
{
	int fd = s->fd;

	if (fd < 0)
		return;
	set_fd(s, -1);
	close(fd);
}

static void arm(int fd)
{
	int on = 1, seconds = KEEP_S;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
#if defined(TCP_KEEPIDLE)
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
#elif defined(TCP_KEEPALIVE)
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPALIVE, &seconds, sizeof seconds);
#endif
#ifdef TCP_KEEPINTVL
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
#endif
#ifdef SO_NOSIGPIPE
	setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
}

static int64_t connect_limit(const struct socket *s)
{
	if (s->net && s->net->silence_ms < CONNECT_MS)
		return s->net->silence_ms;
	return CONNECT_MS;
}

/* 0, or errno; ECANCELED where net->why or the cancel flag says more. */
static int try_address(struct socket *s, const struct addrinfo *to)
{
	int fd = socket(to->ai_family, to->ai_socktype, to->ai_protocol);
	socklen_t n = sizeof(int);
	int failed = 0, flags;

	if (fd < 0)
		return errno;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	flags = fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	arm(fd);
	set_fd(s, fd);
	if (connect(fd, to->ai_addr, to->ai_addrlen)) {
		if (errno != EINPROGRESS)
			failed = errno;
		else if (!ready(s, POLLOUT, connect_limit(s)))
			failed = ECANCELED;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &n))
			failed = errno;
	}
	if (failed)
		drop(s);
	else
		fcntl(fd, F_SETFL, flags);
	return failed;
}

static int socket_connect(git_stream *stream)
{
	struct socket *s = (struct socket *)(void *)stream;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
	struct addrinfo *all = NULL;
	int rc = getaddrinfo(s->host, s->port, &hints, &all);
	int failed = ECONNREFUSED;

	if (rc)
		return give_up(s, "the name %s cannot be looked up: %s", s->host,
		    gai_strerror(rc));
	for (const struct addrinfo *p = all; p && failed; p = p->ai_next) {
		/* The last address's reason is the one to tell. */
		if (s->net)
			s->net->why = (struct pl_err){0};
		failed = try_address(s, p);
		if (s->net && s->net->cancelled)
			break;
	}
	freeaddrinfo(all);
	if (failed && failed != ECANCELED)
		return give_up(s, "%s:%s cannot be reached: %s", s->host, s->port,
		    strerror(failed));
	return failed ? -1 : 0;
}

static int64_t silence(const struct socket *s)
{
	return s->net ? s->net->silence_ms : CONNECT_MS;
}

static ssize_t socket_read(git_stream *stream, void *to, size_t n)
{
	struct socket *s = (struct socket *)(void *)stream;
	ssize_t got;

	do {
		if (!ready(s, POLLIN, silence(s)))
			return -1;
		got = recv(s->fd, to, n, 0);
	} while (got < 0 && (errno == EINTR || errno == EAGAIN));
	if (got < 0)
		give_up(s, "%s broke the connection: %s", s->host, strerror(errno));
	return got;
}

static ssize_t socket_write(git_stream *stream, const char *from, size_t n, int flags)
{
	struct socket *s = (struct socket *)(void *)stream;
	ssize_t put;

	(void)flags;
	do {
		if (!ready(s, POLLOUT, silence(s)))
			return -1;
		put = send(s->fd, from, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (put < 0 && (errno == EINTR || errno == EAGAIN));
	if (put < 0)
		give_up(s, "%s broke the connection: %s", s->host, strerror(errno));
	else if (s->net && s->net->asked)
		s->net->sent += (size_t)put;
	return put;
}

static int socket_close(git_stream *stream)
{
	drop((struct socket *)(void *)stream);
	return 0;
}

static void socket_free(git_stream *stream)
{
	struct socket *s = (struct socket *)(void *)stream;

	drop(s);
	free(s->host);
	free(s->port);
	free(s);
}

static int socket_new(git_stream **out, const char *host, const char *port)
{
	struct socket *s = pl_alloc(sizeof *s);

	s->parent.version = GIT_STREAM_VERSION;
	s->parent.connect = socket_connect;
	s->parent.read = socket_read;
	s->parent.write = socket_write;
	s->parent.close = socket_close;
	s->parent.free = socket_free;
	s->host = pl_strdup(host);
	s->port = pl_strdup(port);
	s->fd = -1;
	s->net = current;
	*out = &s->parent;
	return 0;
}

int pl_git_net_streams(void)
{
	git_stream_registration ours = {
	    .version = GIT_STREAM_VERSION, .init = socket_new};

	return pl_git.stream_register(GIT_STREAM_STANDARD, &ours);
}

/* Another thread than the one at work: the socket is shut, not closed. */
static void cancel(struct pl_call *call)
{
	struct pl_git_net *net = pl_git_job(call)->net;

	net->cancelled = true;
	pthread_mutex_lock(&net->lock);
	if (net->fd >= 0)
		shutdown(net->fd, SHUT_RDWR);
	pthread_mutex_unlock(&net->lock);
}

static bool at_work(struct pl_call *call)
{
	struct pl_git_net *net = pl_git_job(call)->net;
	bool ok;

	current = net;
	ok = net->work(call);
	current = NULL;
	pl_buf_fini(&net->said);
	return ok;
}

void pl_git_net_run(struct pl_call *call, bool (*work)(struct pl_call *call))
{
	pl_git_job(call)->net->work = work;
	call->cancel = cancel;
	pl_call_work(call, at_work);
}

/* ---- credentials and certificates ---------------------------------------------- */

enum { PASSWORD = 1, KEY_FILE = 2, AGENT = 4 };

static int refuse(struct pl_git_net *net)
{
	const char *url = pl_git_show_url(net->call->arena, net->url);

	if (net->offered)
		pl_fail(&net->why, "git.auth", "\"%s\" refuses the %s", url,
		    net->offered & PASSWORD       ? "user and password or token given"
		        : net->offered & KEY_FILE ? "ssh key given"
		                                  : "keys of the ssh agent");
	else
		pl_fail(&net->why, "git.auth",
		    "\"%s\" asks for a credential and none was given: see the options "
		    "token, password and key_file",
		    url);
	pl_git.error_set_str(GIT_ERROR_NET, net->why.msg);
	return GIT_EAUTH;
}

/* Offers each credential once: libgit2 asks until it is told to stop. */
static int credential(git_credential **out, const char *url, const char *from_url,
    unsigned allowed, void *arg)
{
	struct pl_git_net *net = arg;
	const char *user = from_url ? from_url : net->user;

	(void)url;
	if (allowed & GIT_CREDENTIAL_USERNAME)
		return pl_git.credential_username_new(out, user ? user : "git");
	if (allowed & GIT_CREDENTIAL_SSH_KEY && net->key_file &&
	    !(net->offered & KEY_FILE)) {
		net->offered |= KEY_FILE;
		return pl_git.credential_ssh_key_new(
		    out, user ? user : "git", NULL, net->key_file, net->passphrase);
	}
	if (allowed & GIT_CREDENTIAL_SSH_KEY && !net->key_file &&
	    !(net->offered & AGENT)) {
		net->offered |= AGENT;
		return pl_git.credential_ssh_key_from_agent(out, user ? user : "git");
	}
	if (allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT && net->password &&
	    !(net->offered & PASSWORD)) {
		net->offered |= PASSWORD;
		return pl_git.credential_userpass_plaintext_new(out,
		    net->user  ? net->user
		        : user ? user
		               : "",
		    net->password);
	}
	return refuse(net);
}

/* libgit2 has checked against the system's certificates or ~/.ssh/known_hosts
 * (before 1.5.1 it never finds ssh hosts valid): its word is final. */
static int certificate(git_cert *cert, int valid, const char *host, void *arg)
{
	struct pl_git_net *net = arg;
	const git_cert_hostkey *key;
	struct pl_buf print = {0};

	if (valid)
		return 0;
	if (cert && cert->cert_type == GIT_CERT_HOSTKEY_LIBSSH2) {
		key = (const git_cert_hostkey *)(const void *)cert;
		if (key->type & GIT_CERT_SSH_SHA256)
			pl_base64(&print, key->hash_sha256, sizeof key->hash_sha256);
		while (print.len && print.at[print.len - 1] == '=')
			print.at[--print.len] = '\0';
		pl_fail(&net->why, "git.certificate",
		    "the ssh host key of %s (SHA256:%s) is not the one in "
		    "~/.ssh/known_hosts, or is not there",
		    host, print.at ? print.at : "?");
	} else {
		pl_fail(&net->why, "git.certificate",
		    "the certificate of %s is not trusted: no known authority signed it "
		    "for that name and time (http.ca_file in pipe.yaml adds one)",
		    host);
	}
	pl_buf_fini(&print);
	pl_git.error_set_str(GIT_ERROR_SSL, net->why.msg);
	return GIT_ECERTIFICATE;
}

/* ---- what is told on the way ---------------------------------------------------- */

enum { SAID_MAX = 4096 };

static int sideband(const char *text, int n, void *arg)
{
	struct pl_git_net *net = arg;

	if (n > 0 && net->said.len + (size_t)n <= SAID_MAX)
		pl_buf_add(&net->said, text, (size_t)n);
	return net->cancelled ? -1 : 0;
}

static int received(const git_indexer_progress *progress, void *arg)
{
	struct pl_git_net *net = arg;

	(void)progress;
	return net->cancelled ? -1 : 0;
}

static int tip(const char *ref, const git_oid *from, const git_oid *to, void *arg)
{
	struct pl_git_net *net = arg;
	struct pl_arena *a = net->call->arena;
	struct pl_value *v;

	if (!net->updated)
		return 0;
	v = pl_map(a);
	pl_map_set(a, v, "ref", pl_text(a, ref));
	pl_map_set(a, v, "before",
	    pl_git.oid_is_zero(from) ? pl_null(a) : pl_git_sha(a, from));
	pl_map_set(
	    a, v, "after", pl_git.oid_is_zero(to) ? pl_null(a) : pl_git_sha(a, to));
	pl_list_add(a, net->updated, v);
	return 0;
}

/* What the remote has at this moment, by the conversation that pushes. From here
 * on the request may leave; the server compares the old value once more. */
static int negotiated(const git_push_update **updates, size_t n, void *arg)
{
	struct pl_git_net *net = arg;
	char found[PL_SHA + 1] = "";

	for (size_t i = 0; i < n; i++) {
		if (!pl_git.oid_is_zero(&updates[i]->src))
			pl_git_hex(found, &updates[i]->src);
		if (strcmp(found, net->expected)) {
			pl_fail(&net->why, "git.moved",
			    "%s of %s has moved: expected %s, found %s",
			    updates[i]->dst_refname, net->name,
			    *net->expected ? net->expected : "nothing",
			    *found ? found : "nothing");
			net->why.refused = true;
			return GIT_EUSER;
		}
	}
	if (net->cancelled)
		return GIT_EUSER;
	net->asked = true;
	return 0;
}

static int verdict(const char *ref, const char *status, void *arg)
{
	struct pl_git_net *net = arg;

	(void)ref;
	net->reported = true;
	if (status)
		net->verdict = pl_arena_text(net->call->arena, status, strlen(status));
	return 0;
}

void pl_git_net_callbacks(git_remote_callbacks *cb, struct pl_git_net *net)
{
	*cb = (git_remote_callbacks){.version = GIT_REMOTE_CALLBACKS_VERSION};
	cb->sideband_progress = sideband;
	cb->credentials = credential;
	cb->certificate_check = certificate;
	cb->transfer_progress = received;
	cb->update_tips = tip;
	cb->push_negotiation = negotiated;
	cb->push_update_reference = verdict;
	if (net->spawn)
		cb->transport = pl_git_spawn;
	cb->payload = net;
}

void pl_git_net_proxy(git_proxy_options *o, const struct pl_git_net *net)
{
	*o = (git_proxy_options){.version = GIT_PROXY_OPTIONS_VERSION};
	o->type = net->proxy ? GIT_PROXY_SPECIFIED : GIT_PROXY_AUTO;
	o->url = net->proxy;
}

/* ---- what went wrong ------------------------------------------------------------- */

/* libgit2 has few codes for the network: its texts must do. */
static const struct {
	const char *part, *code;
	bool retryable;
} reasons[] = {
    {"status code: 401", "git.auth", false},
    {"status code: 403", "git.auth", false},
    {"status code: 404", "git.remote", false},
    {"status code: 410", "git.remote", false},
    {"status code: 429", "git.unreachable", true},
    {"status code: 5", "git.unreachable", true},
    {"authentication", "git.auth", false},
    {"not owned by", "git.owner", false},
    {"ot found", "git.remote", false},
    {"not exported", "git.remote", false},
    {"does not exist", "git.remote", false},
    {"does not appear", "git.remote", false},
    {"ould not find repo", "git.remote", false},
    {"failed to resolve path", "git.remote", false},
    {"no such repo", "git.remote", false},
    {"access denied", "git.remote", false},
    {"unsupported URL", "git.remote", false},
    {"unknown scheme", "git.remote", false},
    {"alformed URL", "git.remote", false},
    {"content-type", "git.remote", false},
    {"redirect", "git.remote", false},
    {"EOF", "git.unreachable", true},
    {"failed to connect", "git.unreachable", true},
    {"resolve address", "git.unreachable", true},
    {"timed out", "git.unreachable", true},
    {"onnection", "git.unreachable", true},
    {"socket", "git.unreachable", true},
    {"SSH session", "git.unreachable", true},
};

bool pl_git_net_fail(struct pl_call *call, git_repository *repo, int rc)
{
	struct pl_git_net *net = pl_git_job(call)->net;
	const char *text = pl_git_message(call->arena);
	const char *url = pl_git_show_url(call->arena, net->url);

	if (net->cancelled)
		return pl_fail(&call->err, "cancelled", "stopped before it was done");
	if (*net->why.code) {
		call->err = net->why;
		return false;
	}
	if (rc == GIT_EAUTH)
		return pl_fail(&call->err, "git.auth", "\"%s\": %s", url, text);
	if (rc == GIT_ECERTIFICATE)
		return pl_fail(&call->err, "git.certificate", "\"%s\": %s", url, text);
	for (size_t i = 0; i < PL_COUNT(reasons); i++) {
		if (!strstr(text, reasons[i].part))
			continue;
		if (rc == GIT_ENOTFOUND && pl_git.repository_is_shallow(repo) == 1)
			break;
		pl_fail(&call->err, reasons[i].code, "\"%s\": %s", url, text);
		call->err.retryable = reasons[i].retryable;
		return false;
	}
	return pl_git_fail(call, repo, rc, "\"%s\"", url);
}
