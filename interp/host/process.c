#include "process_inner.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- closing -------------------------------------------------------------- */

static void handle_closed(uv_handle_t *handle)
{
	struct pl_child *c = handle->data;

	if (--c->handles == 0)
		pl_child_answer(c);
}

static void deliver(struct pl_stream *s, const char *line, size_t n)
{
	struct pl_call *call = s->child->call;

	if (call->output && !pl_arg_flag(call, "quiet"))
		call->output(call, s->name, line, n);
}

static void close_stream(struct pl_stream *s)
{
	if (!s->opened || s->closed)
		return;
	s->closed = true;
	if (s->line_n)
		deliver(s, s->line, s->line_n);
	s->line_n = 0;
	uv_close((uv_handle_t *)&s->pipe, handle_closed);
}

static void finish(struct pl_child *c)
{
	if (c->answering)
		return;
	c->answering = true;
	close_stream(&c->in);
	close_stream(&c->out);
	close_stream(&c->err);
	uv_close((uv_handle_t *)&c->timer, handle_closed);
	if (c->spawned)
		uv_close((uv_handle_t *)&c->process, handle_closed);
}

/* ---- ending --------------------------------------------------------------- */

/* The child leads a group of its own: grandchildren hear it as well. */
static void signal_group(struct pl_child *c, int number)
{
	if (kill(-c->process.pid, number) && !c->exited)
		kill(c->process.pid, number);
}

static bool group_is_gone(const struct pl_child *c)
{
	return c->exited && kill(-c->process.pid, 0) != 0;
}

static void grace_is_over(uv_timer_t *timer)
{
	struct pl_child *c = timer->data;

	if (c->late) {
		finish(c);
		return;
	}
	/* If the loop was held up, what the child wrote waits to be read:
	 * timers come before that, so once more round. */
	c->late = true;
	uv_timer_start(timer, grace_is_over, 1, 0);
}

/* Called whenever the exit or the end of a stream was seen. */
static void look(struct pl_child *c)
{
	if (!c->exited)
		return;
	if (c->reason == BY_ITSELF && c->out.closed && c->err.closed)
		finish(c);
	else if (c->reason == BY_ITSELF && !c->answering)
		/* A grandchild that stayed behind may hold the streams. */
		uv_timer_start(&c->timer, grace_is_over, GRACE, 0);
}

static void tick(uv_timer_t *timer)
{
	struct pl_child *c = timer->data;
	uint64_t waited = uv_now(timer->loop) - c->ended_at;

	if (group_is_gone(c) || waited >= GIVE_UP || (c->killed && c->exited)) {
		finish(c);
	} else if (waited >= TERM_TIME && !c->killed) {
		c->killed = true;
		signal_group(c, SIGKILL);
	}
}

static void end_group(struct pl_child *c, enum pl_reason reason)
{
	if (c->reason != BY_ITSELF || c->answering)
		return;
	if (c->exited && reason != BY_SIZE)
		return; /* it is done; only the grace is left */
	c->reason = reason;
	c->ended_at = uv_now(c->timer.loop);
	signal_group(c, SIGTERM);
	uv_timer_start(&c->timer, tick, TICK, TICK);
}

static void timed_out(uv_timer_t *timer)
{
	end_group(timer->data, BY_TIMEOUT);
}

static void cancel_child(struct pl_op *op)
{
	end_group((struct pl_child *)(void *)op, BY_CANCEL);
}

static void exited(uv_process_t *process, int64_t status, int signal)
{
	struct pl_child *c = process->data;

	c->exited = true;
	c->status = status;
	c->signal = signal;
	look(c);
}

/* ---- streams -------------------------------------------------------------- */

/* Not realloc: what it leaves behind would not be wiped. */
static void keep(struct pl_stream *s, const char *bytes, size_t n)
{
	size_t max = s->child->command.max_bytes;
	size_t fits = n < max - s->len ? n : max - s->len;

	if (s->len + fits > s->cap) {
		size_t cap = 2 * s->cap > s->len + fits ? 2 * s->cap : s->len + fits;
		char *larger;

		cap = cap < max ? cap : max;
		larger = pl_alloc(cap);
		if (s->at) {
			memcpy(larger, s->at, s->len);
			pl_wipe(s->at, s->cap);
			free(s->at);
		}
		s->at = larger;
		s->cap = cap;
	}
	if (fits)
		memcpy(s->at + s->len, bytes, fits);
	s->len += fits;
	s->total += n;
}

