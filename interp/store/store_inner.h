/*
 * store, inside: what its files share. Not a face: no other room includes it.
 *
 * disk.c    the few calls that reach the disk, and what makes them lasting
 * lines.c   a file line by line, whatever its size
 * record.c  one record: how it must look, how it is chained to the next
 * form.c    whether a line is canonical, quickly
 * heads.c   heads.jsonl
 * said.c    what verification has to say
 */
#ifndef PL_STORE_INNER_H
#define PL_STORE_INNER_H

#include "store.h"

#define PL_LINE_MAX ((size_t)64 << 20) /* of one record, newline not included */
#define PL_RUN_MAX 80 /* bytes in a run's id */
#define PL_PATH_MAX 1200 /* as many as an error's message can hold */

struct pl_store {
	char *dir;
};

/* [a-z0-9-]{1,80}: no id can name another folder. */
bool pl_run_valid(const char *run);
bool pl_run_validn(const char *run, size_t n);

/* ---- disk ---------------------------------------------------------------- */

/* A path below the store's folder; yours to free. */
char *pl_store_path(const struct pl_store *s, const char *fmt, ...) PL_PRINTF(2, 3);
/* Makes the store's folder and `below` it ("runs/ID"), 0700. Fails with `code`. */
bool pl_store_make(
    const struct pl_store *s, const char *below, const char *code, struct pl_err *err);

/* Opens a regular file, 0600 if made, closed on exec; links are not followed and
 * nothing else (a pipe, a device) is waited for. -1 and errno. */
int pl_disk_open(const char *path, int flags);
/* One write() of all of it: what was written of it is in *done. */
bool pl_disk_write(int fd, const void *bytes, size_t n, size_t *done);
/* On disk, past the drive's cache where the system lets us say so. errno. */
bool pl_disk_sync(int fd);
bool pl_disk_sync_dir(const char *path);
/* Makes what was kept in runs/RUN/files, the entries of runs/RUN, and those of
 * every folder above it up to the one that holds the store, lasting; of these only
 * what may not be so yet. *where names the folder that failed; yours. */
bool pl_store_sync_run(const struct pl_store *s, const char *run, char **where);
/*
 * Moves what stands from `from` on to a new file `kept` (".1", ".2" … is added
 * where that exists), then cuts it off; both lasting before it returns. Nothing
 * is cut unless the copy is on disk. dir: the folder of both.
 */
bool pl_disk_cut(int fd, uint64_t from, uint64_t size, const char *path,
    const char *kept, const char *dir, struct pl_err *err);

/*
 * A lock file that is held until its descriptor is closed, at the latest by the
 * end of the process. `holder` (canonical JSON, one line) is left in it for the
 * one that comes second. -1: errno is EWOULDBLOCK where another one holds it, and
 * *held, if not NULL, is then what that one left.
 */
int pl_disk_lock(const char *path, const char *holder, struct pl_buf *held);
void pl_disk_unlock(int fd); /* -1 is fine */
/* Waits for others that hold the file, ten seconds at most. errno. */
bool pl_disk_wait(int fd);
/* {pid, host, since}, added to the map where missing. */
void pl_holder_describe(struct pl_arena *a, struct pl_value *map);

/* ---- lines --------------------------------------------------------------- */

enum pl_line {
	PL_LINE_END, /* nothing is left */
	PL_LINE_WHOLE, /* `at`, `len`: up to its newline, which is not counted */
	PL_LINE_LONG, /* more than PL_LINE_MAX: only offset and len are known */
	PL_LINE_TORN, /* the file ends before a newline: only offset and len */
	PL_LINE_FAILED, /* errno */
};

/* Zero it, set fd, fini it. The descriptor stays yours, its position unused. */
struct pl_lines {
	int fd;
	const char *at; /* until the next call */
	uint64_t len, offset;
	size_t number; /* 1-based */
	char *buf;
	size_t start, end, cap;
	uint64_t read; /* bytes of the file taken in so far */
};
enum pl_line pl_lines_next(struct pl_lines *r);
void pl_lines_fini(struct pl_lines *r);

