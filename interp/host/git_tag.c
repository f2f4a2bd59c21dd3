/* git.tag and git.branch: new names in the clone; both leave alone what is there. */
#include "git_inner.h"

#include <stdio.h>
#include <string.h>

struct naming {
	git_repository *repo;
	const char *full; /* "refs/tags/v1.0.0" */
	char sha[PL_SHA + 1]; /* of the commit to be named; may be a predicted one */
	char now[PL_SHA + 1]; /* what the name means now, "" if nothing */
};

static const char *home(const struct pl_call *call)
{
	return strcmp(call->row->name, "git.tag") ? "refs/heads/" : "refs/tags/";
}

static const char *kind(const struct pl_call *call)
{
	return strcmp(call->row->name, "git.tag") ? "branch" : "tag";
}

static bool current(struct pl_call *call, struct naming *n)
{
	const char *overlaid = pl_text_of(
	    pl_overlay_get(call, pl_arena_printf(call->arena, "git:%s", n->full)),
	    NULL);
	git_reference *ref = NULL;
	git_object *target = NULL;
	int rc;

	if (overlaid) {
		snprintf(n->now, sizeof n->now, "%s", overlaid);
		return true;
	}
	rc = pl_git.reference_lookup(&ref, n->repo, n->full);
	if (!rc && pl_git.reference_peel(&target, ref, GIT_OBJECT_COMMIT))
		rc = pl_git.reference_peel(&target, ref, GIT_OBJECT_ANY);
	if (!rc)
		pl_git_hex(n->now, pl_git.object_id(target));
	pl_git.object_free(target);
	pl_git.reference_free(ref);
	if (rc && rc != GIT_ENOTFOUND)
		return pl_git_fail(call, n->repo, rc, "\"%s\"", n->full);
	return true;
}

static bool prepare(struct pl_call *call, struct naming *n)
{
	const char *name = pl_arg_text(call, "name");
	int valid = 0;

	n->full = pl_arena_printf(call->arena, "%s%s", home(call), name);
	if (pl_git.reference_name_is_valid(&valid, n->full) || !valid || *name == '-' ||
	    !strcmp(name, "HEAD"))
		return pl_fail(&call->err, "git.name",
		    "\"%s\" cannot be the name of a %s", name, kind(call));
	n->repo = pl_git_open(call);
	return n->repo &&
	    pl_git_resolve_text(n->sha, call, n->repo, pl_arg_text(call, "at")) &&
	    current(call, n);
}

static bool taken(struct pl_call *call, const struct naming *n)
{
	return pl_fail(&call->err, "git.exists",
	    "%s \"%s\" exists and points to %s, not to %s", kind(call),
	    pl_arg_text(call, "name"), n->now, n->sha);
}

/* {name, sha, created} */
static struct pl_value *answer(
    struct pl_call *call, const struct naming *n, bool created)
{
	struct pl_value *v = pl_map(call->arena);

	pl_map_set(
	    call->arena, v, "name", pl_text(call->arena, pl_arg_text(call, "name")));
	pl_map_set(call->arena, v, "sha", pl_text(call->arena, n->sha));
	pl_map_set(call->arena, v, "created", pl_bool(call->arena, created));
	return v;
}

static bool create(struct pl_call *call, struct naming *n)
{
	const char *message = pl_arg_text(call, "message");
	git_signature *tagger = NULL;
	git_object *target = NULL;
	git_reference *ref = NULL;
	git_oid id, tag;
	int force = pl_arg_flag(call, "force");
	int rc;
	bool ok = false;

	pl_git.oid_fromstr(&id, n->sha);
	rc = pl_git.object_lookup(&target, n->repo, &id, GIT_OBJECT_COMMIT);
	if (rc) {
		pl_git_fail(call, n->repo, rc, "%s", n->sha);
		goto cleanup;
	}
	if (message) {
		tagger = pl_git_signature(call, n->repo, pl_arg_text(call, "author"));
		if (!tagger)
			goto cleanup;
	}
	if (!pl_call_may_write(call))
		goto cleanup;
	if (message)
		rc = pl_git.tag_create(&tag, n->repo, pl_arg_text(call, "name"), target,
		    tagger, message, force);
	else
		rc = pl_git.reference_create(&ref, n->repo, n->full, &id, force, NULL);
	if (rc)
		pl_git_fail(call, n->repo, rc, "%s \"%s\"", kind(call),
		    pl_arg_text(call, "name"));
	ok = !rc;
cleanup:
	pl_git.reference_free(ref);
	pl_git.signature_free(tagger);
	pl_git.object_free(target);
	return ok;
}

