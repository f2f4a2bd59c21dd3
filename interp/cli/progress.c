/*
 * Progress, fed by the run's own records. On a terminal a live list of steps
 * that is drawn over itself; elsewhere one line per change of state, and for
 * something that is waited for a heartbeat at most once a minute.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"

#define PL_HEARTBEAT_MS 60000
#define PL_REDRAW_MS 500

struct line {
	const struct pl_step *step;
	const char *address;
	enum pl_state state;
	int64_t since, took;
	int attempt;
	char note[160];
};

struct pl_progress {
	struct pl_cli *c;
	struct pl_session *session;
	struct pl_host *host;
	struct pl_run *run;
	const struct pl_spine *spine;
	struct line *lines;
	size_t n, cap, last;
	int drawn; /* lines of the live list on the screen */
	int64_t beat;
	struct pl_timer *redraw;
	bool dry_run;
};

/* ---- the list ----------------------------------------------------------------- */

static struct line *line_add(
    struct pl_progress *p, size_t at, const struct pl_step *step, const char *address)
{
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 32;
		p->lines = pl_realloc(p->lines, p->cap * sizeof *p->lines);
	}
	struct line *l = &p->lines[at];
	memmove(l + 1, l, (p->n++ - at) * sizeof *l);
	*l = (struct line){.step = step, .address = address, .attempt = 1};
	return l;
}

static void add_steps(struct pl_progress *p, const struct pl_step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		line_add(p, p->n, &steps[i], steps[i].id);
		if (steps[i].kind == PL_PARALLEL)
			add_steps(p, steps[i].children, steps[i].children_n);
	}
}

/* The line of a step or member; members of an each get theirs when they begin. */
static struct line *line_of(struct pl_progress *p, const char *address)
{
	/* Records come in the order of steps: the line wanted is near the last one. */
	for (size_t i = 0; i < p->n; i++) {
		struct line *l = &p->lines[(p->last + i) % p->n];
		if (strcmp(l->address, address) == 0) {
			p->last = (size_t)(l - p->lines);
			return l;
		}
	}
	size_t n = strcspn(address, "[");
	char *id = pl_strndup(address, n);
	const struct pl_step *step = pl_spine_find(p->spine, id, NULL);
	free(id);
	if (!step)
		return NULL;
	size_t at = p->n;
	while (at > 0 && p->lines[at - 1].step->top > step->top)
		at--;
	return line_add(
	    p, at, step, pl_arena_text(&p->c->arena, address, strlen(address)));
}

/* ---- drawing -------------------------------------------------------------------- */

/* Columns that the terminal has; a line of the live list must not take two rows. */
static size_t width(void)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
		return size.ws_col;
	return 80;
}

/* Cuts after n characters; what is printed here is narrow text for the most part. */
static void cut(struct pl_buf *text, size_t n)
{
	size_t seen = 0;
	for (size_t i = 0; i < text->len; i++) {
		bool begins = (text->at[i] & 0xc0) != 0x80;
		if (begins && seen++ == n) {
			text->len = i;
			text->at[i] = 0;
			return;
		}
	}
}

static enum pl_paint paint_of(enum pl_state s)
{
	switch (s) {
	case PL_DONE:
		return PL_GREEN;
	case PL_FAILED:
	case PL_DENIED:
		return PL_RED;
	case PL_SUSPENDED:
	case PL_AGAIN:
	case PL_STOPPED:
		return PL_YELLOW;
	case PL_RUNNING:
		return PL_BLUE;
	default:
		return PL_DIM;
	}
}

static void compose(struct pl_progress *p, struct pl_buf *text, const struct line *l)
{
	pl_buf_printf(text, "%s%-4s %s", l->step->parent ? "  " : "", l->step->number,
	    l->address);
	if (l->step->title)
		pl_buf_printf(text, ": %s", l->step->title);
	if (l->attempt > 1)
		pl_buf_printf(text, " (attempt %d)", l->attempt);
	if (l->state == PL_RUNNING || l->state == PL_DONE) {
		pl_buf_puts(text, "  ");
		pl_duration_write(text,
		    l->state == PL_DONE ? l->took : pl_host_now(p->host) - l->since);
	}
	if (l->note[0] && l->state != PL_DONE)
		pl_buf_printf(text, "  %s", l->note);
}

