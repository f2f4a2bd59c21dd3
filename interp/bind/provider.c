/*
 * Providers: modules whose verbs are rows written in Lua, those of stdlib/providers
 * and the team's own in pipelines/providers. A module is loaded when a script first
 * looks into it, so that one that is not used costs nothing.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "embedded.h"
#include "inner.h"

/* ---- reading a module ----------------------------------------------------------------- */

static const struct {
	const char *name;
	unsigned type;
} types[] = {{"text", PL_T_TEXT}, {"integer", PL_T_INTEGER}, {"number", PL_T_NUMBER},
    {"flag", PL_T_FLAG}, {"list", PL_T_LIST}, {"map", PL_T_MAP},
    {"secret", PL_T_SECRET}, {"duration", PL_T_DURATION}, {"any", PL_T_ANY}};

static unsigned read_types(const char *text)
{
	unsigned all = 0;
	while (*text) {
		size_t n = strcspn(text, "|");
		for (size_t i = 0; i < PL_COUNT(types); i++)
			if (strlen(types[i].name) == n &&
			    strncmp(types[i].name, text, n) == 0)
				all |= types[i].type;
		text += n + (text[n] == '|');
	}
	return all;
}

static const char *keep(
    struct pl_session *s, lua_State *L, int index, const char *field)
{
	const char *out = NULL;
	if (lua_getfield(L, index, field) == LUA_TSTRING)
		out = pl_arena_text(&s->arena, lua_tostring(L, -1), lua_rawlen(L, -1));
	lua_pop(L, 1);
	return out;
}

static const char *fallback(struct pl_session *s, lua_State *L, int index)
{
	struct pl_err err;
	struct pl_buf text = {0};
	const char *out = NULL;
	if (lua_getfield(L, index, "default") != LUA_TNIL) {
		struct pl_value *v = pl_lua_value(L, -1, &s->arena, &err);
		if (v && pl_json_canonical(&text, v, &err))
			out = pl_arena_text(&s->arena, text.at, text.len);
	}
	pl_buf_fini(&text);
	lua_pop(L, 1);
	return out;
}

static const char *choices(struct pl_session *s, lua_State *L, int index)
{
	struct pl_buf text = {0};
	if (lua_getfield(L, index, "choices") == LUA_TTABLE)
		for (lua_Integer i = 1, n = luaL_len(L, -1); i <= n; i++) {
			lua_geti(L, -1, i);
			pl_buf_printf(
			    &text, "%s%s", i > 1 ? "|" : "", lua_tostring(L, -1));
			lua_pop(L, 1);
		}
	lua_pop(L, 1);
	const char *out = text.at ? pl_arena_text(&s->arena, text.at, text.len) : NULL;
	pl_buf_fini(&text);
	return out;
}

static int by_name(const void *a, const void *b)
{
	const struct pl_option *x = a, *y = b;
	if (x->required != y->required)
		return y->required - x->required;
	return strcmp(x->name, y->name);
}

static void read_options(struct pl_session *s, lua_State *L, struct pl_entry *e)
{
	size_t n = 0;
	if (lua_getfield(L, -1, "options") != LUA_TTABLE) {
		lua_pop(L, 1);
		return;
	}
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
		n++;
	struct pl_option *options =
	    pl_arena_alloc(&s->arena, (n + 1) * sizeof *options);
	size_t i = 0;
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
		int at = lua_gettop(L);
		struct pl_option *o = &options[i++];
		lua_pushvalue(L, -2);
		o->name =
		    pl_arena_text(&s->arena, lua_tostring(L, -1), lua_rawlen(L, -1));
		lua_settop(L, at);
		lua_geti(L, at, 1);
		o->types = read_types(luaL_checkstring(L, -1));
		lua_getfield(L, at, "required");
		o->required = lua_toboolean(L, -1);
		lua_settop(L, at);
		o->help = keep(s, L, at, "help");
		o->fallback = fallback(s, L, at);
		o->choices = choices(s, L, at);
	}
	qsort(options, n, sizeof *options, by_name);
	e->options = options;
	e->options_n = n;
	lua_pop(L, 1);
}

static int function_ref(lua_State *L, int index, const char *field)
{
	if (lua_getfield(L, index, field) == LUA_TFUNCTION)
		return luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pop(L, 1);
	return 0;
}

/* What help tells of a verb beyond its options. */
static const char *const abouts[] = {
    "request", "permission", "states", "errors", "retries", "looks", "no_probe"};

