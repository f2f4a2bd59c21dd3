/* The way to a remote: credentials, certificates, what is told on the way, and the
 * words for what went wrong. */
#include "git_inner.h"

#include <string.h>

bool pl_git_net_is_ssh(const struct pl_git_net *net)
{
	if (strstr(net->url, "://"))
		return !strncmp(net->url, "ssh", 3) || !strncmp(net->url, "git+ssh", 7);
	return strchr(net->url, ':') && !pl_git_local_path(net->call->arena, net->url);
}

/* ---- credentials and certificates ---------------------------------------------- */

enum { PASSWORD = 1, KEY_FILE = 2, AGENT = 4 };

static int refuse(struct pl_git_net *net)
{
	const char *url = pl_git_show_url(net->call->arena, net->url);

	if (net->offered)
		pl_fail(&net->why, "git.auth", "\"%s\" refuses the %s", url,
		    net->offered & PASSWORD       ? "user and password or token given"
		        : net->offered & KEY_FILE ? "ssh key given"
		                                  : "keys of the ssh agent");
	else
		pl_fail(&net->why, "git.auth",
		    "\"%s\" asks for a credential and none was given: see the options "
		    "token, password and key_file",
		    url);
	pl_git.error_set_str(GIT_ERROR_NET, net->why.msg);
	return GIT_EAUTH;
}

/* Offers each credential once: libgit2 asks until it is told to stop. */
static int credential(git_credential **out, const char *url, const char *from_url,
    unsigned allowed, void *arg)
{
	struct pl_git_net *net = arg;
	const char *user = from_url ? from_url : net->user;

	(void)url;
	if (allowed & GIT_CREDENTIAL_USERNAME)
		return pl_git.credential_username_new(out, user ? user : "git");
	if (allowed & GIT_CREDENTIAL_SSH_KEY && net->key_file &&
	    !(net->offered & KEY_FILE)) {
		net->offered |= KEY_FILE;
		return pl_git.credential_ssh_key_new(
		    out, user ? user : "git", NULL, net->key_file, net->passphrase);
	}
	if (allowed & GIT_CREDENTIAL_SSH_KEY && !net->key_file &&
	    !(net->offered & AGENT)) {
		net->offered |= AGENT;
		return pl_git.credential_ssh_key_from_agent(out, user ? user : "git");
	}
	if (allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT && net->password &&
	    !(net->offered & PASSWORD)) {
		net->offered |= PASSWORD;
		return pl_git.credential_userpass_plaintext_new(out,
		    net->user  ? net->user
		        : user ? user
		               : "",
		    net->password);
	}
	return refuse(net);
}

/* libgit2 has checked against the system's certificates or ~/.ssh/known_hosts
 * (before 1.5.1 it never finds ssh hosts valid): its word is final. */
static int certificate(git_cert *cert, int valid, const char *host, void *arg)
{
	struct pl_git_net *net = arg;
	const git_cert_hostkey *key;
	struct pl_buf print = {0};

	if (valid)
		return 0;
	if (cert && cert->cert_type == GIT_CERT_HOSTKEY_LIBSSH2) {
		key = (const git_cert_hostkey *)(const void *)cert;
		if (key->type & GIT_CERT_SSH_SHA256)
			pl_base64(&print, key->hash_sha256, sizeof key->hash_sha256);
		while (print.len && print.at[print.len - 1] == '=')
			print.at[--print.len] = '\0';
		pl_fail(&net->why, "git.certificate",
		    "the ssh host key of %s (SHA256:%s) is not the one in "
		    "~/.ssh/known_hosts, or is not there",
		    host, print.at ? print.at : "?");
	} else {
		pl_fail(&net->why, "git.certificate",
		    "the certificate of %s is not trusted: no known authority signed it "
		    "for that name and time (http.ca_file in pipe.yaml adds one)",
		    host);
	}
	pl_buf_fini(&print);
	pl_git.error_set_str(GIT_ERROR_SSL, net->why.msg);
	return GIT_ECERTIFICATE;
}

/* ---- what is told on the way ---------------------------------------------------- */

enum { SAID_MAX = 4096 };

static int sideband(const char *text, int n, void *arg)
{
	struct pl_git_net *net = arg;

	pl_git_net_heard(net);
	if (n > 0 && net->said.len + (size_t)n <= SAID_MAX)
		pl_buf_add(&net->said, text, (size_t)n);
	return net->cancelled ? -1 : 0;
}

static int received(const git_indexer_progress *progress, void *arg)
{
	struct pl_git_net *net = arg;

	(void)progress;
	pl_git_net_heard(net);
	return net->cancelled ? -1 : 0;
}

static int uploaded(unsigned done, unsigned all, size_t bytes, void *arg)
{
	(void)done;
	(void)all;
	(void)bytes;
	pl_git_net_heard(arg);
	return 0;
}

static int tip(const char *ref, const git_oid *from, const git_oid *to, void *arg)
{
	struct pl_git_net *net = arg;
	struct pl_arena *a = net->call->arena;
	struct pl_value *v;

	if (!net->updated)
		return 0;
	v = pl_map(a);
	pl_map_set(a, v, "ref", pl_text(a, ref));
	pl_map_set(a, v, "before",
	    pl_git.oid_is_zero(from) ? pl_null(a) : pl_git_sha(a, from));
	pl_map_set(
	    a, v, "after", pl_git.oid_is_zero(to) ? pl_null(a) : pl_git_sha(a, to));
	pl_list_add(a, net->updated, v);
	return 0;
}

