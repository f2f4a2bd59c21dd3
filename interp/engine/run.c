/* The run as a whole: its records, how it is rebuilt from them, how it ends. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "inner.h"

struct pl_run *pl_run_new(const struct pl_run_options *o)
{
	struct pl_run *r = pl_alloc(sizeof *r);
	r->o = *o;
	r->attempts = pl_alloc((o->spine->steps_n + 1) * sizeof *r->attempts);
	for (size_t i = 0; i < o->spine->steps_n; i++)
		r->attempts[i] = 1;
	r->effects = pl_list(&r->arena);
	r->overlay = pl_map(&r->arena);
	r->root = pl_arena_alloc(&r->arena, sizeof *r->root);
	r->root->run = r;
	r->root->address = "";
	r->root->attempt = 1;
	pl_frame_take_err(r->root);
	return r;
}

void pl_run_free(struct pl_run *r)
{
	if (!r)
		return;
	pl_index_fini(&r->pasts);
	pl_index_fini(&r->traces);
	pl_index_fini(&r->lost);
	free(r->attempts);
	free(r->queue);
	pl_arena_fini(&r->arena);
	pl_arena_fini(&r->scratch);
	free(r);
}

/* ---- records ------------------------------------------------------------- */

struct pl_value *pl_record_new(struct pl_run *r, const char *type, struct pl_frame *f)
{
	struct pl_arena *a = &r->scratch;
	pl_arena_reset(a);
	struct pl_value *record = pl_map(a);
	pl_map_set(a, record, "type", pl_text(a, type));
	if (f && f->step) {
		pl_map_set(a, record, "step", pl_text(a, f->address));
		pl_map_set(a, record, "attempt", pl_int(a, f->attempt));
	}
	return record;
}

void pl_record_tell(struct pl_run *r, struct pl_value *record)
{
	if (r->o.outside->record)
		r->o.outside->record(r->o.outside->watcher, record, false);
}

bool pl_record_keep(
    struct pl_run *r, struct pl_value *record, bool durable, struct pl_err *err)
{
	const struct pl_outside *out = r->o.outside;
	struct pl_err local;
	if (!err)
		err = &local;
	if (r->o.journal &&
	    !pl_journal_append(r->o.journal, &r->scratch, record, out->now(out->arg),
	        durable, NULL, err)) {
		pl_run_doom(r, err);
		return false;
	}
	if (out->record)
		out->record(out->watcher, record, r->o.journal != NULL);
	return true;
}

/* Nothing in it to mask or pack, and nothing that text would change. */
static bool is_plain(const struct pl_value *v)
{
	return v->kind == PL_NULL || v->kind == PL_BOOL ||
	    (v->kind == PL_INT && v->as.whole < 1000000000 &&
	        v->as.whole > -1000000000);
}

struct pl_value *pl_run_keepable(struct pl_run *r, const struct pl_value *v)
{
	if (is_plain(v))
		return pl_copy(&r->arena, v);
	const struct pl_outside *out = r->o.outside;
	struct pl_value *clean = pl_copy(&r->arena, v);
	if (out->mask)
		clean = out->mask(out->arg, &r->arena, clean);
	return pl_pack(&r->arena, clean, &out->packing);
}

const struct pl_secret *pl_run_lost(const struct pl_run *r, const char *name)
{
	return pl_index_get(&r->lost, name);
}

const struct pl_secret *pl_run_secret(struct pl_run *r, const struct pl_value *name)
{
	const struct pl_packing *p = &r->o.outside->packing;
	const struct pl_secret *s = p->secret_of ? p->secret_of(p->arg, name) : NULL;
	return s && s == pl_index_get(&r->lost, pl_text_of(name, "")) ? NULL : s;
}

static const struct pl_secret *found_or_lost(void *arg, const struct pl_value *name)
{
	struct pl_run *r = arg;
	const struct pl_outside *out = r->o.outside;
	const char *text = pl_text_of(name, NULL);
	const struct pl_secret *s = pl_run_secret(r, name);
	if (s || !text || !out->lost)
		return s;
	s = out->lost(out->arg, text);
	pl_index_put(&r->lost, pl_arena_text(&r->arena, text, strlen(text)), (void *)s);
	return s;
}

