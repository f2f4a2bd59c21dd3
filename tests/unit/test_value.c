/* The value tree, and packing it as plain data. */
#include "../../interp/base/base.h"
#include "check.h"

#include <math.h>

static struct pl_value *parse(struct pl_arena *a, const char *json)
{
	struct pl_value *v = NULL;
	struct pl_err e = {0};

	if (!CHECK(pl_json_parse(&v, a, json, strlen(json), &e)))
		printf("  %s: %s\n  %s\n", e.code, e.msg, json);
	return v;
}

static void test_lists(void)
{
	struct pl_arena a = {0};
	struct pl_value *list = pl_list(&a);

	CHECK_CASE("lists");
	for (int i = 0; i < 1000; i++)
		pl_list_add(&a, list, pl_int(&a, i));
	CHECK_INT(list->as.list.len, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		CHECK_INT(list->as.list.at[i]->as.whole, i);
	CHECK(pl_get(list, "0") == NULL);
	pl_arena_fini(&a);
}

static void test_maps(void)
{
	struct pl_arena a = {0};
	struct pl_value *map = pl_map(&a);
	char key[32];

	CHECK_CASE("maps");
	/* Keys are copied. */
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof key, "key-%d", i);
		pl_map_set(&a, map, key, pl_int(&a, i));
	}
	for (int i = 0; i < 5000; i += 7) {
		snprintf(key, sizeof key, "key-%d", i);
		pl_map_set(&a, map, key, pl_int(&a, -i));
	}
	CHECK_INT(map->as.map.len, 5000);
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof key, "key-%d", i);
		CHECK_INT(pl_get_int(map, key, 9), i % 7 ? i : -i);
		CHECK_TEXT(map->as.map.at[i].key, key);
	}
	CHECK(pl_get(map, "key-5000") == NULL);
	/* NUL in a key; a key that begins like another; the empty key. */
	map = pl_map(&a);
	pl_map_setn(&a, map, "a\0b", 3, pl_int(&a, 1));
	pl_map_set(&a, map, "a", pl_int(&a, 2));
	pl_map_set(&a, map, "", pl_int(&a, 3));
	CHECK_INT(map->as.map.len, 3);
	CHECK_INT(pl_get_int(map, "a", 0), 2);
	CHECK_INT(pl_get_int(map, "", 0), 3);
	pl_arena_fini(&a);
}

/* However others changed the members: what is found is what stands there. */
static void test_maps_changed_by_hand(void)
{
	struct pl_arena a = {0};
	struct pl_value *map = pl_map(&a);
	char key[32];

	CHECK_CASE("maps whose pairs were moved by hand");
	for (int i = 0; i < 300; i++) {
		snprintf(key, sizeof key, "%d", i);
		pl_map_set(&a, map, key, pl_int(&a, i));
	}
	memmove(&map->as.map.at[0], &map->as.map.at[1], 299 * sizeof(struct pl_pair));
	map->as.map.len--;
	CHECK(pl_get(map, "0") == NULL);
	CHECK_INT(pl_get_int(map, "1", -1), 1);
	CHECK_INT(pl_get_int(map, "299", -1), 299);
	pl_map_set(&a, map, "0", pl_int(&a, 1000));
	pl_map_set(&a, map, "299", pl_int(&a, 2000));
	CHECK_INT(map->as.map.len, 300);
	CHECK_INT(pl_get_int(map, "0", -1), 1000);
	CHECK_INT(pl_get_int(map, "299", -1), 2000);
	pl_arena_fini(&a);
}