/* What the remote has at this moment, by the conversation that pushes. From here
 * on the request may leave; the server compares the old value once more. */
static int negotiated(const git_push_update **updates, size_t n, void *arg)
{
	struct pl_git_net *net = arg;
	char found[PL_SHA + 1] = "";

	for (size_t i = 0; i < n; i++) {
		if (!pl_git.oid_is_zero(&updates[i]->src))
			pl_git_hex(found, &updates[i]->src);
		if (strcmp(found, net->expected)) {
			pl_fail(&net->why, "git.moved",
			    "%s of %s has moved: expected %s, found %s",
			    updates[i]->dst_refname, net->name,
			    *net->expected ? net->expected : "nothing",
			    *found ? found : "nothing");
			net->why.refused = true;
			return GIT_EUSER;
		}
	}
	if (net->cancelled)
		return GIT_EUSER;
	net->asked = true;
	return 0;
}

static int verdict(const char *ref, const char *status, void *arg)
{
	struct pl_git_net *net = arg;

	(void)ref;
	net->reported = true;
	if (status)
		net->verdict = pl_arena_text(net->call->arena, status, strlen(status));
	return 0;
}

void pl_git_net_callbacks(git_remote_callbacks *cb, struct pl_git_net *net)
{
	*cb = (git_remote_callbacks){.version = GIT_REMOTE_CALLBACKS_VERSION};
	cb->sideband_progress = sideband;
	cb->credentials = credential;
	cb->certificate_check = certificate;
	cb->transfer_progress = received;
	cb->push_transfer_progress = uploaded;
	cb->update_tips = tip;
	cb->push_negotiation = negotiated;
	cb->push_update_reference = verdict;
	if (net->spawn)
		cb->transport = pl_git_spawn;
	cb->payload = net;
}

void pl_git_net_proxy(git_proxy_options *o, const struct pl_git_net *net)
{
	*o = (git_proxy_options){.version = GIT_PROXY_OPTIONS_VERSION};
	o->type = net->proxy ? GIT_PROXY_SPECIFIED : GIT_PROXY_AUTO;
	o->url = net->proxy;
}

/* ---- what went wrong ------------------------------------------------------------- */

/* libgit2 has few codes for the network: its texts must do. */
static const struct {
	const char *part, *code;
	bool retryable;
} reasons[] = {
    {"status code: 401", "git.auth", false},
    {"status code: 403", "git.auth", false},
    {"status code: 404", "git.remote", false},
    {"status code: 410", "git.remote", false},
    {"status code: 429", "git.unreachable", true},
    {"status code: 5", "git.unreachable", true},
    {"authentication", "git.auth", false},
    {"not owned by", "git.owner", false},
    {"ot found", "git.remote", false},
    {"not exported", "git.remote", false},
    {"does not exist", "git.remote", false},
    {"does not appear", "git.remote", false},
    {"ould not find repo", "git.remote", false},
    {"failed to resolve path", "git.remote", false},
    {"no such repo", "git.remote", false},
    {"access denied", "git.remote", false},
    {"unsupported URL", "git.remote", false},
    {"unknown scheme", "git.remote", false},
    {"alformed URL", "git.remote", false},
    {"content-type", "git.remote", false},
    {"redirect", "git.remote", false},
    {"EOF", "git.unreachable", true},
    {"failed to connect", "git.unreachable", true},
    {"resolve address", "git.unreachable", true},
    {"timed out", "git.unreachable", true},
    {"onnection", "git.unreachable", true},
    {"socket", "git.unreachable", true},
    {"SSH session", "git.unreachable", true},
};

bool pl_git_net_fail(struct pl_call *call, git_repository *repo, int rc)
{
	struct pl_git_net *net = pl_git_job(call)->net;
	const char *text = pl_git_message(call->arena);
	const char *url = pl_git_show_url(call->arena, net->url);

	if (net->cancelled)
		return pl_fail(&call->err, "cancelled", "stopped before it was done");
	if (net->silent) {
		pl_fail(&call->err, "git.unreachable",
		    "\"%s\" does not answer: nothing came within %.1f s", url,
		    (double)net->silence_ms / 1000);
		call->err.retryable = true;
		return false;
	}
	if (*net->why.code) {
		call->err = net->why;
		return false;
	}
	if (rc == GIT_EAUTH)
		return pl_fail(&call->err, "git.auth", "\"%s\": %s", url, text);
	if (rc == GIT_ECERTIFICATE)
		return pl_fail(&call->err, "git.certificate", "\"%s\": %s", url, text);
	for (size_t i = 0; i < PL_COUNT(reasons); i++) {
		if (!strstr(text, reasons[i].part))
			continue;
		if (rc == GIT_ENOTFOUND && pl_git.repository_is_shallow(repo) == 1)
			break;
		pl_fail(&call->err, reasons[i].code, "\"%s\": %s", url, text);
		call->err.retryable = reasons[i].retryable;
		return false;
	}
	return pl_git_fail(call, repo, rc, "\"%s\"", url);
}
