#include "host_case.h"

#include <pthread.h>
#include <stdatomic.h>

static struct pl_value *run(struct host_case *t, const char *name, const char *args)
{
	return case_run(t, pl_files_rows, name, args);
}

static struct pl_value *predict(struct host_case *t, const char *name, const char *args)
{
	const struct pl_row *row = case_row(pl_files_rows, name);

	case_call(t, row, args);
	return case_drive(t, row->predict);
}

static struct pl_value *probe(struct host_case *t, const char *name, const char *args)
{
	const struct pl_row *row = case_row(pl_files_rows, name);

	case_call(t, row, args);
	return case_drive(t, row->probe);
}

static const char *path_of(struct host_case *t, const char *name)
{
	return pl_arena_printf(&t->arena, "%s/%s", t->root, name);
}

static void put(struct host_case *t, const char *name, const char *text)
{
	if (!pl_file_write(path_of(t, name), text, strlen(text), 0644, NULL))
		abort();
}

static const char *on_disk(struct host_case *t, const char *name)
{
	struct pl_buf out = {0};
	const char *text = NULL;

	if (pl_file_read(&out, path_of(t, name), 0, NULL))
		text = pl_arena_text(&t->arena, out.at ? out.at : "", out.len);
	pl_buf_fini(&out);
	return text;
}

static void make_dir(struct host_case *t, const char *name)
{
	if (mkdir(path_of(t, name), 0755))
		abort();
}

static void make_link(struct host_case *t, const char *to, const char *name)
{
	if (symlink(to, path_of(t, name)))
		abort();
}

/* ---- reading -------------------------------------------------------------- */

static void reading(struct host_case *t)
{
	struct pl_value *v;

	put(t, "a.txt", "hello\n");
	put(t, "empty", "");
	make_dir(t, "dir");
	CHECK_TEXT(
	    pl_text_of(run(t, "fs.read", "{\"path\":\"a.txt\"}"), NULL), "hello\n");
	CHECK_TEXT(pl_text_of(run(t, "fs.read", "{\"path\":\"empty\"}"), NULL), "");
	CHECK_TEXT(
	    pl_text_of(run(t, "fs.read", "{\"path\":\"./dir//../a.txt\"}"), NULL),
	    "hello\n");
	v = run(t, "fs.write", "{\"path\":\"nul\",\"content\":\"a\\u0000b\"}");
	CHECK_INT(pl_get_int(v, "bytes", 0), 3);
	v = run(t, "fs.read", "{\"path\":\"nul\"}");
	CHECK(v && v->as.text.len == 3 && memcmp(v->as.text.at, "a\0b", 3) == 0);
	CHECK(run(t, "fs.exists", "{\"path\":\"a.txt\"}")->as.truth);
	CHECK(run(t, "fs.exists", "{\"path\":\"dir\"}")->as.truth);
	CHECK(run(t, "fs.exists", "{\"path\":\".\"}")->as.truth);
	CHECK(!run(t, "fs.exists", "{\"path\":\"no/such\"}")->as.truth);
	CHECK(!run(t, "fs.exists", "{\"path\":\"b\"}")->as.truth);
}

static void read_errors(struct host_case *t)
{
	static const struct {
		const char *path, *code;
	} cases[] = {
	    {"b", "fs.missing"},
	    {"no/such/file", "fs.missing"},
	    {"no/../a", "fs.missing"},
	    {"dir", "fs.kind"},
	    {".", "fs.kind"},
	    {"dir/..", "fs.kind"},
	    {"pipe", "fs.kind"},
	    {"", "fs.path"},
	    {"a\\u0000b", "fs.path"},
	    {"file/x", "fs.read"},
	    {"loop", "fs.path"},
	    {"large", "fs.large"},
	};

	make_dir(t, "dir");
	put(t, "file", "x");
	make_link(t, "loop", "loop");
	CHECK(!mkfifo(path_of(t, "pipe"), 0644));
	put(t, "large", "");
	CHECK(!truncate(path_of(t, "large"), (16 << 20) + 1));
	for (size_t i = 0; i < PL_COUNT(cases); i++) {
		char args[128];

		snprintf(args, sizeof args, "{\"path\":\"%s\"}", cases[i].path);
		CHECK(!run(t, "fs.read", args));
		CHECK_TEXT(t->call.err.code, cases[i].code);
	}
	CHECK(!truncate(path_of(t, "large"), 16 << 20));
	CHECK(run(t, "fs.read", "{\"path\":\"large\"}"));
}

