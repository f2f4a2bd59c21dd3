#include "git_inner.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 64 << 20 };

/* ---- commits --------------------------------------------------------------- */

struct pl_value *pl_git_commit_value(struct pl_arena *a, const git_commit *c)
{
	struct pl_value *v = pl_map(a), *author = pl_map(a), *parents = pl_list(a);
	const git_signature *s = pl_git.commit_author(c);
	char hex[PL_SHA + 1], time[32];

	pl_git_hex(hex, pl_git.commit_id(c));
	pl_time_write(time, (int64_t)pl_git.commit_time(c) * 1000);
	pl_map_set(a, author, "name", pl_text(a, s ? s->name : ""));
	pl_map_set(a, author, "email", pl_text(a, s ? s->email : ""));
	for (unsigned i = 0; i < pl_git.commit_parentcount(c); i++)
		pl_list_add(a, parents, pl_git_sha(a, pl_git.commit_parent_id(c, i)));
	pl_map_set(a, v, "sha", pl_text(a, hex));
	pl_map_set(a, v, "short", pl_textn(a, hex, PL_SHORT));
	pl_map_set(a, v, "subject", pl_text(a, pl_git.commit_summary((git_commit *)c)));
	pl_map_set(a, v, "message", pl_text(a, pl_git.commit_message(c)));
	pl_map_set(a, v, "author", author);
	pl_map_set(a, v, "time", pl_text(a, time));
	pl_map_set(a, v, "parents", parents);
	return v;
}

static struct pl_value *commit_at(
    struct pl_call *call, git_repository *repo, const git_oid *id)
{
	git_commit *c = NULL;
	struct pl_value *v = NULL;
	int rc = pl_git.commit_lookup(&c, repo, id);

	if (rc)
		pl_git_fail(call, repo, rc, "reading a commit");
	else
		v = pl_git_commit_value(call->arena, c);
	pl_git.commit_free(c);
	return v;
}

static bool show_work(struct pl_call *call)
{
	git_repository *repo = pl_git_open(call);
	git_oid id;
	bool ok = false;

	if (!repo)
		return false;
	if (pl_git_resolve(&id, call, repo, pl_arg_text(call, "at"))) {
		call->result = commit_at(call, repo, &id);
		ok = call->result != NULL;
	}
	pl_git.repository_free(repo);
	return ok;
}

void pl_git_show(struct pl_call *call)
{
	pl_git_run(call, show_work);
}

static bool resolve_work(struct pl_call *call)
{
	git_repository *repo = pl_git_open(call);
	char sha[PL_SHA + 1];
	bool ok;

	if (!repo)
		return false;
	ok = pl_git_resolve_text(sha, call, repo, pl_arg_text(call, "at"));
	if (ok)
		call->result = pl_text(call->arena, sha);
	pl_git.repository_free(repo);
	return ok;
}

void pl_git_resolve_row(struct pl_call *call)
{
	pl_git_run(call, resolve_work);
}

bool pl_git_walk(struct pl_value *out, struct pl_call *call, git_repository *repo,
    const git_oid *from, const git_oid *to, int64_t limit,
    struct pl_value *(*make)(struct pl_arena *a, const git_commit *c))
{
	git_revwalk *walk = NULL;
	git_oid id;
	int64_t n = 0;
	int rc = pl_git.revwalk_new(&walk, repo);

	if (!rc)
		rc = pl_git.revwalk_sorting(walk, GIT_SORT_TOPOLOGICAL | GIT_SORT_TIME);
	if (!rc)
		rc = pl_git.revwalk_push(walk, from);
	if (!rc && to)
		rc = pl_git.revwalk_hide(walk, to);
	while (!rc && (limit <= 0 || n < limit)) {
		git_commit *c = NULL;

		rc = pl_git.revwalk_next(&id, walk);
		if (!rc)
			rc = pl_git.commit_lookup(&c, repo, &id);
		if (!rc)
			pl_list_add(call->arena, out, make(call->arena, c));
		pl_git.commit_free(c);
		n++;
	}
	pl_git.revwalk_free(walk);
	if (rc && rc != GIT_ITEROVER)
		return pl_git_fail(call, repo, rc, "walking the history");
	return true;
}

