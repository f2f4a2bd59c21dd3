/* What there is to say of each primitive, for people and for programs. */
#include <string.h>

#include "inner.h"

/* A name in its column, and what belongs to it, which a provider may have written. */
static void put(struct pl_buf *out, const char *name, const char *text)
{
	pl_buf_printf(out, "  %-16s ", name);
	pl_printable(out, text, strlen(text), false);
	pl_buf_puts(out, "\n");
}

static void put_option(struct pl_buf *out, const struct pl_option *o)
{
	struct pl_buf types = {0};
	pl_rows_type_names(&types, o->types);
	pl_buf_printf(out, "  %-16s %s%s%s%s%s%s\n", o->name, types.at ? types.at : "",
	    o->choices ? ": " : "", o->choices ? o->choices : "",
	    o->required ? ", required" : "", o->fallback ? ", default " : "",
	    o->fallback ? o->fallback : "");
	if (o->help) {
		pl_buf_reset(&types);
		pl_buf_printf(&types, "  %s", o->help);
		put(out, "", types.at);
	}
	pl_buf_fini(&types);
}

static bool predicts(const struct pl_entry *e)
{
	return e->row ? e->row->predict != NULL : e->predict != 0;
}

static bool probes(const struct pl_entry *e)
{
	return e->row ? e->row->probe != NULL : e->probe != 0;
}

/* What becomes of a write in a dry-run, and when its answer is lost. */
static void put_promises(struct pl_buf *out, const struct pl_entry *e)
{
	const char *looks = pl_get_text(e->about, "looks", NULL);
	const char *never = pl_get_text(e->about, "no_probe", NULL);
	put(out, "dry-run",
	    predicts(e)   ? "predicted, later reads see it"
	        : e->open ? "say predict or example at the call"
	                  : "cannot be predicted");
	put(out, "after a crash",
	    probes(e)     ? "looks whether it happened"
	        : e->open ? "say probe at the call, or a person is asked"
	                  : "a person is asked");
	if (looks)
		put(out, "", looks);
	if (never && !probes(e))
		put(out, "", never);
}

/* Text, or a list of texts, each on its line. */
static void put_texts(struct pl_buf *out, const char *name, const struct pl_value *v)
{
	if (v && v->kind == PL_LIST)
		for (uint32_t i = 0; i < v->as.list.len; i++)
			put(out, i ? "" : name, pl_text_of(v->as.list.at[i], ""));
	else if (v)
		put(out, name, pl_text_of(v, ""));
}

/* WORD -> {phase, what it means}, or code -> what it means. */
static void put_table(struct pl_buf *out, const char *name, const struct pl_value *v)
{
	for (uint32_t i = 0; v && v->kind == PL_MAP && i < v->as.map.len; i++) {
		const struct pl_pair *p = &v->as.map.at[i];
		const struct pl_value *list = p->value;
		struct pl_buf line = {0};
		if (list->kind == PL_LIST && list->as.list.len == 2)
			pl_buf_printf(&line, "%-28s %-8s %s", p->key,
			    pl_text_of(list->as.list.at[0], ""),
			    pl_text_of(list->as.list.at[1], ""));
		else
			pl_buf_printf(&line, "%-28s %s", p->key, pl_text_of(list, ""));
		put(out, i ? "" : name, line.at);
		pl_buf_fini(&line);
	}
}

static void describe(struct pl_buf *out, const struct pl_entry *e)
{
	const struct pl_value *about = e->about;
	pl_buf_printf(out, "%s  (%s)\n  %s\n", e->name, pl_class_name(e->class),
	    e->summary ? e->summary : "");
	for (size_t i = 0; i < e->options_n; i++)
		put_option(out, &e->options[i]);
	if (e->result)
		put(out, "gives", e->result);
	put_texts(out, "request", pl_get(about, "request"));
	put_texts(out, "permission", pl_get(about, "permission"));
	put_table(out, "states", pl_get(about, "states"));
	put_table(out, "errors", pl_get(about, "errors"));
	put_texts(out, "retries", pl_get(about, "retries"));
	if (e->class > PL_READ)
		put_promises(out, e);
}

