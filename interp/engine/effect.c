/*
 * The gate for effects: intent -> act -> receipt. Nothing reaches the outside
 * without passing pl_effect_begin, and no write without its intent on disk.
 */
#include <stdio.h>
#include <string.h>

#include "inner.h"

/* Each leaves a record: a loop without an end would fill the disk. */
#define PL_EFFECTS_MOST 100000

/* ---- is it allowed here? ----------------------------------------------------- */

static bool within_ceiling(struct pl_effect *e)
{
	struct pl_frame *f = e->frame;
	if (pl_body_observes(f->body) && e->class > PL_READ)
		return pl_fail(&e->err, "effect.observing",
		    "%s is a %s; `%s` of step \"%s\" may only read", e->name,
		    pl_class_name(e->class), pl_body_name(f->body), f->step->id);
	if (e->looking && e->class > PL_READ)
		return pl_fail(&e->err, "effect.observing",
		    "%s is a %s; a probe or a prediction may only read", e->name,
		    pl_class_name(e->class));
	if (e->class > f->step->ceiling)
		return pl_fail(&e->err, "effect.ceiling",
		    "%s is of class %s; step \"%s\" may go up to %s: say effect = \"%s\" in "
		    "the step if that is meant",
		    e->name, pl_class_name(e->class), f->step->id,
		    pl_class_name(f->step->ceiling), pl_class_name(e->class));
	return true;
}

/* ---- keys ------------------------------------------------------------------------ */

static int count(struct pl_frame *f, const char *name)
{
	struct pl_counter *c = f->counters;
	while (c && strcmp(c->name, name) != 0)
		c = c->next;
	if (!c) {
		c = pl_arena_alloc(&f->run->arena, sizeof *c);
		c->name = pl_arena_text(&f->run->arena, name, strlen(name));
		c->next = f->counters;
		f->counters = c;
	}
	return ++c->n;
}

/* `step[member]@attempt/primitive#occurrence`, or `…/primitive:name`. */
static bool name_key(struct pl_effect *e)
{
	struct pl_frame *f = e->frame;
	struct pl_arena *a = &f->run->arena;
	if (!e->given) {
		e->key = pl_arena_printf(
		    a, "%s/%s#%d", pl_frame_key(f), e->name, count(f, e->name));
		return true;
	}
	const char *name = pl_arena_printf(a, "%s:%s", e->name, e->given);
	e->key = pl_arena_printf(a, "%s/%s", pl_frame_key(f), name);
	if (count(f, name) > 1)
		return pl_fail(&e->err, "effect.name",
		    "two calls of %s in step \"%s\" bear the name \"%s\"", e->name,
		    f->step->id, e->given);
	return true;
}

static bool digest(struct pl_effect *e, struct pl_value **input)
{
	struct pl_buf text = {0};
	uint8_t hash[32];
	*input = pl_run_keepable(e->frame->run, e->input);
	bool ok = pl_json_canonical(&text, *input, &e->err);
	if (ok) {
		pl_sha256(hash, text.at, text.len);
		pl_hex(e->digest, hash, sizeof hash);
	}
	pl_buf_fini(&text);
	return ok;
}

/* ---- what the journal knows -------------------------------------------------------- */

static bool changed(
    struct pl_effect *e, const struct pl_trace *t, const struct pl_value *now)
{
	struct pl_buf then_text = {0}, now_text = {0};
	pl_json_canonical(&then_text, t->input, NULL);
	pl_json_canonical(&now_text, now, NULL);
	pl_fail(&e->err, "effect.changed",
	    "%s was called with %.500s when the run began, and now with %.500s: the same "
	    "script must ask for the same effects",
	    e->key, then_text.at ? then_text.at : "?", now_text.at ? now_text.at : "?");
	pl_buf_fini(&then_text);
	pl_buf_fini(&now_text);
	return false;
}

/* NAME#fingerprint is the name of a secret that a provider read: read again by a
 * resume it may have another value by then, and is still the same question. */
