/* sim.git.init and sim.git.clone: repositories of the simulated world. */
#include "git_inner.h"

#include <string.h>

void pl_git_sim_init(struct pl_call *call)
{
	git_repository_init_options options;
	git_repository *repo = NULL;
	const char *path = pl_arg_text(call, "path");
	int rc;

	if (!pl_git_sim_begin(call))
		return;
	pl_git.repository_init_options_init(
	    &options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
	options.flags = GIT_REPOSITORY_INIT_MKPATH;
	if (pl_get_bool(call->args, "bare", true))
		options.flags |= GIT_REPOSITORY_INIT_BARE;
	options.initial_head = "main";
	rc = pl_git.repository_init_ext(&repo, path, &options);
	pl_git.repository_free(repo);
	if (!rc) {
		pl_call_ok(call, pl_text(call->arena, path));
		return;
	}
	pl_git_fail(call, NULL, rc, "\"%s\"", path);
	pl_call_fail(call);
}

static int set_origin(git_repository *repo, const char *url)
{
	git_config *config = NULL;
	int rc = pl_git.repository_config(&config, repo);

	if (!rc)
		rc = pl_git.config_set_string(config, "remote.origin.url", url);
	if (!rc)
		rc = pl_git.config_set_string(config, "remote.origin.fetch",
		    "+refs/heads/*:refs/remotes/origin/*");
	pl_git.config_free(config);
	return rc;
}

/* Brings everything; *branch becomes the original's own if none was asked for. */
static int bring(
    struct pl_arena *a, git_repository *repo, const char *url, const char **branch)
{
	char *spec = "+refs/heads/*:refs/remotes/origin/*";
	git_remote_create_options how;
	git_fetch_options options;
	const git_remote_head **heads = NULL;
	git_remote *remote = NULL;
	size_t n = 0;
	int rc;

	pl_git.remote_create_options_init(&how, GIT_REMOTE_CREATE_OPTIONS_VERSION);
	how.repository = repo;
	how.flags = GIT_REMOTE_CREATE_SKIP_INSTEADOF;
	rc = pl_git.remote_create_with_opts(&remote, url, &how);
	if (!rc)
		rc = pl_git.remote_connect(
		    remote, GIT_DIRECTION_FETCH, NULL, NULL, NULL);
	if (!rc)
		rc = pl_git.remote_ls(&heads, &n, remote);
	for (size_t i = 0; !rc && !*branch && i < n; i++) {
		const char *target = heads[i]->symref_target;

		if (!strcmp(heads[i]->name, "HEAD") && target &&
		    !strncmp(target, "refs/heads/", 11))
			*branch = pl_arena_text(a, target + 11, strlen(target) - 11);
	}
	pl_git.fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
	options.update_fetchhead = 0;
	options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_ALL;
	if (!rc)
		rc = pl_git.remote_fetch(
		    remote, &(git_strarray){&spec, 1}, &options, "clone");
	pl_git.remote_free(remote);
	return rc;
}

static int check_out(struct pl_arena *a, git_repository *repo, const char *branch)
{
	git_checkout_options options;
	git_reference *ref = NULL;
	git_config *config = NULL;
	git_oid id;
	int rc = pl_git.reference_name_to_id(
	    &id, repo, pl_arena_printf(a, "refs/remotes/origin/%s", branch));

	if (!rc)
		rc = pl_git.reference_create(&ref, repo,
		    pl_arena_printf(a, "refs/heads/%s", branch), &id, 1, "clone");
	pl_git.reference_free(ref);
	pl_git.checkout_options_init(&options, GIT_CHECKOUT_OPTIONS_VERSION);
	options.checkout_strategy = GIT_CHECKOUT_FORCE;
	if (!rc)
		rc = pl_git.checkout_head(repo, &options);
	if (!rc)
		rc = pl_git.repository_config(&config, repo);
	if (!rc)
		rc = pl_git.config_set_string(
		    config, pl_arena_printf(a, "branch.%s.remote", branch), "origin");
	if (!rc)
		rc = pl_git.config_set_string(config,
		    pl_arena_printf(a, "branch.%s.merge", branch),
		    pl_arena_printf(a, "refs/heads/%s", branch));
	pl_git.config_free(config);
	return rc;
}

/* Not git_clone, which reads remotes in the way that git_config.c avoids. */
void pl_git_sim_clone(struct pl_call *call)
{
	const char *path = pl_arg_text(call, "path"), *url = pl_arg_text(call, "url");
	const char *branch = pl_arg_text(call, "branch");
	const char *origin = pl_arg_text(call, "origin");
	git_repository_init_options options;
	git_repository *repo = NULL;
	int rc;

	if (!pl_git_sim_begin(call))
		return;
	pl_git.repository_init_options_init(
	    &options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
	options.flags = GIT_REPOSITORY_INIT_MKPATH;
	options.initial_head = branch ? branch : "main";
	rc = pl_git.repository_init_ext(&repo, path, &options);
	if (!rc)
		rc = set_origin(repo, origin ? origin : url);
	if (!rc)
		rc = bring(call->arena, repo, url, &branch);
	if (!rc && branch && !pl_arg_text(call, "branch"))
		rc = pl_git.repository_set_head(
		    repo, pl_arena_printf(call->arena, "refs/heads/%s", branch));
	if (!rc && branch)
		rc = check_out(call->arena, repo, branch);
	pl_git.repository_free(repo);
	if (!rc) {
		pl_call_ok(call, pl_text(call->arena, path));
		return;
	}
	pl_git_fail(call, NULL, rc, "cloning to \"%s\"", path);
	pl_call_fail(call);
}
