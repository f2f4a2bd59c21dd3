/* Versions: reading, order, the next one. https://semver.org */
#include "inner.h"

#include <stdio.h>
#include <string.h>

static const char digits[] = "0123456789";
static const char identifier[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-";

/* ---- reading ----------------------------------------------------------- */

const char *pl_version_number(const char **p, int64_t *out)
{
	size_t n = strspn(*p, digits);
	int64_t value = 0;

	if (n == 0)
		return "a number is missing";
	if (n > 1 && **p == '0')
		return "a number has a leading zero";
	for (size_t i = 0; i < n; i++) {
		value = value * 10 + ((*p)[i] - '0');
		if (value > PL_SAFE_INTEGER)
			return "a number is beyond 2^53-1";
	}
	*p += n;
	*out = value;
	return NULL;
}

const char *pl_version_identifiers(const char **p, bool pre)
{
	for (;;) {
		size_t n = strspn(*p, identifier);
		if (n == 0)
			return pre ? "an identifier of the pre-release is empty"
			           : "an identifier of the build is empty";
		if (pre && n > 1 && **p == '0' && strspn(*p, digits) == n)
			return "a number in the pre-release has a leading zero";
		*p += n;
		if (**p != '.')
			return NULL;
		(*p)++;
	}
}

static void skip_blanks(const char **p)
{
	*p += strspn(*p, " \t\r\n");
}

static const char *read_numbers(
    const char **p, struct pl_version *v, bool strict, size_t *count)
{
	int64_t *const parts[] = {&v->major, &v->minor, &v->patch};
	const char *wrong = NULL;

	for (*count = 0; !wrong && *count < PL_COUNT(parts); (*count)++) {
		if (*count > 0 && **p != '.')
			break;
		*p += *count > 0;
		wrong = pl_version_number(p, parts[*count]);
	}
	if (!wrong && strict && *count < PL_COUNT(parts))
		wrong = "three numbers are needed";
	return wrong;
}

static const char *read_suffix(
    const char **p, char mark, struct pl_arena *a, const char **out)
{
	*out = "";
	if (**p != mark)
		return NULL;
	const char *start = ++*p;
	const char *wrong = pl_version_identifiers(p, mark == '-');
	if (!wrong)
		*out = pl_arena_text(a, start, (size_t)(*p - start));
	return wrong;
}

static const char *read_version(
    struct pl_version *v, struct pl_arena *a, const char *p, bool strict)
{
	size_t count = 0;

	if (!strict) {
		skip_blanks(&p);
		p += *p == '=';
		skip_blanks(&p);
		p += *p == 'v' || *p == 'V';
	}
	const char *wrong = read_numbers(&p, v, strict, &count);
	/* "2026-11-22" is a date: one number alone takes no pre-release. */
	if (!wrong && count > 1)
		wrong = read_suffix(&p, '-', a, &v->pre);
	if (!wrong && count > 1)
		wrong = read_suffix(&p, '+', a, &v->build);
	if (!strict)
		skip_blanks(&p);
	if (!wrong && *p != '\0')
		wrong = "something follows it";
	return wrong;
}

bool pl_version_parse(struct pl_version *out, struct pl_arena *a, const char *text,
    bool strict, struct pl_err *err)
{
	struct pl_version v = {.pre = "", .build = ""};
	const char *wrong = read_version(&v, a, text, strict);

	if (wrong)
		return pl_fail(err, "version.syntax",
		    "\"%.100s\" is not a version such as \"1.2.3\" or \"1.2.3-rc.1\": "
		    "%s",
		    text, wrong);
	*out = v;
	return true;
}

/* ---- order ------------------------------------------------------------- */

static int compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static bool is_number(const char *s, size_t n)
{
	return n > 0 && strspn(s, digits) >= n;
}

/* Numbers by value, whatever their length, and before words. */
static int compare_identifiers(const char *a, size_t a_n, const char *b, size_t b_n)
{
	bool a_number = is_number(a, a_n), b_number = is_number(b, b_n);

	if (a_number != b_number)
		return a_number ? -1 : 1;
	if (a_number && a_n != b_n)
		return a_n < b_n ? -1 : 1;
	int order = memcmp(a, b, a_n < b_n ? a_n : b_n);
	if (order == 0)
		return (a_n > b_n) - (a_n < b_n);
	return order < 0 ? -1 : 1;
}

static int compare_pre(const char *a, const char *b)
{
	if (*a == '\0' || *b == '\0') /* none comes after any */
		return (*a == '\0') - (*b == '\0');
	for (;;) {
		size_t a_n = strcspn(a, "."), b_n = strcspn(b, ".");
		int order = compare_identifiers(a, a_n, b, b_n);
		if (order != 0)
			return order;
		a += a_n;
		b += b_n;
		if (*a == '\0' || *b == '\0') /* the longer one comes after */
			return (*a != '\0') - (*b != '\0');
		a++;
		b++;
	}
}

int pl_version_compare(const struct pl_version *a, const struct pl_version *b)
{
	int order = compare_numbers(a->major, b->major);

	if (order == 0)
		order = compare_numbers(a->minor, b->minor);
	if (order == 0)
		order = compare_numbers(a->patch, b->patch);
	return order ? order : compare_pre(a->pre, b->pre);
}

void pl_version_write(struct pl_buf *out, const struct pl_version *v)
{
	pl_buf_printf(out, "%lld.%lld.%lld", (long long)v->major, (long long)v->minor,
	    (long long)v->patch);
	if (*v->pre)
		pl_buf_printf(out, "-%s", v->pre);
	if (*v->build)
		pl_buf_printf(out, "+%s", v->build);
}

/* ---- the next one ------------------------------------------------------ */

/* Where the last identifier that is a number starts, or NULL. */
static const char *last_number(const char *pre)
{
	const char *found = NULL;

	while (*pre) {
		size_t n = strcspn(pre, ".");
		if (is_number(pre, n))
			found = pre;
		pre += n;
		pre += *pre == '.';
	}
	return found;
}

/* "rc.1" -> "rc.2", "rc" -> "rc.0", "" -> "0"; NULL: the number is too large. */
static const char *count_on(struct pl_arena *a, const char *pre)
{
	const char *number = last_number(pre), *rest = number;
	int64_t n;

	if (*pre == '\0')
		return "0";
	if (!number)
		return pl_arena_printf(a, "%s.0", pre);
	if (pl_version_number(&rest, &n) != NULL || n == PL_SAFE_INTEGER)
		return NULL;
	return pl_arena_printf(
	    a, "%.*s%lld%s", (int)(number - pre), pre, (long long)n + 1, rest);
}

/* Does pre go on from id with a number: "rc.2", "rc.2.x" from "rc"? */
static bool counts_from(const char *pre, const char *id)
{
	size_t n = strlen(id);

	return strncmp(pre, id, n) == 0 && pre[n] == '.' &&
	    is_number(pre + n + 1, strcspn(pre + n + 1, "."));
}

static const char *next_pre(struct pl_arena *a, const char *pre, const char *id)
{
	const char *next = count_on(a, pre);

	if (next && id && !counts_from(next, id))
		next = pl_arena_printf(a, "%s.0", id);
	return next;
}

/* kind without "pre". A pre-release of the number asked for becomes that. */
static bool raise_number(struct pl_version *v, const char *kind, bool always)
{
	bool pre = *v->pre && !always;

	if (strcmp(kind, "major") == 0) {
		v->major += !pre || v->minor || v->patch;
		v->minor = v->patch = 0;
	} else if (strcmp(kind, "minor") == 0) {
		v->minor += !pre || v->patch;
		v->patch = 0;
	} else if (strcmp(kind, "patch") == 0) {
		v->patch += !pre;
	} else {
		return false;
	}
	v->pre = "";
	return v->major <= PL_SAFE_INTEGER && v->minor <= PL_SAFE_INTEGER &&
	    v->patch <= PL_SAFE_INTEGER;
}

static bool is_kind(const char *kind, const char **nearest)
{
	static const char *const kinds[] = {"major", "minor", "patch", "premajor",
	    "preminor", "prepatch", "prerelease", "release"};

	for (size_t i = 0; i < PL_COUNT(kinds); i++)
		if (strcmp(kind, kinds[i]) == 0)
			return true;
	*nearest = pl_nearest(kind, kinds, PL_COUNT(kinds));
	return false;
}

static bool check_bump(
    const struct pl_version *v, const char *kind, const char *id, struct pl_err *err)
{
	const char *nearest = NULL, *end = id;

	if (!is_kind(kind, &nearest))
		return pl_fail(err, "version.bump",
		    "\"%.40s\" is not one of major, minor, patch, premajor, preminor, "
		    "prepatch, prerelease, release%s%s%s",
		    kind, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
		    nearest ? "\"?" : "");
	if (id && (pl_version_identifiers(&end, true) != NULL || *end != '\0'))
		return pl_fail(err, "version.bump",
		    "\"%.40s\" cannot name a pre-release (letters, digits and hyphens, "
		    "in parts with points between)",
		    id);
	if (strcmp(kind, "release") == 0 && *v->pre == '\0')
		return pl_fail(err, "version.bump",
		    "%lld.%lld.%lld is not a pre-release", (long long)v->major,
		    (long long)v->minor, (long long)v->patch);
	return true;
}

bool pl_version_bump(struct pl_version *out, struct pl_arena *a,
    const struct pl_version *v, const char *kind, const char *id, struct pl_err *err)
{
	struct pl_version next = *v;
	bool fits = true;

	if (!check_bump(v, kind, id, err))
		return false;
	next.build = "";
	if (strcmp(kind, "release") == 0) {
		next.pre = "";
	} else if (strcmp(kind, "prerelease") == 0) {
		if (*next.pre == '\0')
			fits = raise_number(&next, "patch", false);
		next.pre = next_pre(a, next.pre, id);
	} else if (strncmp(kind, "pre", 3) == 0) {
		/* prepatch of 1.2.4-rc.1 starts over at 1.2.5-0. */
		fits = raise_number(&next, kind + 3, true);
		next.pre = next_pre(a, next.pre, id);
	} else {
		fits = raise_number(&next, kind, false);
	}
	if (!fits || !next.pre)
		return pl_fail(
		    err, "version.bump", "the next number would be beyond 2^53-1");
	*out = next;
	return true;
}
