/* Loading: the embedded library, pipeline files, the modules beside them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embedded.h"
#include "inner.h"

/* ---- the library ------------------------------------------------------------- */

/* PIPE_STDLIB=stdlib reads it from disk while it is being worked on. */
static bool from_disk(struct pl_buf *out, const char *name, struct pl_err *err)
{
	const char *root = getenv("PIPE_STDLIB");
	if (!root || !*root)
		return false;
	struct pl_arena a = {0};
	const char *path = pl_arena_printf(&a, "%s/%s", root, name + strlen("stdlib/"));
	bool ok = pl_file_read(out, path, 0, err);
	pl_arena_fini(&a);
	return ok;
}

bool pl_stdlib_load(lua_State *L, const char *name, struct pl_err *err)
{
	struct pl_buf disk = {0};
	const char *bytes = NULL;
	size_t n = 0;
	char chunk[128];
	if (from_disk(&disk, name, err)) {
		bytes = disk.at ? disk.at : "";
		n = disk.len;
	}
	for (const struct pl_embedded *e = pl_embedded; !bytes && e->name; e++)
		if (strcmp(e->name, name) == 0) {
			bytes = (const char *)e->bytes;
			n = e->n;
		}
	if (!bytes)
		return pl_fail(
		    err, "stdlib.missing", "the library has no \"%s\"", name);
	snprintf(chunk, sizeof chunk, "@%s", name);
	int status = luaL_loadbufferx(L, bytes, n, chunk, "t");
	pl_buf_fini(&disk);
	if (status != LUA_OK) {
		pl_lua_error(L, -1, err);
		lua_pop(L, 1);
	}
	return status == LUA_OK;
}

/* ---- sources -------------------------------------------------------------------- */

static const struct pl_value *source_named(
    const struct pl_value *list, const char *name)
{
	for (uint32_t i = 0; list && i < list->as.list.len; i++)
		if (strcmp(pl_get_text(list->as.list.at[i], "name", ""), name) == 0)
			return pl_get(list->as.list.at[i], "text");
	return NULL;
}

bool pl_source_pinned(const struct pl_session *s, const char *name)
{
	return source_named(s->pinned, name) != NULL;
}

/* The text of a script by its name; from the pinned set where there is one, else
 * from `path`. */
const char *pl_source_read(struct pl_session *s, const char *name, const char *path,
    size_t *n, struct pl_err *err)
{
	const struct pl_value *text = source_named(s->pinned, name);
	if (s->pinned && !text) {
		pl_fail(err, "script.missing",
		    "\"%s\" was not part of this run when it began", name);
		return NULL;
	}
	if (!text) {
		struct pl_buf file = {0};
		if (!pl_file_read(&file, path, (size_t)4 << 20, err)) {
			strcpy(err->code, "script.missing");
			pl_buf_fini(&file);
			return NULL;
		}
		text = pl_textn(&s->arena, file.at ? file.at : "", file.len);
		pl_buf_fini(&file);
	}
	struct pl_value *source = pl_map(&s->arena);
	pl_map_set(&s->arena, source, "name", pl_text(&s->arena, name));
	pl_map_set(&s->arena, source, "text", (struct pl_value *)text);
	pl_list_add(&s->arena, s->sources, source);
	*n = text->as.text.len;
	return text->as.text.at;
}

/* ---- names that nobody defined ------------------------------------------------------ */

struct naming {
	struct pl_session *s;
	lua_State *L;
	int env, assigned; /* indices */
	const char *file;
	struct pl_buf problems;
	size_t left_out;
	bool gathering; /* first pass: what the chunk itself defines */
	unsigned line; /* of the first problem */
};

/* The names that there are, as a list in an arena. */
struct known {
	struct pl_arena arena;
	const char **names;
	size_t n, cap;
};

static void add_known(void *arg, const char *name)
{
	struct known *k = arg;
	if (k->n == k->cap) {
		k->cap = k->cap ? k->cap * 2 : 64;
		k->names = pl_realloc(k->names, k->cap * sizeof *k->names);
	}
	k->names[k->n++] = pl_arena_text(&k->arena, name, strlen(name));
}

/* The name that was probably meant, or NULL; valid while k is. */
static const char *nearest(struct known *k, struct naming *n, const char *name)
{
	lua_State *L = n->L;
	for (lua_pushnil(L); lua_next(L, n->env); lua_pop(L, 1))
		if (lua_type(L, -2) == LUA_TSTRING)
			add_known(k, lua_tostring(L, -2));
	pl_modules_each(n->s, add_known, k);
	return pl_nearest(name, k->names, k->n);
}

static bool is_known(struct naming *n, const char *name)
{
	lua_getfield(n->L, n->assigned, name);
	bool known = !lua_isnil(n->L, -1);
	lua_pop(n->L, 1);
	lua_pushstring(n->L, name);
	lua_rawget(n->L, n->env);
	known |= !lua_isnil(n->L, -1);
	lua_pop(n->L, 1);
	return known || pl_module_exists(n->s, name);
}

