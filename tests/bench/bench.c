/*
 * What `pipe` costs beside its peers, measured in one run on one machine: the
 * rounds of all commands are interleaved, so that what else the machine does
 * hits all of them, and only ratios are worth carrying elsewhere. Prints a
 * table; never fails on a time, only when something cannot be run.
 *
 * bench PIPE [ROUNDS]
 *
 * Figures without sync come from a state folder in memory (/dev/shm), where
 * fdatasync costs nothing; durable ones from TMPDIR or /var/tmp.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { FEW = 1, DURABLE = 200, MANY = 2000, HUGE_RUN = 100000, CHILDREN = 200 };
enum { PATIENCE = 30 }; /* seconds for one child */
enum { ROUNDS = 41, BATCH = 10, LONGEST = 301 };

static char disk[64], memory[64]; /* our two folders */
static char errors[80]; /* stderr of what runs */
static char pipe_path[PATH_MAX];

static void fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *list, int n)
{
	if (isnan(list[0]))
		return NAN;
	qsort(list, (size_t)n, sizeof *list, by_size);
	return n % 2 ? list[n / 2] : (list[n / 2 - 1] + list[n / 2]) / 2;
}

static void show_errors(void)
{
	FILE *in = fopen(errors, "r");
	if (in)
		fseek(in, -1000, SEEK_END); /* or stays at the start of a short one */
	for (int c; in && (c = getc(in)) != EOF;)
		putc(c, stderr);
	if (in)
		fclose(in);
}

static void wake(int signal_number)
{
	(void)signal_number; /* only there to interrupt wait4 */
}

/* A child from its start to its end, in microseconds, or not a number where that
 * took too long; its largest size in KB
 * goes to *kb, where that is wanted. */
static double run(const char *dir, char *const argv[], long *kb)
{
	posix_spawn_file_actions_t quiet;
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(
	    &quiet, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (chdir(dir) != 0)
		fail(dir);
	pid_t pid;
	int status;
	struct rusage usage;
	double began = now_us();
	if ((errno = posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ)) != 0)
		fail(argv[0]);
	alarm(PATIENCE);
	bool late = wait4(pid, &status, 0, &usage) != pid;
	alarm(0);
	double took = now_us() - began;
	if (late) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	posix_spawn_file_actions_destroy(&quiet);
	if (late)
		return NAN;
	bool suspended =
	    WIFEXITED(status) && WEXITSTATUS(status) == 5; /* at its gate */
	if (status != 0 && !suspended) {
		fprintf(stderr, "bench: %s %s ended with status %d, saying:\n", argv[0],
		    argv[1] ? argv[1] : "", status);
		show_errors();
		exit(1);
	}
	if (kb)
		*kb = usage.ru_maxrss;
	return took;
}

__attribute__((format(printf, 3, 4))) static void write_file(
    const char *dir, const char *name, const char *fmt, ...)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *out = fopen(path, "a");
	va_list args;
	va_start(args, fmt);
	if (!out || vfprintf(out, fmt, args) < 0 || fclose(out) != 0)
		fail(path);
	va_end(args);
}

/* The same N units of work for each of the three: `stepsN.lua` for pipe,
 * `makeN` for make, `plainN.lua` for lua. */
static void write_inputs(const char *dir, int n)
{
	char steps[32], makefile[32], plain[32];
	snprintf(steps, sizeof steps, "steps%d.lua", n);
	snprintf(makefile, sizeof makefile, "make%d", n);
	snprintf(plain, sizeof plain, "plain%d.lua", n);
	write_file(dir, steps, "return pipeline \"bench%d\" {\n", n);
	write_file(dir, steps, "  version = \"1.0.0\", summary = \"measured\",\n");
	write_file(dir, makefile, "all:");
	for (int i = 1; i <= n; i++)
		write_file(dir, makefile, " t%d", i);
	write_file(dir, makefile, "\n.PHONY: all\n");
	for (int i = 1; i <= n; i++) {
		write_file(dir, steps,
		    "  step \"s%d\" { title = \"step %d\", run = function (r) return %d end },\n",
		    i, i, i);
		write_file(dir, makefile, ".PHONY: t%d\nt%d: ; @:\n", i, i);
	}
	write_file(dir, steps, "}\n");
	write_file(dir, plain,
	    "local f = assert(io.open(\"plain.out\", \"w\"))\n"
	    "for i = 1, %d do\n"
	    "  f:write('{\"seq\":', i, ',\"step\":\"s', i, '\",\"result\":', i, '}\\n')\n"
	    "  f:flush()\n"
	    "end\n",
	    n);
}

