/* The value tree: making, reading, copying and comparing it. */
#include "inner.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pl_value *make(struct pl_arena *a, enum pl_kind kind)
{
	struct pl_value *v = pl_arena_alloc(a, sizeof *v);

	v->kind = kind;
	return v;
}

struct pl_value *pl_null(struct pl_arena *a)
{
	return make(a, PL_NULL);
}

struct pl_value *pl_bool(struct pl_arena *a, bool b)
{
	struct pl_value *v = make(a, PL_BOOL);

	v->as.truth = b;
	return v;
}

struct pl_value *pl_int(struct pl_arena *a, int64_t i)
{
	struct pl_value *v = make(a, PL_INT);

	v->as.whole = i;
	return v;
}

struct pl_value *pl_real(struct pl_arena *a, double d)
{
	struct pl_value *v = make(a, PL_REAL);

	v->as.real = d;
	return v;
}

struct pl_value *pl_text(struct pl_arena *a, const char *s)
{
	return s ? pl_textn(a, s, strlen(s)) : pl_null(a);
}

struct pl_value *pl_textn(struct pl_arena *a, const char *s, size_t n)
{
	struct pl_value *v = make(a, PL_TEXT);

	v->as.text.at = pl_arena_text(a, s, n);
	v->as.text.len = n;
	return v;
}

struct pl_value *pl_textf(struct pl_arena *a, const char *fmt, ...)
{
	struct pl_value *v = make(a, PL_TEXT);
	va_list args;

	va_start(args, fmt);
	v->as.text.at = pl_arena_format(a, &v->as.text.len, fmt, args);
	va_end(args);
	return v;
}

struct pl_value *pl_list(struct pl_arena *a)
{
	return make(a, PL_LIST);
}

struct pl_value *pl_map(struct pl_arena *a)
{
	return make(a, PL_MAP);
}

struct pl_value *pl_secret_value(struct pl_arena *a, const struct pl_secret *s)
{
	struct pl_value *v = make(a, PL_SECRET);

	v->as.secret = s;
	return v;
}

/* ---- containers -------------------------------------------------------- */

void pl_list_add(struct pl_arena *a, struct pl_value *list, struct pl_value *member)
{
	assert(list->kind == PL_LIST && member);
	uint32_t len = list->as.list.len, cap = list->as.list.cap;

	if (len >= cap) {
		cap = cap < 4 ? 4 : cap * 2;
		struct pl_value **at = pl_arena_alloc(a, cap * sizeof *at);
		if (len)
			memcpy(at, list->as.list.at, len * sizeof *at);
		list->as.list.at = at;
		list->as.list.cap = cap;
	}
	list->as.list.at[len] = member;
	list->as.list.len = len + 1;
}

/*
 * A map with so many pairs gets an index of its keys from pl_map_setn, behind
 * its pairs in the same memory; the highest bit of `cap` says that it is there.
 * `count` is the number of pairs that it knows.
 */
enum { INDEXED = 32 };
#define INDEX_MARK (UINT32_C(1) << 31)

struct index {
	uint32_t count, mask;
	struct slot {
		uint32_t hash, place; /* place + 1; 0: empty */
	} at[];
};

static uint32_t room_of(const struct pl_value *map)
{
	return map->as.map.cap & ~INDEX_MARK;
}

static struct index *index_of(const struct pl_value *map)
{
	if (!(map->as.map.cap & INDEX_MARK))
		return NULL;
	return (struct index *)(void *)(map->as.map.at + room_of(map));
}

static uint32_t hash_key(const char *key, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)key[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(h ^ h >> 32);
}

static bool is_key(const struct pl_pair *pair, const char *key, size_t n)
{
	return pair->key_len == n && memcmp(pair->key, key, n) == 0;
}

static struct pl_pair *look_through(
    const struct pl_value *map, const char *key, size_t n)
{
	for (uint32_t i = 0; i < map->as.map.len; i++)
		if (is_key(&map->as.map.at[i], key, n))
			return &map->as.map.at[i];
	return NULL;
}

static struct pl_pair *find_pair(const struct pl_value *map, const char *key, size_t n)
{
	const struct index *index = index_of(map);

	/* Somebody may have taken pairs out or moved them by hand. */
	if (!index || index->count != map->as.map.len)
		return look_through(map, key, n);
	uint32_t hash = hash_key(key, n);
	for (uint32_t i = hash & index->mask; index->at[i].place;
	     i = (i + 1) & index->mask) {
		if (index->at[i].hash != hash)
			continue;
		struct pl_pair *pair = &map->as.map.at[index->at[i].place - 1];
		if (is_key(pair, key, n))
			return pair;
		if (hash_key(pair->key, pair->key_len) != hash)
			return look_through(map, key, n);
	}
	return NULL;
}

static void index_pair(struct index *index, const struct pl_pair *pair)
{
	uint32_t hash = hash_key(pair->key, pair->key_len), i = hash & index->mask;

	while (index->at[i].place)
		i = (i + 1) & index->mask;
	index->at[i] = (struct slot){.hash = hash, .place = ++index->count};
}

