/* Verification: whatever is done to a sealed run is found, in words that say what
 * and where; what a crash leaves is not called wrong. */
#include "store_world.h"

#define JOURNAL "runs/r1/journal.jsonl"
#define RECORDS 10

struct findings {
	size_t n, ok, notes, torn;
	char first[300], severity[16], run[100];
	int64_t seq;
	size_t line;
};

static void keep(void *arg, const struct pl_finding *f)
{
	struct findings *all = arg;
	CHECK(f->run && f->what && *f->what && f->seq >= -1);
	all->ok += !strcmp(f->severity, "ok");
	all->notes += !strcmp(f->severity, "note");
	all->torn += !strcmp(f->severity, "torn");
	bool wrong = !strcmp(f->severity, "wrong");
	CHECK(wrong || !strcmp(f->severity, "ok") || !strcmp(f->severity, "note") ||
	    !strcmp(f->severity, "torn"));
	if (!all->n++ || (wrong && strcmp(all->severity, "wrong") != 0)) {
		snprintf(all->first, sizeof all->first, "%s", f->what);
		snprintf(all->severity, sizeof all->severity, "%s", f->severity);
		snprintf(all->run, sizeof all->run, "%s", f->run);
		all->seq = f->seq;
		all->line = f->line;
	}
}

/* How many are wrong; *all holds the first of them, else the first of all. */
static size_t verify(struct world *w, struct findings *all)
{
	size_t wrong = 0;
	memset(all, 0, sizeof *all);
	pl_store_verify(w->store, NULL, keep, all, &wrong, &w->err);
	return wrong;
}

/* The bytes of a file, and its lines: line i begins at at[i], newline included. */
struct lines {
	struct pl_buf all;
	size_t at[RECORDS * 2 + 1], n;
};

static struct lines lines_of(const char *path)
{
	struct lines l = {.all = file_bytes(path)};
	for (size_t i = 0; i < l.all.len; i++)
		if (l.all.at[i] == '\n')
			l.at[++l.n] = i + 1;
	return l;
}

static void put_lines(
    const char *path, const struct lines *l, const size_t *order, size_t n)
{
	struct pl_buf b = {0};
	for (size_t i = 0; i < n; i++)
		pl_buf_add(&b, l->all.at + l->at[order[i]],
		    l->at[order[i] + 1] - l->at[order[i]]);
	file_put(path, b.at ? b.at : "", b.len);
	pl_buf_fini(&b);
}

static void all_is_well(void)
{
	CHECK_CASE("all is well");
	struct world w;
	struct findings f;
	world_init(&w);
	make_run(&w, "r1", RECORDS, "finished");
	CHECK_INT(verify(&w, &f), 0);
	CHECK_INT(f.ok, 2); /* heads.jsonl and the run */
	CHECK_INT(f.n, 2);
	make_run(&w, "r2", 3, NULL);
	make_run(&w, "r3", 0, "abandoned");
	make_run(&w, "r4", 0, NULL);
	CHECK_INT(verify(&w, &f), 0);
	CHECK_INT(f.ok, 3);
	CHECK_INT(f.notes, 2);
	size_t wrong;
	CHECK_INT(pl_store_verify(w.store, "r2", keep, &f, &wrong, &w.err), 1);
	CHECK_INT(wrong, 0);
	CHECK_INT(pl_store_verify(w.store, "r9", NULL, NULL, &wrong, &w.err), 0);
	CHECK_TEXT(w.err.code, "run.missing");
	world_fini(&w);
}

/* Whether a byte of heads.jsonl is of what only its last line says and nothing else
 * vouches for: when that was, in which state, and that the line is whole. */
static bool only_said_there(const struct pl_buf *all, size_t at)
{
	static const char *const members[] = {"\"state\":\"", "\"time\":\""};
	size_t line = all->len - 1;
	while (line > 0 && all->at[line - 1] != '\n')
		line--;
	for (size_t i = 0; i < PL_COUNT(members); i++) {
		const char *from =
		    strstr(all->at + line, members[i]) + strlen(members[i]);
		size_t begin = (size_t)(from - all->at);
		if (at >= begin && at < begin + strcspn(from, "\""))
			return true;
	}
	return at + 1 == all->len;
}

