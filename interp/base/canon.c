/* The JSON writers: canonical (RFC 8785), and for people. */
#include "inner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEW_KEYS = 24 };

static bool write_value(
    struct pl_buf *out, const struct pl_value *v, int depth, struct pl_err *err);

/* ---- leaves ------------------------------------------------------------ */

static bool needs_escape(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

static void write_escape(struct pl_buf *out, unsigned char c)
{
	static const char named[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
	const char *found = c ? strchr(named, c) : NULL;

	if (found) {
		const char two[2] = {'\\', names[found - named]};
		pl_buf_add(out, two, 2);
	} else {
		pl_buf_printf(out, "\\u%04x", c);
	}
}

/* s is UTF-8. */
static void write_text(struct pl_buf *out, const char *s, size_t n)
{
	const char *end = s + n, *run = s;

	pl_buf_putc(out, '"');
	while ((s += pl_plain_length(s, (size_t)(end - s))) < end) {
		if (needs_escape((unsigned char)*s)) {
			pl_buf_add(out, run, (size_t)(s - run));
			write_escape(out, (unsigned char)*s);
			run = s + 1;
		}
		s++;
	}
	pl_buf_add(out, run, (size_t)(end - run));
	pl_buf_putc(out, '"');
}

static void write_whole(struct pl_buf *out, int64_t i)
{
	char text[24], *p = text + sizeof text;
	uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;

	do
		*--p = (char)('0' + u % 10);
	while ((u /= 10) > 0);
	if (i < 0)
		*--p = '-';
	pl_buf_add(out, p, (size_t)(text + sizeof text - p));
}

static void write_real(struct pl_buf *out, double d)
{
	char text[32];

	pl_number_write(text, d);
	pl_buf_puts(out, text);
}

static bool is_safe(int64_t i)
{
	return i >= -PL_SAFE_INTEGER && i <= PL_SAFE_INTEGER;
}

static bool write_leaf(struct pl_buf *out, const struct pl_value *v, struct pl_err *err)
{
	switch (v->kind) {
	case PL_NULL:
		pl_buf_add(out, "null", 4);
		return true;
	case PL_BOOL:
		pl_buf_puts(out, v->as.truth ? "true" : "false");
		return true;
	case PL_INT:
		if (!is_safe(v->as.whole))
			return pl_fail(err, "json.number",
			    "%lld is beyond 2^53-1, which JSON readers round",
			    (long long)v->as.whole);
		write_whole(out, v->as.whole);
		return true;
	case PL_REAL:
		if (!isfinite(v->as.real))
			return pl_fail(
			    err, "json.number", "JSON has no word for %g", v->as.real);
		write_real(out, v->as.real);
		return true;
	case PL_TEXT:
		if (!pl_utf8_valid(v->as.text.at, v->as.text.len))
			return pl_fail(err, "json.utf8",
			    "a text of %zu bytes is not UTF-8", v->as.text.len);
		write_text(out, v->as.text.at, v->as.text.len);
		return true;
	default:
		return pl_fail(
		    err, "json.secret", "a secret cannot be written as JSON");
	}
}

/* ---- maps in UTF-16 order ---------------------------------------------- */

/*
 * RFC 8785 sorts by UTF-16 code units. That is the order of the UTF-8 bytes but
 * for one case: code points above U+FFFF (first byte F0 and up) are surrogates
 * in UTF-16 and come before U+E000 to U+FFFF (first byte EE or EF).
 */
static int compare_keys(const struct pl_pair *a, const struct pl_pair *b)
{
	size_t n = a->key_len < b->key_len ? a->key_len : b->key_len, i = 0;

	while (i < n && a->key[i] == b->key[i])
		i++;
	if (i == n)
		return (a->key_len > b->key_len) - (a->key_len < b->key_len);
	unsigned char x = (unsigned char)a->key[i], y = (unsigned char)b->key[i];
	if (x >= 0xee && y >= 0xee && (x >= 0xf0) != (y >= 0xf0))
		return x >= 0xf0 ? -1 : 1;
	return x < y ? -1 : 1;
}

static int by_key(const void *left, const void *right)
{
	return compare_keys(*(const struct pl_pair *const *)left,
	    *(const struct pl_pair *const *)right);
}

static void sort_pairs(const struct pl_pair **sorted, size_t n)
{
	if (n > FEW_KEYS) {
		qsort(sorted, n, sizeof *sorted, by_key);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		const struct pl_pair *pair = sorted[i];
		size_t j = i;
		for (; j > 0 && compare_keys(sorted[j - 1], pair) > 0; j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = pair;
	}
}

static bool write_pair(
    struct pl_buf *out, const struct pl_pair *pair, int depth, struct pl_err *err)
{
	if (!pl_utf8_valid(pair->key, pair->key_len))
		return pl_fail(
		    err, "json.utf8", "a key of %zu bytes is not UTF-8", pair->key_len);
	write_text(out, pair->key, pair->key_len);
	pl_buf_putc(out, ':');
	return write_value(out, pair->value, depth, err);
}

static bool write_map(
    struct pl_buf *out, const struct pl_value *v, int depth, struct pl_err *err)
{
	size_t n = v->as.map.len;
	const struct pl_pair *few[FEW_KEYS], **sorted = few;
	bool ok = false;

	if (n > FEW_KEYS)
		sorted = pl_alloc(n * sizeof *sorted);
	for (size_t i = 0; i < n; i++)
		sorted[i] = &v->as.map.at[i];
	sort_pairs(sorted, n);
	pl_buf_putc(out, '{');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			pl_buf_putc(out, ',');
		if (!write_pair(out, sorted[i], depth, err))
			goto cleanup;
	}
	pl_buf_putc(out, '}');
	ok = true;
cleanup:
	if (sorted != few)
		free(sorted);
	return ok;
}

static bool write_list(
    struct pl_buf *out, const struct pl_value *v, int depth, struct pl_err *err)
{
	pl_buf_putc(out, '[');
	for (uint32_t i = 0; i < v->as.list.len; i++) {
		if (i > 0)
			pl_buf_putc(out, ',');
		if (!write_value(out, v->as.list.at[i], depth, err))
			return false;
	}
	pl_buf_putc(out, ']');
	return true;
}

/* depth: how many containers are open. What was written can be read back. */
static bool write_value(
    struct pl_buf *out, const struct pl_value *v, int depth, struct pl_err *err)
{
	if (v->kind != PL_MAP && v->kind != PL_LIST)
		return write_leaf(out, v, err);
	if (depth >= PL_JSON_LEVELS)
		return pl_fail(
		    err, "json.depth", "deeper than %d levels", PL_JSON_LEVELS);
	return v->kind == PL_MAP ? write_map(out, v, depth + 1, err)
	                         : write_list(out, v, depth + 1, err);
}

bool pl_json_canonical(struct pl_buf *out, const struct pl_value *v, struct pl_err *err)
{
	size_t len = out->len;

	if (write_value(out, v, 0, err))
		return true;
	out->len = len;
	if (out->at)
		out->at[len] = '\0';
	return false;
}

/* ---- for people -------------------------------------------------------- */

static void write_pretty(struct pl_buf *out, const struct pl_value *v, int depth);

static void start_line(struct pl_buf *out, int depth)
{
	pl_buf_putc(out, '\n');
	for (int i = 0; i < depth; i++)
		pl_buf_add(out, "  ", 2);
}

/* Canonical JSON has no form for this value itself (its members apart). */
static bool is_refused(const struct pl_value *v)
{
	switch (v->kind) {
	case PL_INT:
		return !is_safe(v->as.whole);
	case PL_REAL:
		return !isfinite(v->as.real);
	case PL_TEXT:
		return !pl_utf8_valid(v->as.text.at, v->as.text.len);
	case PL_SECRET:
		return true;
	case PL_MAP:
		for (uint32_t i = 0; i < v->as.map.len; i++)
			if (!pl_utf8_valid(
			        v->as.map.at[i].key, v->as.map.at[i].key_len))
				return true;
		return false;
	default:
		return false;
	}
}

static void write_packed(struct pl_buf *out, const struct pl_value *v, int depth)
{
	struct pl_arena scratch = {0};

	write_pretty(out, pl_pack(&scratch, v, NULL), depth);
	pl_arena_fini(&scratch);
}

static void write_pretty(struct pl_buf *out, const struct pl_value *v, int depth)
{
	bool is_map = v->kind == PL_MAP;
	uint32_t n = is_map ? v->as.map.len : v->kind == PL_LIST ? v->as.list.len : 0;

	if (is_refused(v)) {
		write_packed(out, v, depth);
		return;
	}
	if (!is_map && v->kind != PL_LIST) {
		write_leaf(out, v, NULL);
		return;
	}
	pl_buf_putc(out, is_map ? '{' : '[');
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			pl_buf_putc(out, ',');
		start_line(out, depth + 1);
		if (is_map) {
			const struct pl_pair *pair = &v->as.map.at[i];
			write_text(out, pair->key, pair->key_len);
			pl_buf_add(out, ": ", 2);
		}
		write_pretty(
		    out, is_map ? v->as.map.at[i].value : v->as.list.at[i], depth + 1);
	}
	if (n > 0)
		start_line(out, depth);
	pl_buf_putc(out, is_map ? '}' : ']');
}

void pl_json_pretty(struct pl_buf *out, const struct pl_value *v)
{
	write_pretty(out, v, 0);
}
