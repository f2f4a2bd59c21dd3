/* YAML 1.2 in, values out, and back: text -> what it means, or which error where. */
#include "../../interp/base/base.h"
#include "../../interp/host/host.h"
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As JSON on one line; reals begin with "~", so that ~1 is not 1. */
static void dump(struct pl_buf *b, const struct pl_value *v)
{
	switch (v->kind) {
	case PL_NULL:
		pl_buf_puts(b, "null");
		break;
	case PL_BOOL:
		pl_buf_puts(b, v->as.truth ? "true" : "false");
		break;
	case PL_INT:
		pl_buf_printf(b, "%lld", (long long)v->as.whole);
		break;
	case PL_REAL:
		if (isnan(v->as.real))
			pl_buf_puts(b, "~nan");
		else
			pl_buf_printf(b, "~%.15g", v->as.real);
		break;
	case PL_TEXT:
		pl_buf_putc(b, '"');
		for (size_t i = 0; i < v->as.text.len; i++) {
			char c = v->as.text.at[i];
			if (c == '\n')
				pl_buf_puts(b, "\\n");
			else if (c == '\0')
				pl_buf_puts(b, "\\0");
			else if (c == '\t')
				pl_buf_puts(b, "\\t");
			else
				pl_buf_putc(b, c);
		}
		pl_buf_putc(b, '"');
		break;
	case PL_LIST:
		pl_buf_putc(b, '[');
		for (uint32_t i = 0; i < v->as.list.len; i++) {
			pl_buf_puts(b, i ? "," : "");
			dump(b, v->as.list.at[i]);
		}
		pl_buf_putc(b, ']');
		break;
	case PL_MAP:
		pl_buf_putc(b, '{');
		for (uint32_t i = 0; i < v->as.map.len; i++) {
			pl_buf_printf(b, "%s%s:", i ? "," : "", v->as.map.at[i].key);
			dump(b, v->as.map.at[i].value);
		}
		pl_buf_putc(b, '}');
		break;
	case PL_SECRET:
		pl_buf_puts(b, "secret");
		break;
	}
}

/* All documents with " / " between them, or "!code line:column". */
static char *read_text(const char *text, size_t n, size_t max_nodes, struct pl_err *err)
{
	struct pl_arena a = {0};
	struct pl_value *documents = NULL;
	struct pl_buf b = {0};
	memset(err, 0, sizeof(*err));
	pl_buf_puts(&b, "");
	if (!pl_yaml_parse(&documents, &a, text, n, max_nodes, err)) {
		CHECK(documents == NULL);
		pl_buf_printf(&b, "!%s %u:%u", err->code, err->line, err->column);
	} else {
		for (uint32_t i = 0; i < documents->as.list.len; i++) {
			pl_buf_puts(&b, i ? " / " : "");
			dump(&b, documents->as.list.at[i]);
		}
	}
	pl_arena_fini(&a);
	return pl_buf_take(&b);
}

