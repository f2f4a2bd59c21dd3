/* The kinds of text in a project file, and what is wrong with one. */
#ifndef PL_ENGINE_PROJECT_WORDS_H
#define PL_ENGINE_PROJECT_WORDS_H

#include "../base/base.h"

enum pl_word {
	PL_W_TEXT,
	PL_W_NAME, /* of an environment, a credential, a provider, a job */
	PL_W_URL, /* http(s), without a name or password in it */
	PL_W_PROXY, /* also socks */
	PL_W_REMOTE, /* of a git repository */
	PL_W_BRANCH, /* as git check-ref-format has it */
	PL_W_ZONE, /* of the tz database */
	PL_W_PATH, /* inside the repository */
	PL_W_FILE, /* anywhere */
	PL_W_ROUTE, /* "/health" */
	PL_W_GITHUB, /* "owner/name" */
	PL_W_MAIL, /* of a git identity */
	PL_W_VARIABLE, /* of the process's environment */
	PL_W_WORKFLOW /* a file of .github/workflows */
};

/* True, or false with what was expected in *why. Nothing of the text itself is
 * in *why where it may be a secret. */
bool pl_word_check(enum pl_word kind, const char *text, struct pl_buf *why);

#endif
