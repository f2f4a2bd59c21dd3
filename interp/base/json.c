/* The JSON reader: strict, one pass, positions for every value. */
#include "inner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* From so many keys on, doubles are looked for by sorting. */
enum { FEW_KEYS = 16 };

struct reader {
	const char *at, *end, *line_start;
	uint32_t line;
	int depth;
	struct pl_arena *arena;
	struct pl_err *err;
	struct pl_buf text; /* a string with escapes, decoded */
	/* Members of the containers that are still open, innermost last. */
	struct pl_pair *pairs;
	size_t pairs_len, pairs_cap;
	struct pl_value **members;
	size_t members_len, members_cap;
};

static bool read_value(struct reader *r, struct pl_value **out);

static PL_PRINTF(4, 5) bool fail(
    struct reader *r, const char *where, const char *code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	pl_fail_list(r->err, code, fmt, args);
	va_end(args);
	if (r->err) {
		r->err->line = r->line;
		r->err->column = (unsigned)(where - r->line_start) + 1;
	}
	return false;
}

/* What stands at `where`, for a message. */
static const char *describe(const struct reader *r, const char *where, char out[16])
{
	if (where >= r->end)
		return "the end";
	size_t n = pl_utf8_length(where, (size_t)(r->end - where));
	if (n == 0 || (unsigned char)*where < 0x20 || *where == 0x7f) {
		static const char digits[] = "0123456789abcdef";
		unsigned char c = (unsigned char)*where;
		const char text[] = {'b', 'y', 't', 'e', ' ', '0', 'x', digits[c >> 4],
		    digits[c & 15], '\0'};
		memcpy(out, text, sizeof text);
		return out;
	}
	out[0] = '\'';
	memcpy(out + 1, where, n);
	out[n + 1] = '\'';
	out[n + 2] = '\0';
	return out;
}

static bool fail_found(struct reader *r, const char *where, const char *wanted)
{
	char found[16];

	return fail(r, where, "json.syntax", "%s expected, found %s", wanted,
	    describe(r, where, found));
}

static void skip_blanks(struct reader *r)
{
	for (; r->at < r->end; r->at++) {
		char c = *r->at;
		if (c == '\n') {
			r->line++;
			r->line_start = r->at + 1;
		} else if (c != ' ' && c != '\t' && c != '\r') {
			return;
		}
	}
}

static struct pl_value *make(struct reader *r, enum pl_kind kind, const char *where)
{
	struct pl_value *v = pl_arena_alloc(r->arena, sizeof *v);

	v->kind = kind;
	v->line = r->line;
	v->column = (uint32_t)(where - r->line_start) + 1;
	return v;
}

/* ---- strings ----------------------------------------------------------- */

static bool read_hex4(struct reader *r, const char *p, uint32_t *out)
{
	uint32_t c = 0;

	for (int i = 0; i < 4; i++) {
		char h = p + i < r->end ? p[i] : '\0';
		uint32_t digit = h >= '0' && h <= '9' ? (uint32_t)(h - '0')
		    : h >= 'a' && h <= 'f'            ? (uint32_t)(h - 'a') + 10
		    : h >= 'A' && h <= 'F'            ? (uint32_t)(h - 'A') + 10
		                                      : 16;
		if (digit == 16)
			return fail_found(r, p + i, "a hexadecimal digit");
		c = c * 16 + digit;
	}
	*out = c;
	return true;
}

/* p stands on the backslash of "\uXXXX"; *next is set behind what was used. */
static bool read_unicode(struct reader *r, const char *p, const char **next)
{
	uint32_t c = 0, low = 0;
	char bytes[4];

	if (!read_hex4(r, p + 2, &c))
		return false;
	*next = p + 6;
	if (c >= 0xdc00 && c <= 0xdfff)
		return fail(r, p, "json.utf8", "\\u%04x is half a surrogate pair", c);
	if (c >= 0xd800 && c <= 0xdbff) {
		const char *q = p + 6;
		if (r->end - q < 2 || q[0] != '\\' || q[1] != 'u')
			return fail(
			    r, p, "json.utf8", "\\u%04x is half a surrogate pair", c);
		if (!read_hex4(r, q + 2, &low))
			return false;
		if (low < 0xdc00 || low > 0xdfff)
			return fail(
			    r, p, "json.utf8", "\\u%04x is half a surrogate pair", c);
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		*next = q + 6;
	}
	pl_buf_add(&r->text, bytes, pl_utf8_encode(bytes, c));
	return true;
}

