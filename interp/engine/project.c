#include "project.h"
#include "project_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEMS 100

struct pl_project {
	struct pl_arena arena;
	const char *file;
	bool present; /* there is a file */
	struct pl_value *value;
};

struct checker {
	struct pl_project *project;
	struct pl_arena *arena;
	const struct pl_value *document;
	struct pl_err *problems;
	size_t problems_n;
	char path[200]; /* "environments.staging.branch" */
};

/* ---- problems ----------------------------------------------------------- */

PL_PRINTF(5, 6)
static void report(struct checker *c, uint32_t line, uint32_t column, const char *code,
    const char *fmt, ...)
{
	if (c->problems_n == PROBLEMS)
		return;
	char what[1000];
	va_list args;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (!c->problems)
		c->problems = pl_alloc(PROBLEMS * sizeof(*c->problems));
	struct pl_err *p = &c->problems[c->problems_n++];
	pl_fail(p, code, "%s%s%s", c->path, c->path[0] ? ": " : "", what);
	snprintf(p->file, sizeof(p->file), "%s", c->project->file);
	p->line = line;
	p->column = column;
}

/* Goes down one key; gives what leave() takes. Too long a path is cut. */
static size_t enter(struct checker *c, const char *key, size_t n)
{
	size_t before = strlen(c->path);
	struct pl_buf shown = {0};
	pl_printable(&shown, key, n < 64 ? n : 64, false);
	snprintf(c->path + before, sizeof(c->path) - before, "%s%s", before ? "." : "",
	    shown.at ? shown.at : "");
	pl_buf_fini(&shown);
	return before;
}

static void leave(struct checker *c, size_t before)
{
	c->path[before] = '\0';
}

/* What it is first, what it should be last: a suggestion may follow that. */
static void expected(struct checker *c, const struct pl_value *v, const char *code,
    const struct shape *shape, const char *what)
{
	struct pl_buf got = {0};
	if (v->kind != PL_TEXT) {
		pl_buf_printf(&got, "got a %s, ", pl_kind_name(v->kind));
	} else if (!shape->hidden) {
		pl_buf_puts(&got, "got \"");
		pl_printable(&got, v->as.text.at,
		    v->as.text.len < 120 ? v->as.text.len : 120, false);
		pl_buf_puts(&got, "\", ");
	}
	bool quote = shape->type == WORD && v->kind > PL_NULL && v->kind < PL_TEXT;
	report(c, v->line, v->column, code, "%sexpected %s%s", got.at ? got.at : "",
	    what, quote ? ": put it between quotes" : "");
	pl_buf_fini(&got);
}

/* ---- checking ----------------------------------------------------------- */

static struct pl_value *check(
    struct checker *c, const struct shape *shape, const struct pl_value *v);

static struct pl_value *check_word(
    struct checker *c, const struct shape *shape, const struct pl_value *v)
{
	struct pl_buf why = {0};
	struct pl_value *out = NULL;
	if (v->kind != PL_TEXT) {
		expected(c, v, "project.type", shape, "text");
	} else if (strlen(v->as.text.at) != v->as.text.len) {
		expected(c, v, "project.value", shape, "text without NUL bytes");
	} else if (!pl_word_check(shape->word, v->as.text.at, &why)) {
		expected(c, v, "project.value", shape, why.at);
	} else {
		size_t n = v->as.text.len;
		while (shape->word == PL_W_URL && v->as.text.at[n - 1] == '/')
			n--;
		out = pl_textn(c->arena, v->as.text.at, n);
	}
	pl_buf_fini(&why);
	return out;
}

static struct pl_value *check_duration(
    struct checker *c, const struct shape *shape, const struct pl_value *v)
{
	int64_t ms;
	static const char what[] = "a duration with its unit, such as 30s or 10m";
	if (v->kind != PL_TEXT) {
		expected(c, v, "project.type", shape, what);
		return NULL;
	}
	if (strlen(v->as.text.at) != v->as.text.len ||
	    !pl_duration_parse(&ms, v->as.text.at, NULL)) {
		expected(c, v, "project.value", shape, what);
		return NULL;
	}
	if (shape->type == PERIOD && ms <= 0) {
		expected(
		    c, v, "project.value", shape, "a duration longer than nothing");
		return NULL;
	}
	return pl_int(c->arena, ms);
}

