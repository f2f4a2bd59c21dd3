/* Whole files: read, replaced so that a reader sees the old or the new one. */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST_FILE = 64 * 1024 * 1024, PIECE = 16 * 1024 };

static int open_again(const char *path, int flags)
{
	int fd;

	do
		fd = open(path, flags | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* ---- reading ----------------------------------------------------------- */

static bool read_all(
    struct pl_buf *out, int fd, const char *path, size_t max, struct pl_err *err)
{
	char piece[PIECE];
	size_t sum = 0;

	for (;;) {
		ssize_t n = read(fd, piece, PIECE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pl_fail(err, "file.read", "cannot read \"%s\": %s", path,
			    strerror(errno));
		if (n == 0)
			return true;
		sum += (size_t)n;
		if (sum > max)
			return pl_fail(err, "file.large",
			    "\"%s\" has more than %zu bytes", path, max);
		pl_buf_add(out, piece, (size_t)n);
	}
}

/* A pipe of the caller's own, as a shell makes it for <(command): that one is
 * meant. Any other may have nobody at its far end, and would be waited for. */
static bool is_given(const char *path)
{
	return strncmp(path, "/dev/fd/", 8) == 0 ||
	    strncmp(path, "/proc/self/fd/", 14) == 0;
}

static const char *kind_of(mode_t mode)
{
	return S_ISFIFO(mode) ? "a FIFO" : S_ISSOCK(mode) ? "a socket" : "a device";
}

/* Whether what was opened, without waiting, may be read to its end. */
static bool check_kind(int fd, const char *path, struct stat *st, struct pl_err *err)
{
	if (fstat(fd, st) != 0)
		return pl_fail(
		    err, "file.read", "cannot read \"%s\": %s", path, strerror(errno));
	if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode))
		return true; /* reading a directory says what it is */
	if (!S_ISFIFO(st->st_mode) || !is_given(path))
		return pl_fail(err, "file.kind", "\"%s\" is %s, not a file", path,
		    kind_of(st->st_mode));
	int flags = fcntl(fd, F_GETFL);
	return (flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0) ||
	    pl_fail(err, "file.read", "cannot read \"%s\": %s", path, strerror(errno));
}

bool pl_file_read(struct pl_buf *out, const char *path, size_t max, struct pl_err *err)
{
	size_t len = out->len;
	int fd = open_again(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return pl_fail(err,
		    errno == ENOENT || errno == ENOTDIR ? "file.missing" : "file.read",
		    "cannot read \"%s\": %s", path, strerror(errno));
	if (max == 0)
		max = LARGEST_FILE;
	pl_buf_add(out, "", 0);
	bool ok = check_kind(fd, path, &st, err);
	if (ok && S_ISREG(st.st_mode) && st.st_size > 0 && (uintmax_t)st.st_size > max)
		ok = pl_fail(err, "file.large", "\"%s\" has %lld bytes, more than %zu",
		    path, (long long)st.st_size, max);
	else
		ok = ok && read_all(out, fd, path, max, err);
	close(fd);
	if (!ok) {
		out->len = len;
		out->at[len] = '\0';
	}
	return ok;
}

/* ---- writing ----------------------------------------------------------- */

static bool sync_file(int fd)
{
#ifdef F_FULLFSYNC
	/* On macOS fsync leaves the data in the drive's cache. */
	if (fcntl(fd, F_FULLFSYNC) == 0)
		return true;
#endif
	return fsync(fd) == 0;
}

static bool write_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, bytes, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		bytes += done;
		n -= (size_t)done;
	}
	return true;
}

/* Makes the rename itself durable. */
static bool sync_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = !slash  ? pl_strdup(".")
	    : slash == path ? pl_strdup("/")
	                    : pl_strndup(path, (size_t)(slash - path));
	int fd = open_again(dir, O_RDONLY);

	free(dir);
	if (fd < 0)
		return errno == EACCES; /* may be written, not listed */
	/* Some file systems cannot sync a directory and say EINVAL. */
	bool ok = fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP;
	int why = errno;
	close(fd);
	errno = why;
	return ok;
}

bool pl_file_write(
    const char *path, const void *bytes, size_t n, unsigned mode, struct pl_err *err)
{
	struct pl_buf name = {0};
	const char *what = "write";
	bool ok = false, named = false;
	int why = 0;

	pl_buf_printf(&name, "%s.XXXXXX", path);
	int fd = mkstemp(name.at);
	named = fd >= 0;
	if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
	    fchmod(fd, (mode_t)mode) != 0 || !write_all(fd, bytes, n))
		goto cleanup;
	what = "sync";
	if (!sync_file(fd))
		goto cleanup;
	int closed = close(fd);
	fd = -1;
	if (closed != 0)
		goto cleanup;
	what = "replace";
	if (rename(name.at, path) != 0)
		goto cleanup;
	named = false;
	what = "sync the directory of";
	ok = sync_directory_of(path);
cleanup:
	why = errno;
	if (fd >= 0)
		close(fd);
	if (named)
		unlink(name.at);
	pl_buf_fini(&name);
	return ok ||
	    pl_fail(
	        err, "file.write", "cannot %s \"%s\": %s", what, path, strerror(why));
}

static bool make_one(const char *path, unsigned mode, struct pl_err *err)
{
	struct stat st;

	if (mkdir(path, (mode_t)mode) == 0)
		return true;
	int why = errno;
	/* Already there, or made by somebody else at this moment. Some systems
	 * answer EROFS or EACCES for a directory that exists. */
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return true;
		why = ENOTDIR;
	}
	return pl_fail(err, "file.write", "cannot make the directory \"%s\": %s", path,
	    strerror(why));
}

bool pl_dir_make(const char *path, unsigned mode, struct pl_err *err)
{
	char *part = pl_strdup(path);
	bool ok = *part != '\0' ||
	    pl_fail(err, "file.write", "cannot make a directory without a name");

	for (char *p = part; ok && *p; p++) {
		if (p == part || *p != '/' || p[-1] == '/')
			continue;
		*p = '\0';
		ok = make_one(part, mode, err);
		*p = '/';
	}
	ok = ok && make_one(part, mode, err);
	free(part);
	return ok;
}
