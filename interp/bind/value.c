/*
 * Lua's values and ours. null is one light userdata (NULL), as in lua-cjson; a
 * list bears the metatable "pipe.list", so that an empty one stays a list; a
 * secret is a userdata that shows its name and nothing else.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inner.h"

#define PL_LIST_TYPE "pipe.list"
#define PL_SECRET_TYPE "pipe.secret"
#define PL_VALUE_DEEPEST 200
/* One conversion at most: a table that is shared counts as often as it is met, and
 * what is made of it lies outside of the interpreter's limit. */
#define PL_VALUE_NODES 1000000
#define PL_VALUE_BYTES ((size_t)64 << 20)

/* ---- secrets ---------------------------------------------------------------- */

const struct pl_secret *pl_lua_secret(lua_State *L, int index)
{
	const struct pl_secret **box = luaL_testudata(L, index, PL_SECRET_TYPE);
	return box ? *box : NULL;
}

static int secret_text(lua_State *L)
{
	const struct pl_secret **box = luaL_checkudata(L, 1, PL_SECRET_TYPE);
	lua_pushfstring(L, "secret(%s)", pl_secret_name(*box));
	return 1;
}

static int secret_refuse(lua_State *L)
{
	struct pl_err err;
	const struct pl_secret *s = pl_lua_secret(L, 1);
	if (!s)
		s = pl_lua_secret(L, 2);
	pl_fail(&err, "secret.opaque",
	    "the secret \"%s\" cannot be joined, cut, compared by size or looked into; hand it "
	    "to a primitive as it is, or as a part: { \"Bearer \", secret }",
	    s ? pl_secret_name(s) : "?");
	return pl_lua_raise(L, &err);
}

static void push_secret(lua_State *L, const struct pl_secret *s)
{
	const struct pl_secret **box = lua_newuserdatauv(L, sizeof *box, 0);
	*box = s;
	luaL_setmetatable(L, PL_SECRET_TYPE);
}

static int same_secret(lua_State *L)
{
	lua_pushboolean(L, pl_lua_secret(L, 1) == pl_lua_secret(L, 2));
	return 1;
}

static int list_mark(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_setmetatable(L, PL_LIST_TYPE);
	return 1;
}

void pl_lua_value_open(lua_State *L)
{
	static const luaL_Reg secret_methods[] = {
	    {"__tostring", secret_text},
	    {"__eq", same_secret},
	    {"__concat", secret_refuse},
	    {"__len", secret_refuse},
	    {"__index", secret_refuse},
	    {"__lt", secret_refuse},
	    {"__le", secret_refuse},
	    {NULL, NULL},
	};
	luaL_newmetatable(L, PL_SECRET_TYPE);
	luaL_setfuncs(L, secret_methods, 0);
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	luaL_newmetatable(L, PL_LIST_TYPE);
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
}

int pl_lua_list(lua_State *L)
{
	return list_mark(L);
}

/* ---- ours to Lua's ------------------------------------------------------------- */

void pl_lua_push(lua_State *L, const struct pl_value *v)
{
	luaL_checkstack(L, 4, "a value is nested too deeply");
	switch (v ? v->kind : PL_NULL) {
	case PL_NULL:
		lua_pushlightuserdata(L, NULL);
		break;
	case PL_BOOL:
		lua_pushboolean(L, v->as.truth);
		break;
	case PL_INT:
		lua_pushinteger(L, v->as.whole);
		break;
	case PL_REAL:
		lua_pushnumber(L, v->as.real);
		break;
	case PL_TEXT:
		lua_pushlstring(L, v->as.text.at, v->as.text.len);
		break;
	case PL_LIST:
		lua_createtable(L, (int)v->as.list.len, 0);
		for (uint32_t i = 0; i < v->as.list.len; i++) {
			pl_lua_push(L, v->as.list.at[i]);
			lua_rawseti(L, -2, (lua_Integer)i + 1);
		}
		luaL_setmetatable(L, PL_LIST_TYPE);
		break;
	case PL_MAP:
		lua_createtable(L, 0, (int)v->as.map.len);
		for (uint32_t i = 0; i < v->as.map.len; i++) {
			const struct pl_pair *p = &v->as.map.at[i];
			lua_pushlstring(L, p->key, p->key_len);
			pl_lua_push(L, p->value);
			lua_rawset(L, -3);
		}
		break;
	case PL_SECRET:
		push_secret(L, v->as.secret);
		break;
	}
}

/* ---- Lua's to ours --------------------------------------------------------------- */

struct reading {
	lua_State *L;
	struct pl_arena *a;
	struct pl_err *err;
	char path[512]; /* of the member being read; cut when long */
	size_t path_n;
	size_t nodes, bytes; /* made so far; bytes of text and keys */
	int depth;
};

static struct pl_value *read_any(struct reading *r, int index);

static struct pl_value *wrong(struct reading *r, const char *what)
{
	pl_fail(r->err, "value.kind",
	    "%s%s%.80s%s: only data can be kept: text, numbers, flags, null, lists, maps and "
	    "secrets",
	    what, r->path_n ? " at " : "", r->path, r->path_n > 80 ? "…" : "");
	return NULL;
}

/* One more value, with so much text; false, and value.size, when it is too much. */
static bool afford(struct reading *r, size_t bytes)
{
	r->nodes++;
	r->bytes += bytes;
	if (r->nodes <= PL_VALUE_NODES && r->bytes <= PL_VALUE_BYTES)
		return true;
	return pl_fail(r->err, "value.size",
	    "the value is too large%s%.80s%s: at most %d members and %zu MiB of text, and a "
	    "table that is there twice counts twice",
	    r->path_n ? " at " : "", r->path, r->path_n > 80 ? "…" : "", PL_VALUE_NODES,
	    PL_VALUE_BYTES >> 20);
}

