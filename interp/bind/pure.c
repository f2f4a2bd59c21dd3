/*
 * Functions without effects: json, yaml, version. They take plain arguments and
 * answer at once; scripts may also use them while they are loaded.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "inner.h"

/* Debian's header wants lua.h before it. */
#include <lua-cjson.h>

static int fail(lua_State *L, const struct pl_err *err)
{
	return pl_lua_raise(L, err);
}

/* ---- json ---------------------------------------------------------------------- */

/*
 * lua-cjson reads the common case. It turns every number into a float, so whole
 * numbers are restored; what it cannot give back (empty lists, which it takes
 * for tables, and whole numbers beyond 2^53) is read by our own reader instead.
 */
static bool loses(const char *text, size_t n)
{
	size_t digits = 0;
	for (size_t i = 0; i < n; i++) {
		digits = isdigit((unsigned char)text[i]) ? digits + 1 : 0;
		if (digits > 15)
			return true;
		if (text[i] != '[')
			continue;
		size_t k = i + 1;
		while (k < n && strchr(" \t\r\n", text[k]) && text[k])
			k++;
		if (k < n && text[k] == ']')
			return true;
	}
	return false;
}

/* [-0, +0, m] whole floats of the value at index become integers, arrays lists. */
static void restore(lua_State *L, int index)
{
	luaL_checkstack(L, 6, "JSON is nested too deeply");
	lua_Unsigned n = lua_rawlen(L, index);
	if (n > 0) {
		lua_pushcfunction(L, pl_lua_list);
		lua_pushvalue(L, index);
		lua_call(L, 1, 0);
	}
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		lua_Integer whole;
		if (lua_type(L, -1) == LUA_TTABLE) {
			restore(L, lua_gettop(L));
		} else if (lua_type(L, -1) == LUA_TNUMBER && !lua_isinteger(L, -1) &&
		    lua_numbertointeger(lua_tonumber(L, -1), &whole) &&
		    (lua_Number)whole == lua_tonumber(L, -1)) {
			/* Assigning to a field that exists is allowed while walking. */
			lua_pushvalue(L, -2);
			lua_pushinteger(L, whole);
			lua_rawset(L, index);
		}
	}
}

static int decode_ours(lua_State *L, const char *text, size_t n)
{
	struct pl_err err;
	struct pl_value *v;
	struct pl_arena *a = pl_lua_arena(L);
	if (!pl_json_parse(&v, a, text, n, &err))
		return fail(L, &err);
	pl_lua_push(L, v);
	return 1;
}

static int json_decode(lua_State *L)
{
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);
	lua_settop(L, 1);
	if (loses(text, n) || !pl_utf8_valid(text, n))
		return decode_ours(L, text, n);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_pushvalue(L, 1);
	if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
		lua_settop(L, 1);
		return decode_ours(L, text, n); /* our reader words the error */
	}
	lua_createtable(L, 1, 0);
	lua_pushvalue(L, -2);
	lua_rawseti(L, -2, 1);
	restore(L, lua_gettop(L));
	lua_rawgeti(L, -1, 1);
	return 1;
}

static int json_encode(lua_State *L)
{
	struct pl_err err;
	struct pl_buf out = {0};
	lua_settop(L, 2);
	struct pl_arena *a = pl_lua_arena(L);
	bool pretty =
	    lua_istable(L, 2) && lua_getfield(L, 2, "pretty") && lua_toboolean(L, -1);
	struct pl_value *v = pl_lua_value(L, 1, a, &err);
	bool ok = v && pl_json_canonical(&out, v, &err);
	if (ok && pretty) {
		pl_buf_reset(&out);
		pl_json_pretty(&out, v);
	}
	if (!ok) {
		pl_buf_fini(&out);
		return fail(L, &err);
	}
	lua_pushlstring(L, out.at, out.len);
	pl_buf_fini(&out);
	return 1;
}

void pl_lua_json_open(lua_State *L)
{
	luaopen_cjson(L);
	lua_getfield(L, -1, "decode_invalid_numbers");
	lua_pushboolean(L, false);
	lua_call(L, 1, 0);
	lua_getfield(L, -1, "decode_max_depth");
	lua_pushinteger(L, 200);
	lua_call(L, 1, 0);
	lua_newtable(L);
	lua_getfield(L, -2, "decode");
	lua_pushcclosure(L, json_decode, 1);
	lua_setfield(L, -2, "decode");
	lua_pushcfunction(L, json_encode);
	lua_setfield(L, -2, "encode");
	lua_pushcfunction(L, pl_lua_list);
	lua_setfield(L, -2, "array");
	lua_remove(L, -2);
}

