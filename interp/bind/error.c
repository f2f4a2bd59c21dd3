/*
 * Errors across the border. In Lua an error of ours is a table {code, message,
 * step, file, line, retryable, unknown, refused} with a metatable whose
 * __tostring gives the message; scripts may catch, read and raise it again.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inner.h"

#define PL_ERROR_TYPE "pipe.error"

static int to_text(lua_State *L)
{
	lua_getfield(L, 1, "code");
	lua_pushliteral(L, ": ");
	lua_getfield(L, 1, "message");
	lua_concat(L, 3);
	return 1;
}

void pl_lua_error_open(lua_State *L)
{
	luaL_newmetatable(L, PL_ERROR_TYPE);
	lua_pushcfunction(L, to_text);
	lua_setfield(L, -2, "__tostring");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

static void flag(lua_State *L, const char *name, bool on)
{
	lua_pushboolean(L, on);
	lua_setfield(L, -2, name);
}

void pl_lua_push_error(lua_State *L, const struct pl_err *err)
{
	lua_createtable(L, 0, 8);
	lua_pushstring(L, err->code);
	lua_setfield(L, -2, "code");
	lua_pushstring(L, err->msg);
	lua_setfield(L, -2, "message");
	if (err->file[0]) {
		lua_pushstring(L, err->file);
		lua_setfield(L, -2, "file");
		lua_pushinteger(L, err->line);
		lua_setfield(L, -2, "line");
	}
	struct pl_session *s = pl_lua_session(L);
	if (s && s->current) {
		lua_pushstring(L, s->current->frame->address);
		lua_setfield(L, -2, "step");
	}
	flag(L, "retryable", err->retryable);
	flag(L, "unknown", err->unknown);
	flag(L, "refused", err->refused);
	luaL_setmetatable(L, PL_ERROR_TYPE);
}

/* Where the script stands: the innermost function that is not the library's. */
bool pl_lua_place(lua_State *on, struct pl_err *err)
{
	if (err->file[0])
		return true;
	lua_Debug ar;
	for (int level = 0; lua_getstack(on, level, &ar); level++) {
		lua_getinfo(on, "Sl", &ar);
		if (ar.source[0] != '@' || strncmp(ar.source, "@stdlib/", 8) == 0 ||
		    ar.currentline <= 0)
			continue;
		pl_err_place(err, ar.source + 1, (unsigned)ar.currentline);
		return true;
	}
	return false;
}

int pl_lua_raise(lua_State *L, const struct pl_err *err)
{
	struct pl_err placed = *err;
	if (!placed.file[0])
		pl_lua_place(L, &placed);
	pl_lua_push_error(L, &placed);
	lua_error(L);
	abort(); /* lua_error does not come back; its header does not say so */
}

static bool field_flag(lua_State *L, int index, const char *name)
{
	lua_pushstring(L, name);
	lua_rawget(L, index);
	bool on = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return on;
}

static void field_text(lua_State *L, int index, const char *name, char *out, size_t n)
{
	lua_pushstring(L, name);
	lua_rawget(L, index);
	size_t len;
	const char *text =
	    lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
	if (text) {
		len = len < n - 1 ? len : n - 1;
		memcpy(out, text, len);
		out[len] = 0;
	}
	lua_pop(L, 1);
}

static void from_table(lua_State *L, int index, struct pl_err *err)
{
	memset(err, 0, sizeof *err);
	field_text(L, index, "code", err->code, sizeof err->code);
	field_text(L, index, "message", err->msg, sizeof err->msg);
	field_text(L, index, "file", err->file, sizeof err->file);
	err->retryable = field_flag(L, index, "retryable");
	err->unknown = field_flag(L, index, "unknown");
	err->refused = field_flag(L, index, "refused");
	lua_pushliteral(L, "line");
	lua_rawget(L, index);
	err->line = (unsigned)lua_tointeger(L, -1);
	lua_pop(L, 1);
	if (!err->code[0])
		strcpy(err->code, "script.error");
	if (!err->msg[0])
		strcpy(err->msg, "an error without a message");
}

/* "file:12: what" -> file, 12, "what". */
static void split(struct pl_err *err, const char *text)
{
	const char *colon = strstr(text, ": ");
	const char *mark = colon;
	while (mark && mark > text && mark[-1] >= '0' && mark[-1] <= '9')
		mark--;
	bool placed = mark && mark < colon && mark > text && mark[-1] == ':';
	if (placed && !err->file[0]) {
		size_t n = (size_t)(mark - 1 - text);
		n = n < sizeof err->file - 1 ? n : sizeof err->file - 1;
		memcpy(err->file, text, n);
		err->file[n] = 0;
		err->line = 0;
		for (; mark < colon; mark++)
			err->line = err->line * 10 + (unsigned)(*mark - '0');
	}
	const char *message = placed ? colon + 2 : text;
	size_t n = strlen(message);
	n = n < sizeof err->msg - 1 ? n : sizeof err->msg - 1;
	memcpy(err->msg, message, n);
	err->msg[n] = 0;
}

/* "pipelines/x.lua:12: …", as Lua begins its own errors, of a file that was loaded. */
static bool is_placed(const struct pl_session *s, const char *text)
{
	const char *end = strstr(text, ".lua:");
	if (!s || !end || !isdigit((unsigned char)end[5]))
		return false;
	size_t n = (size_t)(end - text) + 4;
	const struct pl_value *all = s->sources;
	for (uint32_t i = 0; all && i < all->as.list.len; i++) {
		const char *name = pl_get_text(all->as.list.at[i], "name", "");
		if (strlen(name) == n && memcmp(name, text, n) == 0)
			return true;
	}
	return false;
}

void pl_lua_error(lua_State *on, int index, struct pl_err *err)
{
	index = lua_absindex(on, index);
	if (lua_type(on, index) == LUA_TTABLE) {
		from_table(on, index, err);
		if (!err->file[0])
			pl_lua_place(on, err);
		return;
	}
	memset(err, 0, sizeof *err);
	strcpy(err->code, "script.error");
	/* A place in a script or a provider of the team's is the better one. */
	const char *text =
	    lua_type(on, index) == LUA_TSTRING ? lua_tostring(on, index) : NULL;
	const struct pl_session *s = pl_lua_session(on);
	if (!text || !is_placed(s, text))
		pl_lua_place(on, err);
	if (text)
		split(err, text);
	else if (lua_isinteger(on, index))
		snprintf(err->msg, sizeof err->msg, "%lld",
		    (long long)lua_tointeger(on, index));
	else
		strcpy(err->msg,
		    lua_isnil(on, index)
		        ? "error() without a message"
		        : "an error that is neither text nor a table was raised");
	if (strstr(err->msg, "not enough memory")) {
		strcpy(err->code, "limit.memory");
		if (s)
			snprintf(err->msg, sizeof err->msg,
			    "the script wants more than %zu MiB of memory",
			    s->limits.memory_max >> 20);
	}
}
