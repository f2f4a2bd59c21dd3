#include "host_case.h"

#include <signal.h>

static struct pl_value *run(struct host_case *t, const char *args)
{
	return case_run(t, pl_process_rows, "proc.run", args);
}

static const char *out_of(struct pl_value *result)
{
	return pl_get_text(result, "stdout", NULL);
}

static void plain(struct host_case *t)
{
	struct pl_value *r =
	    run(t, "{\"argv\":[\"printf\",\"%s\\\\n\",\"a b\",\"$HOME\"]}");

	CHECK_TEXT(out_of(r), "a b\n$HOME\n");
	CHECK_INT(pl_get_int(r, "exit", -1), 0);
	CHECK(pl_is_null(pl_get(r, "signal")));
	CHECK(pl_get_int(r, "took_ms", -1) >= 0);
	CHECK_TEXT(t->lines.at, "stdout: a b\nstdout: $HOME\n");
	r = run(t, "{\"shell\":\"echo one; echo two >&2; echo; printf 'no newline'\"}");
	CHECK_TEXT(out_of(r), "one\n\nno newline");
	CHECK_TEXT(pl_get_text(r, "stderr", NULL), "two\n");
	CHECK(strstr(t->lines.at, "stdout: one\n"));
	CHECK(strstr(t->lines.at, "stdout: \n"));
	CHECK(strstr(t->lines.at, "stdout: no newline\n"));
	CHECK(strstr(t->lines.at, "stderr: two\n"));
	/* Real pipes, which a script may open again. */
	r = run(t, "{\"shell\":\"echo x >/dev/stderr; printf 'a\\\\0b'\"}");
	CHECK_TEXT(pl_get_text(r, "stderr", NULL), "x\n");
	CHECK(r && pl_get(r, "stdout")->as.text.len == 3);
}

static void wrong_arguments(struct host_case *t)
{
	static const struct {
		const char *args, *code, *word;
	} cases[] = {
	    {"{}", "proc.args", "either argv"},
	    {"{\"argv\":[\"true\"],\"shell\":\"true\"}", "proc.args", "not both"},
	    {"{\"argv\":[]}", "proc.args", "list of text"},
	    {"{\"argv\":[\"\"]}", "proc.args", "empty"},
	    {"{\"argv\":[\"true\",1]}", "proc.args", "argv[2]"},
	    {"{\"argv\":[\"tr\\u0000ue\"]}", "proc.args", "NUL"},
	    {"{\"argv\":[\"true\"],\"timeout\":-1}", "proc.args", "timeout"},
	    {"{\"argv\":[\"true\"],\"max_bytes\":-1}", "proc.args", "max_bytes"},
	    {"{\"argv\":[\"true\"],\"expect\":[\"0\"]}", "proc.args", "expect[1]"},
	    {"{\"argv\":[\"true\"],\"env\":{\"A=B\":\"1\"}}", "proc.env", "A=B"},
	    {"{\"argv\":[\"true\"],\"env\":{\"\":\"1\"}}", "proc.env", "name"},
	    {"{\"argv\":[\"true\"],\"env\":{\"A\":\"1\\u0000\"}}", "proc.env", "NUL"},
	    {"{\"argv\":[\"true\"],\"env\":{\"A\":7}}", "proc.env", "A must"},
	    {"{\"argv\":[\"true\"],\"inherit\":[\"A=\"]}", "proc.env", "inherit[1]"},
	    {"{\"argv\":[\"true\"],\"cwd\":\"nowhere\"}", "proc.cwd", "nowhere"},
	    {"{\"argv\":[\"true\"],\"cwd\":\"file\"}", "proc.cwd", "not a directory"},
	    {"{\"argv\":[\"true\"],\"cwd\":\"..\"}", "fs.outside", ".."},
	    {"{\"argv\":[\"true\"],\"cwd\":\"/\"}", "fs.outside", "/"},
	    {"{\"argv\":[\"true\"],\"cwd\":\"out\"}", "fs.outside", "out"},
	    {"{\"argv\":[\"pl-no-such-program\"]}", "proc.missing", "PATH ("},
	    {"{\"argv\":[\"./nothing\"]}", "proc.missing", "./nothing"},
	    {"{\"argv\":[\"./file\"]}", "proc.start", "permission denied"},
	    {"{\"argv\":[\"./script\"]}", "proc.missing", "interpreter"},
	};
	/* Valgrind cannot take back an execve() that the kernel refuses so late. */
	const char *preload = getenv("LD_PRELOAD");
	size_t count = PL_COUNT(cases) - (preload && strstr(preload, "vgpreload"));
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/out", t->root);
	CHECK(!symlink("/tmp", path));
	snprintf(path, sizeof path, "%s/file", t->root);
	f = fopen(path, "w");
	CHECK(f && !fclose(f));
	snprintf(path, sizeof path, "%s/script", t->root);
	f = fopen(path, "w");
	CHECK(f && fputs("#!/no/such/interpreter\n", f) >= 0 && !fclose(f));
	CHECK(!chmod(path, 0755));
	for (size_t i = 0; i < count; i++) {
		CHECK(!run(t, cases[i].args));
		CHECK_TEXT(t->call.err.code, cases[i].code);
		if (!strstr(t->call.err.msg, cases[i].word))
			CHECK_TEXT(t->call.err.msg, cases[i].word);
		CHECK(!t->call.err.unknown);
		CHECK_INT(t->finished, 1);
	}
}