static struct pl_value *without_prints(struct pl_arena *a, const struct pl_value *v)
{
	if (v->kind == PL_LIST) {
		struct pl_value *list = pl_list(a);
		for (uint32_t i = 0; i < v->as.list.len; i++)
			pl_list_add(a, list, without_prints(a, v->as.list.at[i]));
		return list;
	}
	if (v->kind != PL_MAP)
		return pl_copy(a, v);
	struct pl_value *map = pl_map(a);
	const char *name = v->as.map.len == 1 ? pl_get_text(v, "$secret", NULL) : NULL;
	if (name) {
		pl_map_set(a, map, "$secret", pl_textn(a, name, strcspn(name, "#")));
		return map;
	}
	for (uint32_t i = 0; i < v->as.map.len; i++)
		pl_map_setn(a, map, v->as.map.at[i].key, v->as.map.at[i].key_len,
		    without_prints(a, v->as.map.at[i].value));
	return map;
}

static bool same(const struct pl_value *then, const struct pl_value *now)
{
	struct pl_buf then_text = {0}, now_text = {0};
	bool equal = pl_json_canonical(&then_text, then, NULL) &&
	    pl_json_canonical(&now_text, now, NULL) && then_text.len == now_text.len &&
	    memcmp(then_text.at, now_text.at, now_text.len) == 0;
	pl_buf_fini(&then_text);
	pl_buf_fini(&now_text);
	return equal;
}

static bool same_but_for_prints(const struct pl_value *then, const struct pl_value *now)
{
	struct pl_arena a = {0};
	bool equal = then && same(without_prints(&a, then), without_prints(&a, now));
	pl_arena_fini(&a);
	return equal;
}

static void list(struct pl_effect *e, const char *state)
{
	struct pl_run *r = e->frame->run;
	struct pl_arena *a = &r->arena;
	if (e->class < PL_WRITE)
		return;
	struct pl_trace *t = e->key ? pl_index_get(&r->traces, e->key) : NULL;
	if (!e->listed && t)
		e->listed = t->listed;
	if (!e->listed) {
		struct pl_value *line = e->listed = pl_map(a);
		pl_map_set(
		    a, line, "n", pl_int(a, (int64_t)r->effects->as.list.len + 1));
		pl_map_set(a, line, "step", pl_text(a, e->frame->address));
		pl_map_set(a, line, "effect", pl_text(a, e->name));
		pl_map_set(a, line, "class", pl_text(a, pl_class_name(e->class)));
		pl_map_set(a, line, "target", pl_text(a, e->target));
		pl_list_add(a, r->effects, line);
	}
	if (t)
		t->listed = e->listed;
	pl_map_set(a, e->listed, "state", pl_text(a, state));
}

static struct pl_trace *trace_put(
    struct pl_effect *e, const struct pl_value *input, bool write)
{
	struct pl_run *r = e->frame->run;
	struct pl_trace *t = pl_index_get(&r->traces, e->key);
	if (!t) {
		t = pl_arena_alloc(&r->arena, sizeof *t);
		pl_index_put(&r->traces, e->key, t);
	}
	*t = (struct pl_trace){
	    .listed = t->listed,
	    .try_number = e->frame->try_number,
	    .digest = pl_arena_text(&r->arena, e->digest, strlen(e->digest)),
	    .input = input,
	    .is_write = write,
	};
	return t;
}

static struct pl_value *entry(
    struct pl_effect *e, const char *type, const struct pl_value *input)
{
	struct pl_run *r = e->frame->run;
	struct pl_arena *a = &r->arena;
	struct pl_value *record = pl_record_new(r, type, e->frame);
	pl_map_set(a, record, "key", pl_text(a, e->key));
	pl_map_set(a, record, "effect", pl_text(a, e->name));
	pl_map_set(a, record, "try", pl_int(a, e->frame->try_number));
	if (e->digest[0] && input) {
		pl_map_set(a, record, "digest", pl_text(a, e->digest));
		pl_map_set(a, record, "input", (struct pl_value *)input);
	}
	return record;
}

