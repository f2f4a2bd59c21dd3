/* The core schema: https://yaml.org/spec/1.2.2/#103-core-schema */
#include "yaml_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TAG_PREFIX "tag:yaml.org,2002:"

/* What became of text under a pattern. */
enum match { NO, YES, TOO_LARGE };

static bool is_word(const char *s, size_t n, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == n && memcmp(*words, s, n) == 0)
			return true;
	return false;
}

static bool is_null(const char *s, size_t n)
{
	static const char *const words[] = {"~", "null", "Null", "NULL", NULL};
	return n == 0 || is_word(s, n, words);
}

static enum match read_bool(bool *out, const char *s, size_t n)
{
	static const char *const yes[] = {"true", "True", "TRUE", NULL};
	static const char *const no[] = {"false", "False", "FALSE", NULL};
	*out = is_word(s, n, yes);
	return *out || is_word(s, n, no) ? YES : NO;
}

static size_t count_digits(const char *s, size_t n, const char *digits)
{
	size_t i = 0;
	while (i < n && s[i] && strchr(digits, s[i]))
		i++;
	return i;
}

/* [-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+ */
static enum match read_whole(int64_t *out, const char *s, size_t n)
{
	const char *digits = "0123456789";
	size_t skip = n && (*s == '-' || *s == '+');
	int base = 10;
	if (n > 2 && s[0] == '0' && (s[1] == 'o' || s[1] == 'x')) {
		base = s[1] == 'o' ? 8 : 16;
		digits = base == 8 ? "01234567" : "0123456789abcdefABCDEF";
		skip = 2;
	}
	if (n == skip || count_digits(s + skip, n - skip, digits) != n - skip)
		return NO;
	errno = 0;
	long long whole = strtoll(base == 10 ? s : s + 2, NULL, base);
	if (errno == ERANGE)
		return TOO_LARGE;
	*out = whole;
	return YES;
}

/* [-+]? ( \.[0-9]+ | [0-9]+ (\.[0-9]*)? ) ([eE][-+]?[0-9]+)? */
static bool is_decimal(const char *s, size_t n)
{
	static const char digits[] = "0123456789";
	size_t i = n && (*s == '-' || *s == '+');
	size_t before = count_digits(s + i, n - i, digits), after = 0;
	i += before;
	if (i < n && s[i] == '.') {
		after = count_digits(s + i + 1, n - i - 1, digits);
		i += 1 + after;
	}
	if (before + after == 0)
		return false;
	if (i < n && (s[i] == 'e' || s[i] == 'E')) {
		i++;
		i += i < n && (s[i] == '-' || s[i] == '+');
		size_t exponent = count_digits(s + i, n - i, digits);
		if (exponent == 0)
			return false;
		i += exponent;
	}
	return i == n;
}

static bool is_zero(const char *s, size_t n)
{
	for (size_t i = 0; i < n && s[i] != 'e' && s[i] != 'E'; i++)
		if (s[i] >= '1' && s[i] <= '9')
			return false;
	return true;
}

static enum match read_real(double *out, const char *s, size_t n)
{
	static const char *const infinity[] = {".inf", ".Inf", ".INF", NULL};
	static const char *const nan_words[] = {".nan", ".NaN", ".NAN", NULL};
	size_t sign = n && (*s == '-' || *s == '+');
	if (is_word(s + sign, n - sign, infinity)) {
		*out = *s == '-' ? -HUGE_VAL : HUGE_VAL;
		return YES;
	}
	if (is_word(s, n, nan_words)) {
		*out = NAN;
		return YES;
	}
	if (!is_decimal(s, n))
		return NO;
	double real = strtod(s, NULL);
	if (isinf(real) || (fpclassify(real) == FP_ZERO && !is_zero(s, n)))
		return TOO_LARGE;
	*out = real;
	return YES;
}

