/* A session: one project, one interpreter, one host, perhaps one world. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inner.h"

/* ---- the project file ------------------------------------------------------------ */

static bool read_project(struct pl_session *s,
    void (*problem)(void *arg, const struct pl_err *err), void *arg, struct pl_err *err)
{
	struct pl_buf text = {0};
	struct pl_value *documents = NULL;
	const struct pl_value *document = NULL;
	const char *path = pl_arena_printf(&s->arena, "%s/pipe.yaml", s->o.root);
	bool ok = true;
	struct stat st;
	if (lstat(path, &st) == 0) {
		ok = pl_file_read(&text, path, (size_t)4 << 20, err) &&
		    pl_yaml_parse(&documents, &s->arena, text.at ? text.at : "",
		        text.len, 0, err);
		if (!ok && err->line && !err->file[0])
			snprintf(err->file, sizeof err->file, "pipe.yaml");
		if (!ok && problem)
			problem(arg, err);
		if (ok && documents->as.list.len > 1)
			ok = pl_fail(err, "project.format",
			    "pipe.yaml holds %u documents, not one",
			    documents->as.list.len);
		if (ok && documents->as.list.len)
			document = documents->as.list.at[0];
	}
	pl_buf_fini(&text);
	if (ok)
		s->project = pl_project_new(document, "pipe.yaml", problem, arg, err);
	return s->project != NULL;
}

/* ---- the interpreter ---------------------------------------------------------------- */

static void set_words(struct pl_session *s, lua_State *L, int env)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->language);
	lua_getfield(L, -1, "words");
	for (lua_pushnil(L); lua_next(L, -2);) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, env);
	}
	lua_pop(L, 2);
}

static void raise_if(lua_State *L, bool ok, struct pl_err *err)
{
	if (!ok)
		pl_lua_raise(L, err);
}

static int open_lua(lua_State *L)
{
	struct pl_session *s = lua_touserdata(L, 1);
	struct pl_err err;
	lua_settop(L, 0);
	pl_lua_error_open(L);
	pl_lua_value_open(L);
	pl_sandbox_safe(L);
	s->safe = luaL_ref(L, LUA_REGISTRYINDEX);
	raise_if(L, pl_stdlib_load(L, "stdlib/lang/language.lua", &err), &err);
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->safe);
	lua_setupvalue(L, -2, 1);
	pl_language_host(s, L);
	lua_call(L, 1, 1);
	s->language = luaL_ref(L, LUA_REGISTRYINDEX);
	pl_sandbox_env(s, L);
	int env = lua_gettop(L);
	set_words(s, L, env);
	pl_lua_words_open(L);
	pl_lua_push(L, pl_project_value(s->project));
	lua_setfield(L, env, "project");
	s->env = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

static bool make_interpreter(struct pl_session *s, struct pl_err *err)
{
	s->limits.memory_max = s->o.memory ? s->o.memory : (size_t)256 << 20;
	s->limits.instructions_max = s->o.instructions ? s->o.instructions : 200000000;
	s->L = pl_lua_new(&s->limits);
	memcpy(lua_getextraspace(s->L), &s, sizeof s);
	pl_rows_add_host(s, pl_git_rows);
	pl_rows_add_host(s, pl_http_rows);
	pl_rows_add_host(s, pl_process_rows);
	pl_rows_add_host(s, pl_files_rows);
	pl_rows_add_host(s, pl_clock_rows);
	pl_rows_add_hidden(s, pl_jwt_rows);
	pl_rows_add_hidden(s, pl_sql_rows);
	pl_rows_add_hidden(s, pl_postgres_rows);
	pl_rows_add_host(s, pl_word_rows);
	pl_pure_rows(s);
	return pl_lua_protect(s->L, open_lua, s, err);
}

/* ---- making and freeing ------------------------------------------------------------------ */

struct pl_session *pl_session_new(const struct pl_session_options *o,
    void (*problem)(void *arg, const struct pl_err *err), void *arg, struct pl_err *err)
{
	struct pl_session *s = pl_alloc(sizeof *s);
	s->o = *o;
	s->sources = pl_list(&s->arena);
	s->params = pl_map(&s->arena);
	bool ok = read_project(s, problem, arg, err);
	if (ok) {
		s->host = pl_host_new(o->root, err);
		ok = s->host != NULL;
	}
	if (ok) {
		pl_host_set_http(s->host, pl_get(pl_project_value(s->project), "http"));
		if (o->repository)
			pl_host_set_repository(s->host, o->repository);
		if (o->dry_run)
			pl_host_latch_writes(s->host);
		ok = make_interpreter(s, err);
	}
	if (!ok) {
		pl_session_free(s);
		return NULL;
	}
	return s;
}

