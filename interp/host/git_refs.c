/* What the clone itself is at: HEAD, the working tree, tags and branches. */
#include "git_inner.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* The branch that HEAD is on, into the arena; NULL where it is detached. */
static const char *branch_of(struct pl_call *call, git_repository *repo)
{
	git_reference *head = NULL;
	const char *name = NULL, *target;

	if (!pl_git.reference_lookup(&head, repo, "HEAD")) {
		target = pl_git.reference_symbolic_target(head);
		if (target && !strncmp(target, "refs/heads/", 11))
			target += 11;
		if (target)
			name = pl_arena_text(call->arena, target, strlen(target));
	}
	pl_git.reference_free(head);
	return name;
}

/* ---- head ------------------------------------------------------------------- */

/* A dry-run's HEAD after a predicted commit. */
static struct pl_value *predicted_head(struct pl_call *call)
{
	struct pl_arena *a = call->arena;
	struct pl_value *v = pl_map(a);
	const char *sha = pl_git_overlaid(call, "HEAD");
	const struct pl_value *about;

	about = pl_overlay_get(call, pl_arena_printf(a, "git:commit:%s", sha));
	pl_map_set(a, v, "sha", pl_text(a, sha));
	pl_map_set(a, v, "message", pl_text(a, pl_get_text(about, "message", NULL)));
	if (pl_get(about, "author"))
		pl_map_set(a, v, "author", pl_copy(a, pl_get(about, "author")));
	pl_map_set(a, v, "time", pl_null(a)); /* known when it is made */
	return v;
}

static struct pl_value *real_head(struct pl_call *call, git_repository *repo)
{
	struct pl_arena *a = call->arena;
	struct pl_value *v = NULL, *full;
	git_commit *c = NULL;
	git_oid id;
	int rc;

	if (!pl_git_resolve(&id, call, repo, "HEAD"))
		return NULL;
	rc = pl_git.commit_lookup(&c, repo, &id);
	if (rc) {
		pl_git_fail(call, repo, rc, "reading HEAD");
	} else {
		v = pl_map(a);
		full = pl_git_commit_value(a, c);
		pl_map_set(a, v, "sha", pl_get(full, "sha"));
		pl_map_set(a, v, "message", pl_get(full, "message"));
		pl_map_set(a, v, "author", pl_get(full, "author"));
		pl_map_set(a, v, "time", pl_get(full, "time"));
	}
	pl_git.commit_free(c);
	return v;
}

static bool head_work(struct pl_call *call)
{
	git_repository *repo = pl_git_open(call);
	const char *overlaid = pl_git_overlaid(call, "HEAD");

	if (!repo)
		return false;
	call->result = overlaid ? predicted_head(call) : real_head(call, repo);
	if (call->result)
		pl_map_set(call->arena, call->result, "branch",
		    pl_text(call->arena, branch_of(call, repo)));
	pl_git.repository_free(repo);
	return call->result != NULL;
}

void pl_git_head(struct pl_call *call)
{
	pl_git_run(call, head_work);
}

/* ---- status ----------------------------------------------------------------- */

static const char *state_of(unsigned s)
{
	static const struct {
		unsigned bits;
		const char *name;
	} states[] = {
	    {GIT_STATUS_CONFLICTED, "conflicted"},
	    {GIT_STATUS_INDEX_NEW, "added"},
	    {GIT_STATUS_WT_NEW, "untracked"},
	    {GIT_STATUS_INDEX_DELETED | GIT_STATUS_WT_DELETED, "deleted"},
	    {GIT_STATUS_INDEX_TYPECHANGE | GIT_STATUS_WT_TYPECHANGE, "retyped"},
	    {GIT_STATUS_WT_UNREADABLE, "unreadable"},
	};

	for (size_t i = 0; i < PL_COUNT(states); i++)
		if (s & states[i].bits)
			return states[i].name;
	return "modified";
}

/* Files of a predicted commit count as committed. */
static bool is_committed(const struct pl_value *commits, const char *path)
{
	for (uint32_t i = 0; i < commits->as.map.len; i++) {
		const struct pl_value *files =
		    pl_get(commits->as.map.at[i].value, "files");

		for (uint32_t k = 0; files && k < files->as.list.len; k++)
			if (!strcmp(pl_text_of(files->as.list.at[k], ""), path))
				return true;
	}
	return false;
}

static struct pl_value *changes_of(struct pl_call *call, git_status_list *list)
{
	struct pl_arena *a = call->arena;
	struct pl_value *out = pl_list(a);
	const struct pl_value *commits = pl_git_overlay(call, "git:commit:");

