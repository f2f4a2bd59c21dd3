/* Small words of the language that only C can give: try, refuse, again; and the
 * rows log.* and secret.get, which need nothing from the outside. */
#include <string.h>

#include "inner.h"

/* ---- try ------------------------------------------------------------------------ */

static int after_try(lua_State *L, int status, lua_KContext ctx)
{
	(void)ctx;
	pl_sandbox_leave(L);
	if (status == LUA_OK || status == LUA_YIELD)
		return lua_gettop(L);
	struct pl_err err;
	pl_lua_error(L, -1, &err);
	lua_pushnil(L);
	pl_lua_push_error(L, &err);
	return 2;
}

/* try(f, …): what f returns, or nil and the error as a table. */
static int l_try(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	pl_sandbox_enter(L);
	return after_try(
	    L, lua_pcallk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, 0, after_try), 0);
}

/* ---- refuse ----------------------------------------------------------------------- */

/* refuse("why") or refuse { code = "release.moved", message = "why" }: the run
 * stops, with the exit code of a refusal by policy. */
static int l_refuse(lua_State *L)
{
	struct pl_err err;
	const char *code = "refused", *message;
	if (lua_istable(L, 1)) {
		lua_getfield(L, 1, "code");
		code = luaL_optstring(L, -1, code);
		lua_getfield(L, 1, "message");
		message = luaL_checkstring(L, -1);
	} else {
		message = luaL_checkstring(L, 1);
	}
	pl_fail(&err, code, "%s", message);
	err.refused = true;
	return pl_lua_raise(L, &err);
}

/* fail { code =, message =, retryable = }: an error with a code of one's own. */
static int l_fail(lua_State *L)
{
	struct pl_err err;
	if (!lua_istable(L, 1)) {
		pl_fail(&err, "failed", "%s", luaL_checkstring(L, 1));
		return pl_lua_raise(L, &err);
	}
	lua_getfield(L, 1, "code");
	lua_getfield(L, 1, "message");
	pl_fail(&err, luaL_optstring(L, -2, "failed"), "%s", luaL_checkstring(L, -1));
	lua_getfield(L, 1, "retryable");
	err.retryable = lua_toboolean(L, -1);
	return pl_lua_raise(L, &err);
}

void pl_lua_words_open(lua_State *L)
{
	static const luaL_Reg words[] = {{"try", l_try}, {"refuse", l_refuse},
	    {"fail", l_fail}, {"again", pl_lua_again}, {NULL, NULL}};
	luaL_setfuncs(L, words, 0);
}

/* ---- rows ----------------------------------------------------------------------------- */

static const struct pl_option log_options[] = {
    {.name = "text",
        .types = PL_T_TEXT,
        .required = true,
        .help = "one line for the log"},
    {.name = NULL},
};

static void log_start(struct pl_call *call)
{
	/* The journal's record of this call is the log line; where none is kept (in a
	 * dry-run, in what only looks) whoever looks on is told. */
	if (!pl_gate_is_kept(call))
		pl_gate_tell(call, "log", pl_arg_text(call, "text"));
	pl_call_ok(call, pl_null(call->arena));
}

static const struct pl_option secret_options[] = {
    {.name = "name",
        .types = PL_T_TEXT,
        .required = true,
        .help = "a credential of pipe.yaml"},
    {.name = "environment",
        .types = PL_T_TEXT,
        .help = "look at this environment's credentials first"},
    {.name = NULL},
};

static void secret_start(struct pl_call *call)
{
	const struct pl_session *s = pl_gate_session(call);
	const struct pl_project *p = s->project;
	const char *name = pl_arg_text(call, "name");
	if (s->o.sim) {
		const struct pl_secret *secret = pl_secret_find(call->host, name);
		if (secret) {
			pl_call_ok(call, pl_secret_value(call->arena, secret));
			return;
		}
		pl_fail(&call->err, "secret.missing",
		    "the simulated world has no credential \"%s\"", name);
		pl_call_fail(call);
		return;
	}
	const struct pl_value *source = pl_project_credential(
	    p, pl_arg_text(call, "environment"), name, &call->err);
	if (source)
		pl_secret_read(call, name, source);
	else
		pl_call_fail(call);
}

const struct pl_row pl_word_rows[] = {
    {.name = "log.info",
        .class = PL_READ,
        .summary = "Writes a line into the run's log",
        .options = log_options,
        .result = "nothing",
        .start = log_start},
    {.name = "log.warn",
        .class = PL_READ,
        .summary = "Writes a warning into the run's log",
        .options = log_options,
        .result = "nothing",
        .start = log_start},
    {.name = "secret.get",
        .class = PL_PURE,
        .summary = "A credential of pipe.yaml, as an opaque secret",
        .options = secret_options,
        .result = "a secret",
        .start = secret_start},
    {.name = NULL},
};