static void index_all(struct pl_value *map)
{
	struct index *index = index_of(map);

	memset(index->at, 0, (index->mask + 1u) * sizeof index->at[0]);
	index->count = 0;
	for (uint32_t i = 0; i < map->as.map.len; i++)
		index_pair(index, &map->as.map.at[i]);
}

static void make_room(struct pl_arena *a, struct pl_value *map)
{
	uint32_t len = map->as.map.len, cap = 4;

	while (cap <= len)
		cap *= 2;
	size_t pairs = cap * sizeof(struct pl_pair), slots = 2 * (size_t)cap;
	size_t extra =
	    cap < INDEXED ? 0 : sizeof(struct index) + slots * sizeof(struct slot);
	struct pl_pair *at = pl_arena_alloc(a, pairs + extra);
	if (len)
		memcpy(at, map->as.map.at, len * sizeof *at);
	map->as.map.at = at;
	map->as.map.cap = extra ? cap | INDEX_MARK : cap;
	if (extra) {
		index_of(map)->mask = (uint32_t)slots - 1;
		index_all(map);
	}
}

void pl_map_setn(struct pl_arena *a, struct pl_value *map, const char *key, size_t n,
    struct pl_value *v)
{
	assert(map->kind == PL_MAP && v);
	struct pl_pair *pair = find_pair(map, key, n);

	if (pair) {
		pair->value = v;
		return;
	}
	if (map->as.map.len >= room_of(map))
		make_room(a, map);
	struct index *index = index_of(map);
	if (index && index->count != map->as.map.len)
		index_all(map);
	pair = &map->as.map.at[map->as.map.len++];
	*pair =
	    (struct pl_pair){.key = pl_arena_text(a, key, n), .key_len = n, .value = v};
	if (index)
		index_pair(index, pair);
}

void pl_map_set(
    struct pl_arena *a, struct pl_value *map, const char *key, struct pl_value *v)
{
	pl_map_setn(a, map, key, strlen(key), v);
}

/* ---- reading ----------------------------------------------------------- */

static struct pl_value *get(const struct pl_value *map, const char *key, size_t n)
{
	struct pl_pair *pair =
	    map && map->kind == PL_MAP ? find_pair(map, key, n) : NULL;

	return pair ? pair->value : NULL;
}

struct pl_value *pl_get(const struct pl_value *map, const char *key)
{
	return get(map, key, strlen(key));
}

static struct pl_value *member(
    const struct pl_value *list, const char *digits, size_t n)
{
	uint64_t index = 0;

	if (n == 0 || n > 9)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return NULL;
		index = index * 10 + (uint64_t)(digits[i] - '0');
	}
	return index < list->as.list.len ? list->as.list.at[index] : NULL;
}

struct pl_value *pl_at(const struct pl_value *v, const char *path)
{
	struct pl_value *found = NULL;

	for (;;) {
		size_t n = strcspn(path, ".");
		found = v && v->kind == PL_LIST ? member(v, path, n) : get(v, path, n);
		if (!found || path[n] == '\0')
			return found;
		v = found;
		path += n + 1;
	}
}

const char *pl_text_of(const struct pl_value *v, const char *fallback)
{
	return v && v->kind == PL_TEXT ? v->as.text.at : fallback;
}

const char *pl_get_text(
    const struct pl_value *map, const char *key, const char *fallback)
{
	return pl_text_of(pl_get(map, key), fallback);
}

int64_t pl_get_int(const struct pl_value *map, const char *key, int64_t fallback)
{
	const struct pl_value *v = pl_get(map, key);

	return v && v->kind == PL_INT ? v->as.whole : fallback;
}

bool pl_get_bool(const struct pl_value *map, const char *key, bool fallback)
{
	const struct pl_value *v = pl_get(map, key);

	return v && v->kind == PL_BOOL ? v->as.truth : fallback;
}

bool pl_is_null(const struct pl_value *v)
{
	return !v || v->kind == PL_NULL;
}

const char *pl_kind_name(enum pl_kind k)
{
	static const char *const names[] = {
	    [PL_NULL] = "null",
	    [PL_BOOL] = "true or false",
	    [PL_INT] = "whole number",
	    [PL_REAL] = "number",
	    [PL_TEXT] = "text",
	    [PL_LIST] = "list",
	    [PL_MAP] = "map",
	    [PL_SECRET] = "secret",
	};

	return (size_t)k < PL_COUNT(names) ? names[k] : "unknown";
}

/* ---- whole trees ------------------------------------------------------- */

static void copy_members(
    struct pl_arena *a, struct pl_value *to, const struct pl_value *from)
{
	uint32_t n = from->as.list.len;

	to->as.list.cap = n;
	to->as.list.at = n ? pl_arena_alloc(a, n * sizeof *to->as.list.at) : NULL;
	for (uint32_t i = 0; i < n; i++)
		to->as.list.at[i] = pl_copy(a, from->as.list.at[i]);
}

