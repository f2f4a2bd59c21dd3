/* The command that comes next, as a person can copy it. */
#include <string.h>

#include "cli.h"

/* A word as a shell takes it: quoted where it has to be. */
static void add_word(struct pl_buf *out, const char *word)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_-./:=@,+";
	pl_buf_putc(out, ' ');
	if (*word && word[strspn(word, plain)] == 0) {
		pl_buf_puts(out, word);
		return;
	}
	pl_buf_putc(out, '\'');
	for (; *word; word++)
		pl_buf_puts(out, *word == '\'' ? "'\\''" : (char[]){*word, 0});
	pl_buf_putc(out, '\'');
}

/* Runs that are kept elsewhere than where everybody looks. */
static void add_state(struct pl_cli *c, struct pl_buf *out)
{
	const char *state = pl_flag_text(c, "state");
	if (state)
		add_word(out, pl_arena_printf(&c->arena, "--state=%s", state));
}

static const char *finish(struct pl_cli *c, struct pl_buf *out)
{
	const char *text = pl_arena_text(&c->arena, out->at, out->len);
	pl_buf_fini(out);
	return text;
}

static void add_parameter(struct pl_cli *c, struct pl_buf *out, const struct pl_pair *p)
{
	struct pl_buf value = {0};
	if (p->value->kind == PL_TEXT)
		pl_buf_puts(&value, p->value->as.text.at);
	else
		pl_json_canonical(&value, p->value, NULL);
	add_word(
	    out, pl_arena_printf(&c->arena, "%s=%s", p->key, value.at ? value.at : ""));
	pl_buf_fini(&value);
}

const char *pl_next_run(struct pl_cli *c, const char *file,
    const struct pl_value *given, const char *repository, const char *sim, bool dry_run)
{
	struct pl_buf out = {0};
	pl_buf_puts(&out, "pipe run");
	add_word(&out, file);
	for (uint32_t i = 0; given && i < given->as.map.len; i++)
		add_parameter(c, &out, &given->as.map.at[i]);
	if (repository)
		add_word(&out, pl_arena_printf(&c->arena, "--repo=%s", repository));
	if (sim)
		add_word(
		    &out, *sim ? pl_arena_printf(&c->arena, "--sim=%s", sim) : "--sim");
	add_state(c, &out);
	if (dry_run)
		add_word(&out, "--dry-run");
	return finish(c, &out);
}

const char *pl_next_for(
    struct pl_cli *c, const char *verb, const char *run, const char *confirm)
{
	struct pl_buf out = {0};
	pl_buf_printf(&out, "pipe %s %s", verb, run);
	add_state(c, &out);
	if (confirm)
		add_word(&out, pl_arena_printf(&c->arena, "--confirm=%s", confirm));
	return finish(c, &out);
}

bool pl_is_mistake(const char *code)
{
	static const char *const codes[] = {"script.", "option.", "effect.ceiling",
	    "effect.observing", "effect.name", "again.", "limit."};
	for (size_t i = 0; i < PL_COUNT(codes); i++)
		if (strncmp(code, codes[i], strlen(codes[i])) == 0)
			return true;
	return false;
}

bool pl_begins_anew(const char *code, bool refused)
{
	/* What was refused stays refused: the steps before it are not looked at
	 * again. A mistake stays one: a run keeps the script that it began with. */
	return refused || pl_is_mistake(code);
}
