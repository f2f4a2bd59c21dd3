#include "host_inner.h"

#include <assert.h>
#include <stdlib.h>

void pl_call_ok(struct pl_call *call, struct pl_value *result)
{
	call->failed = false;
	call->result = result;
	call->finished(call);
}

void pl_call_fail(struct pl_call *call)
{
	call->failed = true;
	call->finished(call);
}

/* ---- the pool ------------------------------------------------------------- */

struct work {
	struct pl_op op;
	uv_work_t request;
	struct pl_call *call;
	bool (*work)(struct pl_call *call);
	bool ok;
};

static void do_work(uv_work_t *request)
{
	struct work *w = request->data;

	w->ok = w->work(w->call);
}

static void work_done(uv_work_t *request, int status)
{
	struct work *w = request->data;
	struct pl_call *call = w->call;
	bool ok = w->ok;

	pl_op_end(&w->op);
	free(w);
	if (status == UV_ECANCELED)
		ok = pl_fail_cancelled(&call->err);
	if (ok)
		pl_call_ok(call, call->result);
	else
		pl_call_fail(call);
}

/* Work that has not begun is dropped. Work that runs is told through the row's
 * own `cancel`, if it has one; its outcome stands, whatever it is. */
static void cancel_work(struct pl_op *op)
{
	struct work *w = (struct work *)(void *)op;

	if (uv_cancel((uv_req_t *)&w->request) && w->call->cancel)
		w->call->cancel(w->call);
}

void pl_call_work(struct pl_call *call, bool (*work)(struct pl_call *call))
{
	struct work *w = pl_alloc(sizeof *w);
	int failed;

	w->call = call;
	w->work = work;
	w->request.data = w;
	pl_op_begin(&w->op, call->host, call, true, cancel_work);
	failed = uv_queue_work(&call->host->loop, &w->request, do_work, work_done);
	assert(!failed);
	(void)failed;
}

/* ---- cancelling ----------------------------------------------------------- */

bool pl_fail_cancelled(struct pl_err *err)
{
	return pl_fail(err, "cancelled", "stopped before it was done");
}

void pl_call_cancel(struct pl_call *call)
{
	struct pl_op *op = call->host->ops;

	while (op && op->call != call)
		op = op->next;
	if (op) {
		op->cancelled = true;
		if (op->cancel) {
			op->cancel(op);
			return;
		}
	}
	if (call->cancel)
		call->cancel(call);
}

/* ---- the latch ------------------------------------------------------------ */

bool pl_call_may_write(struct pl_call *call)
{
	if (call->class < PL_WRITE || !pl_host_writes_latched(call->host))
		return true;
	return pl_fail(&call->err, "latch.closed",
	    "%s writes, and this process may not: it is a dry-run",
	    call->row ? call->row->name : "this call");
}

/* ---- the overlay ---------------------------------------------------------- */

/* States live in the host's own arena: they outlast the call that set them. */

struct pl_value *pl_overlay_get(const struct pl_call *call, const char *resource)
{
	struct pl_value *state;

	if (!call->overlay)
		return NULL;
	uv_mutex_lock(&call->host->guard);
	state = pl_get(call->overlay, resource);
	uv_mutex_unlock(&call->host->guard);
	return state;
}

void pl_overlay_set(struct pl_call *call, const char *resource, struct pl_value *state)
{
	struct pl_host *h = call->host;

	if (!call->overlay)
		return;
	uv_mutex_lock(&h->guard);
	pl_map_set(&h->overlays, call->overlay, resource, pl_copy(&h->overlays, state));
	uv_mutex_unlock(&h->guard);
}

/* ---- arguments ------------------------------------------------------------ */

const char *pl_arg_text(const struct pl_call *call, const char *name)
{
	return pl_get_text(call->args, name, NULL);
}

int64_t pl_arg_int(const struct pl_call *call, const char *name)
{
	return pl_get_int(call->args, name, 0);
}

bool pl_arg_flag(const struct pl_call *call, const char *name)
{
	return pl_get_bool(call->args, name, false);
}

struct pl_value *pl_arg(const struct pl_call *call, const char *name)
{
	return pl_get(call->args, name);
}
