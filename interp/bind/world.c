/*
 * The simulated world: stdlib/sim in an interpreter of its own, with real git
 * repositories on disk. It answers requests in the vendors' wire formats, whether
 * they come from this process or over TCP, and keeps its state as JSON between
 * runs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "inner.h"

struct pl_world {
	lua_State *L;
	struct pl_limits limits;
	struct pl_host *host; /* for git, which needs one */
	struct pl_arena arena;
	const char *dir, *root;
	int world, safe; /* references */
	unsigned spent; /* millions of instructions, by the request under way */
	struct pl_entry *rows;
	size_t rows_n;
	struct pl_value *spec, *saved;
	char spec_hash[65]; /* of the world file, "" for the built-in world */
	int lock;
};

static struct pl_world *world_of(lua_State *L)
{
	lua_getfield(L, LUA_REGISTRYINDEX, "pipe.world");
	struct pl_world *w = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return w;
}

/* ---- the capability `sim` --------------------------------------------------------- */

static void nothing(struct pl_call *call)
{
	(void)call;
}

/* upvalue: the entry of a row that answers before it returns */
static int call_row(lua_State *L)
{
	const struct pl_entry *e = lua_touserdata(L, lua_upvalueindex(1));
	struct pl_world *w = world_of(L);
	lua_settop(L, 1);
	struct pl_arena *a = pl_lua_arena(L);
	struct pl_call call = {
	    .host = w->host,
	    .row = e->row,
	    .arena = a,
	    .args = pl_rows_arguments(L, 1, e, a),
	    .class = e->class,
	    .finished = nothing,
	};
	e->row->start(&call);
	if (call.failed)
		return pl_lua_raise(L, &call.err);
	pl_lua_push(L, call.result);
	if (lua_islightuserdata(L, -1))
		lua_pushnil(L); /* a question without an answer */
	return 1;
}

static int duration(lua_State *L)
{
	struct pl_err err;
	int64_t ms;
	if (!pl_duration_parse(&ms, luaL_checkstring(L, 1), &err))
		return pl_lua_raise(L, &err);
	lua_pushinteger(L, ms);
	return 1;
}

static void push_sim(lua_State *L, struct pl_world *w);

/* sim.require(name): stdlib/sim/NAME.lua with the same capability, once. */
static int require(lua_State *L)
{
	struct pl_err err;
	char file[96];
	const char *name = luaL_checkstring(L, 1);
	struct pl_world *w = world_of(L);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "pipe.sim");
	if (lua_getfield(L, -1, name) != LUA_TNIL)
		return 1;
	lua_pop(L, 1);
	snprintf(file, sizeof file, "stdlib/sim/%s.lua", name);
	if (!pl_stdlib_load(L, file, &err))
		return pl_lua_raise(L, &err);
	lua_rawgeti(L, LUA_REGISTRYINDEX, w->safe);
	lua_setupvalue(L, -2, 1);
	push_sim(L, w);
	lua_call(L, 1, 1);
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, name);
	return 1;
}

/* ---- twins of a team's own providers ------------------------------------------------ */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_twin(const char *file)
{
	size_t n = strlen(file);
	return n > 8 && file[0] != '.' && strcmp(file + n - 8, ".sim.lua") == 0;
}

/* [-0, +1, e] what the file returns. */
static void load_twin(lua_State *L, struct pl_world *w, const char *path)
{
	struct pl_err err;
	struct pl_buf text = {0};
	bool read = pl_file_read(&text, path, (size_t)4 << 20, &err);
	lua_pushfstring(L, "@%s", path);
	int failed = read ? luaL_loadbufferx(L, text.at ? text.at : "", text.len,
	                        lua_tostring(L, -1), "t")
	                  : 0;
	pl_buf_fini(&text);
	if (!read)
		pl_lua_raise(L, &err);
	if (failed)
		lua_error(L);
	lua_rawgeti(L, LUA_REGISTRYINDEX, w->safe);
	lua_setupvalue(L, -2, 1);
	push_sim(L, w);
	lua_call(L, 1, 1);
	if (!lua_istable(L, -1))
		luaL_error(L,
		    "%s returns no table: it should be { name = …, hosts = { … }, request = "
		    "function (w, req) … end }",
		    path);
	lua_remove(L, -2);
}

