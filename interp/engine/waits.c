/*
 * What a step waits for: its deadline, a person's answer, a condition that is
 * looked at again and again.
 */
#include <string.h>

#include "inner.h"

/* A retryable failure of a wait's look counts as "not yet" this often in a row. */
#define PL_WAIT_PATIENCE 5
/* From this interval on a wait ends the process instead of staying in it. */
#define PL_WAIT_STAY_MS 120000

/* ---- deadlines ---------------------------------------------------------------------- */

void pl_frame_word_timeout(const struct pl_frame *f, struct pl_err *why)
{
	struct pl_buf limit = {0};
	pl_duration_write(&limit, f->step->timeout_ms);
	pl_fail(why, "step.timeout", "not done within %s%s%s", limit.at,
	    f->note ? ": last seen: " : "", f->note ? f->note : "");
	pl_buf_fini(&limit);
}

static void on_deadline(void *arg)
{
	struct pl_frame *f = arg;
	const struct pl_outside *out = f->run->o.outside;
	f->deadline = NULL;
	struct pl_err why;
	pl_frame_word_timeout(f, &why);
	if (f->in_body) {
		f->timed_out = true;
		out->cancel(out->arg, f, &why, true);
	} else {
		*f->err = why;
		pl_frame_fail(f);
	}
	pl_run_drain(f->run);
}

void pl_frame_deadline(struct pl_frame *f)
{
	const struct pl_outside *out = f->run->o.outside;
	if (!f->step->timeout_ms || f->deadline || f->run->o.dry_run)
		return;
	int64_t left = f->step->timeout_ms;
	/* A wait's time runs on while nobody is there; a body's starts anew. Whoever
	 * comes too late looks once all the same: it may have got ready in time. */
	if (f->step->kind == PL_WAIT)
		left -= out->now(out->arg) - f->tried_ms;
	f->late = left <= 0;
	if (!f->late)
		f->deadline = out->timer(out->arg, left, on_deadline, f);
}

void pl_frame_look(void *arg)
{
	struct pl_frame *f = arg;
	f->timer = NULL;
	f->polls++;
	pl_frame_run(f, PL_READY);
	pl_run_drain(f->run);
}

/* ---- gates ---------------------------------------------------------------------------- */

static void decided(struct pl_frame *f, const struct pl_value *decision)
{
	bool yes = strcmp(pl_get_text(decision, "answer", "no"), "yes") == 0;
	if (!yes) {
		pl_fail(f->err, "gate.denied", "\"%s\" was answered with no%s%s",
		    f->address, pl_get_text(decision, "comment", NULL) ? ": " : "",
		    pl_get_text(decision, "comment", ""));
		pl_frame_end(f, PL_DENIED);
		return;
	}
	struct pl_value *result = pl_map(&f->run->arena);
	const char *const fields[] = {"answer", "by", "comment", "how"};
	for (size_t i = 0; i < PL_COUNT(fields); i++)
		if (pl_get(decision, fields[i]))
			pl_map_set(&f->run->arena, result, fields[i],
			    pl_get(decision, fields[i]));
	f->pending = result;
	if (f->step->body[PL_VERIFY])
		pl_frame_run(f, PL_VERIFY);
	else
		pl_frame_finish(f, PL_DONE, result);
}

void pl_frame_ask(struct pl_frame *f, const char *question)
{
	struct pl_run *r = f->run;
	struct pl_arena *a = &r->arena;
	const struct pl_outside *out = r->o.outside;
	if (r->o.dry_run) {
		struct pl_value *record = pl_record_new(r, "gate.assumed", f);
		pl_map_set(a, record, "question", pl_text(a, question));
		pl_record_tell(r, record);
		pl_frame_finish(f, PL_DONE, pl_map(a));
		return;
	}
	struct pl_past *p = pl_past_of(r, pl_frame_key(f), true);
	if (p->decision) {
		decided(f, p->decision);
		return;
	}
	if (!p->asked) {
		struct pl_value *record = pl_record_new(r, "gate.asked", f);
		pl_map_set(a, record, "question", pl_text(a, question));
		if (f->step->confirm)
			pl_map_set(a, record, "confirm", pl_text(a, f->step->confirm));
		if (!pl_record_keep(r, record, true, f->err)) {
			pl_frame_fail(f);
			return;
		}
		p->asked = true;
	}
	struct pl_value *decision = NULL;
	enum pl_answer answer = out->ask(out->watcher, f, question, a, &decision);
	if (answer == PL_LATER) {
		pl_fail(f->err, "gate.waiting", "%s", question);
		pl_frame_end(f, PL_SUSPENDED);
		return;
	}
	struct pl_value *record = pl_record_new(r, "gate.decided", f);
	pl_map_set(a, record, "answer", pl_text(a, answer == PL_YES ? "yes" : "no"));
	for (uint32_t i = 0; decision && i < decision->as.map.len; i++)
		pl_map_set(a, record, decision->as.map.at[i].key,
		    decision->as.map.at[i].value);
	if (!pl_record_keep(r, record, true, f->err))
		pl_frame_fail(f);
	else
		decided(f, record);
}

/* ---- conditions ------------------------------------------------------------------------ */

static void later(struct pl_frame *f, const char *note)
{
	struct pl_run *r = f->run;
	const struct pl_outside *out = r->o.outside;
	f->note = note ? pl_arena_text(&r->arena, note, strlen(note)) : NULL;
	struct pl_value *record = pl_record_new(r, "wait.waiting", f);
	pl_map_set(&r->arena, record, "note", pl_text(&r->arena, f->note));
	pl_map_set(&r->arena, record, "polls", pl_int(&r->arena, f->polls));
	pl_record_tell(r, record);
	if (r->stopping) {
		pl_frame_end(f, PL_STOPPED);
	} else if (f->late) {
		pl_frame_word_timeout(f, f->err);
		pl_frame_fail(f);
	} else if (!r->o.patient && f->step->every_ms >= PL_WAIT_STAY_MS) {
		pl_fail(f->err, "wait.waiting", "%s", note ? note : "not ready yet");
		pl_frame_end(f, PL_SUSPENDED);
	} else {
		f->timer = out->timer(out->arg, f->step->every_ms, pl_frame_look, f);
	}
}

void pl_frame_ready(struct pl_frame *f)
{
	struct pl_run *r = f->run;
	if (!f->body_result) {
		bool again = f->err->retryable && !r->o.dry_run && !f->timed_out &&
		    ++f->troubles < PL_WAIT_PATIENCE;
		if (again)
			later(f, f->err->msg);
		else
			pl_frame_fail(f);
		return;
	}
	f->troubles = 0;
	struct pl_value *ready = pl_get(f->body_result, "ready");
	if (pl_is_true(ready)) {
		pl_frame_finish(f, PL_DONE, ready);
	} else if (r->o.dry_run) {
		struct pl_value *record = pl_record_new(r, "wait.assumed", f);
		pl_map_set(&r->arena, record, "note",
		    pl_text(&r->arena, pl_get_text(f->body_result, "note", NULL)));
		pl_record_tell(r, record);
		if (f->step->body[PL_ASSUME])
			pl_frame_run(f, PL_ASSUME);
		else
			pl_frame_finish(f, PL_DONE, NULL);
	} else {
		later(f, pl_get_text(f->body_result, "note", NULL));
	}
}
