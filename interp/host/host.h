/*
 * host: the outside, one library a file, on one libuv loop. Everything that a
 * script can reach is a row (struct pl_row): a name, an effect class, options
 * with types, and functions that take a call and answer it, at once or later.
 * Rows speak in values, so that no room above needs to know curl or libgit2.
 *
 * Large libraries (libcurl, libgit2, libmicrohttpd, libpq, libcrypto) are opened when the first
 * call needs them: linking them would cost every start nine milliseconds.
 */
#ifndef PL_HOST_H
#define PL_HOST_H

#include "../base/base.h"

struct pl_host;
struct pl_call;
struct uv_loop_s;

/* ---- rows -------------------------------------------------------------- */

/* Kinds of value that an option takes; several may be or-ed. */
enum pl_option_type {
	PL_T_TEXT = 1,
	PL_T_INTEGER = 2,
	PL_T_NUMBER = 4,
	PL_T_FLAG = 8,
	PL_T_LIST = 16,
	PL_T_MAP = 32,
	PL_T_SECRET = 64,
	PL_T_DURATION = 128, /* "10m", or whole milliseconds; arrives as PL_INT in ms */
	PL_T_ANY = 256,
	PL_T_FUNCTION = 512, /* stays with the caller: never in call->args */
};

struct pl_option {
	const char *name; /* NULL ends the table */
	unsigned types;
	bool required;
	const char *fallback; /* the default as JSON text, or NULL */
	const char *help; /* one line, with the unit */
	const char *choices; /* "a|b|c", or NULL */
};

/* What a dry-run says about one predicted write. */
struct pl_prediction {
	char sign; /* + adds  ~ changes  - removes  ! cannot be undone  ? not known */
	struct pl_value *before, *after; /* may be NULL */
	const char *note; /* one line, or NULL */
};

struct pl_row {
	const char *name; /* "git.push" */
	enum pl_class class;
	const char *summary; /* one line */
	const struct pl_option *options;
	const char *result; /* the answer's shape, units included, in words */
	/* Does it. Fills call->result and calls pl_call_ok, or fills call->err and
	 * calls pl_call_fail, now or later. A read honours call->overlay. */
	void (*start)(struct pl_call *call);
	/* The object that a write changes, for people and for the ledger:
	 * "origin production 1111111..2222222". Into call->arena. NULL: none. */
	const char *(*target)(struct pl_call *call);
	/* Dry-run of a write: reads what it must (through the overlay), refuses
	 * what the act would refuse, fills call->prediction and call->result with
	 * what the act would give, and enters the new state in call->overlay.
	 * NULL: the write cannot be predicted. */
	void (*predict)(struct pl_call *call);
	/* After a crash: did this write happen? Answers with a map
	 * {happened=true, result=…} or {happened=false}, or null: cannot tell.
	 * NULL: there is no way to look. */
	void (*probe)(struct pl_call *call);
};

/*
 * One use of a row. The caller fills the first part and keeps the memory until
 * `finished` was called, which happens exactly once for each of start, predict
 * and probe, possibly before that function returns.
 */
struct pl_call {
	struct pl_host *host;
	const struct pl_row *row;
	struct pl_arena *arena; /* for args and the answer */
	const struct pl_value *args; /* a map that fits row->options, defaults filled */
	enum pl_class class; /* the class that the gate granted */
	struct pl_value *overlay; /* dry-run: resource -> predicted state; else NULL */
	void (*finished)(struct pl_call *call);
	void (*output)(
	    struct pl_call *call, const char *stream, const char *line, size_t n);
	void *owner;

	/* the answer */
	bool failed;
	struct pl_value *result;
	struct pl_err err;
	struct pl_prediction prediction;

	/* for the row's own use while under way */
	void (*cancel)(struct pl_call *call); /* NULL: cannot be cut short */
	void *state;
};

void pl_call_ok(struct pl_call *call, struct pl_value *result);
void pl_call_fail(struct pl_call *call); /* call->err is filled */
/* Runs `work` on libuv's pool and answers with its outcome: true -> result was
 * set, false -> err was filled. Nothing but call's own data may be touched. */
void pl_call_work(struct pl_call *call, bool (*work)(struct pl_call *call));
/* Asks a call under way to end soon with the error "cancelled". */
void pl_call_cancel(struct pl_call *call);
/* False, with call->err filled, where writes are latched off and the call's
 * class is a write: the second wall behind the gate. Every row that changes
 * something asks it immediately before the act. Code: latch.closed. */
bool pl_call_may_write(struct pl_call *call);

/* The overlay: what predicted writes left behind. */
struct pl_value *pl_overlay_get(const struct pl_call *call, const char *resource);
void pl_overlay_set(struct pl_call *call, const char *resource, struct pl_value *state);

/* Arguments, already checked against the row's options. */
const char *pl_arg_text(const struct pl_call *call, const char *name); /* or NULL */
int64_t pl_arg_int(const struct pl_call *call, const char *name); /* or 0 */
bool pl_arg_flag(const struct pl_call *call, const char *name); /* or false */
struct pl_value *pl_arg(const struct pl_call *call, const char *name); /* or NULL */

