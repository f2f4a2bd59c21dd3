/*
 * The quick answer to "is this line canonical JSON?": a recogniser that builds
 * nothing and says yes only where there is no doubt: plain keys in order, whole
 * numbers of up to 15 digits, the short escapes. Nearly all our lines are like that.
 * Its "no" means "not sure": record.c then parses, encodes again and compares, and
 * so it is the encoder that decides. fuzz_journal holds the two against each other.
 */
#include <string.h>

#include "store_inner.h"

#define LEVELS 64 /* deeper lines are left to the parser */

struct scan {
	const char *at, *end;
	int level;
	bool beyond_ascii;
};

static bool scan_value(struct scan *s, struct pl_facts *facts);

static bool take(struct scan *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* `inside`: what stands between the quotes; `plain`: it is what it means. */
static bool scan_text(struct scan *s, struct pl_span *inside, bool *plain)
{
	if (!take(s, '"'))
		return false;
	const char *from = s->at, *at = from, *end = s->end;
	*plain = true;
	for (;; at++) {
		while (at < end && is_plain((unsigned char)*at))
			at++;
		if (at == end || (unsigned char)*at < 0x20)
			return false;
		if (*at == '"')
			break;
		*plain = false;
		if (*at != '\\') {
			s->beyond_ascii = true;
			continue;
		}
		at++;
		if (at == end || !*at || !strchr("\"\\bfnrt", *at))
			return false;
	}
	*inside = (struct pl_span){from, (size_t)(at - from)};
	s->at = at + 1;
	return true;
}

static bool scan_number(struct scan *s, int64_t *whole)
{
	bool negative = take(s, '-');
	const char *from = s->at;
	int64_t n = 0;
	while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && s->at - from < 16)
		n = n * 10 + (*s->at++ - '0');
	size_t digits = (size_t)(s->at - from);
	if (digits < 1 || digits > 15 || (*from == '0' && (digits > 1 || negative)))
		return false;
	*whole = negative ? -n : n;
	/* A fraction or an exponent is no ',' ']' or '}': the caller stops there. */
	return true;
}

static bool scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);
	if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
		return false;
	s->at += n;
	return true;
}

static bool scan_list(struct scan *s)
{
	if (take(s, ']'))
		return true;
	do {
		if (!scan_value(s, NULL))
			return false;
	} while (take(s, ','));
	return take(s, ']');
}

static bool is(const struct pl_span *key, const char *name)
{
	return key->len == strlen(name) && memcmp(key->at, name, key->len) == 0;
}

/* A member of the outermost map: those that every record has are kept. */
static bool scan_member(
    struct scan *s, const struct pl_span *key, struct pl_facts *facts)
{
	struct pl_span *text = is(key, "prev") ? &facts->prev
	    : is(key, "run")                   ? &facts->run
	    : is(key, "time")                  ? &facts->time
	    : is(key, "type")                  ? &facts->type
	                                       : NULL;
	bool plain;
	if (text)
		return scan_text(s, text, &plain) && plain;
	if (is(key, "seq"))
		return scan_number(s, &facts->seq);
	return scan_value(s, NULL);
}

static bool scan_map(struct scan *s, struct pl_facts *facts)
{
	struct pl_span last = {NULL, 0}, key;
	bool plain;
	if (take(s, '}'))
		return true;
	do {
		if (!scan_text(s, &key, &plain) || !plain || !take(s, ':'))
			return false;
		/* Plain keys are ASCII: bytes are in the order of UTF-16. */
		if (last.at) {
			size_t n = last.len < key.len ? last.len : key.len;
			int order = memcmp(last.at, key.at, n);
			if (order > 0 || (order == 0 && last.len >= key.len))
				return false;
		}
		last = key;
		if (!(facts ? scan_member(s, &key, facts) : scan_value(s, NULL)))
			return false;
	} while (take(s, ','));
	return take(s, '}');
}

static bool scan_value(struct scan *s, struct pl_facts *facts)
{
	struct pl_span text;
	bool plain, ok;
	int64_t whole;
	if (s->at == s->end || s->level == LEVELS)
		return false;
	switch (*s->at) {
	case '{':
	case '[':
		s->level++;
		ok = *s->at++ == '{' ? scan_map(s, facts) : scan_list(s);
		s->level--;
		return ok;
	case '"':
		return scan_text(s, &text, &plain);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return scan_number(s, &whole);
	}
}

bool pl_form_sure(struct pl_facts *facts, const char *line, size_t n)
{
	struct scan s = {.at = line, .end = line + n};
	*facts = (struct pl_facts){.seq = -1};
	return n > 0 && *line == '{' && scan_value(&s, facts) && s.at == s.end &&
	    (!s.beyond_ascii || pl_utf8_valid(line, n));
}