/* The end of a stream that is longer than what is kept of it. */
static void keep_tail(struct pl_stream *s, const char *bytes, size_t n)
{
	size_t old;

	if (s->total <= s->child->command.max_bytes)
		return;
	if (n > TAIL) {
		bytes += n - TAIL;
		n = TAIL;
	}
	old = s->tail_n < TAIL - n ? s->tail_n : TAIL - n;
	memmove(s->tail, s->tail + s->tail_n - old, old);
	memcpy(s->tail + old, bytes, n);
	s->tail_n = old + n;
}

/* Cut where no secret is, so that each piece can be masked by itself. */
static void deliver_piece(struct pl_stream *s)
{
	size_t whole = pl_mask_whole(s->child->call->host, s->line, s->line_n);

	if (!whole)
		whole = s->line_n;
	deliver(s, s->line, whole);
	memmove(s->line, s->line + whole, s->line_n - whole);
	s->line_n -= whole;
	s->inside = true;
}

static void add_to_line(struct pl_stream *s, const char *bytes, size_t n)
{
	if (!s->line)
		s->line = pl_alloc(CHUNK);
	while (n) {
		size_t fits = n < CHUNK - s->line_n ? n : CHUNK - s->line_n;

		memcpy(s->line + s->line_n, bytes, fits);
		s->line_n += fits;
		bytes += fits;
		n -= fits;
		if (s->line_n == CHUNK)
			deliver_piece(s);
	}
}

static void end_line(struct pl_stream *s, const char *bytes, size_t n)
{
	if (s->line_n) {
		add_to_line(s, bytes, n);
		bytes = s->line;
		n = s->line_n;
	}
	if (n && bytes[n - 1] == '\r')
		n--;
	if (n || !s->inside)
		deliver(s, bytes, n);
	s->inside = false;
	s->line_n = 0;
}

static void split_lines(struct pl_stream *s, const char *bytes, size_t n)
{
	const char *newline;

	while (n && (newline = memchr(bytes, '\n', n))) {
		size_t line = (size_t)(newline - bytes);

		end_line(s, bytes, line);
		bytes += line + 1;
		n -= line + 1;
	}
	add_to_line(s, bytes, n);
}

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct pl_child *c = handle->data;

	(void)suggested;
	*buf = uv_buf_init(c->chunk, sizeof c->chunk);
}

static void was_read(uv_stream_t *pipe, ssize_t n, const uv_buf_t *buf)
{
	struct pl_child *c = pipe->data;
	struct pl_stream *s = pipe == (uv_stream_t *)&c->out.pipe ? &c->out : &c->err;

	if (n < 0) {
		close_stream(s);
		look(c);
		return;
	}
	keep(s, buf->base, (size_t)n);
	keep_tail(s, buf->base, (size_t)n);
	split_lines(s, buf->base, (size_t)n);
	/* What was declared to be read only may be cut short at no cost; a write
	 * goes on to its end. */
	if (s->total > s->len && c->call->class < PL_WRITE)
		end_group(c, BY_SIZE);
}

static void was_written(uv_write_t *write, int status)
{
	struct pl_child *c = write->data;

	/* A child that does not read its input is free to do so. */
	(void)status;
	close_stream(&c->in);
}

/* ---- starting ------------------------------------------------------------- */

/* Pipes, not libuv's socket pairs: a script cannot open /dev/stderr again if
 * that is a socket. *theirs is the child's end. */
static int open_stream(struct pl_child *c, struct pl_stream *s, const char *name,
    bool input, uv_stdio_container_t *theirs, uv_file *to_close)
{
	uv_file fds[2];
	int failed =
	    uv_pipe(fds, input ? 0 : UV_NONBLOCK_PIPE, input ? UV_NONBLOCK_PIPE : 0);

	if (failed)
		return failed;
	s->child = c;
	s->name = name;
	uv_pipe_init(pl_host_loop(c->call->host), &s->pipe, 0);
	s->pipe.data = c;
	s->opened = true;
	c->handles++;
	theirs->flags = UV_INHERIT_FD;
	theirs->data.fd = *to_close = fds[input ? 0 : 1];
	failed = uv_pipe_open(&s->pipe, fds[input ? 1 : 0]);
	if (failed)
		close(fds[input ? 1 : 0]);
	return failed;
}

