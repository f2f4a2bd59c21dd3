/* Which program this is. The build passes the text of the file VERSION. */
#include "base.h"

#ifndef PL_VERSION_TEXT
#error "compile with -DPL_VERSION_TEXT='\"x.y.z\"', the text of the file VERSION"
#endif

const char PL_VERSION[] = PL_VERSION_TEXT;
