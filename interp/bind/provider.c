/*
 * Providers: modules of stdlib/providers whose verbs are rows written in Lua. A
 * module is loaded when a script first looks into it, so that one that is not
 * used costs nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embedded.h"
#include "inner.h"

/* ---- the capability -------------------------------------------------------------- */

static int environment(lua_State *L)
{
	struct pl_err err;
	struct pl_session *s = pl_lua_session(L);
	const struct pl_value *v =
	    pl_project_environment(s->project, luaL_checkstring(L, 1), &err);
	if (!v)
		return pl_lua_raise(L, &err);
	pl_lua_push(L, v);
	return 1;
}

static int raise(lua_State *L)
{
	struct pl_err err;
	pl_fail(&err, luaL_checkstring(L, 1), "%s", luaL_checkstring(L, 2));
	if (lua_istable(L, 3)) {
		lua_getfield(L, 3, "retryable");
		err.retryable = lua_toboolean(L, -1);
		lua_getfield(L, 3, "unknown");
		err.unknown = lua_toboolean(L, -1);
		lua_getfield(L, 3, "refused");
		err.refused = lua_toboolean(L, -1);
	}
	return pl_lua_raise(L, &err);
}

static int now(lua_State *L)
{
	lua_pushinteger(L, pl_host_now(pl_lua_session(L)->host));
	return 1;
}

int pl_lua_time(lua_State *L)
{
	struct pl_err err;
	int64_t ms;
	if (!pl_time_parse(&ms, luaL_checkstring(L, 1), &err))
		return pl_lua_raise(L, &err);
	lua_pushinteger(L, ms);
	return 1;
}

static int tell(lua_State *L)
{
	struct pl_session *s = pl_lua_session(L);
	struct pl_arena *a = pl_run_arena(s->run);
	struct pl_value *record = pl_map(a);
	pl_map_set(a, record, "type", pl_text(a, "output"));
	pl_map_set(a, record, "stream", pl_text(a, "log"));
	pl_map_set(a, record, "text", pl_text(a, luaL_checkstring(L, 1)));
	pl_run_note(s->run, s->current ? s->current->frame : NULL, record, false);
	return 0;
}

static void set_raw(
    struct pl_session *s, lua_State *L, const char *row, const char *name)
{
	struct pl_entry *e = pl_rows_find(s, row);
	lua_pushlightuserdata(L, (void *)e->row);
	lua_pushcclosure(L, pl_gate_raw, 1);
	lua_setfield(L, -2, name);
}

static void push_capability(struct pl_session *s, lua_State *L)
{
	static const luaL_Reg functions[] = {{"environment", environment},
	    {"raise", raise}, {"now", now}, {"time", pl_lua_time}, {"log", tell},
	    {NULL, NULL}};
	luaL_newlib(L, functions);
	set_raw(s, L, "http.request", "http");
	set_raw(s, L, "clock.sleep", "pause");
	set_raw(s, L, "secret.get", "credential");
	pl_lua_json_open(L);
	lua_setfield(L, -2, "json");
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	pl_lua_push(L, pl_project_value(s->project));
	lua_setfield(L, -2, "project");
}

/* ---- reading a module ----------------------------------------------------------------- */

static const struct {
	const char *name;
	unsigned type;
} types[] = {{"text", PL_T_TEXT}, {"integer", PL_T_INTEGER}, {"number", PL_T_NUMBER},
    {"flag", PL_T_FLAG}, {"list", PL_T_LIST}, {"map", PL_T_MAP},
    {"secret", PL_T_SECRET}, {"duration", PL_T_DURATION}, {"any", PL_T_ANY}};

static unsigned read_types(const char *text)
{
	unsigned all = 0;
	while (*text) {
		size_t n = strcspn(text, "|");
		for (size_t i = 0; i < PL_COUNT(types); i++)
			if (strlen(types[i].name) == n &&
			    strncmp(types[i].name, text, n) == 0)
				all |= types[i].type;
		text += n + (text[n] == '|');
	}
	return all;
}

