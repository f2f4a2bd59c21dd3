/* git.commit, git.tag, git.branch: for real, in a dry-run and after a crash. */
#include "git_case.h"

static void make_one(struct host_case *t)
{
	sh(t,
	    "git init -q . && echo 1 >a && echo 1 >b && mkdir d && echo 1 >d/c && "
	    "git add . && git commit -qm one");
}

static void commits(void)
{
	struct host_case t_, *t = &t_;
	struct pl_value *v;

	git_case(t, "commit of named files only");
	make_one(t);
	sh(t,
	    "echo 2 >a && echo 2 >b && git add b && echo 2 >d/c && echo new >n && "
	    "chmod +x n && rm -f gone; ln -s a link");
	v = git(
	    t, "git.commit", "{\"files\":[\"a\",\"n\",\"link\"],\"message\":\"two\"}");
	CHECK_TEXT(pl_get_text(v, "sha", t->call.err.msg), sh(t, "git rev-parse HEAD"));
	CHECK_TEXT(sh(t, "git show --format=%%s --name-only HEAD | tr '\\n' ' '"),
	    "two  a link n ");
	CHECK_TEXT(sh(t, "git ls-tree HEAD n link | cut -c1-6 | tr '\\n' ' '"),
	    "120000 100755 ");
	CHECK_TEXT(sh(t, "git status --porcelain | tr '\\n' ';'"), "M  b; M d/c;");
	CHECK_TEXT(sh(t, "git log -1 --format='%%an <%%ae> %%cn'"),
	    "Ada <ada@example.com> Ada");
	v = git(t, "git.commit",
	    "{\"files\":[\"d/c\"],\"message\":\"three\",\"author\":\"Bob B <b@x>\"}");
	CHECK(v != NULL);
	CHECK_TEXT(sh(t, "git log -1 --format='%%an <%%ae> %%cn'"), "Bob B <b@x> Ada");
	sh(t, "rm a");
	CHECK(git(t, "git.commit", "{\"files\":[\"a\"],\"message\":\"gone\"}") != NULL);
	CHECK_TEXT(sh(t, "git status --porcelain | tr '\\n' ';'"), "M  b;");
	CHECK_TEXT(sh(t, "git fsck 2>&1"), "");
	CHECK_TEXT(git_target(t, "git.commit", "{\"files\":[\"a\",\"b\",\"c\",\"d\"]}"),
	    "a, b, c and 1 more");
	case_fini(t);
}

static void refusals(void)
{
	struct host_case t_, *t = &t_;

	git_case(t, "commits that are refused");
	make_one(t);
	CHECK_FAILS(git(t, "git.commit", "{\"files\":[\"a\"],\"message\":\"m\"}"),
	    "git.nothing", "a does not differ");
	CHECK_FAILS(git(t, "git.commit", "{\"files\":[],\"message\":\"m\"}"),
	    "git.nothing", "no files");
	CHECK_FAILS(git(t, "git.commit", "{\"files\":[\"no\"],\"message\":\"m\"}"),
	    "git.missing", "\"no\"");
	CHECK_FAILS(git(t, "git.commit", "{\"files\":[\"d\"],\"message\":\"m\"}"),
	    "git.path", "folder");
	CHECK_FAILS(git(t, "git.commit", "{\"files\":[\"../x\"],\"message\":\"m\"}"),
	    "git.path", "inside");
	CHECK_FAILS(
	    git(t, "git.commit", "{\"files\":[\".git/config\"],\"message\":\"m\"}"),
	    "git.path", "inside");
	CHECK_FAILS(
	    git(t, "git.commit", "{\"files\":[\"/etc/passwd\"],\"message\":\"m\"}"),
	    "git.path", "inside");
	sh(t, "echo 2 >a");
	CHECK_FAILS(git(t, "git.commit",
	                "{\"files\":[\"a\"],\"message\":\"m\",\"author\":\"nobody\"}"),
	    "git.author", "Name <mail>");
	sh(t, "touch .git/index.lock");
	CHECK_FAILS(git(t, "git.commit", "{\"files\":[\"a\"],\"message\":\"m\"}"),
	    "git.locked", "index");
	CHECK(t->call.err.retryable);
	sh(t, "rm .git/index.lock; git rev-parse HEAD >.git/MERGE_HEAD");
	CHECK_FAILS(git(t, "git.commit", "{\"files\":[\"a\"],\"message\":\"m\"}"),
	    "git.state", "under way");
	sh(t, "rm .git/MERGE_HEAD");
	pl_host_latch_writes(t->host);
	CHECK_FAILS(git(t, "git.commit", "{\"files\":[\"a\"],\"message\":\"m\"}"),
	    "latch.closed", "dry-run");
	CHECK_FAILS(git(t, "git.tag", "{\"name\":\"x\"}"), "latch.closed", "");
	CHECK_TEXT(sh(t, "git status --porcelain; git tag"), " M a");
	case_fini(t);
}

