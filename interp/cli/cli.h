/*
 * cli: one command, one file, one row. Commands parse nothing themselves: their
 * row lists the flags, which also make the help. Only this room prints. The
 * answer goes to standard output, progress and messages to standard error.
 */
#ifndef PL_CLI_H
#define PL_CLI_H

#include <stdio.h>

#include "../base/base.h"
#include "../bind/bind.h"
#include "../engine/engine.h"
#include "../store/store.h"

enum pl_flag_kind { PL_FLAG, PL_FLAG_VALUE, PL_FLAG_MAYBE /* --sim or --sim=X */ };

struct pl_flag {
	const char *name; /* "dry-run"; NULL ends the table */
	char letter; /* 'n', or 0 */
	enum pl_flag_kind kind;
	const char *value; /* what stands for the value in help */
	const char *help;
};

struct pl_ui {
	bool color, ascii, live, quiet, verbose, json, events, no_input;
};

struct pl_cli {
	const struct pl_command *command;
	const char **words; /* what is no flag */
	size_t words_n;
	struct pl_value *flags; /* name -> text or true; repeated: the last */
	struct pl_arena arena;
	struct pl_ui ui;
	struct pl_err err;
};

struct pl_command {
	const char *name, *usage, *summary, *examples;
	const struct pl_flag *flags;
	size_t least, most; /* words */
	int (*run)(struct pl_cli *c);
};

extern const struct pl_command *const pl_commands[]; /* ends with NULL */
extern const struct pl_flag pl_common_flags[];

int pl_cli_main(int argc, char **argv);

const char *pl_flag_text(
    struct pl_cli *c, const char *name); /* or NULL; "" for --sim */
bool pl_flag_on(struct pl_cli *c, const char *name);

/* ---- output (out.c) ------------------------------------------------------- */

enum pl_paint { PL_PLAIN, PL_BOLD, PL_DIM, PL_RED, PL_GREEN, PL_YELLOW, PL_BLUE };

void pl_ui_setup(struct pl_cli *c);
/* Escapes for `f`, "" where colour is off. */
const char *pl_paint(const struct pl_ui *ui, enum pl_paint p);
/* Symbols, with plain letters where the locale has no UTF-8. */
const char *pl_symbol(const struct pl_ui *ui, const char *utf8, const char *ascii);
const char *pl_state_symbol(const struct pl_ui *ui, enum pl_state s);
/* A message to standard error, each line of it; the source line where err has a
 * place. `sources` may be NULL. */
void pl_tell_error(
    struct pl_cli *c, const struct pl_err *err, const struct pl_value *sources);
/* Usage errors: prints, gives exit code 2. */
int pl_usage(struct pl_cli *c, const char *fmt, ...) PL_PRINTF(2, 3);
/* Prints c->err and gives `code`. */
int pl_failed(struct pl_cli *c, int code);
/* Text for a terminal: control characters made visible. To `f`. */
void pl_put(FILE *f, const char *text);
void pl_put_json(const struct pl_value *v); /* pretty, to standard output */

/* ---- where things are (place.c) -------------------------------------------- */

/* The project's directory: the nearest one with a pipe.yaml at or above `near`
 * (a file or folder, NULL: here); without one, `near`'s own folder. */
const char *pl_find_root(struct pl_cli *c, const char *near);
/* The state directory: --state, PIPE_STATE, or .pipe in the root. */
const char *pl_find_state(struct pl_cli *c, const char *root);
struct pl_store *pl_open_store(struct pl_cli *c); /* NULL: c->err */
/* Who acts: {user, host, pid, git?, ci?}. */
struct pl_value *pl_who(struct pl_arena *a);

/* ---- what comes next (next.c) ------------------------------------------------ */

/* "pipe run FILE key=value …", the words quoted for a shell. */
const char *pl_next_run(struct pl_cli *c, const char *file,
    const struct pl_value *given, const char *repository, const char *sim,
    bool dry_run);
/* "pipe VERB RUN", with --state and --confirm where they are needed. */
const char *pl_next_for(
    struct pl_cli *c, const char *verb, const char *run, const char *confirm);
/* A mistake in the script, by its error's code. */
bool pl_is_mistake(const char *code);
/* After this error it is no use to resume. */
bool pl_begins_anew(const char *code, bool refused);

/* ---- progress (progress.c) --------------------------------------------------- */

struct pl_progress;
struct pl_progress *pl_progress_new(
    struct pl_cli *c, struct pl_session *s, const struct pl_spine *spine, bool dry_run);
void pl_progress_record(struct pl_progress *p, const struct pl_value *record);
void pl_progress_run(struct pl_progress *p, struct pl_run *r);
void pl_progress_pause(struct pl_progress *p); /* before a question */
void pl_progress_free(struct pl_progress *p);

/* ---- a run, from the command line (drive.c) ------------------------------------ */

struct pl_drive {
	struct pl_cli *c;
	const char *file, *root, *state, *sim, *repository;
	bool dry_run;
	const struct pl_value *given; /* parameters as text, or values on resume */
	const char *resume; /* a run's id, or NULL */
	const struct pl_value *pinned; /* sources on resume */
	const struct pl_value *opening; /* run.started on resume */
};
int pl_drive(struct pl_drive *d);

/* The ending (report.c): what was changed, what was not, what to type next. */
void pl_report(
    struct pl_cli *c, struct pl_session *s, struct pl_run *r, const struct pl_drive *d);
struct pl_value *pl_report_value(struct pl_cli *c, struct pl_run *r,
    const struct pl_spine *spine, const struct pl_drive *d);

#endif
