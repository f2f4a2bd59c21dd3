/* The JSON reader and the writers. */
#include "../../interp/base/base.h"
#include "check.h"

#include <math.h>
#include <stdlib.h>

#define A "\xc3\xa6" /* U+00E6 */
#define SMILE "\xf0\x9f\x98\x80" /* U+1F600 */

/* ---- what is accepted: canonical form of the text read ------------------- */

static void test_accepted(void)
{
	static const struct {
		const char *text, *canonical;
	} rows[] = {
	    {"null", "null"},
	    {" \t\r\n true \n", "true"},
	    {"false", "false"},
	    {"0", "0"},
	    {"-0", "0"},
	    {"-0.0", "0"},
	    {"7", "7"},
	    {"-12", "-12"},
	    {"9007199254740991", "9007199254740991"},
	    {"1.0", "1"},
	    {"10e-1", "1"},
	    {"1E+2", "100"},
	    {"0.1", "0.1"},
	    {"0.30000000000000004", "0.30000000000000004"},
	    {"1e23", "1e+23"},
	    {"123456789012345678901234567890", "1.2345678901234568e+29"},
	    {"0.000001", "0.000001"},
	    {"0.0000001", "1e-7"},
	    {"1e-400", "0"},
	    {"-1e-400", "0"},
	    {"0e999999999999999999999", "0"},
	    {"1e-999999999999999999999", "0"},
	    {"4.35", "4.35"},
	    {"\"\"", "\"\""},
	    {"\"a" A SMILE "\"", "\"a" A SMILE "\""},
	    {"\"\\u0061\\u00e6\\uD83D\\uDE00\"", "\"a" A SMILE "\""},
	    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
	    {"\"\\u0000\\u001F\\u007f\"", "\"\\u0000\\u001f\x7f\""},
	    {"\"\\ufffe\\uffff\"", "\"\xef\xbf\xbe\xef\xbf\xbf\""},
	    {"[]", "[]"},
	    {"[ ]", "[]"},
	    {"{}", "{}"},
	    {"{ }", "{}"},
	    {"[1, [2,[]] ,3 ]", "[1,[2,[]],3]"},
	    {"{\"b\":1,\"a\" : {\"c\":[]}}", "{\"a\":{\"c\":[]},\"b\":1}"},
	    {"{\"\":1,\"a\":2,\"aa\":3,\"A\":4}", "{\"\":1,\"A\":4,\"a\":2,\"aa\":3}"},
	    /* Keys that look alike but are not: NFC and NFD. */
	    {"{\"\xc3\xa5\":1,\"a\xcc\x8a\":2}", "{\"a\xcc\x8a\":2,\"\xc3\xa5\":1}"},
	    /* RFC 8785, 3.2.3: by UTF-16 code units. */
	    {"{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,"
	     "\"\\u0080\":6,\"\\u00f6\":7}",
	        "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\xc3\xb6\":7,\"\xe2\x82\xac\":1,"
	        "\"" SMILE "\":5,\"\xef\xac\xb3\":3}"},
	    /* Astral before U+E000, behind a common beginning. */
	    {"{\"a\\ue000\":1,\"a\\ud83d\\ude00\":2,\"a\\ud7ff\":3}",
	        "{\"a\xed\x9f\xbf\":3,\"a" SMILE "\":2,\"a\xee\x80\x80\":1}"},
	};

	CHECK_CASE("accepted");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		struct pl_arena a = {0};
		struct pl_buf b = {0};
		struct pl_err e = {0};
		struct pl_value *v;
		size_t n = strlen(rows[i].text);
		/* In memory of exactly this size: no byte behind it is read. */
		char *text = malloc(n);
		if (!text)
			return;
		memcpy(text, rows[i].text, n);
		if (CHECK(pl_json_parse(&v, &a, text, n, &e)) &&
		    CHECK(pl_json_canonical(&b, v, &e)))
			CHECK_TEXT(b.at, rows[i].canonical);
		else
			printf("  %s: %s\n", rows[i].text, e.msg);
		free(text);
		pl_buf_fini(&b);
		pl_arena_fini(&a);
	}
}

