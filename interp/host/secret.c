#include "host_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGEST = 256 << 10 }; /* bytes of a file */

struct pl_secret {
	struct pl_secret *next; /* the one added before */
	char *name;
	char *bytes; /* and a NUL */
	size_t n;
};

void pl_wipe(void *bytes, size_t n)
{
	volatile char *p = bytes;

	while (n--)
		*p++ = 0;
}

/* ---- holding them --------------------------------------------------------- */

const char *pl_secret_name(const struct pl_secret *s)
{
	return s->name;
}

const char *pl_secret_bytes(const struct pl_secret *s, size_t *n)
{
	if (n)
		*n = s->n;
	return s->bytes;
}

static struct pl_secret *find(
    const struct pl_host *h, const char *name, const char *bytes, size_t n)
{
	struct pl_secret *s = h->secrets;

	while (s &&
	    (strcmp(s->name, name) != 0 ||
	        (bytes && (s->n != n || memcmp(s->bytes, bytes, n) != 0))))
		s = s->next;
	return s;
}

const struct pl_secret *pl_secret_add(
    struct pl_host *h, const char *name, const char *bytes, size_t n)
{
	struct pl_secret *s;

	uv_mutex_lock(&h->guard);
	s = find(h, name, bytes, n);
	if (!s) {
		s = pl_alloc(sizeof *s);
		s->name = pl_strdup(name);
		s->bytes = pl_alloc(n + 1);
		memcpy(s->bytes, bytes, n);
		s->n = n;
		s->next = h->secrets;
		h->secrets = s;
		pl_masks_add(h, s);
	}
	uv_mutex_unlock(&h->guard);
	return s;
}

const struct pl_secret *pl_secret_find(const struct pl_host *h, const char *name)
{
	uv_mutex_t *guard = (uv_mutex_t *)&h->guard;
	const struct pl_secret *s;

	uv_mutex_lock(guard);
	s = find(h, name, NULL, 0);
	uv_mutex_unlock(guard);
	return s;
}

void pl_secrets_fini(struct pl_host *h)
{
	pl_masks_fini(h);
	while (h->secrets) {
		struct pl_secret *s = h->secrets;

		h->secrets = s->next;
		pl_wipe(s->bytes, s->n);
		free(s->bytes);
		free(s->name);
		free(s);
	}
}

/* ---- reading them --------------------------------------------------------- */

void pl_secret_fail(struct pl_call *call, const struct pl_value *source)
{
	const char *hint = pl_get_text(source, "hint", NULL);
	size_t n = strlen(call->err.msg);

	if (hint)
		snprintf(call->err.msg + n, sizeof call->err.msg - n, " (%s)", hint);
	if (source && source->line) {
		memcpy(call->err.file, "pipe.yaml", sizeof "pipe.yaml");
		call->err.line = source->line;
		call->err.column = source->column;
	}
	pl_call_fail(call);
}

void pl_secret_answer(struct pl_call *call, const char *name,
    const struct pl_value *source, const char *bytes, size_t n)
{
	if (n && bytes[n - 1] == '\n')
		n--;
	if (n && bytes[n - 1] == '\r')
		n--;
	if (n >= PL_SECRET_SHORTEST) {
		pl_call_ok(call,
		    pl_secret_value(
		        call->arena, pl_secret_add(call->host, name, bytes, n)));
		return;
	}
	pl_fail(&call->err, "secret.short",
	    "the secret \"%s\" has %zu bytes; fewer than %d could not be kept out of "
	    "what is shown and logged",
	    name, n, PL_SECRET_SHORTEST);
	pl_secret_fail(call, source);
}

static void read_environment(struct pl_call *call, const char *name,
    const struct pl_value *source, const char *variable)
{
	const char *bytes = getenv(variable);

	if (bytes && *bytes) {
		pl_secret_answer(call, name, source, bytes, strlen(bytes));
		return;
	}
	pl_fail(&call->err, "secret.missing",
	    "the secret \"%s\" comes from the environment variable %s, which is %s",
	    name, variable, bytes ? "empty" : "not set");
	pl_secret_fail(call, source);
}

/* Relative to the project; "~/" is the user's home. Into the arena. */
static const char *file_path(struct pl_call *call, const char *file)
{
	const char *home = getenv("HOME");

	if (file[0] == '~' && file[1] == '/' && home)
		return pl_arena_printf(call->arena, "%s%s", home, file + 1);
	if (file[0] == '/')
		return file;
	return pl_arena_printf(call->arena, "%s/%s", pl_host_root(call->host), file);
}

