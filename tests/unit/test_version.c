/* Versions: reading, order, ranges, the next one. */
#include "../../interp/base/base.h"
#include "check.h"

static void test_read(void)
{
	static const struct {
		const char *text, *strict, *loose; /* as written again; NULL: refused */
	} rows[] = {
	    {"1.2.3", "1.2.3", "1.2.3"},
	    {"0.0.0", "0.0.0", "0.0.0"},
	    {"1.2.3-rc.1", "1.2.3-rc.1", "1.2.3-rc.1"},
	    {"1.2.3-rc.1+5114f85", "1.2.3-rc.1+5114f85", "1.2.3-rc.1+5114f85"},
	    {"1.2.3+001", "1.2.3+001", "1.2.3+001"},
	    {"1.2.3--", "1.2.3--", "1.2.3--"},
	    {"1.2.3-0a.x-y", "1.2.3-0a.x-y", "1.2.3-0a.x-y"},
	    {"1.2.3-99999999999999999999999", "1.2.3-99999999999999999999999",
	        "1.2.3-99999999999999999999999"},
	    {"9007199254740991.0.0", "9007199254740991.0.0", "9007199254740991.0.0"},
	    {"v1.2.3", NULL, "1.2.3"},
	    {"V1.2.3", NULL, "1.2.3"},
	    {"=1.2.3", NULL, "1.2.3"},
	    {"= v1.2.3", NULL, "1.2.3"},
	    {" 1.2.3\n", NULL, "1.2.3"},
	    {"1.2", NULL, "1.2.0"},
	    {"7", NULL, "7.0.0"},
	    {"v7", NULL, "7.0.0"},
	    {"1.2-rc.1", NULL, "1.2.0-rc.1"},
	    {"1.2+7", NULL, "1.2.0+7"},
	    {"2026-11-22", NULL, NULL},
	    {"", NULL, NULL},
	    {"v", NULL, NULL},
	    {"vv1.2.3", NULL, NULL},
	    {"==1.2.3", NULL, NULL},
	    {"v 1.2.3", NULL, NULL},
	    {"01.2.3", NULL, NULL},
	    {"1.02.3", NULL, NULL},
	    {"1.2.03", NULL, NULL},
	    {"1.2.3-01", NULL, NULL},
	    {"1.2.3-rc.01", NULL, NULL},
	    {"1.2.3-", NULL, NULL},
	    {"1.2.3-a..b", NULL, NULL},
	    {"1.2.3-.a", NULL, NULL},
	    {"1.2.3-a.", NULL, NULL},
	    {"1.2.3+", NULL, NULL},
	    {"1.2.3+a..b", NULL, NULL},
	    {"1.2.3+a+b", NULL, NULL},
	    {"1.2.3-a_b", NULL, NULL},
	    {"1.2.3-\xc3\xa6", NULL, NULL},
	    {"1.2.3.4", NULL, NULL},
	    {"1.2.", NULL, NULL},
	    {"1..3", NULL, NULL},
	    {".1.2", NULL, NULL},
	    {"-1.2.3", NULL, NULL},
	    {"+1.2.3", NULL, NULL},
	    {"1.2.x", NULL, NULL},
	    {"1.2.3 4", NULL, NULL},
	    {"1. 2.3", NULL, NULL},
	    {"9007199254740992.0.0", NULL, NULL},
	    {"1.99999999999999999999999.0", NULL, NULL},
	};

	CHECK_CASE("read");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		for (int strict = 0; strict < 2; strict++) {
			const char *want = strict ? rows[i].strict : rows[i].loose;
			struct pl_arena a = {0};
			struct pl_buf b = {0};
			struct pl_err e = {0};
			struct pl_version v;
			bool ok = pl_version_parse(&v, &a, rows[i].text, strict, &e);
			if (ok)
				pl_version_write(&b, &v);
			if (!CHECK_TEXT(ok ? b.at : NULL, want))
				printf("  \"%s\" strict %d\n", rows[i].text, strict);
			if (!ok)
				CHECK_TEXT(e.code, "version.syntax");
			pl_buf_fini(&b);
			pl_arena_fini(&a);
		}
	}
}