/* A long run that waits at its gate: what has to be read again to go on. */
static void write_huge(const char *dir)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/huge.lua", dir);
	FILE *out = fopen(path, "w");
	if (!out)
		fail(path);
	fputs("local function one (r) return 1 end\nlocal steps = {\n"
	      "  version = \"1.0.0\", summary = \"measured\",\n}\n",
	    out);
	fprintf(out, "for i = 1, %d do\n", HUGE_RUN);
	fputs(
	    "  steps[i] = step(\"s\" .. i) { title = \"one of many\", run = one }\nend\n"
	    "steps[#steps + 1] = gate \"go\" { ask = \"Go on?\", confirm = \"go\" }\n"
	    "return pipeline \"huge\" (steps)\n",
	    out);
	if (fclose(out) != 0)
		fail(path);
}

/* Steps that only record wait for no disk; a gate does twice: asked, decided. */
static void write_gates(const char *dir)
{
	write_file(dir, "gates.lua",
	    "local gates = { version = \"1.0.0\", summary = \"measured\" }\n"
	    "for i = 1, %d do gates[i] = gate(\"g\" .. i) { ask = \"Go on?\" } end\n"
	    "return pipeline \"gates\" (gates)\n",
	    DURABLE / 2);
}

static void prepare(char *dir, size_t size, const char *where)
{
	snprintf(dir, size, "%s/pipe-bench-XXXXXX", where);
	if (!mkdtemp(dir))
		fail(dir);
	write_file(dir, "pipe.yaml", "project: bench\n");
	write_inputs(dir, FEW);
	write_inputs(dir, MANY);
	write_gates(dir);
}

static void write_children(const char *dir)
{
	write_file(dir, "children.lua",
	    "return pipeline \"children\" {\n"
	    "  version = \"1.0.0\", summary = \"measured\",\n"
	    "  step \"all\" { title = \"all\", run = function (r)\n"
	    "    for i = 1, %d do proc.read { argv = { \"true\" } } end\n"
	    "  end },\n}\n",
	    CHILDREN);
}

/* A run of `pipe` always meets an empty state folder. */
static double run_script(const char *dir, const char *script, long *kb)
{
	char state[80];
	snprintf(state, sizeof state, "%s/state", dir);
	run(dir, (char *[]){"rm", "-rf", state, NULL}, NULL);
	setenv("PIPE_STATE", state, 1);
	return run(
	    dir, (char *[]){pipe_path, "run", (char *)script, "--yes", NULL}, kb);
}

static double run_pipe(const char *dir, int n, long *kb)
{
	char script[32];
	snprintf(script, sizeof script, "steps%d.lua", n);
	return run_script(dir, script, kb);
}

static double run_make(const char *dir, int n)
{
	char makefile[32];
	snprintf(makefile, sizeof makefile, "make%d", n);
	return run(dir, (char *[]){"make", "-rRs", "-f", makefile, NULL}, NULL);
}

static double run_lua(const char *dir, int n)
{
	char script[32];
	snprintf(script, sizeof script, "plain%d.lua", n);
	return run(dir, (char *[]){"lua5.4", script, NULL}, NULL);
}

/* What the disk alone asks for n records, one made durable after the other. */
static double append_sync(const char *dir, int n)
{
	char path[PATH_MAX], record[300];
	snprintf(path, sizeof path, "%s/appended", dir);
	memset(record, 'x', sizeof record);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	if (fd < 0)
		fail(path);
	double began = now_us();
	for (int i = 0; i < n; i++) {
#ifdef __APPLE__
		if (write(fd, record, sizeof record) < 0 || fcntl(fd, F_FULLFSYNC) < 0)
#else
		if (write(fd, record, sizeof record) < 0 || fdatasync(fd) != 0)
#endif
			fail(path);
	}
	double took = now_us() - began;
	close(fd);
	return took;
}

/* The rows of the measurement; each a list of one figure a round. */
enum row {
	TRUE_START,
	VERSION,
	LUA_START,
	MAKE_START,
	PIPE_START,
	PIPE_START_DURABLE,
	LUA_STEP,
	MAKE_STEP,
	PIPE_STEP,
	APPEND_SYNC,
	PIPE_DURABLE,
	PIPE_BYTES,
	SPAWN,
	PIPE_SPAWN,
	RESUME,
	RESUME_KB,
	VERIFY,
	SHA256SUM,
	ROWS
};

static double figures[ROWS][LONGEST];

static void note(enum row row, int round, double figure)
{
	figures[row][round] = figure;
}