/* Every byte at every place of a text, plain ones around it: text is looked at in
 * pieces of eight. */
static void test_every_byte(void)
{
	enum { LONGEST = 20 };
	struct pl_arena a = {0};
	struct pl_buf b = {0};

	CHECK_CASE("every byte at every place");
	for (size_t place = 0; place < LONGEST; place++) {
		for (int c = 0; c < 256; c++) {
			char text[LONGEST + 2];
			struct pl_value *v = NULL;
			memset(text, 'a', sizeof text);
			text[0] = text[sizeof text - 1] = '"';
			text[place + 1] = (char)c;
			bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
			bool read = pl_json_parse(&v, &a, text, sizeof text, NULL);
			if (!CHECK(read == plain))
				printf("  0x%02x at %zu\n", (unsigned)c, place);
			/* Written, it is read back. */
			if (c >= 0x80)
				continue;
			pl_buf_reset(&b);
			v = pl_textn(&a, text + 1, LONGEST);
			CHECK(pl_json_canonical(&b, v, NULL));
			CHECK((b.len == LONGEST + 2) == plain);
			struct pl_value *back = NULL;
			CHECK(pl_json_parse(&back, &a, b.at, b.len, NULL));
			CHECK(pl_same(v, back));
		}
	}
	pl_buf_fini(&b);
	pl_arena_fini(&a);
}

/* ---- what is refused, and where ------------------------------------------ */