static struct pl_value *check_list(
    struct checker *c, const struct shape *shape, const struct pl_value *v)
{
	struct pl_value *out = pl_list(c->arena);
	for (uint32_t i = 0; i < v->as.list.len; i++) {
		char number[16];
		int n = snprintf(number, sizeof(number), "%u", i + 1);
		size_t before = enter(c, number, (size_t)n);
		struct pl_value *member = check(c, shape->member, v->as.list.at[i]);
		leave(c, before);
		if (member)
			pl_list_add(c->arena, out, member);
	}
	return out;
}

static struct pl_value *check_table(
    struct checker *c, const struct shape *shape, const struct pl_value *v)
{
	struct pl_value *out = pl_map(c->arena);
	for (uint32_t i = 0; i < v->as.map.len; i++) {
		const struct pl_pair *pair = &v->as.map.at[i];
		struct pl_buf why = {0};
		size_t before = enter(c, pair->key, pair->key_len);
		struct pl_value *member = NULL;
		if (shape->member->type != ANY &&
		    (strlen(pair->key) != pair->key_len ||
		        !pl_word_check(PL_W_NAME, pair->key, &why)))
			report(c, pair->line, pair->column, "project.value",
			    "expected %s",
			    why.at ? why.at : "a name without NUL bytes");
		else
			member = check(c, shape->member, pair->value);
		pl_buf_fini(&why);
		leave(c, before);
		if (member)
			pl_map_setn(c->arena, out, pair->key, pair->key_len, member);
	}
	return out;
}

static const struct field *find_field(
    const struct shape *shape, const struct pl_pair *pair)
{
	for (const struct field *f = shape->fields; f->name; f++)
		if (strlen(f->name) == pair->key_len &&
		    memcmp(f->name, pair->key, pair->key_len) == 0)
			return f;
	return NULL;
}

static void report_unknown(
    struct checker *c, const struct shape *shape, const struct pl_pair *pair)
{
	const char *words[32];
	size_t n = 0;
	struct pl_buf shown = {0}, all = {0};
	for (const struct field *f = shape->fields; f->name; f++) {
		words[n++] = f->name;
		pl_buf_printf(&all, "%s%s", n > 1 ? ", " : "", f->name);
	}
	pl_printable(&shown, pair->key, pair->key_len < 80 ? pair->key_len : 80, false);
	const char *nearest = pl_nearest(pair->key, words, n);
	if (nearest)
		report(c, pair->line, pair->column, "project.unknown",
		    "unknown key \"%s\", did you mean \"%s\"?",
		    shown.at ? shown.at : "", nearest);
	else
		report(c, pair->line, pair->column, "project.unknown",
		    "unknown key \"%s\": expected one of %s", shown.at ? shown.at : "",
		    all.at);
	pl_buf_fini(&shown);
	pl_buf_fini(&all);
}

static struct pl_value *fallback_of(struct checker *c, const struct field *f)
{
	struct pl_value *v = NULL;
	if (!f->fallback ||
	    !pl_json_parse(&v, c->arena, f->fallback, strlen(f->fallback), NULL))
		return NULL;
	v->line = v->column = 0;
	/* A section that is left out has the defaults of its keys. */
	return v->kind == PL_MAP ? check(c, f->shape, v) : v;
}

static struct pl_value *check_map(
    struct checker *c, const struct shape *shape, const struct pl_value *v)
{
	struct pl_value *out = pl_map(c->arena);
	for (uint32_t i = 0; i < v->as.map.len; i++)
		if (!find_field(shape, &v->as.map.at[i]))
			report_unknown(c, shape, &v->as.map.at[i]);
	for (const struct field *f = shape->fields; f->name; f++) {
		const struct pl_value *given = pl_get(v, f->name);
		struct pl_value *member = NULL;
		size_t before = enter(c, f->name, strlen(f->name));
		if (!pl_is_null(given))
			member = check(c, f->shape, given);
		else if (f->required)
			report(c, given ? given->line : v->line,
			    given ? given->column : v->column, "project.missing",
			    "this is required");
		else
			member = fallback_of(c, f);
		leave(c, before);
		if (member)
			pl_map_set(c->arena, out, f->name, member);
	}
	return out;
}