static void directories(struct host_case *t)
{
	char path[128], args[256];

	snprintf(path, sizeof path, "%s/inner", t->root);
	CHECK(!mkdir(path, 0755));
	CHECK(strstr(
	    out_of(run(t, "{\"argv\":[\"pwd\"],\"cwd\":\"inner\"}")), "/inner\n"));
	snprintf(args, sizeof args, "{\"argv\":[\"pwd\"],\"cwd\":\"%s\"}", path);
	CHECK(strstr(out_of(run(t, args)), "/inner\n"));
	CHECK(strstr(out_of(run(t, "{\"argv\":[\"pwd\"]}")), t->root));
}

static void environment(struct host_case *t)
{
	const struct pl_secret *s =
	    pl_secret_add(t->host, "KEY", "very-secret-key", 15);
	struct pl_value *args, *env, *parts;
	const char *out;

	setenv("PL_TEST_SEEN", "seen", 1);
	setenv("PL_TEST_HIDDEN", "hidden", 1);
	out = out_of(run(t,
	    "{\"argv\":[\"env\"],\"inherit\":[\"PL_TEST_SEEN\",\"PL_NOT\"],"
	    "\"env\":{\"A\":\"b=c\",\"HOME\":\"/nowhere\"}}"));
	CHECK(out && strstr(out, "PL_TEST_SEEN=seen\n"));
	CHECK(out && !strstr(out, "PL_TEST_HIDDEN"));
	CHECK(out && strstr(out, "A=b=c\n") && strstr(out, "HOME=/nowhere\n"));
	CHECK(out && strstr(out, "PATH=") && !strstr(out, "PL_NOT"));

	case_call(t, case_row(pl_process_rows, "proc.run"),
	    "{\"shell\":\"cat; echo $K; exit 3\"}");
	args = pl_copy(&t->arena, t->call.args);
	env = pl_map(&t->arena);
	parts = pl_list(&t->arena);
	pl_list_add(&t->arena, parts, pl_text(&t->arena, "Bearer "));
	pl_list_add(&t->arena, parts, pl_secret_value(&t->arena, s));
	pl_map_set(&t->arena, env, "K", parts);
	pl_map_set(&t->arena, args, "env", env);
	pl_map_set(&t->arena, args, "input", pl_secret_value(&t->arena, s));
	t->call.args = args;
	CHECK(!case_drive(t, pl_process_run));
	CHECK_TEXT(t->call.err.code, "proc.exit");
	/* The last lines, without the secret. */
	CHECK(strstr(t->call.err.msg, "exit code 3"));
	CHECK(strstr(t->call.err.msg, "***KEY***Bearer ***KEY***"));
	CHECK(!strstr(t->call.err.msg, "very-secret"));
	CHECK(strstr(t->lines.at, "Bearer very-secret-key"));

	args = pl_map(&t->arena);
	parts = pl_list(&t->arena);
	pl_list_add(&t->arena, parts, pl_text(&t->arena, "echo"));
	pl_list_add(&t->arena, parts, pl_secret_value(&t->arena, s));
	pl_map_set(&t->arena, args, "argv", parts);
	case_call(t, case_row(pl_process_rows, "proc.run"), "{}");
	t->call.args = args;
	CHECK(!case_drive(t, pl_process_run));
	CHECK_TEXT(t->call.err.code, "proc.args");
	CHECK(strstr(t->call.err.msg, "\"KEY\""));
}

