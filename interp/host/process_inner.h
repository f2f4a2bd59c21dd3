/* A child process, as process.c (its life) and process_answer.c (what is said of it)
 * share it. */
#ifndef PL_PROCESS_INNER_H
#define PL_PROCESS_INNER_H

#include "host_inner.h"
#include "process.h"

enum {
	CHUNK = 64 << 10, /* read at once, and the longest piece of a line */
	TAIL = 4 << 10, /* kept of a stream's end when it is too long */
	GRACE = 250, /* ms that the streams may stay open after the exit */
	TICK = 50, /* ms between two looks at a group that is to end */
	TERM_TIME = 2000, /* ms between SIGTERM and SIGKILL */
	GIVE_UP = 7000 /* ms after SIGTERM: not even SIGKILL helped */
};

enum pl_reason { BY_ITSELF, BY_TIMEOUT, BY_CANCEL, BY_SIZE };

struct pl_stream {
	struct pl_child *child;
	const char *name;
	uv_pipe_t pipe;
	bool opened, closed;

	char *at; /* what is kept: the first max_bytes */
	size_t len, cap;
	uint64_t total;
	char *line; /* a line not yet complete, of at most CHUNK bytes */
	size_t line_n;
	bool inside; /* pieces of this line were delivered before */
	char tail[TAIL];
	size_t tail_n;
};

struct pl_child {
	struct pl_op op;
	struct pl_call *call;
	struct pl_command command;
	uv_process_t process;
	uv_timer_t timer;
	struct pl_stream in, out, err;
	uv_write_t write;
	unsigned handles; /* still to be closed */

	struct pl_value *instead; /* what runs for a simulated world, or NULL */
	struct pl_timer *wait; /* the time that it takes there */
	int64_t started; /* monotonic, ms */
	uint64_t ended_at; /* loop's ms: SIGTERM was sent */
	enum pl_reason reason;
	bool spawned, exited, late, killed, answering;
	int64_t status;
	int signal;
	char chunk[CHUNK];
};

/* All handles are closed: answers the call and frees the child, in a simulated
 * world after the time that the program would have taken. */
void pl_child_answer(struct pl_child *c);
void pl_child_free(struct pl_child *c);

#endif