	for (size_t i = 0; i < pl_git.status_list_entrycount(list); i++) {
		const git_status_entry *e = pl_git.status_byindex(list, i);
		const git_diff_delta *d =
		    e->index_to_workdir ? e->index_to_workdir : e->head_to_index;
		const char *path;
		struct pl_value *v;

		if (!d || e->status == GIT_STATUS_CURRENT)
			continue;
		path = d->new_file.path ? d->new_file.path : d->old_file.path;
		if (is_committed(commits, path))
			continue;
		v = pl_map(a);
		pl_map_set(a, v, "path", pl_text(a, path));
		pl_map_set(a, v, "state", pl_text(a, state_of(e->status)));
		pl_list_add(a, out, v);
	}
	return out;
}

static bool status_work(struct pl_call *call)
{
	struct pl_arena *a = call->arena;
	git_repository *repo = pl_git_open(call);
	git_status_options options;
	git_status_list *list = NULL;
	struct pl_value *v, *changes;
	char sha[PL_SHA + 1];
	bool ok = false;
	int rc;

	if (!repo)
		return false;
	if (pl_git.repository_is_bare(repo)) {
		pl_fail(&call->err, "git.bare",
		    "\"%s\" is a bare repository: it has no working tree to look at",
		    pl_git_job(call)->directory);
		goto cleanup;
	}
	pl_git.status_options_init(&options, GIT_STATUS_OPTIONS_VERSION);
	options.flags =
	    GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_SORT_CASE_SENSITIVELY;
	rc = pl_git.status_list_new(&list, repo, &options);
	if (rc) {
		pl_git_fail(call, repo, rc, "looking at the working tree");
		goto cleanup;
	}
	changes = changes_of(call, list);
	call->result = v = pl_map(a);
	pl_map_set(a, v, "branch", pl_text(a, branch_of(call, repo)));
	if (pl_git.repository_head_unborn(repo) == 1 && !pl_git_overlaid(call, "HEAD"))
		pl_map_set(a, v, "head", pl_null(a));
	else if (pl_git_resolve_text(sha, call, repo, "HEAD"))
		pl_map_set(a, v, "head", pl_text(a, sha));
	else
		goto cleanup;
	pl_map_set(a, v, "clean", pl_bool(a, !changes->as.list.len));
	pl_map_set(a, v, "changes", changes);
	ok = true;
cleanup:
	pl_git.status_list_free(list);
	pl_git.repository_free(repo);
	return ok;
}

void pl_git_status(struct pl_call *call)
{
	pl_git_run(call, status_work);
}

/* ---- lists of refs ----------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct pl_value *const *x = a, *const *y = b;

	return strcmp(pl_get_text(*x, "name", ""), pl_get_text(*y, "name", ""));
}

static void sort_by_name(struct pl_value *list)
{
	if (list->as.list.len)
		qsort(list->as.list.at, list->as.list.len, sizeof *list->as.list.at,
		    by_name);
}

static struct pl_value *fresh(
    struct pl_arena *a, struct pl_value *list, const char *name)
{
	struct pl_value *v = pl_map(a);

	pl_map_set(a, v, "name", pl_text(a, name));
	pl_list_add(a, list, v);
	return v;
}

/* A predicted ref replaces the real one or joins the list. */
static struct pl_value *member(
    struct pl_arena *a, struct pl_value *list, const char *name)
{
	for (uint32_t i = 0; i < list->as.list.len; i++)
		if (!strcmp(pl_get_text(list->as.list.at[i], "name", ""), name))
			return list->as.list.at[i];
	return fresh(a, list, name);
}

static bool list_refs(struct pl_call *call, const char *glob,
    bool (*add)(struct pl_call *call, git_repository *repo, git_reference *ref),
    bool (*finish)(struct pl_call *call, git_repository *repo))
{
	git_repository *repo = pl_git_open(call);
	git_reference_iterator *all = NULL;
	bool ok = true;
	int rc;

	if (!repo)
		return false;
	call->result = pl_list(call->arena);
	rc = pl_git.reference_iterator_glob_new(&all, repo, glob);
	while (!rc && ok) {
		git_reference *ref = NULL;

		rc = pl_git.reference_next(&ref, all);
		if (!rc)
			ok = add(call, repo, ref);
		pl_git.reference_free(ref);
	}
	if (rc && rc != GIT_ITEROVER)
		ok = pl_git_fail(call, repo, rc, "listing refs");
	if (ok)
		ok = finish(call, repo);
	if (ok)
		sort_by_name(call->result);
	pl_git.reference_iterator_free(all);
	pl_git.repository_free(repo);
	return ok;
}

static bool fits(const struct pl_call *call, const char *name)
{
	const char *pattern = pl_arg_text(call, "pattern");

	return !pattern || !fnmatch(pattern, name, 0);
}

