#include "host_case.h"

struct tick {
	struct host_case *t;
	struct pl_timer *timer;
	const char *name;
	int64_t again; /* ms; 0: no */
	struct pl_timer *stops;
};

static void tick(void *arg)
{
	struct tick *k = arg;

	pl_buf_printf(
	    &k->t->lines, "%s@%lld ", k->name, (long long)pl_host_now(k->t->host));
	k->timer = NULL;
	pl_timer_stop(k->stops);
	if (k->again)
		pl_timer_start(k->t->host, k->again, tick, k);
	k->again = 0;
}

static void virtual_order(struct host_case *t)
{
	struct tick k[] = {{.t = t, .name = "a"}, {.t = t, .name = "b"},
	    {.t = t, .name = "c"}, {.t = t, .name = "d"}, {.t = t, .name = "e"}};
	static const int64_t at[] = {20, 10, 10, 30, 10};
	int64_t begun = case_clock(), mono;

	pl_buf_puts(&t->lines, "");
	CHECK(!pl_host_is_virtual(t->host));
	pl_host_set_virtual(t->host, 1000);
	CHECK(pl_host_is_virtual(t->host));
	CHECK_INT(pl_host_now(t->host), 1000);
	mono = pl_host_monotonic(t->host);
	CHECK(!pl_host_turn(t->host));
	for (size_t i = 0; i < PL_COUNT(k); i++)
		k[i].timer = pl_timer_start(t->host, at[i], tick, &k[i]);
	k[0].stops = k[3].timer;
	while (pl_host_turn(t->host))
		;
	CHECK_TEXT(t->lines.at, "b@1010 c@1010 e@1010 a@1020 ");
	CHECK_INT(pl_host_now(t->host), 1020);
	CHECK_INT(pl_host_monotonic(t->host) - mono, 20);
	CHECK(case_clock() - begun < 1000);
}

static void virtual_long(struct host_case *t)
{
	struct tick k = {.t = t, .name = "w", .again = INT64_C(14) * 86400000};
	struct tick soon = {.t = t, .name = "s"};
	int64_t begun = case_clock();

	pl_buf_puts(&t->lines, "");
	pl_host_set_virtual(t->host, 0);
	pl_timer_start(t->host, INT64_C(86400000), tick, &k);
	pl_timer_start(t->host, 0, tick, &soon);
	while (pl_host_turn(t->host))
		;
	CHECK_TEXT(t->lines.at, "s@0 w@86400000 w@1296000000 ");
	CHECK(case_clock() - begun < 1000);
	/* Far beyond what a clock can count. */
	pl_timer_stop(pl_timer_start(t->host, INT64_MAX, tick, &k));
	pl_timer_stop(NULL);
	CHECK(!pl_host_turn(t->host));
}

/* A timer that starts another with 0 ms lets the loop turn in between. */
static void chain(struct host_case *t)
{
	struct tick k = {.t = t, .name = "x", .again = 0};
	int turns = 0;

	pl_buf_puts(&t->lines, "");
	pl_host_set_virtual(t->host, 5);
	pl_timer_start(t->host, 0, tick, &k);
	pl_timer_start(t->host, 0, tick, &k);
	k.again = -1;
	while (pl_host_turn(t->host))
		turns++;
	CHECK_TEXT(t->lines.at, "x@5 x@5 x@5 ");
	CHECK(turns >= 1);
}

static void many(struct host_case *t)
{
	enum { N = 500 };
	static struct tick k[N];
	struct pl_timer *timers[N];
	int64_t last = -1;
	char *at;

	pl_buf_puts(&t->lines, "");
	pl_host_set_virtual(t->host, 0);
	for (int i = 0; i < N; i++) {
		k[i] = (struct tick){.t = t, .name = ""};
		timers[i] = pl_timer_start(t->host, i * 7919 % 251, tick, &k[i]);
	}
	for (int i = 0; i < N; i += 3)
		pl_timer_stop(timers[i]);
	while (pl_host_turn(t->host))
		;
	for (at = t->lines.at; at && *at; at = strchr(at, ' ') + 1) {
		long long now = atoll(at + 1);

		CHECK(now >= last);
		last = now;
	}
	CHECK(last > 0);
}

