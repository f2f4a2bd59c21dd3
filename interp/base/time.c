/* Durations and points in time as text. */
#include "base.h"

#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* ---- durations --------------------------------------------------------- */

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {{"d", DAY}, {"h", HOUR}, {"m", MINUTE}, {"s", SECOND}, {"ms", 1}};

/* Letters are read whole, so that "ms" is never "m". */
static size_t find_unit(const char *name, size_t n)
{
	size_t i = 0;

	while (i < PL_COUNT(units) &&
	    (strlen(units[i].name) != n || memcmp(units[i].name, name, n) != 0))
		i++;
	return i;
}

static bool add_part(int64_t *ms, int64_t count, int64_t unit)
{
	if (count > INT64_MAX / unit || *ms > INT64_MAX - count * unit)
		return false;
	*ms += count * unit;
	return true;
}

static bool fail_duration(struct pl_err *err, const char *text, const char *why)
{
	return pl_fail(err, "duration.syntax",
	    "\"%.60s\" is not a duration such as \"10m\" or \"1h30m\": %s", text, why);
}

bool pl_duration_parse(int64_t *ms, const char *text, struct pl_err *err)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const char *p = text;
	int64_t sum = 0;
	size_t next = 0; /* units go from long to short, each once */

	if (*p == '\0')
		return fail_duration(err, text, "it is empty");
	while (*p) {
		int64_t count = 0;
		size_t digits = strspn(p, "0123456789");
		if (digits == 0)
			return fail_duration(err, text,
			    *p == '-' ? "it is negative" : "a whole number is missing");
		for (; digits > 0; digits--, p++) {
			int digit = *p - '0';
			if (count > (INT64_MAX - digit) / 10)
				return fail_duration(err, text, "it is too long");
			count = count * 10 + digit;
		}
		if (*p == '.' || *p == ',')
			return fail_duration(err, text, "only whole numbers are taken");
		size_t n = strspn(p, letters), unit = find_unit(p, n);
		if (unit == PL_COUNT(units))
			return fail_duration(err, text,
			    n || *p ? "the units are d, h, m, s and ms"
			            : "a unit is missing: d, h, m, s or ms");
		if (unit < next)
			return fail_duration(
			    err, text, "units go from long to short, each once");
		if (!add_part(&sum, count, units[unit].ms))
			return fail_duration(err, text, "it is too long");
		next = unit + 1;
		p += n;
	}
	*ms = sum;
	return true;
}

void pl_duration_write(struct pl_buf *out, int64_t ms)
{
	/* Unsigned, so that the lowest number has its opposite. */
	uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
	const char *gap = "";

	if (ms < 0)
		pl_buf_putc(out, '-');
	uint64_t tenths = (left + 50) / 100;
	if (tenths < 100) {
		pl_buf_printf(
		    out, "%u.%us", (unsigned)(tenths / 10), (unsigned)(tenths % 10));
		return;
	}
	left = (left + 500) / 1000 * 1000;
	for (size_t i = 0; i + 1 < PL_COUNT(units); i++) {
		uint64_t unit = (uint64_t)units[i].ms, count = left / unit;
		left %= unit;
		if (count == 0)
			continue;
		pl_buf_printf(
		    out, "%s%llu%s", gap, (unsigned long long)count, units[i].name);
		gap = " ";
	}
}

/* ---- points in time ---------------------------------------------------- */

/*
 * Days since 1970-01-01 and back in the Gregorian calendar. Years run from
 * March, so that the leap day is the last of its year; 400 years are 146,097
 * days.
 */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t of_era = year - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
	    719468;
}

static void date_of(int64_t days, int *year, int *month, int *day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t rest = days - era * 146097;
	int64_t of_era = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
	int64_t of_year = rest - (365 * of_era + of_era / 4 - of_era / 100);
	int64_t march = (5 * of_year + 2) / 153;

	*day = (int)(of_year - (153 * march + 2) / 5 + 1);
	*month = (int)(march < 10 ? march + 3 : march - 9);
	*year = (int)(of_era + era * 400 + (*month <= 2));
}

void pl_time_write(char out[32], int64_t ms)
{
	/* RFC 3339 has four digits for the year. */
	const int64_t first = INT64_C(-62167219200000), last = INT64_C(253402300799999);
	int year, month, day;

	if (ms < first)
		ms = first;
	if (ms > last)
		ms = last;
	int64_t days = (ms >= 0 ? ms : ms - (DAY - 1)) / DAY;
	unsigned rest = (unsigned)(ms - days * DAY);
	date_of(days, &year, &month, &day);
	/* The remainders tell the compiler how long each part can be. */
	snprintf(out, 32, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)year % 10000,
	    (unsigned)month % 100, (unsigned)day % 100, rest / 3600000 % 24,
	    rest / 60000 % 60, rest / 1000 % 60, rest % 1000);
}

static bool read_digits(const char **p, int n, int low, int high, int *out)
{
	int value = 0;

	for (int i = 0; i < n; i++) {
		char c = (*p)[i];
		if (c < '0' || c > '9')
			return false;
		value = value * 10 + (c - '0');
	}
	*p += n;
	*out = value;
	return value >= low && value <= high;
}

static bool read_char(const char **p, const char *wanted)
{
	if (**p == '\0' || !strchr(wanted, **p))
		return false;
	(*p)++;
	return true;
}

static int days_in(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Milliseconds of ".5", ".123456"; what is finer is dropped. */
static bool read_fraction(const char **p, int *ms)
{
	int unit = 100;

	*ms = 0;
	if (!read_char(p, "."))
		return true;
	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		*ms += (**p - '0') * unit;
	return true;
}

static bool read_offset(const char **p, int64_t *ms)
{
	int hours, minutes;

	*ms = 0;
	if (read_char(p, "Zz"))
		return true;
	bool west = **p == '-';
	if (!read_char(p, "+-") || !read_digits(p, 2, 0, 23, &hours) ||
	    !read_char(p, ":") || !read_digits(p, 2, 0, 59, &minutes))
		return false;
	*ms = (hours * HOUR + minutes * MINUTE) * (west ? -1 : 1);
	return true;
}

bool pl_time_parse(int64_t *ms, const char *text, struct pl_err *err)
{
	const char *p = text;
	int year, month, day, hour, minute, second, fraction;
	int64_t offset;

	/* A leap second (60) is the second after it. */
	if (!read_digits(&p, 4, 0, 9999, &year) || !read_char(&p, "-") ||
	    !read_digits(&p, 2, 1, 12, &month) || !read_char(&p, "-") ||
	    !read_digits(&p, 2, 1, days_in(year, month), &day) ||
	    !read_char(&p, "Tt ") || !read_digits(&p, 2, 0, 23, &hour) ||
	    !read_char(&p, ":") || !read_digits(&p, 2, 0, 59, &minute) ||
	    !read_char(&p, ":") || !read_digits(&p, 2, 0, 60, &second) ||
	    !read_fraction(&p, &fraction) || !read_offset(&p, &offset) || *p != '\0')
		return pl_fail(err, "time.syntax",
		    "\"%.60s\" is not a time such as \"2026-11-20T15:55:00Z\" "
		    "(RFC 3339, with Z or an offset)",
		    text);
	*ms = days_of(year, month, day) * DAY + hour * HOUR + minute * MINUTE +
	    second * SECOND + fraction - offset;
	return true;
}
