/*
 * A run's journal: appended to by one process at a time, read by any.
 *
 * What is accepted when a journal is opened, exactly:
 *
 * - The file is zero or more lines, each ended by a newline, and then possibly a
 *   torn end: the bytes after the last newline, if there are any.
 * - Each line is a record by pl_record_read and fits by pl_record_fits. If one
 *   does not, be it the last, the journal is corrupt and nothing is mended: what
 *   has its newline was once written in full, so somebody changed it.
 * - Who goes on with it holds it against heads.jsonl as well: a journal that lacks
 *   sealed records, or has others in their place, is corrupt.
 * - The torn end is what one write() left when the process, the system or the
 *   disk gave up on the way: the beginning of a record, zeros where the file had
 *   grown but its bytes had not arrived, or both. What it holds is not looked at:
 *   a record that lacks only its newline is torn as well, since its append did not
 *   say "done". It was never acted upon, as an append that fails is not.
 *
 * So every append that returned true is read again, and one that returned false
 * is read whole or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_inner.h"

struct pl_journal {
	struct pl_store *store; /* borrowed */
	char run[PL_RUN_MAX + 1];
	char *path;
	int fd, lock;
	struct pl_chain chain;
	uint64_t size; /* of the file, as we know it */
	uint64_t synced; /* so much of it is on disk */
	bool found; /* the file's name is on disk */
	bool head_seen; /* no head says that the run is over */
	struct pl_buf line;
	char *dead; /* why nothing can be written any more, NULL if it can */
};

static struct pl_journal *make(struct pl_store *s, const char *run)
{
	struct pl_journal *j = pl_alloc(sizeof *j);
	j->store = s;
	j->fd = j->lock = -1;
	snprintf(j->run, sizeof j->run, "%s", run);
	j->path = pl_store_path(s, "runs/%s/journal.jsonl", run);
	pl_chain_start(&j->chain, j->run);
	return j;
}

void pl_journal_close(struct pl_journal *j)
{
	if (!j)
		return;
	if (j->fd >= 0)
		close(j->fd);
	pl_disk_unlock(j->lock);
	pl_buf_fini(&j->line);
	free(j->dead);
	free(j->path);
	free(j);
}

static bool check_id(const char *run, struct pl_err *err)
{
	if (pl_run_valid(run))
		return true;
	return pl_fail(err, "run.missing",
	    "this cannot be a run's id, which is 1 to %d of a-z, 0-9 and '-'",
	    PL_RUN_MAX);
}

/* "pid 17 on build-3, since …" from what the holder left in the lock file. */
static void name_holder(struct pl_buf *out, const struct pl_buf *left)
{
	struct pl_arena a = {0};
	struct pl_value *v = NULL;
	if (left->len)
		pl_json_parse(&v, &a, left->at, left->len, NULL);
	struct pl_buf text = {0};
	if (pl_get(v, "pid"))
		pl_buf_printf(&text, "pid %" PRId64 " on %s, since %s",
		    pl_get_int(v, "pid", 0), pl_get_text(v, "host", "an unknown host"),
		    pl_get_text(v, "since", "an unknown time"));
	else
		pl_buf_puts(&text, "another process");
	pl_printable(out, text.at, text.len, false);
	pl_buf_fini(&text);
	pl_arena_fini(&a);
}

/* One process at a time goes on with a run. */
static bool lock(struct pl_journal *j, struct pl_err *err)
{
	struct pl_arena a = {0};
	struct pl_buf holder = {0}, left = {0}, who = {0};
	struct pl_value *us = pl_map(&a);
	char *path = pl_store_path(j->store, "runs/%s/lock", j->run);
	pl_holder_describe(&a, us);
	bool ok = pl_json_canonical(&holder, us, err);
	if (ok) {
		j->lock = pl_disk_lock(path, holder.at, &left);
		ok = j->lock >= 0;
		if (!ok && errno == EWOULDBLOCK) {
			name_holder(&who, &left);
			pl_fail(err, "journal.busy", "run %s is being worked on by %s",
			    j->run, who.at);
			if (err)
				err->retryable = err->refused = true;
		} else if (!ok) {
			pl_fail(err, "journal.write", "cannot lock '%s': %s", path,
			    strerror(errno));
		}
	}
	free(path);
	pl_buf_fini(&holder);
	pl_buf_fini(&left);
	pl_buf_fini(&who);
	pl_arena_fini(&a);
	return ok;
}

