/* The interpreter itself: its memory, its instructions, its outermost guard. */
#include <stdlib.h>
#include <string.h>

#include "inner.h"

/* How many instructions pass between two looks at the limits. */
#define PL_HOOK_EVERY 10000
/* Asking for memory costs time that no instruction shows: so many bytes count as
 * one, and after so many the hook looks at once. */
#define PL_CHURN_PER_INSTRUCTION 64
#define PL_CHURN_SOON ((size_t)16 << 20)

static void *allocate(void *ud, void *p, size_t old, size_t n)
{
	struct pl_limits *limits = ud;
	if (!p)
		old = 0;
	if (n == 0) {
		limits->memory -= old;
		free(p);
		return NULL;
	}
	if (n > old && limits->memory + (n - old) > limits->memory_max) {
		/* Lua then collects and asks again: the second refusal is the answer. */
		limits->exceeded |= limits->refused;
		if (limits->refused && limits->running)
			lua_sethook(limits->running, pl_lua_hook, LUA_MASKCOUNT, 1);
		limits->refused = true;
		return NULL;
	}
	void *grown = realloc(p, n);
	if (!grown)
		return NULL;
	limits->memory = limits->memory - old + n;
	if (n > old) {
		limits->refused = false;
		limits->churn += n - old;
		if (limits->churn > PL_CHURN_SOON && limits->running)
			lua_sethook(limits->running, pl_lua_hook, LUA_MASKCOUNT, 1);
	}
	return grown;
}

static int panic(lua_State *L)
{
	(void)L;
	return 0; /* Lua aborts: nothing runs outside a protected call */
}

lua_State *pl_lua_new(struct pl_limits *limits)
{
	lua_State *L = lua_newstate(allocate, limits);
	if (!L)
		abort();
	lua_atpanic(L, panic);
	memset(lua_getextraspace(L), 0, LUA_EXTRASPACE);
	lua_gc(L, LUA_GCGEN, 0, 0);
	return L;
}

struct pl_session *pl_lua_session(lua_State *L)
{
	struct pl_session *s;
	memcpy(&s, lua_getextraspace(L), sizeof s);
	return s;
}

/* From the first excess on every instruction raises: a script's own pcall may
 * catch one raise, not all of them. */
static int exceed(lua_State *L, struct pl_session *s)
{
	lua_sethook(L, pl_lua_hook, LUA_MASKCOUNT, 1);
	if (s->run)
		pl_run_doom(s->run, &s->over);
	return pl_lua_raise(L, &s->over);
}

void pl_lua_hook(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	struct pl_session *s = pl_lua_session(L);
	struct pl_coroutine *c = s->current;
	if (s->over.code[0])
		exceed(L, s);
	if (s->limits.exceeded) {
		pl_fail(&s->over, "limit.memory",
		    "the script wants more than %zu MiB of memory",
		    s->limits.memory_max >> 20);
		exceed(L, s);
	}
	uint64_t *spent = c ? &c->instructions : &s->limits.instructions;
	*spent +=
	    (uint64_t)lua_gethookcount(L) + s->limits.churn / PL_CHURN_PER_INSTRUCTION;
	s->limits.churn = 0;
	if (*spent > s->limits.instructions_max) {
		pl_fail(&s->over, "limit.instructions",
		    "the script ran more than %.3g million instructions without an end: an "
		    "endless loop?",
		    (double)s->limits.instructions_max / 1e6);
		exceed(L, s);
	}
	if (lua_gethookcount(L) != PL_HOOK_EVERY)
		pl_lua_watch(L);
	if (c && s->run)
		pl_run_poll(s->run);
	/* Not between an act and its receipt: the gate lets go first. */
	if (c && c->cancelled && c->gate_depth == 0) {
		lua_sethook(L, pl_lua_hook, LUA_MASKCOUNT, 1);
		pl_lua_raise(L, &c->why);
	}
}

void pl_lua_watch(lua_State *L)
{
	lua_sethook(L, pl_lua_hook, LUA_MASKCOUNT, PL_HOOK_EVERY);
}

void pl_lua_charge(lua_State *L, uint64_t n)
{
	struct pl_session *s = pl_lua_session(L);
	if (!s)
		return;
	struct pl_limits *limits = &s->limits;
	uint64_t room = (SIZE_MAX / 2 - limits->churn) / PL_CHURN_PER_INSTRUCTION;
	limits->churn += (size_t)(n < room ? n : room) * PL_CHURN_PER_INSTRUCTION;
	if (limits->churn > PL_CHURN_SOON && lua_gethook(L))
		lua_sethook(L, pl_lua_hook, LUA_MASKCOUNT, 1);
}

bool pl_lua_protect(lua_State *L, lua_CFunction fn, void *ud, struct pl_err *err)
{
	int top = lua_gettop(L);
	if (!lua_checkstack(L, 8))
		return pl_fail(err, "script.stack", "the interpreter's stack is full");
	lua_pushcfunction(L, fn);
	lua_pushlightuserdata(L, ud);
	if (lua_pcall(L, 1, 0, 0) == LUA_OK)
		return true;
	pl_lua_error(L, -1, err);
	lua_settop(L, top);
	return false;
}

static int arena_gc(lua_State *L)
{
	pl_arena_fini(lua_touserdata(L, 1));
	return 0;
}

struct pl_arena *pl_lua_arena(lua_State *L)
{
	struct pl_arena *a = lua_newuserdatauv(L, sizeof *a, 0);
	memset(a, 0, sizeof *a);
	if (luaL_newmetatable(L, "pipe.arena")) {
		lua_pushcfunction(L, arena_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	return a;
}

/* One message holds this much; what does not fit is counted. */
#define PL_PROBLEMS_ROOM 1250

void pl_problem_add(struct pl_buf *all, size_t *left_out, const char *line)
{
	if (all->len && all->len + strlen(line) > PL_PROBLEMS_ROOM) {
		(*left_out)++;
		return;
	}
	pl_buf_printf(all, "%s%s", all->len ? "\n" : "", line);
}

void pl_problem_end(struct pl_buf *all, size_t left_out)
{
	if (left_out)
		pl_buf_printf(all, "\n… and %zu more", left_out);
}
