/*
 * What a provider's module is given as `host`: requests, credentials, the
 * project, and the rows of the host, ungated, as the provider's own verb is the
 * gate. A script has no way to it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inner.h"

#define CODE_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

/* ---- the project, the clock ------------------------------------------------------ */

static int environment(lua_State *L)
{
	struct pl_err err;
	struct pl_session *s = pl_lua_session(L);
	const struct pl_value *v =
	    pl_project_environment(s->project, luaL_checkstring(L, 1), &err);
	if (!v)
		return pl_lua_raise(L, &err);
	pl_lua_push(L, v);
	return 1;
}

static int raise(lua_State *L)
{
	struct pl_err err;
	const char *code = luaL_checkstring(L, 1);
	if (!*code || strspn(code, CODE_LETTERS) != strlen(code))
		return luaL_error(L,
		    "host.raise: a code is made of letters, digits, \".\", \"-\" and \"_\", as "
		    "\"cdn.busy\"");
	pl_fail(&err, code, "%s", luaL_checkstring(L, 2));
	if (lua_istable(L, 3)) {
		lua_getfield(L, 3, "retryable");
		err.retryable = lua_toboolean(L, -1);
		lua_getfield(L, 3, "unknown");
		err.unknown = lua_toboolean(L, -1);
		lua_getfield(L, 3, "refused");
		err.refused = lua_toboolean(L, -1);
		/* What became of the write is known all the same. */
		lua_getfield(L, 3, "settled");
		struct pl_coroutine *c = pl_lua_session(L)->current;
		if (c && lua_toboolean(L, -1))
			c->wrote = false;
	}
	return pl_lua_raise(L, &err);
}

static int now(lua_State *L)
{
	lua_pushinteger(L, pl_host_now(pl_lua_session(L)->host));
	return 1;
}

int pl_lua_time(lua_State *L)
{
	struct pl_err err;
	int64_t ms;
	if (!pl_time_parse(&ms, luaL_checkstring(L, 1), &err))
		return pl_lua_raise(L, &err);
	lua_pushinteger(L, ms);
	return 1;
}

int pl_lua_time_text(lua_State *L)
{
	char text[32];
	pl_time_write(text, (int64_t)luaL_checknumber(L, 1));
	lua_pushstring(L, text);
	return 1;
}

static int tell(lua_State *L)
{
	struct pl_session *s = pl_lua_session(L);
	const char *text = luaL_checkstring(L, 1);
	if (!s->run || !s->current)
		return luaL_error(L, "log is called while the module is loaded");
	struct pl_arena *a = pl_run_arena(s->run);
	struct pl_value *record = pl_map(a);
	pl_map_set(a, record, "type", pl_text(a, "output"));
	pl_map_set(a, record, "stream", pl_text(a, "log"));
	pl_map_set(
	    a, record, "text", pl_secret_mask_value(s->host, a, pl_text(a, text)));
	pl_run_note(s->run, s->current->frame, record, false);
	return 0;
}

/* run(): the id of the run; nil where there is none. */
static int run_id(lua_State *L)
{
	const struct pl_session *s = pl_lua_session(L);
	lua_pushstring(L, s->run ? pl_run_id(s->run) : NULL);
	return 1;
}

/* repository(): the working repository of the git rows; in a simulated world that
 * is the world's clone. */
static int repository(lua_State *L)
{
	lua_pushstring(L, pl_host_repository(pl_lua_session(L)->host));
	return 1;
}

/* ---- secrets ----------------------------------------------------------------------- */

/* secret(name, text): opaque from here on, and masked wherever it might show. */
static int make_secret(lua_State *L)
{
	size_t n;
	struct pl_session *s = pl_lua_session(L);
	const char *name = luaL_checkstring(L, 1), *bytes = luaL_checklstring(L, 2, &n);
	struct pl_arena *a = pl_lua_arena(L);
	pl_lua_push(L, pl_secret_value(a, pl_secret_add(s->host, name, bytes, n)));
	return 1;
}

static const char *bytes_of(lua_State *L, int index, size_t *n)
{
	struct pl_err err;
	struct pl_session *s = pl_lua_session(L);
	const struct pl_secret *secret = pl_lua_secret(L, index);
	const char *name = secret ? pl_secret_name(secret) : NULL;
	if (name && s->run && pl_run_lost(s->run, name) == secret) {
		pl_fail(&err, "secret.lost",
		    "the secret %.*s, as it was before this run was interrupted, is kept "
		    "nowhere",
		    (int)strcspn(name, "#"), name);
		pl_lua_raise(L, &err);
	}
	return secret ? pl_secret_bytes(secret, n) : luaL_checklstring(L, index, n);
}