static const struct {
	const char *text, *want;
} cases[] = {
    /* the core schema: null, truth */
    {"", "null"},
    {"# only a comment\n", "null"},
    {"---\n", "null"},
    {"---\n---\n", "null / null"},
    {"null", "null"},
    {"Null", "null"},
    {"NULL", "null"},
    {"~", "null"},
    {"nULL", "\"nULL\""},
    {"- \n- ~\n- ''\n", "[null,null,\"\"]"},
    {"[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]"},
    {"[tRue, yes, no, on, off, y, n, Yes, NO, On]",
        "[\"tRue\",\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",\"Yes\",\"NO\",\"On\"]"},
    /* whole numbers */
    {"[0, -0, +1, 12, -19, 00, 0777]", "[0,0,1,12,-19,0,777]"},
    {"[0o7, 0o17, 0o8, 0O7, -0o7]", "[7,15,\"0o8\",\"0O7\",\"-0o7\"]"},
    {"[0x3A, 0xff, 0xFF, 0xg, 0X1, -0x1, 0x]",
        "[58,255,255,\"0xg\",\"0X1\",\"-0x1\",\"0x\"]"},
    {"[9223372036854775807, -9223372036854775808]",
        "[9223372036854775807,-9223372036854775808]"},
    {"[9223372036854775808, -9223372036854775809]",
        "[\"9223372036854775808\",\"-9223372036854775809\"]"},
    {"0xffffffffffffffff", "\"0xffffffffffffffff\""},
    {"0x7fffffffffffffff", "9223372036854775807"},
    {"[1_000, 12:30, 190:20:30, 0b1010, 1e, '1']",
        "[\"1_000\",\"12:30\",\"190:20:30\",\"0b1010\",\"1e\",\"1\"]"},
    {"[+, -a, '-', 1-1, 1 2, 1a]", "[\"+\",\"-a\",\"-\",\"1-1\",\"1 2\",\"1a\"]"},
    /* real numbers */
    {"[0., -0.0, .5, +12e03, -2E+05]", "[~0,~-0,~0.5,~12000,~-200000]"},
    {"[1.5, 1.10, 6.02e23, 1e3, 1.e2, .5e-1]",
        "[~1.5,~1.1,~6.02e+23,~1000,~100,~0.05]"},
    {"[.inf, -.Inf, +.INF, .nan, .NaN, .NAN]", "[~inf,~-inf,~inf,~nan,~nan,~nan]"},
    {"[inf, nan, -.nan, +.NaN, .iNF, ., +., -.e1, 1e+, 1.5.6]",
        "[\"inf\",\"nan\",\"-.nan\",\"+.NaN\",\".iNF\",\".\",\"+.\",\"-.e1\",\"1e+\","
        "\"1.5.6\"]"},
    {"[1e400, -1e400, 1e-400, 0e-400]", "[\"1e400\",\"-1e400\",\"1e-400\",~0]"},
    {"[0x1p3, 1e5f, infinity, NAN]", "[\"0x1p3\",\"1e5f\",\"infinity\",\"NAN\"]"},
    /* the examples of the specification, section 10.3.2 */
    {"A null: null\nBooleans: [ true, True, false, FALSE ]\n"
     "Integers: [ 0, 0o7, 0x3A, -19 ]\nFloats: [\n  0., -0.0, .5, +12e03, -2E+05 ]\n"
     "Also floats: [\n  .inf, -.Inf, +.INF, .NAN ]",
        "{A null:null,Booleans:[true,true,false,false],Integers:[0,7,58,-19],"
        "Floats:[~0,~-0,~0.5,~12000,~-200000],Also floats:[~inf,~-inf,~inf,~nan]}"},
    {"A null: null\nAlso a null: # Empty\nNot a null: \"\"\n",
        "{A null:null,Also a null:null,Not a null:\"\"}"},
    /* what only YAML 1.1 knew stays text */
    {"[2026-11-20, 2001-12-14t21:59:43.10-05:00, =]",
        "[\"2026-11-20\",\"2001-12-14t21:59:43.10-05:00\",\"=\"]"},
    {"a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n", "{a:{b:1},c:{<<:{b:1},d:2}}"},
    /* quoted and block scalars are text */
    {"['null', \"true\", '12', \"1.5\", '~', '']",
        "[\"null\",\"true\",\"12\",\"1.5\",\"~\",\"\"]"},
    {"|\n 12\n", "\"12\\n\""},
    {">-\n true\n", "\"true\""},
    {"a: |\n  one\n  two\n\n   three\nb: >\n  one\n  two\n\n  three\n",
        "{a:\"one\\ntwo\\n\\n three\\n\",b:\"one two\\nthree\\n\"}"},
    {"a: |+\n  x\n\nb: |-\n  y\n\n", "{a:\"x\\n\\n\",b:\"y\"}"},
    {"a: |2\n   x\n", "{a:\" x\\n\"}"},
    {"'it''s'", "\"it's\""},
    {"\"a\\tb\\n\\x41\\u00e5\\U0001F600\\/\\\\\\\"\"",
        "\"a\\tb\\nA\xc3\xa5\xf0\x9f\x98\x80/\\\"\""},
    {"\"a\\0b\"", "\"a\\0b\""},
    {"\"one\n  two\n\n  three \\\n  four\"", "\"one two\\nthree four\""},
    {"plain text\n over lines\n", "\"plain text over lines\""},
    {"\"\\L\\P\\N\\_\"", "\"\xe2\x80\xa8\xe2\x80\xa9\xc2\x85\xc2\xa0\""},
    /* tags */
    {"[!!str 12, !!str, !!str ~, ! 12, ! 'a']", "[\"12\",\"\",\"~\",\"12\",\"a\"]"},
    {"- ! 12\n- &a ! 13\n- !  true\n- &b\n  14\n", "[\"12\",\"13\",\"true\",14]"},
    {"[!!int '12', !!int 0x1F, !!float 1, !!float '.inf', !!bool 'true', !!null '']",
        "[12,31,~1,~inf,true,null]"},
    {"!!map {a: !!seq [1]}", "{a:[1]}"},
    {"! [1]", "[1]"},
    {"!<tag:yaml.org,2002:str> 1", "\"1\""},
    {"%TAG !y! tag:yaml.org,2002:\n---\n!y!str 1", "\"1\""},
    {"a: !!int 1.5", "!yaml.tag 1:4"},
    {"a: !!int x", "!yaml.tag 1:4"},
    {"a: !!int 99999999999999999999", "!yaml.tag 1:4"},
    {"a: !!float x", "!yaml.tag 1:4"},
    {"a: !!float 1e999", "!yaml.tag 1:4"},
    {"a: !!bool yes", "!yaml.tag 1:4"},
    {"a: !!null x", "!yaml.tag 1:4"},
    {"a:\n  - !!map [1]", "!yaml.tag 2:5"},
    {"a: !!seq {}", "!yaml.tag 1:4"},
    {"a: !!seq x", "!yaml.tag 1:4"},
    {"a: !secret x", "!yaml.tag 1:4"},
    {"a: !!python/object:os.system x", "!yaml.tag 1:4"},
    {"a: !!binary aGk=", "!yaml.tag 1:4"},
    {"a: !!timestamp 2026-11-20", "!yaml.tag 1:4"},
    {"!foo [1]", "!yaml.tag 1:1"},
    {"!!set {a}", "!yaml.tag 1:1"},
    {"!x a: 1", "!yaml.tag 1:1"},
    /* collections */
    {"[]", "[]"},
    {"{}", "{}"},
    {"{a: 1, b: [2, {c: 3}]}", "{a:1,b:[2,{c:3}]}"},
    {"{\"a\":1,\"b\":[true,null]}", "{a:1,b:[true,null]}"},
    {"a:\n- 1\n- 2\nb:\n  - 3\n", "{a:[1,2],b:[3]}"},
    {"- - 1\n  - 2\n- a: 1\n  b: 2\n", "[[1,2],{a:1,b:2}]"},
    {"a:\n  b:\n    c: d\n", "{a:{b:{c:\"d\"}}}"},
    {"[a: 1, b]", "[{a:1},\"b\"]"},
    {"{a, b: , c}", "{a:null,b:null,c:null}"},
    {"url: http://x.no:80/a#b # comment", "{url:\"http://x.no:80/a#b\"}"},
    {"[http://x.no/a, a?b, a:b]", "[\"http://x.no/a\",\"a?b\",\"a:b\"]"},
    {"? a\n: b\n", "{a:\"b\"}"},
    {"a: 1\r\nb: 2\r\n", "{a:1,b:2}"},
    {"a: 1\rb: 2\r", "{a:1,b:2}"},
    {"a:\t1", "{a:1}"},
    {"a: 1\t# x\n", "{a:1}"},
    {"\xef\xbb\xbf"
     "a: 1",
        "{a:1}"},
    {"\xc3\xa5: \xe2\x9c\x93", "{\xc3\xa5:\"\xe2\x9c\x93\"}"},
    /* keys are text, as written */
    {"1: a\ntrue: b\n~: c\n0x1: d\n? \n: e\n",
        "{1:\"a\",true:\"b\",~:\"c\",0x1:\"d\",:\"e\"}"},
    {"&k a: 1\nb: *k\n", "{a:1,b:\"a\"}"},
    {"a: &k 0x10\n*k : 1\n", "{a:16,0x10:1}"},
    {"[a]: 1", "!yaml.key 1:1"},
    {"{a: 1}: 1", "!yaml.key 1:1"},
    {"? - a\n: 1", "!yaml.key 1:3"},
    {"a: &k [1]\n*k : 1\n", "!yaml.key 2:1"},
    {"{[]: 1}", "!yaml.key 1:2"},
    /* duplicates */
    {"a: 1\nb: 2\na: 3\n", "!yaml.duplicate 3:1"},
    {"{a: 1, \"a\": 2}", "!yaml.duplicate 1:8"},
    {"x:\n  a: 1\n  'a': 2\n", "!yaml.duplicate 3:3"},
    {"1: a\n'1': b", "!yaml.duplicate 2:1"},
    {"b: 1\na: 1\na: 2\nb: 2\n", "!yaml.duplicate 3:1"},
    {"a: 1\nA: 2\n", "{a:1,A:2}"},
    {"a: &a {x: 1}\nb: {<<: *a, <<: *a}", "!yaml.duplicate 2:13"},
    {"? \n: 1\n'': 2", "!yaml.duplicate 3:1"},
    {"\"a\\0b\": 1\n\"a\\0c\": 2", "{a:1,a:2}"},
    /* anchors and aliases */
    {"a: &x [1, 2]\nb: *x\n", "{a:[1,2],b:[1,2]}"},
    {"- &x 1\n- &x 2\n- *x\n", "[1,2,2]"},
    {"a: &x\nb: *x", "{a:null,b:null}"},
    {"- &a 'a'\n- *a", "[\"a\",\"a\"]"},
    {"a: *x", "!yaml.alias 1:4"},
    {"*x", "!yaml.alias 1:1"},
    {"a: &x\n  b: *x", "!yaml.alias 2:6"},
    {"&x [1, [*x]]", "!yaml.alias 1:9"},
    {"&x {*x : 1}", "!yaml.alias 1:5"},
    {"--- &x 1\n--- *x\n", "!yaml.alias 2:5"},
    /* documents */
    {"---\na\n---\nb\n...\n", "\"a\" / \"b\""},
    {"a\n...\n---\n{b: 1}", "\"a\" / {b:1}"},
    {"%YAML 1.2\n---\nyes\n", "\"yes\""},
    {"%YAML 1.1\n---\nyes\n", "\"yes\""},
    {"%YAML 2.0\n---\nyes\n", "!yaml.syntax 1:1"},
    {"--- |\n a\n--- 1", "\"a\\n\" / 1"},
    {"--- text\n", "\"text\""},
    /* syntax */
    {"a: b: c", "!yaml.syntax 1:5"},
    {"[1, 2", "!yaml.syntax 2:1"},
    {"{a: 1", "!yaml.syntax 2:1"},
    {"a: 'x", "!yaml.syntax 1:6"},
    {"a: \"x\\q\"", "!yaml.syntax 1:6"},
    {"a:\n\tb: 1", "!yaml.syntax 2:1"},
    {"a: @x", "!yaml.syntax 1:4"},
    {"a: `x`", "!yaml.syntax 1:4"},
    {"a: %x", "!yaml.syntax 1:4"},
    {"a: 1\n b: 2", "!yaml.syntax 2:3"},
    {"a:\n  - 1\n - 2\n", "!yaml.syntax 3:2"},
    {"a: ]", "!yaml.syntax 1:4"},
    {"- a\nb: 1\n", "!yaml.syntax 2:1"},
    {"a: &x &y 1", "!yaml.syntax 1:7"},
    {"a: |x\n", "!yaml.syntax 1:5"},
    {"\"\\ud83d\\ude00\"", "!yaml.syntax 1:4"},
    /* libyaml would read these as something else */
    {"{?a: 1}", "!yaml.syntax 1:3"},
    {"[?a]", "!yaml.syntax 1:3"},
    {"{? a : 1, ? }", "{a:1,:null}"},
    {"?a: 1", "{?a:1}"},
    {"[a?b, {c: d?}, {e?: f}, [g?], h ? i]",
        "[\"a?b\",{c:\"d?\"},{e?:\"f\"},[\"g?\"],\"h ? i\"]"},
    {"&a:b c", "!yaml.syntax 1:1"},
    {"- &a 1\n- {*a:b}", "!yaml.syntax 2:4"},
    {"- &a 1\n- [*a,&b 2,*b]", "[1,[1,2,2]]"},
    {"%YAML 1.3\n---\na", "!yaml.syntax 1:1"},
    /* bytes */
    {"a: \xff", "!yaml.utf8 1:4"},
    {"a: 1\nb: \xc3\xa5\xc3", "!yaml.utf8 2:5"},
    {"\xed\xa0\x80", "!yaml.utf8 1:1"},
    {"\xc0\x80", "!yaml.utf8 1:1"},
    {"\xff\xfe"
     "a",
        "!yaml.utf8 1:1"},
    {"a: \x01", "!yaml.syntax 1:4"},
    {"a: x\x1b[31m", "!yaml.syntax 1:5"},
    {"# \x7f\n", "!yaml.syntax 1:3"},
    {"# c\xe2\x80\xa8key: evil\n", "!yaml.syntax 1:4"},
    {"\r\n\"\xc2\x85\"", "!yaml.syntax 2:2"},
    {"a: \"x\xe2\x80\xa9\"", "!yaml.syntax 1:6"},
};