/* Go into a member; the mark they return leads back out. */
static size_t went(struct reading *r, int n)
{
	size_t mark = r->path_n, room = sizeof r->path - mark;
	r->path_n += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
	return mark;
}

static size_t enter_field(struct reading *r, const char *name)
{
	return went(r,
	    snprintf(r->path + r->path_n, sizeof r->path - r->path_n, "%s%.60s",
	        r->path_n ? "." : "", name));
}

static size_t enter_index(struct reading *r, lua_Unsigned i)
{
	return went(r,
	    snprintf(r->path + r->path_n, sizeof r->path - r->path_n, "[%llu]",
	        (unsigned long long)i));
}

static void leave(struct reading *r, size_t mark)
{
	r->path_n = mark;
	r->path[mark] = 0;
}

static struct pl_value *read_list(struct reading *r, int index, lua_Unsigned n)
{
	struct pl_value *list = pl_list(r->a);
	for (lua_Unsigned i = 1; i <= n; i++) {
		lua_rawgeti(r->L, index, (lua_Integer)i);
		size_t mark = enter_index(r, i);
		struct pl_value *member = read_any(r, lua_gettop(r->L));
		lua_pop(r->L, 1);
		if (!member)
			return NULL;
		leave(r, mark);
		pl_list_add(r->a, list, member);
	}
	return list;
}

static int by_key(const void *a, const void *b)
{
	const struct pl_pair *x = a, *y = b;
	size_t n = x->key_len < y->key_len ? x->key_len : y->key_len;
	int order = memcmp(x->key, y->key, n);
	return order ? order : (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

static struct pl_value *read_map(struct reading *r, int index)
{
	struct pl_value *map = pl_map(r->a);
	lua_pushnil(r->L);
	while (lua_next(r->L, index)) {
		size_t n;
		if (lua_type(r->L, -2) != LUA_TSTRING)
			return wrong(
			    r, "a table with both names and numbers, or with gaps");
		const char *key = lua_tolstring(r->L, -2, &n);
		size_t mark = enter_field(r, key);
		r->bytes += n;
		struct pl_value *member = read_any(r, lua_gettop(r->L));
		lua_pop(r->L, 1);
		if (!member)
			return NULL;
		leave(r, mark);
		pl_map_setn(r->a, map, key, n, member);
	}
	/* Lua's own order differs from one process to the next. */
	if (map->as.map.len)
		qsort(map->as.map.at, map->as.map.len, sizeof *map->as.map.at, by_key);
	return map;
}

static bool is_list(lua_State *L, int index)
{
	if (!lua_getmetatable(L, index))
		return false;
	luaL_getmetatable(L, PL_LIST_TYPE);
	bool same = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return same;
}

int pl_lua_is_array(lua_State *L)
{
	luaL_checkany(L, 1);
	lua_pushboolean(L, is_list(L, 1));
	return 1;
}

static size_t entries(lua_State *L, int index)
{
	size_t n = 0;
	lua_checkstack(L, 4);
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
		n++;
	return n;
}

static struct pl_value *read_table(struct reading *r, int index)
{
	if (++r->depth > PL_VALUE_DEEPEST)
		return wrong(r, "a table nested too deeply, or one that holds itself");
	if (!lua_checkstack(r->L, 8))
		return wrong(r, "a table nested too deeply");
	lua_Unsigned n = lua_rawlen(r->L, index);
	struct pl_value *v;
	if (n > 0 || is_list(r->L, index)) {
		v = entries(r->L, index) == n
		    ? read_list(r, index, n)
		    : wrong(r, "a table with both names and numbers, or with gaps");
	} else {
		v = read_map(r, index);
	}
	r->depth--;
	return v;
}

static struct pl_value *read_number(struct reading *r, int index)
{
	if (lua_isinteger(r->L, index))
		return pl_int(r->a, lua_tointeger(r->L, index));
	double d = lua_tonumber(r->L, index);
	/* JSON has one kind of number: 1.0 and 1 are the same, always as 1. */
	if (d == floor(d) && fabs(d) <= 9007199254740991.0)
		return pl_int(r->a, (int64_t)d);
	return pl_real(r->a, d);
}

static struct pl_value *read_any(struct reading *r, int index)
{
	size_t n = 0;
	const char *text = NULL;
	if (lua_type(r->L, index) == LUA_TSTRING)
		text = lua_tolstring(r->L, index, &n);
	if (!afford(r, n))
		return NULL;
	switch (lua_type(r->L, index)) {
	case LUA_TNIL:
		return pl_null(r->a);
	case LUA_TBOOLEAN:
		return pl_bool(r->a, lua_toboolean(r->L, index));
	case LUA_TNUMBER:
		return read_number(r, index);
	case LUA_TSTRING:
		return pl_textn(r->a, text, n);
	case LUA_TTABLE:
		return read_table(r, index);
	case LUA_TLIGHTUSERDATA:
		if (lua_touserdata(r->L, index) == NULL)
			return pl_null(r->a);
		return wrong(r, "a foreign value");
	case LUA_TUSERDATA:
		if (pl_lua_secret(r->L, index))
			return pl_secret_value(r->a, pl_lua_secret(r->L, index));
		return wrong(r, "a foreign value");
	default:
		return wrong(r, luaL_typename(r->L, index));
	}
}

struct pl_value *pl_lua_value(
    lua_State *L, int index, struct pl_arena *a, struct pl_err *err)
{
	struct reading r = {.L = L, .a = a, .err = err};
	int top = lua_gettop(L);
	struct pl_value *v = read_any(&r, lua_absindex(L, index));
	lua_settop(L, top);
	pl_lua_charge(L, 4 * r.nodes + r.bytes / 16);
	return v;
}