struct pl_value *pl_run_kept(struct pl_run *r, const struct pl_value *packed)
{
	struct pl_packing packing = {.secret_of = found_or_lost, .arg = r};
	if (packed && is_plain(packed))
		return (struct pl_value *)packed;
	struct pl_buf text = {0};
	struct pl_value *back = NULL;
	struct pl_err err;
	/* The round trip through text is the point: a first run and a replay
	 * hand out the same values. What was packed cannot fail to travel. */
	if (!packed)
		back = pl_null(&r->arena);
	else if (!pl_json_canonical(&text, packed, &err) ||
	    !pl_json_parse(&back, &r->arena, text.at, text.len, &err))
		back = pl_copy(&r->arena, packed);
	pl_buf_fini(&text);
	return pl_unpack(&r->arena, back, &packing);
}

/* A script's error may hold any bytes, and a long one is cut anywhere. */
static struct pl_value *readable(struct pl_arena *a, const char *text)
{
	size_t n = strlen(text);
	if (pl_utf8_valid(text, n))
		return pl_textn(a, text, n);
	struct pl_buf clean = {0};
	pl_printable(&clean, text, n, true);
	struct pl_value *v = pl_textn(a, clean.at ? clean.at : "", clean.len);
	pl_buf_fini(&clean);
	return v;
}

struct pl_value *pl_err_value(struct pl_arena *a, const struct pl_err *err)
{
	struct pl_value *v = pl_map(a);
	pl_map_set(a, v, "code", readable(a, err->code));
	pl_map_set(a, v, "message", readable(a, err->msg));
	if (err->file[0]) {
		pl_map_set(a, v, "file", readable(a, err->file));
		pl_map_set(a, v, "line", pl_int(a, err->line));
	}
	if (err->retryable)
		pl_map_set(a, v, "retryable", pl_bool(a, true));
	if (err->refused)
		pl_map_set(a, v, "refused", pl_bool(a, true));
	if (err->unknown)
		pl_map_set(a, v, "unknown", pl_bool(a, true));
	return v;
}

void pl_err_from_value(struct pl_err *err, const struct pl_value *v)
{
	pl_fail(
	    err, pl_get_text(v, "code", "error"), "%s", pl_get_text(v, "message", ""));
	pl_err_place(
	    err, pl_get_text(v, "file", ""), (unsigned)pl_get_int(v, "line", 0));
	err->retryable = pl_get_bool(v, "retryable", false);
	err->refused = pl_get_bool(v, "refused", false);
	err->unknown = pl_get_bool(v, "unknown", false);
}

bool pl_run_note(
    struct pl_run *r, struct pl_frame *f, struct pl_value *record, bool keep)
{
	if (f && f->step)
		pl_map_set(&r->arena, record, "step", pl_text(&r->arena, f->address));
	if (!keep) {
		pl_record_tell(r, record);
		return true;
	}
	return pl_record_keep(r, pl_run_keepable(r, record), false, NULL);
}

/* ---- replay ---------------------------------------------------------------- */

struct pl_past *pl_past_of(struct pl_run *r, const char *key, bool make)
{
	struct pl_past *p = pl_index_get(&r->pasts, key);
	if (!p && make) {
		p = pl_arena_alloc(&r->arena, sizeof *p);
		pl_index_put(&r->pasts, pl_arena_text(&r->arena, key, strlen(key)), p);
	}
	return p;
}

/* A member of a record, copied: the record itself is soon gone. */
static struct pl_value *keep(
    struct pl_run *r, const struct pl_value *record, const char *name)
{
	const struct pl_value *v = pl_get(record, name);
	return v ? pl_copy(&r->arena, v) : NULL;
}

static struct pl_past *past_named(struct pl_run *r, const struct pl_value *record)
{
	return pl_past_of(r,
	    pl_arena_printf(&r->scratch, "%s@%d", pl_get_text(record, "step", ""),
	        (int)pl_get_int(record, "attempt", 1)),
	    true);
}

