/*
 * lazy: shared libraries that are opened when the first call needs them. A
 * file lists the functions that it uses once, by their names without prefix:
 *
 *   #define CURL_API(X) X(easy_init) X(easy_setopt) X(easy_cleanup)
 *   static struct {
 *           PL_LAZY_FIELDS(curl_, CURL_API)
 *   } curl;
 *   static const char *const curl_names[] = {PL_LAZY_NAMES(curl_, CURL_API)};
 *
 *   if (!pl_lazy_open(PL_LIBCURL, &curl, curl_names, PL_COUNT(curl_names), err))
 *           return false;
 *   curl.easy_init();
 *
 * Prefixes: curl_, git_, MHD_ and PQ; none for libcrypto, which has many. The
 * headers of the libraries give the types, so a wrong argument is found by the
 * compiler as if the library were linked.
 */
#ifndef PL_LAZY_H
#define PL_LAZY_H

#include "../base/base.h"

enum pl_library { PL_LIBCURL, PL_LIBGIT2, PL_LIBMICROHTTPD, PL_LIBCRYPTO, PL_LIBPQ };

#define PL_LAZY_FIELD_curl_(name) __typeof__(curl_##name) *name;
#define PL_LAZY_FIELD_git_(name) __typeof__(git_##name) *name;
#define PL_LAZY_FIELD_MHD_(name) __typeof__(MHD_##name) *name;
#define PL_LAZY_FIELD_(name) __typeof__(name) *name;
#define PL_LAZY_FIELD_PQ(name) __typeof__(PQ##name) *name;
#define PL_LAZY_FIELDS(prefix, API) API(PL_LAZY_FIELD_##prefix)

#define PL_LAZY_NAME_curl_(name) "curl_" #name,
#define PL_LAZY_NAME_git_(name) "git_" #name,
#define PL_LAZY_NAME_MHD_(name) "MHD_" #name,
#define PL_LAZY_NAME_(name) #name,
#define PL_LAZY_NAME_PQ(name) "PQ" #name,
#define PL_LAZY_NAMES(prefix, API) API(PL_LAZY_NAME_##prefix)

/*
 * Fills `table`, an array of `count` function pointers in the order of `names`,
 * from the first file of the library that can be opened and has them all. Once
 * filled, it returns at once. From any thread; whoever uses the table calls this
 * first. The library stays open until the process ends. On failure the table
 * is as it was, and a later call tries again.
 * Code: host.library (names the files tried and the package to install).
 */
bool pl_lazy_open(enum pl_library library, void *table, const char *const *names,
    size_t count, struct pl_err *err);

#endif
