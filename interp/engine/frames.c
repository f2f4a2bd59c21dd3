/*
 * Frames: each step that is carried out moves through its states here. Nothing
 * recurses: whatever happens to a frame is queued, and pl_run_drain works the
 * queue off, so that a hundred thousand steps need no deeper stack than one.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "inner.h"

/* ---- making and naming --------------------------------------------------- */

struct pl_frame *pl_frame_new(struct pl_frame *parent, const struct pl_step *step,
    const char *member, const struct pl_value *element)
{
	struct pl_run *r = parent->run;
	struct pl_frame *f = pl_arena_alloc(&r->arena, sizeof *f);
	f->run = r;
	f->step = step;
	f->parent = parent;
	f->attempt = r->attempts[step->top];
	f->member = member ? member : parent->member;
	f->element = element ? element : parent->element;
	f->suffix = parent->suffix ? parent->suffix : "";
	if (member)
		f->suffix = pl_arena_printf(&r->arena, "%s[%s]", f->suffix, member);
	f->address = f->member ? pl_arena_printf(&r->arena, "%s%s", step->id, f->suffix)
	                       : step->id;
	if ((parent->children_n & (parent->children_n + 1)) == 0) {
		size_t cap = (parent->children_n + 1) * 2;
		struct pl_frame **grown =
		    pl_arena_alloc(&r->arena, cap * sizeof *grown);
		if (parent->children_n)
			memcpy(grown, parent->children,
			    parent->children_n * sizeof *grown);
		parent->children = grown;
	}
	parent->children[parent->children_n++] = f;
	return f;
}

bool pl_frame_is_member(const struct pl_frame *f)
{
	return f->parent && f->parent->step == f->step;
}

const char *pl_frame_key(struct pl_frame *f)
{
	return pl_arena_printf(&f->run->scratch, "%s@%d", f->address, f->attempt);
}

bool pl_body_observes(enum pl_body b)
{
	return b != PL_RUN && b != PL_UNDO;
}

static struct pl_frame *among(struct pl_frame *group, const char *id)
{
	for (size_t i = 0; i < group->children_n; i++) {
		struct pl_frame *c = group->children[i];
		if (!pl_frame_is_member(c) && strcmp(c->step->id, id) == 0)
			return c;
		if (c->step->kind != PL_EACH) {
			struct pl_frame *inner = among(c, id);
			if (inner)
				return inner;
		}
	}
	return NULL;
}

struct pl_frame *pl_frame_named(struct pl_frame *from, const char *id)
{
	for (struct pl_frame *g = from->parent; g; g = g->parent) {
		struct pl_frame *found = among(g, id);
		if (found)
			return found;
	}
	return NULL;
}

struct pl_frame *pl_frame_of(struct pl_frame *from, const char *id)
{
	struct pl_frame *f = pl_frame_named(from, id);
	return f && f->state == PL_DONE ? f : NULL;
}

/* ---- the queue ------------------------------------------------------------- */

void pl_run_queue(struct pl_frame *f)
{
	struct pl_run *r = f->run;
	if (r->queue_n == r->queue_cap) {
		size_t cap = r->queue_cap ? r->queue_cap * 2 : 16;
		r->queue = pl_realloc(r->queue, cap * sizeof *r->queue);
		r->queue_cap = cap;
	}
	r->queue[r->queue_n++] = f;
}

static bool is_group(const struct pl_frame *f)
{
	return !f->step || pl_frame_is_member(f) || f->step->kind == PL_PARALLEL ||
	    (f->step->kind == PL_EACH && f->children_n > 0);
}

void pl_run_drain(struct pl_run *r)
{
	if (r->draining)
		return;
	r->draining = true;
	while (r->queue_head < r->queue_n) {
		struct pl_frame *f = r->queue[r->queue_head++];
		if (r->queue_head == r->queue_n)
			r->queue_head = r->queue_n = 0;
		if (f->state != PL_RUNNING)
			continue;
		if (f->body_ended)
			pl_frame_after_body(f);
		else if (is_group(f))
			pl_group_advance(f);
	}
	r->draining = false;
}

/* ---- bodies ------------------------------------------------------------------ */

void pl_frame_run(struct pl_frame *f, enum pl_body body)
{
	const struct pl_outside *out = f->run->o.outside;
	f->body = body;
	f->body_ended = false;
	f->in_body = true;
	f->counters = NULL;
	f->effects = 0;
	out->start(out->arg, f, body);
}

