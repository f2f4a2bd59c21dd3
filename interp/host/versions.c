#include "host.h"
#include "lazy.h"

#include <curl/curl.h>
#include <git2.h>
#include <libpq-fe.h>
#include <microhttpd.h>
#include <uv.h>
#include <yaml.h>

#define CURL_API(X) X(version_info)
#define GIT_API(X) X(libgit2_version)
#define MHD_API(X) X(get_version)
#define PQ_API(X) X(libVersion)

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

static struct pl_value *pq_version_of(struct pl_arena *a)
{
	struct {
		PL_LAZY_FIELDS(PQ, PQ_API)
	} pq = {0};
	static const char *const names[] = {PL_LAZY_NAMES(PQ, PQ_API)};
	int version;

	if (!pl_lazy_open(PL_LIBPQ, &pq, names, PL_COUNT(names), NULL))
		return pl_null(a);
	version = pq.libVersion(); /* 150018: 15.18 */
	return pl_textf(a, "%d.%d", version / 10000, version % 10000);
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
	pl_map_set(a, v, "libpq", pq_version_of(a));
	return v;
}
