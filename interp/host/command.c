#include "host_inner.h"
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TIMEOUT = 10 * 60 * 1000, MAX_BYTES = 8 << 20, MAX_BYTES_LIMIT = 1 << 30 };

/* What every child gets of our environment. */
static const char *const inherited[] = {
    "PATH", "HOME", "LANG", "TZ", "TMPDIR", "USER", "SSH_AUTH_SOCK"};

const struct pl_option pl_command_options[] = {
    {"argv", PL_T_LIST, false, NULL, "the program and its arguments, as a list of text",
        NULL},
    {"shell", PL_T_TEXT, false, NULL, "instead of argv: a command line for sh -c",
        NULL},
    {"cwd", PL_T_TEXT, false, NULL, "where it runs, inside the project (its root)",
        NULL},
    {"env", PL_T_MAP, false, NULL,
        "its environment: text, a secret, or a list of both to be joined; besides this it "
        "has only PATH, HOME, LANG, TZ, TMPDIR, USER, SSH_AUTH_SOCK",
        NULL},
    {"inherit", PL_T_LIST, false, NULL, "names of more variables to pass on", NULL},
    {"input", PL_T_TEXT | PL_T_SECRET, false, NULL, "what it reads from standard input",
        NULL},
    {"timeout", PL_T_DURATION, false, "\"10m\"", "after which it is stopped", NULL},
    {"max_bytes", PL_T_INTEGER, false, "8388608", "kept of each stream, in bytes",
        NULL},
    {"expect", PL_T_LIST, false, "[0]", "exit codes that mean success", NULL},
    {"any_exit", PL_T_FLAG, false, "false", "every exit code means success", NULL},
    {"quiet", PL_T_FLAG, false, NULL, "its lines are not shown as they come", NULL},
    {0},
};

/* ---- argv ----------------------------------------------------------------- */

static bool has_nul(const struct pl_value *text)
{
	return memchr(text->as.text.at, 0, text->as.text.len) != NULL;
}

static bool read_list(char **argv, const struct pl_value *list, struct pl_err *err)
{
	for (uint32_t i = 0; i < list->as.list.len; i++) {
		const struct pl_value *v = list->as.list.at[i];

		if (v->kind == PL_SECRET)
			return pl_fail(err, "proc.args",
			    "argv[%u] is the secret \"%s\": every user of this machine "
			    "could see it there; pass it in env or input",
			    i + 1, pl_secret_name(v->as.secret));
		if (v->kind != PL_TEXT || has_nul(v))
			return pl_fail(err, "proc.args",
			    "argv[%u] must be text without NUL, not %s", i + 1,
			    v->kind == PL_TEXT ? "such text" : pl_kind_name(v->kind));
		argv[i] = pl_strdup(v->as.text.at);
	}
	if (!argv[0][0])
		return pl_fail(err, "proc.args", "the program's name is empty");
	return true;
}

static bool read_argv(
    struct pl_command *c, const struct pl_call *call, struct pl_err *err)
{
	const struct pl_value *list = pl_arg(call, "argv"),
	                      *shell = pl_arg(call, "shell");

	if (pl_is_null(list) == pl_is_null(shell))
		return pl_fail(err, "proc.args",
		    "give either argv, a list of text, or shell, a command line%s",
		    pl_is_null(list) ? "" : ", not both");
	if (!pl_is_null(shell)) {
		if (shell->kind != PL_TEXT || has_nul(shell))
			return pl_fail(
			    err, "proc.args", "shell must be text without NUL");
		c->argv = pl_alloc(4 * sizeof(char *));
		c->argv[0] = pl_strdup("/bin/sh");
		c->argv[1] = pl_strdup("-c");
		c->argv[2] = pl_strdup(shell->as.text.at);
		return true;
	}
	if (list->kind != PL_LIST || !list->as.list.len)
		return pl_fail(err, "proc.args",
		    "argv must be a list of text that begins with the program");
	c->argv = pl_alloc((list->as.list.len + 1) * sizeof(char *));
	return read_list(c->argv, list, err);
}

/* ---- environment ---------------------------------------------------------- */

static void set_env(struct pl_command *c, size_t *n, const char *name,
    const char *value, size_t value_n)
{
	size_t name_n = strlen(name);
	char *entry = pl_alloc(name_n + value_n + 2);

	memcpy(entry, name, name_n);
	entry[name_n] = '=';
	memcpy(entry + name_n + 1, value, value_n);
	for (size_t i = 0; i < *n; i++) {
		if (strncmp(c->env[i], entry, name_n + 1) != 0)
			continue;
		pl_wipe(c->env[i], strlen(c->env[i]));
		free(c->env[i]);
		c->env[i] = entry;
		return;
	}
	c->env[(*n)++] = entry;
}

static void pass_on(struct pl_command *c, size_t *n, const char *name)
{
	const char *value = getenv(name);

	if (value)
		set_env(c, n, name, value, strlen(value));
}

