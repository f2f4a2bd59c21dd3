/* What stands in for a program in a simulated world. */
#include "process.h"

#include <stdlib.h>
#include <string.h>

/* The environment as the router sees it: text; what holds a secret is left out. */
static struct pl_value *plain_env(struct pl_call *call)
{
	struct pl_value *env = pl_map(call->arena), *given = pl_arg(call, "env");

	for (uint32_t i = 0; given && given->kind == PL_MAP && i < given->as.map.len;
	     i++) {
		const struct pl_pair *p = &given->as.map.at[i];

		if (p->value->kind == PL_TEXT)
			pl_map_set(call->arena, env, p->key, p->value);
	}
	return env;
}

static struct pl_value *facts_of(const struct pl_command *c, struct pl_call *call)
{
	struct pl_arena *a = call->arena;
	struct pl_value *facts = pl_map(a), *argv = pl_list(a);

	for (char **word = c->argv; *word; word++)
		pl_list_add(a, argv, pl_text(a, *word));
	pl_map_set(a, facts, "argv", argv);
	pl_map_set(a, facts, "cwd", pl_text(a, c->cwd));
	pl_map_set(a, facts, "env", plain_env(call));
	pl_map_set(a, facts, "timeout", pl_int(a, c->timeout));
	pl_map_set(a, facts, "writes", pl_bool(a, call->class >= PL_WRITE));
	return facts;
}

static void replace_argv(struct pl_command *c, const struct pl_value *argv)
{
	for (char **word = c->argv; *word; word++)
		free(*word);
	free(c->argv);
	c->argv = pl_alloc((argv->as.list.len + 1) * sizeof(char *));
	for (uint32_t i = 0; i < argv->as.list.len; i++)
		c->argv[i] = pl_strdup(pl_text_of(argv->as.list.at[i], ""));
}

/* Names of the world's own: which of two that are the same counts is not said. */
static void add_env(struct pl_command *c, const struct pl_value *env)
{
	size_t more = env && env->kind == PL_MAP ? env->as.map.len : 0, n = 0;
	char **all;

	while (c->env[n])
		n++;
	all = pl_alloc((n + more + 1) * sizeof(char *));
	for (size_t i = 0; i < more; i++) {
		struct pl_buf entry = {0};

		pl_buf_printf(&entry, "%s=%s", env->as.map.at[i].key,
		    pl_text_of(env->as.map.at[i].value, ""));
		all[i] = pl_buf_take(&entry);
	}
	memcpy(all + more, c->env, n * sizeof(char *));
	free(c->env);
	c->env = all;
}

bool pl_command_route(
    struct pl_command *c, struct pl_call *call, struct pl_value **instead)
{
	const struct pl_router *router = pl_host_router(call->host);
	const struct pl_value *argv;

	*instead = NULL;
	if (!router || !router->process)
		return true;
	if (!router->process(
	        router->arg, call->arena, facts_of(c, call), instead, &call->err))
		return false;
	argv = *instead ? pl_get(*instead, "argv") : NULL;
	if (!*instead)
		return true;
	if (!argv || argv->kind != PL_LIST || !argv->as.list.len)
		return pl_fail(&call->err, "proc.args",
		    "the simulated world names no program to run in place of %s",
		    c->argv[0]);
	replace_argv(c, argv);
	add_env(c, pl_get(*instead, "env"));
	return true;
}

void pl_command_routed(const struct pl_call *call, const struct pl_value *instead,
    const struct pl_value *result)
{
	const struct pl_router *router = pl_host_router(call->host);

	if (router && router->processed)
		router->processed(router->arg, instead, result);
}