struct pl_journal *pl_journal_create(
    struct pl_store *s, const char *run, struct pl_err *err)
{
	if (!check_id(run, err))
		return NULL;
	struct pl_journal *j = make(s, run);
	char below[PL_RUN_MAX + 8];
	snprintf(below, sizeof below, "runs/%s", run);
	if (!pl_store_make(s, below, "journal.write", err) || !lock(j, err))
		goto failed;
	j->fd = pl_disk_open(j->path, O_RDWR | O_CREAT | O_EXCL | O_APPEND);
	if (j->fd < 0) {
		if (errno == EEXIST)
			pl_fail(err, "journal.exists",
			    "run %s has a journal already: '%s'", run, j->path);
		else
			pl_fail(err, "journal.write", "cannot make '%s': %s", j->path,
			    strerror(errno));
		goto failed;
	}
	j->head_seen = true; /* there is none */
	return j;
failed:
	pl_journal_close(j);
	return NULL;
}

/* ---- reading ---------------------------------------------------------------- */

struct reading {
	int fd;
	const char *path;
	struct pl_chain *chain;
	struct pl_arena *arena;
	bool (*each)(void *arg, const struct pl_value *record);
	void *arg;
	struct pl_sealed sealed; /* what heads.jsonl says of it, if that was asked */
	uint64_t torn, end; /* bytes after the last newline; where they begin */
};

static bool spoilt(
    const struct reading *r, size_t line, const char *what, struct pl_err *err)
{
	if (!err)
		return false;
	pl_fail(err, "journal.corrupt", "'%s' line %zu (record %" PRIu64 "): %s",
	    r->path, line, r->chain->length, what);
	snprintf(err->file, sizeof err->file, "%s", r->path);
	err->line = (unsigned)line;
	return false;
}

static bool take(struct reading *r, const struct pl_lines *l, struct pl_arena *scratch,
    struct pl_buf *again, struct pl_err *err)
{
	struct pl_value *record = NULL;
	struct pl_stamp stamp;
	struct pl_err why;
	if (!pl_record_read(r->each ? &record : NULL, &stamp,
	        r->each ? r->arena : scratch, again, l->at, (size_t)l->len, &why) ||
	    !pl_record_fits(&stamp, r->chain, &why))
		return spoilt(r, l->number, why.msg, err);
	struct pl_chain next = *r->chain;
	pl_chain_step(&next, l->at, (size_t)l->len);
	if (r->sealed.any && next.length == r->sealed.length &&
	    strcmp(next.hash, r->sealed.hash) != 0)
		return spoilt(r, l->number,
		    "changed after it was sealed: heads.jsonl has another hash of it",
		    err);
	*r->chain = next;
	r->end = l->offset + l->len + 1;
	if (!r->each) {
		pl_arena_fini(scratch);
		return true;
	}
	if (r->each(r->arg, record))
		return true;
	/* `each` may have filled the same *err: then it knows better. */
	if (err && !err->code[0])
		pl_fail(err, "journal.stopped", "'%s': reading was stopped", r->path);
	return false;
}

static bool read_all(struct reading *r, struct pl_err *err)
{
	struct pl_lines l = {.fd = r->fd};
	struct pl_arena scratch = {0};
	struct pl_buf again = {0};
	bool ok = true, more = true;
	if (err)
		memset(err, 0, sizeof *err);
	while (ok && more) {
		switch (pl_lines_next(&l)) {
		case PL_LINE_WHOLE:
			ok = take(r, &l, &scratch, &again, err);
			break;
		case PL_LINE_LONG:
			ok = spoilt(r, l.number, "longer than a record may be", err);
			break;
		case PL_LINE_FAILED:
			ok = pl_fail(err, "journal.read", "'%s' cannot be read: %s",
			    r->path, strerror(errno));
			break;
		case PL_LINE_TORN:
			r->torn = l.len;
			more = false;
			break;
		case PL_LINE_END:
			more = false;
			break;
		}
	}
	pl_buf_fini(&again);
	pl_arena_fini(&scratch);
	pl_lines_fini(&l);
	return ok;
}

