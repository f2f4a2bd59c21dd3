/* Any bytes: an error with a place, or statements that lie in the text in order,
 * with nothing but blanks and semicolons between them, each of which is one
 * statement when it is cut again. */
#include "../../interp/host/sql.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void only_blanks(const char *from, const char *to)
{
	for (; from < to; from++)
		must(strchr(" \t\n\v\f\r;", *from) != NULL && *from);
}

static void check_statement(struct pl_arena *a, const struct pl_sql_statement *s)
{
	struct pl_sql again;
	struct pl_err err;

	must(s->n > 0 && s->line > 0 && s->column > 0);
	must((s->word_line > 0) == (s->words_n > 0));
	must(s->words_n <= PL_SQL_WORDS && !s->words[s->words_n]);
	/* A byte order mark may also stand in the middle: at the front it is one. */
	if (s->n >= 3 && memcmp(s->at, "\xef\xbb\xbf", 3) == 0)
		return;
	must(pl_sql_split(&again, a, s->at, s->n, &err));
	must(again.len == 1 && again.at[0].n == s->n);
	must(again.at[0].transaction == s->transaction);
	must(again.at[0].atomic == s->atomic);
	must(again.at[0].words_n == s->words_n);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct pl_arena a = {0};
	struct pl_sql all;
	struct pl_err err = {0};
	/* its own copy, without a NUL behind it */
	char *text = malloc(n ? n : 1);
	const char *at = text;
	must(text != NULL);
	if (n)
		memcpy(text, bytes, n);
	if (!pl_sql_split(&all, &a, text, n, &err)) {
		must(err.code[0] && err.msg[0] && err.line > 0 && err.column > 0);
		must(all.len == 0);
	} else {
		at += all.bom ? 3 : 0;
		for (size_t i = 0; i < all.len; i++) {
			must(all.at[i].at >= at);
			only_blanks(at, all.at[i].at);
			at = all.at[i].at + all.at[i].n;
			check_statement(&a, &all.at[i]);
		}
		must(at <= text + n);
		only_blanks(at, text + n);
	}
	free(text);
	pl_arena_fini(&a);
	return 0;
}