static void put_line(struct pl_progress *p, const struct line *l)
{
	const struct pl_ui *ui = &p->c->ui;
	struct pl_buf text = {0}, clean = {0};
	compose(p, &text, l);
	pl_printable(&clean, text.at, text.len, false);
	if (p->c->ui.live)
		cut(&clean, width() - 4);
	fprintf(stderr, "%s%s%s %s\n", pl_paint(ui, paint_of(l->state)),
	    pl_state_symbol(ui, l->state), pl_paint(ui, PL_PLAIN), clean.at);
	pl_buf_fini(&text);
	pl_buf_fini(&clean);
}

static void erase(struct pl_progress *p)
{
	if (p->drawn)
		fprintf(stderr, "\033[%dA\033[J", p->drawn);
	p->drawn = 0;
}

static void draw(struct pl_progress *p)
{
	if (!p->c->ui.live || p->c->ui.quiet || p->dry_run)
		return;
	erase(p);
	/* A list that is taller than the screen cannot be drawn over itself: what
	 * is far away from the step under way is left out. */
	size_t first = 0, most = 20;
	for (size_t i = 0; i < p->n; i++)
		if (p->lines[i].state == PL_RUNNING && i > most / 2) {
			first = i - most / 2;
			break;
		}
	for (size_t i = first; i < p->n && i < first + most; i++) {
		put_line(p, &p->lines[i]);
		p->drawn++;
	}
	fflush(stderr);
}

static void tick(void *arg)
{
	struct pl_progress *p = arg;
	draw(p);
	p->redraw = pl_timer_start(p->host, PL_REDRAW_MS, tick, p);
}

void pl_progress_pause(struct pl_progress *p)
{
	p->drawn = 0; /* what stands there stays; the next list comes below */
}

/* ---- records ------------------------------------------------------------------------ */

/* A line above the live list, or simply a line. */
static void say(struct pl_progress *p, const struct line *l)
{
	if (p->c->ui.quiet)
		return;
	if (p->c->ui.live && !p->dry_run)
		draw(p);
	else
		put_line(p, l);
}

static void tell(
    struct pl_progress *p, const char *symbol, const char *text, const char *more)
{
	if (p->c->ui.quiet)
		return;
	erase(p);
	fprintf(stderr, "    %s %s", symbol, pl_paint(&p->c->ui, PL_DIM));
	pl_put(stderr, text);
	if (more && *more) {
		fputc(' ', stderr);
		pl_put(stderr, more);
	}
	fprintf(stderr, "%s\n", pl_paint(&p->c->ui, PL_PLAIN));
	draw(p);
}

static void step_record(
    struct pl_progress *p, const char *type, const struct pl_value *record)
{
	struct line *l = line_of(p, pl_get_text(record, "step", ""));
	if (!l)
		return;
	l->attempt = (int)pl_get_int(record, "attempt", 1);
	l->note[0] = 0;
	if (strcmp(type, "step.known") == 0) {
		const char *state = pl_get_text(record, "state", "");
		l->state = strcmp(state, "done") == 0 ? PL_DONE
		    : strcmp(state, "skipped") == 0   ? PL_SKIPPED
		                                      : PL_RUNNING;
		l->since = pl_host_now(p->host);
		draw(p);
		return;
	}
	if (strcmp(type, "step.started") == 0) {
		l->state = PL_RUNNING;
		l->since = p->beat = pl_host_now(p->host);
		if (l->step->kind == PL_GATE || l->step->kind == PL_MANUAL)
			return;
	} else if (strcmp(type, "step.finished") == 0) {
		bool done = strcmp(pl_get_text(record, "state", ""), "done") == 0;
		l->state = done ? PL_DONE : PL_SKIPPED;
		l->took = pl_get_int(record, "took_ms", 0);
	} else {
		const struct pl_value *error = pl_get(record, "error");
		int64_t retry = pl_get_int(record, "retry_in_ms", -1);
		l->state = retry < 0 ? PL_FAILED : PL_RUNNING;
		struct pl_buf note = {0};
		pl_buf_puts(&note, pl_get_text(error, "message", ""));
		if (retry >= 0) {
			pl_buf_puts(&note, "; again in ");
			pl_duration_write(&note, retry);
		}
		snprintf(l->note, sizeof l->note, "%s", note.at);
		pl_buf_fini(&note);
	}
	say(p, l);
}