/* sim.twins(): pipelines/providers/NAME.sim.lua of the project, in order of name. */
static int twins(lua_State *L)
{
	struct pl_world *w = world_of(L);
	const char *folder =
	    pl_arena_printf(&w->arena, "%s/pipelines/providers", w->root);
	const char *names[100];
	size_t n = 0;
	DIR *dir = opendir(folder);
	for (struct dirent *e; dir && n < PL_COUNT(names) && (e = readdir(dir));)
		if (is_twin(e->d_name))
			names[n++] =
			    pl_arena_printf(&w->arena, "%s/%s", folder, e->d_name);
	if (dir)
		closedir(dir);
	qsort(names, n, sizeof *names, by_text);
	lua_newtable(L);
	for (size_t i = 0; i < n; i++) {
		load_twin(L, w, names[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* sim.document(file): YAML or JSON beside the twins, as data. */
static int document(lua_State *L)
{
	struct pl_err err;
	struct pl_buf text = {0};
	struct pl_value *documents = NULL;
	struct pl_world *w = world_of(L);
	struct pl_arena *a = pl_lua_arena(L);
	const char *name = luaL_checkstring(L, 1);
	const char *path =
	    pl_arena_printf(a, "%s/pipelines/providers/%s", w->root, name);
	if (strchr(name, '/') || name[0] == '.')
		return luaL_error(L, "\"%s\" does not lie beside the twin", name);
	bool ok = pl_file_read(&text, path, (size_t)32 << 20, &err);
	if (ok && text.len && text.at[0] == '{')
		ok = pl_json_parse(&documents, a, text.at, text.len, &err);
	else if (ok)
		ok = pl_yaml_parse(
		    &documents, a, text.at ? text.at : "", text.len, 1000000, &err);
	pl_buf_fini(&text);
	if (!ok) {
		pl_err_within(&err, "%s", path);
		return pl_lua_raise(L, &err);
	}
	pl_lua_push(
	    L, documents->kind == PL_LIST ? documents->as.list.at[0] : documents);
	return 1;
}

static void push_sim(lua_State *L, struct pl_world *w)
{
	static const luaL_Reg functions[] = {{"sha256", pl_lua_sha256},
	    {"base64", pl_lua_base64}, {"unbase64", pl_lua_unbase64},
	    {"time", pl_lua_time}, {"time_text", pl_lua_time_text},
	    {"duration", duration}, {"require", require}, {"twins", twins},
	    {"document", document}, {NULL, NULL}};
	if (lua_getfield(L, LUA_REGISTRYINDEX, "pipe.sim.capability") == LUA_TTABLE)
		return;
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	pl_lua_json_open(L);
	lua_setfield(L, -2, "json");
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	lua_newtable(L);
	for (size_t i = 0; i < w->rows_n; i++) {
		lua_pushlightuserdata(L, &w->rows[i]);
		lua_pushcclosure(L, call_row, 1);
		lua_setfield(L, -2, strrchr(w->rows[i].name, '.') + 1);
	}
	lua_setfield(L, -2, "git");
	pl_sim_tokens(L);
	lua_pushvalue(L, -1);
	lua_setfield(L, LUA_REGISTRYINDEX, "pipe.sim.capability");
}

static void read_rows(struct pl_world *w)
{
	while (pl_git_sim_rows[w->rows_n].name)
		w->rows_n++;
	w->rows = pl_alloc((w->rows_n + 1) * sizeof *w->rows);
	for (size_t i = 0; i < w->rows_n; i++) {
		const struct pl_row *row = &pl_git_sim_rows[i];
		struct pl_entry *e = &w->rows[i];
		e->name = row->name;
		e->class = row->class;
		e->options = row->options;
		while (row->options && row->options[e->options_n].name)
			e->options_n++;
		e->row = row;
	}
}

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
	lua_pushcfunction(L, require);
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
		read_rows(w);
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

/* So many instructions for one request: a twin of the team's may have no end. */
#define PL_WORLD_INSTRUCTIONS 4000
#define PL_WORLD_EVERY 1000000

static void world_hook(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	struct pl_world *w = world_of(L);
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
