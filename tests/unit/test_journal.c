/* Journals: what is appended is read again, what is torn is kept, what is corrupt
 * is refused, and one process at a time goes on. */
#include <signal.h>
#include <sys/wait.h>

#include "store_world.h"

#define JOURNAL "runs/r1/journal.jsonl"

/* Rewrites the run's journal as `bytes`. */
static void put(struct world *w, const char *bytes, size_t n)
{
	file_put(world_path(w, JOURNAL), bytes, n);
}

static void round_trip(void)
{
	CHECK_CASE("round trip");
	struct world w;
	struct pl_buf line = {0};
	world_init(&w);
	struct pl_journal *j = pl_journal_create(w.store, "r1", &w.err);
	CHECK(j);
	CHECK_TEXT(pl_journal_run(j), "r1");
	CHECK_INT(pl_journal_length(j), 0);
	struct pl_value *v = record_of(&w.arena, "run.start", 7);
	CHECK(pl_journal_append(j, &w.arena, v, NOW, true, &line, &w.err));
	CHECK_TEXT(line.at,
	    "{\"n\":7,\"note\":\"kj\xc3\xb8r \\\"x\\\"\",\"prev\":\"0000000000000000"
	    "000000000000000000000000000000000000000000000000\",\"run\":\"r1\","
	    "\"seq\":0,\"time\":\"2026-11-18T11:06:40.000Z\",\"type\":\"run.start\"}");
	for (int i = 1; i < 10; i++)
		CHECK(pl_journal_append(j, &w.arena, record_of(&w.arena, "step", i),
		    NOW, i % 3 == 0, NULL, &w.err));
	CHECK(pl_journal_sync(j, &w.err));
	CHECK_INT(pl_journal_length(j), 10);
	/* Others read meanwhile, and do not go on with it. */
	int64_t n = 0;
	size_t torn = 9;
	CHECK(
	    pl_journal_read(w.store, "r1", &w.arena, count_record, &n, &torn, &w.err));
	CHECK_INT(n, 10);
	CHECK_INT(torn, 0);
	CHECK(!pl_journal_open(w.store, "r1", &w.arena, NULL, NULL, &torn, &w.err));
	CHECK_TEXT(w.err.code, "journal.busy");
	char pid[32];
	snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
	CHECK(strstr(w.err.msg, pid));
	CHECK(w.err.retryable);
	CHECK(!pl_journal_create(w.store, "r1", &w.err));
	CHECK_TEXT(w.err.code, "journal.busy");
	pl_journal_close(j);
	CHECK(!pl_journal_create(w.store, "r1", &w.err));
	CHECK_TEXT(w.err.code, "journal.exists");

	n = 0;
	j = pl_journal_open(w.store, "r1", &w.arena, count_record, &n, &torn, &w.err);
	CHECK(j);
	CHECK_INT(n, 10);
	CHECK_INT(torn, 0);
	CHECK(add(&w, j, 10));
	CHECK_INT(pl_journal_length(j), 11);
	pl_journal_close(j);
	j = pl_journal_open(w.store, "r1", &w.arena, NULL, NULL, NULL, &w.err);
	CHECK(j);
	CHECK_INT(pl_journal_length(j), 11);
	pl_journal_close(j);
	pl_journal_close(NULL);
	pl_buf_fini(&line);
	world_fini(&w);
}

static bool stop_at_once(void *arg, const struct pl_value *record)
{
	(void)record;
	if (arg)
		pl_fail(arg, "mine", "mine");
	return false;
}

static void reading_can_be_stopped(void)
{
	CHECK_CASE("reading can be stopped");
	struct world w;
	world_init(&w);
	make_run(&w, "r1", 3, NULL);
	CHECK(!pl_journal_open(
	    w.store, "r1", &w.arena, stop_at_once, NULL, NULL, &w.err));
	CHECK_TEXT(w.err.code, "journal.stopped");
	/* What `each` put into the same error stays. */
	CHECK(!pl_journal_read(
	    w.store, "r1", &w.arena, stop_at_once, &w.err, NULL, &w.err));
	CHECK_TEXT(w.err.code, "mine");
	world_fini(&w);
}

