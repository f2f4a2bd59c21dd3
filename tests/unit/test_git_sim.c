/* sim.git.*: the simulated world's repositories. */
#include "git_case.h"

/* Synchronous: answered when start returns. Paths in args are "@NAME". */
static struct pl_value *sim(struct host_case *t, const char *name, const char *fmt, ...)
{
	const struct pl_row *row;
	struct pl_value *args;
	va_list ap;
	char key[64];

	snprintf(key, sizeof key, "sim.git.%s", name);
	va_start(ap, fmt);
	row = git_call(t, pl_git_sim_rows, key, fmt, ap);
	va_end(ap);
	args = (struct pl_value *)t->call.args;
	for (uint32_t i = 0; i < args->as.map.len; i++) {
		const char *text = pl_text_of(args->as.map.at[i].value, "");

		if (*text == '@')
			args->as.map.at[i].value =
			    pl_textf(&t->arena, "%s/%s", t->root, text + 1);
	}
	row->start(&t->call);
	CHECK_INT(t->finished, 1);
	return t->call.failed ? NULL : t->call.result;
}

#define WHO "\"author\":\"Sim <sim@example.com>\",\"time\":1700000000000"

static const char *commit(
    struct host_case *t, const char *parents, const char *files, const char *message)
{
	return pl_text_of(sim(t, "commit",
	                      "{\"path\":\"@a.git\",\"parents\":[%s],\"files\":%s,"
	                      "\"message\":\"%s\"," WHO "}",
	                      parents, files, message),
	    t->call.err.msg);
}

static const char *quoted(struct host_case *t, const char *text)
{
	return pl_arena_printf(&t->arena, "\"%s\"", text);
}

static void commits(void)
{
	struct host_case t_, *t = &t_;
	const char *one, *two, *three;
	struct pl_value *v;

	git_case(t, "init, commit, refs, read, list, log");
	CHECK(sim(t, "init", "{\"path\":\"@a.git\"}") != NULL);
	CHECK_TEXT(json(t, sim(t, "refs", "{\"path\":\"@a.git\"}")), "{}");
	one = commit(t, "", "{\"a\":\"1\",\"d/b\":\"2\",\"d/e/f\":\"3\"}", "one");
	CHECK_TEXT(
	    one, commit(t, "", "{\"a\":\"1\",\"d/b\":\"2\",\"d/e/f\":\"3\"}", "one"));
	CHECK_TEXT(sh(t, "git -C a.git log -1 --format='%%an <%%ae> %%at %%s' %s", one),
	    "Sim <sim@example.com> 1700000000 one");
	two = commit(
	    t, quoted(t, one), "{\"a\":\"x\",\"d/b\":false,\"gone\":false}", "two");
	CHECK_TEXT(sh(t, "git -C a.git ls-tree -r --name-only %s | tr '\\n' ' '", two),
	    "a d/e/f ");
	CHECK_TEXT(json(t, sim(t, "refs", "{\"path\":\"@a.git\"}")), "{}");
	CHECK(sim(t, "set_ref",
	          "{\"path\":\"@a.git\",\"ref\":\"refs/heads/main\",\"sha\":\"%s\"}",
	          two) != NULL);
	CHECK_TEXT(json(t, sim(t, "refs", "{\"path\":\"@a.git\"}")),
	    pl_arena_printf(&t->arena, "{\"refs/heads/main\":\"%s\"}", two));
	CHECK(sim(t, "set_ref",
	          "{\"path\":\"@a.git\",\"ref\":\"refs/heads/x\",\"sha\":\"%s\"}",
	          one) != NULL);
	CHECK(
	    sim(t, "set_ref",
	        "{\"path\":\"@a.git\",\"ref\":\"refs/heads/x\",\"sha\":\"\"}") != NULL);
	CHECK(
	    sim(t, "set_ref",
	        "{\"path\":\"@a.git\",\"ref\":\"refs/heads/x\",\"sha\":\"\"}") != NULL);
	CHECK_FAILS(sim(t, "set_ref",
	                "{\"path\":\"@a.git\",\"ref\":\"refs/heads/x\",\"sha\":\"%s\"}",
	                "1234567890123456789012345678901234567890"),
	    "git.missing", "");
	CHECK_TEXT(json(t,
	               sim(t, "read",
	                   "{\"path\":\"@a.git\",\"sha\":\"%s\",\"file\":\"a\"}", two)),
	    "\"x\"");
	CHECK_TEXT(
	    json(t,
	        sim(t, "read", "{\"path\":\"@a.git\",\"sha\":\"%s\",\"file\":\"d/b\"}",
	            two)),
	    "null");
	CHECK_TEXT(json(t,
	               sim(t, "list",
	                   "{\"path\":\"@a.git\",\"sha\":\"%s\",\"dir\":\"d\"}", one)),
	    "[\"b\",\"e/\"]");
	CHECK_TEXT(
	    json(t,
	        sim(t, "changed", "{\"path\":\"@a.git\",\"from\":\"%s\",\"to\":\"%s\"}",
	            one, two)),
	    "[\"a\",\"d/b\"]");
	three = commit(t, quoted(t, two), "{\"z\":\"\"}", "three");
	v = sim(t, "log", "{\"path\":\"@a.git\",\"from\":\"%s\",\"to\":\"%s\"}", three,
	    one);
	CHECK_INT(v ? v->as.list.len : 0, 2);
	CHECK_TEXT(json(t, pl_at(v, "0")),
	    pl_arena_printf(&t->arena,
	        "{\"author\":\"Sim <sim@example.com>\",\"message\":\"three\",\"parents\":[\"%s\"],"
	        "\"sha\":\"%s\",\"time\":1700000000000}",
	        two, three));
	v = sim(t, "log", "{\"path\":\"@a.git\",\"from\":\"%s\"}", three);
	CHECK_INT(v ? v->as.list.len : 0, 3);
	CHECK_TEXT(
	    json(t,
	        sim(t, "is_ancestor",
	            "{\"path\":\"@a.git\",\"ancestor\":\"%s\",\"descendant\":\"%s\"}",
	            one, three)),
	    "true");
	CHECK_FAILS(
	    sim(t, "refs", "{\"path\":\"@none.git\"}"), "git.missing", "none.git");
	CHECK_FAILS(
	    sim(t, "read", "{\"path\":\"@a.git\",\"sha\":\"no\",\"file\":\"a\"}"),
	    "git.missing", "no");
	CHECK_TEXT(sh(t, "git -C a.git fsck 2>&1 | grep -v dangling || true"), "");
	case_fini(t);
}