static bool log_work(struct pl_call *call)
{
	const char *to = pl_arg_text(call, "to");
	git_repository *repo = pl_git_open(call);
	git_oid a, b;
	bool ok;

	if (!repo)
		return false;
	call->result = pl_list(call->arena);
	ok = pl_git_resolve(&a, call, repo, pl_arg_text(call, "from")) &&
	    (!to || pl_git_resolve(&b, call, repo, to)) &&
	    pl_git_walk(call->result, call, repo, &a, to ? &b : NULL,
	        pl_arg_int(call, "limit"), pl_git_commit_value);
	pl_git.repository_free(repo);
	return ok;
}

void pl_git_log(struct pl_call *call)
{
	pl_git_run(call, log_work);
}

/* ---- kinship --------------------------------------------------------------- */

static bool kin(struct pl_call *call, const char *first, const char *second,
    bool (*work)(struct pl_call *call, git_repository *repo, git_oid *a, git_oid *b))
{
	git_repository *repo = pl_git_open(call);
	git_oid a, b;
	bool ok;

	if (!repo)
		return false;
	ok = pl_git_resolve(&a, call, repo, pl_arg_text(call, first)) &&
	    pl_git_resolve(&b, call, repo, pl_arg_text(call, second)) &&
	    work(call, repo, &a, &b);
	pl_git.repository_free(repo);
	return ok;
}

static bool base_of(struct pl_call *call, git_repository *repo, git_oid *a, git_oid *b)
{
	git_oid base;
	int rc = pl_git.merge_base(&base, repo, a, b);

	if (rc == GIT_ENOTFOUND && pl_git.repository_is_shallow(repo) != 1) {
		call->result = pl_null(call->arena);
		return true;
	}
	if (rc)
		return pl_git_fail(call, repo, rc, "looking for the merge base");
	call->result = pl_git_sha(call->arena, &base);
	return true;
}

static bool base_work(struct pl_call *call)
{
	return kin(call, "a", "b", base_of);
}

void pl_git_merge_base(struct pl_call *call)
{
	pl_git_run(call, base_work);
}

static bool descends(struct pl_call *call, git_repository *repo, git_oid *a, git_oid *b)
{
	/* A commit counts as its own ancestor, as in git. */
	int rc = pl_git.oid_cmp(a, b) ? pl_git.graph_descendant_of(repo, b, a) : 1;

	if (rc < 0)
		return pl_git_fail(call, repo, rc, "walking the history");
	if (!rc && pl_git.repository_is_shallow(repo) == 1)
		return pl_fail(&call->err, "git.shallow",
		    "this clone is shallow: its history cannot tell whether one commit "
		    "comes before the other; run git fetch --unshallow");
	call->result = pl_bool(call->arena, rc == 1);
	return true;
}

static bool ancestor_work(struct pl_call *call)
{
	return kin(call, "ancestor", "descendant", descends);
}

void pl_git_is_ancestor(struct pl_call *call)
{
	pl_git_run(call, ancestor_work);
}

/* ---- files of a commit ------------------------------------------------------ */

/* The entry at a path; GIT_ENOTFOUND where there is none. */
static int entry_at(git_tree_entry **entry, git_tree **root, git_repository *repo,
    const git_oid *at, const char *path)
{
	git_commit *c = NULL;
	int rc = pl_git.commit_lookup(&c, repo, at);

	if (!rc)
		rc = pl_git.commit_tree(root, c);
	if (!rc && path)
		rc = pl_git.tree_entry_bypath(entry, *root, path);
	pl_git.commit_free(c);
	return rc;
}

/* "./a//b/" as "a/b"; "" for the top. */
static char *tidy(struct pl_arena *a, const char *path)
{
	char *out = pl_arena_text(a, path, strlen(path));
	char *w = out;

	while (*path) {
		size_t n = strcspn(path, "/");

		if (n && !(n == 1 && *path == '.')) {
			if (w > out)
				*w++ = '/';
			memmove(w, path, n);
			w += n;
		}
		path += n + (path[n] == '/');
	}
	*w = '\0';
	return out;
}

