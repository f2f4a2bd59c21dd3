/* Whole files and folders, in a folder of its own that is gone afterwards. */
#include "../../interp/base/base.h"
#include "check.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char room[200];

static const char *in_room(const char *name)
{
	static char path[4][512];
	static unsigned next;
	char *out = path[next++ % 4];

	snprintf(out, sizeof path[0], "%s/%s", room, name);
	return out;
}

static int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (unsigned)st.st_mode & 07777 : 0;
}

static void test_write_and_read(void)
{
	struct pl_buf b = {0};
	struct pl_err e = {0};
	const char *path = in_room("a.txt");

	CHECK_CASE("written and read");
	CHECK(pl_file_write(path, "one\0two", 7, 0600, &e));
	CHECK_INT(mode_of(path), 0600);
	CHECK(pl_file_read(&b, path, 0, &e));
	CHECK(b.len == 7 && memcmp(b.at, "one\0two", 8) == 0);
	/* Replaced, with another mode; read behind what the buffer has. */
	CHECK(pl_file_write(path, "x", 1, 0644, &e));
	CHECK_INT(mode_of(path), 0644);
	CHECK(pl_file_read(&b, path, 0, &e));
	CHECK(b.len == 8 && b.at[7] == 'x');
	CHECK(pl_file_write(path, NULL, 0, 0600, &e));
	pl_buf_reset(&b);
	CHECK(pl_file_read(&b, path, 0, &e));
	CHECK_TEXT(b.at, "");
	CHECK_INT(count_entries(room), 1);
	unlink(path);

	struct pl_buf big = {0};
	for (int i = 0; i < 300000; i++)
		pl_buf_putc(&big, (char)('a' + i % 26));
	CHECK(pl_file_write(path, big.at, big.len, 0600, &e));
	CHECK(pl_file_read(&b, path, 300000, &e));
	CHECK(b.len == big.len && memcmp(b.at, big.at, big.len) == 0);
	pl_buf_fini(&big);
	pl_buf_fini(&b);
	unlink(path);
}

static void test_read_fails(void)
{
	struct pl_buf b = {0};
	struct pl_err e = {0};

	CHECK_CASE("not read");
	pl_buf_puts(&b, "kept");
	CHECK(!pl_file_read(&b, in_room("none"), 0, &e));
	CHECK_TEXT(e.code, "file.missing");
	CHECK(strstr(e.msg, "/none\"") != NULL);
	CHECK(!pl_file_read(&b, in_room("none/deeper"), 0, &e));
	CHECK_TEXT(e.code, "file.missing");
	CHECK(!pl_file_read(&b, room, 0, &e));
	CHECK_TEXT(e.code, "file.read");
	CHECK(pl_file_write(in_room("f"), "12345", 5, 0600, &e));
	CHECK(!pl_file_read(&b, in_room("f"), 4, &e));
	CHECK_TEXT(e.code, "file.large");
	CHECK_TEXT(b.at, "kept");
	CHECK(pl_file_read(&b, in_room("f"), 5, &e));
	CHECK_TEXT(b.at, "kept12345");
	CHECK(!pl_file_read(&b, in_room("f/x"), 5, &e));
	CHECK_TEXT(e.code, "file.missing");
	/* What would be waited for, or has no end. */
	CHECK(!pl_file_read(&b, "/dev/zero", 100000, &e));
	CHECK_TEXT(e.code, "file.kind");
	CHECK(mkfifo(in_room("fifo"), 0600) == 0);
	CHECK(!pl_file_read(&b, in_room("fifo"), 0, &e));
	CHECK_TEXT(e.code, "file.kind");
	CHECK(strstr(e.msg, "/fifo\" is a FIFO, not a file") != NULL);
	unlink(in_room("fifo"));
	CHECK_TEXT(b.at, "kept12345");
	/* A pipe that was given on purpose; no size is known before reading. */
	int ends[2];
	char given[32];
	CHECK(pipe(ends) == 0);
	snprintf(given, sizeof given, "/dev/fd/%d", ends[0]);
	CHECK(write(ends[1], "678", 3) == 3);
	close(ends[1]);
	CHECK(pl_file_read(&b, given, 0, &e));
	CHECK_TEXT(b.at, "kept12345678");
	close(ends[0]);
	pl_buf_fini(&b);
	unlink(in_room("f"));
}

