/*
 * The few calls that reach the disk. Everything that the store writes goes
 * through here, so that there is one place to ask: is it on disk now?
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store_inner.h"

char *pl_store_path(const struct pl_store *s, const char *fmt, ...)
{
	struct pl_buf b = {0};
	pl_buf_puts(&b, s->dir);
	if (!*fmt)
		return pl_buf_take(&b);
	char below[PL_PATH_MAX];
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(below, sizeof below, fmt, args);
	va_end(args);
	assert(n > 0 && (size_t)n < sizeof below); /* ids and lock names are bounded */
	(void)n;
	pl_buf_putc(&b, '/');
	pl_buf_puts(&b, below);
	return pl_buf_take(&b);
}

/* Makes one folder; that it exists already is fine. errno. */
static bool make_folder(const char *path)
{
	return mkdir(path, 0700) == 0 || errno == EEXIST;
}

bool pl_store_make(
    const struct pl_store *s, const char *below, const char *code, struct pl_err *err)
{
	char *path = pl_store_path(s, "%s", below);
	struct pl_err why;
	/* Most of the time only the last folder is new, or none. */
	bool ok = make_folder(path);
	if (!ok && errno == ENOENT && !pl_dir_make(s->dir, 0700, &why)) {
		free(path);
		return pl_fail(err, code, "%s", why.msg);
	}
	for (char *at = path + strlen(s->dir) + 1; !ok && at;) {
		at = strchr(at, '/');
		if (at)
			*at = '\0';
		if (!make_folder(path)) {
			pl_fail(err, code, "cannot make the folder '%s': %s", path,
			    strerror(errno));
			break;
		}
		ok = !at;
		if (at)
			*at++ = '/';
	}
	free(path);
	return ok;
}

int pl_disk_open(const char *path, int flags)
{
	/* O_NONBLOCK: a named pipe in our folder must not hold us up. */
	int fd = open(
	    path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, (mode_t)0600);
	if (fd < 0)
		return -1;
	struct stat st;
	int why = fstat(fd, &st) != 0 ? errno
	    : S_ISREG(st.st_mode)     ? 0
	    : S_ISDIR(st.st_mode)     ? EISDIR
	                              : ENXIO;
	if (!why)
		return fd;
	close(fd);
	errno = why;
	return -1;
}

bool pl_disk_write(int fd, const void *bytes, size_t n, size_t *done)
{
	ssize_t got;
	do {
		got = write(fd, bytes, n);
	} while (got < 0 && errno == EINTR); /* nothing was written then */
	*done = got < 0 ? 0 : (size_t)got;
	if (got >= 0 && *done < n)
		errno = ENOSPC; /* what a short write to a file means */
	return *done == n;
}

bool pl_disk_sync(int fd)
{
#ifdef F_FULLFSYNC
	/* fsync alone leaves the drive's cache behind; network and foreign file
	 * systems do not know the stronger call. */
	if (fcntl(fd, F_FULLFSYNC) == 0)
		return true;
	if (errno != ENOTSUP && errno != EINVAL && errno != ENOTTY)
		return false;
	return fsync(fd) == 0;
#else
	return fdatasync(fd) == 0; /* the file's length is data */
#endif
}

bool pl_disk_sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	/* EINVAL: a file system whose folders need no syncing says so. */
	bool ok = fsync(fd) == 0 || errno == EINVAL;
	int why = errno;
	close(fd);
	errno = why;
	return ok;
}

/* Nobody writes a first head before the folders above the runs are lasting: where
 * there is one, they need no syncing, whoever made them. */
static bool is_settled(const struct pl_store *s)
{
	char *path = pl_store_path(s, "heads.jsonl");
	struct stat st;
	bool settled = stat(path, &st) == 0 && st.st_size > 0;
	free(path);
	return settled;
}

bool pl_store_sync_run(const struct pl_store *s, const char *run, char **where)
{
	char *paths[] = {pl_store_path(s, "runs/%s/files", run),
	    pl_store_path(s, "runs/%s", run), pl_store_path(s, "runs"),
	    pl_store_path(s, "."), pl_store_path(s, "..")};
	size_t n = is_settled(s) ? 3 : PL_COUNT(paths);
	bool ok = true;
	int why = 0;
	for (size_t i = 0; i < n && ok; i++) {
		bool may_lack = i == 0; /* a run that keeps no files */
		ok = pl_disk_sync_dir(paths[i]) || (may_lack && errno == ENOENT);
		if (!ok) {
			why = errno;
			*where = pl_strdup(paths[i]);
		}
	}
	for (size_t i = 0; i < PL_COUNT(paths); i++)
		free(paths[i]);
	errno = why;
	return ok;
}

