/* git.fetch, git.ls_remote and git.push: directories, git://, http with its ways to
 * fail. The servers are git's own, on loopback. */
#include "git_servers.h"

/* one: the first commit, on main and production. two: main's next, only in work. */
struct world {
	const char *one, *two, *other;
};

static void make_world(struct host_case *t, struct world *w)
{
	sh(t,
	    "git init -q --bare --initial-branch=main o.git && "
	    "git -C o.git config http.receivepack true && git init -q work && cd work && "
	    "git remote add origin $PWD/../o.git && echo 1 >a && git add a && "
	    "git commit -qm one && git push -q origin main main:production && "
	    "git tag -a v0 -m zero && git push -q origin v0");
	w->one = sh(t, "git -C work rev-parse HEAD");
	sh(t,
	    "cd work && git checkout -q -b other && git commit -q --allow-empty -m other && "
	    "git push -q origin other && git checkout -q main && echo 2 >a && "
	    "git commit -qam two");
	w->two = sh(t, "git -C work rev-parse HEAD");
	w->other = sh(t, "git -C work rev-parse other");
	pl_host_set_repository(t->host, pl_arena_printf(&t->arena, "%s/work", t->root));
}

static const char *there(struct host_case *t, const char *ref)
{
	return sh(t, "git -C o.git rev-parse -q --verify %s || true", ref);
}

static const char *no_leftovers(struct host_case *t)
{
	return sh(t, "git -C work for-each-ref refs/pipe");
}

/* ---- reading ---------------------------------------------------------------- */

static void reading(struct host_case *t, const struct world *w, const char *url)
{
	struct pl_value *v;

	sh(t, "git -C work remote set-url origin %s", url);
	v = git(t, "git.ls_remote", "{}");
	CHECK_TEXT(pl_get_text(v, "refs/heads/production", t->call.err.msg), w->one);
	CHECK_TEXT(pl_get_text(v, "HEAD", ""), w->one);
	CHECK_TEXT(pl_get_text(v, "refs/tags/v0", ""), there(t, "v0"));
	CHECK_TEXT(pl_get_text(v, "refs/tags/v0^{}", ""), w->one);
	v = git(t, "git.ls_remote", "{\"pattern\":\"production\"}");
	CHECK_INT(v ? v->as.map.len : 0, 1);
	v = git(t, "git.ls_remote", "{\"pattern\":\"v*\"}");
	CHECK_INT(v ? v->as.map.len : 0, 2);
	sh(t, "git -C work update-ref -d refs/remotes/origin/production");
	v = git(t, "git.fetch", "{\"branch\":\"production\"}");
	CHECK_TEXT(json(t, pl_get(v, "updated")),
	    pl_arena_printf(&t->arena,
	        "[{\"after\":\"%s\",\"before\":null,\"ref\":\"refs/remotes/origin/"
	        "production\"}]",
	        w->one));
	CHECK_FAILS(
	    git(t, "git.fetch", "{\"branch\":\"nope\"}"), "git.missing", "nope");
}

static void directory(void)
{
	struct host_case t_, *t = &t_;
	struct world w;
	struct pl_value *v;

	git_case(t, "ls_remote and fetch: a directory");
	make_world(t, &w);
	reading(t, &w, sh(t, "echo $PWD/o.git"));
	reading(t, &w, sh(t, "echo file://$PWD/o.git"));
	reading(t, &w, "../o.git");
	sh(t,
	    "git clone -q o.git second && cd second && git checkout -q -b topic && "
	    "git commit -q --allow-empty -m t && git tag t1 && git push -q origin topic t1");
	v = git(t, "git.fetch", "{}");
	CHECK(strstr(json(t, v), "refs/remotes/origin/topic") != NULL);
	CHECK_TEXT(sh(t, "git -C work rev-parse t1"), there(t, "topic"));
	sh(t, "git -C o.git update-ref -d refs/heads/topic");
	v = git(t, "git.fetch", "{\"prune\":true}");
	CHECK_TEXT(json(t, pl_at(v, "updated.0.after")), "null");
	CHECK_TEXT(sh(t, "git -C work for-each-ref refs/remotes/origin/topic"), "");
	CHECK_TEXT(json(t, pl_get(git(t, "git.fetch", "{}"), "updated")), "[]");
	CHECK_FAILS(
	    git(t, "git.fetch", "{\"remote\":\"nope\"}"), "git.remote", "origin");
	CHECK_FAILS(git(t, "git.fetch", "{\"remote\":\"/x/y\"}"), "git.remote", "name");
	CHECK_FAILS(git(t, "git.ls_remote", "{\"remote\":\"/no/where.git\"}"),
	    "git.remote", "/no/where.git");
	CHECK_FAILS(git(t, "git.ls_remote", "{\"remote\":\"gopher://x/y\"}"),
	    "git.remote", "gopher");
	sh(t, "git -C work config url.$PWD/o.git.insteadOf https://example.invalid/o");
	CHECK(git(t, "git.ls_remote", "{\"remote\":\"https://example.invalid/o\"}") !=
	    NULL);
	case_fini(t);
}

