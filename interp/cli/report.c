/* The ending: what was changed, what was not, and the next command to type. */
#include <string.h>

#include "cli.h"

/* ---- as a document --------------------------------------------------------------- */

static void add_steps(struct pl_arena *a, struct pl_value *list, struct pl_frame *f)
{
	for (size_t i = 0; i < f->children_n; i++) {
		struct pl_frame *c = f->children[i];
		struct pl_value *one = pl_map(a);
		pl_map_set(a, one, "number", pl_text(a, c->step->number));
		pl_map_set(a, one, "id", pl_text(a, c->step->id));
		pl_map_set(a, one, "address", pl_text(a, c->address));
		pl_map_set(
		    a, one, "kind", pl_text(a, pl_step_kind_name(c->step->kind)));
		pl_map_set(a, one, "state", pl_text(a, pl_state_name(c->state)));
		pl_map_set(a, one, "attempt", pl_int(a, c->attempt));
		if (c->result && c->result->kind != PL_NULL)
			pl_map_set(a, one, "result", c->result);
		pl_list_add(a, list, one);
		add_steps(a, list, c);
	}
}

static struct pl_value *error_value(struct pl_arena *a, const struct pl_err *err)
{
	struct pl_value *v = pl_map(a);
	pl_map_set(a, v, "code", pl_text(a, err->code));
	pl_map_set(a, v, "message", pl_text(a, err->msg));
	if (err->file[0]) {
		pl_map_set(a, v, "file", pl_text(a, err->file));
		pl_map_set(a, v, "line", pl_int(a, err->line));
	}
	return v;
}

/* What to type next; where runs are kept elsewhere, it says so. */
static const char *next_command(struct pl_arena *a, const struct pl_outcome *end,
    const char *id, const struct pl_drive *d)
{
	struct pl_cli *c = d->c;
	bool at_gate =
	    end->state == PL_SUSPENDED && strcmp(end->err.code, "gate.waiting") == 0;
	if (d->dry_run)
		return pl_next_run(
		    c, d->file, d->given, d->repository, d->sim, end->state != PL_DONE);
	if (end->state == PL_FAILED && pl_begins_anew(end->err.code, end->err.refused))
		return pl_next_run(c, d->file, d->given, d->repository, d->sim, false);
	if (at_gate)
		return pl_next_for(c, "approve", id, end->where->step->confirm);
	if (end->err.unknown)
		return pl_next_for(c, "decide", id, NULL);
	if (end->state == PL_DONE || end->state == PL_DENIED)
		return pl_next_for(c, "show", id, NULL);
	(void)a;
	return pl_next_for(c, "resume", id, NULL);
}

struct pl_value *pl_report_value(struct pl_cli *c, struct pl_run *r,
    const struct pl_spine *spine, const struct pl_drive *d)
{
	struct pl_arena *a = &c->arena;
	const struct pl_outcome *end = pl_run_outcome(r);
	struct pl_value *v = pl_map(a), *steps = pl_list(a);
	pl_map_set(
	    a, v, "schema", pl_text(a, d->dry_run ? "pipe/plan/v1" : "pipe/run/v1"));
	pl_map_set(a, v, "pipeline", pl_text(a, spine->name));
	pl_map_set(a, v, "version", pl_text(a, spine->version));
	if (!d->dry_run)
		pl_map_set(a, v, "run", pl_text(a, pl_run_id(r)));
	pl_map_set(a, v, "state", pl_text(a, pl_state_name(end->state)));
	pl_map_set(a, v, "exit", pl_int(a, end->exit));
	if (end->where && end->where->step)
		pl_map_set(a, v, "step", pl_text(a, end->where->address));
	if (end->state != PL_DONE && end->err.code[0])
		pl_map_set(a, v, "error", error_value(a, &end->err));
	pl_map_set(a, v, "effects", pl_run_effects(r));
	add_steps(a, steps, pl_run_root(r));
	pl_map_set(a, v, "steps", steps);
	pl_map_set(a, v, "next", pl_text(a, next_command(a, end, pl_run_id(r), d)));
	return v;
}

/* ---- for people ------------------------------------------------------------------------ */

static void put_effect(struct pl_cli *c, const struct pl_value *e, const char *sign)
{
	const char *target = pl_get_text(e, "target", "");
	printf("  %s %s", sign, pl_get_text(e, "effect", ""));
	if (*target) {
		putchar(' ');
		pl_put(stdout, target);
	}
	printf("%s  (step %s)%s\n", pl_paint(&c->ui, PL_DIM),
	    pl_get_text(e, "step", ""), pl_paint(&c->ui, PL_PLAIN));
}

static void put_value(const char *label, const struct pl_value *v)
{
	struct pl_buf text = {0};
	if (!v)
		return;
	if (v->kind == PL_TEXT)
		pl_buf_puts(&text, v->as.text.at);
	else
		pl_json_canonical(&text, v, NULL);
	printf("      %-7s ", label);
	pl_put(stdout, text.len ? text.at : "(nothing)");
	putchar('\n');
	pl_buf_fini(&text);
}