/* Bytes read, or -1 with errno; EFBIG: there is more than `room`. */
static ssize_t read_whole(const char *path, char *bytes, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), kept;
	size_t n = 0;
	ssize_t got = 1;

	if (fd < 0)
		return -1;
	while (got && n < room) {
		got = read(fd, bytes + n, room - n);
		if (got < 0 && errno != EINTR)
			break;
		n += got > 0 ? (size_t)got : 0;
	}
	kept = got < 0 ? errno : n == room ? EFBIG : 0;
	close(fd);
	errno = kept;
	return kept ? -1 : (ssize_t)n;
}

static void read_file(struct pl_call *call, const char *name,
    const struct pl_value *source, const char *file)
{
	const char *path = file_path(call, file);
	/* Of fixed size: a buffer that grows leaves copies behind. */
	char *bytes = pl_alloc(LARGEST + 1);
	ssize_t n = read_whole(path, bytes, LARGEST + 1);

	if (n >= 0) {
		pl_secret_answer(call, name, source, bytes, (size_t)n);
	} else {
		pl_fail(&call->err, "secret.missing",
		    "the secret \"%s\" comes from the file \"%s\": %s", name, path,
		    errno == EFBIG ? "it is larger than 256 KiB" : strerror(errno));
		pl_secret_fail(call, source);
	}
	pl_wipe(bytes, LARGEST + 1);
	free(bytes);
}

/* ---- from a command ------------------------------------------------------- */

struct asking {
	struct pl_call call; /* the command's */
	struct pl_arena arena;
	struct pl_call *outer;
	char *name;
	const struct pl_value *source;
};

static void cancel_command(struct pl_call *outer)
{
	struct asking *q = outer->state;

	pl_call_cancel(&q->call);
}

static void command_ended(struct pl_call *call)
{
	struct asking *q = call->owner;
	struct pl_call *outer = q->outer;
	const struct pl_value *out = pl_get(call->result, "stdout");

	outer->cancel = NULL;
	outer->state = NULL;
	if (!call->failed && out && out->kind == PL_TEXT) {
		pl_secret_answer(
		    outer, q->name, q->source, out->as.text.at, out->as.text.len);
		pl_wipe((char *)out->as.text.at, out->as.text.len);
	} else if (strcmp(call->err.code, "cancelled") == 0) {
		outer->err = call->err;
		pl_call_fail(outer);
	} else {
		pl_fail(&outer->err, "secret.command",
		    "the secret \"%s\" comes from a command: %s", q->name,
		    call->err.msg);
		pl_secret_fail(outer, q->source);
	}
	pl_arena_fini(&q->arena);
	free(q->name);
	free(q);
}

static void read_command(struct pl_call *outer, const char *name,
    const struct pl_value *source, struct pl_value *argv)
{
	struct asking *q = pl_alloc(sizeof *q);
	struct pl_value *args = pl_map(&q->arena);

	pl_map_set(&q->arena, args, "argv", argv);
	pl_map_set(&q->arena, args, "timeout", pl_int(&q->arena, 60 * 1000));
	q->outer = outer;
	q->name = pl_strdup(name);
	q->source = source;
	q->call = (struct pl_call){.host = outer->host,
	    .arena = &q->arena,
	    .args = args,
	    .class = PL_READ,
	    .finished = command_ended,
	    .owner = q};
	outer->state = q;
	outer->cancel = cancel_command;
	pl_process_run(&q->call);
}

void pl_secret_read(
    struct pl_call *call, const char *name, const struct pl_value *source)
{
	const char *variable = pl_get_text(source, "env", NULL);
	const char *file = pl_get_text(source, "file", NULL);
	struct pl_value *argv = pl_get(source, "command");

	if (variable) {
		read_environment(call, name, source, variable);
	} else if (file) {
		read_file(call, name, source, file);
	} else if (argv && argv->kind == PL_LIST) {
		read_command(call, name, source, argv);
	} else if (pl_get(source, "doppler")) {
		pl_secret_read_doppler(call, name, source);
	} else {
		pl_fail(&call->err, "secret.missing",
		    "the secret \"%s\" has no source: give it env, file, command or "
		    "doppler",
		    name);
		pl_secret_fail(call, source);
	}
}
