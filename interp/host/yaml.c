/*
 * YAML 1.2 read into values, over libyaml's events. libyaml knows YAML 1.1's
 * syntax; what 1.2 reads differently is settled here: plain scalars by the core
 * schema, and U+0085, U+2028, U+2029, which 1.1 takes for line breaks (a comment
 * would end where no editor shows it), are refused outside of escapes.
 */
#include "../base/base.h"
#include "host.h"
#include "yaml_scalar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#define LEVELS 64
#define NODES 100000
#define ANCHORS 1000

/* Where an alias may point. `open`: still being read, an alias would recurse. */
struct anchor {
	const char *name;
	struct pl_value *value;
	const char *source; /* a scalar as it was written: an alias may be a key */
	size_t source_len;
	size_t nodes;
	unsigned height; /* levels below and with it; a scalar has none */
	bool open;
};

/* A collection under way. A map's key waits here for its value. */
struct frame {
	struct pl_value *node;
	size_t anchor; /* its index + 1, or 0 */
	size_t nodes_before;
	unsigned height;
	bool has_key;
	struct pl_pair key;
};

struct reader {
	yaml_parser_t parser;
	struct pl_arena *arena;
	struct pl_err *err;
	const char *text;
	size_t len;
	size_t at, at_index; /* a byte of the text, and which character it begins */
	size_t nodes, max_nodes;
	struct pl_value *documents;
	struct frame stack[LEVELS];
	unsigned depth;
	struct anchor *anchors;
	size_t anchors_len;
};

/* libyaml counts from 0. */
PL_PRINTF(4, 5)
static bool fail_at(
    struct reader *r, const yaml_mark_t *mark, const char *code, const char *fmt, ...)
{
	char text[1024];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	pl_fail(r->err, code, "%s", text);
	if (r->err) {
		r->err->line = (unsigned)mark->line + 1;
		r->err->column = (unsigned)mark->column + 1;
	}
	return false;
}

/* ---- before libyaml sees it -------------------------------------------- */

static size_t char_size(const char *s, size_t n)
{
	unsigned char c = (unsigned char)s[0];
	size_t size = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	return size <= n && pl_utf8_valid(s, size) ? size : 0;
}

/* What no YAML text may hold as such; NULL: the character is fine. */
static const char *forbidden(const char *s, size_t size)
{
	unsigned char c = (unsigned char)s[0];
	if (size == 1)
		return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f
		    ? "a control character"
		    : NULL;
	if (c == 0xc2 && (unsigned char)s[1] < 0xa0)
		return "a control character";
	if (memcmp(s, "\xe2\x80\xa8", size) == 0 ||
	    memcmp(s, "\xe2\x80\xa9", size) == 0)
		return "a line or paragraph separator";
	return NULL;
}

static unsigned code_point(const char *s, size_t size)
{
	unsigned char c = (unsigned char)s[0];
	unsigned value = size == 1 ? c : c & (0x7fu >> size);
	for (size_t i = 1; i < size; i++)
		value = value << 6 | ((unsigned char)s[i] & 0x3fu);
	return value;
}

static bool check_bytes(struct reader *r)
{
	yaml_mark_t mark = {0};
	for (size_t i = 0, size; i < r->len; i += size) {
		const char *s = r->text + i;
		size = char_size(s, r->len - i);
		if (size == 0)
			return fail_at(r, &mark, "yaml.utf8",
			    "the byte 0x%02x is not part of UTF-8 text",
			    (unsigned)(unsigned char)*s);
		const char *what = forbidden(s, size);
		if (what)
			return fail_at(r, &mark, "yaml.syntax",
			    "%s, U+%04X: write it as an escape between double quotes",
			    what, code_point(s, size));
		if (*s == '\n' || (*s == '\r' && (i + 1 == r->len || s[1] != '\n'))) {
			mark.line++;
			mark.column = 0;
		} else {
			mark.column++;
		}
	}
	return true;
}

/* The text from a character's index on. Events come in order: the cursor only
 * ever moves forward, so that all of them together cost one walk. */
