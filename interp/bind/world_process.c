/* Programs in a simulated world: what runs in their place, and how it ended. */

#include "inner.h"

/* plan.files, name -> text: written to the world's folder `process`, from where the
 * program that stands in is run. */
static bool write_files(struct pl_world *w, struct pl_arena *a,
    const struct pl_value *files, struct pl_err *err)
{
	const char *dir = pl_arena_printf(a, "%s/process", pl_world_dir(w));
	bool ok = pl_dir_make(dir, 0700, err);
	for (uint32_t i = 0;
	     files && files->kind == PL_MAP && i < files->as.map.len && ok; i++) {
		const struct pl_value *text = files->as.map.at[i].value;
		ok = pl_file_write(
		    pl_arena_printf(a, "%s/%s", dir, files->as.map.at[i].key),
		    pl_text_of(text, ""), text->as.text.len, 0700, err);
	}
	return ok;
}

bool pl_world_process(struct pl_world *w, struct pl_arena *a,
    const struct pl_value *call, int64_t now_ms, struct pl_value **instead,
    struct pl_err *err)
{
	struct pl_value *plan;
	if (!pl_world_ask(w, a, "process", call, now_ms, &plan, err))
		return false;
	if (plan->kind != PL_MAP)
		return true;
	if (!write_files(w, a, pl_get(plan, "files"), err))
		return false;
	*instead = plan;
	return true;
}

void pl_world_processed(struct pl_world *w, const struct pl_value *instead,
    const struct pl_value *result, int64_t now_ms)
{
	struct pl_err err;
	struct pl_arena a = {0};
	struct pl_value *ended = pl_map(&a), *said;
	pl_map_set(&a, ended, "plan", (struct pl_value *)instead);
	if (result)
		pl_map_set(&a, ended, "result", (struct pl_value *)result);
	/* Its mistakes show in what the world then says. */
	pl_world_ask(w, &a, "processed", ended, now_ms, &said, &err);
	pl_arena_fini(&a);
}
