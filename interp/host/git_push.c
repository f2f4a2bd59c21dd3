/*
 * git.push: one ref to one exact commit, and only from the value that the caller
 * expects. The old value is compared three times: against the list that the
 * pushing connection got, again between negotiation and upload, and by the
 * server itself, which takes the update only if the ref still has that value.
 */
#include "git_push.h"

#include <stdio.h>
#include <string.h>

/* ---- what is asked for ----------------------------------------------------------- */

static const char *ref_of(struct pl_call *call)
{
	const char *branch = pl_arg_text(call, "branch");
	const char *ref = pl_arg_text(call, "ref");

	return branch ? pl_arena_printf(call->arena, "refs/heads/%s", branch) : ref;
}

static bool is_tag(const struct pl_push *p)
{
	return !strncmp(p->ref, "refs/tags/", 10);
}

static bool read_sha(char out[PL_SHA + 1], struct pl_call *call, const char *name)
{
	const char *text = pl_arg_text(call, name);
	git_oid id;

	if (call->overlay && text && pl_git_is_later(text)) {
		strcpy(out, PL_GIT_LATER);
		return true;
	}
	if (!text || !pl_git_is_sha(text))
		return pl_fail(&call->err, "git.sha",
		    "%s takes an exact commit of 40 hex digits, not \"%s\": git.resolve "
		    "gives it",
		    name, text ? text : "");
	pl_git.oid_fromstr(&id, text);
	pl_git_hex(out, &id);
	return true;
}

/* A tag of this clone that means the commit goes as it is, with its message. */
static bool choose_object(struct pl_call *call, struct pl_push *p)
{
	git_object *commit = NULL, *peeled = NULL;
	git_reference *ref = NULL;
	git_oid id;
	int rc;

	memcpy(p->after, p->commit, sizeof p->after);
	p->predicted = call->overlay && pl_git_is_predicted(p->commit);
	if (p->predicted)
		return true;
	pl_git.oid_fromstr(&id, p->commit);
	rc = pl_git.object_lookup(
	    &commit, p->repo, &id, is_tag(p) ? GIT_OBJECT_ANY : GIT_OBJECT_COMMIT);
	pl_git.object_free(commit);
	if (rc)
		return pl_fail(&call->err, "git.missing",
		    "commit \"%s\" is not in this clone; git.fetch may bring it",
		    p->commit);
	if (is_tag(p) && !pl_git.reference_lookup(&ref, p->repo, p->ref) &&
	    !pl_git.reference_peel(&peeled, ref, GIT_OBJECT_COMMIT) &&
	    !pl_git.oid_cmp(pl_git.object_id(peeled), &id) &&
	    pl_git.reference_target(ref))
		pl_git_hex(p->after, pl_git.reference_target(ref));
	pl_git.object_free(peeled);
	pl_git.reference_free(ref);
	return true;
}

bool pl_push_prepare(struct pl_call *call, struct pl_push *p)
{
	int valid = 0;

	p->ref = ref_of(call);
	p->force = pl_arg_flag(call, "force");
	if (!p->ref || (pl_arg_text(call, "branch") && pl_arg_text(call, "ref")))
		return pl_fail(&call->err, "git.name",
		    "git.push takes either branch or ref: one of them");
	if (strncmp(p->ref, "refs/", 5) ||
	    pl_git.reference_name_is_valid(&valid, p->ref) || !valid)
		return pl_fail(&call->err, "git.name",
		    "\"%s\" is not the full name of a ref (refs/heads/…, refs/tags/…)",
		    p->ref);
	p->expect = pl_arg_text(call, "expect");
	if (p->expect && *p->expect) {
		char *expect = pl_arena_alloc(call->arena, PL_SHA + 1);

		if (!read_sha(expect, call, "expect"))
			return false;
		p->expect = expect;
	}
	if (!read_sha(p->commit, call, "commit"))
		return false;
	p->repo = pl_git_open(call);
	return p->repo && choose_object(call, p);
}

void pl_push_release(struct pl_push *p)
{
	pl_git.remote_free(p->remote);
	pl_git.repository_free(p->repo);
}

static int shown(const char *sha)
{
	return pl_git_is_later(sha) ? (int)strlen(sha) : PL_SHORT;
}

