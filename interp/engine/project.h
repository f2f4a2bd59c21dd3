/*
 * project: the project file, pipe.yaml, as a checked value. Everything that a
 * team names once stands there: branches, addresses, ids of providers, where
 * each credential is found, how patient a pipeline is. Reading YAML is the
 * host's work; this takes what was read, so that each mistake has its place.
 */
#ifndef PL_ENGINE_PROJECT_H
#define PL_ENGINE_PROJECT_H

#include "../base/base.h"

struct pl_project;

/*
 * Checks a document that pl_yaml_parse gave; it is copied. NULL or null: there is
 * no project file, all defaults. `file` is the name for messages.
 *
 * NULL where anything is wrong: each problem (100 at most) goes to `problem` (may
 * be NULL) in the order of the file, with file, line and column, the first one
 * also to err. Values of credentials are never quoted.
 * Codes: project.unknown (a key), project.missing, project.type, project.value,
 * project.reference (a credential that is not defined), project.format.
 */
struct pl_project *pl_project_new(const struct pl_value *document, const char *file,
    void (*problem)(void *arg, const struct pl_err *err), void *arg,
    struct pl_err *err);
void pl_project_free(struct pl_project *p);

/*
 * The checked document with all defaults filled in; keys in the order of the
 * format, whatever the file's. Durations are whole milliseconds, URLs have no
 * slash at the end, each environment also has its `name`. What the file did not
 * say and has no default is absent. Shape (? may be absent):
 *   pipe, project?, time_zone, state
 *   repository   {remote, main, url?, github?}
 *   environments name -> {name, branch?, url?, health, protected,
 *                railway? {project?, environment?, service?}, supabase? {ref},
 *                doppler? {project, config}, vercel? {project?, team?},
 *                credentials: provider -> credential}
 *   credentials  name -> {env | file | command: [], hint?}
 *   providers    name -> {url?, credential?, project?, team?, file?, settings}
 *   http         {ca_file?, ca_directory?, proxy?, no_proxy?, user_agent?,
 *                timeout?, max_bytes?}, for pl_host_set_http
 *   checks       {gate?}
 *   parts        job -> {paths: [], usual?}
 *   database     {migrations?, workflow?, by_hand?}
 *   policy       {poll, deploy_timeout, check_timeout, health_timeout, soak}
 *   people       [{name, git?, github?, roles: []}]
 *   settings     anything: for the team's own pipelines
 */
const struct pl_value *pl_project_value(const struct pl_project *p);
const char *pl_project_file(const struct pl_project *p);

/* NULL and err (project.environment, with the names that there are) otherwise. */
const struct pl_value *pl_project_environment(
    const struct pl_project *p, const char *name, struct pl_err *err);

/*
 * Where a credential comes from, for pl_secret_read; its line is where it stands.
 * environment (may be NULL): its credentials are looked at first, so that
 * "railway" may be another secret in production. NULL and err (secret.missing)
 * otherwise.
 */
const struct pl_value *pl_project_credential(const struct pl_project *p,
    const char *environment, const char *name, struct pl_err *err);

#endif