static enum pl_verdict begin_write(struct pl_effect *e, struct pl_value *input)
{
	struct pl_run *r = e->frame->run;
	struct pl_arena *a = &r->arena;
	if (r->o.dry_run) {
		list(e, "predicted");
		return PL_PREDICT;
	}
	struct pl_value *record = entry(e, "effect.intent", input);
	pl_map_set(a, record, "class", pl_text(a, pl_class_name(e->class)));
	if (e->target)
		pl_map_set(a, record, "target", pl_text(a, e->target));
	int64_t now = r->o.outside->now(r->o.outside->arg);
	if (!pl_record_keep(r, record, true, &e->err))
		return PL_REFUSE;
	/* A resume reads it from the record: both must hand out the same. */
	if (!pl_time_parse(&e->began, pl_get_text(record, "time", ""), NULL))
		e->began = now;
	trace_put(e, input, true)->began = e->began;
	list(e, "begun");
	return PL_ACT;
}

/* A secret that a provider read is kept nowhere: what was recorded of the read has
 * only its name. */
static bool lacks_secret(struct pl_run *r, const struct pl_value *packed)
{
	if (packed->kind == PL_LIST)
		for (uint32_t i = 0; i < packed->as.list.len; i++)
			if (lacks_secret(r, packed->as.list.at[i]))
				return true;
	if (packed->kind != PL_MAP)
		return false;
	if (packed->as.map.len == 1 && strcmp(packed->as.map.at[0].key, "$secret") == 0)
		return !pl_run_secret(r, packed->as.map.at[0].value);
	for (uint32_t i = 0; i < packed->as.map.len; i++)
		if (lacks_secret(r, packed->as.map.at[i].value))
			return true;
	return false;
}

/* The name of the first secret in it that is only a stand-in; NULL: there is none. */
static const char *lost_in(struct pl_run *r, const struct pl_value *v)
{
	const struct pl_packing *p = &r->o.outside->packing;
	const char *found = NULL;
	if (v && v->kind == PL_SECRET && p->name_of) {
		const char *name =
		    pl_text_of(p->name_of(p->arg, &r->arena, v->as.secret), "");
		return pl_index_get(&r->lost, name) == v->as.secret ? name : NULL;
	}
	if (v && v->kind == PL_LIST)
		for (uint32_t i = 0; !found && i < v->as.list.len; i++)
			found = lost_in(r, v->as.list.at[i]);
	if (v && v->kind == PL_MAP)
		for (uint32_t i = 0; !found && i < v->as.map.len; i++)
			found = lost_in(r, v->as.map.at[i].value);
	return found;
}

/* Whatever is really done needs the bytes; what is only handed out does not. Another
 * try would read anew and write another value without a word: the run is refused. */
static bool has_its_secrets(struct pl_effect *e)
{
	const char *name = lost_in(e->frame->run, e->input);
	if (!name)
		return true;
	pl_fail(&e->err, "secret.lost",
	    "%s needs the secret %.*s as it was before this run was interrupted: it is kept "
	    "nowhere, and cannot be had any more. A secret is to be read in the step that "
	    "uses it, before anything changes it",
	    e->name, (int)strcspn(name, "#"), name);
	e->err.refused = true;
	pl_run_doom(e->frame->run, &e->err);
	return false;
}

static enum pl_verdict hand_out(struct pl_effect *e, const struct pl_trace *t)
{
	if (t->error) {
		pl_err_from_value(&e->err, t->error);
		list(e, "failed");
		return PL_FAILED_BEFORE;
	}
	e->result = pl_run_kept(e->frame->run, t->result);
	list(e, "recorded");
	return PL_RECORDED;
}

