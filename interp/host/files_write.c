#include "files.h"
#include "host_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- writing -------------------------------------------------------------- */

/* The state of runs and the repository's insides have keepers of their own. */
static bool may_change(struct pl_call *call, const struct pl_place *p)
{
	for (const char *at = p->path; *at;) {
		size_t n = strcspn(at, "/");

		/* Some file systems do not tell cases apart. */
		if ((n == 4 && strncasecmp(at, ".git", 4) == 0) ||
		    (n == 5 && strncasecmp(at, ".pipe", 5) == 0))
			return pl_fail(&call->err, "fs.protected",
			    "\"%s\": nothing is changed in %.*s/", p->path, (int)n, at);
		at += n + (at[n] == '/');
	}
	if (!*p->name)
		return pl_fail(
		    &call->err, "fs.kind", "the project's root cannot be changed");
	return true;
}

static const char *new_content(const struct pl_call *call, size_t *n)
{
	const struct pl_value *v = pl_arg(call, "content");

	if (v && v->kind == PL_SECRET)
		return pl_secret_bytes(v->as.secret, n);
	*n = v && v->kind == PL_TEXT ? v->as.text.len : 0;
	return v && v->kind == PL_TEXT ? v->as.text.at : "";
}

static struct pl_value *written(struct pl_call *call, const struct pl_place *p)
{
	struct pl_value *result = pl_map(call->arena);
	size_t n;

	new_content(call, &n);
	pl_map_set(call->arena, result, "path", pl_text(call->arena, p->path));
	pl_map_set(call->arena, result, "bytes", pl_int(call->arena, (int64_t)n));
	return result;
}

/* An existing file keeps its mode. A secret is for its owner only. */
static mode_t mode_of(const struct pl_call *call, const struct pl_place *p)
{
	const struct pl_value *v = pl_arg(call, "content");
	mode_t mode = pl_arg_flag(call, "executable") ? 0755 : 0644;
	struct stat st;

	if (p->directory >= 0 &&
	    !fstatat(p->directory, p->name, &st, AT_SYMLINK_NOFOLLOW) &&
	    S_ISREG(st.st_mode))
		mode =
		    (st.st_mode & 0777) | (pl_arg_flag(call, "executable") ? 0111 : 0);
	if (pl_arg_flag(call, "private") || (v && v->kind == PL_SECRET))
		mode &= 0700;
	return mode;
}

static bool write_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t k = write(fd, bytes, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return false;
		bytes += k;
		n -= (size_t)k;
	}
	return true;
}