static void served(void)
{
	struct host_case t_, *t = &t_;
	struct servers s;
	struct world w;

	git_case(t, "ls_remote and fetch: git:// and http://");
	make_world(t, &w);
	start_servers(t, &s);
	reading(t, &w, sh(t, "echo git://127.0.0.1:%d/o.git", s.daemon));
	reading(t, &w, sh(t, "echo http://127.0.0.1:%d/ok/o.git", s.http));
	CHECK_FAILS(git(t, "git.ls_remote",
	                "{\"remote\":\"git://127.0.0.1:%d/no.git\"}", s.daemon),
	    "git.remote", "no");
	CHECK_FAILS(git(t, "git.ls_remote",
	                "{\"remote\":\"http://127.0.0.1:%d/ok/no.git\"}", s.http),
	    "git.remote", "404");
	CHECK_FAILS(git(t, "git.ls_remote",
	                "{\"remote\":\"http://127.0.0.1:%d/fail/o.git\"}", s.http),
	    "git.unreachable", "503");
	CHECK(t->call.err.retryable);
	CHECK_FAILS(
	    git(t, "git.ls_remote", "{\"remote\":\"http://127.0.0.1:1/o.git\"}"),
	    "git.unreachable", "127.0.0.1");
	CHECK(t->call.err.retryable);
	CHECK_FAILS(
	    git(t, "git.ls_remote",
	        "{\"remote\":\"http://127.0.0.1:%d/mute/o.git\",\"timeout\":300}",
	        s.http),
	    "git.unreachable", "0 s");
	t->cancel_after = 100;
	CHECK_FAILS(git(t, "git.ls_remote",
	                "{\"remote\":\"http://127.0.0.1:%d/mute/o.git\"}", s.http),
	    "cancelled", "");
	t->cancel_after = 0;
	stop_servers(&s);
	case_fini(t);
}

static void credentials(void)
{
	struct host_case t_, *t = &t_;
	const struct pl_secret *secret;
	struct servers s;
	struct world w;
	const struct pl_row *row = case_row(pl_git_rows, "git.ls_remote");
	char url[128];

	git_case(t, "credentials");
	make_world(t, &w);
	start_servers(t, &s);
	snprintf(url, sizeof url, "http://127.0.0.1:%d/auth/o.git", s.http);
	CHECK_FAILS(git(t, "git.ls_remote", "{\"remote\":\"%s\"}", url), "git.auth",
	    "none was given");
	CHECK_FAILS(git(t, "git.ls_remote",
	                "{\"remote\":\"%s\",\"token\":\"wrong-token\"}", url),
	    "git.auth", "refuses");
	CHECK(!strstr(t->call.err.msg, "wrong"));
	CHECK(git(t, "git.ls_remote", "{\"remote\":\"%s\",\"token\":\"s3cret-token\"}",
	          url) != NULL);
	CHECK_FAILS(
	    git(t, "git.ls_remote",
	        "{\"remote\":\"%s\",\"user\":\"me\",\"password\":\"s3cret-token\"}",
	        url),
	    "git.auth", "refuses");
	CHECK_FAILS(
	    git(t, "git.ls_remote",
	        "{\"remote\":\"http://me:hunter22@127.0.0.1:%d/auth/o.git\"}", s.http),
	    "git.auth", "127.0.0.1");
	CHECK(!strstr(t->call.err.msg, "hunter22"));
	secret = pl_secret_add(t->host, "GH", "s3cret-token", 12);
	case_call(t, row, "{\"remote\":\"x\",\"timeout\":5000}");
	pl_map_set(&t->arena, (struct pl_value *)t->call.args, "remote",
	    pl_text(&t->arena, url));
	pl_map_set(&t->arena, (struct pl_value *)t->call.args, "token",
	    pl_secret_value(&t->arena, secret));
	CHECK(case_drive(t, row->start) != NULL);
	stop_servers(&s);
	case_fini(t);
}

