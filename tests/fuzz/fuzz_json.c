/*
 * JSON: nothing crashes; what is read and can be written is read back the same,
 * and its canonical form is canonical; packing loses nothing.
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

/*
 * Canonical text of v, read and written again, is the same text. But for a real
 * number between 2^53 and 2^63 without fraction: it is read as a whole number,
 * which canonical JSON refuses at that size. Packing is there for that.
 */
static void check_canonical(struct pl_arena *a, const struct pl_value *v)
{
	struct pl_buf once = {0}, twice = {0};
	struct pl_value *back;
	struct pl_err e = {0};

	if (pl_json_canonical(&once, v, NULL)) {
		require(pl_json_parse(&back, a, once.at, once.len, NULL));
		if (pl_json_canonical(&twice, back, &e)) {
			require(pl_same(v, back) && pl_same(back, v));
			require(strcmp(once.at, twice.at) == 0);
		} else {
			require(strcmp(e.code, "json.number") == 0);
		}
	}
	pl_buf_fini(&once);
	pl_buf_fini(&twice);
}

static void check_packing(struct pl_arena *a, const struct pl_value *v)
{
	struct pl_value *packed = pl_pack(a, v, NULL);
	struct pl_buf b = {0};
	struct pl_value *back;

	/* Packing adds levels; only for depth may it be refused. */
	struct pl_err e = {0};
	if (pl_json_canonical(&b, packed, &e)) {
		require(pl_json_parse(&back, a, b.at, b.len, NULL));
		require(pl_same(pl_unpack(a, back, NULL), v));
	} else {
		require(strcmp(e.code, "json.depth") == 0);
	}
	pl_buf_fini(&b);
}

/* For people, but JSON all the same. */
static void check_pretty(struct pl_arena *a, const struct pl_value *v)
{
	struct pl_buf b = {0};
	struct pl_value *back;
	struct pl_err e = {0};

	pl_json_pretty(&b, v);
	if (!pl_json_parse(&back, a, b.at, b.len, &e))
		require(strcmp(e.code, "json.depth") == 0);
	pl_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_arena a = {0};
	struct pl_err e = {0};
	struct pl_value *v = NULL;

	if (pl_json_parse(&v, &a, (const char *)data, size, &e)) {
		check_canonical(&a, v);
		check_packing(&a, v);
		check_packing(&a, pl_unpack(&a, v, NULL));
		check_pretty(&a, v);
	} else {
		require(e.line > 0 && e.column > 0 && e.column <= size + 1);
		require(e.code[0] && e.msg[0] && !v);
	}
	/* The bytes as text, whatever they are. */
	check_packing(&a, pl_textn(&a, (const char *)data, size));
	struct pl_buf b = {0};
	pl_printable(&b, (const char *)data, size, false);
	require(pl_utf8_valid(b.at, b.len) && !strchr(b.at, '\x1b'));
	pl_buf_fini(&b);
	pl_arena_fini(&a);
	return 0;
}