/* Each byte of `below` in turn becomes another one, in several ways. tail: as in
 * shuffle. */
static void flip(struct world *w, const char *below, bool tail)
{
	static const char ways[] = {1, (char)0x80};
	char path[1400];
	struct findings f;
	snprintf(path, sizeof path, "%s", world_path(w, below));
	struct pl_buf all = file_bytes(path);
	int fd = open(path, O_WRONLY);
	size_t missed = 0;
	for (size_t i = 0; i < all.len; i++) {
		for (size_t k = 0; k <= PL_COUNT(ways); k++) {
			char c =
			    k == PL_COUNT(ways) ? '\n' : (char)(all.at[i] ^ ways[k]);
			if (c == all.at[i] || (c == '\n' && i % 4))
				continue;
			CHECK(pwrite(fd, &c, 1, (off_t)i) == 1);
			if (!verify(w, &f) && !(tail && only_said_there(&all, i))) {
				printf("byte %zu as %02x is not found\n", i,
				    (unsigned char)c);
				missed++;
			}
		}
		CHECK(pwrite(fd, all.at + i, 1, (off_t)i) == 1);
	}
	CHECK_INT(missed, 0);
	CHECK_INT(verify(w, &f), 0);
	close(fd);
	pl_buf_fini(&all);
}

static void every_byte(void)
{
	CHECK_CASE("every byte");
	struct world w;
	world_init(&w);
	make_run(&w, "r1", RECORDS, "finished");
	flip(&w, JOURNAL, false);
	world_fini(&w);
}

static void every_length(void)
{
	CHECK_CASE("every length");
	struct world w;
	struct findings f;
	world_init(&w);
	make_run(&w, "r1", RECORDS, "suspended");
	struct pl_buf all = file_bytes(world_path(&w, JOURNAL));
	for (size_t n = 0; n < all.len; n++) {
		file_put(world_path(&w, JOURNAL), all.at, n);
		CHECK_INT(verify(&w, &f), 1);
		CHECK(strstr(f.first, "cut off"));
		CHECK_TEXT(f.run, "r1");
	}
	pl_buf_fini(&all);
	world_fini(&w);
}

/* Lines left out, repeated, exchanged, moved: `below` has l->n of them. `tail`:
 * nothing vouches for the last line, so that leaving it out cannot be found. */
static void shuffle(struct world *w, const char *below, bool tail)
{
	char path[1400];
	struct findings f;
	snprintf(path, sizeof path, "%s", world_path(w, below));
	struct lines l = lines_of(path);
	size_t order[RECORDS * 2 + 1], n;
	for (size_t i = 0; i < l.n; i++) {
		for (size_t k = 0; k < l.n; k++) {
			/* from i to k removed */
			if (k >= i && !(tail && k == l.n - 1)) {
				n = 0;
				for (size_t x = 0; x < l.n; x++)
					if (x < i || x > k)
						order[n++] = x;
				put_lines(path, &l, order, n);
				CHECK(verify(w, &f) > 0);
			}
			/* i inserted once more before k, and behind all */
			n = 0;
			for (size_t x = 0; x < l.n; x++) {
				if (x == k)
					order[n++] = i;
				order[n++] = x;
			}
			put_lines(path, &l, order, n);
			CHECK(verify(w, &f) > 0);
			n = 0;
			for (size_t x = 0; x < l.n; x++)
				order[n++] = x;
			order[n++] = i;
			put_lines(path, &l, order, n);
			CHECK(verify(w, &f) > 0);
			if (i == k)
				continue;
			/* i and k exchanged */
			for (size_t x = 0; x < l.n; x++)
				order[x] = x == i ? k : x == k ? i : x;
			put_lines(path, &l, order, l.n);
			CHECK(verify(w, &f) > 0);
			/* i moved to k */
			n = 0;
			for (size_t x = 0; x < l.n; x++) {
				if (x == k && k < i)
					order[n++] = i;
				if (x != i)
					order[n++] = x;
				if (x == k && k > i)
					order[n++] = i;
			}
			put_lines(path, &l, order, n);
			CHECK(verify(w, &f) > 0);
		}
	}
	file_put(path, l.all.at, l.all.len);
	CHECK_INT(verify(w, &f), 0);
	pl_buf_fini(&l.all);
}