/* Opens the first of KEPT, KEPT.1, KEPT.2 … that does not exist. */
static int open_kept(const char *kept, struct pl_buf *path)
{
	for (unsigned i = 0; i < 1000; i++) {
		pl_buf_reset(path);
		pl_buf_puts(path, kept);
		if (i)
			pl_buf_printf(path, ".%u", i);
		int fd = pl_disk_open(path->at, O_WRONLY | O_CREAT | O_EXCL);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

static bool copy(int to, int from, uint64_t at, uint64_t end)
{
	char block[16384];
	while (at < end) {
		size_t want =
		    end - at < sizeof block ? (size_t)(end - at) : sizeof block;
		ssize_t got = pread(from, block, want, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			errno = EIO; /* it was longer a moment ago */
		size_t done;
		if (got <= 0 || !pl_disk_write(to, block, (size_t)got, &done))
			return false;
		at += (uint64_t)got;
	}
	return pl_disk_sync(to);
}

bool pl_disk_cut(int fd, uint64_t from, uint64_t size, const char *path,
    const char *kept, const char *dir, struct pl_err *err)
{
	bool ok = false;
	struct pl_buf name = {0};
	int to = open_kept(kept, &name);
	if (to < 0) {
		pl_fail(err, "journal.write",
		    "cannot keep the torn end of '%s' as '%s': %s", path, name.at,
		    strerror(errno));
		goto cleanup;
	}
	if (!copy(to, fd, from, size) || !pl_disk_sync_dir(dir)) {
		pl_fail(err, "journal.write",
		    "cannot keep the torn end of '%s' as '%s': %s", path, name.at,
		    strerror(errno));
		unlink(name.at); /* the original still stands where it was */
		goto cleanup;
	}
	if (ftruncate(fd, (off_t)from) != 0 || !pl_disk_sync(fd)) {
		pl_fail(err, "journal.write", "cannot cut off the torn end of '%s': %s",
		    path, strerror(errno));
		goto cleanup;
	}
	ok = true;
cleanup:
	if (to >= 0)
		close(to);
	pl_buf_fini(&name);
	return ok;
}

/* What the holder left, at most a page of it; empty if that cannot be had. */
static void read_holder(int fd, struct pl_buf *out)
{
	char page[4096];
	ssize_t got = pread(fd, page, sizeof page, 0);
	pl_buf_reset(out);
	if (got > 0)
		pl_buf_add(out, page, (size_t)got);
}

int pl_disk_lock(const char *path, const char *holder, struct pl_buf *held)
{
	int fd = pl_disk_open(path, O_RDWR | O_CREAT);
	if (fd < 0)
		return -1;
	/* flock, not fcntl: it belongs to this descriptor alone, so that closing
	 * another one of the same file does not give it up. */
	int why;
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EINTR)
			continue;
		why = errno;
		if (why == EWOULDBLOCK && held)
			read_holder(fd, held);
		close(fd);
		errno = why;
		return -1;
	}
	size_t done;
	if (ftruncate(fd, 0) == 0 && pl_disk_write(fd, holder, strlen(holder), &done))
		return fd;
	why = errno;
	pl_disk_unlock(fd);
	errno = why;
	return -1;
}

void pl_disk_unlock(int fd)
{
	if (fd < 0)
		return;
	/* The file stays: removing it would let two processes hold two files of
	 * one name. That it is not emptied harms nobody, so no check. */
	if (ftruncate(fd, 0) != 0)
		errno = 0;
	close(fd);
}

bool pl_disk_wait(int fd)
{
	for (unsigned tries = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; tries++) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || tries == 1000)
			return false;
		nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
	}
	return true;
}

void pl_holder_describe(struct pl_arena *a, struct pl_value *map)
{
	if (!pl_get(map, "pid"))
		pl_map_set(a, map, "pid", pl_int(a, (int64_t)getpid()));
	char host[256] = "";
	if (!pl_get(map, "host") && gethostname(host, sizeof host - 1) == 0)
		pl_map_set(a, map, "host", pl_text(a, host));
	struct timespec now;
	if (!pl_get(map, "since") && clock_gettime(CLOCK_REALTIME, &now) == 0) {
		char text[32];
		pl_time_write(text, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
		pl_map_set(a, map, "since", pl_text(a, text));
	}
}