static const char *keep(
    struct pl_session *s, lua_State *L, int index, const char *field)
{
	const char *out = NULL;
	if (lua_getfield(L, index, field) == LUA_TSTRING)
		out = pl_arena_text(&s->arena, lua_tostring(L, -1), lua_rawlen(L, -1));
	lua_pop(L, 1);
	return out;
}

static const char *fallback(struct pl_session *s, lua_State *L, int index)
{
	struct pl_err err;
	struct pl_buf text = {0};
	const char *out = NULL;
	if (lua_getfield(L, index, "default") != LUA_TNIL) {
		struct pl_value *v = pl_lua_value(L, -1, &s->arena, &err);
		if (v && pl_json_canonical(&text, v, &err))
			out = pl_arena_text(&s->arena, text.at, text.len);
	}
	pl_buf_fini(&text);
	lua_pop(L, 1);
	return out;
}

static const char *choices(struct pl_session *s, lua_State *L, int index)
{
	struct pl_buf text = {0};
	if (lua_getfield(L, index, "choices") == LUA_TTABLE)
		for (lua_Integer i = 1, n = luaL_len(L, -1); i <= n; i++) {
			lua_geti(L, -1, i);
			pl_buf_printf(
			    &text, "%s%s", i > 1 ? "|" : "", lua_tostring(L, -1));
			lua_pop(L, 1);
		}
	lua_pop(L, 1);
	const char *out = text.at ? pl_arena_text(&s->arena, text.at, text.len) : NULL;
	pl_buf_fini(&text);
	return out;
}

static int by_name(const void *a, const void *b)
{
	const struct pl_option *x = a, *y = b;
	if (x->required != y->required)
		return y->required - x->required;
	return strcmp(x->name, y->name);
}

static void read_options(struct pl_session *s, lua_State *L, struct pl_entry *e)
{
	size_t n = 0;
	if (lua_getfield(L, -1, "options") != LUA_TTABLE) {
		lua_pop(L, 1);
		return;
	}
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
		n++;
	struct pl_option *options =
	    pl_arena_alloc(&s->arena, (n + 1) * sizeof *options);
	size_t i = 0;
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
		int at = lua_gettop(L);
		struct pl_option *o = &options[i++];
		lua_pushvalue(L, -2);
		o->name =
		    pl_arena_text(&s->arena, lua_tostring(L, -1), lua_rawlen(L, -1));
		lua_settop(L, at);
		lua_geti(L, at, 1);
		o->types = read_types(luaL_checkstring(L, -1));
		lua_getfield(L, at, "required");
		o->required = lua_toboolean(L, -1);
		lua_settop(L, at);
		o->help = keep(s, L, at, "help");
		o->fallback = fallback(s, L, at);
		o->choices = choices(s, L, at);
	}
	qsort(options, n, sizeof *options, by_name);
	e->options = options;
	e->options_n = n;
	lua_pop(L, 1);
}

static int function_ref(lua_State *L, int index, const char *field)
{
	if (lua_getfield(L, index, field) == LUA_TFUNCTION)
		return luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pop(L, 1);
	return 0;
}

/* The verb on top of the stack becomes a row. */
static void read_verb(
    struct pl_session *s, lua_State *L, const char *module, const char *verb)
{
	int at = lua_gettop(L);
	struct pl_entry *e = pl_rows_add(s);
	e->name = pl_arena_printf(&s->arena, "%s.%s", module, verb);
	e->summary = keep(s, L, at, "summary");
	e->result = keep(s, L, at, "result");
	const char *class = keep(s, L, at, "effect");
	if (!class || !pl_class_parse(class, &e->class))
		luaL_error(L,
		    "%s: effect must be read, write, irreversible or locks-out",
		    e->name);
	read_options(s, L, e);
	e->act = function_ref(L, at, "act");
	e->target = function_ref(L, at, "target");
	e->predict = function_ref(L, at, "predict");
	e->probe = function_ref(L, at, "probe");
	e->overlay = function_ref(L, at, "overlay");
	if (!e->act)
		luaL_error(L, "%s has no act", e->name);
}