static bool add_tag(struct pl_call *call, git_repository *repo, git_reference *ref)
{
	struct pl_arena *a = call->arena;
	const char *name = pl_git.reference_name(ref) + strlen("refs/tags/");
	git_object *target = NULL;
	git_tag *tag = NULL;
	struct pl_value *v;
	int rc;

	if (!fits(call, name))
		return true;
	/* Peels to a commit, a tree or a blob: whatever was tagged. */
	rc = pl_git.reference_peel(&target, ref, GIT_OBJECT_COMMIT);
	if (rc)
		rc = pl_git.reference_peel(&target, ref, GIT_OBJECT_ANY);
	if (rc) {
		pl_git.object_free(target);
		return pl_git_fail(call, repo, rc, "tag \"%s\"", name);
	}
	v = fresh(a, call->result, name);
	pl_map_set(a, v, "sha", pl_git_sha(a, pl_git.object_id(target)));
	if (pl_git.reference_target(ref))
		pl_git.tag_lookup(&tag, repo, pl_git.reference_target(ref));
	pl_map_set(a, v, "annotated", pl_bool(a, tag != NULL));
	pl_map_set(a, v, "message", pl_text(a, tag ? pl_git.tag_message(tag) : NULL));
	pl_git.tag_free(tag);
	pl_git.object_free(target);
	return true;
}

static bool finish_tags(struct pl_call *call, git_repository *repo)
{
	struct pl_arena *a = call->arena;
	const struct pl_value *tags = pl_git_overlay(call, "git:refs/tags/");

	(void)repo;
	for (uint32_t i = 0; i < tags->as.map.len; i++) {
		const char *name = tags->as.map.at[i].key;
		const struct pl_value *about;
		struct pl_value *v;

		if (!fits(call, name))
			continue;
		about = pl_overlay_get(call, pl_arena_printf(a, "git:tag:%s", name));
		v = member(a, call->result, name);
		pl_map_set(a, v, "sha", pl_copy(a, tags->as.map.at[i].value));
		pl_map_set(
		    a, v, "annotated", pl_bool(a, pl_get_text(about, "message", NULL)));
		pl_map_set(
		    a, v, "message", pl_text(a, pl_get_text(about, "message", NULL)));
	}
	return true;
}

static bool tags_work(struct pl_call *call)
{
	return list_refs(call, "refs/tags/*", add_tag, finish_tags);
}

void pl_git_tags(struct pl_call *call)
{
	pl_git_run(call, tags_work);
}

static const char *home(const struct pl_call *call)
{
	return pl_arg_flag(call, "remote") ? "refs/remotes/" : "refs/heads/";
}

static bool add_branch(struct pl_call *call, git_repository *repo, git_reference *ref)
{
	struct pl_arena *a = call->arena;
	const char *full = pl_git.reference_name(ref);
	struct pl_value *v;

	(void)repo;
	if (pl_git.reference_type(ref) != GIT_REFERENCE_DIRECT)
		return true; /* refs/remotes/origin/HEAD repeats another */
	v = fresh(a, call->result, full + strlen(home(call)));
	pl_map_set(a, v, "sha", pl_git_sha(a, pl_git.reference_target(ref)));
	pl_map_set(a, v, "upstream", pl_null(a));
	return true;
}

static bool finish_branches(struct pl_call *call, git_repository *repo)
{
	struct pl_arena *a = call->arena;
	const struct pl_value *refs =
	    pl_git_overlay(call, pl_arena_printf(a, "git:%s", home(call)));
	const struct pl_value *upstreams = pl_git_config_upstreams(call, repo);

	if (!upstreams)
		return false;
	for (uint32_t i = 0; i < refs->as.map.len; i++) {
		struct pl_value *v = member(a, call->result, refs->as.map.at[i].key);

		pl_map_set(a, v, "sha", pl_copy(a, refs->as.map.at[i].value));
		pl_map_set(a, v, "upstream", pl_null(a));
	}
	for (uint32_t i = 0;
	     !pl_arg_flag(call, "remote") && i < call->result->as.list.len; i++) {
		struct pl_value *v = call->result->as.list.at[i];
		struct pl_value *up = pl_get(upstreams, pl_get_text(v, "name", ""));

		if (up)
			pl_map_set(a, v, "upstream", up);
	}
	return true;
}

static bool branches_work(struct pl_call *call)
{
	return list_refs(call, pl_arena_printf(call->arena, "%s*", home(call)),
	    add_branch, finish_branches);
}

void pl_git_branches(struct pl_call *call)
{
	pl_git_run(call, branches_work);
}
