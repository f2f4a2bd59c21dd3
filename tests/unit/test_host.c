#include "../../interp/host/host_inner.h"
#include "../../interp/host/lazy.h"
#include "host_case.h"

#include <curl/curl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

/* ---- life ----------------------------------------------------------------- */

static void life(struct host_case *t)
{
	struct pl_err err;
	struct sigaction now;
	char real[PATH_MAX];

	CHECK(!pl_host_new("/no/such/directory", &err));
	CHECK_TEXT(err.code, "host.loop");
	CHECK(strstr(err.msg, "/no/such/directory"));
	pl_host_free(NULL);
	CHECK(realpath(t->root, real));
	CHECK_TEXT(pl_host_root(t->host), real);
	CHECK_TEXT(pl_host_repository(t->host), real);
	pl_host_set_repository(t->host, "/elsewhere");
	pl_host_set_repository(t->host, pl_host_repository(t->host));
	CHECK_TEXT(pl_host_repository(t->host), "/elsewhere");
	CHECK(pl_host_loop(t->host));
	CHECK(!sigaction(SIGPIPE, NULL, &now) && now.sa_handler == SIG_IGN);
	/* Nothing is under way. */
	CHECK(!pl_host_turn(t->host));
	CHECK(!pl_host_turn(t->host));
}

static void settings(struct host_case *t)
{
	struct pl_router router = {.arg = t};
	struct pl_value *http = pl_map(&t->arena);

	CHECK(!pl_host_router(t->host));
	pl_host_set_router(t->host, &router);
	router.arg = NULL;
	CHECK(pl_host_router(t->host) && pl_host_router(t->host)->arg == t);
	pl_host_set_router(t->host, NULL);
	CHECK(!pl_host_router(t->host));
	CHECK(!pl_host_http(t->host));
	pl_map_set(&t->arena, http, "proxy", pl_text(&t->arena, "p"));
	pl_host_set_http(t->host, http);
	pl_arena_fini(&t->arena); /* it is a copy */
	CHECK_TEXT(pl_get_text(pl_host_http(t->host), "proxy", NULL), "p");
	pl_host_set_http(t->host, NULL);
	CHECK(!pl_host_http(t->host));
}

static void random_bytes(struct host_case *t)
{
	uint8_t a[64] = {0}, b[64] = {0};

	(void)t;
	pl_host_random(a, sizeof a);
	pl_host_random(b, sizeof b);
	CHECK(memcmp(a, b, sizeof a) != 0);
	pl_host_random(a, 0);
}

/* ---- waking --------------------------------------------------------------- */

static struct pl_host *to_wake;

static void on_alarm(int number)
{
	(void)number;
	pl_host_wake(to_wake);
}

static void never(void *arg)
{
	(void)arg;
	abort();
}

/* From a signal handler, while the loop sleeps for an hour. */
static void waking(struct host_case *t)
{
	struct itimerval soon = {.it_value = {.tv_usec = 20000}};
	struct sigaction action = {.sa_handler = on_alarm}, old;
	struct pl_timer *hour = pl_timer_start(t->host, 3600000, never, NULL);

	to_wake = t->host;
	CHECK(!sigaction(SIGALRM, &action, &old));
	CHECK(!setitimer(ITIMER_REAL, &soon, NULL));
	CHECK(pl_host_turn(t->host));
	sigaction(SIGALRM, &old, NULL);
	/* Woken, a virtual clock does not jump: somebody wants to look first. */
	pl_host_set_virtual(t->host, 0);
	pl_host_wake(t->host);
	CHECK(pl_host_turn(t->host));
	CHECK_INT(pl_host_now(t->host), 0);
	pl_timer_stop(hour);
	CHECK(!pl_host_turn(t->host));
}

/* ---- the pool ------------------------------------------------------------- */

static bool succeed(struct pl_call *call)
{
	call->result = pl_text(call->arena, "worked");
	return true;
}

static bool fail(struct pl_call *call)
{
	return pl_fail(&call->err, "test.failed", "it failed");
}

static atomic_bool go, running;

static bool wait_for_go(struct pl_call *call)
{
	(void)call;
	atomic_store(&running, true);
	while (!atomic_load(&go))
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return true;
}

static void let_go(struct pl_call *call)
{
	(void)call;
	atomic_store(&go, true);
}

static void start_work(struct pl_call *call)
{
	pl_call_work(call, call->state == &go ? wait_for_go : succeed);
}

static void start_failing(struct pl_call *call)
{
	pl_call_work(call, fail);
}

