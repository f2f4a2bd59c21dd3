/*
 * The store's folder: which runs it holds, and what they were started with.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_inner.h"

#define PIN_MAX ((size_t)1 << 30)

struct pl_store *pl_store_open(const char *dir, struct pl_err *err)
{
	struct stat st;
	if (strlen(dir) > PL_PATH_MAX - 400 || !*dir) {
		pl_fail(err, "store.open", "the path of the state folder is %s",
		    *dir ? "too long" : "empty");
		return NULL;
	}
	if (stat(dir, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			errno = ENOTDIR;
		else if (access(dir, R_OK | X_OK) == 0)
			errno = 0;
	} else if (errno == ENOENT) {
		errno = 0; /* made at the first write */
	}
	if (errno) {
		pl_fail(err, "store.open", "cannot use '%s' as the state folder: %s",
		    dir, strerror(errno));
		return NULL;
	}
	struct pl_store *s = pl_alloc(sizeof *s);
	s->dir = pl_strdup(dir);
	for (size_t n = strlen(dir); n > 1 && s->dir[n - 1] == '/'; n--)
		s->dir[n - 1] = '\0';
	return s;
}

void pl_store_close(struct pl_store *s)
{
	if (!s)
		return;
	free(s->dir);
	free(s);
}

const char *pl_store_dir(const struct pl_store *s)
{
	return s->dir;
}

/* ---- which runs there are ------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* False: the folder holds no journal, which a crash right after its making, or a
 * pin for a run that never started, leaves behind. */
static bool has_journal(const struct pl_store *s, const char *run)
{
	struct stat st;
	char *path = pl_store_path(s, "runs/%s/journal.jsonl", run);
	bool there = lstat(path, &st) == 0 || errno == EACCES;
	free(path);
	return there;
}

struct pl_value *pl_store_runs(struct pl_store *s, struct pl_arena *a)
{
	struct pl_value *list = pl_list(a);
	const char **all = NULL;
	size_t n = 0, cap = 0;
	char *path = pl_store_path(s, "runs");
	DIR *dir = opendir(path);
	free(path);
	if (!dir)
		return list;
	for (struct dirent *e; (e = readdir(dir));) {
		if (!pl_run_valid(e->d_name))
			continue;
		if (n == cap)
			all = pl_realloc(all, (cap = cap ? cap * 2 : 64) * sizeof *all);
		all[n] = pl_arena_text(a, e->d_name, strlen(e->d_name));
		n += has_journal(s, all[n]);
	}
	closedir(dir);
	if (n)
		qsort(all, n, sizeof *all, by_name);
	for (size_t i = 0; i < n; i++)
		pl_list_add(a, list, pl_text(a, all[i]));
	free(all);
	return list;
}

/* "a, b, c and 4 more" of the runs that hold `word`. */
static void name_some(struct pl_buf *out, const struct pl_value *runs, const char *word)
{
	unsigned shown = 0, more = 0;
	for (uint32_t i = runs->as.list.len; i-- > 0;) {
		const char *run = pl_text_of(runs->as.list.at[i], "");
		if (!strstr(run, word))
			continue;
		if (shown == 5)
			more++;
		else
			pl_buf_printf(out, "%s%s", shown++ ? ", " : "", run);
	}
	if (more)
		pl_buf_printf(out, " and %u more", more);
}

const char *pl_store_find(
    struct pl_store *s, struct pl_arena *a, const char *word, struct pl_err *err)
{
	if (word && !pl_run_valid(word)) {
		struct pl_buf shown = {0};
		pl_printable(&shown, word, strnlen(word, 2 * PL_RUN_MAX), false);
		pl_fail(err, "run.missing",
		    "'%s' cannot name a run: ids are 1 to %d of a-z, 0-9 and '-'",
		    shown.at ? shown.at : "", PL_RUN_MAX);
		pl_buf_fini(&shown);
		return NULL;
	}
	const struct pl_value *runs = pl_store_runs(s, a);
	uint32_t n = runs->as.list.len;
	const char *found = NULL;
	unsigned hits = 0;
	if (!word && n)
		return pl_text_of(runs->as.list.at[n - 1], NULL);
	for (uint32_t i = 0; i < n; i++) {
		const char *run = pl_text_of(runs->as.list.at[i], "");
		if (strcmp(run, word) == 0)
			return run;
		if (strstr(run, word)) {
			found = run;
			hits++;
		}
	}
	if (hits == 1)
		return found;
	if (!word) {
		pl_fail(err, "run.missing", "there are no runs in '%s'", s->dir);
	} else if (hits == 0) {
		pl_fail(
		    err, "run.missing", "no run in '%s' is named '%s'", s->dir, word);
	} else {
		struct pl_buf some = {0};
		name_some(&some, runs, word);
		pl_fail(err, "run.ambiguous", "'%s' may be %u runs: %s", word, hits,
		    some.at);
		pl_buf_fini(&some);
	}
	return NULL;
}

