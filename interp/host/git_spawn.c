/*
 * A remote in a directory whose hooks and settings must be kept: libgit2 knows
 * neither, the program git does. It runs `git receive-pack` on one end of a
 * socket pair, and libgit2's smart protocol speaks to it on the other.
 */
#include "git_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

extern char **environ;

enum { SLICE_MS = 200 };

struct stream {
	git_smart_subtransport_stream parent;
	struct pl_git_net *net;
	int fd;
	pid_t child;
};

struct way {
	git_smart_subtransport parent;
	struct pl_git_net *net;
	struct stream *stream; /* owned by libgit2's transport */
};

static bool ready(struct stream *s, short events)
{
	int64_t left = s->net->silence_ms;

	while (!s->net->cancelled && left > 0) {
		struct pollfd p = {.fd = s->fd, .events = events};
		int n = poll(&p, 1, SLICE_MS);

		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
		left -= SLICE_MS;
	}
	pl_git.error_set_str(GIT_ERROR_NET,
	    s->net->cancelled ? "cancelled" : "git receive-pack timed out");
	return false;
}

static int stream_read(
    git_smart_subtransport_stream *stream, char *to, size_t n, size_t *got)
{
	struct stream *s = (struct stream *)(void *)stream;
	ssize_t r;

	*got = 0;
	do {
		if (!ready(s, POLLIN))
			return -1;
		r = recv(s->fd, to, n, 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0 && errno != ECONNRESET)
		return -1;
	*got = r > 0 ? (size_t)r : 0;
	return 0;
}

static int stream_write(
    git_smart_subtransport_stream *stream, const char *from, size_t n)
{
	struct stream *s = (struct stream *)(void *)stream;

	while (n) {
		ssize_t w;

		if (!ready(s, POLLOUT))
			return -1;
		w = send(s->fd, from, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (w < 0 && errno != EINTR && errno != EAGAIN) {
			pl_git.error_set_str(
			    GIT_ERROR_NET, "git receive-pack closed the connection");
			return -1;
		}
		if (w < 0)
			continue;
		if (s->net->asked)
			s->net->sent += (size_t)w;
		from += w;
		n -= (size_t)w;
	}
	return 0;
}

static void stream_free(git_smart_subtransport_stream *stream)
{
	struct stream *s = (struct stream *)(void *)stream;
	struct way *way = (struct way *)(void *)stream->subtransport;
	int status;

	way->stream = NULL;
	close(s->fd);
	while (s->child > 0 && waitpid(s->child, &status, 0) < 0 && errno == EINTR)
		;
	free(s);
}

/* 0, or errno. Its complaints come by the protocol; stderr belongs to people. */
static int run(pid_t *child, int fd, const char *path)
{
	char *argv[] = {"git", "receive-pack", (char *)path, NULL};
	posix_spawn_file_actions_t files;
	int failed = posix_spawn_file_actions_init(&files);

	if (failed)
		return failed;
	failed = posix_spawn_file_actions_adddup2(&files, fd, 0);
	if (!failed)
		failed = posix_spawn_file_actions_adddup2(&files, fd, 1);
	if (!failed)
		failed = posix_spawn_file_actions_addopen(
		    &files, 2, "/dev/null", O_WRONLY, 0);
	if (!failed)
		failed = posix_spawnp(child, "git", &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	return failed;
}

static int start(struct stream **out, struct way *way)
{
	const char *path = pl_git_local_path(way->net->call->arena, way->net->url);
	struct stream *s;
	int ends[2], on = 1, failed;
	pid_t child = 0;

	if (!path || socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return -1;
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
#ifdef SO_NOSIGPIPE
	setsockopt(ends[0], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
	(void)on;
	failed = run(&child, ends[1], path);
	close(ends[1]);
	if (failed) {
		close(ends[0]);
		pl_fail(&way->net->why, "git.remote",
		    "\"%s\" has hooks or settings that only git itself keeps, and the "
		    "program git cannot be started: %s",
		    path, strerror(failed));
		return -1;
	}
	s = pl_alloc(sizeof *s);
	s->parent.subtransport = &way->parent;
	s->parent.read = stream_read;
	s->parent.write = stream_write;
	s->parent.free = stream_free;
	s->net = way->net;
	s->fd = ends[0];
	s->child = child;
	*out = s;
	return 0;
}

static int action(git_smart_subtransport_stream **out, git_smart_subtransport *parent,
    const char *url, git_smart_service_t service)
{
	struct way *way = (struct way *)(void *)parent;

	(void)url;
	if (service != GIT_SERVICE_RECEIVEPACK_LS && service != GIT_SERVICE_RECEIVEPACK)
		return -1;
	if (!way->stream && start(&way->stream, way) < 0)
		return -1;
	*out = &way->stream->parent;
	return 0;
}

static int way_close(git_smart_subtransport *parent)
{
	(void)parent;
	return 0;
}

static void way_free(git_smart_subtransport *parent)
{
	free((void *)parent);
}

static int way_new(git_smart_subtransport **out, git_transport *owner, void *net)
{
	struct way *way = pl_alloc(sizeof *way);

	(void)owner;
	way->parent.action = action;
	way->parent.close = way_close;
	way->parent.free = way_free;
	way->net = net;
	*out = &way->parent;
	return 0;
}

int pl_git_spawn(git_transport **out, git_remote *owner, void *net)
{
	git_smart_subtransport_definition ours = {.callback = way_new, .param = net};

	return pl_git.transport_smart(out, owner, &ours);
}
