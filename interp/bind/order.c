/* pairs and next in the order of keys: Lua's own order differs from run to run. */
#include <stdlib.h>
#include <string.h>

#include "inner.h"

struct key {
	int type; /* numbers, then text, then flags */
	double number;
	lua_Integer whole;
	const char *text;
	size_t n;
	bool is_whole;
};

static int compare(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	if (x->type != y->type)
		return x->type - y->type;
	if (x->type == LUA_TSTRING) {
		int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);
		return order ? order : (x->n > y->n) - (x->n < y->n);
	}
	if (x->is_whole && y->is_whole)
		return (x->whole > y->whole) - (x->whole < y->whole);
	return (x->number > y->number) - (x->number < y->number);
}

/* Order of the types: number 3 < text 4 in Lua's numbering; flags (1) first. */
static bool read_key(lua_State *L, int index, struct key *k)
{
	k->type = lua_type(L, index);
	switch (k->type) {
	case LUA_TNUMBER:
		k->is_whole = lua_isinteger(L, index);
		k->whole = k->is_whole ? lua_tointeger(L, index) : 0;
		k->number = lua_tonumber(L, index);
		return true;
	case LUA_TSTRING:
		k->text = lua_tolstring(L, index, &k->n);
		return true;
	case LUA_TBOOLEAN:
		k->number = lua_toboolean(L, index);
		return true;
	default:
		return false;
	}
}

static void need_key(lua_State *L, int index, struct key *k)
{
	if (!read_key(L, index, k))
		luaL_error(L,
		    "pairs needs keys with an order (numbers, text, flags), not a %s",
		    luaL_typename(L, index));
}

static void push_key(lua_State *L, const struct key *k)
{
	if (k->type == LUA_TSTRING)
		lua_pushlstring(L, k->text, k->n);
	else if (k->type == LUA_TBOOLEAN)
		lua_pushboolean(L, k->number != 0);
	else if (k->is_whole)
		lua_pushinteger(L, k->whole);
	else
		lua_pushnumber(L, k->number);
}

/* [-0, +1, e] a list of the keys of the table at index, in order. */
static int sorted_keys(lua_State *L, int index)
{
	size_t n = 0;
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
		n++;
	struct key *keys = lua_newuserdatauv(L, (n + 1) * sizeof *keys, 0);
	memset(keys, 0, (n + 1) * sizeof *keys);
	size_t i = 0;
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
		need_key(L, -2, &keys[i++]);
	uint64_t cost = n;
	for (size_t left = n; left > 1; left /= 2)
		cost += n;
	pl_lua_charge(L, cost);
	qsort(keys, n, sizeof *keys, compare);
	lua_createtable(L, (int)n, 0);
	for (i = 0; i < n; i++) {
		push_key(L, &keys[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	lua_remove(L, -2);
	return (int)n;
}

/* upvalues: table, keys, position */
static int next_pair(lua_State *L)
{
	lua_Integer i = lua_tointeger(L, lua_upvalueindex(3));
	for (;;) {
		i++;
		if (lua_rawgeti(L, lua_upvalueindex(2), i) == LUA_TNIL)
			return 1;
		lua_pushvalue(L, -1);
		lua_rawget(L, lua_upvalueindex(1));
		if (!lua_isnil(L, -1))
			break; /* removed meanwhile: passed over */
		lua_pop(L, 2);
	}
	lua_pushinteger(L, i);
	lua_replace(L, lua_upvalueindex(3));
	return 2;
}

int pl_order_pairs(lua_State *L)
{
	luaL_checkany(L, 1);
	if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
		lua_pushvalue(L, 1);
		lua_call(L, 1, 3);
		return 3;
	}
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_pushvalue(L, 1);
	sorted_keys(L, 1);
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, next_pair, 3);
	lua_pushvalue(L, 1);
	lua_pushnil(L);
	return 3;
}

/* [-0, +1, e] the first key of the table at 1, nil if it is empty. */
static void first_key(lua_State *L)
{
	struct key k = {0}, first = {0};
	uint64_t n = 0;
	for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
		need_key(L, -2, &k);
		if (n++ == 0 || compare(&k, &first) < 0)
			first = k;
	}
	pl_lua_charge(L, n);
	if (n)
		push_key(L, &first);
	else
		lua_pushnil(L);
}

/* next's upvalues: the table it walks, the keys of that, where the last one stood. */
enum { WALKED = 1, KEYS, PLACE };

/* The key at 2 is the one that was given last, of the same table. */
static bool goes_on(lua_State *L)
{
	if (!lua_rawequal(L, 1, lua_upvalueindex(WALKED)))
		return false;
	lua_rawgeti(
	    L, lua_upvalueindex(KEYS), lua_tointeger(L, lua_upvalueindex(PLACE)));
	bool same = lua_rawequal(L, -1, 2);
	lua_pop(L, 1);
	return same;
}

/* Sorts the keys of the table at 1; the place is the last one that is not behind
 * the key at 2, which may have been removed. */
static lua_Integer begin_walk(lua_State *L)
{
	struct key k = {0}, other = {0};
	need_key(L, 2, &k);
	lua_Integer low = 0, high = sorted_keys(L, 1);
	while (low < high) {
		lua_Integer middle = low + (high - low) / 2 + 1;
		lua_rawgeti(L, -1, middle);
		read_key(L, -1, &other);
		lua_pop(L, 1);
		if (compare(&other, &k) <= 0)
			low = middle;
		else
			high = middle - 1;
	}
	lua_replace(L, lua_upvalueindex(KEYS));
	lua_pushvalue(L, 1);
	lua_replace(L, lua_upvalueindex(WALKED));
	return low;
}

static void end_walk(lua_State *L)
{
	lua_pushnil(L);
	lua_replace(L, lua_upvalueindex(WALKED));
	lua_pushnil(L);
	lua_replace(L, lua_upvalueindex(KEYS));
}

static int ordered_next(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 2);
	if (lua_isnil(L, 2)) {
		first_key(L);
		lua_pushvalue(L, -1);
		if (lua_isnil(L, -1))
			return 1;
		lua_rawget(L, 1);
		return 2;
	}
	lua_Integer i =
	    goes_on(L) ? lua_tointeger(L, lua_upvalueindex(PLACE)) : begin_walk(L);
	while (lua_rawgeti(L, lua_upvalueindex(KEYS), ++i) != LUA_TNIL) {
		lua_pushvalue(L, -1);
		if (lua_rawget(L, 1) != LUA_TNIL) {
			lua_pushinteger(L, i);
			lua_replace(L, lua_upvalueindex(PLACE));
			return 2;
		}
		lua_pop(L, 2); /* removed meanwhile: passed over */
	}
	end_walk(L);
	return 1;
}

void pl_order_next(lua_State *L)
{
	for (int i = WALKED; i <= PLACE; i++)
		lua_pushnil(L);
	lua_pushcclosure(L, ordered_next, PLACE);
}
