/* What the words of a statement say about it, and the row sql.split. */
#include "host.h"
#include "sql.h"

#include <string.h>

/* ---- kinds ------------------------------------------------------------------ */

static bool is(const struct pl_sql_statement *s, size_t i, const char *word)
{
	return i < s->words_n && strcmp(s->words[i], word) == 0;
}

static bool has(const struct pl_sql_statement *s, const char *word)
{
	for (size_t i = 0; i < s->words_n; i++)
		if (is(s, i, word))
			return true;
	return false;
}

bool pl_sql_begins_with(
    const struct pl_sql_statement *s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is(s, i, words[i]))
			return false;
	return true;
}

static bool is_transaction(const struct pl_sql_statement *s)
{
	static const char *const words[] = {
	    "BEGIN", "COMMIT", "END", "ABORT", "ROLLBACK", "SAVEPOINT", "RELEASE"};

	for (size_t i = 0; i < PL_COUNT(words); i++)
		if (is(s, 0, words[i]))
			return true;
	return pl_sql_begins(s, "START", "TRANSACTION") ||
	    pl_sql_begins(s, "PREPARE", "TRANSACTION");
}

/* REINDEX [(…)] SCHEMA|DATABASE|SYSTEM works in transactions of its own. */
static bool reindexes_alone(const struct pl_sql_statement *s)
{
	size_t i = 1;

	if (!is(s, 0, "REINDEX"))
		return false;
	if (is(s, 1, "("))
		while (i < s->words_n && !is(s, i++, ")"))
			;
	return has(s, "CONCURRENTLY") || is(s, i, "SCHEMA") || is(s, i, "DATABASE") ||
	    is(s, i, "SYSTEM");
}

/* What PostgreSQL refuses inside of a transaction block. CLUSTER of one table would
 * be taken there; the CLI lets all of it run alone. */
static bool is_alone(const struct pl_sql_statement *s)
{
	static const char *const made[] = {"DATABASE", "TABLESPACE", "SUBSCRIPTION"};

	for (size_t i = 0; i < PL_COUNT(made); i++)
		if ((is(s, 0, "CREATE") || is(s, 0, "DROP")) && is(s, 1, made[i]))
			return true;
	return is(s, 0, "VACUUM") || is(s, 0, "CLUSTER") ||
	    pl_sql_begins(s, "ALTER", "SYSTEM") || pl_sql_begins(s, "DISCARD", "ALL") ||
	    pl_sql_begins(s, "CREATE", "INDEX", "CONCURRENTLY") ||
	    pl_sql_begins(s, "CREATE", "UNIQUE", "INDEX", "CONCURRENTLY") ||
	    pl_sql_begins(s, "DROP", "INDEX", "CONCURRENTLY") || reindexes_alone(s) ||
	    (pl_sql_begins(s, "ALTER", "TABLE") && has(s, "DETACH") &&
	        has(s, "CONCURRENTLY")) ||
	    (pl_sql_begins(s, "ALTER", "DATABASE") && has(s, "TABLESPACE")) ||
	    (pl_sql_begins(s, "ALTER", "SUBSCRIPTION") && has(s, "REFRESH"));
}

void pl_sql_classify(struct pl_sql_statement *s)
{
	s->transaction = is_transaction(s);
	s->atomic = !is_alone(s);
}

/* ---- the row ------------------------------------------------------------------ */

static struct pl_value *value_of(struct pl_arena *a, const struct pl_sql_statement *s)
{
	struct pl_value *v = pl_map(a), *words = pl_list(a);

	pl_map_set(a, v, "sql", pl_textn(a, s->at, s->n));
	pl_map_set(a, v, "line", pl_int(a, s->line));
	pl_map_set(a, v, "column", pl_int(a, s->column));
	pl_map_set(a, v, "transaction", pl_bool(a, s->transaction));
	pl_map_set(a, v, "atomic", pl_bool(a, s->atomic));
	for (size_t i = 0; i < s->words_n; i++)
		pl_list_add(a, words, pl_text(a, s->words[i]));
	pl_map_set(a, v, "words", words);
	if (s->words_n) {
		pl_map_set(a, v, "word_line", pl_int(a, s->word_line));
		pl_map_set(a, v, "word_column", pl_int(a, s->word_column));
	}
	return v;
}

static void split(struct pl_call *call)
{
	struct pl_arena *a = call->arena;
	const struct pl_value *text = pl_arg(call, "text");
	struct pl_value *v = pl_map(a), *list = pl_list(a);
	struct pl_sql all;

	if (!pl_sql_split(&all, a, text->as.text.at, text->as.text.len, &call->err)) {
		pl_call_fail(call);
		return;
	}
	for (size_t i = 0; i < all.len; i++)
		pl_list_add(a, list, value_of(a, &all.at[i]));
	pl_map_set(a, v, "statements", list);
	pl_map_set(a, v, "bom", pl_bool(a, all.bom));
	pl_call_ok(call, v);
}

static const struct pl_option split_options[] = {
    {"text", PL_T_TEXT, true, NULL, "a file of SQL", NULL},
    {0},
};

const struct pl_row pl_sql_rows[] = {
    {
        .name = "sql.split",
        .class = PL_PURE,
        .summary = "The statements of a file of SQL, as PostgreSQL sees them",
        .options = split_options,
        .result =
            "{bom, statements=list of {sql, line, column, transaction (begins or "
            "ends one), atomic (may run inside of one), words (its first tokens, in "
            "upper case), word_line, word_column (of the first)}}",
        .start = split,
    },
    {0},
};