/* What the type alone settles: a kind of value and how to call it. */
static const struct {
	enum pl_kind kind;
	const char *what;
} kinds[] = {
    [FLAG] = {PL_BOOL, "true or false"},
    [WHOLE] = {PL_INT, "a whole number"},
    [LIST] = {PL_LIST, "a list"},
    [TABLE] = {PL_MAP, "names with their values"},
    [MAP] = {PL_MAP, "keys and values"},
};

static struct pl_value *check_kind(
    struct checker *c, const struct shape *shape, const struct pl_value *v)
{
	if (v->kind != kinds[shape->type].kind) {
		expected(c, v, "project.type", shape,
		    shape->instead ? shape->instead : kinds[shape->type].what);
		return NULL;
	}
	switch (shape->type) {
	case LIST:
		return check_list(c, shape, v);
	case TABLE:
		return check_table(c, shape, v);
	case MAP:
		return check_map(c, shape, v);
	default:
		return pl_copy(c->arena, v);
	}
}

/* Puts `; did you mean "x"?`, or what there is, behind a message. */
static void suggest(struct pl_buf *b, const char *word, const struct pl_value *map)
{
	const char *words[64] = {0};
	size_t n = 0;
	if (map && map->kind == PL_MAP)
		for (; n < map->as.map.len && n < PL_COUNT(words); n++)
			words[n] = map->as.map.at[n].key;
	const char *nearest = pl_nearest(word, words, n);
	if (nearest)
		pl_buf_printf(b, "; did you mean \"%s\"?", nearest);
	else if (n)
		pl_buf_puts(b, "; there are: ");
	for (size_t i = 0; i < n && !nearest; i++)
		pl_buf_printf(b, "%s%s", i ? ", " : "", words[i]);
}

/* Against the keys as written: one that is defined badly was reported there. */
static void check_reference(struct checker *c, const struct pl_value *v)
{
	const struct pl_value *defined = pl_get(c->document, "credentials");
	if (pl_get(defined, v->as.text.at))
		return;
	struct pl_buf more = {0};
	suggest(&more, v->as.text.at, defined);
	report(c, v->line, v->column, "project.reference",
	    "\"%s\" is not defined under credentials%s", v->as.text.at,
	    more.at ? more.at : "");
	pl_buf_fini(&more);
}

/* "project/config/NAME", or NAME with project and config beside it. */
static void check_doppler(struct checker *c, const struct pl_value *v)
{
	const struct pl_value *given = pl_get(v, "doppler");
	const struct pl_value *own = pl_at(c->document, "credentials.doppler");
	const char *text = pl_text_of(given, NULL);
	int slashes = 0;
	bool beside =
	    !pl_is_null(pl_get(v, "project")) || !pl_is_null(pl_get(v, "config"));
	bool both =
	    !pl_is_null(pl_get(v, "project")) && !pl_is_null(pl_get(v, "config"));
	for (const char *p = text; p && *p; p++)
		slashes += *p == '/';
	if (!text && beside)
		report(c, v->line, v->column, "project.value",
		    "project and config belong to a credential from Doppler: doppler is "
		    "missing");
	if (!text)
		return;
	const char *name = strrchr(text, '/') ? strrchr(text, '/') + 1 : text;
	bool whole = slashes == 2 && text[0] != '/' && !strstr(text, "//") && !beside;
	if (!(whole || (slashes == 0 && both)) || !*name ||
	    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != strlen(name) ||
	    (*name >= '0' && *name <= '9'))
		report(c, given->line, given->column, "project.value",
		    "expected \"project/config/NAME\", or NAME with project and config beside "
		    "it, the name as Doppler has it: capital letters, digits, \"_\"");
	if (own == v)
		report(c, given->line, given->column, "project.value",
		    "Doppler is asked with this credential, so that it cannot come from there "
		    "itself");
	else if (pl_is_null(own))
		report(c, given->line, given->column, "project.reference",
		    "Doppler is asked with the credential \"doppler\", which is not defined "
		    "under credentials");
}

