/*
 * base: what C lacks and every room needs: memory that never fails quietly,
 * text buffers, errors, the value tree that travels between rooms, canonical
 * JSON, versions, hashes, and the few words (effect classes, durations) that
 * all rooms share. Knows no library besides libc and libcrypto's SHA-256.
 *
 * Out of memory ends the process with one message: no caller checks for it.
 */
#ifndef PL_BASE_H
#define PL_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define PL_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define PL_PRINTF(f, a)
#endif

#define PL_COUNT(array) (sizeof(array) / sizeof(array)[0])

extern const char PL_VERSION[]; /* "0.1.0", from the file VERSION */

/* ---- memory ------------------------------------------------------------ */

/* Zeroed memory of n bytes; yours to free() . Never NULL. */
void *pl_alloc(size_t n);
void *pl_realloc(void *p, size_t n);
char *pl_strdup(const char *s);
char *pl_strndup(const char *s, size_t n);

/* Scratch that is freed as a whole. Zero it, use it, fini it (or reset it). */
struct pl_arena {
	struct pl_arena_block *head;
};

void *pl_arena_alloc(struct pl_arena *a, size_t n); /* zeroed, aligned to 16 */
char *pl_arena_text(struct pl_arena *a, const char *s, size_t n); /* + NUL */
char *pl_arena_printf(struct pl_arena *a, const char *fmt, ...) PL_PRINTF(2, 3);
void pl_arena_fini(struct pl_arena *a); /* leaves it zeroed, usable again */
void pl_arena_reset(struct pl_arena *a); /* the same, but keeps a block for the next */

/* Text that grows. Zero it, add to it, fini it. `at` is NULL while nothing was
 * ever added, and NUL-terminated from then on (the NUL is not counted). */
struct pl_buf {
	char *at;
	size_t len, cap;
};

void pl_buf_add(struct pl_buf *b, const void *bytes, size_t n);
void pl_buf_puts(struct pl_buf *b, const char *s);
void pl_buf_putc(struct pl_buf *b, char c);
void pl_buf_printf(struct pl_buf *b, const char *fmt, ...) PL_PRINTF(2, 3);
void pl_buf_reset(struct pl_buf *b); /* empties, keeps the memory */
void pl_buf_fini(struct pl_buf *b);
/* The text, yours to free(), never NULL; the buffer is zero again. */
char *pl_buf_take(struct pl_buf *b);

/* ---- errors ------------------------------------------------------------ */

/*
 * Filled once, where the facts are known. `code` is dotted ("git.rejected"),
 * `msg` one line with the offending value quoted, secrets never.
 */
struct pl_err {
	char code[48];
	char msg[1400];
	char file[240]; /* where the mistake stands, "" if nowhere */
	unsigned line, column;
	bool retryable; /* trying again later may work */
	bool unknown; /* a write whose outcome is not known */
	bool refused; /* by policy: exit code 4, not 1 */
};

/* Fills *err (which may be NULL) and returns false, for `return pl_fail(…)`.
 * All other members of *err are cleared. */
bool pl_fail(struct pl_err *err, const char *code, const char *fmt, ...)
    PL_PRINTF(3, 4);
/* Says where the mistake stands; a long name is cut. */
void pl_err_place(struct pl_err *err, const char *file, unsigned line);
/* Puts "what: " before the message. The code stays. Returns false. */
bool pl_err_within(struct pl_err *err, const char *fmt, ...) PL_PRINTF(2, 3);

/* ---- effect classes ---------------------------------------------------- */

enum pl_class { PL_PURE, PL_READ, PL_WRITE, PL_IRREVERSIBLE, PL_LOCKS_OUT };

const char *pl_class_name(enum pl_class c); /* "pure" … "locks-out" */
bool pl_class_parse(const char *name, enum pl_class *out);

/* ---- values ------------------------------------------------------------ */

/*
 * The data that travels between rooms: JSON's kinds, with whole numbers apart
 * from real ones, and secrets as opaque references. A tree lives in an arena
 * and is freed with it. Maps keep the order of insertion and hold each key
 * once; `cap` is nobody's but pl_map_set's, which hides an index behind large
 * maps. Text may hold any bytes, NUL included.
 */
enum pl_kind { PL_NULL, PL_BOOL, PL_INT, PL_REAL, PL_TEXT, PL_LIST, PL_MAP, PL_SECRET };

struct pl_secret; /* host/secret.c knows what is inside */

struct pl_value {
	enum pl_kind kind;
	uint32_t line, column; /* where it was read, 1-based; 0: nowhere */
	union {
		bool truth;
		int64_t whole;
		double real;
		struct {
			const char *at; /* NUL-terminated */
			size_t len;
		} text;
		struct {
			struct pl_value **at;
			uint32_t len, cap;
		} list;
		struct {
			struct pl_pair *at;
			uint32_t len, cap;
		} map;
		const struct pl_secret *secret;
	} as;
};