static bool read_escape(struct reader *r, const char *p, const char **next)
{
	static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	char c = p + 1 < r->end ? p[1] : '\0';

	if (c == 'u')
		return read_unicode(r, p, next);
	const char *found = c ? strchr(names, c) : NULL;
	if (!found)
		return fail_found(r, p + 1, "one of \"\\/bfnrtu after a backslash");
	pl_buf_putc(&r->text, meant[found - names]);
	*next = p + 2;
	return true;
}

/* r->at stands on the opening quote. *text is in the arena. */
static bool read_string(struct reader *r, const char **text, size_t *len)
{
	const char *open = r->at, *p = open + 1, *run = p;
	bool escaped = false;

	r->text.len = 0;
	for (;;) {
		p += pl_plain_length(p, (size_t)(r->end - p));
		if (p >= r->end)
			return fail(r, open, "json.syntax", "this text is not closed");
		unsigned char c = (unsigned char)*p;
		if (c == '"')
			break;
		if (c == '\\') {
			pl_buf_add(&r->text, run, (size_t)(p - run));
			if (!read_escape(r, p, &p))
				return false;
			run = p;
			escaped = true;
		} else if (c < 0x20) {
			return fail(r, p, "json.syntax",
			    "control character 0x%02x in text (write \\u%04x)", c, c);
		} else {
			size_t n = pl_utf8_length(p, (size_t)(r->end - p));
			if (n == 0)
				return fail(
				    r, p, "json.utf8", "byte 0x%02x is not UTF-8", c);
			p += n;
		}
	}
	if (escaped) {
		pl_buf_add(&r->text, run, (size_t)(p - run));
		*text = pl_arena_text(r->arena, r->text.at, r->text.len);
		*len = r->text.len;
	} else {
		*text = pl_arena_text(r->arena, run, (size_t)(p - run));
		*len = (size_t)(p - run);
	}
	r->at = p + 1;
	return true;
}

/* ---- numbers ----------------------------------------------------------- */

struct number {
	const char *whole, *fraction; /* their first digits */
	size_t whole_n, fraction_n;
	int64_t exponent;
	bool negative, real;
};

static size_t count_digits(const struct reader *r)
{
	const char *p = r->at;

	while (p < r->end && *p >= '0' && *p <= '9')
		p++;
	return (size_t)(p - r->at);
}

static bool read_exponent(struct reader *r, struct number *n)
{
	bool negative = false;

	r->at++;
	if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
		negative = *r->at++ == '-';
	size_t digits = count_digits(r);
	if (digits == 0)
		return fail_found(r, r->at, "a digit of the exponent");
	for (; digits > 0; digits--, r->at++)
		if (n->exponent < 100000000000)
			n->exponent = n->exponent * 10 + (*r->at - '0');
	if (negative)
		n->exponent = -n->exponent;
	return true;
}

static bool read_number_parts(struct reader *r, struct number *n)
{
	if (*r->at == '-') {
		n->negative = true;
		r->at++;
	}
	n->whole = r->at;
	n->whole_n = count_digits(r);
	if (n->whole_n == 0)
		return fail_found(r, r->at, "a digit");
	if (n->whole_n > 1 && *n->whole == '0')
		return fail(r, n->whole, "json.syntax", "a number with a leading zero");
	r->at += n->whole_n;
	if (r->at < r->end && *r->at == '.') {
		n->real = true;
		n->fraction = ++r->at;
		n->fraction_n = count_digits(r);
		if (n->fraction_n == 0)
			return fail_found(r, r->at, "a digit after the point");
		r->at += n->fraction_n;
	}
	if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
		n->real = true;
		return read_exponent(r, n);
	}
	return true;
}

static bool fits_whole(const struct number *n, int64_t *out)
{
	uint64_t u = 0, limit = (uint64_t)INT64_MAX + n->negative;

	if (n->real || n->whole_n > 19)
		return false;
	for (size_t i = 0; i < n->whole_n; i++)
		u = u * 10 + (uint64_t)(n->whole[i] - '0'); /* 19 digits fit */
	if (u > limit)
		return false;
	*out = n->negative ? (int64_t)(0 - u) : (int64_t)u;
	return true;
}

