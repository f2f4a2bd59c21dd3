/* The store's folder: nothing is made too early, runs are listed and found, kept
 * files are what they were. */
#include "store_world.h"

static void opening_makes_nothing(void)
{
	CHECK_CASE("opening makes nothing");
	struct world w;
	world_init(&w);
	CHECK(access(w.state, F_OK) != 0);
	CHECK_INT(pl_store_runs(w.store, &w.arena)->as.list.len, 0);
	CHECK(!pl_store_find(w.store, &w.arena, NULL, &w.err));
	CHECK_TEXT(w.err.code, "run.missing");
	CHECK(!pl_journal_open(w.store, "r1", &w.arena, NULL, NULL, NULL, &w.err));
	CHECK_TEXT(w.err.code, "run.missing");
	CHECK(!pl_journal_read(w.store, "r1", &w.arena, NULL, NULL, NULL, &w.err));
	CHECK_TEXT(w.err.code, "run.missing");
	size_t wrong = 9;
	CHECK_INT(pl_store_verify(w.store, NULL, NULL, NULL, &wrong, &w.err), 0);
	CHECK_INT(wrong, 0);
	CHECK(access(w.state, F_OK) != 0);
	struct stat st;
	make_run(&w, "r1", 1, NULL);
	CHECK(stat(w.state, &st) == 0 && (st.st_mode & 0777) == 0700);
	CHECK(stat(world_path(&w, "runs/r1"), &st) == 0 && (st.st_mode & 0777) == 0700);
	CHECK(stat(world_path(&w, "runs/r1/journal.jsonl"), &st) == 0 &&
	    (st.st_mode & 0777) == 0600);
	world_fini(&w);
}

static void bad_places_are_named(void)
{
	CHECK_CASE("bad places are named");
	struct world w;
	char path[1200];
	struct pl_err err;
	world_init(&w);
	CHECK(!pl_store_open("", &err));
	CHECK_TEXT(err.code, "store.open");
	snprintf(path, sizeof path, "%s/file", w.dir);
	file_put(path, "x", 1);
	CHECK(!pl_store_open(path, &err));
	CHECK_TEXT(err.code, "store.open");
	CHECK(strstr(err.msg, path));
	snprintf(path, sizeof path, "%s/file/below", w.dir);
	CHECK(!pl_store_open(path, &err));
	CHECK_TEXT(err.code, "store.open");
	/* runs is a file: the error names it, and comes from the first write */
	CHECK(mkdir(w.state, 0700) == 0);
	file_put(world_path(&w, "runs"), "x", 1);
	CHECK(!pl_journal_create(w.store, "r1", &err));
	CHECK_TEXT(err.code, "journal.write");
	CHECK(strstr(err.msg, "runs"));
	char hash[65];
	CHECK(!pl_store_pin(w.store, "r1", "x", 1, hash, &err));
	CHECK_TEXT(err.code, "store.write");
	world_fini(&w);
	if (geteuid() == 0)
		return; /* to whom nothing is forbidden */
	world_init(&w);
	CHECK(mkdir(w.state, 0500) == 0);
	CHECK(!pl_journal_create(w.store, "r1", &err));
	CHECK_TEXT(err.code, "journal.write");
	CHECK(strstr(err.msg, w.state));
	world_fini(&w);
}

static void full_disk_is_said(void)
{
	CHECK_CASE("full disk is said");
	struct pl_err err;
	if (access("/dev/full", W_OK) != 0)
		return;
	/* A store on a place that takes no folders. */
	struct pl_store *s = pl_store_open("/proc/pipe-state", &err);
	if (!s)
		return;
	CHECK(!pl_journal_create(s, "r1", &err));
	CHECK_TEXT(err.code, "journal.write");
	CHECK(strstr(err.msg, "/proc/pipe-state"));
	pl_store_close(s);
}

static void names_that_lead_elsewhere(void)
{
	CHECK_CASE("names that lead elsewhere");
	static const char *const names[] = {"", "..", ".", "../r1", "a/b", "r1/", "R1",
	    "r_1", "r1\n", "r 1", "%2e", "\xc3\xa6",
	    "a23456789012345678901234567890123456789012345678901234567890123456789012345678901"};
	struct world w;
	world_init(&w);
	make_run(&w, "r1", 1, NULL);
	for (size_t i = 0; i < PL_COUNT(names); i++) {
		char hash[65];
		size_t wrong;
		CHECK(!pl_store_find(w.store, &w.arena, names[i], &w.err));
		CHECK_TEXT(w.err.code, "run.missing");
		CHECK(!pl_journal_create(w.store, names[i], &w.err));
		CHECK(!pl_journal_open(
		    w.store, names[i], &w.arena, NULL, NULL, NULL, &w.err));
		CHECK(!pl_journal_read(
		    w.store, names[i], &w.arena, NULL, NULL, NULL, &w.err));
		CHECK(!pl_store_pin(w.store, names[i], "x", 1, hash, &w.err));
		CHECK_INT(
		    pl_store_verify(w.store, names[i], NULL, NULL, &wrong, &w.err), 0);
		CHECK_TEXT(w.err.code, "run.missing");
	}
	CHECK_INT(pl_store_runs(w.store, &w.arena)->as.list.len, 1);
	world_fini(&w);
}

