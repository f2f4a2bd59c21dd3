/*
 * process: what process.c (the life of a child) takes over from command.c (the
 * arguments of proc.run). Only this room includes it.
 */
#ifndef PL_PROCESS_H
#define PL_PROCESS_H

#include "host.h"

/* A command ready to be started. The lists end with NULL. */
struct pl_command {
	char **argv;
	char **env;
	char *cwd;
	char *input; /* NULL: /dev/null */
	size_t input_n;
	int64_t timeout; /* ms */
	size_t max_bytes; /* of each stream */
};

extern const struct pl_option pl_command_options[];

/* From the call's arguments. Codes: proc.args, proc.env, proc.cwd, fs.outside.
 * Zero *c before; fini it in any case. */
bool pl_command_read(struct pl_command *c, struct pl_call *call);
void pl_command_fini(struct pl_command *c); /* wipes: it may hold secrets */
/* The command line for people, masked. Into the arena. */
const char *pl_command_text(struct pl_call *call);
/* Whether the arguments accept this exit code. */
bool pl_command_expects(const struct pl_call *call, int64_t code);

/* Asks the router whether something else runs in its place: *instead, or NULL.
 * The command is then that. Codes: the router's, proc.args. */
bool pl_command_route(
    struct pl_command *c, struct pl_call *call, struct pl_value **instead);
/* Tells the router how that ended; result NULL: it was stopped. */
void pl_command_routed(const struct pl_call *call, const struct pl_value *instead,
    const struct pl_value *result);

/* Whatever we or our parents left open stays here when a program is started:
 * libraries forget O_CLOEXEC. */
void pl_close_on_exec(void);
const char *pl_signal_name(int number); /* "SIGTERM" */

#endif
