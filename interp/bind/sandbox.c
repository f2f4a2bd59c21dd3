/*
 * What a script sees: a written list of names. Everything else raises. Tables of
 * functions are handed out read-only, pairs goes in the order of keys, and
 * nothing shows an address, for that would differ from run to run.
 */
#include <stdlib.h>
#include <string.h>

#include "inner.h"

/* ---- functions that Lua's own library has, tamed ------------------------------ */

static int show(lua_State *L)
{
	luaL_checkany(L, 1);
	if (lua_islightuserdata(L, 1) && !lua_touserdata(L, 1))
		lua_pushliteral(L, "null");
	else if ((lua_type(L, 1) == LUA_TTABLE || lua_type(L, 1) == LUA_TFUNCTION ||
	             lua_type(L, 1) == LUA_TUSERDATA || lua_type(L, 1) == LUA_TTHREAD ||
	             lua_type(L, 1) == LUA_TLIGHTUSERDATA) &&
	    luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL)
		lua_pushstring(L, luaL_typename(L, 1));
	else
		luaL_tolstring(L, 1, NULL);
	return 1;
}

/* string.format without addresses: %p is refused, %s shows as tostring does. */
static int format(lua_State *L)
{
	size_t n;
	int top = lua_gettop(L), argument = 1;
	const char *text = luaL_checklstring(L, 1, &n), *end = text + n;
	/* By length: a NUL in the format ends nothing. */
	for (const char *p = text; (p = memchr(p, '%', (size_t)(end - p))) != NULL;) {
		p++;
		if (*p == '%') {
			p++;
			continue;
		}
		argument++;
		p += strspn(p, "-+ #0123456789.");
		if (*p == 'p')
			return luaL_error(L,
			    "string.format: %%p shows an address, which "
			    "differs from run to run");
		if (*p == 's' && argument <= top && !lua_isnoneornil(L, argument) &&
		    !lua_isnumber(L, argument) && !lua_isstring(L, argument)) {
			lua_pushcfunction(L, show);
			lua_pushvalue(L, argument);
			lua_call(L, 1, 1);
			lua_replace(L, argument);
		}
	}
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, top, LUA_MULTRET);
	return lua_gettop(L);
}

/* __gc and __mode have to be there when the metatable is set. A __mode that is put
 * into it later is not seen: a script that goes to such lengths has a weak table. */
static int set_metatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	if (!lua_isnil(L, 2)) {
		luaL_checktype(L, 2, LUA_TTABLE);
		lua_pushliteral(L, "__gc");
		if (lua_rawget(L, 2) != LUA_TNIL)
			return luaL_error(L,
			    "__gc: a script has no finalizers; effects belong "
			    "into steps");
		lua_pushliteral(L, "__mode");
		if (lua_rawget(L, 2) != LUA_TNIL)
			return luaL_error(L,
			    "__mode: what a weak table holds differs from "
			    "run to run");
		lua_pop(L, 2);
	}
	lua_settop(L, 2);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 2, 1);
	return 1;
}

/* After an error Lua goes through all calls that are open: were they without a
 * number, nested protected calls would cost the square of it. */
#define PL_TRIES_DEEPEST 150

static int *tries(lua_State *L)
{
	struct pl_session *s = pl_lua_session(L);
	return !s ? NULL : s->current ? &s->current->tries : &s->tries;
}

void pl_sandbox_enter(lua_State *L)
{
	int *depth = tries(L);
	if (depth && *depth >= PL_TRIES_DEEPEST)
		luaL_error(L, "pcall, xpcall and try are nested too deeply");
	if (depth)
		++*depth;
}

void pl_sandbox_leave(lua_State *L)
{
	int *depth = tries(L);
	if (depth)
		--*depth;
}

static int after_call(lua_State *L, int status, lua_KContext ctx)
{
	(void)ctx;
	pl_sandbox_leave(L);
	if (status == LUA_OK || status == LUA_YIELD)
		return lua_gettop(L);
	lua_pushboolean(L, false);
	lua_insert(L, -2);
	return 2;
}

static int call_protected(lua_State *L)
{
	luaL_checkany(L, 1);
	pl_sandbox_enter(L);
	lua_pushboolean(L, true); /* the first result */
	lua_insert(L, 1);
	return after_call(
	    L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, after_call), 0);
}

static int after_handled(lua_State *L, int status, lua_KContext ctx)
{
	(void)ctx;
	pl_sandbox_leave(L);
	if (status == LUA_OK || status == LUA_YIELD)
		return lua_gettop(L) - 2;
	lua_pushboolean(L, false);
	lua_pushvalue(L, 2);
	lua_pushvalue(L, -3);
	lua_pcall(L, 1, 1, 0); /* an error in the handler is what it gives */
	return 2;
}

