/* Bodies: each function of a step runs as a coroutine on the host's loop. */
#include <stdlib.h>
#include <string.h>

#include "inner.h"

/* ---- r, what a body is given --------------------------------------------------- */

static int no_result(lua_State *L, struct pl_frame *f, const char *id)
{
	struct pl_err err;
	struct pl_session *s = pl_lua_session(L);
	const struct pl_step *step = pl_spine_find(s->spine, id, &err);
	if (!step)
		return pl_lua_raise(L, &err);
	struct pl_frame *at = pl_frame_named(f, id);
	for (const struct pl_step *g = step; g; g = g->parent) {
		const struct pl_frame *around = pl_frame_named(f, g->id);
		if (around && around->state == PL_SKIPPED) {
			lua_pushnil(L);
			return 1;
		}
	}
	const struct pl_step *each = step->parent;
	while (each && each->kind != PL_EACH)
		each = each->parent;
	if (strcmp(step->id, id) != 0)
		pl_fail(&err, "step.missing",
		    "r.out goes by ids, not numbers: step %s is \"%s\"", id, step->id);
	else if (!at && each)
		pl_fail(&err, "step.order",
		    "r.out[\"%s\"]: every member of \"%s\" has one: "
		    "r.out[\"%s\"][member][\"%s\"]",
		    id, each->id, each->id, id);
	else
		pl_fail(
		    &err, "step.order", "r.out[\"%s\"]: that step has not run yet", id);
	return pl_lua_raise(L, &err);
}

/* upvalues: the frame, a cache */
static int out_index(lua_State *L)
{
	struct pl_frame *f = lua_touserdata(L, lua_upvalueindex(1));
	const char *id = luaL_checkstring(L, 2);
	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL)
		return 1;
	struct pl_frame *of = pl_frame_of(f, id);
	if (!of)
		return no_result(L, f, id);
	if (!of->result || of->result->kind == PL_NULL)
		lua_pushnil(L);
	else
		pl_lua_push(L, of->result);
	lua_pushvalue(L, 2);
	lua_pushvalue(L, -2);
	lua_rawset(L, lua_upvalueindex(2));
	return 1;
}

static int out_fixed(lua_State *L)
{
	return luaL_error(L, "r.out holds what steps returned and cannot be changed");
}

static int out_unordered(lua_State *L)
{
	return luaL_error(
	    L, "r.out cannot be walked through: name the step, r.out[\"id\"]");
}

/* r.params.x of a name that the pipeline does not declare. */
static int no_param(lua_State *L)
{
	struct pl_err err;
	const char *names[64];
	size_t n = 0;
	const char *word = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
	const struct pl_value *params = pl_lua_session(L)->spine->params;
	for (uint32_t i = 0; params && i < params->as.list.len; i++) {
		const char *name = pl_get_text(params->as.list.at[i], "name", "");
		if (strcmp(name, word) == 0) {
			lua_pushnil(L); /* optional, and not given */
			return 1;
		}
		if (n < PL_COUNT(names))
			names[n++] = name;
	}
	const char *near = pl_nearest(word, names, n);
	pl_fail(&err, "script.undefined", "the pipeline has no parameter \"%s\"%s%s%s",
	    word, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	return pl_lua_raise(L, &err);
}

static void push_params(lua_State *L, const struct pl_session *s)
{
	pl_lua_push(L, s->params);
	lua_createtable(L, 0, 2);
	lua_pushcfunction(L, no_param);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
}

static void push_out(lua_State *L, struct pl_frame *f)
{
	lua_newtable(L);
	lua_createtable(L, 0, 3);
	lua_pushlightuserdata(L, f);
	lua_newtable(L);
	lua_pushcclosure(L, out_index, 2);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, out_fixed);
	lua_setfield(L, -2, "__newindex");
	lua_pushcfunction(L, out_unordered);
	lua_setfield(L, -2, "__pairs");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
}