/* ---- yaml ------------------------------------------------------------------------- */

static int yaml_read(lua_State *L, bool all)
{
	size_t n;
	struct pl_err err;
	struct pl_value *documents;
	const char *text = luaL_checklstring(L, 1, &n);
	struct pl_arena *a = pl_lua_arena(L);
	if (!pl_yaml_parse(&documents, a, text, n, 0, &err))
		return fail(L, &err);
	if (all) {
		pl_lua_push(L, documents);
		return 1;
	}
	if (documents->as.list.len > 1) {
		pl_fail(&err, "yaml.documents",
		    "the text holds %u documents: use yaml.decode_all",
		    documents->as.list.len);
		return fail(L, &err);
	}
	pl_lua_push(L, documents->as.list.len ? documents->as.list.at[0] : NULL);
	return 1;
}

static int yaml_decode(lua_State *L)
{
	return yaml_read(L, false);
}

static int yaml_decode_all(lua_State *L)
{
	return yaml_read(L, true);
}

static int yaml_encode(lua_State *L)
{
	struct pl_err err;
	struct pl_buf out = {0};
	lua_settop(L, 1);
	struct pl_arena *a = pl_lua_arena(L);
	struct pl_value *v = pl_lua_value(L, 1, a, &err);
	if (!v || !pl_yaml_write(&out, v, &err)) {
		pl_buf_fini(&out);
		return fail(L, &err);
	}
	lua_pushlstring(L, out.at ? out.at : "", out.len);
	pl_buf_fini(&out);
	return 1;
}

void pl_lua_yaml_open(lua_State *L)
{
	static const luaL_Reg functions[] = {{"decode", yaml_decode},
	    {"decode_all", yaml_decode_all}, {"encode", yaml_encode}, {NULL, NULL}};
	luaL_newlib(L, functions);
}

/* ---- version ------------------------------------------------------------------------ */

static void parse(lua_State *L, int index, struct pl_arena *a, struct pl_version *v)
{
	struct pl_err err;
	if (!pl_version_parse(v, a, luaL_checkstring(L, index), false, &err))
		fail(L, &err);
}

static int push_version(lua_State *L, const struct pl_version *v)
{
	struct pl_buf out = {0};
	pl_version_write(&out, v);
	lua_pushlstring(L, out.at, out.len);
	pl_buf_fini(&out);
	return 1;
}

static int version_compare(lua_State *L)
{
	struct pl_version a, b;
	lua_settop(L, 2);
	struct pl_arena *arena = pl_lua_arena(L);
	parse(L, 1, arena, &a);
	parse(L, 2, arena, &b);
	lua_pushinteger(L, pl_version_compare(&a, &b));
	return 1;
}

static int version_normal(lua_State *L)
{
	struct pl_version v;
	lua_settop(L, 1);
	parse(L, 1, pl_lua_arena(L), &v);
	return push_version(L, &v);
}

static int version_parse(lua_State *L)
{
	struct pl_version v;
	lua_settop(L, 1);
	parse(L, 1, pl_lua_arena(L), &v);
	lua_createtable(L, 0, 5);
	lua_pushinteger(L, v.major);
	lua_setfield(L, -2, "major");
	lua_pushinteger(L, v.minor);
	lua_setfield(L, -2, "minor");
	lua_pushinteger(L, v.patch);
	lua_setfield(L, -2, "patch");
	lua_pushstring(L, v.pre);
	lua_setfield(L, -2, "pre");
	lua_pushstring(L, v.build);
	lua_setfield(L, -2, "build");
	return 1;
}

static int version_satisfies(lua_State *L)
{
	struct pl_err err;
	struct pl_version v;
	bool in;
	lua_settop(L, 3);
	const char *range = luaL_checkstring(L, 2);
	bool pre = lua_istable(L, 3) && lua_getfield(L, 3, "include_pre") &&
	    lua_toboolean(L, -1);
	parse(L, 1, pl_lua_arena(L), &v);
	if (!pl_version_in_range(&in, &v, range, pre, &err))
		return fail(L, &err);
	lua_pushboolean(L, in);
	return 1;
}

static int version_bump(lua_State *L)
{
	struct pl_err err;
	struct pl_version v, bumped;
	lua_settop(L, 3);
	struct pl_arena *a = pl_lua_arena(L);
	parse(L, 1, a, &v);
	if (!pl_version_bump(&bumped, a, &v, luaL_checkstring(L, 2),
	        luaL_optstring(L, 3, NULL), &err))
		return fail(L, &err);
	return push_version(L, &bumped);
}

struct sorted {
	struct pl_version v;
	const char *text;
	size_t place;
};

