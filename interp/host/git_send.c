/* The act of git.push: into a directory with a lock of our own, to a server with
 * libgit2's upload, to a directory with hooks through git itself. */
#include "git_push.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- the act: a directory ------------------------------------------------------------ */

/* Only git itself runs hooks and keeps its receive.* settings. */
static bool needs_git(const struct pl_push *p, git_repository *there)
{
	static const char *const hooks[] = {"pre-receive", "update", "post-receive",
	    "post-update", "proc-receive", "reference-transaction"};
	char path[4096];

	if (p->force || !pl_git.repository_is_bare(there))
		return true;
	for (size_t i = 0; i < PL_COUNT(hooks); i++) {
		snprintf(path, sizeof path, "%shooks/%s", pl_git.repository_path(there),
		    hooks[i]);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

static int pack_into(
    git_repository *there, const struct pl_push *p, const git_oid *object)
{
	git_packbuilder *pack = NULL;
	git_revwalk *walk = NULL;
	git_reference_iterator *all = NULL;
	git_reference *ref = NULL;
	git_object *tip = NULL, *commit = NULL;
	git_buf home = {0};
	char path[4096];
	int rc = pl_git.object_lookup(&tip, p->repo, object, GIT_OBJECT_ANY);

	if (!rc)
		rc = pl_git.object_peel(&commit, tip, GIT_OBJECT_COMMIT);
	if (!rc)
		rc = pl_git.revwalk_new(&walk, p->repo);
	if (!rc)
		rc = pl_git.revwalk_push(walk, pl_git.object_id(commit));
	if (!rc)
		rc = pl_git.reference_iterator_new(&all, there);
	while (!rc && !pl_git.reference_next(&ref, all)) {
		/* What is not here, or is no commit, just cannot be left out. */
		if (pl_git.reference_target(ref))
			pl_git.revwalk_hide(walk, pl_git.reference_target(ref));
		pl_git.reference_free(ref);
	}
	if (!rc)
		rc = pl_git.packbuilder_new(&pack, p->repo);
	if (!rc)
		rc = pl_git.packbuilder_insert_walk(pack, walk);
	if (!rc && pl_git.object_type(tip) == GIT_OBJECT_TAG)
		rc = pl_git.packbuilder_insert(pack, object, NULL);
	if (!rc)
		rc = pl_git.repository_item_path(
		    &home, there, GIT_REPOSITORY_ITEM_OBJECTS);
	if (!rc && pl_git.packbuilder_object_count(pack)) {
		snprintf(path, sizeof path, "%spack", home.ptr);
		rc = pl_git.packbuilder_write(pack, path, 0, NULL, NULL);
	}
	pl_git.buf_dispose(&home);
	pl_git.packbuilder_free(pack);
	pl_git.reference_iterator_free(all);
	pl_git.revwalk_free(walk);
	pl_git.object_free(commit);
	pl_git.object_free(tip);
	return rc;
}

/* libgit2's own push to a directory neither compares nor locks: this one does. */
static bool push_into(struct pl_call *call, struct pl_push *p, git_repository *there)
{
	char expected[PL_SHA + 1];
	git_reference *ref = NULL;
	git_oid old, new;
	int rc;

	pl_git.oid_fromstr(&new, p->after);
	if (!pl_call_may_write(call))
		return false;
	rc = pack_into(there, p, &new);
	if (rc)
		return pl_git_fail(call, p->repo, rc, "sending %s", p->after);
	if (*p->before)
		pl_git.oid_fromstr(&old, p->before);
	rc = pl_git.reference_create_matching(&ref, there, p->ref, &new,
	    *p->before != '\0', *p->before ? &old : NULL, "push");
	pl_git.reference_free(ref);
	if (rc != GIT_EMODIFIED && rc != GIT_EEXISTS)
		return !rc || pl_git_fail(call, NULL, rc, "%s", p->ref);
	memcpy(expected, p->before, sizeof expected);
	*p->before = '\0';
	if (!pl_git.reference_name_to_id(&new, there, p->ref))
		pl_git_hex(p->before, &new);
	return pl_push_moved(call, p, expected);
}

/* ---- the act: a server ----------------------------------------------------------------- */

static bool was_on_the_way(const struct pl_git_net *net, int rc)
{
	const git_error *e = pl_git.error_last();
	const char *text = e && e->message ? e->message : "";
	bool ssh = pl_git_net_is_ssh(net);

	/* An answer that refuses the request is an outcome. */
	if (!net->asked || rc == GIT_EAUTH || strstr(text, "status code: 4") ||
	    strstr(text, "redirect"))
		return false;
	switch (e ? e->klass : GIT_ERROR_NONE) {
	case GIT_ERROR_NONE:
	case GIT_ERROR_OS:
	case GIT_ERROR_NET:
	case GIT_ERROR_SSL:
	case GIT_ERROR_SSH:
	case GIT_ERROR_HTTP:
	case GIT_ERROR_CALLBACK:
		return ssh || net->sent;
	default:
		return false;
	}
}

static bool rejected(struct pl_call *call, const struct pl_push *p, const char *why)
{
	const struct pl_git_net *net = pl_git_job(call)->net;
	struct pl_buf b = {0};
	size_t n = net->said.len;

	while (n && strchr("\r\n ", net->said.at[n - 1]))
		n--;
	if (n)
		pl_printable(&b, net->said.at, n, false);
	pl_fail(&call->err, "git.rejected", "%s refuses %s: %s%s%s", net->name, p->ref,
	    why, b.len ? "; it says: " : "", b.len ? b.at : "");
	pl_buf_fini(&b);
	return false;
}

/* The server said no. If the ref has another value by now, that is the reason. */
static bool refused_by_server(struct pl_call *call, struct pl_push *p)
{
	struct pl_git_net *net = pl_git_job(call)->net;
	char expected[PL_SHA + 1];
	struct pl_value *refs;

	memcpy(expected, p->before, sizeof expected);
	net->spawn = false;
	if (pl_git_remote_refs(&refs, call, p->repo)) {
		snprintf(
		    p->before, sizeof p->before, "%s", pl_get_text(refs, p->ref, ""));
		if (strcmp(p->before, expected) != 0)
			return pl_push_moved(call, p, expected);
	}
	return rejected(call, p, net->verdict);
}

static bool outcome(struct pl_call *call, struct pl_push *p, int rc)
{
	struct pl_git_net *net = pl_git_job(call)->net;
	const char *text = rc ? pl_git_message(call->arena) : "";
	bool unknown;

	if (net->verdict)
		return refused_by_server(call, p);
	if (!rc || net->reported)
		return true;
	if (strstr(text, "unpacking the sent packfile failed"))
		return rejected(call, p, "unpacking failed");
	unknown = was_on_the_way(net, rc);
	pl_git_net_fail(call, p->repo, rc);
	if (unknown) {
		pl_err_within(&call->err,
		    "%s: the push was sent and its outcome is not known", p->ref);
		call->err.unknown = true;
		call->err.retryable = false;
	}
	return false;
}

/* libgit2 pushes refs, not commits: a ref of ours names it meanwhile. */
static bool upload(struct pl_call *call, struct pl_push *p)
{
	struct pl_git_net *net = pl_git_job(call)->net;
	git_push_options options;
	git_reference *ref = NULL;
	unsigned char salt[8];
	char name[64], hex[17];
	char *spec;
	git_oid id;
	bool ok;
	int rc;

	pl_host_random(salt, sizeof salt);
	pl_hex(hex, salt, sizeof salt);
	snprintf(name, sizeof name, "refs/pipe/push-%s", hex);
	spec =
	    pl_arena_printf(call->arena, "%s%s:%s", p->force ? "+" : "", name, p->ref);
	memcpy(net->expected, p->before, sizeof net->expected);
	pl_git.push_options_init(&options, GIT_PUSH_OPTIONS_VERSION);
	pl_git_net_callbacks(&options.callbacks, net);
	pl_git_net_proxy(&options.proxy_opts, net);
	pl_git.oid_fromstr(&id, p->after);
	if (!pl_call_may_write(call))
		return false;
	rc = pl_git.reference_create(&ref, p->repo, name, &id, 1, NULL);
	if (rc)
		return pl_git_fail(call, p->repo, rc, "naming what is pushed");
	pl_git.reference_free(ref);
	rc = pl_git.remote_upload(p->remote, &(git_strarray){&spec, 1}, &options);
	/* Removing the ref would hide libgit2's reason: it comes second. */
	ok = outcome(call, p, rc);
	pl_git.reference_remove(p->repo, name);
	return ok;
}

/* refs/remotes/… follows what the remote is known to have now. What goes wrong
 * here must not make a push that happened look failed. */
static void follow(struct pl_call *call, const struct pl_push *p)
{
	const char *name = pl_git_job(call)->net->name;
	const struct pl_value *fetch = pl_git_config_fetch(call, p->repo, name);
	const char *ours = fetch ? pl_git_tracking(call->arena, fetch, p->ref) : NULL;
	git_reference *ref = NULL;
	git_oid id;

	pl_git.oid_fromstr(&id, p->after);
	if (ours && !pl_git.reference_create(&ref, p->repo, ours, &id, 1, "push"))
		pl_git.reference_free(ref);
	call->err = (struct pl_err){0};
}

static bool look(struct pl_call *call, struct pl_push *p)
{
	const git_remote_head **heads = NULL;
	const char *before = "";
	char hex[PL_SHA + 1];
	size_t n = 0;
	int rc = pl_git.remote_ls(&heads, &n, p->remote);

	if (rc)
		return pl_git_net_fail(call, p->repo, rc);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(heads[i]->name, p->ref) != 0)
			continue;
		pl_git_hex(hex, &heads[i]->oid);
		before = hex;
	}
	return pl_push_decide(call, p, before, "");
}