static double to_real(const struct number *n)
{
	static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8,
	    1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21,
	    1e22};
	int64_t exponent = n->exponent - (int64_t)n->fraction_n;
	size_t digits = n->whole_n + n->fraction_n;

	/* Up to 15 digits and powers of ten up to 22 are exact doubles, so one
	 * operation rounds once. */
	if (digits <= 15 && exponent >= -22 && exponent <= 22) {
		int64_t mantissa = 0;
		for (size_t i = 0; i < n->whole_n; i++)
			mantissa = mantissa * 10 + (n->whole[i] - '0');
		for (size_t i = 0; i < n->fraction_n; i++)
			mantissa = mantissa * 10 + (n->fraction[i] - '0');
		double d = (double)mantissa;
		return exponent < 0 ? d / powers[-exponent] : d * powers[exponent];
	}
	struct pl_buf all = {0};
	pl_buf_add(&all, n->whole, n->whole_n);
	pl_buf_add(&all, n->fraction, n->fraction_n);
	double d = pl_number_read(all.at, all.len, exponent);
	pl_buf_fini(&all);
	return d;
}

static bool read_number(struct reader *r, struct pl_value **out)
{
	const char *start = r->at;
	struct number n = {0};
	int64_t whole;

	if (!read_number_parts(r, &n))
		return false;
	if (fits_whole(&n, &whole)) {
		*out = make(r, PL_INT, start);
		(*out)->as.whole = whole;
		return true;
	}
	double d = to_real(&n);
	if (isinf(d))
		return fail(r, start, "json.number", "a number too large for a double");
	*out = make(r, PL_REAL, start);
	(*out)->as.real = n.negative ? -d : d;
	return true;
}

/* ---- containers -------------------------------------------------------- */

static bool read_list(struct reader *r, struct pl_value **out)
{
	struct pl_value *list = make(r, PL_LIST, r->at), *v;
	size_t base = r->members_len;

	r->at++;
	skip_blanks(r);
	if (r->at < r->end && *r->at == ']') {
		r->at++;
		*out = list;
		return true;
	}
	for (;;) {
		if (!read_value(r, &v))
			return false;
		if (r->members_len == r->members_cap) {
			r->members_cap = r->members_cap ? r->members_cap * 2 : 32;
			r->members =
			    pl_realloc(r->members, r->members_cap * sizeof *r->members);
		}
		r->members[r->members_len++] = v;
		skip_blanks(r);
		if (r->at >= r->end || (*r->at != ',' && *r->at != ']'))
			return fail_found(r, r->at, "',' or ']'");
		if (*r->at++ == ']')
			break;
		skip_blanks(r);
	}
	size_t n = r->members_len - base;
	list->as.list.at = pl_arena_alloc(r->arena, n * sizeof(struct pl_value *));
	memcpy(list->as.list.at, r->members + base, n * sizeof(struct pl_value *));
	list->as.list.len = list->as.list.cap = (uint32_t)n;
	r->members_len = base;
	*out = list;
	return true;
}

