/* pipe runs, pipe show [RUN], pipe log [RUN]: reading what is kept. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* ---- what a journal says in short ------------------------------------------------- */

struct summary {
	struct pl_arena *a;
	const struct pl_value *started, *last, *end;
	struct pl_value *steps; /* list of {address, state, attempt, took_ms, error} */
	struct pl_value *effects; /* list of {key, effect, target, state} */
	size_t records;
	bool decided; /* by a person, since the run ended */
};

static struct pl_value *entry_of(
    struct summary *s, struct pl_value *list, const char *field, const char *name)
{
	for (uint32_t i = list->as.list.len; i-- > 0;)
		if (strcmp(pl_get_text(list->as.list.at[i], field, ""), name) == 0)
			return list->as.list.at[i];
	struct pl_value *e = pl_map(s->a);
	pl_map_set(s->a, e, field, pl_text(s->a, name));
	pl_list_add(s->a, list, e);
	return e;
}

static void copy_field(struct summary *s, struct pl_value *to,
    const struct pl_value *from, const char *field)
{
	if (pl_get(from, field))
		pl_map_set(s->a, to, field, pl_get(from, field));
}

static void on_step(struct summary *s, const char *type, const struct pl_value *record)
{
	struct pl_value *e =
	    entry_of(s, s->steps, "address", pl_get_text(record, "step", ""));
	copy_field(s, e, record, "attempt");
	if (strcmp(type, "step.started") == 0) {
		pl_map_set(s->a, e, "state", pl_text(s->a, "running"));
	} else if (strcmp(type, "gate.asked") == 0) {
		pl_map_set(s->a, e, "state", pl_text(s->a, "waiting"));
		copy_field(s, e, record, "confirm");
	} else if (strcmp(type, "gate.decided") == 0) {
		copy_field(s, e, record, "answer");
		copy_field(s, e, record, "by");
		copy_field(s, e, record, "how");
		copy_field(s, e, record, "comment");
		if (strcmp(pl_get_text(record, "answer", ""), "no") == 0)
			pl_map_set(s->a, e, "state", pl_text(s->a, "denied"));
	} else if (strcmp(type, "step.finished") == 0) {
		copy_field(s, e, record, "state");
		copy_field(s, e, record, "took_ms");
		copy_field(s, e, record, "result");
	} else {
		pl_map_set(s->a, e, "state", pl_text(s->a, "failed"));
		copy_field(s, e, record, "error");
	}
}

static void on_effect(
    struct summary *s, const char *type, const struct pl_value *record)
{
	if (strcmp(type, "effect.read") == 0)
		return;
	struct pl_value *e =
	    entry_of(s, s->effects, "key", pl_get_text(record, "key", ""));
	copy_field(s, e, record, "effect");
	copy_field(s, e, record, "step");
	copy_field(s, e, record, "target");
	const char *state = strcmp(type, "effect.intent") == 0 ? "begun"
	    : strcmp(type, "effect.unknown") == 0              ? "unknown"
	    : strcmp(type, "effect.settled") == 0              ? "did not happen"
	    : pl_get(record, "error")                          ? "failed"
	                                                       : "done";
	pl_map_set(s->a, e, "state", pl_text(s->a, state));
}

static bool on_record(void *arg, const struct pl_value *record)
{
	struct summary *s = arg;
	const char *type = pl_get_text(record, "type", "");
	s->records++;
	s->last = record;
	if (strcmp(type, "run.started") == 0)
		s->started = record;
	if (strncmp(type, "run.", 4) == 0)
		s->end = record;
	if (strcmp(pl_get_text(record, "settled", ""), "decision") == 0)
		s->decided = true;
	else if (strncmp(type, "run.", 4) == 0)
		s->decided = false;
	if (strncmp(type, "step.", 5) == 0 || strncmp(type, "gate.", 5) == 0)
		on_step(s, type, record);
	else if (strncmp(type, "effect.", 7) == 0)
		on_effect(s, type, record);
	return true;
}