static void test_reading(void)
{
	struct pl_arena a = {0};
	struct pl_value *v = parse(&a,
	    "{\"t\":\"x\",\"i\":7,\"r\":1.5,\"b\":true,\"n\":null,"
	    "\"data\":{\"edges\":[{\"node\":{\"id\":\"abc\"}},2],\"3\":4}}");

	CHECK_CASE("reading");
	CHECK_TEXT(pl_get_text(v, "t", "f"), "x");
	CHECK_TEXT(pl_get_text(v, "i", "f"), "f");
	CHECK_TEXT(pl_get_text(v, "none", NULL), NULL);
	CHECK_TEXT(pl_get_text(NULL, "none", "f"), "f");
	CHECK_INT(pl_get_int(v, "i", 1), 7);
	CHECK_INT(pl_get_int(v, "r", 1), 1);
	CHECK_INT(pl_get_int(NULL, "r", 1), 1);
	CHECK(pl_get_bool(v, "b", false));
	CHECK(pl_get_bool(v, "i", true));
	CHECK(!pl_get_bool(v, "n", false));
	CHECK(pl_is_null(NULL) && pl_is_null(pl_get(v, "n")) && !pl_is_null(v));
	CHECK_TEXT(pl_text_of(pl_at(v, "data.edges.0.node.id"), "f"), "abc");
	CHECK_TEXT(pl_text_of(pl_at(v, "t"), "f"), "x");
	CHECK_INT(pl_at(v, "data.3")->as.whole, 4);
	CHECK_INT(pl_at(v, "data.edges.1")->as.whole, 2);
	CHECK(pl_at(v, "data.edges.2") == NULL);
	CHECK(pl_at(v, "data.edges.-1") == NULL);
	CHECK(pl_at(v, "data.edges.99999999999999999999") == NULL);
	CHECK(pl_at(v, "data.edges.") == NULL);
	CHECK(pl_at(v, "data..edges") == NULL);
	CHECK(pl_at(v, "t.x") == NULL);
	CHECK(pl_at(NULL, "t.x") == NULL);
	CHECK(pl_at(v, "") == NULL);
	CHECK(pl_text(&a, NULL)->kind == PL_NULL);
	CHECK_TEXT(pl_text_of(pl_textf(&a, "%s-%d", "a", 1), NULL), "a-1");
	CHECK_INT(pl_textf(&a, "%3000d", 1)->as.text.len, 3000);
	CHECK_TEXT(pl_kind_name(PL_INT), "whole number");
	CHECK_TEXT(pl_kind_name(PL_SECRET), "secret");
	pl_arena_fini(&a);
}

static void test_copy(void)
{
	struct pl_arena from = {0}, to = {0};
	struct pl_buf b = {0};
	const char *json = "{\"a\":[1,2.5,\"x\",{\"b\":null},[],{}],\"c\":true}";
	struct pl_value *v = parse(&from, json);

	CHECK_CASE("copies stand alone");
	struct pl_value *copy = pl_copy(&to, v);
	CHECK(pl_same(v, copy));
	CHECK_INT(pl_at(copy, "a.2")->column, pl_at(v, "a.2")->column);
	pl_arena_fini(&from);
	pl_map_set(&to, copy, "d", pl_int(&to, 1));
	pl_list_add(&to, pl_get(copy, "a"), pl_null(&to));
	CHECK(pl_json_canonical(&b, copy, NULL));
	CHECK_TEXT(
	    b.at, "{\"a\":[1,2.5,\"x\",{\"b\":null},[],{},null],\"c\":true,\"d\":1}");
	CHECK(pl_copy(&to, NULL) == NULL);
	pl_buf_fini(&b);
	pl_arena_fini(&to);
}