static void push_r(lua_State *L, struct pl_session *s, struct pl_frame *f)
{
	lua_createtable(L, 0, 8);
	push_params(L, s);
	lua_setfield(L, -2, "params");
	const char *env = pl_get_text(s->params, "env", NULL);
	const struct pl_value *chosen =
	    env ? pl_project_environment(s->project, env, NULL) : NULL;
	if (chosen) {
		pl_lua_push(L, chosen);
		lua_setfield(L, -2, "env");
	}
	push_out(L, f);
	lua_setfield(L, -2, "out");
	if (f->member) {
		lua_pushstring(L, f->member);
		lua_setfield(L, -2, "name");
		pl_lua_push(L, f->element);
		lua_setfield(L, -2, "member");
	}
	lua_pushinteger(L, f->attempt);
	lua_setfield(L, -2, "attempt");
	lua_pushstring(L, pl_run_id(s->run));
	lua_setfield(L, -2, "run");
	lua_pushboolean(L, pl_run_is_dry(s->run));
	lua_setfield(L, -2, "dry_run");
	lua_pushinteger(L, pl_host_now(s->host) - f->tried_ms);
	lua_setfield(L, -2, "waited");
}

/* ---- the end of a body ------------------------------------------------------------- */

static struct pl_value *result_of(struct pl_coroutine *c, int n, struct pl_err *err)
{
	struct pl_arena *a = pl_run_arena(c->session->run);
	lua_State *L = c->L;
	if (n == 0)
		lua_pushnil(L);
	int first = n ? lua_gettop(L) - n + 1 : lua_gettop(L);
	struct pl_value *v = pl_lua_value(L, first, a, err);
	if (!v) {
		pl_err_within(err, "`%s` of step \"%s\" returned what cannot be kept",
		    pl_body_name(c->frame->body), c->frame->step->id);
		if (strcmp(err->code, "value.size") != 0)
			strcpy(err->code, "script.result");
		return NULL;
	}
	if (c->frame->body == PL_READY) {
		struct pl_value *both = pl_map(a);
		pl_map_set(a, both, "ready", v);
		if (n > 1 && lua_type(L, first + 1) == LUA_TSTRING)
			pl_map_set(
			    a, both, "note", pl_text(a, lua_tostring(L, first + 1)));
		return both;
	}
	return v;
}

struct ending {
	struct pl_coroutine *c;
	int status, n;
	struct pl_value *result;
	struct pl_err err;
};

/* Codes that move the engine are the host's own: a script's error that bears one
 * is an error like others. */
static void own_code(const struct pl_coroutine *c, struct pl_err *err)
{
	bool again = strcmp(err->code, "again") == 0;
	bool cut = strcmp(err->code, "interrupted") == 0 ||
	    strcmp(err->code, "cancelled") == 0;
	if (again || (cut && !c->cancelled && !c->refused))
		strcpy(err->code, "script.error");
}

static int read_end(lua_State *L)
{
	struct ending *e = lua_touserdata(L, 1);
	struct pl_coroutine *c = e->c;
	if (e->status == LUA_OK)
		e->result = result_of(c, e->n, &e->err);
	else if (e->status == LUA_YIELD) {
		pl_fail(&e->err, "again", "%s", c->why.msg);
		pl_err_place(&e->err, c->why.file, 0);
	} else {
		pl_lua_error(c->L, -1, &e->err);
		own_code(c, &e->err);
	}
	return 0;
}

static void end_body(struct pl_coroutine *c, int status, int n)
{
	struct ending e = {.c = c, .status = status, .n = n};
	struct pl_session *s = c->session;
	struct pl_frame *f = c->frame;
	struct pl_err err;
	if (!pl_lua_protect(s->L, read_end, &e, &err)) {
		e.result = NULL;
		e.err = err;
	}
	/* A limit that was passed is the reason, whatever the script made of it. */
	if (s->over.code[0] && !e.result) {
		struct pl_err place = e.err;
		e.err = s->over;
		pl_err_place(&e.err, place.file, place.line);
		pl_run_doom(s->run, &e.err);
	}
	luaL_unref(s->L, LUA_REGISTRYINDEX, c->ref);
	f->bound = NULL;
	struct pl_value *result = e.result;
	free(c);
	pl_body_done(f, result, &e.err);
}

/* ---- running ----------------------------------------------------------------------- */

