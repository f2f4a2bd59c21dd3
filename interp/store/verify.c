/*
 * Verification: for somebody who does not trust us, and does not read code. It
 * reads whatever bytes stand there, goes on after a wrong record, and says of each
 * where it stands and how it is wrong.
 *
 * Each line is judged by record.c, as when a journal is opened. What is added here:
 * finding the place again after a wrong line, heads.jsonl, and the kept files. What
 * cannot be found is said in heads.c.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_inner.h"

#define HEADS "heads.jsonl"

struct verifier {
	struct pl_store *store;
	struct pl_arena arena; /* of the heads */
	struct pl_head *heads; /* by run; those of one run as they stand in the file */
	size_t len, cap;
	uint64_t size; /* of heads.jsonl when it was read */
};

/* One chained file on the way through it. */
struct walk {
	struct pl_said *said;
	struct pl_chain chain; /* length: the seq that is to come next */
	int64_t gap_from, gap_until; /* seqs that were left out last, [from, until) */
	size_t lines;
	uint64_t torn;
	bool trees; /* `stands` wants the record, not only its place */
	char type[65]; /* of the record that stands there; empty: none */
	const char *built; /* records of this type are built in any case */
	bool blind; /* the line before was too long to be hashed */
	/* A line that stands where it belongs, a record or not (then NULL). It is
	 * built only where `trees` says so. */
	void (*stands)(
	    struct walk *w, int64_t seq, size_t line, const struct pl_value *record);
	void *arg;
};

/* ---- one file ------------------------------------------------------------------ */

/* False: the record stands where it does not belong. */
static bool check_place(struct walk *w, const struct pl_stamp *stamp, size_t line)
{
	int64_t due = (int64_t)w->chain.length, seq = stamp->seq;
	if (seq == due)
		return true;
	if (seq > due) {
		if (seq == due + 1)
			pl_said_add(w->said, "wrong", seq, line,
			    "record %" PRId64
			    " is missing before this one: removed, or moved",
			    due);
		else
			pl_said_add(w->said, "wrong", seq, line,
			    "records %" PRId64 " to %" PRId64
			    " are missing before this one: removed, or moved",
			    due, seq - 1);
		w->gap_from = due;
		w->gap_until = seq;
		return true;
	}
	if (seq >= w->gap_from && seq < w->gap_until)
		pl_said_add(w->said, "wrong", seq, line,
		    "this record stands after record %" PRId64
		    ": the two were swapped, or this one was moved",
		    due - 1);
	else
		pl_said_add(w->said, "wrong", seq, line,
		    "record %" PRId64
		    " was due here: this one was inserted or repeated",
		    due);
	return false;
}

static void check_line(
    struct walk *w, const struct pl_lines *l, struct pl_arena *a, struct pl_buf *again)
{
	struct pl_value *record = NULL;
	struct pl_stamp stamp;
	struct pl_err why;
	uint64_t due = w->chain.length;
	int64_t seq = (int64_t)due;
	bool stands = true;
	bool sound = pl_record_read(
	    w->trees ? &record : NULL, &stamp, a, again, l->at, (size_t)l->len, &why);
	if (!sound) {
		record = NULL;
		pl_said_add(w->said, "wrong", seq, l->number, "changed or inserted: %s",
		    why.msg);
	} else {
		size_t before = w->said->wrong + w->said->hidden;
		stands = check_place(w, &stamp, l->number);
		seq = stamp.seq;
		w->chain.length = (uint64_t)seq;
		if (w->blind) /* whatever prev says cannot be compared */
			memcpy(w->chain.hash, stamp.prev, sizeof w->chain.hash);
		/* A gap explains a prev that does not fit. */
		if (before == w->said->wrong + w->said->hidden &&
		    !pl_record_fits(&stamp, &w->chain, &why))
			pl_said_add(w->said, "wrong", seq, l->number, "%s", why.msg);
	}
	w->blind = false;
	w->type[0] = '\0';
	if (sound)
		memcpy(w->type, stamp.type, sizeof w->type);
	if (sound && !record && w->built && strcmp(w->built, w->type) == 0)
		pl_json_parse(&record, a, l->at, (size_t)l->len, NULL);
	pl_chain_step(&w->chain, l->at, (size_t)l->len);
	if (stands)
		w->stands(w, seq, l->number, record);
	else
		w->chain.length = due;
}