static void test_same(void)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
	    {"1", "1", true},
	    {"1", "1.0", true},
	    {"1e3", "1000", true},
	    {"0", "-0.0", true},
	    {"1", "2", false},
	    {"1", "\"1\"", false},
	    {"1", "1.5", false},
	    {"9007199254740993", "9007199254740992.0", false},
	    {"9007199254740993", "9007199254740993", true},
	    {"9223372036854775807", "9223372036854775806", false},
	    {"null", "false", false},
	    {"null", "null", true},
	    {"true", "true", true},
	    {"true", "false", false},
	    {"\"a\"", "\"\\u0061\"", true},
	    {"\"a\"", "\"a\\u0000\"", false},
	    {"[]", "{}", false},
	    {"[1,2]", "[2,1]", false},
	    {"[1,2]", "[1,2]", true},
	    {"[1,2]", "[1]", false},
	    {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
	    {"{\"a\":1,\"b\":2}", "{\"a\":1}", false},
	    {"{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false},
	    {"{\"a\":[{\"b\":1.0}]}", "{\"a\":[{\"b\":1}]}", true},
	};
	struct pl_arena a = {0};

	CHECK_CASE("same data");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		struct pl_value *x = parse(&a, rows[i].a), *y = parse(&a, rows[i].b);
		if (!CHECK(
		        pl_same(x, y) == rows[i].same && pl_same(y, x) == rows[i].same))
			printf("  %s %s\n", rows[i].a, rows[i].b);
	}
	struct pl_value *up = pl_map(&a), *down = pl_map(&a);
	for (int i = 0; i < 20000; i++) {
		pl_map_set(&a, up, pl_arena_printf(&a, "%d", i), pl_int(&a, i));
		pl_map_set(&a, down, pl_arena_printf(&a, "%d", 19999 - i),
		    pl_int(&a, 19999 - i));
	}
	CHECK(pl_same(up, down));
	pl_map_set(&a, down, "777", pl_int(&a, 0));
	CHECK(!pl_same(up, down) && !pl_same(down, up));
	double nan = (double)NAN;
	CHECK(pl_same(pl_real(&a, nan), pl_real(&a, nan)));
	CHECK(!pl_same(pl_real(&a, nan), pl_int(&a, 0)));
	CHECK(!pl_same(pl_real(&a, 9007199254740993.0), pl_int(&a, 9007199254740992)));
	const struct pl_secret *s = (const void *)"one", *t = (const void *)"two";
	CHECK(pl_same(pl_secret_value(&a, s), pl_secret_value(&a, s)));
	CHECK(!pl_same(pl_secret_value(&a, s), pl_secret_value(&a, t)));
	CHECK(pl_same(NULL, NULL) && !pl_same(NULL, pl_null(&a)));
	pl_arena_fini(&a);
}

static struct pl_value *name_of(
    void *arg, struct pl_arena *a, const struct pl_secret *s)
{
	(void)arg;
	return pl_text(a, (const char *)s);
}

static const struct pl_secret *secret_of(void *arg, const struct pl_value *name)
{
	return strcmp(pl_text_of(name, ""), arg) == 0 ? arg : NULL;
}

/* Packed as `want`, through JSON text, and back as it was, to the kind. */
static void check_packing(struct pl_arena *a, struct pl_value *v, const char *want)
{
	char secret[] = "key";
	struct pl_packing p = {
	    .name_of = name_of, .secret_of = secret_of, .arg = secret};
	struct pl_buf b = {0};
	struct pl_value *back;
	struct pl_err e = {0};

	(void)secret;
	if (CHECK(pl_json_canonical(&b, pl_pack(a, v, &p), &e)) &&
	    CHECK_TEXT(b.at, want) && CHECK(pl_json_parse(&back, a, b.at, b.len, &e))) {
		back = pl_unpack(a, back, &p);
		CHECK_INT(back->kind, v->kind);
		if (v->kind != PL_SECRET)
			CHECK(pl_same(back, v));
		if (v->kind == PL_REAL)
			CHECK(signbit(back->as.real) == signbit(v->as.real));
	} else {
		printf("  %s\n", want);
	}
	pl_buf_fini(&b);
}

static struct pl_value *pair(struct pl_arena *a, const char *key, struct pl_value *v)
{
	struct pl_value *map = pl_map(a);

	pl_map_set(a, map, key, v);
	return map;
}

