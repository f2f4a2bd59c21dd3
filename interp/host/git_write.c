/* git.commit: exactly the named files, whatever else is staged or changed. */
#include "git_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct commit {
	git_repository *repo;
	git_index *index; /* in memory: HEAD's files with the named ones replaced */
	git_tree *head; /* NULL before the first commit */
	git_commit *parent;
	git_oid tree;
	const struct pl_value *files;
};

/* ---- who -------------------------------------------------------------------- */

/* "Name <mail>", both not empty. */
static bool split_author(char **name, char **mail, struct pl_arena *a, const char *text)
{
	const char *open = strrchr(text, '<'), *close = strrchr(text, '>');
	const char *end = open;

	if (!open || !close || close < open || close[1] || close == open + 1)
		return false;
	while (end > text && end[-1] == ' ')
		end--;
	if (end == text || strpbrk(text, "\n\r"))
		return false;
	*name = pl_arena_text(a, text, (size_t)(end - text));
	*mail = pl_arena_text(a, open + 1, (size_t)(close - open - 1));
	return true;
}

git_signature *pl_git_signature(
    struct pl_call *call, git_repository *repo, const char *text)
{
	const struct pl_git_job *job = pl_git_job(call);
	git_signature *own = NULL, *s = NULL;
	char *name = NULL, *mail = NULL;

	if (text && !split_author(&name, &mail, call->arena, text)) {
		pl_fail(&call->err, "git.author",
		    "\"%s\" is not of the form Name <mail>", text);
		return NULL;
	}
	if (!text && pl_git.signature_default(&own, repo)) {
		pl_fail(&call->err, "git.author",
		    "git does not know who you are: set user.name and user.email with "
		    "git config, or give author = \"Name <mail>\"");
		return NULL;
	}
	if (pl_git.signature_new(&s, text ? name : own->name, text ? mail : own->email,
	        (git_time_t)(job->now_ms / 1000), job->offset))
		pl_git_fail(call, NULL, GIT_ERROR, "the author");
	pl_git.signature_free(own);
	return s;
}

/* ---- what ------------------------------------------------------------------- */

static bool is_inside(const char *path)
{
	const char *p = path;

	if (!*path || *path == '/')
		return false;
	while (*p) {
		size_t n = strcspn(p, "/");

		if (!n || (n == 1 && p[0] == '.') || (n == 2 && !strncmp(p, "..", 2)) ||
		    (n == 4 && !strncmp(p, ".git", 4)))
			return false;
		p += n;
		if (*p && !*++p)
			return false;
	}
	return true;
}

/* What the working tree has at the path: a file, a link or a submodule. */
static bool entry_from(git_index_entry *entry, struct pl_call *call,
    const struct commit *c, const char *path, const struct stat *st)
{
	git_submodule *sub = NULL;
	const git_oid *id;
	int rc;

	entry->path = path;
	if (S_ISREG(st->st_mode))
		entry->mode = st->st_mode & S_IXUSR ? GIT_FILEMODE_BLOB_EXECUTABLE
		                                    : GIT_FILEMODE_BLOB;
	else if (S_ISLNK(st->st_mode))
		entry->mode = GIT_FILEMODE_LINK;
	else if (S_ISDIR(st->st_mode))
		entry->mode = GIT_FILEMODE_COMMIT;
	else
		return pl_fail(&call->err, "git.path", "\"%s\" is not a file", path);
	if (entry->mode != GIT_FILEMODE_COMMIT) {
		rc = pl_git.blob_create_from_workdir(&entry->id, c->repo, path);
		return !rc || pl_git_fail(call, c->repo, rc, "reading \"%s\"", path);
	}
	rc = pl_git.submodule_lookup(&sub, c->repo, path);
	id = rc ? NULL : pl_git.submodule_wd_id(sub);
	if (id)
		entry->id = *id;
	else
		pl_fail(&call->err, "git.path",
		    "\"%s\" is a folder: name the files that are to be committed",
		    path);
	pl_git.submodule_free(sub);
	return id != NULL;
}