/* ---- the host ---------------------------------------------------------- */

/* root: the project's directory, the only part of the disk that scripts see.
 * Codes: host.loop. */
struct pl_host *pl_host_new(const char *root, struct pl_err *err);
void pl_host_free(struct pl_host *h); /* cancels what is under way */
struct uv_loop_s *pl_host_loop(struct pl_host *h);
const char *pl_host_root(const struct pl_host *h);
/* The working repository of the git rows; at first the root. */
void pl_host_set_repository(struct pl_host *h, const char *directory);
const char *pl_host_repository(const struct pl_host *h);

/* From here on no row of this process writes anything outside. Cannot be undone. */
void pl_host_latch_writes(struct pl_host *h);
bool pl_host_writes_latched(const struct pl_host *h);

/* One turn of the loop: waits for the next event at most, calls what is due.
 * With a virtual clock it never sleeps: when nothing but timers is left, the
 * clock jumps to the next one. False: nothing is under way and no timer runs. */
bool pl_host_turn(struct pl_host *h);
/* Makes pl_host_turn return soon; may be called from a signal handler. */
void pl_host_wake(struct pl_host *h);

int64_t pl_host_now(const struct pl_host *h); /* ms since 1970, real or virtual */
int64_t pl_host_monotonic(const struct pl_host *h); /* ms, never steps back */
/* From now on time is virtual and starts here. */
void pl_host_set_virtual(struct pl_host *h, int64_t now_ms);
bool pl_host_is_virtual(const struct pl_host *h);

struct pl_timer;
/* Calls fn once after ms, from pl_host_turn. Freed when it fires or is stopped. */
struct pl_timer *pl_timer_start(
    struct pl_host *h, int64_t ms, void (*fn)(void *arg), void *arg);
void pl_timer_stop(struct pl_timer *t); /* NULL is fine */

void pl_host_random(
    void *bytes, size_t n); /* getrandom; ends the process if it fails */

/* ---- rooms that offer rows: each a table that ends with a NULL name ------ */

extern const struct pl_row pl_git_rows[]; /* git_rows.c: libgit2 */
extern const struct pl_row pl_git_sim_rows[]; /* git_sim.c: sim.git.*, synchronous */
extern const struct pl_row pl_http_rows[]; /* http.c: libcurl */
extern const struct pl_row pl_process_rows[]; /* process.c: libuv */
extern const struct pl_row pl_files_rows[]; /* files.c */
extern const struct pl_row pl_clock_rows[]; /* clock.c */
/* For providers only: */
extern const struct pl_row pl_postgres_rows[]; /* postgres_rows.c: libpq */
extern const struct pl_row pl_sql_rows[]; /* sql_rows.c */
extern const struct pl_row pl_jwt_rows[]; /* jwt.c: for providers only */

/* ---- http -------------------------------------------------------------- */

/*
 * Where requests go. With a router set, http.c asks it first:
 *   answer filled -> that is the answer, no socket is opened (simulated world)
 *   *url replaced -> the request goes there instead (a world over TCP)
 * The request as the router sees it: {method, url, headers={…}, body=text}.
 * The answer: {status, headers={…}, body=text} or {error="connect"|"timeout"|
 * "reset"|…, sent=true|false}, and in either case delay_ms (0): how long the
 * answer takes. An error with sent=true is a write whose outcome is unknown.
 */
struct pl_router {
	bool (*route)(void *arg, struct pl_arena *a, const struct pl_value *request,
	    struct pl_value **answer, const char **url, struct pl_err *err);
	/* Where a git remote really is, for "fetch" or "push": *real, into the
	 * arena; NULL: there is none such. False: err says why it cannot be
	 * reached; with *lost the operation is carried out all the same, and err
	 * is what its caller is told. NULL: as it stands. */
	bool (*remote)(void *arg, struct pl_arena *a, const char *url, const char *op,
	    const char **real, bool *lost, struct pl_err *err);
	/* What a PostgreSQL row is answered, in place of a server: the row's name, its
	 * arguments with secrets laid open. *answer NULL: the server is asked. */
	bool (*database)(void *arg, struct pl_arena *a, const char *row,
	    const struct pl_value *args, struct pl_value **answer, struct pl_err *err);
	/* A program that is about to run, {argv, cwd, env (text only), timeout, writes}:
	 * what runs in its place, {argv, env, delay_ms (how long it takes on a virtual
	 * clock), …}, into the arena; NULL: the program itself. NULL: all run. */
	bool (*process)(void *arg, struct pl_arena *a, const struct pl_value *call,
	    struct pl_value **instead, struct pl_err *err);
	/* What ran in its place has ended: as proc.run's result, or NULL where it was
	 * stopped before. */
	void (*processed)(
	    void *arg, const struct pl_value *instead, const struct pl_value *result);
	void *arg;
};
void pl_host_set_router(struct pl_host *h, const struct pl_router *router);
const struct pl_router *pl_host_router(const struct pl_host *h); /* or NULL */

/* Defaults for every request, from pipe.yaml: {ca_file, ca_directory, proxy,
 * no_proxy, user_agent, timeout (ms), max_bytes}; all may be missing. */
