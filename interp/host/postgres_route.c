/*
 * The PostgreSQL rows, answered by the router: in a simulated world the database is
 * a part of it. Every row asks here first.
 */
#include "postgres_route.h"
#include "postgres_inner.h"

/* Whoever answers is outside of Lua's reach, as a server would be. */
static struct pl_value *laid_open(struct pl_arena *a, const struct pl_value *v)
{
	struct pl_value *out;
	size_t n;

	switch (v->kind) {
	case PL_SECRET: {
		const char *bytes = pl_secret_bytes(v->as.secret, &n);
		return pl_textn(a, bytes, n);
	}
	case PL_LIST:
		out = pl_list(a);
		for (uint32_t i = 0; i < v->as.list.len; i++)
			pl_list_add(a, out, laid_open(a, v->as.list.at[i]));
		return out;
	case PL_MAP:
		out = pl_map(a);
		for (uint32_t i = 0; i < v->as.map.len; i++)
			pl_map_set(a, out, v->as.map.at[i].key,
			    laid_open(a, v->as.map.at[i].value));
		return out;
	default:
		return (struct pl_value *)v;
	}
}

static bool routed(struct pl_call *call)
{
	const struct pl_router *router = pl_host_router(call->host);
	struct pl_value *answer = NULL;

	if (!router || !router->database)
		return false;
	if (!router->database(router->arg, call->arena, call->row->name,
	        laid_open(call->arena, call->args), &answer, &call->err))
		pl_call_fail(call);
	else if (answer)
		pl_call_ok(call, answer);
	else
		return false;
	return true;
}

void pl_postgres_open(struct pl_call *call)
{
	if (!routed(call))
		pl_pg_open(call);
}

void pl_postgres_query(struct pl_call *call)
{
	if (!routed(call))
		pl_pg_query(call);
}

void pl_postgres_batch(struct pl_call *call)
{
	bool rehearse = pl_arg_flag(call, "rehearse");

	/* The world, too, is written to by no dry-run. */
	if (pl_host_writes_latched(call->host) && !rehearse) {
		pl_fail(&call->err, "latch.closed",
		    "postgres.batch writes, and this process may not: it is a dry-run");
		pl_call_fail(call);
	} else if (!routed(call)) {
		pl_pg_batch(call);
	}
}

void pl_postgres_close(struct pl_call *call)
{
	if (!routed(call))
		pl_pg_close(call);
}
