#include "process.h"
#include "host_inner.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CHUNK = 64 << 10, /* read at once, and the longest piece of a line */
	TAIL = 4 << 10, /* kept of a stream's end when it is too long */
	GRACE = 250, /* ms that the streams may stay open after the exit */
	TICK = 50, /* ms between two looks at a group that is to end */
	TERM_TIME = 2000, /* ms between SIGTERM and SIGKILL */
	GIVE_UP = 7000 /* ms after SIGTERM: not even SIGKILL helped */
};

enum reason { BY_ITSELF, BY_TIMEOUT, BY_CANCEL, BY_SIZE };

struct stream {
	struct child *child;
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

struct child {
	struct pl_op op;
	struct pl_call *call;
	struct pl_command command;
	uv_process_t process;
	uv_timer_t timer;
	struct stream in, out, err;
	uv_write_t write;
	unsigned handles; /* still to be closed */

	struct pl_value *instead; /* what runs for a simulated world, or NULL */
	struct pl_timer *wait; /* the time that it takes there */
	int64_t started; /* monotonic, ms */
	uint64_t ended_at; /* loop's ms: SIGTERM was sent */
	enum reason reason;
	bool spawned, exited, late, killed, answering;
	int64_t status;
	int signal;
	char chunk[CHUNK];
};

/* ---- the answer ----------------------------------------------------------- */

/* The last lines of a stream, masked and printable, for an error's one line. */
static void add_tail(struct child *c, struct pl_buf *out, const struct stream *s)
{
	const char *at = s->tail_n ? s->tail : s->at;
	size_t n = s->tail_n ? s->tail_n : s->len, from, lines = 0;
	struct pl_buf masked = {0};

	while (n && (at[n - 1] == '\n' || at[n - 1] == '\r' || at[n - 1] == ' '))
		n--;
	for (from = n; from; from--)
		if (at[from - 1] == '\n' && ++lines == 5)
			break;
	/* The end of a stream may begin in the middle of a secret: not so its
	 * second line. */
	while (s->tail_n && from < n && (!from || at[from - 1] != '\n'))
		from++;
	pl_secret_mask(c->call->host, &masked, at ? at + from : "", n - from);
	/* The end says most: the beginning is cut. */
	from = masked.len > 800 ? masked.len - 800 : 0;
	while (from && from < masked.len &&
	    ((unsigned char)masked.at[from] & 0xc0) == 0x80)
		from++;
	if (masked.len) {
		pl_buf_puts(out, from ? ": …" : ": ");
		pl_printable(out, masked.at + from, masked.len - from, false);
	}
	pl_buf_fini(&masked);
}

/* A stream that was cut does not end in the middle of a secret. */
static struct pl_value *text_of(struct child *c, const struct stream *s)
{
	size_t n = s->len;

	if (s->total > n)
		n = pl_mask_whole(c->call->host, s->at ? s->at : "", n);
	return pl_textn(c->call->arena, s->at ? s->at : "", n);
}

static struct pl_value *result_of(struct child *c)
{
	struct pl_arena *a = c->call->arena;
	struct pl_value *r = pl_map(a);
	bool cut = c->out.total > c->out.len || c->err.total > c->err.len;

