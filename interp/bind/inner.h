/* bind, inside: what its files share. */
#ifndef PL_BIND_INNER_H
#define PL_BIND_INNER_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "bind.h"

/* One primitive: a row of the host's, or of a provider written in Lua. */
struct pl_entry {
	const char *name, *summary, *result;
	enum pl_class class;
	const struct pl_option *options;
	size_t options_n;
	const struct pl_row *row; /* host's */
	int act, target, predict, probe, overlay; /* provider's: references; 0: none */
	bool open; /* takes effect, predict, probe, example at the call */
	const struct pl_value
	    *about; /* provider's: {request, permission, …}, or NULL */
	bool hidden; /* for providers only */
	bool bare; /* bare values in, bare value out: version.compare(a, b) */
};

struct pl_limits {
	size_t memory, memory_max;
	uint64_t instructions, instructions_max; /* of what runs outside of bodies */
	size_t churn; /* bytes asked for since the hook last looked */
	bool refused; /* an allocation, before the collector was asked */
	bool exceeded; /* an allocation was refused for good */
	lua_State *running; /* whose hook is to look */
};

/* A body under way: one coroutine. */
struct pl_coroutine {
	struct pl_session *session;
	struct pl_frame *frame;
	lua_State *L;
	int ref; /* keeps L alive */
	int gate_depth; /* inside how many primitives */
	bool cancelled;
	uint64_t instructions;
	int tries; /* protected calls within each other */
	bool refused; /* the gate let nothing more pass: the run is being stopped */
	bool acted; /* the provider's verb under way sent something that may change */
	bool wrote; /* … and was told that it was accepted */
	struct pl_err why;
	struct pl_call *waiting; /* what it waits for */
	enum pl_class granted; /* class of the primitive under way */
	struct pl_value *overlay;
	bool looking; /* a probe or a prediction is under way: reads only, unkept */
	bool again; /* it asked to go back, why says where to */
};

struct pl_session {
	struct pl_session_options o;
	struct pl_host *host;
	struct pl_project *project;
	struct pl_arena arena;
	lua_State *L;
	struct pl_limits limits;
	int tries; /* as a coroutine's, while loading */
	struct pl_err over; /* set once a limit was passed */
	struct pl_entry **rows;
	size_t rows_n;
	int env, language, safe; /* references */
	bool loading, frozen, closing;
	const char *file, *directory; /* the pipeline's */
	struct pl_spine *spine;
	int pipeline; /* reference to its table */
	struct pl_value *sources, *pinned;
	struct pl_value *params, *uses;
	struct pl_run *run;
	struct pl_coroutine *current;
	struct pl_world *world;
	struct pl_router router;
	unsigned long randoms; /* drawn so far in a simulated world */
};

/* state.c */
lua_State *pl_lua_new(struct pl_limits *limits);
struct pl_session *pl_lua_session(lua_State *L);
void pl_lua_hook(lua_State *L, lua_Debug *ar);
void pl_lua_watch(lua_State *L); /* sets the hook */
/* Work done in C counts as so many instructions; the hook looks soon. */
void pl_lua_charge(lua_State *L, uint64_t n);
/* Lines for one error message: adds to `all` while there is room, and counts. */
void pl_problem_add(struct pl_buf *all, size_t *left_out, const char *line);
void pl_problem_end(struct pl_buf *all, size_t left_out);
/* Runs fn(L) with ud as its only argument inside one protected call. */
bool pl_lua_protect(lua_State *L, lua_CFunction fn, void *ud, struct pl_err *err);
/* [-0, +1, m] an arena that the collector frees. */
struct pl_arena *pl_lua_arena(lua_State *L);

/* error.c: one pair turns a C error into Lua's and back. */
_Noreturn int pl_lua_raise(lua_State *L, const struct pl_err *err); /* never returns */
void pl_lua_push_error(lua_State *L, const struct pl_err *err); /* [-0, +1, m] */
/* The value at index as an error; `on` is the stack it happened on. [-0, +0, -] */
void pl_lua_error(lua_State *on, int index, struct pl_err *err);
void pl_lua_error_open(lua_State *L);
/* Says where the script stands, unless err has a place. [-0, +0, -] */
bool pl_lua_place(lua_State *on, struct pl_err *err);

/* value.c */
void pl_lua_push(lua_State *L, const struct pl_value *v); /* [-0, +1, m] */
/* The value at index; NULL and err (value.*, naming the place) if it is no data. */
struct pl_value *pl_lua_value(
    lua_State *L, int index, struct pl_arena *a, struct pl_err *err);
void pl_lua_value_open(lua_State *L);
const struct pl_secret *pl_lua_secret(lua_State *L, int index); /* or NULL */
int pl_lua_list(lua_State *L); /* json.array(t) */
int pl_lua_is_array(
    lua_State *L); /* whether a value is a list, as of JSON or json.array */

/* pure.c: tables of functions. [-0, +1, m] */
void pl_lua_json_open(lua_State *L);
void pl_lua_yaml_open(lua_State *L);
void pl_lua_version_open(lua_State *L);
void pl_lua_clock_open(lua_State *L);
/* words.c: sets try, refuse, fail, again in the table on top. [-0, +0, m] */
void pl_lua_words_open(lua_State *L);

/* sandbox.c */
void pl_sandbox_safe(lua_State *L); /* [-0, +1, m] Lua's own library, the safe part */
void pl_sandbox_env(
    struct pl_session *s, lua_State *L); /* [-0, +1, m] a script's names */