static void test_order(void)
{
	/* Each comes before the next: semver.org, section 11, and its edges. */
	static const char *const rows[] = {"0.0.0-0", "0.0.0", "0.0.1", "0.1.0",
	    "0.2.0", "0.10.0", "1.0.0-0", "1.0.0-1", "1.0.0-2", "1.0.0-10",
	    "1.0.0-9007199254740993", "1.0.0-9007199254740994",
	    "1.0.0-99999999999999999999", "1.0.0--", "1.0.0-1a", "1.0.0-A",
	    "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.1.0", "1.0.0-alpha.beta",
	    "1.0.0-alpha-1", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
	    "1.0.0-rc.1", "1.0.0", "1.0.1-0", "1.0.1", "2.0.0", "2.1.0", "2.1.1",
	    "10.0.0"};
	struct pl_arena a = {0};

	CHECK_CASE("order");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		for (size_t j = 0; j < PL_COUNT(rows); j++) {
			struct pl_version x, y;
			CHECK(pl_version_parse(&x, &a, rows[i], true, NULL));
			CHECK(pl_version_parse(&y, &a, rows[j], true, NULL));
			if (!CHECK_INT(pl_version_compare(&x, &y), (i > j) - (i < j)))
				printf("  %s %s\n", rows[i], rows[j]);
		}
	}
	struct pl_version x, y;
	CHECK(pl_version_parse(&x, &a, "1.0.0+a", true, NULL));
	CHECK(pl_version_parse(&y, &a, "1.0.0+b", true, NULL));
	CHECK_INT(pl_version_compare(&x, &y), 0);
	pl_arena_fini(&a);
}

/* ---- ranges ---------------------------------------------------------------- */

