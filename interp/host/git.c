#include "git_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host_inner.h"

struct pl_git_api pl_git;

static const char *const git_names[] = {PL_LAZY_NAMES(git_, PL_GIT_API)};

/* ---- the library ---------------------------------------------------------- */

/* libgit2 1.5 compares safe.directory with paths only; git also takes "*". */
static int seek_star(const git_config_entry *entry, void *arg)
{
	bool *found = arg;

	*found = !strcmp(entry->value, "*") || (*found && *entry->value);
	return 0;
}

static void trust_owners(void)
{
	git_config *config = NULL;
	bool all = false;

	if (!pl_git.config_open_default(&config))
		pl_git.config_get_multivar_foreach(
		    config, "safe.directory", NULL, seek_star, &all);
	if (all)
		pl_git.libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	pl_git.config_free(config);
	pl_git.error_clear();
}

static bool trust_certificates(struct pl_host *h, struct pl_err *err)
{
	const struct pl_value *settings = pl_host_http(h);
	const char *file = pl_get_text(settings, "ca_file", NULL);
	const char *directory = pl_get_text(settings, "ca_directory", NULL);
	const char *agent = pl_get_text(settings, "user_agent", NULL);
	const git_error *e;

	if (agent)
		pl_git.libgit2_opts(GIT_OPT_SET_USER_AGENT, agent);
	if (!file && !directory)
		return true;
	if (!pl_git.libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, file, directory))
		return true;
	e = pl_git.error_last();
	return pl_fail(err, "git.library", "\"%s\" gives no certificates: %s",
	    file ? file : directory, e ? e->message : "");
}

static bool start_library(struct pl_host *h, struct pl_err *err)
{
	int rc;

	if (!pl_lazy_open(PL_LIBGIT2, &pl_git, git_names, PL_COUNT(git_names), err))
		return false;
	rc = pl_git.libgit2_init();
	if (rc < 0)
		return pl_fail(err, "git.library", "libgit2 does not start (%d)", rc);
	if (pl_git_net_streams() < 0)
		return pl_fail(err, "git.library", "libgit2 takes no sockets of ours");
	if (!trust_certificates(h, err))
		return false;
	trust_owners();
	return true;
}

/* Begun by the loop's thread, and by the simulator's server on its own. */
bool pl_git_library(struct pl_host *h, struct pl_err *err)
{
	static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
	static bool ready;
	bool ok;

	pthread_mutex_lock(&guard);
	if (!ready)
		ready = start_library(h, err);
	ok = ready;
	pthread_mutex_unlock(&guard);
	return ok;
}

/* ---- a call under way ------------------------------------------------------ */

struct pl_git_job *pl_git_job(const struct pl_call *call)
{
	return call->state;
}

/* Minutes east of UTC at that time; none where time is virtual, so that
 * simulated commits are the same on every machine. */
static int offset_of(const struct pl_host *h, int64_t now_ms)
{
	time_t t = (time_t)(now_ms / 1000);
	struct tm tm;

	if (pl_host_is_virtual(h) || !localtime_r(&t, &tm))
		return 0;
	return (int)(tm.tm_gmtoff / 60);
}

struct pl_git_job *pl_git_begin(struct pl_call *call)
{
	struct pl_git_job *job = pl_arena_alloc(call->arena, sizeof *job);
	const char *directory = pl_host_repository(call->host);

	if (!pl_git_library(call->host, &call->err)) {
		pl_call_fail(call);
		return NULL;
	}
	job->directory = pl_arena_text(call->arena, directory, strlen(directory));
	job->now_ms = pl_host_now(call->host);
	job->offset = offset_of(call->host, job->now_ms);
	call->state = job;
	return job;
}

void pl_git_run(struct pl_call *call, bool (*work)(struct pl_call *call))
{
	if (pl_git_begin(call))
		pl_call_work(call, work);
}

static bool is_foreign(const char *directory)
{
	git_buf found = {0};
	struct stat st;
	bool foreign = !pl_git.repository_discover(&found, directory, 0, NULL) &&
	    !stat(found.ptr, &st) && st.st_uid != geteuid();

	pl_git.buf_dispose(&found);
	return foreign;
}

