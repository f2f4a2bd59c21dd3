#include "http.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* The URLs here are stricter than any library's reading of them: what passes
 * means the same to the router, to libcurl and to the server. Messages quote
 * nothing, because a URL may hold a secret; the caller knows. */

static bool is_host_char(unsigned char c)
{
	return isalnum(c) || c == '-' || c == '.' || c == '_' || c >= 0x80;
}

/* Bytes of the host at the start of s: a name, or IPv6 in brackets; 0: none. */
static size_t host_length(const char *s, size_t n)
{
	size_t i = 0;

	if (n > 0 && s[0] == '[') {
		i = 1;
		while (i < n &&
		    (isxdigit((unsigned char)s[i]) || s[i] == ':' || s[i] == '.'))
			i++;
		return i > 2 && i < n && s[i] == ']' ? i + 1 : 0;
	}
	while (i < n && is_host_char((unsigned char)s[i]))
		i++;
	return i;
}

static bool read_port(unsigned *port, const char *s, size_t n)
{
	unsigned p = 0;

	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)s[i]) || p > 65535)
			return false;
		p = p * 10 + (unsigned)(s[i] - '0');
	}
	if (n > 0)
		*port = p;
	return n == 0 || (p > 0 && p <= 65535);
}

static bool read_authority(
    struct pl_url *u, struct pl_arena *a, const char *s, size_t n, struct pl_err *err)
{
	size_t host = host_length(s, n);
	char *name;

	if (memchr(s, '@', n))
		return pl_fail(err, "http.url",
		    "a user name or password in the URL is refused: send it in a header");
	if (host == 0 || host > 255)
		return pl_fail(err, "http.url", "the URL names no host");
	if (host < n && s[host] != ':')
		return pl_fail(
		    err, "http.url", "the URL's host has a byte that no host has");
	u->port = u->tls ? 443 : 80;
	if (host < n && !read_port(&u->port, s + host + 1, n - host - 1))
		return pl_fail(
		    err, "http.url", "the URL's port is not between 1 and 65535");
	name = pl_arena_text(a, s, host);
	for (char *c = name; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	u->host = name;
	return true;
}

/* RFC 3986, 5.2.4: "/a/./b/../c" is "/a/c". In place; s begins with "/". */
static void remove_dots(char *s)
{
	char *query = strchr(s, '?');
	const char *end = query ? query : s + strlen(s);
	const char *from = s;
	char *to = s;

	while (from < end) {
		const char *next = from + 1;
		size_t n;
		bool last;

		while (next < end && *next != '/')
			next++;
		n = (size_t)(next - from);
		last = next == end;
		if (n == 3 && from[1] == '.' && from[2] == '.') {
			while (to > s && *--to != '/')
				;
			if (last)
				*to++ = '/';
		} else if (n == 2 && from[1] == '.') {
			if (last)
				*to++ = '/';
		} else {
			memmove(to, from, n);
			to += n;
		}
		from = next;
	}
	if (to == s)
		*to++ = '/';
	memmove(to, end, strlen(end) + 1);
}

static const char *read_target(struct pl_arena *a, const char *s, size_t n)
{
	const char *fragment = n > 0 ? memchr(s, '#', n) : NULL;
	char *target;

	if (fragment)
		n = (size_t)(fragment - s);
	target =
	    pl_arena_printf(a, "%s%.*s", n > 0 && s[0] == '/' ? "" : "/", (int)n, s);
	remove_dots(target);
	return target;
}

bool pl_url_parse(struct pl_url *out, struct pl_arena *a, const char *text, size_t n,
    struct pl_err *err)
{
	struct pl_url u = {0};
	size_t scheme = 0, end;