static void test_refused(void)
{
	static const struct {
		const char *text, *code;
		unsigned line, column;
	} rows[] = {
	    {"", "json.syntax", 1, 1},
	    {"  ", "json.syntax", 1, 3},
	    {"\n\n x", "json.syntax", 3, 2},
	    {"nul", "json.syntax", 1, 1},
	    {"nulll", "json.syntax", 1, 5},
	    {"True", "json.syntax", 1, 1},
	    {"1 2", "json.syntax", 1, 3},
	    {"[1]]", "json.syntax", 1, 4},
	    {"01", "json.syntax", 1, 1},
	    {"-01", "json.syntax", 1, 2},
	    {"1.", "json.syntax", 1, 3},
	    {".5", "json.syntax", 1, 1},
	    {"-", "json.syntax", 1, 2},
	    {"- 1", "json.syntax", 1, 2},
	    {"+1", "json.syntax", 1, 1},
	    {"1e", "json.syntax", 1, 3},
	    {"1e+", "json.syntax", 1, 4},
	    {"1.e1", "json.syntax", 1, 3},
	    {"0x10", "json.syntax", 1, 2},
	    {"1_000", "json.syntax", 1, 2},
	    {"NaN", "json.syntax", 1, 1},
	    {"Infinity", "json.syntax", 1, 1},
	    {"-Infinity", "json.syntax", 1, 2},
	    {"1e400", "json.number", 1, 1},
	    {"[1,-1e309]", "json.number", 1, 4},
	    {"1e999999999999999999999", "json.number", 1, 1},
	    {"[", "json.syntax", 1, 2},
	    {"[1", "json.syntax", 1, 3},
	    {"[1,", "json.syntax", 1, 4},
	    {"[1,]", "json.syntax", 1, 4},
	    {"[,1]", "json.syntax", 1, 2},
	    {"[1 2]", "json.syntax", 1, 4},
	    {"[1}", "json.syntax", 1, 3},
	    {"{", "json.syntax", 1, 2},
	    {"{\"a\"", "json.syntax", 1, 5},
	    {"{\"a\" 1}", "json.syntax", 1, 6},
	    {"{\"a\":}", "json.syntax", 1, 6},
	    {"{\"a\":1,}", "json.syntax", 1, 8},
	    {"{\"a\":1", "json.syntax", 1, 7},
	    {"{a:1}", "json.syntax", 1, 2},
	    {"{'a':1}", "json.syntax", 1, 2},
	    {"{1:1}", "json.syntax", 1, 2},
	    {"{\"a\":1]", "json.syntax", 1, 7},
	    {"[1, // two\n2]", "json.syntax", 1, 5},
	    {"\"abc", "json.syntax", 1, 1},
	    {"\"abc\\", "json.syntax", 1, 6},
	    {"\"\\x41\"", "json.syntax", 1, 3},
	    {"\"\\u12", "json.syntax", 1, 6},
	    {"\"\\u12g4\"", "json.syntax", 1, 6},
	    {"\"\\U0041\"", "json.syntax", 1, 3},
	    {"\"a\nb\"", "json.syntax", 1, 3},
	    {"\"a\tb\"", "json.syntax", 1, 3},
	    {"\xef\xbb\xbf{}", "json.syntax", 1, 1},
	    {"\xff", "json.syntax", 1, 1},
	    {"\"\x80\"", "json.utf8", 1, 2},
	    {"\"\xc0\xaf\"", "json.utf8", 1, 2},
	    {"\"\xed\xa0\x80\"", "json.utf8", 1, 2},
	    {"\"\xf4\x90\x80\x80\"", "json.utf8", 1, 2},
	    {"\"ok\xe2\x82\"", "json.utf8", 1, 4},
	    {"\"\\ud83d\"", "json.utf8", 1, 2},
	    {"\"\\ude00\"", "json.utf8", 1, 2},
	    {"\"a\\ud83dx\"", "json.utf8", 1, 3},
	    {"\"\\ud83d\\ud83d\"", "json.utf8", 1, 2},
	    {"\"\\ud83d\\n\"", "json.utf8", 1, 2},
	    {"{\"a\":1,\"a\":2}", "json.duplicate", 1, 8},
	    {"{\"a\":1,\n \"\\u0061\":2}", "json.duplicate", 2, 2},
	    {"[{\"a\":{\"b\":1,\"b\":1}}]", "json.duplicate", 1, 14},
	    {"{\"\":1,\"\":2}", "json.duplicate", 1, 7},
	};

	CHECK_CASE("refused");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		struct pl_arena a = {0};
		struct pl_err e = {0};
		struct pl_value *v = NULL;
		size_t n = strlen(rows[i].text);
		char *text = malloc(n ? n : 1);
		if (!text)
			return;
		memcpy(text, rows[i].text, n);
		bool good =
		    CHECK(!pl_json_parse(&v, &a, text, n, &e)) && CHECK(v == NULL);
		good = CHECK_TEXT(e.code, rows[i].code) && good;
		good = CHECK_INT(e.line, rows[i].line) && good;
		good = CHECK_INT(e.column, rows[i].column) && good;
		CHECK(e.msg[0] != '\0' && pl_utf8_valid(e.msg, strlen(e.msg)));
		CHECK(!pl_json_parse(&v, &a, text, n, NULL));
		if (!good)
			printf("  %s: %s\n", rows[i].text, e.msg);
		free(text);
		pl_arena_fini(&a);
	}
	struct pl_arena a = {0};
	struct pl_value *v = NULL;
	CHECK(!pl_json_parse(&v, &a, "1\0", 2, NULL));
	CHECK(!pl_json_parse(&v, &a, "\"\0\"", 3, NULL));
	pl_arena_fini(&a);
}

static void test_messages(void)
{
	static const struct {
		const char *text, *msg;
	} rows[] = {
	    {"[1 2]", "',' or ']' expected, found '2'"},
	    {"", "a value expected, found the end"},
	    {"{\"a\":1,\"a\":2}", "the key \"a\" stands twice"},
	    {"{a:1}", "a key in double quotes expected, found 'a'"},
	    {"\"\x01\"", "control character 0x01 in text (write \\u0001)"},
	    {"[\x1b]", "a value expected, found byte 0x1b"},
	    {"[\xc3\xa6]", "a value expected, found '\xc3\xa6'"},
	};
	struct pl_arena a = {0};
	struct pl_value *v;

	CHECK_CASE("messages");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		struct pl_err e = {0};
		CHECK(!pl_json_parse(&v, &a, rows[i].text, strlen(rows[i].text), &e));
		CHECK_TEXT(e.msg, rows[i].msg);
	}
	pl_arena_fini(&a);
}

/* ---- kinds and positions -------------------------------------------------- */