static void test_pack(void)
{
	struct pl_arena a = {0};

	CHECK_CASE("packing");
	check_packing(&a, pl_int(&a, 9007199254740991), "9007199254740991");
	check_packing(
	    &a, pl_int(&a, 9007199254740992), "{\"$int\":\"9007199254740992\"}");
	check_packing(
	    &a, pl_int(&a, -9007199254740992), "{\"$int\":\"-9007199254740992\"}");
	check_packing(&a, pl_int(&a, INT64_MIN), "{\"$int\":\"-9223372036854775808\"}");
	check_packing(&a, pl_int(&a, INT64_MAX), "{\"$int\":\"9223372036854775807\"}");
	check_packing(&a, pl_real(&a, (double)NAN), "{\"$real\":\"nan\"}");
	check_packing(&a, pl_real(&a, (double)INFINITY), "{\"$real\":\"inf\"}");
	check_packing(&a, pl_real(&a, -(double)INFINITY), "{\"$real\":\"-inf\"}");
	check_packing(&a, pl_real(&a, 1.5), "1.5");
	check_packing(&a, pl_real(&a, 1e300), "1e+300");
	check_packing(&a, pl_real(&a, 5e-324), "5e-324");
	/* JSON would read these as whole numbers. */
	check_packing(&a, pl_real(&a, 5), "{\"$real\":\"5\"}");
	check_packing(&a, pl_real(&a, -0.0), "{\"$real\":\"-0\"}");
	check_packing(&a, pl_real(&a, 1e18), "{\"$real\":\"1000000000000000000\"}");
	check_packing(&a, pl_real(&a, 0x1p63), "9223372036854776000");
	check_packing(&a, pl_real(&a, -0x1p63), "{\"$real\":\"-9223372036854776000\"}");
	check_packing(&a, pl_real(&a, 1e20), "100000000000000000000");
	check_packing(&a, pl_text(&a, "\xc3\xa6"), "\"\xc3\xa6\"");
	check_packing(&a, pl_textn(&a, "a\0b", 3), "\"a\\u0000b\"");
	check_packing(&a, pl_text(&a, "\xff"), "{\"$bytes\":\"/w==\"}");
	check_packing(
	    &a, pl_textn(&a, "\xed\xa0\x80\0x", 5), "{\"$bytes\":\"7aCAAHg=\"}");
	check_packing(
	    &a, pl_secret_value(&a, (const void *)"key"), "{\"$secret\":\"key\"}");
	check_packing(&a, pair(&a, "$int", pl_text(&a, "1")), "{\"$$int\":\"1\"}");
	check_packing(&a, pair(&a, "$$int", pl_int(&a, 1)), "{\"$$$int\":1}");
	check_packing(&a, pair(&a, "$", pl_null(&a)), "{\"$$\":null}");
	check_packing(
	    &a, pair(&a, "$x", pair(&a, "$y", pl_int(&a, 1))), "{\"$$x\":{\"$$y\":1}}");
	struct pl_value *two = pair(&a, "$int", pl_int(&a, 1));
	pl_map_set(&a, two, "$x", pl_real(&a, 2));
	check_packing(&a, two, "{\"$int\":1,\"$x\":{\"$real\":\"2\"}}");
	struct pl_value *odd = pair(&a, "\xff", pl_int(&a, 1));
	pl_map_set(&a, odd, "k", pl_text(&a, "\xfe"));
	check_packing(&a, odd,
	    "{\"$pairs\":[[{\"$bytes\":\"/w==\"},1],[\"k\",{\"$bytes\":\"/g==\"}]]}");
	struct pl_value *list = pl_list(&a);
	pl_list_add(&a, list, pl_int(&a, INT64_MAX));
	pl_list_add(&a, list, pl_map(&a));
	check_packing(&a, list, "[{\"$int\":\"9223372036854775807\"},{}]");
	pl_arena_fini(&a);
}

static void test_unpack_foreign(void)
{
	/* What pl_pack never writes stays as it is. */
	static const char *const rows[] = {"{\"$int\":5}", "{\"$int\":\"x\"}",
	    "{\"$int\":\"\"}", "{\"$int\":\"1.5\"}", "{\"$real\":1}",
	    "{\"$real\":\"x\"}", "{\"$real\":\"\"}", "{\"$bytes\":\"*\"}",
	    "{\"$bytes\":7}", "{\"$pairs\":1}", "{\"$pairs\":[1]}",
	    "{\"$pairs\":[[1,2]]}", "{\"$pairs\":[[\"a\"]]}", "{\"$else\":1}",
	    "{\"$\":1}", "{\"$int\":\"1\",\"a\":2}"};
	struct pl_arena a = {0};

	CHECK_CASE("unpacking what was never packed");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		struct pl_value *v = parse(&a, rows[i]);
		if (!CHECK(pl_same(pl_unpack(&a, v, NULL), v)))
			printf("  %s\n", rows[i]);
	}
	struct pl_value *v = parse(&a, "{\"$secret\":\"gone\"}");
	CHECK(pl_is_null(pl_unpack(&a, v, NULL)));
	v = pl_pack(&a, pl_secret_value(&a, (const void *)"key"), NULL);
	CHECK(pl_is_null(pl_get(v, "$secret")) && v->as.map.len == 1);
	pl_arena_fini(&a);
}

int main(void)
{
	test_lists();
	test_maps();
	test_maps_changed_by_hand();
	test_reading();
	test_copy();
	test_same();
	test_pack();
	test_unpack_foreign();
	return check_end();
}