static bool stage(struct pl_call *call, struct commit *c, const char *path)
{
	const char *top = pl_git.repository_workdir(c->repo);
	git_index_entry entry = {0};
	struct stat st;
	int rc;

	if (!is_inside(path))
		return pl_fail(&call->err, "git.path",
		    "\"%s\" is not a path inside the repository, from its top", path);
	if (lstat(pl_arena_printf(call->arena, "%s%s", top, path), &st)) {
		if (!pl_git.index_get_bypath(c->index, path, 0))
			return pl_fail(&call->err, "git.missing",
			    "\"%s\" is neither in the working tree nor in HEAD", path);
		pl_git.index_remove(c->index, path, 0);
		return true;
	}
	if (!entry_from(&entry, call, c, path, &st))
		return false;
	rc = pl_git.index_add(c->index, &entry);
	return !rc || pl_git_fail(call, c->repo, rc, "\"%s\"", path);
}

static bool read_head(struct pl_call *call, struct commit *c)
{
	git_oid id;
	int rc;

	if (pl_git.repository_head_unborn(c->repo) == 1)
		return true;
	rc = pl_git.reference_name_to_id(&id, c->repo, "HEAD");
	if (!rc)
		rc = pl_git.commit_lookup(&c->parent, c->repo, &id);
	if (!rc)
		rc = pl_git.commit_tree(&c->head, c->parent);
	if (!rc)
		rc = pl_git.index_read_tree(c->index, c->head);
	return !rc || pl_git_fail(call, c->repo, rc, "reading HEAD");
}

static bool may_commit(struct pl_call *call, git_repository *repo)
{
	if (pl_git.repository_is_bare(repo))
		return pl_fail(&call->err, "git.bare",
		    "\"%s\" is a bare repository: it has no files to commit",
		    pl_git_job(call)->directory);
	if (pl_git.repository_state(repo) != GIT_REPOSITORY_STATE_NONE)
		return pl_fail(&call->err, "git.state",
		    "a merge, rebase or the like is under way in \"%s\": end it first",
		    pl_git.repository_workdir(repo));
	return true;
}

/* Opens the repository and makes the tree that the commit will have. */
static bool prepare(struct pl_call *call, struct commit *c)
{
	int rc;

	c->files = pl_arg(call, "files");
	c->repo = pl_git_open(call);
	if (!c->repo || !may_commit(call, c->repo))
		return false;
	if (!c->files || !c->files->as.list.len)
		return pl_fail(&call->err, "git.nothing", "no files are named");
	rc = pl_git.index_new(&c->index);
	if (rc)
		return pl_git_fail(call, c->repo, rc, "an index");
	if (!read_head(call, c))
		return false;
	for (uint32_t i = 0; i < c->files->as.list.len; i++) {
		const char *path = pl_text_of(c->files->as.list.at[i], NULL);

		if (!path)
			return pl_fail(&call->err, "git.path", "files[%u] is not text",
			    (unsigned)i + 1);
		if (!stage(call, c, path))
			return false;
	}
	rc = pl_git.index_write_tree_to(&c->tree, c->index, c->repo);
	return !rc || pl_git_fail(call, c->repo, rc, "writing the files");
}

static bool differs(const struct commit *c)
{
	if (!c->head)
		return true;
	return pl_git.oid_cmp(&c->tree, pl_git.tree_id(c->head)) != 0;
}

static void release(struct commit *c)
{
	pl_git.index_free(c->index);
	pl_git.tree_free(c->head);
	pl_git.commit_free(c->parent);
	pl_git.repository_free(c->repo);
}

static bool nothing(struct pl_call *call, const struct commit *c)
{
	return pl_fail(&call->err, "git.nothing", "%s %s from HEAD",
	    pl_text_of(c->files->as.list.at[0], ""),
	    c->files->as.list.len > 1 ? "and the other files do not differ"
	                              : "does not differ");
}

/* ---- the act ---------------------------------------------------------------- */

#ifdef __APPLE__
#define NANOSECONDS(st) ((st).st_mtimespec.tv_nsec)
#else
#define NANOSECONDS(st) ((st).st_mtim.tv_nsec)
#endif

