/*
 * place: a path of a script, followed from the project's root one component at
 * a time, by descriptors: whatever somebody renames or links meanwhile, nothing
 * outside the root is ever opened.
 */
#ifndef PL_PLACE_H
#define PL_PLACE_H

#include "host.h"

struct pl_place {
	int directory; /* that holds it; -1 if that is not there */
	const char *name; /* in the directory; "" is the root itself */
	const char *path; /* from the root, links resolved; "." is the root */
	/* The last directory that is there, and what is to be made in it. */
	int base;
	const char *missing; /* "a/b", "" if all are there */
};

/*
 * Zeroed memory is no place: fini whatever find returned. follow: the last
 * component, if it is a link, is followed as well. Text goes into the arena.
 * A place whose directory is missing is found, too (directory is then -1).
 * Codes: fs.path, fs.outside, fs.missing (".." in what is not there), fs.read.
 */
bool pl_place_find(
    struct pl_place *p, struct pl_call *call, const char *path, bool follow);
/* Makes the missing directories. Code: fs.write. */
bool pl_place_make(struct pl_place *p, struct pl_err *err);
void pl_place_fini(struct pl_place *p);

#endif
