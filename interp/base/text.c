/* UTF-8, text fit for a terminal, the word that was probably meant. */
#include "inner.h"

#include <stdlib.h>
#include <string.h>

/* Table 3-7 of the Unicode Standard: the second byte's bounds follow the first. */
size_t pl_utf8_length(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n < len)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0; /* overlong */
	else if (p[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (p[0] == 0xf0)
		low = 0x90; /* overlong */
	else if (p[0] == 0xf4)
		high = 0x8f; /* beyond U+10FFFF */
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

size_t pl_utf8_encode(char out[4], uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

bool pl_utf8_valid(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		uint64_t eight;
		/* Eight at a time while all are ASCII. */
		if (n - i >= sizeof eight) {
			memcpy(&eight, s + i, sizeof eight);
			if ((eight & UINT64_C(0x8080808080808080)) == 0) {
				i += sizeof eight;
				continue;
			}
		}
		size_t len = pl_utf8_length(s + i, n - i);
		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

/* Eight bytes at a time. A byte below 0x20 borrows from its highest bit when 0x20
 * is taken from it; a byte equal to the quote is zero after the exclusive or, and
 * borrows when 1 is taken from it. */
size_t pl_plain_length(const char *s, size_t n)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), highest = ones * 0x80;
	size_t i = 0;
	uint64_t eight;

	for (; n - i >= sizeof eight; i += sizeof eight) {
		memcpy(&eight, s + i, sizeof eight);
		uint64_t quote = eight ^ ones * '"', slash = eight ^ ones * '\\';
		uint64_t odd = eight | (eight - ones * 0x20) |
		    ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
		if (odd & highest)
			break;
	}
	while (i < n && s[i] >= 0x20 && (unsigned char)s[i] < 0x80 && s[i] != '"' &&
	    s[i] != '\\')
		i++;
	return i;
}

/* ---- for a terminal ---------------------------------------------------- */

static uint32_t decode(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;

	if (len == 1)
		return p[0];
	uint32_t c = p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++)
		c = c << 6 | (p[i] & 0x3fu);
	return c;
}

/* Controls, and characters that reorder the text around them or break lines. */
static bool is_hidden(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e ||
	    c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void show_hidden(struct pl_buf *out, uint32_t c)
{
	if (c == '\n')
		pl_buf_puts(out, "\\n");
	else if (c == '\t')
		pl_buf_puts(out, "\\t");
	else if (c == '\r')
		pl_buf_puts(out, "\\r");
	else if (c < 0x80)
		pl_buf_printf(out, "\\x%02x", (unsigned)c);
	else
		pl_buf_printf(out, "\\u%04x", (unsigned)c);
}

void pl_printable(struct pl_buf *out, const char *s, size_t n, bool keep_lines)
{
	size_t i = 0;

	pl_buf_add(out, "", 0);
	while (i < n) {
		size_t len = pl_utf8_length(s + i, n - i);
		if (len == 0) {
			pl_buf_printf(out, "\\x%02x", (unsigned char)s[i]);
			i++;
			continue;
		}
		uint32_t c = decode(s + i, len);
		if (is_hidden(c) && !(keep_lines && (c == '\n' || c == '\t')))
			show_hidden(out, c);
		else
			pl_buf_add(out, s + i, len);
		i += len;
	}
}

/* ---- the word that was meant ------------------------------------------- */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Insertions, removals, changes and swaps of neighbours that make a into b. */
static size_t distance(const char *a, size_t a_n, const char *b, size_t b_n)
{
	size_t width = b_n + 1;
	size_t *rows = pl_alloc(3 * width * sizeof *rows);
	size_t *older = rows, *old = rows + width, *row = rows + 2 * width;

	for (size_t j = 0; j <= b_n; j++)
		old[j] = j;
	for (size_t i = 1; i <= a_n; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b_n; j++) {
			size_t change = old[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = least(change, least(old[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = least(row[j], older[j - 2] + 1);
		}
		size_t *spare = older;
		older = old;
		old = row;
		row = spare;
	}
	size_t d = old[b_n];
	free(rows);
	return d;
}

const char *pl_nearest(const char *word, const char *const *words, size_t n)
{
	enum { LONGEST = 128 };
	size_t len = strlen(word), best = SIZE_MAX;
	const char *found = NULL;

	if (len == 0 || len > LONGEST)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t other = words[i] ? strlen(words[i]) : 0;
		if (other == 0 || other > LONGEST)
			continue;
		size_t d = distance(word, len, words[i], other);
		if (d < best && d * 3 <= (len > other ? len : other)) {
			best = d;
			found = words[i];
		}
	}
	return found;
}
