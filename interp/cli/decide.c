/*
 * pipe decide [RUN] [happened|did-not-happen]: a write whose outcome nobody knows
 * is settled by a person who looked. Without an answer it says what is open.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

static const struct pl_flag flags[] = {
    {"comment", 0, PL_FLAG_VALUE, "TEXT", "why, kept with the decision"},
    {"key", 0, PL_FLAG_VALUE, "KEY", "which write, where several are open"},
    {"result", 0, PL_FLAG_VALUE, "JSON",
        "happened: what the write would have answered"},
    {NULL, 0, PL_FLAG, NULL, NULL},
};

struct open_writes {
	struct pl_arena *a;
	struct pl_value *open; /* key -> intent; settled ones are null */
	const struct pl_value *last; /* of the records about the run itself */
};

static bool on_record(void *arg, const struct pl_value *record)
{
	struct open_writes *w = arg;
	const char *type = pl_get_text(record, "type", "");
	const char *key = pl_get_text(record, "key", NULL);
	if (strncmp(type, "run.", 4) == 0)
		w->last = record;
	if (key && strcmp(type, "effect.intent") == 0)
		pl_map_set(w->a, w->open, key, pl_copy(w->a, record));
	else if (strcmp(pl_get_text(record, "settled", ""), "decision") == 0)
		return true; /* may be decided again, until the run goes on */
	else if (key &&
	    (strcmp(type, "effect.receipt") == 0 ||
	        strcmp(type, "effect.settled") == 0))
		pl_map_set(w->a, w->open, key, pl_null(w->a));
	return true;
}

static size_t put_open(const struct open_writes *w)
{
	size_t n = 0;
	for (uint32_t i = 0; i < w->open->as.map.len; i++) {
		const struct pl_value *intent = w->open->as.map.at[i].value;
		if (pl_is_null(intent))
			continue;
		n++;
		printf("? %s ", pl_get_text(intent, "effect", ""));
		pl_put(stdout, pl_get_text(intent, "target", ""));
		printf("  (step %s, begun %s)\n    key %s\n",
		    pl_get_text(intent, "step", ""), pl_get_text(intent, "time", ""),
		    w->open->as.map.at[i].key);
	}
	return n;
}

/* The one write that is meant, or NULL and c->err. */
static const struct pl_value *the_write(struct pl_cli *c, const struct open_writes *w)
{
	const char *wanted = pl_flag_text(c, "key");
	const struct pl_value *found = NULL;
	int n = 0;
	for (uint32_t i = 0; i < w->open->as.map.len; i++) {
		const struct pl_pair *p = &w->open->as.map.at[i];
		if (pl_is_null(p->value) || (wanted && strcmp(p->key, wanted) != 0))
			continue;
		found = p->value;
		n++;
	}
	if (n == 1)
		return found;
	if (n)
		pl_fail(&c->err, "decide.several",
		    "%d writes are open: say which with --key", n);
	else
		pl_fail(&c->err, "decide.none",
		    "no write of this run waits for a decision%s%s",
		    wanted ? " under the key " : "", wanted ? wanted : "");
	return NULL;
}

static struct pl_value *decision(
    struct pl_cli *c, const struct pl_value *intent, bool happened)
{
	struct pl_arena *a = &c->arena;
	struct pl_value *record = pl_map(a), *result = pl_null(a);
	const char *given = pl_flag_text(c, "result"),
	           *comment = pl_flag_text(c, "comment");
	const char *const fields[] = {"key", "effect", "step", "attempt", "try"};
	if (given && !pl_json_parse(&result, a, given, strlen(given), &c->err)) {
		pl_err_within(&c->err, "--result");
		return NULL;
	}
	pl_map_set(a, record, "type",
	    pl_text(a, happened ? "effect.receipt" : "effect.settled"));
	for (size_t i = 0; i < PL_COUNT(fields); i++)
		if (pl_get(intent, fields[i]))
			pl_map_set(a, record, fields[i], pl_get(intent, fields[i]));
	if (happened)
		pl_map_set(a, record, "result", pl_pack(a, result, NULL));
	else
		pl_map_set(a, record, "happened", pl_bool(a, false));
	pl_map_set(a, record, "settled", pl_text(a, "decision"));
	pl_map_set(a, record, "by", pl_who(a));
	if (comment)
		pl_map_set(a, record, "comment", pl_text(a, comment));
	return record;
}