static void pool(struct host_case *t)
{
	case_call(t, NULL, "{}");
	CHECK_TEXT(pl_text_of(case_drive(t, start_work), NULL), "worked");
	case_call(t, NULL, "{}");
	CHECK(!case_drive(t, start_failing));
	CHECK_TEXT(t->call.err.code, "test.failed");
	CHECK_INT(t->finished, 1);
	/* With a virtual clock, too: the work is waited for. */
	pl_host_set_virtual(t->host, 7);
	case_call(t, NULL, "{}");
	CHECK_TEXT(pl_text_of(case_drive(t, start_work), NULL), "worked");
	CHECK_INT(pl_host_now(t->host), 7);
}

static void pool_cancelled(struct host_case *t)
{
	struct pl_call calls[8];

	/* Fill the pool, so that the last ones do not begin. */
	atomic_store(&go, false);
	for (size_t i = 0; i < PL_COUNT(calls); i++) {
		case_call(t, NULL, "{}");
		calls[i] = t->call;
		calls[i].state = &go;
		calls[i].finished = case_finished;
		start_work(&calls[i]);
	}
	t->finished = 0;
	pl_call_cancel(&calls[7]);
	while (!t->finished)
		pl_host_turn(t->host);
	CHECK(calls[7].failed);
	CHECK_TEXT(calls[7].err.code, "cancelled");
	/* One that runs is told by its row; what it did, stands. */
	while (!atomic_load(&running))
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	calls[0].cancel = let_go;
	pl_call_cancel(&calls[0]);
	while (pl_host_turn(t->host))
		;
	CHECK_INT(t->finished, 8);
	CHECK(!calls[0].failed);
	pl_call_cancel(&calls[0]); /* too late: nothing happens to the answer */
	CHECK(!calls[0].failed);
}

/* A real operation whose handles are all unreferenced is waited for. */
static void rang(uv_timer_t *timer)
{
	struct pl_op *op = timer->data;
	struct pl_call *call = op->call;

	pl_op_end(op);
	pl_call_ok(call, NULL);
}

static void unreferenced(struct host_case *t)
{
	uv_timer_t timer;
	struct pl_op op;
	int turns = 0;

	case_call(t, NULL, "{}");
	pl_op_begin(&op, t->host, &t->call, true, NULL);
	uv_timer_init(pl_host_loop(t->host), &timer);
	timer.data = &op;
	uv_timer_start(&timer, rang, 20, 0);
	uv_unref((uv_handle_t *)&timer);
	while (pl_host_turn(t->host))
		turns++;
	CHECK_INT(t->finished, 1);
	CHECK(turns <= 2);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(pl_host_loop(t->host), UV_RUN_NOWAIT);
}

static int finis;

static void kept_fini(struct pl_host *h, void *state)
{
	(void)h;
	finis++;
	free(state);
}

static void closed(uv_handle_t *handle)
{
	finis++;
	free(handle);
}

static void kept_handle_fini(struct pl_host *h, void *state)
{
	(void)h;
	uv_close(state, closed);
}

static void freed_under_way(void)
{
	static const char key, other;
	struct host_case t;
	uv_idle_t *idle = pl_alloc(sizeof *idle);
	void *state = pl_alloc(1);

	case_init(&t);
	atomic_store(&go, true);
	case_call(&t, NULL, "{}");
	t.call.state = &go;
	start_work(&t.call);
	CHECK(!pl_host_kept(t.host, &key));
	pl_host_keep(t.host, &key, state, kept_fini);
	uv_idle_init(pl_host_loop(t.host), idle);
	pl_host_keep(t.host, &other, idle, kept_handle_fini);
	CHECK(pl_host_kept(t.host, &key) == state);
	case_fini(&t);
	CHECK_INT(t.finished, 1);
	CHECK_INT(finis, 2);
}

/* ---- latch and overlay ---------------------------------------------------- */

static void latch(struct host_case *t)
{
	static const struct pl_row row = {.name = "test.write"};

	case_call(t, &row, "{}");
	t->call.class = PL_WRITE;
	CHECK(pl_call_may_write(&t->call));
	CHECK(!pl_host_writes_latched(t->host));
	pl_host_latch_writes(t->host);
	CHECK(pl_host_writes_latched(t->host));
	for (int class = PL_PURE; class <= PL_LOCKS_OUT; class ++) {
		t->call.class = (enum pl_class) class;
		t->call.err.code[0] = '\0';
		CHECK(pl_call_may_write(&t->call) == (class < PL_WRITE));
		CHECK_TEXT(t->call.err.code, class < PL_WRITE ? "" : "latch.closed");
	}
	CHECK(strstr(t->call.err.msg, "test.write"));
}

