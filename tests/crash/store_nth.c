/*
 * Fail-the-nth-call: the store does its whole work again and again, and each time
 * another one of its calls to the system fails: once, from then on (a full disk),
 * half way through a write, or by the end of the process. Afterwards:
 *
 * - what was said to be written is there, in order;
 * - what was said to have failed is there whole, as the last one, or not at all;
 * - nothing is corrupt, and verify finds nothing wrong;
 * - the store works again, and no descriptor was left open.
 *
 * Linked with -Wl,--wrap for each of the calls; store.sh does that.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../unit/store_world.h"

enum mode { ONCE, FROM_THEN_ON, SHORT, DIE, MODES };
static const char *const mode_names[] = {"once", "from then on", "short", "die"};

enum { TRIED_MAX = 64 };

/* Shared with the process that does the work, so that it survives its end. */
struct log {
	int tried, sealed, pinned;
	bool done[TRIED_MAX]; /* append number i returned true */
	char hash[65];
	char last_call[16];
	int calls;
};
static struct log *seen;

static struct {
	enum mode mode;
	int nth, error; /* nth 0: nothing fails */
} fault;

/* True: this call fails, and errno is set. */
static bool fails(const char *call)
{
	if (fault.nth == 0)
		return false;
	seen->calls++;
	if (seen->calls == fault.nth)
		snprintf(seen->last_call, sizeof seen->last_call, "%s", call);
	bool now = fault.mode == FROM_THEN_ON ? seen->calls >= fault.nth
	                                      : seen->calls == fault.nth;
	if (!now)
		return false;
	if (fault.mode == DIE && strcmp(call, "write") != 0)
		_exit(0);
	errno = fault.error;
	return true;
}

ssize_t __real_write(int fd, const void *bytes, size_t n);
int __real_open(const char *path, int flags, ...);
int __real_ftruncate(int fd, off_t n);
int __real_rename(const char *from, const char *to);
int __real_mkdir(const char *path, mode_t mode);
ssize_t __real_pread(int fd, void *bytes, size_t n, off_t at);

ssize_t __wrap_write(int fd, const void *bytes, size_t n);
int __wrap_open(const char *path, int flags, mode_t mode);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_ftruncate(int fd, off_t n);
int __wrap_rename(const char *from, const char *to);
int __wrap_mkdir(const char *path, mode_t mode);
ssize_t __wrap_pread(int fd, void *bytes, size_t n, off_t at);

ssize_t __wrap_write(int fd, const void *bytes, size_t n)
{
	if (!fails("write"))
		return __real_write(fd, bytes, n);
	if (fault.mode == SHORT || fault.mode == DIE) {
		/* all but the newline, half, or a byte: by turns */
		size_t part = fault.nth % 3 == 0 ? n - 1
		    : fault.nth % 3 == 1         ? n / 2
		                                 : 1;
		ssize_t got = __real_write(fd, bytes, part < n ? part : 0);
		if (fault.mode == DIE)
			_exit(0);
		return got;
	}
	return -1;
}

/* The third argument is only there with O_CREAT; passing it on does no harm. */
int __wrap_open(const char *path, int flags, mode_t mode)
{
	return fails("open") ? -1 : __real_open(path, flags, mode);
}

/* What is not asked here is whether the disk keeps what it is told to keep. */
int __wrap_fsync(int fd)
{
	(void)fd;
	return fails("fsync") ? -1 : 0;
}

int __wrap_fdatasync(int fd)
{
	(void)fd;
	return fails("fdatasync") ? -1 : 0;
}

int __wrap_ftruncate(int fd, off_t n)
{
	return fails("ftruncate") ? -1 : __real_ftruncate(fd, n);
}

int __wrap_rename(const char *from, const char *to)
{
	return fails("rename") ? -1 : __real_rename(from, to);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
	return fails("mkdir") ? -1 : __real_mkdir(path, mode);
}

ssize_t __wrap_pread(int fd, void *bytes, size_t n, off_t at)
{
	return fails("pread") ? -1 : __real_pread(fd, bytes, n, at);
}