static void test_write_fails(void)
{
	struct pl_buf b = {0};
	struct pl_err e = {0};

	CHECK_CASE("not written, nothing left behind");
	CHECK(!pl_file_write(in_room("none/f"), "x", 1, 0600, &e));
	CHECK_TEXT(e.code, "file.write");
	/* A folder cannot be replaced by a file. */
	CHECK(pl_dir_make(in_room("d/inside"), 0700, &e));
	CHECK(!pl_file_write(in_room("d"), "x", 1, 0600, &e));
	CHECK_TEXT(e.code, "file.write");
	CHECK_INT(count_entries(room), 1);
	CHECK_INT(count_entries(in_room("d")), 1);
	/* In the folder that one stands in. */
	char here[400];
	if (CHECK(getcwd(here, sizeof here)) && CHECK(chdir(room) == 0)) {
		CHECK(pl_file_write("relative", "x", 1, 0600, &e));
		CHECK(pl_file_read(&b, "relative", 0, &e));
		CHECK_INT(unlink("relative"), 0);
		CHECK(chdir(here) == 0);
	}
	rmdir(in_room("d/inside"));
	rmdir(in_room("d"));
	pl_buf_fini(&b);
}

/* A full disk, as far as a process can have one of its own. */
static void test_no_room(void)
{
	struct rlimit old, tight;
	struct pl_buf big = {0}, b = {0};
	struct pl_err e = {0};

	CHECK_CASE("no room: the old file stays, nothing beside it");
	for (int i = 0; i < 5000; i++)
		pl_buf_puts(&big, "0123456789abcdef");
	CHECK(pl_file_write(in_room("kept"), "old", 3, 0600, &e));
	if (CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0)) {
		tight = old;
		tight.rlim_cur = 4096;
		signal(SIGXFSZ, SIG_IGN);
		CHECK(setrlimit(RLIMIT_FSIZE, &tight) == 0);
		bool written =
		    pl_file_write(in_room("kept"), big.at, big.len, 0600, &e);
		CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
		signal(SIGXFSZ, SIG_DFL);
		CHECK(!written);
		CHECK_TEXT(e.code, "file.write");
		CHECK(strstr(e.msg, "cannot write \"") != NULL);
		CHECK_INT(count_entries(room), 1);
		CHECK(pl_file_read(&b, in_room("kept"), 0, &e));
		CHECK_TEXT(b.at, "old");
	}
	unlink(in_room("kept"));
	pl_buf_fini(&big);
	pl_buf_fini(&b);
}

static void test_directories(void)
{
	struct pl_err e = {0};

	CHECK_CASE("folders");
	CHECK(pl_dir_make(in_room("p/q/r"), 0700, &e));
	CHECK_INT(mode_of(in_room("p/q/r")), 0700);
	CHECK(pl_dir_make(in_room("p/q/r"), 0700, &e));
	CHECK(pl_dir_make(in_room("p//q/s/"), 0700, &e));
	CHECK_INT(count_entries(in_room("p/q")), 2);
	CHECK(pl_dir_make("/", 0700, &e));
	CHECK(pl_dir_make(".", 0700, &e));
	CHECK(!pl_dir_make("", 0700, &e));
	CHECK_TEXT(e.code, "file.write");
	CHECK(pl_file_write(in_room("p/f"), "x", 1, 0600, &e));
	CHECK(!pl_dir_make(in_room("p/f"), 0700, &e));
	CHECK_TEXT(e.code, "file.write");
	CHECK(!pl_dir_make(in_room("p/f/g"), 0700, &e));
	CHECK_TEXT(e.code, "file.write");
	unlink(in_room("p/f"));
	rmdir(in_room("p/q/r"));
	rmdir(in_room("p/q/s"));
	rmdir(in_room("p/q"));
	rmdir(in_room("p"));
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(
	    room, sizeof room, "%.150s/test_file.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(room)) {
		printf("FAIL %s cannot be made\n", room);
		return 1;
	}
	test_write_and_read();
	test_read_fails();
	test_write_fails();
	test_no_room();
	test_directories();
	CHECK_INT(count_entries(room), 0);
	CHECK_INT(rmdir(room), 0);
	return check_end();
}
