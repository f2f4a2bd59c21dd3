#include "host_inner.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* One way in which a secret may stand in a text. */
enum kind { AS_RAW, AS_JSON, AS_PERCENT, AS_HEX, AS_BASE64 };

struct form {
	struct form *next;
	const struct pl_secret *secret;
	enum kind kind;
	char *at; /* what is looked for, unescaped; hex in lower case */
	size_t n;
	/* base64: the characters beside it hold bits of the secret, too */
	bool before, after;
};

struct pl_masks {
	struct form *forms;
	struct {
		struct form **at;
		size_t n;
	} by_first[256]; /* the forms that may begin with this byte */
};

/* ---- forms ---------------------------------------------------------------- */

static void begin_with(struct pl_masks *all, struct form *f, int c)
{
	size_t n = all->by_first[(unsigned char)c].n;
	struct form **at = all->by_first[(unsigned char)c].at;

	if (n && at[n - 1] == f)
		return;
	at = pl_realloc(at, (n + 1) * sizeof(struct form *));
	at[n] = f;
	all->by_first[(unsigned char)c].at = at;
	all->by_first[(unsigned char)c].n = n + 1;
}

static void enter(struct pl_masks *all, struct form *f)
{
	char c = f->at[0];

	begin_with(all, f, c);
	switch (f->kind) {
	case AS_RAW:
		break;
	case AS_JSON:
		begin_with(all, f, '\\');
		break;
	case AS_PERCENT:
		begin_with(all, f, '%');
		if (c == ' ')
			begin_with(all, f, '+');
		break;
	case AS_HEX:
		begin_with(all, f, toupper((unsigned char)c));
		break;
	case AS_BASE64:
		if (c != '+' && c != '/')
			break;
		begin_with(all, f, c == '+' ? '-' : '_');
		begin_with(all, f, '%');
		begin_with(all, f, '\\');
		break;
	}
}

static struct form *add_form(struct pl_masks *all, const struct pl_secret *s,
    enum kind kind, const char *at, size_t n)
{
	struct form *f = pl_alloc(sizeof *f);

	*f = (struct form){.next = all->forms, .secret = s, .kind = kind, .n = n};
	f->at = pl_alloc(n);
	memcpy(f->at, at, n);
	all->forms = f;
	enter(all, f);
	return f;
}

/* The secret in the middle of something that was encoded as a whole: `shift`
 * bytes (modulo three) stand before it. Only characters that hold nothing but
 * the secret's bits are looked for. */
static void add_base64(struct pl_masks *all, const struct pl_secret *s, size_t shift)
{
	size_t n, first = (8 * shift + 5) / 6, end;
	const char *bytes = pl_secret_bytes(s, &n);
	char *padded = pl_alloc(shift + n);
	struct pl_buf text = {0};
	struct form *f;

	memcpy(padded + shift, bytes, n);
	pl_base64(&text, padded, shift + n);
	end = 8 * (shift + n) / 6;
	f = add_form(all, s, AS_BASE64, text.at + first, end - first);
	f->before = 8 * shift % 6 != 0;
	f->after = 8 * (shift + n) % 6 != 0;
	pl_wipe(text.at, text.len);
	pl_wipe(padded, shift + n);
	pl_buf_fini(&text);
	free(padded);
}

/* A key of several lines is often seen one line at a time. */
static void add_lines(struct pl_masks *all, const struct pl_secret *s)
{
	size_t n;
	const char *at = pl_secret_bytes(s, &n), *end = at + n, *stop;

	if (!memchr(at, '\n', n))
		return;
	for (; at < end; at = stop + 1) {
		stop = memchr(at, '\n', (size_t)(end - at));
		if (!stop)
			stop = end;
		n = (size_t)(stop - at);
		if (n && at[n - 1] == '\r')
			n--;
		if (n >= PL_SECRET_SHORTEST && strncmp(at, "-----", 5) != 0)
			add_form(all, s, AS_RAW, at, n);
	}
}

void pl_masks_add(struct pl_host *h, const struct pl_secret *s)
{
	size_t n;
	const char *bytes = pl_secret_bytes(s, &n);
	char *hex;

	if (n < PL_SECRET_SHORTEST)
		return;
	if (!h->masks)
		h->masks = pl_alloc(sizeof *h->masks);
	/* What JSON writes is the text itself but for backslashes. */
	add_form(h->masks, s, AS_JSON, bytes, n);
	if (memchr(bytes, '\\', n))
		add_form(h->masks, s, AS_RAW, bytes, n);
	add_form(h->masks, s, AS_PERCENT, bytes, n);
	for (size_t shift = 0; shift < 3; shift++)
		add_base64(h->masks, s, shift);
	hex = pl_alloc(2 * n + 1);
	pl_hex(hex, (const uint8_t *)bytes, n);
	add_form(h->masks, s, AS_HEX, hex, 2 * n);
	pl_wipe(hex, 2 * n);
	free(hex);
	add_lines(h->masks, s);
}