/* mask(text): without the secrets that are known. Before text of a server's is cut: half
 * a secret is not found any more. */
static int mask(lua_State *L)
{
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);
	struct pl_buf out = {0};
	pl_secret_mask(pl_lua_session(L)->host, &out, text, n);
	lua_pushlstring(L, out.at ? out.at : "", out.len);
	pl_buf_fini(&out);
	return 1;
}

/* reveal(secret): its text; of text, the text itself. */
static int reveal(lua_State *L)
{
	size_t n;
	const char *bytes = bytes_of(L, 1, &n);
	lua_pushlstring(L, bytes, n);
	return 1;
}

static bool read_key(const char *path, uint8_t key[32])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, key, 32);
	if (fd >= 0)
		close(fd);
	return n == 32;
}

/* The project's own key: a fingerprint tells who has it only whether two values
 * are the same. Simulated worlds share one that is no secret, so that what they
 * show is the same everywhere. */
static bool fingerprint_key(struct pl_session *s, uint8_t key[32], struct pl_err *err)
{
	if (s->o.sim) {
		pl_sha256(key, "simulated", 9);
		return true;
	}
	const char *path = pl_arena_printf(&s->arena, "%s/fingerprint.key", s->o.state);
	if (read_key(path, key))
		return true;
	if (access(path, F_OK) == 0)
		return pl_fail(err, "secret.key",
		    "\"%s\" is not the 32 bytes that fingerprints are made with; moved away, it "
		    "is made anew, and older fingerprints no longer compare",
		    path);
	pl_host_random(key, 32);
	return pl_dir_make(s->o.state, 0700, err) &&
	    pl_file_write(path, key, 32, 0600, err);
}

/* fingerprint(secret or text): 16 hex digits. */
static int fingerprint(lua_State *L)
{
	size_t n;
	struct pl_err err;
	uint8_t key[32], hash[32];
	char hex[65];
	const char *bytes = bytes_of(L, 1, &n);
	if (!fingerprint_key(pl_lua_session(L), key, &err))
		return pl_lua_raise(L, &err);
	pl_hmac_sha256(hash, key, sizeof key, bytes, n);
	pl_hex(hex, hash, 8);
	lua_pushstring(L, hex);
	return 1;
}

/* random(n): n random bytes; in a simulated world always the same ones. */
static int random_bytes(lua_State *L)
{
	struct pl_session *s = pl_lua_session(L);
	lua_Integer n = luaL_checkinteger(L, 1);
	uint8_t bytes[1024];
	luaL_argcheck(L, n > 0 && n <= (lua_Integer)sizeof bytes, 1, "1 to 1024");
	if (s->o.sim)
		for (lua_Integer i = 0; i < n; i += 32) {
			uint8_t block[32];
			char seed[64];
			int len = snprintf(seed, sizeof seed, "random %lu",
			    (unsigned long)++s->randoms);
			pl_sha256(block, seed, (size_t)len);
			memcpy(bytes + i, block, n - i < 32 ? (size_t)(n - i) : 32);
		}
	else
		pl_host_random(bytes, (size_t)n);
	lua_pushlstring(L, (const char *)bytes, (size_t)n);
	memset(bytes, 0, sizeof bytes);
	return 1;
}

/* ---- encodings ----------------------------------------------------------------------- */

int pl_lua_sha256(lua_State *L)
{
	size_t n;
	uint8_t hash[32];
	char hex[65];
	const char *text = luaL_checklstring(L, 1, &n);
	pl_sha256(hash, text, n);
	pl_hex(hex, hash, sizeof hash);
	lua_pushstring(L, hex);
	return 1;
}

int pl_lua_base64(lua_State *L)
{
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);
	struct pl_buf out = {0};
	pl_base64(&out, text, n);
	lua_pushlstring(L, out.at ? out.at : "", out.len);
	pl_buf_fini(&out);
	return 1;
}

/* unbase64(text): the bytes, or nil where it is none. */
int pl_lua_unbase64(lua_State *L)
{
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);
	struct pl_buf out = {0};
	if (pl_unbase64(&out, text, n))
		lua_pushlstring(L, out.at ? out.at : "", out.len);
	else
		lua_pushnil(L);
	pl_buf_fini(&out);
	return 1;
}

/* ---- other modules --------------------------------------------------------------------- */

/* require(name): stdlib/providers/shared/NAME.lua with this capability, once for
 * each provider (upvalue: its name), so that none can change what another uses. */