/* Of a verb, with what its module says of all: `errors` of both, the verb's first. */
static struct pl_value *read_about(
    struct pl_session *s, lua_State *L, int index, const struct pl_value *of_module)
{
	struct pl_err err;
	struct pl_value *about = pl_map(&s->arena);
	for (size_t i = 0; i < PL_COUNT(abouts); i++) {
		struct pl_value *v = NULL;
		if (lua_getfield(L, index, abouts[i]) != LUA_TNIL)
			v = pl_lua_value(L, -1, &s->arena, &err);
		if (v)
			pl_map_set(&s->arena, about, abouts[i], v);
		lua_pop(L, 1);
	}
	const struct pl_value *all = pl_get(of_module, "errors");
	struct pl_value *errors = pl_get(about, "errors");
	if (!errors && all)
		pl_map_set(&s->arena, about, "errors", errors = pl_map(&s->arena));
	for (uint32_t i = 0; all && i < all->as.map.len; i++)
		if (!pl_get(errors, all->as.map.at[i].key))
			pl_map_set(&s->arena, errors, all->as.map.at[i].key,
			    all->as.map.at[i].value);
	if (pl_get(of_module, "retries") && !pl_get(about, "retries"))
		pl_map_set(&s->arena, about, "retries", pl_get(of_module, "retries"));
	return about;
}

/* The verb on top of the stack becomes a row. */
static void read_verb(struct pl_session *s, lua_State *L, const char *module,
    const char *verb, const struct pl_value *of_module)
{
	int at = lua_gettop(L);
	struct pl_entry *e = pl_rows_add(s);
	e->name = pl_arena_printf(&s->arena, "%s.%s", module, verb);
	e->summary = keep(s, L, at, "summary");
	e->result = keep(s, L, at, "result");
	const char *class = keep(s, L, at, "effect");
	if (!class || !pl_class_parse(class, &e->class))
		luaL_error(L,
		    "%s: effect must be read, write, irreversible or locks-out",
		    e->name);
	read_options(s, L, e);
	e->act = function_ref(L, at, "act");
	e->target = function_ref(L, at, "target");
	e->predict = function_ref(L, at, "predict");
	e->probe = function_ref(L, at, "probe");
	e->overlay = function_ref(L, at, "overlay");
	e->about = read_about(s, L, at, of_module);
	if (!e->act)
		luaL_error(L, "%s has no act", e->name);
}

static int alphabetic(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* [-0, +1, e] a table of functions for the verbs in the table on top. */
static void read_verbs(struct pl_session *s, lua_State *L, const char *module,
    const struct pl_value *of_module)
{
	int verbs = lua_gettop(L);
	const char *names[128] = {NULL};
	size_t n = 0;
	for (lua_pushnil(L); lua_next(L, verbs); lua_pop(L, 1))
		if (n < PL_COUNT(names) && lua_type(L, -2) == LUA_TSTRING)
			names[n++] = lua_tostring(L, -2);
	qsort(names, n, sizeof *names, alphabetic);
	lua_newtable(L);
	for (size_t i = 0; i < n; i++) {
		lua_getfield(L, verbs, names[i]);
		read_verb(s, L, module, names[i], of_module);
		lua_pop(L, 1);
		lua_pushlightuserdata(L, s->rows[s->rows_n - 1]);
		lua_pushcclosure(L, pl_gate_call, 1);
		lua_setfield(L, -2, names[i]);
	}
}

/* ---- where modules are ------------------------------------------------------------------- */

static const char shipped_folder[] = "stdlib/providers/";

static bool name_in(const char *folder, const char *file, char *out, size_t n)
{
	size_t skip = strlen(folder), length = strlen(file);
	if (strncmp(file, folder, skip) != 0 || length < skip + 5 ||
	    strcmp(file + length - 4, ".lua") != 0)
		return false;
	length -= skip + 4;
	if (length >= n)
		return false;
	memcpy(out, file + skip, length);
	out[length] = 0;
	return strpbrk(out, "/.") == NULL;
}

static bool is_shipped(const char *module)
{
	char name[64];
	for (const struct pl_embedded *e = pl_embedded; e->name; e++)
		if (name_in(shipped_folder, e->name, name, sizeof name) &&
		    strcmp(name, module) == 0)
			return true;
	return false;
}

#define TEAM "pipelines/providers/" /* in the project's directory */

static const char *team_file(struct pl_session *s, const char *module)
{
	return pl_arena_printf(&s->arena, TEAM "%s.lua", module);
}

static const char *team_path(struct pl_session *s, const char *module)
{
	return pl_arena_printf(&s->arena, "%s/" TEAM "%s.lua", s->o.root, module);
}

static bool is_teams(struct pl_session *s, const char *module)
{
	if (!*module ||
	    strspn(module, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(module) ||
	    strlen(module) > 40)
		return false;
	return s->pinned ? pl_source_pinned(s, team_file(s, module))
	                 : access(team_path(s, module), F_OK) == 0;
}

/* Shipped providers, the host's modules, the words, Lua's names and keywords. */
static bool is_reserved(struct pl_session *s, lua_State *L, const char *module)
{
	static const char *const keywords[] = {"and", "break", "do", "else", "elseif",
	    "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
	    "not", "or", "repeat", "return", "then", "true", "until", "while"};
	for (size_t i = 0; i < PL_COUNT(keywords); i++)
		if (strcmp(keywords[i], module) == 0)
			return true;
	if (is_shipped(module) || pl_module_is_host(s, module) || isdigit(*module))
		return true;
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->env);
	lua_pushstring(L, module);
	bool known = lua_rawget(L, -2) != LUA_TNIL && !lua_istable(L, -1);
	lua_pop(L, 2);
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->safe);
	known |= lua_getfield(L, -1, module) != LUA_TNIL;
	lua_pop(L, 2);
	return known;
}

