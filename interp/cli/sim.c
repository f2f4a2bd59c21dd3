/* pipe sim up|show|ledger|wait|reset: the simulated world, from outside. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

static const struct pl_flag flags[] = {
    {"world", 0, PL_FLAG_VALUE, "FILE", "a world file (else the built-in world)"},
    {"port", 0, PL_FLAG_VALUE, "N", "up: the port (else a free one)"},
    {"now", 0, PL_FLAG, NULL,
        "up: the world's clock starts at our time, for runs without --sim"},
    {"speed", 0, PL_FLAG_VALUE, "N", "up: how much faster than ours its time passes"},
    {NULL, 0, PL_FLAG, NULL, NULL},
};

static const char *world_spec(struct pl_cli *c)
{
	const char *spec = pl_flag_text(c, "world");
	return spec ? spec : "";
}

static const char *world_dir(struct pl_cli *c)
{
	const char *state = pl_find_state(c, pl_find_root(c, NULL));
	return pl_arena_printf(
	    &c->arena, "%s/sim/%s", state, pl_world_name(&c->arena, world_spec(c)));
}

static struct pl_world *open_world(struct pl_cli *c)
{
	return pl_world_open(
	    world_spec(c), world_dir(c), pl_find_root(c, NULL), &c->err);
}

/* ---- up ------------------------------------------------------------------------------ */

struct serving {
	struct pl_world *world;
	const char *git_root;
	int64_t now; /* of the world at `since` */
	int64_t since; /* our monotonic ms */
	double speed;
	char url[64];
};