static void test_cases(void)
{
	for (size_t i = 0; i < PL_COUNT(cases); i++) {
		struct pl_err err;
		char *got = read_text(cases[i].text, strlen(cases[i].text), 0, &err);
		CHECK_TEXT(got, cases[i].want);
		CHECK(got[0] != '!' || (err.msg[0] && !strchr(err.msg, '\n')));
		free(got);
	}
}

static void test_messages(void)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
	    {"a: 1\nb: 2\na: 3\n", "first on line 1, column 1"},
	    {"a:\n\tb: 1", "a tab cannot indent"},
	    {"a: @x", "must be quoted"},
	    {"a: b: c", "must be quoted"},
	    {"x: *nowhere", "no anchor &nowhere"},
	    {"a:\n - [1,\n   2\nb: 3", "line 2"},
	    {"a: \xff", "0xff"},
	    {"a: \xe2\x80\xa8", "U+2028"},
	    {"a: !x 1", "!!str"},
	    {"[[1]]: 1", "expected text"},
	};
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		struct pl_err err;
		free(read_text(rows[i].text, strlen(rows[i].text), 0, &err));
		if (!strstr(err.msg, rows[i].part))
			CHECK_TEXT(err.msg, rows[i].part);
	}
}

static void test_nul(void)
{
	struct pl_err err;
	char *got = read_text("a: 1\0b", 6, 0, &err);
	CHECK_TEXT(got, "!yaml.syntax 1:5");
	free(got);
}

