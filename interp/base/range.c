/*
 * Ranges of versions, with the grammar and the meaning that node-semver's README
 * gives them. A range is read from left to right and each comparator is put to
 * the version at once; nothing is kept. All of it is read, so that a mistake is
 * found even behind an alternative that fits.
 */
#include "inner.h"

#include <string.h>

enum relation { EQUAL, BELOW, UP_TO, ABOVE, FROM, TILDE, CARET };

/* "1", "1.2.x", "*": parts behind the first that is missing or x do not count. */
struct partial {
	int64_t part[3];
	int known; /* how many parts are numbers, counted from the left */
	const char *pre;
};

struct reader {
	const char *text, *at;
	const struct pl_version *version;
	bool include_pre;
	struct pl_arena arena;
	struct pl_err *err;
	/* Of the alternative being read: */
	bool fits;
	bool names_pre; /* a comparator has a pre-release of the same numbers */
};

static bool fail(struct reader *r, const char *why)
{
	return pl_fail(r->err, "version.range",
	    "\"%.100s\" is not a range such as \"^1.2\" or \">=1.2.3 <2\": %s at "
	    "character %zu",
	    r->text, why, (size_t)(r->at - r->text) + 1);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct reader *r)
{
	while (is_blank(*r->at))
		r->at++;
}

/* ---- comparators ------------------------------------------------------- */

static void require(struct reader *r, enum relation op, int64_t major, int64_t minor,
    int64_t patch, const char *pre)
{
	const struct pl_version *v = r->version;
	struct pl_version limit = {
	    .major = major, .minor = minor, .patch = patch, .pre = pre, .build = ""};
	int order = pl_version_compare(v, &limit);
	bool holds = op == BELOW ? order < 0
	    : op == UP_TO        ? order <= 0
	    : op == ABOVE        ? order > 0
	    : op == FROM         ? order >= 0
	                         : order == 0;

	r->fits = r->fits && holds;
	if (*pre && v->major == major && v->minor == minor && v->patch == patch)
		r->names_pre = true;
}

/* Below the next number at `part`: 0 the major, 1 the minor, 2 the patch. "-0" is
 * the first of all pre-releases. */
static void require_below_next(struct reader *r, const struct partial *p, int part)
{
	require(r, BELOW, p->part[0] + (part == 0),
	    part >= 1 ? p->part[1] + (part == 1) : 0, part >= 2 ? p->part[2] + 1 : 0,
	    "0");
}

static void require_from(struct reader *r, const struct partial *p, bool first_pre)
{
	const char *pre = *p->pre ? p->pre : first_pre && r->include_pre ? "0" : "";

	require(r, FROM, p->part[0], p->part[1], p->part[2], pre);
}

static void apply_tilde(struct reader *r, const struct partial *p)
{
	require_from(r, p, p->known < 3);
	require_below_next(r, p, p->known == 1 ? 0 : 1);
}

/* Changes right of the first number that is not zero are let through. */
static void apply_caret(struct reader *r, const struct partial *p)
{
	int part = 0;

	while (part < p->known - 1 && p->part[part] == 0)
		part++;
	require_from(r, p, p->known < 3);
	require_below_next(r, p, part);
}

static void apply_whole(struct reader *r, enum relation op, const struct partial *p)
{
	require(r, op, p->part[0], p->part[1], p->part[2], p->pre);
}

/* An operator before "1" or "1.2" means all that these stand for. */
static void apply_partial(struct reader *r, enum relation op, const struct partial *p)
{
	const char *first = r->include_pre ? "0" : "";
	int last = p->known - 1;

	switch (op) {
	case BELOW:
		require(r, BELOW, p->part[0], p->part[1], 0, "0");
		break;
	case UP_TO:
		require_below_next(r, p, last);
		break;
	case ABOVE:
		require(r, FROM, p->part[0] + (last == 0),
		    last == 0 ? 0 : p->part[1] + 1, 0, first);
		break;
	case FROM:
		require_from(r, p, true);
		break;
	default:
		require_from(r, p, true);
		require_below_next(r, p, last);
		break;
	}
}

static void apply(struct reader *r, enum relation op, const struct partial *p)
{
	if (p->known == 0) {
		/* Nothing is above or below everything. */
		if (op == BELOW || op == ABOVE)
			r->fits = false;
	} else if (op == TILDE) {
		apply_tilde(r, p);
	} else if (op == CARET) {
		apply_caret(r, p);
	} else if (p->known < 3) {
		apply_partial(r, op, p);
	} else {
		apply_whole(r, op, p);
	}
}