/* "production 1111111..2222222", "tag v1.0.0 2222222" */
const char *pl_git_push_target(struct pl_call *call)
{
	const char *ref = ref_of(call);
	const char *expect = pl_arg_text(call, "expect");
	const char *commit = pl_arg_text(call, "commit");
	const char *remote = pl_arg_text(call, "remote");
	struct pl_buf b = {0};
	const char *out;

	if (!ref || !commit)
		return NULL;
	if (remote && strcmp(remote, "origin") != 0)
		pl_buf_printf(&b, "%s ", pl_git_show_url(call->arena, remote));
	if (!strncmp(ref, "refs/tags/", 10))
		pl_buf_printf(&b, "tag %s %.*s", ref + 10, shown(commit), commit);
	else
		pl_buf_printf(&b, "%s %.*s%s%.*s",
		    strncmp(ref, "refs/heads/", 11) ? ref : ref + 11, PL_SHORT,
		    expect ? expect : "", expect && !*expect ? "+" : "..",
		    shown(commit), commit);
	out = pl_arena_text(call->arena, b.at, b.len);
	pl_buf_fini(&b);
	return out;
}

/* ---- may it be pushed -------------------------------------------------------------- */

static bool refuse(struct pl_call *call)
{
	call->err.refused = true;
	return false;
}

bool pl_push_moved(struct pl_call *call, const struct pl_push *p, const char *expected)
{
	pl_fail(&call->err, "git.moved", "%s of %s has moved: expected %s, found %s",
	    p->ref, pl_arg_text(call, "remote"), *expected ? expected : "nothing",
	    *p->before ? p->before : "nothing");
	return refuse(call);
}

static bool is_there(const struct pl_push *p, const char *peeled)
{
	git_object *object = NULL, *commit = NULL;
	git_oid id;
	bool same = !strcmp(p->before, p->after) || !strcmp(peeled, p->commit);

	/* A server that is pushed to does not tell what its tags mean. */
	if (!same && is_tag(p) && *p->before) {
		pl_git.oid_fromstr(&id, p->before);
		same = !pl_git.object_lookup(&object, p->repo, &id, GIT_OBJECT_ANY) &&
		    !pl_git.object_peel(&commit, object, GIT_OBJECT_COMMIT);
		pl_git.oid_fromstr(&id, p->commit);
		same = same && !pl_git.oid_cmp(pl_git.object_id(commit), &id);
	}
	pl_git.object_free(commit);
	pl_git.object_free(object);
	return same;
}

static bool not_forward(struct pl_call *call, const struct pl_push *p, const char *why)
{
	pl_fail(&call->err, "git.not_fast_forward",
	    "%s of %s is at %s, %s: the push would drop commits (force = true if that is "
	    "meant)",
	    p->ref, pl_arg_text(call, "remote"), p->before, why);
	return refuse(call);
}

static bool is_forward(struct pl_call *call, const struct pl_push *p)
{
	git_oid old, new;
	git_object *object = NULL;
	int rc;

	if (is_tag(p)) {
		pl_fail(&call->err, "git.exists",
		    "%s exists at %s and points to %s, not to %s (force = true moves it)",
		    p->ref, pl_arg_text(call, "remote"), p->before, p->after);
		return refuse(call);
	}
	if (p->predicted || pl_git_is_predicted(p->before))
		return true; /* a commit to come stands on HEAD; the run will see */
	pl_git.oid_fromstr(&old, p->before);
	pl_git.oid_fromstr(&new, p->after);
	if (pl_git.object_lookup(&object, p->repo, &old, GIT_OBJECT_COMMIT))
		return not_forward(
		    call, p, "which is not in this clone (git.fetch may bring it)");
	pl_git.object_free(object);
	rc = pl_git.graph_descendant_of(p->repo, &new, &old);
	if (rc < 0)
		return pl_git_fail(
		    call, p->repo, rc, "comparing %s with %s", p->before, p->after);
	if (rc)
		return true;
	return not_forward(call, p,
	    pl_arena_printf(call->arena, "which %s does not contain", p->after));
}

/* The same refusals in a dry-run and for real. Sets before and same. */
bool pl_push_decide(
    struct pl_call *call, struct pl_push *p, const char *before, const char *peeled)
{
	snprintf(p->before, sizeof p->before, "%s", before);
	p->same = is_there(p, peeled);
	if (p->same)
		return true;
	if (p->expect && strcmp(p->before, p->expect) != 0)
		return pl_push_moved(call, p, p->expect);
	if (!*p->before || p->force)
		return true;
	return is_forward(call, p);
}

