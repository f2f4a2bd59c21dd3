/*
 * server_cgi: one CGI program (RFC 3875) run for one request, so that git's own
 * http-backend can serve the simulated world's repositories.
 */
#ifndef PL_SERVER_CGI_H
#define PL_SERVER_CGI_H

#include "../base/base.h"

/*
 * cgi: {argv={…}, env={NAME=text}}. The variables of RFC 3875 come from the
 * request, `env` is added and wins. The program reads `body` and ends when it
 * likes; it is killed when `stop` becomes readable. *answer: {status, headers,
 * body}, into the arena. From any thread. Codes: cgi.start, cgi.output (it wrote no
 * header, or more than 1 GiB), cancelled.
 */
bool pl_cgi_run(struct pl_value **answer, struct pl_arena *a,
    const struct pl_value *cgi, const struct pl_value *request,
    const struct pl_value *body, int stop, struct pl_err *err);

#endif
