/* Trees are read raw: no diff, no git_tree objects, equal subtrees unopened. */
#include "git_inner.h"

#include <assert.h>
#include <string.h>

enum { DIRECTORY = 0040000, KIND = 0170000, DEEPEST = 500 };

struct cursor {
	const unsigned char *at, *end;
};

struct entry {
	const char *name;
	size_t len;
	unsigned mode;
	const unsigned char *id;
};

struct comparison {
	struct pl_call *call;
	git_repository *repo;
	git_odb *odb;
	struct pl_value *out;
	const struct pl_value *prefixes; /* or NULL */
	struct pl_buf path; /* of the directory in hand, "" or "a/b/" */
	unsigned depth;
};

/* One entry: mode in octal, blank, name, NUL, 20 bytes. False: none is left, or
 * (then c->at is not c->end) it is damaged. */
static bool next(struct cursor *c, struct entry *e)
{
	const unsigned char *p = c->at, *nul;

	e->mode = 0;
	while (p < c->end && *p >= '0' && *p <= '7')
		e->mode = e->mode * 8 + (unsigned)(*p++ - '0');
	if (p == c->end || p == c->at || *p != ' ')
		return false;
	p++;
	nul = memchr(p, 0, (size_t)(c->end - p));
	if (!nul || nul == p || c->end - nul <= GIT_OID_RAWSZ)
		return false;
	e->name = (const char *)p;
	e->len = (size_t)(nul - p);
	e->id = nul + 1;
	c->at = nul + 1 + GIT_OID_RAWSZ;
	return true;
}

static bool is_directory(const struct entry *e)
{
	return (e->mode & KIND) == DIRECTORY;
}

/* The order of entries in a tree: directories as if a "/" ended their names. */
static int order(const struct entry *a, const struct entry *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int c = memcmp(a->name, b->name, n);
	int x, y;

	if (c)
		return c;
	x = a->len > n ? (unsigned char)a->name[n] : is_directory(a) ? '/' : 0;
	y = b->len > n ? (unsigned char)b->name[n] : is_directory(b) ? '/' : 0;
	return x - y;
}

/* ---- prefixes ------------------------------------------------------------- */

/* "apps/api" and "apps/api/" hold apps/api/x, not apps/api2; the first also the
 * file apps/api. */
static bool holds(const char *prefix, const char *path)
{
	size_t n;

	if (prefix[0] == '.' && prefix[1] == '/')
		prefix += 2;
	n = strlen(prefix);
	if (!n || !strcmp(prefix, "."))
		return true;
	if (strncmp(path, prefix, n))
		return false;
	return prefix[n - 1] == '/' || !path[n] || path[n] == '/';
}

/* Whether something under the directory ("a/b/") can be wanted. */
static bool leads_to(const char *prefix, const char *directory)
{
	if (prefix[0] == '.' && prefix[1] == '/')
		prefix += 2;
	return holds(prefix, directory) ||
	    !strncmp(prefix, directory, strlen(directory));
}

static bool wanted(
    const struct comparison *c, bool (*test)(const char *prefix, const char *path))
{
	if (!c->prefixes)
		return true;
	for (uint32_t i = 0; i < c->prefixes->as.list.len; i++)
		if (test(pl_text_of(c->prefixes->as.list.at[i], ""), c->path.at))
			return true;
	return false;
}

/* ---- the walk ------------------------------------------------------------- */

static void cut(struct pl_buf *b, size_t n)
{
	b->len = n;
	if (b->at)
		b->at[n] = '\0';
}

static bool walk(
    struct comparison *c, const unsigned char *from, const unsigned char *to);

/* from, to: the same name on both sides; one of them may be NULL. */
static bool differs(
    struct comparison *c, const struct entry *from, const struct entry *to)
{
	const struct entry *e = to ? to : from;
	size_t mark = c->path.len;
	bool ok = true;

	assert(e);
	pl_buf_add(&c->path, e->name, e->len);
	if (is_directory(e)) {
		pl_buf_putc(&c->path, '/');
		if (wanted(c, leads_to))
			ok = walk(c, from ? from->id : NULL, to ? to->id : NULL);
	} else if (wanted(c, holds)) {
		pl_list_add(c->call->arena, c->out,
		    pl_textn(c->call->arena, c->path.at, c->path.len));
	}
	cut(&c->path, mark);
	return ok;
}