/* {ref, before, after, changed} */
struct pl_value *pl_push_answer(struct pl_call *call, const struct pl_push *p)
{
	struct pl_arena *a = call->arena;
	struct pl_value *v = pl_map(a);

	pl_map_set(a, v, "ref", pl_text(a, p->ref));
	pl_map_set(a, v, "before", pl_text(a, *p->before ? p->before : NULL));
	pl_map_set(a, v, "after", pl_text(a, p->same ? p->before : p->after));
	pl_map_set(a, v, "changed", pl_bool(a, !p->same));
	return v;
}

/* ---- dry-run and after a crash ------------------------------------------------------------ */

static void enter(struct pl_call *call, const struct pl_push *p)
{
	struct pl_arena *a = call->arena;
	const char *name = pl_git_job(call)->net->name;

	pl_overlay_set(
	    call, pl_arena_printf(a, "git:%s:%s", name, p->ref), pl_text(a, p->after));
	if (strcmp(p->after, p->commit) != 0)
		pl_overlay_set(call, pl_arena_printf(a, "git:%s:%s^{}", name, p->ref),
		    pl_text(a, p->commit));
	if (!strncmp(p->ref, "refs/heads/", 11) && !strpbrk(name, "/:"))
		pl_overlay_set(call,
		    pl_arena_printf(a, "git:refs/remotes/%s/%s", name, p->ref + 11),
		    pl_text(a, p->after));
}

static bool predict_work(struct pl_call *call)
{
	struct pl_arena *a = call->arena;
	struct pl_push p = {0};
	struct pl_value *refs;
	bool ok = pl_push_prepare(call, &p) &&
	    pl_git_remote_refs(&refs, call, p.repo) &&
	    pl_push_decide(call, &p, pl_get_text(refs, p.ref, ""),
	        pl_get_text(refs, pl_arena_printf(a, "%s^{}", p.ref), ""));

	if (ok) {
		call->prediction.sign = *p.before ? '~' : '+';
		call->prediction.before = *p.before ? pl_text(a, p.before) : NULL;
		call->prediction.after = pl_text(a,
		    p.same                              ? p.before
		        : strcmp(p.after, PL_GIT_LATER) ? p.after
		                                        : pl_arg_text(call, "commit"));
		if (p.same)
			call->prediction.note =
			    "it is there already: nothing is pushed";
		else if (p.force && *p.before && !is_forward(call, &p))
			call->prediction.note =
			    "not a fast-forward: the remote loses commits";
		call->err = (struct pl_err){0};
		call->result = pl_push_answer(call, &p);
		if (!p.same)
			enter(call, &p);
	}
	pl_push_release(&p);
	return ok;
}

void pl_git_push_predict(struct pl_call *call)
{
	if (pl_git_net_begin(call, false))
		pl_git_net_run(call, predict_work);
}

/* At the commit: it happened. At the old value: it did not. Else: cannot tell. */
static bool probe_work(struct pl_call *call)
{
	struct pl_arena *a = call->arena;
	struct pl_push p = {0};
	struct pl_value *refs, *v;
	const char *now;
	bool ok = pl_push_prepare(call, &p) && pl_git_remote_refs(&refs, call, p.repo);

	if (!ok)
		goto cleanup;
	now = pl_get_text(refs, p.ref, "");
	snprintf(p.before, sizeof p.before, "%s", now);
	call->result = v = pl_map(a);
	if (is_there(&p, pl_get_text(refs, pl_arena_printf(a, "%s^{}", p.ref), ""))) {
		snprintf(p.after, sizeof p.after, "%s", now);
		snprintf(p.before, sizeof p.before, "%s", p.expect ? p.expect : "");
		pl_map_set(a, v, "happened", pl_bool(a, true));
		pl_map_set(a, v, "result", pl_push_answer(call, &p));
	} else if (p.expect && !strcmp(now, p.expect)) {
		pl_map_set(a, v, "happened", pl_bool(a, false));
	} else {
		call->result = pl_null(a);
	}
cleanup:
	pl_push_release(&p);
	return ok;
}

void pl_git_push_probe(struct pl_call *call)
{
	if (pl_git_net_begin(call, false))
		pl_git_net_run(call, probe_work);
}