static int require_shared(lua_State *L)
{
	struct pl_err err;
	char file[96];
	const char *name = luaL_checkstring(L, 1);
	const char *owner = lua_tostring(L, lua_upvalueindex(1));
	struct pl_session *s = pl_lua_session(L);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "pipe.shared");
	luaL_getsubtable(L, -1, owner);
	if (lua_getfield(L, -1, name) != LUA_TNIL)
		return 1;
	lua_pop(L, 1);
	snprintf(file, sizeof file, "stdlib/providers/shared/%s.lua", name);
	if (!pl_stdlib_load(L, file, &err))
		return pl_lua_raise(L, &err);
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->safe);
	lua_setupvalue(L, -2, 1);
	pl_capability_push(s, L, owner);
	lua_call(L, 1, 1);
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, name);
	return 1;
}

/* [-0, +1, m] a copy of the table on top, and of the tables in it down to `depth`. */
static void push_copy(lua_State *L, int depth)
{
	int from = lua_gettop(L);
	lua_newtable(L);
	for (lua_pushnil(L); lua_next(L, from);) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		if (depth > 0 && lua_istable(L, -1)) {
			push_copy(L, depth - 1);
			lua_remove(L, -2);
		}
		lua_rawset(L, from + 1);
	}
}

/* provider(name): another provider's module, a copy of what it returned. */
static int other_provider(lua_State *L)
{
	struct pl_session *s = pl_lua_session(L);
	const char *name = luaL_checkstring(L, 1);
	lua_settop(L, 1);
	if (!pl_provider_exists(s, name))
		return luaL_error(L, "there is no provider \"%s\"", name);
	pl_provider_table(s, L, name);
	push_copy(L, 2); /* the module, its verbs, each verb */
	return 1;
}

/* ---- the capability ---------------------------------------------------------------------- */

static void set_raw(lua_State *L, const struct pl_entry *e, const char *name)
{
	lua_pushlightuserdata(L, (void *)e->row);
	lua_pushcclosure(L, pl_gate_raw, 1);
	lua_setfield(L, -2, name);
}

/* rows.git.file and so on, for every row of the host. */
static void push_rows(struct pl_session *s, lua_State *L)
{
	lua_newtable(L);
	for (size_t i = 0; i < s->rows_n; i++) {
		const struct pl_entry *e = s->rows[i];
		const char *dot = strchr(e->name, '.');
		char module[32];
		if (!e->row || !dot || (size_t)(dot - e->name) >= sizeof module)
			continue;
		memcpy(module, e->name, (size_t)(dot - e->name));
		module[dot - e->name] = 0;
		luaL_getsubtable(L, -1, module);
		set_raw(L, e, dot + 1);
		lua_pop(L, 1);
	}
}

void pl_capability_push(struct pl_session *s, lua_State *L, const char *owner)
{
	static const luaL_Reg functions[] = {{"environment", environment},
	    {"raise", raise}, {"now", now}, {"run", run_id}, {"time", pl_lua_time},
	    {"clock_text", pl_lua_time_text}, {"repository", repository}, {"log", tell},
	    {"secret", make_secret}, {"reveal", reveal}, {"mask", mask},
	    {"fingerprint", fingerprint}, {"random", random_bytes},
	    {"sha256", pl_lua_sha256}, {"base64", pl_lua_base64},
	    {"unbase64", pl_lua_unbase64}, {"provider", other_provider},
	    {"wrote", pl_gate_wrote}, {NULL, NULL}};
	struct pl_err err;
	if (!pl_stdlib_load(L, "stdlib/lang/provider.lua", &err))
		pl_lua_raise(L, &err);
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->safe);
	lua_setupvalue(L, -2, 1);
	luaL_newlib(L, functions);
	lua_pushstring(L, owner);
	lua_pushcclosure(L, require_shared, 1);
	lua_setfield(L, -2, "require");
	set_raw(L, pl_rows_find(s, "http.request"), "http");
	set_raw(L, pl_rows_find(s, "clock.sleep"), "pause");
	set_raw(L, pl_rows_find(s, "secret.get"), "credential");
	push_rows(s, L);
	lua_setfield(L, -2, "rows");
	pl_lua_json_open(L);
	lua_pushcfunction(L, pl_lua_is_array);
	lua_setfield(L, -2, "is_array");
	lua_setfield(L, -2, "json");
	pl_lua_yaml_open(L);
	lua_setfield(L, -2, "yaml");
	pl_lua_version_open(L);
	lua_setfield(L, -2, "version");
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	pl_lua_push(L, pl_project_value(s->project));
	lua_setfield(L, -2, "project");
	lua_call(L, 1, 1);
}
