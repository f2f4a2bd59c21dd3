/* Where the project and its state are, and who is at the keyboard. */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

static const char *folder_of(struct pl_cli *c, const char *near)
{
	struct stat st;
	char absolute[4096];
	const char *folder = near ? near : ".";
	if (near && (stat(near, &st) != 0 || !S_ISDIR(st.st_mode))) {
		const char *slash = strrchr(near, '/');
		folder = slash
		    ? pl_arena_text(&c->arena, near, (size_t)(slash - near) + 1)
		    : ".";
	}
	return realpath(folder, absolute)
	    ? pl_arena_text(&c->arena, absolute, strlen(absolute))
	    : ".";
}

const char *pl_find_root(struct pl_cli *c, const char *near)
{
	struct stat st;
	const char *start = folder_of(c, near);
	char *at = pl_arena_text(&c->arena, start, strlen(start));
	for (;;) {
		/* A link that leads nowhere is a project file too: one that cannot be
		 * read, which whoever loads it tells. */
		if (lstat(pl_arena_printf(&c->arena, "%s/pipe.yaml", at), &st) == 0)
			return at;
		char *slash = strrchr(at, '/');
		if (!slash || slash == at)
			break;
		*slash = 0;
	}
	/* No project file: here, if the script is somewhere below. */
	const char *here = folder_of(c, NULL);
	size_t n = strlen(here);
	bool below = strncmp(start, here, n) == 0 && (start[n] == '/' || start[n] == 0);
	return below ? here : start;
}

/* What pipe.yaml says; a file that cannot be read is told by whoever loads it. */
static const char *named_state(struct pl_cli *c, const char *root)
{
	struct pl_err err;
	struct pl_buf text = {0};
	struct pl_value *documents = NULL;
	const char *path = pl_arena_printf(&c->arena, "%s/pipe.yaml", root),
	           *state = NULL;
	if (access(path, R_OK) == 0 && pl_file_read(&text, path, 0, &err) &&
	    pl_yaml_parse(
	        &documents, &c->arena, text.at ? text.at : "", text.len, 0, &err))
		state = pl_get_text(documents->as.list.at[0], "state", NULL);
	pl_buf_fini(&text);
	return state && *state ? state : ".pipe";
}

const char *pl_find_state(struct pl_cli *c, const char *root)
{
	const char *flag = pl_flag_text(c, "state");
	const char *variable = getenv("PIPE_STATE");
	if (flag && *flag)
		return flag;
	if (variable && *variable)
		return variable;
	const char *name = named_state(c, root);
	return *name == '/' ? name : pl_arena_printf(&c->arena, "%s/%s", root, name);
}

struct pl_store *pl_open_store(struct pl_cli *c)
{
	return pl_store_open(pl_find_state(c, pl_find_root(c, NULL)), &c->err);
}

static void set_if(
    struct pl_arena *a, struct pl_value *map, const char *key, const char *v)
{
	if (v && *v)
		pl_map_set(a, map, key, pl_text(a, v));
}

struct pl_value *pl_who(struct pl_arena *a)
{
	char host[256] = "";
	struct pl_value *who = pl_map(a);
	const struct passwd *user = getpwuid(geteuid());
	gethostname(host, sizeof host - 1);
	set_if(a, who, "user", user ? user->pw_name : NULL);
	set_if(a, who, "host", host);
	pl_map_set(a, who, "pid", pl_int(a, getpid()));
	set_if(a, who, "ci", getenv("GITHUB_RUN_ID"));
	set_if(a, who, "actor", getenv("GITHUB_ACTOR"));
	return who;
}
