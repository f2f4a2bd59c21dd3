#include "sql.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST_TEXT = 40 }; /* bytes of a constant that stands among the words */

enum kind { BLANK, COMMENT, NAME, QUOTED, TEXT, NUMBER, SYMBOL };

struct token {
	enum kind kind;
	size_t from, to;
};

struct lexer {
	const char *s;
	size_t n, at;
	struct pl_arena *arena;
	struct pl_sql *out;
	struct pl_err *err;

	/* the statement that is being read */
	size_t begin, end; /* without blanks around it; begin == end: nothing yet */
	size_t first; /* where its first word begins */
	unsigned parens;
	bool routine; /* CREATE FUNCTION or PROCEDURE */
	bool copy, copies;
	size_t body; /* where BEGIN ATOMIC stands, plus one; 0: not in a body */
	struct token last; /* no comment */
	const char *words[PL_SQL_WORDS];
	size_t words_n;
	struct pl_buf word; /* may still be continued: a, a.b */

	/* how far lines were counted */
	size_t seen;
	unsigned line, column;
};

/* ---- places --------------------------------------------------------------- */

static void count(
    const char *s, size_t from, size_t to, unsigned *line, unsigned *column)
{
	for (size_t i = from; i < to; i++) {
		if (s[i] == '\n') {
			++*line;
			*column = 1;
		} else if (((unsigned char)s[i] & 0xc0) != 0x80) {
			++*column;
		}
	}
}

static bool refuse(struct lexer *l, size_t at, const char *code, const char *what)
{
	unsigned line = 1, column = 1;

	count(l->s, l->out->bom ? 3 : 0, at, &line, &column);
	pl_fail(l->err, code, "line %u, column %u: %s", line, column, what);
	if (l->err) {
		l->err->line = line;
		l->err->column = column;
	}
	return false;
}

/* Only ever further on. */
static void place(struct lexer *l, size_t at, unsigned *line, unsigned *column)
{
	count(l->s, l->seen, at, &l->line, &l->column);
	l->seen = at;
	*line = l->line;
	*column = l->column;
}

/* ---- characters ----------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool starts_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	    (unsigned char)c >= 0x80;
}

static bool in_name(char c)
{
	return starts_name(c) || is_digit(c) || c == '$';
}

/* With what may stand right behind it: 1e5, 0x1f. A dollar begins a text. */
static bool in_number(char c)
{
	return starts_name(c) || is_digit(c) || c == '.';
}