	pl_map_set(a, r, "exit", c->signal ? pl_null(a) : pl_int(a, c->status));
	pl_map_set(a, r, "signal",
	    c->signal ? pl_text(a, pl_signal_name(c->signal)) : pl_null(a));
	pl_map_set(a, r, "stdout", text_of(c, &c->out));
	pl_map_set(a, r, "stderr", text_of(c, &c->err));
	pl_map_set(
	    a, r, "took_ms", pl_int(a, pl_host_monotonic(c->call->host) - c->started));
	if (cut)
		pl_map_set(a, r, "truncated", pl_bool(a, true));
	return r;
}

/* What went wrong, if anything did. */
static bool judge(struct child *c)
{
	struct pl_call *call = c->call;
	const char *command = pl_command_text(call);
	bool writes = call->class >= PL_WRITE;
	struct pl_buf after = {0}, tail = {0};
	bool ok = false;

	pl_duration_write(&after, c->command.timeout);
	add_tail(c, &tail, c->err.total ? &c->err : &c->out);
	if (c->reason == BY_CANCEL) {
		pl_fail_cancelled(&call->err);
		call->err.unknown = writes;
	} else if (c->reason == BY_TIMEOUT) {
		pl_fail(&call->err, "proc.timeout", "`%.200s` was stopped after %s%s",
		    command, after.at, tail.at ? tail.at : "");
		call->err.unknown = writes;
		call->err.retryable = !writes;
	} else if (c->reason == BY_SIZE) {
		pl_fail(&call->err, "proc.large",
		    "`%.200s` wrote more than %zu bytes to %s (max_bytes)", command,
		    c->command.max_bytes,
		    c->out.total > c->out.len ? "stdout" : "stderr");
	} else if (c->signal && !pl_arg_flag(call, "any_exit")) {
		pl_fail(&call->err, "proc.exit",
		    "`%.200s` was ended by signal %d (%s)%s", command, c->signal,
		    pl_signal_name(c->signal), tail.at ? tail.at : "");
		call->err.unknown = writes;
	} else if (!c->signal && !pl_command_expects(call, c->status)) {
		pl_fail(&call->err, "proc.exit", "`%.200s` ended with exit code %lld%s",
		    command, (long long)c->status, tail.at ? tail.at : "");
	} else {
		ok = true;
	}
	pl_buf_fini(&after);
	pl_buf_fini(&tail);
	return ok;
}

static void free_stream(struct stream *s)
{
	if (s->at)
		pl_wipe(s->at, s->cap);
	if (s->line)
		pl_wipe(s->line, CHUNK);
	free(s->at);
	free(s->line);
}

static void free_child(struct child *c)
{
	free_stream(&c->out);
	free_stream(&c->err);
	pl_command_fini(&c->command);
	pl_wipe(c->chunk, sizeof c->chunk);
	free(c);
}

/* After the last handle: only then libuv has forgotten our memory. */
static void answer(struct child *c)
{
	struct pl_call *call = c->call;
	bool ok = call->err.code[0] == 0 && judge(c);
	struct pl_value *result = ok ? result_of(c) : NULL;

	if (c->instead)
		pl_command_routed(call, c->instead,
		    c->reason == BY_ITSELF && c->exited ? result_of(c) : NULL);
	pl_op_end(&c->op);
	free_child(c);
	if (ok)
		pl_call_ok(call, result);
	else
		pl_call_fail(call);
}

/* ---- time in a simulated world --------------------------------------------- */

static void time_is_over(void *arg)
{
	struct child *c = arg;

	c->wait = NULL;
	answer(c);
}

static void cancel_time(struct pl_op *op)
{
	struct child *c = (struct child *)(void *)op;

	pl_timer_stop(c->wait);
	c->wait = NULL;
	c->reason = BY_CANCEL;
	answer(c);
}

/* The program that stands in ended at once; the one it stands for takes its time,
 * and is stopped if that is more than it was given. */
static void take_time(struct child *c)
{
	int64_t ms = c->instead ? pl_get_int(c->instead, "delay_ms", 0) : 0;
	struct pl_host *h = c->call->host;

	if (ms <= 0 || !pl_host_is_virtual(h) || c->reason != BY_ITSELF) {
		answer(c);
		return;
	}
	if (ms > c->command.timeout) {
		ms = c->command.timeout;
		c->reason = BY_TIMEOUT;
	}
	pl_op_end(&c->op);
	pl_op_begin(&c->op, h, c->call, false, cancel_time);
	c->wait = pl_timer_start(h, ms, time_is_over, c);
}

/* ---- closing -------------------------------------------------------------- */

static void handle_closed(uv_handle_t *handle)
{
	struct child *c = handle->data;

	if (--c->handles == 0)
		take_time(c);
}

static void deliver(struct stream *s, const char *line, size_t n)
{
	struct pl_call *call = s->child->call;

	if (call->output && !pl_arg_flag(call, "quiet"))
		call->output(call, s->name, line, n);
}

static void close_stream(struct stream *s)
{
	if (!s->opened || s->closed)
		return;
	s->closed = true;
	if (s->line_n)
		deliver(s, s->line, s->line_n);
	s->line_n = 0;
	uv_close((uv_handle_t *)&s->pipe, handle_closed);
}

static void finish(struct child *c)
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
static void signal_group(struct child *c, int number)
{
	if (kill(-c->process.pid, number) && !c->exited)
		kill(c->process.pid, number);
}

static bool group_is_gone(const struct child *c)
{
	return c->exited && kill(-c->process.pid, 0) != 0;
}

static void grace_is_over(uv_timer_t *timer)
{
	struct child *c = timer->data;

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
static void look(struct child *c)
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
	struct child *c = timer->data;
	uint64_t waited = uv_now(timer->loop) - c->ended_at;

	if (group_is_gone(c) || waited >= GIVE_UP || (c->killed && c->exited)) {
		finish(c);
	} else if (waited >= TERM_TIME && !c->killed) {
		c->killed = true;
		signal_group(c, SIGKILL);
	}
}

static void end_group(struct child *c, enum reason reason)
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
	end_group((struct child *)(void *)op, BY_CANCEL);
}