static void put_plan(struct pl_cli *c, struct pl_run *r)
{
	const struct pl_value *effects = pl_run_effects(r);
	printf(
	    "Effects, in order (+ adds, ~ changes, - removes, ! cannot be undone, ? not known):\n");
	for (uint32_t i = 0; i < effects->as.list.len; i++) {
		const struct pl_value *e = effects->as.list.at[i];
		put_effect(c, e, pl_get_text(e, "sign", "?"));
		put_value("before", pl_get(e, "before"));
		put_value("after", pl_get(e, "after"));
		put_value("note", pl_get(e, "note"));
		if (pl_get_bool(e, "no_return", false))
			printf("      %s point of no return: this step has no undo\n",
			    pl_symbol(&c->ui, "⚑", "!!"));
	}
	if (effects->as.list.len == 0)
		printf("  none: nothing would be changed\n");
}

static size_t put_effects_in(struct pl_cli *c, struct pl_run *r,
    const char *const *states, const char *heading, const char *sign)
{
	const struct pl_value *effects = pl_run_effects(r);
	size_t n = 0;
	for (uint32_t i = 0; i < effects->as.list.len; i++) {
		const struct pl_value *e = effects->as.list.at[i];
		const char *state = pl_get_text(e, "state", "");
		for (const char *const *s = states; *s; s++)
			if (strcmp(state, *s) == 0) {
				if (n++ == 0)
					printf("%s\n", heading);
				put_effect(c, e, sign);
			}
	}
	return n;
}

static void put_unreached(struct pl_cli *c, struct pl_run *r)
{
	struct pl_frame *root = pl_run_root(r);
	size_t n = 0;
	for (size_t i = 0; i < root->children_n; i++) {
		const struct pl_frame *f = root->children[i];
		if (f->state == PL_DONE || f->state == PL_SKIPPED)
			continue;
		printf("%s%s", n++ == 0 ? "Not done: " : ", ", f->address);
	}
	if (n)
		putchar('\n');
	(void)c;
}

static void put_headline(struct pl_cli *c, struct pl_run *r, const struct pl_drive *d)
{
	const struct pl_outcome *end = pl_run_outcome(r);
	static const char *const words[] = {[PL_DONE] = "done",
	    [PL_FAILED] = "stopped",
	    [PL_DENIED] = "denied",
	    [PL_SUSPENDED] = "suspended",
	    [PL_STOPPED] = "interrupted"};
	const char *word =
	    words[end->state] ? words[end->state] : pl_state_name(end->state);
	printf("\n%s%s %s%s", pl_paint(&c->ui, PL_BOLD),
	    pl_state_symbol(&c->ui, end->state),
	    d->dry_run && end->state == PL_DONE ? "dry-run done: nothing was changed"
	                                        : word,
	    pl_paint(&c->ui, PL_PLAIN));
	if (!d->dry_run)
		printf(" · run %s", pl_run_id(r));
	if (end->where && end->where->step)
		printf(
		    " · at step %s %s", end->where->step->number, end->where->address);
	putchar('\n');
	if (end->state == PL_SUSPENDED) {
		printf("Waits for: ");
		pl_put(stdout, end->err.msg);
		putchar('\n');
	}
}

void pl_report(
    struct pl_cli *c, struct pl_session *s, struct pl_run *r, const struct pl_drive *d)
{
	static const char *const changed[] = {"done", "recorded", NULL};
	static const char *const failed[] = {"failed", NULL};
	static const char *const unknown[] = {"unknown", "begun", NULL};
	const struct pl_outcome *end = pl_run_outcome(r);
	const struct pl_spine *spine = pl_run_spine(r);
	fflush(stderr);
	if (end->state != PL_DONE && end->state != PL_SUSPENDED && end->err.code[0])
		pl_tell_error(c, &end->err, pl_session_sources(s));
	if (c->ui.json) {
		pl_put_json(pl_report_value(c, r, spine, d));
		return;
	}
	if (c->ui.events)
		return;
	put_headline(c, r, d);
	if (d->dry_run) {
		put_plan(c, r);
	} else {
		size_t n = put_effects_in(c, r, changed, "Changed:", "~");
		n += put_effects_in(
		    c, r, unknown, "Not known whether it happened:", "?");
		if (n == 0)
			printf("Nothing was changed.\n");
		put_effects_in(c, r, failed, "Tried without success:", "x");
		put_unreached(c, r);
	}
	if (!d->dry_run && end->state == PL_FAILED && pl_is_mistake(end->err.code))
		printf(
		    "A run keeps the script that it began with: correct it, and begin anew.\n");
	printf("Next: %s\n", next_command(&c->arena, end, pl_run_id(r), d));
}
