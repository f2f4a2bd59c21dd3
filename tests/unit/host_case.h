/* What the tests of host/ share: a project's directory of its own, and a call
 * that is driven to its end. */
#ifndef HOST_CASE_H
#define HOST_CASE_H

#include "../../interp/host/host.h"
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct host_case {
	char root[64];
	struct pl_host *host;
	struct pl_arena arena;
	struct pl_value *overlay; /* NULL: not a dry-run */
	struct pl_buf lines; /* "stdout: …\n" for each call of output */
	size_t pieces;
	int64_t cancel_after; /* ms on the host's clock; 0: never */
	struct pl_call call;
	int finished;
};

static inline void case_init(struct host_case *t)
{
	struct pl_err err;

	memset(t, 0, sizeof *t);
	strcpy(t->root, "/tmp/pl-test-XXXXXX");
	if (!mkdtemp(t->root))
		abort();
	t->host = pl_host_new(t->root, &err);
	if (!t->host)
		abort();
}

static inline void case_fini(struct host_case *t)
{
	char command[128];

	pl_host_free(t->host);
	pl_arena_fini(&t->arena);
	pl_buf_fini(&t->lines);
	snprintf(command, sizeof command, "rm -rf '%s'", t->root);
	if (system(command))
		abort();
}

static inline void case_finished(struct pl_call *call)
{
	struct host_case *t = call->owner;

	t->finished++;
}

static inline void case_output(
    struct pl_call *call, const char *stream, const char *line, size_t n)
{
	struct host_case *t = call->owner;

	t->pieces++;
	if (n > 200)
		pl_buf_printf(&t->lines, "%s: %zu bytes\n", stream, n);
	else
		pl_buf_printf(&t->lines, "%s: %.*s\n", stream, (int)n, line);
}

static inline const struct pl_row *case_row(const struct pl_row *rows, const char *name)
{
	while (rows->name && strcmp(rows->name, name) != 0)
		rows++;
	if (!rows->name)
		abort();
	return rows;
}

static inline int64_t case_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Prepares t->call; args is JSON. */
static inline struct pl_call *case_call(
    struct host_case *t, const struct pl_row *row, const char *args)
{
	struct pl_value *v = NULL;
	struct pl_err err;

	if (!pl_json_parse(&v, &t->arena, args, strlen(args), &err)) {
		printf("FAIL %s: %s\n", args, err.msg);
		abort();
	}
	pl_buf_reset(&t->lines);
	t->pieces = 0;
	t->finished = 0;
	t->call = (struct pl_call){.host = t->host,
	    .row = row,
	    .arena = &t->arena,
	    .args = v,
	    .class = row ? row->class : PL_READ,
	    .overlay = t->overlay,
	    .finished = case_finished,
	    .output = case_output,
	    .owner = t};
	return &t->call;
}

static inline void case_cancel(void *arg)
{
	struct host_case *t = arg;

	if (!t->finished)
		pl_call_cancel(&t->call);
}

/* Drives the call that `start` began to its end. */
static inline struct pl_value *case_drive(
    struct host_case *t, void (*start)(struct pl_call *))
{
	if (t->cancel_after)
		pl_timer_start(t->host, t->cancel_after, case_cancel, t);
	start(&t->call);
	while (!t->finished) {
		if (!pl_host_turn(t->host) && !t->finished) {
			printf("FAIL the host is idle, the call is not finished\n");
			abort();
		}
	}
	return t->call.failed ? NULL : t->call.result;
}

static inline struct pl_value *case_run(
    struct host_case *t, const struct pl_row *rows, const char *name, const char *args)
{
	const struct pl_row *row = case_row(rows, name);

	case_call(t, row, args);
	return case_drive(t, row->start);
}

#endif