bool pl_provider_exists(struct pl_session *s, const char *module)
{
	return is_shipped(module) || is_teams(s, module);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The team's modules, by name. */
static void each_of_team(
    struct pl_session *s, void (*found)(void *arg, const char *module), void *arg)
{
	char name[64], *names[100];
	size_t n = 0;
	DIR *dir = opendir(pl_arena_printf(&s->arena, "%s/" TEAM, s->o.root));
	for (struct dirent *e; dir && n < PL_COUNT(names) && (e = readdir(dir));)
		if (name_in("", e->d_name, name, sizeof name) && is_teams(s, name) &&
		    !is_shipped(name))
			names[n++] =
			    (char *)pl_arena_text(&s->arena, name, strlen(name));
	if (dir)
		closedir(dir);
	qsort(names, n, sizeof *names, by_text);
	for (size_t i = 0; i < n; i++)
		found(arg, names[i]);
}

void pl_providers_each(
    struct pl_session *s, void (*found)(void *arg, const char *module), void *arg)
{
	char name[64];
	for (const struct pl_embedded *e = pl_embedded; e->name; e++)
		if (name_in(shipped_folder, e->name, name, sizeof name))
			found(arg, name);
	each_of_team(s, found, arg);
}

/* ---- loading -------------------------------------------------------------------------------- */

/* [-0, +1, e] the chunk of a team's module. */
static void load_team(struct pl_session *s, lua_State *L, const char *module)
{
	struct pl_err err;
	size_t n;
	const char *file = team_file(s, module);
	const char *text = pl_source_read(s, file, team_path(s, module), &n, &err);
	if (!text)
		pl_lua_raise(L, &err);
	lua_pushfstring(L, "@%s", file);
	if (luaL_loadbufferx(L, text, n, lua_tostring(L, -1), "t") != LUA_OK) {
		pl_lua_error(L, -1, &err);
		strcpy(err.code, "provider.syntax");
		pl_lua_raise(L, &err);
	}
	lua_remove(L, -2);
}

/* Every mistake in the rows of the module on top at once. [-0, +0, e] */
static void check_rows(struct pl_session *s, lua_State *L, const char *module)
{
	struct pl_err err;
	const char *file = is_shipped(module)
	    ? pl_arena_printf(&s->arena, "%s%s.lua", shipped_folder, module)
	    : team_file(s, module);
	if (!pl_stdlib_load(L, "stdlib/lang/provider_check.lua", &err))
		pl_lua_raise(L, &err);
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->safe);
	lua_setupvalue(L, -2, 1);
	lua_call(L, 0, 1);
	lua_pushvalue(L, -2);
	lua_pushstring(L, module);
	lua_pushstring(L, file);
	lua_call(L, 3, 1);
	if (!lua_isnil(L, -1)) {
		pl_fail(&err, "provider.invalid", "%s", lua_tostring(L, -1));
		pl_err_place(&err, file, 0);
		pl_lua_raise(L, &err);
	}
	lua_pop(L, 1);
}