static double each(double many, double few, int n)
{
	return (many - few) / (n - FEW);
}

static void measure_starts(int round)
{
	note(TRUE_START, round, run(memory, (char *[]){"true", NULL}, NULL));
	note(VERSION, round, run(memory, (char *[]){pipe_path, "version", NULL}, NULL));
	note(LUA_START, round, run_lua(memory, FEW));
	note(MAKE_START, round, run_make(memory, FEW));
	note(PIPE_START, round, run_pipe(memory, FEW, NULL));
	note(PIPE_START_DURABLE, round, run_pipe(disk, FEW, NULL));
}

/* What one more step costs: many steps less one, divided. */
static void measure_steps(int round)
{
	long few_kb, many_kb;
	double few = run_pipe(memory, FEW, &few_kb);
	note(PIPE_STEP, round, each(run_pipe(memory, MANY, &many_kb), few, MANY));
	note(PIPE_BYTES, round, 1024 * each((double)many_kb, (double)few_kb, MANY));
	note(LUA_STEP, round, each(run_lua(memory, MANY), run_lua(memory, FEW), MANY));
	note(MAKE_STEP, round,
	    each(run_make(memory, MANY), run_make(memory, FEW), MANY));
	note(APPEND_SYNC, round, append_sync(disk, DURABLE) / DURABLE);
	few = run_pipe(disk, FEW, NULL);
	note(
	    PIPE_DURABLE, round, (run_script(disk, "gates.lua", NULL) - few) / DURABLE);
}

/* A child of ours, the way libc starts one, with both its streams read to the end. */
static double spawn_read(void)
{
	int ends[2];
	if (pipe(ends) != 0)
		fail("pipe");
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
	posix_spawn_file_actions_addclose(&actions, ends[0]);
	posix_spawn_file_actions_addclose(&actions, ends[1]);
	pid_t pid;
	int status;
	char bytes[512];
	double began = now_us();
	if ((errno = posix_spawnp(
	         &pid, "true", &actions, NULL, (char *[]){"true", NULL}, environ)) != 0)
		fail("true");
	close(ends[1]);
	while (read(ends[0], bytes, sizeof bytes) > 0)
		;
	waitpid(pid, &status, 0);
	double took = now_us() - began;
	close(ends[0]);
	posix_spawn_file_actions_destroy(&actions);
	return took;
}

static void measure_children(int round)
{
	double few = run_pipe(memory, FEW, NULL), spawned = 0;
	note(PIPE_SPAWN, round,
	    (run_script(memory, "children.lua", NULL) - few) / CHILDREN);
	for (int i = 0; i < CHILDREN; i++)
		spawned += spawn_read();
	note(SPAWN, round, spawned / CHILDREN);
}

/* Bytes a microsecond are megabytes a second. */
static void measure_huge(int round)
{
	long kb;
	if (isnan(run_script(memory, "huge.lua", NULL))) {
		note(RESUME, round, NAN);
		note(RESUME_KB, round, NAN);
		note(VERIFY, round, NAN);
		return;
	}
	note(RESUME, round,
	    run(memory, (char *[]){pipe_path, "resume", NULL}, &kb) / 1000);
	note(RESUME_KB, round, (double)kb / 1024);
	char pattern[PATH_MAX];
	snprintf(pattern, sizeof pattern, "%s/state/runs/*/journal.jsonl", memory);
	glob_t found;
	struct stat st;
	if (glob(pattern, 0, NULL, &found) != 0 || stat(found.gl_pathv[0], &st) != 0)
		fail(pattern);
	double start = run(memory, (char *[]){pipe_path, "version", NULL}, NULL);
	double verify =
	    run(memory, (char *[]){pipe_path, "audit", "verify", NULL}, NULL);
	note(VERIFY, round, (double)st.st_size / (verify - start));
	start = run(memory, (char *[]){"sha256sum", "/dev/null", NULL}, NULL);
	verify = run(memory, (char *[]){"sha256sum", found.gl_pathv[0], NULL}, NULL);
	note(SHA256SUM, round, (double)st.st_size / (verify - start));
	globfree(&found);
}

/* What a start takes of the processor, counted instead of timed: the one figure
 * that does not depend on the machine. 0 where there is no valgrind. */
static double count_instructions(void)
{
	if (access("/usr/bin/valgrind", X_OK) != 0)
		return 0;
	char script[] = "steps1.lua", state[80], text[400];
	snprintf(state, sizeof state, "%s/counted", memory);
	setenv("PIPE_STATE", state, 1);
	run(memory,
	    (char *[]){"valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
	        pipe_path, "run", script, NULL},
	    NULL);
	double count = 0;
	FILE *in = fopen(errors, "r");
	while (in && fgets(text, sizeof text, in)) {
		const char *at = strstr(text, "Collected : ");
		if (at)
			count = atof(at + strlen("Collected : "));
	}
	if (in)
		fclose(in);
	return count;
}