static int alphabetic(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* [-0, +1, e] a table of functions for the verbs in the table on top. */
static void read_verbs(struct pl_session *s, lua_State *L, const char *module)
{
	int verbs = lua_gettop(L);
	const char *names[128] = {NULL};
	size_t n = 0;
	for (lua_pushnil(L); lua_next(L, verbs); lua_pop(L, 1))
		if (n < PL_COUNT(names) && lua_type(L, -2) == LUA_TSTRING)
			names[n++] = lua_tostring(L, -2);
	qsort(names, n, sizeof *names, alphabetic);
	lua_newtable(L);
	for (size_t i = 0; i < n; i++) {
		lua_getfield(L, verbs, names[i]);
		read_verb(s, L, module, names[i]);
		lua_pop(L, 1);
		lua_pushlightuserdata(L, s->rows[s->rows_n - 1]);
		lua_pushcclosure(L, pl_gate_call, 1);
		lua_setfield(L, -2, names[i]);
	}
}

/* [-0, +1, e] the functions of the module, as scripts call them. */
static void load_module(struct pl_session *s, lua_State *L, const char *module)
{
	struct pl_err err;
	char file[96];
	snprintf(file, sizeof file, "stdlib/providers/%s.lua", module);
	if (!pl_stdlib_load(L, file, &err))
		pl_lua_raise(L, &err);
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->safe);
	lua_setupvalue(L, -2, 1);
	if (!pl_stdlib_load(L, "stdlib/lang/provider.lua", &err))
		pl_lua_raise(L, &err);
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->safe);
	lua_setupvalue(L, -2, 1);
	push_capability(s, L);
	lua_call(L, 1, 1);
	lua_call(L, 1, 1);
	lua_getfield(L, -1, "verbs");
	read_verbs(s, L, module);
	lua_replace(L, -3);
	lua_pop(L, 1);
}

/* ---- the module that scripts see --------------------------------------------------------- */

/* __index: loads at first use. upvalues: name, the protected module (nil at first) */
static int lazily(lua_State *L)
{
	struct pl_session *s = pl_lua_session(L);
	if (lua_isnil(L, lua_upvalueindex(2))) {
		const char *module = lua_tostring(L, lua_upvalueindex(1));
		load_module(s, L, module);
		pl_sandbox_readonly(L, module);
		lua_replace(L, lua_upvalueindex(2));
	}
	lua_pushvalue(L, 2);
	lua_gettable(L, lua_upvalueindex(2));
	return 1;
}

static int fixed(lua_State *L)
{
	return luaL_error(L, "a provider's functions cannot be changed");
}

static bool module_name(const char *file, char *out, size_t n)
{
	static const char folder[] = "stdlib/providers/";
	size_t length = strlen(file);
	if (strncmp(file, folder, sizeof folder - 1) != 0 || length < sizeof folder + 4)
		return false;
	length -= sizeof folder - 1 + 4; /* ".lua" */
	if (length >= n)
		return false;
	memcpy(out, file + sizeof folder - 1, length);
	out[length] = 0;
	return strchr(out, '/') == NULL;
}

void pl_provider_push(lua_State *L, const char *module)
{
	lua_newtable(L);
	lua_createtable(L, 0, 3);
	lua_pushstring(L, module);
	lua_pushnil(L);
	lua_pushcclosure(L, lazily, 2);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, fixed);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
}

bool pl_provider_exists(const char *module)
{
	char name[64];
	for (const struct pl_embedded *e = pl_embedded; e->name; e++)
		if (module_name(e->name, name, sizeof name) &&
		    strcmp(name, module) == 0)
			return true;
	return false;
}

void pl_providers_each(void (*found)(void *arg, const char *module), void *arg)
{
	char name[64];
	for (const struct pl_embedded *e = pl_embedded; e->name; e++)
		if (module_name(e->name, name, sizeof name))
			found(arg, name);
}

static int load_all(lua_State *L)
{
	struct pl_session *s = lua_touserdata(L, 1);
	char name[64];
	for (const struct pl_embedded *e = pl_embedded; e->name; e++)
		if (module_name(e->name, name, sizeof name)) {
			load_module(s, L, name);
			lua_settop(L, 1);
		}
	return 0;
}

bool pl_providers_load(struct pl_session *s, struct pl_err *err)
{
	return pl_lua_protect(s->L, load_all, s, err);
}
