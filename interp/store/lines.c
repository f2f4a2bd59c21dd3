/*
 * A file line by line. The memory taken is that of the longest line, PL_LINE_MAX
 * at most; a longer one is passed over and told by its place.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store_inner.h"

#define BLOCK ((size_t)256 << 10)

/* Takes in more of the file behind what is there: 1, 0 at its end, -1 and errno. */
static int fill(struct pl_lines *r)
{
	if (r->start > 0) {
		memmove(r->buf, r->buf + r->start, r->end - r->start);
		r->end -= r->start;
		r->start = 0;
	}
	if (r->cap - r->end < BLOCK / 2) {
		r->cap = r->cap ? r->cap * 2 : BLOCK;
		r->buf = pl_realloc(r->buf, r->cap);
	}
	ssize_t got;
	do {
		got = pread(r->fd, r->buf + r->end, r->cap - r->end, (off_t)r->read);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return (int)got;
	r->end += (size_t)got;
	r->read += (uint64_t)got;
	return 1;
}

/* Passes over a line that is too long to be kept. */
static enum pl_line skip(struct pl_lines *r)
{
	for (;;) {
		const char *from = r->buf + r->start;
		const char *stop = memchr(from, '\n', r->end - r->start);
		if (stop) {
			r->len += (uint64_t)(stop - from);
			r->start += (size_t)(stop - from) + 1;
			return PL_LINE_LONG;
		}
		r->len += r->end - r->start;
		r->start = r->end;
		int got = fill(r);
		if (got <= 0)
			return got < 0 ? PL_LINE_FAILED : PL_LINE_TORN;
	}
}

enum pl_line pl_lines_next(struct pl_lines *r)
{
	size_t seen = 0;
	r->offset = r->read - (r->end - r->start);
	r->number++;
	r->at = NULL;
	r->len = 0;
	for (;;) {
		size_t have = r->end - r->start;
		const char *stop = have > seen
		    ? memchr(r->buf + r->start + seen, '\n', have - seen)
		    : NULL;
		size_t len = stop ? (size_t)(stop - (r->buf + r->start)) : have;
		if (len > PL_LINE_MAX)
			return skip(r);
		if (stop) {
			r->at = r->buf + r->start;
			r->len = len;
			r->start += len + 1;
			return PL_LINE_WHOLE;
		}
		seen = have;
		int got = fill(r);
		if (got < 0)
			return PL_LINE_FAILED;
		if (got == 0) {
			r->len = r->end - r->start;
			r->start = r->end;
			return r->len ? PL_LINE_TORN : PL_LINE_END;
		}
	}
}

void pl_lines_fini(struct pl_lines *r)
{
	free(r->buf);
	memset(r, 0, sizeof *r);
}
