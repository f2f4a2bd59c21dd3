#include "host.h"
#include "lazy.h"

#include <curl/curl.h>
#include <git2.h>
#include <microhttpd.h>
#include <uv.h>
#include <yaml.h>

#define CURL_API(X) X(version_info)
#define GIT_API(X) X(libgit2_version)
#define MHD_API(X) X(get_version)

static struct pl_value *curl_version_of(struct pl_arena *a)
{
	struct {
		PL_LAZY_FIELDS(curl_, CURL_API)
	} curl = {0};
	static const char *const names[] = {PL_LAZY_NAMES(curl_, CURL_API)};

	if (!pl_lazy_open(PL_LIBCURL, &curl, names, PL_COUNT(names), NULL))
		return pl_null(a);
	return pl_text(a, curl.version_info(CURLVERSION_NOW)->version);
}

static struct pl_value *git_version_of(struct pl_arena *a)
{
	struct {
		PL_LAZY_FIELDS(git_, GIT_API)
	} git = {0};
	static const char *const names[] = {PL_LAZY_NAMES(git_, GIT_API)};
	int major = 0, minor = 0, patch = 0;

	if (!pl_lazy_open(PL_LIBGIT2, &git, names, PL_COUNT(names), NULL))
		return pl_null(a);
	git.libgit2_version(&major, &minor, &patch);
	return pl_textf(a, "%d.%d.%d", major, minor, patch);
}

static struct pl_value *microhttpd_version_of(struct pl_arena *a)
{
	struct {
		PL_LAZY_FIELDS(MHD_, MHD_API)
	} mhd = {0};
	static const char *const names[] = {PL_LAZY_NAMES(MHD_, MHD_API)};

	if (!pl_lazy_open(PL_LIBMICROHTTPD, &mhd, names, PL_COUNT(names), NULL))
		return pl_null(a);
	return pl_text(a, mhd.get_version());
}

/* What runs, not what was compiled against. */
struct pl_value *pl_host_versions(struct pl_arena *a)
{
	struct pl_value *v = pl_map(a);

	pl_map_set(a, v, "libuv", pl_text(a, uv_version_string()));
	pl_map_set(a, v, "libyaml", pl_text(a, yaml_get_version_string()));
	pl_map_set(a, v, "libcurl", curl_version_of(a));
	pl_map_set(a, v, "libgit2", git_version_of(a));
	pl_map_set(a, v, "libmicrohttpd", microhttpd_version_of(a));
	return v;
}
