/*
 * engine: how a run moves. It walks the spine, journals what happens, decides
 * for every effect whether it is acted, replayed, predicted or refused, and
 * brings a run to a known end. It knows no Lua, no network and no clock: bodies,
 * timers, questions and the time come through struct pl_outside, so that the
 * same engine runs live, simulated and under test.
 */
#ifndef PL_ENGINE_H
#define PL_ENGINE_H

#include "../base/base.h"
#include "../store/store.h"

/* ---- spine: what a pipeline declares ----------------------------------- */

enum pl_step_kind { PL_STEP, PL_GATE, PL_MANUAL, PL_WAIT, PL_PARALLEL, PL_EACH };
const char *pl_step_kind_name(enum pl_step_kind k);

/* The functions that a step may carry. */
enum pl_body {
	PL_RUN,
	PL_WHEN,
	PL_VERIFY,
	PL_UNDO,
	PL_READY,
	PL_OVER,
	PL_ASSUME,
	PL_ASK,
	PL_BODIES
};
const char *pl_body_name(enum pl_body b);

struct pl_step {
	const char *id, *title, *was;
	const char *number; /* "3", children "3.1" */
	enum pl_step_kind kind;
	int body[PL_BODIES]; /* references for pl_outside.start; 0: none */
	const char *file; /* where it is declared; NULL: in the spine's */
	unsigned line;
	enum pl_class ceiling;
	bool irreversible; /* declared so: no undo is expected */
	const struct pl_value *needs; /* list of ids, or NULL */
	int64_t timeout_ms; /* 0: none */
	int64_t every_ms; /* wait: between two looks */
	int retry_times; /* more tries after the first */
	int64_t retry_first_ms, retry_max_ms;
	const char *ask; /* gate, manual: the question, if it is fixed text */
	const char *confirm; /* gate: the word that has to be typed, or NULL */
	int at_once; /* each: members at a time */
	const char *key; /* each: the member's field that names it */
	struct pl_step *parent, *children;
	size_t children_n;
	size_t top; /* index of the top-level step that it belongs to */
};

struct pl_spine {
	const char *name, *version, *summary, *file, *lock;
	struct pl_step *steps;
	size_t steps_n;
	const struct pl_value *params; /* list of {name, type, help, …}, for help */
};

/* By id or number; NULL and err (step.missing, with the nearest) otherwise. */
const struct pl_step *pl_spine_find(
    const struct pl_spine *s, const char *word, struct pl_err *err);
/* Duplicate ids, unknown or later `needs`, no steps: calls `problem` for each. */
void pl_spine_check(const struct pl_spine *s,
    void (*problem)(void *arg, const struct pl_step *step, const char *what),
    void *arg);

/* ---- frames: a step being carried out ---------------------------------- */

enum pl_state {
	PL_PENDING,
	PL_RUNNING,
	PL_DONE,
	PL_SKIPPED,
	PL_FAILED,
	PL_SUSPENDED, /* waits for a person or a far time; ends the process */
	PL_DENIED,
	PL_AGAIN, /* asked for an earlier step to be repeated */
	PL_STOPPED /* interrupted between two effects */
};
const char *pl_state_name(enum pl_state s);

struct pl_run;

struct pl_frame {
	struct pl_run *run;
	const struct pl_step *step; /* NULL: the root, or a member of an each */
	struct pl_frame *parent;
	const char *member; /* name of the each member, or NULL */
	const struct pl_value *element; /* its value */
	const char *address; /* "region[eu]" */
	const char *suffix; /* "[eu]", of an each in an each "[eu][a]" */
	int attempt, try_number;
	int tried_before; /* tries of earlier processes: a resume has its own */
	bool begun;
	enum pl_state state;
	struct pl_value *result;
	struct pl_err *err; /* while it runs, and where it came to a bad end */
	struct pl_frame **children;
	size_t children_n, next, running;
	size_t at_once;
	size_t held; /* children that wait for a person: their places stay taken */
	bool bad; /* a child came to a bad end: no new ones are started */
	bool replaying; /* taken up from the journal in the middle of a try */
	int64_t started_ms; /* of the first try, also across resumes */
	int64_t tried_ms; /* of this try */
	bool late; /* a wait's time passed while nobody was there */
	int polls, troubles;
	const char *note; /* what a wait saw last */
	void *timer, *deadline;
	void *bound; /* the runner's own: a coroutine */
	struct pl_counter *counters;
	int effects; /* of the body under way */
	const char *again_to, *again_why;
	enum pl_body body; /* the one under way, or the last */
	bool in_body, body_ended, acted, timed_out;
	struct pl_value *body_result; /* NULL: err */
	struct pl_value *pending; /* the result, while verify looks */
};