static void first_commit(void)
{
	struct host_case t_, *t = &t_;

	git_case(t, "the first commit of a repository");
	sh(t, "git init -q . && echo 1 >a");
	CHECK(
	    git(t, "git.commit", "{\"files\":[\"a\"],\"message\":\"first\"}") != NULL);
	CHECK_TEXT(sh(t, "git log --format=%%s; git status --porcelain"), "first");
	case_fini(t);
}

static void same_time(void)
{
	struct host_case t_, *t = &t_;
	const char *sha;

	git_case(t, "with a virtual clock, equal commits have equal ids");
	make_one(t);
	pl_host_set_virtual(t->host, 1700000000000);
	sh(t, "echo 2 >a");
	git(t, "git.commit", "{\"files\":[\"a\"],\"message\":\"m\"}");
	sha = sh(t, "git rev-parse HEAD");
	CHECK_TEXT(sh(t, "git log -1 --format='%%at %%ai'"),
	    "1700000000 2023-11-14 22:13:20 +0000");
	sh(t, "git reset -q --soft HEAD~1");
	git(t, "git.commit", "{\"files\":[\"a\"],\"message\":\"m\"}");
	CHECK_TEXT(sh(t, "git rev-parse HEAD"), sha);
	case_fini(t);
}

static void tags(void)
{
	struct host_case t_, *t = &t_;
	const char *one, *two;

	git_case(t, "tags and branches");
	make_one(t);
	one = sh(t, "git rev-parse HEAD");
	two = sh(t, "git commit -q --allow-empty -m two && git rev-parse HEAD");
	CHECK_TEXT(json(t, git(t, "git.tag", "{\"name\":\"v1\",\"at\":\"%s\"}", one)),
	    pl_arena_printf(
	        &t->arena, "{\"created\":true,\"name\":\"v1\",\"sha\":\"%s\"}", one));
	CHECK_TEXT(json(t,
	               pl_get(git(t, "git.tag", "{\"name\":\"v1\",\"at\":\"%s\"}", one),
	                   "created")),
	    "false");
	CHECK_FAILS(git(t, "git.tag", "{\"name\":\"v1\"}"), "git.exists", one);
	CHECK(git(t, "git.tag", "{\"name\":\"v1\",\"force\":true}") != NULL);
	CHECK_TEXT(sh(t, "git rev-parse v1"), two);
	CHECK(git(t, "git.tag", "{\"name\":\"v2\",\"message\":\"notes\"}") != NULL);
	CHECK_TEXT(
	    sh(t, "git cat-file -t v2; git tag -n v2"), "tag\nv2              notes");
	CHECK_TEXT(json(t, pl_get(git(t, "git.tag", "{\"name\":\"v2\"}"), "created")),
	    "false");
	CHECK_FAILS(
	    git(t, "git.tag", "{\"name\":\"bad name\"}"), "git.name", "bad name");
	CHECK_FAILS(git(t, "git.tag", "{\"name\":\"../x\"}"), "git.name", "");
	CHECK_FAILS(
	    git(t, "git.tag", "{\"name\":\"x\",\"at\":\"no\"}"), "git.missing", "no");
	CHECK(git(t, "git.branch", "{\"name\":\"side\",\"at\":\"%s\"}", one) != NULL);
	CHECK_FAILS(git(t, "git.branch", "{\"name\":\"side\"}"), "git.exists", "side");
	CHECK_TEXT(git_target(t, "git.tag", "{\"name\":\"v1\",\"at\":\"%s\"}", one),
	    pl_arena_printf(&t->arena, "tag v1 %.7s", one));
	case_fini(t);
}