static void every_pair_of_lines(void)
{
	CHECK_CASE("every pair of lines");
	struct world w;
	world_init(&w);
	make_run(&w, "r1", RECORDS, "finished");
	shuffle(&w, JOURNAL, false);
	world_fini(&w);
}

static void every_edit_of_heads(void)
{
	CHECK_CASE("every edit of heads");
	struct world w;
	struct findings f;
	world_init(&w);
	for (int i = 0; i < 5; i++) {
		char run[40];
		snprintf(run, sizeof run, "r%d", i);
		make_run(&w, run, 2, i % 2 ? "finished" : "suspended");
	}
	flip(&w, "heads.jsonl", true);
	shuffle(&w, "heads.jsonl", true);
	/* A last line that is not whole is what a crash leaves. */
	struct pl_buf all = file_bytes(world_path(&w, "heads.jsonl"));
	for (size_t n = all.len - 1; all.at[n - 1] != '\n'; n--) {
		file_put(world_path(&w, "heads.jsonl"), all.at, n);
		CHECK_INT(verify(&w, &f), 0);
		CHECK_INT(f.torn, 1);
	}
	pl_buf_fini(&all);
	world_fini(&w);
}

/* Somebody rewrites a record and the chain behind it: only the head knows. */
static void rewritten_chain(void)
{
	CHECK_CASE("rewritten chain");
	struct world w;
	struct findings f;
	world_init(&w);
	make_run(&w, "r1", RECORDS, "finished");
	/* The same journal but for one number, honestly chained. */
	CHECK(rename(world_path(&w, "runs/r1/lock"), world_path(&w, "runs/r1/lock")) ==
	    0);
	CHECK(remove(world_path(&w, JOURNAL)) == 0);
	struct pl_journal *j = pl_journal_create(w.store, "r1", &w.err);
	for (int i = 0; i < RECORDS; i++)
		CHECK(j && add(&w, j, i == 4 ? 5 : i));
	CHECK_INT(verify(&w, &f), 1);
	CHECK(strstr(f.first, "changed after it was sealed"));
	CHECK_INT(f.seq, RECORDS - 1);
	CHECK_INT(f.line, RECORDS);
	/* An earlier head vouches for its part when the later one fits. */
	CHECK(j && pl_journal_seal(j, "finished", NOW, &w.err));
	pl_journal_close(j);
	CHECK_INT(verify(&w, &f), 1);
	CHECK(!pl_journal_open(w.store, "r1", &w.arena, NULL, NULL, NULL, &w.err));
	CHECK_TEXT(w.err.code, "journal.corrupt");
	world_fini(&w);
}

static void in_words(void)
{
	CHECK_CASE("in words");
	static const struct {
		size_t order[4], n;
		const char *says;
		int64_t seq;
		size_t line;
	} cases[] = {
	    {{0, 2, 3}, 3, "record 1 is missing before this one", 2, 2},
	    {{0, 3}, 2, "records 1 to 2 are missing before this one", 3, 2},
	    {{0, 2, 1, 3}, 4, "record 1 is missing before this one", 2, 2},
	    {{0, 1, 1, 3}, 4,
	        "record 2 was due here: this one was inserted or repeated", 1, 3},
	    {{0, 1, 2}, 3, "cut off: heads.jsonl line 1 says 4 records, 3 are here", 2,
	        3},
	    {{1, 2, 3}, 3, "record 0 is missing before this one", 1, 1},
	};
	struct world w;
	struct findings f;
	world_init(&w);
	make_run(&w, "r1", 4, "finished");
	struct lines l = lines_of(world_path(&w, JOURNAL));
	for (size_t i = 0; i < PL_COUNT(cases); i++) {
		put_lines(world_path(&w, JOURNAL), &l, cases[i].order, cases[i].n);
		CHECK(verify(&w, &f) > 0);
		CHECK(strstr(f.first, cases[i].says));
		CHECK_TEXT(f.run, "r1");
		CHECK_INT(f.seq, cases[i].seq);
		CHECK_INT(f.line, cases[i].line);
	}
	/* A changed record is still a record: its hash tells. */
	char *n = strstr(l.all.at + l.at[1], "\"n\":1");
	n[4] = '7';
	file_put(world_path(&w, JOURNAL), l.all.at, l.all.len);
	CHECK_INT(verify(&w, &f), 1);
	CHECK(strstr(f.first, "the record before hashes to"));
	CHECK_INT(f.seq, 2);
	/* One that is no record any more does not hide the ones behind it. */
	n[4] = '\x1b';
	file_put(world_path(&w, JOURNAL), l.all.at, l.all.len);
	CHECK_INT(verify(&w, &f), 2);
	CHECK(strstr(f.first, "changed or inserted"));
	CHECK(!strchr(f.first, '\x1b'));
	CHECK_INT(f.seq, 1);
	CHECK_INT(f.line, 2);
	pl_buf_fini(&l.all);
	world_fini(&w);
}

