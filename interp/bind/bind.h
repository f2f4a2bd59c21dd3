/*
 * bind: the only room that knows Lua. A session is one project with one
 * interpreter: it loads a pipeline into its spine, runs bodies as coroutines
 * on the host's loop, and hands every primitive through the engine's gate.
 * The simulated world lives here too, in an interpreter of its own.
 */
#ifndef PL_BIND_H
#define PL_BIND_H

#include "../base/base.h"
#include "../engine/engine.h"
#include "../engine/project.h"
#include "../host/host.h"

struct pl_session;

struct pl_session_options {
	const char *root; /* the project's directory */
	const char *repository; /* working repository, NULL: as pipe.yaml says */
	const char *state; /* state directory, for the world's files */
	/* "" the built-in world, a world file, or http://… of `pipe sim up`;
	 * NULL: live */
	const char *sim;
	bool dry_run; /* latches writes off for good */
	uint64_t instructions; /* per run; 0: 200 million */
	size_t memory; /* bytes per run; 0: 256 MiB */
};

/* Reads pipe.yaml (if there is one) and makes the interpreter; nothing outside is
 * touched, no world is made. `problem` is told of each mistake in pipe.yaml.
 * Codes: those of pl_project_*, sim.*, script.*. */
struct pl_session *pl_session_new(const struct pl_session_options *o,
    void (*problem)(void *arg, const struct pl_err *err), void *arg,
    struct pl_err *err);
void pl_session_free(struct pl_session *s);

struct pl_host *pl_session_host(struct pl_session *s);
const struct pl_project *pl_session_project(struct pl_session *s);
struct pl_arena *pl_session_arena(struct pl_session *s);

/* Sources of what was loaded, for pinning: list of {name, text}. A pinned set
 * given before loading stands in for the disk. */
struct pl_value *pl_session_sources(struct pl_session *s);
void pl_session_pin(struct pl_session *s, const struct pl_value *sources);

/* Loads a pipeline file. `file` is shown in messages as given. NULL and err on
 * failure (script.*), err->msg holding every problem, a line each. */
const struct pl_spine *pl_session_load(
    struct pl_session *s, const char *file, struct pl_err *err);
/* The parameters by name: map of text in, checked values out.
 * Code: script.params, a problem a line. */
bool pl_session_params(
    struct pl_session *s, const struct pl_value *given, struct pl_err *err);
const struct pl_value *pl_session_param_values(struct pl_session *s);
/* Every credential that the pipeline's `uses` names can be had. Code: secret.missing. */
bool pl_session_credentials(struct pl_session *s, struct pl_err *err);
/* Makes or opens the simulated world, where one was asked for. */
bool pl_session_open_world(struct pl_session *s, struct pl_err *err);
bool pl_session_is_simulated(const struct pl_session *s);

/* Fills start, cancel, timer, now, mask, packing of an outside; `record` and `ask`
 * stay the caller's. The run must be told before it starts. */
void pl_session_outside(struct pl_session *s, struct pl_outside *out);
void pl_session_set_run(struct pl_session *s, struct pl_run *r);
/* Saves the simulated world's state, if there is one. */
bool pl_session_save(struct pl_session *s, struct pl_err *err);

/* `pipe help NAME`: a primitive, a module ("git") or NULL for the list. False: unknown,
 * err has the nearest. */
bool pl_session_help(
    struct pl_session *s, const char *name, struct pl_buf *out, struct pl_err *err);
/* The same as data, a list: {name, class, summary, options, result, …}. */
struct pl_value *pl_session_primitives(
    struct pl_session *s, const char *name, struct pl_arena *a);
/* Loads every provider, so that its verbs have help. `wanted`: the name that is asked
 * about, NULL: all; a team's provider that is broken matters only to these. */
bool pl_providers_load(struct pl_session *s, const char *wanted, struct pl_err *err);
const char *pl_bind_lua_version(void);
const char *pl_bind_cjson_version(struct pl_arena *a);

/* ---- the simulated world ------------------------------------------------- */

struct pl_world;

/* spec: "" built in, or a world file. dir: where its repositories and state lie.
 * root: the project, whose own providers bring their twins. */
struct pl_world *pl_world_open(
    const char *spec, const char *dir, const char *root, struct pl_err *err);
/* The folder's name for a spec: "default", or the file's name without its end. */
const char *pl_world_name(struct pl_arena *a, const char *spec);
void pl_world_close(struct pl_world *w);
/* Nobody has the world in this folder open. Code: sim.busy. */
bool pl_world_free(const char *dir, struct pl_err *err);
bool pl_world_save(struct pl_world *w, struct pl_err *err);
/* Serves one request as struct pl_router and pl_server_start want it. */
bool pl_world_request(struct pl_world *w, struct pl_arena *a,
    const struct pl_value *request, int64_t now_ms, struct pl_value **answer,
    struct pl_err *err);
/* Lets it notice pushes and let time pass. */
bool pl_world_touch(struct pl_world *w, int64_t now_ms, struct pl_err *err);
struct pl_value *pl_world_ledger(struct pl_world *w, struct pl_arena *a);
struct pl_value *pl_world_state(struct pl_world *w, struct pl_arena *a);
/* name -> text: what its client would have in the environment. */
struct pl_value *pl_world_credentials(struct pl_world *w, struct pl_arena *a);
/* The bare repository behind a remote's URL, as struct pl_router wants it. */
bool pl_world_remote(struct pl_world *w, struct pl_arena *a, const char *url,
    const char *op, int64_t now_ms, const char **real, bool *lost, struct pl_err *err);
/* Answers a PostgreSQL row as struct pl_router wants it; *answer stays NULL for a
 * connection that is not the world's. */
/* For the router's process and processed. Codes: the world's, file.write. */
bool pl_world_process(struct pl_world *w, struct pl_arena *a,
    const struct pl_value *call, int64_t now_ms, struct pl_value **instead,
    struct pl_err *err);
void pl_world_processed(struct pl_world *w, const struct pl_value *instead,
    const struct pl_value *result, int64_t now_ms);
bool pl_world_database(struct pl_world *w, struct pl_arena *a, const char *row,
    const struct pl_value *args, int64_t now_ms, struct pl_value **answer,
    struct pl_err *err);
const char *pl_world_work(struct pl_world *w); /* its clone */
const char *pl_world_dir(const struct pl_world *w); /* all that is its own */
const char *pl_world_git_root(struct pl_world *w); /* folder of the bare repositories */
int64_t pl_world_now(struct pl_world *w);

#endif