/* False: it could not be read to its end, which was said. */
static bool walk_file(struct walk *w, int fd, const char *name)
{
	struct pl_lines l = {.fd = fd};
	struct pl_arena a = {0};
	struct pl_buf again = {0};
	enum pl_line kind;
	while ((kind = pl_lines_next(&l)) == PL_LINE_WHOLE || kind == PL_LINE_LONG) {
		w->lines++;
		if (kind == PL_LINE_WHOLE) {
			check_line(w, &l, &a, &again);
			pl_arena_fini(&a);
			continue;
		}
		pl_said_add(w->said, "wrong", (int64_t)w->chain.length, l.number,
		    "changed or inserted: a line of %" PRIu64
		    " bytes, more than a record has",
		    l.len);
		w->chain.length++;
		w->blind = true;
	}
	if (kind == PL_LINE_FAILED)
		pl_said_add(w->said, "wrong", (int64_t)w->chain.length, l.number,
		    "'%s' cannot be read from here on: %s", name, strerror(errno));
	w->torn = kind == PL_LINE_TORN ? l.len : 0;
	pl_buf_fini(&again);
	pl_arena_fini(&a);
	pl_lines_fini(&l);
	return kind != PL_LINE_FAILED;
}

/* ---- heads.jsonl ----------------------------------------------------------------- */

static void keep_head(
    struct walk *w, int64_t seq, size_t line, const struct pl_value *record)
{
	struct verifier *v = w->arg;
	struct pl_head h;
	struct pl_err why;
	if (!record)
		return;
	if (!pl_head_read(&h, record, &why)) {
		pl_said_add(w->said, "wrong", seq, line, "not a head: %s", why.msg);
		return;
	}
	h.line = line;
	h.run = pl_arena_text(&v->arena, h.run, strlen(h.run));
	h.state = pl_arena_text(&v->arena, h.state, strlen(h.state));
	if (v->len == v->cap)
		v->heads = pl_realloc(
		    v->heads, (v->cap = v->cap ? v->cap * 2 : 64) * sizeof h);
	v->heads[v->len++] = h;
}

static int by_run(const void *a, const void *b)
{
	const struct pl_head *x = a, *y = b;
	int order = strcmp(x->run, y->run);
	return order ? order : (x->line > y->line) - (x->line < y->line);
}

static int by_length(const void *a, const void *b)
{
	const struct pl_head *x = a, *y = b;
	return x->length != y->length ? (x->length > y->length ? 1 : -1)
	                              : (x->line > y->line) - (x->line < y->line);
}

static void drop_heads(struct verifier *v)
{
	pl_arena_fini(&v->arena);
	free(v->heads);
	v->heads = NULL;
	v->len = v->cap = 0;
}

/* Torn ends that were cut off by later seals. */
static void name_kept(struct pl_said *said, const struct pl_store *s)
{
	static const char stem[] = "heads.torn-";
	DIR *dir = opendir(s->dir);
	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));)
		if (strncmp(e->d_name, stem, sizeof stem - 1) == 0)
			pl_said_add(said, "note", -1, 0,
			    "a torn end was cut off once and kept as '%s'", e->d_name);
	closedir(dir);
}

static uint64_t heads_size(const struct pl_store *s)
{
	struct stat st;
	char *path = pl_store_path(s, HEADS);
	uint64_t size = stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
	free(path);
	return size;
}

static void read_heads(struct verifier *v, struct pl_said *said)
{
	drop_heads(v);
	char *path = pl_store_path(v->store, HEADS);
	struct walk w = {.said = said, .stands = keep_head, .arg = v, .trees = true};
	pl_chain_start(&w.chain, NULL);
	int fd = pl_disk_open(path, O_RDONLY);
	if (fd < 0 && errno != ENOENT)
		pl_said_add(said, "wrong", -1, 0, "'%s' cannot be opened: %s", path,
		    strerror(errno));
	if (fd >= 0) {
		/* So as not to see a line half written; where it cannot be had (another
		 * one's files, a network's), there is no harm in going on. */
		pl_disk_wait(fd);
		v->size = heads_size(v->store);
		walk_file(&w, fd, path);
		close(fd);
		if (w.torn)
			pl_said_add(said, "torn", (int64_t)w.chain.length, w.lines + 1,
			    "the last %" PRIu64
			    " bytes are no whole line: what a crash leaves of a head. The next "
			    "one cuts them off and keeps them as heads.torn-%" PRIu64,
			    w.torn, w.chain.length);
		name_kept(said, v->store);
		if (said->wrong == 0)
			pl_said_add(said, "ok", -1, 0, "%zu heads", v->len);
	}
	if (v->len)
		qsort(v->heads, v->len, sizeof *v->heads, by_run);
	free(path);
}

