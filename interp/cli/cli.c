/* From argv to a command. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

extern const struct pl_command pl_command_run, pl_command_resume, pl_command_approve,
    pl_command_reject, pl_command_decide, pl_command_runs, pl_command_show,
    pl_command_log, pl_command_audit, pl_command_sim, pl_command_help,
    pl_command_version;

const struct pl_command *const pl_commands[] = {&pl_command_run, &pl_command_resume,
    &pl_command_approve, &pl_command_reject, &pl_command_decide, &pl_command_runs,
    &pl_command_show, &pl_command_log, &pl_command_audit, &pl_command_sim,
    &pl_command_help, &pl_command_version, NULL};

const struct pl_flag pl_common_flags[] = {
    {"state", 0, PL_FLAG_VALUE, "DIR", "where runs are kept (PIPE_STATE; else .pipe)"},
    {"json", 0, PL_FLAG, NULL, "one JSON document on standard output"},
    {"quiet", 'q', PL_FLAG, NULL, "no progress on standard error"},
    {"verbose", 'v', PL_FLAG, NULL, "more of it"},
    {"no-color", 0, PL_FLAG, NULL, "no colours (also NO_COLOR)"},
    {"no-input", 0, PL_FLAG, NULL, "never ask on the terminal"},
    {"help", 'h', PL_FLAG, NULL, "help on the command"},
    {NULL, 0, PL_FLAG, NULL, NULL},
};

const char *pl_flag_text(struct pl_cli *c, const char *name)
{
	const struct pl_value *v = pl_get(c->flags, name);
	return v && v->kind == PL_TEXT ? v->as.text.at : v ? "" : NULL;
}

bool pl_flag_on(struct pl_cli *c, const char *name)
{
	return pl_get(c->flags, name) != NULL;
}

static const struct pl_flag *find_flag(
    struct pl_cli *c, const char *name, size_t n, char letter)
{
	const struct pl_flag *tables[] = {c->command->flags, pl_common_flags};
	for (size_t t = 0; t < PL_COUNT(tables); t++)
		for (const struct pl_flag *f = tables[t]; f && f->name; f++)
			if (letter ? f->letter == letter
			           : strlen(f->name) == n &&
			            strncmp(f->name, name, n) == 0)
				return f;
	return NULL;
}

static bool unknown_flag(struct pl_cli *c, const char *arg)
{
	const char *names[64];
	size_t n = 0;
	const struct pl_flag *tables[] = {c->command->flags, pl_common_flags};
	for (size_t t = 0; t < PL_COUNT(tables); t++)
		for (const struct pl_flag *f = tables[t]; f && f->name && n < 64; f++)
			names[n++] = pl_arena_printf(&c->arena, "--%s", f->name);
	const char *word = pl_arena_text(&c->arena, arg, strcspn(arg, "="));
	const char *near = pl_nearest(word, names, n);
	return pl_fail(&c->err, "usage.flag", "pipe %s has no flag %s%s%s%s",
	    c->command->name, word, near ? "; did you mean " : "", near ? near : "",
	    near ? "?" : "");
}

static bool read_flag(struct pl_cli *c, char **argv, int argc, int *i)
{
	const char *arg = argv[*i];
	bool wide = arg[1] == '-';
	const char *name = wide ? arg + 2 : arg + 1;
	size_t n = wide ? strcspn(name, "=") : 1;
	const char *value = wide && name[n] == '=' ? name + n + 1 : NULL;
	if (!wide && arg[2])
		return unknown_flag(c, arg);
	const struct pl_flag *f = find_flag(c, name, n, wide ? 0 : name[0]);
	if (!f)
		return unknown_flag(c, arg);
	if (f->kind == PL_FLAG && value)
		return pl_fail(&c->err, "usage.flag", "--%s takes no value", f->name);
	if (f->kind == PL_FLAG_VALUE && !value) {
		if (*i + 1 >= argc)
			return pl_fail(&c->err, "usage.flag",
			    "--%s needs a value: --%s=%s", f->name, f->name, f->value);
		value = argv[++*i];
	}
	pl_map_set(&c->arena, c->flags, f->name,
	    value ? pl_text(&c->arena, value) : pl_bool(&c->arena, true));
	return true;
}

static bool read_arguments(struct pl_cli *c, int argc, char **argv)
{
	bool flags = true;
	c->words = pl_arena_alloc(&c->arena, ((size_t)argc + 1) * sizeof *c->words);
	for (int i = 0; i < argc; i++) {
		if (flags && strcmp(argv[i], "--") == 0)
			flags = false;
		else if (flags && argv[i][0] == '-' && argv[i][1]) {
			if (!read_flag(c, argv, argc, &i))
				return false;
		} else
			c->words[c->words_n++] = argv[i];
	}
	return true;
}

static const struct pl_command *find_command(struct pl_cli *c, const char *word)
{
	const char *names[32];
	size_t n = 0;
	for (; pl_commands[n]; n++) {
		names[n] = pl_commands[n]->name;
		if (strcmp(names[n], word) == 0)
			return pl_commands[n];
	}
	const char *near = pl_nearest(word, names, n);
	bool script = strlen(word) > 4 && strcmp(word + strlen(word) - 4, ".lua") == 0;
	pl_fail(&c->err, "usage.command", "pipe has no command \"%s\"%s%s%s", word,
	    script     ? "; to run the script: pipe run "
	        : near ? "; did you mean \"pipe "
	               : "",
	    script     ? word
	        : near ? near
	               : "",
	    script || !near ? "" : "\"?");
	return NULL;
}

static int run_command(struct pl_cli *c, int argc, char **argv)
{
	bool fits = read_arguments(c, argc, argv);
	pl_ui_setup(c);
	if (!fits)
		return pl_failed(c, PL_EXIT_USAGE);
	if (pl_flag_on(c, "help")) {
		c->words[0] = c->command->name;
		c->words_n = 1;
		return pl_command_help.run(c);
	}
	if (c->words_n < c->command->least || c->words_n > c->command->most)
		return pl_usage(
		    c, "usage: pipe %s %s", c->command->name, c->command->usage);
	return c->command->run(c);
}

/* `pipe`, `pipe --help`, `pipe --version` are commands by another name. */
static const char *command_word(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return "help";
	if (strcmp(argv[1], "--version") == 0)
		return "version";
	return argv[1];
}

int pl_cli_main(int argc, char **argv)
{
	struct pl_cli c = {0};
	c.flags = pl_map(&c.arena);
	c.command = &pl_command_help;
	const struct pl_command *found = find_command(&c, command_word(argc, argv));
	int code;
	if (found) {
		c.command = found;
		code = run_command(&c, argc > 2 ? argc - 2 : 0, argv + 2);
	} else {
		pl_ui_setup(&c);
		code = pl_failed(&c, PL_EXIT_USAGE);
	}
	pl_arena_fini(&c.arena);
	if (fflush(stdout) != 0 && code == PL_EXIT_DONE)
		code = PL_EXIT_FAILED;
	return code;
}
