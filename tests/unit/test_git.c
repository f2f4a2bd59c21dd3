/* The reading git rows, on repositories that git itself made. */
#include "git_case.h"

/* Three commits on main, a branch, both kinds of tag. */
static void make_history(struct host_case *t)
{
	sh(t,
	    "git init -q . && mkdir -p apps/api apps/web packages && echo 1 >apps/api/a.ts && "
	    "echo 1 >apps/web/w.ts && echo 1 >readme && git add . && git commit -qm 'first' && "
	    "git tag v1.0.0 && echo 2 >apps/api/a.ts && git commit -qam 'second\n\nwith a body' && "
	    "git tag -a v1.1.0 -m 'the message' && git branch feature && "
	    "echo 3 >apps/web/w.ts && git commit -qam third");
}

static void head_show_log(void)
{
	struct host_case t_, *t = &t_;
	struct pl_value *v;

	git_case(t, "head, show, log");
	make_history(t);
	v = git(t, "git.head", "{}");
	CHECK_TEXT(pl_get_text(v, "sha", ""), sh(t, "git rev-parse HEAD"));
	CHECK_TEXT(pl_get_text(v, "branch", ""), "main");
	CHECK_TEXT(pl_get_text(v, "message", ""), "third\n");
	CHECK_TEXT(json(t, pl_get(v, "author")),
	    "{\"email\":\"ada@example.com\",\"name\":\"Ada\"}");
	CHECK_TEXT(pl_get_text(v, "time", ""), "2026-11-20T12:00:00.000Z");
	v = git(t, "git.show", "{\"at\":\"HEAD~1\"}");
	CHECK_TEXT(pl_get_text(v, "sha", ""), sh(t, "git rev-parse HEAD~1"));
	CHECK_INT(strlen(pl_get_text(v, "short", "")), 7);
	CHECK_TEXT(pl_get_text(v, "subject", ""), "second");
	CHECK_TEXT(pl_get_text(v, "message", ""), "second\n\nwith a body\n");
	CHECK_TEXT(
	    pl_text_of(pl_at(v, "parents.0"), ""), sh(t, "git rev-parse HEAD~2"));
	v = git(t, "git.log", "{}");
	CHECK_INT(v ? v->as.list.len : 0, 3);
	CHECK_TEXT(pl_text_of(pl_at(v, "0.subject"), ""), "third");
	v = git(t, "git.log", "{\"to\":\"v1.0.0\"}");
	CHECK_INT(v ? v->as.list.len : 0, 2);
	v = git(t, "git.log", "{\"limit\":1}");
	CHECK_INT(v ? v->as.list.len : 0, 1);
	v = git(t, "git.log", "{\"from\":\"v1.0.0\",\"to\":\"main\"}");
	CHECK_INT(v ? v->as.list.len : 9, 0);
	case_fini(t);
}

static void resolving(void)
{
	struct host_case t_, *t = &t_;
	struct pl_value *v;

	git_case(t, "resolve");
	make_history(t);
	CHECK_TEXT(pl_text_of(git(t, "git.resolve", "{\"at\":\"v1.1.0\"}"), ""),
	    sh(t, "git rev-parse 'v1.1.0^{commit}'"));
	CHECK_TEXT(pl_text_of(git(t, "git.resolve", "{\"at\":\"%s\"}",
	                          sh(t, "git rev-parse --short HEAD")),
	               ""),
	    sh(t, "git rev-parse HEAD"));
	CHECK_FAILS(
	    git(t, "git.resolve", "{\"at\":\"nope\"}"), "git.missing", "\"nope\"");
	CHECK_FAILS(git(t, "git.resolve", "{\"at\":\"%s\"}",
	                "1234567890123456789012345678901234567890"),
	    "git.missing", "is not in this clone");
	CHECK_FAILS(git(t, "git.resolve", "{\"at\":\"HEAD:readme\"}"), "git.missing",
	    "not a commit");
	CHECK_FAILS(git(t, "git.resolve", "{\"at\":\"\"}"), "git.missing", "");
	CHECK_FAILS(git(t, "git.resolve", "{\"at\":\"..\"}"), "git.missing", "");
	/* Objects enough that four digits are ambiguous. */
	sh(t,
	    "for i in $(seq 1 3000); do printf 'blob\\ndata %%s\\n%%s\\n' ${#i} $i; done | "
	    "git fast-import --quiet");
	v = git(t, "git.resolve", "{\"at\":\"%s\"}",
	    sh(t,
	        "git cat-file --batch-all-objects --batch-check='%%(objectname)' | "
	        "cut -c1-4 | sort | uniq -d | head -1"));
	CHECK_FAILS(v, "git.missing", "ambiguous");
	case_fini(t);
}