static void test_kinds(void)
{
	static const struct {
		const char *text;
		enum pl_kind kind;
	} rows[] = {{"1", PL_INT}, {"1.0", PL_REAL}, {"1e0", PL_REAL},
	    {"9223372036854775807", PL_INT}, {"9223372036854775808", PL_REAL},
	    {"-9223372036854775808", PL_INT}, {"-9223372036854775809", PL_REAL},
	    {"99999999999999999999", PL_REAL}, {"-0", PL_INT}, {"null", PL_NULL},
	    {"true", PL_BOOL}, {"\"\"", PL_TEXT}, {"[]", PL_LIST}, {"{}", PL_MAP}};
	struct pl_arena a = {0};
	struct pl_value *v;

	CHECK_CASE("kinds");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		v = NULL;
		CHECK(pl_json_parse(&v, &a, rows[i].text, strlen(rows[i].text), NULL));
		if (!CHECK_INT(v->kind, rows[i].kind))
			printf("  %s\n", rows[i].text);
	}
	CHECK(pl_json_parse(&v, &a, "-9223372036854775808", 20, NULL));
	CHECK(v->as.whole == INT64_MIN);
	CHECK(pl_json_parse(&v, &a, "\"a\\u0000b\"", 10, NULL));
	CHECK(v->as.text.len == 3 && memcmp(v->as.text.at, "a\0b", 4) == 0);
	pl_arena_fini(&a);
}

static void test_positions(void)
{
	static const char text[] =
	    "{\"a\": [1,\r\n  2],\n\n \"" A "b\":  {\"c\":\"\"}}";
	struct pl_arena a = {0};
	struct pl_value *v;

	CHECK_CASE("positions");
	if (!CHECK(pl_json_parse(&v, &a, text, sizeof text - 1, NULL)))
		return;
	CHECK(v->line == 1 && v->column == 1);
	CHECK(pl_at(v, "a")->line == 1 && pl_at(v, "a")->column == 7);
	CHECK(pl_at(v, "a.0")->line == 1 && pl_at(v, "a.0")->column == 8);
	CHECK(pl_at(v, "a.1")->line == 2 && pl_at(v, "a.1")->column == 3);
	CHECK(v->as.map.at[1].line == 4 && v->as.map.at[1].column == 2);
	CHECK(v->as.map.at[1].value->line == 4 && v->as.map.at[1].value->column == 10);
	CHECK(pl_get(v->as.map.at[1].value, "c")->column == 15);
	pl_arena_fini(&a);
}

/* ---- size ------------------------------------------------------------------ */

static void nest(struct pl_buf *b, const char *open, const char *close, int levels)
{
	pl_buf_reset(b);
	for (int i = 0; i < levels; i++)
		pl_buf_puts(b, open);
	pl_buf_puts(b, "1");
	for (int i = 0; i < levels; i++)
		pl_buf_puts(b, close);
}

static void test_depth(void)
{
	struct pl_arena a = {0};
	struct pl_buf b = {0}, out = {0};
	struct pl_err e = {0};
	struct pl_value *v;

	CHECK_CASE("depth");
	nest(&b, "[", "]", 512);
	CHECK(pl_json_parse(&v, &a, b.at, b.len, &e));
	CHECK(pl_json_canonical(&out, v, &e));
	CHECK_TEXT(out.at, b.at);
	struct pl_value *deeper = pl_list(&a);
	pl_list_add(&a, deeper, v);
	pl_buf_reset(&out);
	CHECK(!pl_json_canonical(&out, deeper, &e));
	CHECK_TEXT(e.code, "json.depth");
	nest(&b, "[", "]", 513);
	CHECK(!pl_json_parse(&v, &a, b.at, b.len, &e));
	CHECK_TEXT(e.code, "json.depth");
	CHECK_INT(e.column, 513);
	nest(&b, "{\"k\":", "}", 512);
	CHECK(pl_json_parse(&v, &a, b.at, b.len, &e));
	nest(&b, "{\"k\":", "}", 100000);
	CHECK(!pl_json_parse(&v, &a, b.at, b.len, &e));
	CHECK_TEXT(e.code, "json.depth");
	/* Depth is not the number of containers. */
	pl_buf_reset(&b);
	pl_buf_puts(&b, "[[]");
	for (int i = 0; i < 2000; i++)
		pl_buf_puts(&b, ",[{}]");
	pl_buf_puts(&b, "]");
	CHECK(pl_json_parse(&v, &a, b.at, b.len, &e));
	CHECK_INT(v->as.list.len, 2001);
	pl_buf_fini(&b);
	pl_buf_fini(&out);
	pl_arena_fini(&a);
}

