/* What the modules of the simulated world are given as `sim`, and the twins that a
 * team's own providers bring. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world_inner.h"

struct pl_world *pl_world_of(lua_State *L)
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
	struct pl_world *w = pl_world_of(L);
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

/* sim.require(name): stdlib/sim/NAME.lua with the same capability, once. */
int pl_sim_require(lua_State *L)
{
	struct pl_err err;
	char file[96];
	const char *name = luaL_checkstring(L, 1);
	struct pl_world *w = pl_world_of(L);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "pipe.sim");
	if (lua_getfield(L, -1, name) != LUA_TNIL)
		return 1;
	lua_pop(L, 1);
	snprintf(file, sizeof file, "stdlib/sim/%s.lua", name);
	if (!pl_stdlib_load(L, file, &err))
		return pl_lua_raise(L, &err);
	lua_rawgeti(L, LUA_REGISTRYINDEX, w->safe);
	lua_setupvalue(L, -2, 1);
	pl_sim_push(L, w);
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
	pl_sim_push(L, w);
	lua_call(L, 1, 1);
	if (!lua_istable(L, -1))
		luaL_error(L,
		    "%s returns no table: it should be { name = …, hosts = { … }, request = "
		    "function (w, req) … end }",
		    path);
	lua_remove(L, -2);
}

/* sim.twins(): what pipelines/providers/NAME.sim.lua of the project return, and their
 * files, in order of name. */
static int twins(lua_State *L)
{
	struct pl_world *w = pl_world_of(L);
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
	lua_newtable(L); /* their files */
	for (size_t i = 0; i < n; i++) {
		load_twin(L, w, names[i]);
		lua_rawseti(L, -3, (lua_Integer)i + 1);
		lua_pushstring(L, strrchr(names[i], '/') + 1);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 2;
}

/* sim.document(file): YAML or JSON beside the twins, as data. */
static int document(lua_State *L)
{
	struct pl_err err;
	struct pl_buf text = {0};
	struct pl_value *documents = NULL;
	struct pl_world *w = pl_world_of(L);
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

void pl_sim_push(lua_State *L, struct pl_world *w)
{
	static const luaL_Reg functions[] = {{"sha256", pl_lua_sha256},
	    {"base64", pl_lua_base64}, {"unbase64", pl_lua_unbase64},
	    {"time", pl_lua_time}, {"time_text", pl_lua_time_text},
	    {"duration", duration}, {"require", pl_sim_require}, {"twins", twins},
	    {"document", document}, {NULL, NULL}};
	if (lua_getfield(L, LUA_REGISTRYINDEX, "pipe.sim.capability") == LUA_TTABLE)
		return;
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	pl_lua_json_open(L);
	lua_pushcfunction(L, pl_lua_is_array);
	lua_setfield(L, -2, "is_array");
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

void pl_sim_rows(struct pl_world *w)
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
