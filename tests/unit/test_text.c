/* UTF-8, printable text, nearest words, durations, times. */
#include "../../interp/base/base.h"
#include "check.h"

static void test_utf8(void)
{
	static const char *const good[] = {"", "a", "\xc2\x80", "\xdf\xbf",
	    "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
	    "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
	    "12345678\xc3\xa6"
	    "12345678"};
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf",
	    "\xc2",
	    "\xc2"
	    "a",
	    "\xe0\x9f\xbf", "\xe0\xa0", "\xed\xa0\x80", "\xed\xbf\xbf",
	    "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
	    "\xfe", "\xff", "1234567\xe2\x82", "12345678\xff", "\xe2\x28\xa1"};

	CHECK_CASE("utf-8");
	for (size_t i = 0; i < PL_COUNT(good); i++)
		CHECK(pl_utf8_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < PL_COUNT(bad); i++)
		if (!CHECK(!pl_utf8_valid(bad[i], strlen(bad[i]))))
			printf("  row %zu\n", i);
	CHECK(pl_utf8_valid("a\0b", 3));
	CHECK(!pl_utf8_valid("\xc3\xa6", 1));
}

static void test_printable(void)
{
	static const struct {
		const char *text, *line, *lines;
	} rows[] = {
	    {"", "", ""},
	    {"plain \xc3\xa6", "plain \xc3\xa6", "plain \xc3\xa6"},
	    {"a\nb\tc", "a\\nb\\tc", "a\nb\tc"},
	    {"a\r\n", "a\\r\\n", "a\\r\n"},
	    {"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m", "\\x1b[31mred\\x1b[0m"},
	    {"\a\b\x7f", "\\x07\\x08\\x7f", "\\x07\\x08\\x7f"},
	    {"\xff\xfe", "\\xff\\xfe", "\\xff\\xfe"},
	    {"\xe2\x82", "\\xe2\\x82", "\\xe2\\x82"},
	    /* C1 controls: CSI in eight bits. */
	    {"\xc2\x9b"
	     "31m",
	        "\\u009b31m", "\\u009b31m"},
	    {"\x9b", "\\x9b", "\\x9b"},
	    /* Right-to-left override and a line separator. */
	    {"a\xe2\x80\xae"
	     "b",
	        "a\\u202eb", "a\\u202eb"},
	    {"a\xe2\x80\xa8"
	     "b",
	        "a\\u2028b", "a\\u2028b"},
	    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
	};

	CHECK_CASE("printable");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		struct pl_buf b = {0};
		pl_printable(&b, rows[i].text, strlen(rows[i].text), false);
		CHECK_TEXT(b.at, rows[i].line);
		pl_buf_reset(&b);
		pl_printable(&b, rows[i].text, strlen(rows[i].text), true);
		CHECK_TEXT(b.at, rows[i].lines);
		pl_buf_fini(&b);
	}
	struct pl_buf b = {0};
	pl_printable(&b, "a\0b", 3, true);
	CHECK_TEXT(b.at, "a\\x00b");
	pl_buf_fini(&b);
}

static void test_nearest(void)
{
	static const char *const words[] = {
	    "run", "resume", "reject", "approve", "abandon", "audit", "plan"};
	static const struct {
		const char *word, *meant;
	} rows[] = {{"resme", "resume"}, {"rusume", "resume"}, {"aprove", "approve"},
	    {"approev", "approve"}, {"rnu", "run"}, {"plna", "plan"}, {"run", "run"},
	    {"audits", "audit"}, {"xyz", NULL}, {"", NULL}, {"p", NULL},
	    {"deploy-everything", NULL}, {"rejct", "reject"}};

	CHECK_CASE("nearest");
	for (size_t i = 0; i < PL_COUNT(rows); i++)
		if (!CHECK_TEXT(pl_nearest(rows[i].word, words, PL_COUNT(words)),
		        rows[i].meant))
			printf("  %s\n", rows[i].word);
	CHECK(pl_nearest("run", words, 0) == NULL);
	char huge[3000];
	memset(huge, 'r', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	CHECK(pl_nearest(huge, words, PL_COUNT(words)) == NULL);
}

static void test_durations(void)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {{"250ms", 250}, {"90s", 90000}, {"10m", 600000}, {"1h30m", 5400000},
	    {"14d", 1209600000}, {"0s", 0}, {"1d2h3m4s5ms", 93784005}, {"1m5ms", 60005},
	    {"007s", 7000}, {"106751991167d", INT64_C(9223372036828800000)},
	    {"9223372036854775807ms", INT64_MAX}};
	static const struct {
		const char *text, *why;
	} bad[] = {{"", "it is empty"}, {"-1s", "it is negative"},
	    {"10", "a unit is missing"}, {"10x", "the units are d, h, m, s and ms"},
	    {"1w", "the units are"}, {"10 m", "the units are"},
	    {" 10m", "a whole number is missing"},
	    {"10m ", "a whole number is missing"}, {"1.5h", "only whole numbers"},
	    {"1,5h", "only whole numbers"}, {"m", "a whole number is missing"},
	    {"+1m", "a whole number is missing"}, {"1M", "the units are"},
	    {"30m1h", "from long to short"}, {"1m1m", "from long to short"},
	    {"5ms1s", "from long to short"}, {"106751991168d", "too long"},
	    {"9223372036854775808ms", "too long"},
	    {"9223372036854775807ms1s", "from long"}, {"106751991167d23h", "too long"},
	    {"99999999999999999999999s", "too long"}, {"1h30", "a unit is missing"},
	    {"1e3s", "the units are"}};

	CHECK_CASE("durations read");
	for (size_t i = 0; i < PL_COUNT(good); i++) {
		int64_t ms = -1;
		CHECK(pl_duration_parse(&ms, good[i].text, NULL));
		if (!CHECK_INT(ms, good[i].ms))
			printf("  %s\n", good[i].text);
	}
	for (size_t i = 0; i < PL_COUNT(bad); i++) {
		int64_t ms = -1;
		struct pl_err e = {0};
		CHECK(!pl_duration_parse(&ms, bad[i].text, &e));
		CHECK_INT(ms, -1);
		CHECK_TEXT(e.code, "duration.syntax");
		if (!CHECK(strstr(e.msg, bad[i].why) != NULL))
			printf("  %s: %s\n", bad[i].text, e.msg);
	}
}

