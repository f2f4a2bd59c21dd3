#include "lazy.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct library {
	const char *name;
	const char *package; /* Debian's */
	const char *files[12];
};

#ifdef __APPLE__
#define INSTALL "brew install"
#define HOMES(file) "/opt/homebrew/lib/" file, "/usr/local/lib/" file
static const struct library libraries[] = {
    [PL_LIBCURL] = {"libcurl", "curl",
        {"/opt/homebrew/opt/curl/lib/libcurl.4.dylib",
            "/usr/local/opt/curl/lib/libcurl.4.dylib", "libcurl.4.dylib",
            "/usr/lib/libcurl.4.dylib", "libcurl.dylib"}},
    [PL_LIBGIT2] = {"libgit2", "libgit2", {HOMES("libgit2.dylib"), "libgit2.dylib"}},
    [PL_LIBMICROHTTPD] = {"libmicrohttpd", "libmicrohttpd",
        {HOMES("libmicrohttpd.12.dylib"), HOMES("libmicrohttpd.dylib"),
            "libmicrohttpd.12.dylib", "libmicrohttpd.dylib"}},
    [PL_LIBPQ] = {"libpq", "libpq",
        {"/opt/homebrew/opt/libpq/lib/libpq.5.dylib",
            "/usr/local/opt/libpq/lib/libpq.5.dylib", HOMES("libpq.5.dylib"),
            "libpq.5.dylib", "libpq.dylib"}},
    [PL_LIBCRYPTO] = {"libcrypto", "openssl@3",
        {"/opt/homebrew/opt/openssl@3/lib/libcrypto.3.dylib",
            "/usr/local/opt/openssl@3/lib/libcrypto.3.dylib", "libcrypto.3.dylib"}},
};
#else
#define INSTALL "apt install"
static const struct library libraries[] = {
    [PL_LIBCURL] = {"libcurl", "libcurl4", {"libcurl.so.4", "libcurl.so"}},
    [PL_LIBGIT2] = {"libgit2", "libgit2-1.5",
        {"libgit2.so.1.5", "libgit2.so.1.6", "libgit2.so.1.7", "libgit2.so.1.8",
            "libgit2.so.1.9", "libgit2.so"}},
    [PL_LIBMICROHTTPD] = {"libmicrohttpd", "libmicrohttpd12",
        {"libmicrohttpd.so.12", "libmicrohttpd.so"}},
    [PL_LIBPQ] = {"libpq", "libpq5", {"libpq.so.5", "libpq.so"}},
    [PL_LIBCRYPTO] = {"libcrypto", "libssl3", {"libcrypto.so.3", "libcrypto.so"}},
};
#endif

/* Guards the filling of all tables: opening happens once or twice in a process. */
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

/* Fills found[] with the addresses of all names; NULL, or the first that is not
 * there. */
static const char *look_up(
    void *handle, void **found, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		found[i] = dlsym(handle, names[i]);
		if (!found[i])
			return names[i];
	}
	return NULL;
}

static bool open_any(const struct library *lib, void **found, const char *const *names,
    size_t count, struct pl_err *err)
{
	struct pl_buf tried = {0};
	bool ok = false;

	for (size_t i = 0; i < PL_COUNT(lib->files) && lib->files[i] && !ok; i++) {
		void *handle = dlopen(lib->files[i], RTLD_LAZY | RTLD_LOCAL);
		const char *missing;

		pl_buf_printf(&tried, "%s%s", i ? ", " : "", lib->files[i]);
		if (!handle)
			continue;
		missing = look_up(handle, found, names, count);
		if (missing) {
			pl_buf_printf(&tried, " (has no %s)", missing);
			dlclose(handle);
			continue;
		}
		ok = true;
	}
	if (!ok)
		pl_fail(err, "host.library",
		    "%s cannot be opened: tried %s; install it with `" INSTALL " %s`",
		    lib->name, tried.at, lib->package);
	pl_buf_fini(&tried);
	return ok;
}

bool pl_lazy_open(enum pl_library library, void *table, const char *const *names,
    size_t count, struct pl_err *err)
{
	size_t bytes = count * sizeof(void *);
	void *first = NULL;
	void **found;
	bool ok = true;

	if (!count)
		return true;
	pthread_mutex_lock(&opening);
	memcpy(&first, table, sizeof first);
	if (!first) {
		/* POSIX: a function's address fits void *; copying the bytes
		 * spares a cast that ISO C does not know. */
		found = pl_alloc(bytes);
		ok = open_any(&libraries[library], found, names, count, err);
		if (ok)
			memcpy(table, found, bytes);
		free(found);
	}
	pthread_mutex_unlock(&opening);
	return ok;
}
