/*
 * sim.git.*: the simulated world's repositories. Trusted callers, absolute paths,
 * answered before `start` returns. Equal input gives equal ids: nothing is taken
 * from the user's git configuration or the clock.
 */
#include "git_inner.h"

#include <string.h>

#define NONE \
	{ \
		NULL, 0, false, NULL, NULL, NULL \
	}
#define TEXT(name, help) \
	{ \
		name, PL_T_TEXT, true, NULL, help, NULL \
	}
#define TIME \
	{ \
		"time", PL_T_INTEGER, true, NULL, "ms since 1970", NULL \
	}
#define NEW TEXT("message", "of the commit"), TEXT("author", "\"Name <mail>\""), TIME

static const struct pl_option init_options[] = {
    TEXT("path", "absolute"),
    {"bare", PL_T_FLAG, false, "true", "without a working tree", NULL},
    NONE,
};
static const struct pl_option clone_options[] = {
    TEXT("url", "path of the original"),
    TEXT("path", "absolute"),
    {"branch", PL_T_TEXT, false, NULL, "to check out", NULL},
    {"origin", PL_T_TEXT, false, NULL, "what the clone takes its origin to be (url)",
        NULL},
    NONE,
};
static const struct pl_option path_options[] = {TEXT("path", "absolute"), NONE};
static const struct pl_option set_options[] = {
    TEXT("path", "absolute"),
    TEXT("ref", "full name"),
    TEXT("sha", "\"\" deletes"),
    NONE,
};
static const struct pl_option commit_options[] = {
    TEXT("path", "absolute"),
    {"parents", PL_T_LIST, false, "[]", "shas; the first one's files are kept", NULL},
    {"files", PL_T_MAP, false, "{}", "path -> text, or false to remove it", NULL},
    NEW,
    NONE,
};
static const struct pl_option join_options[] = {
    TEXT("path", "absolute"),
    TEXT("base", "sha that is merged into"),
    TEXT("head", "sha that is merged"),
    NEW,
    NONE,
};
static const struct pl_option span_options[] = {
    TEXT("path", "absolute"),
    TEXT("from", "sha"),
    {"to", PL_T_TEXT, false, NULL, "sha", NULL},
    NONE,
};
static const struct pl_option kin_options[] = {
    TEXT("path", "absolute"),
    TEXT("ancestor", "sha"),
    TEXT("descendant", "sha"),
    NONE,
};
static const struct pl_option read_options[] = {
    TEXT("path", "absolute"),
    TEXT("sha", "commit"),
    TEXT("file", "path of a file"),
    NONE,
};
static const struct pl_option list_options[] = {
    TEXT("path", "absolute"),
    TEXT("sha", "commit"),
    {"dir", PL_T_TEXT, false, "\"\"", "path of a folder", NULL},
    NONE,
};

static const struct pl_option tag_options[] = {
    TEXT("path", "absolute"),
    TEXT("name", "of the tag"),
    TEXT("sha", "what it names"),
    NEW,
    NONE,
};
static const struct pl_option peel_options[] = {
    TEXT("path", "absolute"),
    TEXT("sha", "of a commit or a tag"),
    NONE,
};

/* ---- around each of them ----------------------------------------------------- */

bool pl_git_sim_begin(struct pl_call *call)
{
	for (const struct pl_option *o = call->row->options; o->name; o++) {
		const struct pl_value *v = pl_arg(call, o->name);

		if (!o->required || (v && (v->kind == PL_TEXT || v->kind == PL_INT)))
			continue;
		pl_fail(
		    &call->err, "git.failed", "%s needs %s", call->row->name, o->name);
		pl_call_fail(call);
		return false;
	}
	return pl_git_begin(call) != NULL;
}

/* Runs `act` on the repository at `path`, then answers. */
static void with(
    struct pl_call *call, bool (*act)(struct pl_call *call, git_repository *repo))
{
	git_repository *repo = NULL;
	const char *path = pl_arg_text(call, "path");
	bool ok;
	int rc;

	if (!pl_git_sim_begin(call))
		return;
	rc = pl_git.repository_open(&repo, path);
	ok = rc ? pl_git_fail(call, NULL, rc, "\"%s\"", path) : act(call, repo);
	pl_git.repository_free(repo);
	if (ok)
		pl_call_ok(call, call->result);
	else
		pl_call_fail(call);
}

