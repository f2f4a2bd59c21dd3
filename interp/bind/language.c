/* What stdlib/lang/language.lua asks of the host, and the spine read from it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inner.h"

/* ---- the capability ---------------------------------------------------------- */

static int script_line(lua_State *L)
{
	lua_Debug ar;
	for (int level = 0; lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		if (ar.source[0] == '@' && strncmp(ar.source, "@stdlib/", 8) != 0) {
			lua_pushinteger(L, ar.currentline);
			lua_pushstring(L, ar.source + 1);
			return 2;
		}
	}
	lua_pushinteger(L, 0);
	return 1;
}

/* good_pattern(text) -> true, or nil and why */
static int good_pattern(lua_State *L)
{
	luaL_checkstring(L, 1);
	lua_settop(L, 1);
	lua_pushliteral(L, "");
	lua_getfield(L, -1, "find");
	lua_insert(L, -2);
	lua_pushvalue(L, 1);
	if (lua_pcall(L, 2, 0, 0) == LUA_OK) {
		lua_pushboolean(L, true);
		return 1;
	}
	lua_pushnil(L);
	lua_insert(L, -2);
	return 2;
}

/* good_id(text): letters, digits, "-", "_" and ".", and not only digits */
static int good_id(lua_State *L)
{
	bool good = true, word = false;
	size_t n;
	const char *id = luaL_checklstring(L, 1, &n);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)id[i];
		bool digit = (c >= '0' && c <= '9') || c == '.';
		good &= digit || c >= 0x80 || c == '_' || c == '-' ||
		    ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
		word |= !digit;
	}
	lua_pushboolean(L, good && word);
	return 1;
}

static int good_version(lua_State *L)
{
	struct pl_version v;
	struct pl_arena a = {0};
	lua_pushboolean(L,
	    lua_type(L, 1) == LUA_TSTRING &&
	        pl_version_parse(&v, &a, lua_tostring(L, 1), false, NULL));
	pl_arena_fini(&a);
	return 1;
}

/* part(name): what stdlib/lang/NAME.lua holds, as a function */
static int load_part(lua_State *L)
{
	struct pl_err err;
	const char *file =
	    lua_pushfstring(L, "stdlib/lang/%s.lua", luaL_checkstring(L, 1));
	if (!pl_stdlib_load(L, file, &err))
		return pl_lua_raise(L, &err);
	lua_rawgeti(L, LUA_REGISTRYINDEX, pl_lua_session(L)->safe);
	lua_setupvalue(L, -2, 1);
	return 1;
}

static int quote(lua_State *L)
{
	size_t n;
	struct pl_buf out = {0};
	const char *text = luaL_tolstring(L, 1, &n);
	pl_printable(&out, text, n < 80 ? n : 80, false);
	lua_pushfstring(L, "\"%s\"", out.at ? out.at : "");
	pl_buf_fini(&out);
	return 1;
}

static int did_you_mean(lua_State *L)
{
	const char *word = luaL_checkstring(L, 1);
	const char *words[128];
	size_t n = 0;
	lua_Integer len = luaL_len(L, 2);
	for (lua_Integer i = 1; i <= len && n < PL_COUNT(words); i++) {
		lua_geti(L, 2, i);
		if (lua_type(L, -1) == LUA_TSTRING)
			words[n++] = lua_tostring(L, -1); /* kept alive by the list */
		lua_pop(L, 1);
	}
	const char *near = pl_nearest(word, words, n);
	lua_pushstring(
	    L, near ? lua_pushfstring(L, "; did you mean \"%s\"?", near) : "");
	return 1;
}

static int duration(lua_State *L)
{
	struct pl_err err;
	int64_t ms;
	if (pl_duration_parse(&ms, luaL_checkstring(L, 1), &err)) {
		lua_pushinteger(L, ms);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, err.msg);
	return 2;
}

/* version(text [, range]) -> true, or nil and why */
static int version(lua_State *L)
{
	struct pl_err err;
	struct pl_version v;
	lua_settop(L, 2);
	struct pl_arena *a = pl_lua_arena(L);
	const char *text = luaL_checkstring(L, 1), *range = luaL_optstring(L, 2, NULL);
	bool in = true;
	bool ok = pl_version_parse(&v, a, text, false, &err) &&
	    (!range || pl_version_in_range(&in, &v, range, true, &err));
	if (ok && in) {
		lua_pushboolean(L, true);
		return 1;
	}
	lua_pushnil(L);
	if (ok)
		lua_pushfstring(L, "asks for %s, and %s is not in it", range, text);
	else
		lua_pushstring(L, err.msg);
	return 2;
}

void pl_language_host(struct pl_session *s, lua_State *L)
{
	static const luaL_Reg functions[] = {{"place", script_line}, {"quote", quote},
	    {"good_pattern", good_pattern}, {"did_you_mean", did_you_mean},
	    {"duration", duration}, {"version", version}, {"good_id", good_id},
	    {"good_version", good_version}, {"part", load_part}, {NULL, NULL}};
	(void)s;
	luaL_newlib(L, functions);
	lua_pushstring(L, PL_VERSION);
	lua_setfield(L, -2, "pipe_version");
}

