/* The git rows: what scripts can ask, and in which words. */
#include "git_inner.h"

#define NONE \
	{ \
		NULL, 0, false, NULL, NULL, NULL \
	}
#define AT \
	{ \
		"at", PL_T_TEXT, false, "\"HEAD\"", "commit, branch or tag", NULL \
	}
#define REMOTE \
	{ \
		"remote", PL_T_TEXT, false, "\"origin\"", \
		    "name of a remote, or a URL", NULL \
	}
#define AUTHOR \
	{ \
		"author", PL_T_TEXT, false, NULL, \
		    "\"Name <mail>\"; else git's user.name and " \
		    "user.email", \
		    NULL \
	}
/* clang-format off */
#define ACCESS \
	{"token", PL_T_SECRET | PL_T_TEXT, false, NULL, "token for https", NULL}, \
	{"user", PL_T_TEXT, false, NULL, "user name, where the URL has none", NULL}, \
	{"password", PL_T_SECRET | PL_T_TEXT, false, NULL, "password for https", NULL}, \
	{"key_file", PL_T_TEXT, false, NULL, \
	    "private ssh key, from the project's folder; else the ssh agent is asked", NULL}, \
	{"passphrase", PL_T_SECRET | PL_T_TEXT, false, NULL, "of the key file", NULL}, \
	{"timeout", PL_T_DURATION, false, "120000", \
	    "how long the remote may stay silent", NULL}
/* clang-format on */

static const struct pl_option no_options[] = {NONE};

static const struct pl_option at_options[] = {AT, NONE};

static const struct pl_option log_options[] = {
    {"from", PL_T_TEXT, false, "\"HEAD\"", "commit, branch or tag to start at", NULL},
    {"to", PL_T_TEXT, false, NULL, "what it contains is left out", NULL},
    {"limit", PL_T_INTEGER, false, "100", "number of commits at most; 0: all", NULL},
    NONE,
};

static const struct pl_option changed_options[] = {
    {"from", PL_T_TEXT, true, NULL, "the older commit", NULL},
    {"to", PL_T_TEXT, false, "\"HEAD\"", "the newer commit", NULL},
    {"paths", PL_T_LIST, false, NULL, "only under these folders, or these files", NULL},
    NONE,
};

static const struct pl_option base_options[] = {
    {"a", PL_T_TEXT, true, NULL, "commit, branch or tag", NULL},
    {"b", PL_T_TEXT, true, NULL, "commit, branch or tag", NULL},
    NONE,
};

static const struct pl_option ancestor_options[] = {
    {"ancestor", PL_T_TEXT, true, NULL, "commit, branch or tag", NULL},
    {"descendant", PL_T_TEXT, true, NULL, "commit, branch or tag", NULL},
    NONE,
};

static const struct pl_option resolve_options[] = {
    {"at", PL_T_TEXT, true, NULL, "commit, branch or tag", NULL},
    NONE,
};

static const struct pl_option tags_options[] = {
    {"pattern", PL_T_TEXT, false, NULL, "only names that fit, as \"v1.*\"", NULL},
    NONE,
};

static const struct pl_option branches_options[] = {
    {"remote", PL_T_FLAG, false, "false", "the remotes' branches, as last fetched",
        NULL},
    NONE,
};

static const struct pl_option file_options[] = {
    AT,
    {"path", PL_T_TEXT, true, NULL, "from the top of the repository", NULL},
    NONE,
};

static const struct pl_option files_options[] = {
    AT,
    {"dir", PL_T_TEXT, false, "\"\"", "from the top of the repository", NULL},
    NONE,
};

static const struct pl_option commit_options[] = {
    {"files", PL_T_LIST, true, NULL, "paths from the top of the repository", NULL},
    {"message", PL_T_TEXT, true, NULL, "the commit's message", NULL},
    AUTHOR,
    NONE,
};

static const struct pl_option tag_options[] = {
    {"name", PL_T_TEXT, true, NULL, "the tag's name", NULL},
    AT,
    {"message", PL_T_TEXT, false, NULL, "makes it an annotated tag", NULL},
    {"force", PL_T_FLAG, false, "false", "moves a tag that points elsewhere", NULL},
    AUTHOR,
    NONE,
};

static const struct pl_option branch_options[] = {
    {"name", PL_T_TEXT, true, NULL, "the branch's name", NULL},
    AT,
    NONE,
};

static const struct pl_option fetch_options[] = {
    REMOTE,
    {"branch", PL_T_TEXT, false, NULL, "only this one; else all that is configured",
        NULL},
    {"tags", PL_T_FLAG, false, "false", "all tags, not only those on the way", NULL},
    {"prune", PL_T_FLAG, false, "false", "forgets branches that are gone", NULL},
    ACCESS,
    NONE,
};

