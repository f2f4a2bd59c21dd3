/* sim.es256_key and its like: what a simulated vendor needs to judge tokens. */
#include "inner.h"

/* [-0, +1, e] */
static void push_buf(lua_State *L, struct pl_buf *b)
{
	lua_pushlstring(L, b->at ? b->at : "", b->len);
	pl_buf_fini(b);
}

/* sim.es256_key(seed) -> { private = pem, public = pem } */
static int es256_key(lua_State *L)
{
	struct pl_err err;
	struct pl_buf private = {0}, public = {0};
	if (!pl_es256_key(&private, &public, luaL_checkstring(L, 1), &err))
		return pl_lua_raise(L, &err);
	lua_createtable(L, 0, 2);
	push_buf(L, &private);
	lua_setfield(L, -2, "private");
	push_buf(L, &public);
	lua_setfield(L, -2, "public");
	return 1;
}

/* sim.es256_verify(public_pem, token) -> whether the signature fits */
static int es256_verify(lua_State *L)
{
	struct pl_err err;
	bool good = false;
	if (!pl_es256_verify(
	        &good, luaL_checkstring(L, 1), luaL_checkstring(L, 2), &err))
		return pl_lua_raise(L, &err);
	lua_pushboolean(L, good);
	return 1;
}

/* sim.unbase64url(text) -> bytes, or nil */
static int unbase64url(lua_State *L)
{
	size_t n;
	struct pl_buf out = {0};
	const char *text = luaL_checklstring(L, 1, &n);
	if (pl_unbase64url(&out, text, n)) {
		push_buf(L, &out);
		return 1;
	}
	pl_buf_fini(&out);
	lua_pushnil(L);
	return 1;
}

/* Adds them to the capability on top. [-0, +0, e] */
void pl_sim_tokens(lua_State *L)
{
	static const luaL_Reg functions[] = {{"es256_key", es256_key},
	    {"es256_verify", es256_verify}, {"unbase64url", unbase64url}, {NULL, NULL}};
	luaL_setfuncs(L, functions, 0);
}