git_repository *pl_git_open(struct pl_call *call)
{
	const char *directory = pl_git_job(call)->directory;
	git_repository *repo = NULL;
	int rc = pl_git.repository_open_ext(&repo, directory, 0, NULL);

	if (!rc)
		return repo;
	if (rc == GIT_ENOTFOUND && is_foreign(directory))
		rc = GIT_EOWNER; /* 1.5 says so where no safe.directory is set at all */
	if (rc == GIT_ENOTFOUND)
		pl_fail(&call->err, "git.repository",
		    "no git repository at \"%s\" or above it", directory);
	else if (rc == GIT_EOWNER)
		pl_fail(&call->err, "git.owner",
		    "the repository at \"%s\" belongs to another user; if you trust it: "
		    "git config --global --add safe.directory %s",
		    directory, directory);
	else
		pl_fail(&call->err, "git.repository", "\"%s\" cannot be opened: %s",
		    directory, pl_git_message(call->arena));
	return NULL;
}

/* ---- the overlay ----------------------------------------------------------- */

struct pl_value *pl_git_overlay(const struct pl_call *call, const char *prefix)
{
	struct pl_value *out = pl_map(call->arena);
	const struct pl_value *all = call->overlay;
	size_t n = strlen(prefix);

	if (!all)
		return out;
	uv_mutex_lock(&call->host->guard);
	for (uint32_t i = 0; i < all->as.map.len; i++) {
		const struct pl_pair *p = &all->as.map.at[i];

		if (p->key_len > n && !memcmp(p->key, prefix, n))
			pl_map_set(call->arena, out, p->key + n, p->value);
	}
	uv_mutex_unlock(&call->host->guard);
	return out;
}

