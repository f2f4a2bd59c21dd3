/* Values that JSON has no word for, as data that it has, and back. */
#include "inner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- to data ----------------------------------------------------------- */

static struct pl_value *wrap(struct pl_arena *a, const char *key, struct pl_value *v)
{
	struct pl_value *map = pl_map(a);

	pl_map_set(a, map, key, v);
	return map;
}

/* Would the reader take this number's text for a whole one? */
static bool reads_as_whole(double d)
{
	return d == floor(d) && d >= -0x1p63 && d < 0x1p63;
}

static struct pl_value *pack_real(struct pl_arena *a, const struct pl_value *v)
{
	double d = v->as.real;
	char text[32];

	if (isnan(d))
		return wrap(a, "$real", pl_text(a, "nan"));
	if (isinf(d))
		return wrap(a, "$real", pl_text(a, d < 0 ? "-inf" : "inf"));
	if (!reads_as_whole(d))
		return pl_copy(a, v);
	if (d == 0 && signbit(d))
		return wrap(a, "$real", pl_text(a, "-0"));
	pl_number_write(text, d);
	return wrap(a, "$real", pl_text(a, text));
}

static struct pl_value *pack_text(struct pl_arena *a, const char *s, size_t n)
{
	struct pl_buf b = {0};

	if (pl_utf8_valid(s, n))
		return pl_textn(a, s, n);
	pl_base64(&b, s, n);
	struct pl_value *v = wrap(a, "$bytes", pl_textn(a, b.at, b.len));
	pl_buf_fini(&b);
	return v;
}

static bool has_odd_key(const struct pl_value *map)
{
	for (uint32_t i = 0; i < map->as.map.len; i++)
		if (!pl_utf8_valid(map->as.map.at[i].key, map->as.map.at[i].key_len))
			return true;
	return false;
}

/* {"$pairs":[[key,value],…]}: keys need not be UTF-8 here. */
static struct pl_value *pack_pairs(
    struct pl_arena *a, const struct pl_value *v, const struct pl_packing *p)
{
	struct pl_value *list = pl_list(a);

	for (uint32_t i = 0; i < v->as.map.len; i++) {
		const struct pl_pair *pair = &v->as.map.at[i];
		struct pl_value *two = pl_list(a);
		pl_list_add(a, two, pack_text(a, pair->key, pair->key_len));
		pl_list_add(a, two, pl_pack(a, pair->value, p));
		pl_list_add(a, list, two);
	}
	return wrap(a, "$pairs", list);
}

static struct pl_value *pack_map(
    struct pl_arena *a, const struct pl_value *v, const struct pl_packing *p)
{
	if (has_odd_key(v))
		return pack_pairs(a, v, p);
	struct pl_value *map = pl_map(a);
	if (v->as.map.len == 1 && v->as.map.at[0].key[0] == '$') {
		const struct pl_pair *pair = &v->as.map.at[0];
		char *key = pl_arena_alloc(a, pair->key_len + 1);
		key[0] = '$';
		memcpy(key + 1, pair->key, pair->key_len);
		pl_map_setn(a, map, key, pair->key_len + 1, pl_pack(a, pair->value, p));
		return map;
	}
	for (uint32_t i = 0; i < v->as.map.len; i++) {
		const struct pl_pair *pair = &v->as.map.at[i];
		pl_map_setn(
		    a, map, pair->key, pair->key_len, pl_pack(a, pair->value, p));
	}
	return map;
}

static struct pl_value *pack_list(
    struct pl_arena *a, const struct pl_value *v, const struct pl_packing *p)
{
	struct pl_value *list = pl_list(a);

	for (uint32_t i = 0; i < v->as.list.len; i++)
		pl_list_add(a, list, pl_pack(a, v->as.list.at[i], p));
	return list;
}

static struct pl_value *pack_secret(
    struct pl_arena *a, const struct pl_value *v, const struct pl_packing *p)
{
	struct pl_value *name =
	    p && p->name_of ? p->name_of(p->arg, a, v->as.secret) : NULL;

	return wrap(a, "$secret", name ? name : pl_null(a));
}

struct pl_value *pl_pack(
    struct pl_arena *a, const struct pl_value *v, const struct pl_packing *p)
{
	struct pl_value *packed;

	switch (v->kind) {
	case PL_INT:
		packed =
		    v->as.whole >= -PL_SAFE_INTEGER && v->as.whole <= PL_SAFE_INTEGER
		    ? pl_copy(a, v)
		    : wrap(a, "$int", pl_textf(a, "%lld", (long long)v->as.whole));
		break;
	case PL_REAL:
		packed = pack_real(a, v);
		break;
	case PL_TEXT:
		packed = pack_text(a, v->as.text.at, v->as.text.len);
		break;
	case PL_LIST:
		packed = pack_list(a, v, p);
		break;
	case PL_MAP:
		packed = pack_map(a, v, p);
		break;
	case PL_SECRET:
		packed = pack_secret(a, v, p);
		break;
	default:
		packed = pl_copy(a, v);
		break;
	}
	packed->line = v->line;
	packed->column = v->column;
	return packed;
}