enum pl_verdict pl_effect_begin(struct pl_effect *e)
{
	struct pl_frame *f = e->frame;
	struct pl_run *r = f->run;
	struct pl_value *input;
	if (r->doomed) {
		e->err = r->doom;
		return PL_REFUSE;
	}
	pl_run_poll(r);
	if (r->stopping) {
		pl_fail(&e->err, "interrupted", "stopped before %s", e->name);
		return PL_REFUSE;
	}
	if (++f->effects > PL_EFFECTS_MOST) {
		pl_fail(&e->err, "limit.effects",
		    "`%s` of step \"%s\" called more than %d primitives: an endless loop?",
		    pl_body_name(f->body), f->address, PL_EFFECTS_MOST);
		pl_run_doom(r, &e->err);
		return PL_REFUSE;
	}
	if (!within_ceiling(e))
		return PL_REFUSE;
	e->kept = e->class > PL_PURE && !e->looking && !pl_body_observes(f->body) &&
	    !r->o.dry_run;
	if (e->class == PL_PURE || (e->class == PL_READ && !e->kept))
		return has_its_secrets(e) ? PL_ACT : PL_REFUSE;
	if (!name_key(e) || !digest(e, &input))
		return PL_REFUSE;
	struct pl_trace *t = pl_index_get(&r->traces, e->key);
	bool same_try = t && t->try_number == f->try_number;
	if (!t || !t->digest || (!t->is_write && !same_try) ||
	    (t->error && !same_try)) {
		if (!has_its_secrets(e))
			return PL_REFUSE;
		if (e->class > PL_READ)
			return begin_write(e, input);
		trace_put(e, input, false);
		return PL_ACT;
	}
	if (strcmp(t->digest, e->digest) != 0 &&
	    !same_but_for_prints(t->input, input)) {
		changed(e, t, input);
		pl_run_doom(r, &e->err);
		return PL_REFUSE;
	}
	if (t->ended && !t->is_write && t->result && lacks_secret(r, t->result)) {
		e->before = t->result;
		return PL_ACT;
	}
	if (t->ended)
		return hand_out(e, t);
	if (!t->is_write)
		return PL_ACT;
	e->began = t->began;
	list(e, "unknown");
	return PL_PROBE;
}

/* ---- after the act ------------------------------------------------------------------- */

static enum pl_verdict lost(struct pl_effect *e, const struct pl_err *err)
{
	struct pl_run *r = e->frame->run;
	struct pl_value *record = entry(e, "effect.unknown", NULL);
	pl_map_set(&r->arena, record, "error",
	    pl_run_keepable(r, pl_err_value(&r->arena, err)));
	list(e, "unknown");
	e->err = *err;
	return pl_record_keep(r, record, true, &e->err) ? PL_PROBE : PL_REFUSE;
}

static enum pl_verdict receipt(struct pl_effect *e, const struct pl_value *result,
    const struct pl_err *err, const char *settled)
{
	struct pl_run *r = e->frame->run;
	struct pl_arena *a = &r->arena;
	struct pl_trace *t = pl_index_get(&r->traces, e->key);
	bool write = e->class > PL_READ;
	struct pl_value *record =
	    entry(e, write ? "effect.receipt" : "effect.read", write ? NULL : t->input);
	if (result)
		pl_map_set(a, record, "result", pl_run_keepable(r, result));
	else
		pl_map_set(
		    a, record, "error", pl_run_keepable(r, pl_err_value(a, err)));
	if (settled)
		pl_map_set(a, record, "settled", pl_text(a, settled));
	t->ended = true;
	t->result = pl_get(record, "result");
	t->error = pl_get(record, "error");
	list(e, result ? "done" : "failed");
	/* A lost read is read again; a lost receipt is a question to a person. */
	if (!pl_record_keep(r, record, write, &e->err)) {
		if (write)
			e->err.unknown = true;
		return PL_REFUSE;
	}
	if (!result) {
		pl_err_from_value(&e->err, t->error);
		return PL_FAILED_BEFORE;
	}
	e->result = pl_run_kept(r, t->result);
	return PL_RECORDED;
}