/* n times the same bytes. */
static char *repeat(const char *s, size_t n)
{
	struct pl_buf b = {0};
	for (size_t i = 0; i < n; i++)
		pl_buf_puts(&b, s);
	return pl_buf_take(&b);
}

static void expect(const char *text, size_t max_nodes, const char *want)
{
	struct pl_err err;
	char *got = read_text(text, strlen(text), max_nodes, &err);
	CHECK_TEXT(got, want);
	free(got);
}

static void test_depth(void)
{
	static const struct {
		const char *unit, *want;
	} rows[] = {
	    {"[", "!yaml.depth 1:65"},
	    {"{a: ", "!yaml.depth 1:257"},
	    {"- ", "!yaml.depth 1:129"},
	    {"? ", "!yaml.key 1:3"},
	    {"a:\n", "!yaml.size 100000:3"},
	    {"[{a: ", "!yaml.depth 1:161"},
	};
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		char *text = repeat(rows[i].unit, 100000);
		expect(text, 0, rows[i].want);
		free(text);
	}
	struct pl_buf b = {0};
	for (int i = 0; i < 64; i++)
		pl_buf_putc(&b, '[');
	for (int i = 0; i < 64; i++)
		pl_buf_putc(&b, ']');
	struct pl_err err;
	char *got = read_text(b.at, b.len, 0, &err);
	CHECK_TEXT(got, b.at);
	free(got);
	pl_buf_fini(&b);
	/* an alias brings its levels with it: 33 below 32 */
	for (int i = 0; i < 33; i++)
		pl_buf_putc(&b, '[');
	char *deep = pl_buf_take(&b);
	for (int i = 0; i < 33; i++)
		pl_buf_putc(&b, ']');
	char *end = pl_buf_take(&b);
	pl_buf_printf(&b, "- &x %s%s\n- %.31s*x%.31s", deep, end, deep, end);
	expect(b.at, 0, "!yaml.depth 2:34");
	pl_buf_reset(&b);
	pl_buf_printf(&b, "- &x %s%s\n- %.30s*x%.30s", deep, end, deep, end);
	got = read_text(b.at, b.len, 0, &err);
	CHECK(got[0] == '[');
	free(got);
	free(deep);
	free(end);
	pl_buf_fini(&b);
}