/* xpcall(f, handler, …). Lua's own calls the handler with the hook switched off
 * when it was the hook that raised: an endless handler could then not be ended.
 * Here it is called once the stack was unwound. */
static int call_handled(lua_State *L)
{
	luaL_checkany(L, 1);
	luaL_checkany(L, 2);
	pl_sandbox_enter(L);
	lua_pushboolean(L, true); /* the first result */
	lua_pushvalue(L, 1);
	lua_rotate(L, 3, 2); /* both below the function's arguments */
	return after_handled(
	    L, lua_pcallk(L, lua_gettop(L) - 4, LUA_MULTRET, 0, 0, after_handled), 0);
}

/* load(text [, name]): source text only, in the script's own environment. */
static int load_text(lua_State *L)
{
	size_t n;
	struct pl_session *s = pl_lua_session(L);
	const char *text = luaL_checklstring(L, 1, &n);
	const char *name = luaL_optstring(L, 2, "load");
	lua_pushfstring(L, "=%s", name[0] == '@' || name[0] == '=' ? name + 1 : name);
	if (luaL_loadbufferx(L, text, n, lua_tostring(L, -1), "t") != LUA_OK) {
		lua_pushnil(L);
		lua_insert(L, -2);
		return 2;
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->env);
	lua_setupvalue(L, -2, 1);
	return 1;
}

/* ---- read-only tables ------------------------------------------------------------- */

static int read_only(lua_State *L)
{
	return luaL_error(L, "\"%s\" belongs to pipe and cannot be changed",
	    lua_tostring(L, lua_upvalueindex(1)));
}

/* __index of a module: raises for what it does not have. upvalues: table, name */
static int member(lua_State *L)
{
	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
		return 1;
	struct pl_err err;
	const char *names[256];
	size_t n = 0;
	const char *module = lua_tostring(L, lua_upvalueindex(2));
	const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
	for (lua_pushnil(L); lua_next(L, lua_upvalueindex(1)); lua_pop(L, 1))
		if (n < PL_COUNT(names) && lua_type(L, -2) == LUA_TSTRING)
			names[n++] = lua_tostring(L, -2);
	const char *near = pl_nearest(key, names, n);
	pl_fail(&err, "script.undefined", "%s has no \"%s\"%s%s%s", module, key,
	    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	return pl_lua_raise(L, &err);
}

static int pairs_of(lua_State *L)
{
	lua_pushcfunction(L, pl_order_pairs);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_call(L, 1, 3);
	return 3;
}

void pl_sandbox_readonly(lua_State *L, const char *name)
{
	int table = lua_gettop(L);
	lua_newtable(L);
	lua_newtable(L);
	lua_pushvalue(L, table);
	lua_pushstring(L, name);
	lua_pushcclosure(L, member, 2);
	lua_setfield(L, -2, "__index");
	lua_pushstring(L, name);
	lua_pushcclosure(L, read_only, 1);
	lua_setfield(L, -2, "__newindex");
	lua_pushvalue(L, table);
	lua_pushcclosure(L, pairs_of, 1);
	lua_setfield(L, -2, "__pairs");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_remove(L, table);
}

/* ---- the lists ----------------------------------------------------------------------- */

static const char *const base_names[] = {"assert", "error", "getmetatable", "ipairs",
    "rawequal", "rawget", "rawlen", "select", "tonumber", "type", "_VERSION", NULL};
static const char *const string_names[] = {"byte", "char", "find", "format", "gmatch",
    "gsub", "len", "lower", "match", "pack", "packsize", "rep", "reverse", "sub",
    "unpack", "upper", NULL};
static const char *const table_names[] = {
    "concat", "insert", "move", "pack", "remove", "sort", "unpack", NULL};
static const char *const math_names[] = {"abs", "ceil", "exp", "floor", "fmod", "huge",
    "log", "max", "maxinteger", "min", "mininteger", "modf", "pi", "sqrt", "tointeger",
    "type", "ult", NULL};
static const char *const utf8_names[] = {
    "char", "charpattern", "codepoint", "codes", "len", "offset", NULL};

/* Copies the named members of the table at -2 into the one at -1. */
static void copy(lua_State *L, const char *const *names)
{
	for (; *names; names++) {
		lua_getfield(L, -2, *names);
		lua_setfield(L, -2, *names);
	}
}

static void open_library(
    lua_State *L, const char *name, lua_CFunction open, const char *const *names)
{
	luaL_requiref(L, name, open, 0);
	lua_newtable(L);
	copy(L, names);
	lua_remove(L, -2);
	pl_bounds_set(L, name);
}

/* Methods of strings ("x"):rep(3) go by the same list. */
static void tame_strings(lua_State *L)
{
	lua_getfield(L, -1, "format");
	lua_pushcclosure(L, format, 1);
	lua_setfield(L, -2, "format");
	lua_pushliteral(L, "");
	lua_getmetatable(L, -1);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
}

void pl_sandbox_safe(lua_State *L)
{
	lua_newtable(L);
	int safe = lua_gettop(L);
	luaL_requiref(L, "_G", luaopen_base, 0);
	lua_pushvalue(L, safe);
	copy(L, base_names);
	lua_pop(L, 1);
	lua_getfield(L, -1, "setmetatable");
	lua_pushcclosure(L, set_metatable, 1);
	lua_setfield(L, safe, "setmetatable");
	lua_settop(L, safe);
	lua_pushcfunction(L, pl_order_pairs);
	lua_setfield(L, safe, "pairs");
	pl_order_next(L);
	lua_setfield(L, safe, "next");
	lua_pushcfunction(L, show);
	lua_setfield(L, safe, "tostring");
	lua_pushcfunction(L, call_handled);
	lua_setfield(L, safe, "xpcall");
	lua_pushcfunction(L, call_protected);
	lua_setfield(L, safe, "pcall");
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, safe, "null");
	open_library(L, LUA_STRLIBNAME, luaopen_string, string_names);
	tame_strings(L);
	pl_sandbox_readonly(L, "string");
	lua_setfield(L, safe, "string");
	open_library(L, LUA_TABLIBNAME, luaopen_table, table_names);
	pl_sandbox_readonly(L, "table");
	lua_setfield(L, safe, "table");
	open_library(L, LUA_MATHLIBNAME, luaopen_math, math_names);
	pl_sandbox_readonly(L, "math");
	lua_setfield(L, safe, "math");
	open_library(L, LUA_UTF8LIBNAME, luaopen_utf8, utf8_names);
	pl_sandbox_readonly(L, "utf8");
	lua_setfield(L, safe, "utf8");
}