static const char *text_at(struct reader *r, size_t index)
{
	if (index < r->at_index)
		r->at = r->at_index = 0;
	while (r->at_index < index && r->at < r->len) {
		size_t size = char_size(r->text + r->at, r->len - r->at);
		r->at += size ? size : 1;
		r->at_index++;
	}
	return r->text + r->at;
}

/* ---- errors of libyaml ------------------------------------------------- */

static const char *hint_of(struct reader *r)
{
	const yaml_mark_t *mark = &r->parser.problem_mark;
	const char *s = text_at(r, mark->index);
	if (s >= r->text + r->len)
		return "";
	if (*s == '\t')
		return "; a tab cannot indent, use blanks";
	if ((*s == '@' || *s == '`' || *s == '%') &&
	    strstr(r->parser.problem, "cannot start"))
		return "; text that begins so must be quoted";
	if (*s == ':' && strstr(r->parser.problem, "mapping values"))
		return "; text that holds \": \" must be quoted";
	return "";
}

static bool fail_libyaml(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem ? p->problem : "unreadable";
	if (p->error == YAML_MEMORY_ERROR)
		return pl_fail(r->err, "yaml.size", "out of memory");
	if (p->error == YAML_READER_ERROR) {
		yaml_mark_t mark = p->mark;
		return fail_at(r, &mark, "yaml.syntax", "%s", problem);
	}
	const yaml_mark_t *where = &p->problem_mark;
	if (!p->context)
		return fail_at(r, where, "yaml.syntax", "%s%s", problem, hint_of(r));
	if (p->context_mark.line == where->line)
		return fail_at(r, where, "yaml.syntax", "%s, %s%s", problem, p->context,
		    hint_of(r));
	return fail_at(r, where, "yaml.syntax", "%s, %s that begins on line %zu%s",
	    problem, p->context, p->context_mark.line + 1, hint_of(r));
}

/* ---- nodes ------------------------------------------------------------- */

static void set_place(struct pl_value *v, const yaml_mark_t *mark)
{
	v->line = (uint32_t)mark->line + 1;
	v->column = (uint32_t)mark->column + 1;
}

static void *grow(
    struct pl_arena *a, const void *at, uint32_t len, uint32_t *cap, size_t size)
{
	*cap = *cap ? *cap * 2 : 8;
	void *wider = pl_arena_alloc(a, *cap * size);
	if (len)
		memcpy(wider, at, len * size);
	return wider;
}

/* Not pl_map_set: that looks for the key each time, here keys are compared once,
 * when the map is complete; and a copy may share its key's text. */
static void add_pair(
    struct pl_arena *a, struct pl_value *map, const struct pl_pair *pair)
{
	if (map->as.map.len == map->as.map.cap)
		map->as.map.at = grow(a, map->as.map.at, map->as.map.len,
		    &map->as.map.cap, sizeof(*map->as.map.at));
	map->as.map.at[map->as.map.len++] = *pair;
}

/* Text is shared: an anchor's long text with many aliases takes no room. */
static struct pl_value *copy_node(struct pl_arena *a, const struct pl_value *v)
{
	struct pl_value *copy = pl_null(a);
	*copy = *v;
	if (v->kind == PL_LIST) {
		memset(&copy->as.list, 0, sizeof(copy->as.list));
		for (uint32_t i = 0; i < v->as.list.len; i++)
			pl_list_add(a, copy, copy_node(a, v->as.list.at[i]));
	} else if (v->kind == PL_MAP) {
		memset(&copy->as.map, 0, sizeof(copy->as.map));
		for (uint32_t i = 0; i < v->as.map.len; i++) {
			struct pl_pair pair = v->as.map.at[i];
			pair.value = copy_node(a, pair.value);
			add_pair(a, copy, &pair);
		}
	}
	return copy;
}

static bool count_nodes(struct reader *r, size_t n, const yaml_mark_t *mark)
{
	if (n > r->max_nodes - r->nodes)
		return fail_at(r, mark, "yaml.size",
		    "more than %zu values, aliases counted as what they stand for",
		    r->max_nodes);
	r->nodes += n;
	return true;
}