static bool act_work(struct pl_call *call)
{
	struct naming n = {0};
	bool ok = prepare(call, &n);
	bool there = ok && !strcmp(n.now, n.sha);

	if (ok && *n.now && !there && !pl_arg_flag(call, "force"))
		ok = taken(call, &n);
	if (ok && !there)
		ok = create(call, &n);
	if (ok)
		call->result = answer(call, &n, !there);
	pl_git.repository_free(n.repo);
	return ok;
}

static bool predict_work(struct pl_call *call)
{
	const char *name = pl_arg_text(call, "name");
	struct pl_arena *a = call->arena;
	struct pl_value *about = pl_map(a);
	struct naming n = {0};
	bool ok = prepare(call, &n);
	bool there = ok && !strcmp(n.now, n.sha);

	if (ok && *n.now && !there && !pl_arg_flag(call, "force"))
		ok = taken(call, &n);
	if (!ok)
		goto cleanup;
	call->prediction.sign = *n.now ? '~' : '+';
	call->prediction.before = *n.now ? pl_text(a, n.now) : NULL;
	call->prediction.after = pl_text(a, n.sha);
	call->prediction.note = there ? "it is there already: nothing is done" : NULL;
	call->result = answer(call, &n, !there);
	if (there)
		goto cleanup;
	pl_overlay_set(call, pl_arena_printf(a, "git:%s", n.full), pl_text(a, n.sha));
	if (pl_arg_text(call, "message")) {
		pl_map_set(
		    a, about, "message", pl_text(a, pl_arg_text(call, "message")));
		pl_overlay_set(call, pl_arena_printf(a, "git:tag:%s", name), about);
	}
cleanup:
	pl_git.repository_free(n.repo);
	return ok;
}

static bool probe_work(struct pl_call *call)
{
	struct pl_arena *a = call->arena;
	struct naming n = {0};
	bool ok = prepare(call, &n);
	bool there = ok && !strcmp(n.now, n.sha);

	if (ok) {
		call->result = pl_map(a);
		pl_map_set(a, call->result, "happened", pl_bool(a, there));
	}
	if (there)
		pl_map_set(a, call->result, "result", answer(call, &n, true));
	pl_git.repository_free(n.repo);
	return ok;
}

/* "tag v1.0.0 2222222" */
static const char *target(struct pl_call *call)
{
	const char *at = pl_arg_text(call, "at");

	return pl_arena_printf(call->arena, "%s %s %.*s", kind(call),
	    pl_arg_text(call, "name"), pl_git_is_sha(at) ? PL_SHORT : 200, at);
}

void pl_git_tag(struct pl_call *call)
{
	pl_git_run(call, act_work);
}

const char *pl_git_tag_target(struct pl_call *call)
{
	return target(call);
}

void pl_git_tag_predict(struct pl_call *call)
{
	pl_git_run(call, predict_work);
}

void pl_git_tag_probe(struct pl_call *call)
{
	pl_git_run(call, probe_work);
}

void pl_git_branch(struct pl_call *call)
{
	pl_git_run(call, act_work);
}

const char *pl_git_branch_target(struct pl_call *call)
{
	return target(call);
}

void pl_git_branch_predict(struct pl_call *call)
{
	pl_git_run(call, predict_work);
}

void pl_git_branch_probe(struct pl_call *call)
{
	pl_git_run(call, probe_work);
}