static void test_ranges(void)
{
	static const struct {
		const char *range, *in, *out; /* versions with blanks between */
	} rows[] = {
	    /* Comparators; a blank is "and", || is "or". */
	    {"1.2.3", "1.2.3 1.2.3+b", "1.2.2 1.2.4 1.2.3-rc.1"},
	    {"=1.2.3", "1.2.3", "1.2.4"},
	    {"= 1.2.3", "1.2.3", "1.2.4"},
	    {"v1.2.3", "1.2.3", "1.2.4"},
	    {"=v1.2.3", "1.2.3", "1.2.4"},
	    {">=1.2.7", "1.2.7 1.2.8 2.5.3 1.3.9", "1.2.6 1.1.0"},
	    {">1.2.7", "1.2.8", "1.2.7"},
	    {"<=1.2.7", "1.2.7 0.0.1", "1.2.8"},
	    {"<1.2.7", "1.2.6", "1.2.7 1.2.7-rc.1"},
	    {">=1.2.7 <1.3.0", "1.2.7 1.2.8 1.2.99", "1.2.6 1.3.0 1.1.0"},
	    {">= 1.2.7   <  1.3.0", "1.2.7 1.2.99", "1.3.0"},
	    {" >=1.2.7\t<1.3.0\n", "1.2.7", "1.3.0"},
	    {"1.2.7 || >=1.2.9 <2.0.0", "1.2.7 1.2.9 1.4.6", "1.2.8 2.0.0"},
	    {"1.2.7||1.2.9", "1.2.7 1.2.9", "1.2.8"},
	    {"<1 || >2 || 1.5.0", "0.9.9 3.0.0 1.5.0", "1.0.0 2.0.0 2.9.9"},
	    {">1.2.3+b", "1.2.4", "1.2.3"},
	    /* A pre-release only where its own numbers have one. */
	    {">1.2.3-alpha.3", "1.2.3-alpha.7 3.4.5 1.2.3",
	        "3.4.5-alpha.9 1.2.3-alpha.3"},
	    {">=1.2.3-alpha <2.0.0", "1.2.3-beta 1.2.4", "1.2.4-beta 2.0.0-0"},
	    {"1.2.3-rc.1", "1.2.3-rc.1", "1.2.3 1.2.3-rc.2"},
	    {">=1.0.0", "1.0.0", "1.0.0-rc.1 2.0.0-rc.1"},
	    {"<2.0.0-rc.2", "2.0.0-rc.1 1.9.9", "1.9.9-rc.1 2.0.0-rc.2"},
	    {"1.2.3-rc.1 || 2.0.0", "1.2.3-rc.1 2.0.0", "2.0.0-rc.1"},
	    /* Hyphens. */
	    {"1.2.3 - 2.3.4", "1.2.3 2.3.4 2.0.0", "1.2.2 2.3.5"},
	    {"1.2 - 2.3.4", "1.2.0 2.3.4", "1.1.9 2.3.5"},
	    {"1 - 2.3.4", "1.0.0", "0.9.9"},
	    {"1.2.3 - 2.3", "2.3.0 2.3.99", "2.4.0 2.4.0-0"},
	    {"1.2.3 - 2", "2.0.0 2.99.99", "3.0.0"},
	    {"1.2.3 - *", "1.2.3 99.0.0", "1.2.2"},
	    {"* - 2", "0.0.0 2.9.9", "3.0.0"},
	    {"1.2.3  -  2.3.4 || 5", "2.0.0 5.5.5", "3.0.0"},
	    {"1.2.3-rc.1 - 2.0.0-rc.3", "1.2.3-rc.2 2.0.0-rc.3",
	        "2.0.0-rc.4 2.0.0 1.3.0-a"},
	    {"v1.0.0 - v1.2.0", "1.1.0", "1.3.0"},
	    /* x. */
	    {"*", "0.0.0 1.2.3", "1.2.3-rc.1"},
	    {"", "0.0.0 1.2.3", "1.2.3-rc.1"},
	    {"   ", "1.2.3", "1.2.3-rc.1"},
	    {"x", "1.2.3", "1.2.3-rc.1"},
	    {"1.x", "1.0.0 1.9.9", "0.9.9 2.0.0 2.0.0-0"},
	    {"1.X", "1.0.0", "2.0.0"},
	    {"1.2.x", "1.2.0 1.2.9", "1.3.0 1.1.9"},
	    {"1.2.*", "1.2.0", "1.3.0"},
	    {"1.*.*", "1.9.0", "2.0.0"},
	    {"1", "1.0.0 1.9.9", "2.0.0"},
	    {"1.2", "1.2.0 1.2.9", "1.3.0"},
	    {"=1.2", "1.2.0 1.2.9", "1.3.0"},
	    {"0", "0.0.0 0.9.9", "1.0.0"},
	    {"x.x.x", "1.0.0", "1.0.0-0"},
	    {"|| 1", "5.0.0", "5.0.0-a"},
	    {"1 ||", "5.0.0", "5.0.0-a"},
	    {"||", "5.0.0", "5.0.0-a"},
	    {">1", "2.0.0 3.1.0", "1.0.1 1.1.0 2.0.0-0"},
	    {">1.2", "1.3.0", "1.2.9 1.2.0"},
	    {">=1.2", "1.2.0", "1.1.9 1.2.0-0"},
	    {">= 1.2", "1.2.0", "1.1.9"},
	    {"<1.2", "1.1.9", "1.2.0 1.2.0-0"},
	    {"<=1.2", "1.2.9 1.2.0", "1.3.0 1.3.0-0"},
	    {"<=1", "1.9.9", "2.0.0"},
	    {"<1", "0.9.9", "1.0.0"},
	    {">=*", "1.0.0", "1.0.0-a"},
	    {"<=x", "1.0.0", "1.0.0-a"},
	    {">*", "", "0.0.0 1.0.0 99.0.0"},
	    {"<*", "", "0.0.0 1.0.0"},
	    {">* || 1", "1.0.0", "2.0.0"},
	    {"* >=1.5 <1.7", "1.5.0", "1.7.0"},
	    /* Tilde. */
	    {"~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0 1.3.0-0"},
	    {"~1.2", "1.2.0 1.2.9", "1.3.0 1.1.9"},
	    {"~1", "1.0.0 1.9.9", "2.0.0"},
	    {"~0.2.3", "0.2.3 0.2.9", "0.3.0"},
	    {"~0.2", "0.2.0", "0.3.0"},
	    {"~0", "0.9.9", "1.0.0"},
	    {"~1.2.3-beta.2", "1.2.3-beta.4 1.2.3 1.2.9",
	        "1.2.4-beta.2 1.2.3-beta.1 1.3.0"},
	    {"~ 1.2.3", "1.2.9", "1.3.0"},
	    {"~>1.2.3", "1.2.9", "1.3.0"},
	    {"~> 1.2", "1.2.9", "1.3.0"},
	    {"~v1.2.3", "1.2.9", "1.3.0"},
	    {"~*", "1.0.0", "1.0.0-a"},
	    {"~1.x", "1.9.0", "2.0.0"},
	    /* Caret. */
	    {"^1.2.3", "1.2.3 1.9.9", "1.2.2 2.0.0 2.0.0-0 1.3.0-rc.1"},
	    {"^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3.0"},
	    {"^0.0.3", "0.0.3", "0.0.2 0.0.4"},
	    {"^1.2.3-beta.2", "1.2.3-beta.4 1.9.0", "1.2.4-beta.2 1.2.3-beta.1"},
	    {"^0.0.3-beta", "0.0.3-pr.2 0.0.3", "0.0.4 0.0.3-alpha"},
	    {"^0.2.3-beta", "0.2.3-beta 0.2.4", "0.3.0 0.2.4-beta"},
	    {"^1.2.x", "1.2.0 1.9.0", "2.0.0 1.1.9"},
	    {"^0.0.x", "0.0.0 0.0.9", "0.1.0"},
	    {"^0.0", "0.0.0 0.0.9", "0.1.0"},
	    {"^0.1", "0.1.0 0.1.9", "0.2.0"},
	    {"^1.x", "1.0.0 1.9.9", "2.0.0"},
	    {"^0.x", "0.0.0 0.9.9", "1.0.0"},
	    {"^0", "0.9.9", "1.0.0"},
	    {"^1", "1.9.9", "2.0.0"},
	    {"^ 1.2", "1.9.9", "2.0.0"},
	    {"^*", "1.0.0", "1.0.0-a"},
	    {"^0.0.0", "0.0.0", "0.0.1"},
	    {"^1.2.3+build", "1.2.4", "2.0.0"},
	    {"^1 ~1.2", "1.2.9", "1.3.0"},
	    {"^1.2 || ^2.3", "1.9.0 2.3.0", "2.2.0 3.0.0"},
	};

	CHECK_CASE("ranges");
	size_t cases = 0;
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		for (int in = 0; in < 2; in++) {
			char versions[200], *rest = NULL;
			snprintf(versions, sizeof versions, "%s",
			    in ? rows[i].in : rows[i].out);
			for (char *word = strtok_r(versions, " ", &rest); word;
			     word = strtok_r(NULL, " ", &rest)) {
				struct pl_arena a = {0};
				struct pl_err e = {0};
				struct pl_version v;
				bool got = !in;
				CHECK(pl_version_parse(&v, &a, word, true, NULL));
				CHECK(pl_version_in_range(
				    &got, &v, rows[i].range, false, &e));
				if (!CHECK(got == in))
					printf("  %s in \"%s\" %s\n", word,
					    rows[i].range, e.msg);
				pl_arena_fini(&a);
				cases++;
			}
		}
	}
	CHECK(cases >= 200);
}