/* A journal that ends before what was sealed would have the work behind its end
 * done once more. */
static bool check_whole(const struct reading *r, struct pl_err *err)
{
	if (!r->sealed.any || r->chain->length >= r->sealed.length)
		return true;
	return pl_fail(err, "journal.corrupt",
	    "'%s' was cut off: heads.jsonl knows %" PRIu64 " records, %" PRIu64
	    " are here",
	    r->path, r->sealed.length, r->chain->length);
}

/* Keeps the torn end beside the journal and cuts it off. */
static bool mend(struct pl_journal *j, const struct reading *r, struct pl_err *err)
{
	char *dir = pl_store_path(j->store, "runs/%s", j->run);
	char *kept =
	    pl_store_path(j->store, "runs/%s/torn-%" PRIu64, j->run, j->chain.length);
	bool ok = pl_disk_cut(j->fd, r->end, r->end + r->torn, j->path, kept, dir, err);
	free(dir);
	free(kept);
	return ok;
}

static bool missing(const char *run, const char *path, struct pl_err *err)
{
	if (errno == ENOENT)
		return pl_fail(
		    err, "run.missing", "there is no run %s: no '%s'", run, path);
	return pl_fail(
	    err, "journal.read", "'%s' cannot be opened: %s", path, strerror(errno));
}

struct pl_journal *pl_journal_open(struct pl_store *s, const char *run,
    struct pl_arena *a, bool (*each)(void *arg, const struct pl_value *record),
    void *arg, size_t *torn, struct pl_err *err)
{
	if (!check_id(run, err))
		return NULL;
	struct pl_journal *j = make(s, run);
	if (access(j->path, F_OK) != 0) {
		missing(run, j->path, err);
		goto failed;
	}
	if (!lock(j, err))
		goto failed;
	j->fd = pl_disk_open(j->path, O_RDWR | O_APPEND);
	if (j->fd < 0) {
		missing(run, j->path, err);
		goto failed;
	}
	struct reading r = {.fd = j->fd,
	    .path = j->path,
	    .chain = &j->chain,
	    .arena = a,
	    .each = each,
	    .arg = arg};
	/* The lock keeps the run's heads as they are. */
	if (!pl_heads_newest(&r.sealed, s, run, err) || !read_all(&r, err) ||
	    !check_whole(&r, err) || (r.torn && !mend(j, &r, err)))
		goto failed;
	j->size = r.end;
	if (torn)
		*torn = (size_t)r.torn;
	return j;
failed:
	pl_journal_close(j);
	return NULL;
}

bool pl_journal_read(struct pl_store *s, const char *run, struct pl_arena *a,
    bool (*each)(void *arg, const struct pl_value *record), void *arg, size_t *torn,
    struct pl_err *err)
{
	if (!check_id(run, err))
		return false;
	char *path = pl_store_path(s, "runs/%s/journal.jsonl", run);
	struct pl_chain chain;
	pl_chain_start(&chain, run);
	struct reading r = {.fd = pl_disk_open(path, O_RDONLY),
	    .path = path,
	    .chain = &chain,
	    .arena = a,
	    .each = each,
	    .arg = arg};
	bool ok = r.fd >= 0 ? read_all(&r, err) : missing(run, path, err);
	if (ok && torn)
		*torn = (size_t)r.torn;
	if (r.fd >= 0)
		close(r.fd);
	free(path);
	return ok;
}

/* ---- writing ---------------------------------------------------------------- */

static bool refuse(const struct pl_journal *j, struct pl_err *err)
{
	return pl_fail(err, "journal.write", "nothing more can be written to '%s': %s",
	    j->path, j->dead);
}