static void resolve_plain(struct pl_value *v, const char *s, size_t n)
{
	bool truth;
	int64_t whole;
	double real;
	if (is_null(s, n)) {
		v->kind = PL_NULL;
		return;
	}
	if (read_bool(&truth, s, n) == YES) {
		v->kind = PL_BOOL;
		v->as.truth = truth;
		return;
	}
	enum match m = read_whole(&whole, s, n);
	if (m == YES) {
		v->kind = PL_INT;
		v->as.whole = whole;
	} else if (m == NO && read_real(&real, s, n) == YES) {
		v->kind = PL_REAL;
		v->as.real = real;
	}
}

static const char *resolve_tagged(
    struct pl_value *v, const char *name, const char *s, size_t n)
{
	bool truth;
	int64_t whole;
	double real;
	if (strcmp(name, "null") == 0) {
		if (!is_null(s, n))
			return "expected null, ~ or nothing";
		v->kind = PL_NULL;
	} else if (strcmp(name, "bool") == 0) {
		if (read_bool(&truth, s, n) != YES)
			return "expected true or false";
		v->kind = PL_BOOL;
		v->as.truth = truth;
	} else if (strcmp(name, "int") == 0) {
		if (read_whole(&whole, s, n) != YES)
			return "expected a whole number of 64 bits at most";
		v->kind = PL_INT;
		v->as.whole = whole;
	} else if (strcmp(name, "float") == 0) {
		if (read_real(&real, s, n) != YES)
			return "expected a number that a double holds";
		v->kind = PL_REAL;
		v->as.real = real;
	} else if (strcmp(name, "seq") == 0 || strcmp(name, "map") == 0) {
		return "text cannot have this tag";
	} else {
		return "this tag is not known: expected !!str, !!int, !!float, !!bool, "
		       "!!null, !!seq or !!map";
	}
	return NULL;
}

const char *pl_yaml_resolve(struct pl_value *v, const char *tag, bool plain)
{
	const char *s = v->as.text.at;
	size_t n = v->as.text.len;
	const size_t prefix = sizeof(TAG_PREFIX) - 1;
	if (!tag) {
		if (plain)
			resolve_plain(v, s, n);
		return NULL;
	}
	if (strcmp(tag, "!") == 0 || strcmp(tag, TAG_PREFIX "str") == 0)
		return NULL;
	if (strncmp(tag, TAG_PREFIX, prefix) == 0)
		return resolve_tagged(v, tag + prefix, s, n);
	return resolve_tagged(v, "", s, n);
}

bool pl_yaml_skips_schema(const char *s, const char *end)
{
	if (s < end && *s == '&') {
		while (s < end && !strchr(" \t\r\n", *s))
			s++;
		while (s < end && strchr(" \t\r\n", *s))
			s++;
	}
	return s + 1 < end && s[0] == '!' && strchr(" \t\r\n", s[1]);
}

/* Words and characters that YAML 1.1 reads as truth, numbers in other bases and
 * with "_" or ":" in them, dates, "<<" and "=". */
static bool is_ambiguous_in_1_1(const char *s, size_t n)
{
	static const char *const words[] = {"y", "Y", "n", "N", "yes", "Yes", "YES",
	    "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", "<<", "=", NULL};
	if (is_word(s, n, words))
		return true;
	size_t sign = n && (*s == '-' || *s == '+');
	if (sign == n || !(s[sign] == '.' || (s[sign] >= '0' && s[sign] <= '9')))
		return false;
	return count_digits(s + sign, n - sign, "0123456789abcdefABCDEFxo_:.-+TtZz ") ==
	    n - sign;
}

bool pl_yaml_is_ambiguous(const char *s, size_t n)
{
	struct pl_value v = {.kind = PL_TEXT};
	v.as.text.at = s;
	v.as.text.len = n;
	int64_t whole;
	resolve_plain(&v, s, n);
	return v.kind != PL_TEXT || is_ambiguous_in_1_1(s, n) ||
	    read_whole(&whole, s, n) != NO || is_decimal(s, n);
}