/* The member's or step's frame whose results a body sees as r.out[id]; NULL where
 * it has no result in this attempt. */
struct pl_frame *pl_frame_of(struct pl_frame *from, const char *id);
/* The same in whatever state; NULL where it was not begun. */
struct pl_frame *pl_frame_named(struct pl_frame *from, const char *id);

/* ---- the outside, as the engine sees it --------------------------------- */

enum pl_answer { PL_YES, PL_NO, PL_LATER };

struct pl_outside {
	void *arg;
	/* Starts a body; it ends with pl_body_done, before or after this returns. */
	void (*start)(void *arg, struct pl_frame *f, enum pl_body body);
	/* Ends a body under way: pl_body_done follows with err. `now`: also in the
	 * middle of an effect. */
	void (*cancel)(
	    void *arg, struct pl_frame *f, const struct pl_err *why, bool now);
	void *(*timer)(void *arg, int64_t ms, void (*fn)(void *fn_arg), void *fn_arg);
	void (*timer_stop)(void *arg, void *timer);
	int64_t (*now)(void *arg);
	void *watcher; /* whoever looks on and answers: the command line */
	/* How often a person has asked to stop so far. NULL: pl_run_interrupt counts. */
	int (*stops)(void *watcher);
	/* A gate or manual step asks. *decision (into the arena) says who and how. */
	enum pl_answer (*ask)(void *watcher, struct pl_frame *f, const char *question,
	    struct pl_arena *a, struct pl_value **decision);
	/* Every record as it happens; kept: it is in the journal, too. */
	void (*record)(void *watcher, const struct pl_value *record, bool kept);
	/* Hides secrets in what is about to be kept; may return v itself. */
	struct pl_value *(*mask)(void *arg, struct pl_arena *a, struct pl_value *v);
	struct pl_packing packing;
	/* Stands for a secret that a record names and nobody has any more: a value
	 * of its name. NULL: there is none. */
	const struct pl_secret *(*lost)(void *arg, const char *name);
};

/* ---- run ----------------------------------------------------------------- */

struct pl_run_options {
	const struct pl_spine *spine;
	const struct pl_outside *outside;
	struct pl_journal *journal; /* NULL in a dry-run: nothing is kept */
	bool dry_run;
	bool patient; /* waits stay in the process however long they are */
	const char *id;
	const struct pl_value *opening; /* what run.started shall say */
};

struct pl_run *pl_run_new(const struct pl_run_options *o);
void pl_run_free(struct pl_run *r);

/* Rebuilds where a run stood from its records, in their order, and copies what it
 * keeps of them; then pl_run_start goes on. False on a record that does not fit the spine. */
bool pl_run_replay(struct pl_run *r, const struct pl_value *record, struct pl_err *err);
/* Begins (or goes on). Afterwards turn the loop until pl_run_ended. */
void pl_run_start(struct pl_run *r);
bool pl_run_ended(const struct pl_run *r);
/* First call: stop after the current effect. Second: now. */
void pl_run_interrupt(struct pl_run *r);
/* The same, if somebody asked for it since: from the middle of a body, which may
 * keep the loop from turning. */
void pl_run_poll(struct pl_run *r);
/* The run cannot go on whatever a script does (journal dead, limit passed). */
void pl_run_doom(struct pl_run *r, const struct pl_err *err);
/* The same error again, with the place where the script stands. */
void pl_run_doomed_at(struct pl_run *r, const struct pl_err *err);

/* To be called once for each pl_outside.start. result NULL: err says why;
 * err->code "again": err->file is the step, err->msg the reason. */
void pl_body_done(
    struct pl_frame *f, struct pl_value *result, const struct pl_err *err);