static int open_descriptors(void)
{
	int n = 0;
	for (int fd = 0; fd < 100; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* An error that was filled says what and where, in a line. */
static void check_error(const struct pl_err *err)
{
	CHECK(err->code[0] && err->msg[0] && !strchr(err->msg, '\n'));
}

static void append(struct world *w, struct pl_journal *j, bool durable)
{
	int i = seen->tried++;
	CHECK(i < TRIED_MAX);
	memset(&w->err, 0, sizeof w->err);
	seen->done[i] = pl_journal_append(j, &w->arena, record_of(&w->arena, "step", i),
	    NOW + i, durable, NULL, &w->err);
	if (!seen->done[i])
		check_error(&w->err);
}

static void seal(struct world *w, struct pl_journal *j, const char *state)
{
	memset(&w->err, 0, sizeof w->err);
	if (pl_journal_seal(j, state, NOW, &w->err))
		seen->sealed++;
	else
		check_error(&w->err);
}

/* The store's whole work; a failure ends what rests on it, and no more. */
static void work(struct world *w)
{
	struct pl_journal *j;
	memset(&w->err, 0, sizeof w->err);
	if (pl_store_pin(w->store, "r1", "return 1\n", 9, seen->hash, &w->err))
		seen->pinned = 1;
	else
		check_error(&w->err);
	if ((j = pl_journal_create(w->store, "r1", &w->err))) {
		append(w, j, false);
		append(w, j, true);
		append(w, j, false);
		append(w, j, true);
		seal(w, j, "suspended");
		pl_journal_close(j);
	} else {
		check_error(&w->err);
	}
	/* Somebody pulled the plug: the beginning of a record. */
	int fd =
	    __real_open(world_path(w, "runs/r1/journal.jsonl"), O_WRONLY | O_APPEND);
	if (fd >= 0) {
		CHECK(__real_write(fd, "{\"n\":\0\0", 7) == 7);
		close(fd);
	}
	fd = __real_open(world_path(w, "heads.jsonl"), O_WRONLY | O_APPEND);
	if (fd >= 0) {
		CHECK(__real_write(fd, "{\"hash\":\"", 9) == 9);
		close(fd);
	}
	size_t torn = 0;
	memset(&w->err, 0, sizeof w->err);
	if ((j = pl_journal_open(
	         w->store, "r1", &w->arena, NULL, NULL, &torn, &w->err))) {
		CHECK(torn >= 7);
		append(w, j, true);
		seal(w, j, "finished");
		append(w, j, true); /* after its end: it is reopened */
		pl_journal_close(j);
	} else {
		check_error(&w->err);
	}
	if ((j = pl_journal_open(
	         w->store, "r1", &w->arena, NULL, NULL, &torn, &w->err))) {
		append(w, j, true);
		seal(w, j, "failed");
		pl_journal_close(j);
	}
	if ((j = pl_journal_open(
	         w->store, "r1", &w->arena, NULL, NULL, &torn, &w->err))) {
		append(w, j, true); /* the same, when it was opened */
		seal(w, j, "finished");
		pl_journal_close(j);
	}
	struct pl_lock *l = pl_lock_take(w->store, "a", NULL, &w->arena, NULL, &w->err);
	pl_lock_release(l);
}

/* Reads what is there and compares it with what was said. */
struct reading {
	int next; /* the next attempt that may be found */
	int found;
};

static bool match(void *arg, const struct pl_value *record)
{
	struct reading *r = arg;
	int64_t n = pl_get_int(record, "n", -1);
	if (n == 999)
		return true;
	for (; r->next < seen->tried && r->next < n; r->next++)
		CHECK(!seen->done[r->next]); /* passed over: it had better failed */
	CHECK_INT(r->next, n);
	r->next++;
	r->found++;
	return true;
}

static void show(void *arg, const struct pl_finding *f)
{
	(void)arg;
	if (strcmp(f->severity, "wrong") == 0)
		printf("%s record %lld line %zu: %s\n", f->run, (long long)f->seq,
		    f->line, f->what);
}

static void look(struct world *w)
{
	struct reading r = {0};
	size_t wrong = 0, torn;
	struct pl_buf bytes = {0};
	int before = open_descriptors();
	pl_store_verify(w->store, NULL, show, NULL, &wrong, &w->err);
	CHECK_INT(wrong, 0);
	struct pl_journal *j =
	    pl_journal_open(w->store, "r1", &w->arena, match, &r, &torn, &w->err);
	if (!j) { /* it was never made: then nothing was said to be in it */
		CHECK_TEXT(w->err.code, "run.missing");
		j = pl_journal_create(w->store, "r1", &w->err);
	}
	for (; r.next < seen->tried; r.next++)
		CHECK(!seen->done[r.next]);
	if (seen->pinned)
		CHECK(pl_store_pinned(w->store, "r1", seen->hash, &bytes, &w->err));
	CHECK(j && add(w, j, 999));
	CHECK(j && pl_journal_seal(j, "finished", NOW, &w->err));
	pl_journal_close(j);
	struct pl_lock *l = pl_lock_take(w->store, "a", NULL, &w->arena, NULL, &w->err);
	CHECK(l);
	pl_lock_release(l);
	pl_store_verify(w->store, NULL, show, NULL, &wrong, &w->err);
	CHECK_INT(wrong, 0);
	CHECK_INT(open_descriptors(), before);
	pl_buf_fini(&bytes);
}

/* False: the work has fewer calls than that. */
static bool round_of(enum mode mode, int nth, int error)
{
	struct world w;
	int status = 0;
	unsigned before = check_now.failures;
	world_init(&w);
	memset(seen, 0, sizeof *seen);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		int fds = open_descriptors();
		fault.mode = mode;
		fault.nth = nth;
		fault.error = error;
		work(&w);
		CHECK_INT(open_descriptors(), fds);
		pl_store_close(w.store);
		pl_arena_fini(&w.arena);
		fflush(stdout);
		_exit(check_now.failures != before);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	look(&w);
	world_fini(&w);
	if (check_now.failures != before)
		printf("when call %d (%s) fails with '%s', %s\n", nth, seen->last_call,
		    strerror(error), mode_names[mode]);
	return seen->calls >= nth;
}

int main(void)
{
	seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED)
		return 1;
	for (int mode = 0; mode < MODES; mode++) {
		CHECK_CASE(mode_names[mode]);
		int nth = 1;
		while (round_of((enum mode)mode, nth, nth % 2 ? ENOSPC : EIO) &&
		    nth < 1000)
			nth++;
		CHECK(nth > 50); /* else the calls are not wrapped */
	}
	CHECK_CASE("once, the other error");
	for (int nth = 1; round_of(ONCE, nth, nth % 2 ? EIO : ENOSPC); nth++)
		;
	return check_end();
}