static void kinship(void)
{
	struct host_case t_, *t = &t_;

	git_case(t, "merge base, ancestors");
	make_history(t);
	CHECK_TEXT(
	    pl_text_of(
	        git(t, "git.merge_base", "{\"a\":\"main\",\"b\":\"feature\"}"), ""),
	    sh(t, "git rev-parse feature"));
	CHECK_TEXT(json(t,
	               git(t, "git.is_ancestor",
	                   "{\"ancestor\":\"v1.0.0\",\"descendant\":\"main\"}")),
	    "true");
	CHECK_TEXT(json(t,
	               git(t, "git.is_ancestor",
	                   "{\"ancestor\":\"main\",\"descendant\":\"v1.0.0\"}")),
	    "false");
	CHECK_TEXT(json(t,
	               git(t, "git.is_ancestor",
	                   "{\"ancestor\":\"main\",\"descendant\":\"main\"}")),
	    "true");
	sh(t,
	    "git checkout -q --orphan other && git commit -qm lone && git checkout -q main");
	CHECK_TEXT(
	    json(t, git(t, "git.merge_base", "{\"a\":\"main\",\"b\":\"other\"}")),
	    "null");
	CHECK_TEXT(json(t,
	               git(t, "git.is_ancestor",
	                   "{\"ancestor\":\"other\",\"descendant\":\"main\"}")),
	    "false");
	case_fini(t);
}

static void changes(void)
{
	struct host_case t_, *t = &t_;
	const char *all;

	git_case(t, "changed");
	make_history(t);
	CHECK_TEXT(
	    json(t, git(t, "git.changed", "{\"from\":\"v1.0.0\",\"to\":\"HEAD\"}")),
	    "[\"apps/api/a.ts\",\"apps/web/w.ts\"]");
	CHECK_TEXT(json(t,
	               git(t, "git.changed",
	                   "{\"from\":\"v1.0.0\",\"paths\":[\"apps/api/\"]}")),
	    "[\"apps/api/a.ts\"]");
	CHECK_TEXT(json(t,
	               git(t, "git.changed",
	                   "{\"from\":\"v1.0.0\",\"paths\":[\"apps/ap\",\"x\"]}")),
	    "[]");
	CHECK_TEXT(
	    json(t,
	        git(t, "git.changed",
	            "{\"from\":\"v1.0.0\",\"paths\":[\"apps/web/w.ts\",\"apps\"]}")),
	    "[\"apps/api/a.ts\",\"apps/web/w.ts\"]");
	CHECK_TEXT(json(t, git(t, "git.changed", "{\"from\":\"HEAD\"}")), "[]");
	/* A file becomes a folder, modes, renames, names around "/", a whole folder. */
	sh(t,
	    "git mv readme readme2 && git rm -rq apps/web && mkdir -p x/y/z readme && "
	    "echo 1 >x/y/z/deep && echo 1 >x.a && echo 1 >x-b && echo 1 >readme/f && "
	    "chmod +x apps/api/a.ts && printf a >\"$(printf 'caf\\351')\" && "
	    "git add -A && git commit -qm many");
	all = sh(t, "git diff-tree -r --name-only -z HEAD~1 HEAD | tr '\\0' '\\n'");
	{
		struct pl_value *v = git(t, "git.changed", "{\"from\":\"HEAD~1\"}");
		struct pl_buf b = {0};

		for (uint32_t i = 0; v && i < v->as.list.len; i++)
			pl_buf_printf(&b, "%s%s", i ? "\n" : "",
			    pl_text_of(v->as.list.at[i], "?"));
		CHECK_TEXT(b.at, all);
		pl_buf_fini(&b);
	}
	case_fini(t);
}