static void test_durations_written(void)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {{0, "0.0s"}, {49, "0.0s"}, {50, "0.1s"}, {250, "0.3s"},
	    {1000, "1.0s"}, {9949, "9.9s"}, {9950, "10s"}, {9999, "10s"},
	    {10000, "10s"}, {59499, "59s"}, {59500, "1m"}, {60000, "1m"},
	    {61000, "1m 1s"}, {3600000, "1h"}, {5025000, "1h 23m 45s"},
	    {3605000, "1h 5s"}, {86400000, "1d"}, {1209600000, "14d"},
	    {90061000, "1d 1h 1m 1s"}, {-1500, "-1.5s"}, {-60000, "-1m"},
	    {INT64_MAX, "106751991167d 7h 12m 56s"},
	    {INT64_MIN, "-106751991167d 7h 12m 56s"}};

	CHECK_CASE("durations written");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		struct pl_buf b = {0};
		pl_duration_write(&b, rows[i].ms);
		CHECK_TEXT(b.at, rows[i].text);
		pl_buf_fini(&b);
	}
}

static void test_times(void)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
	    {0, "1970-01-01T00:00:00.000Z"},
	    {-1, "1969-12-31T23:59:59.999Z"},
	    {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
	    {INT64_C(951868800000), "2000-03-01T00:00:00.000Z"},
	    {INT64_C(4107456000000), "2100-02-28T00:00:00.000Z"},
	    {INT64_C(4107542400000), "2100-03-01T00:00:00.000Z"},
	    {INT64_C(1795449300123), "2026-11-23T15:55:00.123Z"},
	    {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
	    {INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z"},
	};
	char out[32];
	int64_t ms;

	CHECK_CASE("times");
	for (size_t i = 0; i < PL_COUNT(rows); i++) {
		pl_time_write(out, rows[i].ms);
		CHECK_TEXT(out, rows[i].text);
		ms = 1;
		CHECK(pl_time_parse(&ms, rows[i].text, NULL));
		CHECK_INT(ms, rows[i].ms);
	}
	/* Every day of 400 years and more is written and read back. */
	for (int64_t day = -200000; day < 200000; day += 11) {
		pl_time_write(out, day * 86400000 + 12345);
		if (!CHECK(pl_time_parse(&ms, out, NULL)) ||
		    !CHECK_INT(ms, day * 86400000 + 12345))
			break;
	}
	pl_time_write(out, INT64_MAX);
	CHECK_TEXT(out, "9999-12-31T23:59:59.999Z");
	pl_time_write(out, INT64_MIN);
	CHECK_TEXT(out, "0000-01-01T00:00:00.000Z");
}

static void test_times_read(void)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
	    {"1970-01-01T00:00:01Z", 1000},
	    {"1970-01-01t00:00:01z", 1000},
	    {"1970-01-01 00:00:01Z", 1000},
	    {"1970-01-01T00:00:00.5Z", 500},
	    {"1970-01-01T00:00:00.123456789Z", 123},
	    {"1970-01-01T00:00:00.0009999999999999999999999Z", 0},
	    {"1970-01-01T01:00:00+01:00", 0},
	    {"1969-12-31T14:30:00-09:30", 0},
	    {"1970-01-01T00:00:00-00:00", 0},
	    {"1970-01-01T23:59:00+23:59", 0},
	    {"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
	    {"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
	};
	static const char *const bad[] = {"", "2026", "2026-11-20",
	    "2026-11-20T15:55:00", "2026-11-20T15:55Z", "2026-13-01T00:00:00Z",
	    "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
	    "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z",
	    "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z",
	    "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00+0100",
	    "2026-01-01T00:00:00+01", "2026-01-01T00:00:00+24:00",
	    "2026-01-01T00:00:00+01:60", "2026-01-01T00:00:00Zx",
	    " 2026-01-01T00:00:00Z", "26-01-01T00:00:00Z", "2026-1-1T00:00:00Z",
	    "2026/01/01T00:00:00Z", "-026-01-01T00:00:00Z", "2026-01-01X00:00:00Z"};

	CHECK_CASE("times read");
	for (size_t i = 0; i < PL_COUNT(good); i++) {
		int64_t ms = -7;
		CHECK(pl_time_parse(&ms, good[i].text, NULL));
		if (!CHECK_INT(ms, good[i].ms))
			printf("  %s\n", good[i].text);
	}
	for (size_t i = 0; i < PL_COUNT(bad); i++) {
		int64_t ms = -7;
		struct pl_err e = {0};
		if (!CHECK(!pl_time_parse(&ms, bad[i], &e)))
			printf("  %s\n", bad[i]);
		CHECK_TEXT(e.code, "time.syntax");
		CHECK_INT(ms, -7);
	}
}

int main(void)
{
	test_utf8();
	test_printable();
	test_nearest();
	test_durations();
	test_durations_written();
	test_times();
	test_times_read();
	return check_end();
}