static bool wants_key(const struct reader *r)
{
	if (r->depth == 0)
		return false;
	const struct frame *top = &r->stack[r->depth - 1];
	return top->node->kind == PL_MAP && !top->has_key;
}

/* Puts a complete node, or a collection that begins, where it belongs. */
static void place(struct reader *r, struct pl_value *v)
{
	if (r->depth == 0) {
		pl_list_add(r->arena, r->documents, v);
		return;
	}
	struct frame *top = &r->stack[r->depth - 1];
	if (top->node->kind == PL_LIST) {
		pl_list_add(r->arena, top->node, v);
		return;
	}
	top->key.value = v;
	add_pair(r->arena, top->node, &top->key);
	top->has_key = false;
}

static void take_key(
    struct reader *r, const char *key, size_t n, const yaml_mark_t *mark)
{
	struct frame *top = &r->stack[r->depth - 1];
	top->key.key = key;
	top->key.key_len = n;
	top->key.line = (uint32_t)mark->line + 1;
	top->key.column = (uint32_t)mark->column + 1;
	top->has_key = true;
}

static bool add_anchor(struct reader *r, const yaml_event_t *e, const yaml_char_t *name,
    struct pl_value *value, struct anchor **out)
{
	if (r->anchors_len == ANCHORS)
		return fail_at(r, &e->start_mark, "yaml.size",
		    "more than %d anchors in one document", ANCHORS);
	if (!r->anchors)
		r->anchors = pl_alloc(ANCHORS * sizeof(*r->anchors));
	struct anchor *anchor = &r->anchors[r->anchors_len++];
	memset(anchor, 0, sizeof(*anchor));
	anchor->name =
	    pl_arena_text(r->arena, (const char *)name, strlen((const char *)name));
	anchor->value = value;
	*out = anchor;
	return true;
}

static bool on_scalar(struct reader *r, const yaml_event_t *e)
{
	const char *source = (const char *)e->data.scalar.value;
	size_t n = e->data.scalar.length;
	const char *tag = (const char *)e->data.scalar.tag;
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	/* libyaml forgets the tag "!", which makes plain text text. */
	if (plain && !tag && n &&
	    pl_yaml_skips_schema(text_at(r, e->start_mark.index), r->text + r->len))
		plain = false;
	struct pl_value *v = pl_textn(r->arena, source, n);
	set_place(v, &e->start_mark);
	const char *text = v->as.text.at;
	const char *trouble = pl_yaml_resolve(v, tag, plain);
	if (trouble)
		return fail_at(r, &e->start_mark, "yaml.tag", "%s: %s", tag, trouble);
	bool is_key = wants_key(r);
	if (!is_key && !count_nodes(r, 1, &e->start_mark))
		return false;
	struct anchor *anchor;
	if (e->data.scalar.anchor) {
		if (!add_anchor(r, e, e->data.scalar.anchor, v, &anchor))
			return false;
		anchor->source = text;
		anchor->source_len = n;
		anchor->nodes = 1;
	}
	if (is_key)
		take_key(r, text, n, &e->start_mark);
	else
		place(r, v);
	return true;
}

static bool on_start(struct reader *r, const yaml_event_t *e, bool is_map)
{
	const yaml_char_t *name =
	    is_map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor;
	const yaml_char_t *tag =
	    is_map ? e->data.mapping_start.tag : e->data.sequence_start.tag;
	const char *right = is_map ? YAML_MAP_TAG : YAML_SEQ_TAG;
	if (tag && strcmp((const char *)tag, "!") != 0 &&
	    strcmp((const char *)tag, right) != 0)
		return fail_at(r, &e->start_mark, "yaml.tag",
		    "%s: a %s cannot have this tag", (const char *)tag,
		    is_map ? "map" : "list");
	if (wants_key(r))
		return fail_at(r, &e->start_mark, "yaml.key",
		    "a %s cannot be a key: expected text", is_map ? "map" : "list");
	if (r->depth == LEVELS)
		return fail_at(
		    r, &e->start_mark, "yaml.depth", "more than %d levels", LEVELS);
	size_t before = r->nodes;
	if (!count_nodes(r, 1, &e->start_mark))
		return false;
	struct pl_value *v = is_map ? pl_map(r->arena) : pl_list(r->arena);
	set_place(v, &e->start_mark);
	struct frame frame = {.node = v, .nodes_before = before};
	if (name) {
		struct anchor *anchor;
		if (!add_anchor(r, e, name, v, &anchor))
			return false;
		anchor->open = true;
		frame.anchor = r->anchors_len;
	}
	place(r, v);
	r->stack[r->depth++] = frame;
	return true;
}