static void dry_run(void)
{
	struct host_case t_, *t = &t_;
	const char *one;
	struct pl_value *v;

	git_case(t, "dry-run");
	make_one(t);
	one = sh(t, "git rev-parse HEAD");
	sh(t, "echo 2 >a");
	git_dry(t);
	pl_host_latch_writes(t->host);
	v = git_predict(t, "git.commit", "{\"files\":[\"a\"],\"message\":\"two\"}");
	CHECK_TEXT(pl_get_text(v, "sha", t->call.err.msg),
	    "0000000000000000000000000000000000000001");
	CHECK_INT(t->call.prediction.sign, '+');
	CHECK(t->call.prediction.note != NULL);
	CHECK_FAILS(
	    git_predict(t, "git.commit", "{\"files\":[\"a\"],\"message\":\"two\"}"),
	    "git.nothing", "a");
	v = git(t, "git.head", "{}");
	CHECK_TEXT(
	    pl_get_text(v, "sha", ""), "0000000000000000000000000000000000000001");
	CHECK_TEXT(pl_get_text(v, "message", ""), "two");
	CHECK_TEXT(json(t, pl_get(git(t, "git.status", "{}"), "clean")), "true");
	CHECK_FAILS(git(t, "git.show", "{}"), "git.predicted", "git.commit");
	CHECK_FAILS(git(t, "git.log", "{\"from\":\"main\"}"), "git.predicted", "main");
	v = git_predict(t, "git.tag", "{\"name\":\"v1\",\"message\":\"m\"}");
	CHECK_TEXT(
	    pl_get_text(v, "sha", ""), "0000000000000000000000000000000000000001");
	CHECK_FAILS(git_predict(t, "git.tag", "{\"name\":\"v1\",\"at\":\"%s\"}", one),
	    "git.exists", "v1");
	CHECK_FAILS(git(t, "git.show", "{\"at\":\"v1\"}"), "git.predicted", "v1");
	CHECK_TEXT(json(t, git(t, "git.resolve", "{\"at\":\"v1\"}")),
	    "\"0000000000000000000000000000000000000001\"");
	v = git_predict(t, "git.tag", "{\"name\":\"v2\",\"at\":\"%s\"}", one);
	CHECK_TEXT(pl_get_text(git(t, "git.show", "{\"at\":\"v2\"}"), "sha", ""), one);
	CHECK_TEXT(json(t, git(t, "git.tags", "{}")),
	    pl_arena_printf(&t->arena,
	        "[{\"annotated\":true,\"message\":\"m\",\"name\":\"v1\",\"sha\":"
	        "\"0000000000000000000000000000000000000001\"},{\"annotated\":false,"
	        "\"message\":null,\"name\":\"v2\",\"sha\":\"%s\"}]",
	        one));
	CHECK(git_predict(t, "git.branch", "{\"name\":\"rel\",\"at\":\"v2\"}") != NULL);
	CHECK_INT(git(t, "git.branches", "{}")->as.list.len, 2);
	CHECK_TEXT(
	    sh(t, "git status --porcelain; git tag; git branch; git rev-parse HEAD"),
	    pl_arena_printf(&t->arena, " M a\n* main\n%s", one));
	case_fini(t);
}

static void probes(void)
{
	struct host_case t_, *t = &t_;
	const char *args = "{\"files\":[\"a\"],\"message\":\"two\\n\"}";

	git_case(t, "probes");
	make_one(t);
	sh(t, "echo 2 >a");
	CHECK_TEXT(json(t, git_probe(t, "git.commit", args)), "{\"happened\":false}");
	git(t, "git.commit", args);
	CHECK_TEXT(json(t, git_probe(t, "git.commit", args)),
	    pl_arena_printf(&t->arena,
	        "{\"happened\":true,\"result\":{\"sha\":\"%s\"}}",
	        sh(t, "git rev-parse HEAD")));
	sh(t, "git commit -q --allow-empty -m other");
	CHECK_TEXT(json(t, git_probe(t, "git.commit", args)), "null");
	CHECK_TEXT(json(t, git_probe(t, "git.tag", "{\"name\":\"v1\"}")),
	    "{\"happened\":false}");
	git(t, "git.tag", "{\"name\":\"v1\"}");
	CHECK_TEXT(
	    json(t, pl_get(git_probe(t, "git.tag", "{\"name\":\"v1\"}"), "happened")),
	    "true");
	case_fini(t);
}

int main(void)
{
	git_home();
	commits();
	refusals();
	first_commit();
	same_time();
	tags();
	dry_run();
	probes();
	git_home_fini();
	return check_end();
}
