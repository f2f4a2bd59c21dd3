/* URLs: a base and a reference -> what it means, or an error. */
#include "../../interp/host/http.h"
#include "check.h"

#include <string.h>

static const struct {
	const char *base, *reference, *want; /* NULL: an error */
} references[] = {
    {"http://a/b/c/d?q", "g", "http://a/b/c/g"},
    {"http://a/b/c/d?q", "./g/.", "http://a/b/c/g/"},
    {"http://a/b/c/d?q", "/g", "http://a/g"},
    {"http://a/b/c/d?q", "//G", "http://g/"},
    {"http://a/b/c/d?q", "?y", "http://a/b/c/d?y"},
    {"http://a/b/c/d?q", "g?y#s", "http://a/b/c/g?y"},
    {"http://a/b/c/d?q", "#s", "http://a/b/c/d?q"},
    {"http://a/b/c/d?q", "", "http://a/b/c/d?q"},
    {"http://a/b/c/d?q", "../../../../g", "http://a/g"},
    {"http://a/b/c/d?q", "..", "http://a/b/"},
    {"http://a/b/c/d?q", "g?x=/../y", "http://a/b/c/g?x=/../y"},
    {"http://a/b", " c d ", "http://a/c%20d"},
    {"https://a:8443/b", "c", "https://a:8443/c"},
    {"https://a:443/b", "c", "https://a/c"},
    {"http://[::1]:80/b", "c", "http://[::1]/c"},
    {"http://a", "HTTPS://B?x", "https://b/?x"},
    {"http://a/", "javascript:x", NULL},
    {"http://a/", "http:/x", NULL},
    {"http://a/", "http://x@y/", NULL},
    {"http://a/", "http://[::1/", NULL},
    {"http://a/", "http://b\\c/", NULL},
    {"http://a/", "/x\ny", NULL},
};

static void test_urls(void)
{
	struct pl_arena a = {0};

	for (size_t i = 0; i < PL_COUNT(references); i++) {
		const char *base = references[i].base, *ref = references[i].reference;
		struct pl_url from, to;
		bool ok = pl_url_parse(&from, &a, base, strlen(base), NULL) &&
		    pl_url_resolve(&to, &a, &from, ref, strlen(ref), NULL);

		if (references[i].want)
			CHECK_TEXT(ok ? pl_url_write(&a, &to) : "an error",
			    references[i].want);
		else
			CHECK(!ok);
	}
	pl_arena_fini(&a);
	printf("ok urls\n");
}

int main(void)
{
	test_urls();
	return check_end();
}