static int compare_keys(const void *left, const void *right)
{
	const struct pl_pair *a = *(const struct pl_pair *const *)left;
	const struct pl_pair *b = *(const struct pl_pair *const *)right;
	size_t n = a->key_len < b->key_len ? a->key_len : b->key_len;
	int order = n ? memcmp(a->key, b->key, n) : 0;
	if (order == 0 && a->key_len != b->key_len)
		order = a->key_len < b->key_len ? -1 : 1;
	if (order == 0) /* the same key: as written */
		order = a < b ? -1 : a > b;
	return order;
}

static bool same_key(const struct pl_pair *a, const struct pl_pair *b)
{
	return a->key_len == b->key_len &&
	    (a->key_len == 0 || memcmp(a->key, b->key, a->key_len) == 0);
}

static bool check_keys(struct reader *r, const struct pl_value *map)
{
	uint32_t n = map->as.map.len;
	if (n < 2)
		return true;
	const struct pl_pair **sorted = pl_alloc(n * sizeof(*sorted));
	for (uint32_t i = 0; i < n; i++)
		sorted[i] = &map->as.map.at[i];
	qsort(sorted, n, sizeof(*sorted), compare_keys);
	const struct pl_pair *again = NULL, *first = NULL;
	for (uint32_t i = 1; i < n; i++) {
		if (same_key(sorted[i - 1], sorted[i]) &&
		    (!again || sorted[i] < again)) {
			first = sorted[i - 1];
			again = sorted[i];
		}
	}
	free(sorted);
	if (!again)
		return true;
	struct pl_buf shown = {0};
	pl_printable(
	    &shown, again->key, again->key_len < 80 ? again->key_len : 80, false);
	yaml_mark_t mark = {.line = again->line - 1, .column = again->column - 1};
	fail_at(r, &mark, "yaml.duplicate",
	    "the key \"%s\" stands here again, first on line %u, column %u",
	    shown.at ? shown.at : "", first->line, first->column);
	pl_buf_fini(&shown);
	return false;
}

static bool on_end(struct reader *r)
{
	struct frame *frame = &r->stack[--r->depth];
	if (frame->node->kind == PL_MAP && !check_keys(r, frame->node))
		return false;
	unsigned height = frame->height + 1;
	if (frame->anchor) {
		struct anchor *anchor = &r->anchors[frame->anchor - 1];
		anchor->open = false;
		anchor->height = height;
		anchor->nodes = r->nodes - frame->nodes_before;
	}
	if (r->depth && r->stack[r->depth - 1].height < height)
		r->stack[r->depth - 1].height = height;
	return true;
}

static bool on_alias(struct reader *r, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	const struct anchor *anchor = NULL;
	/* An anchor may be set again: the last one before the alias counts. */
	for (size_t i = r->anchors_len; i > 0 && !anchor; i--)
		if (strcmp(r->anchors[i - 1].name, name) == 0)
			anchor = &r->anchors[i - 1];
	if (!anchor)
		return fail_at(r, &e->start_mark, "yaml.alias",
		    "*%s: no anchor &%s before it in this document", name, name);
	if (anchor->open)
		return fail_at(r, &e->start_mark, "yaml.alias",
		    "*%s stands inside of what it refers to", name);
	if (wants_key(r)) {
		if (!anchor->source)
			return fail_at(r, &e->start_mark, "yaml.key",
			    "*%s is a %s and cannot be a key: expected text", name,
			    anchor->value->kind == PL_MAP ? "map" : "list");
		take_key(r, anchor->source, anchor->source_len, &e->start_mark);
		return true;
	}
	if (r->depth + anchor->height > LEVELS)
		return fail_at(r, &e->start_mark, "yaml.depth",
		    "*%s: more than %d levels", name, LEVELS);
	if (!count_nodes(r, anchor->nodes, &e->start_mark))
		return false;
	struct pl_value *v = copy_node(r->arena, anchor->value);
	set_place(v, &e->start_mark);
	if (r->depth && r->stack[r->depth - 1].height < anchor->height)
		r->stack[r->depth - 1].height = anchor->height;
	place(r, v);
	return true;
}

