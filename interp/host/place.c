#include "place.h"
#include "host_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEEPEST = 64, LINKS = 40 };

struct walk {
	struct pl_call *call;
	const char *asked; /* what the script wrote */
	struct {
		int fd;
		const char *name;
	} at[DEEPEST]; /* at[0] is the root */
	size_t depth;
	const char *todo;
	unsigned links;
};

static bool outside(const struct walk *w)
{
	return pl_fail(
	    &w->call->err, "fs.outside", "\"%s\" leads outside the project", w->asked);
}

static void leave(struct walk *w)
{
	close(w->at[w->depth--].fd);
}

static bool enter(struct walk *w, int fd, const char *name)
{
	if (w->depth + 1 == DEEPEST) {
		close(fd);
		return pl_fail(&w->call->err, "fs.path",
		    "\"%s\" has more than %d levels", w->asked, DEEPEST);
	}
	w->at[++w->depth].fd = fd;
	w->at[w->depth].name = name;
	return true;
}

/* The part of an absolute path that lies below the root, or NULL. */
static const char *below_root(const struct walk *w, const char *path)
{
	const char *root = pl_host_root(w->call->host);
	size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);

	if (strncmp(path, root, n) != 0 || (path[n] && path[n] != '/'))
		return NULL;
	return path + n;
}

/* Goes on with `path`, which may be absolute, from where we are. */
static bool redirect(struct walk *w, const char *path, const char *rest)
{
	if (path[0] == '/') {
		path = below_root(w, path);
		if (!path)
			return outside(w);
		while (w->depth)
			leave(w);
	}
	w->todo = pl_arena_printf(w->call->arena, "%s/%s", path, rest);
	return true;
}

/* 1: it is a link, and `todo` has it now; 0: it is none; -1: failed. */
static int follow_link(struct walk *w, const char *name, const char *rest)
{
	char to[PATH_MAX];
	ssize_t n = readlinkat(w->at[w->depth].fd, name, to, sizeof to - 1);

	if (n < 0)
		return 0;
	to[n] = '\0';
	if (++w->links > LINKS) {
		pl_fail(&w->call->err, "fs.path", "\"%s\" goes through too many links",
		    w->asked);
		return -1;
	}
	return redirect(w, to, rest) ? 1 : -1;
}

/* The next component, or NULL at the end. */
static const char *next(struct walk *w)
{
	size_t n;
	const char *name;

	while (*w->todo == '/')
		w->todo++;
	n = strcspn(w->todo, "/");
	if (!n)
		return NULL;
	name = pl_arena_text(w->call->arena, w->todo, n);
	w->todo += n;
	while (*w->todo == '/')
		w->todo++;
	return name;
}

/* "." and ".." are done here: 1; 0: it is a name; -1: failed. */
static int dots(struct walk *w, const char *name)
{
	if (strcmp(name, ".") == 0)
		return 1;
	if (strcmp(name, "..") != 0)
		return 0;
	if (!w->depth)
		return outside(w) ? 1 : -1;
	leave(w);
	return 1;
}

/* What is left once a directory is missing: names only. */
static bool missing(
    struct walk *w, const char *first, const char **made, const char **last)
{
	struct pl_arena *a = w->call->arena;
	const char *name, *path = "";

	*last = first;
	while ((name = next(w))) {
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0)
			return pl_fail(&w->call->err, "fs.missing",
			    "\"%s\": there is no \"%s\" to go back from", w->asked,
			    *last);
		path = *path ? pl_arena_printf(a, "%s/%s", path, *last) : *last;
		*last = name;
	}
	*made = path;
	return true;
}

static const char *join(struct walk *w, const char *made, const char *last)
{
	struct pl_arena *a = w->call->arena;
	const char *path = "";

	for (size_t i = 1; i <= w->depth; i++)
		path = pl_arena_printf(a, "%s%s/", path, w->at[i].name);
	if (*made)
		path = pl_arena_printf(a, "%s%s/", path, made);
	path = pl_arena_printf(a, "%s%s", path, last);
	return *path ? path : ".";
}

