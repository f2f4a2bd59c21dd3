/*
 * heads.jsonl: where each run's journal ended, one record of type "head" a line,
 * chained like a journal. A run has one head for each time that it was sealed.
 *
 * What this cannot show: heads.jsonl cut off at its own end, together with the
 * journals that its last lines spoke of, or the time of its last line changed (its
 * state has to agree with the journal's last record). Nothing inside the folder contradicts that; it takes an anchor outside.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_inner.h"

#define HEAD_MAX ((size_t)4096) /* of one line: every member is bounded */

bool pl_head_final(const char *state)
{
	static const char *const final[] = {"finished", "failed", "abandoned"};
	for (size_t i = 0; i < PL_COUNT(final); i++)
		if (strcmp(state, final[i]) == 0)
			return true;
	return false;
}

/* Where the last whole line ends, its newline counted; 0: there is none. */
static bool find_end(uint64_t *end, int fd, uint64_t size)
{
	char block[4096];
	while (size > 0) {
		size_t n = size < sizeof block ? (size_t)size : sizeof block;
		ssize_t got = pread(fd, block, n, (off_t)(size - n));
		if (got < 0 && errno == EINTR)
			continue;
		if (got != (ssize_t)n) {
			errno = got < 0 ? errno : EIO;
			return false;
		}
		while (n > 0 && block[n - 1] != '\n')
			n--;
		if (n > 0) {
			*end = size - (size_t)got + n;
			return true;
		}
		size -= (uint64_t)got;
	}
	*end = 0;
	return true;
}

/* Where the chain stands after the line that ends, newline counted, at `end`. */
static bool read_last(struct pl_chain *c, int fd, uint64_t end, struct pl_err *err)
{
	pl_chain_start(c, NULL);
	if (end == 0)
		return true;
	char block[HEAD_MAX];
	size_t n = end < sizeof block ? (size_t)end : sizeof block;
	if (pread(fd, block, n, (off_t)(end - n)) != (ssize_t)n)
		return pl_fail(
		    err, "journal.write", "cannot be read: %s", strerror(errno));
	size_t from = n - 1;
	while (from > 0 && block[from - 1] != '\n')
		from--;
	if (from == 0 && n < end)
		return pl_fail(
		    err, "journal.corrupt", "its last line is too long for a head");
	struct pl_arena a = {0};
	struct pl_buf again = {0};
	struct pl_value *record;
	struct pl_stamp stamp;
	struct pl_head head;
	bool ok = pl_record_read(
	              &record, &stamp, &a, &again, block + from, n - 1 - from, err) &&
	    pl_head_read(&head, record, err);
	if (ok) {
		pl_chain_step(c, block + from, n - 1 - from);
		c->length = (uint64_t)stamp.seq + 1;
	} else {
		pl_err_within(err, "its last line");
	}
	pl_buf_fini(&again);
	pl_arena_fini(&a);
	return ok;
}

/* Under the lock: cuts off a torn end, and says where the chain stands. */
static bool find_chain(struct pl_chain *c, const struct pl_store *s, int fd,
    const char *path, struct pl_err *err)
{
	struct stat st;
	uint64_t end, size;
	if (fstat(fd, &st) != 0 || !find_end(&end, fd, size = (uint64_t)st.st_size))
		return pl_fail(err, "journal.write", "'%s' cannot be read: %s", path,
		    strerror(errno));
	if (!read_last(c, fd, end, err))
		return pl_err_within(err, "'%s'", path);
	if (end == size)
		return true;
	char *kept = pl_store_path(s, "heads.torn-%llu", (unsigned long long)c->length);
	bool ok = pl_disk_cut(fd, end, size, path, kept, s->dir, err);
	free(kept);
	return ok;
}