/* ---- staying inside ------------------------------------------------------- */

static void escapes(struct host_case *t)
{
	static const char *const paths[] = {"..", "../x", "dir/../../x", "/etc/passwd",
	    "/", "abs", "abs/passwd", "up", "up/x", "dir/up", "chain",
	    "dir/deep/../../..", "inside/../.."};
	static const char *const verbs[] = {
	    "fs.read", "fs.exists", "fs.list", "fs.write", "fs.remove"};

	make_dir(t, "dir");
	make_dir(t, "dir/deep");
	make_link(t, "/etc", "abs");
	make_link(t, "..", "up");
	make_link(t, "../..", "dir/up");
	make_link(t, "dir/up", "chain");
	make_link(t, "dir", "inside");
	for (size_t i = 0; i < PL_COUNT(paths); i++)
		for (size_t k = 0; k < PL_COUNT(verbs); k++) {
			char args[128];

			/* Removing a link removes the link, wherever it leads. */
			if (k == 4 &&
			    (strchr(paths[i], '/') == NULL && paths[i][0] != '.'))
				continue;
			if (k == 4 && strcmp(paths[i], "dir/up") == 0)
				continue;
			snprintf(args, sizeof args,
			    "{\"path\":\"%s\",\"content\":\"\"}", paths[i]);
			CHECK(!run(t, verbs[k], args));
			CHECK_TEXT(t->call.err.code, "fs.outside");
			CHECK(strstr(t->call.err.msg, paths[i]));
		}
}

static void links_inside(struct host_case *t)
{
	char args[200];

	make_dir(t, "dir");
	put(t, "dir/a", "linked");
	make_link(t, "dir", "d");
	make_link(t, "d/a", "a");
	make_link(t, path_of(t, "dir/a"), "absolute");
	make_link(t, "dir/new", "dangling");
	CHECK_TEXT(pl_text_of(run(t, "fs.read", "{\"path\":\"a\"}"), NULL), "linked");
	CHECK_TEXT(
	    pl_text_of(run(t, "fs.read", "{\"path\":\"absolute\"}"), NULL), "linked");
	snprintf(args, sizeof args, "{\"path\":\"%s/d/a\"}", t->root);
	CHECK_TEXT(pl_text_of(run(t, "fs.read", args), NULL), "linked");
	/* Written through, the link stays. */
	CHECK_TEXT(pl_get_text(run(t, "fs.write", "{\"path\":\"a\",\"content\":\"n\"}"),
	               "path", NULL),
	    "dir/a");
	CHECK_TEXT(on_disk(t, "dir/a"), "n");
	CHECK(!run(t, "fs.exists", "{\"path\":\"dangling\"}")->as.truth);
	CHECK(run(t, "fs.write", "{\"path\":\"dangling\",\"content\":\"n\"}"));
	CHECK_TEXT(on_disk(t, "dir/new"), "n");
	/* Removed is the link, not what it leads to. */
	CHECK(run(t, "fs.remove", "{\"path\":\"a\"}"));
	CHECK_TEXT(on_disk(t, "dir/a"), "n");
	CHECK(access(path_of(t, "a"), F_OK));
}

struct racing {
	const char *dir, *aside, *link;
	atomic_bool stop;
};

/* Puts a link to /etc in the directory's place and back, again and again. */
static void *swap(void *arg)
{
	struct racing *r = arg;

	while (!atomic_load(&r->stop)) {
		if (rename(r->dir, r->aside) || symlink("/etc", r->dir) ||
		    unlink(r->dir) || rename(r->aside, r->dir))
			abort();
	}
	return NULL;
}

