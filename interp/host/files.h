/*
 * files: what files.c (reading) and files_write.c share. A path is looked up,
 * then read through the overlay of a dry-run. Only this room includes it.
 */
#ifndef PL_FILES_H
#define PL_FILES_H

#include "place.h"

enum { PL_FILE_LARGEST = 16 << 20 }; /* bytes */

/* The argument `path`. Fini *p in any case. Codes: pl_place_find's. */
bool pl_files_place(struct pl_place *p, struct pl_call *call, bool follow);
/* Its key in the overlay: there {text} of a file, or false where it is gone. */
const char *pl_files_resource(struct pl_call *call, const struct pl_place *p);
/* Its text as a dry-run sees it. NULL: call->err is filled: fs.missing,
 * fs.kind, fs.large, fs.read. */
struct pl_value *pl_files_content(struct pl_call *call, const struct pl_place *p);
bool pl_files_exists(struct pl_call *call, const struct pl_place *p, bool *directory);
/* Ends the call; without a result, call->err is filled. */
void pl_files_answer(struct pl_call *call, struct pl_place *p, struct pl_value *result);
bool pl_files_fail_missing(struct pl_call *call, const struct pl_place *p);
bool pl_files_fail_errno(
    struct pl_call *call, const char *code, const struct pl_place *p);

/* files_write.c */
void pl_fs_write(struct pl_call *call);
void pl_fs_predict_write(struct pl_call *call);
void pl_fs_probe_write(struct pl_call *call);
void pl_fs_remove(struct pl_call *call);
void pl_fs_predict_remove(struct pl_call *call);
void pl_fs_probe_remove(struct pl_call *call);

#endif
