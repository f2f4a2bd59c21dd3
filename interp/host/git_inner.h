/*
 * git, inside: what the git files share and no other file needs. libgit2 is
 * opened by the first call; every call opens the repository for itself, on
 * libuv's pool, because a git_repository must not be used by two threads.
 */
#ifndef PL_GIT_INNER_H
#define PL_GIT_INNER_H

#include <git2.h>
#include <git2/sys/stream.h>
#include <git2/sys/transport.h>
#include <pthread.h>
#include <stdatomic.h>

#include "host.h"
#include "lazy.h"

/* clang-format off */
#define PL_GIT_API(X) \
	X(blob_create_from_buffer) X(blob_create_from_workdir) X(blob_free) \
	X(blob_lookup) X(blob_rawcontent) X(blob_rawsize) \
	X(buf_dispose) X(checkout_head) X(checkout_options_init) \
	\
	X(commit_author) X(commit_create) X(commit_free) X(commit_id) \
	X(commit_lookup) X(commit_message) X(commit_parent_id) \
	X(commit_parentcount) X(commit_summary) X(commit_time) \
	X(commit_tree) X(commit_tree_id) \
	X(config_foreach) X(config_free) X(config_get_multivar_foreach) X(config_open_default) X(config_set_string) \
	X(credential_ssh_key_from_agent) X(credential_ssh_key_new) \
	X(credential_username_new) X(credential_userpass_plaintext_new) \
	X(error_clear) X(error_last) X(error_set_str) \
	X(fetch_options_init) X(graph_descendant_of) \
	X(index_add) X(index_add_bypath) X(index_entrycount) X(index_free) X(index_get_byindex) X(index_get_bypath) \
	X(index_has_conflicts) X(index_new) X(index_path) X(index_read_tree) X(index_remove) \
	X(index_remove_bypath) X(index_write) X(index_write_tree_to) \
	X(libgit2_init) X(libgit2_opts) X(libgit2_version) \
	X(merge_base) X(merge_commits) X(merge_options_init) \
	X(object_free) X(object_id) X(object_lookup) X(object_peel) \
	X(object_type) X(object_type2string) \
	X(odb_exists) X(odb_free) X(odb_object_data) X(odb_object_free) \
	X(odb_object_size) X(odb_object_type) X(odb_read) \
	X(oid_cmp) X(oid_fromstr) X(oid_is_zero) X(oid_tostr) \
	X(packbuilder_free) X(packbuilder_insert) X(packbuilder_insert_walk) \
	X(packbuilder_new) X(packbuilder_object_count) X(packbuilder_write) \
	X(push_options_init) \
	X(reference_create) X(reference_create_matching) X(reference_delete) \
	X(reference_free) \
	X(reference_iterator_free) X(reference_iterator_glob_new) \
	X(reference_iterator_new) X(reference_lookup) X(reference_name) \
	X(reference_name_is_valid) X(reference_name_to_id) X(reference_next) \
	X(reference_peel) X(reference_remove) X(reference_symbolic_target) \
	X(reference_target) X(reference_type) \
	X(refspec_free) X(refspec_parse) X(refspec_src_matches) X(refspec_transform) \
	X(remote_connect) X(remote_create_options_init) X(remote_create_with_opts) \
	X(remote_disconnect) X(remote_fetch) \
	X(remote_free) \
	X(remote_ls) \
	\
	X(remote_upload) \
	X(repository_config) X(repository_config_snapshot) X(repository_discover) X(repository_free) X(repository_head) X(repository_head_unborn) \
	X(repository_index) X(repository_init_ext) \
	X(repository_init_options_init) X(repository_is_bare) \
	X(repository_is_shallow) X(repository_item_path) X(repository_odb) \
	X(repository_open) X(repository_open_ext) X(repository_path) \
	X(repository_set_head) X(repository_state) X(repository_workdir) \
	X(revparse_single) \
	X(revwalk_free) X(revwalk_hide) X(revwalk_new) X(revwalk_next) \
	X(revwalk_push) X(revwalk_sorting) \
	X(signature_default) X(signature_free) X(signature_new) \
	X(status_byindex) X(status_list_entrycount) X(status_list_free) \
	X(status_list_new) X(status_options_init) \
	X(stream_register) \
	X(submodule_free) X(submodule_lookup) X(submodule_wd_id) \
	X(tag_annotation_create) X(tag_create) X(tag_free) X(tag_lookup) \
	X(tag_message) X(tag_target_id) \
	X(transport_smart) \
	X(tree_entry_byindex) X(tree_entry_bypath) X(tree_entry_free) \
	X(tree_entry_id) X(tree_entry_name) X(tree_entry_type) \
	X(tree_entrycount) X(tree_free) X(tree_id) X(tree_lookup)
