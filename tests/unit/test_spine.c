/* The spine: finding steps by id and number, and what is wrong with one. */
#include "../../interp/engine/engine.h"
#include "check.h"

static struct pl_arena arena;

/* a, p { p1, p2, e { deep } }, b: as language.c would read it. */
static void make(struct pl_spine *s, struct pl_step steps[3], struct pl_step inner[3],
    struct pl_step deep[1])
{
	static const char *const numbers[] = {"1", "2", "3"};
	static const char *const inner_numbers[] = {"2.1", "2.2", "2.3"};
	memset(steps, 0, 3 * sizeof *steps);
	memset(inner, 0, 3 * sizeof *inner);
	memset(deep, 0, sizeof *deep);
	for (size_t i = 0; i < 3; i++) {
		steps[i].number = numbers[i];
		steps[i].line = (unsigned)i + 1;
		steps[i].top = i;
		inner[i].number = inner_numbers[i];
		inner[i].line = (unsigned)i + 11;
		inner[i].parent = &steps[1];
		inner[i].top = 1;
	}
	steps[0].id = "a";
	steps[1].id = "p";
	steps[1].kind = PL_PARALLEL;
	steps[1].children = inner;
	steps[1].children_n = 3;
	steps[2].id = "b";
	inner[0].id = "p1";
	inner[1].id = "p2";
	inner[2].id = "each";
	inner[2].kind = PL_EACH;
	inner[2].children = deep;
	inner[2].children_n = 1;
	*deep = (struct pl_step){
	    .id = "deep", .number = "2.3.1", .parent = &inner[2], .top = 1};
	*s = (struct pl_spine){.name = "test", .steps = steps, .steps_n = 3};
}

static void needs(struct pl_step *s, const char *id)
{
	struct pl_value *list = pl_list(&arena);
	pl_list_add(&arena, list, pl_text(&arena, id));
	s->needs = list;
}

static void gather(void *arg, const struct pl_step *step, const char *what)
{
	pl_buf_printf(arg, "%s: %s\n", step ? step->id : "-", what);
}

static void finds(void)
{
	struct pl_spine s;
	struct pl_step steps[3], inner[3], deep[1];
	struct pl_err err;
	make(&s, steps, inner, deep);
	CHECK_CASE("steps are found by id and by number");
	CHECK(pl_spine_find(&s, "a", &err) == &steps[0]);
	CHECK(pl_spine_find(&s, "deep", &err) == deep);
	CHECK(pl_spine_find(&s, "2", &err) == &steps[1]);
	CHECK(pl_spine_find(&s, "2.3.1", &err) == deep);
	CHECK(pl_spine_find(&s, "2.4", NULL) == NULL);
	CHECK(pl_spine_find(&s, "depp", &err) == NULL);
	CHECK_TEXT(err.code, "step.missing");
	CHECK_TEXT(
	    err.msg, "pipeline \"test\" has no step \"depp\"; did you mean \"deep\"?");
	CHECK_CASE("an id goes before a number");
	steps[2].id = "x.1";
	steps[0].number = "x.1";
	CHECK(pl_spine_find(&s, "x.1", &err) == &steps[2]);
}

static void checks(const char *name,
    void (*break_it)(struct pl_step *, struct pl_step *, struct pl_step *),
    const char *want)
{
	struct pl_spine s;
	struct pl_step steps[3], inner[3], deep[1];
	struct pl_buf got = {0};
	make(&s, steps, inner, deep);
	if (break_it)
		break_it(steps, inner, deep);
	CHECK_CASE(name);
	pl_spine_check(&s, gather, &got);
	CHECK_TEXT(got.at ? got.at : "", want);
	pl_buf_fini(&got);
}

static void later(struct pl_step *steps, struct pl_step *inner, struct pl_step *deep)
{
	(void)inner, (void)deep;
	needs(&steps[0], "b");
}

static void at_once(struct pl_step *steps, struct pl_step *inner, struct pl_step *deep)
{
	(void)steps;
	needs(&inner[1], "p1");
	needs(deep, "p2");
}

static void within(struct pl_step *steps, struct pl_step *inner, struct pl_step *deep)
{
	(void)inner, (void)deep;
	needs(&steps[2], "deep");
}

static void before(struct pl_step *steps, struct pl_step *inner, struct pl_step *deep)
{
	(void)steps, (void)inner;
	needs(deep, "a");
}

static void twice(struct pl_step *steps, struct pl_step *inner, struct pl_step *deep)
{
	(void)inner, (void)steps;
	deep->id = "a";
}

int main(void)
{
	finds();
	checks("nothing is wrong", NULL, "");
	checks("a need that comes later", later, "a: needs \"b\", which comes later\n");
	checks("a need at the same time, also from deeper", at_once,
	    "p2: needs \"p1\", which runs at the same time\n"
	    "deep: needs \"p2\", which runs at the same time\n");
	checks("a need within an each", within,
	    "b: needs \"deep\", a step of every member of \"each\": needs = \"each\" means all of "
	    "them\n");
	checks("a need from before the group", before, "");
	checks("an id that is taken", twice,
	    "a: the id \"a\" is taken by the step in line 1\n");
	struct pl_spine none = {.name = "none"};
	struct pl_buf got = {0};
	CHECK_CASE("no steps at all");
	pl_spine_check(&none, gather, &got);
	CHECK_TEXT(got.at, "-: the pipeline has no steps\n");
	pl_buf_fini(&got);
	pl_arena_fini(&arena);
	return check_end();
}