static void races(struct host_case *t)
{
	struct racing r = {path_of(t, "dir"), path_of(t, "aside"), NULL, false};
	pthread_t thread;
	int inside = 0;

	make_dir(t, "dir");
	put(t, "dir/passwd", "ours");
	CHECK(!pthread_create(&thread, NULL, swap, &r));
	for (int i = 0; i < 3000; i++) {
		struct pl_value *v = run(t, "fs.read", "{\"path\":\"dir/passwd\"}");

		if (v && strcmp(pl_text_of(v, ""), "ours") != 0)
			CHECK(!"read outside");
		inside += v != NULL;
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	CHECK(inside > 0);
}

/* ---- writing -------------------------------------------------------------- */

static unsigned mode_of(struct host_case *t, const char *name)
{
	struct stat st;

	return stat(path_of(t, name), &st) ? 0 : st.st_mode & 0777;
}

static void writing(struct host_case *t)
{
	const struct pl_row *row = case_row(pl_files_rows, "fs.write");
	const struct pl_secret *s = pl_secret_add(t->host, "KEY", "very-secret", 11);
	struct pl_value *v, *args;

	v = run(t, "fs.write", "{\"path\":\"x/y/z.txt\",\"content\":\"new\"}");
	CHECK_TEXT(pl_get_text(v, "path", NULL), "x/y/z.txt");
	CHECK_INT(pl_get_int(v, "bytes", 0), 3);
	CHECK_TEXT(on_disk(t, "x/y/z.txt"), "new");
	CHECK_INT(mode_of(t, "x/y/z.txt"), 0644);
	CHECK(run(t, "fs.write",
	    "{\"path\":\"run.sh\",\"content\":\"\",\"executable\":true}"));
	CHECK_INT(mode_of(t, "run.sh"), 0755);
	CHECK(run(t, "fs.write", "{\"path\":\"run.sh\",\"content\":\"again\"}"));
	CHECK_INT(mode_of(t, "run.sh"), 0755);
	CHECK(run(t, "fs.write", "{\"path\":\"p\",\"content\":\"\",\"private\":true}"));
	CHECK_INT(mode_of(t, "p"), 0600);
	case_call(t, row, "{}");
	args = pl_map(&t->arena);
	pl_map_set(&t->arena, args, "path", pl_text(&t->arena, "s"));
	pl_map_set(&t->arena, args, "content", pl_secret_value(&t->arena, s));
	t->call.args = args;
	CHECK(case_drive(t, row->start));
	CHECK_INT(mode_of(t, "s"), 0600);
	CHECK_TEXT(on_disk(t, "s"), "very-secret");
	/* Nothing is left beside. */
	CHECK_INT(run(t, "fs.list", "{\"path\":\".\"}")->as.list.len, 4);
	CHECK(run(t, "fs.remove", "{\"path\":\"s\"}"));
	CHECK(!on_disk(t, "s"));
	CHECK(!run(t, "fs.remove", "{\"path\":\"s\"}"));
	CHECK_TEXT(t->call.err.code, "fs.missing");
}

static void refusals(struct host_case *t)
{
	static const struct {
		const char *verb, *path, *code;
	} cases[] = {
	    {"fs.write", ".git/config", "fs.protected"},
	    {"fs.write", ".GIT/config", "fs.protected"},
	    {"fs.write", ".pipe/runs/x", "fs.protected"},
	    {"fs.write", "sub/.git/hooks/pre-push", "fs.protected"},
	    {"fs.write", "g/config", "fs.protected"},
	    {"fs.write", ".git", "fs.protected"},
	    {"fs.remove", ".git/config", "fs.protected"},
	    {"fs.write", "dir", "fs.kind"},
	    {"fs.write", "new/", ""},
	    {"fs.write", ".", "fs.kind"},
	    {"fs.remove", "dir", "fs.kind"},
	    {"fs.write", "file/x", "fs.read"},
	    {"fs.write", "file/x/y", "fs.read"},
	};

	make_dir(t, ".git");
	put(t, ".git/config", "c");
	make_link(t, ".git", "g");
	make_dir(t, "dir");
	put(t, "file", "f");
	for (size_t i = 0; i < PL_COUNT(cases); i++) {
		char args[128];

		snprintf(args, sizeof args, "{\"path\":\"%s\",\"content\":\"\"}",
		    cases[i].path);
		CHECK(!run(t, cases[i].verb, args) == (cases[i].code[0] != 0));
		CHECK_TEXT(t->call.err.code, cases[i].code);
		t->overlay = pl_map(&t->arena);
		predict(t, cases[i].verb, args);
		t->overlay = NULL;
		CHECK_TEXT(t->call.err.code, cases[i].code);
	}
	CHECK_TEXT(on_disk(t, ".git/config"), "c");
	CHECK(run(t, "fs.read", "{\"path\":\".git/config\"}"));
	pl_host_latch_writes(t->host);
	CHECK(!run(t, "fs.write", "{\"path\":\"n/m\",\"content\":\"\"}"));
	CHECK_TEXT(t->call.err.code, "latch.closed");
	CHECK(access(path_of(t, "n"), F_OK));
	CHECK(!run(t, "fs.remove", "{\"path\":\"file\"}"));
	CHECK_TEXT(t->call.err.code, "latch.closed");
	CHECK_TEXT(on_disk(t, "file"), "f");
}

/* ---- listing -------------------------------------------------------------- */

static const char *names(struct host_case *t, struct pl_value *list)
{
	struct pl_buf out = {0};
	const char *text;

	for (uint32_t i = 0; list && i < list->as.list.len; i++)
		pl_buf_printf(&out, "%s%s:%s", i ? " " : "",
		    pl_get_text(list->as.list.at[i], "name", "?"),
		    pl_get_text(list->as.list.at[i], "kind", "?"));
	text = pl_arena_text(&t->arena, out.at ? out.at : "", out.len);
	pl_buf_fini(&out);
	return text;
}

static void listing(struct host_case *t)
{
	struct pl_value *v;

	put(t, "b", "12345");
	put(t, "a", "");
	make_dir(t, "c");
	make_link(t, "nowhere", "d");
	CHECK(!mkfifo(path_of(t, "e"), 0644));
	v = run(t, "fs.list", "{\"path\":\".\"}");
	CHECK_TEXT(names(t, v), "a:file b:file c:directory d:link e:other");
	CHECK_INT(pl_get_int(v->as.list.at[1], "bytes", -1), 5);
	CHECK_TEXT(names(t, run(t, "fs.list", "{\"path\":\"c/\"}")), "");
	CHECK(!run(t, "fs.list", "{\"path\":\"b\"}"));
	CHECK_TEXT(t->call.err.code, "fs.kind");
	CHECK(!run(t, "fs.list", "{\"path\":\"x\"}"));
	CHECK_TEXT(t->call.err.code, "fs.missing");
}

/* ---- the dry-run ---------------------------------------------------------- */

static void dry_run(struct host_case *t)
{
	struct pl_value *v;

	put(t, "old", "before");
	put(t, "keep", "k");
	t->overlay = pl_map(&t->arena);
	pl_host_latch_writes(t->host);
	v = predict(t, "fs.write", "{\"path\":\"./old\",\"content\":\"after\"}");
	CHECK_TEXT(pl_get_text(v, "path", NULL), "old");
	CHECK_INT(t->call.prediction.sign, '~');
	CHECK_INT(pl_get_int(t->call.prediction.before, "bytes", 0), 6);
	CHECK_INT(pl_get_int(t->call.prediction.after, "bytes", 0), 5);
	CHECK(strlen(pl_get_text(t->call.prediction.after, "sha256", "")) == 64);
	CHECK(pl_overlay_get(&t->call, "fs:old"));
	CHECK_TEXT(pl_text_of(run(t, "fs.read", "{\"path\":\"old\"}"), NULL), "after");
	CHECK_TEXT(on_disk(t, "old"), "before");
	CHECK(predict(t, "fs.write", "{\"path\":\"old\",\"content\":\"after\"}"));
	CHECK_TEXT(t->call.prediction.note, "the same content");

	CHECK(predict(t, "fs.write", "{\"path\":\"n/e/w\",\"content\":\"xyz\"}"));
	CHECK_INT(t->call.prediction.sign, '+');
	CHECK(!t->call.prediction.before);
	CHECK(access(path_of(t, "n"), F_OK));
	CHECK(run(t, "fs.exists", "{\"path\":\"n/e/w\"}")->as.truth);
	CHECK(run(t, "fs.exists", "{\"path\":\"n/e\"}")->as.truth);
	CHECK_TEXT(pl_text_of(run(t, "fs.read", "{\"path\":\"n/e/w\"}"), NULL), "xyz");
	CHECK_TEXT(names(t, run(t, "fs.list", "{\"path\":\".\"}")),
	    "keep:file n:directory old:file");
	CHECK_TEXT(names(t, run(t, "fs.list", "{\"path\":\"n\"}")), "e:directory");
	v = run(t, "fs.list", "{\"path\":\"n/e\"}");
	CHECK_TEXT(names(t, v), "w:file");
	CHECK_INT(pl_get_int(v->as.list.at[0], "bytes", -1), 3);
	/* What the act would refuse. */
	CHECK(!predict(t, "fs.write", "{\"path\":\"n\",\"content\":\"\"}"));
	CHECK_TEXT(t->call.err.code, "fs.kind");
	CHECK(!predict(t, "fs.write", "{\"path\":\"n/e/w/x\",\"content\":\"\"}"));
	CHECK_TEXT(t->call.err.code, "fs.kind");

	CHECK(predict(t, "fs.remove", "{\"path\":\"old\"}"));
	CHECK_INT(t->call.prediction.sign, '-');
	CHECK_INT(pl_get_int(t->call.prediction.before, "bytes", 0), 5);
	CHECK(!run(t, "fs.exists", "{\"path\":\"old\"}")->as.truth);
	CHECK(!run(t, "fs.read", "{\"path\":\"old\"}"));
	CHECK_TEXT(t->call.err.code, "fs.missing");
	CHECK(!predict(t, "fs.remove", "{\"path\":\"old\"}"));
	CHECK_TEXT(t->call.err.code, "fs.missing");
	CHECK_TEXT(
	    names(t, run(t, "fs.list", "{\"path\":\".\"}")), "keep:file n:directory");
	CHECK_TEXT(on_disk(t, "old"), "before");
}

static void probing(struct host_case *t)
{
	struct pl_value *v;

	put(t, "a", "there");
	v = probe(t, "fs.write", "{\"path\":\"a\",\"content\":\"there\"}");
	CHECK(pl_get_bool(v, "happened", false));
	CHECK_INT(pl_get_int(pl_get(v, "result"), "bytes", 0), 5);
	v = probe(t, "fs.write", "{\"path\":\"a\",\"content\":\"other\"}");
	CHECK(v && !pl_get_bool(v, "happened", true));
	v = probe(t, "fs.write", "{\"path\":\"b/c\",\"content\":\"other\"}");
	CHECK(v && !pl_get_bool(v, "happened", true));
	v = probe(t, "fs.remove", "{\"path\":\"a\"}");
	CHECK(v && !pl_get_bool(v, "happened", true));
	v = probe(t, "fs.remove", "{\"path\":\"gone\"}");
	CHECK(pl_get_bool(v, "happened", false));
	CHECK_TEXT(pl_get_text(pl_get(v, "result"), "path", NULL), "gone");
}

static void targets(struct host_case *t)
{
	const struct pl_row *row = case_row(pl_files_rows, "fs.write");

	case_call(t, row, "{\"path\":\"./a//b\",\"content\":\"\"}");
	CHECK_TEXT(row->target(&t->call), "a/b");
	case_call(t, row, "{\"path\":\"../b\",\"content\":\"\"}");
	CHECK_TEXT(row->target(&t->call), "../b");
	CHECK_TEXT(t->call.err.code, "");
}

static int open_files(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(struct host_case *t);
	} tests[] = {{"reading", reading}, {"read errors", read_errors},
	    {"escapes", escapes}, {"links inside", links_inside}, {"races", races},
	    {"writing", writing}, {"refusals", refusals}, {"listing", listing},
	    {"dry-run", dry_run}, {"probing", probing}, {"targets", targets}};

	umask(022);
	for (size_t i = 0; i < PL_COUNT(tests); i++) {
		struct host_case t;
		int before;

		case_init(&t);
		before = open_files();
		tests[i].run(&t);
		CHECK_INT(open_files(), before);
		case_fini(&t);
		printf("ok files: %s\n", tests[i].name);
	}
	return check_end();
}
