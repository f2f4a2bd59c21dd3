/*
 * Remotes as the configuration has them, read in one pass. Not by
 * git_remote_lookup: it applies insteadOf with a regular expression, and libgit2
 * 1.5 loses 20 KiB for each entry that does not match; a wait that looks at a
 * remote every minute would grow by megabytes an hour.
 */
#include "git_inner.h"

#include <string.h>

struct reading {
	struct pl_call *call;
	const char *name; /* of the remote; NULL: any */
	const char *url, *push_url; /* as written */
	struct pl_value *names; /* of all remotes, as keys */
	struct pl_value *instead; /* prefix -> what it stands for */
	struct pl_value *instead_push;
	struct pl_value *fetches; /* of all remotes: name -> refspecs */
	struct pl_value *branches; /* name -> {remote, merge} */
};

/* "remote.NAME.key": the key, and the name into the arena. NULL: of no section. */
static const char *split(
    const char **name, struct pl_arena *a, const char *entry, const char *section)
{
	size_t n = strlen(section);
	const char *dot;

	if (strncmp(entry, section, n) != 0 || entry[n] != '.')
		return NULL;
	entry += n + 1;
	dot = strrchr(entry, '.');
	if (!dot)
		return NULL;
	*name = pl_arena_text(a, entry, (size_t)(dot - entry));
	return dot + 1;
}

/* The container at a key, made if it is not there. */
static struct pl_value *within(struct pl_arena *a, struct pl_value *map,
    const char *key, struct pl_value *(*make)(struct pl_arena *a))
{
	struct pl_value *v = pl_get(map, key);

	if (!v) {
		v = make(a);
		pl_map_set(a, map, key, v);
	}
	return v;
}

static int read_entry(const git_config_entry *e, void *arg)
{
	struct reading *r = arg;
	struct pl_arena *a = r->call->arena;
	const char *name, *key, *value = e->value ? e->value : "";

	key = split(&name, a, e->name, "url");
	if (key && !strcmp(key, "insteadof"))
		pl_map_set(a, r->instead, value, pl_text(a, name));
	if (key && !strcmp(key, "pushinsteadof"))
		pl_map_set(a, r->instead_push, value, pl_text(a, name));
	key = split(&name, a, e->name, "branch");
	if (key)
		pl_map_set(
		    a, within(a, r->branches, name, pl_map), key, pl_text(a, value));
	key = split(&name, a, e->name, "remote");
	if (!key)
		return 0;
	if (!strcmp(key, "fetch"))
		pl_list_add(a, within(a, r->fetches, name, pl_list), pl_text(a, value));
	if (!strcmp(key, "url"))
		pl_map_set(a, r->names, name, pl_bool(a, true));
	if (!r->name || strcmp(name, r->name) != 0)
		return 0;
	if (!strcmp(key, "url") && !r->url)
		r->url = pl_arena_text(a, value, strlen(value));
	else if (!strcmp(key, "pushurl"))
		r->push_url = pl_arena_text(a, value, strlen(value));
	return 0;
}

static bool read_config(struct reading *r, git_repository *repo)
{
	struct pl_arena *a = r->call->arena;
	git_config *config = NULL;
	int rc = pl_git.repository_config_snapshot(&config, repo);

	r->fetches = pl_map(a);
	r->branches = pl_map(a);
	r->names = pl_map(a);
	r->instead = pl_map(a);
	r->instead_push = pl_map(a);
	if (!rc)
		rc = pl_git.config_foreach(config, read_entry, r);
	pl_git.config_free(config);
	return !rc || pl_git_fail(r->call, repo, rc, "the configuration of git");
}

/* The longest prefix wins. NULL: none fits. */
static const char *rewritten(
    struct pl_arena *a, const struct pl_value *rules, const char *url)
{
	const struct pl_pair *best = NULL;

	for (uint32_t i = 0; i < rules->as.map.len; i++) {
		const struct pl_pair *p = &rules->as.map.at[i];

		if (!strncmp(url, p->key, p->key_len) &&
		    (!best || p->key_len > best->key_len))
			best = p;
	}
	if (!best)
		return NULL;
	return pl_arena_printf(
	    a, "%s%s", pl_text_of(best->value, ""), url + best->key_len);
}

static bool no_remote(struct reading *r)
{
	struct pl_buf b = {0};

	for (uint32_t i = 0; i < r->names->as.map.len; i++)
		pl_buf_printf(&b, "%s%s", i ? ", " : "", r->names->as.map.at[i].key);
	pl_fail(&r->call->err, "git.remote", "no remote is called \"%s\"%s%s", r->name,
	    b.len ? "; there is " : " (there is none)", b.len ? b.at : "");
	pl_buf_fini(&b);
	return false;
}

bool pl_git_config_url(const char **out, struct pl_call *call, git_repository *repo,
    const char *name, bool push)
{
	struct reading r = {.call = call, .name = name};
	const char *url, *other = NULL;

	if (!read_config(&r, repo))
		return false;
	if (!r.url && !strpbrk(name, "/:"))
		return no_remote(&r);
	url = r.url ? r.url : name;
	if (push && r.push_url)
		url = r.push_url;
	else if (push)
		other = rewritten(call->arena, r.instead_push, url);
	if (!other)
		other = rewritten(call->arena, r.instead, url);
	*out = other ? other : url;
	return true;
}

struct pl_value *pl_git_config_fetch(
    struct pl_call *call, git_repository *repo, const char *name)
{
	struct reading r = {.call = call, .name = name};

	if (!read_config(&r, repo))
		return NULL;
	return within(call->arena, r.fetches, name, pl_list);
}

bool pl_git_config_is_remote(
    struct pl_call *call, git_repository *repo, const char *name)
{
	struct reading r = {.call = call, .name = name};

	return read_config(&r, repo) && r.url;
}

const char *pl_git_tracking(
    struct pl_arena *a, const struct pl_value *fetch, const char *ref)
{
	const char *out = NULL;

	for (uint32_t i = 0; i < fetch->as.list.len && !out; i++) {
		const char *text = pl_text_of(fetch->as.list.at[i], "");
		git_refspec *spec = NULL;
		git_buf name = {0};

		if (!pl_git.refspec_parse(&spec, text, 1) &&
		    pl_git.refspec_src_matches(spec, ref) &&
		    !pl_git.refspec_transform(&name, spec, ref))
			out = pl_arena_text(a, name.ptr, strlen(name.ptr));
		pl_git.buf_dispose(&name);
		pl_git.refspec_free(spec);
	}
	return out;
}

static const char *after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) ? NULL : text + n;
}

struct pl_value *pl_git_config_upstreams(struct pl_call *call, git_repository *repo)
{
	struct reading r = {.call = call};
	struct pl_arena *a = call->arena;
	struct pl_value *out = pl_map(a);

	if (!read_config(&r, repo))
		return NULL;
	for (uint32_t i = 0; i < r.branches->as.map.len; i++) {
		const struct pl_pair *p = &r.branches->as.map.at[i];
		const char *remote = pl_get_text(p->value, "remote", NULL);
		const char *merge = pl_get_text(p->value, "merge", NULL);
		const char *ref, *name;

		if (!remote || !merge)
			continue;
		ref = !strcmp(remote, ".")
		    ? merge
		    : pl_git_tracking(a, within(a, r.fetches, remote, pl_list), merge);
		if (!ref)
			continue;
		name = after(ref, "refs/remotes/");
		if (!name)
			name = after(ref, "refs/heads/");
		pl_map_set(a, out, p->key, pl_text(a, name ? name : ref));
	}
	return out;
}
