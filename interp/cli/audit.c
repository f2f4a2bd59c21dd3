/* pipe audit verify [RUN] */
#include <string.h>

#include "cli.h"

struct checking {
	struct pl_cli *c;
	struct pl_value *findings;
	size_t notes;
};

static void on_finding(void *arg, const struct pl_finding *f)
{
	struct checking *k = arg;
	struct pl_arena *a = &k->c->arena;
	if (strcmp(f->severity, "ok") != 0)
		k->notes++;
	if (k->c->ui.json) {
		struct pl_value *v = pl_map(a);
		pl_map_set(a, v, "run", pl_text(a, f->run));
		if (f->seq >= 0)
			pl_map_set(a, v, "seq", pl_int(a, f->seq));
		if (f->line)
			pl_map_set(a, v, "line", pl_int(a, (int64_t)f->line));
		pl_map_set(a, v, "severity", pl_text(a, f->severity));
		pl_map_set(a, v, "what", pl_text(a, f->what));
		pl_list_add(a, k->findings, v);
		return;
	}
	printf("%-5s %s", f->severity, f->run ? f->run : "heads.jsonl");
	if (f->seq >= 0)
		printf(", record %lld", (long long)f->seq);
	if (f->line)
		printf(" (line %zu)", f->line);
	fputs(": ", stdout);
	pl_put(stdout, f->what);
	putchar('\n');
}

static int verify(struct pl_cli *c, struct pl_store *store)
{
	struct checking k = {.c = c, .findings = pl_list(&c->arena)};
	const char *run = NULL;
	size_t wrong = 0;
	if (c->words_n > 1) {
		run = pl_store_find(store, &c->arena, c->words[1], &c->err);
		if (!run)
			return pl_failed(c, PL_EXIT_USAGE);
	}
	c->err.code[0] = 0;
	size_t n = pl_store_verify(store, run, on_finding, &k, &wrong, &c->err);
	if (c->err.code[0])
		return pl_failed(c, PL_EXIT_AUDIT);
	if (c->ui.json) {
		struct pl_value *v = pl_map(&c->arena);
		pl_map_set(&c->arena, v, "schema", pl_text(&c->arena, "pipe/audit/v1"));
		pl_map_set(&c->arena, v, "runs", pl_int(&c->arena, (int64_t)n));
		pl_map_set(&c->arena, v, "wrong", pl_int(&c->arena, (int64_t)wrong));
		pl_map_set(&c->arena, v, "level", pl_text(&c->arena, "chain"));
		pl_map_set(&c->arena, v, "findings", k.findings);
		pl_put_json(v);
	} else {
		printf(
		    "%zu run%s looked at, %zu wrong. Checked: each run's chain, and its end "
		    "against heads.jsonl; not checked: that heads.jsonl itself was not "
		    "rewritten whole.\n",
		    n, n == 1 ? "" : "s", wrong);
	}
	return wrong ? PL_EXIT_AUDIT : PL_EXIT_DONE;
}

static int audit(struct pl_cli *c)
{
	if (strcmp(c->words[0], "verify") != 0)
		return pl_usage(
		    c, "pipe audit has no \"%s\"; it has: verify", c->words[0]);
	struct pl_store *store = pl_open_store(c);
	int code = store ? verify(c, store) : pl_failed(c, PL_EXIT_FAILED);
	pl_store_close(store);
	return code;
}

const struct pl_command pl_command_audit = {
    .name = "audit",
    .usage = "verify [RUN]",
    .summary = "Checks that the log of the runs was not changed",
    .examples = "pipe audit verify\npipe audit verify 20261120",
    .least = 1,
    .most = 2,
    .run = audit,
};