static int ascending(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	int order = pl_version_compare(&x->v, &y->v);
	return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* version.sort(list): a new list, ascending by precedence; equal ones keep their order. */
static int version_sort(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	struct pl_arena *a = pl_lua_arena(L);
	lua_Integer len = luaL_len(L, 1);
	luaL_argcheck(L, len >= 0 && len <= 1000000, 1, "a list that is too long");
	size_t n = (size_t)len;
	pl_lua_charge(L, 64 * n);
	struct sorted *all = pl_arena_alloc(a, (n + 1) * sizeof *all);
	for (size_t i = 0; i < n; i++) {
		lua_geti(L, 1, (lua_Integer)i + 1);
		parse(L, lua_gettop(L), a, &all[i].v);
		all[i].text = lua_tostring(L, -1);
		all[i].place = i;
		lua_pop(L, 1);
	}
	qsort(all, n, sizeof *all, ascending);
	lua_createtable(L, (int)n, 0);
	for (size_t i = 0; i < n; i++) {
		lua_geti(L, 1, (lua_Integer)all[i].place + 1);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

void pl_lua_version_open(lua_State *L)
{
	static const luaL_Reg functions[] = {{"compare", version_compare},
	    {"normal", version_normal}, {"parse", version_parse},
	    {"satisfies", version_satisfies}, {"bump", version_bump},
	    {"sort", version_sort}, {NULL, NULL}};
	luaL_newlib(L, functions);
}

/* ---- clock --------------------------------------------------------------------------- */

static int clock_text(lua_State *L)
{
	char text[32];
	pl_time_write(text, luaL_checkinteger(L, 1));
	lua_pushstring(L, text);
	return 1;
}

static int clock_duration(lua_State *L)
{
	struct pl_err err;
	int64_t ms;
	if (!pl_duration_parse(&ms, luaL_checkstring(L, 1), &err))
		return fail(L, &err);
	lua_pushinteger(L, ms);
	return 1;
}

void pl_lua_clock_open(lua_State *L)
{
	static const luaL_Reg functions[] = {{"text", clock_text},
	    {"parse", pl_lua_time}, {"duration", clock_duration}, {NULL, NULL}};
	luaL_newlib(L, functions);
}

/* ---- their help ------------------------------------------------------------------------ */

static const struct {
	const char *name, *summary, *result;
} helps[] = {
    {"json.decode", "json.decode(text): reads JSON; errors name line and column",
        "data"},
    {"json.encode", "json.encode(data [, {pretty = true}]): canonical JSON (RFC 8785)",
        "text"},
    {"json.array",
        "json.array(table): marks a table as a list, so that it stays one when empty",
        "the table"},
    {"yaml.decode", "yaml.decode(text): reads one YAML 1.2 document", "data"},
    {"yaml.decode_all", "yaml.decode_all(text): reads all documents", "a list"},
    {"yaml.encode", "yaml.encode(data): writes YAML", "text"},
    {"version.compare",
        "version.compare(a, b): precedence as SemVer 2.0; loose forms allowed",
        "-1, 0 or 1"},
    {"version.normal", "version.normal(text): \"v1.2\" as \"1.2.0\"", "text"},
    {"version.parse", "version.parse(text): its parts",
        "{major, minor, patch, pre, build}"},
    {"version.satisfies",
        "version.satisfies(v, range [, {include_pre = true}]): ranges as node-semver's",
        "true or false"},
    {"version.bump",
        "version.bump(v, kind [, id]): major minor patch premajor … prerelease",
        "text"},
    {"clock.text", "clock.text(ms): milliseconds since 1970 as RFC 3339 in UTC",
        "text"},
    {"clock.parse", "clock.parse(text): RFC 3339 as milliseconds since 1970",
        "whole number"},
    {"clock.duration", "clock.duration(\"1h30m\"): as milliseconds", "whole number"},
    {"version.sort", "version.sort(list): ascending by precedence", "a new list"},
};

void pl_pure_rows(struct pl_session *s)
{
	for (size_t i = 0; i < PL_COUNT(helps); i++) {
		struct pl_entry *e = pl_rows_add(s);
		e->name = helps[i].name;
		e->summary = helps[i].summary;
		e->result = helps[i].result;
		e->class = PL_PURE;
	}
}

const char *pl_bind_cjson_version(struct pl_arena *a)
{
	const char *version = NULL;
	lua_State *L = luaL_newstate();
	if (!L)
		return NULL;
	luaopen_cjson(L);
	if (lua_getfield(L, -1, "_VERSION") == LUA_TSTRING)
		version = pl_arena_text(a, lua_tostring(L, -1), lua_rawlen(L, -1));
	lua_close(L);
	return version;
}
