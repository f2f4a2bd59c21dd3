/*
 * sql: a file of SQL cut into the statements that a server takes one at a time,
 * as PostgreSQL's own lexer sees them (standard_conforming_strings on), and as
 * `supabase db push` records them: blanks around a statement and the ";" behind it
 * are dropped, as are empty statements; comments stay with the statement that
 * follows them, and those at the end make one of their own. Line ends stay as
 * they are. Linear in the length of the text; nothing recurses.
 *
 * What splits: ";" outside of quotes ('…' with '', E'…' with \', "…", $tag$…$tag$),
 * of comments (-- and nested), of parentheses (CREATE RULE … DO (a; b)) and of the
 * body of a routine (BEGIN ATOMIC … END).
 *
 * What a server would not take from us is refused: COPY … FROM STDIN, psql's
 * backslash commands, NUL bytes, text that is not UTF-8, and what is not ended.
 */
#ifndef PL_SQL_H
#define PL_SQL_H

#include "../base/base.h"

enum { PL_SQL_WORDS = 32 }; /* kept of each statement */

struct pl_sql_statement {
	const char *at; /* in the text that was given */
	size_t n;
	unsigned line, column; /* where it begins; from 1, in characters */
	unsigned word_line, word_column; /* of its first word; 0: only comments */
	bool transaction; /* BEGIN, COMMIT, SAVEPOINT …: begins or ends transactions */
	bool atomic; /* false: cannot run inside of a transaction */
	bool copies; /* COPY … TO STDOUT: an answer of another kind */
	/* Its first tokens, comments left out: bare names in upper case (ASCII), quoted
	 * ones and numbers as they stand, names with their dots as one ("PUBLIC.T"),
	 * operators and punctuation, '…' for any text that is longer than 40 bytes. */
	const char **words; /* `words_n` of them, then NULL */
	size_t words_n;
};

struct pl_sql {
	bool bom; /* the text began with U+FEFF, which belongs to no statement */
	struct pl_sql_statement *at;
	size_t len, cap; /* `at` is the arena's */
};

/* Codes, all with line and column: sql.utf8, sql.nul, sql.quote, sql.dollar,
 * sql.comment, sql.body (what is not ended: where it began), sql.copy, sql.psql. */
bool pl_sql_split(struct pl_sql *out, struct pl_arena *a, const char *text, size_t n,
    struct pl_err *err);

/* Whether the first words of the statement are these: "CREATE", "INDEX". */
#define pl_sql_begins(s, ...) \
	pl_sql_begins_with(s, (const char *const[]){__VA_ARGS__}, \
	    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))
bool pl_sql_begins_with(
    const struct pl_sql_statement *s, const char *const *words, size_t n);

/* Fills transaction and atomic from the words. */
void pl_sql_classify(struct pl_sql_statement *s);

#endif
