/* The simulated world and the providers over it: tests/lua/sim_*.lua, with the
 * capability that the world itself has. world.c is included, since that is its own. */
#include "../../interp/bind/world.c" /* NOLINT(bugprone-suspicious-include) */

#include "check.h"

static struct pl_world *world;

static const char *root(void)
{
	const char *given = getenv("PIPE_ROOT");
	return given ? given : ".";
}

/* ---- what the tests are given --------------------------------------------------- */

static int l_tmp(lua_State *L)
{
	const char *folder = getenv("TMPDIR");
	char path[512];
	snprintf(path, sizeof path, "%s/pipe-sim-XXXXXX", folder ? folder : "/tmp");
	if (!mkdtemp(path))
		return luaL_error(L, "no folder like %s", path);
	lua_pushstring(L, path);
	return 1;
}

static int l_world(lua_State *L)
{
	struct pl_err err;
	struct pl_buf text = {0};
	struct pl_arena *a = pl_lua_arena(L);
	struct pl_value *documents;
	char path[512];
	snprintf(path, sizeof path, "%s/tests/worlds/%s.yaml", root(),
	    luaL_checkstring(L, 1));
	bool ok = pl_file_read(&text, path, 0, &err) &&
	    pl_yaml_parse(&documents, a, text.at, text.len, 0, &err);
	pl_buf_fini(&text);
	if (!ok)
		return pl_lua_raise(L, &err);
	pl_lua_push(L, documents->as.list.at[0]);
	return 1;
}

static int l_load(lua_State *L)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", root(), luaL_checkstring(L, 1));
	if (luaL_loadfilex(L, path, "t") != LUA_OK)
		return lua_error(L);
	lua_rawgeti(L, LUA_REGISTRYINDEX, world->safe);
	lua_setupvalue(L, -2, 1);
	lua_replace(L, 1);
	lua_call(L, lua_gettop(L) - 1, 1);
	return 1;
}

/* ---- running them ------------------------------------------------------------------ */

struct running {
	const char *file;
	lua_Integer n; /* 0: load the file */
	lua_Integer cases;
	char name[120];
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Registry: "cases" (name -> function) and "names" (a sorted list). */
static void keep_cases(lua_State *L, struct running *r)
{
	const char *names[200];
	lua_setfield(L, LUA_REGISTRYINDEX, "cases");
	lua_getfield(L, LUA_REGISTRYINDEX, "cases");
	for (lua_pushnil(L); lua_next(L, -2) && r->cases < 200; lua_pop(L, 1))
		names[r->cases++] = lua_tostring(L, -2);
	qsort(names, (size_t)r->cases, sizeof *names, by_name);
	lua_newtable(L);
	for (lua_Integer i = 0; i < r->cases; i++) {
		lua_pushstring(L, names[i]);
		lua_rawseti(L, -2, i + 1);
	}
	lua_setfield(L, LUA_REGISTRYINDEX, "names");
}

static int run(lua_State *L)
{
	static const luaL_Reg tools[] = {
	    {"tmp", l_tmp}, {"world", l_world}, {"load", l_load}, {NULL, NULL}};
	struct running *r = lua_touserdata(L, 1);
	lua_settop(L, 0);
	if (r->n == 0) {
		lua_pushcfunction(L, l_load);
		lua_pushfstring(L, "tests/lua/%s.lua", r->file);
		pl_sim_push(L, world);
		luaL_newlib(L, tools);
		lua_call(L, 3, 1);
		keep_cases(L, r);
		return 0;
	}
	lua_getfield(L, LUA_REGISTRYINDEX, "names");
	lua_rawgeti(L, -1, r->n);
	snprintf(r->name, sizeof r->name, "%s", lua_tostring(L, -1));
	lua_getfield(L, LUA_REGISTRYINDEX, "cases");
	lua_getfield(L, -1, r->name);
	lua_call(L, 0, 0);
	return 0;
}

static void run_file(const char *file)
{
	struct running r = {.file = file};
	struct pl_err err = {0};
	CHECK_CASE(file);
	if (!pl_lua_protect(world->L, run, &r, &err)) {
		CHECK_TEXT(err.msg, "");
		return;
	}
	CHECK(r.cases > 0);
	for (r.n = 1; r.n <= r.cases; r.n++) {
		bool ok = pl_lua_protect(world->L, run, &r, &err);
		CHECK_CASE(r.name);
		CHECK_TEXT(ok ? "" : err.msg, "");
	}
}

int main(void)
{
	struct pl_err err = {0};
	char dir[512];
	snprintf(dir, sizeof dir, "%s/pipe-sim",
	    getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	world = pl_world_open("", dir, dir, &err);
	CHECK_CASE("a world opens");
	CHECK_TEXT(world ? "" : err.msg, "");
	if (world) {
		run_file("sim_graphql");
		run_file("sim_world");
		run_file("sim_providers");
		run_file("sim_globs");
		run_file("sim_contract");
	}
	pl_world_close(world);
	return check_end();
}