static void overlay(struct host_case *t)
{
	struct pl_arena scratch = {0};

	case_call(t, NULL, "{\"t\":\"x\",\"i\":3,\"f\":true,\"l\":[]}");
	pl_overlay_set(&t->call, "a", pl_int(&t->arena, 1)); /* not a dry-run */
	CHECK(!pl_overlay_get(&t->call, "a"));
	t->call.overlay = pl_map(&t->arena);
	t->call.arena = &scratch;
	pl_overlay_set(&t->call, "a", pl_text(&scratch, "state"));
	pl_arena_fini(&scratch); /* the overlay outlasts the call that set it */
	CHECK_TEXT(pl_text_of(pl_overlay_get(&t->call, "a"), NULL), "state");
	pl_overlay_set(&t->call, "a", pl_int(&scratch, 2));
	CHECK_INT(pl_overlay_get(&t->call, "a")->as.whole, 2);
	pl_arena_fini(&scratch);
	CHECK_TEXT(pl_arg_text(&t->call, "t"), "x");
	CHECK(!pl_arg_text(&t->call, "i") && !pl_arg_text(&t->call, "none"));
	CHECK_INT(pl_arg_int(&t->call, "i"), 3);
	CHECK_INT(pl_arg_int(&t->call, "t"), 0);
	CHECK(pl_arg_flag(&t->call, "f") && !pl_arg_flag(&t->call, "none"));
	CHECK(pl_arg(&t->call, "l") && !pl_arg(&t->call, "none"));
}

/* ---- libraries ------------------------------------------------------------ */

#define CURL_API(X) X(easy_escape) X(free)

struct curl_table {
	PL_LAZY_FIELDS(curl_, CURL_API)
};

static void *open_curl(void *arg)
{
	static const char *const names[] = {PL_LAZY_NAMES(curl_, CURL_API)};
	bool ok = pl_lazy_open(PL_LIBCURL, arg, names, PL_COUNT(names), NULL);

	return ok ? arg : NULL;
}

static void lazy(struct host_case *t)
{
	static const char *const wrong[] = {
	    "curl_easy_escape", "curl_no_such_function"};
	struct curl_table curl = {0};
	void *table[2] = {NULL, NULL}, *answer;
	pthread_t threads[4];
	struct pl_err err;
	char *escaped;

	(void)t;
	CHECK(!pl_lazy_open(PL_LIBCURL, table, wrong, 2, &err));
	CHECK_TEXT(err.code, "host.library");
	CHECK(strstr(err.msg, "libcurl") && strstr(err.msg, "curl_no_such_function"));
	CHECK(strstr(err.msg, "install"));
	CHECK(!table[0] && !table[1]);
	for (size_t i = 0; i < PL_COUNT(threads); i++)
		CHECK(!pthread_create(&threads[i], NULL, open_curl, &curl));
	for (size_t i = 0; i < PL_COUNT(threads); i++)
		CHECK(!pthread_join(threads[i], &answer) && answer == &curl);
	escaped = curl.easy_escape(NULL, "a b", 3);
	CHECK_TEXT(escaped, "a%20b");
	curl.free(escaped);
}

static void versions(struct host_case *t)
{
	static const char *const names[] = {
	    "libuv", "libyaml", "libcurl", "libgit2", "libmicrohttpd", "libpq"};
	struct pl_value *v = pl_host_versions(&t->arena);

	for (size_t i = 0; i < PL_COUNT(names); i++) {
		const char *version = pl_get_text(v, names[i], "?");

		CHECK(version[0] >= '0' && version[0] <= '9' && strchr(version, '.'));
	}
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(struct host_case *t);
	} tests[] = {{"life", life}, {"settings", settings}, {"random", random_bytes},
	    {"waking", waking}, {"pool", pool}, {"pool cancelled", pool_cancelled},
	    {"unreferenced", unreferenced}, {"latch", latch}, {"overlay", overlay},
	    {"lazy", lazy}, {"versions", versions}};

	for (size_t i = 0; i < PL_COUNT(tests); i++) {
		struct host_case t;

		case_init(&t);
		tests[i].run(&t);
		case_fini(&t);
		printf("ok host: %s\n", tests[i].name);
	}
	freed_under_way();
	printf("ok host: freed under way\n");
	return check_end();
}
