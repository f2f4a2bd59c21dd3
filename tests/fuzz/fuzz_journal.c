/*
 * Arbitrary bytes as journal.jsonl and heads.jsonl (parted by a line "%%"): reading,
 * verifying and opening end, agree with each other, and leave a store that works.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../interp/store/store_inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char dir[1000];

static int drop(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static void clean(void)
{
	nftw(dir, drop, 16, FTW_DEPTH | FTW_PHYS);
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void put(const char *name, const uint8_t *bytes, size_t n)
{
	char path[1100];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	must(fd >= 0 && write(fd, bytes, n) == (ssize_t)n, "cannot write");
	close(fd);
}

static void make_dir(void)
{
	const char *tmp = getenv("TMPDIR");
	char path[1100];
	snprintf(dir, sizeof dir, "%s/fuzz-XXXXXX", tmp ? tmp : "/tmp");
	must(mkdtemp(dir), "no folder");
	snprintf(path, sizeof path, "%s/runs", dir);
	must(mkdir(path, 0700) == 0, "no folder");
	snprintf(path, sizeof path, "%s/runs/r1", dir);
	must(mkdir(path, 0700) == 0, "no folder");
}

static bool count(void *arg, const struct pl_value *record)
{
	size_t *n = arg;
	must(pl_get_int(record, "seq", -1) == (int64_t)*n, "seq");
	++*n;
	return true;
}

static void look(void *arg, const struct pl_finding *f)
{
	bool *bad = arg;
	must(f->run && f->what && f->severity && f->seq >= -1, "finding");
	for (const char *c = f->what; *c; c++)
		must(
		    (unsigned char)*c >= ' ' && *c != 0x7f, "control characters shown");
	if (strcmp(f->severity, "wrong") == 0 && strcmp(f->run, "r1") == 0)
		*bad = true;
}

/* The quick look at a line never says yes where the encoder says no. */
static void compare_forms(const char *line, size_t n)
{
	struct pl_facts facts;
	struct pl_arena a = {0};
	struct pl_buf again = {0};
	struct pl_value *v;
	struct pl_err err;
	if (pl_form_sure(&facts, line, n)) {
		must(pl_json_parse(&v, &a, line, n, &err), err.msg);
		must(pl_json_canonical(&again, v, &err), err.msg);
		must(again.len == n && memcmp(again.at, line, n) == 0, "not canonical");
		must(facts.seq == pl_get_int(v, "seq", -1) ||
		        pl_get_int(v, "seq", -1) < 0,
		    "seq");
		const char *run = pl_get_text(v, "run", "");
		must(strlen(run) == facts.run.len &&
		        (!facts.run.len || !memcmp(run, facts.run.at, facts.run.len)),
		    "run");
	}
	pl_buf_fini(&again);
	pl_arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char mark[] = "%%\n";
	struct pl_err err;
	struct pl_arena a = {0};
	size_t part = 0, wrong = 0, read = 0, opened = 0, torn = 0, cut = 0;
	bool bad = false;
	for (size_t from = 0, at = 0; at <= n; at++)
		if (at == n || data[at] == '\n') {
			compare_forms((const char *)data + from, at - from);
			from = at + 1;
		}
	if (!dir[0])
		make_dir();
	while (part + 3 <= n && memcmp(data + part, mark, 3) != 0)
		part++;
	bool heads = part + 3 <= n;
	put("runs/r1/journal.jsonl", data, heads ? part : n);
	put("heads.jsonl", heads ? data + part + 3 : data, heads ? n - part - 3 : 0);

	struct pl_store *s = pl_store_open(dir, &err);
	must(s, "store");
	must(pl_store_verify(s, NULL, look, &bad, &wrong, &err) >= 1, "no run");
	bool ok = pl_journal_read(s, "r1", &a, count, &read, &torn, &err);
	must(ok || bad, "what cannot be read is not called wrong");
	struct pl_journal *j = pl_journal_open(s, "r1", &a, count, &opened, &cut, &err);
	/* Opening also asks heads.jsonl, which reading does not. */
	must(ok || !j, "opened what cannot be read");
	must(j || !ok || heads, "read what cannot be opened, and no head says why");
	if (j) {
		must(read == opened && torn == cut, "reading and opening differ");
		must(pl_journal_length(j) == opened, "length");
		struct pl_value *v = pl_map(&a);
		pl_map_set(&a, v, "type", pl_text(&a, "run.finished"));
		bool added = pl_journal_append(j, &a, v, 0, true, NULL, &err);
		if (added) {
			read = 0;
			must(pl_journal_read(s, "r1", &a, count, &read, &torn, &err) &&
			        read == opened + 1 && torn == 0,
			    "what was appended is not read");
		}
		if (added && pl_journal_seal(j, "finished", 0, &err) && wrong == 0)
			must(pl_store_verify(s, NULL, NULL, NULL, &wrong, &err) >= 1 &&
			        wrong == 0,
			    "our own work is called wrong");
		pl_journal_close(j);
	}
	pl_store_close(s);
	pl_arena_fini(&a);
	/* What was torn off was kept; the next input needs a clean folder. */
	clean();
	dir[0] = '\0';
	return 0;
}