static void check_sources(struct checker *c, const struct pl_value *v)
{
	static const char *const sources[] = {"env", "file", "command", "doppler"};
	size_t n = 0;
	for (size_t i = 0; i < PL_COUNT(sources); i++)
		n += !pl_is_null(pl_get(v, sources[i]));
	if (n != 1)
		report(c, v->line, v->column, n ? "project.value" : "project.missing",
		    "expected exactly one of env, file, command and doppler, got %zu",
		    n);
	check_doppler(c, v);
}

static void check_rule(struct checker *c, enum rule rule, const struct pl_value *v)
{
	switch (rule) {
	case NO_RULE:
		break;
	case NOT_EMPTY:
		if (v->as.list.len == 0)
			report(c, v->line, v->column, "project.value",
			    "the list is empty");
		break;
	case POSITIVE:
		if (v->as.whole <= 0)
			report(c, v->line, v->column, "project.value",
			    "expected a number above 0, got %lld",
			    (long long)v->as.whole);
		break;
	case ONE_SOURCE:
		check_sources(c, v);
		break;
	case DEFINED:
		check_reference(c, v);
		break;
	case THIS_FORMAT:
		if (v->as.whole != 1)
			report(c, v->line, v->column, "project.format",
			    "this is format %lld, and this version of pipe reads "
			    "format 1",
			    (long long)v->as.whole);
		break;
	}
}

static struct pl_value *check(
    struct checker *c, const struct shape *shape, const struct pl_value *v)
{
	struct pl_value *out = NULL;
	/* "staging:" with nothing below it is a section without keys. */
	struct pl_value empty = {.kind = PL_MAP, .line = v->line, .column = v->column};
	if (v->kind == PL_NULL && shape->type == MAP)
		v = &empty;
	if (shape->type == ANY)
		out = pl_copy(c->arena, v);
	else if (shape->type == WORD)
		out = check_word(c, shape, v);
	else if (shape->type == DURATION || shape->type == PERIOD)
		out = check_duration(c, shape, v);
	else
		out = check_kind(c, shape, v);
	if (!out)
		return NULL;
	out->line = v->line;
	out->column = v->column;
	check_rule(c, shape->rule, v);
	return out;
}

/* ---- the whole ---------------------------------------------------------- */

static void sort_problems(struct checker *c)
{
	for (size_t i = 1; i < c->problems_n; i++) {
		struct pl_err moved = c->problems[i];
		size_t k = i;
		for (; k > 0 &&
		     (c->problems[k - 1].line > moved.line ||
		         (c->problems[k - 1].line == moved.line &&
		             c->problems[k - 1].column > moved.column));
		     k--)
			c->problems[k] = c->problems[k - 1];
		c->problems[k] = moved;
	}
}

/* Each environment also says what it is called, so that it can be handed on. */
static void add_names(struct pl_arena *a, const struct pl_value *table)
{
	if (!table)
		return;
	for (uint32_t i = 0; i < table->as.map.len; i++) {
		struct pl_pair *pair = &table->as.map.at[i];
		struct pl_value *named = pl_map(a);
		named->line = pair->value->line;
		named->column = pair->value->column;
		pl_map_set(a, named, "name", pl_textn(a, pair->key, pair->key_len));
		for (uint32_t k = 0; k < pair->value->as.map.len; k++) {
			const struct pl_pair *field = &pair->value->as.map.at[k];
			pl_map_set(a, named, field->key, field->value);
		}
		pair->value = named;
	}
}

/* What reading one from Doppler needs besides itself: the parts of its name, where
 * Doppler is, and the source of the credential to ask with. */