static void test_size(void)
{
	expect("[1, 2, 3]", 4, "[1,2,3]");
	expect("[1, 2, 3, 4]", 4, "!yaml.size 1:11");
	expect("{a: 1, b: 2}", 3, "{a:1,b:2}");
	expect("- &x [1, 2]\n- *x", 7, "[[1,2],[1,2]]");
	expect("- &x [1, 2]\n- *x", 6, "!yaml.size 2:3");
	expect("1\n---\n2\n---\n3", 2, "!yaml.size 5:1");
	/* billion laughs */
	struct pl_buf b = {0};
	pl_buf_puts(&b, "a0: &a0 lol\n");
	for (int i = 1; i < 40; i++)
		pl_buf_printf(&b,
		    "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i,
		    i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	expect(b.at, 0, "!yaml.size 7:14");
	pl_buf_reset(&b);
	/* a long text, often: shared, not copied */
	pl_buf_puts(&b, "- &x [");
	for (int i = 0; i < 100000; i++)
		pl_buf_puts(&b, "0123456789");
	pl_buf_puts(&b, "x]\n");
	for (int i = 0; i < 40000; i++)
		pl_buf_puts(&b, "- *x\n");
	struct pl_arena a = {0};
	struct pl_value *documents;
	struct pl_err err;
	CHECK(pl_yaml_parse(&documents, &a, b.at, b.len, 0, &err));
	pl_arena_fini(&a);
	pl_buf_reset(&b);
	for (int i = 0; i < 1001; i++)
		pl_buf_printf(&b, "- &a%d\n", i);
	expect(b.at, 0, "!yaml.size 1001:3");
	pl_buf_reset(&b);
	for (int i = 0; i < 60000; i++)
		pl_buf_printf(&b, "key%d: %d\n", i * 7919 % 60000, i);
	CHECK(pl_yaml_parse(&documents, &a, b.at, b.len, 0, &err));
	pl_arena_fini(&a);
	pl_buf_fini(&b);
}

static void test_places(void)
{
	static const char text[] = "\xef\xbb\xbf# c\na: 1\n\xc3\xa5"
	                           "b: [x,  y]\nc:\n  - &k {d: e}\n"
	                           "  - *k\nf:\n";
	static const struct {
		const char *path;
		unsigned line, column;
	} rows[] = {{"a", 2, 4},
	    {"\xc3\xa5"
	     "b",
	        3, 5},
	    {"\xc3\xa5"
	     "b.1",
	        3, 10},
	    {"c", 5, 3}, {"c.0", 5, 5}, {"c.0.d", 5, 12}, {"c.1", 6, 5},
	    {"c.1.d", 5, 12}, {"f", 7, 3}};
	struct pl_arena a = {0};
	struct pl_value *documents = NULL;
	struct pl_err err;
	CHECK(pl_yaml_parse(&documents, &a, text, sizeof(text) - 1, 0, &err));
	const struct pl_value *v = pl_at(documents, "0");
	CHECK(v && v->line == 2 && v->column == 1);
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		const struct pl_value *at = pl_at(v, rows[i].path);
		CHECK(at != NULL);
		if (!at)
			continue;
		CHECK_INT(at->line, rows[i].line);
		CHECK_INT(at->column, rows[i].column);
	}
	CHECK_INT(v->as.map.at[1].line, 3);
	CHECK_INT(v->as.map.at[1].column, 1);
	/* a copy: what is set in one is not in the other */
	pl_map_set(&a, pl_at(v, "c.1"), "d", pl_int(&a, 1));
	CHECK_TEXT(pl_text_of(pl_at(v, "c.0.d"), ""), "e");
	pl_arena_fini(&a);
}

