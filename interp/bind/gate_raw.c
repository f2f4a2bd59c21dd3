/*
 * A provider's own calls of the host's rows, inside of one of its verbs. The verb's
 * gate is around them; here is seen to it that a verb that only reads, a probe and a
 * prediction ask for nothing that changes something.
 */
#include <string.h>

#include "gate_inner.h"

static int after_raw(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	struct pl_box *b = (struct pl_box *)ctx;
	if (b->call.failed)
		return pl_lua_raise(L, &b->call.err);
	pl_lua_push(L, b->call.result);
	return 1;
}

/* Some rows change something only by what they are asked to do. */
static enum pl_class class_of(
    lua_State *L, const struct pl_entry *e, const struct pl_value *args)
{
	if (strcmp(e->name, "http.request") == 0 || e->open)
		return pl_class_at_call(L, e, args);
	if (pl_get_bool(args, "rehearse", false) ||
	    strcmp(e->name, "postgres.query") == 0)
		return PL_READ;
	return e->class;
}

int pl_gate_raw(lua_State *L)
{
	const struct pl_row *row = lua_touserdata(L, lua_upvalueindex(1));
	struct pl_session *s = pl_lua_session(L);
	struct pl_coroutine *c = s->current;
	struct pl_err err;
	if (!c || c->gate_depth == 0) {
		pl_fail(&err, "script.gate", "%s outside of a primitive", row->name);
		return pl_lua_raise(L, &err);
	}
	struct pl_entry *e = pl_rows_find(s, row->name);
	lua_settop(L, 1);
	struct pl_box *b = pl_box_new(L);
	b->coroutine = c;
	b->entry = e;
	b->args = pl_rows_arguments(L, 1, e, &b->arena);
	enum pl_class class = class_of(L, e, b->args);
	if (class > c->granted) {
		pl_fail(&err, "effect.observing",
		    "%s is a %s, and a read, a probe or a prediction may only read: say effect = "
		    "\"read\" if it changes nothing",
		    row->name, pl_class_name(class));
		return pl_lua_raise(L, &err);
	}
	c->acted |= class > PL_READ ||
	    (strcmp(row->name, "postgres.query") == 0 &&
	        !pl_get_bool(b->args, "read_only", false));
	return pl_box_start(
	    L, b, row, row->start, class > PL_READ ? class : c->granted, after_raw);
}

/* wrote(): the service has accepted what was sent. What fails from here on in the
 * same act leaves a write that happened. */
int pl_gate_wrote(lua_State *L)
{
	struct pl_coroutine *c = pl_lua_session(L)->current;
	if (c)
		c->wrote = true;
	return 0;
}