void pl_body_done(struct pl_frame *f, struct pl_value *result, const struct pl_err *err)
{
	assert(f->in_body);
	f->in_body = false;
	f->body_ended = true;
	f->body_result = result ? pl_copy(&f->run->arena, result) : NULL;
	if (!result)
		*f->err = *err;
	pl_run_queue(f);
	pl_run_drain(f->run);
}

static void stop_timers(struct pl_frame *f)
{
	const struct pl_outside *out = f->run->o.outside;
	if (f->timer)
		out->timer_stop(out->arg, f->timer);
	if (f->deadline)
		out->timer_stop(out->arg, f->deadline);
	f->timer = f->deadline = NULL;
}

bool pl_is_true(const struct pl_value *v)
{
	return v && v->kind != PL_NULL && !(v->kind == PL_BOOL && !v->as.truth);
}

/* ---- errors ------------------------------------------------------------------- */

void pl_frame_take_err(struct pl_frame *f)
{
	struct pl_run *r = f->run;
	struct pl_trouble *t = r->spare;
	if (f->err)
		return;
	if (t)
		r->spare = t->next;
	else
		t = pl_arena_alloc(&r->arena, sizeof *t);
	*t = (struct pl_trouble){.next = NULL};
	f->err = &t->err;
}

static void give_back_err(struct pl_frame *f)
{
	struct pl_trouble *t = (struct pl_trouble *)(void *)f->err;
	if (!t)
		return;
	t->next = f->run->spare;
	f->run->spare = t;
	f->err = NULL;
}

/* ---- ends ---------------------------------------------------------------------- */

void pl_frame_end(struct pl_frame *f, enum pl_state state)
{
	bool good = state == PL_DONE || state == PL_SKIPPED;
	stop_timers(f);
	f->state = state;
	if (good)
		give_back_err(f);
	if (f->parent) {
		f->parent->running--;
		f->parent->held += state == PL_SUSPENDED;
		f->parent->bad |= !good && state != PL_SUSPENDED;
		pl_run_queue(f->parent);
		return;
	}
	f->run->ended = true;
}

void pl_frame_finish(struct pl_frame *f, enum pl_state state, struct pl_value *result)
{
	struct pl_run *r = f->run;
	const struct pl_outside *out = r->o.outside;
	struct pl_value *packed = result ? pl_run_keepable(r, result) : NULL;
	struct pl_value *record = pl_record_new(r, "step.finished", f);
	struct pl_arena *a = &r->scratch;
	pl_map_set(a, record, "state", pl_text(a, pl_state_name(state)));
	if (packed && packed->kind != PL_NULL)
		pl_map_set(a, record, "result", packed);
	pl_map_set(a, record, "took_ms", pl_int(a, out->now(out->arg) - f->started_ms));
	if (!pl_record_keep(r, record, false, f->err)) {
		pl_frame_end(f, PL_FAILED);
		return;
	}
	struct pl_past *p = pl_past_of(r, pl_frame_key(f), false);
	if (p) {
		p->state = state;
		p->result = packed;
		p->open = false;
	}
	f->result = pl_run_kept(r, packed);
	pl_frame_end(f, state);
}

static void retry_now(void *arg)
{
	struct pl_frame *f = arg;
	f->timer = NULL;
	pl_frame_begin(f);
	pl_run_drain(f->run);
}

static int64_t backoff(const struct pl_step *s, int tries)
{
	int64_t wait = s->retry_first_ms;
	for (int i = 1; i < tries && wait < s->retry_max_ms; i++)
		wait *= 2;
	return wait < s->retry_max_ms ? wait : s->retry_max_ms;
}

/* What the same script would do wrong again. */
static bool is_mistake(const struct pl_err *err)
{
	static const char *const codes[] = {"script.", "option.", "limit.", "value.",
	    "step.needs", "step.order", "step.missing", "effect.observing",
	    "effect.ceiling", "effect.name", "effect.changed", "again.",
	    "secret.missing", "secret.opaque"};
	for (size_t i = 0; i < PL_COUNT(codes); i++)
		if (strncmp(err->code, codes[i], strlen(codes[i])) == 0)
			return true;
	return false;
}

/* A mistake in the script, a refusal and an unknown outcome are not mended by
 * trying again. */