static void line(const char *what, const char *unit, double ours, const char *peer,
    double theirs, const char *goal)
{
	if (isnan(ours)) {
		printf("%-34s    over %d s %42s %s\n", what, PATIENCE, "", goal);
		return;
	}
	printf("%-34s %9.2f %-4s", what, ours, unit);
	if (peer)
		printf("  %5.2f x %-16s %9.2f %-4s", ours / theirs, peer, theirs, unit);
	else
		printf("  %40s", "");
	printf("  %s\n", goal);
}

static void print_table(int starts, int steps)
{
	double m[ROWS];
	for (int i = 0; i < ROWS; i++)
		m[i] = median(figures[i], i <= PIPE_START_DURABLE ? starts : steps);
	for (int i = 0; i <= PIPE_START_DURABLE; i++)
		m[i] /= 1000;
	printf(
	    "medians of %d starts, and of %d runs of %d steps (%d durable records)\n\n",
	    starts, steps, MANY, DURABLE);
	printf("%-34s %14s  %40s  %s\n", "", "pipe", "beside", "goal");
	line("pipe version", "ms", m[VERSION], "true", m[TRUE_START], "");
	line("start, one step, no sync", "ms", m[PIPE_START], "make", m[MAKE_START],
	    "<= 0.75 x");
	line("", "ms", m[PIPE_START], "lua", m[LUA_START], "");
	line("start, one step, durable", "ms", m[PIPE_START_DURABLE], "make",
	    m[MAKE_START], "<= 1.00 x");
	line("", "ms", m[PIPE_START_DURABLE], "lua", m[LUA_START], "");
	double counted = count_instructions();
	if (counted > 0)
		line("instructions of a start", "M", counted / 1e6, NULL, 0,
		    "<= 0.60 M");
	line("a step more, no sync", "us", m[PIPE_STEP], "make", m[MAKE_STEP],
	    "<= 3 us");
	line("", "us", m[PIPE_STEP], "lua, write", m[LUA_STEP], "");
	line("a durable record more", "us", m[PIPE_DURABLE], "append+fdatasync",
	    m[APPEND_SYNC], "<= 1.10 x");
	line("memory of a step", "B", m[PIPE_BYTES], NULL, 0, "<= 350 B");
	line("a child process, read", "us", m[PIPE_SPAWN], "posix_spawn", m[SPAWN],
	    "<= 1.08 x");
	line("resume of 100,000 steps", "ms", m[RESUME], NULL, 0, "<= 150 ms");
	line("its memory", "MB", m[RESUME_KB], NULL, 0, "<= 48 MB");
	line("audit verify", "MB/s", m[VERIFY], "sha256sum", m[SHA256SUM],
	    ">= 1500 MB/s");
}

static void clean(void)
{
	char *argv[] = {"rm", "-rf", disk, memory, NULL};
	pid_t pid;
	if (posix_spawnp(&pid, "rm", NULL, NULL, argv, environ) == 0)
		waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : ROUNDS;
	if (argc < 2 || rounds < 1 || rounds > LONGEST ||
	    !realpath(argv[1], pipe_path)) {
		fprintf(stderr, "usage: bench PIPE [ROUNDS up to %d]\n", LONGEST);
		return 2;
	}
	const char *tmp = getenv("TMPDIR");
	atexit(clean);
	struct sigaction interrupt = {.sa_handler = wake};
	sigaction(SIGALRM, &interrupt, NULL);
	prepare(disk, sizeof disk, tmp && strlen(tmp) < 40 ? tmp : "/var/tmp");
	prepare(
	    memory, sizeof memory, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	snprintf(errors, sizeof errors, "%s/errors", memory);
	int steps = (rounds + BATCH - 1) / BATCH * 2 - 1;
	for (int i = 0; i < rounds; i++)
		measure_starts(i);
	for (int i = 0; i < steps; i++)
		measure_steps(i);
	write_children(memory);
	write_huge(memory);
	for (int i = 0; i < steps; i++)
		measure_children(i);
	/* Once is enough to know that it is too slow. */
	for (int i = 0; i < steps && !(i > 0 && isnan(figures[RESUME][0])); i++)
		measure_huge(i);
	print_table(rounds, steps);
	return 0;
}
