/*
 * Versions and ranges: the input's first line is a version, the rest a range.
 * Nothing crashes; a version is read back as it was written; the order is one.
 */
#include "../../interp/base/base.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool held)
{
	if (!held)
		abort();
}

static void check_written(struct pl_arena *a, const struct pl_version *v)
{
	struct pl_buf once = {0}, twice = {0};
	struct pl_version back;

	pl_version_write(&once, v);
	require(pl_version_parse(&back, a, once.at, true, NULL));
	require(pl_version_compare(v, &back) == 0);
	pl_version_write(&twice, &back);
	require(strcmp(once.at, twice.at) == 0);
	pl_buf_fini(&once);
	pl_buf_fini(&twice);
}

static void check_bumps(struct pl_arena *a, const struct pl_version *v)
{
	static const char *const kinds[] = {"major", "minor", "patch", "premajor",
	    "preminor", "prepatch", "prerelease", "release"};
	struct pl_version next;

	for (size_t i = 0; i < PL_COUNT(kinds); i++) {
		if (!pl_version_bump(&next, a, v, kinds[i], NULL, NULL))
			continue;
		require(pl_version_compare(&next, v) > 0);
		require(pl_version_compare(v, &next) < 0);
		check_written(a, &next);
	}
}

static void check_range(const struct pl_version *v, const char *range)
{
	struct pl_err e = {0};
	bool in, with_pre;

	bool ok = pl_version_in_range(&in, v, range, false, &e);
	require(pl_version_in_range(&with_pre, v, range, true, NULL) == ok);
	require(ok || strcmp(e.code, "version.range") == 0);
	/* Letting all pre-releases in takes nothing away from a release. */
	if (ok && in && !*v->pre)
		require(with_pre);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_arena a = {0};
	struct pl_version v = {
	    .major = 1, .minor = 2, .patch = 3, .pre = "", .build = ""};
	struct pl_version read;
	char *text = pl_strndup((const char *)data, size);
	char *range = strchr(text, '\n');

	if (range)
		*range++ = '\0';
	if (pl_version_parse(&read, &a, text, false, NULL)) {
		v = read;
		require(pl_version_compare(&v, &v) == 0);
		check_written(&a, &v);
		check_bumps(&a, &v);
	} else {
		require(!pl_version_parse(&read, &a, text, true, NULL));
	}
	check_range(&v, range ? range : text);
	free(text);
	pl_arena_fini(&a);
	return 0;
}
