/* pipe run FILE [key=value …], pipe resume [RUN] */
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define PL_ANSWER_FLAGS \
	{"yes", 'y', PL_FLAG, NULL, \
	    "answer gates with yes (a protected name still has to be confirmed)"}, \
	    {"confirm", 0, PL_FLAG_VALUE, "NAME", \
	        "confirm a protected name, as if it was typed"}, \
	    {"approve", 0, PL_FLAG_VALUE, "GATE,…", "answer these gates with yes"}, \
	    {"reject", 0, PL_FLAG_VALUE, "GATE,…", "answer these gates with no"}, \
	    {"events", 0, PL_FLAG, NULL, \
	        "the journal's records on standard output, a line each"}, \
	{ \
		"progress", 0, PL_FLAG_VALUE, "HOW", "auto, plain, live or none" \
	}

static const struct pl_flag run_flags[] = {
    {"dry-run", 'n', PL_FLAG, NULL, "reads really happen, writes are only listed"},
    {"sim", 0, PL_FLAG_MAYBE, "WORLD",
        "in the simulated world: built in, a world file, or the address of `pipe sim up`"},
    {"repo", 0, PL_FLAG_VALUE, "DIR",
        "the working repository (else the project's folder)"},
    {"detailed-exitcode", 0, PL_FLAG, NULL,
        "a dry-run that found changes exits with 10"},
    PL_ANSWER_FLAGS,
    {NULL, 0, PL_FLAG, NULL, NULL},
};

static bool read_given(struct pl_cli *c, struct pl_value *given)
{
	for (size_t i = 1; i < c->words_n; i++) {
		const char *word = c->words[i], *equals = strchr(word, '=');
		if (!equals || equals == word)
			return pl_fail(&c->err, "usage.param",
			    "\"%s\" is no parameter: parameters are given as key=value",
			    word);
		const char *key =
		    pl_arena_text(&c->arena, word, (size_t)(equals - word));
		if (pl_get(given, key))
			return pl_fail(
			    &c->err, "usage.param", "parameter %s is given twice", key);
		pl_map_set(&c->arena, given, key, pl_text(&c->arena, equals + 1));
	}
	return true;
}

/* The terminal's path to the script, as a path from the project's folder: so it
 * means the same on resume, wherever that is typed. */
static int run(struct pl_cli *c)
{
	struct pl_value *given = pl_map(&c->arena);
	struct pl_drive d = {.c = c, .file = c->words[0], .given = given};
	if (!read_given(c, given))
		return pl_failed(c, PL_EXIT_USAGE);
	if (access(d.file, R_OK) != 0) {
		pl_fail(&c->err, "script.missing", "there is no script \"%s\"", d.file);
		return pl_failed(c, PL_EXIT_USAGE);
	}
	d.root = pl_find_root(c, d.file);
	d.state = pl_find_state(c, d.root);
	d.sim = pl_flag_text(c, "sim");
	d.repository = pl_flag_text(c, "repo");
	d.dry_run = pl_flag_on(c, "dry-run");
	return pl_drive(&d);
}

const struct pl_command pl_command_run = {
    .name = "run",
    .usage = "FILE [key=value …] [--dry-run] [--sim[=WORLD]] [--yes] [--confirm=NAME]",
    .summary = "Runs a pipeline",
    .examples = "pipe run pipelines/release-friday.lua --dry-run --sim\n"
                "pipe run pipelines/release-friday.lua --sim --yes",
    .flags = run_flags,
    .least = 1,
    .most = 1000,
    .run = run,
};

/* ---- resume ------------------------------------------------------------------------ */

static const struct pl_flag resume_flags[] = {
    PL_ANSWER_FLAGS,
    {NULL, 0, PL_FLAG, NULL, NULL},
};

struct reading {
	struct pl_arena *keep, record; /* only few of the records are kept */
	const struct pl_value *started, *last;
};

static bool on_record(void *arg, const struct pl_value *record)
{
	struct reading *r = arg;
	const char *type = pl_get_text(record, "type", "");
	if (strncmp(type, "run.", 4) == 0)
		r->last = pl_copy(r->keep, record);
	if (strcmp(type, "run.started") == 0)
		r->started = r->last;
	pl_arena_reset(&r->record);
	return true;
}

static struct pl_value *read_pins(struct pl_cli *c, struct pl_store *store,
    const char *run, const struct pl_value *sources)
{
	struct pl_value *pins = pl_list(&c->arena);
	for (uint32_t i = 0; sources && i < sources->as.list.len; i++) {
		const struct pl_value *one = sources->as.list.at[i];
		struct pl_buf text = {0};
		bool ok = pl_store_pinned(
		    store, run, pl_get_text(one, "hash", ""), &text, &c->err);
		if (ok) {
			struct pl_value *pin = pl_map(&c->arena);
			pl_map_set(&c->arena, pin, "name", pl_get(one, "name"));
			pl_map_set(&c->arena, pin, "text",
			    pl_textn(&c->arena, text.at ? text.at : "", text.len));
			pl_list_add(&c->arena, pins, pin);
		}
		pl_buf_fini(&text);
		if (!ok)
			return NULL;
	}
	return pins;
}

static int resume_run(struct pl_cli *c, struct pl_store *store, const char *run)
{
	struct reading r = {.keep = &c->arena};
	size_t torn;
	bool whole =
	    pl_journal_read(store, run, &r.record, on_record, &r, &torn, &c->err);
	pl_arena_fini(&r.record);
	if (!whole)
		return pl_failed(c, PL_EXIT_AUDIT);
	if (!r.started) {
		pl_fail(&c->err, "run.empty",
		    "run %s never began: there is nothing to resume", run);
		return pl_failed(c, PL_EXIT_USAGE);
	}
	if (r.last && strcmp(pl_get_text(r.last, "type", ""), "run.finished") == 0) {
		int code = (int)pl_get_int(r.last, "exit", 0);
		pl_fail(&c->err, "run.finished", "run %s is over (%s)", run,
		    pl_get_text(r.last, "state", "?"));
		return pl_failed(c, code ? code : PL_EXIT_USAGE);
	}
	struct pl_drive d = {.c = c,
	    .resume = run,
	    .file = pl_get_text(r.started, "file", ""),
	    .root = pl_get_text(r.started, "root", "."),
	    .sim = pl_get_text(r.started, "world", NULL),
	    .repository = pl_get_text(r.started, "repository", NULL),
	    .state = pl_store_dir(store),
	    .given = pl_get(r.started, "params")};
	d.pinned = read_pins(c, store, run, pl_get(r.started, "sources"));
	if (!d.pinned)
		return pl_failed(c, PL_EXIT_AUDIT);
	return pl_drive(&d);
}

static int resume(struct pl_cli *c)
{
	struct pl_store *store = pl_open_store(c);
	const char *run = store
	    ? pl_store_find(store, &c->arena, c->words_n ? c->words[0] : NULL, &c->err)
	    : NULL;
	int code = run ? resume_run(c, store, run) : pl_failed(c, PL_EXIT_USAGE);
	pl_store_close(store);
	return code;
}

const struct pl_command pl_command_resume = {
    .name = "resume",
    .usage = "[RUN]",
    .summary =
        "Goes on with a run behind its last receipt (the newest, if none is named)",
    .examples = "pipe resume\npipe resume 20261120-1500",
    .flags = resume_flags,
    .most = 1,
    .run = resume,
};