/* One component. 1: go on; 0: *last is where the path ends; -1: failed. */
static int step(
    struct walk *w, const char *name, bool follow, const char **made, const char **last)
{
	int here = w->at[w->depth].fd, fd, done = dots(w, name);
	bool is_last = !*w->todo;

	if (done)
		return done;
	if (is_last) {
		done = follow ? follow_link(w, name, "") : 0;
		*last = name;
		return done;
	}
	fd = openat(here, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		return enter(w, fd, name) ? 1 : -1;
	if (errno == ENOENT)
		return missing(w, name, made, last) ? 0 : -1;
	if (errno == ENOTDIR || errno == ELOOP) {
		done = follow_link(w, name, w->todo);
		if (done)
			return done;
		errno = ENOTDIR;
	}
	pl_fail(&w->call->err, "fs.read", "\"%s\": \"%s\": %s", w->asked, name,
	    strerror(errno));
	return -1;
}

/* "a/" and "a/." are a: a directory or what is to become one. */
static bool finish(
    struct pl_place *p, struct walk *w, const char *made, const char *last)
{
	p->missing = made;
	p->path = join(w, made, last);
	p->name = last;
	/* The path ended in "..", or is the root: its own directory is known. */
	if (!*last && w->depth) {
		p->name = w->at[w->depth].name;
		leave(w);
	}
	if (strlen(p->path) > 1 && p->path[strlen(p->path) - 1] == '/')
		p->path = pl_arena_text(w->call->arena, p->path, strlen(p->path) - 1);
	p->base = w->at[w->depth].fd;
	p->directory = *made ? -1 : p->base;
	return true;
}

bool pl_place_find(
    struct pl_place *p, struct pl_call *call, const char *path, bool follow)
{
	struct walk w = {.call = call, .asked = path, .todo = path};
	const char *made = "", *last = "", *name;
	int more = 1, root = fcntl(pl_host_root_fd(call->host), F_DUPFD_CLOEXEC, 3);
	bool ok = false;

	*p = (struct pl_place){.directory = -1, .base = -1};
	w.at[0].fd = root;
	if (root < 0) {
		pl_fail(&call->err, "fs.read", "\"%s\": %s", path, strerror(errno));
		return false;
	}
	if (!*path) {
		pl_fail(&call->err, "fs.path", "the path is empty");
		goto cleanup;
	}
	if (path[0] == '/' && !redirect(&w, path, ""))
		goto cleanup;
	while (more > 0 && (name = next(&w))) {
		last = "";
		more = step(&w, name, follow, &made, &last);
	}
	if (more < 0)
		goto cleanup;
	if (more > 0)
		last = "";
	ok = finish(p, &w, made, last);
cleanup:
	/* All but the one that the place keeps. */
	while (w.depth) {
		if (!ok || w.at[w.depth].fd != p->base)
			close(w.at[w.depth].fd);
		w.depth--;
	}
	if (!ok || root != p->base)
		close(root);
	return ok;
}

bool pl_place_make(struct pl_place *p, struct pl_err *err)
{
	const char *at = p->missing;

	while (*at) {
		char name[NAME_MAX + 1];
		size_t n = strcspn(at, "/");
		int fd;

		if (n > NAME_MAX)
			return pl_fail(
			    err, "fs.write", "\"%s\": a name is too long", p->path);
		memcpy(name, at, n);
		name[n] = '\0';
		if (mkdirat(p->base, name, 0777) && errno != EEXIST)
			return pl_fail(err, "fs.write", "the directory \"%s\": %s",
			    name, strerror(errno));
		fd = openat(
		    p->base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return pl_fail(err, "fs.write", "the directory \"%s\": %s",
			    name, strerror(errno));
		close(p->base);
		p->base = fd;
		at += n + (at[n] == '/');
		p->missing = at;
	}
	p->directory = p->base;
	return true;
}

void pl_place_fini(struct pl_place *p)
{
	if (p->base > 0)
		close(p->base);
	p->base = p->directory = -1;
}