/* A file of the team's under a name that means something already. */
static void check_name(struct pl_session *s, lua_State *L, const char *module)
{
	struct pl_err err;
	if (!is_reserved(s, L, module) || access(team_path(s, module), F_OK) != 0)
		return;
	pl_fail(&err, "provider.name",
	    "%s: \"%s\" is a name of pipe's or of Lua's own: give yours another one",
	    team_file(s, module), module);
	pl_lua_raise(L, &err);
}

void pl_provider_table(struct pl_session *s, lua_State *L, const char *module)
{
	struct pl_err err;
	char file[96];
	bool shipped = is_shipped(module);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "pipe.providers");
	if (lua_getfield(L, -1, module) == LUA_TTABLE) {
		lua_remove(L, -2);
		return;
	}
	if (lua_toboolean(L, -1))
		luaL_error(L, "the provider \"%s\" needs itself to be loaded", module);
	lua_pop(L, 1);
	lua_pushboolean(L, true);
	lua_setfield(L, -2, module);
	snprintf(file, sizeof file, "%s%s.lua", shipped_folder, module);
	check_name(s, L, module);
	if (!shipped)
		load_team(s, L, module);
	else if (!pl_stdlib_load(L, file, &err))
		pl_lua_raise(L, &err);
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->safe);
	lua_setupvalue(L, -2, 1);
	pl_capability_push(s, L, module);
	lua_call(L, 1, 1);
	if (!shipped)
		check_rows(s, L, module);
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, module);
	lua_remove(L, -2);
}

/* [-0, +1, e] the functions of the module, as scripts call them. */
static void load_module(struct pl_session *s, lua_State *L, const char *module)
{
	pl_provider_table(s, L, module);
	const struct pl_value *about = read_about(s, L, lua_gettop(L), NULL);
	lua_getfield(L, -1, "verbs");
	read_verbs(s, L, module, about);
	lua_replace(L, -3);
	lua_pop(L, 1);
}

/* ---- the module that scripts see --------------------------------------------------------- */

/* __index: loads at first use. upvalues: name, the protected module (nil at first) */
static int lazily(lua_State *L)
{
	struct pl_session *s = pl_lua_session(L);
	if (lua_isnil(L, lua_upvalueindex(2))) {
		const char *module = lua_tostring(L, lua_upvalueindex(1));
		load_module(s, L, module);
		pl_sandbox_readonly(L, module);
		lua_replace(L, lua_upvalueindex(2));
	}
	lua_pushvalue(L, 2);
	lua_gettable(L, lua_upvalueindex(2));
	return 1;
}

static int fixed(lua_State *L)
{
	return luaL_error(L, "a provider's functions cannot be changed");
}

void pl_provider_push(struct pl_session *s, lua_State *L, const char *module)
{
	lua_newtable(L);
	lua_createtable(L, 0, 3);
	lua_pushstring(L, module);
	lua_pushnil(L);
	/* A team's own is part of what a run pins: read with the script, at once. */
	if (!is_shipped(module)) {
		lua_pop(L, 1);
		load_module(s, L, module);
		pl_sandbox_readonly(L, module);
	}
	lua_pushcclosure(L, lazily, 2);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, fixed);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, false);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
}

struct loading_all {
	struct pl_session *s;
	lua_State *L;
	const char *wanted; /* a module or a verb of it, or NULL */
};

static int load_quietly(lua_State *L)
{
	load_module(pl_lua_session(L), L, lua_tostring(L, 1));
	return 0;
}

/* A provider of the team's that is broken hides no other one. */
static void load_one(void *arg, const char *module)
{
	struct loading_all *all = arg;
	size_t n = strlen(module);
	bool wanted = !all->wanted ||
	    (strncmp(all->wanted, module, n) == 0 && strchr(".", all->wanted[n]));
	if (wanted || is_shipped(module)) {
		load_module(all->s, all->L, module);
	} else {
		lua_pushcfunction(all->L, load_quietly);
		lua_pushstring(all->L, module);
		lua_pcall(all->L, 1, 0, 0);
	}
	lua_settop(all->L, 1);
}

static int load_all(lua_State *L)
{
	struct loading_all *all = lua_touserdata(L, 1);
	all->L = L;
	pl_providers_each(all->s, load_one, all);
	return 0;
}

bool pl_providers_load(struct pl_session *s, const char *wanted, struct pl_err *err)
{
	struct loading_all all = {.s = s, .wanted = wanted};
	return pl_lua_protect(s->L, load_all, &all, err);
}
