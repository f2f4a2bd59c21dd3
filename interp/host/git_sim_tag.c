/* sim.git.tag and sim.git.peel: annotated tags of the simulated world. */
#include "git_inner.h"

#include <string.h>

static git_repository *opened(struct pl_call *call)
{
	git_repository *repo = NULL;
	const char *path = pl_arg_text(call, "path");
	int rc = pl_git.repository_open(&repo, path);

	if (rc)
		pl_git_fail(call, NULL, rc, "\"%s\"", path);
	return repo;
}

static void answer(struct pl_call *call, bool ok)
{
	if (ok)
		pl_call_ok(call, call->result);
	else
		pl_call_fail(call);
}

static bool tag(struct pl_call *call, git_repository *repo)
{
	const char *sha = pl_arg_text(call, "sha");
	git_signature *tagger = NULL;
	git_object *target = NULL;
	git_oid id;
	int rc;

	if (!pl_git_is_sha(sha))
		return pl_fail(&call->err, "git.sha", "\"%s\" is not a sha", sha);
	pl_git_job(call)->now_ms = pl_arg_int(call, "time");
	pl_git_job(call)->offset = 0;
	tagger = pl_git_signature(call, repo, pl_arg_text(call, "author"));
	if (!tagger)
		return false;
	pl_git.oid_fromstr(&id, sha);
	rc = pl_git.object_lookup(&target, repo, &id, GIT_OBJECT_ANY);
	if (!rc)
		rc = pl_git.tag_annotation_create(&id, repo, pl_arg_text(call, "name"),
		    target, tagger, pl_arg_text(call, "message"));
	pl_git.object_free(target);
	pl_git.signature_free(tagger);
	if (rc)
		return pl_git_fail(call, repo, rc, "the tag");
	call->result = pl_git_sha(call->arena, &id);
	return true;
}

void pl_git_sim_tag(struct pl_call *call)
{
	git_repository *repo;

	if (!pl_git_sim_begin(call))
		return;
	repo = opened(call);
	answer(call, repo && tag(call, repo));
	pl_git.repository_free(repo);
}

/* What a ref leads to; of an annotated tag its words, too. */
static bool peel(struct pl_call *call, git_repository *repo)
{
	const char *sha = pl_arg_text(call, "sha"), *message;
	struct pl_arena *a = call->arena;
	git_object *object = NULL, *commit = NULL;
	git_tag *annotation = NULL;
	git_oid id;
	int rc;

	if (!pl_git_is_sha(sha))
		return pl_fail(&call->err, "git.sha", "\"%s\" is not a sha", sha);
	pl_git.oid_fromstr(&id, sha);
	rc = pl_git.object_lookup(&object, repo, &id, GIT_OBJECT_ANY);
	if (!rc)
		rc = pl_git.object_peel(&commit, object, GIT_OBJECT_COMMIT);
	if (!rc) {
		call->result = pl_map(a);
		pl_map_set(
		    a, call->result, "commit", pl_git_sha(a, pl_git.object_id(commit)));
	}
	if (!rc && pl_git.object_type(object) == GIT_OBJECT_TAG) {
		rc = pl_git.tag_lookup(&annotation, repo, &id);
		message = rc ? NULL : pl_git.tag_message(annotation);
		pl_map_set(
		    a, call->result, "message", pl_text(a, message ? message : ""));
		pl_git.tag_free(annotation);
	}
	pl_git.object_free(commit);
	pl_git.object_free(object);
	return !rc || pl_git_fail(call, repo, rc, "%s", sha);
}

void pl_git_sim_peel(struct pl_call *call)
{
	git_repository *repo;

	if (!pl_git_sim_begin(call))
		return;
	repo = opened(call);
	answer(call, repo && peel(call, repo));
	pl_git.repository_free(repo);
}
