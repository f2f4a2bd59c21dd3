/* What the store's tests share: a folder of their own, files read and written as
 * bytes, and a journal with a few records. */
#ifndef STORE_WORLD_H
#define STORE_WORLD_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../interp/store/store.h"
#include "check.h"

#define NOW INT64_C(1795000000000)

struct world {
	char dir[1000]; /* goes with the world */
	char state[1100];
	struct pl_store *store;
	struct pl_arena arena;
	struct pl_err err;
};

static inline void world_init(struct world *w)
{
	const char *tmp = getenv("TMPDIR");
	memset(w, 0, sizeof *w);
	snprintf(w->dir, sizeof w->dir, "%s/store-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(w->dir))
		abort();
	snprintf(w->state, sizeof w->state, "%s/.pipe", w->dir);
	w->store = pl_store_open(w->state, &w->err);
	CHECK(w->store);
}

static inline int world_drop(
    const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static inline void world_fini(struct world *w)
{
	pl_store_close(w->store);
	pl_arena_fini(&w->arena);
	nftw(w->dir, world_drop, 16, FTW_DEPTH | FTW_PHYS);
}

/* A path below the state folder, until the next call. */
static inline const char *world_path(const struct world *w, const char *below)
{
	static char path[1400];
	snprintf(path, sizeof path, "%s/%s", w->state, below);
	return path;
}

static inline struct pl_buf file_bytes(const char *path)
{
	struct pl_buf b = {0};
	struct pl_err err;
	if (!pl_file_read(&b, path, 0, &err))
		printf("FAIL %s: %s\n", path, err.msg);
	return b;
}

/* In place, so that thousands of these cost little. */
static inline void file_put(const char *path, const char *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
	close(fd);
}

static inline struct pl_value *record_of(
    struct pl_arena *a, const char *type, int64_t n)
{
	struct pl_value *v = pl_map(a);
	pl_map_set(a, v, "type", pl_text(a, type));
	pl_map_set(a, v, "n", pl_int(a, n));
	pl_map_set(a, v, "note", pl_text(a, "kj\xc3\xb8r \"x\""));
	return v;
}

static inline bool add(struct world *w, struct pl_journal *j, int64_t n)
{
	return pl_journal_append(j, &w->arena, record_of(&w->arena, "step", n), NOW + n,
	    true, NULL, &w->err);
}

/* A run of n records, sealed as `state` unless that is NULL. */
static inline void make_run(struct world *w, const char *run, int n, const char *state)
{
	struct pl_journal *j = pl_journal_create(w->store, run, &w->err);
	CHECK(j);
	for (int i = 0; i < n; i++)
		CHECK(add(w, j, i));
	if (state)
		CHECK(pl_journal_seal(j, state, NOW + n, &w->err));
	pl_journal_close(j);
}

static inline bool count_record(void *arg, const struct pl_value *record)
{
	int64_t *n = arg;
	CHECK_INT(pl_get_int(record, "seq", -1), *n);
	++*n;
	return true;
}

#endif