/* "1.2.3 - 2.3": from the first up to all that the second stands for. */
static void apply_hyphen(
    struct reader *r, const struct partial *from, const struct partial *to)
{
	if (from->known > 0)
		require_from(r, from, true);
	if (to->known == 0)
		return;
	if (to->known < 3 || (r->include_pre && !*to->pre))
		require_below_next(r, to, to->known - 1);
	else
		apply_whole(r, UP_TO, to);
}

/* ---- reading ----------------------------------------------------------- */

static enum relation read_relation(struct reader *r)
{
	static const struct {
		const char *text;
		enum relation op;
	} relations[] = {{"<=", UP_TO}, {">=", FROM}, {"<", BELOW}, {">", ABOVE},
	    {"=", EQUAL}, {"~>", TILDE}, {"~", TILDE}, {"^", CARET}};

	for (size_t i = 0; i < PL_COUNT(relations); i++) {
		size_t n = strlen(relations[i].text);
		if (strncmp(r->at, relations[i].text, n) == 0) {
			r->at += n;
			return relations[i].op;
		}
	}
	return EQUAL;
}

static bool read_part(struct reader *r, struct partial *p, int i)
{
	bool x = *r->at == 'x' || *r->at == 'X' || *r->at == '*';

	if (x) {
		r->at++;
		return true;
	}
	const char *wrong = pl_version_number(&r->at, &p->part[i]);
	if (wrong)
		return fail(r, wrong);
	if (p->known == i)
		p->known = i + 1;
	else
		p->part[i] = 0; /* the grammar has 1.x.3, which is 1.x */
	return true;
}

static bool at_end(const struct reader *r)
{
	return *r->at == '\0' || is_blank(*r->at) || *r->at == '|';
}

static bool read_suffixes(struct reader *r, struct partial *p)
{
	const char *wrong;

	if (*r->at == '-') {
		const char *start = ++r->at;
		if ((wrong = pl_version_identifiers(&r->at, true)) != NULL)
			return fail(r, wrong);
		if (p->known == 3)
			p->pre =
			    pl_arena_text(&r->arena, start, (size_t)(r->at - start));
	}
	if (*r->at == '+') {
		r->at++;
		if ((wrong = pl_version_identifiers(&r->at, false)) != NULL)
			return fail(r, wrong);
	}
	return true;
}

static bool read_partial(struct reader *r, struct partial *p)
{
	*p = (struct partial){.pre = ""};
	r->at += *r->at == 'v';
	for (int i = 0; i < 3; i++) {
		if (i > 0 && *r->at != '.')
			break;
		r->at += i > 0;
		if (!read_part(r, p, i))
			return false;
		if (i == 2 && !read_suffixes(r, p))
			return false;
	}
	return at_end(r) || fail(r, "a blank or \"||\" is missing");
}

/* Behind a first version without operator: " - ", blanks on both sides. */
static bool read_hyphen(struct reader *r)
{
	const char *p = r->at;

	while (is_blank(*p))
		p++;
	if (p == r->at || *p != '-' || !is_blank(p[1]))
		return false;
	r->at = p + 1;
	skip_blanks(r);
	return true;
}

/* The comparators up to "||" or the end. None at all fits every version. */
static bool read_alternative(struct reader *r)
{
	struct partial p, to;

	skip_blanks(r);
	for (bool first = true; *r->at && *r->at != '|'; first = false) {
		const char *start = r->at;
		enum relation op = read_relation(r);
		skip_blanks(r);
		if (!read_partial(r, &p))
			return false;
		bool plain = first && (r->at > start && strchr("<>~^", *start) == NULL);
		if (plain && read_hyphen(r)) {
			r->at += *r->at == '=';
			if (!read_partial(r, &to))
				return false;
			skip_blanks(r);
			if (*r->at && *r->at != '|')
				return fail(
				    r, "nothing may follow \"A - B\" but \"||\"");
			apply_hyphen(r, &p, &to);
			return true;
		}
		apply(r, op, &p);
		skip_blanks(r);
	}
	return true;
}

static bool read_range(struct reader *r, bool *out)
{
	const struct pl_version *v = r->version;
	bool any = false;

	for (;;) {
		r->fits = true;
		r->names_pre = r->include_pre || *v->pre == '\0';
		if (!read_alternative(r))
			return false;
		any = any || (r->fits && r->names_pre);
		if (*r->at == '\0')
			break;
		if (r->at[1] != '|')
			return fail(r, "\"|\" alone is not \"||\"");
		r->at += 2;
	}
	*out = any;
	return true;
}

bool pl_version_in_range(bool *out, const struct pl_version *v, const char *range,
    bool include_pre, struct pl_err *err)
{
	struct reader r = {.text = range,
	    .at = range,
	    .version = v,
	    .include_pre = include_pre,
	    .err = err};
	bool ok = read_range(&r, out);

	pl_arena_fini(&r.arena);
	return ok;
}