void pl_host_set_http(struct pl_host *h, const struct pl_value *settings);
const struct pl_value *pl_host_http(const struct pl_host *h); /* or NULL */

/* ---- yaml -------------------------------------------------------------- */

/* YAML 1.2, core schema (`on`, `no`, `yes` are text; `0o17`, `0x1f`, `~`, `.inf`
 * as the core schema says); every node bears line and column (in characters);
 * anchors, aliases and "<<" as plain data; duplicate keys are errors, keys are
 * text as written. A number that 64 bits or a double cannot hold stays text, so
 * that no digit is lost. *out is a list of documents, never empty: a stream
 * without any gives one null. An alias gives a copy, placed where the alias is.
 * Bounds: 64 levels, max_nodes after expansion of aliases (0: 100,000), 1,000
 * anchors in a document.
 * Codes: yaml.syntax, yaml.utf8, yaml.depth, yaml.size, yaml.duplicate,
 * yaml.alias, yaml.key (a list or map as key), yaml.tag (unknown or unfit). */
bool pl_yaml_parse(struct pl_value **out, struct pl_arena *a, const char *text,
    size_t n, size_t max_nodes, struct pl_err *err);
/* One document, block style, keys in order of insertion; text that would read
 * back as something else is quoted, also what only YAML 1.1 reads otherwise.
 * Codes: yaml.value (secrets, text that is not UTF-8), yaml.depth (512). */
bool pl_yaml_write(struct pl_buf *out, const struct pl_value *v, struct pl_err *err);

/* ---- secrets ----------------------------------------------------------- */

/*
 * A secret is its name, its bytes and where they came from. It lives in the
 * host until pl_host_free wipes it. Only sinks that need the bytes read them.
 */
const char *pl_secret_name(const struct pl_secret *s);
const char *pl_secret_bytes(const struct pl_secret *s, size_t *n);
/* Takes a copy; the same name again with the same bytes is the same secret. */
const struct pl_secret *pl_secret_add(
    struct pl_host *h, const char *name, const char *bytes, size_t n);
/* source: {env="NAME"} | {file="path"} | {command={"argv", …}} as in pipe.yaml |
 * {doppler="NAME", project=, config=, url=, token=<source of Doppler's own>}.
 * A trailing newline of a file or command is cut. Answers call-like through
 * `call`: result is a PL_SECRET. Codes: secret.missing (names the variable or
 * file and where the source stands), secret.short, secret.command, secret.doppler. */
void pl_secret_read(
    struct pl_call *call, const char *name, const struct pl_value *source);
const struct pl_secret *pl_secret_find(const struct pl_host *h, const char *name);
/* Every occurrence of a known secret (8 bytes or more, as such, in base64, hex
 * or URL-escaped) becomes "***NAME***". */
void pl_secret_mask(struct pl_host *h, struct pl_buf *out, const char *s, size_t n);
/* The same, in place, for all text of a tree. */
struct pl_value *pl_secret_mask_value(
    struct pl_host *h, struct pl_arena *a, const struct pl_value *v);

/* ---- tokens ------------------------------------------------------------ */

/* Without padding (RFC 4648, section 5); false where the text is none such. */
bool pl_unbase64url(struct pl_buf *out, const char *text, size_t n);
/* A signature of P-256 as DER -> R and S, 32 bytes each, left-padded. */
bool pl_es256_raw(uint8_t raw[64], const uint8_t *der, size_t n);
/* A key pair of P-256 in PEM form, the same for the same seed: for simulated
 * vendors only. Code: host.library. */
bool pl_es256_key(struct pl_buf *private_pem, struct pl_buf *public_pem,
    const char *seed, struct pl_err *err);
/* *good: the signature of the token fits the key. Its algorithm and claims are the
 * caller's to look at. Codes: host.library, jwt.key. */
bool pl_es256_verify(
    bool *good, const char *public_pem, const char *token, struct pl_err *err);

/* ---- process, for the host's own use ------------------------------------- */

/* As the row proc.run: {argv, cwd, env, input, timeout, max_bytes, shell}. */
void pl_process_run(struct pl_call *call);

/* ---- http server of the simulator ---------------------------------------- */

struct pl_server;
/* One request at a time, on a thread of its own; `serve` fills *answer:
 * {status, headers, body}, or {cgi={argv, env, …}, body, lost} (git http-backend;
 * lost: it runs, and nobody hears of it), or {drop=true}: the connection ends.
 * address "127.0.0.1"; port 0 picks a free one. Codes: server.bind. */
struct pl_server *pl_server_start(const char *address, int port,
    void (*serve)(void *arg, struct pl_arena *a, const struct pl_value *request,
        struct pl_value **answer),
    void *arg, struct pl_err *err);
int pl_server_port(const struct pl_server *s);
void pl_server_stop(struct pl_server *s);

/* Versions of the libraries that this room uses: {libuv="1.44.2", …}. Opens
 * those that are opened on first use; one that is not there is null. */
struct pl_value *pl_host_versions(struct pl_arena *a);

#endif
