/* Memory that never fails quietly: plain, in arenas, in growing buffers. */
#include "inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST_BLOCK = 1024 - 64, LARGEST_BLOCK = 256 * 1024, ALIGNMENT = 16 };

struct pl_arena_block {
	struct pl_arena_block *next;
	size_t used, cap; /* of the bytes behind this header */
};

#define HEADER ((sizeof(struct pl_arena_block) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

static void out_of_memory(void)
{
	fputs("pipe: out of memory\n", stderr);
	abort();
}

static size_t add_sizes(size_t a, size_t b)
{
	if (a > SIZE_MAX - b)
		out_of_memory();
	return a + b;
}

void *pl_alloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *pl_realloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	if (!p)
		out_of_memory();
	return p;
}

char *pl_strndup(const char *s, size_t n)
{
	char *copy = pl_alloc(add_sizes(n, 1));

	if (n)
		memcpy(copy, s, n);
	return copy;
}

char *pl_strdup(const char *s)
{
	return pl_strndup(s, strlen(s));
}

/* ---- arena ------------------------------------------------------------- */

static struct pl_arena_block *add_block(struct pl_arena *a, size_t need)
{
	struct pl_arena_block *head = a->head;
	size_t cap = head ? head->cap * 2 : SMALLEST_BLOCK;
	bool alone;

	if (cap > LARGEST_BLOCK)
		cap = LARGEST_BLOCK;
	/* A large piece gets a block of its own, placed second, so that the
	 * rest of the head stays in use. */
	alone = need > cap / 4;
	if (alone)
		cap = need;
	struct pl_arena_block *block = pl_alloc(add_sizes(HEADER, cap));
	block->cap = cap;
	if (alone && head) {
		block->next = head->next;
		head->next = block;
	} else {
		block->next = head;
		a->head = block;
	}
	return block;
}

/* align: a power of two. */
static void *carve(struct pl_arena *a, size_t n, size_t align)
{
	struct pl_arena_block *block = a->head;
	size_t start = block ? (block->used + align - 1) & ~(align - 1) : 0;

	if (!block || start > block->cap || n > block->cap - start) {
		block = add_block(a, n);
		start = 0;
	}
	block->used = start + n;
	return (char *)block + HEADER + start;
}

void *pl_arena_alloc(struct pl_arena *a, size_t n)
{
	return carve(a, n ? n : 1, ALIGNMENT);
}

char *pl_arena_text(struct pl_arena *a, const char *s, size_t n)
{
	char *copy = carve(a, add_sizes(n, 1), 1);

	if (n)
		memcpy(copy, s, n);
	return copy;
}

char *pl_arena_format(struct pl_arena *a, size_t *len, const char *fmt, va_list args)
{
	char small[256];
	va_list again;

	va_copy(again, args);
	int n = vsnprintf(small, sizeof small, fmt, args);
	*len = n < 0 ? 0 : (size_t)n;
	char *out = carve(a, add_sizes(*len, 1), 1);
	if (*len < sizeof small)
		memcpy(out, small, *len);
	else
		vsnprintf(out, *len + 1, fmt, again);
	va_end(again);
	return out;
}

char *pl_arena_printf(struct pl_arena *a, const char *fmt, ...)
{
	size_t len;
	va_list args;

	va_start(args, fmt);
	char *out = pl_arena_format(a, &len, fmt, args);
	va_end(args);
	return out;
}

void pl_arena_fini(struct pl_arena *a)
{
	if (!a)
		return;
	while (a->head) {
		struct pl_arena_block *next = a->head->next;
		free(a->head);
		a->head = next;
	}
}

void pl_arena_reset(struct pl_arena *a)
{
	struct pl_arena_block *kept = a->head;

	if (!kept)
		return;
	a->head = kept->next;
	pl_arena_fini(a);
	memset((char *)kept + HEADER, 0, kept->used);
	kept->next = NULL;
	kept->used = 0;
	a->head = kept;
}

/* ---- growing text ------------------------------------------------------ */

/* Room for n more bytes and the NUL. */
static void reserve(struct pl_buf *b, size_t n)
{
	size_t need = add_sizes(add_sizes(b->len, n), 1);

	if (need <= b->cap)
		return;
	size_t cap = b->cap > SIZE_MAX / 2 ? need : b->cap * 2;
	if (cap < need)
		cap = need;
	if (cap < 64)
		cap = 64;
	b->at = pl_realloc(b->at, cap);
	b->cap = cap;
}

void pl_buf_add(struct pl_buf *b, const void *bytes, size_t n)
{
	reserve(b, n);
	if (n)
		memcpy(b->at + b->len, bytes, n);
	b->len += n;
	b->at[b->len] = '\0';
}

void pl_buf_puts(struct pl_buf *b, const char *s)
{
	pl_buf_add(b, s, strlen(s));
}

void pl_buf_putc(struct pl_buf *b, char c)
{
	if (b->cap - b->len < 2)
		reserve(b, 1);
	b->at[b->len++] = c;
	b->at[b->len] = '\0';
}

void pl_buf_printf(struct pl_buf *b, const char *fmt, ...)
{
	va_list args, again;

	reserve(b, 63);
	va_start(args, fmt);
	va_copy(again, args);
	int n = vsnprintf(b->at + b->len, b->cap - b->len, fmt, args);
	va_end(args);
	size_t len = n < 0 ? 0 : (size_t)n;
	if (len >= b->cap - b->len) {
		reserve(b, len);
		vsnprintf(b->at + b->len, len + 1, fmt, again);
	}
	va_end(again);
	b->len += len;
	b->at[b->len] = '\0';
}

void pl_buf_reset(struct pl_buf *b)
{
	b->len = 0;
	if (b->at)
		b->at[0] = '\0';
}

void pl_buf_fini(struct pl_buf *b)
{
	if (!b)
		return;
	free(b->at);
	*b = (struct pl_buf){0};
}

char *pl_buf_take(struct pl_buf *b)
{
	char *text = b->at ? b->at : pl_strdup("");

	*b = (struct pl_buf){0};
	return text;
}