/* From here on nothing is written: what is on disk is no longer certain, and a
 * line that follows half a line would spoil both. */
static bool die(struct pl_journal *j, const char *what, struct pl_err *err)
{
	free(j->dead);
	j->dead = pl_strdup(what);
	return pl_fail(err, "journal.write", "cannot write to '%s': %s", j->path, what);
}

/* A journal that was removed, replaced or written to by somebody else while we
 * held it takes no more records: nobody would find them. */
static bool still_ours(struct pl_journal *j, struct pl_err *err)
{
	struct stat ours, named;
	if (fstat(j->fd, &ours) != 0)
		return die(j, strerror(errno), err);
	if (lstat(j->path, &named) != 0 || named.st_ino != ours.st_ino ||
	    named.st_dev != ours.st_dev)
		return die(
		    j, "it was removed or replaced while the run was going on", err);
	if ((uint64_t)ours.st_size != j->size)
		return die(
		    j, "something else wrote to it while the run was going on", err);
	return true;
}

/* A run that is over goes on (undo, another try): heads.jsonl hears of it first,
 * so that records behind a final head always mean that somebody added them. */
static bool reopen(struct pl_journal *j, int64_t now_ms, struct pl_err *err)
{
	struct pl_sealed newest;
	struct pl_err why;
	if (!pl_heads_newest(&newest, j->store, j->run, &why) ||
	    (newest.final &&
	        !pl_heads_add(j->store, j->run, j->chain.length, j->chain.hash,
	            "reopened", now_ms, &why)))
		return die(j, why.msg, err);
	j->head_seen = true;
	return true;
}

bool pl_journal_sync(struct pl_journal *j, struct pl_err *err)
{
	if (j->dead)
		return refuse(j, err);
	/* The system may drop what it could not write and call the next try a
	 * success: after one failure there is no second. */
	if (!j->found || j->synced < j->size) {
		if (!pl_disk_sync(j->fd))
			return die(j, strerror(errno), err);
		j->synced = j->size;
	}
	if (j->found)
		return true;
	char *where = NULL;
	if (!pl_store_sync_run(j->store, j->run, &where)) {
		struct pl_buf what = {0};
		pl_buf_printf(&what, "the folder '%s': %s", where, strerror(errno));
		die(j, what.at, err);
		pl_buf_fini(&what);
		free(where);
		return false;
	}
	j->found = true;
	return true;
}

bool pl_journal_append(struct pl_journal *j, struct pl_arena *a,
    struct pl_value *record, int64_t now_ms, bool durable, struct pl_buf *line,
    struct pl_err *err)
{
	if (j->dead)
		return refuse(j, err);
	if (!pl_record_write(&j->line, a, record, &j->chain, j->run, now_ms, err))
		return false; /* nothing happened, the next one may be better */
	if (!still_ours(j, err) || (!j->head_seen && !reopen(j, now_ms, err)))
		return false;
	size_t done;
	if (!pl_disk_write(j->fd, j->line.at, j->line.len, &done))
		return die(j, strerror(errno), err);
	j->size += done;
	size_t n = j->line.len - 1;
	pl_chain_step(&j->chain, j->line.at, n);
	if (durable && !pl_journal_sync(j, err))
		return false;
	if (line) {
		pl_buf_reset(line);
		pl_buf_add(line, j->line.at, n);
	}
	return true;
}

bool pl_journal_seal(
    struct pl_journal *j, const char *state, int64_t now_ms, struct pl_err *err)
{
	if (!pl_journal_sync(j, err) || !still_ours(j, err))
		return false;
	/* It may have got there even if this fails. */
	if (pl_head_final(state))
		j->head_seen = false;
	return pl_heads_add(
	    j->store, j->run, j->chain.length, j->chain.hash, state, now_ms, err);
}

const char *pl_journal_run(const struct pl_journal *j)
{
	return j->run;
}

uint64_t pl_journal_length(const struct pl_journal *j)
{
	return j->chain.length;
}