/* ---- pushing ----------------------------------------------------------------- */

static void pushing(struct host_case *t, const struct world *w, const char *url)
{
	struct pl_value *v;

	sh(t,
	    "git -C work remote set-url origin %s; git -C o.git update-ref refs/heads/production "
	    "%s; git -C o.git update-ref -d refs/heads/new",
	    url, w->one);
	CHECK_FAILS(
	    git(t, "git.push",
	        "{\"branch\":\"production\",\"commit\":\"%s\",\"expect\":\"%s\"}",
	        w->two, w->other),
	    "git.moved", w->one);
	CHECK(t->call.err.refused && strstr(t->call.err.msg, w->other));
	CHECK_FAILS(git(t, "git.push",
	                "{\"branch\":\"production\",\"commit\":\"%s\",\"expect\":\"\"}",
	                w->two),
	    "git.moved", "nothing");
	CHECK_TEXT(there(t, "production"), w->one);
	v = git(t, "git.push",
	    "{\"branch\":\"production\",\"commit\":\"%s\",\"expect\":\"%s\"}", w->two,
	    w->one);
	CHECK_TEXT(json(t, v),
	    pl_arena_printf(&t->arena,
	        "{\"after\":\"%s\",\"before\":\"%s\",\"changed\":true,\"ref\":\"refs/heads/"
	        "production\"}",
	        w->two, w->one));
	if (!v)
		CHECK_TEXT(t->call.err.msg, "");
	CHECK_TEXT(there(t, "production"), w->two);
	CHECK_TEXT(sh(t, "git -C work rev-parse origin/production"), w->two);
	v = git(t, "git.push",
	    "{\"branch\":\"production\",\"commit\":\"%s\",\"expect\":\"%s\"}", w->two,
	    w->one);
	CHECK_TEXT(json(t, pl_get(v, "changed")), "false");
	CHECK_FAILS(git(t, "git.push", "{\"branch\":\"production\",\"commit\":\"%s\"}",
	                w->other),
	    "git.not_fast_forward", w->two);
	CHECK(t->call.err.refused);
	v = git(t, "git.push",
	    "{\"branch\":\"production\",\"commit\":\"%s\",\"force\":true,\"expect\":\"%s\"}",
	    w->other, w->two);
	CHECK_TEXT(json(t, pl_get(v, "changed")), "true");
	CHECK_TEXT(there(t, "production"), w->other);
	v = git(t, "git.push", "{\"branch\":\"new\",\"commit\":\"%s\",\"expect\":\"\"}",
	    w->two);
	CHECK_TEXT(json(t, pl_get(v, "before")), v ? "null" : t->call.err.msg);
	CHECK_TEXT(there(t, "new"), w->two);
	CHECK_FAILS(git(t, "git.push",
	                "{\"branch\":\"absent\",\"commit\":\"%s\",\"expect\":\"%s\"}",
	                w->two, w->one),
	    "git.moved", "nothing");
	CHECK_TEXT(no_leftovers(t), "");
	CHECK_TEXT(sh(t, "git -C o.git fsck 2>&1 | grep -v dangling || true"), "");
}

static void pushing_tags(struct host_case *t, const struct world *w, const char *url)
{
	struct pl_value *v;

	sh(t,
	    "git -C work remote set-url origin %s; git -C work tag -f lw %s; "
	    "git -C work tag -f -a ann -m notes %s; cd o.git; git tag -d lw ann 2>/dev/null || true",
	    url, w->two, w->two);
	v = git(t, "git.push",
	    "{\"ref\":\"refs/tags/lw\",\"commit\":\"%s\",\"expect\":\"\"}", w->two);
	CHECK_TEXT(json(t, pl_get(v, "changed")), v ? "true" : t->call.err.msg);
	CHECK_TEXT(there(t, "lw"), w->two);
	v = git(t, "git.push", "{\"ref\":\"refs/tags/ann\",\"commit\":\"%s\"}", w->two);
	CHECK_TEXT(json(t, pl_get(v, "after")),
	    pl_arena_printf(&t->arena, "\"%s\"", sh(t, "git -C work rev-parse ann")));
	CHECK_TEXT(sh(t, "git -C o.git cat-file -t ann"), "tag");
	v = git(t, "git.push", "{\"ref\":\"refs/tags/ann\",\"commit\":\"%s\"}", w->two);
	CHECK_TEXT(json(t, pl_get(v, "changed")), "false");
	CHECK_FAILS(
	    git(t, "git.push", "{\"ref\":\"refs/tags/ann\",\"commit\":\"%s\"}", w->one),
	    "git.exists", "refs/tags/ann");
	CHECK_TEXT(
	    json(t,
	        pl_get(git_probe(t, "git.push",
	                   "{\"ref\":\"refs/tags/ann\",\"commit\":\"%s\"}", w->two),
	            "happened")),
	    "true");
}