/* ---- the spine ------------------------------------------------------------------- */

/* Text of the field on the table at index; into the arena. NULL if it is none. */
static const char *text_field(
    struct pl_session *s, lua_State *L, int index, const char *name)
{
	const char *out = NULL;
	if (lua_getfield(L, index, name) == LUA_TSTRING)
		out = pl_arena_text(&s->arena, lua_tostring(L, -1), lua_rawlen(L, -1));
	lua_pop(L, 1);
	return out;
}

static int64_t int_field(lua_State *L, int index, const char *name, int64_t fallback)
{
	int64_t out = fallback;
	if (lua_getfield(L, index, name) == LUA_TNUMBER)
		out = lua_tointeger(L, -1);
	lua_pop(L, 1);
	return out;
}

static void read_bodies(lua_State *L, int fields, struct pl_step *step)
{
	for (int b = 0; b < PL_BODIES; b++) {
		int type = lua_getfield(L, fields, pl_body_name((enum pl_body)b));
		bool data = (b == PL_OVER || b == PL_ASSUME) && type != LUA_TNIL;
		if (type == LUA_TFUNCTION || data)
			step->body[b] = luaL_ref(L, LUA_REGISTRYINDEX);
		else
			lua_pop(L, 1);
	}
}

static void read_retry(lua_State *L, int fields, struct pl_step *step)
{
	if (lua_getfield(L, fields, "retry") == LUA_TTABLE) {
		int at = lua_gettop(L);
		step->retry_times = (int)int_field(L, at, "times", 0);
		step->retry_first_ms = int_field(L, at, "first", 1000);
		step->retry_max_ms = int_field(L, at, "max", 60000);
	}
	lua_pop(L, 1);
}

static void read_ceiling(
    struct pl_session *s, lua_State *L, int fields, struct pl_step *step)
{
	step->ceiling = PL_WRITE;
	const char *class = text_field(s, L, fields, "effect");
	if (class)
		pl_class_parse(class, &step->ceiling);
	step->irreversible = step->ceiling >= PL_IRREVERSIBLE;
}

static enum pl_step_kind kind_named(const char *name)
{
	for (int k = 0; k <= PL_EACH; k++)
		if (strcmp(pl_step_kind_name((enum pl_step_kind)k), name) == 0)
			return (enum pl_step_kind)k;
	return PL_STEP;
}

static struct pl_step *read_steps(
    struct pl_session *s, lua_State *L, int index, struct pl_step *parent, size_t *n);

static void read_step(struct pl_session *s, lua_State *L, struct pl_step *step,
    struct pl_step *parent, size_t position)
{
	int at = lua_gettop(L);
	struct pl_err err;
	step->id = text_field(s, L, at, "id");
	step->kind = kind_named(text_field(s, L, at, "kind"));
	step->line = (unsigned)int_field(L, at, "line", 0);
	step->file = text_field(s, L, at, "file");
	step->parent = parent;
	step->top = parent ? parent->top : position;
	step->number = parent
	    ? pl_arena_printf(&s->arena, "%s.%zu", parent->number, position + 1)
	    : pl_arena_printf(&s->arena, "%zu", position + 1);
	lua_getfield(L, at, "fields");
	int fields = lua_gettop(L);
	step->title = text_field(s, L, fields, "title");
	step->was = text_field(s, L, fields, "was");
	step->ask = text_field(s, L, fields, "ask");
	step->confirm = text_field(s, L, fields, "confirm");
	step->key = text_field(s, L, fields, "key");
	step->timeout_ms = int_field(L, fields, "timeout", 0);
	step->every_ms = int_field(L, fields, "every", 10000);
	step->at_once = (int)int_field(L, fields, "at_once", 1);
	read_ceiling(s, L, fields, step);
	read_retry(L, fields, step);
	read_bodies(L, fields, step);
	if (lua_getfield(L, fields, "needs") == LUA_TTABLE)
		step->needs = pl_lua_value(L, -1, &s->arena, &err);
	if (step->needs && step->needs->kind != PL_LIST)
		step->needs = NULL;
	lua_settop(L, at);
	if (lua_getfield(L, at, "children") == LUA_TTABLE)
		step->children =
		    read_steps(s, L, lua_gettop(L), step, &step->children_n);
	lua_settop(L, at);
}

static struct pl_step *read_steps(
    struct pl_session *s, lua_State *L, int index, struct pl_step *parent, size_t *n)
{
	luaL_checkstack(L, 10, "steps are nested too deeply");
	*n = (size_t)luaL_len(L, index);
	struct pl_step *steps = pl_arena_alloc(&s->arena, (*n + 1) * sizeof *steps);
	for (size_t i = 0; i < *n; i++) {
		lua_geti(L, index, (lua_Integer)i + 1);
		read_step(s, L, &steps[i], parent, i);
		lua_pop(L, 1);
	}
	return steps;
}

struct finding {
	struct pl_session *s;
	struct pl_buf text;
	size_t left_out;
	const char *file;
	unsigned line;
};