static int spawn(struct pl_child *c)
{
	uv_stdio_container_t stdio[3] = {
	    {.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
	uv_file theirs[3] = {-1, -1, -1};
	uv_process_options_t options = {.exit_cb = exited,
	    .file = c->command.argv[0],
	    .args = c->command.argv,
	    .env = c->command.env,
	    .cwd = c->command.cwd,
	    .flags = UV_PROCESS_DETACHED,
	    .stdio_count = 3,
	    .stdio = stdio};
	int failed = 0;

	if (c->command.input)
		failed = open_stream(c, &c->in, "stdin", true, &stdio[0], &theirs[0]);
	if (!failed)
		failed =
		    open_stream(c, &c->out, "stdout", false, &stdio[1], &theirs[1]);
	if (!failed)
		failed =
		    open_stream(c, &c->err, "stderr", false, &stdio[2], &theirs[2]);
	pl_close_on_exec();
	if (!failed) {
		failed = uv_spawn(pl_host_loop(c->call->host), &c->process, &options);
		c->process.data = c; /* a handle now, even if it failed */
		c->spawned = true;
		c->handles++;
	}
	for (size_t i = 0; i < 3; i++)
		if (theirs[i] >= 0)
			close(theirs[i]);
	return failed;
}

static void fail_to_start(struct pl_child *c, int failed)
{
	const char *program = c->command.argv[0], *path = "";

	for (char **e = c->command.env; *e; e++)
		if (strncmp(*e, "PATH=", 5) == 0)
			path = *e + 5;
	if (failed != UV_ENOENT)
		pl_fail(&c->call->err, "proc.start", "\"%s\" cannot be started: %s",
		    program, uv_strerror(failed));
	else if (strchr(program, '/'))
		pl_fail(&c->call->err, "proc.missing",
		    "the program \"%s\" is not there, or the interpreter that its first "
		    "line names is not (in the directory \"%s\")",
		    program, c->command.cwd);
	else
		pl_fail(&c->call->err, "proc.missing",
		    "there is no program \"%s\" on PATH (%.800s)", program, path);
	finish(c);
}

static void start_streams(struct pl_child *c)
{
	uv_buf_t input = uv_buf_init(c->command.input, (unsigned)c->command.input_n);

	uv_read_start((uv_stream_t *)&c->out.pipe, allocate, was_read);
	uv_read_start((uv_stream_t *)&c->err.pipe, allocate, was_read);
	if (!c->command.input)
		return;
	c->write.data = c;
	if (uv_write(&c->write, (uv_stream_t *)&c->in.pipe, &input, 1, was_written))
		close_stream(&c->in);
}

void pl_process_run(struct pl_call *call)
{
	struct pl_child *c = pl_alloc(sizeof *c);
	uv_loop_t *loop = pl_host_loop(call->host);
	int failed;

	call->err = (struct pl_err){0};
	c->call = call;
	if (!pl_command_read(&c->command, call) || !pl_call_may_write(call) ||
	    !pl_command_route(&c->command, call, &c->instead)) {
		pl_child_free(c);
		pl_call_fail(call);
		return;
	}
	pl_op_begin(&c->op, call->host, call, true, cancel_child);
	c->started = pl_host_monotonic(call->host);
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	c->handles = 1;
	failed = spawn(c);
	if (failed) {
		fail_to_start(c, failed);
		return;
	}
	uv_update_time(loop);
	uv_timer_start(&c->timer, timed_out, (uint64_t)c->command.timeout, 0);
	start_streams(c);
}

/* ---- rows ----------------------------------------------------------------- */

static const char result[] =
    "{exit: code, or null; signal: its name, or null; stdout, stderr: text; took_ms; "
    "truncated: true if a stream was longer than max_bytes}";

const struct pl_row pl_process_rows[] = {
    {
        .name = "proc.run",
        .class = PL_WRITE,
        .summary = "Runs a program, without a shell",
        .options = pl_command_options,
        .result = result,
        .start = pl_process_run,
        .target = pl_command_text,
    },
    {
        .name = "proc.read",
        .class = PL_READ,
        .summary = "Runs a program that, its author declares, changes nothing",
        .options = pl_command_options,
        .result = result,
        .start = pl_process_run,
    },
    {0},
};
