/*
 * What a unit test says: CHECK_CASE("name") opens a case, the CHECKs in it
 * print "FAIL file:line: …" where they do not hold, and the case prints
 * "ok name" where all of them did. main ends with `return check_end();`.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static struct check_state {
	char name[120];
	unsigned checks, failures, failures_before; /* before this case */
} check_now;

static inline void check_close(void)
{
	if (check_now.name[0] && check_now.failures == check_now.failures_before)
		printf("ok %s\n", check_now.name);
	check_now.failures_before = check_now.failures;
	check_now.name[0] = '\0';
}

static inline void check_open(const char *name)
{
	check_close();
	snprintf(check_now.name, sizeof check_now.name, "%s", name);
}

static inline bool check_fail(const char *file, int line)
{
	check_now.failures++;
	printf("FAIL %s:%d: %s%s", file, line, check_now.name,
	    check_now.name[0] ? ": " : "");
	return false;
}

static inline bool check_true(bool held, const char *text, const char *file, int line)
{
	check_now.checks++;
	if (held)
		return true;
	check_fail(file, line);
	printf("%s\n", text);
	fflush(stdout);
	return false;
}

static inline bool check_text(
    const char *got, const char *want, const char *text, const char *file, int line)
{
	check_now.checks++;
	if (got && want ? strcmp(got, want) == 0 : got == want)
		return true;
	check_fail(file, line);
	printf("%s\n  got  %s\n  want %s\n", text, got ? got : "(null)",
	    want ? want : "(null)");
	fflush(stdout);
	return false;
}

static inline bool check_int(
    int64_t got, int64_t want, const char *text, const char *file, int line)
{
	check_now.checks++;
	if (got == want)
		return true;
	check_fail(file, line);
	printf("%s is %lld, not %lld\n", text, (long long)got, (long long)want);
	fflush(stdout);
	return false;
}

/* Each of these is true where the check held, for `if (!CHECK(…)) return;`. */
#define CHECK_CASE(name) check_open(name)
#define CHECK(cond) check_true((cond), #cond, __FILE__, __LINE__)
#define CHECK_TEXT(got, want) check_text((got), (want), #got, __FILE__, __LINE__)
#define CHECK_INT(got, want) \
	check_int((int64_t)(got), (int64_t)(want), #got, __FILE__, __LINE__)

/* For main: 0 where every check held, and there was one. */
static inline int check_end(void)
{
	check_close();
	if (check_now.checks == 0)
		printf("FAIL nothing was checked\n");
	else if (check_now.failures)
		printf(
		    "%u of %u checks failed\n", check_now.failures, check_now.checks);
	else
		printf("ok all %u checks\n", check_now.checks);
	return check_now.checks == 0 || check_now.failures != 0;
}

#endif
