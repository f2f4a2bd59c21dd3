/* What can be told of ssh without an ssh server: nobody there, a server that is none,
 * one that keeps silent, and stopping. */
#include "git_servers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* libgit2 1.5 loses the path of ~/.ssh/known_hosts at each connection. Here only: in
 * the other tests a leak inside libgit2 is one that we made. */
/* The sanitizer looks it up by name: hidden, it would not be found. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libgit2";
}

/* Listens and never says a word; *port is where. */
static int listen_mutely(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) || listen(fd, 9) ||
	    getsockname(fd, (struct sockaddr *)&a, &n))
		abort();
	*port = ntohs(a.sin_port);
	return fd;
}

int main(void)
{
	int port, mute = listen_mutely(&port);

	struct host_case t_, *t = &t_;
	struct servers s;

	git_home();
	git_case(t, "ssh that does not come about");
	sh(t, "git init -q .");
	start_servers(t, &s);
	CHECK_FAILS(
	    git(t, "git.ls_remote", "{\"remote\":\"ssh://git@127.0.0.1:1/o.git\"}"),
	    "git.unreachable", "127.0.0.1");
	CHECK(t->call.err.retryable);
	CHECK_FAILS(git(t, "git.ls_remote",
	                "{\"remote\":\"ssh://git@127.0.0.1:%d/o.git\",\"timeout\":300}",
	                s.http),
	    "git.unreachable", "127.0.0.1");
	CHECK_FAILS(
	    git(t, "git.ls_remote",
	        "{\"remote\":\"ssh://git@127.0.0.1:%d/o.git\",\"timeout\":300}", port),
	    "git.unreachable", "0.3 s");
	CHECK(t->call.err.retryable);
	t->cancel_after = 100;
	CHECK_FAILS(git(t, "git.ls_remote",
	                "{\"remote\":\"ssh://git@127.0.0.1:%d/o.git\"}", port),
	    "cancelled", "");
	close(mute);
	stop_servers(&s);
	case_fini(t);
	git_home_fini();
	return check_end();
}