static const struct pl_option ls_options[] = {
    REMOTE,
    {"pattern", PL_T_TEXT, false, NULL, "only refs whose end fits, as \"main\"", NULL},
    ACCESS,
    NONE,
};

static const struct pl_option push_options[] = {
    REMOTE,
    {"branch", PL_T_TEXT, false, NULL, "branch of the remote", NULL},
    {"ref", PL_T_TEXT, false, NULL, "or a full name, as \"refs/tags/v1.0.0\"", NULL},
    {"commit", PL_T_TEXT, true, NULL, "the exact commit, 40 hex digits", NULL},
    {"expect", PL_T_TEXT, false, NULL,
        "the commit that the remote must have now; \"\": none; without it only "
        "fast-forward is checked",
        NULL},
    {"force", PL_T_FLAG, false, "false", "also if the remote loses commits", NULL},
    ACCESS,
    NONE,
};

static const char commit_shape[] =
    "{sha, short, subject, message, author={name, email}, time (RFC 3339), parents}";

const struct pl_row pl_git_rows[] = {
    {"git.status", PL_READ, "The branch, and what differs from its last commit",
        no_options,
        "{branch, head, clean, changes=list of {path, state}}; state: added, modified, "
        "deleted, retyped, untracked, conflicted, unreadable",
        pl_git_status, NULL, NULL, NULL},
    {"git.head", PL_READ, "The commit that is checked out", no_options,
        "{sha, branch (null if detached), message, author={name, email}, time}",
        pl_git_head, NULL, NULL, NULL},
    {"git.show", PL_READ, "One commit", at_options, commit_shape, pl_git_show, NULL,
        NULL, NULL},
    {"git.log", PL_READ, "Commits in `from` that are not in `to`", log_options,
        "list of commits as git.show gives them, newest first", pl_git_log, NULL, NULL,
        NULL},
    {"git.changed", PL_READ, "Files that differ between two commits", changed_options,
        "list of paths; both sides of a rename", pl_git_changed, NULL, NULL, NULL},
    {"git.merge_base", PL_READ, "The newest commit that both have", base_options,
        "sha, or null", pl_git_merge_base, NULL, NULL, NULL},
    {"git.is_ancestor", PL_READ, "Whether one commit contains the other",
        ancestor_options, "flag; a commit contains itself", pl_git_is_ancestor, NULL,
        NULL, NULL},
    {"git.resolve", PL_READ, "The commit that a name or a short id means",
        resolve_options, "sha", pl_git_resolve_row, NULL, NULL, NULL},
    {"git.tags", PL_READ, "The tags of this clone, by name", tags_options,
        "list of {name, sha (of the commit), annotated, message (or null)}",
        pl_git_tags, NULL, NULL, NULL},
    {"git.branches", PL_READ, "The branches of this clone, by name", branches_options,
        "list of {name, sha, upstream (or null)}", pl_git_branches, NULL, NULL, NULL},
    {"git.file", PL_READ, "A file as a commit has it", file_options,
        "text, or null if it is not there", pl_git_file, NULL, NULL, NULL},
    {"git.files", PL_READ, "Names in a folder as a commit has it", files_options,
        "list of names, those of folders with \"/\" behind; none if it is not there",
        pl_git_files, NULL, NULL, NULL},
    {"git.commit", PL_WRITE,
        "Commits exactly the named files of the working tree; runs no hooks, does not sign",
        commit_options, "{sha}", pl_git_commit, pl_git_commit_target,
        pl_git_commit_predict, pl_git_commit_probe},
    {"git.tag", PL_WRITE, "Makes a tag in this clone", tag_options,
        "{name, sha, created (false: it was there)}", pl_git_tag, pl_git_tag_target,
        pl_git_tag_predict, pl_git_tag_probe},
    {"git.branch", PL_WRITE, "Makes a branch in this clone, does not check it out",
        branch_options, "{name, sha, created (false: it was there)}", pl_git_branch,
        pl_git_branch_target, pl_git_branch_predict, pl_git_branch_probe},
    {"git.fetch", PL_READ,
        "Brings commits from a remote; also in a dry-run, for it changes only "
        "refs/remotes (and tags) of this clone",
        fetch_options, "{updated=list of {ref, before (or null), after (or null)}}",
        pl_git_fetch, NULL, NULL, NULL},
    {"git.ls_remote", PL_READ, "The refs that a remote has now", ls_options,
        "map of full ref name to sha; an annotated tag's commit under \"NAME^{}\"",
        pl_git_ls_remote, NULL, NULL, NULL},
    {"git.push", PL_WRITE, "Sets one ref of a remote to one exact commit", push_options,
        "{ref, before (or null), after, changed}", pl_git_push, pl_git_push_target,
        pl_git_push_predict, pl_git_push_probe},
    {NULL, PL_PURE, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