void pl_session_free(struct pl_session *s)
{
	if (!s)
		return;
	/* Calls under way answer while the host closes: nobody listens any more. */
	s->closing = true;
	if (s->host)
		pl_host_free(s->host);
	if (s->L)
		lua_close(s->L);
	pl_world_close(s->world);
	pl_project_free(s->project);
	free(s->rows);
	pl_arena_fini(&s->arena);
	free(s);
}

struct pl_host *pl_session_host(struct pl_session *s)
{
	return s->host;
}

const struct pl_project *pl_session_project(struct pl_session *s)
{
	return s->project;
}

struct pl_arena *pl_session_arena(struct pl_session *s)
{
	return &s->arena;
}

bool pl_session_is_simulated(const struct pl_session *s)
{
	return s->o.sim != NULL;
}

const char *pl_bind_lua_version(void)
{
	return LUA_VERSION_MAJOR "." LUA_VERSION_MINOR "." LUA_VERSION_RELEASE;
}

/* ---- calls before a run: answered while we wait ------------------------------------------- */

static void note_finished(struct pl_call *call)
{
	*(bool *)call->owner = true;
}

static void call_prepare(struct pl_session *s, struct pl_call *call, bool *finished)
{
	*finished = false;
	*call = (struct pl_call){
	    .host = s->host,
	    .arena = &s->arena,
	    .args = pl_map(&s->arena),
	    .class = PL_READ,
	    .finished = note_finished,
	    .owner = finished,
	};
}

static void call_wait(struct pl_session *s, const bool *finished)
{
	while (!*finished && pl_host_turn(s->host))
		;
}

/* ---- credentials ------------------------------------------------------------------------------ */

static bool read_credential(
    struct pl_session *s, const char *environment, const char *name, struct pl_err *err)
{
	bool finished;
	struct pl_call call;
	if (s->o.sim)
		return pl_secret_find(s->host, name) ||
		    pl_fail(err, "secret.missing",
		        "the simulated world has no credential \"%s\"", name);
	const struct pl_value *source =
	    pl_project_credential(s->project, environment, name, err);
	if (!source)
		return false;
	call_prepare(s, &call, &finished);
	pl_secret_read(&call, name, source);
	call_wait(s, &finished);
	if (call.failed)
		*err = call.err;
	return !call.failed;
}

static int read_uses(lua_State *L)
{
	struct pl_session *s = lua_touserdata(L, 1);
	struct pl_err err;
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->pipeline);
	if (lua_getfield(L, -1, "uses") == LUA_TTABLE)
		s->uses = pl_lua_value(L, -1, &s->arena, &err);
	return 0;
}

bool pl_session_credentials(struct pl_session *s, struct pl_err *err)
{
	if (!pl_lua_protect(s->L, read_uses, s, err))
		return false;
	const struct pl_value *uses = s->uses;
	for (uint32_t i = 0; uses && uses->kind == PL_LIST && i < uses->as.list.len;
	     i++) {
		const char *name = pl_text_of(uses->as.list.at[i], "");
		const char *environment = pl_get_text(s->params, "env", NULL);
		if (!read_credential(s, environment, name, err))
			return false;
	}
	return true;
}

/* ---- the world --------------------------------------------------------------------------------- */

static bool is_url(const char *sim)
{
	return strncmp(sim, "http://", 7) == 0 || strncmp(sim, "https://", 8) == 0;
}

static bool route_inside(void *arg, struct pl_arena *a, const struct pl_value *request,
    struct pl_value **answer, const char **url, struct pl_err *err)
{
	struct pl_session *s = arg;
	(void)url;
	return pl_world_request(
	    s->world, a, request, pl_host_now(s->host), answer, err);
}

