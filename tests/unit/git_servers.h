/* git_server.py under a test's feet: started, its ports known, ended. */
#ifndef GIT_SERVERS_H
#define GIT_SERVERS_H

#include "git_case.h"

#include <sys/wait.h>

struct servers {
	pid_t pid;
	int hold; /* closed: they end */
	int http, daemon;
	int good, bad; /* https; 0 without good.pem and bad.pem */
};

static inline void start_servers(struct host_case *t, struct servers *s)
{
	char script[512], line[64] = "";
	int in[2], out[2];
	FILE *f;

	snprintf(script, sizeof script, "%s/tests/unit/git_server.py",
	    getenv("PIPE_ROOT") ? getenv("PIPE_ROOT") : ".");
	if (pipe(in) || pipe(out))
		abort();
	s->pid = fork();
	if (!s->pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execlp("python3", "python3", script, t->root, (char *)NULL);
		_exit(1);
	}
	close(in[0]);
	close(out[1]);
	s->hold = in[1];
	f = fdopen(out[0], "r");
	if (!fgets(line, sizeof line, f) ||
	    sscanf(line, "%d %d %d %d", &s->http, &s->daemon, &s->good, &s->bad) < 2)
		abort();
	fclose(f);
}

static inline void stop_servers(struct servers *s)
{
	int status;

	close(s->hold);
	waitpid(s->pid, &status, 0);
}

#endif