/* The heads of one run: a part of the table, possibly empty. */
static struct pl_head *heads_of(const struct verifier *v, const char *run, size_t *n)
{
	size_t low = 0, high = v->len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(v->heads[mid].run, run) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	size_t end = low;
	while (end < v->len && strcmp(v->heads[end].run, run) == 0)
		end++;
	*n = end - low;
	return v->heads ? v->heads + low : NULL;
}

/* ---- runs ------------------------------------------------------------------------ */

struct ahead {
	/* The heads of a run that its journal has not come to yet, shortest first. */
	const struct pl_head *at;
	size_t len;
	const struct pl_head *newest; /* NULL: none */
	bool engine; /* a record about the run itself came by: it tells its state */
	char ending[65]; /* the type of the record that the newest head sealed */
	struct pl_arena arena;
	struct pl_value *sources; /* that the run was started with, NULL: not said */
};

static void compare_heads(
    struct walk *w, int64_t seq, size_t line, const struct pl_value *record)
{
	struct ahead *h = w->arg;
	if (record && pl_get(record, "sources"))
		h->sources = pl_copy(&h->arena, pl_get(record, "sources"));
	h->engine = h->engine || strncmp(w->type, "run.", 4) == 0;
	if (h->newest && (uint64_t)(seq + 1) == h->newest->length)
		memcpy(h->ending, w->type, sizeof h->ending);
	for (; h->len && h->at->length <= (uint64_t)seq + 1; h->at++, h->len--) {
		if (h->at->length <= (uint64_t)seq ||
		    strcmp(h->at->hash, w->chain.hash) == 0)
			continue; /* passed over in a gap, which was said */
		pl_said_add(w->said, "wrong", seq, line,
		    "changed after it was sealed: " HEADS
		    " line %zu says it hashes to %.12s…, it hashes to %.12s…",
		    h->at->line, h->at->hash, w->chain.hash);
	}
}

/* A head is written right behind the record that it is about: which records may
 * stand there. Journals without a record about the run itself tell nothing. */
static void check_state(struct walk *w)
{
	static const struct {
		const char *state, *type;
	} pairs[] = {{"finished", "run.finished"}, {"suspended", "run.suspended"},
	    {"suspended", "gate.decided"}, {"stopped", "run.stopped"},
	    {"stopped", "effect.receipt"}, {"stopped", "effect.settled"},
	    {"reopened", "run.finished"}};
	const struct ahead *h = w->arg;
	if (!h->newest || !h->engine || !h->ending[0])
		return;
	for (size_t i = 0; i < PL_COUNT(pairs); i++)
		if (strcmp(h->newest->state, pairs[i].state) == 0 &&
		    strcmp(h->ending, pairs[i].type) == 0)
			return;
	pl_said_add(w->said, "wrong", (int64_t)h->newest->length - 1, 0,
	    HEADS " line %zu says that the run was '%s' there, the record is '%s'",
	    h->newest->line, h->newest->state, h->ending);
}

/* What the newest head and the end of the journal say together. */
static void check_end(struct walk *w, const struct pl_head *newest)
{
	uint64_t length = w->chain.length;
	int64_t last = (int64_t)length - 1;
	bool over = newest && pl_head_final(newest->state);
	if (newest && length < newest->length)
		pl_said_add(w->said, "wrong", last, w->lines,
		    "cut off: " HEADS " line %zu says %" PRIu64 " records, %" PRIu64
		    " are here%s",
		    newest->line, newest->length, length,
		    w->torn ? ", and then a part of one" : "");
	else if (over && length > newest->length)
		pl_said_add(w->said, "wrong", last, w->lines,
		    "%" PRIu64
		    " records were added after the run was sealed as '%s' (" HEADS
		    " line %zu)",
		    length - newest->length, newest->state, newest->line);
	else if (over && w->torn)
		pl_said_add(w->said, "wrong", -1, w->lines + 1,
		    "%" PRIu64
		    " bytes were added after the run was sealed as '%s' (" HEADS
		    " line %zu)",
		    w->torn, newest->state, newest->line);
	else if (w->torn)
		pl_said_add(w->said, "torn", (int64_t)length, w->lines + 1,
		    "the last %" PRIu64
		    " bytes are no whole record: what a crash leaves, or a record that is "
		    "being written. Resuming keeps them as torn-%" PRIu64,
		    w->torn, length);
	check_state(w);
	if (w->said->wrong)
		return;
	if (!newest)
		pl_said_add(w->said, "note", -1, 0,
		    "%" PRIu64
		    " records, not sealed yet: a cut-off end would not be seen",
		    length);
	else if (length > newest->length)
		pl_said_add(w->said, "note", -1, 0,
		    "%" PRIu64 " records, %" PRIu64
		    " of them since it was sealed as '%s': a cut-off end of these would not "
		    "be seen",
		    length, length - newest->length, newest->state);
	else
		pl_said_add(w->said, "ok", -1, 0, "%" PRIu64 " records, sealed as '%s'",
		    length, newest->state);
}

