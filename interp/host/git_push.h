/* git_push, inside: one push, from what is asked for to what came of it. */
#ifndef PL_GIT_PUSH_H
#define PL_GIT_PUSH_H

#include "git_inner.h"

struct pl_push {
	git_repository *repo;
	git_remote *remote;
	const char *ref; /* "refs/heads/production" */
	const char *expect; /* "", a sha, or NULL */
	char commit[PL_SHA + 1]; /* as asked for */
	char after[PL_SHA + 1]; /* what the ref will hold: the commit, or its tag */
	char before[PL_SHA + 1]; /* what it holds, "" if it does not exist */
	bool force, predicted;
	bool same; /* it is there already */
};

/* Reads the arguments, opens the repository, chooses what the ref will hold.
 * Codes: git.name, git.sha, git.missing. */
bool pl_push_prepare(struct pl_call *call, struct pl_push *p);
void pl_push_release(struct pl_push *p);
/* The same refusals in a dry-run and for real; sets before and same. peeled: what
 * a remote tag means, "" if not known.
 * Codes: git.moved, git.exists, git.not_fast_forward. */
bool pl_push_decide(
    struct pl_call *call, struct pl_push *p, const char *before, const char *peeled);
/* Fills call->err: p->before is not what was expected. Returns false. */
bool pl_push_moved(struct pl_call *call, const struct pl_push *p, const char *expected);
/* {ref, before, after, changed} */
struct pl_value *pl_push_answer(struct pl_call *call, const struct pl_push *p);

#endif
