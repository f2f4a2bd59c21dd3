/*
 * The sockets of libgit2. Its own wait for ever and raise SIGPIPE, so it is given
 * ours: they give up after a silence, and can be shut from the loop's thread.
 * Through ssh they serve for connecting only: libssh2 then reads the descriptor
 * itself, without a limit; a timer of the loop shuts the socket when nothing was
 * heard for too long. Looking up a name cannot be cut short.
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

/* ---- the conversation ----------------------------------------------------------- */

/* Another thread than the one at work: the socket is shut, not closed. */
static void shut(struct pl_git_net *net)
{
	pthread_mutex_lock(&net->lock);
	if (net->fd >= 0)
		shutdown(net->fd, SHUT_RDWR);
	pthread_mutex_unlock(&net->lock);
}

static void cancel(struct pl_call *call)
{
	struct pl_git_net *net = pl_git_job(call)->net;

	net->cancelled = true;
	shut(net);
}

void pl_git_net_heard(struct pl_git_net *net)
{
	net->heard = ticks();
}

/* Only for ssh, where nobody else looks at the clock. */
static void watch(void *arg)
{
	struct pl_git_net *net = arg;
	int64_t left = net->silence_ms - (ticks() - net->heard);

	net->watch = NULL;
	if (left <= 0) {
		net->silent = true;
		shut(net);
	} else {
		net->watch = pl_timer_start(net->call->host, left, watch, net);
	}
}

static void finished(struct pl_call *call)
{
	struct pl_git_net *net = pl_git_job(call)->net;

	pl_timer_stop(net->watch);
	call->finished = net->finished;
	call->finished(call);
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

/* With a virtual clock timers tell nothing about the outside. */
void pl_git_net_run(struct pl_call *call, bool (*work)(struct pl_call *call))
{
	struct pl_git_net *net = pl_git_job(call)->net;

	net->work = work;
	net->finished = call->finished;
	call->finished = finished;
	call->cancel = cancel;
	pl_git_net_heard(net);
	if (pl_git_net_is_ssh(net) && !pl_host_is_virtual(call->host))
		net->watch = pl_timer_start(call->host, net->silence_ms, watch, net);
	pl_call_work(call, at_work);
}