static struct pl_trace *trace_named(struct pl_run *r, const struct pl_value *record)
{
	const char *key = pl_get_text(record, "key", "");
	struct pl_trace *t = pl_index_get(&r->traces, key);
	if (!t) {
		t = pl_arena_alloc(&r->arena, sizeof *t);
		pl_index_put(&r->traces, pl_arena_text(&r->arena, key, strlen(key)), t);
	}
	return t;
}

static void replay_step(
    struct pl_run *r, const char *type, const struct pl_value *record)
{
	struct pl_past *p = past_named(r, record);
	if (strcmp(type, "step.started") == 0) {
		p->tries = (int)pl_get_int(record, "try", 1);
		p->open = true;
		p->touched = false;
		pl_time_parse(&p->tried, pl_get_text(record, "time", ""), NULL);
		if (!p->started)
			p->started = p->tried;
	} else if (strcmp(type, "step.finished") == 0) {
		bool done = strcmp(pl_get_text(record, "state", "done"), "done") == 0;
		p->open = false;
		p->state = done ? PL_DONE : PL_SKIPPED;
		p->result = keep(r, record, "result");
	} else if (strcmp(type, "step.failed") == 0) {
		p->open = false;
		if (pl_get(record, "result"))
			p->ran = keep(r, record, "result");
	} else if (strcmp(type, "each.members") == 0) {
		p->members = keep(r, record, "members");
	} else if (strcmp(type, "gate.asked") == 0) {
		p->asked = true;
	} else if (strcmp(type, "gate.decided") == 0) {
		p->decision = pl_copy(&r->arena, record);
	}
}

/* What an earlier part of the run changed is part of what the run changed. */
static struct pl_value *replay_listed(struct pl_run *r, const struct pl_value *record)
{
	static const char *const fields[] = {"step", "effect", "class", "target"};
	struct pl_arena *a = &r->arena;
	struct pl_value *line = pl_map(a);
	pl_map_set(a, line, "n", pl_int(a, (int64_t)r->effects->as.list.len + 1));
	for (size_t i = 0; i < PL_COUNT(fields); i++)
		if (pl_get(record, fields[i]))
			pl_map_set(a, line, fields[i], keep(r, record, fields[i]));
	pl_list_add(a, r->effects, line);
	return line;
}

static void replay_effect(
    struct pl_run *r, const char *type, const struct pl_value *record)
{
	struct pl_trace *t = trace_named(r, record);
	past_named(r, record)->touched = true;
	bool intent = strcmp(type, "effect.intent") == 0;
	bool read = strcmp(type, "effect.read") == 0;
	if (intent && !t->listed)
		t->listed = replay_listed(r, record);
	if (intent || read) {
		*t = (struct pl_trace){
		    .listed = t->listed,
		    .try_number = (int)pl_get_int(record, "try", 1),
		    .digest = pl_text_of(keep(r, record, "digest"), ""),
		    .input = keep(r, record, "input"),
		    .is_write = intent,
		};
		pl_time_parse(&t->began, pl_get_text(record, "time", ""), NULL);
	}
	if (read || strcmp(type, "effect.receipt") == 0) {
		t->ended = true;
		t->result = keep(r, record, "result");
		t->error = keep(r, record, "error");
	} else if (strcmp(type, "effect.settled") == 0) {
		*t = (struct pl_trace){.listed = t->listed};
	}
	if (t->listed)
		pl_map_set(&r->arena, t->listed, "state",
		    pl_text(&r->arena,
		        t->error          ? "failed"
		            : t->ended    ? "done"
		            : t->is_write ? "begun"
		                          : "did not happen"));
}

static bool replay_again(
    struct pl_run *r, const struct pl_value *record, struct pl_err *err)
{
	const struct pl_step *to =
	    pl_spine_find(r->o.spine, pl_get_text(record, "to", ""), err);
	const struct pl_step *from =
	    pl_spine_find(r->o.spine, pl_get_text(record, "from", ""), err);
	if (!to || !from)
		return false;
	for (size_t i = to->top; i <= from->top; i++)
		r->attempts[i]++;
	return true;
}

