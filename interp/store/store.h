/*
 * store: what survives a crash. A project's state is one folder (.pipe/):
 *
 *   runs/ID/journal.jsonl   the run's records, one canonical-JSON record a line
 *   runs/ID/files/HASH      what the run was started with, by content
 *   heads.jsonl             where each run's journal ended, chained like a journal
 *   locks/NAME              who holds a lock
 *
 * Every record bears `seq` (0, 1, …), `time`, `type` and `prev`, the SHA-256
 * (hex) of the line before it, newline not included; the first one's prev is 64
 * zeros. A change, removal, insertion or swap of records breaks the chain; a
 * cut-off tail or a changed last record contradicts heads.jsonl.
 */
#ifndef PL_STORE_H
#define PL_STORE_H

#include "../base/base.h"

struct pl_store;
struct pl_journal;

/* dir need not exist: it is made (0700) at the first write.
 * Codes: store.open, store.write. */
struct pl_store *pl_store_open(const char *dir, struct pl_err *err);
void pl_store_close(struct pl_store *s);
const char *pl_store_dir(const struct pl_store *s);

/* Ids of all runs in the order of their names, as a list of text. Ids begin with
 * the time by our own clock (that of a record may be simulated): oldest first. */
struct pl_value *pl_store_runs(struct pl_store *s, struct pl_arena *a);
/* The run that `word` names: a whole id or an unambiguous part of one; NULL
 * names the newest. Into the arena. Codes: run.missing, run.ambiguous. */
const char *pl_store_find(
    struct pl_store *s, struct pl_arena *a, const char *word, struct pl_err *err);

/* Keeps bytes under runs/ID/files/ by their SHA-256 (hex, out). The bytes are on
 * disk when this returns, the file's name with the run's first durable record:
 * keep before that. */
bool pl_store_pin(struct pl_store *s, const char *run, const void *bytes, size_t n,
    char hash[65], struct pl_err *err);
bool pl_store_pinned(struct pl_store *s, const char *run, const char *hash,
    struct pl_buf *out, struct pl_err *err); /* checks the hash; store.corrupt */

/* ---- journal ----------------------------------------------------------- */

/* Makes runs/ID/ and an empty journal; the folder is synced with the first
 * durable record. Codes: journal.exists, journal.write. */
struct pl_journal *pl_journal_create(
    struct pl_store *s, const char *run, struct pl_err *err);

/*
 * Opens for going on: takes the run's process lock, checks the whole chain and
 * calls `each` (may be NULL) with every record in turn; the record lives in the
 * arena given. A last line that is not whole (no newline, or zeros of a power
 * cut) is moved to runs/ID/torn-SEQ and cut off; *torn is then its length in
 * bytes. Anything else that is wrong is fatal: journal.corrupt names file,
 * record and what is wrong, also where heads.jsonl knows more or other records, or
 * is corrupt itself. journal.busy: another process (named) has the run.
 */
struct pl_journal *pl_journal_open(struct pl_store *s, const char *run,
    struct pl_arena *a, bool (*each)(void *arg, const struct pl_value *record),
    void *arg, size_t *torn, struct pl_err *err);

/* Reads without locking or mending. A torn tail ends the reading, *torn says so. */
bool pl_journal_read(struct pl_store *s, const char *run, struct pl_arena *a,
    bool (*each)(void *arg, const struct pl_value *record), void *arg, size_t *torn,
    struct pl_err *err);

/*
 * Adds seq, time, prev and `run` to the map `record` (which has `type`) and
 * writes it as one line. durable: it and all before it are on disk when this
 * returns. After a failure the journal refuses everything: journal.write.
 * now_ms: the record's time. `line`, if not NULL, receives the line written.
 */
bool pl_journal_append(struct pl_journal *j, struct pl_arena *a,
    struct pl_value *record, int64_t now_ms, bool durable, struct pl_buf *line,
    struct pl_err *err);
bool pl_journal_sync(struct pl_journal *j, struct pl_err *err);
/* Enters the journal's head (run, seq, hash, state) in heads.jsonl, durable. */
bool pl_journal_seal(
    struct pl_journal *j, const char *state, int64_t now_ms, struct pl_err *err);
const char *pl_journal_run(const struct pl_journal *j);
uint64_t pl_journal_length(const struct pl_journal *j); /* records so far */
void pl_journal_close(struct pl_journal *j);

/* ---- verification -------------------------------------------------------- */

/* One finding. severity: "ok", "note" (open run, not sealed yet), "torn",
 * "wrong". seq: -1 where the whole run is meant. */
struct pl_finding {
	const char *run;
	int64_t seq;
	size_t line; /* 1-based line of the file, 0: none */
	const char *severity;
	const char *what; /* "prev is 12ab…, the record before hashes to 34cd…" */
};
/*
 * Checks heads.jsonl's own chain, then every run (or only `run`): canonical
 * form, sequence, chain, times as text, the head and its state against heads.jsonl,
 * the kept files against run.started's `sources`; a run named there whose folder
 * is gone is wrong. Returns the number of runs looked
 * at; *wrong counts the findings of severity "wrong".
 */
size_t pl_store_verify(struct pl_store *s, const char *run,
    void (*report)(void *arg, const struct pl_finding *f), void *arg, size_t *wrong,
    struct pl_err *err);

/* ---- locks ---------------------------------------------------------------- */

struct pl_lock;
/* An exclusive lock that ends with the process. `owner` is written beside it
 * (canonical JSON). store.locked: *holder (if not NULL) says who and since when. */
struct pl_lock *pl_lock_take(struct pl_store *s, const char *name,
    const struct pl_value *owner, struct pl_arena *a, struct pl_value **holder,
    struct pl_err *err);
void pl_lock_release(struct pl_lock *l);

#endif