static bool worth_retrying(const struct pl_frame *f)
{
	return f->step && f->try_number - f->tried_before <= f->step->retry_times &&
	    !f->err->refused && !f->err->unknown && !is_mistake(f->err) &&
	    !f->run->doomed && !f->run->stopping;
}

/* Cut short by a signal: the try stays open, and a resume takes it up where it is. */
static bool was_interrupted(struct pl_frame *f)
{
	bool cut = strcmp(f->err->code, "interrupted") == 0 ||
	    (f->run->stopping &&
	        (f->err->unknown || strcmp(f->err->code, "cancelled") == 0));
	if (cut && strcmp(f->err->code, "interrupted") != 0)
		pl_fail(f->err, "interrupted", "stopped by a signal");
	return cut;
}

void pl_frame_fail(struct pl_frame *f)
{
	struct pl_run *r = f->run;
	const struct pl_outside *out = r->o.outside;
	if (was_interrupted(f)) {
		pl_frame_end(f, PL_STOPPED);
		return;
	}
	/* What happened in no line of the script happened to the step as a whole. */
	if (!f->err->file[0] && f->step)
		pl_err_place(f->err, f->step->file ? f->step->file : r->o.spine->file,
		    f->step->line);
	bool retry = worth_retrying(f);
	int64_t wait = retry ? backoff(f->step, f->try_number) : 0;
	struct pl_value *record = pl_record_new(r, "step.failed", f);
	pl_map_set(&r->arena, record, "try", pl_int(&r->arena, f->try_number));
	struct pl_value *error = pl_run_keepable(r, pl_err_value(&r->arena, f->err));
	pl_map_set(&r->arena, record, "error", error);
	if (retry)
		pl_map_set(&r->arena, record, "retry_in_ms", pl_int(&r->arena, wait));
	struct pl_past *p = pl_past_of(r, pl_frame_key(f), true);
	if (f->pending) {
		p->ran = pl_run_keepable(r, f->pending);
		pl_map_set(&r->arena, record, "result", (struct pl_value *)p->ran);
		f->pending = NULL;
	}
	pl_record_keep(r, record, false, NULL);
	pl_err_from_value(f->err, error);
	stop_timers(f);
	p->tries = f->try_number;
	p->open = false;
	p->started = f->started_ms;
	if (retry)
		f->timer = out->timer(out->arg, wait, retry_now, f);
	else
		pl_frame_end(f, PL_FAILED);
}

/* ---- a step's course -------------------------------------------------------------- */

static void begin_members(struct pl_frame *f, const struct pl_value *members);

static void act(struct pl_frame *f)
{
	const struct pl_step *s = f->step;
	switch (s->kind) {
	case PL_STEP:
		pl_frame_run(f, PL_RUN);
		break;
	case PL_WAIT:
		pl_frame_look(f);
		break;
	case PL_EACH: {
		/* The list is asked for once in an attempt. */
		const struct pl_past *p = pl_past_of(f->run, pl_frame_key(f), false);
		if (p && p->members)
			begin_members(f, pl_run_kept(f->run, p->members));
		else
			pl_frame_run(f, PL_OVER);
		break;
	}
	case PL_GATE:
	case PL_MANUAL:
		if (s->body[PL_ASK])
			pl_frame_run(f, PL_ASK);
		else
			pl_frame_ask(f, s->ask);
		break;
	case PL_PARALLEL:
		/* A dry-run lists effects in the order written. */
		f->at_once = f->run->o.dry_run ? 1 : s->children_n;
		for (size_t i = 0; i < s->children_n; i++)
			pl_frame_new(f, &s->children[i], NULL, NULL);
		pl_run_queue(f);
		break;
	}
}

/* Another try looks first whether the one before did it after all. One that is
 * taken up in its middle goes through its records instead: they give its result. */
static void look_or_act(struct pl_frame *f)
{
	const struct pl_past *p = pl_past_of(f->run, pl_frame_key(f), false);
	bool in_the_middle = f->replaying && p && p->touched;
	if (f->step->body[PL_VERIFY] && f->try_number > 1 && !in_the_middle)
		pl_frame_run(f, PL_VERIFY);
	else
		act(f);
}