static void real(struct host_case *t)
{
	struct tick a = {.t = t, .name = "a"}, b = {.t = t, .name = "b"};
	struct tick c = {.t = t, .name = "c", .again = -1};
	int64_t begun = case_clock();

	pl_buf_puts(&t->lines, "");
	pl_timer_start(t->host, 40, tick, &a);
	pl_timer_start(t->host, 20, tick, &b);
	pl_timer_start(t->host, 0, tick, &c);
	CHECK(pl_host_turn(t->host));
	while (pl_host_turn(t->host))
		;
	CHECK(case_clock() - begun >= 40);
	CHECK(t->lines.at[0] == 'c');
	CHECK(strstr(t->lines.at, "b@") < strstr(t->lines.at, "a@"));
	CHECK(llabs((long long)(pl_host_now(t->host) / 1000 - time(NULL))) <= 1);
}

/* Timers keep their distance when time becomes virtual. */
static void becomes_virtual(struct host_case *t)
{
	struct tick a = {.t = t, .name = "a"};
	int64_t begun = case_clock();

	pl_buf_puts(&t->lines, "");
	pl_timer_start(t->host, 3600000, tick, &a);
	pl_host_set_virtual(t->host, 0);
	while (pl_host_turn(t->host))
		;
	CHECK(case_clock() - begun < 10000);
	CHECK(pl_host_now(t->host) > 3590000 && pl_host_now(t->host) <= 3600000);
}

static void rows(struct host_case *t)
{
	struct pl_value *v;

	pl_host_set_virtual(t->host, INT64_C(1795190100000));
	v = case_run(t, pl_clock_rows, "clock.now", "{}");
	CHECK_INT(pl_get_int(v, "ms", 0), INT64_C(1795190100000));
	CHECK_TEXT(pl_get_text(v, "text", NULL), "2026-11-20T15:55:00.000Z");
	CHECK(pl_is_null(
	    case_run(t, pl_clock_rows, "clock.sleep", "{\"duration\":172800000}")));
	CHECK(!t->call.failed);
	CHECK_INT(pl_host_now(t->host), INT64_C(1795190100000) + 172800000);
	CHECK(!case_run(t, pl_clock_rows, "clock.sleep", "{\"duration\":-1}"));
	CHECK_TEXT(t->call.err.code, "clock.duration");
	t->cancel_after = 1000;
	CHECK(!case_run(t, pl_clock_rows, "clock.sleep", "{\"duration\":172800000}"));
	CHECK_TEXT(t->call.err.code, "cancelled");
	CHECK_INT(t->finished, 1);
	CHECK_INT(pl_host_now(t->host), INT64_C(1795190100000) + 172800000 + 1000);
}

/* While the outside works, virtual time stands still. */
static void waits_for_real(struct host_case *t)
{
	struct tick a = {.t = t, .name = "a"};
	struct pl_call child;

	pl_buf_puts(&t->lines, "");
	pl_host_set_virtual(t->host, 0);
	pl_timer_start(t->host, 1, tick, &a);
	case_call(
	    t, case_row(pl_process_rows, "proc.run"), "{\"shell\":\"sleep 0.1\"}");
	child = t->call;
	pl_process_run(&child);
	pl_buf_reset(&t->lines);
	while (!t->finished)
		CHECK(pl_host_turn(t->host));
	CHECK_INT(pl_host_now(t->host), 0);
	CHECK_INT(pl_get_int(child.result, "took_ms", -1), 0);
	while (pl_host_turn(t->host))
		;
	CHECK_TEXT(t->lines.at, "a@1 ");
}

static void freed_asleep(void)
{
	struct host_case t;

	case_init(&t);
	pl_timer_start(t.host, 1000000, tick, NULL); /* never fires */
	case_call(&t, case_row(pl_clock_rows, "clock.sleep"), "{\"duration\":1000000}");
	t.call.row->start(&t.call);
	case_fini(&t);
	CHECK_INT(t.finished, 1);
	CHECK_TEXT(t.call.err.code, "cancelled");
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(struct host_case *t);
	} tests[] = {{"virtual order", virtual_order}, {"virtual long", virtual_long},
	    {"chain", chain}, {"many", many}, {"real", real},
	    {"becomes virtual", becomes_virtual}, {"rows", rows},
	    {"waits for real", waits_for_real}};

	for (size_t i = 0; i < PL_COUNT(tests); i++) {
		struct host_case t;

		case_init(&t);
		tests[i].run(&t);
		case_fini(&t);
		printf("ok clock: %s\n", tests[i].name);
	}
	freed_asleep();
	printf("ok clock: freed asleep\n");
	return check_end();
}