static void waiting(struct pl_progress *p, const struct pl_value *record)
{
	struct line *l = line_of(p, pl_get_text(record, "step", ""));
	const char *note = pl_get_text(record, "note", "not yet");
	int64_t now = pl_host_now(p->host);
	if (!l)
		return;
	bool same = strcmp(l->note, note) == 0;
	snprintf(l->note, sizeof l->note, "%s", note);
	if (p->c->ui.live)
		draw(p);
	else if (!same || now - p->beat >= PL_HEARTBEAT_MS) {
		p->beat = now;
		say(p, l);
	}
}

static void gate_record(
    struct pl_progress *p, const char *type, const struct pl_value *record)
{
	struct line *l = line_of(p, pl_get_text(record, "step", ""));
	if (!l)
		return;
	if (strcmp(type, "gate.decided") == 0)
		tell(p, pl_get_text(record, "answer", ""),
		    pl_get_text(record, "how", ""),
		    pl_get_text(record, "comment", NULL));
	else
		tell(p, "?", pl_get_text(record, "question", ""),
		    strcmp(type, "gate.assumed") == 0 ? "(assumed: yes)" : NULL);
}

static void effect_record(
    struct pl_progress *p, const char *type, const struct pl_value *record)
{
	const char *effect = pl_get_text(record, "effect", "");
	const struct pl_value *error = pl_get(record, "error");
	if (strcmp(effect, "log.info") == 0 || strcmp(effect, "log.warn") == 0) {
		if (!error)
			tell(p, effect[4] == 'w' ? "!" : "|",
			    pl_get_text(pl_get(record, "input"), "text", ""), NULL);
		return;
	}
	if (strcmp(type, "effect.intent") == 0)
		tell(p, "~", effect, pl_get_text(record, "target", NULL));
	else if (strcmp(type, "effect.unknown") == 0)
		tell(p, "?", effect, "no usable answer; looking whether it happened");
	else if (strcmp(type, "effect.receipt") == 0 && pl_get(record, "settled"))
		tell(p, "~", effect, "it had happened");
	else if (strcmp(type, "effect.receipt") == 0 && error)
		tell(p, "x", effect, pl_get_text(error, "message", ""));
	else if (p->c->ui.verbose && strcmp(type, "effect.read") == 0)
		tell(p, " ", effect, NULL);
}

void pl_progress_record(struct pl_progress *p, const struct pl_value *record)
{
	const char *type = pl_get_text(record, "type", "");
	if (p->c->ui.quiet)
		return;
	if (strncmp(type, "step.", 5) == 0)
		step_record(p, type, record);
	else if (strcmp(type, "wait.waiting") == 0)
		waiting(p, record);
	else if (strcmp(type, "wait.assumed") == 0)
		tell(p, "?", pl_get_text(record, "note", "not yet"),
		    "(assumed: it gets ready)");
	else if (strncmp(type, "gate.", 5) == 0)
		gate_record(p, type, record);
	else if (strncmp(type, "effect.", 7) == 0)
		effect_record(p, type, record);
	else if (strcmp(type, "output") == 0)
		tell(p, "|", pl_get_text(record, "text", ""), NULL);
	else if (strcmp(type, "again") == 0)
		tell(p, pl_symbol(&p->c->ui, "↺", "<<"), pl_get_text(record, "to", ""),
		    pl_get_text(record, "why", ""));
}

/* ---- making -------------------------------------------------------------------------------- */

struct pl_progress *pl_progress_new(
    struct pl_cli *c, struct pl_session *s, const struct pl_spine *spine, bool dry_run)
{
	struct pl_progress *p = pl_alloc(sizeof *p);
	p->c = c;
	p->session = s;
	p->host = pl_session_host(s);
	p->spine = spine;
	p->dry_run = dry_run;
	if (!c->ui.quiet)
		add_steps(p, spine->steps, spine->steps_n);
	return p;
}

void pl_progress_run(struct pl_progress *p, struct pl_run *r)
{
	p->run = r;
	/* Under a virtual clock a timer of ours would drive time forward for ever. */
	if (p->c->ui.live && !p->c->ui.quiet && !p->dry_run &&
	    !pl_host_is_virtual(p->host))
		p->redraw = pl_timer_start(p->host, PL_REDRAW_MS, tick, p);
}

void pl_progress_free(struct pl_progress *p)
{
	if (!p)
		return;
	pl_timer_stop(p->redraw);
	free(p->lines);
	free(p);
}