static bool id_of(
    git_oid *out, struct pl_call *call, git_repository *repo, const char *name)
{
	const char *sha = pl_arg_text(call, name);

	return pl_git_resolve(out, call, repo, sha ? sha : "");
}

/* ---- repositories and refs ------------------------------------------------------ */

static bool refs_act(struct pl_call *call, git_repository *repo)
{
	git_reference_iterator *all = NULL;
	git_reference *ref = NULL;
	int rc = pl_git.reference_iterator_new(&all, repo);

	call->result = pl_map(call->arena);
	while (!rc && !(rc = pl_git.reference_next(&ref, all))) {
		if (pl_git.reference_target(ref))
			pl_map_set(call->arena, call->result,
			    pl_git.reference_name(ref),
			    pl_git_sha(call->arena, pl_git.reference_target(ref)));
		pl_git.reference_free(ref);
	}
	pl_git.reference_iterator_free(all);
	return rc == GIT_ITEROVER || pl_git_fail(call, repo, rc, "listing refs");
}

static void refs(struct pl_call *call)
{
	with(call, refs_act);
}

static bool set_act(struct pl_call *call, git_repository *repo)
{
	const char *name = pl_arg_text(call, "ref"), *sha = pl_arg_text(call, "sha");
	git_object *object = NULL;
	git_reference *ref = NULL;
	git_oid id;
	int rc;

	call->result = pl_text(call->arena, sha);
	if (!*sha) {
		rc = pl_git.reference_remove(repo, name);
		return !rc || rc == GIT_ENOTFOUND ||
		    pl_git_fail(call, repo, rc, "%s", name);
	}
	if (!pl_git_is_sha(sha))
		return pl_fail(&call->err, "git.sha", "\"%s\" is not a sha", sha);
	pl_git.oid_fromstr(&id, sha);
	rc = pl_git.object_lookup(&object, repo, &id, GIT_OBJECT_ANY);
	if (!rc)
		rc = pl_git.reference_create(&ref, repo, name, &id, 1, NULL);
	pl_git.reference_free(ref);
	pl_git.object_free(object);
	return !rc || pl_git_fail(call, repo, rc, "%s", name);
}

static void set_ref(struct pl_call *call)
{
	with(call, set_act);
}

/* ---- commits ---------------------------------------------------------------------- */

/* Writes index and commit; the answer is the sha. Moves no ref. */
static bool write_commit(struct pl_call *call, git_repository *repo, git_index *index,
    size_t count, const git_commit **parents)
{
	git_signature *author;
	git_tree *tree = NULL;
	git_oid id;
	int rc;

	pl_git_job(call)->now_ms = pl_arg_int(call, "time");
	pl_git_job(call)->offset = 0;
	author = pl_git_signature(call, repo, pl_arg_text(call, "author"));
	if (!author)
		return false;
	rc = pl_git.index_write_tree_to(&id, index, repo);
	if (!rc)
		rc = pl_git.tree_lookup(&tree, repo, &id);
	if (!rc)
		rc = pl_git.commit_create(&id, repo, NULL, author, author, NULL,
		    pl_arg_text(call, "message"), tree, count, parents);
	pl_git.tree_free(tree);
	pl_git.signature_free(author);
	if (rc)
		return pl_git_fail(call, repo, rc, "the commit");
	call->result = pl_git_sha(call->arena, &id);
	return true;
}

static bool put(struct pl_call *call, git_repository *repo, git_index *index,
    const struct pl_pair *file)
{
	const git_index_entry *old = pl_git.index_get_bypath(index, file->key, 0);
	git_index_entry entry = {.path = file->key};
	int rc;

	if (file->value->kind != PL_TEXT) {
		if (old)
			pl_git.index_remove(index, file->key, 0);
		return true;
	}
	entry.mode = old ? old->mode : GIT_FILEMODE_BLOB;
	rc = pl_git.blob_create_from_buffer(
	    &entry.id, repo, file->value->as.text.at, file->value->as.text.len);
	if (!rc)
		rc = pl_git.index_add(index, &entry);
	return !rc || pl_git_fail(call, repo, rc, "\"%s\"", file->key);
}

static bool read_files(
    struct pl_call *call, git_repository *repo, git_index *index, git_commit *from)
{
	git_tree *tree = NULL;
	int rc = pl_git.commit_tree(&tree, from);