/* How it ended. */
struct pl_outcome {
	int exit; /* design's exit codes */
	enum pl_state state;
	const struct pl_frame *where; /* the frame that decided it, or NULL */
	struct pl_err err;
};
const struct pl_outcome *pl_run_outcome(const struct pl_run *r);
struct pl_arena *pl_run_arena(struct pl_run *r);
const char *pl_run_id(const struct pl_run *r);
/* The stand-in for the secret of this name, if it was lost. */
const struct pl_secret *pl_run_lost(const struct pl_run *r, const char *name);
const struct pl_spine *pl_run_spine(const struct pl_run *r);
/* The journal to go on with, once it was replayed. */
void pl_run_set_journal(struct pl_run *r, struct pl_journal *j);
bool pl_run_is_dry(const struct pl_run *r);
struct pl_frame *pl_run_root(struct pl_run *r);
/* Effects of class write and above so far: list of {n, step, effect, class, sign,
 * target, before, after, note, no_return, state}; state is predicted, done,
 * failed, unknown or recorded. */
struct pl_value *pl_run_effects(struct pl_run *r);
/* dry-run: resource -> predicted state. */
struct pl_value *pl_run_overlay(struct pl_run *r);
/* Writes a record {type, …} on behalf of a frame (may be NULL): log lines. */
bool pl_run_note(
    struct pl_run *r, struct pl_frame *f, struct pl_value *record, bool keep);

/* ---- the gate for effects ------------------------------------------------- */

/*
 * The only way out. A caller fills the first part and asks pl_effect_begin:
 *
 *   PL_ACT       do it, then pl_effect_end. For a write the intent is on disk.
 *   PL_RECORDED  it was done before: e->result is what it gave
 *   PL_FAILED_BEFORE  it failed before, and this is the same try: e->err
 *   PL_PREDICT   dry-run of a write: predict, then pl_effect_predicted
 *   PL_PROBE     begun once, outcome not known: look, then pl_effect_settled
 *   PL_REFUSE    e->err says why
 */
enum pl_verdict {
	PL_ACT,
	PL_RECORDED,
	PL_FAILED_BEFORE,
	PL_PREDICT,
	PL_PROBE,
	PL_REFUSE
};

struct pl_effect {
	struct pl_frame *frame;
	const char *name; /* "git.push" */
	const char *given; /* name given at the call, or NULL */
	bool looking; /* asked by another effect's probe or prediction */
	enum pl_class class;
	struct pl_value *input; /* checked arguments */
	const char *target; /* what it changes, or NULL */
	/* filled by the gate */
	const char *key;
	char digest[65];
	bool kept; /* recorded in the journal */
	struct pl_value *listed; /* its line in pl_run_effects */
	int redone; /* times that a probe said "did not happen" */
	int64_t began; /* ms: when the intent was written, also by an earlier process */
	const struct pl_value *before; /* what a read gave that is made again, packed */
	struct pl_value *result;
	struct pl_err err;
};

enum pl_verdict pl_effect_begin(struct pl_effect *e);
/* After the act. result NULL: err. Afterwards e->result or e->err is what the
 * script gets, the same as on a replay. PL_RECORDED, PL_FAILED_BEFORE, or
 * PL_PROBE where the outcome is not known; PL_REFUSE when it cannot be logged. */
enum pl_verdict pl_effect_end(
    struct pl_effect *e, struct pl_value *result, const struct pl_err *err);
/* After a probe: answer is {happened=true, result} | {happened=false} | NULL.
 * PL_RECORDED, PL_ACT (it did not happen: do it now) or PL_REFUSE (exit 6). */
enum pl_verdict pl_effect_settled(struct pl_effect *e, const struct pl_value *answer);
/* The act would be refused: it is no effect of the plan. */
void pl_effect_unpredicted(struct pl_effect *e);
/* After a prediction. */
void pl_effect_predicted(struct pl_effect *e, char sign, struct pl_value *before,
    struct pl_value *after, const char *note, struct pl_value *result);

/* Exit codes (design, section 6). */
enum {
	PL_EXIT_DONE = 0,
	PL_EXIT_FAILED = 1,
	PL_EXIT_USAGE = 2,
	PL_EXIT_DENIED = 3,
	PL_EXIT_REFUSED = 4,
	PL_EXIT_SUSPENDED = 5,
	PL_EXIT_UNKNOWN = 6,
	PL_EXIT_AUDIT = 7,
	PL_EXIT_CHANGES = 10,
	PL_EXIT_INTERRUPTED = 130
};

#endif