/* ---- a script's environment --------------------------------------------------------------- */

const char *pl_sandbox_instead(const char *name)
{
	static const struct {
		const char *name, *instead;
	} names[] = {{"print", "log.info"}, {"os", "clock, fs and proc"},
	    {"io", "fs and proc"}, {"dofile", "require"}, {"loadfile", "require"},
	    {"loadstring", "load"}, {"package", "require"},
	    {"rawset", "a plain assignment"}, {"unpack", "table.unpack"}};
	for (size_t i = 0; i < PL_COUNT(names); i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].instead;
	return NULL;
}

/* __index of a script's environment: a module that is mentioned for the first time. */
static int undefined(lua_State *L)
{
	struct pl_err err;
	struct pl_session *s = pl_lua_session(L);
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
	if (pl_module_push(s, L, name)) {
		lua_pushvalue(L, 2);
		lua_pushvalue(L, -2);
		lua_rawset(L, 1);
		return 1;
	}
	const char *instead = pl_sandbox_instead(name);
	pl_fail(&err, "script.undefined", "the name \"%s\" is not defined%s%s", name,
	    instead ? "; use " : "", instead ? instead : "");
	return pl_lua_raise(L, &err);
}

static int assign(lua_State *L)
{
	struct pl_err err;
	struct pl_session *s = pl_lua_session(L);
	if (!s->frozen) {
		lua_rawset(L, 1);
		return 0;
	}
	pl_fail(&err, "script.frozen",
	    "the global \"%s\" cannot be set: globals are frozen once a script is loaded; say "
	    "local",
	    lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?");
	return pl_lua_raise(L, &err);
}

void pl_sandbox_env(struct pl_session *s, lua_State *L)
{
	lua_newtable(L);
	int env = lua_gettop(L);
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->safe);
	for (lua_pushnil(L); lua_next(L, -2);) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, env);
	}
	lua_pop(L, 1);
	lua_pushcfunction(L, load_text);
	lua_setfield(L, env, "load");
	lua_pushcfunction(L, pl_lua_require);
	lua_setfield(L, env, "require");
	lua_newtable(L);
	lua_pushcfunction(L, undefined);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, assign);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, env);
}

/* What is there already must not be set either: all names move behind the table
 * that scripts have as their environment. */
void pl_sandbox_freeze(struct pl_session *s, lua_State *L)
{
	int top = lua_gettop(L);
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->env);
	lua_newtable(L);
	for (lua_pushnil(L); lua_next(L, top + 1);) {
		lua_pushvalue(L, -2);
		lua_pushvalue(L, -2);
		lua_rawset(L, top + 2);
		lua_pop(L, 1);
		lua_pushvalue(L, -1);
		lua_pushnil(L);
		lua_rawset(L, top + 1); /* clearing is allowed while walking */
	}
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, undefined);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, top + 2);
	lua_getmetatable(L, top + 1);
	lua_pushvalue(L, top + 2);
	lua_setfield(L, -2, "__index");
	lua_settop(L, top);
	s->frozen = true;
}