static void test_many_keys(void)
{
	enum { KEYS = 50000 };
	struct pl_arena a = {0};
	struct pl_buf b = {0}, out = {0};
	struct pl_err e = {0};
	struct pl_value *v = NULL;

	CHECK_CASE("many keys");
	pl_buf_puts(&b, "{");
	for (int i = 0; i < KEYS; i++)
		pl_buf_printf(&b, "%s\"%06d\":%d", i ? "," : "", i, i);
	size_t all = b.len;
	pl_buf_puts(&b, "}");
	if (CHECK(pl_json_parse(&v, &a, b.at, b.len, &e))) {
		CHECK_INT(v->as.map.len, KEYS);
		CHECK_TEXT(v->as.map.at[77].key, "000077");
		CHECK(pl_json_canonical(&out, v, &e));
		CHECK_TEXT(out.at, b.at);
		CHECK(pl_same(v, pl_copy(&a, v)));
	}
	b.len = all;
	size_t twice = b.len + 2;
	pl_buf_puts(&b, ",\"000007\":1,\"000003\":2}");
	CHECK(!pl_json_parse(&v, &a, b.at, b.len, &e));
	CHECK_TEXT(e.code, "json.duplicate");
	CHECK_INT(e.column, twice);
	pl_buf_fini(&b);
	pl_buf_fini(&out);
	pl_arena_fini(&a);
}

/* ---- writing --------------------------------------------------------------- */

/* RFC 8785, appendix B, and what is difficult about shortest digits. */
static void test_numbers(void)
{
	static const struct {
		uint64_t bits;
		const char *text;
	} rows[] = {
	    {0x0000000000000000, "0"},
	    {0x8000000000000000, "0"},
	    {0x0000000000000001, "5e-324"},
	    {0x8000000000000001, "-5e-324"},
	    {0x7fefffffffffffff, "1.7976931348623157e+308"},
	    {0xffefffffffffffff, "-1.7976931348623157e+308"},
	    {0x4340000000000000, "9007199254740992"},
	    {0xc340000000000000, "-9007199254740992"},
	    {0x4430000000000000, "295147905179352830000"},
	    {0x44b52d02c7e14af5, "9.999999999999997e+22"},
	    {0x44b52d02c7e14af6, "1e+23"},
	    {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
	    {0x444b1ae4d6e2ef4e, "999999999999999700000"},
	    {0x444b1ae4d6e2ef4f, "999999999999999900000"},
	    {0x444b1ae4d6e2ef50, "1e+21"},
	    {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
	    {0x3eb0c6f7a0b5ed8d, "0.000001"},
	    {0x41b3de4355555553, "333333333.3333332"},
	    {0x41b3de4355555554, "333333333.33333325"},
	    {0x41b3de4355555555, "333333333.3333333"},
	    {0x41b3de4355555556, "333333333.3333334"},
	    {0x41b3de4355555557, "333333333.33333343"},
	    {0xbecbf647612f3696, "-0.0000033333333333333333"},
	    {0x43143ff3c1cb0959, "1424953923781206.2"},
	    {0x3d30000000000000, "5.684341886080802e-14"}, /* 2^-44 */
	    {0x0010000000000000, "2.2250738585072014e-308"},
	    {0x000fffffffffffff, "2.225073858507201e-308"},
	    {0x3fb999999999999a, "0.1"},
	    {0x4059000000000000, "100"},
	    {0x3ff0000000000001, "1.0000000000000002"},
	    {0x3fefffffffffffff, "0.9999999999999999"},
	};
	struct pl_arena a = {0};

	CHECK_CASE("numbers");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		struct pl_buf b = {0};
		double d;
		memcpy(&d, &rows[i].bits, sizeof d);
		CHECK(pl_json_canonical(&b, pl_real(&a, d), NULL));
		CHECK_TEXT(b.at, rows[i].text);
		pl_buf_fini(&b);
	}
	pl_arena_fini(&a);
}

static void test_not_written(void)
{
	struct pl_arena a = {0};
	struct {
		struct pl_value *v;
		const char *code;
	} rows[] = {
	    {pl_int(&a, INT64_C(9007199254740992)), "json.number"},
	    {pl_int(&a, INT64_C(-9007199254740992)), "json.number"},
	    {pl_real(&a, (double)NAN), "json.number"},
	    {pl_real(&a, -(double)INFINITY), "json.number"},
	    {pl_text(&a, "\xff"), "json.utf8"},
	    {pl_text(&a, "\xed\xb0\x80"), "json.utf8"},
	    {pl_secret_value(&a, NULL), "json.secret"},
	};

	CHECK_CASE("not written");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		struct pl_buf b = {0};
		struct pl_err e = {0};
		struct pl_value *map = pl_map(&a), *list = pl_list(&a);
		pl_buf_puts(&b, "before");
		pl_map_set(&a, map, "a", pl_int(&a, 1));
		pl_map_set(&a, map, "b", list);
		pl_list_add(&a, list, rows[i].v);
		CHECK(!pl_json_canonical(&b, map, &e));
		CHECK_TEXT(e.code, rows[i].code);
		CHECK_TEXT(b.at, "before");
		CHECK_INT(b.len, 6);
		CHECK(!pl_json_canonical(&b, map, NULL));
		pl_buf_fini(&b);
	}
	struct pl_buf b = {0};
	struct pl_err e = {0};
	struct pl_value *map = pl_map(&a);
	pl_map_set(&a, map, "\xfe", pl_null(&a));
	CHECK(!pl_json_canonical(&b, map, &e));
	CHECK_TEXT(e.code, "json.utf8");
	pl_buf_fini(&b);
	pl_arena_fini(&a);
}