/* ---- writing ------------------------------------------------------------ */

static void test_write(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
	    {"null", "null\n"},
	    {"{a: 1, b: [1.0, .inf, -.inf, .nan, -0.0, 0.1]}",
	        "a: 1\nb:\n- 1.0\n- .inf\n- -.inf\n- .nan\n- -0.0\n- 0.1\n"},
	    {"[\"true\", \"null\", \"\", \"~\", \"12\", \"1.5\", \"0x1f\", \"0o7\"]",
	        "- \"true\"\n- \"null\"\n- \"\"\n- \"~\"\n- \"12\"\n- \"1.5\"\n- "
	        "\"0x1f\"\n- \"0o7\"\n"},
	    {"[yes, no, on, off, 'y', 12:30, 1_000, 2026-11-20, \"<<\", \"=\", "
	     "99999999999999999999]",
	        "- \"yes\"\n- \"no\"\n- \"on\"\n- \"off\"\n- \"y\"\n- \"12:30\"\n- "
	        "\"1_000\"\n- \"2026-11-20\"\n- \"<<\"\n- \"=\"\n- "
	        "\"99999999999999999999\"\n"},
	    {"[plain, main/feature-1, v1.2.3, api.example.com]",
	        "- plain\n- main/feature-1\n- v1.2.3\n- api.example.com\n"},
	    {"{a: \"one\\ntwo\\n\", b: {}, c: []}",
	        "a: |\n  one\n  two\nb: {}\nc: []\n"},
	    {"{\"1\": a, \"true\": b, \"\": c}", "\"1\": a\n\"true\": b\n\"\": c\n"},
	    {"\"\\e[31m\\u2028\\0\"", "\"\\e[31m\\L\\0\"\n"},
	};
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		struct pl_arena a = {0};
		struct pl_value *documents = NULL;
		struct pl_err err = {0};
		struct pl_buf b = {0};
		CHECK(pl_yaml_parse(
		    &documents, &a, rows[i].text, strlen(rows[i].text), 0, &err));
		CHECK(pl_yaml_write(&b, pl_at(documents, "0"), &err));
		CHECK_TEXT(b.at, rows[i].want);
		pl_buf_fini(&b);
		pl_arena_fini(&a);
	}
}