static int settle(struct pl_cli *c, struct pl_journal *j, const struct open_writes *w,
    const char *run, const char *answer)
{
	bool happened = strcmp(answer, "happened") == 0;
	int64_t now = (int64_t)time(NULL) * 1000;
	if (!happened && strcmp(answer, "did-not-happen") != 0)
		return pl_usage(c, "\"%s\": say happened or did-not-happen", answer);
	const struct pl_value *intent = the_write(c, w);
	struct pl_value *record = intent ? decision(c, intent, happened) : NULL;
	if (!record ||
	    !pl_journal_append(j, &c->arena, record, now, true, NULL, &c->err) ||
	    !pl_journal_seal(j, "stopped", now, &c->err))
		return pl_failed(c, PL_EXIT_USAGE);
	printf("decided: %s %s\n", pl_get_text(intent, "effect", ""), answer);
	if (happened && !pl_flag_on(c, "result"))
		printf(
		    "The script gets no result from it: where it uses one, decide again with "
		    "--result=JSON.\n");
	printf("Next: %s\n", pl_next_for(c, "resume", run, NULL));
	return PL_EXIT_DONE;
}

static int list_open(struct pl_cli *c, const struct open_writes *w, const char *run)
{
	if (put_open(w) == 0) {
		pl_fail(&c->err, "decide.none",
		    "no write of run %s waits for a decision", run);
		return pl_failed(c, PL_EXIT_USAGE);
	}
	printf("Look whether it happened, then say one of\n"
	       "  %s happened\n  %s did-not-happen\n",
	    pl_next_for(c, "decide", run, NULL), pl_next_for(c, "decide", run, NULL));
	return PL_EXIT_UNKNOWN;
}

static int decide_run(
    struct pl_cli *c, struct pl_store *store, const char *run, const char *answer)
{
	struct open_writes w = {.a = &c->arena, .open = pl_map(&c->arena)};
	size_t torn;
	struct pl_journal *j =
	    pl_journal_open(store, run, &c->arena, on_record, &w, &torn, &c->err);
	if (!j)
		return pl_failed(c, PL_EXIT_AUDIT);
	int code;
	if (strcmp(pl_get_text(w.last, "type", ""), "run.finished") == 0) {
		pl_fail(&c->err, "run.finished", "run %s is over (%s)", run,
		    pl_get_text(w.last, "state", "?"));
		code = pl_failed(c, PL_EXIT_USAGE);
	} else {
		code = answer ? settle(c, j, &w, run, answer) : list_open(c, &w, run);
	}
	pl_journal_close(j);
	return code;
}

static bool is_answer(const char *word)
{
	return strcmp(word, "happened") == 0 || strcmp(word, "did-not-happen") == 0;
}

static int decide(struct pl_cli *c)
{
	const char *answer = c->words_n == 2 ? c->words[1] : NULL;
	const char *word = c->words_n ? c->words[0] : NULL;
	if (c->words_n == 1 && is_answer(word)) {
		answer = word;
		word = NULL;
	}
	struct pl_store *store = pl_open_store(c);
	const char *run = store ? pl_store_find(store, &c->arena, word, &c->err) : NULL;
	int code =
	    run ? decide_run(c, store, run, answer) : pl_failed(c, PL_EXIT_USAGE);
	pl_store_close(store);
	return code;
}

const struct pl_command pl_command_decide = {
    .name = "decide",
    .usage = "[RUN] [happened|did-not-happen] [--comment=TEXT]",
    .summary = "Settles a write whose outcome nobody knows (exit code 6)",
    .examples =
        "pipe decide\npipe decide did-not-happen --comment=\"looked in the dashboard\"",
    .flags = flags,
    .most = 2,
    .run = decide,
};
