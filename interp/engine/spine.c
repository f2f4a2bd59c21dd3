#include <stdio.h>
#include <string.h>

#include "inner.h"

static const char *const kinds[] = {
    "step", "gate", "manual", "wait", "parallel", "each"};
static const char *const bodies[] = {
    "run", "when", "verify", "undo", "ready", "over", "assume", "ask"};
static const char *const states[] = {"pending", "running", "done", "skipped", "failed",
    "suspended", "denied", "again", "stopped"};

const char *pl_step_kind_name(enum pl_step_kind k)
{
	return kinds[k];
}

const char *pl_body_name(enum pl_body b)
{
	return bodies[b];
}

const char *pl_state_name(enum pl_state s)
{
	return states[s];
}

static const struct pl_step *search(
    const struct pl_step *steps, size_t n, const char *word, bool by_number)
{
	for (size_t i = 0; i < n; i++) {
		const struct pl_step *s = &steps[i];
		if (strcmp(by_number ? s->number : s->id, word) == 0)
			return s;
		s = search(s->children, s->children_n, word, by_number);
		if (s)
			return s;
	}
	return NULL;
}

static void gather(
    const struct pl_step *steps, size_t n, const char **out, size_t *count)
{
	for (size_t i = 0; i < n; i++) {
		if (out)
			out[*count] = steps[i].id;
		(*count)++;
		gather(steps[i].children, steps[i].children_n, out, count);
	}
}

const struct pl_step *pl_spine_find(
    const struct pl_spine *s, const char *word, struct pl_err *err)
{
	const struct pl_step *found = search(s->steps, s->steps_n, word, false);
	if (!found)
		found = search(s->steps, s->steps_n, word, true);
	if (found)
		return found;
	struct pl_arena a = {0};
	size_t n = 0;
	gather(s->steps, s->steps_n, NULL, &n);
	const char **ids = pl_arena_alloc(&a, (n + 1) * sizeof *ids);
	n = 0;
	gather(s->steps, s->steps_n, ids, &n);
	const char *near = pl_nearest(word, ids, n);
	pl_fail(err, "step.missing", "pipeline \"%s\" has no step \"%s\"%s%s%s",
	    s->name, word, near ? "; did you mean \"" : "", near ? near : "",
	    near ? "\"?" : "");
	pl_arena_fini(&a);
	return NULL;
}

struct checking {
	const struct pl_spine *spine;
	void (*problem)(void *arg, const struct pl_step *step, const char *what);
	void *arg;
	struct pl_index seen; /* id -> step, in the order of running */
	struct pl_arena arena;
};

static bool holds(const struct pl_step *group, const struct pl_step *s)
{
	for (; s; s = s->parent)
		if (s == group)
			return true;
	return false;
}

/* The innermost group that holds both; NULL: the pipeline itself. */
static const struct pl_step *common(
    const struct pl_step *s, const struct pl_step *other)
{
	const struct pl_step *g = s->parent;
	while (g && !holds(g, other))
		g = g->parent;
	return g;
}

/* What stands between a step and one before it that it needs; NULL: nothing. */
static const char *obstacle(
    struct checking *c, const struct pl_step *s, const struct pl_step *other)
{
	const struct pl_step *both = common(s, other);
	if (both && both->kind == PL_PARALLEL)
		return pl_arena_printf(
		    &c->arena, "needs \"%s\", which runs at the same time", other->id);
	for (const struct pl_step *g = other->parent; g != both; g = g->parent)
		if (g->kind == PL_EACH)
			return pl_arena_printf(&c->arena,
			    "needs \"%s\", a step of every member of \"%s\": needs = \"%s\" "
			    "means all of them",
			    other->id, g->id, g->id);
	return NULL;
}

static void check_needs(struct checking *c, const struct pl_step *s)
{
	for (uint32_t i = 0; s->needs && i < s->needs->as.list.len; i++) {
		const char *id = pl_text_of(s->needs->as.list.at[i], "");
		const struct pl_step *other = pl_index_get(&c->seen, id);
		const char *what = other ? obstacle(c, s, other) : NULL;
		if (what)
			c->problem(c->arg, s, what);
		if (other)
			continue;
		struct pl_err err;
		if (pl_spine_find(c->spine, id, &err))
			c->problem(c->arg, s,
			    pl_arena_printf(
			        &c->arena, "needs \"%s\", which comes later", id));
		else
			c->problem(c->arg, s,
			    pl_arena_printf(
			        &c->arena, "needs \"%s\": %s", id, err.msg));
	}
}

static void check_steps(struct checking *c, const struct pl_step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct pl_step *s = &steps[i],
		                     *twin = pl_index_get(&c->seen, s->id);
		if (twin)
			c->problem(c->arg, s,
			    pl_arena_printf(&c->arena,
			        "the id \"%s\" is taken by the step in line %u", s->id,
			        twin->line));
		check_needs(c, s);
		check_steps(c, s->children, s->children_n);
		pl_index_put(&c->seen, s->id, (void *)s);
	}
}

void pl_spine_check(const struct pl_spine *s,
    void (*problem)(void *arg, const struct pl_step *step, const char *what), void *arg)
{
	struct checking c = {.spine = s, .problem = problem, .arg = arg};
	if (s->steps_n == 0)
		problem(arg, NULL, "the pipeline has no steps");
	check_steps(&c, s->steps, s->steps_n);
	pl_index_fini(&c.seen);
	pl_arena_fini(&c.arena);
}