/* The bytes of text or of a secret, or NULL. */
static const char *bytes_of(const struct pl_value *v, size_t *n)
{
	if (v && v->kind == PL_SECRET)
		return pl_secret_bytes(v->as.secret, n);
	if (!v || v->kind != PL_TEXT)
		return NULL;
	*n = v->as.text.len;
	return v->as.text.at;
}

/* Joined parts, NUL-terminated; yours to wipe and free. NULL: not such a value. */
static char *join(const struct pl_value *v, size_t *total)
{
	const struct pl_value *const *parts = &v;
	size_t count = 1, n;
	char *joined, *to;

	if (v && v->kind == PL_LIST) {
		parts = (const struct pl_value *const *)v->as.list.at;
		count = v->as.list.len;
	}
	*total = 0;
	for (size_t i = 0; i < count; i++) {
		const char *bytes = bytes_of(parts[i], &n);

		if (!bytes || memchr(bytes, 0, n))
			return NULL;
		*total += n;
	}
	joined = to = pl_alloc(*total + 1);
	for (size_t i = 0; i < count; i++) {
		const char *bytes = bytes_of(parts[i], &n);

		memcpy(to, bytes, n);
		to += n;
	}
	return joined;
}

static bool valid_name(const char *name, size_t n)
{
	return n && !memchr(name, '=', n) && !memchr(name, 0, n);
}

static bool read_env(
    struct pl_command *c, const struct pl_call *call, struct pl_err *err)
{
	const struct pl_value *env = pl_arg(call, "env"),
	                      *more = pl_arg(call, "inherit");
	size_t own = env && env->kind == PL_MAP ? env->as.map.len : 0;
	size_t passed = more && more->kind == PL_LIST ? more->as.list.len : 0;
	size_t n = 0, value_n;

	c->env = pl_alloc((PL_COUNT(inherited) + own + passed + 1) * sizeof(char *));
	for (size_t i = 0; i < PL_COUNT(inherited); i++)
		pass_on(c, &n, inherited[i]);
	for (uint32_t i = 0; i < passed; i++) {
		const struct pl_value *name = more->as.list.at[i];

		if (name->kind != PL_TEXT ||
		    !valid_name(name->as.text.at, name->as.text.len))
			return pl_fail(err, "proc.env",
			    "inherit[%u] is not the name of a variable", i + 1);
		pass_on(c, &n, name->as.text.at);
	}
	for (uint32_t i = 0; i < own; i++) {
		const struct pl_pair *p = &env->as.map.at[i];
		char *value;

		if (!valid_name(p->key, p->key_len))
			return pl_fail(err, "proc.env",
			    "env: \"%s\" cannot be the name of a variable", p->key);
		value = join(p->value, &value_n);
		if (!value)
			return pl_fail(err, "proc.env",
			    "env: %s must be text without NUL, a secret, or a list of both",
			    p->key);
		set_env(c, &n, p->key, value, value_n);
		pl_wipe(value, value_n);
		free(value);
	}
	return true;
}

/* ---- the directory -------------------------------------------------------- */

static bool is_inside(const char *path, const char *directory)
{
	char *real = realpath(directory, NULL);
	size_t n = real ? strlen(real) : 0;
	bool inside = real && strncmp(path, real, n) == 0 &&
	    (path[n] == '/' || !path[n] || n == 1);

	free(real);
	return inside;
}

/* The root, or the working repository where that stands elsewhere (a simulated
 * world's clone), or anything in them. */
static bool read_cwd(struct pl_command *c, struct pl_call *call)
{
	const char *root = pl_host_root(call->host), *cwd = pl_arg_text(call, "cwd");
	const char *path = root;
	struct stat st;

	if (cwd)
		path = cwd[0] == '/' ? cwd
		                     : pl_arena_printf(call->arena, "%s/%s", root, cwd);
	c->cwd = realpath(path, NULL);
	if (!c->cwd)
		return pl_fail(&call->err, "proc.cwd", "the directory \"%s\": %s",
		    cwd ? cwd : root, strerror(errno));
	if (!is_inside(c->cwd, root) &&
	    !is_inside(c->cwd, pl_host_repository(call->host)))
		return pl_fail(&call->err, "fs.outside",
		    "the directory \"%s\" leads to \"%s\", outside the project", cwd,
		    c->cwd);
	if (stat(c->cwd, &st) || !S_ISDIR(st.st_mode))
		return pl_fail(
		    &call->err, "proc.cwd", "\"%s\" is not a directory", cwd);
	return true;
}

/* ---- the whole ------------------------------------------------------------ */

static bool read_input(
    struct pl_command *c, const struct pl_call *call, struct pl_err *err)
{
	const struct pl_value *input = pl_arg(call, "input");
	const char *bytes;