/* The files that the journal names must be there; whether they are what they are
 * called is looked at for all that are. */
static void check_sources(
    struct verifier *v, struct pl_said *said, const struct pl_value *sources)
{
	size_t n = sources && sources->kind == PL_LIST ? sources->as.list.len : 0;
	for (size_t i = 0; i < n; i++) {
		const struct pl_value *one = sources->as.list.at[i];
		const char *name = pl_get_text(one, "name", "?"),
		           *hash = pl_get_text(one, "hash", "");
		struct stat st;
		if (strlen(hash) != 64 || strspn(hash, "0123456789abcdef") != 64) {
			pl_said_add(said, "wrong", -1, 0,
			    "the journal says no hash of '%.200s', which the run was "
			    "started with",
			    name);
			continue;
		}
		char *path =
		    pl_store_path(v->store, "runs/%s/files/%s", said->run, hash);
		if (lstat(path, &st) != 0)
			pl_said_add(said, "wrong", -1, 0,
			    "'%.200s', which the run was started with, is not kept: "
			    "'%s': %s",
			    name, path, strerror(errno));
		free(path);
	}
}

/* Files that the run was started with: their names are their hashes. */
static void check_kept(struct verifier *v, struct pl_said *said)
{
	struct stat st;
	char *path = pl_store_path(v->store, "runs/%s/files", said->run);
	bool there = lstat(path, &st) == 0;
	DIR *dir = there && S_ISDIR(st.st_mode) ? opendir(path) : NULL;
	if (there && !dir)
		pl_said_add(
		    said, "wrong", -1, 0, "'%s' is no folder that can be read", path);
	free(path);
	if (!dir)
		return;
	struct pl_err why;
	for (struct dirent *e; (e = readdir(dir));) {
		struct pl_buf bytes = {0};
		/* Other names are what a crash left of a file on its way. */
		if (strlen(e->d_name) == 64 &&
		    strspn(e->d_name, "0123456789abcdef") == 64 &&
		    !pl_store_pinned(v->store, said->run, e->d_name, &bytes, &why))
			pl_said_add(said, "wrong", -1, 0,
			    "a file that the run was started with: %s", why.msg);
		pl_buf_fini(&bytes);
	}
	closedir(dir);
}

/* A copy of a run's heads by length; *newest is the last one in the file. */
static struct pl_head *sort_heads(
    const struct verifier *v, struct pl_said *said, size_t *n, struct pl_head *newest)
{
	const struct pl_head *found = heads_of(v, said->run, n);
	if (!*n)
		return NULL;
	for (size_t i = 1; i < *n; i++)
		if (found[i].length < found[i - 1].length)
			pl_said_add(said, "wrong", -1, 0,
			    HEADS " line %zu says %" PRIu64
			          " records, its line %zu said %" PRIu64
			          " before: a journal does not shrink",
			    found[i].line, found[i].length, found[i - 1].line,
			    found[i - 1].length);
	*newest = found[*n - 1];
	struct pl_head *copy = pl_alloc(*n * sizeof *copy);
	memcpy(copy, found, *n * sizeof *copy);
	qsort(copy, *n, sizeof *copy, by_length);
	return copy;
}