static void copy_pairs(
    struct pl_arena *a, struct pl_value *to, const struct pl_value *from)
{
	uint32_t n = from->as.map.len;

	to->as.map.cap = n; /* and no index */
	to->as.map.at = n ? pl_arena_alloc(a, n * sizeof *to->as.map.at) : NULL;
	for (uint32_t i = 0; i < n; i++) {
		const struct pl_pair *pair = &from->as.map.at[i];
		to->as.map.at[i] = *pair;
		to->as.map.at[i].key = pl_arena_text(a, pair->key, pair->key_len);
		to->as.map.at[i].value = pl_copy(a, pair->value);
	}
}

struct pl_value *pl_copy(struct pl_arena *a, const struct pl_value *v)
{
	if (!v)
		return NULL;
	struct pl_value *copy = make(a, v->kind);
	*copy = *v;
	if (v->kind == PL_TEXT)
		copy->as.text.at = pl_arena_text(a, v->as.text.at, v->as.text.len);
	else if (v->kind == PL_LIST)
		copy_members(a, copy, v);
	else if (v->kind == PL_MAP)
		copy_pairs(a, copy, v);
	return copy;
}

/* A whole and a real number are the same data when JSON writes them alike. */
static bool same_numbers(const struct pl_value *a, const struct pl_value *b)
{
	if (a->kind == PL_INT && b->kind == PL_INT)
		return a->as.whole == b->as.whole;
	if (a->kind == PL_REAL && b->kind == PL_REAL)
		return a->as.real == b->as.real ||
		    (a->as.real != a->as.real && b->as.real != b->as.real);
	int64_t whole = a->kind == PL_INT ? a->as.whole : b->as.whole;
	double real = a->kind == PL_REAL ? a->as.real : b->as.real;
	return whole >= -PL_SAFE_INTEGER && whole <= PL_SAFE_INTEGER &&
	    (double)whole == real;
}

static bool same_lists(const struct pl_value *a, const struct pl_value *b)
{
	if (a->as.list.len != b->as.list.len)
		return false;
	for (uint32_t i = 0; i < a->as.list.len; i++)
		if (!pl_same(a->as.list.at[i], b->as.list.at[i]))
			return false;
	return true;
}

static int by_key(const void *left, const void *right)
{
	const struct pl_pair *a = *(const struct pl_pair *const *)left;
	const struct pl_pair *b = *(const struct pl_pair *const *)right;

	if (a->key_len != b->key_len)
		return a->key_len < b->key_len ? -1 : 1;
	return memcmp(a->key, b->key, a->key_len);
}

/* Yours to free(). */
static const struct pl_pair **sort_pairs(const struct pl_value *map)
{
	uint32_t n = map->as.map.len;
	const struct pl_pair **sorted = pl_alloc(n * sizeof *sorted);

	for (uint32_t i = 0; i < n; i++)
		sorted[i] = &map->as.map.at[i];
	qsort(sorted, n, sizeof *sorted, by_key);
	return sorted;
}

static bool same_pairs(const struct pl_pair *a, const struct pl_pair *b)
{
	return is_key(a, b->key, b->key_len) && pl_same(a->value, b->value);
}

static bool same_keys_in_order(const struct pl_value *a, const struct pl_value *b)
{
	for (uint32_t i = 0; i < a->as.map.len; i++)
		if (!is_key(
		        &a->as.map.at[i], b->as.map.at[i].key, b->as.map.at[i].key_len))
			return false;
	return true;
}

static bool same_maps(const struct pl_value *a, const struct pl_value *b)
{
	uint32_t n = a->as.map.len, i = 0;

	if (n != b->as.map.len)
		return false;
	/* Nearly always in the same order. */
	if (same_keys_in_order(a, b)) {
		while (i < n && same_pairs(&a->as.map.at[i], &b->as.map.at[i]))
			i++;
		return i == n;
	}
	const struct pl_pair **mine = sort_pairs(a), **theirs = sort_pairs(b);
	while (i < n && same_pairs(mine[i], theirs[i]))
		i++;
	free(mine);
	free(theirs);
	return i == n;
}

bool pl_same(const struct pl_value *a, const struct pl_value *b)
{
	if (!a || !b || a == b)
		return a == b;
	bool a_number = a->kind == PL_INT || a->kind == PL_REAL;
	bool b_number = b->kind == PL_INT || b->kind == PL_REAL;
	if (a_number && b_number)
		return same_numbers(a, b);
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case PL_BOOL:
		return a->as.truth == b->as.truth;
	case PL_TEXT:
		return a->as.text.len == b->as.text.len &&
		    memcmp(a->as.text.at, b->as.text.at, a->as.text.len) == 0;
	case PL_LIST:
		return same_lists(a, b);
	case PL_MAP:
		return same_maps(a, b);
	case PL_SECRET:
		return a->as.secret == b->as.secret;
	default:
		return true;
	}
}