static void merges(void)
{
	struct host_case t_, *t = &t_;
	const char *one, *base, *head, *clash;
	struct pl_value *v;
	const char *args =
	    "{\"path\":\"@a.git\",\"base\":\"%s\",\"head\":\"%s\",\"message\":\"m\"," WHO
	    "}";

	git_case(t, "merge, squash, conflict, clone");
	sim(t, "init", "{\"path\":\"@a.git\"}");
	one = commit(t, "", "{\"a\":\"1\\n\",\"b\":\"1\\n\"}", "one");
	base = commit(t, quoted(t, one), "{\"a\":\"2\\n\"}", "base");
	head = commit(t, quoted(t, one), "{\"b\":\"2\\n\"}", "head");
	clash = commit(t, quoted(t, one), "{\"a\":\"3\\n\"}", "clash");
	v = sim(t, "merge", args, base, head);
	CHECK_TEXT(sh(t, "git -C a.git show -s --format=%%P %s", pl_text_of(v, "x")),
	    pl_arena_printf(&t->arena, "%s %s", base, head));
	CHECK_TEXT(sh(t, "git -C a.git show %s:a %s:b", pl_text_of(v, "x"),
	               pl_text_of(v, "x")),
	    "2\n2");
	v = sim(t, "squash", args, base, head);
	CHECK_TEXT(
	    sh(t, "git -C a.git show -s --format=%%P %s", pl_text_of(v, "x")), base);
	sim(t, "set_ref",
	    "{\"path\":\"@a.git\",\"ref\":\"refs/heads/main\",\"sha\":\"%s\"}",
	    pl_text_of(v, ""));
	CHECK_FAILS(sim(t, "merge", args, base, clash), "git.conflict", clash);
	CHECK(sim(t, "clone", "{\"url\":\"@a.git\",\"path\":\"@work\"}") != NULL);
	CHECK_TEXT(
	    sh(t, "cd work; git status -sb; cat a b"), "## main...origin/main\n2\n2");
	CHECK(sim(t, "init", "{\"path\":\"@empty.git\"}") != NULL);
	CHECK(sim(t, "clone", "{\"url\":\"@empty.git\",\"path\":\"@work2\"}") != NULL);
	CHECK(sim(t, "init", "{\"path\":\"@tree\",\"bare\":false}") != NULL);
	CHECK_TEXT(sh(t, "git -C tree symbolic-ref HEAD"), "refs/heads/main");
	case_fini(t);
}

int main(void)
{
	git_home();
	commits();
	merges();
	git_home_fini();
	return check_end();
}