/* From here on no global can be set. [-0, +0, m] */
void pl_sandbox_freeze(struct pl_session *s, lua_State *L);
/* The table on top behind an empty one that cannot be written. [-1, +1, m] */
void pl_sandbox_readonly(lua_State *L, const char *name);
/* Around a protected call: enter raises where they are nested too deeply. */
void pl_sandbox_enter(lua_State *L);
void pl_sandbox_leave(lua_State *L);
/* What to say instead of a name of Lua's that scripts do not have; NULL: nothing. */
const char *pl_sandbox_instead(const char *name);

/* order.c: pairs and next in the order of keys. */
int pl_order_pairs(lua_State *L);
void pl_order_next(lua_State *L); /* [-0, +1, m] a `next` of its own */
/* bounds.c: bounds for the loops in the library whose table is on top. [-0, +0, m] */
void pl_bounds_set(lua_State *L, const char *library);

/* names.c: the globals that a chunk uses, each where it stands. Expects the
 * function on top of the stack. */
struct pl_name {
	const char *name;
	const char *field; /* of `name.field`, or NULL */
	unsigned line;
	bool assigned, main; /* set, not read; in the chunk itself, in no function */
};
void pl_names_check(
    lua_State *L, void (*found)(void *arg, const struct pl_name *n), void *arg);

/* modules.c: the names of a script's environment that stand for many functions.
 * A module is made when a script first mentions it. */
bool pl_module_exists(struct pl_session *s, const char *name);
/* Of the host's own rows, as `git`. */
bool pl_module_is_host(const struct pl_session *s, const char *name);
bool pl_module_push(struct pl_session *s, lua_State *L, const char *name); /* [+1] */
void pl_modules_each(
    struct pl_session *s, void (*found)(void *arg, const char *module), void *arg);

/* rows.c */
void pl_rows_add_host(struct pl_session *s, const struct pl_row *rows);
/* Rows that providers have, and scripts do not. */
void pl_rows_add_hidden(struct pl_session *s, const struct pl_row *rows);
struct pl_entry *pl_rows_find(struct pl_session *s, const char *name);
struct pl_entry *pl_rows_add(struct pl_session *s); /* an empty one */
/* "text or a secret" of PL_T_…; */
void pl_rows_type_names(struct pl_buf *out, unsigned types);
/* Checked arguments: the table at index as a map with defaults. Raises. */
struct pl_value *pl_rows_arguments(
    lua_State *L, int index, const struct pl_entry *e, struct pl_arena *a);
/* Puts every row of the module as a function into the table on top. */
void pl_rows_install(struct pl_session *s, lua_State *L, const char *module);

/* gate.c */
int pl_gate_call(lua_State *L); /* upvalue 1: the entry */
int pl_gate_raw(lua_State *L); /* upvalue 1: a host row; for providers */
int pl_gate_wrote(lua_State *L);
/* Whose call it is, for rows that live in this room. */
struct pl_session *pl_gate_session(const struct pl_call *call);
/* Whether the journal holds a record of this call. */
bool pl_gate_is_kept(const struct pl_call *call);
/* A line for whoever looks on; kept nowhere. */
void pl_gate_tell(struct pl_call *call, const char *stream, const char *text);

/* body.c */
void pl_body_start(void *arg, struct pl_frame *f, enum pl_body body);
void pl_body_cancel(void *arg, struct pl_frame *f, const struct pl_err *why, bool now);
void pl_body_resume(struct pl_coroutine *c);
int pl_lua_again(lua_State *L);

/* load.c */
const char *pl_source_read(struct pl_session *s, const char *name, const char *path,
    size_t *n, struct pl_err *err);
bool pl_stdlib_load(
    lua_State *L, const char *name, struct pl_err *err); /* [+1] a function */
int pl_lua_require(lua_State *L);
/* Whether a run that goes on brought this source along. */
bool pl_source_pinned(const struct pl_session *s, const char *name);

/* words.c, pure.c */
extern const struct pl_row pl_word_rows[];
void pl_pure_rows(struct pl_session *s); /* for help */

/* capability.c: what the module of the provider `owner` is given. [-0, +1, e] */
void pl_capability_push(struct pl_session *s, lua_State *L, const char *owner);
int pl_lua_time(lua_State *L); /* text -> ms */
int pl_lua_time_text(lua_State *L); /* ms -> text */
int pl_lua_sha256(lua_State *L); /* -> hex */
int pl_lua_base64(lua_State *L);
int pl_lua_unbase64(lua_State *L); /* nil: it is none */

/* sim_tokens.c: adds es256_key, es256_verify, unbase64url to the table on top. */
void pl_sim_tokens(lua_State *L); /* [-0, +0, m] */

/* provider.c */
bool pl_provider_exists(struct pl_session *s, const char *module);
/* [-0, +1, e] the table that a provider's module returned. */
void pl_provider_table(struct pl_session *s, lua_State *L, const char *module);
/* [-0, +1, e] a provider as a module, loaded when a script first looks into it. */
void pl_provider_push(struct pl_session *s, lua_State *L, const char *module);
void pl_providers_each(
    struct pl_session *s, void (*found)(void *arg, const char *module), void *arg);

/* language.c */
void pl_language_host(struct pl_session *s, lua_State *L); /* [+1] capability */
bool pl_spine_read(struct pl_session *s, lua_State *L, struct pl_err *err);

/* ---- world.c -------------------------------------------------------------------- */

/* What the world's function answers to `first`, at this time. */
bool pl_world_ask(struct pl_world *w, struct pl_arena *a, const char *function,
    const struct pl_value *first, int64_t now_ms, struct pl_value **answer,
    struct pl_err *err);

#endif
