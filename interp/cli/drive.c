/* A run from beginning to end: session, journal, lock, loop, report. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

struct driving {
	struct pl_drive *d;
	struct pl_cli *c;
	struct pl_session *session;
	const struct pl_spine *spine;
	struct pl_store *store;
	struct pl_journal *journal;
	struct pl_lock *lock;
	struct pl_progress *progress;
	struct pl_run *run;
	struct pl_outside outside;
	struct pl_arena reading; /* one record of the journal */
	const char *id;
	bool told; /* what is wrong was printed already */
};

/* ---- signals -------------------------------------------------------------------- */

static volatile sig_atomic_t signals;
static struct pl_host *to_wake;

static void on_signal(int number)
{
	/* A library that computes without end hears nothing: the third signal ends
	 * the process. The journal is made for that. */
	if (++signals > 2)
		_exit(128 + number);
	if (to_wake)
		pl_host_wake(to_wake);
}

static void catch_signals(struct pl_host *h)
{
	struct sigaction sa = {.sa_handler = on_signal};
	to_wake = h;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int on_stops(void *arg)
{
	(void)arg;
	return (int)signals;
}

static void say_stopping(struct driving *v, int n)
{
	pl_progress_pause(v->progress);
	if (!v->c->ui.quiet)
		fprintf(stderr, "%s\n",
		    n == 1 ? "stopping after the current effect (again = now)"
		           : "stopping now");
}

/* ---- questions -------------------------------------------------------------------- */

static bool named(const char *list, const char *id)
{
	size_t n = strlen(id);
	for (const char *p = list; p && *p;
	     p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (strncmp(p, id, n) == 0 && (p[n] == ',' || p[n] == 0))
			return true;
	return false;
}

static enum pl_answer answer(struct pl_arena *a, struct pl_value **decision,
    enum pl_answer answer, const char *how)
{
	*decision = pl_map(a);
	pl_map_set(a, *decision, "how", pl_text(a, how));
	pl_map_set(a, *decision, "by", pl_who(a));
	return answer;
}

/* A line from the terminal without its newline; false at its end or a signal. */
static bool read_line(char *line, size_t n)
{
	if (!fgets(line, (int)n, stdin)) {
		clearerr(stdin);
		return false;
	}
	line[strcspn(line, "\r\n")] = 0;
	return true;
}

static enum pl_answer ask_terminal(struct driving *v, struct pl_frame *f,
    const char *question, struct pl_arena *a, struct pl_value **decision)
{
	char line[256];
	const char *confirm = f->step->confirm;
	pl_progress_pause(v->progress);
	fprintf(stderr, "\n%s%s  %s", pl_paint(&v->c->ui, PL_BOLD), f->step->number,
	    f->address);
	fprintf(stderr, "%s\n", pl_paint(&v->c->ui, PL_PLAIN));
	pl_put(stderr, question);
	fputc('\n', stderr);
	for (int tries = 0; tries < 3 && !signals; tries++) {
		if (confirm)
			fprintf(stderr,
			    "Type %s to go on, no to deny, later to decide later: ",
			    confirm);
		else
			fprintf(stderr, "yes, no or later? ");
		fflush(stderr);
		if (!read_line(line, sizeof line))
			return PL_LATER;
		bool yes = confirm ? strcmp(line, confirm) == 0
		                   : strcmp(line, "yes") == 0 || strcmp(line, "y") == 0;
		if (yes)
			return answer(a, decision, PL_YES, "on the terminal");
		if (strcmp(line, "no") == 0 || strcmp(line, "n") == 0)
			return answer(a, decision, PL_NO, "on the terminal");
		if (strcmp(line, "later") == 0 || strcmp(line, "l") == 0)
			return PL_LATER;
	}
	return PL_LATER;
}

static enum pl_answer on_ask(void *arg, struct pl_frame *f, const char *question,
    struct pl_arena *a, struct pl_value **decision)
{
	struct driving *v = arg;
	struct pl_cli *c = v->c;
	const char *confirm = f->step->confirm;
	const char *given = pl_flag_text(c, "confirm");
	bool simulated = pl_session_is_simulated(v->session);
	if (named(pl_flag_text(c, "reject"), f->step->id))
		return answer(a, decision, PL_NO, "--reject");
	/* --yes answers what can be undone. A protected name is confirmed by name,
	 * except where nothing real is behind it. */
	bool confirmed = !confirm || (given && strcmp(given, confirm) == 0);
	if (confirmed && named(pl_flag_text(c, "approve"), f->step->id))
		return answer(a, decision, PL_YES, "--approve");
	if (pl_flag_on(c, "yes") && (confirmed || simulated))
		return answer(a, decision, PL_YES,
		    confirm && confirmed ? "--yes --confirm" : "--yes");
	if (confirm && confirmed && given)
		return answer(a, decision, PL_YES, "--confirm");
	if (c->ui.no_input || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return PL_LATER;
	return ask_terminal(v, f, question, a, decision);
}

/* ---- records ------------------------------------------------------------------------ */

static void on_record(void *arg, const struct pl_value *record, bool kept)
{
	struct driving *v = arg;
	if (v->c->ui.events && (kept || v->d->dry_run)) {
		struct pl_buf line = {0};
		struct pl_err err;
		if (pl_json_canonical(&line, record, &err)) {
			fwrite(line.at, 1, line.len, stdout);
			fputc('\n', stdout);
			fflush(stdout);
		}
		pl_buf_fini(&line);
	}
	pl_progress_record(v->progress, record);
}

/* ---- beginning ------------------------------------------------------------------------- */

static void on_problem(void *arg, const struct pl_err *err)
{
	struct driving *v = arg;
	pl_tell_error(v->c, err, NULL);
	v->told = true;
}

static bool open_session(struct driving *v)
{
	struct pl_drive *d = v->d;
	struct pl_session_options o = {.root = d->root,
	    .repository = d->repository,
	    .state = d->state,
	    .sim = d->sim,
	    .dry_run = d->dry_run};
	const char *limit = getenv("PIPE_MAX_INSTRUCTIONS");
	o.instructions = limit ? strtoull(limit, NULL, 10) : 0;
	v->session = pl_session_new(&o, on_problem, v, &v->c->err);
	return v->session != NULL;
}

/* The file's name as the person typed it. */
static bool load(struct driving *v)
{
	if (v->d->pinned)
		pl_session_pin(v->session, v->d->pinned);
	v->spine = pl_session_load(v->session, v->d->file, &v->c->err);
	return v->spine && pl_session_params(v->session, v->d->given, &v->c->err);
}

/* 20261122-104501-k3f9: by time down to the millisecond, then
 * by chance; so the order of ids is that of runs. */
static const char *new_id(struct pl_cli *c)
{
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
	unsigned char chance[2];
	char stamp[32], tail[5] = "";
	struct timespec now;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &tm);
	pl_host_random(chance, sizeof chance);
	tail[0] = digits[now.tv_nsec / 1000000 / 32];
	tail[1] = digits[now.tv_nsec / 1000000 % 32];
	for (size_t i = 0; i < sizeof chance; i++)
		tail[i + 2] = digits[chance[i] % 32];
	return pl_arena_printf(&c->arena, "%s-%s", stamp, tail);
}

static struct pl_value *pin_sources(struct driving *v)
{
	struct pl_arena *a = &v->c->arena;
	struct pl_value *pins = pl_list(a);
	const struct pl_value *sources = pl_session_sources(v->session);
	for (uint32_t i = 0; i < sources->as.list.len; i++) {
		const struct pl_value *one = sources->as.list.at[i],
		                      *text = pl_get(one, "text");
		struct pl_value *pin = pl_map(a);
		char hash[65];
		if (!pl_store_pin(v->store, v->id, text->as.text.at, text->as.text.len,
		        hash, &v->c->err))
			return NULL;
		pl_map_set(a, pin, "name", pl_get(one, "name"));
		pl_map_set(a, pin, "hash", pl_text(a, hash));
		pl_list_add(a, pins, pin);
	}
	return pins;
}

static struct pl_value *opening(struct driving *v)
{
	struct pl_arena *a = &v->c->arena;
	struct pl_drive *d = v->d;
	struct pl_value *o = pl_map(a);
	pl_map_set(a, o, "pipe", pl_text(a, PL_VERSION));
	pl_map_set(a, o, "who", pl_who(a));
	if (d->resume)
		return o;
	pl_map_set(a, o, "file", pl_text(a, d->file));
	pl_map_set(
	    a, o, "params", (struct pl_value *)pl_session_param_values(v->session));
	pl_map_set(a, o, "root", pl_text(a, d->root));
	pl_map_set(a, o, "mode",
	    pl_text(a,
	        d->dry_run   ? "dry-run"
	            : d->sim ? "simulated"
	                     : "live"));
	if (d->sim)
		pl_map_set(a, o, "world", pl_text(a, d->sim));
	if (d->repository)
		pl_map_set(a, o, "repository", pl_text(a, d->repository));
	return o;
}

static void tell_holder(struct driving *v, const struct pl_value *holder)
{
	if (!holder)
		return;
	fprintf(stderr, "  held by run %s", pl_get_text(holder, "run", "?"));
	fprintf(stderr, " of %s", pl_get_text(pl_get(holder, "who"), "user", "?"));
	fprintf(stderr, " on %s", pl_get_text(pl_get(holder, "who"), "host", "?"));
	fprintf(stderr, ", process %lld, since %s\n",
	    (long long)pl_get_int(pl_get(holder, "who"), "pid", 0),
	    pl_get_text(holder, "since", "?"));
	(void)v;
}

/* "env:{env}" with the parameters put in. */
static const char *lock_name(struct driving *v)
{
	struct pl_buf name = {0};
	const struct pl_value *params = pl_session_param_values(v->session);
	const char *p = v->spine->lock ? v->spine->lock : v->spine->name;
	if (pl_session_is_simulated(v->session))
		pl_buf_puts(&name, "sim.");
	while (*p) {
		size_t n = *p == '{' ? strcspn(p, "}") : 0;
		if (n && p[n] == '}') {
			char *key = pl_strndup(p + 1, n - 1);
			pl_buf_puts(&name, pl_get_text(params, key, "-"));
			free(key);
			p += n + 1;
		} else {
			pl_buf_putc(&name, strchr("/:\\ ", *p) ? '.' : *p);
			p++;
		}
	}
	const char *kept = pl_arena_text(&v->c->arena, name.at, name.len);
	pl_buf_fini(&name);
	return kept;
}

static bool take_lock(struct driving *v)
{
	struct pl_arena *a = &v->c->arena;
	struct pl_value *owner = pl_map(a), *holder = NULL;
	char since[32];
	pl_time_write(since, (int64_t)time(NULL) * 1000);
	pl_map_set(a, owner, "run", pl_text(a, v->id));
	pl_map_set(a, owner, "pipeline", pl_text(a, v->spine->name));
	pl_map_set(a, owner, "who", pl_who(a));
	pl_map_set(a, owner, "since", pl_text(a, since));
	v->lock = pl_lock_take(v->store, lock_name(v), owner, a, &holder, &v->c->err);
	if (!v->lock && strcmp(v->c->err.code, "store.locked") == 0) {
		v->c->err.refused = true;
		pl_tell_error(v->c, &v->c->err, NULL);
		tell_holder(v, holder);
		v->c->err.code[0] = 0;
	}
	return v->lock != NULL;
}

static bool on_replay(void *arg, const struct pl_value *record)
{
	struct driving *v = arg;
	bool ok = pl_run_replay(v->run, record, &v->c->err);
	pl_arena_reset(&v->reading);
	return ok;
}

static bool open_journal(struct driving *v)
{
	struct pl_drive *d = v->d;
	struct pl_cli *c = v->c;
	if (d->dry_run)
		return true;
	v->store = pl_store_open(d->state, &c->err);
	if (!v->store || !take_lock(v))
		return false;
	if (d->resume)
		return true;
	v->journal = pl_journal_create(v->store, v->id, &c->err);
	return v->journal != NULL;
}

static bool make_run(struct driving *v)
{
	struct pl_drive *d = v->d;
	struct pl_cli *c = v->c;
	struct pl_value *first = opening(v);
	size_t torn = 0;
	if (v->store && !d->resume) {
		struct pl_value *pins = pin_sources(v);
		if (!pins)
			return false;
		pl_map_set(&c->arena, first, "sources", pins);
	}
	pl_session_outside(v->session, &v->outside);
	v->outside.watcher = v;
	v->outside.record = on_record;
	v->outside.ask = on_ask;
	v->outside.stops = on_stops;
	struct pl_run_options o = {.spine = v->spine,
	    .outside = &v->outside,
	    .journal = v->journal,
	    .dry_run = d->dry_run,
	    .patient = pl_host_is_virtual(pl_session_host(v->session)),
	    .id = v->id,
	    .opening = first};
	v->run = pl_run_new(&o);
	pl_session_set_run(v->session, v->run);
	if (!d->resume)
		return true;
	v->journal =
	    pl_journal_open(v->store, v->id, &v->reading, on_replay, v, &torn, &c->err);
	pl_arena_fini(&v->reading);
	if (torn)
		fprintf(stderr,
		    "recovered: the journal's last line was not whole (%zu bytes, kept beside "
		    "it); the run goes on behind the last whole record\n",
		    torn);
	if (v->journal)
		pl_run_set_journal(v->run, v->journal);
	return v->journal != NULL;
}

/* ---- going --------------------------------------------------------------------------------- */

static void tell_beginning(struct driving *v)
{
	const struct pl_ui *ui = &v->c->ui;
	if (ui->quiet)
		return;
	fprintf(stderr, "%s%s %s%s · %s%s%s\n", pl_paint(ui, PL_BOLD), v->spine->name,
	    v->spine->version, pl_paint(ui, PL_PLAIN),
	    v->d->dry_run ? "dry-run" : v->id, v->d->sim ? " · simulated world" : "",
	    v->d->resume ? " · resumed" : "");
}

static void loop(struct driving *v)
{
	struct pl_host *h = pl_session_host(v->session);
	int seen = 0;
	catch_signals(h);
	pl_run_start(v->run);
	while (!pl_run_ended(v->run)) {
		if (signals > seen) {
			say_stopping(v, ++seen);
			pl_run_interrupt(v->run);
			continue;
		}
		if (!pl_host_turn(h) && !pl_run_ended(v->run) && signals == seen) {
			struct pl_err err;
			pl_fail(&err, "run.stuck",
			    "nothing is left to wait for; this is a "
			    "mistake in pipe");
			pl_run_doom(v->run, &err);
			pl_run_interrupt(v->run);
			break;
		}
	}
}

/* A gate that does not exist would be a question left open by a slip of the hand. */
static bool gates_exist(struct driving *v, const char *flag)
{
	struct pl_cli *c = v->c;
	const char *list = pl_flag_text(c, flag);
	for (const char *p = list; p && *p;) {
		size_t n = strcspn(p, ",");
		const char *id = pl_arena_text(&c->arena, p, strcspn(p, ",["));
		const struct pl_step *step = pl_spine_find(v->spine, id, &c->err);
		if (!step)
			return pl_err_within(&c->err, "--%s", flag);
		if (step->kind != PL_GATE && step->kind != PL_MANUAL)
			return pl_fail(&c->err, "usage.gate",
			    "--%s: \"%s\" is a %s, no gate", flag, id,
			    pl_step_kind_name(step->kind));
		p += n + (p[n] == ',');
	}
	return true;
}

/* A protected environment is entered by name; a world that is not real is not
 * protected. */
static bool may_enter(struct driving *v)
{
	char line[256];
	struct pl_cli *c = v->c;
	const char *env = pl_get_text(pl_session_param_values(v->session), "env", NULL);
	const struct pl_value *chosen = env
	    ? pl_project_environment(pl_session_project(v->session), env, NULL)
	    : NULL;
	const char *given = pl_flag_text(c, "confirm");
	if (!pl_get_bool(chosen, "protected", false) || v->d->dry_run || v->d->sim ||
	    v->d->resume || (given && strcmp(given, env) == 0))
		return true;
	if (!c->ui.no_input && isatty(STDIN_FILENO) && isatty(STDERR_FILENO)) {
		fprintf(stderr, "%s is protected. Type its name to go on: ", env);
		fflush(stderr);
		if (read_line(line, sizeof line) && strcmp(line, env) == 0)
			return true;
	}
	pl_fail(&c->err, "env.protected",
	    "the environment \"%s\" is protected: say --confirm=%s to run this there",
	    env, env);
	c->err.refused = true;
	return false;
}

static bool begin(struct driving *v)
{
	struct pl_drive *d = v->d;
	v->id = d->resume ? d->resume : new_id(v->c);
	if (!open_session(v))
		return false;
	if (!load(v) || !gates_exist(v, "approve") || !gates_exist(v, "reject") ||
	    !may_enter(v) || !pl_session_open_world(v->session, &v->c->err) ||
	    !pl_session_credentials(v->session, &v->c->err))
		return false;
	v->progress = pl_progress_new(v->c, v->session, v->spine, d->dry_run);
	return open_journal(v) && make_run(v);
}

static int refused_to_begin(struct driving *v)
{
	const struct pl_err *err = &v->c->err;
	static const char *const state[] = {"store.", "journal."};
	if (err->code[0] && !v->told)
		pl_tell_error(
		    v->c, err, v->session ? pl_session_sources(v->session) : NULL);
	if (!v->c->ui.quiet)
		fprintf(stderr, "Nothing was begun; nothing was changed.\n");
	if (strcmp(err->code, "journal.corrupt") == 0 ||
	    strcmp(err->code, "store.corrupt") == 0)
		return PL_EXIT_AUDIT;
	for (size_t i = 0; i < PL_COUNT(state); i++)
		if (strncmp(err->code, state[i], strlen(state[i])) == 0)
			return PL_EXIT_FAILED;
	return err->refused ? PL_EXIT_REFUSED : PL_EXIT_USAGE;
}

static int finish(struct driving *v)
{
	struct pl_err err;
	int code = pl_run_outcome(v->run)->exit;
	if (!v->d->dry_run && !pl_session_save(v->session, &err)) {
		pl_tell_error(v->c, &err, NULL);
		code = code ? code : PL_EXIT_FAILED;
	}
	pl_report(v->c, v->session, v->run, v->d);
	bool changes = v->d->dry_run && pl_run_effects(v->run)->as.list.len > 0;
	if (code == PL_EXIT_DONE && changes && pl_flag_on(v->c, "detailed-exitcode"))
		code = PL_EXIT_CHANGES;
	return code;
}

int pl_drive(struct pl_drive *d)
{
	struct driving v = {.d = d, .c = d->c};
	int code;
	if (begin(&v)) {
		tell_beginning(&v);
		pl_progress_run(v.progress, v.run);
		loop(&v);
		pl_progress_pause(v.progress);
		code = finish(&v);
	} else {
		code = refused_to_begin(&v);
	}
	to_wake = NULL;
	pl_progress_free(v.progress);
	pl_session_free(v.session);
	pl_run_free(v.run);
	pl_journal_close(v.journal);
	pl_lock_release(v.lock);
	pl_store_close(v.store);
	return code;
}