static void test_pretty(void)
{
	static const char text[] =
	    "{\"b\":[1,{\"x\":[]}],\"a\":{},\"t\":\"\\u001b[0m\\n\",\"n\":null}";
	struct pl_arena a = {0};
	struct pl_buf b = {0};
	struct pl_value *v;

	CHECK_CASE("for people");
	if (!CHECK(pl_json_parse(&v, &a, text, sizeof text - 1, NULL)))
		return;
	pl_json_pretty(&b, v);
	CHECK_TEXT(b.at,
	    "{\n  \"b\": [\n    1,\n    {\n      \"x\": []\n    }\n  ],\n"
	    "  \"a\": {},\n  \"t\": \"\\u001b[0m\\n\",\n  \"n\": null\n}");
	pl_buf_reset(&b);
	v = pl_list(&a);
	pl_list_add(&a, v, pl_int(&a, INT64_MIN));
	pl_list_add(&a, v, pl_real(&a, (double)NAN));
	pl_list_add(&a, v, pl_real(&a, 2));
	pl_list_add(&a, v, pl_text(&a, "\xff"));
	pl_list_add(&a, v, pl_secret_value(&a, NULL));
	pl_json_pretty(&b, v);
	CHECK_TEXT(b.at,
	    "[\n  {\n    \"$int\": \"-9223372036854775808\"\n  },\n"
	    "  {\n    \"$real\": \"nan\"\n  },\n  2,\n"
	    "  {\n    \"$bytes\": \"/w==\"\n  },\n  {\n    \"$secret\": null\n  }\n]");
	pl_buf_reset(&b);
	v = pl_map(&a);
	pl_map_set(&a, v, "\xff", pl_int(&a, 1));
	pl_json_pretty(&b, v);
	CHECK(strstr(b.at, "\"$pairs\": [") != NULL);
	pl_buf_fini(&b);
	pl_arena_fini(&a);
}

int main(void)
{
	test_accepted();
	test_every_byte();
	test_refused();
	test_messages();
	test_kinds();
	test_positions();
	test_depth();
	test_many_keys();
	test_numbers();
	test_not_written();
	test_pretty();
	return check_end();
}