static bool remote_inside(void *arg, struct pl_arena *a, const char *url,
    const char *op, const char **real, bool *lost, struct pl_err *err)
{
	struct pl_session *s = arg;
	return pl_world_remote(
	    s->world, a, url, op, pl_host_now(s->host), real, lost, err);
}

static bool database_inside(void *arg, struct pl_arena *a, const char *row,
    const struct pl_value *args, struct pl_value **answer, struct pl_err *err)
{
	struct pl_session *s = arg;
	return pl_world_database(
	    s->world, a, row, args, pl_host_now(s->host), answer, err);
}

/* A world over TCP has no database; a real one on this machine can be given it. */
static bool database_over_tcp(void *arg, struct pl_arena *a, const char *row,
    const struct pl_value *args, struct pl_value **answer, struct pl_err *err)
{
	static const char *const here[] = {"127.0.0.1", "localhost", "[::1]"};
	struct pl_session *s = arg;
	const char *url = pl_get_text(args, "url", "");
	(void)a;
	(void)answer;
	if (strcmp(row, "postgres.open") != 0)
		return true;
	const char *host = strstr(url, "://");
	host = host ? host + 3 : url;
	size_t n = strcspn(host, "/?");
	for (size_t i = n; i > 0; i--)
		if (host[i - 1] == '@') {
			host += i;
			break;
		}
	for (size_t i = 0; i < PL_COUNT(here); i++)
		if (strncmp(host, here[i], strlen(here[i])) == 0 &&
		    strchr(":/?", host[strlen(here[i])]))
			return true;
	return pl_fail(err, "sim.database",
	    "the simulated world at %s has no database: give it a real PostgreSQL on this machine, "
	    "with an address on 127.0.0.1 as its credential (the world file's credentials), or use "
	    "the world in the process (--sim=FILE)",
	    s->o.sim);
}

static bool process_inside(void *arg, struct pl_arena *a, const struct pl_value *call,
    struct pl_value **instead, struct pl_err *err)
{
	struct pl_session *s = arg;
	return pl_world_process(s->world, a, call, pl_host_now(s->host), instead, err);
}

static void processed_inside(
    void *arg, const struct pl_value *instead, const struct pl_value *result)
{
	struct pl_session *s = arg;
	pl_world_processed(s->world, instead, result, pl_host_now(s->host));
}

/* https://api.github.com/x -> http://127.0.0.1:4010/@TIME/api.github.com/x: the
 * world's clock follows ours. */
static bool route_over_tcp(void *arg, struct pl_arena *a,
    const struct pl_value *request, struct pl_value **answer, const char **url,
    struct pl_err *err)
{
	struct pl_session *s = arg;
	(void)answer;
	(void)err;
	const char *to = pl_get_text(request, "url", "");
	const char *rest = strstr(to, "://");
	if (rest && strncmp(to, s->o.sim, strlen(s->o.sim)) != 0)
		*url = pl_arena_printf(a, "%s/@%lld/%s", s->o.sim,
		    (long long)pl_host_now(s->host), rest + 3);
	return true;
}

static const struct pl_row *row_named(const struct pl_row *rows, const char *name)
{
	while (rows->name && strcmp(rows->name, name) != 0)
		rows++;
	return rows;
}

static void add_credential(
    struct pl_session *s, const char *name, const struct pl_value *v)
{
	if (v && v->kind == PL_TEXT)
		pl_secret_add(s->host, name, v->as.text.at, v->as.text.len);
}

/* The world behind a socket says what time it is there. */
static bool join_world(struct pl_session *s, struct pl_err *err)
{
	bool finished;
	struct pl_call call;
	struct pl_value *args = pl_map(&s->arena);
	const struct pl_row *row = row_named(pl_http_rows, "http.get");
	pl_map_set(
	    &s->arena, args, "url", pl_textf(&s->arena, "%s/_pipe/clock", s->o.sim));
	pl_map_set(&s->arena, args, "timeout", pl_int(&s->arena, 5000));
	call_prepare(s, &call, &finished);
	call.row = row;
	call.args = args;
	row->start(&call);
	call_wait(s, &finished);
	if (call.failed) {
		*err = call.err;
		return pl_err_within(err, "the simulated world at %s", s->o.sim);
	}
	int64_t now = pl_get_int(pl_get(call.result, "json"), "now_ms", 0);
	if (!now)
		return pl_fail(err, "sim.clock",
		    "%s is no simulated world: it does not tell the time", s->o.sim);
	pl_host_set_virtual(s->host, now);
	const struct pl_value *known =
	    pl_get(pl_get(call.result, "json"), "credentials");
	for (uint32_t i = 0; known && known->kind == PL_MAP && i < known->as.map.len;
	     i++)
		add_credential(s, known->as.map.at[i].key, known->as.map.at[i].value);
	s->router = (struct pl_router){
	    .route = route_over_tcp, .database = database_over_tcp, .arg = s};
	pl_host_set_router(s->host, &s->router);
	return true;
}