static void resume(struct pl_coroutine *c, int arguments)
{
	struct pl_session *s = c->session;
	struct pl_coroutine *around = s->current;
	int n = 0;
	s->current = c;
	s->limits.running = c->L;
	int status = lua_resume(c->L, NULL, arguments, &n);
	s->current = around;
	s->limits.running = around ? around->L : NULL;
	if (status == LUA_YIELD && !c->again)
		return; /* a primitive waits; its call resumes us */
	end_body(c, status, n);
}

void pl_body_resume(struct pl_coroutine *c)
{
	if (c->session->closing)
		return;
	resume(c, 0);
}

struct beginning {
	struct pl_coroutine *c;
	int ref;
	struct pl_value *data; /* given instead of a function */
	bool is_data;
	struct pl_err err;
};

static int prepare(lua_State *L)
{
	struct beginning *b = lua_touserdata(L, 1);
	struct pl_coroutine *c = b->c;
	struct pl_session *s = c->session;
	lua_rawgeti(L, LUA_REGISTRYINDEX, b->ref);
	if (!lua_isfunction(L, -1)) {
		b->is_data = true;
		b->data = pl_lua_value(L, -1, pl_run_arena(s->run), &b->err);
		return 0;
	}
	c->L = lua_newthread(L);
	lua_pushvalue(L, -1);
	c->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	pl_lua_watch(c->L);
	lua_pushvalue(L, -2);
	lua_xmove(L, c->L, 1);
	push_r(c->L, s, c->frame);
	return 0;
}

void pl_body_start(void *arg, struct pl_frame *f, enum pl_body body)
{
	struct pl_session *s = arg;
	struct pl_coroutine *c = pl_alloc(sizeof *c);
	struct beginning b = {.c = c, .ref = f->step->body[body]};
	c->session = s;
	c->frame = f;
	f->bound = c;
	bool ready = pl_lua_protect(s->L, prepare, &b, &b.err);
	if (ready && !b.is_data) {
		resume(c, 1);
		return;
	}
	free(c);
	f->bound = NULL;
	pl_body_done(f, b.data, &b.err);
}

void pl_body_cancel(void *arg, struct pl_frame *f, const struct pl_err *why, bool now)
{
	(void)arg;
	struct pl_coroutine *c = f->bound;
	if (!c)
		return;
	c->cancelled = true;
	c->why = *why;
	if (c->L)
		lua_sethook(c->L, pl_lua_hook, LUA_MASKCOUNT, 1);
	/* Reads change nothing: nobody has to wait for them. */
	if (c->waiting && (now || c->granted <= PL_READ))
		pl_call_cancel(c->waiting);
}

static bool can_go_back(const struct pl_session *s, const struct pl_step *from,
    const char *id, struct pl_err *err)
{
	const struct pl_step *to = pl_spine_find(s->spine, id, err);
	if (!to || (!to->parent && to->top <= from->top))
		return to != NULL;
	return pl_fail(err, "again.target",
	    "again(\"%s\"): only a step of the outermost list, at or before \"%s\", can be gone "
	    "back to",
	    id, from->id);
}

/* again(id, why): the run goes back. A yield, so that no pcall can catch it. */
int pl_lua_again(lua_State *L)
{
	struct pl_err err;
	struct pl_session *s = pl_lua_session(L);
	struct pl_coroutine *c = s->current;
	const char *id = luaL_checkstring(L, 1);
	const char *why = luaL_checkstring(L, 2);
	if (!c || c->frame->body != PL_RUN || c->gate_depth) {
		pl_fail(&err, "again.place", "again belongs into the `run` of a step");
		return pl_lua_raise(L, &err);
	}
	if (!lua_isyieldable(L)) {
		pl_fail(&err, "again.place",
		    "again cannot be called here: table.sort, string.gsub, error handlers and "
		    "the like cannot be left");
		return pl_lua_raise(L, &err);
	}
	if (!can_go_back(s, c->frame->step, id, &err))
		return pl_lua_raise(L, &err);
	pl_fail(&c->why, "again", "%s", why);
	pl_err_place(&c->why, id, 0);
	c->again = true;
	return lua_yield(L, 0);
}
