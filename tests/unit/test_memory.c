/* Memory, arenas, buffers, errors, effect classes. */
#include "../../interp/base/base.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

static void test_plain(void)
{
	CHECK_CASE("plain memory");
	unsigned char *p = pl_alloc(100);
	unsigned sum = 0;
	for (int i = 0; i < 100; i++)
		sum += p[i];
	CHECK_INT(sum, 0);
	free(p);
	p = pl_alloc(0);
	CHECK(p != NULL);
	p = pl_realloc(p, 10);
	CHECK(p != NULL);
	free(p);
	char *s = pl_strndup("abcdef", 3);
	CHECK_TEXT(s, "abc");
	free(s);
	s = pl_strndup(NULL, 0);
	CHECK_TEXT(s, "");
	free(s);
	s = pl_strdup("x");
	CHECK_TEXT(s, "x");
	free(s);
}

static bool is_zero(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static void test_arena(void)
{
	static const size_t sizes[] = {
	    1, 15, 16, 17, 100, 959, 960, 961, 5000, 300000, 8};
	struct pl_arena a = {0};

	CHECK_CASE("arena");
	for (int turn = 0; turn < 50; turn++) {
		size_t n = sizes[(size_t)turn % PL_COUNT(sizes)];
		unsigned char *p = pl_arena_alloc(&a, n);
		CHECK_INT((uintptr_t)p % 16, 0);
		CHECK(is_zero(p, n));
		memset(p, 0xff, n);
	}
	CHECK(pl_arena_alloc(&a, 0) != NULL);
	pl_arena_fini(&a);
	CHECK(a.head == NULL);
	/* Usable again. */
	char *s = pl_arena_text(&a, "a\0b", 3);
	CHECK_INT(memcmp(s, "a\0b", 4), 0);
	CHECK_TEXT(pl_arena_printf(&a, "%d %s", 7, "x"), "7 x");
	char *wide = pl_arena_printf(&a, "%1000d", 7);
	CHECK_INT(strlen(wide), 1000);
	CHECK_INT(strlen(pl_arena_printf(&a, "%255d", 7)), 255);
	CHECK_INT(strlen(pl_arena_printf(&a, "%256d", 7)), 256);
	CHECK_INT((uintptr_t)pl_arena_alloc(&a, 3) % 16, 0);
	pl_arena_fini(&a);
	pl_arena_fini(&a);
	pl_arena_fini(NULL);
}

static void test_arena_reset(void)
{
	CHECK_CASE("an arena that is reset gives zeroed memory again");
	struct pl_arena a = {0};
	pl_arena_reset(&a); /* of nothing */
	for (int round = 0; round < 3; round++) {
		for (size_t n = 1; n < 3000; n += 97) {
			unsigned char *p = pl_arena_alloc(&a, n);
			CHECK(is_zero(p, n));
			memset(p, 0xff, n);
		}
		pl_arena_reset(&a);
		CHECK(a.head != NULL);
	}
	memset(pl_arena_alloc(&a, 1 << 20), 0xff, 1 << 20);
	pl_arena_reset(&a);
	CHECK(is_zero(pl_arena_alloc(&a, 900), 900));
	pl_arena_fini(&a);
	CHECK(a.head == NULL);
}

static void test_buf(void)
{
	struct pl_buf b = {0};

	CHECK_CASE("buffer");
	CHECK(b.at == NULL);
	pl_buf_reset(&b);
	pl_buf_add(&b, NULL, 0);
	CHECK_TEXT(b.at, "");
	for (int i = 0; i < 1000; i++)
		pl_buf_putc(&b, (char)('a' + i % 26));
	CHECK_INT(b.len, 1000);
	CHECK_INT(strlen(b.at), 1000);
	pl_buf_reset(&b);
	CHECK_TEXT(b.at, "");
	pl_buf_puts(&b, "x=");
	pl_buf_printf(&b, "%d", 5);
	pl_buf_add(&b, "\0y", 2);
	CHECK_INT(b.len, 5);
	CHECK_INT(memcmp(b.at, "x=5\0y", 6), 0);
	pl_buf_printf(&b, "%5000d", 1);
	CHECK_INT(b.len, 5005);
	char *s = pl_buf_take(&b);
	CHECK(b.at == NULL && b.len == 0 && b.cap == 0);
	CHECK_INT(s[5004], '1');
	free(s);
	s = pl_buf_take(&b);
	CHECK_TEXT(s, "");
	free(s);
	pl_buf_puts(&b, "x");
	pl_buf_fini(&b);
	pl_buf_fini(&b);
	pl_buf_fini(NULL);
}

static void test_errors(void)
{
	struct pl_err e = {.line = 7, .unknown = true, .file = "x"};
	char longest[2000];

	CHECK_CASE("errors");
	CHECK(!pl_fail(NULL, "a.b", "nobody listens"));
	CHECK(!pl_fail(&e, "git.rejected", "\"%s\" was refused", "main"));
	CHECK_TEXT(e.code, "git.rejected");
	CHECK_TEXT(e.msg, "\"main\" was refused");
	CHECK(e.line == 0 && !e.unknown && e.file[0] == '\0');
	e.retryable = true;
	CHECK(!pl_err_within(&e, "step %d", 4));
	CHECK_TEXT(e.msg, "step 4: \"main\" was refused");
	CHECK_TEXT(e.code, "git.rejected");
	CHECK(e.retryable);
	CHECK(!pl_err_within(NULL, "x"));
	/* The arguments may be in the error itself. */
	pl_fail(&e, e.code, "again: %s", e.msg);
	CHECK_TEXT(e.msg, "again: step 4: \"main\" was refused");

	/* Cut where a character ends: 1400 is not divisible by 3. */
	longest[0] = '\0';
	for (size_t i = 0; i + 4 < sizeof longest; i += 3)
		memcpy(longest + i, "\xe2\x82\xac", 4);
	for (size_t shift = 0; shift < 4; shift++) {
		pl_fail(&e, "x", "%.*s%s", (int)shift, "abcd", longest);
		CHECK(pl_utf8_valid(e.msg, strlen(e.msg)));
		CHECK(strlen(e.msg) >= sizeof e.msg - 4);
		pl_err_within(&e, "y");
		CHECK(pl_utf8_valid(e.msg, strlen(e.msg)));
		CHECK_INT(strncmp(e.msg, "y: ", 3), 0);
	}
	for (size_t shift = 0; shift < 4; shift++) {
		pl_fail(&e, "x", "inner");
		pl_err_within(&e, "%.*s%s", (int)shift, "abcd", longest);
		CHECK(pl_utf8_valid(e.msg, strlen(e.msg)));
	}
	memset(longest, 'c', 100);
	longest[100] = '\0';
	pl_fail(&e, longest, "x");
	CHECK_INT(strlen(e.code), sizeof e.code - 1);
	/* Whole text ends as it was written, be it UTF-8 or not. */
	pl_fail(&e, "x", "end\xe2\x82");
	CHECK_TEXT(e.msg, "end\xe2\x82");
}

static void test_classes(void)
{
	static const char *const names[] = {
	    "pure", "read", "write", "irreversible", "locks-out"};
	enum pl_class c = PL_READ;

	CHECK_CASE("effect classes");
	for (size_t i = 0; i < PL_COUNT(names); i++) {
		CHECK_TEXT(pl_class_name((enum pl_class)i), names[i]);
		CHECK(pl_class_parse(names[i], &c));
		CHECK_INT(c, i);
	}
	CHECK(!pl_class_parse("locks_out", &c));
	CHECK(!pl_class_parse("", &c));
	CHECK(!pl_class_parse("Write", &c));
	CHECK(!pl_class_parse(NULL, &c));
	CHECK_INT(c, PL_LOCKS_OUT);
}

static void test_program(void)
{
	struct pl_arena a = {0};
	struct pl_version v;

	CHECK_CASE("the program's own version");
	CHECK(pl_version_parse(&v, &a, PL_VERSION, true, NULL));
	pl_arena_fini(&a);
}

int main(void)
{
	test_plain();
	test_arena();
	test_arena_reset();
	test_buf();
	test_errors();
	test_classes();
	test_program();
	return check_end();
}