static void input(struct host_case *t)
{
	struct pl_buf big = {0};

	CHECK_TEXT(out_of(run(t, "{\"argv\":[\"cat\"],\"input\":\"\"}")), "");
	CHECK_TEXT(out_of(run(t, "{\"argv\":[\"cat\"]}")), "");
	CHECK_TEXT(out_of(run(t, "{\"argv\":[\"cat\"],\"input\":\"x\\ny\"}")), "x\ny");
	/* More than a pipe holds, to a child that does not read it. */
	pl_buf_puts(
	    &big, "{\"shell\":\"exec <&-; sleep 0.05; echo fine\",\"input\":\"");
	for (int i = 0; i < 300000; i++)
		pl_buf_putc(&big, 'i');
	pl_buf_puts(&big, "\"}");
	CHECK_TEXT(out_of(run(t, big.at)), "fine\n");
	/* And through a child that does. */
	pl_buf_reset(&big);
	pl_buf_puts(&big, "{\"argv\":[\"cat\"],\"input\":\"");
	for (int i = 0; i < 300000; i++)
		pl_buf_putc(&big, 'i');
	pl_buf_puts(&big, "\"}");
	CHECK_INT(strlen(out_of(run(t, big.at))), 300000);
	CHECK_INT(t->pieces, 300000 / 65536 + 1);
	pl_buf_fini(&big);
}

static void exits(struct host_case *t)
{
	struct pl_value *r;

	CHECK(!run(t,
	    "{\"shell\":\"echo out; printf 'one\\\\ntwo\\\\033[31m\\\\n' >&2; exit 4\"}"));
	CHECK_TEXT(t->call.err.code, "proc.exit");
	CHECK(strstr(t->call.err.msg, "exit code 4"));
	CHECK(strstr(t->call.err.msg, "one\\ntwo"));
	CHECK(!strchr(t->call.err.msg, '\033') && !strchr(t->call.err.msg, '\n'));
	CHECK(!t->call.err.unknown);
	r = run(t, "{\"shell\":\"exit 4\",\"expect\":[0,4]}");
	CHECK_INT(pl_get_int(r, "exit", -1), 4);
	CHECK(!run(t, "{\"shell\":\"exit 0\",\"expect\":[4]}"));
	r = run(t, "{\"shell\":\"exit 200\",\"any_exit\":true}");
	CHECK_INT(pl_get_int(r, "exit", -1), 200);
	CHECK(!run(t, "{\"shell\":\"kill -SEGV $$\"}"));
	CHECK_TEXT(t->call.err.code, "proc.exit");
	CHECK(strstr(t->call.err.msg, "SIGSEGV"));
	CHECK(t->call.err.unknown);
	r = run(t, "{\"shell\":\"kill -TERM $$\",\"any_exit\":true}");
	CHECK_TEXT(pl_get_text(r, "signal", NULL), "SIGTERM");
	CHECK(r && pl_is_null(pl_get(r, "exit")));
	/* A child begins with the usual signals, although we ignore SIGPIPE. */
	r = run(t, "{\"shell\":\"kill -PIPE $$\",\"any_exit\":true}");
	CHECK_TEXT(pl_get_text(r, "signal", NULL), "SIGPIPE");
}

