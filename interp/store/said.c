/* What verification says, kept back until it is certain. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_inner.h"

#define WRONG_MAX 100 /* findings listed of one file; more help nobody */

void pl_said_add(struct pl_said *s, const char *severity, int64_t seq, size_t line,
    const char *fmt, ...)
{
	bool wrong = strcmp(severity, "wrong") == 0;
	if (wrong && s->wrong == WRONG_MAX) {
		s->hidden++;
		return;
	}
	if (s->len == s->cap)
		s->at = pl_realloc(
		    s->at, (s->cap = s->cap ? s->cap * 2 : 8) * sizeof *s->at);
	char text[2000];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	/* What stands in a spoilt line may be anything, and this goes to terminals. */
	struct pl_buf shown = {0};
	pl_printable(&shown, text, strlen(text), false);
	s->wrong += wrong;
	s->at[s->len++] = (struct pl_finding){.run = s->run,
	    .seq = seq,
	    .line = line,
	    .severity = severity,
	    .what = pl_arena_text(&s->arena, shown.at, shown.len)};
	pl_buf_fini(&shown);
}

void pl_said_forget(struct pl_said *s)
{
	pl_arena_fini(&s->arena);
	free(s->at);
	*s = (struct pl_said){.run = s->run};
}

void pl_said_tell(struct pl_said *s,
    void (*report)(void *arg, const struct pl_finding *f), void *arg, size_t *wrong)
{
	if (s->hidden) {
		size_t hidden = s->hidden;
		s->wrong = 0; /* room for this one */
		pl_said_add(
		    s, "wrong", -1, 0, "and %zu more that are not listed", hidden);
	}
	for (size_t i = 0; i < s->len; i++) {
		if (strcmp(s->at[i].severity, "wrong") == 0)
			++*wrong;
		if (report)
			report(arg, &s->at[i]);
	}
	pl_said_forget(s);
}