/* ---- what a run was started with ------------------------------------------- */

static void hash_of(char out[65], const void *bytes, size_t n)
{
	uint8_t digest[32];
	pl_sha256(digest, bytes, n);
	pl_hex(out, digest, sizeof digest);
}

bool pl_store_pin(struct pl_store *s, const char *run, const void *bytes, size_t n,
    char hash[65], struct pl_err *err)
{
	if (!pl_run_valid(run))
		return pl_fail(err, "store.write", "'%s' is not a run's id", run);
	if (n > PIN_MAX)
		return pl_fail(err, "store.write",
		    "a file of %zu bytes is too large to be kept with a run", n);
	char name[65], *below = NULL, *path = NULL, *part = NULL;
	bool ok = false;
	int fd = -1;
	size_t done;
	hash_of(name, bytes, n);
	below = pl_store_path(&(struct pl_store){.dir = "runs"}, "%s/files", run);
	path = pl_store_path(s, "%s/%s", below, name);
	part = pl_store_path(s, "%s/%s.part", below, name);
	if (!pl_store_make(s, below, "store.write", err))
		goto cleanup;
	fd = pl_disk_open(part, O_WRONLY | O_CREAT | O_TRUNC);
	if (fd < 0 || !pl_disk_write(fd, bytes, n, &done) || !pl_disk_sync(fd) ||
	    rename(part, path) != 0) {
		pl_fail(
		    err, "store.write", "cannot keep '%s': %s", path, strerror(errno));
		goto cleanup;
	}
	memcpy(hash, name, sizeof name);
	ok = true;
cleanup:
	if (fd >= 0)
		close(fd);
	free(below);
	free(path);
	free(part);
	return ok;
}

/* All of a kept file; what stands in its place and is none, a link or a FIFO, is
 * not what we put there. */
static bool read_kept(struct pl_buf *out, const char *path, struct pl_err *err)
{
	char piece[16384];
	ssize_t n = 0;
	struct stat st;
	int fd = pl_disk_open(path, O_RDONLY);
	if (fd < 0) {
		int why = errno;
		if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
			return pl_fail(err, "store.corrupt", "'%s' is %s, not a file",
			    path,
			    S_ISLNK(st.st_mode)        ? "a symbolic link"
			        : S_ISFIFO(st.st_mode) ? "a FIFO"
			        : S_ISDIR(st.st_mode)  ? "a folder"
			                               : "a device");
		return pl_fail(err,
		    why == ENOENT || why == ENOTDIR ? "file.missing" : "file.read",
		    "cannot read '%s': %s", path, strerror(why));
	}
	while (out->len <= PIN_MAX &&
	    ((n = read(fd, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR)))
		if (n > 0)
			pl_buf_add(out, piece, (size_t)n);
	int why = errno;
	close(fd);
	if (n < 0)
		return pl_fail(
		    err, "file.read", "cannot read '%s': %s", path, strerror(why));
	if (out->len > PIN_MAX)
		return pl_fail(err, "store.corrupt",
		    "'%s' was changed: it is larger than what is kept", path);
	return true;
}

bool pl_store_pinned(struct pl_store *s, const char *run, const char *hash,
    struct pl_buf *out, struct pl_err *err)
{
	if (!pl_run_valid(run) || strlen(hash) != 64 ||
	    strspn(hash, "0123456789abcdef") != 64)
		return pl_fail(err, "store.corrupt",
		    "'%.80s' of run '%.80s' cannot name a kept file", hash, run);
	char *path = pl_store_path(s, "runs/%s/files/%s", run, hash), is[65];
	struct pl_buf got = {0};
	bool ok = read_kept(&got, path, err);
	if (ok) {
		hash_of(is, got.at ? got.at : "", got.len);
		ok = strcmp(is, hash) == 0;
		if (!ok)
			pl_fail(err, "store.corrupt",
			    "'%s' was changed: it hashes to %.12s…", path, is);
	}
	if (ok)
		pl_buf_add(out, got.at ? got.at : "", got.len);
	pl_buf_fini(&got);
	free(path);
	return ok;
}
