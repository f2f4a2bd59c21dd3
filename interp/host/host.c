#include "host_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pl_kept {
	struct pl_kept *next;
	const void *key;
	void *state;
	void (*fini)(struct pl_host *h, void *state);
};

/* ---- operations ----------------------------------------------------------- */

void pl_op_begin(struct pl_op *op, struct pl_host *h, struct pl_call *call, bool real,
    void (*cancel)(struct pl_op *op))
{
	*op = (struct pl_op){
	    .next = h->ops, .host = h, .call = call, .cancel = cancel, .real = real};
	if (h->ops)
		h->ops->prev = op;
	h->ops = op;
	/* The loop waits for events while somebody needs them, even where the
	 * handles that bring them are unreferenced. */
	if (real && !h->real++)
		uv_ref((uv_handle_t *)&h->wake);
}

void pl_op_end(struct pl_op *op)
{
	struct pl_host *h = op->host;

	if (op->prev)
		op->prev->next = op->next;
	else
		h->ops = op->next;
	if (op->next)
		op->next->prev = op->prev;
	if (op->real && !--h->real)
		uv_unref((uv_handle_t *)&h->wake);
	op->prev = op->next = NULL;
}

void pl_host_keep(struct pl_host *h, const void *key, void *state,
    void (*fini)(struct pl_host *h, void *state))
{
	struct pl_kept *k = pl_alloc(sizeof *k);

	*k =
	    (struct pl_kept){.next = h->kept, .key = key, .state = state, .fini = fini};
	h->kept = k;
}

void *pl_host_kept(const struct pl_host *h, const void *key)
{
	for (const struct pl_kept *k = h->kept; k; k = k->next)
		if (k->key == key)
			return k->state;
	return NULL;
}

/* ---- life ----------------------------------------------------------------- */

static void woke(uv_async_t *wake)
{
	struct pl_host *h = wake->data;

	h->woken = true;
}

/* A child or a peer that stops reading is an error of one write, not the end
 * of the process. A handler that somebody set is left alone. */
static void ignore_sigpipe(void)
{
	struct sigaction now;

	if (!sigaction(SIGPIPE, NULL, &now) && now.sa_handler == SIG_DFL) {
		now.sa_handler = SIG_IGN;
		sigaction(SIGPIPE, &now, NULL);
	}
}

struct pl_host *pl_host_new(const char *root, struct pl_err *err)
{
	char *path = realpath(root, NULL);
	int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct pl_host *h;
	int failed;

	if (fd < 0) {
		pl_fail(err, "host.loop", "the project's directory \"%s\": %s", root,
		    strerror(errno));
		free(path);
		return NULL;
	}
	h = pl_alloc(sizeof *h);
	failed = uv_loop_init(&h->loop);
	if (!failed && (failed = uv_async_init(&h->loop, &h->wake, woke)))
		uv_loop_close(&h->loop);
	if (failed) {
		pl_fail(err, "host.loop", "the event loop: %s", uv_strerror(failed));
		close(fd);
		free(path);
		free(h);
		return NULL;
	}
	h->wake.data = h;
	uv_unref((uv_handle_t *)&h->wake);
	if (uv_mutex_init(&h->guard))
		abort(); /* only out of memory */
	pl_clock_init(h);
	h->root = path;
	h->root_fd = fd;
	h->repository = pl_strdup(path);
	ignore_sigpipe();
	return h;
}

/* Ends what is under way. Answering a call may start another one: those are
 * cancelled in the next round. */
static void end_operations(struct pl_host *h)
{
	while (h->ops) {
		struct pl_op *op = h->ops;

		while (op && op->cancelled)
			op = op->next;
		if (op)
			pl_call_cancel(op->call);
		else
			uv_run(&h->loop, UV_RUN_ONCE);
	}
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void pl_host_free(struct pl_host *h)
{
	if (!h)
		return;
	end_operations(h);
	while (h->kept) {
		struct pl_kept *k = h->kept;

		h->kept = k->next;
		k->fini(h, k->state);
		free(k);
	}
	pl_clock_fini(h);
	/* Processes killed but not reaped may still close by themselves. */
	uv_run(&h->loop, UV_RUN_NOWAIT);
	uv_walk(&h->loop, close_handle, NULL);
	uv_run(&h->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&h->loop))
		abort();
	pl_secrets_fini(h);
	uv_mutex_destroy(&h->guard);
	pl_arena_fini(&h->overlays);
	pl_arena_fini(&h->arena);
	close(h->root_fd);
	free(h->repository);
	free(h->root);
	free(h);
}

/* ---- turning -------------------------------------------------------------- */

static bool under_way(const struct pl_host *h)
{
	return h->ops || h->timer_count || uv_loop_alive(&h->loop);
}

static void turn_virtual(struct pl_host *h)
{
	if (pl_clock_fire(h)) {
		uv_run(&h->loop, UV_RUN_NOWAIT);
		return;
	}
	if (h->real || !h->timer_count) {
		/* What ends here may start the next thing: no jump yet. */
		uv_run(&h->loop, UV_RUN_ONCE);
		return;
	}
	/* A loop that only has timers of ours would not look who wakes it. */
	uv_ref((uv_handle_t *)&h->wake);
	uv_run(&h->loop, UV_RUN_NOWAIT);
	if (!h->real)
		uv_unref((uv_handle_t *)&h->wake);
	/* Who woke us wants to look before time passes. */
	if (!h->real && !h->woken)
		pl_clock_jump(h);
}

bool pl_host_turn(struct pl_host *h)
{
	if (!under_way(h))
		return false;
	h->woken = false;
	if (h->is_virtual)
		turn_virtual(h);
	else
		uv_run(&h->loop, UV_RUN_ONCE);
	return under_way(h);
}

void pl_host_wake(struct pl_host *h)
{
	uv_async_send(&h->wake);
}

/* ---- what the host holds -------------------------------------------------- */

struct uv_loop_s *pl_host_loop(struct pl_host *h)
{
	return &h->loop;
}

const char *pl_host_root(const struct pl_host *h)
{
	return h->root;
}

int pl_host_root_fd(const struct pl_host *h)
{
	return h->root_fd;
}

void pl_host_set_repository(struct pl_host *h, const char *directory)
{
	char *copy = pl_strdup(directory);

	free(h->repository);
	h->repository = copy;
}

const char *pl_host_repository(const struct pl_host *h)
{
	return h->repository;
}

void pl_host_latch_writes(struct pl_host *h)
{
	atomic_store(&h->latched, true);
}

bool pl_host_writes_latched(const struct pl_host *h)
{
	return atomic_load(&h->latched);
}

void pl_host_set_router(struct pl_host *h, const struct pl_router *router)
{
	h->has_router = router != NULL;
	if (router)
		h->router = *router;
}

const struct pl_router *pl_host_router(const struct pl_host *h)
{
	return h->has_router ? &h->router : NULL;
}

void pl_host_set_http(struct pl_host *h, const struct pl_value *settings)
{
	h->http = settings ? pl_copy(&h->arena, settings) : NULL;
}

const struct pl_value *pl_host_http(const struct pl_host *h)
{
	return h->http;
}

void pl_host_random(void *bytes, size_t n)
{
	int failed = uv_random(NULL, NULL, bytes, n, 0, NULL);

	if (failed) {
		fprintf(stderr, "pipe: no random numbers to be had: %s\n",
		    uv_strerror(failed));
		abort();
	}
}
