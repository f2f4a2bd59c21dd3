/* How the project file's format is written down as data. */
#ifndef PL_ENGINE_PROJECT_FORMAT_H
#define PL_ENGINE_PROJECT_FORMAT_H

#include "project_words.h"

/* PERIOD is a duration longer than nothing; TABLE has names of the team's own. */
enum type { WORD, FLAG, WHOLE, DURATION, PERIOD, LIST, TABLE, MAP, ANY };

/* What a value must fulfil besides its type. */
enum rule {
	NO_RULE,
	NOT_EMPTY,
	POSITIVE,
	ONE_SOURCE, /* of env, file, command, doppler */
	DEFINED, /* under credentials */
	THIS_FORMAT
};

struct shape {
	enum type type;
	enum rule rule;
	enum pl_word word; /* WORD */
	const struct shape *member; /* LIST, TABLE: of each */
	const struct field *fields; /* MAP: ended by a NULL name */
	const char *instead; /* said when it is of another kind */
	bool hidden; /* may be a secret by mistake: never quoted */
};

struct field {
	const char *name;
	const struct shape *shape;
	const char *fallback; /* as JSON; NULL: absent */
	bool required;
};

extern const struct shape pl_project_shape;

#endif
