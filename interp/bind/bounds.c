/*
 * Loops inside Lua's own library: no hook sees them, so that neither a limit nor
 * a signal could end them. Each gets a bound, and costs what it does.
 */
#include <string.h>

#include "inner.h"

/* Members that one call may go through; times that one may repeat. */
#define PL_BOUND_MEMBERS 10000000
#define PL_BOUND_REPEATS ((lua_Integer)1 << 31)
/* So many bytes of text are looked at in the time of one instruction. */
#define PL_BYTES_PER_INSTRUCTION 16

/* Calls the library's function. Its own complaints about arguments get the line
 * of the script, which they would have without us. */
static int pass(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
	if (status == LUA_OK)
		return lua_gettop(L);
	if (status == LUA_ERRRUN && lua_type(L, -1) == LUA_TSTRING) {
		luaL_where(L, 1);
		lua_insert(L, -2);
		lua_concat(L, 2);
	}
	return lua_error(L);
}

/* The same for those that call the script back: its errors have a place. */
static int pass_on(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

/* Charges for the members from first to last; refuses too many. */
static void members(lua_State *L, const char *what, lua_Integer first, lua_Integer last)
{
	if (last < first)
		return;
	lua_Unsigned n = (lua_Unsigned)last - (lua_Unsigned)first;
	if (n >= PL_BOUND_MEMBERS)
		luaL_error(L, "%s: more than %d million members at once", what,
		    PL_BOUND_MEMBERS / 1000000);
	pl_lua_charge(L, n + 1);
}

/* The length of the table at 1; __len can say anything. */
static lua_Integer length(lua_State *L, const char *what)
{
	lua_Integer n = lua_istable(L, 1) ? luaL_len(L, 1) : 0;
	members(L, what, 1, n);
	return n;
}

static int concat(lua_State *L)
{
	lua_settop(L, 4);
	if (lua_istable(L, 1) && (lua_isnil(L, 3) || lua_isinteger(L, 3)) &&
	    (lua_isnil(L, 4) || lua_isinteger(L, 4))) {
		lua_Integer last =
		    lua_isnil(L, 4) ? luaL_len(L, 1) : lua_tointeger(L, 4);
		members(L, "table.concat", luaL_optinteger(L, 3, 1), last);
		lua_pushinteger(L, last);
		lua_replace(L, 4);
	} else if (lua_istable(L, 1)) {
		members(L, "table.concat", luaL_optinteger(L, 3, 1),
		    luaL_opt(L, luaL_checkinteger, 4, luaL_len(L, 1)));
	}
	return pass(L);
}

static int move(lua_State *L)
{
	members(L, "table.move", luaL_checkinteger(L, 2), luaL_checkinteger(L, 3));
	return pass(L);
}

static int insert(lua_State *L)
{
	/* Without a position nothing is moved. */
	if (lua_gettop(L) == 3)
		length(L, "table.insert");
	return pass(L);
}

static int take_out(lua_State *L)
{
	if (lua_gettop(L) >= 2)
		length(L, "table.remove");
	return pass(L);
}

static int sort(lua_State *L)
{
	lua_Integer n = length(L, "table.sort");
	for (lua_Integer left = n; left > 1; left /= 2)
		pl_lua_charge(L, (uint64_t)n);
	return pass_on(L);
}

/* Lua's stack bounds these; they cost what they push. */
static int spread(lua_State *L)
{
	lua_Integer before = lua_gettop(L);
	int n = pass(L);
	pl_lua_charge(L, (uint64_t)(n + before));
	return n;
}

static int repeat(lua_State *L)
{
	size_t n, between = 0;
	luaL_checklstring(L, 1, &n);
	lua_Integer times = luaL_checkinteger(L, 2);
	luaL_optlstring(L, 3, "", &between);
	if (times <= 0 || n + between == 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	if (times > PL_BOUND_REPEATS)
		return luaL_error(L, "string.rep: repeated more than 2^31 times");
	uint64_t cost = (uint64_t)times / 8;
	uint64_t most = pl_lua_session(L) ? pl_lua_session(L)->limits.memory_max : 0;
	pl_lua_charge(L, most && cost > most / 8 ? most / 8 : cost);
	return pass(L);
}

/* Charges for all the text that is handed in. */
static void charge_text(lua_State *L)
{
	size_t bytes = 0;
	for (int i = 1, n = lua_gettop(L); i <= n && i <= 4; i++)
		if (lua_type(L, i) == LUA_TSTRING)
			bytes += lua_rawlen(L, i);
	if (bytes >= PL_BYTES_PER_INSTRUCTION)
		pl_lua_charge(L, bytes / PL_BYTES_PER_INSTRUCTION);
}

static int read_text(lua_State *L)
{
	charge_text(L);
	return pass(L);
}

static int replace_text(lua_State *L)
{
	charge_text(L);
	return lua_isfunction(L, 3) || lua_istable(L, 3) ? pass_on(L) : pass(L);
}

static const struct bound {
	const char *library, *name;
	lua_CFunction with;
} bounds[] = {
    {"table", "concat", concat},
    {"table", "insert", insert},
    {"table", "move", move},
    {"table", "remove", take_out},
    {"table", "sort", sort},
    {"table", "unpack", spread},
    {"string", "byte", spread},
    {"string", "find", read_text},
    {"string", "gsub", replace_text},
    {"string", "lower", read_text},
    {"string", "match", read_text},
    {"string", "rep", repeat},
    {"string", "reverse", read_text},
    {"string", "upper", read_text},
    {"utf8", "codepoint", spread},
    {"utf8", "len", read_text},
    {"utf8", "offset", read_text},
};

void pl_bounds_set(lua_State *L, const char *library)
{
	for (size_t i = 0; i < PL_COUNT(bounds); i++) {
		if (strcmp(bounds[i].library, library) != 0)
			continue;
		lua_getfield(L, -1, bounds[i].name);
		lua_pushcclosure(L, bounds[i].with, 1);
		lua_setfield(L, -2, bounds[i].name);
	}
}
