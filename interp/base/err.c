/* Errors: filled once, passed up, given a context on the way. Effect classes. */
#include "inner.h"

#include <stdio.h>
#include <string.h>

/* Cuts an unfinished UTF-8 sequence off the end. Only ever called on text that
 * snprintf had to shorten: whole text ends as it was written. */
static void mend_end(char *s)
{
	size_t n = strlen(s), back = 0;

	while (back < 4 && back < n && ((unsigned char)s[n - 1 - back] & 0xc0) == 0x80)
		back++;
	if (back == 4 || back == n)
		return; /* never was UTF-8 */
	unsigned char lead = (unsigned char)s[n - 1 - back];
	size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (want > back + 1)
		s[n - 1 - back] = '\0';
}

static void copy_text(char *out, size_t size, const char *s)
{
	if (snprintf(out, size, "%s", s) >= (int)size)
		mend_end(out);
}

bool pl_fail_list(struct pl_err *err, const char *code, const char *fmt, va_list args)
{
	struct pl_err fresh = {0};

	if (!err)
		return false;
	/* In a copy: the arguments may point into *err. */
	if (vsnprintf(fresh.msg, sizeof fresh.msg, fmt, args) >= (int)sizeof fresh.msg)
		mend_end(fresh.msg);
	copy_text(fresh.code, sizeof fresh.code, code);
	*err = fresh;
	return false;
}

bool pl_fail(struct pl_err *err, const char *code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	pl_fail_list(err, code, fmt, args);
	va_end(args);
	return false;
}

bool pl_err_within(struct pl_err *err, const char *fmt, ...)
{
	char msg[sizeof err->msg];
	va_list args;

	if (!err)
		return false;
	va_start(args, fmt);
	int n = vsnprintf(msg, sizeof msg, fmt, args);
	va_end(args);
	size_t len = n < 0 ? 0 : (size_t)n;
	if (len < sizeof msg) {
		n = snprintf(msg + len, sizeof msg - len, ": %s", err->msg);
		len += n < 0 ? 0 : (size_t)n;
	}
	if (len >= sizeof msg)
		mend_end(msg);
	memcpy(err->msg, msg, sizeof msg);
	return false;
}

/* ---- effect classes ---------------------------------------------------- */

static const char *const class_names[] = {
    [PL_PURE] = "pure",
    [PL_READ] = "read",
    [PL_WRITE] = "write",
    [PL_IRREVERSIBLE] = "irreversible",
    [PL_LOCKS_OUT] = "locks-out",
};

const char *pl_class_name(enum pl_class c)
{
	return (size_t)c < PL_COUNT(class_names) ? class_names[c] : "unknown";
}

bool pl_class_parse(const char *name, enum pl_class *out)
{
	for (size_t i = 0; name && i < PL_COUNT(class_names); i++) {
		if (strcmp(name, class_names[i]) == 0) {
			*out = (enum pl_class)i;
			return true;
		}
	}
	return false;
}

void pl_err_place(struct pl_err *err, const char *file, unsigned line)
{
	snprintf(err->file, sizeof err->file, "%s", file);
	err->line = line;
}