/* A bad record is refused; the journal takes the next one. */
static void records_that_cannot_be(void)
{
	CHECK_CASE("records that cannot be");
	struct world w;
	world_init(&w);
	struct pl_journal *j = pl_journal_create(w.store, "r1", &w.err);
	struct pl_arena *a = &w.arena;
	struct pl_value *v = pl_map(a);
	CHECK(!pl_journal_append(j, a, v, NOW, true, NULL, &w.err));
	CHECK_TEXT(w.err.code, "journal.record");
	pl_map_set(a, v, "type", pl_text(a, ""));
	CHECK(!pl_journal_append(j, a, v, NOW, true, NULL, &w.err));
	pl_map_set(a, v, "type", pl_text(a, "two words"));
	CHECK(!pl_journal_append(j, a, v, NOW, true, NULL, &w.err));
	pl_map_set(a, v, "type", pl_text(a, "step"));
	pl_map_set(a, v, "x", pl_real(a, 1e308 * 10));
	CHECK(!pl_journal_append(j, a, v, NOW, true, NULL, &w.err));
	CHECK_TEXT(w.err.code, "json.number");
	pl_map_set(a, v, "x", pl_text(a, "\xff"));
	CHECK(!pl_journal_append(j, a, v, NOW, true, NULL, &w.err));
	CHECK_TEXT(w.err.code, "json.utf8");
	size_t large = ((size_t)64 << 20) + 1;
	char *text = pl_alloc(large + 1);
	memset(text, 'x', large);
	pl_map_set(a, v, "x", pl_textn(a, text, large));
	free(text);
	CHECK(!pl_journal_append(j, a, v, NOW, true, NULL, &w.err));
	CHECK_TEXT(w.err.code, "journal.record");
	CHECK_INT(pl_journal_length(j), 0);
	/* What the journal says of itself is not the caller's to say. */
	pl_map_set(a, v, "x", pl_null(a));
	pl_map_set(a, v, "seq", pl_int(a, 77));
	pl_map_set(a, v, "run", pl_text(a, "other"));
	CHECK(pl_journal_append(j, a, v, NOW, true, NULL, &w.err));
	pl_journal_close(j);
	int64_t n = 0;
	CHECK(pl_journal_read(w.store, "r1", a, count_record, &n, NULL, &w.err));
	CHECK_INT(n, 1);
	world_fini(&w);
}

/* Cut at every length, with and without zeros behind: what was whole is read,
 * what was torn is kept. */
static void torn_at_every_length(void)
{
	CHECK_CASE("torn at every length");
	struct world w;
	world_init(&w);
	make_run(&w, "r1", 3, NULL);
	struct pl_buf all = file_bytes(world_path(&w, JOURNAL));
	for (size_t cut = 0; cut <= all.len; cut++) {
		/* Each place near a line's ends, and some between: every one of them
		 * costs a few real syncs. */
		size_t near = cut < 4 ? 0 : cut - 4;
		if (cut % 9 &&
		    !memchr(
		        all.at + near, '\n', all.len - near > 8 ? 8 : all.len - near))
			continue;
		for (size_t zeros = 0; zeros < 6000; zeros += cut % 7 ? 6000 : 5001) {
			struct pl_buf now = {0};
			static const char nothing[6000];
			int64_t whole = 0, n = 0;
			size_t end = 0, torn = 0;
			char kept[64];
			pl_buf_add(&now, all.at, cut);
			pl_buf_add(&now, nothing, zeros);
			for (size_t i = 0; i < cut; i++)
				if (all.at[i] == '\n')
					whole++, end = i + 1;
			size_t tail = now.len - end;
			put(&w, now.len ? now.at : "", now.len);
			CHECK(pl_journal_read(
			    w.store, "r1", &w.arena, count_record, &n, &torn, &w.err));
			CHECK_INT(n, whole);
			CHECK_INT(torn, tail);
			n = 0;
			torn = 0;
			struct pl_journal *j = pl_journal_open(
			    w.store, "r1", &w.arena, count_record, &n, &torn, &w.err);
			CHECK(j);
			CHECK_INT(n, whole);
			CHECK_INT(torn, tail);
			snprintf(kept, sizeof kept, "runs/r1/torn-%d", (int)whole);
			CHECK_INT(access(world_path(&w, kept), F_OK) == 0, tail > 0);
			if (tail) {
				struct pl_buf was = file_bytes(world_path(&w, kept));
				CHECK(was.len == tail &&
				    !memcmp(was.at, now.at + end, tail));
				pl_buf_fini(&was);
				remove(world_path(&w, kept));
			}
			CHECK(j && add(&w, j, 99));
			pl_journal_close(j);
			n = 0;
			CHECK(pl_journal_read(
			    w.store, "r1", &w.arena, count_record, &n, &torn, &w.err));
			CHECK_INT(n, whole + 1);
			CHECK_INT(torn, 0);
			pl_buf_fini(&now);
			pl_arena_fini(&w.arena);
		}
	}
	/* Torn twice at the same place: both are kept. */
	for (int i = 0; i < 3; i++) {
		put(&w, "{\"a", 3);
		pl_journal_close(
		    pl_journal_open(w.store, "r1", &w.arena, NULL, NULL, NULL, &w.err));
	}
	CHECK(access(world_path(&w, "runs/r1/torn-0"), F_OK) == 0);
	CHECK(access(world_path(&w, "runs/r1/torn-0.2"), F_OK) == 0);
	pl_buf_fini(&all);
	world_fini(&w);
}