/* What the world's client would have in its environment. */
static void take_credentials(struct pl_session *s)
{
	const struct pl_value *known = pl_world_credentials(s->world, &s->arena);
	for (uint32_t i = 0; known && known->kind == PL_MAP && i < known->as.map.len;
	     i++)
		add_credential(s, known->as.map.at[i].key, known->as.map.at[i].value);
}

const char *pl_world_name(struct pl_arena *a, const char *spec)
{
	const char *slash = strrchr(spec, '/');
	const char *base = slash ? slash + 1 : spec;
	size_t n = strcspn(base, ".");
	return n ? pl_arena_text(a, base, n) : "default";
}

bool pl_session_open_world(struct pl_session *s, struct pl_err *err)
{
	if (!s->o.sim || s->world)
		return true;
	if (is_url(s->o.sim))
		return join_world(s, err);
	const char *dir = pl_arena_printf(
	    &s->arena, "%s/sim/%s", s->o.state, pl_world_name(&s->arena, s->o.sim));
	s->world = pl_world_open(s->o.sim, dir, s->o.root, err);
	if (!s->world)
		return false;
	pl_host_set_virtual(s->host, pl_world_now(s->world));
	take_credentials(s);
	if (!s->o.repository)
		pl_host_set_repository(s->host, pl_world_work(s->world));
	s->router = (struct pl_router){.route = route_inside,
	    .remote = remote_inside,
	    .database = database_inside,
	    .process = process_inside,
	    .processed = processed_inside,
	    .arg = s};
	pl_host_set_router(s->host, &s->router);
	return true;
}

bool pl_session_save(struct pl_session *s, struct pl_err *err)
{
	return !s->world || pl_world_save(s->world, err);
}

/* ---- what the engine asks ----------------------------------------------------------------------- */

static void *start_timer(void *arg, int64_t ms, void (*fn)(void *), void *fn_arg)
{
	struct pl_session *s = arg;
	return pl_timer_start(s->host, ms, fn, fn_arg);
}

static void stop_timer(void *arg, void *timer)
{
	(void)arg;
	pl_timer_stop(timer);
}

static int64_t now(void *arg)
{
	struct pl_session *s = arg;
	return pl_host_now(s->host);
}

static struct pl_value *mask(void *arg, struct pl_arena *a, struct pl_value *v)
{
	struct pl_session *s = arg;
	return pl_secret_mask_value(s->host, a, v);
}

static struct pl_value *name_of(
    void *arg, struct pl_arena *a, const struct pl_secret *secret)
{
	(void)arg;
	return pl_text(a, pl_secret_name(secret));
}

static const struct pl_secret *secret_of(void *arg, const struct pl_value *name)
{
	struct pl_session *s = arg;
	struct pl_err err;
	const char *text = pl_text_of(name, "");
	const struct pl_secret *found = pl_secret_find(s->host, text);
	if (!found && read_credential(s, NULL, text, &err))
		found = pl_secret_find(s->host, text);
	return found;
}

static const struct pl_secret *lost(void *arg, const char *name)
{
	struct pl_session *s = arg;
	return pl_secret_add(s->host, name, "", 0);
}

void pl_session_outside(struct pl_session *s, struct pl_outside *out)
{
	out->arg = s;
	out->start = pl_body_start;
	out->cancel = pl_body_cancel;
	out->timer = start_timer;
	out->timer_stop = stop_timer;
	out->now = now;
	out->mask = mask;
	out->packing =
	    (struct pl_packing){.name_of = name_of, .secret_of = secret_of, .arg = s};
	out->lost = lost;
}

void pl_session_set_run(struct pl_session *s, struct pl_run *r)
{
	s->run = r;
}