static bool act(struct pl_call *call, struct pl_push *p)
{
	struct pl_git_net *net = pl_git_job(call)->net;
	const char *path = pl_git_local_path(call->arena, net->url);
	git_repository *there = NULL;
	bool ok;

	if (path && !pl_git.repository_open(&there, path))
		net->spawn = needs_git(p, there);
	p->remote = pl_git_net_remote(call, p->repo);
	ok = p->remote &&
	    pl_git_net_connect(call, p->repo, p->remote, GIT_DIRECTION_PUSH) &&
	    look(call, p);
	if (ok && !p->same)
		ok = there && !net->spawn ? push_into(call, p, there) : upload(call, p);
	pl_git.repository_free(there);
	return ok;
}

static bool act_work(struct pl_call *call)
{
	struct pl_push p = {0};
	bool ok = pl_push_prepare(call, &p) && act(call, &p);

	if (ok && !p.same)
		follow(call, &p);
	if (ok)
		call->result = pl_push_answer(call, &p);
	if (ok && pl_git_job(call)->net->lost) {
		call->err = pl_git_job(call)->net->lost_err;
		ok = false;
	}
	pl_push_release(&p);
	return ok;
}

void pl_git_push(struct pl_call *call)
{
	if (pl_git_net_begin(call, true))
		pl_git_net_run(call, act_work);
}