void pl_masks_fini(struct pl_host *h)
{
	struct pl_masks *all = h->masks;

	if (!all)
		return;
	while (all->forms) {
		struct form *f = all->forms;

		all->forms = f->next;
		pl_wipe(f->at, f->n);
		free(f->at);
		free(f);
	}
	for (size_t i = 0; i < PL_COUNT(all->by_first); i++)
		free(all->by_first[i].at);
	free(all);
	h->masks = NULL;
}

/* ---- looking for them ----------------------------------------------------- */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of `count` hex digits, or -1. */
static int digits(const char *s, size_t n, size_t count)
{
	int value = 0;

	if (n < count)
		return -1;
	for (size_t i = 0; i < count; i++) {
		int d = digit(s[i]);

		if (d < 0)
			return -1;
		value = value * 16 + d;
	}
	return value;
}

/* How many bytes of the text stand for the byte `want`; 0: another one. */
static size_t percent(const char *s, size_t n, char want)
{
	if (s[0] == '%' && digits(s + 1, n - 1, 2) == (unsigned char)want)
		return 3;
	return s[0] == want || (want == ' ' && s[0] == '+');
}

static size_t json(const char *s, size_t n, char want)
{
	static const char letters[] = "nrtbf\"\\/", bytes[] = "\n\r\t\b\f\"\\/";
	const char *letter;

	if (s[0] != '\\' || n < 2)
		return s[0] == want;
	if (s[1] == 'u' && digits(s + 2, n - 2, 4) == (unsigned char)want &&
	    !(want & 0x80))
		return 6;
	letter = s[1] ? strchr(letters, s[1]) : NULL;
	return letter && bytes[letter - letters] == want ? 2 : 0;
}

/* Encoders break long lines, and others have '-' for '+' and '_' for '/'. */
static size_t base64(const char *s, size_t n, char want, bool inside)
{
	size_t skip = 0;

	while (inside && skip < n && (s[skip] == '\n' || s[skip] == '\r'))
		skip++;
	if (skip == n)
		return 0;
	s += skip;
	n -= skip;
	if (s[0] == want || (want == '+' && s[0] == '-') ||
	    (want == '/' && s[0] == '_'))
		return skip + 1;
	if (s[0] == '%' && digits(s + 1, n - 1, 2) == (unsigned char)want)
		return skip + 3;
	return want == '/' && n > 1 && s[0] == '\\' && s[1] == '/' ? skip + 2 : 0;
}

static bool in_base64(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("+/-_", c));
}

/* The text ends before the form does: what comes next may complete it. */
static const size_t PARTIAL = SIZE_MAX;

/* The length of the form at the beginning of the text, 0, or PARTIAL. */
static size_t match(const struct form *f, const char *s, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < f->n; i++) {
		const char *at = s + used;
		size_t left = n - used, step = 0;

		if (!left)
			return PARTIAL;
		switch (f->kind) {
		case AS_RAW:
			step = at[0] == f->at[i];
			break;
		case AS_JSON:
			step = json(at, left, f->at[i]);
			break;
		case AS_PERCENT:
			step = percent(at, left, f->at[i]);
			break;
		case AS_HEX:
			step = tolower((unsigned char)at[0]) == f->at[i];
			break;
		case AS_BASE64:
			step = base64(at, left, f->at[i], i > 0);
			break;
		}
		/* An escape may be cut off as well: the longest has six bytes. */
		if (!step)
			return left < 6 && (at[0] == '%' || at[0] == '\\') ? PARTIAL
			                                                   : 0;
		used += step;
	}
	if (f->after && used < n && in_base64(s[used]))
		used++;
	while (f->after && used < n && s[used] == '=')
		used++;
	return used;
}

/* The longest of all forms that begin here. */
static const struct form *longest(
    const struct pl_masks *all, const char *s, size_t n, size_t *used)
{
	unsigned char first = (unsigned char)s[0];
	const struct form *best = NULL;

	*used = 0;
	for (size_t i = 0; i < all->by_first[first].n; i++) {
		const struct form *f = all->by_first[first].at[i];
		size_t k = match(f, s, n);

		if (k > *used && k != PARTIAL) {
			*used = k;
			best = f;
		}
	}
	return best;
}