static void push_to_directory(void)
{
	struct host_case t_, *t = &t_;
	struct world w;

	git_case(t, "push: a directory");
	make_world(t, &w);
	pushing(t, &w, sh(t, "echo $PWD/o.git"));
	pushing(t, &w, sh(t, "echo file://$PWD/o.git"));
	pushing_tags(t, &w, sh(t, "echo $PWD/o.git"));
	CHECK_FAILS(git(t, "git.push", "{\"branch\":\"x\",\"commit\":\"main\"}"),
	    "git.sha", "main");
	CHECK_FAILS(git(t, "git.push", "{\"branch\":\"x\",\"commit\":\"%s\"}",
	                "1234567890123456789012345678901234567890"),
	    "git.missing", "123456789");
	CHECK_FAILS(git(t, "git.push", "{\"commit\":\"%s\"}", w.two), "git.name",
	    "branch or ref");
	CHECK_FAILS(git(t, "git.push", "{\"ref\":\"main\",\"commit\":\"%s\"}", w.two),
	    "git.name", "main");
	CHECK_FAILS(git(t, "git.push", "{\"branch\":\"a b\",\"commit\":\"%s\"}", w.two),
	    "git.name", "a b");
	/* With hooks and with a working tree it is git itself that receives. */
	sh(t,
	    "printf '#!/bin/sh\\necho hook was here >&2\\nexit 1\\n' >o.git/hooks/update; chmod +x "
	    "o.git/hooks/update; git -C o.git update-ref refs/heads/production %s",
	    w.one);
	CHECK_FAILS(
	    git(t, "git.push", "{\"branch\":\"production\",\"commit\":\"%s\"}", w.two),
	    "git.rejected", "hook was here");
	CHECK(strstr(t->call.err.msg, "hook declined") && !t->call.err.refused);
	CHECK_TEXT(there(t, "production"), w.one);
	sh(t, "printf '#!/bin/sh\\ntouch ran\\n' >o.git/hooks/update");
	pushing(t, &w, sh(t, "echo $PWD/o.git"));
	CHECK_TEXT(sh(t, "ls o.git/ran"), "o.git/ran");
	sh(t, "git clone -q o.git tree && git -C work remote set-url origin $PWD/tree");
	CHECK_FAILS(
	    git(t, "git.push", "{\"branch\":\"main\",\"commit\":\"%s\"}", w.two),
	    "git.rejected", "checked out");
	CHECK(git(t, "git.push", "{\"branch\":\"side\",\"commit\":\"%s\"}", w.two) !=
	    NULL);
	case_fini(t);
}