static const char *anchor_of(const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return (const char *)e->data.scalar.anchor;
	case YAML_SEQUENCE_START_EVENT:
		return (const char *)e->data.sequence_start.anchor;
	case YAML_MAPPING_START_EVENT:
		return (const char *)e->data.mapping_start.anchor;
	case YAML_ALIAS_EVENT:
		return (const char *)e->data.alias.anchor;
	default:
		return NULL;
	}
}

/* Where libyaml reads on quietly, but 1.2 means something else: "{?a: 1}" has the
 * key "?a", not "a", and "&a:b c" the anchor "a:b", not "a" before ":b c". */
static bool check_indicators(struct reader *r, const yaml_event_t *e)
{
	if (e->type != YAML_SCALAR_EVENT && e->type != YAML_ALIAS_EVENT &&
	    e->type != YAML_SEQUENCE_START_EVENT && e->type != YAML_MAPPING_START_EVENT)
		return true;
	const char *s = text_at(r, e->start_mark.index), *end = r->text + r->len;
	if (s > r->text && s[-1] == '?' && e->start_mark.index != e->end_mark.index)
		return fail_at(r, &e->start_mark, "yaml.syntax",
		    "no blank after \"?\": text that begins so must be quoted");
	const char *name = anchor_of(e);
	if (!name || s == end || (*s != '&' && *s != '*'))
		return true;
	s += 1 + strlen(name);
	if (s >= end || strchr(" \t\r\n,[]{}", *s))
		return true;
	return fail_at(r, &e->start_mark, "yaml.syntax",
	    "\"%c\" behind the name %s: expected a blank", *s, name);
}

static bool on_event(struct reader *r, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		r->anchors_len = 0;
		return true;
	case YAML_SCALAR_EVENT:
		return on_scalar(r, e);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(r, e, false);
	case YAML_MAPPING_START_EVENT:
		return on_start(r, e, true);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_end(r);
	case YAML_ALIAS_EVENT:
		return on_alias(r, e);
	default:
		return true;
	}
}

static bool read_stream(struct reader *r)
{
	for (bool more = true; more;) {
		yaml_event_t event;
		if (!yaml_parser_parse(&r->parser, &event))
			return fail_libyaml(r);
		more = event.type != YAML_STREAM_END_EVENT;
		bool ok = check_indicators(r, &event) && on_event(r, &event);
		yaml_event_delete(&event);
		if (!ok)
			return false;
	}
	return true;
}

bool pl_yaml_parse(struct pl_value **out, struct pl_arena *a, const char *text,
    size_t n, size_t max_nodes, struct pl_err *err)
{
	struct reader *r = pl_alloc(sizeof(*r));
	bool ok = false, begun = false;
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		n -= 3;
	}
	r->arena = a;
	r->err = err;
	r->text = text;
	r->len = n;
	r->max_nodes = max_nodes ? max_nodes : NODES;
	r->documents = pl_list(a);
	if (!check_bytes(r))
		goto cleanup;
	if (!yaml_parser_initialize(&r->parser)) {
		pl_fail(err, "yaml.size", "out of memory");
		goto cleanup;
	}
	begun = true;
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, n);
	if (!read_stream(r))
		goto cleanup;
	if (r->documents->as.list.len == 0) {
		struct pl_value *nothing = pl_null(a);
		nothing->line = nothing->column = 1;
		pl_list_add(a, r->documents, nothing);
	}
	*out = r->documents;
	ok = true;
cleanup:
	if (begun)
		yaml_parser_delete(&r->parser);
	free(r->anchors);
	free(r);
	return ok;
}