static int64_t ours(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t real_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t world_now(const struct serving *v)
{
	return v->now + (int64_t)((double)(ours() - v->since) * v->speed);
}

/* "/@1763650800000/api.github.com/x": the caller's clock, which the world follows;
 * never back. */
static const char *take_time(struct serving *v, const char *path)
{
	if (path[0] != '/' || path[1] != '@')
		return path;
	char *end;
	int64_t now = strtoll(path + 2, &end, 10);
	if (now > world_now(v)) {
		v->now = now;
		v->since = ours();
	}
	return end;
}

static struct pl_value *plain(
    struct pl_arena *a, int status, const char *type, const char *body)
{
	struct pl_value *v = pl_map(a), *headers = pl_map(a);
	pl_map_set(a, headers, "content-type", pl_text(a, type));
	pl_map_set(a, v, "status", pl_int(a, status));
	pl_map_set(a, v, "headers", headers);
	pl_map_set(a, v, "body", pl_text(a, body));
	return v;
}

static struct pl_value *as_json(struct pl_arena *a, const struct pl_value *v)
{
	struct pl_buf text = {0};
	pl_json_pretty(&text, v);
	pl_buf_putc(&text, '\n');
	struct pl_value *answer = plain(a, 200, "application/json", text.at);
	pl_buf_fini(&text);
	return answer;
}

static void add_env(
    struct pl_arena *a, struct pl_value *env, const char *name, const char *value)
{
	if (value)
		pl_map_set(a, env, name, pl_text(a, value));
}

/* What the world file says about git goes wrong here too: true if the connection is
 * to end; *lost if git is to do it nevertheless. */
static bool git_trouble(struct serving *v, struct pl_arena *a,
    const struct pl_value *request, const char *path, bool *lost)
{
	struct pl_err err;
	const char *real, *op = NULL, *end = strstr(path, ".git/");
	if (strcmp(pl_get_text(request, "method", ""), "POST") == 0 &&
	    strstr(path, "/git-receive-pack"))
		op = "push";
	else if (strstr(path, "service=git-upload-pack"))
		op = "fetch";
	*lost = false;
	if (!op || !end)
		return false;
	const char *url =
	    pl_arena_printf(a, "%s%.*s", v->git_root, (int)(end + 4 - path), path);
	return !pl_world_remote(
	           v->world, a, url, op, world_now(v), &real, lost, &err) &&
	    !*lost;
}

/* Smart HTTP by git's own server program. */
static struct pl_value *git_answer(struct serving *v, struct pl_arena *a,
    const struct pl_value *request, const char *path)
{
	const char *query = strchr(path, '?');
	const struct pl_value *headers = pl_get(request, "headers");
	struct pl_value *answer = pl_map(a), *cgi = pl_map(a), *env = pl_map(a),
	                *argv = pl_list(a);
	size_t n = query ? (size_t)(query - path) : strlen(path);
	bool lost;
	pl_list_add(a, argv, pl_text(a, "git"));
	pl_list_add(a, argv, pl_text(a, "http-backend"));
	add_env(a, env, "GIT_PROJECT_ROOT", v->git_root);
	add_env(a, env, "GIT_HTTP_EXPORT_ALL", "1");
	add_env(a, env, "PATH_INFO", pl_arena_text(a, path, n));
	add_env(a, env, "QUERY_STRING", query ? query + 1 : "");
	add_env(a, env, "REQUEST_METHOD", pl_get_text(request, "method", "GET"));
	add_env(a, env, "CONTENT_TYPE", pl_get_text(headers, "content-type", NULL));
	add_env(a, env, "HTTP_CONTENT_ENCODING",
	    pl_get_text(headers, "content-encoding", NULL));
	add_env(a, env, "GIT_PROTOCOL", pl_get_text(headers, "git-protocol", NULL));
	add_env(a, env, "REMOTE_USER", "sim");
	add_env(a, env, "PATH", getenv("PATH"));
	pl_map_set(a, cgi, "argv", argv);
	pl_map_set(a, cgi, "env", env);
	if (git_trouble(v, a, request, path, &lost))
		pl_map_set(a, answer, "drop", pl_bool(a, true));
	pl_map_set(a, answer, "lost", pl_bool(a, lost));
	pl_map_set(a, answer, "cgi", cgi);
	pl_map_set(a, answer, "body", pl_get(request, "body"));
	return answer;
}

static struct pl_value *own_answer(
    struct serving *v, struct pl_arena *a, const char *what)
{
	struct pl_err err;
	if (!pl_world_touch(v->world, world_now(v), &err))
		return plain(a, 500, "text/plain", err.msg);
	if (strcmp(what, "clock") == 0) {
		struct pl_value *clock = pl_map(a);
		struct pl_value *known = pl_world_credentials(v->world, a);
		pl_map_set(a, clock, "now_ms", pl_int(a, world_now(v)));
		if (known)
			pl_map_set(a, clock, "credentials", known);
		return as_json(a, clock);
	}
	if (strcmp(what, "ledger") == 0)
		return as_json(a, pl_world_ledger(v->world, a));
	if (strcmp(what, "state") == 0)
		return as_json(a, pl_world_state(v->world, a));
	return plain(a, 404, "text/plain", "the world has: clock, ledger, state\n");
}

static const char welcome[] =
    "This is the simulated world of `pipe`. Nothing here is real.\n"
    "\n"
    "  /api.github.com/repos/…        what stands behind https://api.github.com/repos/…,\n"
    "                                 and so for every other host of the world\n"
    "  /git/impulse.git               the git repository: git clone, git push\n"
    "  /_pipe/clock                   the time here, and the tokens that are accepted\n"
    "  /_pipe/ledger                  every change that somebody made\n"
    "  /_pipe/state                   everything\n"
    "\n"
    "pipe run FILE --repo=CLONE --sim=http://…   runs a pipeline against it\n";

/* Errors of the world that are not answers: the connection just ends. A slow answer
 * is slow for those who have no clock of the world's. */
static struct pl_value *finish(const struct serving *v, struct pl_arena *a,
    struct pl_value *answer, bool has_clock)
{
	int64_t delay = pl_get_int(answer, "delay_ms", 0);
	if (delay > 0 && !has_clock)
		pl_map_set(a, answer, "sleep_ms",
		    pl_int(a, (int64_t)((double)delay / v->speed)));
	if (pl_get(answer, "error"))
		pl_map_set(a, answer, "drop", pl_bool(a, true));
	return answer;
}

static void serve(void *arg, struct pl_arena *a, const struct pl_value *request,
    struct pl_value **answer)
{
	struct serving *v = arg;
	struct pl_err err;
	const char *url = pl_get_text(request, "url", "/"), *path = take_time(v, url);
	if (strcmp(path, "/") == 0) {
		*answer = plain(a, 200, "text/plain; charset=utf-8", welcome);
		return;
	}
	if (strncmp(path, "/_pipe/", 7) == 0) {
		*answer = own_answer(v, a, path + 7);
		return;
	}
	if (strncmp(path, "/git/", 5) == 0) {
		*answer = git_answer(v, a, request, path + 4);
		return;
	}
	struct pl_value *inside = pl_copy(a, request);
	pl_map_set(a, inside, "url", pl_textf(a, "https:/%s", path));
	if (pl_world_request(v->world, a, inside, world_now(v), answer, &err))
		*answer = finish(v, a, *answer, path != url);
	else
		*answer = plain(a, 500, "text/plain", err.msg);
}

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

static void wait_for_signal(void)
{
	sigset_t set, old;
	struct sigaction sa = {.sa_handler = on_signal};
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &old);
	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	while (!ended)
		sigsuspend(&old);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void tell_up(struct pl_cli *c, struct serving *v, int port)
{
	snprintf(v->url, sizeof v->url, "http://127.0.0.1:%d", port);
	const char *git = v->git_root;
	if (c->ui.json) {
		struct pl_value *doc = pl_map(&c->arena);
		pl_map_set(&c->arena, doc, "schema", pl_text(&c->arena, "pipe/sim/v1"));
		pl_map_set(&c->arena, doc, "url", pl_text(&c->arena, v->url));
		pl_map_set(
		    &c->arena, doc, "git", pl_textf(&c->arena, "%s/git", v->url));
		pl_map_set(&c->arena, doc, "git_directory", pl_text(&c->arena, git));
		pl_put_json(doc);
	} else {
		printf("The simulated world is up at %s\n", v->url);
		printf("  git clone %s/git/impulse.git   (also %s/impulse.git)\n",
		    v->url, git);
		printf("  pipe run FILE --repo=CLONE --sim=%s\n", v->url);
		printf("Ctrl-C ends it; its state is kept.\n");
	}
	fflush(stdout);
}

/* Pushing to the bare repositories over HTTP needs their leave. */
static int up(struct pl_cli *c)
{
	const char *speed = pl_flag_text(c, "speed"), *port = pl_flag_text(c, "port");
	struct serving v = {.speed = speed ? atof(speed) : 1, .since = ours()};
	if (!(v.speed > 0))
		return pl_usage(c, "--speed=%s: a number above 0 is wanted", speed);
	v.world = open_world(c);
	if (!v.world)
		return pl_failed(c, PL_EXIT_FAILED);
	v.git_root = pl_world_git_root(v.world);
	v.now = pl_world_now(v.world);
	if (pl_flag_on(c, "now") && v.now < real_now())
		v.now = real_now();
	v.since = ours();
	struct pl_server *server =
	    pl_server_start("127.0.0.1", port ? atoi(port) : 0, serve, &v, &c->err);
	bool ok = server != NULL;
	if (server) {
		tell_up(c, &v, pl_server_port(server));
		wait_for_signal();
		pl_server_stop(server);
		ok = pl_world_touch(v.world, world_now(&v), &c->err) &&
		    pl_world_save(v.world, &c->err);
	}
	pl_world_close(v.world);
	return ok ? PL_EXIT_DONE : pl_failed(c, PL_EXIT_FAILED);
}

/* ---- show, ledger, reset ------------------------------------------------------------------ */

static void put_ledger(const struct pl_value *ledger)
{
	for (uint32_t i = 0; i < ledger->as.list.len; i++) {
		const struct pl_value *e = ledger->as.list.at[i];
		printf("%3lld  %-24.24s %s ", (long long)pl_get_int(e, "n", 0),
		    pl_get_text(e, "time", ""), pl_get_text(e, "effect", ""));
		pl_put(stdout, pl_get_text(e, "target", ""));
		putchar('\n');
	}
	if (ledger->as.list.len == 0)
		printf("The world has seen no mutations.\n");
}

static int ledger(struct pl_cli *c)
{
	struct pl_world *w = open_world(c);
	if (!w)
		return pl_failed(c, PL_EXIT_FAILED);
	const struct pl_value *list = pl_world_ledger(w, &c->arena);
	if (c->ui.json)
		pl_put_json(list);
	else
		put_ledger(list);
	pl_world_close(w);
	return PL_EXIT_DONE;
}

static int show(struct pl_cli *c)
{
	struct pl_world *w = open_world(c);
	if (!w)
		return pl_failed(c, PL_EXIT_FAILED);
	const struct pl_value *state = pl_world_state(w, &c->arena);
	pl_put_json(state);
	pl_world_close(w);
	return PL_EXIT_DONE;
}

/* Between two runs no time passes in the world, unless it is told to. */
static int pass(struct pl_cli *c)
{
	struct pl_world *w;
	int64_t ms;
	char now[32];
	if (c->words_n < 2)
		return pl_usage(c, "pipe sim wait needs a time such as 90s, 10m or 3d");
	if (!pl_duration_parse(&ms, c->words[1], &c->err))
		return pl_failed(c, PL_EXIT_USAGE);
	w = open_world(c);
	bool ok = w && pl_world_touch(w, pl_world_now(w) + ms, &c->err) &&
	    pl_world_save(w, &c->err);
	if (ok) {
		pl_time_write(now, pl_world_now(w));
		printf("In the world it is %s now.\n", now);
	}
	pl_world_close(w);
	return ok ? PL_EXIT_DONE : pl_failed(c, PL_EXIT_FAILED);
}

static int reset(struct pl_cli *c)
{
	const char *dir = world_dir(c);
	if (!pl_world_free(dir, &c->err) || !pl_dir_remove(dir, &c->err))
		return pl_failed(c, PL_EXIT_FAILED);
	printf("The world in %s is gone; the next use makes it anew.\n", dir);
	return PL_EXIT_DONE;
}

static int sim(struct pl_cli *c)
{
	static const struct {
		const char *name;
		int (*run)(struct pl_cli *c);
	} verbs[] = {{"up", up}, {"show", show}, {"ledger", ledger}, {"wait", pass},
	    {"reset", reset}};
	if (c->words_n > 1 && strcmp(c->words[0], "wait") != 0)
		return pl_usage(
		    c, "pipe sim %s takes no \"%s\"", c->words[0], c->words[1]);
	for (size_t i = 0; i < PL_COUNT(verbs); i++)
		if (strcmp(c->words[0], verbs[i].name) == 0)
			return verbs[i].run(c);
	return pl_usage(c,
	    "pipe sim has no \"%s\"; it has: up, show, ledger, wait, reset",
	    c->words[0]);
}

const struct pl_command pl_command_sim = {
    .name = "sim",
    .usage = "up|show|ledger|wait TIME|reset [--world=FILE] [--port=N]",
    .summary = "The simulated world: serve it, look at it, let time pass, make it anew",
    .examples =
        "pipe sim up --port=4010\npipe sim ledger\npipe sim wait 3d\npipe sim reset",
    .flags = flags,
    .least = 1,
    .most = 2,
    .run = sim,
};
