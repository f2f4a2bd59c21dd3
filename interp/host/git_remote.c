/* git.ls_remote and git.fetch, and how a call finds its remote. */
#include "git_inner.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host_inner.h"

/* ---- where to ------------------------------------------------------------------ */

static bool is_directory(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

const char *pl_git_local_path(struct pl_arena *a, const char *url)
{
	struct pl_buf b = {0};
	const char *out;

	if (strncmp(url, "file://", 7))
		return !strstr(url, "://") && is_directory(url) ? url : NULL;
	url += 7;
	if (!strncmp(url, "localhost/", 10))
		url += 9;
	for (; *url; url++) {
		uint8_t byte;

		if (*url == '%' && pl_unhex(&byte, url + 1, 1)) {
			pl_buf_putc(&b, (char)byte);
			url += 2;
		} else {
			pl_buf_putc(&b, *url);
		}
	}
	out = pl_arena_text(a, b.at ? b.at : "", b.len);
	pl_buf_fini(&b);
	return out;
}

/* As git does, a path in the configuration starts at the top of the repository. */
static const char *absolute(struct pl_call *call, git_repository *repo, const char *url)
{
	const char *top = pl_git.repository_workdir(repo);
	const char *path;

	if (*url == '/' || strstr(url, "://"))
		return url;
	path = pl_arena_printf(
	    call->arena, "%s%s", top ? top : pl_git.repository_path(repo), url);
	return is_directory(path) ? path : url;
}

/* Through the router: a simulated remote stands in for the real one. What it does
 * not know must not be reached for real. */
static const char *routed(struct pl_call *call, struct pl_git_net *net, const char *url)
{
	const struct pl_router *router = pl_host_router(call->host);
	const char *real = NULL;

	if (!router || !router->remote)
		return url;
	if (!router->remote(router->arg, call->arena, url, net->push ? "push" : "fetch",
	        &real, &net->lost, &call->err)) {
		net->lost_err = call->err;
		if (!net->lost)
			return NULL;
	}
	if (real || pl_git_local_path(call->arena, url))
		return real ? real : url;
	pl_fail(&call->err, "git.remote", "the simulated world has no remote \"%s\"",
	    pl_git_show_url(call->arena, url));
	return NULL;
}

static const char *words_of(const struct pl_call *call, const char *name)
{
	const struct pl_value *v = pl_arg(call, name);
	size_t n;

	if (v && v->kind == PL_SECRET)
		return pl_secret_bytes(v->as.secret, &n);
	return pl_text_of(v, NULL);
}

static const char *key_path(const struct pl_call *call)
{
	const char *path = pl_arg_text(call, "key_file");
	const char *home = getenv("HOME");

	if (!path || *path == '/')
		return path;
	if (!strncmp(path, "~/", 2) && home)
		return pl_arena_printf(call->arena, "%s%s", home, path + 1);
	return pl_arena_printf(call->arena, "%s/%s", pl_host_root(call->host), path);
}

struct pl_git_job *pl_git_net_begin(struct pl_call *call, bool push)
{
	struct pl_git_job *job = pl_git_begin(call);
	struct pl_git_net *net;
	git_repository *repo;

	if (!job)
		return NULL;
	net = pl_arena_alloc(call->arena, sizeof *net);
	net->call = call;
	net->push = push;
	net->name = pl_arg_text(call, "remote");
	net->password = words_of(call, "token");
	net->user = pl_arg_text(call, "user");
	if (net->password && !net->user)
		net->user = "x-access-token";
	if (!net->password)
		net->password = words_of(call, "password");
	net->passphrase = words_of(call, "passphrase");
	net->key_file = key_path(call);
	net->proxy = pl_get_text(pl_host_http(call->host), "proxy", NULL);
	net->silence_ms = pl_arg_int(call, "timeout");
	net->fd = -1;
	pthread_mutex_init(&net->lock, NULL);
	job->net = net;
	repo = pl_git_open(call);
	if (repo && pl_git_config_url(&net->url, call, repo, net->name, push))
		net->url = absolute(call, repo, net->url);
	pl_git.repository_free(repo);
	if (net->url)
		net->url = routed(call, net, net->url);
	if (net->url)
		return job;
	pl_call_fail(call);
	return NULL;
}

/* Nameless: what is named comes with its refspecs from git_config.c. */
git_remote *pl_git_net_remote(struct pl_call *call, git_repository *repo)
{
	git_remote_create_options options;
	git_remote *remote = NULL;
	int rc;

	pl_git.remote_create_options_init(&options, GIT_REMOTE_CREATE_OPTIONS_VERSION);
	options.repository = repo;
	options.flags =
	    GIT_REMOTE_CREATE_SKIP_INSTEADOF | GIT_REMOTE_CREATE_SKIP_DEFAULT_FETCHSPEC;
	rc = pl_git.remote_create_with_opts(
	    &remote, pl_git_job(call)->net->url, &options);
	if (!rc)
		return remote;
	pl_git_net_fail(call, repo, rc);
	return NULL;
}

bool pl_git_net_connect(
    struct pl_call *call, git_repository *repo, git_remote *remote, git_direction way)
{
	struct pl_git_net *net = pl_git_job(call)->net;
	git_remote_callbacks callbacks;
	git_proxy_options proxy;
	int rc;

	pl_git_net_callbacks(&callbacks, net);
	pl_git_net_proxy(&proxy, net);
	rc = pl_git.remote_connect(remote, way, &callbacks, &proxy, NULL);
	return !rc || pl_git_net_fail(call, repo, rc);
}

/* ---- git.ls_remote --------------------------------------------------------------- */

/* Predicted pushes over what the remote has; HEAD goes with its branch. */
static void overlay_refs(struct pl_call *call, struct pl_value **refs, const char *head)
{
	struct pl_arena *a = call->arena;
	const char *name = pl_git_job(call)->net->name;
	const struct pl_value *news =
	    pl_git_overlay(call, pl_arena_printf(a, "git:%s:", name));
	struct pl_value *out = pl_map(a);

	for (uint32_t i = 0; i < (*refs)->as.map.len; i++) {
		const struct pl_pair *p = &(*refs)->as.map.at[i];
		size_t n = strlen(p->key);
		char *base = pl_arena_text(a, p->key, n);

		if (n > 3 && !strcmp(p->key + n - 3, "^{}"))
			base[n - 3] = '\0';
		if (!pl_get(news, base))
			pl_map_set(a, out, p->key, p->value);
	}
	for (uint32_t i = 0; i < news->as.map.len; i++) {
		const char *sha = pl_text_of(news->as.map.at[i].value, "");

		if (!*sha)
			continue;
		pl_map_set(a, out, news->as.map.at[i].key, pl_text(a, sha));
		if (head && !strcmp(head, news->as.map.at[i].key))
			pl_map_set(a, out, "HEAD", pl_text(a, sha));
	}
	*refs = out;
}

bool pl_git_remote_refs(
    struct pl_value **out, struct pl_call *call, git_repository *repo)
{
	struct pl_arena *a = call->arena;
	git_remote *remote = pl_git_net_remote(call, repo);
	const git_remote_head **heads = NULL;
	struct pl_value *refs = pl_map(a);
	const char *target = NULL;
	size_t n = 0;
	int rc;
	bool ok = false;

	if (!remote || !pl_git_net_connect(call, repo, remote, GIT_DIRECTION_FETCH))
		goto cleanup;
	rc = pl_git.remote_ls(&heads, &n, remote);
	if (rc) {
		pl_git_net_fail(call, repo, rc);
		goto cleanup;
	}
	for (size_t i = 0; i < n; i++) {
		pl_map_set(a, refs, heads[i]->name, pl_git_sha(a, &heads[i]->oid));
		if (heads[i]->symref_target && !strcmp(heads[i]->name, "HEAD"))
			target = pl_arena_text(a, heads[i]->symref_target,
			    strlen(heads[i]->symref_target));
	}
	pl_git.remote_disconnect(remote);
	if (call->overlay)
		overlay_refs(call, &refs, target);
	*out = refs;
	ok = true;
cleanup:
	pl_git.remote_free(remote);
	return ok;
}

/* As git ls-remote: a pattern fits the end of a name, from a "/" on. */
static bool fits(struct pl_arena *a, const char *pattern, const char *ref)
{
	size_t n = strlen(ref);

	if (n > 3 && !strcmp(ref + n - 3, "^{}"))
		n -= 3;
	return !fnmatch(pl_arena_printf(a, "*/%s", pattern),
	    pl_arena_printf(a, "/%.*s", (int)n, ref), 0);
}

static bool ls_work(struct pl_call *call)
{
	git_repository *repo = pl_git_open(call);
	const char *pattern = pl_arg_text(call, "pattern");
	struct pl_value *refs;
	bool ok;

	if (!repo)
		return false;
	ok = pl_git_remote_refs(&refs, call, repo);
	pl_git.repository_free(repo);
	if (!ok)
		return false;
	call->result = pattern ? pl_map(call->arena) : refs;
	for (uint32_t i = 0; pattern && i < refs->as.map.len; i++)
		if (fits(call->arena, pattern, refs->as.map.at[i].key))
			pl_map_set(call->arena, call->result, refs->as.map.at[i].key,
			    refs->as.map.at[i].value);
	return true;
}

void pl_git_ls_remote(struct pl_call *call)
{
	if (pl_git_net_begin(call, false))
		pl_git_net_run(call, ls_work);
}

/* ---- git.fetch -------------------------------------------------------------------- */

static bool has_branch(struct pl_call *call, git_remote *remote, const char *branch)
{
	const git_remote_head **heads = NULL;
	const char *full = pl_arena_printf(call->arena, "refs/heads/%s", branch);
	size_t n = 0;

	pl_git.remote_ls(&heads, &n, remote);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(heads[i]->name, full))
			return true;
	return pl_fail(&call->err, "git.missing", "\"%s\" has no branch \"%s\"",
	    pl_git_job(call)->net->name, branch);
}

