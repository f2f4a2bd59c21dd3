/* The simulated world, as world.c and world_sim.c share it. */
#ifndef PL_WORLD_INNER_H
#define PL_WORLD_INNER_H

#include "inner.h"

struct pl_world {
	lua_State *L;
	struct pl_limits limits;
	struct pl_host *host; /* for git, which needs one */
	struct pl_arena arena;
	const char *dir, *root;
	int world, safe; /* references */
	unsigned spent; /* millions of instructions, by the request under way */
	struct pl_entry *rows;
	size_t rows_n;
	struct pl_value *spec, *saved;
	char spec_hash[65]; /* of the world file, "" for the built-in world */
	int lock;
};

struct pl_world *pl_world_of(lua_State *L); /* the world that L belongs to */
/* The rows that the world's own modules have. */
void pl_sim_rows(struct pl_world *w);
/* sim.require(name): stdlib/sim/NAME.lua with the capability `sim`, once. */
int pl_sim_require(lua_State *L);
void pl_sim_push(lua_State *L, struct pl_world *w); /* [-0, +1, m] the capability */

#endif