/* ---- records ------------------------------------------------------------- */

/* Where a chain of records stands. */
struct pl_chain {
	const char *run; /* that every record must bear; NULL: heads, any */
	uint64_t length; /* records so far: the next one's seq */
	char hash[65]; /* of the last line: the next one's prev */
};

void pl_chain_start(struct pl_chain *c, const char *run);
void pl_chain_step(struct pl_chain *c, const char *line, size_t n);

/* What a record says about itself. */
struct pl_stamp {
	int64_t seq;
	char prev[65], run[PL_RUN_MAX + 1], type[65];
};

/* The members that every record has, as they stand: at NULL, seq -1 where one is
 * missing or of another kind. */
struct pl_span {
	const char *at;
	size_t len;
};
struct pl_facts {
	int64_t seq;
	struct pl_span prev, run, time, type;
};
/* True: the line is a map in canonical form, for certain. False: it may be. */
bool pl_form_sure(struct pl_facts *facts, const char *line, size_t n);

/* Whether a line is a record as we write them, wherever it stands: a map in
 * canonical form with seq, prev, time, type and run, each well-formed. err->msg
 * says what is wrong; the code is journal.corrupt. out may be NULL: then no tree
 * is built where it can be told without. `again` is scratch. */
bool pl_record_read(struct pl_value **out, struct pl_stamp *stamp, struct pl_arena *a,
    struct pl_buf *again, const char *line, size_t n, struct pl_err *err);
/* Whether it may stand at the end of the chain. */
bool pl_record_fits(
    const struct pl_stamp *stamp, const struct pl_chain *c, struct pl_err *err);
/* Adds seq, time, prev and run and encodes it, with a newline, as all of *line.
 * Refuses what pl_record_read would: nothing that we write is unreadable. */
bool pl_record_write(struct pl_buf *line, struct pl_arena *a, struct pl_value *record,
    const struct pl_chain *c, const char *run, int64_t now_ms, struct pl_err *err);

/* ---- heads --------------------------------------------------------------- */

struct pl_head {
	const char *run, *state;
	uint64_t length; /* records in the journal when it was sealed */
	char hash[65]; /* of the last one's line */
	size_t line; /* in heads.jsonl */
};

/* The members of a record of type "head"; *out borrows from it. */
bool pl_head_read(
    struct pl_head *out, const struct pl_value *record, struct pl_err *err);
/* Nothing more will come after a head of this state, unless it is reopened. */
bool pl_head_final(const char *state);
bool pl_heads_add(struct pl_store *s, const char *run, uint64_t length,
    const char *hash, const char *state, int64_t now_ms, struct pl_err *err);
/* What the newest head of a run says; any: there is one. final: nothing more will
 * come. */
struct pl_sealed {
	bool any, final;
	uint64_t length;
	char hash[65];
};
/* Checks all of heads.jsonl on the way. Codes: journal.corrupt, journal.read,
 * journal.write. */
bool pl_heads_newest(
    struct pl_sealed *out, struct pl_store *s, const char *run, struct pl_err *err);

/* ---- findings ------------------------------------------------------------ */

/* What is said of one file or run, kept back until it is certain. */
struct pl_said {
	struct pl_arena arena;
	struct pl_finding *at;
	size_t len, cap, wrong, hidden;
	const char *run;
};

void pl_said_add(struct pl_said *s, const char *severity, int64_t seq, size_t line,
    const char *fmt, ...) PL_PRINTF(5, 6);
void pl_said_forget(struct pl_said *s);
/* Reports all of it, counts what is wrong, and forgets it. */
void pl_said_tell(struct pl_said *s,
    void (*report)(void *arg, const struct pl_finding *f), void *arg, size_t *wrong);

#endif