static void files(void)
{
	struct host_case t_, *t = &t_;

	git_case(t, "files of a commit");
	make_history(t);
	CHECK_TEXT(pl_text_of(git(t, "git.file",
	                          "{\"at\":\"v1.0.0\",\"path\":\"apps/api/a.ts\"}"),
	               ""),
	    "1\n");
	CHECK_TEXT(
	    json(t, git(t, "git.file", "{\"path\":\"./apps//api/a.ts\"}")), "\"2\\n\"");
	CHECK_TEXT(json(t, git(t, "git.file", "{\"path\":\"apps/no\"}")), "null");
	CHECK_TEXT(
	    json(t, git(t, "git.file", "{\"path\":\"no/where/at/all\"}")), "null");
	CHECK_FAILS(git(t, "git.file", "{\"path\":\"apps\"}"), "git.path", "folder");
	CHECK_FAILS(git(t, "git.file", "{\"path\":\"\"}"), "git.path", "folder");
	CHECK_TEXT(
	    json(t, git(t, "git.files", "{\"dir\":\"\"}")), "[\"apps/\",\"readme\"]");
	CHECK_TEXT(
	    json(t, git(t, "git.files", "{\"dir\":\"apps/\"}")), "[\"api/\",\"web/\"]");
	CHECK_TEXT(json(t, git(t, "git.files", "{\"dir\":\"nowhere\"}")), "[]");
	CHECK_FAILS(git(t, "git.files", "{\"dir\":\"readme\"}"), "git.path", "file");
	case_fini(t);
}

static void names(void)
{
	struct host_case t_, *t = &t_;
	struct pl_value *v;

	git_case(t, "tags and branches");
	make_history(t);
	v = git(t, "git.tags", "{}");
	CHECK_INT(v ? v->as.list.len : 0, 2);
	CHECK_TEXT(json(t, pl_at(v, "0.annotated")), "false");
	CHECK_TEXT(json(t, pl_at(v, "0.message")), "null");
	CHECK_TEXT(json(t, pl_at(v, "1.annotated")), "true");
	CHECK_TEXT(json(t, pl_at(v, "1.message")), "\"the message\\n\"");
	CHECK_TEXT(
	    pl_text_of(pl_at(v, "1.sha"), ""), sh(t, "git rev-parse 'v1.1.0^{}'"));
	v = git(t, "git.tags", "{\"pattern\":\"v1.0*\"}");
	CHECK_INT(v ? v->as.list.len : 0, 1);
	sh(t, "git clone -q . ../$(basename $PWD)-c");
	v = git(t, "git.branches", "{}");
	CHECK_INT(v ? v->as.list.len : 0, 2);
	CHECK_TEXT(pl_text_of(pl_at(v, "0.name"), ""), "feature");
	CHECK_TEXT(json(t, pl_at(v, "1.upstream")), "null");
	pl_host_set_repository(t->host, pl_arena_printf(&t->arena, "%s-c", t->root));
	v = git(t, "git.branches", "{}");
	CHECK_TEXT(json(t, pl_at(v, "0.upstream")), "\"origin/main\"");
	v = git(t, "git.branches", "{\"remote\":true}");
	CHECK_INT(v ? v->as.list.len : 0, 2);
	CHECK_TEXT(json(t, pl_at(v, "0.name")), "\"origin/feature\"");
	sh(t, "rm -rf ../$(basename $PWD)-c");
	case_fini(t);
}