static const char *state_of(const struct summary *s)
{
	const char *type = pl_get_text(s->end, "type", "");
	if (strcmp(type, "run.started") == 0 || strcmp(type, "run.resumed") == 0)
		return "open";
	return pl_get_text(s->end, "state", "empty");
}

static bool summarize(struct pl_cli *c, struct pl_store *store, const char *run,
    struct summary *s, size_t *torn)
{
	*s = (struct summary){
	    .a = &c->arena, .steps = pl_list(&c->arena), .effects = pl_list(&c->arena)};
	return pl_journal_read(store, run, &c->arena, on_record, s, torn, &c->err);
}

static struct pl_value *summary_value(const struct summary *s, const char *run)
{
	struct pl_value *v = pl_map(s->a);
	pl_map_set(s->a, v, "run", pl_text(s->a, run));
	const char *const fields[] = {
	    "pipeline", "version", "mode", "time", "params", "who", "file"};
	for (size_t i = 0; i < PL_COUNT(fields); i++)
		if (pl_get(s->started, fields[i]))
			pl_map_set(s->a, v, fields[i], pl_get(s->started, fields[i]));
	pl_map_set(s->a, v, "state", pl_text(s->a, state_of(s)));
	if (pl_get(s->end, "exit"))
		pl_map_set(s->a, v, "exit", pl_get(s->end, "exit"));
	if (pl_get(s->end, "step"))
		pl_map_set(s->a, v, "step", pl_get(s->end, "step"));
	if (pl_get(s->end, "error"))
		pl_map_set(s->a, v, "error", pl_get(s->end, "error"));
	return v;
}

/* ---- runs ----------------------------------------------------------------------------- */

static void put_run(const struct summary *s, const char *run)
{
	printf("%-24s %-11s %-20s %-24.24s %s\n", run, state_of(s),
	    pl_get_text(s->started, "pipeline", "?"),
	    pl_get_text(s->started, "time", "?"), pl_get_text(s->started, "mode", ""));
}

static int list_runs(struct pl_cli *c, struct pl_store *store)
{
	struct pl_value *ids = pl_store_runs(store, &c->arena),
	                *list = pl_list(&c->arena);
	int code = PL_EXIT_DONE;
	for (uint32_t i = 0; i < ids->as.list.len; i++) {
		struct summary s;
		size_t torn;
		const char *run = ids->as.list.at[i]->as.text.at;
		if (!summarize(c, store, run, &s, &torn)) {
			pl_tell_error(c, &c->err, NULL);
			code = PL_EXIT_AUDIT;
			continue;
		}
		if (c->ui.json)
			pl_list_add(&c->arena, list, summary_value(&s, run));
		else
			put_run(&s, run);
	}
	if (c->ui.json) {
		struct pl_value *v = pl_map(&c->arena);
		pl_map_set(&c->arena, v, "schema", pl_text(&c->arena, "pipe/runs/v1"));
		pl_map_set(&c->arena, v, "runs", list);
		pl_put_json(v);
	} else if (ids->as.list.len == 0) {
		printf("There are no runs in %s.\nNext: pipe run FILE --dry-run\n",
		    pl_store_dir(store));
	}
	return code;
}

static int runs(struct pl_cli *c)
{
	struct pl_store *store = pl_open_store(c);
	int code = store ? list_runs(c, store) : pl_failed(c, PL_EXIT_FAILED);
	pl_store_close(store);
	return code;
}

const struct pl_command pl_command_runs = {
    .name = "runs",
    .usage = "",
    .summary = "Lists the runs, oldest first",
    .examples = "pipe runs",
    .run = runs,
};

/* ---- show ------------------------------------------------------------------------------- */

static void put_field(const char *label, const struct pl_value *v)
{
	struct pl_buf text = {0};
	if (!v)
		return;
	if (v->kind == PL_TEXT)
		pl_buf_puts(&text, v->as.text.at);
	else
		pl_json_canonical(&text, v, NULL);
	printf("%-9s ", label);
	pl_put(stdout, text.at ? text.at : "");
	putchar('\n');
	pl_buf_fini(&text);
}