static bool read_tree(struct comparison *c, git_odb_object **object,
    struct cursor *cursor, const unsigned char *id)
{
	git_oid oid;
	int rc;

	*object = NULL;
	*cursor = (struct cursor){0};
	if (!id)
		return true;
	memcpy(oid.id, id, GIT_OID_RAWSZ);
	rc = pl_git.odb_read(object, c->odb, &oid);
	if (rc)
		return pl_git_fail(c->call, c->repo, rc, "the files of a commit");
	cursor->at = pl_git.odb_object_data(*object);
	cursor->end = cursor->at + pl_git.odb_object_size(*object);
	return true;
}

static bool merge(struct comparison *c, struct cursor *from, struct cursor *to)
{
	struct entry a, b;
	bool more_a = next(from, &a), more_b = next(to, &b);

	while (more_a || more_b) {
		int way = !more_a ? 1 : !more_b ? -1 : order(&a, &b);
		bool same =
		    way == 0 && a.mode == b.mode && !memcmp(a.id, b.id, GIT_OID_RAWSZ);

		if (!same && !differs(c, way <= 0 ? &a : NULL, way >= 0 ? &b : NULL))
			return false;
		if (way <= 0)
			more_a = next(from, &a);
		if (way >= 0)
			more_b = next(to, &b);
	}
	if (from->at != from->end || to->at != to->end)
		return pl_fail(&c->call->err, "git.failed",
		    "a tree of the repository is damaged at \"%s\"; run git fsck",
		    c->path.at ? c->path.at : "");
	return true;
}

static bool walk(
    struct comparison *c, const unsigned char *from, const unsigned char *to)
{
	git_odb_object *a = NULL, *b = NULL;
	struct cursor x, y;
	bool ok;

	if (++c->depth > DEEPEST)
		return pl_fail(&c->call->err, "git.failed",
		    "folders of the repository are nested more than %d deep", DEEPEST);
	ok = read_tree(c, &a, &x, from) && read_tree(c, &b, &y, to) && merge(c, &x, &y);
	pl_git.odb_object_free(a);
	pl_git.odb_object_free(b);
	c->depth--;
	return ok;
}

static bool tree_of(
    git_oid *out, struct pl_call *call, git_repository *repo, const git_oid *commit)
{
	git_commit *c = NULL;
	int rc = pl_git.commit_lookup(&c, repo, commit);

	if (rc)
		return pl_git_fail(call, repo, rc, "reading a commit");
	*out = *pl_git.commit_tree_id(c);
	pl_git.commit_free(c);
	return true;
}

bool pl_git_compare(struct pl_value *out, struct pl_call *call, git_repository *repo,
    const git_oid *from, const git_oid *to, const struct pl_value *prefixes)
{
	struct comparison c = {.call = call, .repo = repo, .out = out};
	git_oid a, b;
	int rc;
	bool ok;

	if (prefixes && prefixes->kind == PL_LIST && prefixes->as.list.len)
		c.prefixes = prefixes;
	if (!tree_of(&a, call, repo, from) || !tree_of(&b, call, repo, to))
		return false;
	if (!pl_git.oid_cmp(&a, &b))
		return true;
	rc = pl_git.repository_odb(&c.odb, repo);
	if (rc)
		return pl_git_fail(call, repo, rc, "opening the objects");
	ok = walk(&c, a.id, b.id);
	pl_git.odb_free(c.odb);
	pl_buf_fini(&c.path);
	return ok;
}

static bool changed_work(struct pl_call *call)
{
	git_repository *repo = pl_git_open(call);
	git_oid from, to;
	bool ok = false;

	if (!repo)
		return false;
	call->result = pl_list(call->arena);
	ok = pl_git_resolve(&from, call, repo, pl_arg_text(call, "from")) &&
	    pl_git_resolve(&to, call, repo, pl_arg_text(call, "to")) &&
	    pl_git_compare(call->result, call, repo, &from, &to, pl_arg(call, "paths"));
	pl_git.repository_free(repo);
	return ok;
}

void pl_git_changed(struct pl_call *call)
{
	pl_git_run(call, changed_work);
}
