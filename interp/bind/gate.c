/*
 * A primitive called from a script. The engine's gate says what to do; whatever
 * has to be waited for (a host call, a provider's function) yields to the loop,
 * and the continuation goes on where it stood. Everything that lives over a
 * yield is in the box, a userdata on the coroutine's stack at index 2.
 */
#include <stdlib.h>
#include <string.h>

#include "gate_inner.h"

#define PL_BOX_TYPE "pipe.call"

static int proceed(lua_State *L, struct pl_box *b, enum pl_verdict v);

static int box_gc(lua_State *L)
{
	struct pl_box *b = lua_touserdata(L, 1);
	pl_arena_fini(&b->arena);
	return 0;
}

struct pl_box *pl_box_new(lua_State *L)
{
	struct pl_box *b = lua_newuserdatauv(L, sizeof *b, 0);
	memset(b, 0, sizeof *b);
	if (luaL_newmetatable(L, PL_BOX_TYPE)) {
		lua_pushcfunction(L, box_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	return b;
}

/* Every way out of a primitive passes here once. */
static void leave(struct pl_box *b)
{
	b->coroutine->gate_depth = b->depth;
	b->coroutine->granted = b->granted;
	b->coroutine->overlay = b->overlay;
	b->coroutine->looking = b->looking;
}

static int fail(lua_State *L, struct pl_box *b, const struct pl_err *err)
{
	struct pl_err placed = *err;
	leave(b);
	pl_lua_place(L, &placed);
	pl_run_doomed_at(b->coroutine->session->run, &placed);
	return pl_lua_raise(L, &placed);
}

struct pl_session *pl_gate_session(const struct pl_call *call)
{
	return ((const struct pl_box *)call->owner)->coroutine->session;
}

bool pl_gate_is_kept(const struct pl_call *call)
{
	return ((const struct pl_box *)call->owner)->effect.kept;
}

/* ---- host calls ------------------------------------------------------------------ */

static void finished(struct pl_call *call)
{
	struct pl_box *b = call->owner;
	b->answered = true;
	if (b->yielded) {
		b->coroutine->waiting = NULL;
		pl_body_resume(b->coroutine);
	}
}

static void output(struct pl_call *call, const char *stream, const char *line, size_t n)
{
	struct pl_box *b = call->owner;
	struct pl_session *s = b->coroutine->session;
	struct pl_arena *a = pl_run_arena(s->run);
	struct pl_buf clean = {0};
	pl_secret_mask(s->host, &clean, line, n);
	struct pl_value *record = pl_map(a);
	pl_map_set(a, record, "type", pl_text(a, "output"));
	pl_map_set(a, record, "stream", pl_text(a, stream));
	pl_map_set(a, record, "text", pl_textn(a, clean.at ? clean.at : "", clean.len));
	pl_buf_fini(&clean);
	pl_run_note(s->run, b->coroutine->frame, record, false);
}

void pl_gate_tell(struct pl_call *call, const char *stream, const char *text)
{
	output(call, stream, text, strlen(text));
}

int pl_box_start(lua_State *L, struct pl_box *b, const struct pl_row *row,
    void (*fn)(struct pl_call *), enum pl_class class, lua_KFunction k)
{
	struct pl_coroutine *c = b->coroutine;
	struct pl_session *s = c->session;
	b->call = (struct pl_call){
	    .host = s->host,
	    .row = row,
	    .arena = &b->arena,
	    .args = b->args,
	    .class = class,
	    .overlay = c->overlay,
	    .finished = finished,
	    .output = output,
	    .owner = b,
	};
	b->answered = b->yielded = false;
	fn(&b->call);
	if (b->answered)
		return k(L, LUA_OK, (lua_KContext)b);
	b->yielded = true;
	c->waiting = &b->call;
	return lua_yieldk(L, 0, (lua_KContext)b, k);
}

/* ---- stages ------------------------------------------------------------------------ */

static struct pl_value *with_prediction(struct pl_box *b)
{
	struct pl_arena *a = &b->arena;
	const struct pl_prediction *p = &b->call.prediction;
	struct pl_value *v = pl_map(a);
	char sign[2] = {p->sign ? p->sign : '~', 0};
	pl_map_set(a, v, "sign", pl_text(a, sign));
	if (p->before)
		pl_map_set(a, v, "before", p->before);
	if (p->after)
		pl_map_set(a, v, "after", p->after);
	if (p->note)
		pl_map_set(a, v, "note", pl_text(a, p->note));
	pl_map_set(a, v, "result", b->call.result ? b->call.result : pl_null(a));
	return v;
}

static enum pl_verdict predicted(struct pl_box *b, const struct pl_value *p)
{
	const char *sign = pl_get_text(p, "sign", "~");
	struct pl_value *result = pl_get(p, "result");
	pl_effect_predicted(&b->effect, sign[0], pl_get(p, "before"),
	    pl_get(p, "after"), pl_get_text(p, "note", NULL),
	    result ? result : pl_null(&b->arena));
	return PL_RECORDED;
}

static int stage_run(lua_State *L, struct pl_box *b, enum stage stage);

/* A verb of a provider that broke after it had sent something. */
static bool is_accident(const struct pl_err *err)
{
	static const char *const codes[] = {"script.", "limit.", "value.", "option."};
	for (size_t i = 0; i < PL_COUNT(codes); i++)
		if (strncmp(err->code, codes[i], strlen(codes[i])) == 0)
			return true;
	return false;
}

/* The simulated world notices what was done to it, and keeps it: a run that is
 * killed now finds the world as it left it. */
static void keep_world(struct pl_session *s)
{
	struct pl_err err;
	if (pl_world_touch(s->world, pl_host_now(s->host), &err) &&
	    !pl_run_is_dry(s->run))
		pl_world_save(s->world, &err);
}

/* A stage has its answer (or, with result NULL, its error). */
static int answered(
    lua_State *L, struct pl_box *b, struct pl_value *result, struct pl_err *err)
{
	struct pl_coroutine *c = b->coroutine;
	struct pl_session *s = c->session;
	switch (b->stage) {
	case ACT:
		if (result && c->overlay && b->entry->overlay &&
		    b->effect.class <= PL_READ) {
			b->answer = result;
			return stage_run(L, b, OVERLAY);
		}
		/* Cut short in the middle of a write: nobody knows. */
		if (!result && b->effect.class > PL_READ &&
		    (strcmp(err->code, "cancelled") == 0 ||
		        (c->acted && is_accident(err)) || (c->wrote && !err->refused)))
			err->unknown = true;
		if (s->world && b->effect.class > PL_READ)
			keep_world(s);
		enum pl_verdict v = pl_effect_end(&b->effect, result, err);
		if (v == PL_PROBE && c->cancelled) {
			b->effect.err.unknown = true;
			return fail(L, b, &b->effect.err);
		}
		return proceed(L, b, v);
	case OVERLAY:
		if (!result)
			return fail(L, b, err);
		return proceed(L, b, pl_effect_end(&b->effect, result, err));
	case PREDICT:
		if (!result) {
			pl_effect_unpredicted(&b->effect);
			return fail(L, b, err);
		}
		return proceed(L, b, predicted(b, result));
	case PROBE:
		if (!result)
			b->effect.err = *err;
		return proceed(L, b,
		    pl_effect_settled(
		        &b->effect, result && result->kind == PL_MAP ? result : NULL));
	}
	return 0;
}

static int after_host(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	struct pl_box *b = (struct pl_box *)ctx;
	struct pl_value *result = b->call.failed ? NULL : b->call.result;
	if (!b->call.failed && b->stage == PREDICT)
		result = with_prediction(b);
	else if (!b->call.failed && !result)
		result = pl_null(&b->arena);
	struct pl_err err = b->call.err;
	return answered(L, b, result, &err);
}

static int after_lua(lua_State *L, int status, lua_KContext ctx)
{
	struct pl_box *b = (struct pl_box *)ctx;
	struct pl_err err;
	struct pl_value *result = NULL;
	if (status != LUA_OK && status != LUA_YIELD) {
		pl_lua_error(L, -1, &err);
	} else {
		result = pl_lua_value(L, -1, &b->arena, &err);
		if (!result)
			pl_err_within(&err, "%s", b->entry->name);
	}
	return answered(L, b, result, &err);
}

/* ---- a provider's view of the overlay ------------------------------------------------ */

static int overlay_get(lua_State *L)
{
	struct pl_session *s = pl_lua_session(L);
	struct pl_value *v = pl_get(pl_run_overlay(s->run), luaL_checkstring(L, 1));
	if (v)
		pl_lua_push(L, v);
	else
		lua_pushnil(L);
	return 1;
}

static int overlay_set(lua_State *L)
{
	struct pl_err err;
	struct pl_session *s = pl_lua_session(L);
	struct pl_arena *a = pl_run_arena(s->run);
	struct pl_value *v = pl_lua_value(L, 2, a, &err);
	if (!v)
		return pl_lua_raise(L, &err);
	pl_map_set(a, pl_run_overlay(s->run), luaL_checkstring(L, 1), v);
	return 0;
}

static void push_overlay(lua_State *L)
{
	lua_createtable(L, 0, 2);
	lua_pushcfunction(L, overlay_get);
	lua_setfield(L, -2, "get");
	lua_pushcfunction(L, overlay_set);
	lua_setfield(L, -2, "set");
}

/* What the gate knows of a write: when it began, and 32 digits that are this call's
 * and no other's, in every try and process. [-0, +1, e] */
static void push_intent(
    lua_State *L, const struct pl_session *s, const struct pl_effect *e)
{
	struct pl_buf name = {0};
	uint8_t hash[32];
	char hex[65];
	pl_buf_printf(&name, "%s/%s", pl_run_id(s->run), e->key ? e->key : e->name);
	pl_sha256(hash, name.at, name.len);
	pl_hex(hex, hash, 16);
	pl_buf_fini(&name);
	lua_createtable(L, 0, 2);
	lua_pushinteger(L, e->began);
	lua_setfield(L, -2, "began");
	lua_pushstring(L, hex);
	lua_setfield(L, -2, "key");
}

/* Calls the function on top with the arguments, the answer so far, the overlay;
 * a write and its probe with the arguments and the intent. */
static int call_lua(lua_State *L, struct pl_box *b)
{
	int n = 1;
	pl_lua_push(L, b->args);
	if (b->stage == OVERLAY) {
		pl_lua_push(L, b->answer);
		n++;
	}
	if (b->stage == OVERLAY || b->stage == PREDICT) {
		push_overlay(L);
		n++;
	}
	if (b->stage == PROBE || (b->stage == ACT && b->effect.class > PL_READ)) {
		push_intent(L, b->coroutine->session, &b->effect);
		n++;
	}
	return after_lua(
	    L, lua_pcallk(L, n, 1, 0, (lua_KContext)b, after_lua), (lua_KContext)b);
}

/* The function that the call itself brings for this stage, if any. [-0, +0|1, e] */
static bool at_the_call(lua_State *L, struct pl_box *b, enum stage stage)
{
	if (!b->entry->open || !lua_istable(L, 1) ||
	    (stage != PREDICT && stage != PROBE))
		return false;
	lua_getfield(L, 1, stage == PREDICT ? "predict" : "probe");
	if (lua_isfunction(L, -1))
		return true;
	lua_pop(L, 1);
	return false;
}

/* Data given at the call as the dry-run's answer: example = …, predict = { … }. */
static struct pl_value *example(lua_State *L, struct pl_box *b)
{
	struct pl_err err;
	struct pl_arena *a = &b->arena;
	struct pl_value *v = NULL;
	if (!b->entry->open || !lua_istable(L, 1))
		return NULL;
	if (lua_getfield(L, 1, "predict") == LUA_TTABLE)
		v = pl_lua_value(L, -1, a, &err);
	else if (lua_getfield(L, 1, "example") != LUA_TNIL) {
		v = pl_map(a);
		pl_map_set(a, v, "sign", pl_text(a, "?"));
		pl_map_set(
		    a, v, "note", pl_text(a, "not predicted: an example stands in"));
		pl_map_set(a, v, "result", pl_lua_value(L, -1, a, &err));
	}
	return v;
}

static int nothing_to_run(lua_State *L, struct pl_box *b)
{
	struct pl_err err;
	if (b->stage == PROBE) {
		b->effect.err = (struct pl_err){0};
		return proceed(L, b, pl_effect_settled(&b->effect, NULL));
	}
	struct pl_value *v = example(L, b);
	if (v)
		return proceed(L, b, predicted(b, v));
	pl_effect_unpredicted(&b->effect);
	pl_fail(&err, "dry-run.opaque", "%s cannot be predicted%s", b->entry->name,
	    b->entry->open
	        ? ": say at the call predict = function (o) return { result = … } end, "
	          "example = …, or effect = \"read\" if it changes nothing"
	        : "");
	/* A script that caught this would make a plan of what the run does not do. */
	pl_run_doom(b->coroutine->session->run, &err);
	return fail(L, b, &err);
}

static int stage_run(lua_State *L, struct pl_box *b, enum stage stage)
{
	const struct pl_entry *e = b->entry;
	const struct pl_row *row = e->row;
	b->stage = stage;
	lua_settop(L, 2);
	/* Looking and predicting only read, whatever the row's class. */
	b->coroutine->granted = stage == ACT ? b->effect.class : PL_READ;
	b->coroutine->looking = b->looking || stage != ACT;
	if (stage == ACT)
		b->coroutine->acted = b->coroutine->wrote = false;
	if (row) {
		if (at_the_call(L, b, stage))
			return call_lua(L, b);
		void (*fn)(struct pl_call *) = stage == ACT ? row->start
		    : stage == PREDICT                      ? row->predict
		                                            : row->probe;
		if (!fn)
			return nothing_to_run(L, b);
		return pl_box_start(L, b, row, fn, b->coroutine->granted, after_host);
	}
	int ref = stage == ACT ? e->act
	    : stage == OVERLAY ? e->overlay
	    : stage == PREDICT ? e->predict
	                       : e->probe;
	if (!ref)
		return nothing_to_run(L, b);
	lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
	return call_lua(L, b);
}

static int proceed(lua_State *L, struct pl_box *b, enum pl_verdict v)
{
	switch (v) {
	case PL_ACT:
		return stage_run(L, b, ACT);
	case PL_PREDICT:
		return stage_run(L, b, PREDICT);
	case PL_PROBE:
		return stage_run(L, b, PROBE);
	case PL_RECORDED:
		leave(b);
		/* A question without an answer is nil to whoever asked. */
		if (b->effect.result->kind == PL_NULL)
			lua_pushnil(L);
		else
			pl_lua_push(L, b->effect.result);
		return 1;
	case PL_FAILED_BEFORE:
	case PL_REFUSE:
		break;
	}
	return fail(L, b, &b->effect.err);
}

/* ---- the call ------------------------------------------------------------------------- */

static const char *target(lua_State *L, struct pl_box *b)
{
	const struct pl_entry *e = b->entry;
	if (b->effect.class <= PL_READ)
		return NULL;
	if (e->row && e->row->target) {
		b->call.row = e->row;
		b->call.args = b->args;
		b->call.arena = &b->arena;
		b->call.host = b->coroutine->session->host;
		return e->row->target(&b->call);
	}
	if (!e->target)
		return NULL;
	lua_rawgeti(L, LUA_REGISTRYINDEX, e->target);
	pl_lua_push(L, b->args);
	lua_call(L, 1, 1);
	const char *text = lua_tostring(L, -1);
	text = text ? pl_arena_text(&b->arena, text, strlen(text)) : NULL;
	lua_pop(L, 1);
	return text;
}

enum pl_class pl_class_at_call(
    lua_State *L, const struct pl_entry *e, const struct pl_value *args)
{
	enum pl_class class = e->class;
	const char *method = e->open ? pl_get_text(args, "method", "") : "";
	if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
		class = PL_READ;
	if (!e->open || !lua_istable(L, 1))
		return class;
	if (lua_getfield(L, 1, "effect") != LUA_TNIL &&
	    !(lua_isstring(L, -1) && pl_class_parse(lua_tostring(L, -1), &class) &&
	        class != PL_PURE))
		luaL_error(L,
		    "%s: effect must be one of \"read\", \"write\", \"irreversible\", "
		    "\"locks-out\"",
		    e->name);
	lua_pop(L, 1);
	return class;
}

static void refuse_call(
    lua_State *L, const char *code, const char *fmt, const char *name)
{
	struct pl_err err;
	pl_fail(&err, code, fmt, name);
	pl_lua_raise(L, &err);
}

/* What can be seen of a call before its arguments are read. */
static void check_call(lua_State *L, const struct pl_entry *e)
{
	if (!lua_isyieldable(L))
		refuse_call(L, "script.place",
		    "%s cannot be called here: table.sort, string.gsub, error handlers and the "
		    "like cannot wait",
		    e->name);
	if (lua_gettop(L) > 1 && !lua_isnil(L, 2))
		refuse_call(L, "option.table",
		    "%s takes one argument: a table of options", e->name);
	if (!lua_istable(L, 1))
		return;
	int as = lua_getfield(L, 1, "as");
	if (as != LUA_TNIL && (as != LUA_TSTRING || lua_rawlen(L, -1) == 0))
		refuse_call(
		    L, "option.type", "%s: as must be text, the call's name", e->name);
	if (!e->open)
		return;
	int probe = lua_getfield(L, 1, "probe");
	if (probe != LUA_TNIL && probe != LUA_TFUNCTION)
		refuse_call(L, "option.type", "%s: probe must be a function", e->name);
	int predict = lua_getfield(L, 1, "predict");
	if (predict != LUA_TNIL && predict != LUA_TFUNCTION && predict != LUA_TTABLE)
		refuse_call(L, "option.type",
		    "%s: predict must be a function or a table { result = … }",
		    e->name);
}

int pl_gate_call(lua_State *L)
{
	struct pl_entry *e = lua_touserdata(L, lua_upvalueindex(1));
	struct pl_session *s = pl_lua_session(L);
	struct pl_coroutine *c = s->current;
	struct pl_err err;
	if (!c) {
		pl_fail(&err, "script.loading",
		    "%s was called while the script was loaded: effects belong into steps",
		    e->name);
		return pl_lua_raise(L, &err);
	}
	check_call(L, e);
	lua_settop(L, 1);
	struct pl_box *b = pl_box_new(L);
	b->coroutine = c;
	b->entry = e;
	b->args = pl_rows_arguments(L, 1, e, &b->arena);
	b->effect.frame = c->frame;
	b->effect.name = e->name;
	b->effect.class = pl_class_at_call(L, e, b->args);
	b->effect.input = b->args;
	if (lua_istable(L, 1) && lua_getfield(L, 1, "as") == LUA_TSTRING)
		b->effect.given = pl_arena_text(
		    pl_run_arena(s->run), lua_tostring(L, -1), lua_rawlen(L, -1));
	lua_settop(L, 2);
	b->effect.target = target(L, b);
	b->depth = c->gate_depth++;
	b->granted = c->granted;
	b->overlay = c->overlay;
	b->looking = b->effect.looking = c->looking;
	c->overlay = pl_run_is_dry(s->run) ? pl_run_overlay(s->run) : NULL;
	enum pl_verdict v = pl_effect_begin(&b->effect);
	c->refused |= v == PL_REFUSE && strcmp(b->effect.err.code, "interrupted") == 0;
	return proceed(L, b, v);
}