static void runs_oldest_first(void)
{
	CHECK_CASE("runs oldest first");
	static const char *const born[] = {
	    "a-1-alpha", "a-2-mid", "b-1-alpha", "b-2-alpha"};
	struct world w;
	world_init(&w);
	for (size_t i = 0; i < PL_COUNT(born); i++) {
		struct pl_journal *j = pl_journal_create(w.store, born[i], &w.err);
		CHECK(j && add(&w, j, (int64_t)i * 1000));
		pl_journal_close(j);
	}
	/* What is not a run: a folder without a journal, a file, another's folder. */
	char hash[65];
	CHECK(pl_store_pin(w.store, "never-started", "x", 1, hash, &w.err));
	file_put(world_path(&w, "runs/file"), "x", 1);
	CHECK(mkdir(world_path(&w, "runs/.DS_Store"), 0700) == 0);
	struct pl_value *runs = pl_store_runs(w.store, &w.arena);
	CHECK_INT(runs->as.list.len, PL_COUNT(born));
	for (size_t i = 0; i < runs->as.list.len; i++)
		CHECK_TEXT(pl_text_of(runs->as.list.at[i], ""), born[i]);

	CHECK_TEXT(pl_store_find(w.store, &w.arena, NULL, &w.err), "b-2-alpha");
	CHECK_TEXT(pl_store_find(w.store, &w.arena, "mid", &w.err), "a-2-mid");
	CHECK_TEXT(pl_store_find(w.store, &w.arena, "b-2", &w.err), "b-2-alpha");
	CHECK(!pl_store_find(w.store, &w.arena, "alpha", &w.err));
	CHECK_TEXT(w.err.code, "run.ambiguous");
	CHECK(strstr(w.err.msg, "a-1-alpha") && strstr(w.err.msg, "b-2-alpha"));
	CHECK(!pl_store_find(w.store, &w.arena, "nothing", &w.err));
	CHECK_TEXT(w.err.code, "run.missing");
	/* A whole id is meant, also where it is part of another one. */
	make_run(&w, "alpha", 1, NULL);
	CHECK_TEXT(pl_store_find(w.store, &w.arena, "alpha", &w.err), "alpha");
	world_fini(&w);
}

static void kept_files(void)
{
	CHECK_CASE("kept files");
	struct world w;
	char hash[65], path[200], none[65];
	struct pl_buf got = {0};
	world_init(&w);
	CHECK(pl_store_pin(w.store, "r1", "return 1\n\0x", 11, hash, &w.err));
	CHECK_INT(strlen(hash), 64);
	CHECK(
	    pl_store_pin(w.store, "r1", "return 1\n\0x", 11, hash, &w.err)); /* again */
	CHECK(pl_store_pinned(w.store, "r1", hash, &got, &w.err));
	CHECK(got.len == 11 && memcmp(got.at, "return 1\n\0x", 11) == 0);
	CHECK(pl_store_pin(w.store, "r1", NULL, 0, none, &w.err));
	CHECK(pl_store_pinned(w.store, "r1", none, &got, &w.err));
	CHECK_INT(got.len, 11);

	/* A pin before the journal does not stand in its way. */
	make_run(&w, "r1", 2, "finished");
	size_t wrong;
	CHECK_INT(pl_store_verify(w.store, NULL, NULL, NULL, &wrong, &w.err), 1);
	CHECK_INT(wrong, 0);

	snprintf(path, sizeof path, "runs/r1/files/%s", hash);
	file_put(world_path(&w, path), "return 2\n", 9);
	CHECK(!pl_store_pinned(w.store, "r1", hash, &got, &w.err));
	CHECK_TEXT(w.err.code, "store.corrupt");
	CHECK_INT(got.len, 11);
	CHECK_INT(pl_store_verify(w.store, NULL, NULL, NULL, &wrong, &w.err), 1);
	CHECK_INT(wrong, 1);
	CHECK(remove(world_path(&w, path)) == 0);
	CHECK(!pl_store_pinned(w.store, "r1", hash, &got, &w.err));
	CHECK_TEXT(w.err.code, "file.missing");
	/* A link to the very bytes is not what was kept; a FIFO is not waited for. */
	char aside[1400];
	snprintf(aside, sizeof aside, "%s", world_path(&w, "aside"));
	file_put(aside, "return 1\n\0x", 11);
	CHECK(symlink(aside, world_path(&w, path)) == 0);
	CHECK(!pl_store_pinned(w.store, "r1", hash, &got, &w.err));
	CHECK_TEXT(w.err.code, "store.corrupt");
	CHECK(strstr(w.err.msg, "is a symbolic link, not a file"));
	CHECK_INT(pl_store_verify(w.store, NULL, NULL, NULL, &wrong, &w.err), 1);
	CHECK_INT(wrong, 1);
	CHECK(remove(world_path(&w, path)) == 0);
	CHECK(mkfifo(world_path(&w, path), 0600) == 0);
	CHECK(!pl_store_pinned(w.store, "r1", hash, &got, &w.err));
	CHECK_TEXT(w.err.code, "store.corrupt");
	CHECK(!pl_store_pinned(w.store, "r1", "../journal.jsonl", &got, &w.err));
	CHECK_TEXT(w.err.code, "store.corrupt");
	pl_buf_fini(&got);
	world_fini(&w);
}

int main(void)
{
	opening_makes_nothing();
	bad_places_are_named();
	full_disk_is_said();
	names_that_lead_elsewhere();
	runs_oldest_first();
	kept_files();
	return check_end();
}