/*
 * git takes a file for unchanged when size and second are as the index says, and
 * looks closer only if the index is not younger. A file changed in the second in
 * which the index was last written would look clean once we write it anew; libgit2
 * counts nanoseconds and does not see that. A size of 0 makes git look.
 */
static int mark_doubtful(git_index *index, const struct commit *c, struct pl_arena *a)
{
	const char *top = pl_git.repository_workdir(c->repo);
	struct stat old, st;
	int rc = 0;

	if (!pl_git.index_path(index) || stat(pl_git.index_path(index), &old))
		return 0;
	for (size_t i = 0; !rc && i < pl_git.index_entrycount(index); i++) {
		git_index_entry e = *pl_git.index_get_byindex(index, i);

		if (e.mtime.seconds < old.st_mtime ||
		    lstat(pl_arena_printf(a, "%s%s", top, e.path), &st) ||
		    (st.st_mtime == e.mtime.seconds &&
		        (uint32_t)NANOSECONDS(st) == e.mtime.nanoseconds))
			continue;
		e.file_size = 0;
		rc = pl_git.index_add(index, &e);
	}
	return rc;
}

/* The real index learns of the named files only, so that they do not look staged
 * the other way round afterwards. Before the commit: a busy index stops it. */
static bool update_index(struct pl_call *call, const struct commit *c)
{
	git_index *index = NULL;
	int rc = pl_git.repository_index(&index, c->repo);

	if (!rc)
		rc = mark_doubtful(index, c, call->arena);
	for (uint32_t i = 0; !rc && i < c->files->as.list.len; i++) {
		const char *path = pl_text_of(c->files->as.list.at[i], "");

		if (pl_git.index_get_bypath(c->index, path, 0))
			rc = pl_git.index_add_bypath(index, path);
		else
			rc = pl_git.index_remove_bypath(index, path);
		if (rc == GIT_ENOTFOUND)
			rc = 0;
	}
	if (!rc)
		rc = pl_git.index_write(index);
	pl_git.index_free(index);
	return !rc || pl_git_fail(call, c->repo, rc, "the index");
}

static bool create(struct pl_call *call, struct commit *c)
{
	const git_commit *parents[] = {c->parent};
	git_signature *author, *committer = NULL;
	git_tree *tree = NULL;
	git_oid id;
	int rc = -1;

	author = pl_git_signature(call, c->repo, pl_arg_text(call, "author"));
	if (!author)
		return false;
	/* Who has no identity of their own commits as the author. */
	committer = pl_git_signature(call, c->repo, NULL);
	if (!committer)
		call->err = (struct pl_err){0};
	rc = pl_git.tree_lookup(&tree, c->repo, &c->tree);
	if (!rc && pl_call_may_write(call) && update_index(call, c)) {
		rc = pl_git.commit_create(&id, c->repo, "HEAD", author,
		    committer ? committer : author, NULL, pl_arg_text(call, "message"),
		    tree, c->parent ? 1 : 0, parents);
		if (rc)
			pl_git_fail(call, c->repo, rc, "the commit");
	} else if (rc) {
		pl_git_fail(call, c->repo, rc, "the new files");
	} else {
		rc = -1; /* refused, and call->err says why */
	}
	if (!rc) {
		call->result = pl_map(call->arena);
		pl_map_set(
		    call->arena, call->result, "sha", pl_git_sha(call->arena, &id));
	}
	pl_git.tree_free(tree);
	pl_git.signature_free(committer);
	pl_git.signature_free(author);
	return !rc;
}

static bool commit_work(struct pl_call *call)
{
	struct commit c = {0};
	bool ok = prepare(call, &c);

	if (ok)
		ok = differs(&c) ? create(call, &c) : nothing(call, &c);
	release(&c);
	return ok;
}

void pl_git_commit(struct pl_call *call)
{
	pl_git_run(call, commit_work);
}

const char *pl_git_commit_target(struct pl_call *call)
{
	const struct pl_value *files = pl_arg(call, "files");
	struct pl_buf b = {0};
	uint32_t n = files && files->kind == PL_LIST ? files->as.list.len : 0;
	const char *out;

	for (uint32_t i = 0; i < n && i < 3; i++)
		pl_buf_printf(
		    &b, "%s%s", i ? ", " : "", pl_text_of(files->as.list.at[i], "?"));
	if (n > 3)
		pl_buf_printf(&b, " and %u more", (unsigned)(n - 3));
	out = pl_arena_text(call->arena, b.at ? b.at : "", b.len);
	pl_buf_fini(&b);
	return out;
}