static void check_run(struct verifier *v, struct pl_said *said)
{
	struct pl_head newest;
	size_t n;
	struct pl_head *heads = sort_heads(v, said, &n, &newest);
	struct ahead ahead = {.at = heads, .len = n, .newest = n ? &newest : NULL};
	struct walk w = {.said = said,
	    .stands = compare_heads,
	    .arg = &ahead,
	    .built = "run.started"};
	pl_chain_start(&w.chain, said->run);
	char *path = pl_store_path(v->store, "runs/%s/journal.jsonl", said->run);
	int fd = pl_disk_open(path, O_RDONLY);
	if (fd >= 0) {
		compare_heads(&w, -1, 0, NULL); /* sealed before the first record */
		if (walk_file(&w, fd, path))
			check_end(&w, n ? &newest : NULL);
		close(fd);
	} else if (errno != ENOENT && errno != ENOTDIR) {
		pl_said_add(said, "wrong", -1, 0, "'%s' cannot be opened: %s", path,
		    strerror(errno));
	} else if (n) {
		char *folder = pl_store_path(v->store, "runs/%s", said->run);
		pl_said_add(said, "wrong", -1, 0,
		    "the %s is gone: " HEADS " line %zu says %" PRIu64
		    " records, sealed as '%s'",
		    access(folder, F_OK) == 0 ? "journal" : "run's folder", newest.line,
		    newest.length, newest.state);
		free(folder);
	} else {
		pl_said_add(said, "note", -1, 0, "no journal: the run never started");
	}
	check_sources(v, said, ahead.sources);
	check_kept(v, said);
	pl_arena_fini(&ahead.arena);
	free(path);
	free(heads);
}

/* ---- all of it ------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Every run that has a folder or a head, each once, in the arena. */
static bool name_runs(const char ***out, size_t *n, const struct verifier *v,
    struct pl_arena *a, struct pl_err *err)
{
	char *path = pl_store_path(v->store, "runs");
	const char **names = NULL;
	size_t len = 0, cap = v->len;
	DIR *dir = opendir(path);
	bool ok = dir || errno == ENOENT;
	if (!ok)
		pl_fail(err, "store.open", "'%s' cannot be read: %s", path,
		    strerror(errno));
	free(path);
	names = pl_realloc(names, (cap + 1) * sizeof *names);
	for (size_t i = 0; i < v->len; i++)
		names[len++] =
		    pl_arena_text(a, v->heads[i].run, strlen(v->heads[i].run));
	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (!pl_run_valid(e->d_name))
			continue;
		if (len == cap)
			names = pl_realloc(
			    names, (cap = cap ? cap * 2 : 64) * sizeof *names);
		names[len++] = pl_arena_text(a, e->d_name, strlen(e->d_name));
	}
	if (dir)
		closedir(dir);
	if (len)
		qsort(names, len, sizeof *names, by_name);
	size_t kept = 0;
	for (size_t i = 0; i < len; i++)
		if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
			names[kept++] = names[i];
	*out = names;
	*n = kept;
	return ok;
}

static bool known(const struct verifier *v, const char *run)
{
	size_t n;
	char *path = pl_store_path(v->store, "runs/%s", run);
	bool yes = access(path, F_OK) == 0 || (heads_of(v, run, &n), n > 0);
	free(path);
	return yes;
}

size_t pl_store_verify(struct pl_store *s, const char *run,
    void (*report)(void *arg, const struct pl_finding *f), void *arg, size_t *wrong,
    struct pl_err *err)
{
	struct verifier v = {.store = s};
	struct pl_arena a = {0};
	const char **runs = NULL;
	size_t n = 0, looked = 0, found = 0;
	struct pl_said said = {.run = HEADS};
	if (run && !pl_run_valid(run)) {
		pl_fail(err, "run.missing", "this is not a run's id");
		goto cleanup;
	}
	read_heads(&v, &said);
	pl_said_tell(&said, report, arg, &found);
	if (run && !known(&v, run)) {
		pl_fail(err, "run.missing", "there is no run %s in '%s'", run, s->dir);
		goto cleanup;
	}
	if (!run && !name_runs(&runs, &n, &v, &a, err))
		goto cleanup;
	for (size_t i = 0; i < (run ? 1 : n); i++) {
		said.run = run ? run : runs[i];
		check_run(&v, &said);
		/* Runs go on while we look: where heads.jsonl grew meanwhile, what seemed
		 * wrong may be right by now. */
		for (int tries = 0; said.wrong && tries < 5 && heads_size(s) != v.size;
		     tries++) {
			struct pl_said again = {.run = HEADS};
			read_heads(&v, &again);
			pl_said_forget(&again);
			pl_said_forget(&said);
			check_run(&v, &said);
		}
		pl_said_tell(&said, report, arg, &found);
		looked++;
	}
cleanup:
	free(runs);
	drop_heads(&v);
	pl_arena_fini(&a);
	if (wrong)
		*wrong = found;
	return looked;
}