static const char *next_of(struct pl_cli *c, const struct summary *s, const char *run)
{
	const char *state = state_of(s);
	const struct pl_value *error = pl_get(s->end, "error"), *start = s->started;
	const char *code = pl_get_text(error, "code", "");
	if (strcmp(state, "done") == 0 || strcmp(state, "denied") == 0)
		return pl_next_for(c, "audit verify", run, NULL);
	if (pl_get_bool(error, "unknown", false) && !s->decided)
		return pl_next_for(c, "decide", run, NULL);
	if (strcmp(code, "gate.waiting") == 0) {
		const char *step = pl_get_text(s->end, "step", "");
		for (uint32_t i = 0; i < s->steps->as.list.len; i++) {
			const struct pl_value *e = s->steps->as.list.at[i];
			if (strcmp(pl_get_text(e, "address", ""), step) != 0)
				continue;
			if (pl_get(e, "answer"))
				break;
			return pl_next_for(
			    c, "approve", run, pl_get_text(e, "confirm", NULL));
		}
	} else if (*code &&
	    pl_begins_anew(code, pl_get_bool(error, "refused", false))) {
		return pl_next_run(c, pl_get_text(start, "file", ""),
		    pl_get(start, "params"), pl_get_text(start, "repository", NULL),
		    pl_get_text(start, "world", NULL), false);
	}
	return pl_next_for(c, "resume", run, NULL);
}

/* "yes by kari (pipe approve): tested" */
static void put_answer(const struct pl_value *step)
{
	const char *comment = pl_get_text(step, "comment", NULL);
	if (!pl_get(step, "answer"))
		return;
	printf("%12s%s by %s (%s)", "", pl_get_text(step, "answer", ""),
	    pl_get_text(pl_get(step, "by"), "user", "?"),
	    pl_get_text(step, "how", "?"));
	if (comment) {
		fputs(": ", stdout);
		pl_put(stdout, comment);
	}
	putchar('\n');
}

/* A step that was under way when the run ended is not running any more. */
static const char *state_shown(const struct summary *s, const struct pl_value *step)
{
	const char *state = pl_get_text(step, "state", "");
	bool over = strcmp(state_of(s), "open") != 0;
	return over && strcmp(state, "running") == 0 ? "not done" : state;
}

static void put_show(struct pl_cli *c, const struct summary *s, const char *run)
{
	put_field("run", pl_text(&c->arena, run));
	put_field("pipeline", pl_get(s->started, "pipeline"));
	put_field("version", pl_get(s->started, "version"));
	put_field("started", pl_get(s->started, "time"));
	put_field("mode", pl_get(s->started, "mode"));
	put_field("by", pl_get(pl_get(s->started, "who"), "user"));
	put_field("params", pl_get(s->started, "params"));
	put_field("state", pl_text(&c->arena, state_of(s)));
	put_field("why", pl_get(pl_get(s->end, "error"), "message"));
	printf("steps\n");
	for (uint32_t i = 0; i < s->steps->as.list.len; i++) {
		const struct pl_value *e = s->steps->as.list.at[i];
		struct pl_buf took = {0};
		pl_duration_write(&took, pl_get_int(e, "took_ms", 0));
		printf("  %-9s %-28s %s\n", state_shown(s, e),
		    pl_get_text(e, "address", ""), pl_get(e, "took_ms") ? took.at : "");
		put_answer(e);
		pl_buf_fini(&took);
	}
	printf("changes\n");
	for (uint32_t i = 0; i < s->effects->as.list.len; i++) {
		const struct pl_value *e = s->effects->as.list.at[i];
		printf("  %-9s %s ", pl_get_text(e, "state", ""),
		    pl_get_text(e, "effect", ""));
		pl_put(stdout, pl_get_text(e, "target", ""));
		putchar('\n');
	}
	if (s->effects->as.list.len == 0)
		printf("  none\n");
	printf("Next: %s\n", next_of(c, s, run));
}

