/*
 * The simulated world: stdlib/sim in an interpreter of its own, with real git
 * repositories on disk. It answers requests in the vendors' wire formats, whether
 * they come from this process or over TCP, and keeps its state as JSON between
 * runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "world_inner.h"

/* ---- opening ------------------------------------------------------------------------------ */

static int open_world(lua_State *L)
{
	struct pl_world *w = lua_touserdata(L, 1);
	lua_settop(L, 0);
	pl_lua_error_open(L);
	pl_lua_value_open(L);
	lua_pushlightuserdata(L, w);
	lua_setfield(L, LUA_REGISTRYINDEX, "pipe.world");
	pl_sandbox_safe(L);
	w->safe = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushcfunction(L, pl_sim_require);
	lua_pushliteral(L, "world");
	lua_call(L, 1, 1);
	lua_getfield(L, -1, "open");
	lua_createtable(L, 0, 4);
	if (w->spec) {
		pl_lua_push(L, w->spec);
		lua_setfield(L, -2, "spec");
	}
	if (w->saved) {
		pl_lua_push(L, w->saved);
		lua_setfield(L, -2, "state");
	}
	lua_pushstring(L, w->dir);
	lua_setfield(L, -2, "dir");
	lua_call(L, 1, 1);
	w->world = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

static bool read_spec(struct pl_world *w, const char *spec, struct pl_err *err)
{
	struct pl_buf text = {0};
	struct pl_value *documents;
	if (!*spec)
		return true;
	bool ok = pl_file_read(&text, spec, 0, err) &&
	    pl_yaml_parse(
	        &documents, &w->arena, text.at ? text.at : "", text.len, 0, err);
	if (ok) {
		uint8_t hash[32];
		pl_sha256(hash, text.at, text.len);
		pl_hex(w->spec_hash, hash, sizeof hash);
	}
	pl_buf_fini(&text);
	if (!ok)
		return pl_err_within(err, "world file %s%s", spec,
		    err->line
		        ? pl_arena_printf(&w->arena, ":%u:%u", err->line, err->column)
		        : "");
	if (documents->as.list.len)
		w->spec = documents->as.list.at[0];
	return true;
}

static const char *state_path(struct pl_world *w)
{
	return pl_arena_printf(&w->arena, "%s/world.json", w->dir);
}

static const char *hash_path(struct pl_world *w)
{
	return pl_arena_printf(&w->arena, "%s/world.sha256", w->dir);
}

/* The file that the saved world was made from is the one given now. */
static bool same_spec(struct pl_world *w)
{
	struct pl_err err;
	struct pl_buf text = {0};
	bool same = !pl_file_read(&text, hash_path(w), 0, &err) ||
	    (text.len == strlen(w->spec_hash) &&
	        memcmp(text.at ? text.at : "", w->spec_hash, text.len) == 0);
	pl_buf_fini(&text);
	return same;
}

/* One process at a time: the repositories and the state belong together. */
static bool take_lock(struct pl_world *w, struct pl_err *err)
{
	const char *path = pl_arena_printf(&w->arena, "%s/lock", w->dir);
	w->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (w->lock < 0)
		return pl_fail(err, "sim.lock", "\"%s\": %s", path, strerror(errno));
	if (flock(w->lock, LOCK_EX | LOCK_NB) == 0)
		return true;
	pl_fail(err, "sim.busy",
	    "the simulated world in \"%s\" is in use by another process (a run, or `pipe sim "
	    "up`)",
	    w->dir);
	err->retryable = true;
	return false;
}

bool pl_world_free(const char *dir, struct pl_err *err)
{
	struct pl_world w = {.dir = dir, .lock = -1};
	bool ok = access(dir, F_OK) != 0 || take_lock(&w, err);
	if (w.lock >= 0)
		close(w.lock);
	pl_arena_fini(&w.arena);
	return ok;
}

static bool read_state(struct pl_world *w, struct pl_err *err)
{
	struct pl_buf text = {0};
	struct pl_value *packed;
	if (access(state_path(w), F_OK) != 0)
		return true;
	bool ok = pl_file_read(&text, state_path(w), (size_t)256 << 20, err) &&
	    pl_json_parse(&packed, &w->arena, text.at, text.len, err);
	if (ok)
		w->saved = pl_unpack(&w->arena, packed, NULL);
	pl_buf_fini(&text);
	if (ok && !same_spec(w))
		return pl_fail(err, "sim.changed",
		    "the simulated world in \"%s\" was made from another world file than this "
		    "one: `pipe sim reset --world=FILE` (without --world where there is no file) "
		    "makes it anew",
		    w->dir);
	return ok ||
	    pl_err_within(err, "the saved world %s (`pipe sim reset` starts it anew)",
	        state_path(w));
}

static bool remove_remains(struct pl_world *w, struct pl_err *err)
{
	return pl_dir_remove(pl_arena_printf(&w->arena, "%s/git", w->dir), err) &&
	    pl_dir_remove(pl_arena_printf(&w->arena, "%s/work", w->dir), err);
}

struct pl_world *pl_world_open(
    const char *spec, const char *dir, const char *root, struct pl_err *err)
{
	struct pl_world *w = pl_alloc(sizeof *w);
	w->root = pl_arena_text(&w->arena, root, strlen(root));
	w->lock = -1;
	char absolute[4096];
	bool ok = pl_dir_make(dir, 0700, err);
	if (ok && !realpath(dir, absolute))
		ok = pl_fail(err, "sim.dir", "\"%s\" cannot be found again", dir);
	if (ok) {
		w->dir = pl_arena_text(&w->arena, absolute, strlen(absolute));
		w->limits = (struct pl_limits){.memory_max = (size_t)512 << 20};
		ok = take_lock(w, err) && read_spec(w, spec, err) && read_state(w, err);
	}
	if (ok) {
		w->host = pl_host_new(w->dir, err);
		ok = w->host != NULL;
	}
	if (ok) {
		pl_sim_rows(w);
		w->L = pl_lua_new(&w->limits);
		/* What is left of a making that was cut off would be taken for the past. */
		ok = w->saved || remove_remains(w, err);
		ok = ok && pl_lua_protect(w->L, open_world, w, err) &&
		    (w->saved || pl_world_save(w, err));
		if (!ok)
			pl_err_within(err, "simulated world");
	}
	if (!ok) {
		pl_world_close(w);
		return NULL;
	}
	return w;
}

void pl_world_close(struct pl_world *w)
{
	if (!w)
		return;
	if (w->L)
		lua_close(w->L);
	pl_host_free(w->host);
	free(w->rows);
	if (w->lock >= 0)
		close(w->lock);
	pl_arena_fini(&w->arena);
	free(w);
}

/* ---- using it --------------------------------------------------------------------------------- */

struct asking {
	struct pl_world *w;
	const char *function;
	const struct pl_value *first;
	bool has_time;
	int64_t now;
	struct pl_arena *a;
	struct pl_value *answer;
	struct pl_err err;
	bool failed;
};

static int call_world(lua_State *L)
{
	struct asking *q = lua_touserdata(L, 1);
	int n = 0;
	lua_rawgeti(L, LUA_REGISTRYINDEX, q->w->world);
	lua_getfield(L, -1, q->function);
	if (!lua_isfunction(L, -1)) {
		q->answer = pl_lua_value(L, -1, q->a, &q->err);
		q->failed = !q->answer;
		return 0;
	}
	if (q->first) {
		pl_lua_push(L, q->first);
		n++;
	}
	if (q->has_time) {
		lua_pushinteger(L, q->now);
		n++;
	}
	lua_call(L, n, 1);
	q->answer = pl_lua_value(L, -1, q->a, &q->err);
	q->failed = !q->answer;
	return 0;
}

/* So many million instructions for one request: a twin of the team's may have no end. */
#define PL_WORLD_INSTRUCTIONS 400
#define PL_WORLD_EVERY 1000000

static void world_hook(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	struct pl_world *w = pl_world_of(L);
	if (++w->spent > PL_WORLD_INSTRUCTIONS)
		luaL_error(L, "it runs without an end");
}

static bool ask(struct asking *q, struct pl_err *err)
{
	struct pl_err local;
	if (!err)
		err = &local;
	q->w->spent = 0;
	lua_sethook(q->w->L, world_hook, LUA_MASKCOUNT, PL_WORLD_EVERY);
	if (!pl_lua_protect(q->w->L, call_world, q, err)) {
		/* The world's own mistake, or a contract's: no accident of the caller. */
		strcpy(err->code, "sim.failed");
		if (strncmp(err->file, "stdlib/", 7) == 0)
			err->file[0] = 0;
		return pl_err_within(err, "simulated world, %s", q->function);
	}
	if (q->failed)
		*err = q->err;
	return !q->failed;
}

bool pl_world_ask(struct pl_world *w, struct pl_arena *a, const char *function,
    const struct pl_value *first, int64_t now_ms, struct pl_value **answer,
    struct pl_err *err)
{
	struct asking q = {.w = w,
	    .function = function,
	    .first = first,
	    .has_time = true,
	    .now = now_ms,
	    .a = a};
	if (!ask(&q, err))
		return false;
	*answer = q.answer;
	return true;
}

bool pl_world_request(struct pl_world *w, struct pl_arena *a,
    const struct pl_value *request, int64_t now_ms, struct pl_value **answer,
    struct pl_err *err)
{
	return pl_world_ask(w, a, "request", request, now_ms, answer, err);
}

bool pl_world_touch(struct pl_world *w, int64_t now_ms, struct pl_err *err)
{
	struct pl_arena a = {0};
	struct asking q = {
	    .w = w, .function = "touch", .has_time = true, .now = now_ms, .a = &a};
	bool ok = ask(&q, err);
	pl_arena_fini(&a);
	return ok;
}

static struct pl_value *fetch(struct pl_world *w, struct pl_arena *a, const char *name,
    const struct pl_value *first)
{
	struct asking q = {.w = w, .function = name, .first = first, .a = a};
	return ask(&q, NULL) ? q.answer : NULL;
}

struct pl_value *pl_world_ledger(struct pl_world *w, struct pl_arena *a)
{
	struct pl_value *ledger = fetch(w, a, "ledger", NULL);
	return ledger && ledger->kind == PL_LIST ? ledger : pl_list(a);
}

struct pl_value *pl_world_state(struct pl_world *w, struct pl_arena *a)
{
	return fetch(w, a, "state", NULL);
}

struct pl_value *pl_world_credentials(struct pl_world *w, struct pl_arena *a)
{
	return pl_at(pl_world_state(w, a), "spec.credentials");
}

/* world.remote(url, op, now) -> path or nil, and what goes wrong. */
static int call_remote(lua_State *L)
{
	struct asking *q = lua_touserdata(L, 1);
	lua_rawgeti(L, LUA_REGISTRYINDEX, q->w->world);
	lua_getfield(L, -1, "remote");
	pl_lua_push(L, pl_get(q->first, "url"));
	pl_lua_push(L, pl_get(q->first, "op"));
	lua_pushinteger(L, q->now);
	lua_call(L, 3, 2);
	q->answer = pl_map(q->a);
	pl_map_set(q->a, q->answer, "path", pl_lua_value(L, -2, q->a, &q->err));
	pl_map_set(q->a, q->answer, "trouble", pl_lua_value(L, -1, q->a, &q->err));
	return 0;
}

bool pl_world_remote(struct pl_world *w, struct pl_arena *a, const char *url,
    const char *op, int64_t now_ms, const char **real, bool *lost, struct pl_err *err)
{
	struct pl_value *first = pl_map(a);
	struct asking q = {.w = w, .first = first, .now = now_ms, .a = a};
	pl_map_set(a, first, "url", pl_text(a, url));
	pl_map_set(a, first, "op", pl_text(a, op));
	if (!pl_lua_protect(w->L, call_remote, &q, err))
		return pl_err_within(err, "simulated world, remote");
	*real = pl_text_of(pl_get(q.answer, "path"), NULL);
	const struct pl_value *trouble = pl_get(q.answer, "trouble");
	if (pl_is_null(trouble))
		return true;
	*lost = pl_get_bool(trouble, "applied", false);
	pl_fail(err, *lost ? "git.lost" : "git.unreachable", "\"%s\": %s", url,
	    pl_get_text(
	        trouble, "message", pl_get_text(trouble, "error", "no answer")));
	err->unknown = *lost;
	err->retryable = !*lost;
	return false;
}

const char *pl_world_work(struct pl_world *w)
{
	return pl_text_of(fetch(w, &w->arena, "work", NULL), w->dir);
}

const char *pl_world_dir(const struct pl_world *w)
{
	return w->dir;
}

const char *pl_world_git_root(struct pl_world *w)
{
	return pl_arena_printf(&w->arena, "%s/git", w->dir);
}

int64_t pl_world_now(struct pl_world *w)
{
	const struct pl_value *now = fetch(w, &w->arena, "now", NULL);
	return now && now->kind == PL_INT ? now->as.whole : 0;
}

bool pl_world_save(struct pl_world *w, struct pl_err *err)
{
	struct pl_arena a = {0};
	struct pl_buf text = {0};
	struct pl_value *state = pl_world_state(w, &a);
	bool ok = state
	    ? pl_json_canonical(&text, pl_pack(&a, state, NULL), err) &&
	        pl_file_write(state_path(w), text.at, text.len, 0600, err) &&
	        pl_file_write(
	            hash_path(w), w->spec_hash, strlen(w->spec_hash), 0600, err)
	    : pl_fail(err, "sim.state", "the simulated world cannot be saved");
	pl_buf_fini(&text);
	pl_arena_fini(&a);
	return ok;
}