static void folders(void)
{
	CHECK_CASE("folders");
	struct world w;
	struct findings f;
	char other[1400];
	world_init(&w);
	make_run(&w, "r1", 3, "finished");
	make_run(&w, "r2", 3, NULL);
	snprintf(other, sizeof other, "%s", world_path(&w, "runs/r9"));
	CHECK(rename(world_path(&w, "runs/r1"), other) == 0);
	CHECK(verify(&w, &f) > 1); /* r1 is gone, r9's records are of another run */
	CHECK_TEXT(f.run, "r1");
	CHECK(strstr(f.first, "the run's folder is gone"));
	CHECK(rename(other, world_path(&w, "runs/r1")) == 0);
	CHECK_INT(verify(&w, &f), 0);
	CHECK(remove(world_path(&w, JOURNAL)) == 0);
	CHECK_INT(verify(&w, &f), 1);
	CHECK(strstr(f.first, "the journal is gone"));
	/* The journal of another run in its place. */
	struct pl_buf b = file_bytes(world_path(&w, "runs/r2/journal.jsonl"));
	file_put(world_path(&w, JOURNAL), b.at, b.len);
	CHECK(verify(&w, &f) > 0);
	CHECK(strstr(f.first, "r2"));
	pl_buf_fini(&b);
	world_fini(&w);
}

/* A run is sealed several times; after its end it goes on only by reopening. */
static void later_seals(void)
{
	CHECK_CASE("later seals");
	struct world w;
	struct findings f;
	size_t torn;
	world_init(&w);
	make_run(&w, "r1", 3, "suspended");
	struct pl_journal *j =
	    pl_journal_open(w.store, "r1", &w.arena, NULL, NULL, &torn, &w.err);
	CHECK(j && add(&w, j, 3));
	CHECK_INT(verify(&w, &f), 0); /* open again: the newest record is not sealed */
	CHECK_INT(f.notes, 1);
	CHECK(pl_journal_seal(j, "failed", NOW, &w.err));
	pl_journal_close(j);
	CHECK_INT(verify(&w, &f), 0);
	struct pl_buf over = file_bytes(world_path(&w, JOURNAL));
	struct pl_buf heads = file_bytes(world_path(&w, "heads.jsonl"));

	j = pl_journal_open(w.store, "r1", &w.arena, NULL, NULL, &torn, &w.err);
	CHECK(j && add(&w, j, 4) && add(&w, j, 5));
	pl_journal_close(j); /* here it crashes */
	CHECK_INT(verify(&w, &f), 0);
	CHECK_INT(f.notes, 1);
	/* The same records without the reopening are somebody else's. */
	struct pl_buf more = file_bytes(world_path(&w, "heads.jsonl"));
	file_put(world_path(&w, "heads.jsonl"), heads.at, heads.len);
	CHECK_INT(verify(&w, &f), 1);
	CHECK(strstr(f.first, "added after the run was sealed as 'failed'"));
	/* So is a part of one. */
	pl_buf_puts(&over, "{\"n\":4");
	file_put(world_path(&w, JOURNAL), over.at, over.len);
	CHECK_INT(verify(&w, &f), 1);
	/* After the reopening it is what a crash leaves. */
	file_put(world_path(&w, "heads.jsonl"), more.at, more.len);
	CHECK_INT(verify(&w, &f), 0);
	CHECK_INT(f.torn, 1);
	pl_buf_fini(&over);
	pl_buf_fini(&heads);
	pl_buf_fini(&more);
	world_fini(&w);
}