/* clang-format on */

struct pl_git_api {
	PL_LAZY_FIELDS(git_, PL_GIT_API)
};
extern struct pl_git_api pl_git; /* filled by pl_git_library */

enum { PL_SHA = 40, PL_SHORT = 7 }; /* hex digits */

/* ---- a call under way (git.c) ------------------------------------------- */

/* What a call carries from the loop's thread to the pool and back: all that it
 * reads there, because nothing else may be touched. Lives in call->arena. */
struct pl_git_job {
	const char *directory; /* where the repository is looked for */
	int64_t now_ms;
	int offset; /* minutes east of UTC */
	struct pl_git_net *net; /* NULL for a local call */
};

/* Opens libgit2. Codes: host.library, git.library. */
bool pl_git_library(struct pl_host *h, struct pl_err *err);
/* Makes call->state, or answers with the error and returns NULL. */
struct pl_git_job *pl_git_begin(struct pl_call *call);
/* For rows without a network: begins, then runs `work` on the pool. */
void pl_git_run(struct pl_call *call, bool (*work)(struct pl_call *call));
struct pl_git_job *pl_git_job(const struct pl_call *call);
/* All that the overlay holds under a prefix, resource -> state, the prefix cut off;
 * empty outside dry-runs. */
struct pl_value *pl_git_overlay(const struct pl_call *call, const char *prefix);

/* The repository of the call; yours to free. Codes: git.repository, git.owner. */
git_repository *pl_git_open(struct pl_call *call);
/* Fills call->err from libgit2's last error: "what: its text". A repository
 * tells whether missing objects are a shallow clone's. Returns false. */
bool pl_git_fail(struct pl_call *call, git_repository *repo, int rc, const char *what,
    ...) PL_PRINTF(4, 5);
/* libgit2's last message without credentials, on one line; into the arena. */
const char *pl_git_message(struct pl_arena *a);
const char *pl_git_show_url(struct pl_arena *a, const char *url); /* no user:password */

bool pl_git_is_sha(const char *text); /* 40 hex digits */
/* "(known after github.merge)": a provider's word for a commit to come, and the
 * stand-in that goes through the rows for it. */
#define PL_GIT_LATER "000000000000000000000000000000000000ffff"
bool pl_git_is_later(const char *text);
/* A stand-in for a commit that a dry-run only predicted. */
bool pl_git_is_predicted(const char *sha);
/* What the dry-run made of a name ("HEAD", a branch, a tag): sha text, or NULL. */
const char *pl_git_overlaid(const struct pl_call *call, const char *name);
/* The commit that `at` names. Codes: git.missing, git.predicted. */
bool pl_git_resolve(
    git_oid *out, struct pl_call *call, git_repository *repo, const char *at);
/* The same as text; a predicted commit passes. */
bool pl_git_resolve_text(
    char out[PL_SHA + 1], struct pl_call *call, git_repository *repo, const char *at);
void pl_git_hex(char out[PL_SHA + 1], const git_oid *id);
struct pl_value *pl_git_sha(struct pl_arena *a, const git_oid *id); /* as text */