static bool read_blob(struct pl_value **out, struct pl_call *call, git_repository *repo,
    const git_oid *id, const char *path)
{
	git_blob *blob = NULL;
	int rc = pl_git.blob_lookup(&blob, repo, id);
	git_object_size_t n = rc ? 0 : pl_git.blob_rawsize(blob);
	bool ok = false;

	if (rc)
		pl_git_fail(call, repo, rc, "reading \"%s\"", path);
	else if (n > FILE_MAX)
		pl_fail(&call->err, "git.large",
		    "\"%s\" has %llu bytes; the limit is %d", path,
		    (unsigned long long)n, FILE_MAX);
	else
		ok = (*out = pl_textn(call->arena, pl_git.blob_rawcontent(blob),
		          (size_t)n)) != NULL;
	pl_git.blob_free(blob);
	return ok;
}

bool pl_git_read_file(struct pl_value **out, struct pl_call *call, git_repository *repo,
    const git_oid *at, const char *path)
{
	git_tree_entry *entry = NULL;
	git_tree *root = NULL;
	const char *clean = tidy(call->arena, path);
	int rc = *clean ? entry_at(&entry, &root, repo, at, clean) : GIT_OK;
	bool ok = false;

	if (rc == GIT_ENOTFOUND && root)
		ok = (*out = pl_null(call->arena)) != NULL;
	else if (rc)
		pl_git_fail(call, repo, rc, "looking for \"%s\"", path);
	else if (!entry || pl_git.tree_entry_type(entry) != GIT_OBJECT_BLOB)
		pl_fail(&call->err, "git.path", "\"%s\" is a folder, not a file", path);
	else
		ok = read_blob(out, call, repo, pl_git.tree_entry_id(entry), path);
	pl_git.tree_entry_free(entry);
	pl_git.tree_free(root);
	return ok;
}

static struct pl_value *names_of(struct pl_arena *a, const git_tree *tree)
{
	struct pl_value *out = pl_list(a);

	for (size_t i = 0; i < pl_git.tree_entrycount(tree); i++) {
		const git_tree_entry *e = pl_git.tree_entry_byindex(tree, i);
		bool folder = pl_git.tree_entry_type(e) == GIT_OBJECT_TREE;

		pl_list_add(a, out,
		    pl_textf(a, "%s%s", pl_git.tree_entry_name(e), folder ? "/" : ""));
	}
	return out;
}

bool pl_git_list_files(struct pl_value **out, struct pl_call *call,
    git_repository *repo, const git_oid *at, const char *directory)
{
	const char *clean = tidy(call->arena, directory);
	git_tree_entry *entry = NULL;
	git_tree *root = NULL, *tree = NULL;
	int rc = entry_at(&entry, &root, repo, at, *clean ? clean : NULL);
	bool ok = false;

	if (!rc && entry && pl_git.tree_entry_type(entry) != GIT_OBJECT_TREE) {
		pl_fail(&call->err, "git.path", "\"%s\" is a file, not a folder",
		    directory);
		goto cleanup;
	}
	if (!rc && entry)
		rc = pl_git.tree_lookup(&tree, repo, pl_git.tree_entry_id(entry));
	ok = !rc || (rc == GIT_ENOTFOUND && root && !entry);
	if (rc && !ok)
		pl_git_fail(call, repo, rc, "looking for \"%s\"", directory);
	else if (rc)
		*out = pl_list(call->arena);
	else
		*out = names_of(call->arena, tree ? tree : root);
cleanup:
	pl_git.tree_free(tree);
	pl_git.tree_entry_free(entry);
	pl_git.tree_free(root);
	return ok;
}

static bool file_work(struct pl_call *call)
{
	git_repository *repo = pl_git_open(call);
	git_oid id;
	bool ok;

	if (!repo)
		return false;
	ok = pl_git_resolve(&id, call, repo, pl_arg_text(call, "at")) &&
	    pl_git_read_file(&call->result, call, repo, &id, pl_arg_text(call, "path"));
	pl_git.repository_free(repo);
	return ok;
}

void pl_git_file(struct pl_call *call)
{
	pl_git_run(call, file_work);
}

static bool files_work(struct pl_call *call)
{
	git_repository *repo = pl_git_open(call);
	git_oid id;
	bool ok;

	if (!repo)
		return false;
	ok = pl_git_resolve(&id, call, repo, pl_arg_text(call, "at")) &&
	    pl_git_list_files(&call->result, call, repo, &id, pl_arg_text(call, "dir"));
	pl_git.repository_free(repo);
	return ok;
}

void pl_git_files(struct pl_call *call)
{
	pl_git_run(call, files_work);
}