static void test_with_pre(void)
{
	static const struct {
		const char *range, *version;
		bool in;
	} rows[] = {
	    {"*", "1.0.0-rc.1", true},
	    {"", "1.0.0-rc.1", true},
	    {"^1.2.3", "1.3.0-rc.1", true},
	    {"^1.2.3", "2.0.0-rc.1", false},
	    {"^1.2.3", "1.2.3-rc.1", false},
	    {"^1.2", "1.2.0-rc.1", true},
	    {"^1", "1.0.0-rc.1", true},
	    {"^0.2.3", "0.2.3-rc.1", false},
	    {"^0.0", "0.0.0-rc.1", true},
	    {"~1.2", "1.2.0-rc.1", true},
	    {"~1.2.3", "1.2.3-rc.1", false},
	    {"~1.2.3", "1.3.0-rc.1", false},
	    {"1.2", "1.2.0-rc.1", true},
	    {"1.x", "1.0.0-0", true},
	    {"1.x", "2.0.0-0", false},
	    {">=1.2", "1.2.0-rc.1", true},
	    {">=1.2.0", "1.2.0-rc.1", false},
	    {">1", "2.0.0-rc.1", true},
	    {">1", "1.9.9-rc.1", false},
	    {"<2", "2.0.0-rc.1", false},
	    {"<=1.2", "1.3.0-0", false},
	    {"<=1.2", "1.2.9-rc.1", true},
	    {"1.2.3 - 2.3.4", "1.2.3-rc.1", true},
	    {"1.2.3 - 2.3.4", "2.3.5-rc.1", false},
	    {"1.2.3 - 2.3.4", "2.3.4-rc.1", true},
	    {"1.2 - 2.3", "1.2.0-rc.1", true},
	    {"1.2 - 2.3", "2.4.0-rc.1", false},
	    {"<1.2.3", "1.2.3-rc.1", true},
	    {"1.2.3", "1.2.3-rc.1", false},
	    {">*", "1.0.0-rc.1", false},
	};
	struct pl_arena a = {0};

	CHECK_CASE("ranges with all pre-releases");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		struct pl_version v;
		bool got = !rows[i].in;
		CHECK(pl_version_parse(&v, &a, rows[i].version, true, NULL));
		CHECK(pl_version_in_range(&got, &v, rows[i].range, true, NULL));
		if (!CHECK(got == rows[i].in))
			printf("  %s in \"%s\"\n", rows[i].version, rows[i].range);
	}
	pl_arena_fini(&a);
}