	if (!rc)
		rc = pl_git.index_read_tree(index, tree);
	pl_git.tree_free(tree);
	return !rc || pl_git_fail(call, repo, rc, "the parent's files");
}

enum { PARENTS = 16 };

static bool read_parents(git_commit **out, struct pl_call *call, git_repository *repo,
    const struct pl_value *list)
{
	for (uint32_t i = 0; i < list->as.list.len; i++) {
		git_oid id;
		int rc;

		if (!pl_git_resolve(
		        &id, call, repo, pl_text_of(list->as.list.at[i], "")))
			return false;
		rc = pl_git.commit_lookup(&out[i], repo, &id);
		if (rc)
			return pl_git_fail(call, repo, rc, "a parent");
	}
	return true;
}

static bool commit_act(struct pl_call *call, git_repository *repo)
{
	const struct pl_value *list = pl_arg(call, "parents");
	const struct pl_value *files = pl_arg(call, "files");
	size_t count = list && list->kind == PL_LIST ? list->as.list.len : 0;
	git_commit *parents[PARENTS] = {0};
	git_index *index = NULL;
	bool ok = false;

	if (count > PARENTS)
		return pl_fail(
		    &call->err, "git.failed", "more than %d parents", PARENTS);
	if (pl_git.index_new(&index) ||
	    (count && !read_parents(parents, call, repo, list)) ||
	    (count && !read_files(call, repo, index, parents[0])))
		goto cleanup;
	ok = true;
	for (uint32_t i = 0;
	     ok && files && files->kind == PL_MAP && i < files->as.map.len; i++)
		ok = put(call, repo, index, &files->as.map.at[i]);
	if (ok)
		ok = write_commit(
		    call, repo, index, count, (const git_commit **)parents);
cleanup:
	for (size_t i = 0; i < count; i++)
		pl_git.commit_free(parents[i]);
	pl_git.index_free(index);
	return ok;
}

static void commit(struct pl_call *call)
{
	with(call, commit_act);
}

static bool join(struct pl_call *call, git_repository *repo, size_t count)
{
	git_merge_options options;
	git_commit *parents[2] = {0};
	git_index *index = NULL;
	git_oid base, head;
	bool ok = false;
	int rc;

	if (!id_of(&base, call, repo, "base") || !id_of(&head, call, repo, "head"))
		return false;
	pl_git.merge_options_init(&options, GIT_MERGE_OPTIONS_VERSION);
	rc = pl_git.commit_lookup(&parents[0], repo, &base);
	if (!rc)
		rc = pl_git.commit_lookup(&parents[1], repo, &head);
	if (!rc)
		rc = pl_git.merge_commits(
		    &index, repo, parents[0], parents[1], &options);
	if (rc)
		pl_git_fail(call, repo, rc, "merging");
	else if (pl_git.index_has_conflicts(index))
		pl_fail(&call->err, "git.conflict", "%s and %s change the same lines",
		    pl_arg_text(call, "base"), pl_arg_text(call, "head"));
	else
		ok = write_commit(
		    call, repo, index, count, (const git_commit **)parents);
	pl_git.index_free(index);
	pl_git.commit_free(parents[1]);
	pl_git.commit_free(parents[0]);
	return ok;
}

static bool merge_act(struct pl_call *call, git_repository *repo)
{
	return join(call, repo, 2);
}

static void merge(struct pl_call *call)
{
	with(call, merge_act);
}

static bool squash_act(struct pl_call *call, git_repository *repo)
{
	return join(call, repo, 1);
}

static void squash(struct pl_call *call)
{
	with(call, squash_act);
}

/* ---- reading ------------------------------------------------------------------------ */

static bool changed_act(struct pl_call *call, git_repository *repo)
{
	git_oid from, to;

	call->result = pl_list(call->arena);
	return id_of(&from, call, repo, "from") && id_of(&to, call, repo, "to") &&
	    pl_git_compare(call->result, call, repo, &from, &to, NULL);
}

static void changed(struct pl_call *call)
{
	with(call, changed_act);
}

static struct pl_value *log_entry(struct pl_arena *a, const git_commit *c)
{
	struct pl_value *v = pl_map(a), *full = pl_git_commit_value(a, c);
	const struct pl_value *who = pl_get(full, "author");