bool pl_heads_add(struct pl_store *s, const char *run, uint64_t length,
    const char *hash, const char *state, int64_t now_ms, struct pl_err *err)
{
	bool ok = false;
	struct pl_arena a = {0};
	struct pl_buf line = {0};
	struct pl_chain chain;
	size_t done;
	char *path = pl_store_path(s, "heads.jsonl");
	int fd = pl_disk_open(path, O_RDWR | O_CREAT | O_APPEND);
	if (fd < 0 || !pl_disk_wait(fd)) {
		pl_fail(err, "journal.write", "cannot write to '%s': %s", path,
		    errno == EWOULDBLOCK ? "another process holds it"
		                         : strerror(errno));
		goto cleanup;
	}
	if (!find_chain(&chain, s, fd, path, err))
		goto cleanup;
	/* The file's name is lasting before its first line is: whoever finds a line
	 * need not ask again. */
	if (chain.length == 0 && !pl_disk_sync_dir(s->dir)) {
		pl_fail(err, "journal.write", "cannot make '%s' lasting: %s", path,
		    strerror(errno));
		goto cleanup;
	}
	struct pl_value *record = pl_map(&a);
	pl_map_set(&a, record, "type", pl_text(&a, "head"));
	pl_map_set(&a, record, "length", pl_int(&a, (int64_t)length));
	pl_map_set(&a, record, "hash", pl_text(&a, hash));
	pl_map_set(&a, record, "state", pl_text(&a, state));
	struct pl_head head;
	if (!pl_head_read(&head, record, err) ||
	    !pl_record_write(&line, &a, record, &chain, run, now_ms, err))
		goto cleanup;
	/* A line that got here in part is a torn end, which the next one cuts off. */
	if (!pl_disk_write(fd, line.at, line.len, &done) || !pl_disk_sync(fd)) {
		pl_fail(err, "journal.write", "cannot write to '%s': %s", path,
		    strerror(errno));
		goto cleanup;
	}
	ok = true;
cleanup:
	if (fd >= 0)
		close(fd); /* and with it the lock */
	free(path);
	pl_buf_fini(&line);
	pl_arena_fini(&a);
	return ok;
}

/* Takes in the line that stands next in heads.jsonl. */
static bool take_head(struct pl_sealed *out, struct pl_chain *c, const char *run,
    const struct pl_lines *l, struct pl_arena *a, struct pl_buf *again,
    struct pl_err *err)
{
	struct pl_stamp stamp;
	struct pl_value *record;
	struct pl_head h;
	/* Most lines are of other runs, and not built. */
	if (!pl_record_read(NULL, &stamp, a, again, l->at, (size_t)l->len, err) ||
	    !pl_record_fits(&stamp, c, err))
		return false;
	pl_chain_step(c, l->at, (size_t)l->len);
	if (strcmp(stamp.run, run) != 0)
		return true;
	if (!pl_json_parse(&record, a, l->at, (size_t)l->len, err) ||
	    !pl_head_read(&h, record, err))
		return false;
	if (out->any && h.length < out->length)
		return pl_fail(err, "journal.corrupt",
		    "%llu records of run %s after %llu: a journal does not shrink",
		    (unsigned long long)h.length, run, (unsigned long long)out->length);
	if (out->any && h.length == out->length && strcmp(h.hash, out->hash) != 0)
		return pl_fail(err, "journal.corrupt",
		    "record %llu of run %s was sealed before with another hash",
		    (unsigned long long)h.length - 1, run);
	out->any = true;
	out->final = pl_head_final(h.state);
	out->length = h.length;
	memcpy(out->hash, h.hash, sizeof out->hash);
	return true;
}

static bool read_newest(struct pl_sealed *out, int fd, const char *path,
    const char *run, struct pl_err *err)
{
	struct pl_lines l = {.fd = fd};
	struct pl_arena a = {0};
	struct pl_buf again = {0};
	struct pl_chain chain;
	struct pl_err why;
	enum pl_line kind;
	bool ok = true;
	pl_chain_start(&chain, NULL);
	while (ok && (kind = pl_lines_next(&l)) != PL_LINE_END &&
	    kind != PL_LINE_TORN) { /* that the next seal cuts off */
		if (kind == PL_LINE_FAILED) {
			ok = pl_fail(err, "journal.read", "'%s' cannot be read: %s",
			    path, strerror(errno));
			break;
		}
		ok = kind == PL_LINE_LONG
		    ? pl_fail(&why, "journal.corrupt", "longer than a head may be")
		    : take_head(out, &chain, run, &l, &a, &again, &why);
		if (!ok)
			pl_fail(err, "journal.corrupt", "'%s' line %zu: %s", path,
			    l.number, why.msg);
		pl_arena_reset(&a);
	}
	pl_buf_fini(&again);
	pl_arena_fini(&a);
	pl_lines_fini(&l);
	return ok;
}

bool pl_heads_newest(
    struct pl_sealed *out, struct pl_store *s, const char *run, struct pl_err *err)
{
	char *path = pl_store_path(s, "heads.jsonl");
	/* For writing too: who goes on will seal, and had better hear now that it
	 * cannot. */
	int fd = pl_disk_open(path, O_RDWR | O_APPEND);
	bool ok = true;
	*out = (struct pl_sealed){0};
	if (fd >= 0) {
		pl_disk_wait(fd); /* so as not to see half a line; no harm without */
		ok = read_newest(out, fd, path, run, err);
		close(fd);
	} else if (errno != ENOENT) {
		ok = pl_fail(err, "journal.write", "'%s' cannot be opened: %s", path,
		    strerror(errno));
	}
	free(path);
	return ok;
}