/* What to bring where: one branch, or all that is configured. */
static git_strarray refspecs_of(struct pl_call *call, const struct pl_value *fetch)
{
	const char *branch = pl_arg_text(call, "branch");
	const char *to;
	git_strarray out = {0};

	out.strings =
	    pl_arena_alloc(call->arena, (fetch->as.list.len + 1) * sizeof *out.strings);
	for (uint32_t i = 0; !branch && i < fetch->as.list.len; i++)
		out.strings[out.count++] = (char *)pl_text_of(fetch->as.list.at[i], "");
	if (!branch)
		return out;
	to = pl_git_tracking(
	    call->arena, fetch, pl_arena_printf(call->arena, "refs/heads/%s", branch));
	if (!to)
		to = pl_arena_printf(call->arena, "refs/remotes/%s/%s",
		    pl_git_job(call)->net->name, branch);
	out.strings[out.count++] =
	    pl_arena_printf(call->arena, "+refs/heads/%s:%s", branch, to);
	return out;
}

static bool fetch(struct pl_call *call, git_repository *repo, git_remote *remote)
{
	struct pl_git_net *net = pl_git_job(call)->net;
	const struct pl_value *configured = pl_git_config_fetch(call, repo, net->name);
	const char *branch = pl_arg_text(call, "branch");
	git_fetch_options options;
	git_strarray specs;
	int rc;

	if (!configured || !pl_git_net_connect(call, repo, remote, GIT_DIRECTION_FETCH))
		return false;
	if (branch && !has_branch(call, remote, branch))
		return false;
	specs = refspecs_of(call, configured);
	pl_git.fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
	pl_git_net_callbacks(&options.callbacks, net);
	pl_git_net_proxy(&options.proxy_opts, net);
	options.update_fetchhead = 0;
	options.prune =
	    pl_arg_flag(call, "prune") ? GIT_FETCH_PRUNE : GIT_FETCH_NO_PRUNE;
	options.download_tags = pl_arg_flag(call, "tags")
	    ? GIT_REMOTE_DOWNLOAD_TAGS_ALL
	    : GIT_REMOTE_DOWNLOAD_TAGS_AUTO;
	/* The message is for the reflog, whose own would show the URL. */
	rc = pl_git.remote_fetch(remote, &specs, &options, "fetch");
	return !rc || pl_git_net_fail(call, repo, rc);
}

static bool fetch_work(struct pl_call *call)
{
	struct pl_git_net *net = pl_git_job(call)->net;
	git_repository *repo = pl_git_open(call);
	git_remote *remote = NULL;
	bool ok = false;

	if (!repo)
		return false;
	net->updated = pl_list(call->arena);
	if (pl_git_config_is_remote(call, repo, net->name))
		remote = pl_git_net_remote(call, repo);
	else
		pl_fail(&call->err, "git.remote",
		    "git.fetch needs the name of a remote, because it updates "
		    "refs/remotes/NAME; \"%s\" is a URL",
		    pl_git_show_url(call->arena, net->name));
	ok = remote && fetch(call, repo, remote);
	if (ok) {
		call->result = pl_map(call->arena);
		pl_map_set(call->arena, call->result, "updated", net->updated);
	}
	pl_git.remote_free(remote);
	pl_git.repository_free(repo);
	return ok;
}

void pl_git_fetch(struct pl_call *call)
{
	if (pl_git_net_begin(call, false))
		pl_git_net_run(call, fetch_work);
}
