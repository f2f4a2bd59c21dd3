/* engine, inside: what its files share and nobody else sees. */
#ifndef PL_ENGINE_INNER_H
#define PL_ENGINE_INNER_H

#include "engine.h"

/* Text -> pointer, for the lookups that must not slow down with the run. */
struct pl_index {
	struct pl_slot *slots;
	size_t used, cap;
};
void *pl_index_get(const struct pl_index *x, const char *key);
/* The key is kept, not copied. */
void pl_index_put(struct pl_index *x, const char *key, void *value);
void pl_index_fini(struct pl_index *x);

/* What the journal knows of a step in one attempt. */
struct pl_past {
	int tries; /* begun so far */
	bool open; /* the last try neither finished nor failed */
	bool touched; /* the open try left records of effects */
	int64_t started; /* ms, the first try */
	int64_t tried; /* ms, the last one */
	enum pl_state state;
	struct pl_value *result; /* packed */
	const struct pl_value
	    *ran; /* packed: of a run that its verify did not bear out */
	const struct pl_value *members;
	const struct pl_value *decision; /* of a gate */
	bool asked;
};

/* What the journal knows of an effect. */
struct pl_trace {
	int try_number;
	const char *digest;
	const struct pl_value *input;
	const struct pl_value *result; /* packed; set with `ended` */
	const struct pl_value *error;
	bool ended, is_write;
	int64_t began; /* ms, of a write's intent */
	struct pl_value *listed; /* its line in the run's effects */
};

struct pl_counter {
	const char *name;
	int n;
	struct pl_counter *next;
};

/* Errors are large, and few frames have one in the end. */
struct pl_trouble {
	struct pl_err err;
	struct pl_trouble *next;
};

struct pl_run {
	struct pl_run_options o;
	struct pl_arena arena;
	struct pl_arena scratch; /* until the next record is made */
	struct pl_trouble *spare;
	struct pl_frame *root;
	int *attempts; /* by top-level step */
	struct pl_index pasts, traces;
	struct pl_index lost; /* secrets by name: stand-ins of those that nobody has */
	struct pl_frame **queue;
	size_t queue_head, queue_n, queue_cap;
	bool draining, started, ended, replayed;
	int stopping;
	bool doomed;
	struct pl_err doom;
	struct pl_outcome outcome;
	struct pl_value *effects, *overlay;
};

/* run.c */
/* Lives in r->scratch, until the next one is made. */
struct pl_value *pl_record_new(struct pl_run *r, const char *type, struct pl_frame *f);
/* Journals (if there is a journal) and tells the observer. */
bool pl_record_keep(
    struct pl_run *r, struct pl_value *record, bool durable, struct pl_err *err);
void pl_record_tell(struct pl_run *r, struct pl_value *record);
/* v masked and packed; and the value that a replay would give. */
struct pl_value *pl_run_keepable(struct pl_run *r, const struct pl_value *v);
struct pl_value *pl_run_kept(struct pl_run *r, const struct pl_value *packed);
/* The secret of a record's name; NULL if nobody has it. */
const struct pl_secret *pl_run_secret(struct pl_run *r, const struct pl_value *name);
struct pl_value *pl_err_value(struct pl_arena *a, const struct pl_err *err);
void pl_err_from_value(struct pl_err *err, const struct pl_value *v);
const char *pl_frame_key(struct pl_frame *f); /* "region[eu]@2", in r->scratch */
bool pl_body_observes(enum pl_body b); /* may only read */
struct pl_past *pl_past_of(struct pl_run *r, const char *key, bool make);

/* frames.c */
struct pl_frame *pl_frame_new(struct pl_frame *parent, const struct pl_step *step,
    const char *member, const struct pl_value *element);
void pl_frame_take_err(struct pl_frame *f);
void pl_frame_begin(struct pl_frame *f);
void pl_frame_after_body(struct pl_frame *f);
void pl_frame_end(struct pl_frame *f, enum pl_state state);
void pl_frame_stop(struct pl_frame *f, const struct pl_err *why, bool now);
void pl_frame_finish(struct pl_frame *f, enum pl_state state, struct pl_value *result);
bool pl_frame_is_member(const struct pl_frame *f); /* of an each */
void pl_frame_run(struct pl_frame *f, enum pl_body body);
void pl_frame_fail(struct pl_frame *f); /* f->err says why; it may be tried again */
bool pl_is_true(const struct pl_value *v); /* as Lua sees it */

/* waits.c */
void pl_frame_deadline(struct pl_frame *f);
void pl_frame_word_timeout(const struct pl_frame *f, struct pl_err *why);
void pl_frame_look(void *frame);
void pl_frame_ask(struct pl_frame *f, const char *question);
void pl_frame_ready(struct pl_frame *f); /* after a look */

/* group.c */
void pl_group_advance(struct pl_frame *f);
/* The members of an each: list of {name, value}; NULL and err on a bad list. */
struct pl_value *pl_members_name(struct pl_run *r, const struct pl_step *s,
    const struct pl_value *list, struct pl_err *err);
void pl_run_queue(struct pl_frame *f);
void pl_run_drain(struct pl_run *r);

#endif
