/* Any YAML as a project file: problems with places, or a value that is complete. */
#include "../../interp/base/base.h"
#include "../../interp/engine/project.h"
#include "../../interp/host/host.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void count(void *arg, const struct pl_err *err)
{
	must(err->code[0] && err->msg[0] && err->file[0] && err->line && err->column);
	++*(int *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct pl_arena a = {0};
	struct pl_value *documents = NULL;
	struct pl_err err = {0};
	int problems = 0;
	if (!pl_yaml_parse(&documents, &a, (const char *)bytes, n, 2000, NULL)) {
		pl_arena_fini(&a);
		return 0;
	}
	struct pl_project *p = pl_project_new(
	    documents->as.list.at[0], "pipe.yaml", count, &problems, &err);
	pl_arena_fini(&a); /* nothing of the document may be kept */
	must((p == NULL) == (problems > 0) && (p == NULL) == (err.code[0] != '\0'));
	if (!p)
		return 0;
	const struct pl_value *v = pl_project_value(p);
	const struct pl_value *environments = pl_get(v, "environments");
	must(pl_at(v, "policy.poll") && pl_at(v, "repository.main"));
	for (uint32_t i = 0; i < environments->as.map.len; i++) {
		const char *name = environments->as.map.at[i].key;
		const struct pl_value *e = pl_project_environment(p, name, &err);
		must(e != NULL && strcmp(pl_get_text(e, "name", ""), name) == 0);
		const struct pl_value *used = pl_get(e, "credentials");
		for (uint32_t k = 0; k < used->as.map.len; k++)
			must(pl_project_credential(
			         p, name, used->as.map.at[k].key, &err) != NULL);
	}
	struct pl_buf shown = {0};
	pl_json_pretty(&shown, v);
	pl_buf_fini(&shown);
	pl_project_free(p);
	return 0;
}