/* What git puts before a short name, in its order. */
static const char *const homes[] = {
    "", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"};

const char *pl_git_overlaid(const struct pl_call *call, const char *name)
{
	char resource[512];

	if (!call->overlay)
		return NULL;
	if (!strcmp(name, "@"))
		name = "HEAD";
	for (size_t i = 0; i < PL_COUNT(homes); i++) {
		const char *sha;

		snprintf(resource, sizeof resource, "git:%s%s", homes[i], name);
		sha = pl_text_of(pl_overlay_get(call, resource), NULL);
		if (sha && *sha)
			return sha;
	}
	return NULL;
}

/* ---- names of commits ------------------------------------------------------ */

void pl_git_hex(char out[PL_SHA + 1], const git_oid *id)
{
	pl_git.oid_tostr(out, PL_SHA + 1, id);
}

struct pl_value *pl_git_sha(struct pl_arena *a, const git_oid *id)
{
	char hex[PL_SHA + 1];

	pl_git_hex(hex, id);
	return pl_text(a, hex);
}

bool pl_git_is_sha(const char *text)
{
	return strlen(text) == PL_SHA &&
	    strspn(text, "0123456789abcdefABCDEF") == PL_SHA;
}

bool pl_git_is_later(const char *text)
{
	return strncmp(text, "(known after ", 13) == 0;
}

bool pl_git_is_predicted(const char *sha)
{
	return pl_git_is_sha(sha) && strspn(sha, "0") >= PL_SHA - 4;
}

static bool missing(struct pl_call *call, git_repository *repo, const char *at, int rc)
{
	struct pl_err *err = &call->err;

	if (rc == GIT_EAMBIGUOUS)
		return pl_fail(err, "git.missing",
		    "\"%s\" is ambiguous: several objects begin so; give more digits",
		    at);
	if (rc == GIT_EINVALIDSPEC)
		return pl_fail(
		    err, "git.missing", "\"%s\" is not a name of a commit", at);
	if (rc == GIT_EPEEL)
		return pl_fail(err, "git.missing", "\"%s\" is not a commit", at);
	if (rc != GIT_ENOTFOUND)
		return pl_git_fail(call, repo, rc, "\"%s\"", at);
	if (!strcmp(at, "HEAD") && pl_git.repository_head_unborn(repo) == 1)
		return pl_fail(err, "git.missing",
		    "\"HEAD\" names nothing: the repository has no commit yet");
	if (pl_git_is_sha(at))
		return pl_fail(err, "git.missing",
		    "commit \"%s\" is not in this clone%s; git.fetch may bring it", at,
		    pl_git.repository_is_shallow(repo) == 1 ? ", which is shallow"
		                                            : "");
	return pl_fail(err, "git.missing",
	    "\"%s\" is no commit, branch or tag of \"%s\"", at,
	    pl_git_job(call)->directory);
}

static bool parse(
    git_oid *out, struct pl_call *call, git_repository *repo, const char *at)
{
	git_object *found = NULL, *commit = NULL;
	int rc = pl_git.revparse_single(&found, repo, at);

	if (!rc) {
		rc = pl_git.object_peel(&commit, found, GIT_OBJECT_COMMIT);
		if (rc == GIT_EINVALIDSPEC || rc == GIT_EAMBIGUOUS)
			rc = GIT_EPEEL;
	}
	if (!rc)
		*out = *pl_git.object_id(commit);
	else
		missing(call, repo, at, rc);
	pl_git.object_free(commit);
	pl_git.object_free(found);
	return !rc;
}

bool pl_git_resolve_text(
    char out[PL_SHA + 1], struct pl_call *call, git_repository *repo, const char *at)
{
	const char *overlaid = pl_git_overlaid(call, at);
	git_oid id;

	if (overlaid)
		at = overlaid;
	if (call->overlay && pl_git_is_predicted(at)) {
		memcpy(out, at, PL_SHA + 1);
		return true;
	}
	if (!parse(&id, call, repo, at))
		return false;
	pl_git_hex(out, &id);
	return true;
}

bool pl_git_resolve(
    git_oid *out, struct pl_call *call, git_repository *repo, const char *at)
{
	char sha[PL_SHA + 1];

	if (!pl_git_resolve_text(sha, call, repo, at))
		return false;
	if (call->overlay && pl_git_is_predicted(sha))
		return pl_fail(&call->err, "git.predicted",
		    "\"%s\" is the commit that git.commit will make: in a dry-run it can be "
		    "tagged and pushed, but not read",
		    at);
	pl_git.oid_fromstr(out, sha);
	return true;
}

/* ---- errors ---------------------------------------------------------------- */

const char *pl_git_show_url(struct pl_arena *a, const char *url)
{
	const char *host = strstr(url, "://");
	const char *end, *at = NULL;

	if (!host)
		return url;
	host += 3;
	end = host + strcspn(host, "/ '\"");
	for (const char *p = host; p < end; p++)
		if (*p == '@')
			at = p;
	/* ssh://git@host says nothing secret; https://TOKEN@host does. */
	if (!at || (strncmp(url, "http", 4) && !memchr(host, ':', (size_t)(at - host))))
		return url;
	return pl_arena_printf(a, "%.*s***%s", (int)(host - url), url, at);
}

const char *pl_git_message(struct pl_arena *a)
{
	const git_error *e = pl_git.error_last();
	const char *text = e && e->message ? e->message : "no reason given";
	size_t n = strlen(text);
	struct pl_buf b = {0};
	const char *out;

	while (n && strchr("\n\r ", text[n - 1]))
		n--;
	pl_printable(&b, text, n, false);
	out = pl_git_show_url(a, pl_arena_text(a, b.at ? b.at : "", b.len));
	pl_buf_fini(&b);
	return out;
}

static const char *code_of(int rc)
{
	switch (rc) {
	case GIT_ENOTFOUND:
		return "git.missing";
	case GIT_EEXISTS:
		return "git.exists";
	case GIT_EINVALIDSPEC:
		return "git.name";
	case GIT_EBAREREPO:
		return "git.bare";
	case GIT_ELOCKED:
		return "git.locked";
	case GIT_EMODIFIED:
		return "git.moved";
	case GIT_EOWNER:
		return "git.owner";
	default:
		return "git.failed";
	}
}

bool pl_git_fail(
    struct pl_call *call, git_repository *repo, int rc, const char *what, ...)
{
	const char *reason = pl_git_message(call->arena);
	char text[600];
	va_list ap;

	va_start(ap, what);
	vsnprintf(text, sizeof text, what, ap);
	va_end(ap);
	if (rc == GIT_ENOTFOUND && repo && pl_git.repository_is_shallow(repo) == 1)
		pl_fail(&call->err, "git.shallow",
		    "%s: this clone is shallow and its history ends too early (%s); run "
		    "git fetch --unshallow, or check out with the whole history",
		    text, reason);
	else
		pl_fail(&call->err, code_of(rc), "%s: %s", text, reason);
	call->err.retryable = rc == GIT_ELOCKED;
	return false;
}