/* A torn end of heads.jsonl is kept by the next seal, and stays mentioned. */
static void torn_heads(void)
{
	CHECK_CASE("torn heads");
	struct world w;
	struct findings f;
	world_init(&w);
	make_run(&w, "r1", 1, "finished");
	struct pl_buf heads = file_bytes(world_path(&w, "heads.jsonl"));
	static const char zeros[5000];
	pl_buf_puts(&heads, "{\"hash\":");
	pl_buf_add(&heads, zeros, sizeof zeros);
	file_put(world_path(&w, "heads.jsonl"), heads.at, heads.len);
	CHECK_INT(verify(&w, &f), 0);
	CHECK_INT(f.torn, 1);
	make_run(&w, "r2", 1, "finished");
	CHECK_INT(verify(&w, &f), 0);
	CHECK_INT(f.torn, 0);
	CHECK_INT(f.notes, 1);
	struct pl_buf kept = file_bytes(world_path(&w, "heads.torn-1"));
	CHECK_INT(kept.len, 8 + sizeof zeros);
	pl_buf_fini(&kept);
	/* A whole line that is no head: no run is gone on with, and nothing mended. */
	static const char *const ends[] = {"x\n", "\n", "{}\n"};
	struct pl_buf good = file_bytes(world_path(&w, "heads.jsonl"));
	for (size_t i = 0; i < PL_COUNT(ends); i++) {
		pl_buf_reset(&heads);
		pl_buf_add(&heads, good.at, good.len);
		pl_buf_puts(&heads, ends[i]);
		file_put(world_path(&w, "heads.jsonl"), heads.at, heads.len);
		CHECK(!pl_journal_open(
		    w.store, "r1", &w.arena, NULL, NULL, NULL, &w.err));
		CHECK_TEXT(w.err.code, "journal.corrupt");
		CHECK(strstr(w.err.msg, "heads.jsonl"));
		CHECK(verify(&w, &f) > 0);
	}
	pl_buf_fini(&good);
	pl_buf_fini(&heads);
	world_fini(&w);
}

/* A line of more than 64 MiB takes no memory and does not hide what follows; a
 * file of nothing but wrong lines is not listed without end. */
static void too_much(void)
{
	CHECK_CASE("too much");
	struct world w;
	struct findings f;
	world_init(&w);
	make_run(&w, "r1", 3, "finished");
	struct lines l = lines_of(world_path(&w, JOURNAL));
	int fd = open(world_path(&w, JOURNAL), O_WRONLY | O_TRUNC);
	off_t hole = (off_t)65 << 20;
	CHECK(write(fd, l.all.at, l.at[1]) == (ssize_t)l.at[1]);
	CHECK(lseek(fd, hole, SEEK_CUR) > 0);
	CHECK(write(fd, "\n", 1) == 1);
	CHECK(write(fd, l.all.at + l.at[2], l.at[3] - l.at[2]) ==
	    (ssize_t)(l.at[3] - l.at[2]));
	close(fd);
	CHECK_INT(verify(&w, &f), 1);
	CHECK(strstr(f.first, "more than a record has"));
	CHECK_INT(f.line, 2);
	CHECK(!pl_journal_read(w.store, "r1", &w.arena, NULL, NULL, NULL, &w.err));
	CHECK_TEXT(w.err.code, "journal.corrupt");
	/* A torn end may be as long as it likes. */
	file_put(world_path(&w, JOURNAL), l.all.at, l.all.len);
	CHECK(truncate(world_path(&w, JOURNAL), hole) == 0);
	CHECK_INT(verify(&w, &f), 1); /* it was finished */
	size_t torn = 0;
	CHECK(pl_journal_read(w.store, "r1", &w.arena, NULL, NULL, &torn, &w.err));
	CHECK_INT(torn, (size_t)hole - l.all.len);
	struct pl_buf many = {0};
	for (int i = 0; i < 5000; i++)
		pl_buf_puts(&many, "x\n");
	file_put(world_path(&w, JOURNAL), many.at, many.len);
	size_t wrong = verify(&w, &f);
	CHECK(wrong > 50 && wrong < 200);
	CHECK_INT(f.n, wrong + 1);
	pl_buf_fini(&many);
	pl_buf_fini(&l.all);
	world_fini(&w);
}