static void test_no_ranges(void)
{
	static const char *const rows[] = {"latest", "1.2.3.4", ">", ">=", "^", "~",
	    "=", ">=1.2.3<2", "1.2-rc.1", "1-2", "01", "1.02", "1.2.03", "1.2.3-01",
	    "1.2.3-", "1.2.3+", "1.2.3-a..b", "1 | 2", "1 ||| 2", "|", "1 -2", "1- 2",
	    "1 - 2 3", "0 1 - 2", "1 - ", "- 1", "1 - >2", ">1 - 2", "^1 - 2", "<>1",
	    "=>1", "=<1", "==1", "!1", "!=1", "1,2", ">1, <2", "1 && 2", "1 or 2",
	    "(1)", "vx1", "vv1", "1.", ".1", "1..2", "9007199254740992", "1.2.3 || foo",
	    "foo || 1.2.3", "~~1", "^^1", "^~1", "1.2.3 - 2.3.4 - 3", "\"1.2.3\"",
	    "1.2.y", "1.2.3\v"};
	struct pl_version v = {
	    .major = 1, .minor = 2, .patch = 3, .pre = "", .build = ""};

	CHECK_CASE("no ranges");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		struct pl_err e = {0};
		bool got = true;
		if (!CHECK(!pl_version_in_range(&got, &v, rows[i], false, &e)))
			printf("  %s\n", rows[i]);
		CHECK_TEXT(e.code, "version.range");
		CHECK(got);
	}
	struct pl_err e = {0};
	bool got;
	CHECK(!pl_version_in_range(&got, &v, ">=1.2 <2.q", false, &e));
	CHECK(strstr(e.msg, "\">=1.2 <2.q\"") && strstr(e.msg, "at character 10"));
}

/* ---- the next one ---------------------------------------------------------- */