static void push_to_server(void)
{
	struct host_case t_, *t = &t_;
	struct servers s;
	struct world w;
	const char *args =
	    "{\"branch\":\"production\",\"commit\":\"%s\",\"expect\":\"%s\"}";

	git_case(t, "push: http");
	make_world(t, &w);
	start_servers(t, &s);
	pushing(t, &w, sh(t, "echo http://127.0.0.1:%d/ok/o.git", s.http));
	pushing_tags(t, &w, sh(t, "echo http://127.0.0.1:%d/ok/o.git", s.http));
	sh(t,
	    "cd o.git; git update-ref refs/heads/production %s; "
	    "printf '#!/bin/sh\\necho not on a Friday >&2\\nexit 1\\n' >hooks/pre-receive; "
	    "chmod +x hooks/pre-receive",
	    w.one);
	CHECK_FAILS(
	    git(t, "git.push", args, w.two, w.one), "git.rejected", "not on a Friday");
	CHECK(strstr(t->call.err.msg, "pre-receive hook declined") &&
	    !t->call.err.unknown);
	sh(t,
	    "rm o.git/hooks/pre-receive; git -C work remote set-url origin "
	    "http://127.0.0.1:%d/race/o.git",
	    s.http);
	CHECK_FAILS(git(t, "git.push", args, w.two, w.one), "git.moved", w.other);
	CHECK(t->call.err.refused && strstr(t->call.err.msg, w.one));
	sh(t,
	    "git -C o.git update-ref refs/heads/production %s; git -C work remote set-url origin "
	    "http://127.0.0.1:%d/lost/o.git",
	    w.one, s.http);
	CHECK_FAILS(
	    git(t, "git.push", args, w.two, w.one), "git.unreachable", "not known");
	CHECK(t->call.err.unknown && !t->call.err.retryable);
	CHECK_TEXT(there(t, "production"), w.two);
	CHECK_TEXT(
	    json(t, pl_get(git_probe(t, "git.push", args, w.two, w.one), "happened")),
	    "true");
	sh(t,
	    "git -C o.git update-ref refs/heads/production %s; git -C work remote set-url origin "
	    "http://127.0.0.1:%d/late/o.git",
	    w.one, s.http);
	CHECK_FAILS(
	    git(t, "git.push", args, w.two, w.one), "git.unreachable", "not known");
	CHECK(t->call.err.unknown);
	CHECK_TEXT(json(t, git_probe(t, "git.push", args, w.two, w.one)),
	    "{\"happened\":false}");
	sh(t, "git -C o.git update-ref refs/heads/production %s", w.other);
	CHECK_TEXT(json(t, git_probe(t, "git.push", args, w.two, w.one)), "null");
	sh(t, "git -C work remote set-url origin http://127.0.0.1:%d/dumb/o.git",
	    s.http);
	CHECK_FAILS(git(t, "git.push", args, w.two, w.one), "git.auth", "403");
	CHECK(!t->call.err.unknown);
	sh(t, "git -C work remote set-url origin http://127.0.0.1:1/o.git");
	CHECK_FAILS(git(t, "git.push", args, w.two, w.one), "git.unreachable", "");
	CHECK(!t->call.err.unknown && t->call.err.retryable);
	sh(t, "git -C work remote set-url origin http://127.0.0.1:%d/auth/o.git",
	    s.http);
	CHECK_FAILS(
	    git(t, "git.push", args, w.two, w.other), "git.auth", "none was given");
	CHECK(git(t, "git.push",
	          "{\"branch\":\"auth\",\"commit\":\"%s\",\"token\":\"s3cret-token\"}",
	          w.two) != NULL);
	CHECK_TEXT(no_leftovers(t), "");
	stop_servers(&s);
	case_fini(t);
}

/* ---- dry-run -------------------------------------------------------------------- */

