/* What the tests of git share: a home of its own, repositories made by git
 * itself, and rows called with their defaults filled in. */
#ifndef GIT_CASE_H
#define GIT_CASE_H

#include "host_case.h"

#include <stdarg.h>

/* Before anything else: neither the user's settings nor those of the machine. */
static inline void git_home(void)
{
	static char home[] = "/tmp/pl-home-XXXXXX";

	if (!mkdtemp(home))
		abort();
	setenv("HOME", home, 1);
	setenv("XDG_CONFIG_HOME", home, 1);
	setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
	setenv("GIT_AUTHOR_DATE", "2026-11-20T12:00:00Z", 1);
	setenv("GIT_COMMITTER_DATE", "2026-11-20T12:00:00Z", 1);
	unsetenv("GIT_DIR");
	unsetenv("SSH_AUTH_SOCK");
	if (system(
	        "git config --global user.name Ada && git config --global user.email "
	        "ada@example.com && git config --global init.defaultBranch main && "
	        "git config --global advice.detachedHead false"))
		abort();
}

static inline void git_home_fini(void)
{
	if (system("rm -rf \"$HOME\""))
		abort();
}

/* Runs a shell command in the case's folder; its output, without the last newline,
 * into the arena. */
static inline const char *sh(struct host_case *t, const char *fmt, ...)
{
	struct pl_buf b = {0};
	char command[4096], line[4096];
	const char *out;
	va_list ap;
	FILE *f;
	int n = snprintf(command, sizeof command, "cd '%s' && ", t->root);

	va_start(ap, fmt);
	vsnprintf(command + n, sizeof command - (size_t)n, fmt, ap);
	va_end(ap);
	f = popen(command, "r");
	if (!f)
		abort();
	while (fgets(line, sizeof line, f))
		pl_buf_puts(&b, line);
	if (pclose(f)) {
		printf("FAIL the test's own command: %s\n", command);
		abort();
	}
	while (b.len && b.at[b.len - 1] == '\n')
		b.at[--b.len] = '\0';
	out = pl_arena_text(&t->arena, b.at ? b.at : "", b.len);
	pl_buf_fini(&b);
	return out;
}

/* The row with these arguments (JSON) and its defaults, ready to start. */
static inline const struct pl_row *git_call(struct host_case *t,
    const struct pl_row *rows, const char *name, const char *fmt, va_list ap)
{
	const struct pl_row *row = case_row(rows, name);
	char args[8192];
	struct pl_value *v;

	vsnprintf(args, sizeof args, fmt, ap);
	case_call(t, row, args);
	for (const struct pl_option *o = row->options; o->name; o++) {
		struct pl_err err;

		if (pl_get(t->call.args, o->name) || !o->fallback)
			continue;
		if (!pl_json_parse(
		        &v, &t->arena, o->fallback, strlen(o->fallback), &err))
			abort();
		pl_map_set(&t->arena, (struct pl_value *)t->call.args, o->name, v);
	}
	return row;
}

#define GIT_VERB(verb, function) \
	static inline struct pl_value *verb( \
	    struct host_case *t, const char *name, const char *fmt, ...) \
	{ \
		const struct pl_row *row; \
		va_list ap; \
\
		va_start(ap, fmt); \
		row = git_call(t, pl_git_rows, name, fmt, ap); \
		va_end(ap); \
		return case_drive(t, row->function); \
	}

GIT_VERB(git, start)
GIT_VERB(git_predict, predict)
GIT_VERB(git_probe, probe)

static inline const char *git_target(
    struct host_case *t, const char *name, const char *fmt, ...)
{
	const struct pl_row *row;
	va_list ap;

	va_start(ap, fmt);
	row = git_call(t, pl_git_rows, name, fmt, ap);
	va_end(ap);
	return row->target(&t->call);
}

static inline void git_case(struct host_case *t, const char *name)
{
	CHECK_CASE(name);
	case_init(t);
}

static inline void git_dry(struct host_case *t)
{
	t->overlay = pl_map(&t->arena);
}

/* Canonical JSON of a value, into the arena; an error as "code". */
static inline const char *json(struct host_case *t, const struct pl_value *v)
{
	struct pl_buf b = {0};
	const char *out;

	if (!v)
		return t->call.err.code;
	pl_json_canonical(&b, pl_pack(&t->arena, v, NULL), NULL);
	out = pl_arena_text(&t->arena, b.at ? b.at : "", b.len);
	pl_buf_fini(&b);
	return out;
}

#define CHECK_FAILS(value, code_, part) \
	do { \
		struct pl_value *failed_ = (value); \
\
		CHECK(!failed_); \
		if (!CHECK_TEXT(t->call.err.code, code_)) \
			printf("  %s\n", t->call.err.msg); \
		if (!strstr(t->call.err.msg, part)) \
			CHECK_TEXT(t->call.err.msg, part); \
	} while (0)

#endif
