/* Frames with children: the run itself, parallel, each and its members. */
#include <ctype.h>
#include <string.h>

#include "inner.h"

/* A script that asks for one more attempt each time would never end. */
#define PL_AGAIN_MOST 100

/* Which of several ends is told: the one that a person must deal with first. */
static int gravity(enum pl_state s)
{
	static const enum pl_state order[] = {
	    PL_STOPPED, PL_AGAIN, PL_SUSPENDED, PL_DENIED, PL_FAILED};
	for (int i = 0; i < (int)PL_COUNT(order); i++)
		if (order[i] == s)
			return i + 1;
	return 0;
}

static bool is_unknown(const struct pl_frame *f)
{
	return f->err && f->err->unknown;
}

static struct pl_frame *worst_child(struct pl_frame *f)
{
	struct pl_frame *worst = NULL;
	for (size_t i = 0; (f->bad || f->held) && i < f->next; i++) {
		struct pl_frame *c = f->children[i];
		if (!worst || gravity(c->state) > gravity(worst->state) ||
		    (is_unknown(c) && !is_unknown(worst)))
			worst = c;
	}
	return worst;
}

static struct pl_value *results(struct pl_frame *f)
{
	struct pl_arena *a = &f->run->arena;
	struct pl_value *map = pl_map(a);
	bool by_member = f->step->kind == PL_EACH && !pl_frame_is_member(f);
	for (size_t i = 0; i < f->children_n; i++) {
		struct pl_frame *c = f->children[i];
		if (c->state == PL_DONE && c->result && c->result->kind != PL_NULL)
			pl_map_set(
			    a, map, by_member ? c->member : c->step->id, c->result);
	}
	return map;
}

/* ---- the end of the run ---------------------------------------------------- */

static int exit_code(enum pl_state state, const struct pl_err *err)
{
	switch (state) {
	case PL_DONE:
		return PL_EXIT_DONE;
	case PL_DENIED:
		return PL_EXIT_DENIED;
	case PL_SUSPENDED:
		return PL_EXIT_SUSPENDED;
	case PL_STOPPED:
		return PL_EXIT_INTERRUPTED;
	default:
		return err->unknown ? PL_EXIT_UNKNOWN
		    : err->refused  ? PL_EXIT_REFUSED
		                    : PL_EXIT_FAILED;
	}
}

static void conclude(
    struct pl_run *r, enum pl_state state, const struct pl_frame *where)
{
	struct pl_outcome *end = &r->outcome;
	end->state = state;
	end->where = where;
	if (where && where->err)
		end->err = *where->err;
	if (r->doomed) {
		end->state = PL_FAILED;
		end->err = r->doom;
	}
	end->exit = exit_code(end->state, &end->err);
	bool closed = end->state == PL_DONE || end->state == PL_DENIED;
	struct pl_arena *a = &r->arena;
	struct pl_value *record = pl_record_new(r,
	    closed                      ? "run.finished"
	        : state == PL_SUSPENDED ? "run.suspended"
	                                : "run.stopped",
	    NULL);
	pl_map_set(a, record, "state", pl_text(a, pl_state_name(end->state)));
	pl_map_set(a, record, "exit", pl_int(a, end->exit));
	if (where && where->step)
		pl_map_set(a, record, "step", pl_text(a, where->address));
	if (end->state != PL_DONE && end->err.code[0])
		pl_map_set(
		    a, record, "error", pl_run_keepable(r, pl_err_value(a, &end->err)));
	struct pl_err err;
	const struct pl_outside *out = r->o.outside;
	bool kept = pl_record_keep(r, record, true, &err);
	if (kept && r->o.journal)
		kept = pl_journal_seal(r->o.journal,
		    closed                      ? "finished"
		        : state == PL_SUSPENDED ? "suspended"
		                                : "stopped",
		    out->now(out->arg), &err);
	if (!kept && end->exit == PL_EXIT_DONE) {
		/* All is done, but the log does not say so: that is a failure. */
		end->state = PL_FAILED;
		end->exit = PL_EXIT_FAILED;
		end->err = err;
	}
	r->root->state = end->state;
	r->ended = true;
}

/* ---- again ------------------------------------------------------------------- */

/* Sets the run back; false if the step asked for cannot be gone back to. */
static bool go_back(struct pl_run *r, struct pl_frame *asker)
{
	const struct pl_step *from = asker->step;
	const char *file = from->file ? from->file : r->o.spine->file;
	const struct pl_step *to =
	    pl_spine_find(r->o.spine, asker->again_to, asker->err);
	if (!to)
		return false;
	if (r->attempts[to->top] >= PL_AGAIN_MOST) {
		pl_fail(asker->err, "again.limit", "\"%s\" was attempted %d times: %s",
		    to->id, PL_AGAIN_MOST, asker->again_why);
		pl_err_place(asker->err, file, from->line);
		return false;
	}
	struct pl_value *record = pl_record_new(r, "again", NULL);
	pl_map_set(&r->arena, record, "from", pl_text(&r->arena, from->id));
	pl_map_set(&r->arena, record, "to", pl_text(&r->arena, to->id));
	pl_map_set(&r->arena, record, "why", pl_text(&r->arena, asker->again_why));
	if (!pl_record_keep(r, record, false, asker->err))
		return false;
	struct pl_frame *root = r->root;
	root->children_n = to->top;
	size_t upto = from->top;
	for (size_t i = to->top; i < r->o.spine->steps_n; i++) {
		if (i <= upto)
			r->attempts[i]++;
		pl_frame_new(root, &r->o.spine->steps[i], NULL, NULL);
	}
	root->next = to->top;
	root->bad = false;
	root->held = 0;
	return true;
}