static void status(void)
{
	struct host_case t_, *t = &t_;
	struct pl_value *v;

	git_case(t, "status");
	sh(t, "git init -q .");
	CHECK_TEXT(json(t, git(t, "git.status", "{}")),
	    "{\"branch\":\"main\",\"changes\":[],\"clean\":true,\"head\":null}");
	CHECK_FAILS(git(t, "git.head", "{}"), "git.missing", "no commit yet");
	CHECK_FAILS(git(t, "git.log", "{}"), "git.missing", "no commit yet");
	CHECK_TEXT(json(t, git(t, "git.tags", "{}")), "[]");
	sh(t,
	    "echo 1 >a; echo 1 >b; echo 1 >c; git add . && git commit -qm one && "
	    "echo 2 >a && rm b && echo 1 >d && git add d && mkdir u && echo 1 >u/x");
	v = git(t, "git.status", "{}");
	CHECK_TEXT(json(t, pl_get(v, "changes")),
	    "[{\"path\":\"a\",\"state\":\"modified\"},{\"path\":\"b\",\"state\":\"deleted\"},"
	    "{\"path\":\"d\",\"state\":\"added\"},{\"path\":\"u/\",\"state\":\"untracked\"}]");
	CHECK_TEXT(json(t, pl_get(v, "clean")), "false");
	sh(t, "git stash -qu && git checkout -q --detach");
	v = git(t, "git.status", "{}");
	CHECK_TEXT(json(t, pl_get(v, "branch")), "null");
	CHECK_TEXT(json(t, pl_get(git(t, "git.head", "{}"), "branch")), "null");
	sh(t, "git worktree add -q wt -b side");
	pl_host_set_repository(t->host, pl_arena_printf(&t->arena, "%s/wt", t->root));
	CHECK_TEXT(json(t, pl_get(git(t, "git.head", "{}"), "branch")), "\"side\"");
	case_fini(t);
}

static void odd_places(void)
{
	struct host_case t_, *t = &t_;

	git_case(t, "no repository, bare, below the top, another owner");
	CHECK_FAILS(git(t, "git.head", "{}"), "git.repository", t->root);
	make_history(t);
	pl_host_set_repository(
	    t->host, pl_arena_printf(&t->arena, "%s/apps/api", t->root));
	CHECK(git(t, "git.head", "{}") != NULL);
	sh(t, "git clone -q --bare . bare.git");
	pl_host_set_repository(
	    t->host, pl_arena_printf(&t->arena, "%s/bare.git", t->root));
	CHECK(git(t, "git.head", "{}") != NULL);
	CHECK_FAILS(git(t, "git.status", "{}"), "git.bare", "bare");
	if (getuid() == 0) {
		sh(t, "chown -R 65534:65534 bare.git");
		CHECK_FAILS(git(t, "git.head", "{}"), "git.owner", "safe.directory");
	}
	case_fini(t);
}

static void shallow(void)
{
	struct host_case t_, *t = &t_;
	struct pl_value *v;

	git_case(t, "shallow clone");
	make_history(t);
	sh(t, "git clone -q --depth 1 file://$PWD sh");
	pl_host_set_repository(t->host, pl_arena_printf(&t->arena, "%s/sh", t->root));
	CHECK(git(t, "git.head", "{}") != NULL);
	v = git(t, "git.log", "{}");
	if (!v)
		CHECK_TEXT(t->call.err.code, "git.shallow");
	CHECK_FAILS(
	    git(t, "git.show", "{\"at\":\"%s\"}", sh(t, "git rev-parse v1.0.0")),
	    "git.missing", "shallow");
	case_fini(t);
}

/* 10,000 files, one of them changed: seconds would mean that all is read. */
static void many_files(void)
{
	struct host_case t_, *t = &t_;
	int64_t begin;

	git_case(t, "10,000 files");
	sh(t,
	    "git init -q . && for d in $(seq 100); do mkdir d$d; for f in $(seq 100); do "
	    "echo $d >d$d/f$f; done; done; git add . && git commit -qm all && "
	    "for d in $(seq 100); do echo x >d$d/f7; done; git commit -qam some");
	CHECK_INT(git(t, "git.changed", "{\"from\":\"HEAD~1\"}")->as.list.len, 100);
	begin = case_clock();
	for (int i = 0; i < 10; i++)
		git(t, "git.changed", "{\"from\":\"HEAD~1\"}");
	printf("changed: %.1f ms each\n", (double)(case_clock() - begin) / 10);
	case_fini(t);
}

int main(void)
{
	git_home();
	head_show_log();
	resolving();
	kinship();
	changes();
	files();
	names();
	status();
	odd_places();
	shallow();
	many_files();
	git_home_fini();
	return check_end();
}