/* Whole lines that are no records of this journal: nothing is mended. */
static void corrupt_is_refused(void)
{
	CHECK_CASE("corrupt is refused");
	static const char *const ends[] = {"\n", "x\n", "{}\n", "{\"a\":1}\n", "null\n",
	    "[]\n",
	    "{\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\","
	    "\"run\":\"r1\",\"seq\":3,\"time\":\"2026-11-18T11:06:40.000Z\",\"type\":\"x\"}\n"};
	struct world w;
	world_init(&w);
	make_run(&w, "r1", 3, NULL);
	struct pl_buf all = file_bytes(world_path(&w, JOURNAL));
	for (size_t i = 0; i < PL_COUNT(ends); i++) {
		struct pl_buf now = {0};
		size_t torn = 5;
		pl_buf_add(&now, all.at, all.len);
		pl_buf_puts(&now, ends[i]);
		put(&w, now.at, now.len);
		CHECK(!pl_journal_open(
		    w.store, "r1", &w.arena, NULL, NULL, &torn, &w.err));
		CHECK_TEXT(w.err.code, "journal.corrupt");
		CHECK_INT(w.err.line, 4);
		CHECK_TEXT(w.err.file, world_path(&w, JOURNAL));
		CHECK_INT(torn, 5);
		CHECK(!pl_journal_read(
		    w.store, "r1", &w.arena, NULL, NULL, &torn, &w.err));
		CHECK_TEXT(w.err.code, "journal.corrupt");
		struct pl_buf after = file_bytes(world_path(&w, JOURNAL));
		CHECK(after.len == now.len && !memcmp(after.at, now.at, now.len));
		pl_buf_fini(&after);
		pl_buf_fini(&now);
	}
	CHECK(access(world_path(&w, "runs/r1/torn-3"), F_OK) != 0);
	/* Every byte of a whole line matters when it is opened (the last line's, which
	 * no later record vouches for, only as far as they are its form). */
	size_t last = all.len - 1;
	while (all.at[last - 1] != '\n')
		last--;
	for (size_t i = 0; i < last; i++) {
		all.at[i] ^= 1;
		put(&w, all.at, all.len);
		CHECK(!pl_journal_read(
		    w.store, "r1", &w.arena, NULL, NULL, NULL, &w.err));
		CHECK_TEXT(w.err.code, "journal.corrupt");
		all.at[i] ^= 1;
	}
	pl_buf_fini(&all);
	world_fini(&w);
}

/* Times, types and ids that look nearly right. */
static void nearly_right(void)
{
	CHECK_CASE("nearly right");
	static const char *const times[] = {"2026-02-30T00:00:00.000Z",
	    "2026-00-01T00:00:00.000Z", "2026-13-01T00:00:00.000Z",
	    "2026-01-01T24:00:00.000Z", "2026-01-01T00:60:00.000Z",
	    "2026-01-01T00:00:60.000Z", "2026-01-01t00:00:00.000Z",
	    "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000+00:00",
	    "2025-02-29T00:00:00.000Z"};
	struct world w;
	world_init(&w);
	make_run(&w, "r1", 0, NULL);
	for (size_t i = 0; i <= PL_COUNT(times); i++) {
		char line[400];
		int n = snprintf(line, sizeof line,
		    "{\"prev\":\"%064d\",\"run\":\"r1\",\"seq\":0,\"time\":\"%s\",\"type\":\"x\"}\n",
		    0, i < PL_COUNT(times) ? times[i] : "2024-02-29T23:59:59.999Z");
		put(&w, line, (size_t)n);
		CHECK(pl_journal_read(w.store, "r1", &w.arena, NULL, NULL, NULL,
		          &w.err) == (i == PL_COUNT(times)));
	}
	world_fini(&w);
}