static bool is_of_module(const struct pl_entry *e, const char *name)
{
	size_t n = strlen(name);
	return strncmp(e->name, name, n) == 0 && e->name[n] == '.';
}

bool pl_session_help(
    struct pl_session *s, const char *name, struct pl_buf *out, struct pl_err *err)
{
	const char **names = pl_arena_alloc(&s->arena, (s->rows_n + 1) * sizeof *names);
	size_t n = 0, shown = 0;
	for (size_t i = 0; i < s->rows_n; i++) {
		const struct pl_entry *e = s->rows[i];
		if (e->hidden)
			continue;
		names[n++] = e->name;
		if (name && strcmp(e->name, name) == 0)
			describe(out, e);
		else if (!name || is_of_module(e, name))
			pl_buf_printf(out, "  %-28s %-12s %s\n", e->name,
			    pl_class_name(e->class), e->summary ? e->summary : "");
		else
			continue;
		shown++;
	}
	if (shown)
		return true;
	const char *near = pl_nearest(name, names, n);
	return pl_fail(err, "help.missing",
	    "there is no primitive or module \"%s\"%s%s%s", name,
	    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* ---- for programs ------------------------------------------------------------------ */

static struct pl_value *option_value(struct pl_arena *a, const struct pl_option *o)
{
	struct pl_err err;
	struct pl_buf types = {0};
	struct pl_value *v = pl_map(a), *fallback;
	pl_rows_type_names(&types, o->types);
	pl_map_set(a, v, "name", pl_text(a, o->name));
	pl_map_set(a, v, "type", pl_text(a, types.at ? types.at : ""));
	pl_map_set(a, v, "required", pl_bool(a, o->required));
	if (o->fallback &&
	    pl_json_parse(&fallback, a, o->fallback, strlen(o->fallback), &err))
		pl_map_set(a, v, "default", fallback);
	if (o->choices)
		pl_map_set(a, v, "choices", pl_text(a, o->choices));
	if (o->help)
		pl_map_set(a, v, "help", pl_text(a, o->help));
	pl_buf_fini(&types);
	return v;
}

static struct pl_value *entry_value(struct pl_arena *a, const struct pl_entry *e)
{
	struct pl_value *v = pl_map(a), *options = pl_list(a);
	pl_map_set(a, v, "name", pl_text(a, e->name));
	pl_map_set(a, v, "class", pl_text(a, pl_class_name(e->class)));
	pl_map_set(a, v, "summary", pl_text(a, e->summary ? e->summary : ""));
	for (size_t i = 0; i < e->options_n; i++)
		pl_list_add(a, options, option_value(a, &e->options[i]));
	pl_map_set(a, v, "options", options);
	if (e->result)
		pl_map_set(a, v, "result", pl_text(a, e->result));
	pl_map_set(a, v, "provider", pl_bool(a, e->row == NULL && e->act != 0));
	if (e->class > PL_READ) {
		pl_map_set(a, v, "predicts", pl_bool(a, predicts(e)));
		pl_map_set(a, v, "probes", pl_bool(a, probes(e)));
	}
	for (uint32_t i = 0; e->about && i < e->about->as.map.len; i++)
		pl_map_set(a, v, e->about->as.map.at[i].key,
		    pl_copy(a, e->about->as.map.at[i].value));
	return v;
}

struct pl_value *pl_session_primitives(
    struct pl_session *s, const char *name, struct pl_arena *a)
{
	struct pl_value *list = pl_list(a);
	for (size_t i = 0; i < s->rows_n; i++) {
		const struct pl_entry *e = s->rows[i];
		if (!e->hidden &&
		    (!name || strcmp(e->name, name) == 0 || is_of_module(e, name)))
			pl_list_add(a, list, entry_value(a, e));
	}
	return list;
}
