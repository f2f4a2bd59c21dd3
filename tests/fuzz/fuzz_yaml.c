/* Any bytes: an error with a place, or documents that are written and read back. */
#include "../../interp/base/base.h"
#include "../../interp/host/host.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct pl_arena a = {0};
	struct pl_value *documents = NULL, *again = NULL;
	struct pl_err err = {0};
	/* its own copy, without a NUL behind it */
	char *text = malloc(n ? n : 1);
	must(text != NULL);
	if (n)
		memcpy(text, bytes, n);
	bool ok = pl_yaml_parse(&documents, &a, text, n, 2000, &err);
	free(text);
	if (!ok) {
		must(documents == NULL && err.code[0] && err.msg[0]);
		must(err.line > 0 && err.column > 0);
		pl_arena_fini(&a);
		return 0;
	}
	must(documents->as.list.len > 0);
	for (uint32_t i = 0; i < documents->as.list.len; i++) {
		const struct pl_value *v = documents->as.list.at[i];
		struct pl_buf out = {0};
		must(v->line > 0 && v->column > 0);
		must(pl_yaml_write(&out, v, &err));
		must(pl_yaml_parse(&again, &a, out.at, out.len, 2000, &err));
		must(again->as.list.len == 1 && pl_same(again->as.list.at[0], v));
		pl_buf_fini(&out);
	}
	pl_arena_fini(&a);
	return 0;
}