/* Text that is hard to quote, as value and as key: written, it reads back. */
static void test_round_trip(void)
{
	static const char *const texts[] = {"", " ", "a ", " a", "- a", "a: b", "a #b",
	    "#a", "a\nb", "a\nb\n", "\na", "a\n\n", "\n", " a\nb\n", "a \nb\n", "a\tb",
	    "\ta", "'", "\"", "it's \"it\"", "[a", "{a", "*a", "&a", "!a", "|", ">",
	    "%a", "@a", "`a", "?", "? a", ":", ": a", "-", "--", "---", "...",
	    "a:", "key: |\n  x\n", "---\nx\n", "# x\ny\n", "\\", "a\\nb", "\r",
	    "a\r\nb\n", "\x7f", "\x1b[0m", "\xc2\x85", "\xe2\x80\xa8",
	    "\xef\xbb\xbf"
	    "a",
	    "\xf0\x9f\x98\x80", "\xc3\xa5\n\xc3\xa5\n", "1e5", "+1", ".5", "0b1",
	    "1:2:3", "0o", "0x", "NULL", "Off", ".NaN", ",", "a, b", "a]", "x: [",
	    "very long text that goes on and on and on and on and on and on "
	    "and on and on and on and on and on and on and on and on and on"};
	for (size_t i = 0; i < PL_COUNT(texts); i++) {
		struct pl_arena a = {0};
		struct pl_value *documents = NULL, *list = pl_list(&a),
		                *map = pl_map(&a);
		struct pl_err err = {0};
		struct pl_buf b = {0};
		pl_map_set(&a, map, texts[i], pl_text(&a, texts[i]));
		pl_list_add(&a, list, map);
		pl_list_add(&a, list, pl_text(&a, texts[i]));
		CHECK(pl_yaml_write(&b, list, &err));
		bool ok = pl_yaml_parse(&documents, &a, b.at, b.len, 0, &err);
		CHECK(ok);
		if (!ok || !pl_same(pl_at(documents, "0"), list))
			CHECK_TEXT(b.at, texts[i]);
		pl_buf_fini(&b);
		pl_arena_fini(&a);
	}
}