/* Beside, synced, renamed over: whoever reads sees the old or the new file. */
static bool replace(struct pl_call *call, const struct pl_place *p)
{
	mode_t mode = mode_of(call, p);
	uint64_t number;
	char beside[40];
	size_t n;
	const char *bytes = new_content(call, &n);
	int fd;
	bool ok;

	pl_host_random(&number, sizeof number);
	snprintf(beside, sizeof beside, ".pipe-%016llx", (unsigned long long)number);
	fd = openat(p->directory, beside,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return pl_files_fail_errno(call, "fs.write", p);
	ok = write_all(fd, bytes, n) && !fchmod(fd, mode) && !fsync(fd);
	ok = !close(fd) && ok;
	ok = ok && !renameat(p->directory, beside, p->directory, p->name);
	if (!ok) {
		pl_files_fail_errno(call, "fs.write", p);
		unlinkat(p->directory, beside, 0);
		return false;
	}
	/* Not every file system can sync a directory; then it needs no sync. */
	fsync(p->directory);
	return true;
}

/* A predicted file cannot be a directory of another one. */
static bool predicted_above(struct pl_call *call, const struct pl_place *p)
{
	for (const char *at = strchr(p->path, '/'); at; at = strchr(at + 1, '/')) {
		const struct pl_value *state = pl_overlay_get(call,
		    pl_arena_printf(
		        call->arena, "fs:%.*s", (int)(at - p->path), p->path));

		if (state && state->kind == PL_MAP)
			return pl_fail(&call->err, "fs.kind",
			    "\"%.*s\" is a file, not a directory", (int)(at - p->path),
			    p->path);
	}
	return true;
}

/* That it can be written as far as one can tell without doing it. */
static bool may_write_file(struct pl_call *call, const struct pl_place *p)
{
	bool directory;
	size_t n;

	new_content(call, &n);
	if (!may_change(call, p))
		return false;
	if (n > PL_FILE_LARGEST)
		return pl_fail(&call->err, "fs.large",
		    "\"%s\": the content is larger than 16 MiB", p->path);
	if (pl_files_exists(call, p, &directory) && directory)
		return pl_fail(&call->err, "fs.kind", "\"%s\" is a directory", p->path);
	return predicted_above(call, p);
}

void pl_fs_write(struct pl_call *call)
{
	struct pl_place p;
	bool ok = pl_files_place(&p, call, true) && may_write_file(call, &p) &&
	    pl_call_may_write(call) && pl_place_make(&p, &call->err) &&
	    replace(call, &p);

	pl_files_answer(call, &p, ok ? written(call, &p) : NULL);
}

/* What people are shown of a content: its size, and its hash if that tells
 * nothing. */
static struct pl_value *digest(
    struct pl_call *call, const char *bytes, size_t n, bool hashed)
{
	struct pl_value *v = pl_map(call->arena);
	uint8_t hash[32];
	char hex[65];

	pl_map_set(call->arena, v, "bytes", pl_int(call->arena, (int64_t)n));
	if (hashed) {
		pl_sha256(hash, bytes, n);
		pl_hex(hex, hash, sizeof hash);
		pl_map_set(call->arena, v, "sha256", pl_text(call->arena, hex));
	}
	return v;
}

static bool is_secret(const struct pl_call *call)
{
	const struct pl_value *v = pl_arg(call, "content");

	return v && v->kind == PL_SECRET;
}

void pl_fs_predict_write(struct pl_call *call)
{
	struct pl_value *old = NULL, *state = pl_map(call->arena);
	struct pl_place p;
	const char *bytes;
	bool there, directory;
	size_t n;

	if (!pl_files_place(&p, call, true) || !may_write_file(call, &p)) {
		pl_files_answer(call, &p, NULL);
		return;
	}
	bytes = new_content(call, &n);
	there = pl_files_exists(call, &p, &directory);
	if (there)
		old = pl_files_content(
		    call, &p); /* too large to show is no reason to fail */
	call->err = (struct pl_err){0};
	call->prediction = (struct pl_prediction){.sign = there ? '~' : '+'};
	call->prediction.after = digest(call, bytes, n, !is_secret(call));
	if (old)
		call->prediction.before =
		    digest(call, old->as.text.at, old->as.text.len, !is_secret(call));
	if (old && old->as.text.len == n && memcmp(old->as.text.at, bytes, n) == 0)
		call->prediction.note = "the same content";
	pl_map_set(call->arena, state, "text", pl_textn(call->arena, bytes, n));
	pl_overlay_set(call, pl_files_resource(call, &p), state);
	pl_files_answer(call, &p, written(call, &p));
}

static struct pl_value *happened(struct pl_call *call, struct pl_value *result)
{
	struct pl_value *v = pl_map(call->arena);

	pl_map_set(call->arena, v, "happened", pl_bool(call->arena, result != NULL));
	if (result)
		pl_map_set(call->arena, v, "result", result);
	return v;
}

/* Files are renamed into place whole: another content means that it was not
 * written, or that somebody came after. */
void pl_fs_probe_write(struct pl_call *call)
{
	struct pl_value *old, *found = NULL;
	struct pl_place p;
	size_t n;
	const char *bytes = new_content(call, &n);

	if (pl_files_place(&p, call, true)) {
		old = pl_files_content(call, &p);
		if (old)
			found = happened(call,
			    old->as.text.len == n &&
			            memcmp(old->as.text.at, bytes, n) == 0
			        ? written(call, &p)
			        : NULL);
		else if (strcmp(call->err.code, "fs.missing") == 0)
			found = happened(call, NULL);
	}
	pl_files_answer(call, &p, found);
}

/* ---- removing ------------------------------------------------------------- */

static struct pl_value *removed(struct pl_call *call, const struct pl_place *p)
{
	struct pl_value *result = pl_map(call->arena);

	pl_map_set(call->arena, result, "path", pl_text(call->arena, p->path));
	return result;
}

static bool may_remove(struct pl_call *call, const struct pl_place *p)
{
	bool directory;

	if (!may_change(call, p))
		return false;
	if (!pl_files_exists(call, p, &directory))
		return pl_files_fail_missing(call, p);
	if (directory)
		return pl_fail(&call->err, "fs.kind",
		    "\"%s\" is a directory; only files are removed", p->path);
	return true;
}

void pl_fs_remove(struct pl_call *call)
{
	struct pl_place p;
	bool ok = pl_files_place(&p, call, false) && may_remove(call, &p) &&
	    pl_call_may_write(call);

	if (ok && unlinkat(p.directory, p.name, 0))
		ok = pl_files_fail_errno(call, "fs.write", &p);
	if (ok)
		fsync(p.directory);
	pl_files_answer(call, &p, ok ? removed(call, &p) : NULL);
}

void pl_fs_predict_remove(struct pl_call *call)
{
	struct pl_value *old;
	struct pl_place p;

	if (!pl_files_place(&p, call, false) || !may_remove(call, &p)) {
		pl_files_answer(call, &p, NULL);
		return;
	}
	call->prediction = (struct pl_prediction){.sign = '-'};
	old = pl_files_content(call, &p);
	call->err = (struct pl_err){0};
	if (old)
		call->prediction.before =
		    digest(call, old->as.text.at, old->as.text.len, true);
	pl_overlay_set(call, pl_files_resource(call, &p), pl_bool(call->arena, false));
	pl_files_answer(call, &p, removed(call, &p));
}

void pl_fs_probe_remove(struct pl_call *call)
{
	struct pl_value *found = NULL;
	struct pl_place p;
	bool directory;

	if (pl_files_place(&p, call, false))
		found = happened(call,
		    pl_files_exists(call, &p, &directory) ? NULL : removed(call, &p));
	pl_files_answer(call, &p, found);
}