static void test_bump(void)
{
	static const struct {
		const char *version, *kind, *id, *next; /* NULL: refused */
	} rows[] = {
	    {"1.2.3", "major", NULL, "2.0.0"},
	    {"1.2.3", "minor", NULL, "1.3.0"},
	    {"1.2.3", "patch", NULL, "1.2.4"},
	    {"1.2.3+build", "patch", NULL, "1.2.4"},
	    {"1.2.3-rc.1", "patch", NULL, "1.2.3"},
	    {"1.2.3-rc.1", "minor", NULL, "1.3.0"},
	    {"1.2.0-rc.1", "minor", NULL, "1.2.0"},
	    {"1.2.0-rc.1", "major", NULL, "2.0.0"},
	    {"2.0.0-rc.1", "major", NULL, "2.0.0"},
	    {"2.0.0-rc.1", "minor", NULL, "2.0.0"},
	    {"2.0.0-rc.1", "patch", NULL, "2.0.0"},
	    {"1.2.3", "premajor", NULL, "2.0.0-0"},
	    {"1.2.3", "preminor", NULL, "1.3.0-0"},
	    {"1.2.3", "prepatch", NULL, "1.2.4-0"},
	    {"1.2.3", "premajor", "rc", "2.0.0-rc.0"},
	    {"1.2.3", "preminor", "rc", "1.3.0-rc.0"},
	    {"1.2.3", "prepatch", "rc", "1.2.4-rc.0"},
	    {"2.0.0-rc.1", "premajor", "rc", "3.0.0-rc.0"},
	    {"2.0.0-rc.1", "preminor", "rc", "2.1.0-rc.0"},
	    {"2.0.0-rc.1", "prepatch", "rc", "2.0.1-rc.0"},
	    {"1.2.3", "prerelease", NULL, "1.2.4-0"},
	    {"1.2.3", "prerelease", "rc", "1.2.4-rc.0"},
	    {"1.2.4-0", "prerelease", NULL, "1.2.4-1"},
	    {"1.2.4-rc.0", "prerelease", "rc", "1.2.4-rc.1"},
	    {"1.2.4-rc.9", "prerelease", NULL, "1.2.4-rc.10"},
	    {"1.2.4-rc", "prerelease", "rc", "1.2.4-rc.0"},
	    {"1.2.4-rc", "prerelease", NULL, "1.2.4-rc.0"},
	    {"1.2.4-rc.x", "prerelease", "rc", "1.2.4-rc.0"},
	    {"1.2.4-rc.1.x", "prerelease", NULL, "1.2.4-rc.2.x"},
	    {"1.2.4-rc.1.2", "prerelease", NULL, "1.2.4-rc.1.3"},
	    {"1.2.4-beta.3", "prerelease", "rc", "1.2.4-rc.0"},
	    {"1.2.4-0", "prerelease", "rc", "1.2.4-rc.0"},
	    {"1.2.4-rcx.3", "prerelease", "rc", "1.2.4-rc.0"},
	    {"1.2.4-a.b.1", "prerelease", "a.b", "1.2.4-a.b.2"},
	    {"1.2.4-rc.1", "release", NULL, "1.2.4"},
	    {"1.2.4-rc.1+b", "release", NULL, "1.2.4"},
	    {"1.2.4", "release", NULL, NULL},
	    {"1.2.3", "Major", NULL, NULL},
	    {"1.2.3", "", NULL, NULL},
	    {"1.2.3", "pre", NULL, NULL},
	    {"1.2.3", "prerelaese", NULL, NULL},
	    {"1.2.3", "prepatch", "", NULL},
	    {"1.2.3", "prepatch", "a b", NULL},
	    {"1.2.3", "prepatch", "01", NULL},
	    {"1.2.3", "prepatch", "a..b", NULL},
	    {"9007199254740991.0.0", "major", NULL, NULL},
	    {"0.0.9007199254740991", "patch", NULL, NULL},
	    {"1.0.0-9007199254740991", "prerelease", NULL, NULL},
	    {"1.0.0-99999999999999999999", "prerelease", NULL, NULL},
	    {"1.0.0-9007199254740990", "prerelease", NULL, "1.0.0-9007199254740991"},
	};

	CHECK_CASE("the next one");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		struct pl_arena a = {0};
		struct pl_buf b = {0};
		struct pl_err e = {0};
		struct pl_version v, next;
		CHECK(pl_version_parse(&v, &a, rows[i].version, true, NULL));
		bool ok = pl_version_bump(&next, &a, &v, rows[i].kind, rows[i].id, &e);
		if (ok)
			pl_version_write(&b, &next);
		if (!CHECK_TEXT(ok ? b.at : NULL, rows[i].next))
			printf("  %s %s %s\n", rows[i].version, rows[i].kind, e.msg);
		if (!ok)
			CHECK_TEXT(e.code, "version.bump");
		pl_buf_fini(&b);
		pl_arena_fini(&a);
	}
	struct pl_arena a = {0};
	struct pl_err e = {0};
	struct pl_version v;
	CHECK(pl_version_parse(&v, &a, "1.2.3", true, NULL));
	CHECK(!pl_version_bump(&v, &a, &v, "prerelaese", NULL, &e));
	CHECK(strstr(e.msg, "did you mean \"prerelease\"?") != NULL);
	/* In place. */
	CHECK(pl_version_bump(&v, &a, &v, "minor", NULL, &e));
	CHECK(v.minor == 3 && v.patch == 0);
	pl_arena_fini(&a);
}

int main(void)
{
	test_read();
	test_order();
	test_ranges();
	test_with_pre();
	test_no_ranges();
	test_bump();
	return check_end();
}