static bool same_key(const struct pl_pair *a, const struct pl_pair *b)
{
	return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

/* Equal keys end up beside each other, the one read first first. */
static int by_key(const void *left, const void *right)
{
	const struct pl_pair *a = *(const struct pl_pair *const *)left;
	const struct pl_pair *b = *(const struct pl_pair *const *)right;

	if (a->key_len != b->key_len)
		return a->key_len < b->key_len ? -1 : 1;
	int order = memcmp(a->key, b->key, a->key_len);
	return order ? order : a < b ? -1 : 1;
}

/* The first key, in reading order, that stands a second time; or NULL. */
static const struct pl_pair *find_double(const struct pl_pair *at, size_t n)
{
	const struct pl_pair *first = NULL;

	if (n <= FEW_KEYS) {
		for (size_t i = 1; i < n; i++)
			for (size_t j = 0; j < i; j++)
				if (same_key(&at[i], &at[j]))
					return &at[i];
		return NULL;
	}
	const struct pl_pair **sorted = pl_alloc(n * sizeof *sorted);
	for (size_t i = 0; i < n; i++)
		sorted[i] = &at[i];
	qsort(sorted, n, sizeof *sorted, by_key);
	for (size_t i = 1; i < n; i++)
		if (same_key(sorted[i - 1], sorted[i]) && (!first || sorted[i] < first))
			first = sorted[i];
	free(sorted);
	return first;
}

static bool read_pair(struct reader *r)
{
	struct pl_pair pair = {
	    .line = r->line, .column = (uint32_t)(r->at - r->line_start) + 1};

	if (r->at >= r->end || *r->at != '"')
		return fail_found(r, r->at, "a key in double quotes");
	if (!read_string(r, &pair.key, &pair.key_len))
		return false;
	skip_blanks(r);
	if (r->at >= r->end || *r->at != ':')
		return fail_found(r, r->at, "':' after a key");
	r->at++;
	skip_blanks(r);
	if (!read_value(r, &pair.value))
		return false;
	if (r->pairs_len == r->pairs_cap) {
		r->pairs_cap = r->pairs_cap ? r->pairs_cap * 2 : 32;
		r->pairs = pl_realloc(r->pairs, r->pairs_cap * sizeof *r->pairs);
	}
	r->pairs[r->pairs_len++] = pair;
	return true;
}

static bool finish_map(struct reader *r, struct pl_value *map, size_t base)
{
	size_t n = r->pairs_len - base;
	const struct pl_pair *twice = find_double(r->pairs + base, n);

	if (twice) {
		fail(r, r->at, "json.duplicate", "the key \"%s\" stands twice",
		    twice->key);
		if (r->err) {
			r->err->line = twice->line;
			r->err->column = twice->column;
		}
		return false;
	}
	map->as.map.at = pl_arena_alloc(r->arena, n * sizeof(struct pl_pair));
	memcpy(map->as.map.at, r->pairs + base, n * sizeof(struct pl_pair));
	map->as.map.len = map->as.map.cap = (uint32_t)n;
	r->pairs_len = base;
	return true;
}

static bool read_map(struct reader *r, struct pl_value **out)
{
	struct pl_value *map = make(r, PL_MAP, r->at);
	size_t base = r->pairs_len;

	*out = map;
	r->at++;
	skip_blanks(r);
	if (r->at < r->end && *r->at == '}') {
		r->at++;
		return true;
	}
	for (;;) {
		if (!read_pair(r))
			return false;
		skip_blanks(r);
		if (r->at >= r->end || (*r->at != ',' && *r->at != '}'))
			return fail_found(r, r->at, "',' or '}'");
		if (*r->at++ == '}')
			return finish_map(r, map, base);
		skip_blanks(r);
	}
}

static bool read_word(
    struct reader *r, const char *word, enum pl_kind kind, struct pl_value **out)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
		return fail_found(r, r->at, "a value");
	*out = make(r, kind, r->at);
	(*out)->as.truth = *word == 't';
	r->at += n;
	return true;
}

static bool read_container(struct reader *r, struct pl_value **out)
{
	if (r->depth >= PL_JSON_LEVELS)
		return fail(
		    r, r->at, "json.depth", "deeper than %d levels", PL_JSON_LEVELS);
	r->depth++;
	bool ok = *r->at == '{' ? read_map(r, out) : read_list(r, out);
	r->depth--;
	return ok;
}

static bool read_value(struct reader *r, struct pl_value **out)
{
	if (r->at >= r->end)
		return fail_found(r, r->at, "a value");
	switch (*r->at) {
	case '{':
	case '[':
		return read_container(r, out);
	case '"':
		*out = make(r, PL_TEXT, r->at);
		return read_string(r, &(*out)->as.text.at, &(*out)->as.text.len);
	case 't':
		return read_word(r, "true", PL_BOOL, out);
	case 'f':
		return read_word(r, "false", PL_BOOL, out);
	case 'n':
		return read_word(r, "null", PL_NULL, out);
	default:
		if (*r->at == '-' || (*r->at >= '0' && *r->at <= '9'))
			return read_number(r, out);
		return fail_found(r, r->at, "a value");
	}
}

bool pl_json_parse(struct pl_value **out, struct pl_arena *a, const char *text,
    size_t n, struct pl_err *err)
{
	struct reader r = {.at = text,
	    .end = text + n,
	    .line_start = text,
	    .line = 1,
	    .arena = a,
	    .err = err};
	struct pl_value *v = NULL;
	bool ok = false;

	skip_blanks(&r);
	if (!read_value(&r, &v))
		goto cleanup;
	skip_blanks(&r);
	if (r.at < r.end) {
		fail_found(&r, r.at, "nothing more");
		goto cleanup;
	}
	*out = v;
	ok = true;
cleanup:
	pl_buf_fini(&r.text);
	free(r.pairs);
	free(r.members);
	return ok;
}