/* Whether anything was found. Without an `out`, it stops at the first find. */
static bool mask(
    const struct pl_masks *all, struct pl_buf *out, const char *s, size_t n)
{
	size_t kept = 0, used;
	bool any = false;

	for (size_t i = 0; i < n;) {
		const struct form *f = longest(all, s + i, n - i, &used);
		size_t end = i;

		if (!f) {
			i++;
			continue;
		}
		if (!out)
			return true;
		if (f->before && end > kept && in_base64(s[end - 1]))
			end--;
		pl_buf_add(out, s + kept, end - kept);
		pl_buf_printf(out, "***%s***", pl_secret_name(f->secret));
		kept = i += used;
		any = true;
	}
	if (out)
		pl_buf_add(out, s + kept, n - kept);
	return any;
}

static bool is_cut(const struct pl_masks *all, const char *s, size_t n)
{
	unsigned char first = (unsigned char)s[0];

	for (size_t i = 0; i < all->by_first[first].n; i++)
		if (match(all->by_first[first].at[i], s, n) == PARTIAL)
			return true;
	return false;
}

size_t pl_mask_whole(struct pl_host *h, const char *s, size_t n)
{
	size_t i = 0, used = 0;

	uv_mutex_lock(&h->guard);
	for (; h->masks && i < n && !is_cut(h->masks, s + i, n - i); i += used) {
		longest(h->masks, s + i, n - i, &used);
		used += !used;
	}
	if (!h->masks)
		i = n;
	uv_mutex_unlock(&h->guard);
	return i;
}

void pl_secret_mask(struct pl_host *h, struct pl_buf *out, const char *s, size_t n)
{
	uv_mutex_lock(&h->guard);
	if (h->masks)
		mask(h->masks, out, s, n);
	else
		pl_buf_add(out, s, n);
	uv_mutex_unlock(&h->guard);
}

/* ---- masking a tree ------------------------------------------------------- */

/* NULL: the text holds no secret. */
static struct pl_value *mask_text(
    const struct pl_masks *all, struct pl_arena *a, const char *s, size_t n)
{
	struct pl_buf out = {0};
	struct pl_value *masked;

	if (!mask(all, NULL, s, n))
		return NULL;
	mask(all, &out, s, n);
	masked = pl_textn(a, out.at, out.len);
	pl_buf_fini(&out);
	return masked;
}

static struct pl_value *mask_tree(
    const struct pl_masks *all, struct pl_arena *a, struct pl_value *v);

static struct pl_value *mask_list(
    const struct pl_masks *all, struct pl_arena *a, struct pl_value *v)
{
	struct pl_value *list = pl_list(a);
	bool same = true;

	for (uint32_t i = 0; i < v->as.list.len; i++) {
		struct pl_value *member = mask_tree(all, a, v->as.list.at[i]);

		same = same && member == v->as.list.at[i];
		pl_list_add(a, list, member);
	}
	return same ? v : list;
}

static struct pl_value *mask_map(
    const struct pl_masks *all, struct pl_arena *a, struct pl_value *v)
{
	struct pl_value *map = pl_map(a);
	bool same = true;

	for (uint32_t i = 0; i < v->as.map.len; i++) {
		const struct pl_pair *p = &v->as.map.at[i];
		struct pl_value *key = mask_text(all, a, p->key, p->key_len);
		struct pl_value *member = mask_tree(all, a, p->value);

		same = same && !key && member == p->value;
		if (key)
			pl_map_setn(a, map, key->as.text.at, key->as.text.len, member);
		else
			pl_map_setn(a, map, p->key, p->key_len, member);
	}
	return same ? v : map;
}

static struct pl_value *mask_tree(
    const struct pl_masks *all, struct pl_arena *a, struct pl_value *v)
{
	struct pl_value *masked = NULL;

	if (!v)
		return NULL;
	if (v->kind == PL_LIST)
		masked = mask_list(all, a, v);
	else if (v->kind == PL_MAP)
		masked = mask_map(all, a, v);
	else if (v->kind == PL_TEXT)
		masked = mask_text(all, a, v->as.text.at, v->as.text.len);
	if (!masked || masked == v)
		return v;
	masked->line = v->line;
	masked->column = v->column;
	return masked;
}

struct pl_value *pl_secret_mask_value(
    struct pl_host *h, struct pl_arena *a, const struct pl_value *v)
{
	struct pl_value *masked = (struct pl_value *)v;

	uv_mutex_lock(&h->guard);
	if (h->masks)
		masked = mask_tree(h->masks, a, masked);
	uv_mutex_unlock(&h->guard);
	return masked;
}