	pl_map_set(a, v, "sha", pl_get(full, "sha"));
	pl_map_set(a, v, "message", pl_get(full, "message"));
	pl_map_set(a, v, "author",
	    pl_textf(a, "%s <%s>", pl_get_text(who, "name", ""),
	        pl_get_text(who, "email", "")));
	pl_map_set(a, v, "time", pl_int(a, (int64_t)pl_git.commit_time(c) * 1000));
	pl_map_set(a, v, "parents", pl_get(full, "parents"));
	return v;
}

static bool log_act(struct pl_call *call, git_repository *repo)
{
	bool bounded = pl_arg_text(call, "to") && *pl_arg_text(call, "to");
	git_oid from, to;

	call->result = pl_list(call->arena);
	return id_of(&from, call, repo, "from") &&
	    (!bounded || id_of(&to, call, repo, "to")) &&
	    pl_git_walk(
	        call->result, call, repo, &from, bounded ? &to : NULL, 0, log_entry);
}

static void log_(struct pl_call *call)
{
	with(call, log_act);
}

static bool kin_act(struct pl_call *call, git_repository *repo)
{
	git_oid a, b;
	int rc;

	if (!id_of(&a, call, repo, "ancestor") || !id_of(&b, call, repo, "descendant"))
		return false;
	rc = pl_git.oid_cmp(&a, &b) ? pl_git.graph_descendant_of(repo, &b, &a) : 1;
	if (rc < 0)
		return pl_git_fail(call, repo, rc, "walking the history");
	call->result = pl_bool(call->arena, rc == 1);
	return true;
}

static void is_ancestor(struct pl_call *call)
{
	with(call, kin_act);
}

static bool read_act(struct pl_call *call, git_repository *repo)
{
	git_oid id;

	return id_of(&id, call, repo, "sha") &&
	    pl_git_read_file(&call->result, call, repo, &id, pl_arg_text(call, "file"));
}

static void read_(struct pl_call *call)
{
	with(call, read_act);
}

static bool list_act(struct pl_call *call, git_repository *repo)
{
	const char *directory = pl_arg_text(call, "dir");
	git_oid id;

	return id_of(&id, call, repo, "sha") &&
	    pl_git_list_files(
	        &call->result, call, repo, &id, directory ? directory : "");
}

static void list(struct pl_call *call)
{
	with(call, list_act);
}

#define ROW(name, class, summary, options, result, start) \
	{ \
		"sim.git." name, class, summary, options, result, start, NULL, NULL, \
		    NULL \
	}

const struct pl_row pl_git_sim_rows[] = {
    ROW("init", PL_WRITE, "Makes a repository", init_options, "path", pl_git_sim_init),
    ROW("clone", PL_WRITE, "Clones a repository of the world", clone_options, "path",
        pl_git_sim_clone),
    ROW("refs", PL_READ, "All refs", path_options, "map of full name to sha", refs),
    ROW("set_ref", PL_WRITE, "Sets or deletes a ref", set_options, "sha", set_ref),
    ROW("commit", PL_WRITE, "Writes a commit, moves no ref", commit_options, "sha",
        commit),
    ROW("merge", PL_WRITE, "Writes a merge commit, moves no ref", join_options, "sha",
        merge),
    ROW("squash", PL_WRITE, "Writes the merge as one plain commit, moves no ref",
        join_options, "sha", squash),
    ROW("changed", PL_READ, "Files that differ", span_options, "list of paths",
        changed),
    ROW("log", PL_READ, "Commits in `from`, not in `to`", span_options,
        "list of {sha, message, author, time (ms), parents}, newest first", log_),
    ROW("is_ancestor", PL_READ, "Whether one commit contains the other", kin_options,
        "flag", is_ancestor),
    ROW("tag", PL_WRITE, "Writes an annotated tag, moves no ref", tag_options, "sha",
        pl_git_sim_tag),
    ROW("peel", PL_READ, "The commit behind a tag", peel_options,
        "{commit, message (of an annotated tag)}", pl_git_sim_peel),
    ROW("read", PL_READ, "A file of a commit", read_options, "text, or null", read_),
    ROW("list", PL_READ, "Names in a folder of a commit", list_options,
        "list of names, those of folders with \"/\" behind", list),
    {NULL, PL_PURE, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
