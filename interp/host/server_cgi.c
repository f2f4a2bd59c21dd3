#include "server_cgi.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

enum { MOST_OUTPUT = 1 << 30, PATIENCE_MS = 10 * 60 * 1000 };

/* ---- its environment ------------------------------------------------------ */

struct variables {
	struct pl_value *map; /* name -> text */
	struct pl_arena *arena;
};

static void set(struct variables *v, const char *name, const char *value)
{
	if (value)
		pl_map_set(v->arena, v->map, name, pl_text(v->arena, value));
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX undone; a NUL, which no variable can hold, ends it. */
static const char *unescape(struct pl_arena *a, const char *s)
{
	char *out = pl_arena_text(a, s, strlen(s)), *to = out;

	for (; *s; s++) {
		int high = *s == '%' ? hex_digit(s[1]) : -1;
		int low = high >= 0 ? hex_digit(s[2]) : -1;

		if (low >= 0) {
			*to++ = (char)(high * 16 + low);
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
	return out;
}

/* Headers become HTTP_NAME. Not Authorization, which is the server's affair, and
 * not Proxy: programs take HTTP_PROXY for a setting of theirs. */
static void set_header(struct variables *v, const struct pl_pair *p)
{
	char *name;

	if (!strcmp(p->key, "content-type") || !strcmp(p->key, "content-length") ||
	    !strcmp(p->key, "authorization") || !strcmp(p->key, "proxy"))
		return;
	name = pl_arena_printf(v->arena, "HTTP_%s", p->key);
	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	set(v, name, pl_text_of(p->value, NULL));
}

static void set_request(
    struct variables *v, const struct pl_value *request, size_t body_len)
{
	static const char *const inherited[] = {
	    "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL"};
	const struct pl_value *headers = pl_get(request, "headers");
	const char *query = strchr(pl_get_text(request, "url", ""), '?');

	for (size_t i = 0; i < PL_COUNT(inherited); i++)
		set(v, inherited[i], getenv(inherited[i]));
	set(v, "GATEWAY_INTERFACE", "CGI/1.1");
	set(v, "SERVER_PROTOCOL", "HTTP/1.1");
	set(v, "SERVER_SOFTWARE", "pipe");
	set(v, "SERVER_NAME", "localhost");
	set(v, "REMOTE_ADDR", "127.0.0.1");
	set(v, "REQUEST_METHOD", pl_get_text(request, "method", "GET"));
	set(v, "QUERY_STRING", query ? query + 1 : "");
	set(v, "SCRIPT_NAME", "");
	set(v, "PATH_INFO", unescape(v->arena, pl_get_text(request, "path", "/")));
	set(v, "CONTENT_TYPE", pl_get_text(headers, "content-type", NULL));
	set(v, "CONTENT_LENGTH", pl_arena_printf(v->arena, "%zu", body_len));
	for (uint32_t i = 0; headers && i < headers->as.map.len; i++)
		set_header(v, &headers->as.map.at[i]);
}

static char **environment_of(struct pl_arena *a, const struct pl_value *cgi,
    const struct pl_value *request, size_t body_len)
{
	struct variables v = {.map = pl_map(a), .arena = a};
	const struct pl_value *own = pl_get(cgi, "env");
	char **list;

	set_request(&v, request, body_len);
	for (uint32_t i = 0; own && own->kind == PL_MAP && i < own->as.map.len; i++)
		set(&v, own->as.map.at[i].key,
		    pl_text_of(own->as.map.at[i].value, NULL));
	list = pl_arena_alloc(a, (v.map->as.map.len + 1) * sizeof *list);
	for (uint32_t i = 0; i < v.map->as.map.len; i++)
		list[i] = pl_arena_printf(a, "%s=%s", v.map->as.map.at[i].key,
		    pl_text_of(v.map->as.map.at[i].value, ""));
	return list;
}

/* ---- starting it ---------------------------------------------------------- */

struct child {
	pid_t pid;
	int in, out; /* our ends; -1: closed */
};

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Our process ignores SIGPIPE; the program must not. A group of its own, so that
 * what it started ends with it. */
static int spawn_in_group(
    pid_t *pid, char **argv, char **envp, posix_spawn_file_actions_t *files)
{
	posix_spawnattr_t how;
	sigset_t none, pipes;
	int failed;

	sigemptyset(&none);
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	posix_spawnattr_init(&how);
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawnattr_setsigdefault(&how, &pipes);
	posix_spawnattr_setpgroup(&how, 0);
	posix_spawnattr_setflags(&how,
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	failed = posix_spawnp(pid, argv[0], files, &how, argv, envp);
	posix_spawnattr_destroy(&how);
	return failed;
}

static bool spawn(struct child *c, char **argv, char **envp, struct pl_err *err)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1};
	posix_spawn_file_actions_t files;
	int failed = uv_pipe(in, 0, UV_NONBLOCK_PIPE);

	if (!failed)
		failed = uv_pipe(out, UV_NONBLOCK_PIPE, 0);
	if (failed) {
		shut(&in[0]);
		shut(&in[1]);
		return pl_fail(err, "cgi.start", "a pipe: %s", uv_strerror(failed));
	}
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in[0], 0);
	posix_spawn_file_actions_adddup2(&files, out[1], 1);
	posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
	failed = spawn_in_group(&c->pid, argv, envp, &files);
	posix_spawn_file_actions_destroy(&files);
	shut(&in[0]);
	shut(&out[1]);
	c->in = in[1];
	c->out = out[0];
	if (!failed)
		return true;
	shut(&c->in);
	shut(&c->out);
	return pl_fail(err, "cgi.start", "\"%.200s\" does not start: %s", argv[0],
	    strerror(failed));
}

/* ---- talking to it -------------------------------------------------------- */

struct feed {
	const char *at;
	size_t left;
};

static void write_some(struct child *c, struct feed *f)
{
	ssize_t n = f->left ? write(c->in, f->at, f->left) : 0;

	if (n > 0) {
		f->at += n;
		f->left -= (size_t)n;
	}
	/* A program need not read all that it is given. */
	if (f->left == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		shut(&c->in);
}

static void read_some(struct child *c, struct pl_buf *out)
{
	char bytes[65536];
	ssize_t n = read(c->out, bytes, sizeof bytes);

	if (n > 0)
		pl_buf_add(out, bytes, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		shut(&c->out);
}

/* Until it closes its output. */
static bool converse(
    struct child *c, struct pl_buf *out, struct feed f, int stop, struct pl_err *err)
{
	uint64_t end = uv_hrtime() / 1000000 + PATIENCE_MS;

	while (c->out >= 0) {
		struct pollfd p[3] = {{.fd = stop, .events = POLLIN},
		    {.fd = c->out, .events = POLLIN}, {.fd = c->in, .events = POLLOUT}};
		int n = poll(p, 3, 1000);

		if (n < 0 && errno != EINTR)
			return pl_fail(err, "cgi.output", "poll: %s", strerror(errno));
		if (n > 0 && p[0].revents)
			return pl_fail(err, "cancelled", "the server ends");
		if (n > 0 && p[2].revents)
			write_some(c, &f);
		if (n > 0 && p[1].revents)
			read_some(c, out);
		if (out->len > MOST_OUTPUT)
			return pl_fail(err, "cgi.output", "it wrote more than 1 GiB");
		if (uv_hrtime() / 1000000 > end)
			return pl_fail(err, "cgi.output", "it took too long");
	}
	return true;
}

/* Who has closed his output has no more to say: he gets five seconds to go. */
static void reap(struct child *c, bool now)
{
	shut(&c->in);
	shut(&c->out);
	for (int i = 0; !now && i < 500; i++) {
		pid_t gone = waitpid(c->pid, NULL, WNOHANG);

		if (gone == c->pid || (gone < 0 && errno != EINTR))
			return;
		poll(NULL, 0, 10);
	}
	kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* ---- its answer ----------------------------------------------------------- */

static void take_line(
    struct pl_arena *a, struct pl_value *answer, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n), *value;
	const char *name;

	if (!colon)
		return;
	name = pl_arena_text(a, line, (size_t)(colon - line));
	for (value = colon + 1; value < line + n && *value == ' '; value++)
		;
	value = pl_arena_text(a, value, (size_t)(line + n - value));
	if (strcasecmp(name, "status") == 0)
		pl_map_set(a, answer, "status", pl_int(a, atoi(value)));
	else
		pl_map_set(a, pl_get(answer, "headers"), name, pl_text(a, value));
}

static bool read_answer(struct pl_value **answer, struct pl_arena *a,
    const struct pl_buf *out, struct pl_err *err)
{
	struct pl_value *map = pl_map(a);
	const char *at = out->at, *end = out->at ? out->at + out->len : NULL;

	pl_map_set(a, map, "status", pl_int(a, 200));
	pl_map_set(a, map, "headers", pl_map(a));
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t n = stop ? (size_t)(stop - at) : 0;

		if (!stop)
			break;
		if (n > 0 && at[n - 1] == '\r')
			n--;
		if (n == 0) {
			size_t left = (size_t)(end - stop - 1);

			pl_map_set(a, map, "body", pl_textn(a, stop + 1, left));
			*answer = map;
			return true;
		}
		take_line(a, map, at, n);
		at = stop + 1;
	}
	return pl_fail(err, "cgi.output", "the program wrote no header");
}

bool pl_cgi_run(struct pl_value **answer, struct pl_arena *a,
    const struct pl_value *cgi, const struct pl_value *request,
    const struct pl_value *body, int stop, struct pl_err *err)
{
	const struct pl_value *words = pl_get(cgi, "argv");
	struct feed f = {.at = ""};
	struct pl_buf out = {0};
	struct child c;
	sigset_t pipes;
	char **argv;
	bool ok;

	if (!words || words->kind != PL_LIST || words->as.list.len == 0)
		return pl_fail(err, "cgi.start", "cgi.argv is not a list of words");
	if (body && body->kind == PL_TEXT)
		f = (struct feed){body->as.text.at, body->as.text.len};
	argv = pl_arena_alloc(a, (words->as.list.len + 1) * sizeof *argv);
	for (uint32_t i = 0; i < words->as.list.len; i++)
		argv[i] =
		    pl_arena_printf(a, "%s", pl_text_of(words->as.list.at[i], ""));
	/* This thread's own: a program that does not read must not end us. */
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipes, NULL);
	if (!spawn(&c, argv, environment_of(a, cgi, request, f.left), err))
		return false;
	ok = converse(&c, &out, f, stop, err);
	reap(&c, !ok);
	ok = ok && read_answer(answer, a, &out, err);
	pl_buf_fini(&out);
	return ok;
}