static void others_that_meddle(void)
{
	CHECK_CASE("others that meddle");
	struct world w;
	world_init(&w);
	/* Something else appends, removes, replaces: no record goes where nobody looks. */
	for (int how = 0; how < 4; how++) {
		char run[16];
		snprintf(run, sizeof run, "m%d", how);
		struct pl_journal *j = pl_journal_create(w.store, run, &w.err);
		CHECK(j && add(&w, j, 0));
		char path[64], there[1400], aside[1400];
		snprintf(path, sizeof path, "runs/%s/journal.jsonl", run);
		snprintf(there, sizeof there, "%s", world_path(&w, path));
		snprintf(aside, sizeof aside, "%s/aside-%d", w.dir, how);
		struct pl_buf all = file_bytes(there);
		if (how == 0)
			CHECK(remove(there) == 0);
		if (how == 1)
			file_put(there, "x", 1);
		if (how == 2) {
			CHECK(rename(there, aside) == 0);
			file_put(there, all.at, all.len);
		}
		if (how == 3)
			CHECK(rename(world_path(&w, "runs"), aside) == 0);
		CHECK(!add(&w, j, 1));
		CHECK_TEXT(w.err.code, "journal.write");
		CHECK(!add(&w, j, 2));
		CHECK_TEXT(w.err.code, "journal.write");
		CHECK(!pl_journal_seal(j, "finished", NOW, &w.err));
		CHECK(!pl_journal_sync(j, &w.err));
		pl_buf_fini(&all);
		pl_journal_close(j);
	}
	world_fini(&w);
}

/* A link, a folder or a pipe in the place of a journal is not followed, and does
 * not hold us up. */
static void not_a_file(void)
{
	CHECK_CASE("not a file");
	struct world w;
	world_init(&w);
	make_run(&w, "r1", 1, NULL);
	make_run(&w, "r2", 1, NULL);
	char target[1400];
	snprintf(target, sizeof target, "%s", world_path(&w, "runs/r2/journal.jsonl"));
	for (int how = 0; how < 3; how++) {
		remove(world_path(&w, JOURNAL));
		const char *path = world_path(&w, JOURNAL);
		CHECK((how == 0          ? symlink(target, path)
		              : how == 1 ? mkfifo(path, 0600)
		                         : mkdir(path, 0700)) == 0);
		CHECK(!pl_journal_open(
		    w.store, "r1", &w.arena, NULL, NULL, NULL, &w.err));
		CHECK_TEXT(w.err.code, "journal.read");
		CHECK(!pl_journal_read(
		    w.store, "r1", &w.arena, NULL, NULL, NULL, &w.err));
		size_t wrong;
		pl_store_verify(w.store, "r1", NULL, NULL, &wrong, &w.err);
		CHECK_INT(wrong, 1);
	}
	world_fini(&w);
}

/* Several processes seal at once: the chain of heads holds. */
static void seals_at_once(void)
{
	CHECK_CASE("seals at once");
	struct world w;
	world_init(&w);
	make_run(&w, "r0", 1, "finished");
	for (int p = 0; p < 4; p++) {
		pid_t pid = fork();
		if (pid != 0)
			continue;
		char run[40];
		for (int i = 0; i < 10; i++) {
			snprintf(run, sizeof run, "r-%d-%d", p, i);
			make_run(&w, run, 2, "finished");
		}
		_exit(check_end());
	}
	for (int p = 0; p < 4; p++) {
		int status = 1;
		CHECK(wait(&status) > 0 && status == 0);
	}
	size_t wrong;
	CHECK_INT(pl_store_verify(w.store, NULL, NULL, NULL, &wrong, &w.err), 41);
	CHECK_INT(wrong, 0);
	world_fini(&w);
}