/* Globals, name, field: raises where the name is a module without that field. */
static int look_up(lua_State *L)
{
	lua_pushvalue(L, 2);
	lua_gettable(L, 1);
	if (lua_type(L, -1) != LUA_TTABLE)
		return 0;
	lua_pushvalue(L, 3);
	lua_gettable(L, -2);
	return 0;
}

/* `git.psh` is known to be wrong before anything runs. */
static void check_field(
    struct naming *n, struct pl_buf *text, const struct pl_name *used)
{
	struct pl_err err;
	lua_State *L = n->L;
	lua_pushcfunction(L, look_up);
	lua_pushvalue(L, n->env);
	lua_pushstring(L, used->name);
	lua_pushstring(L, used->field);
	if (lua_pcall(L, 3, 0, 0) == LUA_OK)
		return;
	pl_lua_error(L, -1, &err);
	lua_pop(L, 1);
	pl_buf_printf(text, "%s:%u: ", n->file, used->line);
	/* What is wrong may stand in a provider of the team's own. */
	if (strncmp(err.code, "provider.", 9) == 0 && err.line)
		pl_buf_printf(text, "%s:%u: ", err.file, err.line);
	pl_buf_printf(text, "%s", err.msg);
}

static void on_name(void *arg, const struct pl_name *used)
{
	struct naming *n = arg;
	const char *name = used->name;
	unsigned line = used->line;
	bool assigned = used->assigned, main = used->main;
	if (n->gathering) {
		if (assigned && main) {
			lua_pushboolean(n->L, true);
			lua_setfield(n->L, n->assigned, name);
		}
		return;
	}
	struct pl_buf text = {0};
	if (assigned && !main) {
		pl_buf_printf(&text,
		    "%s:%u: the global \"%s\" is set inside a function: say local",
		    n->file, line, name);
	} else if (!assigned && !is_known(n, name)) {
		const char *instead = pl_sandbox_instead(name);
		struct known known = {0};
		const char *near = instead ? NULL : nearest(&known, n, name);
		pl_buf_printf(&text, "%s:%u: the name \"%s\" is not defined", n->file,
		    line, name);
		if (instead)
			pl_buf_printf(&text, "; use %s", instead);
		else if (near)
			pl_buf_printf(&text, "; did you mean \"%s\"?", near);
		free(known.names);
		pl_arena_fini(&known.arena);
	} else if (!assigned && used->field) {
		check_field(n, &text, used);
	}
	if (text.len) {
		if (!n->line)
			n->line = line;
		pl_problem_add(&n->problems, &n->left_out, text.at);
	}
	pl_buf_fini(&text);
}

/* The function on top uses only names that exist. */
static bool names_defined(
    struct pl_session *s, lua_State *L, const char *file, struct pl_err *err)
{
	int function = lua_gettop(L);
	struct naming n = {.s = s, .L = L, .file = file};
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->env);
	n.env = lua_gettop(L);
	lua_newtable(L);
	n.assigned = lua_gettop(L);
	for (int pass = 0; pass < 2; pass++) {
		n.gathering = pass == 0;
		lua_pushvalue(L, function);
		pl_names_check(L, on_name, &n);
		lua_pop(L, 1);
	}
	bool ok = n.problems.len == 0;
	if (!ok) {
		pl_problem_end(&n.problems, n.left_out);
		pl_fail(err, "script.undefined", "%s", n.problems.at);
		pl_err_place(err, file, n.line);
	}
	pl_buf_fini(&n.problems);
	lua_settop(L, function);
	return ok;
}

/* [-0, +1, e] the file compiled, its names checked, its environment set. */
static void compile(lua_State *L, struct pl_session *s, const char *name)
{
	struct pl_err err;
	size_t n;
	const char *text = pl_source_read(s, name, name, &n, &err);
	if (!text)
		pl_lua_raise(L, &err);
	if (n > 0 && text[0] == LUA_SIGNATURE[0]) {
		pl_fail(&err, "script.bytecode",
		    "%s is compiled; only source text is run", name);
		pl_lua_raise(L, &err);
	}
	lua_pushfstring(L, "@%s", name);
	if (luaL_loadbufferx(L, text, n, lua_tostring(L, -1), "t") != LUA_OK) {
		pl_lua_error(L, -1, &err);
		strcpy(err.code, "script.syntax");
		pl_lua_raise(L, &err);
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->env);
	lua_setupvalue(L, -2, 1);
	if (!names_defined(s, L, name, &err))
		pl_lua_raise(L, &err);
	lua_remove(L, -2);
}

/* ---- require ---------------------------------------------------------------------------- */