/* ---- reading (git_read.c, git_tree.c) ----------------------------------- */

void pl_git_status(struct pl_call *call);
void pl_git_head(struct pl_call *call);
void pl_git_show(struct pl_call *call);
void pl_git_log(struct pl_call *call);
void pl_git_changed(struct pl_call *call);
void pl_git_merge_base(struct pl_call *call);
void pl_git_is_ancestor(struct pl_call *call);
void pl_git_resolve_row(struct pl_call *call);
void pl_git_tags(struct pl_call *call);
void pl_git_branches(struct pl_call *call);
void pl_git_file(struct pl_call *call);
void pl_git_files(struct pl_call *call);

/* {sha, short, subject, message, author={name, email}, time, parents} */
struct pl_value *pl_git_commit_value(struct pl_arena *a, const git_commit *c);
/* Commits in `from` that are not in `to` (may be NULL), newest first; make turns
 * each into a value. limit 0: all. */
bool pl_git_walk(struct pl_value *out, struct pl_call *call, git_repository *repo,
    const git_oid *from, const git_oid *to, int64_t limit,
    struct pl_value *(*make)(struct pl_arena *a, const git_commit *c));
/* Adds the paths that differ between two commits to the list `out`, in the
 * index's order. prefixes: a list of text, or NULL for all. */
bool pl_git_compare(struct pl_value *out, struct pl_call *call, git_repository *repo,
    const git_oid *from, const git_oid *to, const struct pl_value *prefixes);
/* The blob's bytes as text, or null where the path is missing. */
bool pl_git_read_file(struct pl_value **out, struct pl_call *call, git_repository *repo,
    const git_oid *at, const char *path);
/* Names in a directory of a commit, folders with a "/" behind; none if missing. */
bool pl_git_list_files(struct pl_value **out, struct pl_call *call,
    git_repository *repo, const git_oid *at, const char *directory);

/* ---- writing (git_write.c, git_tag.c) ------------------------------------ */

/* "Name <mail>", or the user's own identity when text is NULL; yours to free. */
git_signature *pl_git_signature(
    struct pl_call *call, git_repository *repo, const char *text);

void pl_git_commit(struct pl_call *call);
const char *pl_git_commit_target(struct pl_call *call);
void pl_git_commit_predict(struct pl_call *call);
void pl_git_commit_probe(struct pl_call *call);
void pl_git_tag(struct pl_call *call);
const char *pl_git_tag_target(struct pl_call *call);
void pl_git_tag_predict(struct pl_call *call);
void pl_git_tag_probe(struct pl_call *call);
void pl_git_branch(struct pl_call *call);
const char *pl_git_branch_target(struct pl_call *call);
void pl_git_branch_predict(struct pl_call *call);
void pl_git_branch_probe(struct pl_call *call);

/* ---- the configuration (git_config.c) ------------------------------------ */

/* Where a remote (or a URL in its place) is, insteadOf applied. Code: git.remote. */
bool pl_git_config_url(const char **out, struct pl_call *call, git_repository *repo,
    const char *name, bool push);
/* The remote's refspecs, a list of text; NULL: call->err is filled. */
struct pl_value *pl_git_config_fetch(
    struct pl_call *call, git_repository *repo, const char *name);
bool pl_git_config_is_remote(
    struct pl_call *call, git_repository *repo, const char *name);
/* Branch -> "origin/main"; NULL: call->err is filled. */
struct pl_value *pl_git_config_upstreams(struct pl_call *call, git_repository *repo);
/* Under which name the clone keeps a ref of the remote; NULL: not at all. */
const char *pl_git_tracking(
    struct pl_arena *a, const struct pl_value *fetch, const char *ref);

/* ---- remotes (git_net.c, git_socket.c, git_remote.c, git_push.c) ----------------------- */