/* The lock goes with the process, however it ends. */
static void lock_ends_with_process(void)
{
	CHECK_CASE("lock ends with process");
	struct world w;
	world_init(&w);
	int pipes[2];
	CHECK(pipe(pipes) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct pl_journal *j = pl_journal_create(w.store, "r1", &w.err);
		bool ok = j && add(&w, j, 0);
		if (write(pipes[1], ok ? "y" : "n", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	char c = 0;
	CHECK(read(pipes[0], &c, 1) == 1 && c == 'y');
	CHECK(!pl_journal_open(w.store, "r1", &w.arena, NULL, NULL, NULL, &w.err));
	CHECK_TEXT(w.err.code, "journal.busy");
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, NULL, 0) == pid);
	struct pl_journal *j =
	    pl_journal_open(w.store, "r1", &w.arena, NULL, NULL, NULL, &w.err);
	CHECK(j);
	CHECK_INT(j ? pl_journal_length(j) : 0, 1);
	pl_journal_close(j);
	close(pipes[0]);
	close(pipes[1]);
	world_fini(&w);
}

/* Expects that the journal is not gone on with, and stays as it is. */
static void stays(struct world *w, const char *says)
{
	struct pl_buf was = file_bytes(world_path(w, JOURNAL));
	CHECK(!pl_journal_open(w->store, "r1", &w->arena, NULL, NULL, NULL, &w->err));
	CHECK_TEXT(w->err.code, "journal.corrupt");
	CHECK(strstr(w->err.msg, says));
	struct pl_buf is = file_bytes(world_path(w, JOURNAL));
	CHECK(is.len == was.len && !memcmp(is.at, was.at, is.len));
	pl_buf_fini(&was);
	pl_buf_fini(&is);
}

/* Work behind a sealed end is not done once more. */
static void held_against_heads(void)
{
	CHECK_CASE("held against heads");
	struct world w;
	world_init(&w);
	make_run(&w, "r0", 2, "finished");
	make_run(&w, "r1", 4, "suspended");
	struct pl_buf all = file_bytes(world_path(&w, JOURNAL));
	for (size_t n = 0; n < all.len; n++) {
		if (n && all.at[n - 1] != '\n' && n % 50)
			continue;
		put(&w, all.at, n);
		stays(&w, "was cut off: heads.jsonl knows 4 records");
	}
	/* Another last record, of which only the head knows. */
	char *last = strstr(all.at, "\"n\":3");
	last[4] = '7';
	put(&w, all.at, all.len);
	stays(&w, "changed after it was sealed");
	last[4] = '3';
	put(&w, all.at, all.len);
	struct pl_journal *j =
	    pl_journal_open(w.store, "r1", &w.arena, NULL, NULL, NULL, &w.err);
	CHECK(j && add(&w, j, 4)); /* behind the head */
	pl_journal_close(j);
	j = pl_journal_open(w.store, "r1", &w.arena, NULL, NULL, NULL, &w.err);
	CHECK(j && pl_journal_length(j) == 5);
	pl_journal_close(j);
	/* heads.jsonl changed where it speaks of another run; its torn end is fine. */
	struct pl_buf heads = file_bytes(world_path(&w, "heads.jsonl"));
	char *length = strstr(heads.at, "\"length\":2");
	length[9] = '3';
	file_put(world_path(&w, "heads.jsonl"), heads.at, heads.len);
	stays(&w, "heads.jsonl' line 2");
	length[9] = '2';
	pl_buf_puts(&heads, "{\"hash");
	file_put(world_path(&w, "heads.jsonl"), heads.at, heads.len);
	j = pl_journal_open(w.store, "r1", &w.arena, NULL, NULL, NULL, &w.err);
	CHECK(j && pl_journal_seal(j, "stopped", NOW, &w.err));
	pl_journal_close(j);
	pl_buf_fini(&heads);
	pl_buf_fini(&all);
	world_fini(&w);
}

int main(void)
{
	held_against_heads();
	round_trip();
	reading_can_be_stopped();
	records_that_cannot_be();
	torn_at_every_length();
	corrupt_is_refused();
	nearly_right();
	others_that_meddle();
	not_a_file();
	seals_at_once();
	lock_ends_with_process();
	return check_end();
}