static bool add_type(struct world *w, struct pl_journal *j, const char *type)
{
	return pl_journal_append(
	    j, &w->arena, record_of(&w->arena, type, 1), NOW, true, NULL, &w->err);
}

/* A head's state is that of the record it was written behind. */
static void states(void)
{
	CHECK_CASE("states");
	static const struct {
		const char *last, *state;
		bool right;
	} cases[] = {{"run.finished", "finished", true},
	    {"run.stopped", "stopped", true}, {"run.suspended", "suspended", true},
	    {"gate.decided", "suspended", true}, {"effect.settled", "stopped", true},
	    {"effect.receipt", "stopped", true}, {"run.finished", "suspended", false},
	    {"run.finished", "stopped", false}, {"run.stopped", "finished", false},
	    {"run.suspended", "finished", false}, {"gate.decided", "stopped", false},
	    {"step.done", "finished", false}, {"run.suspended", "abandoned", false},
	    {"run.stopped", "reopened", false}};
	for (size_t i = 0; i < PL_COUNT(cases); i++) {
		struct world w;
		struct findings f;
		world_init(&w);
		struct pl_journal *j = pl_journal_create(w.store, "r1", &w.err);
		CHECK(j && add_type(&w, j, "run.started"));
		CHECK(add_type(&w, j, cases[i].last));
		CHECK(pl_journal_seal(j, cases[i].state, NOW, &w.err));
		pl_journal_close(j);
		CHECK_INT(verify(&w, &f), !cases[i].right);
		if (!cases[i].right)
			CHECK(strstr(f.first, cases[i].last));
		world_fini(&w);
	}
}

/* What the journal names as kept has to be there, as a file. */
static void sources(void)
{
	CHECK_CASE("sources");
	struct world w;
	struct findings f;
	char hash[65], path[200];
	world_init(&w);
	CHECK(pl_store_pin(w.store, "r1", "return 1", 8, hash, &w.err));
	struct pl_journal *j = pl_journal_create(w.store, "r1", &w.err);
	struct pl_value *v = record_of(&w.arena, "run.started", 1);
	struct pl_value *list = pl_list(&w.arena), *one = pl_map(&w.arena);
	pl_map_set(&w.arena, one, "name", pl_text(&w.arena, "release.lua"));
	pl_map_set(&w.arena, one, "hash", pl_text(&w.arena, hash));
	pl_list_add(&w.arena, list, one);
	pl_map_set(&w.arena, v, "sources", list);
	CHECK(j && pl_journal_append(j, &w.arena, v, NOW, true, NULL, &w.err));
	pl_journal_close(j);
	CHECK_INT(verify(&w, &f), 0);
	snprintf(path, sizeof path, "runs/r1/files/%s", hash);
	char aside[1400];
	snprintf(aside, sizeof aside, "%s", world_path(&w, "aside"));
	CHECK(rename(world_path(&w, path), aside) == 0);
	CHECK_INT(verify(&w, &f), 1);
	CHECK(strstr(f.first, "'release.lua', which the run was started with, is not"));
	CHECK_TEXT(f.run, "r1");
	CHECK(symlink(aside, world_path(&w, path)) == 0);
	CHECK_INT(verify(&w, &f), 1);
	CHECK(strstr(f.first, "is a symbolic link"));
	world_fini(&w);
}

int main(void)
{
	states();
	sources();
	all_is_well();
	in_words();
	folders();
	later_seals();
	torn_heads();
	rewritten_chain();
	every_byte();
	every_length();
	every_pair_of_lines();
	every_edit_of_heads();
	too_much();
	return check_end();
}