	if (n > 64 * 1024)
		return pl_fail(err, "http.url", "the URL is longer than 64 KiB");
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return pl_fail(err, "http.url",
			    "a URL has no blank or control character: escape it as %%XX");
	while (scheme < n &&
	    (isalnum((unsigned char)text[scheme]) || strchr("+-.", text[scheme])))
		scheme++;
	if (scheme == 0 || scheme == n || text[scheme] != ':')
		return pl_fail(
		    err, "http.url", "a URL begins with https:// or http://");
	u.tls = scheme == 5 && strncasecmp(text, "https", 5) == 0;
	if (!u.tls && !(scheme == 4 && strncasecmp(text, "http", 4) == 0))
		return pl_fail(err, "http.scheme", "only https and http are spoken");
	if (n < scheme + 3 || memcmp(text + scheme, "://", 3) != 0)
		return pl_fail(
		    err, "http.url", "a URL begins with https:// or http://");
	text += scheme + 3;
	n -= scheme + 3;
	for (end = 0; end < n && !strchr("/?#", text[end]); end++)
		;
	if (!read_authority(&u, a, text, end, err))
		return false;
	u.target = read_target(a, text + end, n - end);
	*out = u;
	return true;
}

/* Whether the reference begins with a scheme of its own. */
static bool is_absolute(const char *s, size_t n)
{
	size_t i = 0;

	while (
	    i < n && (isalnum((unsigned char)s[i]) || (i > 0 && strchr("+-.", s[i]))))
		i++;
	return i > 0 && i < n && s[i] == ':';
}

/* Bytes of base's target that a reference beginning with `first` builds on. */
static size_t kept_of_base(const char *target, char first)
{
	size_t path = strcspn(target, "?");

	if (first == '\0' || first == '#')
		return strlen(target);
	if (first == '?')
		return path;
	while (path > 0 && target[path - 1] != '/')
		path--;
	return path;
}

bool pl_url_resolve(struct pl_url *out, struct pl_arena *a, const struct pl_url *base,
    const char *reference, size_t n, struct pl_err *err)
{
	struct pl_buf text = {0};
	bool ok;

	while (n > 0 && (reference[0] == ' ' || reference[0] == '\t'))
		reference++, n--;
	while (n > 0 && (reference[n - 1] == ' ' || reference[n - 1] == '\t'))
		n--;
	if (n >= 2 && memcmp(reference, "//", 2) == 0) {
		pl_buf_puts(&text, base->tls ? "https:" : "http:");
	} else if (!is_absolute(reference, n)) {
		char first = n > 0 ? reference[0] : '\0';

		pl_buf_puts(&text, pl_url_origin(a, base));
		if (first != '/')
			pl_buf_add(
			    &text, base->target, kept_of_base(base->target, first));
	}
	for (size_t i = 0; i < n; i++) {
		if (reference[i] == ' ')
			pl_buf_puts(&text, "%20");
		else
			pl_buf_putc(&text, reference[i]);
	}
	ok = pl_url_parse(out, a, text.at ? text.at : "", text.len, err);
	pl_buf_fini(&text);
	return ok;
}

bool pl_url_same_origin(const struct pl_url *a, const struct pl_url *b)
{
	return a->tls == b->tls && a->port == b->port && strcmp(a->host, b->host) == 0;
}

const char *pl_url_origin(struct pl_arena *a, const struct pl_url *u)
{
	const char *scheme = u->tls ? "https" : "http";

	if (u->port == (u->tls ? 443 : 80))
		return pl_arena_printf(a, "%s://%s", scheme, u->host);
	return pl_arena_printf(a, "%s://%s:%u", scheme, u->host, u->port);
}

const char *pl_url_write(struct pl_arena *a, const struct pl_url *u)
{
	struct pl_buf text = {0};
	const char *kept;

	pl_buf_puts(&text, u->tls ? "https://" : "http://");
	pl_buf_puts(&text, u->host);
	if (u->port != (u->tls ? 443 : 80))
		pl_buf_printf(&text, ":%u", u->port);
	pl_buf_puts(&text, u->target);
	kept = pl_arena_text(a, text.at, text.len);
	pl_buf_fini(&text);
	return kept;
}

void pl_url_escape(struct pl_buf *out, const char *s, size_t n, bool form)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if ((c < 0x80 && isalnum(c)) || (c != '\0' && strchr("-._~", c)))
			pl_buf_putc(out, (char)c);
		else if (c == ' ' && form)
			pl_buf_putc(out, '+');
		else
			pl_buf_printf(out, "%%%02X", c);
	}
}
