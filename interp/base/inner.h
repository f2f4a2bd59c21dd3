/* Shared between the files of base; no other room includes it. */
#ifndef PL_BASE_INNER_H
#define PL_BASE_INNER_H

#include "base.h"

/* Length of the well-formed UTF-8 sequence at s (1 to 4), 0 if there is none. */
size_t pl_utf8_length(const char *s, size_t n);
/* How many bytes from s on are ASCII that JSON writes as it is: neither control
 * characters nor quotes nor backslashes. */
size_t pl_plain_length(const char *s, size_t n);
/* One code point, below 0x110000, as UTF-8. Returns its length. */
size_t pl_utf8_encode(char out[4], uint32_t c);
/* A finite number as ES6's Number::toString writes it, NUL-terminated. */
void pl_number_write(char out[32], double d);
/* digits x 10^exponent as the nearest double, in every locale. */
double pl_number_read(const char *digits, size_t n, int64_t exponent);
bool pl_fail_list(struct pl_err *err, const char *code, const char *fmt, va_list args)
    PL_PRINTF(3, 0);
/* pl_arena_printf, which also says how long the text is. */
char *pl_arena_format(struct pl_arena *a, size_t *len, const char *fmt, va_list args)
    PL_PRINTF(3, 0);

/* A version's number without leading zeros, up to PL_SAFE_INTEGER: moves *p
 * behind it. NULL if it could be read, else what is wrong with it. */
const char *pl_version_number(const char **p, int64_t *out);
/* Dotted identifiers of a pre-release or build at *p, moves behind them. */
const char *pl_version_identifiers(const char **p, bool pre);

/* Largest whole number that every JSON reader takes: 2^53 - 1. */
#define PL_SAFE_INTEGER INT64_C(9007199254740991)
#define PL_JSON_LEVELS 512

#endif
