/*
 * What a scalar of YAML 1.2's core schema means, for the reader and the writer.
 */
#ifndef PL_HOST_YAML_SCALAR_H
#define PL_HOST_YAML_SCALAR_H

#include "../base/base.h"

/*
 * Turns v, a text as it was written, into what its tag (NULL: none) or, for a
 * plain scalar without a tag, the core schema makes of it. A number that 64 bits or
 * a double cannot hold stays text: no digit is lost. NULL, or why the tag does
 * not fit; then v is still text.
 */
const char *pl_yaml_resolve(struct pl_value *v, const char *tag, bool plain);
/* Whether a node that begins at s has the tag "!" (behind an anchor or not). */
bool pl_yaml_skips_schema(const char *s, const char *end);
/* Whether plain text would be read as something else, by the core schema or by
 * YAML 1.1 ("on", "12:30", "1_000"), which other readers of our files may use. */
bool pl_yaml_is_ambiguous(const char *s, size_t n);

#endif
