/* The simulated world's database: what PostgreSQL rows are answered there. */
#include "inner.h"

static bool answer_is_error(const struct pl_value *answer, struct pl_err *err)
{
	const struct pl_value *error = pl_get(answer, "error");
	if (pl_is_null(error))
		return false;
	pl_fail(err, pl_get_text(error, "code", "postgres.lost"), "%s",
	    pl_get_text(error, "message", "the simulated database fails"));
	err->retryable = pl_get_bool(error, "retryable", false);
	err->unknown = pl_get_bool(error, "unknown", false);
	return true;
}

bool pl_world_database(struct pl_world *w, struct pl_arena *a, const char *row,
    const struct pl_value *args, int64_t now_ms, struct pl_value **answer,
    struct pl_err *err)
{
	struct pl_value *call = pl_map(a), *said;
	pl_map_set(a, call, "row", pl_text(a, row));
	pl_map_set(a, call, "args", (struct pl_value *)args);
	if (!pl_world_ask(w, a, "database", call, now_ms, &said, err))
		return false;
	if (said->kind == PL_NULL)
		return true;
	if (answer_is_error(said, err))
		return false;
	*answer = said;
	return true;
}