enum pl_verdict pl_effect_end(
    struct pl_effect *e, struct pl_value *result, const struct pl_err *err)
{
	struct pl_run *r = e->frame->run;
	if (!e->kept) {
		e->result = result;
		if (!result)
			e->err = *err;
		return result ? PL_RECORDED : PL_FAILED_BEFORE;
	}
	if (result && e->before && !same(e->before, pl_run_keepable(r, result))) {
		/* The run goes on with what it read then, as far as it is known. */
		e->result = pl_run_kept(r, e->before);
		return PL_RECORDED;
	}
	if (!result && err->unknown && e->class > PL_READ)
		return lost(e, err);
	/* Cut short by a signal: a read that nobody waited for is no result. */
	if (!result && e->class == PL_READ &&
	    (r->stopping || strcmp(err->code, "cancelled") == 0)) {
		e->err = *err;
		return PL_FAILED_BEFORE;
	}
	return receipt(e, result, err, NULL);
}

enum pl_verdict pl_effect_settled(struct pl_effect *e, const struct pl_value *answer)
{
	struct pl_run *r = e->frame->run;
	const struct pl_value *happened = answer ? pl_get(answer, "happened") : NULL;
	bool told = happened && happened->kind == PL_BOOL;
	if (told && happened->as.truth) {
		struct pl_value *result = pl_get(answer, "result");
		return receipt(e, result ? result : pl_null(&r->arena), NULL, "probe");
	}
	if (told) {
		struct pl_value *record = entry(e, "effect.settled", NULL), *input;
		pl_map_set(&r->arena, record, "happened", pl_bool(&r->arena, false));
		if (!pl_record_keep(r, record, true, &e->err) || !digest(e, &input))
			return PL_REFUSE;
		if (!has_its_secrets(e))
			return PL_REFUSE;
		if (++e->redone > 1) {
			struct pl_err why = e->err;
			pl_fail(&e->err, "effect.lost",
			    "%s (%s) did not happen, twice: %s", e->name,
			    e->target ? e->target : e->key, why.msg);
			e->err.retryable = true;
			return PL_REFUSE;
		}
		return begin_write(e, input);
	}
	struct pl_err why = e->err;
	pl_fail(&e->err, "effect.unknown",
	    "it is not known whether %s (%s) happened, and looking cannot tell%s%s",
	    e->name, e->target ? e->target : e->key, why.msg[0] ? ": " : "", why.msg);
	e->err.unknown = true;
	/* No script may go on over this, whatever it catches. */
	pl_run_doom(r, &e->err);
	return PL_REFUSE;
}

/* ---- dry-run ----------------------------------------------------------------------------- */

void pl_effect_predicted(struct pl_effect *e, char sign, struct pl_value *before,
    struct pl_value *after, const char *note, struct pl_value *result)
{
	struct pl_run *r = e->frame->run;
	struct pl_arena *a = &r->arena;
	const struct pl_step *s = e->frame->step;
	char text[2] = {sign, 0};
	if (e->class >= PL_IRREVERSIBLE)
		text[0] = '!';
	pl_map_set(a, e->listed, "sign", pl_text(a, text));
	if (before)
		pl_map_set(a, e->listed, "before", pl_run_keepable(r, before));
	if (after)
		pl_map_set(a, e->listed, "after", pl_run_keepable(r, after));
	if (note)
		pl_map_set(a, e->listed, "note", pl_text(a, note));
	if (e->class >= PL_IRREVERSIBLE || s->irreversible || !s->body[PL_UNDO])
		pl_map_set(a, e->listed, "no_return", pl_bool(a, true));
	struct pl_value *packed = pl_run_keepable(r, result);
	e->result = pl_run_kept(r, packed);
	struct pl_value *record = entry(e, "effect.predicted", NULL);
	for (uint32_t i = 0; i < e->listed->as.map.len; i++)
		pl_map_set(a, record, e->listed->as.map.at[i].key,
		    e->listed->as.map.at[i].value);
	pl_map_set(a, record, "result", packed);
	pl_record_tell(r, record);
}

void pl_effect_unpredicted(struct pl_effect *e)
{
	struct pl_value *effects = e->frame->run->effects;
	uint32_t n = effects->as.list.len;
	if (n && effects->as.list.at[n - 1] == e->listed)
		effects->as.list.len--;
	e->listed = NULL;
}