struct pl_pair {
	const char *key; /* NUL-terminated, key_len bytes */
	size_t key_len;
	struct pl_value *value;
	uint32_t line, column; /* of the key */
};

struct pl_value *pl_null(struct pl_arena *a);
struct pl_value *pl_bool(struct pl_arena *a, bool b);
struct pl_value *pl_int(struct pl_arena *a, int64_t i);
struct pl_value *pl_real(struct pl_arena *a, double d);
struct pl_value *pl_text(struct pl_arena *a, const char *s); /* NULL gives null */
struct pl_value *pl_textn(struct pl_arena *a, const char *s, size_t n);
struct pl_value *pl_textf(struct pl_arena *a, const char *fmt, ...) PL_PRINTF(2, 3);
struct pl_value *pl_list(struct pl_arena *a);
struct pl_value *pl_map(struct pl_arena *a);
struct pl_value *pl_secret_value(struct pl_arena *a, const struct pl_secret *s);

/* The member is kept, not copied; it must live as long as the container. */
void pl_list_add(struct pl_arena *a, struct pl_value *list, struct pl_value *member);
/* Replaces a value of the same key. The key is copied into the arena. */
void pl_map_set(
    struct pl_arena *a, struct pl_value *map, const char *key, struct pl_value *v);
void pl_map_setn(struct pl_arena *a, struct pl_value *map, const char *key, size_t n,
    struct pl_value *v);

/* All of these accept NULL and values of another kind, and then give the
 * fallback (NULL, 0, false): reading an answer needs no ladder of checks. */
struct pl_value *pl_get(const struct pl_value *map, const char *key);
/* A dotted path: pl_at(v, "data.edges.0.node.id"). */
struct pl_value *pl_at(const struct pl_value *v, const char *path);
const char *pl_get_text(
    const struct pl_value *map, const char *key, const char *fallback);
int64_t pl_get_int(const struct pl_value *map, const char *key, int64_t fallback);
bool pl_get_bool(const struct pl_value *map, const char *key, bool fallback);
const char *pl_text_of(const struct pl_value *v, const char *fallback);
bool pl_is_null(const struct pl_value *v); /* NULL or null */
const char *pl_kind_name(enum pl_kind k); /* "text", "whole number", … */

struct pl_value *pl_copy(struct pl_arena *a, const struct pl_value *v); /* deep */
/* Same data: by canonical form; secrets by identity. */
bool pl_same(const struct pl_value *a, const struct pl_value *b);

/* ---- JSON -------------------------------------------------------------- */

/*
 * Strict RFC 8259: UTF-8 only, no duplicate keys, no trailing bytes, at most
 * 512 levels. Whole numbers without fraction or exponent that fit 64 bits
 * become PL_INT, all others PL_REAL (too large for a double: an error).
 * err->line and ->column (1-based, column in bytes) say where.
 * Codes: json.syntax, json.depth, json.duplicate, json.utf8, json.number.
 */
bool pl_json_parse(struct pl_value **out, struct pl_arena *a, const char *text,
    size_t n, struct pl_err *err);

/*
 * Canonical JSON, RFC 8785: keys in UTF-16 order, ES6 numbers, no blanks.
 * Codes: json.number (NaN, infinity, a whole number beyond 2^53-1), json.utf8,
 * json.secret. On failure *out is as it was.
 */
bool pl_json_canonical(
    struct pl_buf *out, const struct pl_value *v, struct pl_err *err);

/* For people: two blanks of indentation, keys in the order of insertion; what
 * canonical JSON refuses is written as pl_pack would give it. Never fails. */
void pl_json_pretty(struct pl_buf *out, const struct pl_value *v);

/*
 * Any value as data that pl_json_canonical accepts, and back without loss:
 * whole numbers beyond 2^53-1 become {"$int":"9007199254740993"}, reals that
 * JSON has no word for {"$real":"nan"|"inf"|"-inf"}, reals that would be read as
 * whole numbers {"$real":"5"} ("-0" too), text that is not UTF-8
 * {"$bytes":"<base64>"}, secrets {"$secret":<what name_of gives>}; a map
 * with a key that is not UTF-8 {"$pairs":[[key,value],…]}; a map whose
 * only key begins with "$" gets one more "$". name_of may be NULL (then a secret
 * packs as {"$secret":null}); secret_of may be NULL (then it unpacks as null).
 */