static bool is_operator(char c)
{
	return c && strchr("+-*/<>=~!@#%^&|`?:", c);
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* The byte at i, NUL behind the end: NUL stands nowhere else. */
static char byte(const struct lexer *l, size_t i)
{
	return i < l->n ? l->s[i] : '\0';
}

static bool comment_at(const struct lexer *l, size_t i)
{
	return (byte(l, i) == '-' && byte(l, i + 1) == '-') ||
	    (byte(l, i) == '/' && byte(l, i + 1) == '*');
}

static bool is_word(const struct lexer *l, const struct token *t, const char *word)
{
	size_t n = strlen(word);

	if (t->kind != NAME || t->to - t->from != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (upper(l->s[t->from + i]) != word[i])
			return false;
	return true;
}

/* ---- tokens: each reads on from l->at ---------------------------------------- */

static void read_line_comment(struct lexer *l)
{
	while (l->at < l->n && l->s[l->at] != '\n' && l->s[l->at] != '\r')
		l->at++;
}

static bool read_comment(struct lexer *l)
{
	size_t from = l->at, depth = 0;

	do {
		if (l->at >= l->n)
			return refuse(l, from, "sql.comment",
			    "the comment that begins here is not ended: */ is missing");
		if (byte(l, l->at) == '/' && byte(l, l->at + 1) == '*') {
			depth++;
			l->at += 2;
		} else if (byte(l, l->at) == '*' && byte(l, l->at + 1) == '/') {
			depth--;
			l->at += 2;
		} else {
			l->at++;
		}
	} while (depth);
	return true;
}

/* Up to behind the closing quote; a doubled one is a part. */
static bool read_quoted(struct lexer *l, bool escapes)
{
	size_t from = l->at;
	char quote = l->s[l->at++];

	for (; l->at < l->n; l->at++) {
		if (escapes && l->s[l->at] == '\\') {
			l->at++;
		} else if (l->s[l->at] == quote) {
			l->at++;
			if (byte(l, l->at) != quote)
				return true;
		}
	}
	return refuse(l, from, "sql.quote",
	    quote == '"' ? "the name that begins here is not ended: \" is missing"
	                 : "the text that begins here is not ended: ' is missing");
}

/* E'a'<newline>'b\'': a constant goes on behind a newline, in the same way.
 * Blanks and -- comments may stand between; there must be a newline. */
static bool goes_on(struct lexer *l)
{
	size_t i = l->at;
	bool newline = false;

	for (; i < l->n; i++) {
		if (l->s[i] == '\n' || l->s[i] == '\r') {
			newline = true;
		} else if (l->s[i] == '-' && byte(l, i + 1) == '-') {
			while (
			    i + 1 < l->n && l->s[i + 1] != '\n' && l->s[i + 1] != '\r')
				i++;
		} else if (!is_blank(l->s[i])) {
			break;
		}
	}
	if (!newline || byte(l, i) != '\'')
		return false;
	l->at = i;
	return true;
}

static bool read_escaped(struct lexer *l)
{
	do {
		if (!read_quoted(l, true))
			return false;
	} while (goes_on(l));
	return true;
}

/* The length of $tag$ at l->at, or 0. */
static size_t dollar_tag(const struct lexer *l)
{
	size_t i = l->at + 1;

	if (starts_name(byte(l, i)))
		while (byte(l, i) != '$' && in_name(byte(l, i)))
			i++;
	return byte(l, i) == '$' ? i + 1 - l->at : 0;
}

/* A tag has no $ within: a comparison ends at the next one, and all of them
 * together pass over the text once. */
static bool read_dollar(struct lexer *l, size_t tag)
{
	const char *open = l->s + l->at, *end = l->s + l->n, *p = open + tag;

	while (p < end && (p = memchr(p, '$', (size_t)(end - p)))) {
		if ((size_t)(end - p) >= tag && memcmp(p, open, tag) == 0) {
			l->at = (size_t)(p - l->s) + tag;
			return true;
		}
		p++;
	}
	return refuse(l, l->at, "sql.dollar",
	    "the text that begins here is not ended: its $…$ does not come again");
}

static bool read_name(struct lexer *l, struct token *t)
{
	char first = upper(l->s[l->at]);

	while (l->at < l->n && in_name(l->s[l->at]))
		l->at++;
	if (l->at - t->from != 1)
		return true;
	if (first == 'E' && byte(l, l->at) == '\'') {
		t->kind = TEXT;
		return read_escaped(l);
	}
	if (first == 'U' && byte(l, l->at) == '&' &&
	    (byte(l, l->at + 1) == '\'' || byte(l, l->at + 1) == '"')) {
		l->at++;
		t->kind = l->s[l->at] == '"' ? QUOTED : TEXT;
		return read_quoted(l, false);
	}
	return true;
}

static bool read_symbol(struct lexer *l)
{
	char c = l->s[l->at++];

	if (is_operator(c))
		while (is_operator(byte(l, l->at)) && !comment_at(l, l->at))
			l->at++;
	return true;
}

static bool read_backslash(struct lexer *l)
{
	char what[160];
	size_t n = 1;

	while (n < 40 && byte(l, l->at + n) > ' ' && byte(l, l->at + n) < 0x7f)
		n++;
	snprintf(what, sizeof what,
	    "\"%.*s\" is a command of psql, which the server does not know", (int)n,
	    l->s + l->at);
	return refuse(l, l->at, "sql.psql", what);
}

static bool read_token(struct lexer *l, struct token *t)
{
	char c = l->s[l->at];
	size_t tag;

	*t = (struct token){SYMBOL, l->at, 0};
	if (is_blank(c)) {
		t->kind = BLANK;
		while (is_blank(byte(l, l->at)))
			l->at++;
	} else if (comment_at(l, l->at)) {
		t->kind = COMMENT;
		if (c == '/')
			return read_comment(l);
		read_line_comment(l);
	} else if (c == '\'' || c == '"') {
		t->kind = c == '"' ? QUOTED : TEXT;
		return read_quoted(l, false);
	} else if (c == '$' && (tag = dollar_tag(l)) > 0) {
		t->kind = TEXT;
		return read_dollar(l, tag);
	} else if (is_digit(c) || (c == '$' && is_digit(byte(l, l->at + 1)))) {
		t->kind = NUMBER;
		for (l->at++; in_number(byte(l, l->at));)
			l->at++;
	} else if (starts_name(c)) {
		t->kind = NAME;
		return read_name(l, t);
	} else if (c == '\\') {
		return read_backslash(l);
	} else {
		return read_symbol(l);
	}
	return true;
}

/* ---- words ---------------------------------------------------------------- */

static void keep_word(struct lexer *l)
{
	if (l->word.len && l->words_n < PL_SQL_WORDS)
		l->words[l->words_n++] =
		    pl_arena_text(l->arena, l->word.at, l->word.len);
	pl_buf_reset(&l->word);
}

static void add_word(struct lexer *l, const struct token *t)
{
	const char *at = l->s + t->from;
	size_t n = t->to - t->from;
	bool dot = t->kind == SYMBOL && *at == '.';
	bool named = l->last.kind == NAME || l->last.kind == QUOTED;
	bool dotted = l->word.len > 1 && l->word.at[l->word.len - 1] == '.';

	if (l->words_n == PL_SQL_WORDS)
		return;
	if (!(dot && named && l->word.len) && !(dotted && t->kind != TEXT))
		keep_word(l);
	if (t->kind == TEXT && n > LONGEST_TEXT)
		pl_buf_puts(&l->word, "'…'");
	else if (t->kind == NAME)
		for (size_t i = 0; i < n; i++)
			pl_buf_putc(&l->word, upper(at[i]));
	else
		pl_buf_add(&l->word, at, n);
}

/* ---- statements ------------------------------------------------------------- */

static void end_statement(struct lexer *l)
{
	struct pl_sql *out = l->out;
	struct pl_sql_statement *s;

	keep_word(l);
	if (l->begin < l->end) {
		if (out->len == out->cap) {
			struct pl_sql_statement *more;

			out->cap = out->cap ? out->cap * 2 : 16;
			more = pl_arena_alloc(l->arena, out->cap * sizeof *more);
			if (out->len)
				memcpy(more, out->at, out->len * sizeof *more);
			out->at = more;
		}
		s = &out->at[out->len++];
		*s = (struct pl_sql_statement){.at = l->s + l->begin,
		    .n = l->end - l->begin,
		    .copies = l->copies,
		    .words_n = l->words_n};
		place(l, l->begin, &s->line, &s->column);
		if (l->words_n)
			place(l, l->first, &s->word_line, &s->word_column);
		s->words =
		    pl_arena_alloc(l->arena, (l->words_n + 1) * sizeof *s->words);
		memcpy(s->words, l->words, l->words_n * sizeof *s->words);
		pl_sql_classify(s);
	}
	l->begin = l->end = l->at;
	l->parens = 0;
	l->routine = l->copy = l->copies = false;
	l->body = 0;
	l->last = (struct token){SYMBOL, l->at, l->at};
	l->words_n = 0;
}

/* CREATE [OR REPLACE] FUNCTION|PROCEDURE: told by the word that says so. */
static bool makes_routine(const struct lexer *l)
{
	size_t n = l->words_n;

	return (n == 1 && strcmp(l->words[0], "CREATE") == 0) ||
	    (n == 3 && strcmp(l->words[0], "CREATE") == 0 &&
	        strcmp(l->words[1], "OR") == 0 && strcmp(l->words[2], "REPLACE") == 0);
}

/* A body ends with an END behind ";", or at once: the END of a CASE never stands
 * there, nor does a name. */
static void follow_body(struct lexer *l, const struct token *t)
{
	bool after_semicolon = l->last.kind == SYMBOL && l->s[l->last.from] == ';' &&
	    l->last.to > l->last.from;

	if (l->body) {
		if (is_word(l, t, "END") &&
		    (after_semicolon || is_word(l, &l->last, "ATOMIC")))
			l->body = 0;
	} else if (l->routine && !l->parens && is_word(l, t, "ATOMIC") &&
	    is_word(l, &l->last, "BEGIN")) {
		l->body = l->last.from + 1;
	}
}

static bool follow_copy(struct lexer *l, const struct token *t)
{
	if (!l->copy || l->parens)
		return true;
	if (is_word(l, t, "STDIN") && is_word(l, &l->last, "FROM"))
		return refuse(l, l->first, "sql.copy",
		    "COPY … FROM STDIN needs data beside the SQL; use INSERT");
	if (is_word(l, t, "STDOUT") && is_word(l, &l->last, "TO"))
		l->copies = true;
	return true;
}

/* A token of the statement that is no comment. */
static bool take(struct lexer *l, const struct token *t)
{
	char c = l->s[t->from];

	if (!l->words_n && !l->word.len) {
		l->first = t->from;
		l->copy = is_word(l, t, "COPY");
	}
	if (t->kind == SYMBOL && c == '(')
		l->parens++;
	else if (t->kind == SYMBOL && c == ')' && l->parens)
		l->parens--;
	add_word(l, t);
	if ((is_word(l, t, "FUNCTION") || is_word(l, t, "PROCEDURE")) &&
	    makes_routine(l))
		l->routine = true;
	follow_body(l, t);
	if (!follow_copy(l, t))
		return false;
	l->last = *t;
	return true;
}

static bool read_all(struct lexer *l)
{
	struct token t;

	while (l->at < l->n) {
		if (!read_token(l, &t))
			return false;
		t.to = l->at;
		if (t.kind == BLANK)
			continue;
		if (t.kind == SYMBOL && l->s[t.from] == ';' && !l->parens && !l->body) {
			end_statement(l);
			continue;
		}
		if (l->begin == l->end)
			l->begin = t.from;
		l->end = t.to;
		if (t.kind != COMMENT && !take(l, &t))
			return false;
	}
	if (l->body)
		return refuse(l, l->body - 1, "sql.body",
		    "the body that begins here (BEGIN ATOMIC) is not ended: END is missing");
	end_statement(l);
	return true;
}

/* ---- the text --------------------------------------------------------------- */

static size_t length_of(unsigned char lead)
{
	return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

static bool check_text(struct lexer *l)
{
	const char *nul = l->n ? memchr(l->s, 0, l->n) : NULL;
	size_t i = 0;

	if (!pl_utf8_valid(l->s, l->n)) {
		while (i < l->n) {
			size_t n = length_of((unsigned char)l->s[i]);

			if (n > l->n - i || !pl_utf8_valid(l->s + i, n))
				break;
			i += n;
		}
		if (!nul || (size_t)(nul - l->s) > i)
			return refuse(l, i, "sql.utf8", "this is not UTF-8");
	}
	if (nul)
		return refuse(l, (size_t)(nul - l->s), "sql.nul",
		    "there is a NUL byte, which no SQL can hold");
	return true;
}

bool pl_sql_split(struct pl_sql *out, struct pl_arena *a, const char *text, size_t n,
    struct pl_err *err)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct lexer l = {.s = text,
	    .n = n,
	    .arena = a,
	    .out = out,
	    .err = err,
	    .line = 1,
	    .column = 1};
	bool ok;

	*out = (struct pl_sql){.bom = n >= 3 && memcmp(text, bom, 3) == 0};
	if (out->bom)
		l.at = l.seen = l.begin = l.end = 3;
	ok = check_text(&l) && read_all(&l);
	pl_buf_fini(&l.word);
	if (!ok)
		*out = (struct pl_sql){0};
	return ok;
}
