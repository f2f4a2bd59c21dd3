/* Rows: the table of primitives, their arguments, and how scripts come by them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inner.h"

static struct pl_entry *add(struct pl_session *s)
{
	if ((s->rows_n & (s->rows_n - 1)) == 0)
		s->rows = pl_realloc(
		    s->rows, (s->rows_n ? s->rows_n * 2 : 1) * sizeof *s->rows);
	struct pl_entry *e = pl_arena_alloc(&s->arena, sizeof *e);
	s->rows[s->rows_n++] = e;
	return e;
}

struct pl_entry *pl_rows_add(struct pl_session *s)
{
	return add(s);
}

static size_t count(const struct pl_option *options)
{
	size_t n = 0;
	while (options && options[n].name)
		n++;
	return n;
}

/* A bare http or proc call is opaque: its author may say at the call what it does. */
static bool is_open(const char *name)
{
	return strncmp(name, "http.", 5) == 0 || strncmp(name, "proc.", 5) == 0;
}

void pl_rows_add_host(struct pl_session *s, const struct pl_row *rows)
{
	for (const struct pl_row *row = rows; row->name; row++) {
		struct pl_entry *e = add(s);
		e->name = row->name;
		e->summary = row->summary;
		e->result = row->result;
		e->class = row->class;
		e->options = row->options;
		e->options_n = count(row->options);
		e->row = row;
		e->open = is_open(row->name);
	}
}

void pl_rows_add_hidden(struct pl_session *s, const struct pl_row *rows)
{
	size_t first = s->rows_n;
	pl_rows_add_host(s, rows);
	for (size_t i = first; i < s->rows_n; i++)
		s->rows[i]->hidden = true;
}

struct pl_entry *pl_rows_find(struct pl_session *s, const char *name)
{
	for (size_t i = 0; i < s->rows_n; i++)
		if (strcmp(s->rows[i]->name, name) == 0)
			return s->rows[i];
	return NULL;
}

/* ---- arguments --------------------------------------------------------------- */

static const char *const open_options[] = {"effect", "predict", "probe", "example"};

static bool is_call_option(const struct pl_entry *e, const char *name)
{
	if (strcmp(name, "as") == 0)
		return true;
	for (size_t i = 0; e->open && i < PL_COUNT(open_options); i++)
		if (strcmp(name, open_options[i]) == 0)
			return true;
	return false;
}

static const struct pl_option *option_named(const struct pl_entry *e, const char *name)
{
	for (size_t i = 0; i < e->options_n; i++)
		if (strcmp(e->options[i].name, name) == 0)
			return &e->options[i];
	return NULL;
}

static int unknown_option(lua_State *L, const struct pl_entry *e, const char *name)
{
	struct pl_err err;
	struct pl_buf list = {0};
	const char *names[64];
	size_t n = 0;
	for (; n < e->options_n && n < PL_COUNT(names); n++) {
		names[n] = e->options[n].name;
		pl_buf_printf(&list, "%s%s", n ? ", " : "", names[n]);
	}
	const char *near = pl_nearest(name, names, n);
	pl_fail(&err, "option.unknown", "%s has no option \"%s\" (it takes %s)%s%s%s",
	    e->name, name, n ? list.at : "none", near ? "; did you mean \"" : "",
	    near ? near : "", near ? "\"?" : "");
	pl_buf_fini(&list);
	return pl_lua_raise(L, &err);
}

static unsigned type_of(const struct pl_value *v)
{
	static const unsigned types[] = {
	    [PL_NULL] = PL_T_ANY,
	    [PL_BOOL] = PL_T_FLAG,
	    [PL_INT] = PL_T_INTEGER | PL_T_NUMBER | PL_T_DURATION,
	    [PL_REAL] = PL_T_NUMBER,
	    [PL_TEXT] = PL_T_TEXT | PL_T_DURATION,
	    [PL_LIST] = PL_T_LIST,
	    [PL_MAP] = PL_T_MAP,
	    [PL_SECRET] = PL_T_SECRET,
	};
	return types[v->kind];
}

void pl_rows_type_names(struct pl_buf *out, unsigned types)
{
	static const struct {
		unsigned type;
		const char *name;
	} names[] = {{PL_T_TEXT, "text"}, {PL_T_INTEGER, "a whole number"},
	    {PL_T_NUMBER, "a number"}, {PL_T_FLAG, "true or false"},
	    {PL_T_LIST, "a list"}, {PL_T_MAP, "a table of names"},
	    {PL_T_SECRET, "a secret"}, {PL_T_DURATION, "a duration such as \"30s\""},
	    {PL_T_ANY, "any data"}, {PL_T_FUNCTION, "a function"}};
	bool first = true;
	for (size_t i = 0; i < PL_COUNT(names); i++)
		if (types & names[i].type) {
			pl_buf_printf(out, "%s%s", first ? "" : " or ", names[i].name);
			first = false;
		}
}

static bool among_choices(const char *choices, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = choices; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
		if (strncmp(p, word, n) == 0 && (p[n] == '|' || p[n] == 0))
			return true;
	return false;
}