struct pl_packing {
	struct pl_value *(*name_of)(
	    void *arg, struct pl_arena *a, const struct pl_secret *s);
	const struct pl_secret *(*secret_of)(void *arg, const struct pl_value *name);
	void *arg;
};
struct pl_value *pl_pack(
    struct pl_arena *a, const struct pl_value *v, const struct pl_packing *p);
struct pl_value *pl_unpack(
    struct pl_arena *a, const struct pl_value *v, const struct pl_packing *p);

/* ---- versions ---------------------------------------------------------- */

/*
 * SemVer 2.0 (https://semver.org). Loose text is accepted: a leading "v" or
 * "=", blanks around it, one or two numbers only (Apple's "1.2" is "1.2.0").
 * Numbers up to 2^53-1, no sign, no leading zeros. Pointers go into the arena.
 */
struct pl_version {
	int64_t major, minor, patch;
	const char *pre; /* "rc.1", "" if none */
	const char *build; /* "5114f85", "" if none */
};

/* strict: as SemVer writes it, nothing else. Code: version.syntax. */
bool pl_version_parse(struct pl_version *out, struct pl_arena *a, const char *text,
    bool strict, struct pl_err *err);
/* Precedence: -1, 0, 1. Build metadata does not count. */
int pl_version_compare(const struct pl_version *a, const struct pl_version *b);
void pl_version_write(struct pl_buf *out, const struct pl_version *v);
/* kind: major minor patch premajor preminor prepatch prerelease release; `id`
 * ("rc") names a pre-release, NULL for none. As node-semver's inc.
 * Code: version.bump. */
bool pl_version_bump(struct pl_version *out, struct pl_arena *a,
    const struct pl_version *v, const char *kind, const char *id, struct pl_err *err);
/* A range as node-semver's README documents them: hyphen, x, ~, ^, ||, blanks
 * for "and"; a pre-release satisfies only where a comparator of the same
 * major.minor.patch has one, unless include_pre. Code: version.range. */
bool pl_version_in_range(bool *out, const struct pl_version *v, const char *range,
    bool include_pre, struct pl_err *err);

/* ---- hashes and encodings ---------------------------------------------- */

void pl_sha256(uint8_t out[32], const void *bytes, size_t n);
void pl_hmac_sha256(
    uint8_t out[32], const void *key, size_t key_n, const void *bytes, size_t n);
void pl_hex(char *out, const uint8_t *bytes, size_t n); /* 2n + NUL */
bool pl_unhex(uint8_t *out, const char *hex, size_t n); /* n bytes from 2n digits */
void pl_base64(struct pl_buf *out, const void *bytes, size_t n); /* RFC 4648, padded */
bool pl_unbase64(struct pl_buf *out, const char *text, size_t n);
const char *pl_crypto_version(void); /* of libcrypto, "3.0.19" */

/* ---- text, time -------------------------------------------------------- */

bool pl_utf8_valid(const char *s, size_t n); /* no surrogates, no overlong forms */
/* s with control characters, escapes and invalid bytes made visible (\x1b, ^M is
 * never sent to a terminal); a newline becomes "\n" unless keep_lines. */
void pl_printable(struct pl_buf *out, const char *s, size_t n, bool keep_lines);
/* The word that was probably meant, or NULL: at most a third of it differs. */
const char *pl_nearest(const char *word, const char *const *words, size_t n);

/* "90s" "10m" "1h30m" "14d" "250ms" -> milliseconds. Code: duration.syntax. */
bool pl_duration_parse(int64_t *ms, const char *text, struct pl_err *err);
/* 5025000 -> "1h 23m 45s"; under ten seconds with one decimal. */
void pl_duration_write(struct pl_buf *out, int64_t ms);
/* Milliseconds since 1970 <-> RFC 3339 in UTC, "2026-11-20T15:55:00.000Z".
 * The reader takes any offset and any number of decimals. Code: time.syntax. */
void pl_time_write(char out[32], int64_t ms);
bool pl_time_parse(int64_t *ms, const char *text, struct pl_err *err);

/* ---- files ------------------------------------------------------------- */

/* Whole file; max 0: 64 MiB. Codes: file.missing, file.read, file.large, file.kind
 * (a FIFO, a socket, a device; a pipe as /dev/fd/N is read). */
bool pl_file_read(struct pl_buf *out, const char *path, size_t max, struct pl_err *err);
/* Written beside, synced, renamed over; a reader sees the old or the new one.
 * Code: file.write. */
bool pl_file_write(
    const char *path, const void *bytes, size_t n, unsigned mode, struct pl_err *err);
/* mkdir -p. Code: file.write. */
bool pl_dir_make(const char *path, unsigned mode, struct pl_err *err);
/* Removes a folder and all in it, links themselves only; a missing one is fine.
 * Code: file.write. */
bool pl_dir_remove(const char *path, struct pl_err *err);

#endif