/* The number in the file is a process that is gone, soon. */
static bool is_gone(struct host_case *t, const char *file)
{
	struct pl_buf text = {0};
	char path[128];
	pid_t pid;

	snprintf(path, sizeof path, "%s/%s", t->root, file);
	if (!pl_file_read(&text, path, 0, NULL))
		return false;
	pid = (pid_t)atol(text.at);
	pl_buf_fini(&text);
	for (int i = 0; pid > 1 && i < 200; i++) {
		char stat[64];
		FILE *f;
		int state = 0;

		if (kill(pid, 0))
			return true;
		snprintf(stat, sizeof stat, "/proc/%d/stat", (int)pid);
		f = fopen(stat, "r");
		if (f && fscanf(f, "%*d %*s %c", (char *)&state) == 1 && state == 'Z')
			pid = 0; /* dead, only nobody has looked yet */
		if (f)
			fclose(f);
		if (!pid)
			return true;
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	return false;
}

/* All at once: each of them takes its seconds. */
static void timeouts(struct host_case *t)
{
	static const char *const args[] = {
	    "{\"shell\":\"echo last words >&2; sleep 60 & echo $! >pid; wait\","
	    "\"timeout\":300}",
	    /* Deaf to SIGTERM, the grandchild as well. */
	    "{\"shell\":\"trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & "
	    "echo $! >deaf; while :; do sleep 1; done\",\"timeout\":300}",
	    /* The child goes at SIGTERM, its deaf child only at SIGKILL. */
	    "{\"shell\":\"(trap '' TERM; while :; do sleep 1; done) >/dev/null 2>&1 & "
	    "echo $! >left; wait\",\"timeout\":300}",
	    /* Cancelled. */
	    "{\"shell\":\"sleep 60 & echo $! >cancelled; wait\"}",
	};
	const char *mark = pl_arena_printf(&t->arena, "%s/cancelled", t->root);
	struct pl_call calls[PL_COUNT(args)];
	struct stat st;
	int64_t begun = case_clock();

	for (size_t i = 0; i < PL_COUNT(args); i++) {
		case_call(t, case_row(pl_process_rows, "proc.run"), args[i]);
		calls[i] = t->call;
		pl_process_run(&calls[i]);
	}
	while (stat(mark, &st) || !st.st_size)
		pl_host_turn(t->host);
	pl_call_cancel(&calls[3]);
	pl_call_cancel(&calls[3]);
	while (pl_host_turn(t->host))
		;
	CHECK_INT(t->finished, PL_COUNT(args));
	for (size_t i = 0; i < PL_COUNT(args); i++) {
		CHECK_TEXT(calls[i].err.code, i < 3 ? "proc.timeout" : "cancelled");
		CHECK(calls[i].err.unknown && !calls[i].err.retryable);
	}
	CHECK(strstr(calls[0].err.msg, "last words"));
	CHECK(is_gone(t, "pid") && is_gone(t, "deaf") && is_gone(t, "left") &&
	    is_gone(t, "cancelled"));
	CHECK(case_clock() - begun < 20000);
	/* A read changes nothing: its outcome is known. */
	CHECK(!case_run(t, pl_process_rows, "proc.read",
	    "{\"argv\":[\"sleep\",\"60\"],\"timeout\":50}"));
	CHECK_TEXT(t->call.err.code, "proc.timeout");
	CHECK(!t->call.err.unknown && t->call.err.retryable);
}

static void left_behind(struct host_case *t)
{
	int64_t begun = case_clock();
	struct pl_value *r;

	r = run(t, "{\"shell\":\"sleep 20 & echo $! >bg; echo done\"}");
	CHECK_TEXT(out_of(r), "done\n");
	CHECK(case_clock() - begun < 10000);
	/* It is not ours to end: somebody started it on purpose. */
	CHECK(run(t, "{\"shell\":\"kill $(cat bg)\"}"));
}

static void much(struct host_case *t)
{
	struct pl_value *r;

	r = run(t,
	    "{\"shell\":\"head -c 3000000 /dev/zero | tr '\\\\0' x; echo; echo end; "
	    "echo oops >&2\",\"max_bytes\":1000}");
	CHECK_INT(strlen(out_of(r)), 1000);
	CHECK(pl_get_bool(r, "truncated", false));
	CHECK_INT(t->pieces, 3000000 / 65536 + 1 + 1 + 1);
	CHECK(strstr(t->lines.at, "stdout: end\n"));
	r = run(t, "{\"argv\":[\"head\",\"-c\",\"9000000\",\"/dev/zero\"]}");
	CHECK_INT(pl_get(r, "stdout")->as.text.len, 8 << 20);
	/* Its last lines are told although they are past what is kept. */
	CHECK(!run(t, "{\"shell\":\"seq 1 100000 >&2; exit 1\",\"max_bytes\":100}"));
	CHECK(strstr(t->call.err.msg, "99999\\n100000"));
	/* What only reads need not go on for ever. */
	CHECK(!case_run(t, pl_process_rows, "proc.read",
	    "{\"argv\":[\"yes\"],\"max_bytes\":100000}"));
	CHECK_TEXT(t->call.err.code, "proc.large");
	/* Exactly a piece, then the end of the line. */
	CHECK(run(t, "{\"shell\":\"head -c 65536 /dev/zero; echo; echo\"}"));
	CHECK_INT(t->pieces, 2);
}

/* Wherever a stream is cut, a secret is not. */
static void cut(struct host_case *t)
{
	struct pl_value *r;
	char args[200];

	pl_secret_add(t->host, "KEY", "0123456789abcdef", 16);
	for (int before = 65516; before <= 65537; before++) {
		struct pl_buf out = {0};

		snprintf(args, sizeof args,
		    "{\"shell\":\"head -c %d /dev/zero | tr '\\\\0' x; printf "
		    "0123456789abcdef; head -c 20 /dev/zero\",\"max_bytes\":65530}",
		    before);
		r = run(t, args);
		CHECK_INT(t->pieces, 2);
		snprintf(args, sizeof args, "stdout: %d bytes\n",
		    before > 65520 && before < 65536 ? before : 65536);
		CHECK(strncmp(t->lines.at, args, strlen(args)) == 0);
		pl_secret_mask(t->host, &out, out_of(r), strlen(out_of(r)));
		CHECK(!strstr(out.at, "x0"));
		pl_buf_fini(&out);
	}
}

static void descriptors(struct host_case *t)
{
	int leaked = open("/dev/null", O_RDONLY); /* without O_CLOEXEC, on purpose */
	struct pl_value *r = run(t,
	    "{\"shell\":\"ls /dev/fd/ | sort -n | tail -n 1; "
	    "test -e /dev/fd/$N && echo leak; :\","
	    "\"env\":{\"N\":\"9\"}}");
	char shell[128];

	CHECK(r != NULL);
	snprintf(shell, sizeof shell,
	    "{\"shell\":\"if test -e /dev/fd/%d; then echo leak; fi\"}", leaked);
	/* ls and the shell open nothing that high. */
	dup2(leaked, 77);
	r = run(t, "{\"shell\":\"if test -e /dev/fd/77; then echo leak; fi\"}");
	CHECK_TEXT(out_of(r), "");
	r = run(t, "{\"argv\":[\"readlink\",\"/dev/fd/0\"]}");
	CHECK_TEXT(out_of(r), "/dev/null\n");
	close(77);
	close(leaked);
}

static void latched(struct host_case *t)
{
	pl_host_latch_writes(t->host);
	CHECK(!run(t, "{\"shell\":\"touch written\"}"));
	CHECK_TEXT(t->call.err.code, "latch.closed");
	CHECK_TEXT(out_of(case_run(t, pl_process_rows, "proc.read",
	               "{\"argv\":[\"ls\",\"written\"],\"any_exit\":true}")),
	    "");
}

static void many_at_once(struct host_case *t)
{
	struct pl_call calls[20];
	int finished;

	case_call(
	    t, case_row(pl_process_rows, "proc.run"), "{\"shell\":\"echo x; exit 0\"}");
	for (size_t i = 0; i < PL_COUNT(calls); i++) {
		calls[i] = t->call;
		pl_process_run(&calls[i]);
	}
	while (pl_host_turn(t->host))
		;
	finished = t->finished;
	CHECK_INT(finished, PL_COUNT(calls));
	for (size_t i = 0; i < PL_COUNT(calls); i++)
		CHECK_TEXT(out_of(calls[i].result), "x\n");
}

/* The host goes while a child runs: it is stopped, and the call answered. */
static void freed_under_way(void)
{
	struct host_case t;

	case_init(&t);
	case_call(&t, case_row(pl_process_rows, "proc.run"),
	    "{\"argv\":[\"sleep\",\"60\"],\"input\":\"x\"}");
	pl_process_run(&t.call);
	pl_host_turn(t.host);
	case_fini(&t);
	CHECK_INT(t.finished, 1);
	CHECK_TEXT(t.call.err.code, "cancelled");
}

static void targets(struct host_case *t)
{
	const struct pl_row *row = case_row(pl_process_rows, "proc.run");

	case_call(t, row, "{\"argv\":[\"git\",\"commit\",\"-m\",\"it's done\",\"\"]}");
	CHECK_TEXT(row->target(&t->call), "git commit -m 'it'\\''s done' ''");
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(struct host_case *t);
	} tests[] = {{"plain", plain}, {"wrong arguments", wrong_arguments},
	    {"directories", directories}, {"environment", environment},
	    {"input", input}, {"exits", exits}, {"timeouts", timeouts},
	    {"left behind", left_behind}, {"much", much}, {"cut", cut},
	    {"descriptors", descriptors}, {"latched", latched},
	    {"many at once", many_at_once}, {"targets", targets}};

	for (size_t i = 0; i < PL_COUNT(tests); i++) {
		struct host_case t;

		case_init(&t);
		tests[i].run(&t);
		case_fini(&t);
		printf("ok process: %s\n", tests[i].name);
	}
	freed_under_way();
	printf("ok process: freed under way\n");
	return check_end();
}