/* One conversation with a remote: its credentials, its limits, what it said. */
struct pl_git_net {
	struct pl_call *call;
	const char *name; /* as the script wrote it */
	const char *url; /* where it really goes; "" if there is no such remote */
	const char *user, *password, *key_file, *passphrase; /* or NULL */
	const char *proxy; /* or NULL */
	bool push;
	bool lost; /* simulated: done, but the answer does not arrive */
	struct pl_err lost_err;
	bool spawn; /* through the program git */
	int64_t silence_ms; /* the longest wait for a byte */
	unsigned offered; /* kinds of credential already tried */
	struct pl_buf said; /* the server's own words (sideband) */
	struct pl_err why; /* set by a callback that gave up; code "" if not */
	bool asked; /* push: the request may have left */
	size_t sent; /* bytes since `asked`; ssh does not count */
	bool reported; /* push: the server's verdict was read */
	const char *verdict; /* its refusal, or NULL */
	char expected[PL_SHA + 1]; /* push: old value, "" for none */
	struct pl_value *updated; /* fetch: list of {ref, before, after} */
	bool (*work)(struct pl_call *call);
	void (*finished)(struct pl_call *call); /* the caller's */
	struct pl_timer *watch;
	_Atomic int64_t heard; /* when the remote last showed life; monotonic ms */
	atomic_bool cancelled, silent;
	pthread_mutex_t lock; /* for fd: shut down by one thread, closed by another */
	int fd; /* -1: none */
};

/* Begins a call that talks to the remote of its arguments; push: its push URL.
 * NULL: answered with an error. */
struct pl_git_job *pl_git_net_begin(struct pl_call *call, bool push);
/* Runs `work` on the pool; cancelling and silence shut the socket. */
void pl_git_net_run(struct pl_call *call, bool (*work)(struct pl_call *call));
bool pl_git_net_is_ssh(const struct pl_git_net *net);
void pl_git_net_heard(struct pl_git_net *net);
/* Registers the sockets of git_socket.c with libgit2; once, when it is opened. */
int pl_git_net_streams(void);
/* The remote, with its URL set; yours to free. Codes: git.remote. */
git_remote *pl_git_net_remote(struct pl_call *call, git_repository *repo);
void pl_git_net_callbacks(git_remote_callbacks *cb, struct pl_git_net *net);
void pl_git_net_proxy(git_proxy_options *o, const struct pl_git_net *net);
bool pl_git_net_connect(
    struct pl_call *call, git_repository *repo, git_remote *remote, git_direction way);
/* Fills call->err from what went wrong on the way. Returns false. */
bool pl_git_net_fail(struct pl_call *call, git_repository *repo, int rc);
/* The directory that a URL or path means, into the arena; NULL: not local. */
const char *pl_git_local_path(struct pl_arena *a, const char *url);

/* Refs of the remote, full name -> sha, the overlay applied. */
bool pl_git_remote_refs(
    struct pl_value **out, struct pl_call *call, git_repository *repo);
void pl_git_ls_remote(struct pl_call *call);
void pl_git_fetch(struct pl_call *call);

/* git_remote_callbacks.transport: a remote in a directory through the program
 * `git receive-pack`, as git itself does it: with its hooks and settings. */
int pl_git_spawn(git_transport **out, git_remote *owner, void *net);

void pl_git_push(struct pl_call *call);
const char *pl_git_push_target(struct pl_call *call);
void pl_git_push_predict(struct pl_call *call);
void pl_git_push_probe(struct pl_call *call);

/* ---- the simulated world (git_sim.c, git_sim_make.c) ---------------------- */

/* As pl_git_begin, after a look at the required options: nobody checked these calls
 * against their rows. False: answered with an error. */
bool pl_git_sim_begin(struct pl_call *call);
void pl_git_sim_init(struct pl_call *call);
void pl_git_sim_clone(struct pl_call *call);
void pl_git_sim_tag(struct pl_call *call); /* git_sim_tag.c */
void pl_git_sim_peel(struct pl_call *call);

#endif
