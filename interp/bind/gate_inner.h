/* A primitive under way, as gate.c and gate_raw.c share it. */
#ifndef PL_GATE_INNER_H
#define PL_GATE_INNER_H

#include "inner.h"

enum stage { ACT, OVERLAY, PREDICT, PROBE };

struct pl_box {
	struct pl_arena arena;
	struct pl_coroutine *coroutine;
	struct pl_entry *entry; /* NULL: a provider's own host call */
	struct pl_effect effect;
	struct pl_call call;
	struct pl_value *args;
	enum stage stage;
	struct pl_value *answer; /* of ACT, while OVERLAY works on it */
	bool answered, yielded;
	int depth; /* of the coroutine's gate when this one began */
	enum pl_class granted; /* of the call around this one */
	bool looking; /* that call probes or predicts */
	struct pl_value *overlay;
};

struct pl_box *pl_box_new(lua_State *L); /* [-0, +1, m] */
/* Starts fn for the box; k goes on when it has answered. [yields] */
int pl_box_start(lua_State *L, struct pl_box *b, const struct pl_row *row,
    void (*fn)(struct pl_call *), enum pl_class class, lua_KFunction k);
/* The class of a call: its row's, or what the call at index 1 says of itself. */
enum pl_class pl_class_at_call(
    lua_State *L, const struct pl_entry *e, const struct pl_value *args);

#endif
