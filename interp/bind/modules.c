/* Modules: made when a script first mentions them. Most starts need none. */
#include <string.h>

#include "inner.h"

static const struct {
	const char *name;
	void (*open)(lua_State *L);
} pure[] = {{"json", pl_lua_json_open}, {"yaml", pl_lua_yaml_open},
    {"version", pl_lua_version_open}, {"clock", pl_lua_clock_open}};

/* What stands before the dot of the row's name; 0: nothing does. */
static size_t module_length(const struct pl_entry *e)
{
	const char *dot = strchr(e->name, '.');
	return dot ? (size_t)(dot - e->name) : 0;
}

/* Pure functions have rows as well, for help. */
static bool has_rows(const struct pl_session *s, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < s->rows_n; i++)
		if (!s->rows[i]->hidden && module_length(s->rows[i]) == n &&
		    strncmp(s->rows[i]->name, name, n) == 0)
			return true;
	return false;
}

bool pl_module_is_host(const struct pl_session *s, const char *name)
{
	return has_rows(s, name);
}

bool pl_module_exists(struct pl_session *s, const char *name)
{
	return has_rows(s, name) || pl_provider_exists(s, name);
}

bool pl_module_push(struct pl_session *s, lua_State *L, const char *name)
{
	if (pl_provider_exists(s, name)) {
		pl_provider_push(s, L, name);
		return true;
	}
	if (!has_rows(s, name))
		return false;
	size_t i = 0;
	while (i < PL_COUNT(pure) && strcmp(pure[i].name, name) != 0)
		i++;
	if (i < PL_COUNT(pure))
		pure[i].open(L);
	else
		lua_newtable(L);
	pl_rows_install(s, L, name);
	pl_sandbox_readonly(L, name);
	return true;
}

void pl_modules_each(
    struct pl_session *s, void (*found)(void *arg, const char *module), void *arg)
{
	const char *last = "";
	pl_providers_each(s, found, arg);
	for (size_t i = 0; i < s->rows_n; i++) {
		char name[64];
		size_t n = module_length(s->rows[i]);
		/* Rows of one module stand together; said twice does no harm. */
		if (!n || n >= sizeof name || s->rows[i]->hidden ||
		    strncmp(last, s->rows[i]->name, n + 1) == 0)
			continue;
		last = s->rows[i]->name;
		memcpy(name, last, n);
		name[n] = 0;
		found(arg, name);
	}
}