static int show_run(struct pl_cli *c, struct pl_store *store, const char *run)
{
	struct summary s;
	size_t torn;
	if (!summarize(c, store, run, &s, &torn))
		return pl_failed(c, PL_EXIT_AUDIT);
	if (torn)
		fprintf(stderr,
		    "The journal's last line is not whole (%zu bytes); resuming "
		    "mends that.\n",
		    torn);
	if (c->ui.json) {
		struct pl_value *v = summary_value(&s, run);
		pl_map_set(&c->arena, v, "schema", pl_text(&c->arena, "pipe/show/v1"));
		pl_map_set(&c->arena, v, "steps", s.steps);
		pl_map_set(&c->arena, v, "effects", s.effects);
		pl_map_set(
		    &c->arena, v, "next", pl_text(&c->arena, next_of(c, &s, run)));
		pl_put_json(v);
	} else {
		put_show(c, &s, run);
	}
	return PL_EXIT_DONE;
}

/* Opens the store, finds the run that is meant, does `what` with it. */
static int with_run(struct pl_cli *c,
    int (*what)(struct pl_cli *c, struct pl_store *store, const char *run))
{
	struct pl_store *store = pl_open_store(c);
	const char *run = store
	    ? pl_store_find(store, &c->arena, c->words_n ? c->words[0] : NULL, &c->err)
	    : NULL;
	int code = run ? what(c, store, run) : pl_failed(c, PL_EXIT_USAGE);
	pl_store_close(store);
	return code;
}

static int show(struct pl_cli *c)
{
	return with_run(c, show_run);
}

const struct pl_command pl_command_show = {
    .name = "show",
    .usage = "[RUN]",
    .summary = "Shows a run: its steps, what it changed, what to do next",
    .examples = "pipe show\npipe show 20261120",
    .most = 1,
    .run = show,
};

/* ---- log ---------------------------------------------------------------------------------- */

static void put_text(const char *text)
{
	if (text) {
		putchar(' ');
		pl_put(stdout, text);
	}
}

static bool on_log(void *arg, const struct pl_value *record)
{
	struct pl_cli *c = arg;
	if (c->ui.json) {
		struct pl_buf line = {0};
		if (pl_json_canonical(&line, record, &c->err))
			printf("%s\n", line.at);
		pl_buf_fini(&line);
		return true;
	}
	printf("%4lld  %.19s  %-16s", (long long)pl_get_int(record, "seq", 0),
	    pl_get_text(record, "time", ""), pl_get_text(record, "type", ""));
	put_text(pl_get_text(record, "step", NULL));
	put_text(pl_get_text(record, "effect", NULL));
	put_text(pl_get_text(record, "target", NULL));
	put_text(pl_get_text(pl_get(record, "input"), "text", NULL));
	put_text(pl_get_text(record, "question", NULL));
	put_text(pl_get_text(record, "answer", NULL));
	put_text(pl_get_text(record, "state", NULL));
	put_text(pl_get_text(pl_get(record, "error"), "message", NULL));
	putchar('\n');
	return true;
}

static int log_run(struct pl_cli *c, struct pl_store *store, const char *run)
{
	size_t torn;
	if (!pl_journal_read(store, run, &c->arena, on_log, c, &torn, &c->err))
		return pl_failed(c, PL_EXIT_AUDIT);
	if (torn)
		fprintf(stderr, "The last line is not whole: %zu bytes.\n", torn);
	return PL_EXIT_DONE;
}

static int log_command(struct pl_cli *c)
{
	return with_run(c, log_run);
}

const struct pl_command pl_command_log = {
    .name = "log",
    .usage = "[RUN]",
    .summary = "Prints the records of a run; with --json as they are kept",
    .examples = "pipe log\npipe log 20261120 --json",
    .most = 1,
    .run = log_command,
};