static void test_write_errors(void)
{
	struct pl_arena a = {0};
	struct pl_err err = {0};
	struct pl_buf b = {0};
	struct pl_value *map = pl_map(&a);
	pl_map_set(&a, map, "key", pl_secret_value(&a, NULL));
	CHECK(!pl_yaml_write(&b, map, &err));
	CHECK_TEXT(err.code, "yaml.value");
	CHECK(strstr(err.msg, "key") != NULL);
	CHECK(!pl_yaml_write(&b, pl_text(&a, "\xff"), &err));
	CHECK_TEXT(err.code, "yaml.value");
	struct pl_value *deep = pl_null(&a);
	for (int i = 0; i < 600; i++) {
		struct pl_value *outer = pl_list(&a);
		pl_list_add(&a, outer, deep);
		deep = outer;
	}
	CHECK(!pl_yaml_write(&b, deep, &err));
	CHECK_TEXT(err.code, "yaml.depth");
	CHECK(b.len == 0);
	CHECK(pl_yaml_write(&b, NULL, &err));
	CHECK_TEXT(b.at, "null\n");
	pl_buf_fini(&b);
	pl_arena_fini(&a);
}

int main(void)
{
	CHECK_CASE("yaml: cases");
	test_cases();
	CHECK_CASE("yaml: messages");
	test_messages();
	CHECK_CASE("yaml: nul");
	test_nul();
	CHECK_CASE("yaml: depth");
	test_depth();
	CHECK_CASE("yaml: size");
	test_size();
	CHECK_CASE("yaml: places");
	test_places();
	CHECK_CASE("yaml: write");
	test_write();
	CHECK_CASE("yaml: round trip");
	test_round_trip();
	CHECK_CASE("yaml: write errors");
	test_write_errors();
	return check_end();
}