static int wrong_option(lua_State *L, const struct pl_entry *e,
    const struct pl_option *o, const struct pl_value *got)
{
	struct pl_err err;
	struct pl_buf types = {0};
	pl_rows_type_names(&types, o->types);
	if (got && got->kind == PL_TEXT && o->choices)
		pl_fail(&err, "option.choice",
		    "%s: %s is \"%.80s\"; it must be one of %s", e->name, o->name,
		    got->as.text.at, o->choices);
	else
		pl_fail(&err, "option.type", "%s: %s must be %s, not %s", e->name,
		    o->name, types.at, got ? pl_kind_name(got->kind) : "a function");
	pl_buf_fini(&types);
	return pl_lua_raise(L, &err);
}

static struct pl_value *check(lua_State *L, const struct pl_entry *e,
    const struct pl_option *o, struct pl_value *v, struct pl_arena *a)
{
	struct pl_err err;
	bool empty = v->kind == PL_MAP && v->as.map.len == 0;
	if (empty && (o->types & (PL_T_LIST | PL_T_MAP)) == PL_T_LIST)
		v = pl_list(a);
	if (o->types & PL_T_ANY)
		return v;
	if (!(type_of(v) & o->types))
		wrong_option(L, e, o, v);
	if (o->choices && v->kind == PL_TEXT &&
	    !among_choices(o->choices, v->as.text.at))
		wrong_option(L, e, o, v);
	if ((o->types & PL_T_DURATION) && v->kind == PL_TEXT) {
		int64_t ms;
		if (!pl_duration_parse(&ms, v->as.text.at, &err)) {
			pl_err_within(&err, "%s: %s", e->name, o->name);
			pl_lua_raise(L, &err);
		}
		v = pl_int(a, ms);
	}
	return v;
}

static void read_option(
    lua_State *L, const struct pl_entry *e, struct pl_arena *a, struct pl_value *args)
{
	struct pl_err err;
	const char *name = lua_tostring(L, -2);
	const struct pl_option *o = option_named(e, name);
	if (!o && is_call_option(e, name))
		return;
	if (!o) {
		unknown_option(L, e, name);
		return;
	}
	if (lua_isfunction(L, -1)) {
		if (!(o->types & PL_T_FUNCTION))
			wrong_option(L, e, o, NULL);
		return;
	}
	struct pl_value *v = pl_lua_value(L, -1, a, &err);
	if (v) {
		pl_map_set(a, args, o->name, check(L, e, o, v, a));
		return;
	}
	pl_err_within(&err, "%s: %s", e->name, name);
	pl_lua_raise(L, &err);
}

static void fill_in(lua_State *L, const struct pl_entry *e, struct pl_arena *a,
    struct pl_value *args, int index)
{
	struct pl_err err;
	for (size_t i = 0; i < e->options_n; i++) {
		const struct pl_option *o = &e->options[i];
		if (pl_get(args, o->name))
			continue;
		if (o->required) {
			struct pl_buf types = {0};
			pl_rows_type_names(&types, o->types);
			pl_fail(&err, "option.missing", "%s needs %s (%s): %s", e->name,
			    o->name, types.at, o->help ? o->help : "");
			pl_buf_fini(&types);
			pl_lua_raise(L, &err);
		}
		struct pl_value *v;
		if (o->fallback &&
		    pl_json_parse(&v, a, o->fallback, strlen(o->fallback), &err))
			pl_map_set(a, args, o->name, check(L, e, o, v, a));
	}
	(void)index;
}

/* log.info "text", clock.sleep "2s": a bare value is the first option. */
static bool stands_for_first(lua_State *L, int index, const struct pl_option *first)
{
	const unsigned text = PL_T_TEXT | PL_T_DURATION;
	const unsigned number = PL_T_INTEGER | PL_T_NUMBER | PL_T_DURATION;
	return (lua_type(L, index) == LUA_TSTRING && first->types & text) ||
	    (lua_type(L, index) == LUA_TNUMBER && first->types & number);
}

struct pl_value *pl_rows_arguments(
    lua_State *L, int index, const struct pl_entry *e, struct pl_arena *a)
{
	struct pl_err err;
	struct pl_value *args = pl_map(a);
	if (e->options_n > 0 && stands_for_first(L, index, &e->options[0])) {
		struct pl_value *v = pl_lua_value(L, index, a, &err);
		pl_map_set(
		    a, args, e->options[0].name, check(L, e, &e->options[0], v, a));
	} else if (lua_type(L, index) == LUA_TTABLE) {
		luaL_checkstack(L, 6, NULL);
		for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
			if (lua_type(L, -2) != LUA_TSTRING) {
				pl_fail(&err, "option.name",
				    "%s takes options by name: %s { %s = … }", e->name,
				    e->name,
				    e->options_n ? e->options[0].name : "name");
				pl_lua_raise(L, &err);
			}
			read_option(L, e, a, args);
		}
	} else if (!lua_isnoneornil(L, index)) {
		pl_fail(&err, "option.table", "%s takes one table of options, not a %s",
		    e->name, luaL_typename(L, index));
		pl_lua_raise(L, &err);
	}
	fill_in(L, e, a, args, index);
	return args;
}

/* ---- modules -------------------------------------------------------------------- */

void pl_rows_install(struct pl_session *s, lua_State *L, const char *module)
{
	size_t n = strlen(module);
	for (size_t i = 0; i < s->rows_n; i++) {
		const struct pl_entry *e = s->rows[i];
		if (!e->row || strncmp(e->name, module, n) != 0 || e->name[n] != '.')
			continue;
		lua_pushlightuserdata(L, s->rows[i]);
		lua_pushcclosure(L, pl_gate_call, 1);
		lua_setfield(L, -2, e->name + n + 1);
	}
}
