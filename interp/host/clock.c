#include "host_inner.h"

#include <stdlib.h>
#include <time.h>

struct pl_timer {
	struct pl_host *host;
	int64_t due; /* on the monotonic clock, ms */
	uint64_t order;
	size_t at; /* its place in the heap */
	void (*fn)(void *arg);
	void *arg;
};

/* ---- what time it is ------------------------------------------------------ */

static int64_t real_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t pl_host_monotonic(const struct pl_host *h)
{
	if (h->is_virtual)
		return h->virtual_monotonic;
	return (int64_t)(uv_hrtime() / 1000000);
}

int64_t pl_host_now(const struct pl_host *h)
{
	if (h->is_virtual)
		return h->virtual_monotonic + h->virtual_offset;
	return real_now();
}

bool pl_host_is_virtual(const struct pl_host *h)
{
	return h->is_virtual;
}

/* The monotonic clock goes on from where it is: timers keep their distance. */
void pl_host_set_virtual(struct pl_host *h, int64_t now_ms)
{
	h->virtual_monotonic = pl_host_monotonic(h);
	h->virtual_offset = now_ms - h->virtual_monotonic;
	h->is_virtual = true;
	uv_timer_stop(&h->alarm);
}

/* ---- the heap ------------------------------------------------------------- */

static bool before(const struct pl_timer *a, const struct pl_timer *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void put(struct pl_host *h, size_t at, struct pl_timer *t)
{
	h->timers[at] = t;
	t->at = at;
}

static void rise(struct pl_host *h, struct pl_timer *t)
{
	size_t at = t->at;

	while (at && before(t, h->timers[(at - 1) / 2])) {
		put(h, at, h->timers[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(h, at, t);
}

static void sink(struct pl_host *h, struct pl_timer *t)
{
	size_t at = t->at;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < h->timer_count &&
		    before(h->timers[child + 1], h->timers[child]))
			child++;
		if (child >= h->timer_count || !before(h->timers[child], t))
			break;
		put(h, at, h->timers[child]);
		at = child;
	}
	put(h, at, t);
}

static void take_out(struct pl_timer *t)
{
	struct pl_host *h = t->host;
	struct pl_timer *last = h->timers[--h->timer_count];

	if (last == t)
		return;
	last->at = t->at;
	rise(h, last);
	sink(h, last);
}

/* ---- timers --------------------------------------------------------------- */

static void rang(uv_timer_t *alarm);

static void set_alarm(struct pl_host *h)
{
	int64_t wait;

	if (h->is_virtual)
		return;
	if (!h->timer_count) {
		uv_timer_stop(&h->alarm);
		return;
	}
	wait = h->timers[0]->due - pl_host_monotonic(h);
	uv_update_time(&h->loop);
	/* Never 0: libuv would ring again before it looks at anything else. */
	uv_timer_start(&h->alarm, rang, wait > 0 ? (uint64_t)wait : 1, 0);
}

static void rang(uv_timer_t *alarm)
{
	struct pl_host *h = alarm->data;

	pl_clock_fire(h);
	set_alarm(h);
}

bool pl_clock_fire(struct pl_host *h)
{
	uint64_t last = h->timer_next;
	int64_t now = pl_host_monotonic(h);
	bool any = false;

	/* A timer started by a timer waits for the next turn, even with 0 ms:
	 * the loop's other events have their turn in between. */
	while (
	    h->timer_count && h->timers[0]->due <= now && h->timers[0]->order < last) {
		struct pl_timer *t = h->timers[0];
		struct pl_timer due = *t;

		take_out(t);
		free(t);
		due.fn(due.arg);
		any = true;
	}
	return any;
}

void pl_clock_jump(struct pl_host *h)
{
	if (!h->timer_count)
		return;
	if (h->timers[0]->due > h->virtual_monotonic)
		h->virtual_monotonic = h->timers[0]->due;
	pl_clock_fire(h);
}

struct pl_timer *pl_timer_start(
    struct pl_host *h, int64_t ms, void (*fn)(void *arg), void *arg)
{
	struct pl_timer *t = pl_alloc(sizeof *t);
	int64_t now = pl_host_monotonic(h);

	if (ms < 0)
		ms = 0;
	t->host = h;
	t->due = ms > INT64_MAX - now ? INT64_MAX : now + ms;
	t->order = h->timer_next++;
	t->fn = fn;
	t->arg = arg;
	if (h->timer_count == h->timer_room) {
		h->timer_room = h->timer_room ? 2 * h->timer_room : 16;
		h->timers = pl_realloc(h->timers, h->timer_room * sizeof(void *));
	}
	t->at = h->timer_count++;
	rise(h, t);
	if (t->at == 0)
		set_alarm(h);
	return t;
}

void pl_timer_stop(struct pl_timer *t)
{
	struct pl_host *h;

	if (!t)
		return;
	h = t->host;
	take_out(t);
	free(t);
	set_alarm(h);
}

void pl_clock_init(struct pl_host *h)
{
	uv_timer_init(&h->loop, &h->alarm);
	h->alarm.data = h;
}

void pl_clock_fini(struct pl_host *h)
{
	while (h->timer_count)
		free(h->timers[--h->timer_count]);
	free(h->timers);
	h->timers = NULL;
	uv_timer_stop(&h->alarm);
}

/* ---- rows ----------------------------------------------------------------- */

static void clock_now(struct pl_call *call)
{
	struct pl_value *now = pl_map(call->arena);
	int64_t ms = pl_host_now(call->host);
	char text[32];

	pl_time_write(text, ms);
	pl_map_set(call->arena, now, "ms", pl_int(call->arena, ms));
	pl_map_set(call->arena, now, "text", pl_text(call->arena, text));
	pl_call_ok(call, now);
}

struct sleep {
	struct pl_op op;
	struct pl_timer *timer;
};

static void slept(void *arg)
{
	struct sleep *s = arg;
	struct pl_call *call = s->op.call;

	pl_op_end(&s->op);
	free(s);
	pl_call_ok(call, pl_null(call->arena));
}

static void cancel_sleep(struct pl_op *op)
{
	struct sleep *s = (struct sleep *)(void *)op;
	struct pl_call *call = op->call;

	pl_timer_stop(s->timer);
	pl_op_end(op);
	free(s);
	pl_fail_cancelled(&call->err);
	pl_call_fail(call);
}

static void clock_sleep(struct pl_call *call)
{
	int64_t ms = pl_arg_int(call, "duration");
	struct sleep *s;

	if (ms < 0) {
		pl_fail(&call->err, "clock.duration",
		    "cannot sleep for %lld ms: time does not run backwards",
		    (long long)ms);
		pl_call_fail(call);
		return;
	}
	s = pl_alloc(sizeof *s);
	pl_op_begin(&s->op, call->host, call, false, cancel_sleep);
	s->timer = pl_timer_start(call->host, ms, slept, s);
}

static const struct pl_option no_options[] = {{0}};

static const struct pl_option sleep_options[] = {
    {"duration", PL_T_DURATION, true, NULL, "how long: \"10m\", or milliseconds", NULL},
    {0},
};

const struct pl_row pl_clock_rows[] = {
    {
        .name = "clock.now",
        .class = PL_READ,
        .summary = "The time now, on the run's own clock",
        .options = no_options,
        .result = "{ms: milliseconds since 1970, text: RFC 3339 in UTC}",
        .start = clock_now,
    },
    {
        .name = "clock.sleep",
        .class = PL_PURE,
        .summary = "Waits; other steps go on meanwhile",
        .options = sleep_options,
        .result = "null",
        .start = clock_sleep,
    },
    {0},
};