static struct pl_frame *leaf(struct pl_frame *f)
{
	struct pl_frame *w = worst_child(f);
	return w ? leaf(w) : f;
}

static void end_root(struct pl_frame *root)
{
	struct pl_run *r = root->run;
	if (!root->bad && !root->held && root->next == root->children_n && !r->doomed) {
		conclude(r, PL_DONE, NULL);
		return;
	}
	struct pl_frame *worst = worst_child(root);
	struct pl_frame *where = worst ? leaf(worst) : NULL;
	if (where && where->state == PL_AGAIN && !r->stopping && !r->doomed) {
		if (go_back(r, where))
			pl_run_queue(root);
		else
			conclude(r, PL_FAILED, where);
		return;
	}
	enum pl_state state = where ? where->state : PL_STOPPED;
	if (state == PL_AGAIN)
		state = PL_STOPPED;
	conclude(r, state, where);
}

/* ---- moving on ----------------------------------------------------------------- */

void pl_group_advance(struct pl_frame *f)
{
	struct pl_run *r = f->run;
	while (!f->bad && !r->stopping && !r->doomed &&
	    f->running + f->held < f->at_once && f->next < f->children_n) {
		f->running++;
		pl_frame_begin(f->children[f->next++]);
	}
	if (f->running)
		return;
	if (!f->bad && !f->held && f->next < f->children_n && !r->stopping &&
	    !r->doomed)
		return;
	if (!f->parent) {
		end_root(f);
		return;
	}
	struct pl_frame *worst = worst_child(f);
	if (worst) {
		if (worst->err)
			*f->err = *worst->err;
		f->again_to = worst->again_to;
		f->again_why = worst->again_why;
		pl_frame_end(f, worst->state);
	} else if (f->next < f->children_n) {
		pl_frame_end(f, PL_STOPPED);
	} else {
		pl_frame_finish(f, PL_DONE, results(f));
	}
}

/* ---- members -------------------------------------------------------------------- */

static const char *member_name(struct pl_arena *a, const struct pl_value *m)
{
	if (m && m->kind == PL_TEXT)
		return m->as.text.at;
	if (m && m->kind == PL_INT)
		return pl_arena_printf(a, "%lld", (long long)m->as.whole);
	return NULL;
}

static bool name_fits(const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < n; i++)
		if (iscntrl((unsigned char)name[i]) || strchr("[]@#", name[i]))
			return false;
	return n > 0 && n <= 120;
}

struct pl_value *pl_members_name(struct pl_run *r, const struct pl_step *s,
    const struct pl_value *list, struct pl_err *err)
{
	struct pl_arena *a = &r->arena;
	struct pl_index seen = {0};
	struct pl_value *members = pl_list(a);
	/* An empty Lua table is an empty map as much as an empty list. */
	bool empty = list->kind == PL_MAP && list->as.map.len == 0;
	if (list->kind != PL_LIST && !empty) {
		pl_fail(err, "each.list",
		    "`over` of \"%s\" gave a %s; it must give a list", s->id,
		    pl_kind_name(list->kind));
		return NULL;
	}
	for (uint32_t i = 0; !empty && i < list->as.list.len; i++) {
		struct pl_value *m = list->as.list.at[i];
		const char *name = member_name(a, s->key ? pl_get(m, s->key) : m);
		if (!name)
			pl_fail(err, "each.name",
			    "member %u of \"%s\" has no name: %s%s%s", i + 1, s->id,
			    s->key ? "its field \"" : "say key = \"field\" in the each",
			    s->key ? s->key : "",
			    s->key ? "\" is neither text nor a whole number" : "");
		else if (!name_fits(name))
			pl_fail(err, "each.name",
			    "member name \"%s\" of \"%s\": 1 to 120 characters, none of "
			    "[ ] @ # or control characters",
			    name, s->id);
		else if (pl_index_get(&seen, name))
			pl_fail(err, "each.name",
			    "two members of \"%s\" are named \"%s\"", s->id, name);
		else {
			struct pl_value *member = pl_map(a);
			pl_map_set(a, member, "name", pl_text(a, name));
			pl_map_set(a, member, "value", m);
			pl_list_add(a, members, member);
			pl_index_put(&seen, name, member);
			continue;
		}
		members = NULL;
		break;
	}
	pl_index_fini(&seen);
	return members;
}
