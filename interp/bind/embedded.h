/*
 * The standard library inside the binary: every Lua file under stdlib/, byte
 * for byte, in the order of their names. The table is made by tools/embed.c.
 */
#ifndef PL_EMBEDDED_H
#define PL_EMBEDDED_H

#include <stddef.h>

struct pl_embedded {
	const char *name; /* "stdlib/lang/words.lua" */
	const unsigned char *bytes;
	size_t n;
};

/* Ended by a row whose name is NULL. */
extern const struct pl_embedded pl_embedded[];

#endif
