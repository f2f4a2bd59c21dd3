/*
 * Numbers as JSON writes them: ECMAScript's Number::toString, which RFC 8785
 * prescribes. The digits are the fewest that read back as the same double and,
 * among those, the closest to it.
 */
#include "inner.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DIGITS = 17 };

/* Without a decimal point, which would depend on the locale. */
double pl_number_read(const char *digits, size_t n, int64_t exponent)
{
	char small[64], *text = small;
	size_t size = n + 32;

	/* Far beyond either end: keeps the exponent's text short. */
	if (exponent > 1000000000)
		exponent = 1000000000;
	if (exponent < -1000000000)
		exponent = -1000000000;
	if (size > sizeof small)
		text = pl_alloc(size);
	memcpy(text, digits, n);
	snprintf(text + n, size - n, "e%lld", (long long)exponent);
	double d = strtod(text, NULL);
	if (text != small)
		free(text);
	return d;
}

/* The digits of d rounded to `precision` of them, and where the first stands:
 * 123 is "123" with exponent 2. */
static int round_digits(char *digits, double d, int precision)
{
	char text[48];
	int n = 0;

	snprintf(text, sizeof text, "%.*e", precision - 1, d);
	const char *e = strchr(text, 'e');
	for (const char *p = text; p < e; p++)
		if (*p >= '0' && *p <= '9')
			digits[n++] = *p;
	digits[n] = '\0';
	return atoi(e + 1);
}

static bool reads_back(const char *digits, int exponent, double d)
{
	size_t n = strlen(digits);

	return pl_number_read(digits, n, exponent - (int)n + 1) == d;
}

/* One unit more in the last digit. */
static int step_up(char *digits, int exponent)
{
	size_t i = strlen(digits);

	while (i > 0 && digits[i - 1] == '9')
		digits[--i] = '0';
	if (i > 0) {
		digits[i - 1]++;
		return exponent;
	}
	digits[0] = '1'; /* 999 became 000: 1000, of which the last 0 is dropped */
	return exponent + 1;
}

/*
 * At a power of two the gap to the next double below is half the gap above:
 * the decimal nearest to d may then lie too far below to read back as d, while
 * its upper neighbour, farther away, does. So both are tried.
 */
static bool try_precision(char *digits, int *exponent, double d, int precision)
{
	*exponent = round_digits(digits, d, precision);
	if (reads_back(digits, *exponent, d))
		return true;
	*exponent = step_up(digits, *exponent);
	return reads_back(digits, *exponent, d);
}

/*
 * 0.25, 12.5, 99.95: the most common reals, found without asking libc. Where
 * whole / 10^n is d, with both exact doubles, these digits read back as d; and
 * up to 15 digits no other decimal so short does.
 */
static bool few_decimals(char *digits, int *exponent, double d)
{
	static const double powers[] = {1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

	for (size_t i = 0; d < 1e9 && i < PL_COUNT(powers); i++) {
		double scaled = d * powers[i];
		int64_t whole = (int64_t)scaled;
		if ((double)whole != scaled || (double)whole / powers[i] != d)
			continue;
		*exponent =
		    snprintf(digits, MOST_DIGITS + 1, "%lld", (long long)whole) -
		    (int)i - 2;
		return true;
	}
	return false;
}

static int shortest_digits(char *digits, double d)
{
	/* Any normal double whose shortest form has up to 15 digits shows it
	 * when rounded to 15; below DBL_MIN that does not hold. */
	int precision = d < DBL_MIN ? 1 : DBL_DIG, exponent = 0;

	if (!few_decimals(digits, &exponent, d)) {
		while (precision < MOST_DIGITS &&
		    !try_precision(digits, &exponent, d, precision))
			precision++;
		if (precision == MOST_DIGITS)
			exponent = round_digits(digits, d, precision);
	}
	for (size_t n = strlen(digits); n > 1 && digits[n - 1] == '0'; n--)
		digits[n - 1] = '\0';
	return exponent;
}

/* ECMA-262, Number::toString: n is exponent + 1, k the number of digits. */
static void lay_out(char *out, size_t size, const char *digits, int exponent)
{
	int k = (int)strlen(digits), n = exponent + 1;

	if (k <= n && n <= 21)
		snprintf(out, size, "%s%.*s", digits, n - k, "000000000000000000000");
	else if (0 < n && n <= 21)
		snprintf(out, size, "%.*s.%s", n, digits, digits + n);
	else if (-6 < n && n <= 0)
		snprintf(out, size, "0.%.*s%s", -n, "000000", digits);
	else
		snprintf(out, size, "%c%s%se%c%d", digits[0], k > 1 ? "." : "",
		    digits + 1, exponent < 0 ? '-' : '+', abs(exponent));
}

void pl_number_write(char out[32], double d)
{
	char digits[MOST_DIGITS + 2];
	char *at = out;

	if (d == 0) {
		memcpy(out, "0", 2); /* minus zero too */
		return;
	}
	if (fabs(d) <= (double)PL_SAFE_INTEGER && d == (double)(int64_t)d) {
		snprintf(out, 32, "%lld", (long long)d);
		return;
	}
	if (d < 0) {
		*at++ = '-';
		d = -d;
	}
	int exponent = shortest_digits(digits, d);
	lay_out(at, (size_t)(out + 32 - at), digits, exponent);
}