static bool needs_met(struct pl_frame *f)
{
	const struct pl_value *needs = f->step->needs;
	for (uint32_t i = 0; needs && i < needs->as.list.len; i++) {
		const char *id = pl_text_of(needs->as.list.at[i], "");
		if (!pl_frame_of(f, id))
			return pl_fail(f->err, "step.needs",
			    "step \"%s\" needs \"%s\", which was skipped", f->address,
			    id);
	}
	return true;
}

/* Steps after a group that is done read what its steps gave by their own ids. */
static void take_up_children(struct pl_frame *f)
{
	struct pl_run *r = f->run;
	if (f->step->kind != PL_PARALLEL)
		return;
	for (size_t i = 0; i < f->step->children_n; i++) {
		struct pl_frame *c = pl_frame_new(f, &f->step->children[i], NULL, NULL);
		const struct pl_past *p = pl_past_of(r, pl_frame_key(c), false);
		c->state = p ? p->state : PL_SKIPPED;
		c->result = pl_run_kept(r, p ? p->result : NULL);
		take_up_children(c);
	}
}

/* For whoever looks on: no record is made of what stands in one. */
static void tell_known(struct pl_frame *f, enum pl_state state)
{
	struct pl_run *r = f->run;
	struct pl_value *record = pl_record_new(r, "step.known", f);
	pl_map_set(
	    &r->scratch, record, "state", pl_text(&r->scratch, pl_state_name(state)));
	pl_record_tell(r, record);
}

/* Takes up what the journal knows; true if nothing is left to do. */
static bool taken_up(struct pl_frame *f)
{
	struct pl_run *r = f->run;
	const struct pl_past *p = pl_past_of(r, pl_frame_key(f), false);
	if (!p)
		return false;
	if (p->state == PL_DONE || p->state == PL_SKIPPED) {
		f->result = pl_run_kept(r, p->result);
		f->replaying = true;
		if (p->state == PL_DONE && !pl_frame_is_member(f))
			take_up_children(f);
		tell_known(f, p->state);
		pl_frame_end(f, p->state);
		return true;
	}
	f->try_number = p->open ? p->tries - 1 : p->tries;
	f->replaying = p->open;
	f->started_ms = p->started;
	f->tried_ms = p->open ? p->tried : 0;
	return false;
}

void pl_frame_begin(struct pl_frame *f)
{
	struct pl_run *r = f->run;
	const struct pl_outside *out = r->o.outside;
	f->state = PL_RUNNING;
	f->polls = f->troubles = 0;
	f->children_n = f->next = f->held = 0;
	f->timed_out = f->bad = f->acted = f->late = false;
	f->pending = NULL;
	if (taken_up(f))
		return;
	pl_frame_take_err(f);
	if (!f->begun)
		f->tried_before = f->try_number;
	f->begun = true;
	f->try_number++;
	if (!f->started_ms)
		f->started_ms = out->now(out->arg);
	if (!f->replaying || !f->tried_ms)
		f->tried_ms = out->now(out->arg);
	if (pl_frame_is_member(f)) {
		f->at_once = 1;
		for (size_t i = 0; i < f->step->children_n; i++)
			pl_frame_new(f, &f->step->children[i], NULL, NULL);
		pl_run_queue(f);
		return;
	}
	if (!f->replaying) {
		struct pl_value *record = pl_record_new(r, "step.started", f);
		pl_map_set(
		    &r->scratch, record, "try", pl_int(&r->scratch, f->try_number));
		if (!pl_record_keep(r, record, false, f->err)) {
			pl_frame_fail(f);
			return;
		}
	}
	if (!needs_met(f)) {
		pl_frame_fail(f);
		return;
	}
	pl_frame_deadline(f);
	if (f->step->body[PL_WHEN])
		pl_frame_run(f, PL_WHEN);
	else
		look_or_act(f);
}

/* ---- after a body ------------------------------------------------------------------------ */

static void after_over(struct pl_frame *f)
{
	struct pl_run *r = f->run;
	struct pl_value *members = pl_members_name(r, f->step, f->body_result, f->err);
	if (!members) {
		pl_frame_fail(f);
		return;
	}
	struct pl_value *record = pl_record_new(r, "each.members", f);
	struct pl_value *packed = pl_run_keepable(r, members);
	pl_map_set(&r->arena, record, "members", packed);
	if (pl_record_keep(r, record, false, f->err))
		begin_members(f, pl_run_kept(r, packed));
	else
		pl_frame_fail(f);
}

