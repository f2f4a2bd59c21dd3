/* pipe help [COMMAND|PRIMITIVE], pipe version */
#include <string.h>

#include "cli.h"

static void put_flags(const struct pl_flag *flags)
{
	for (const struct pl_flag *f = flags; f && f->name; f++) {
		char name[48];
		snprintf(name, sizeof name, "%s--%s%s%s%s",
		    f->letter ? (char[]){'-', f->letter, ',', ' ', 0} : "    ", f->name,
		    f->kind == PL_FLAG             ? ""
		        : f->kind == PL_FLAG_VALUE ? "="
		                                   : "[=",
		    f->value ? f->value : "", f->kind == PL_FLAG_MAYBE ? "]" : "");
		printf("  %-26s %s\n", name, f->help);
	}
}

static void put_examples(const char *examples)
{
	for (const char *p = examples; p && *p;) {
		size_t n = strcspn(p, "\n");
		printf("  %.*s\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
}

static int command_help(const struct pl_command *k)
{
	printf("pipe %s %s\n%s.\n\n", k->name, k->usage, k->summary);
	if (k->examples) {
		put_examples(k->examples);
		putchar('\n');
	}
	put_flags(k->flags);
	put_flags(pl_common_flags);
	return PL_EXIT_DONE;
}

static int overview(void)
{
	printf(
	    "pipe %s: release procedures that run themselves and can be trusted.\n\n",
	    PL_VERSION);
	for (size_t i = 0; pl_commands[i]; i++)
		printf("  pipe %-8s %-52s\n", pl_commands[i]->name,
		    pl_commands[i]->summary);
	printf(
	    "\nStart with:\n  pipe run pipelines/release-friday.lua --sim --dry-run\n"
	    "More: pipe help COMMAND, pipe help primitives, pipe help git.push\n"
	    "Exit codes: 0 done, 1 failed (resumable), 2 usage or script error, 3 denied,\n"
	    "4 refused by policy, 5 suspended, 6 unknown outcome, 7 audit log wrong,\n"
	    "10 dry-run found changes (--detailed-exitcode), 130 interrupted\n");
	return PL_EXIT_DONE;
}

static struct pl_session *open_session(struct pl_cli *c)
{
	const char *root = pl_find_root(c, NULL);
	struct pl_session_options o = {.root = root, .state = ".pipe"};
	return pl_session_new(&o, NULL, NULL, &c->err);
}

static void put_primitives(struct pl_cli *c, struct pl_session *s, const char *name)
{
	struct pl_value *v = pl_map(&c->arena);
	pl_map_set(&c->arena, v, "schema", pl_text(&c->arena, "pipe/primitives/v1"));
	pl_map_set(
	    &c->arena, v, "primitives", pl_session_primitives(s, name, &c->arena));
	pl_put_json(v);
}

static int primitive_help(struct pl_cli *c, const char *name)
{
	struct pl_buf out = {0};
	struct pl_session *s = open_session(c);
	bool ok = s && pl_providers_load(s, name, &c->err) &&
	    pl_session_help(s, name, &out, &c->err);
	if (ok && c->ui.json)
		put_primitives(c, s, name);
	else if (ok)
		fwrite(out.at, 1, out.len, stdout);
	pl_buf_fini(&out);
	pl_session_free(s);
	return ok ? PL_EXIT_DONE : pl_failed(c, PL_EXIT_USAGE);
}

/* `log` and `version` are commands and modules: who asks may mean either. */
static int also_a_module(struct pl_cli *c, const char *name)
{
	struct pl_buf out = {0};
	struct pl_session *s = open_session(c);
	if (s && pl_session_help(s, name, &out, &c->err))
		printf("\nIn scripts:\n%s", out.at);
	pl_buf_fini(&out);
	pl_session_free(s);
	return PL_EXIT_DONE;
}

static int help(struct pl_cli *c)
{
	if (c->words_n == 0)
		return c->ui.json ? primitive_help(c, NULL) : overview();
	for (size_t i = 0; pl_commands[i]; i++)
		if (strcmp(pl_commands[i]->name, c->words[0]) == 0) {
			command_help(pl_commands[i]);
			return also_a_module(c, c->words[0]);
		}
	bool all = strcmp(c->words[0], "primitives") == 0;
	return primitive_help(c, all ? NULL : c->words[0]);
}

const struct pl_command pl_command_help = {
    .name = "help",
    .usage = "[COMMAND|PRIMITIVE]",
    .summary = "Help on a command, a primitive (git.push) or a module (git)",
    .examples = "pipe help run\npipe help git.push\npipe help primitives",
    .most = 1,
    .run = help,
};

/* ---- version ------------------------------------------------------------------------- */

static int version(struct pl_cli *c)
{
	if (!c->ui.json) {
		printf("pipe %s\n", PL_VERSION);
		return PL_EXIT_DONE;
	}
	struct pl_value *v = pl_map(&c->arena),
	                *libraries = pl_host_versions(&c->arena);
	pl_map_set(
	    &c->arena, libraries, "libcrypto", pl_text(&c->arena, pl_crypto_version()));
	pl_map_set(
	    &c->arena, libraries, "lua", pl_text(&c->arena, pl_bind_lua_version()));
	pl_map_set(&c->arena, libraries, "lua-cjson",
	    pl_text(&c->arena, pl_bind_cjson_version(&c->arena)));
	pl_map_set(&c->arena, v, "schema", pl_text(&c->arena, "pipe/version/v1"));
	pl_map_set(&c->arena, v, "version", pl_text(&c->arena, PL_VERSION));
	pl_map_set(&c->arena, v, "libraries", libraries);
	pl_put_json(v);
	return PL_EXIT_DONE;
}

const struct pl_command pl_command_version = {
    .name = "version",
    .usage = "[--json]",
    .summary = "The version; with --json those of the libraries, too",
    .examples = "pipe version --json",
    .run = version,
};