	if (pl_is_null(input))
		return true;
	bytes = bytes_of(input, &c->input_n);
	if (!bytes)
		return pl_fail(err, "proc.args",
		    "input must be text or a secret, not %s",
		    pl_kind_name(input->kind));
	c->input = pl_alloc(c->input_n + 1);
	memcpy(c->input, bytes, c->input_n);
	return true;
}

static bool read_bounds(
    struct pl_command *c, const struct pl_call *call, struct pl_err *err)
{
	int64_t timeout = pl_get_int(call->args, "timeout", TIMEOUT);
	int64_t max = pl_get_int(call->args, "max_bytes", MAX_BYTES);

	if (timeout <= 0)
		return pl_fail(err, "proc.args",
		    "timeout must be positive, not %" PRId64, timeout);
	if (max < 0 || max > MAX_BYTES_LIMIT)
		return pl_fail(err, "proc.args",
		    "max_bytes must be between 0 and %d, not %" PRId64, MAX_BYTES_LIMIT,
		    max);
	c->timeout = timeout;
	c->max_bytes = (size_t)max;
	return true;
}

static bool check_expect(const struct pl_call *call, struct pl_err *err)
{
	const struct pl_value *codes = pl_arg(call, "expect");

	for (uint32_t i = 0; codes && codes->kind == PL_LIST && i < codes->as.list.len;
	     i++)
		if (codes->as.list.at[i]->kind != PL_INT)
			return pl_fail(err, "proc.args",
			    "expect[%u] must be an exit code, not %s", i + 1,
			    pl_kind_name(codes->as.list.at[i]->kind));
	return true;
}

bool pl_command_read(struct pl_command *c, struct pl_call *call)
{
	struct pl_err *err = &call->err;

	return read_argv(c, call, err) && check_expect(call, err) &&
	    read_bounds(c, call, err) && read_env(c, call, err) &&
	    read_input(c, call, err) && read_cwd(c, call);
}

bool pl_command_expects(const struct pl_call *call, int64_t code)
{
	const struct pl_value *codes = pl_arg(call, "expect");

	if (pl_arg_flag(call, "any_exit"))
		return true;
	if (!codes || codes->kind != PL_LIST)
		return code == 0;
	for (uint32_t i = 0; i < codes->as.list.len; i++)
		if (codes->as.list.at[i]->as.whole == code)
			return true;
	return false;
}

static void free_texts(char **texts)
{
	for (size_t i = 0; texts && texts[i]; i++) {
		pl_wipe(texts[i], strlen(texts[i]));
		free(texts[i]);
	}
	free(texts);
}

void pl_command_fini(struct pl_command *c)
{
	free_texts(c->argv);
	free_texts(c->env);
	if (c->input)
		pl_wipe(c->input, c->input_n);
	free(c->input);
	free(c->cwd);
	*c = (struct pl_command){0};
}

/* As it would be typed: quoted where the shell would see something special. */
static void add_word(struct pl_buf *out, const char *word)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_-+=./:,@%";

	if (out->len)
		pl_buf_putc(out, ' ');
	if (*word && word[strspn(word, plain)] == 0) {
		pl_buf_puts(out, word);
		return;
	}
	pl_buf_putc(out, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			pl_buf_puts(out, "'\\''");
		else
			pl_buf_putc(out, *word);
	}
	pl_buf_putc(out, '\'');
}

const char *pl_command_text(struct pl_call *call)
{
	const struct pl_value *argv = pl_arg(call, "argv");
	const char *shell = pl_arg_text(call, "shell"), *text;
	struct pl_buf line = {0}, masked = {0};

	if (shell)
		pl_buf_puts(&line, shell);
	for (uint32_t i = 0; argv && argv->kind == PL_LIST && i < argv->as.list.len;
	     i++)
		add_word(&line, pl_text_of(argv->as.list.at[i], "?"));
	pl_secret_mask(call->host, &masked, line.at ? line.at : "", line.len);
	text = pl_arena_text(call->arena, masked.at ? masked.at : "", masked.len);
	pl_buf_fini(&line);
	pl_buf_fini(&masked);
	return text;
}

/* ---- for starting and ending ---------------------------------------------- */

void pl_close_on_exec(void)
{
	DIR *d = opendir("/dev/fd");
	struct dirent *e;

	for (int fd = 3; !d && fd < 1024; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	while (d && (e = readdir(d))) {
		int fd = atoi(e->d_name);

		if (fd > 2)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	if (d)
		closedir(d);
}

const char *pl_signal_name(int number)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {{SIGHUP, "SIGHUP"}, {SIGINT, "SIGINT"}, {SIGQUIT, "SIGQUIT"},
	    {SIGILL, "SIGILL"}, {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"},
	    {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGKILL, "SIGKILL"},
	    {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
	    {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"},
	    {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"}};

	for (size_t i = 0; i < PL_COUNT(names); i++)
		if (names[i].number == number)
			return names[i].name;
	return "another signal";
}
