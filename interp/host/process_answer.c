#include "process_inner.h"

#include <stdlib.h>
#include <string.h>

/* ---- the answer ----------------------------------------------------------- */

/* The last lines of a stream, masked and printable, for an error's one line. */
static void add_tail(struct pl_child *c, struct pl_buf *out, const struct pl_stream *s)
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
static struct pl_value *text_of(struct pl_child *c, const struct pl_stream *s)
{
	size_t n = s->len;

	if (s->total > n)
		n = pl_mask_whole(c->call->host, s->at ? s->at : "", n);
	return pl_textn(c->call->arena, s->at ? s->at : "", n);
}

static struct pl_value *result_of(struct pl_child *c)
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
static bool judge(struct pl_child *c)
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

static void free_stream(struct pl_stream *s)
{
	if (s->at)
		pl_wipe(s->at, s->cap);
	if (s->line)
		pl_wipe(s->line, CHUNK);
	free(s->at);
	free(s->line);
}

void pl_child_free(struct pl_child *c)
{
	free_stream(&c->out);
	free_stream(&c->err);
	pl_command_fini(&c->command);
	pl_wipe(c->chunk, sizeof c->chunk);
	free(c);
}

/* After the last handle: only then libuv has forgotten our memory. */
static void answer(struct pl_child *c)
{
	struct pl_call *call = c->call;
	bool ok = call->err.code[0] == 0 && judge(c);
	struct pl_value *result = ok ? result_of(c) : NULL;

	if (c->instead)
		pl_command_routed(call, c->instead,
		    c->reason == BY_ITSELF && c->exited ? result_of(c) : NULL);
	pl_op_end(&c->op);
	pl_child_free(c);
	if (ok)
		pl_call_ok(call, result);
	else
		pl_call_fail(call);
}

/* ---- time in a simulated world --------------------------------------------- */

static void time_is_over(void *arg)
{
	struct pl_child *c = arg;

	c->wait = NULL;
	answer(c);
}

static void cancel_time(struct pl_op *op)
{
	struct pl_child *c = (struct pl_child *)(void *)op;

	pl_timer_stop(c->wait);
	c->wait = NULL;
	c->reason = BY_CANCEL;
	answer(c);
}

/* The program that stands in ended at once; the one it stands for takes its time,
 * and is stopped if that is more than it was given. */
void pl_child_answer(struct pl_child *c)
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