static void on_problem(void *arg, const struct pl_step *step, const char *what)
{
	struct finding *f = arg;
	unsigned line = step ? step->line : 1;
	const char *file = step && step->file ? step->file : f->s->file;
	struct pl_buf text = {0};
	if (!f->text.len) {
		f->file = file;
		f->line = line;
	}
	pl_buf_printf(&text, "%s:%u: ", file, line);
	if (step)
		pl_buf_printf(
		    &text, "%s \"%s\": ", pl_step_kind_name(step->kind), step->id);
	pl_buf_puts(&text, what);
	pl_problem_add(&f->text, &f->left_out, text.at);
	pl_buf_fini(&text);
}

static struct pl_value *read_params(struct pl_session *s, lua_State *L, int at)
{
	static const char *const fields[] = {"name", "kind", "help", "default",
	    "choices", "min", "max", "pattern", "range", "optional"};
	struct pl_value *list = pl_list(&s->arena);
	lua_getfield(L, at, "params");
	for (lua_Integer i = 1, n = luaL_len(L, -1); i <= n; i++) {
		struct pl_value *p = pl_map(&s->arena);
		lua_geti(L, -1, i);
		for (size_t k = 0; k < PL_COUNT(fields); k++) {
			struct pl_err err;
			if (lua_getfield(L, -1, fields[k]) != LUA_TNIL) {
				struct pl_value *v =
				    pl_lua_value(L, -1, &s->arena, &err);
				if (v)
					pl_map_set(&s->arena, p, fields[k], v);
			}
			lua_pop(L, 1);
		}
		lua_pop(L, 1);
		pl_list_add(&s->arena, list, p);
	}
	lua_pop(L, 1);
	return list;
}

bool pl_spine_read(struct pl_session *s, lua_State *L, struct pl_err *err)
{
	int at = lua_gettop(L);
	struct pl_spine *spine = pl_arena_alloc(&s->arena, sizeof *spine);
	spine->file = s->file;
	spine->name = text_field(s, L, at, "id");
	spine->version = text_field(s, L, at, "version");
	spine->summary = text_field(s, L, at, "summary");
	spine->lock = text_field(s, L, at, "lock");
	spine->params = read_params(s, L, at);
	lua_getfield(L, at, "children");
	spine->steps = read_steps(s, L, lua_gettop(L), NULL, &spine->steps_n);
	lua_settop(L, at);
	lua_pushnil(L); /* the spine has it all: many steps are much to keep twice */
	lua_setfield(L, at, "children");
	struct finding f = {.s = s};
	pl_spine_check(spine, on_problem, &f);
	bool ok = f.text.len == 0;
	if (ok)
		s->spine = spine;
	else {
		pl_problem_end(&f.text, f.left_out);
		pl_fail(err, "script.invalid", "%s", f.text.at);
		pl_err_place(err, f.file, f.line);
	}
	pl_buf_fini(&f.text);
	return ok;
}

/* ---- parameters ---------------------------------------------------------------------- */

struct giving {
	struct pl_session *s;
	const struct pl_value *given;
	struct pl_err err;
	bool failed;
};

/* Text from the command line, or on a resume what the journal has. */
static void push_given(lua_State *L, const struct giving *g)
{
	struct pl_arena *a = pl_lua_arena(L);
	lua_newtable(L);
	for (uint32_t i = 0; g->given && i < g->given->as.map.len; i++) {
		const struct pl_pair *p = &g->given->as.map.at[i];
		lua_pushlstring(L, p->key, p->key_len);
		pl_lua_push(L, pl_unpack(a, p->value, NULL));
		lua_rawset(L, -3);
	}
	lua_remove(L, -2);
}

static int give(lua_State *L)
{
	struct giving *g = lua_touserdata(L, 1);
	struct pl_session *s = g->s;
	struct pl_err err;
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->language);
	lua_getfield(L, -1, "read_params");
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->pipeline);
	lua_getfield(L, -1, "params");
	lua_remove(L, -2);
	push_given(L, g);
	lua_call(L, 2, 2);
	if (lua_isnil(L, -2)) {
		struct pl_buf all = {0};
		size_t left_out = 0;
		for (lua_Integer i = 1, n = luaL_len(L, -1); i <= n; i++) {
			lua_geti(L, -1, i);
			pl_problem_add(&all, &left_out, luaL_tolstring(L, -1, NULL));
			lua_pop(L, 2);
		}
		pl_problem_end(&all, left_out);
		pl_fail(&g->err, "script.params", "%s", all.at);
		pl_buf_fini(&all);
		g->failed = true;
		return 0;
	}
	s->params = pl_lua_value(L, -2, &s->arena, &err);
	if (s->params && s->params->kind != PL_MAP)
		s->params = pl_map(&s->arena);
	return 0;
}

bool pl_session_params(
    struct pl_session *s, const struct pl_value *given, struct pl_err *err)
{
	struct giving g = {.s = s, .given = given};
	if (!pl_lua_protect(s->L, give, &g, err))
		return false;
	if (g.failed)
		*err = g.err;
	return !g.failed;
}

const struct pl_value *pl_session_param_values(struct pl_session *s)
{
	return s->params;
}