/* ---- and back ---------------------------------------------------------- */

/* Each of these gives NULL for what pl_pack never writes: it then stays as it is. */

static struct pl_value *unpack_whole(struct pl_arena *a, const struct pl_value *v)
{
	struct pl_value *number;

	if (v->kind != PL_TEXT)
		return NULL;
	if (!pl_json_parse(&number, a, v->as.text.at, v->as.text.len, NULL))
		return NULL;
	return number->kind == PL_INT ? pl_int(a, number->as.whole) : NULL;
}

static struct pl_value *unpack_real(struct pl_arena *a, const struct pl_value *v)
{
	const char *s = pl_text_of(v, NULL);
	struct pl_value *number;

	if (!s)
		return NULL;
	if (strcmp(s, "nan") == 0)
		return pl_real(a, (double)NAN);
	if (strcmp(s, "inf") == 0)
		return pl_real(a, (double)INFINITY);
	if (strcmp(s, "-inf") == 0)
		return pl_real(a, -(double)INFINITY);
	if (strcmp(s, "-0") == 0)
		return pl_real(a, -0.0);
	if (!pl_json_parse(&number, a, s, v->as.text.len, NULL))
		return NULL;
	if (number->kind == PL_INT)
		return pl_real(a, (double)number->as.whole);
	return number->kind == PL_REAL ? pl_real(a, number->as.real) : NULL;
}

static struct pl_value *unpack_bytes(struct pl_arena *a, const struct pl_value *v)
{
	struct pl_value *text = NULL;
	struct pl_buf b = {0};

	if (v->kind == PL_TEXT && pl_unbase64(&b, v->as.text.at, v->as.text.len))
		text = pl_textn(a, b.at, b.len);
	pl_buf_fini(&b);
	return text;
}

static struct pl_value *unpack_pairs(
    struct pl_arena *a, const struct pl_value *v, const struct pl_packing *p)
{
	struct pl_value *map = pl_map(a);

	if (v->kind != PL_LIST)
		return NULL;
	for (uint32_t i = 0; i < v->as.list.len; i++) {
		const struct pl_value *two = v->as.list.at[i];
		if (two->kind != PL_LIST || two->as.list.len != 2)
			return NULL;
		const struct pl_value *key = pl_unpack(a, two->as.list.at[0], NULL);
		if (key->kind != PL_TEXT)
			return NULL;
		pl_map_setn(a, map, key->as.text.at, key->as.text.len,
		    pl_unpack(a, two->as.list.at[1], p));
	}
	return map;
}

static struct pl_value *unpack_secret(
    struct pl_arena *a, const struct pl_value *name, const struct pl_packing *p)
{
	const struct pl_secret *s =
	    p && p->secret_of ? p->secret_of(p->arg, name) : NULL;

	return s ? pl_secret_value(a, s) : pl_null(a);
}

static struct pl_value *unpack_word(
    struct pl_arena *a, const struct pl_pair *pair, const struct pl_packing *p)
{
	if (strcmp(pair->key, "$int") == 0)
		return unpack_whole(a, pair->value);
	if (strcmp(pair->key, "$real") == 0)
		return unpack_real(a, pair->value);
	if (strcmp(pair->key, "$bytes") == 0)
		return unpack_bytes(a, pair->value);
	if (strcmp(pair->key, "$pairs") == 0)
		return unpack_pairs(a, pair->value, p);
	if (strcmp(pair->key, "$secret") == 0)
		return unpack_secret(a, pair->value, p);
	return NULL;
}

static struct pl_value *unpack_map(
    struct pl_arena *a, const struct pl_value *v, const struct pl_packing *p)
{
	bool lone = v->as.map.len == 1 && v->as.map.at[0].key[0] == '$';
	size_t skip = lone && v->as.map.at[0].key[1] == '$' ? 1 : 0;
	struct pl_value *map =
	    lone && !skip ? unpack_word(a, &v->as.map.at[0], p) : NULL;

	if (map)
		return map;
	map = pl_map(a);
	for (uint32_t i = 0; i < v->as.map.len; i++) {
		const struct pl_pair *pair = &v->as.map.at[i];
		pl_map_setn(a, map, pair->key + skip, pair->key_len - skip,
		    pl_unpack(a, pair->value, p));
	}
	return map;
}

struct pl_value *pl_unpack(
    struct pl_arena *a, const struct pl_value *v, const struct pl_packing *p)
{
	struct pl_value *plain;

	if (v->kind == PL_MAP) {
		plain = unpack_map(a, v, p);
	} else if (v->kind == PL_LIST) {
		plain = pl_list(a);
		for (uint32_t i = 0; i < v->as.list.len; i++)
			pl_list_add(a, plain, pl_unpack(a, v->as.list.at[i], p));
	} else {
		plain = pl_copy(a, v);
	}
	plain->line = v->line;
	plain->column = v->column;
	return plain;
}