static void dry_push(void)
{
	struct host_case t_, *t = &t_;
	struct world w;
	struct pl_value *v;
	const char *args =
	    "{\"branch\":\"production\",\"commit\":\"%s\",\"expect\":\"%s\"}";

	git_case(t, "push in a dry-run");
	make_world(t, &w);
	git_dry(t);
	pl_host_latch_writes(t->host);
	CHECK_FAILS(
	    git_predict(t, "git.push", args, w.two, w.other), "git.moved", w.one);
	CHECK(t->call.err.refused);
	v = git_predict(t, "git.push", args, w.two, w.one);
	CHECK_TEXT(pl_get_text(v, "after", t->call.err.msg), w.two);
	CHECK_INT(t->call.prediction.sign, '~');
	CHECK_TEXT(pl_text_of(t->call.prediction.before, ""), w.one);
	CHECK_TEXT(
	    pl_get_text(git(t, "git.ls_remote", "{}"), "refs/heads/production", ""),
	    w.two);
	CHECK_TEXT(
	    pl_text_of(git(t, "git.resolve", "{\"at\":\"origin/production\"}"), ""),
	    w.two);
	CHECK_FAILS(
	    git_predict(t, "git.push", args, w.other, w.one), "git.moved", w.two);
	CHECK_FAILS(git_predict(t, "git.push", args, w.other, w.two),
	    "git.not_fast_forward", w.two);
	v = git_predict(t, "git.push", args, w.two, w.two);
	CHECK_TEXT(json(t, pl_get(v, "changed")), "false");
	v = git_predict(
	    t, "git.push", "{\"branch\":\"main\",\"commit\":\"%s\"}", w.two);
	CHECK_TEXT(pl_get_text(git(t, "git.ls_remote", "{}"), "HEAD", ""), w.two);
	sh(t, "echo 3 >work/a");
	v = git_predict(t, "git.commit", "{\"files\":[\"a\"],\"message\":\"three\"}");
	v = git_predict(t, "git.push",
	    "{\"branch\":\"main\",\"commit\":\"%s\",\"expect\":\"%s\"}",
	    pl_get_text(v, "sha", ""), w.two);
	CHECK_TEXT(pl_get_text(v, "after", t->call.err.msg),
	    "0000000000000000000000000000000000000001");
	git_predict(t, "git.tag", "{\"name\":\"v9\",\"at\":\"%s\"}", w.two);
	v = git_predict(
	    t, "git.push", "{\"ref\":\"refs/tags/v9\",\"commit\":\"%s\"}", w.two);
	CHECK_INT(t->call.prediction.sign, '+');
	CHECK_TEXT(
	    pl_get_text(git(t, "git.ls_remote", "{}"), "refs/tags/v9", ""), w.two);
	CHECK_FAILS(git(t, "git.push", args, w.two, w.one), "latch.closed", "");
	CHECK_TEXT(there(t, "production"), w.one);
	CHECK_TEXT(sh(t, "git -C o.git for-each-ref --count=9 | wc -l"), "4");
	CHECK_TEXT(git_target(t, "git.push", args, w.two, w.one),
	    pl_arena_printf(&t->arena, "production %.7s..%.7s", w.one, w.two));
	CHECK_TEXT(git_target(t, "git.push", args, w.two, ""),
	    pl_arena_printf(&t->arena, "production +%.7s", w.two));
	CHECK_TEXT(
	    git_target(t, "git.push", "{\"branch\":\"x/y\",\"commit\":\"%s\"}", w.two),
	    pl_arena_printf(&t->arena, "x/y ..%.7s", w.two));
	CHECK_TEXT(git_target(t, "git.push",
	               "{\"ref\":\"refs/tags/v1\",\"commit\":\"%s\"}", w.two),
	    pl_arena_printf(&t->arena, "tag v1 %.7s", w.two));
	case_fini(t);
}

static bool elsewhere(void *arg, struct pl_arena *a, const char *url, const char *op,
    const char **real, bool *lost, struct pl_err *err)
{
	(void)op;
	if (strstr(url, "down.invalid"))
		return pl_fail(err, "git.unreachable", "nobody there");
	*lost = strstr(url, "lost.invalid") != NULL;
	if (*lost || strcmp(url, "https://example.invalid/o.git") == 0)
		*real = pl_arena_printf(a, "%s/o.git", (char *)arg);
	if (!*lost)
		return true;
	pl_fail(err, "git.lost", "no answer");
	err->unknown = true;
	return false;
}

static void routed(void)
{
	struct host_case t_, *t = &t_;
	struct pl_router router = {.remote = elsewhere, .arg = t_.root};
	struct world w;

	git_case(t, "a router stands in for the network");
	make_world(t, &w);
	pl_host_set_router(t->host, &router);
	sh(t, "git -C work remote set-url origin https://example.invalid/o.git");
	CHECK(git(t, "git.push", "{\"branch\":\"production\",\"commit\":\"%s\"}",
	          w.two) != NULL);
	CHECK_TEXT(there(t, "production"), w.two);
	CHECK_FAILS(git(t, "git.ls_remote",
	                "{\"remote\":\"https://me:pass@example.invalid/x\"}"),
	    "git.remote", "no remote");
	CHECK(!strstr(t->call.err.msg, "pass"));
	CHECK_FAILS(git(t, "git.ls_remote", "{\"remote\":\"https://down.invalid/x\"}"),
	    "git.unreachable", "nobody");
	CHECK_FAILS(git(t, "git.push",
	                "{\"remote\":\"https://lost.invalid/x\",\"branch\":\"lost\","
	                "\"commit\":\"%s\"}",
	                w.two),
	    "git.lost", "no answer");
	CHECK(t->call.err.unknown);
	CHECK_TEXT(there(t, "lost"), w.two);
	case_fini(t);
}

int main(void)
{
	git_home();
	directory();
	served();
	credentials();
	push_to_directory();
	push_to_server();
	dry_push();
	routed();
	git_home_fini();
	return check_end();
}