bool pl_run_replay(struct pl_run *r, const struct pl_value *record, struct pl_err *err)
{
	const char *type = pl_get_text(record, "type", "");
	pl_arena_reset(&r->scratch);
	r->replayed = true;
	if (strncmp(type, "step.", 5) == 0 || strncmp(type, "gate.", 5) == 0 ||
	    strncmp(type, "each.", 5) == 0)
		replay_step(r, type, record);
	else if (strncmp(type, "effect.", 7) == 0)
		replay_effect(r, type, record);
	else if (strcmp(type, "again") == 0)
		return replay_again(r, record, err);
	return true;
}

/* ---- start, stop, end -------------------------------------------------------- */

void pl_run_start(struct pl_run *r)
{
	assert(!r->started);
	r->started = true;
	const struct pl_spine *s = r->o.spine;
	struct pl_value *record =
	    pl_record_new(r, r->replayed ? "run.resumed" : "run.started", NULL);
	for (uint32_t i = 0; r->o.opening && i < r->o.opening->as.map.len; i++) {
		const struct pl_pair *p = &r->o.opening->as.map.at[i];
		pl_map_set(&r->arena, record, p->key, pl_run_keepable(r, p->value));
	}
	pl_map_set(&r->arena, record, "pipeline", pl_text(&r->arena, s->name));
	pl_map_set(&r->arena, record, "version", pl_text(&r->arena, s->version));
	pl_record_keep(r, record, false, NULL);
	for (size_t i = 0; i < s->steps_n; i++)
		pl_frame_new(r->root, &s->steps[i], NULL, NULL);
	r->root->state = PL_RUNNING;
	r->root->at_once = 1;
	pl_run_queue(r->root);
	pl_run_drain(r);
}

void pl_run_doom(struct pl_run *r, const struct pl_err *err)
{
	if (!r->doomed) {
		r->doomed = true;
		r->doom = *err;
	}
}

static void stop(struct pl_run *r)
{
	const struct pl_outside *out = r->o.outside;
	int asked = out->stops ? out->stops(out->watcher) : r->stopping + 1;
	if (r->ended || asked <= r->stopping)
		return;
	r->stopping = asked;
	struct pl_err why;
	pl_fail(&why, "interrupted", "stopped by a signal");
	pl_frame_stop(r->root, &why, r->stopping > 1);
}

void pl_run_interrupt(struct pl_run *r)
{
	stop(r);
	pl_run_drain(r);
}

void pl_run_poll(struct pl_run *r)
{
	if (r->o.outside->stops)
		stop(r);
}

void pl_run_doomed_at(struct pl_run *r, const struct pl_err *err)
{
	if (r->doomed && !r->doom.file[0] && strcmp(r->doom.code, err->code) == 0)
		pl_err_place(&r->doom, err->file, err->line);
}

bool pl_run_ended(const struct pl_run *r)
{
	return r->ended;
}

const struct pl_outcome *pl_run_outcome(const struct pl_run *r)
{
	return &r->outcome;
}

struct pl_arena *pl_run_arena(struct pl_run *r)
{
	return &r->arena;
}

const char *pl_run_id(const struct pl_run *r)
{
	return r->o.id;
}

const struct pl_spine *pl_run_spine(const struct pl_run *r)
{
	return r->o.spine;
}

void pl_run_set_journal(struct pl_run *r, struct pl_journal *j)
{
	r->o.journal = j;
}

bool pl_run_is_dry(const struct pl_run *r)
{
	return r->o.dry_run;
}

struct pl_frame *pl_run_root(struct pl_run *r)
{
	return r->root;
}

struct pl_value *pl_run_effects(struct pl_run *r)
{
	return r->effects;
}

struct pl_value *pl_run_overlay(struct pl_run *r)
{
	return r->overlay;
}
