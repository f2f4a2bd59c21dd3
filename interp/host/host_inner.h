/*
 * host_inner: what the files of this room share and no other room sees: the
 * host's insides, and operations. Whatever waits for the outside holds a
 * pl_op while it is under way, so that the host knows what to wait for, what to
 * cancel, and when a virtual clock may jump.
 */
#ifndef PL_HOST_INNER_H
#define PL_HOST_INNER_H

#include "host.h"

#include <stdatomic.h>
#include <uv.h>

/*
 * An operation under way. It stands inside the owner's own structure.
 * real: it needs the outside to end (a socket, a child, the pool); the virtual
 * clock stands still meanwhile. Not real: only timers of the host end it.
 */
struct pl_op {
	struct pl_op *prev, *next;
	struct pl_host *host;
	struct pl_call *call; /* whom it answers */
	void (*cancel)(struct pl_op *op);
	bool real, cancelled;
};

/* cancel: makes it end soon, at once or later; it may answer the call and free
 * the operation. NULL: then call->cancel is asked, if there is one. */
void pl_op_begin(struct pl_op *op, struct pl_host *h, struct pl_call *call, bool real,
    void (*cancel)(struct pl_op *op));
/* Before the call is answered: answering may free everything. */
void pl_op_end(struct pl_op *op);

/*
 * A library's state that lives as long as the host (curl's multi handle). `key`
 * is the address of anything static. fini runs when all operations have ended,
 * while the loop still turns: it closes its uv handles and frees `state`, now or
 * in the close callbacks. Handles that must not keep pl_host_turn waiting while
 * nothing is under way are to be uv_unref()ed by their owner.
 */
void pl_host_keep(struct pl_host *h, const void *key, void *state,
    void (*fini)(struct pl_host *h, void *state));
void *pl_host_kept(const struct pl_host *h, const void *key); /* or NULL */

/* Fills err: code "cancelled". */
bool pl_fail_cancelled(struct pl_err *err);

/* The project's directory, open for openat(). */
int pl_host_root_fd(const struct pl_host *h);

/* ---- insides -------------------------------------------------------------- */

struct pl_host {
	uv_loop_t loop;
	uv_async_t wake;
	uv_timer_t alarm; /* real clock: set to the first of `timers` */
	bool woken;

	struct pl_op *ops;
	size_t real; /* how many of them are real */

	/* clock.c: a heap by time, then by order of start */
	struct pl_timer **timers;
	size_t timer_count, timer_room;
	uint64_t timer_next;
	bool is_virtual;
	int64_t virtual_monotonic; /* ms */
	int64_t virtual_offset; /* from there to ms since 1970 */

	char *root;
	int root_fd;
	char *repository;
	atomic_bool latched;
	struct pl_router router;
	bool has_router;
	struct pl_value *http;
	struct pl_arena arena; /* settings */
	struct pl_kept *kept;

	uv_mutex_t guard; /* of what follows: rows use it from the pool, too */
	struct pl_arena overlays;
	struct pl_secret *secrets; /* the newest */
	struct pl_masks *masks; /* NULL: nothing to mask */
};

/* clock.c */
void pl_clock_init(struct pl_host *h);
void pl_clock_fini(struct pl_host *h); /* frees all timers, fires none */
/* Calls the timers that are due now, those started meanwhile excepted. */
bool pl_clock_fire(struct pl_host *h);
/* Virtual: moves on to the first timer and fires what is due then. */
void pl_clock_jump(struct pl_host *h);

/* mask.c. Secrets that are shorter would hide by chance in any text. */
enum { PL_SECRET_SHORTEST = 8 };
void pl_masks_add(struct pl_host *h, const struct pl_secret *s);
void pl_masks_fini(struct pl_host *h);
/* How much of a text that goes on elsewhere can be masked by itself: what is
 * left may be the beginning of a secret. */
size_t pl_mask_whole(struct pl_host *h, const char *s, size_t n);

/* secret.c: a source's bytes, or call->err with its place and hint, end the call. */
void pl_secret_answer(struct pl_call *call, const char *name,
    const struct pl_value *source, const char *bytes, size_t n);
void pl_secret_fail(struct pl_call *call, const struct pl_value *source);
/* secret_doppler.c */
void pl_secret_read_doppler(
    struct pl_call *call, const char *name, const struct pl_value *source);
void pl_secrets_fini(struct pl_host *h);
/* Overwrites memory that held a secret, in a way that is not optimised out. */
void pl_wipe(void *bytes, size_t n);

#endif