static bool module_name_fits(const char *name)
{
	if (!*name || *name == '.' || strlen(name) > 100 || strstr(name, ".."))
		return false;
	return name[strspn(name,
	           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] ==
	    0 &&
	    name[strlen(name) - 1] != '.';
}

int pl_lua_require(lua_State *L)
{
	struct pl_err err;
	struct pl_session *s = pl_lua_session(L);
	const char *name = luaL_checkstring(L, 1);
	lua_settop(L, 1);
	if (!s->loading) {
		pl_fail(&err, "script.require",
		    "require \"%.80s\": modules are loaded with the "
		    "script, not while a step runs",
		    name);
		return pl_lua_raise(L, &err);
	}
	if (!module_name_fits(name)) {
		pl_fail(&err, "script.require",
		    "require \"%.80s\": a module is named by letters, digits, \"_\", \"-\", with "
		    "dots for folders, and lies beside the pipeline",
		    name);
		return pl_lua_raise(L, &err);
	}
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "pipe.modules");
	if (lua_getfield(L, 2, name) != LUA_TNIL) {
		if (lua_isboolean(L, -1))
			return luaL_error(L, "module \"%s\" requires itself", name);
		return 1;
	}
	lua_pop(L, 1);
	lua_pushboolean(L, false);
	lua_setfield(L, 2, name);
	char *path = pl_arena_printf(&s->arena, "%s%s", s->directory, name);
	for (char *p = path + strlen(s->directory); *p; p++)
		if (*p == '.')
			*p = '/';
	compile(L, s, pl_arena_printf(&s->arena, "%s.lua", path));
	lua_call(L, 0, 1);
	if (lua_isnil(L, -1))
		return luaL_error(L, "module \"%s\" returned nothing", name);
	lua_pushvalue(L, -1);
	lua_setfield(L, 2, name);
	return 1;
}

/* ---- the pipeline ---------------------------------------------------------------------- */

struct loading {
	struct pl_session *s;
	const char *file;
	struct pl_err err;
	bool failed;
};

static void tell_problems(lua_State *L, int index, struct loading *l)
{
	struct pl_buf all = {0}, text = {0};
	size_t left_out = 0;
	unsigned first = 0;
	const char *first_file = l->file;
	lua_Integer n = luaL_len(L, index);
	for (lua_Integer i = 1; i <= n; i++) {
		lua_geti(L, index, i);
		lua_getfield(L, -1, "line");
		lua_getfield(L, -2, "message");
		lua_getfield(L, -3, "file");
		const char *file = lua_isstring(L, -1) ? lua_tostring(L, -1) : l->file;
		unsigned line = (unsigned)lua_tointeger(L, -3);
		pl_buf_reset(&text);
		pl_buf_printf(&text, "%s:%u: %s", file, line, lua_tostring(L, -2));
		pl_problem_add(&all, &left_out, text.at);
		if (i == 1) {
			first = line;
			first_file = pl_arena_text(&l->s->arena, file, strlen(file));
		}
		lua_pop(L, 4);
	}
	pl_problem_end(&all, left_out);
	pl_fail(&l->err, "script.invalid", "%s", all.at ? all.at : "not valid");
	pl_err_place(&l->err, first_file, first);
	pl_buf_fini(&all);
	pl_buf_fini(&text);
}

static int load(lua_State *L)
{
	struct loading *l = lua_touserdata(L, 1);
	struct pl_session *s = l->s;
	pl_lua_watch(L);
	compile(L, s, l->file);
	lua_call(L, 0, 1);
	int pipeline = lua_gettop(L);
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->language);
	lua_getfield(L, -1, "accept");
	lua_pushvalue(L, pipeline);
	lua_call(L, 1, 2);
	if (lua_isnil(L, -2)) {
		tell_problems(L, lua_gettop(L), l);
		l->failed = true;
		return 0;
	}
	lua_pop(L, 1);
	lua_pushvalue(L, -1);
	s->pipeline = luaL_ref(L, LUA_REGISTRYINDEX);
	l->failed = !pl_spine_read(s, L, &l->err);
	pl_sandbox_freeze(s, L);
	return 0;
}

const struct pl_spine *pl_session_load(
    struct pl_session *s, const char *file, struct pl_err *err)
{
	struct loading l = {.s = s, .file = file};
	const char *slash = strrchr(file, '/');
	s->file = pl_arena_text(&s->arena, file, strlen(file));
	s->directory =
	    slash ? pl_arena_text(&s->arena, file, (size_t)(slash - file) + 1) : "";
	s->loading = true;
	s->limits.running = s->L;
	bool ok = pl_lua_protect(s->L, load, &l, err);
	s->loading = false;
	s->limits.running = NULL;
	if (!ok && s->over.code[0])
		*err = s->over;
	if (!ok)
		return NULL;
	if (l.failed) {
		*err = l.err;
		return NULL;
	}
	return s->spine;
}

struct pl_value *pl_session_sources(struct pl_session *s)
{
	return s->sources;
}

void pl_session_pin(struct pl_session *s, const struct pl_value *sources)
{
	s->pinned = (struct pl_value *)sources;
}