/* ---- dry-run and after a crash ------------------------------------------------ */

/* The n-th predicted commit of a dry-run is "000…n". */
static bool predict(struct pl_call *call, struct commit *c)
{
	struct pl_arena *a = call->arena;
	git_signature *who =
	    pl_git_signature(call, c->repo, pl_arg_text(call, "author"));
	const struct pl_value *earlier = pl_git_overlay(call, "git:commit:");
	git_reference *head = NULL;
	struct pl_value *about = pl_map(a), *author = pl_map(a);
	const char *sha =
	    pl_arena_printf(a, "%040u", (unsigned)earlier->as.map.len + 1);
	const char *branch;

	if (!who)
		return false;
	pl_map_set(a, author, "name", pl_text(a, who->name));
	pl_map_set(a, author, "email", pl_text(a, who->email));
	pl_git.signature_free(who);
	pl_map_set(a, about, "message", pl_text(a, pl_arg_text(call, "message")));
	pl_map_set(a, about, "author", author);
	pl_map_set(a, about, "files", (struct pl_value *)c->files);
	pl_overlay_set(call, pl_arena_printf(a, "git:commit:%s", sha), about);
	pl_overlay_set(call, "git:HEAD", pl_text(a, sha));
	if (!pl_git.reference_lookup(&head, c->repo, "HEAD")) {
		branch = pl_git.reference_symbolic_target(head);
		if (branch)
			pl_overlay_set(call, pl_arena_printf(a, "git:%s", branch),
			    pl_text(a, sha));
	}
	pl_git.reference_free(head);
	call->prediction.sign = '+';
	call->prediction.after = pl_text(a, sha);
	call->prediction.note = "the commit's sha is known when it is made";
	call->result = pl_map(a);
	pl_map_set(a, call->result, "sha", pl_text(a, sha));
	return true;
}

/* Files that an earlier predicted commit holds do not differ any more. */
static bool was_predicted(struct pl_call *call, const struct commit *c)
{
	const struct pl_value *earlier = pl_git_overlay(call, "git:commit:");

	for (uint32_t i = 0; i < earlier->as.map.len; i++)
		if (pl_same(pl_get(earlier->as.map.at[i].value, "files"), c->files))
			return true;
	return false;
}

static bool predict_work(struct pl_call *call)
{
	struct commit c = {0};
	bool ok = prepare(call, &c);

	if (ok)
		ok = differs(&c) && !was_predicted(call, &c) ? predict(call, &c)
		                                             : nothing(call, &c);
	release(&c);
	return ok;
}

void pl_git_commit_predict(struct pl_call *call)
{
	pl_git_run(call, predict_work);
}

/* It happened if HEAD has the message and the files as they are; it did not if
 * the files still differ. Otherwise nobody can tell from here. */
static bool probe_work(struct pl_call *call)
{
	struct pl_arena *a = call->arena;
	struct pl_value *result;
	struct commit c = {0};
	bool ok = prepare(call, &c);
	bool apart = ok && differs(&c);

	if (!ok)
		goto cleanup;
	call->result = pl_null(a);
	if (apart || !c.parent) {
		call->result = pl_map(a);
		pl_map_set(a, call->result, "happened", pl_bool(a, false));
	} else if (!strcmp(
	               pl_git.commit_message(c.parent), pl_arg_text(call, "message"))) {
		result = pl_map(a);
		pl_map_set(a, result, "sha", pl_git_sha(a, pl_git.commit_id(c.parent)));
		call->result = pl_map(a);
		pl_map_set(a, call->result, "happened", pl_bool(a, true));
		pl_map_set(a, call->result, "result", result);
	}
cleanup:
	release(&c);
	return ok;
}

void pl_git_commit_probe(struct pl_call *call)
{
	pl_git_run(call, probe_work);
}