static void exited(uv_process_t *process, int64_t status, int signal)
{
	struct child *c = process->data;

	c->exited = true;
	c->status = status;
	c->signal = signal;
	look(c);
}

/* ---- streams -------------------------------------------------------------- */

/* Not realloc: what it leaves behind would not be wiped. */
static void keep(struct stream *s, const char *bytes, size_t n)
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
static void keep_tail(struct stream *s, const char *bytes, size_t n)
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
static void deliver_piece(struct stream *s)
{
	size_t whole = pl_mask_whole(s->child->call->host, s->line, s->line_n);

	if (!whole)
		whole = s->line_n;
	deliver(s, s->line, whole);
	memmove(s->line, s->line + whole, s->line_n - whole);
	s->line_n -= whole;
	s->inside = true;
}

static void add_to_line(struct stream *s, const char *bytes, size_t n)
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

static void end_line(struct stream *s, const char *bytes, size_t n)
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

static void split_lines(struct stream *s, const char *bytes, size_t n)
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
	struct child *c = handle->data;

	(void)suggested;
	*buf = uv_buf_init(c->chunk, sizeof c->chunk);
}

static void was_read(uv_stream_t *pipe, ssize_t n, const uv_buf_t *buf)
{
	struct child *c = pipe->data;
	struct stream *s = pipe == (uv_stream_t *)&c->out.pipe ? &c->out : &c->err;

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
	struct child *c = write->data;

	/* A child that does not read its input is free to do so. */
	(void)status;
	close_stream(&c->in);
}

/* ---- starting ------------------------------------------------------------- */

/* Pipes, not libuv's socket pairs: a script cannot open /dev/stderr again if
 * that is a socket. *theirs is the child's end. */
static int open_stream(struct child *c, struct stream *s, const char *name, bool input,
    uv_stdio_container_t *theirs, uv_file *to_close)
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

static int spawn(struct child *c)
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

static void fail_to_start(struct child *c, int failed)
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

static void start_streams(struct child *c)
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
	struct child *c = pl_alloc(sizeof *c);
	uv_loop_t *loop = pl_host_loop(call->host);
	int failed;

	call->err = (struct pl_err){0};
	c->call = call;
	if (!pl_command_read(&c->command, call) || !pl_call_may_write(call) ||
	    !pl_command_route(&c->command, call, &c->instead)) {
		free_child(c);
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