static void begin_members(struct pl_frame *f, const struct pl_value *members)
{
	struct pl_run *r = f->run;
	if (members->as.list.len == 0) {
		pl_frame_finish(f, PL_DONE, pl_map(&r->arena));
		return;
	}
	f->at_once = r->o.dry_run ? 1 : (size_t)f->step->at_once;
	for (uint32_t i = 0; i < members->as.list.len; i++)
		pl_frame_new(f, f->step,
		    pl_get_text(members->as.list.at[i], "name", ""),
		    pl_get(members->as.list.at[i], "value"));
	pl_run_queue(f);
}

/* The result of what an earlier try did: as verify gives it, else as it was given. */
static struct pl_value *proven(struct pl_frame *f)
{
	const struct pl_past *p = pl_past_of(f->run, pl_frame_key(f), false);
	if (f->body_result->kind == PL_MAP)
		return f->body_result;
	return p && p->ran ? pl_run_kept(f->run, p->ran) : NULL;
}

static void after_verify(struct pl_frame *f)
{
	bool held = pl_is_true(f->body_result);
	bool acted = f->acted || f->pending;
	if (held)
		pl_frame_finish(f, PL_DONE, acted ? f->pending : proven(f));
	else if (!acted)
		act(f);
	else if (f->run->o.dry_run)
		pl_frame_finish(f, PL_DONE, f->pending);
	else {
		pl_fail(f->err, "step.unverified",
		    "\"%s\" ran to its end, but its verify does not hold", f->address);
		f->err->retryable = true;
		f->acted = false;
		pl_frame_fail(f);
	}
}

static void after_run(struct pl_frame *f)
{
	f->pending = f->body_result;
	f->acted = true;
	if (f->step->body[PL_VERIFY])
		pl_frame_run(f, PL_VERIFY);
	else
		pl_frame_finish(f, PL_DONE, f->body_result);
}

static void want_again(struct pl_frame *f)
{
	f->again_to = pl_arena_text(&f->run->arena, f->err->file, strlen(f->err->file));
	f->again_why = pl_arena_text(&f->run->arena, f->err->msg, strlen(f->err->msg));
	pl_frame_end(f, PL_AGAIN);
}

void pl_frame_after_body(struct pl_frame *f)
{
	f->body_ended = false;
	if (f->run->doomed) {
		/* The body's own word for it says where. */
		if (f->body_result || strcmp(f->err->code, f->run->doom.code) != 0)
			*f->err = f->run->doom;
		else
			f->run->doom = *f->err;
		pl_frame_fail(f);
		return;
	}
	if (!f->body_result && strcmp(f->err->code, "again") == 0) {
		want_again(f);
		return;
	}
	if (!f->body_result && f->timed_out && !f->err->unknown)
		pl_frame_word_timeout(f, f->err);
	if (f->body == PL_READY) {
		pl_frame_ready(f);
		return;
	}
	if (!f->body_result) {
		pl_frame_fail(f);
		return;
	}
	switch (f->body) {
	case PL_WHEN:
		if (!pl_is_true(f->body_result))
			pl_frame_finish(f, PL_SKIPPED, NULL);
		else
			look_or_act(f);
		break;
	case PL_RUN:
	case PL_UNDO:
		after_run(f);
		break;
	case PL_VERIFY:
		after_verify(f);
		break;
	case PL_OVER:
		after_over(f);
		break;
	case PL_ASSUME:
		pl_frame_finish(f, PL_DONE, f->body_result);
		break;
	case PL_ASK:
		pl_frame_ask(f,
		    pl_text_of(
		        f->body_result, f->step->ask ? f->step->ask : f->step->id));
		break;
	case PL_READY:
	case PL_BODIES:
		break;
	}
}

/* ---- stopping --------------------------------------------------------------------------- */

void pl_frame_stop(struct pl_frame *f, const struct pl_err *why, bool now)
{
	const struct pl_outside *out = f->run->o.outside;
	if (f->state != PL_RUNNING)
		return;
	for (size_t i = 0; i < f->children_n; i++)
		pl_frame_stop(f->children[i], why, now);
	if (f->in_body)
		out->cancel(out->arg, f, why, now);
	else if (f->timer) {
		*f->err = *why;
		pl_frame_end(f, PL_STOPPED);
	}
}