static void complete_doppler(struct pl_arena *a, const struct pl_value *project)
{
	const struct pl_value *all = pl_get(project, "credentials");
	for (uint32_t i = 0; all && i < all->as.map.len; i++) {
		struct pl_value *v = all->as.map.at[i].value;
		const char *text = pl_get_text(v, "doppler", NULL);
		if (!text)
			continue;
		const char *config = strchr(text, '/');
		const char *name = config ? strrchr(text, '/') + 1 : NULL;
		if (config) {
			pl_map_set(a, v, "project",
			    pl_textn(a, text, (size_t)(config - text)));
			pl_map_set(a, v, "config",
			    pl_textn(a, config + 1, (size_t)(name - config) - 2));
			pl_map_set(a, v, "doppler", pl_text(a, name));
		}
		pl_map_set(a, v, "url",
		    pl_text(a,
		        pl_get_text(pl_at(project, "providers.doppler"), "url",
		            "https://api.doppler.com")));
		pl_map_set(a, v, "token", pl_get(all, "doppler"));
	}
}

static struct pl_value *check_document(struct checker *c)
{
	struct pl_value *out;
	if (c->project->present) {
		out = check(c, &pl_project_shape, c->document);
	} else {
		/* Without a file nothing is required. */
		out = pl_map(c->arena);
		for (const struct field *f = pl_project_shape.fields; f->name; f++) {
			struct pl_value *v = fallback_of(c, f);
			if (v)
				pl_map_set(c->arena, out, f->name, v);
		}
	}
	if (out && c->problems_n == 0)
		complete_doppler(c->arena, out);
	if (out)
		add_names(c->arena, pl_get(out, "environments"));
	return out;
}

struct pl_project *pl_project_new(const struct pl_value *document,
    const char *file_name, void (*problem)(void *arg, const struct pl_err *err),
    void *arg, struct pl_err *err)
{
	struct pl_project *p = pl_alloc(sizeof(*p));
	struct checker c = {.project = p, .arena = &p->arena, .document = document};
	p->file = pl_arena_printf(&p->arena, "%s", file_name ? file_name : "pipe.yaml");
	p->present = !pl_is_null(document);
	p->value = check_document(&c);
	if (c.problems_n == 0)
		return p;
	sort_problems(&c);
	if (err)
		*err = c.problems[0];
	for (size_t i = 0; problem && i < c.problems_n; i++)
		problem(arg, &c.problems[i]);
	free(c.problems);
	pl_project_free(p);
	return NULL;
}

void pl_project_free(struct pl_project *p)
{
	if (!p)
		return;
	pl_arena_fini(&p->arena);
	free(p);
}

const struct pl_value *pl_project_value(const struct pl_project *p)
{
	return p->value;
}

const char *pl_project_file(const struct pl_project *p)
{
	return p->file;
}

/* No such name in a table of the file: err says what there is instead. */
static bool fail_missing(const struct pl_project *p, const char *code, const char *what,
    const char *name, const char *section, struct pl_err *err)
{
	struct pl_buf more = {0};
	suggest(&more, name, pl_get(p->value, section));
	if (p->present)
		pl_fail(err, code, "no %s \"%s\" in %s%s", what, name, p->file,
		    more.at ? more.at : ", which has none");
	else
		pl_fail(err, code, "no %s \"%s\": there is no %s", what, name, p->file);
	pl_buf_fini(&more);
	return false;
}

const struct pl_value *pl_project_environment(
    const struct pl_project *p, const char *name, struct pl_err *err)
{
	const struct pl_value *v = pl_get(pl_get(p->value, "environments"), name);
	if (!v)
		fail_missing(
		    p, "project.environment", "environment", name, "environments", err);
	return v;
}

const struct pl_value *pl_project_credential(const struct pl_project *p,
    const char *environment_name, const char *name, struct pl_err *err)
{
	const struct pl_value *own = NULL;
	if (environment_name) {
		own = pl_project_environment(p, environment_name, err);
		if (!own)
			return NULL;
	}
	const char *used = pl_get_text(pl_get(own, "credentials"), name, name);
	const struct pl_value *v = pl_get(pl_get(p->value, "credentials"), used);
	if (!v)
		fail_missing(
		    p, "secret.missing", "credential", used, "credentials", err);
	return v;
}
