/* pipe approve|reject [RUN]: answers the gate that a suspended run waits at. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

static const struct pl_flag flags[] = {
    {"comment", 0, PL_FLAG_VALUE, "TEXT", "kept with the answer"},
    {"gate", 0, PL_FLAG_VALUE, "ID", "which gate, where several wait"},
    {"confirm", 0, PL_FLAG_VALUE, "NAME",
        "the protected name, where the gate asks for it"},
    {NULL, 0, PL_FLAG, NULL, NULL},
};

struct open_gates {
	struct pl_arena *a;
	struct pl_value *asked; /* "gate@attempt" -> record; decided ones are null */
	const struct pl_value *last;
	int64_t now;
};

static bool on_record(void *arg, const struct pl_value *record)
{
	struct open_gates *g = arg;
	const char *type = pl_get_text(record, "type", "");
	bool asked = strcmp(type, "gate.asked") == 0;
	if (strncmp(type, "run.", 4) == 0)
		g->last = record;
	if (!asked && strcmp(type, "gate.decided") != 0)
		return true;
	const char *key =
	    pl_arena_printf(g->a, "%s@%lld", pl_get_text(record, "step", ""),
	        (long long)pl_get_int(record, "attempt", 1));
	pl_map_set(g->a, g->asked, key, asked ? pl_copy(g->a, record) : pl_null(g->a));
	return true;
}

static bool still_going(struct pl_cli *c, const struct open_gates *g, const char *run)
{
	if (strcmp(pl_get_text(g->last, "type", ""), "run.finished") != 0)
		return true;
	return pl_fail(&c->err, "run.finished", "run %s is over (%s)", run,
	    pl_get_text(g->last, "state", "?"));
}

/* The one gate that is meant, or NULL and c->err. */
static const struct pl_value *the_gate(
    struct pl_cli *c, const struct open_gates *g, const char *run)
{
	const char *wanted = pl_flag_text(c, "gate");
	const struct pl_value *found = NULL;
	struct pl_buf names = {0};
	int n = 0;
	for (uint32_t i = 0; i < g->asked->as.map.len; i++) {
		const struct pl_value *one = g->asked->as.map.at[i].value;
		const char *step = pl_get_text(one, "step", NULL);
		if (!step || (wanted && strcmp(step, wanted) != 0))
			continue;
		pl_buf_printf(&names, "%s%s", n ? ", " : "", step);
		found = one;
		n++;
	}
	if (n == 0)
		pl_fail(&c->err, "gate.none", "run %s waits at no gate%s%s%s", run,
		    wanted ? " named \"" : "", wanted ? wanted : "",
		    wanted ? "\"" : "");
	else if (n > 1)
		pl_fail(&c->err, "gate.several",
		    "run %s waits at several gates (%s): say --gate", run, names.at);
	pl_buf_fini(&names);
	return n == 1 ? found : NULL;
}

static struct pl_value *decision(
    struct pl_cli *c, const struct pl_value *gate, bool yes)
{
	struct pl_arena *a = &c->arena;
	struct pl_value *record = pl_map(a);
	const char *comment = pl_flag_text(c, "comment");
	pl_map_set(a, record, "type", pl_text(a, "gate.decided"));
	pl_map_set(a, record, "step", pl_get(gate, "step"));
	pl_map_set(a, record, "attempt", pl_get(gate, "attempt"));
	pl_map_set(a, record, "answer", pl_text(a, yes ? "yes" : "no"));
	pl_map_set(a, record, "how", pl_text(a, yes ? "pipe approve" : "pipe reject"));
	pl_map_set(a, record, "by", pl_who(a));
	if (comment)
		pl_map_set(a, record, "comment", pl_text(a, comment));
	return record;
}

static bool confirmed(struct pl_cli *c, const struct pl_value *gate)
{
	const char *word = pl_get_text(gate, "confirm", NULL);
	const char *given = pl_flag_text(c, "confirm");
	if (!word || (given && strcmp(given, word) == 0))
		return true;
	return pl_fail(&c->err, "gate.confirm",
	    "this gate protects \"%s\": say --confirm=%s to approve it", word, word);
}

static bool close_denied(
    struct pl_cli *c, struct pl_journal *j, int64_t now, const char *step)
{
	struct pl_arena *a = &c->arena;
	struct pl_value *record = pl_map(a);
	pl_map_set(a, record, "type", pl_text(a, "run.finished"));
	pl_map_set(a, record, "state", pl_text(a, "denied"));
	pl_map_set(a, record, "exit", pl_int(a, PL_EXIT_DENIED));
	pl_map_set(a, record, "step", pl_text(a, step));
	return pl_journal_append(j, a, record, now, true, NULL, &c->err) &&
	    pl_journal_seal(j, "finished", now, &c->err);
}

static int decide_run(
    struct pl_cli *c, struct pl_store *store, const char *run, bool yes)
{
	struct open_gates g = {.a = &c->arena, .asked = pl_map(&c->arena)};
	size_t torn;
	int64_t now = (int64_t)time(NULL) * 1000;
	struct pl_journal *j =
	    pl_journal_open(store, run, &c->arena, on_record, &g, &torn, &c->err);
	const struct pl_value *gate =
	    j && still_going(c, &g, run) ? the_gate(c, &g, run) : NULL;
	bool ok = gate && (!yes || confirmed(c, gate)) &&
	    pl_journal_append(
	        j, &c->arena, decision(c, gate, yes), now, true, NULL, &c->err);
	const char *step = gate ? pl_get_text(gate, "step", "?") : "?";
	if (ok && !yes)
		ok = close_denied(c, j, now, step);
	else if (ok)
		ok = pl_journal_seal(j, "suspended", now, &c->err);
	bool corrupt = strcmp(c->err.code, "journal.corrupt") == 0;
	pl_journal_close(j);
	if (!ok)
		return pl_failed(c, corrupt ? PL_EXIT_AUDIT : PL_EXIT_USAGE);
	printf("%s: \"%s\" of run %s\n", yes ? "approved" : "rejected", step, run);
	printf("Next: %s\n", pl_next_for(c, yes ? "resume" : "show", run, NULL));
	return PL_EXIT_DONE;
}

struct ending {
	const struct pl_value *error;
};

static bool on_end(void *arg, const struct pl_value *record)
{
	struct ending *e = arg;
	const char *type = pl_get_text(record, "type", "");
	if (strncmp(type, "run.", 4) == 0)
		e->error = pl_get(record, "error");
	else if (strcmp(type, "gate.decided") == 0)
		e->error = NULL;
	return true;
}

/* The one run that waits at a gate; where several do, a person says which. */
static const char *waiting_run(struct pl_cli *c, struct pl_store *store)
{
	struct pl_value *ids = pl_store_runs(store, &c->arena);
	struct pl_buf names = {0};
	const char *found = NULL;
	size_t n = 0, torn;
	for (uint32_t i = 0; i < ids->as.list.len; i++) {
		struct ending e = {NULL};
		const char *run = ids->as.list.at[i]->as.text.at;
		struct pl_err ignored;
		if (!pl_journal_read(
		        store, run, &c->arena, on_end, &e, &torn, &ignored) ||
		    strcmp(pl_get_text(e.error, "code", ""), "gate.waiting") != 0)
			continue;
		pl_buf_printf(&names, "%s%s", n++ ? ", " : "", run);
		found = run;
	}
	if (n > 1)
		pl_fail(&c->err, "gate.several",
		    "%zu runs wait at a gate, say which: %s", n, names.at);
	pl_buf_fini(&names);
	if (n > 1)
		return NULL;
	return found ? found : pl_store_find(store, &c->arena, NULL, &c->err);
}

static int decide(struct pl_cli *c, bool yes)
{
	struct pl_store *store = pl_open_store(c);
	const char *run = NULL;
	if (store && c->words_n)
		run = pl_store_find(store, &c->arena, c->words[0], &c->err);
	else if (store)
		run = waiting_run(c, store);
	int code = run ? decide_run(c, store, run, yes) : pl_failed(c, PL_EXIT_USAGE);
	pl_store_close(store);
	return code;
}

static int approve(struct pl_cli *c)
{
	return decide(c, true);
}

static int reject(struct pl_cli *c)
{
	return decide(c, false);
}

const struct pl_command pl_command_approve = {
    .name = "approve",
    .usage = "[RUN] [--gate=ID] [--confirm=NAME] [--comment=TEXT]",
    .summary = "Answers the gate of a suspended run with yes",
    .examples = "pipe approve --confirm=production --comment=\"tested by Kari\"",
    .flags = flags,
    .most = 1,
    .run = approve,
};

const struct pl_command pl_command_reject = {
    .name = "reject",
    .usage = "[RUN] [--gate=ID] [--comment=TEXT]",
    .summary = "Answers the gate of a suspended run with no; the run ends",
    .examples = "pipe reject --comment=\"login is broken on staging\"",
    .flags = flags,
    .most = 1,
    .run = reject,
};
